// SPDX-License-Identifier: GPL-2.0-only
/*
 * common/ring.h: what a producer writes, a reader gets, or sees counted;
 * whatever the other side scribbles, nobody leaves his memory.
 */
#include <pthread.h>
#include <sched.h>

#include "../../common/ring.h"
#include "tap.h"

#define SIZE	VMCOOP_RING_MIN

/* Guard words around each part: neither side may touch them. */
#define GUARD	0x5afe5afe5afe5afeULL

struct memory {
	__u64 guard0[8];
	struct vmcoop_ring_cons cons;
	__u64 guard1[8];
	struct vmcoop_ring_prod prod;
	__u64 guard2[8];
	__u64 data[SIZE / 8];
	__u64 guard3[8];
};

struct record {
	struct vmcoop_hdr hdr;
	__u64 body[(VMCOOP_REC_MAX - sizeof(struct vmcoop_hdr)) / 8];
};

static struct memory mem;
static struct vmcoop_ring ring;
static __u64 buf[2 * VMCOOP_REC_MAX / 8];

static __u64 *guards(int i)
{
	return i == 0 ? mem.guard0 : i == 1 ? mem.guard1 : i == 2 ? mem.guard2 : mem.guard3;
}

static void setup(void)
{
	int i, k;

	memset(&mem, 0xee, sizeof(mem));
	for (i = 0; i < 4; i++)
		for (k = 0; k < 8; k++)
			guards(i)[k] = GUARD;
	ring = (struct vmcoop_ring){
		.cons = &mem.cons, .prod = &mem.prod, .data = mem.data, .size = SIZE,
	};
	vmcoop_ring_init(&ring);
}

static void check_guards(void)
{
	int i, k;

	for (i = 0; i < 4; i++)
		for (k = 0; k < 8; k++)
			EQ(guards(i)[k], GUARD);
}

static int write_rec(__u8 type, __u16 size, __u64 stamp)
{
	static struct record rec;
	__u32 i;

	rec.hdr = (struct vmcoop_hdr){ .type = type, .size = size, .stamp = stamp };
	for (i = 0; i < (size - sizeof(rec.hdr)) / 8; i++)
		rec.body[i] = stamp ^ i;
	return vmcoop_ring_write(&ring, &rec);
}

/* Reads from *@pos to the end; checks each record and returns how many. */
static int read_all(__u64 *pos, __u64 *next_stamp)
{
	int n = 0;
	long len;

	while ((len = vmcoop_ring_fetch(&ring, *pos, buf, sizeof(buf))) > 0) {
		__u64 off = 0;
		int size;

		while ((size = vmcoop_rec_next(buf, len, off)) > 0) {
			struct record *rec = (void *)((char *)buf + off);
			__u32 i;

			EQ(rec->hdr.stamp, *next_stamp);
			for (i = 0; i < (size - sizeof(rec->hdr)) / 8; i++)
				EQ(rec->body[i], *next_stamp ^ i);
			++*next_stamp;
			n++;
			off += size;
		}
		EQ(size, 0);
		if (!CHECK(off > 0))
			break;
		*pos += off;
	}
	EQ(len, 0);
	return n;
}

static __u64 dropped(const struct vmcoop_ring_stats *st)
{
	__u64 sum = 0;
	int i;

	for (i = 0; i < VMCOOP_REC_TYPES; i++)
		sum += st->dropped[i];
	return sum;
}

TEST(an_empty_ring_gives_nothing)
{
	struct vmcoop_ring_stats st;

	setup();
	EQ(vmcoop_ring_fetch(&ring, 0, buf, sizeof(buf)), 0);
	EQ(vmcoop_ring_stats(&ring, &st), 0);
	EQ(st.head, 0);
	EQ(st.produced, 0);
	check_guards();
}

TEST(records_come_back_as_written)
{
	__u64 pos = 0, want = 0, i;

	setup();
	for (i = 0; i < 10; i++)
		EQ(write_rec(1, 16 + 8 * i, i), 0);
	EQ(read_all(&pos, &want), 10);
	EQ(pos, ring.prod->head);
	check_guards();
}

TEST(records_wrap_at_the_datas_end)
{
	__u64 pos, want = 0, i;
	struct vmcoop_ring_stats st;

	setup();
	EQ(vmcoop_ring_attach(&ring, &st), 0);
	pos = st.head;
	/* Sizes that meet the end at every 8-byte place, and the largest. */
	for (i = 0; i < 20000; i++) {
		EQ(write_rec(2, i % 7 == 6 ? VMCOOP_REC_MAX : 24 + 8 * (i % 13), i), 0);
		if (i % 3 == 2) {
			read_all(&pos, &want);
			vmcoop_ring_consume(&ring, pos);
		}
	}
	read_all(&pos, &want);
	EQ(want, 20000);
	CHECK(pos > 100 * SIZE);
	check_guards();
}

TEST(a_full_ring_drops_the_new_record_by_type)
{
	struct vmcoop_ring_stats st;
	__u64 pos, want = 0, i, fit = SIZE / 64;

	setup();
	vmcoop_ring_attach(&ring, &st);
	pos = st.head;
	for (i = 0; i < fit; i++)
		EQ(write_rec(3, 64, i), 0);
	EQ(write_rec(3, 64, 999), -ENOSPC);
	EQ(write_rec(5, 64, 999), -ENOSPC);
	EQ(write_rec(5, 16, 999), -ENOSPC);
	/* A type beyond the table is counted, not written somewhere else. */
	EQ(write_rec(VMCOOP_REC_TYPES + 7, 16, 999), -ENOSPC);
	vmcoop_ring_stats(&ring, &st);
	EQ(st.dropped[3], 1);
	EQ(st.dropped[5], 2);
	EQ(st.dropped[7], 1);
	EQ(st.produced, fit + 4);
	EQ(st.overwritten, 0);
	EQ(read_all(&pos, &want), fit);
	vmcoop_ring_consume(&ring, pos);
	EQ(write_rec(3, 64, fit), 0);
	EQ(read_all(&pos, &want), 1);
	check_guards();
}

TEST(room_for_exactly_one_record_is_room)
{
	struct vmcoop_ring_stats st;
	__u64 i;

	setup();
	vmcoop_ring_attach(&ring, &st);
	for (i = 0; i < SIZE / VMCOOP_REC_MAX; i++)
		EQ(write_rec(1, VMCOOP_REC_MAX, i), 0);
	EQ(write_rec(1, 16, 0), -ENOSPC);
	vmcoop_ring_consume(&ring, 16);
	EQ(write_rec(1, 24, 0), -ENOSPC);
	EQ(write_rec(1, 16, 0), 0);
	EQ(write_rec(1, 16, 0), -ENOSPC);
}

TEST(a_record_is_built_in_place)
{
	struct vmcoop_ring_stats st;
	__u64 pos = 0, stamp = 7, i;
	struct record *rec;

	setup();
	vmcoop_ring_attach(&ring, &st);
	rec = vmcoop_ring_reserve(&ring, 48);
	EQ((void *)rec == mem.data, true);
	rec->hdr = (struct vmcoop_hdr){ .type = 3, .size = 48, .stamp = 7 };
	for (i = 0; i < 4; i++)
		rec->body[i] = 7 ^ i;
	/* Nobody sees it before it is committed. */
	EQ(vmcoop_ring_fetch(&ring, 0, buf, sizeof(buf)), 0);
	vmcoop_ring_commit(&ring, 48);
	EQ(read_all(&pos, &stamp), 1);
	EQ(vmcoop_ring_stats(&ring, &st), 0);
	EQ(st.produced, 1);
	EQ(st.head, 48);
	check_guards();
}

TEST(in_place_is_only_what_is_free_in_one_piece)
{
	struct vmcoop_ring_stats st;
	__u64 at;

	setup();
	vmcoop_ring_attach(&ring, &st);
	for (at = 0; at < SIZE - 64; at += 64)
		EQ(write_rec(1, 64, at), 0);
	EQ(vmcoop_ring_reserve(&ring, 72) == NULL, true);
	EQ(vmcoop_ring_reserve(&ring, 64) != NULL, true);
	EQ(write_rec(1, 64, at), 0);
	EQ(vmcoop_ring_reserve(&ring, 16) == NULL, true);
	/* Read, but still there for onlookers. */
	vmcoop_ring_consume(&ring, 128);
	EQ(vmcoop_ring_reserve(&ring, 64) == NULL, true);
	EQ(write_rec(1, 64, at), 0);
	/* What is given up at a time ends where the reader is. */
	EQ(vmcoop_ring_stats(&ring, &st), 0);
	EQ(st.oldest, 128);
	EQ(st.overwritten, 0);
	EQ(vmcoop_ring_reserve(&ring, 64) != NULL, true);
	EQ(write_rec(1, 64, at), 0);
	EQ(write_rec(1, 16, at), -ENOSPC);
	/* And holds no more than it has to. */
	vmcoop_ring_consume(&ring, st.head);
	EQ(write_rec(1, 64, at), 0);
	EQ(vmcoop_ring_stats(&ring, &st), 0);
	EQ(st.oldest, 192 + VMCOOP_RING_BEHIND);
	check_guards();
}

TEST(unattended_rings_keep_the_newest)
{
	struct vmcoop_ring_stats st;
	__u64 pos, want, n = 5000, held;

	setup();
	for (want = 0; want < n; want++)
		EQ(write_rec(4, 16 + 8 * (want % 9), want), 0);
	vmcoop_ring_stats(&ring, &st);
	EQ(dropped(&st), 0);
	EQ(st.produced, n);
	CHECK(st.overwritten > 0);
	CHECK(st.head - st.oldest <= SIZE);
	/* What is held is whole, and is all that was not overwritten. */
	pos = st.oldest;
	want = st.overwritten;
	held = read_all(&pos, &want);
	EQ(held, n - st.overwritten);
	EQ(want, n);
	check_guards();
}

TEST(counters_balance_over_attach_and_detach)
{
	struct vmcoop_ring_stats first, last;
	__u64 pos, want, i, stamp = 0, got;
	int round;

	setup();
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 3000; i++)
			write_rec(6, 40, stamp++);
		EQ(vmcoop_ring_attach(&ring, &first), 0);
		pos = first.head;
		want = stamp;
		for (i = 0; i < 1700; i++)
			if (!write_rec(6, 40, stamp))
				stamp++;
		EQ(vmcoop_ring_stats(&ring, &last), 0);
		got = read_all(&pos, &want);
		EQ(pos, last.head);
		vmcoop_ring_consume(&ring, pos);
		vmcoop_ring_detach(&ring);
		CHECK(dropped(&last) > dropped(&first));
		EQ(last.produced - first.produced, got + dropped(&last) - dropped(&first) +
		   last.overwritten - first.overwritten);
	}
}

TEST(a_reader_too_slow_is_told_so)
{
	__u64 pos = 0, i;

	setup();
	for (i = 0; i < 4 * SIZE / 64; i++)
		write_rec(1, 64, i);
	EQ(vmcoop_ring_fetch(&ring, pos, buf, sizeof(buf)), -ESTALE);
	pos = ring.prod->oldest;
	CHECK(vmcoop_ring_fetch(&ring, pos, buf, sizeof(buf)) > 0);
}

TEST(a_head_that_cannot_be_is_told)
{
	static const __u64 bad[] = { 1, 4, 7, SIZE + 8, 1ULL << 40, (__u64)-8, (__u64)-1 };
	__u64 i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setup();
		write_rec(1, 64, 0);
		ring.prod->head = bad[i];
		EQ(vmcoop_ring_fetch(&ring, 0, buf, sizeof(buf)), -EBADMSG);
	}
	/* Back in time, as after a snapshot is restored. */
	setup();
	for (i = 0; i < 10; i++)
		write_rec(1, 64, 0);
	ring.prod->head = 64;
	EQ(vmcoop_ring_fetch(&ring, 640, buf, sizeof(buf)), -EBADMSG);
	EQ(vmcoop_ring_fetch(&ring, 3, buf, sizeof(buf)), -EBADMSG);
	check_guards();
}

TEST(sizes_that_cannot_be_are_told)
{
	struct vmcoop_hdr *hdr = (void *)buf;
	__u32 size;

	for (size = 0; size < 65536; size++) {
		int ret;

		hdr->size = size;
		ret = vmcoop_rec_next(buf, sizeof(buf), 0);
		if (size < 16 || size > VMCOOP_REC_MAX || size % 8)
			EQ(ret, -EBADMSG);
		else
			EQ(ret, size);
	}
	hdr->size = 64;
	EQ(vmcoop_rec_next(buf, 56, 0), 0);
	EQ(vmcoop_rec_next(buf, 64, 0), 64);
	EQ(vmcoop_rec_next(buf, 8, 0), 0);
	EQ(vmcoop_rec_next(buf, 0, 0), 0);
}

TEST(a_scribbled_tail_only_makes_it_drop)
{
	static const __u64 tails[] = { 1, 8, SIZE, 1ULL << 63, (__u64)-1, (__u64)-8 };
	__u64 i;

	for (i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		struct vmcoop_ring_stats st;
		int k;

		setup();
		vmcoop_ring_attach(&ring, &st);
		for (k = 0; k < 100; k++)
			write_rec(1, 64, k);
		ring.cons->tail = tails[i];
		for (k = 0; k < 2000; k++)
			write_rec(1, 264, k);
		vmcoop_ring_stats(&ring, &st);
		EQ(st.produced, 2100);
		CHECK(dropped(&st) > 0);
		check_guards();
	}
}

TEST(scribbled_data_and_counters_do_not_lead_the_producer_astray)
{
	__u64 i, k, x = 12345;

	setup();
	for (i = 0; i < 3000; i++) {
		write_rec(i % 64, 16 + 8 * (i % 100), i);
		for (k = 0; k < 5; k++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			mem.data[(x >> 33) % (SIZE / 8)] = x;
		}
		ring.prod->head = x;
		ring.prod->oldest = x >> 3;
		ring.prod->seq = x >> 5;
		ring.cons->attached = x >> 40 & 1;
		ring.cons->tail = x >> 9;
	}
	EQ(ring.own.produced, 3000);
	CHECK(ring.own.head - ring.own.oldest <= SIZE);
	check_guards();
}

TEST(stats_of_a_producer_in_mid_write_are_not_taken)
{
	struct vmcoop_ring_stats st;

	setup();
	write_rec(1, 64, 0);
	ring.prod->seq |= 1;
	EQ(vmcoop_ring_stats(&ring, &st), -EAGAIN);
	EQ(vmcoop_ring_attach(&ring, &st), -EAGAIN);
	EQ(ring.cons->attached, 0);
}

TEST(ring_sizes)
{
	CHECK(vmcoop_ring_size_ok(VMCOOP_RING_MIN));
	CHECK(vmcoop_ring_size_ok(VMCOOP_RING_MAX));
	CHECK(!vmcoop_ring_size_ok(VMCOOP_RING_MIN / 2));
	CHECK(!vmcoop_ring_size_ok(2 * VMCOOP_RING_MAX));
	CHECK(!vmcoop_ring_size_ok(VMCOOP_RING_MIN + 8));
	CHECK(!vmcoop_ring_size_ok(3 * VMCOOP_RING_MIN));
	CHECK(!vmcoop_ring_size_ok(0));
	CHECK(!vmcoop_ring_size_ok(~0ULL));
}

/* ---- Two threads ------------------------------------------------------------------ */

#define STRESS	400000

static void *produce(void *arg)
{
	__u64 i, stamp = 0;

	(void)arg;
	for (i = 0; i < STRESS; i++) {
		/* Only what was taken gets the next stamp: the reader sees no gap. */
		if (!write_rec(i % 8, 16 + 8 * (i * 7 % 40), stamp))
			stamp++;
		else
			sched_yield();
	}
	return NULL;
}

TEST(a_thread_reads_what_another_writes)
{
	struct vmcoop_ring_stats first, last;
	__u64 pos, want = 0, got = 0;
	pthread_t t;

	setup();
	EQ(vmcoop_ring_attach(&ring, &first), 0);
	pos = first.head;
	pthread_create(&t, NULL, produce, NULL);
	do {
		got += read_all(&pos, &want);
		vmcoop_ring_consume(&ring, pos);
		sched_yield();
	} while (vmcoop_load(&ring.prod->produced) < STRESS);
	pthread_join(t, NULL);
	got += read_all(&pos, &want);
	EQ(vmcoop_ring_stats(&ring, &last), 0);
	EQ(last.produced, STRESS);
	EQ(got + dropped(&last), STRESS);
	EQ(last.overwritten, 0);
	CHECK(got > 0);
	check_guards();
}

TEST(onlookers_see_whole_records_or_are_told)
{
	__u64 pos = 0, stamp = 0, whole = 0, stale = 0;
	pthread_t t;

	setup();
	pthread_create(&t, NULL, produce, NULL);
	while (vmcoop_load(&ring.prod->produced) < STRESS) {
		long len = vmcoop_ring_fetch(&ring, pos, buf, sizeof(buf));
		__u64 off = 0;
		int size;

		if (len == -ESTALE) {
			pos = vmcoop_load_acquire(&ring.prod->oldest);
			stale++;
			stamp = 0;
			continue;
		}
		if (!CHECK(len >= 0))
			break;
		while ((size = vmcoop_rec_next(buf, len, off)) > 0) {
			struct record *rec = (void *)((char *)buf + off);

			if (stamp)
				EQ(rec->hdr.stamp, stamp);
			stamp = rec->hdr.stamp + 1;
			if (size > 16)
				EQ(rec->body[0], rec->hdr.stamp);
			whole++;
			off += size;
		}
		EQ(size, 0);
		pos += off;
	}
	pthread_join(t, NULL);
	CHECK(whole > 0);
	printf("# onlooker: %llu whole, %llu times stale\n", whole, stale);
}

TEST(stats_taken_while_writing_are_of_one_instant)
{
	struct vmcoop_ring_stats st;
	__u64 taken = 0;
	pthread_t t;

	setup();
	vmcoop_ring_attach(&ring, &st);
	pthread_create(&t, NULL, produce, NULL);
	do {
		if (vmcoop_ring_stats(&ring, &st))
			continue;
		taken++;
		/* Nothing is consumed: what is not dropped is all there. */
		CHECK(st.head <= SIZE);
		EQ(st.overwritten, 0);
		if (dropped(&st))
			CHECK(st.head > SIZE - 400);
		else
			CHECK(st.produced * 16 <= st.head);
	} while (st.produced < STRESS);
	pthread_join(t, NULL);
	CHECK(taken > 0);
}

TESTS(
	RUN(an_empty_ring_gives_nothing),
	RUN(records_come_back_as_written),
	RUN(records_wrap_at_the_datas_end),
	RUN(a_full_ring_drops_the_new_record_by_type),
	RUN(room_for_exactly_one_record_is_room),
	RUN(a_record_is_built_in_place),
	RUN(in_place_is_only_what_is_free_in_one_piece),
	RUN(unattended_rings_keep_the_newest),
	RUN(counters_balance_over_attach_and_detach),
	RUN(a_reader_too_slow_is_told_so),
	RUN(a_head_that_cannot_be_is_told),
	RUN(sizes_that_cannot_be_are_told),
	RUN(a_scribbled_tail_only_makes_it_drop),
	RUN(scribbled_data_and_counters_do_not_lead_the_producer_astray),
	RUN(stats_of_a_producer_in_mid_write_are_not_taken),
	RUN(ring_sizes),
	RUN(a_thread_reads_what_another_writes),
	RUN(onlookers_see_whole_records_or_are_told),
	RUN(stats_taken_while_writing_are_of_one_instant),
)
