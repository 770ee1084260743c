// SPDX-License-Identifier: GPL-2.0-only
/* rings.c: a region is set up whatever it held before, and says what it held. */
#include "../rings.c"

#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "world.h"

static void *memory;

static int region_test_init(struct kunit *test)
{
	memory = vzalloc(SZ_1M);
	return memory ? 0 : -ENOMEM;
}

static void region_test_exit(struct kunit *test)
{
	vfree(memory);
}

static void region_layout(struct kunit *test)
{
	struct vmcoop_region_guest *g = &((struct vmcoop_region *)memory)->guest;
	unsigned int cpu;

	memset(memory, 0xff, SZ_1M);
	KUNIT_ASSERT_EQ(test, vmcoop_rings_setup(memory, SZ_1M, "a"), 0);
	KUNIT_EXPECT_EQ(test, g->state, (u32)VMCOOP_GUEST_RUNNING);
	KUNIT_EXPECT_EQ(test, g->arch, vmcoop_arch);
	KUNIT_EXPECT_EQ(test, g->nr_rings, nr_cpu_ids);
	KUNIT_EXPECT_EQ(test, g->page_size, (u32)VMCOOP_REGION_PAGE);
	KUNIT_EXPECT_EQ(test, g->ring_off, (u64)VMCOOP_REGION_PAGE);
	KUNIT_EXPECT_TRUE(test, vmcoop_ring_size_ok(g->data_size));
	KUNIT_EXPECT_EQ(test, g->ring_stride, 2 * VMCOOP_REGION_PAGE + g->data_size);
	KUNIT_EXPECT_LE(test, g->ring_off + g->nr_rings * g->ring_stride, (u64)SZ_1M);
	/* Twice as much would not have fit. */
	KUNIT_EXPECT_GT(test, g->ring_off + g->nr_rings * (g->ring_stride + g->data_size),
			(u64)SZ_1M);
	KUNIT_EXPECT_STREQ(test, g->release, init_utsname()->release);
	for_each_possible_cpu(cpu) {
		struct vmcoop_ring *r = &per_cpu(vmcoop_cpu, cpu).ring;

		KUNIT_EXPECT_PTR_EQ(test, (void *)r->cons,
				    memory + g->ring_off + cpu * g->ring_stride);
		KUNIT_EXPECT_EQ(test, r->prod->head | r->cons->tail | r->cons->attached, 0ULL);
		KUNIT_EXPECT_NULL(test, memchr_inv(r->data, 0, r->size));
	}
	vmcoop_rings_teardown();
	KUNIT_EXPECT_EQ(test, g->state, (u32)VMCOOP_GUEST_STOPPED);
	KUNIT_EXPECT_NULL(test, vmcoop_rings.region);
}

static void region_sizes(struct kunit *test)
{
	u64 least = WORLD_CPUS_SIZE(VMCOOP_RING_MIN);

	KUNIT_EXPECT_EQ(test, vmcoop_rings_setup(memory, VMCOOP_REGION_PAGE, "a"), -ENOSPC);
	KUNIT_EXPECT_EQ(test, vmcoop_rings_setup(memory, least - 8, "a"), -ENOSPC);
	/* Refused means untouched. */
	KUNIT_EXPECT_NULL(test, memchr_inv(memory, 0, SZ_1M));
	KUNIT_ASSERT_EQ(test, vmcoop_rings_setup(memory, least, "a"), 0);
	KUNIT_EXPECT_EQ(test, vmcoop_rings.data_size, (u64)VMCOOP_RING_MIN);
	KUNIT_EXPECT_NULL(test, memchr_inv(memory + least, 0, SZ_1M - least));
	vmcoop_rings_teardown();
	/* No ring is larger than a ring may be, however much room there is. */
	KUNIT_EXPECT_EQ(test, fit_data_size(1ULL << 62), (u64)VMCOOP_RING_MAX);
}

/* Each set-up is told from the last, and none is number 0. */
static void region_epochs(struct kunit *test)
{
	struct vmcoop_region *region = memory;
	static const u64 was[] = { 0, 1, U32_MAX, U64_MAX - 1, U64_MAX };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(was); i++) {
		region->guest.epoch = was[i];
		KUNIT_ASSERT_EQ(test, vmcoop_rings_setup(region, SZ_1M, "a"), 0);
		KUNIT_EXPECT_EQ(test, region->guest.epoch, was[i] + 1 ?: 1);
		vmcoop_rings_teardown();
	}
}

/* What an earlier set-up left unread is counted, as far as it can be believed. */
static void region_unread(struct kunit *test)
{
	struct vmcoop_region *region = memory;
	struct vmcoop_ring *r;
	u64 data_size;

	KUNIT_ASSERT_EQ(test, vmcoop_rings_setup(region, SZ_1M, "a"), 0);
	KUNIT_EXPECT_EQ(test, region->guest.unread, 0ULL);
	data_size = vmcoop_rings.data_size;
	r = &per_cpu(vmcoop_cpu, 0).ring;
	r->cons->attached = 1;
	r->cons->tail = 1000;
	r->prod->head = 1640;
	vmcoop_rings_teardown();
	KUNIT_ASSERT_EQ(test, vmcoop_rings_setup(region, SZ_1M, "a"), 0);
	KUNIT_EXPECT_EQ(test, region->guest.unread, 640ULL);

	r->cons->attached = 1;
	r->cons->tail = 0;
	r->prod->head = data_size + 8;
	vmcoop_rings_teardown();
	KUNIT_ASSERT_EQ(test, vmcoop_rings_setup(region, SZ_1M, "a"), 0);
	KUNIT_EXPECT_EQ(test, region->guest.unread, 0ULL);

	r->cons->attached = 1;
	r->prod->head = 8;
	vmcoop_rings_teardown();
	region->guest.data_size *= 2;
	KUNIT_ASSERT_EQ(test, vmcoop_rings_setup(region, SZ_1M, "a"), 0);
	KUNIT_EXPECT_EQ(test, region->guest.unread, 0ULL);
	vmcoop_rings_teardown();
}

/* The header and the other side's page change under the writer. */
static void region_scribbled(struct kunit *test)
{
	struct vmcoop_region *region = memory;
	struct vmcoop_hdr rec = VMCOOP_HDR(VMCOOP_GUEST_EXIT, 0, rec);
	struct vmcoop_ring *r;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, vmcoop_rings_setup(region, WORLD_CPUS_SIZE(VMCOOP_RING_MIN), "a"), 0);
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	r = &world_cpu()->ring;
	for (i = 0; i < 10000; i += 8) {
		memset(region, i, sizeof(*region));
		memset(r->cons, i, VMCOOP_REGION_PAGE);
		memset(r->prod, i, VMCOOP_REGION_PAGE);
		memset(r->data, i, r->size);
		vmcoop_emit(&rec);
	}
	KUNIT_EXPECT_EQ(test, r->prod->produced, r->own.produced);
	KUNIT_EXPECT_EQ(test, r->own.produced, 10000ULL / 8);
	KUNIT_EXPECT_NULL(test, memchr_inv(memory + WORLD_CPUS_SIZE(VMCOOP_RING_MIN), 0,
					   SZ_1M - WORLD_CPUS_SIZE(VMCOOP_RING_MIN)));
	vmcoop_rings_teardown();
}

static struct kunit_case region_cases[] = {
	KUNIT_CASE(region_layout),
	KUNIT_CASE(region_sizes),
	KUNIT_CASE(region_epochs),
	KUNIT_CASE(region_unread),
	KUNIT_CASE(region_scribbled),
	{ }
};

static struct kunit_suite region_suite = {
	.name = "vmcoop_guest_region",
	.init = region_test_init,
	.exit = region_test_exit,
	.test_cases = region_cases,
};

kunit_test_suite(region_suite);
