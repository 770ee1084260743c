/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a vCPU's time went: in the guest, handling exits, polling for the end of
 * a halt, preempted, halted, or with the VMM.
 */
#ifndef VMCOOP_EXITS_H
#define VMCOOP_EXITS_H

#include "../common/abi.h"
#include "util.h"

/**
 * struct exits_sum - totals of a vCPU's exits, in the window
 * @guest: counter ticks in guest mode
 * @poll_ns: ns of halt polling
 * @exit: of each class: how often, and counter ticks until the next entry
 */
struct exits_sum {
	u64 guest, poll_ns;
	struct vmcoop_host_exit exit[VMCOOP_EXITS];
};

/**
 * struct exits - a vCPU's accounts
 * @told: HOST_EXITS has come
 * @first: where it stood when the window opened, or at its first record
 * @last: where it stands
 * @handle: whose totals these are: another one begins anew
 * @out: counter ticks without a CPU, by VMCOOP_OUT_*; 0: not known why
 * @is_out: it has none since @out_since, for reason @out_reason
 */
struct exits {
	bool told;
	u32 handle;
	struct exits_sum first, last;
	u64 out[VMCOOP_OUT_EXIT + 1];
	bool is_out;
	u32 out_reason;
	u64 out_since;
};

/* @before: the window is not open yet. */
void exits_record(struct exits *e, const struct vmcoop_host_exits *rec, bool before);
struct exits_sum exits_total(const struct exits *e);
void exits_add(struct exits_sum *sum, const struct exits_sum *more);
u64 exits_handling(const struct exits_sum *s);

#endif /* VMCOOP_EXITS_H */
