// SPDX-License-Identifier: GPL-2.0-only
/*
 * common/ring.h in the kernel: whatever is written is read, or counted; and
 * whatever the other side writes, neither side leaves its memory or hangs.
 */
#include <kunit/test.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../../guest-mod/compat.h"
#include "../ring.h"

#define SIZE	VMCOOP_RING_MIN

union record {
	struct vmcoop_hdr	hdr;
	u64			word[VMCOOP_REC_MAX / sizeof(u64)];
};

/**
 * struct fixture - a ring and its reader
 * @ring: the ring
 * @rec: room to build a record
 * @got: room to read records
 * @pos: where the reader is
 * @next: stamp that the reader expects next
 * @stamp: of the next record
 */
struct fixture {
	struct vmcoop_ring	ring;
	union record		*rec;
	union record		*got;
	u64			pos;
	u64			next;
	u64			stamp;
};

static int ring_test_init(struct kunit *test)
{
	struct fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->ring.cons = kunit_kzalloc(test, sizeof(*f->ring.cons), GFP_KERNEL);
	f->ring.prod = kunit_kzalloc(test, sizeof(*f->ring.prod), GFP_KERNEL);
	f->ring.data = kunit_kzalloc(test, SIZE, GFP_KERNEL);
	f->rec = kunit_kzalloc(test, sizeof(*f->rec), GFP_KERNEL);
	f->got = kunit_kzalloc(test, sizeof(*f->got), GFP_KERNEL);
	if (!f->ring.cons || !f->ring.prod || !f->ring.data || !f->rec || !f->got)
		return -ENOMEM;
	f->ring.size = SIZE;
	memset(f->ring.cons, 0xee, sizeof(*f->ring.cons));
	memset(f->ring.prod, 0xee, sizeof(*f->ring.prod));
	vmcoop_ring_init(&f->ring);
	test->priv = f;
	return 0;
}

/* A record whose contents follow from its stamp. */
static void build(struct fixture *f, u8 type, u32 size)
{
	u32 i;

	f->rec->hdr = (struct vmcoop_hdr){ .type = type, .size = size, .stamp = f->stamp };
	for (i = 2; i < size / sizeof(u64); i++)
		f->rec->word[i] = f->stamp * 31 + i;
	f->stamp++;
}

static int put(struct fixture *f, u8 type, u32 size)
{
	int err;

	build(f, type, size);
	err = vmcoop_ring_write(&f->ring, f->rec);
	f->stamp -= !!err;
	return err;
}

/* Whole, and none left out? */
static bool as_built(struct fixture *f, const union record *rec)
{
	u32 i;

	if (rec->hdr.stamp != f->next)
		return false;
	for (i = 2; i < rec->hdr.size / sizeof(u64); i++)
		if (rec->word[i] != f->next * 31 + i)
			return false;
	return true;
}

/* Read to the end. Return: records, or an error. */
static int take(struct fixture *f)
{
	int n = 0, size;
	long len;
	u64 off;

	while ((len = vmcoop_ring_fetch(&f->ring, f->pos, f->got, VMCOOP_REC_MAX)) > 0) {
		for (off = 0; (size = vmcoop_rec_next(f->got, len, off)) > 0; off += size) {
			if (!as_built(f, (void *)f->got + off))
				return -EILSEQ;
			f->next++;
			n++;
		}
		if (size < 0)
			return size;
		f->pos += off;
		vmcoop_ring_consume(&f->ring, f->pos);
	}
	return len ?: n;
}

static int attach(struct fixture *f)
{
	struct vmcoop_ring_stats st;
	int err = vmcoop_ring_attach(&f->ring, &st);

	f->pos = st.head;
	f->next = f->stamp;
	return err;
}

/* Begin at a position that takes years to come by. */
static void go_to(struct fixture *f, u64 pos)
{
	f->ring.own.head = pos;
	f->ring.own.oldest = pos;
	f->ring.prod->head = pos;
	f->ring.prod->oldest = pos;
}

/* What a reader of all there is at @pos is told. */
static long fetch(struct fixture *f, u64 pos)
{
	return vmcoop_ring_fetch(&f->ring, pos, f->got, VMCOOP_REC_MAX);
}

static void ring_empty(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vmcoop_ring_stats st;

	KUNIT_EXPECT_EQ(test, vmcoop_ring_stats(&f->ring, &st), 0);
	KUNIT_EXPECT_EQ(test, st.head | st.oldest | st.produced | st.overwritten, 0ULL);
	KUNIT_EXPECT_EQ(test, st.dropped[0] | st.dropped[VMCOOP_REC_TYPES - 1], 0ULL);
	KUNIT_EXPECT_EQ(test, vmcoop_ring_unread(&f->ring), 0ULL);
	KUNIT_EXPECT_EQ(test, fetch(f, 0), 0L);
	KUNIT_EXPECT_EQ(test, vmcoop_rec_next(f->got, 0, 0), 0);
}

/* All sizes there are, many times around. */
static void ring_sizes(struct kunit *test)
{
	struct fixture *f = test->priv;
	u32 size;

	KUNIT_ASSERT_EQ(test, attach(f), 0);
	for (size = sizeof(struct vmcoop_hdr); size <= VMCOOP_REC_MAX; size += 8) {
		KUNIT_ASSERT_EQ(test, put(f, 1, size), 0);
		KUNIT_ASSERT_EQ(test, put(f, 2, VMCOOP_REC_MAX + 16 - size), 0);
		KUNIT_ASSERT_EQ(test, take(f), 2);
	}
	KUNIT_EXPECT_EQ(test, f->ring.prod->produced, f->stamp);
	KUNIT_EXPECT_EQ(test, f->ring.prod->overwritten, 0ULL);
}

static void ring_sizes_refused(struct kunit *test)
{
	static const u32 bad[] = {
		0, 1, 8, 15, 17, 20, VMCOOP_REC_MAX + 8, 0xfff8, 0xffff, U32_MAX,
	};
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_FALSE(test, vmcoop_rec_size_ok(bad[i]));
		f->got->hdr.size = bad[i];
		if (bad[i] <= U16_MAX)
			KUNIT_EXPECT_EQ(test, vmcoop_rec_next(f->got, VMCOOP_REC_MAX, 0), -EBADMSG);
	}
	f->got->hdr.size = VMCOOP_REC_MAX;
	KUNIT_EXPECT_EQ(test, vmcoop_rec_next(f->got, VMCOOP_REC_MAX, 0), VMCOOP_REC_MAX);
	/* Not all of it, or not even of its header, was fetched: fetch on. */
	KUNIT_EXPECT_EQ(test, vmcoop_rec_next(f->got, VMCOOP_REC_MAX - 8, 0), 0);
	KUNIT_EXPECT_EQ(test, vmcoop_rec_next(f->got, 8, 0), 0);

	KUNIT_EXPECT_TRUE(test, vmcoop_ring_size_ok(VMCOOP_RING_MIN));
	KUNIT_EXPECT_TRUE(test, vmcoop_ring_size_ok(VMCOOP_RING_MAX));
	KUNIT_EXPECT_FALSE(test, vmcoop_ring_size_ok(0));
	KUNIT_EXPECT_FALSE(test, vmcoop_ring_size_ok(VMCOOP_RING_MIN + 8));
	KUNIT_EXPECT_FALSE(test, vmcoop_ring_size_ok(2 * VMCOOP_RING_MAX));
}

/* A reader who is attached loses nothing: what does not fit is dropped and counted. */
static void ring_full(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, attach(f), 0);
	for (i = 0; i < SIZE / 64; i++)
		KUNIT_ASSERT_EQ(test, put(f, 1, 64), 0);
	KUNIT_EXPECT_EQ(test, vmcoop_ring_unread(&f->ring), (u64)SIZE);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_EQ(test, put(f, 5, 16), -ENOSPC);
	/* A type beyond those there are is counted, somewhere inside. */
	KUNIT_EXPECT_EQ(test, put(f, 255, 16), -ENOSPC);
	KUNIT_EXPECT_EQ(test, f->ring.prod->dropped[5], 3ULL);
	KUNIT_EXPECT_EQ(test, f->ring.prod->dropped[255 % VMCOOP_REC_TYPES], 1ULL);
	KUNIT_EXPECT_EQ(test, f->ring.prod->produced, (u64)SIZE / 64 + 4);
	KUNIT_EXPECT_EQ(test, take(f), SIZE / 64);
	KUNIT_EXPECT_EQ(test, put(f, 5, VMCOOP_REC_MAX), 0);
	KUNIT_EXPECT_EQ(test, take(f), 1);
}

/* Without a reader the newest records are there, the others counted. */
static void ring_unattended(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vmcoop_ring_stats st;
	unsigned int i;

	for (i = 0; i < 3 * SIZE / 24 + 5; i++)
		KUNIT_ASSERT_EQ(test, put(f, 1, 24), 0);
	KUNIT_ASSERT_EQ(test, vmcoop_ring_stats(&f->ring, &st), 0);
	KUNIT_EXPECT_LE(test, st.head - st.oldest, (u64)SIZE);
	KUNIT_EXPECT_EQ(test, st.oldest, st.overwritten * 24);
	KUNIT_EXPECT_EQ(test, fetch(f, 0), (long)-ESTALE);
	f->pos = st.oldest;
	f->next = st.overwritten;
	KUNIT_EXPECT_EQ(test, (u64)take(f), st.produced - st.overwritten);
}

/* Across 2^32, and across 2^64, no position stands out. */
static void ring_across(struct kunit *test, u64 pos)
{
	struct fixture *f = test->priv;
	unsigned int i;

	go_to(f, pos - 3 * SIZE - 8);
	for (i = 0; i < 2 * SIZE / 40; i++)
		KUNIT_ASSERT_EQ(test, put(f, 1, 40), 0);
	KUNIT_ASSERT_EQ(test, attach(f), 0);
	for (i = 0; i < 6 * SIZE / 104; i++) {
		KUNIT_ASSERT_EQ(test, put(f, 2, 104), 0);
		if (i % 7)
			continue;
		KUNIT_ASSERT_GT(test, take(f), 0);
	}
	KUNIT_ASSERT_GE(test, take(f), 0);
	KUNIT_EXPECT_EQ(test, f->next, f->stamp);
	KUNIT_EXPECT_LT(test, f->pos - pos, (u64)6 * SIZE);
	for (i = 0; i < SIZE / 8192; i++)
		KUNIT_EXPECT_EQ(test, put(f, 3, 8192), 0);
	KUNIT_EXPECT_EQ(test, put(f, 3, 16), -ENOSPC);
}

static void ring_across_2_32(struct kunit *test)
{
	ring_across(test, 1ULL << 32);
}

static void ring_across_2_64(struct kunit *test)
{
	ring_across(test, 0);
}

/* A record built in place is none before it is committed. */
static void ring_in_place(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vmcoop_ring_prod before;
	unsigned int n = 0;
	void *to;

	KUNIT_ASSERT_EQ(test, attach(f), 0);
	for (; f->ring.own.head < 5 * SIZE; n++) {
		u32 size = 16 + 8 * (n % 40);

		build(f, 1, size);
		before = *f->ring.prod;
		to = vmcoop_ring_reserve(&f->ring, size);
		KUNIT_ASSERT_EQ(test, memcmp(&before, f->ring.prod, sizeof(before)), 0);
		if (to) {
			KUNIT_ASSERT_PTR_EQ(test, to, (void *)f->ring.data + before.head % SIZE);
			memcpy(to, f->rec, size);
			vmcoop_ring_commit(&f->ring, size);
		} else {
			/* Only where it would be split, or old records are to be given up. */
			KUNIT_ASSERT_EQ(test, vmcoop_ring_write(&f->ring, f->rec), 0);
		}
		KUNIT_ASSERT_EQ(test, take(f), 1);
	}
	KUNIT_EXPECT_EQ(test, f->ring.prod->produced, (u64)n);
	/* As much as fits, and no byte more. */
	KUNIT_EXPECT_EQ(test, f->ring.prod->dropped[1], 0ULL);
	while (!put(f, 1, 1024))
		;
	KUNIT_EXPECT_NULL(test, vmcoop_ring_reserve(&f->ring, 1024));
}

/* Old records whose sizes are nonsense: all are forgotten, none is followed. */
static void ring_torn(struct kunit *test)
{
	static const u16 sizes[] = { 0, 7, 8, 24, 0xfff8, 0xffff };
	struct fixture *f = test->priv;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (k = 0; k < 2 * SIZE / 64; k++)
			KUNIT_ASSERT_EQ(test, put(f, 1, 64), 0);
		for (k = 0; k < SIZE / 8; k++)
			f->ring.data[k] = (u64)sizes[i] << 16;
		KUNIT_EXPECT_EQ(test, put(f, 1, 64), 0);
		KUNIT_EXPECT_LE(test, f->ring.own.oldest, f->ring.own.head);
		KUNIT_EXPECT_LE(test, f->ring.own.head - f->ring.own.oldest, (u64)SIZE);
		KUNIT_EXPECT_EQ(test, f->ring.prod->head, f->ring.own.head);
	}
}

/* A consumer that lies costs its own records. */
static void ring_tail_lies(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;
	u64 tails[] = { 0, 1, 0, 0, U64_MAX, 1ULL << 63 };

	KUNIT_ASSERT_EQ(test, attach(f), 0);
	for (i = 0; i < 5; i++)
		KUNIT_ASSERT_EQ(test, put(f, 1, 8192) && i < 4, false);
	tails[2] = f->ring.own.head + 8;
	tails[3] = f->ring.own.head - 2 * SIZE;
	for (i = 0; i < ARRAY_SIZE(tails); i++) {
		u64 head = f->ring.own.head, dropped = f->ring.own.dropped[1];

		f->ring.cons->tail = tails[i];
		KUNIT_EXPECT_EQ(test, put(f, 1, 8192), -ENOSPC);
		KUNIT_EXPECT_EQ(test, f->ring.own.head, head);
		KUNIT_EXPECT_EQ(test, f->ring.own.dropped[1], dropped + 1);
	}
}

/* The producer goes by what it remembers, not by what it has published. */
static void ring_own_indices(struct kunit *test)
{
	struct fixture *f = test->priv;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		memset(f->ring.prod, i, sizeof(*f->ring.prod));
		KUNIT_ASSERT_EQ(test, put(f, 1, 1000), 0);
	}
	KUNIT_EXPECT_EQ(test, f->ring.prod->head, 1000000ULL);
	KUNIT_EXPECT_EQ(test, f->ring.prod->produced, 1000ULL);
}

/* A producer that lies is told from one that has written. */
static void ring_head_lies(struct kunit *test)
{
	struct fixture *f = test->priv;
	static const u64 heads[] = { 1, 12, SIZE + 8, 1ULL << 40, U64_MAX, U64_MAX - 7 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(heads); i++) {
		f->ring.prod->head = heads[i];
		KUNIT_EXPECT_EQ(test, fetch(f, 0), (long)-EBADMSG);
	}
	f->ring.prod->head = 64;
	KUNIT_EXPECT_EQ(test, fetch(f, 4), (long)-EBADMSG);
	KUNIT_EXPECT_EQ(test, fetch(f, 0), 64L);
	f->ring.prod->oldest = 8;
	KUNIT_EXPECT_EQ(test, fetch(f, 0), (long)-ESTALE);
	/* Bounded by the reader's room, whatever there is. */
	f->ring.prod->head = SIZE;
	KUNIT_EXPECT_EQ(test, vmcoop_ring_fetch(&f->ring, 8, f->got, 64), 64L);
}

/* A producer that stopped amid a write, or says so for ever. */
static void ring_seq_odd(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct vmcoop_ring_stats st;

	KUNIT_ASSERT_EQ(test, put(f, 1, 64), 0);
	f->ring.prod->seq++;
	KUNIT_EXPECT_EQ(test, vmcoop_ring_stats(&f->ring, &st), -EAGAIN);
	KUNIT_EXPECT_EQ(test, vmcoop_ring_attach(&f->ring, &st), -EAGAIN);
	KUNIT_EXPECT_EQ(test, f->ring.cons->attached, 0U);
	KUNIT_EXPECT_EQ(test, put(f, 1, 64), 0);
	KUNIT_EXPECT_EQ(test, vmcoop_ring_stats(&f->ring, &st), 0);
	KUNIT_EXPECT_EQ(test, st.produced, 2ULL);
}

/* ---- A reader that interrupts the writer -------------------------------------- */

struct interrupter {
	struct hrtimer	timer;
	struct fixture	*f;
	unsigned int	times;
	int		err;
};

static enum hrtimer_restart interrupt(struct hrtimer *timer)
{
	struct interrupter *in = container_of(timer, struct interrupter, timer);
	struct vmcoop_ring_stats st;
	int n = take(in->f);

	if (n < 0)
		in->err = n;
	/* Between two writes the counters agree. */
	if (!vmcoop_ring_stats(&in->f->ring, &st) && st.head - st.oldest > SIZE)
		in->err = -ERANGE;
	in->times++;
	hrtimer_forward_now(timer, ns_to_ktime(50 * NSEC_PER_USEC));
	return HRTIMER_RESTART;
}

static void interrupter_begin(struct interrupter *in)
{
	vmcoop_timer_setup(&in->timer, interrupt, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(&in->timer, ns_to_ktime(50 * NSEC_PER_USEC), HRTIMER_MODE_REL_PINNED_HARD);
}

/*
 * In the modules a ring's writer has interrupts off, or is an NMI: a reader on
 * the same CPU still sees any state that a reader elsewhere can see.
 */
static void ring_interrupted(struct kunit *test)
{
	struct fixture *f = test->priv;
	struct interrupter in = { .f = f };
	u64 written = 0, dropped = 0, end;
	unsigned int i;

	KUNIT_ASSERT_EQ(test, attach(f), 0);
	interrupter_begin(&in);
	end = ktime_get_mono_fast_ns() + 20ULL * NSEC_PER_SEC;
	for (i = 0; in.times < 300 && ktime_get_mono_fast_ns() < end; i++) {
		if (put(f, 1, 16 + 8 * (i % 100)))
			dropped++;
		else
			written++;
	}
	hrtimer_cancel(&in.timer);
	KUNIT_EXPECT_EQ(test, in.err, 0);
	KUNIT_EXPECT_GE(test, in.times, 300U);
	KUNIT_EXPECT_GE(test, take(f), 0);
	KUNIT_EXPECT_EQ(test, f->next, written);
	KUNIT_EXPECT_EQ(test, f->ring.prod->dropped[1], dropped);
	KUNIT_EXPECT_EQ(test, f->ring.prod->produced, written + dropped);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(ring_empty),
	KUNIT_CASE(ring_sizes),
	KUNIT_CASE(ring_sizes_refused),
	KUNIT_CASE(ring_full),
	KUNIT_CASE(ring_unattended),
	KUNIT_CASE(ring_across_2_32),
	KUNIT_CASE(ring_across_2_64),
	KUNIT_CASE(ring_in_place),
	KUNIT_CASE(ring_torn),
	KUNIT_CASE(ring_tail_lies),
	KUNIT_CASE(ring_own_indices),
	KUNIT_CASE(ring_head_lies),
	KUNIT_CASE(ring_seq_odd),
	KUNIT_CASE(ring_interrupted),
	{ }
};

static struct kunit_suite ring_suite = {
	.name = "vmcoop_ring",
	.init = ring_test_init,
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);

MODULE_DESCRIPTION("vmcoop: KUnit suites of what both modules share");
MODULE_LICENSE("GPL");
