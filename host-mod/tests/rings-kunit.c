// SPDX-License-Identifier: GPL-2.0-only
/* rings.c: each CPU and each context has a ring of its own. */
#include "../rings.c"
#include "world.h"

static int rings_test_init(struct kunit *test)
{
	world_bind();
	return vh_rings_init(VMCOOP_RING_MIN);
}

static void rings_test_exit(struct kunit *test)
{
	vh_rings_exit();
}

static void write_one(bool nmi)
{
	struct vmcoop_hdr rec = { .type = VMCOOP_HOST_ENTRY, .size = sizeof(rec) };
	unsigned long flags;

	local_irq_save(flags);
	if (nmi)
		preempt_count_add(NMI_OFFSET);
	vh_ring_write(&rec);
	if (nmi)
		preempt_count_sub(NMI_OFFSET);
	local_irq_restore(flags);
}

static void rings_by_context(struct kunit *test)
{
	unsigned int mine = VH_RINGS_A_CPU * raw_smp_processor_id(), i;

	KUNIT_EXPECT_EQ(test, vh_rings_nr(), VH_RINGS_A_CPU * nr_cpu_ids);
	write_one(false);
	write_one(true);
	write_one(true);
	for (i = 0; i < vh_rings_nr(); i++)
		KUNIT_EXPECT_EQ_MSG(test, vh_ring(i)->prod->produced,
				    i == mine ? 1ULL : i == mine + 1 ? 2ULL : 0ULL, "ring %u", i);
}

/* What is mapped by page is what is written. */
static void rings_pages(struct kunit *test)
{
	struct vmcoop_ring *r = vh_ring(0);
	u64 off;

	KUNIT_EXPECT_EQ(test, vh_ring_stride(), (u64)2 * PAGE_SIZE + VMCOOP_RING_MIN);
	for (off = 0; off < vh_ring_stride(); off += PAGE_SIZE) {
		void *at = page_address(vh_ring_page(0, off));

		memset((void *)r->cons + off, 0xa5, PAGE_SIZE);
		KUNIT_EXPECT_EQ(test, *(u8 *)at, (u8)0xa5);
		KUNIT_EXPECT_EQ(test, *(u8 *)(at + PAGE_SIZE - 1), (u8)0xa5);
	}
}

/* A reader that died holds nothing up. */
static void rings_detached(struct kunit *test)
{
	struct vmcoop_ring *r = vh_ring(VH_RINGS_A_CPU * raw_smp_processor_id());
	struct vmcoop_ring_stats st;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, vmcoop_ring_attach(r, &st), 0);
	for (i = 0; i < VMCOOP_RING_MIN / 16 + 3; i++)
		write_one(false);
	KUNIT_EXPECT_EQ(test, r->prod->dropped[VMCOOP_HOST_ENTRY], 3ULL);
	vh_rings_detach();
	for (i = 0; i < 5; i++)
		write_one(false);
	KUNIT_EXPECT_EQ(test, r->prod->dropped[VMCOOP_HOST_ENTRY], 3ULL);
	KUNIT_EXPECT_EQ(test, r->prod->overwritten, 5ULL);
}

static void rings_from_zero(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < vh_rings_nr(); i++) {
		struct vmcoop_ring_stats st;

		KUNIT_ASSERT_EQ(test, vmcoop_ring_stats(vh_ring(i), &st), 0);
		KUNIT_EXPECT_EQ(test, st.head | st.produced | st.overwritten, 0ULL);
		KUNIT_EXPECT_NULL(test, memchr_inv(vh_ring(i)->data, 0, VMCOOP_RING_MIN));
	}
}

static struct kunit_case rings_cases[] = {
	KUNIT_CASE(rings_from_zero),
	KUNIT_CASE(rings_by_context),
	KUNIT_CASE(rings_pages),
	KUNIT_CASE(rings_detached),
	{ }
};

static struct kunit_suite rings_suite = {
	.name = "vmcoop_host_rings",
	.init = rings_test_init,
	.exit = rings_test_exit,
	.test_cases = rings_cases,
};

kunit_test_suite(rings_suite);
