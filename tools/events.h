/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events as people write them, in the words that the host module takes.
 *
 * The module knows names (cycles, L1-dcache-load-misses, rNNNN) and numbers;
 * what only sysfs knows, cpu/event=0x2e,umask=0x41/ or cpu/cache-misses/u,
 * becomes numbers here:
 *
 *	pmu/type=4,config=0x412e,name="cpu/event=0x2e,umask=0x41/"/:u
 */
#ifndef VMCOOP_EVENTS_H
#define VMCOOP_EVENTS_H

#include "pmu.h"

/**
 * struct event_options - what holds for events that do not say otherwise
 * @period: events from sample to sample, 0: not given
 * @freq: samples a second, 0: not given
 * @count: they count, without samples
 */
struct event_options {
	u64 period, freq;
	bool count;
};

/* Adds the events of @list to @specs. Return: 0, or the exit status with a message. */
int events_resolve(const char *list, const struct event_options *o, struct names *specs);

/** struct known_event - a name that needs no PMU in front, with its numbers */
struct known_event {
	const char *name;
	u32 type;
	u64 config;
};

/* The @i-th of them, false behind the last. @buf holds the name. */
bool known_event(unsigned int i, struct known_event *e, char buf[48]);

/* True for PMUs whose events tell nothing of guests (tracepoints and the like). */
bool pmu_is_foreign(const struct pmu *pmu);

/* "r1a8": the CPU's own number. */
bool raw_event(const char *name, u64 *config);
/* One of the above. */
bool event_is_known(const char *name);

/* The numbers behind a PMU's event. False: its terms need a value, or make no sense. */
bool event_numbers(const struct pmu *pmu, const char *event, struct pmu_config *c);

#endif /* VMCOOP_EVENTS_H */
