/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world around the tested files: a clock that stands still unless told,
 * messages that are kept and not printed, rings that are read.
 */
#ifndef VMCOOP_HOST_TESTS_WORLD_H
#define VMCOOP_HOST_TESTS_WORLD_H

#include <kunit/test.h>

#include "../arch.h"

/* What vh_arch_stamp() says. */
extern u64 world_stamp;
/* The last vh_events_vcpus(). */
extern bool world_any_vcpus;
/* Calls of vh_count_write(). */
extern unsigned int world_counts;

union world_record {
	struct vmcoop_hdr		hdr;
	struct vmcoop_host_sample	sample;
	struct vmcoop_host_vcpu		vcpu;
	struct vmcoop_host_in		in;
	struct vmcoop_host_out		out;
	struct vmcoop_host_entry	entry;
	struct vmcoop_host_clock	clock;
	struct vmcoop_host_gone		gone;
	struct vmcoop_host_exits	exits;
};

#define WORLD_RECORDS	32

/**
 * struct world_reader - reads a ring
 * @ring: the ring
 * @pos: where it is
 * @buf: fetched bytes
 * @rec: the last records read
 * @nr: of them
 */
struct world_reader {
	const struct vmcoop_ring	*ring;
	u64				pos;
	u64				buf[VMCOOP_REC_MAX / sizeof(u64)];
	union world_record		rec[WORLD_RECORDS];
	unsigned int			nr;
};

/* Read what is new. */
void world_read(struct kunit *test, struct world_reader *r);
/* Expect that it is of these types, 0 ends. */
void world_expect(struct kunit *test, struct world_reader *r, ...);

/* vh_vms_exit(), such that vh_vms_init() may follow. */
void world_vms_exit(void);

/* Stay on one CPU until the test case ends. */
void world_bind(void);

#endif /* VMCOOP_HOST_TESTS_WORLD_H */
