/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counting events of a vCPU: differences of its HOST_COUNT records, summed up.
 *
 * A difference is taken within one run slice on one CPU only; what a lost
 * record makes unknowable is left out and told.
 */
#ifndef VMCOOP_COUNTS_H
#define VMCOOP_COUNTS_H

#include "../common/abi.h"
#include "util.h"

#define COUNTS_MAX	64

/**
 * struct counts - what was counted in some time
 * @enabled: ns for which the events were open
 * @nr: events
 * @value: of each: its count, and the ns of @enabled for which it counted
 */
struct counts {
	u64 enabled;
	u32 nr;
	struct vmcoop_host_value value[COUNTS_MAX];
};

/**
 * struct counts_vcpu - a vCPU's counters; all zero at its start
 * @sum: of all differences in the window
 * @slices: run slices that began
 * @gaps: records that followed none of their slice: what lay before is lost
 * @since: stamp of the last record
 * @open: @last is of the present slice
 * @pcpu: of @last
 */
struct counts_vcpu {
	struct counts sum;
	u64 slices, gaps;
	u64 since;
	bool open;
	u32 pcpu;
	struct counts last;
};

/*
 * Takes a record; true if it ends a stretch, whose counts are then in @delta
 * and which began at the stamp @since had before.
 */
bool counts_record(struct counts_vcpu *v, const struct vmcoop_host_count *rec,
		   struct counts *delta);
void counts_add(struct counts *sum, const struct counts *delta);

#endif /* VMCOOP_COUNTS_H */
