// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting events: sums of hand-made HOST_COUNT records.
 */
#include "stream.h"
#include "tap.h"

#define H0	5
#define H1	6
#define IN	VMCOOP_COUNT_IN
#define ENTRY	VMCOOP_COUNT_ENTRY
#define OUT	VMCOOP_COUNT_OUT

static struct session session;

static void ignore(void *ctx, const struct joined *j)
{
	(void)ctx;
	(void)j;
}

static void read_all(struct stream *s)
{
	session_free(&session);
	stream_read(s, &session, ignore, NULL);
	stream_free(s);
}

static void begin(struct stream *s)
{
	stream_begin(s);
	stream_kv(s, CHUNK_EVENT, 0, "index=1\nname=instructions\neflags=1\n");
	stream_kv(s, CHUNK_EVENT, 0, "index=2\nname=cache-misses\neflags=1\n");
	put_vcpu(s, 1, 1, 0, H0);
	put_vcpu(s, 1, 1, 1, H1);
}

static void put(struct stream *s, u32 src, u64 t, u32 handle, u8 where, u64 a, u64 b)
{
	put_count(s, src, t, handle, where, t, (u64[]){ a, b }, 2);
}

static const struct counts_vcpu *of(u32 vcpu)
{
	return session.join.vcpus[vcpu]->counts;
}

TEST(differences_within_slices_are_summed)
{
	struct stream s;

	begin(&s);
	put(&s, 1, 10, H0, IN, 1000, 5);
	put(&s, 1, 20, H0, ENTRY, 1007, 5);
	put(&s, 1, 30, H0, OUT, 1100, 9);
	/* What another vCPU does on this CPU is not the first one's. */
	put(&s, 1, 30, H1, IN, 1100, 9);
	put(&s, 1, 40, H1, OUT, 5100, 10);
	put(&s, 1, 50, H0, IN, 9000, 11);
	put(&s, 1, 60, H0, OUT, 9001, 11);
	/* On another CPU counters stand elsewhere. */
	put(&s, 2, 70, H0, IN, 3, 3);
	put(&s, 2, 80, H0, ENTRY, 5, 4);
	read_all(&s);
	EQ(of(0)->sum.value[0].count, 103);
	EQ(of(0)->sum.value[1].count, 5);
	EQ(of(0)->sum.enabled, 40);
	EQ(of(0)->sum.value[1].running, 40);
	EQ(of(0)->slices, 3);
	EQ(of(0)->gaps, 0);
	EQ(of(1)->sum.value[0].count, 4000);
	EQ(of(1)->sum.value[1].count, 1);
	STREQ(session_counter(&session, 0)->name, "instructions");
	STREQ(session_counter(&session, 1)->name, "cache-misses");
	CHECK(!session_counter(&session, 2));
}

TEST(counters_wrap)
{
	struct stream s;

	begin(&s);
	put(&s, 1, 10, H0, IN, UINT64_MAX - 1, 0);
	put(&s, 1, 20, H0, OUT, 3, 0);
	read_all(&s);
	EQ(of(0)->sum.value[0].count, 5);
}

TEST(a_lost_record_is_a_gap_and_no_count)
{
	struct stream s;

	begin(&s);
	put(&s, 1, 10, H0, OUT, 500, 0);	/* its IN was lost */
	put(&s, 1, 20, H0, IN, 600, 0);
	put(&s, 2, 30, H0, ENTRY, 7, 0);	/* moved, OUT and IN were lost */
	put(&s, 2, 40, H0, OUT, 10, 0);
	put(&s, 1, 50, H0, ENTRY, 99999, 0);	/* its IN was lost */
	put(&s, 1, 60, H0, OUT, 100000, 0);
	read_all(&s);
	EQ(of(0)->sum.value[0].count, 3 + 1);
	EQ(of(0)->gaps, 3);
}

TEST(counts_outside_the_window_do_not_count)
{
	struct stream s;

	begin(&s);
	stream_kv(&s, CHUNK_WINDOW, 0, "begin=100\nend=200\n");
	put(&s, 1, 10, H0, IN, 0, 0);
	put(&s, 1, 99, H0, ENTRY, 1, 0);
	put(&s, 1, 150, H0, ENTRY, 11, 0);
	put(&s, 1, 200, H0, ENTRY, 111, 0);
	put(&s, 1, 201, H0, OUT, 1111, 0);
	read_all(&s);
	EQ(of(0)->sum.value[0].count, 110);
}

TEST(values_that_do_not_fit_their_record_are_refused)
{
	struct vmcoop_host_count rec = {
		.hdr = { VMCOOP_HOST_COUNT, 0, sizeof(rec), H0, 15 }, .nr = 1, .where = ENTRY,
	};
	struct stream s;

	begin(&s);
	put(&s, 1, 10, H0, IN, 0, 0);
	put_raw(&s, 1, &rec, sizeof(rec));
	put(&s, 1, 20, H0, OUT, 5, 0);
	read_all(&s);
	EQ(of(0)->sum.value[0].count, 5);
	EQ(session.nr_notes, 1);
}

TESTS(
	RUN(differences_within_slices_are_summed),
	RUN(counters_wrap),
	RUN(a_lost_record_is_a_gap_and_no_count),
	RUN(counts_outside_the_window_do_not_count),
	RUN(values_that_do_not_fit_their_record_are_refused),
)
