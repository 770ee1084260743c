/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A region as vmcoop_guest.ko sets it up, for whoever plays a guest: unit tests, fuzzers,
 * workloads, a module of the lab's. To be included behind common/ring.h.
 */
#ifndef VMCOOP_TESTS_SETUP_H
#define VMCOOP_TESTS_SETUP_H

/* From ring to ring, bytes. */
#define SETUP_STRIDE(data_size)	(2 * VMCOOP_REGION_PAGE + (data_size))

/* The guest's part of the header, but for the epoch that makes it valid. */
static inline struct vmcoop_region_guest setup_guest(__u32 nr_rings, __u64 data_size)
{
	return (struct vmcoop_region_guest){
		.state = VMCOOP_GUEST_RUNNING,
		.arch = VMCOOP_ARCH_X86_64,
		.nr_rings = nr_rings,
		.page_size = VMCOOP_REGION_PAGE,
		.ring_off = VMCOOP_REGION_PAGE,
		.ring_stride = SETUP_STRIDE(data_size),
		.data_size = data_size,
	};
}

/* Ring @i, empty. */
static inline struct vmcoop_ring setup_ring(void *region, __u32 i, __u64 data_size)
{
	char *at = (char *)region + VMCOOP_REGION_PAGE + i * SETUP_STRIDE(data_size);
	struct vmcoop_ring ring = {
		.cons = (struct vmcoop_ring_cons *)at,
		.prod = (struct vmcoop_ring_prod *)(at + VMCOOP_REGION_PAGE),
		.data = (__u64 *)(at + 2 * VMCOOP_REGION_PAGE),
		.size = data_size,
	};

	vmcoop_ring_init(&ring);
	return ring;
}

#endif /* VMCOOP_TESTS_SETUP_H */
