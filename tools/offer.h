/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this host's PMUs can do with an event: tried, by opening it.
 */
#ifndef VMCOOP_OFFER_H
#define VMCOOP_OFFER_H

#include "events.h"

/**
 * struct offer - how an event may be used here
 * @sample: it can be sampled
 * @count: it can be counted
 * @guest_only: the PMU itself leaves the host out
 * @absent: this machine does not have it
 * @why: what stands against it, NULL if nothing does
 */
struct offer {
	bool sample, count, guest_only, absent;
	const char *why;
};

/*
 * Opens the event on one CPU, disabled, and closes it. With KVM's mediated
 * vPMU not even that is done: it might keep a VM from starting.
 */
struct offer offer_event(u32 type, const struct pmu_config *c);

/* KVM hands the PMU to guests whole: no event of ours can look into them. */
bool kvm_mediates_pmu(void);

#endif /* VMCOOP_OFFER_H */
