/* SPDX-License-Identifier: GPL-2.0-only */
/* The world around the tested files: a region of ours, and what is asked of others. */
#ifndef VMCOOP_GUEST_TESTS_WORLD_H
#define VMCOOP_GUEST_TESTS_WORLD_H

#include <kunit/test.h>
#include <linux/ptrace.h>

#include "../guest.h"

/* Bytes of a region with that much data for each CPU. */
#define WORLD_CPUS_SIZE(data) \
	(VMCOOP_REGION_PAGE + nr_cpu_ids * (2 * VMCOOP_REGION_PAGE + (data)))

/* How often they were called. */
extern unsigned int world_polls, world_snapshots, world_build_ids;

/**
 * struct world - a region in use, and a reader of this CPU's ring
 * @region: the region
 * @ring: this CPU's ring
 * @pos: where the reader is
 * @buf: what it has read
 */
struct world {
	struct vmcoop_region	*region;
	struct vmcoop_ring	*ring;
	u64			pos;
	u64			buf[VMCOOP_REC_MAX / sizeof(u64)];
};

/* For suites that record: test->priv is a struct world, and the test keeps its CPU. */
int world_init(struct kunit *test);
void world_exit(struct kunit *test);

/* What the module keeps for the CPU that the test runs on. */
static inline struct vmcoop_guest_cpu *world_cpu(void)
{
	return per_cpu_ptr(&vmcoop_cpu, raw_smp_processor_id());
}

/* The next record, valid until the next call; NULL if there is none. */
void *world_next(struct kunit *test);

/* Go to where the next record is split at the end of the ring's data. */
void world_to_split(struct kunit *test);

/* Become a reader who reads nothing, and leave no room. */
void world_fill(struct kunit *test);

/* Registers of what was interrupted in user or kernel mode. */
void world_regs(struct pt_regs *regs, bool user, unsigned long ip);

#endif /* VMCOOP_GUEST_TESTS_WORLD_H */
