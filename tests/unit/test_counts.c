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

/* ---- Method "counted" ------------------------------------------------------------- */

#define KTEXT	0xffffffff81000000ULL
#define G0	10

struct got {
	u32 pid;
	u64 ip, a, b;
	enum join_reason reason;
};

static struct got got[20000];
static int nr_got;

static void collect(void *ctx, const struct joined *j)
{
	(void)ctx;
	if (j->method == METHOD_COUNTED && nr_got < 20000)
		got[nr_got++] = (struct got){ j->pid, j->ip, j->counts[0],
					      j->nr_counts > 1 ? j->counts[1] : 0, j->reason };
}

static void read_counted(struct stream *s)
{
	nr_got = 0;
	session_free(&session);
	stream_read(s, &session, collect, NULL);
	stream_free(s);
}

static void begin_guest(struct stream *s)
{
	begin(s);
	stream_guest(s, G0, s->vm, 1, 0);
	put_clock(s, 1, 1, 0, H0, &s->clock);
	put_in(s, 1, 2, 0, H0);
}

/* What came out at @ip (0: at no position) of @pid. */
static struct got sum_of(u32 pid, u64 ip)
{
	struct got sum = { pid, ip, 0, 0, 0 };
	int i;

	for (i = 0; i < nr_got; i++) {
		if (got[i].pid != pid || (ip != 1 && got[i].ip != ip))
			continue;
		sum.a += got[i].a;
		sum.b += got[i].b;
	}
	return sum;
}

static void check_sums(void)
{
	u64 a = 0, b = 0;
	int i;

	for (i = 0; i < nr_got; i++) {
		a += got[i].a;
		b += got[i].b;
	}
	EQ(a, of(0)->sum.value[0].count);
	EQ(b, of(0)->sum.value[1].count);
}

TEST(shares_of_an_integer_add_up)
{
	static const u64 totals[] = { 0, 1, 2, 7, 100, 12345678901, 1ULL << 62, UINT64_MAX };
	double w[64];
	u64 out[64], x = 9, sum;
	u32 i, k, n;

	for (k = 0; k < 4000; k++) {
		n = 1 + k % 64;
		for (i = 0; i < n; i++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			w[i] = k % 5 ? (x >> 40) % (k + 1) : 0;
		}
		counted_split(totals[k % 8], w, n, out);
		for (sum = i = 0; i < n; i++)
			sum += out[i];
		EQ(sum, totals[k % 8]);
	}
	counted_split(10, (double[]){ 1, 1, 1 }, 3, out);
	EQ(out[0] + out[1] + out[2], 10);
	EQ(out[0], 4);
	counted_split(100, (double[]){ 3, 1, 0 }, 3, out);
	EQ(out[0], 75);
	EQ(out[2], 0);
}

/*
 * Two functions alternate, each for 4 ms; the second has @density times the instructions. Each
 * has a tick 2 ms after its begin; @before puts what comes just before that, with the count @a
 * at it, in turn @i.
 */
static void alternate(u64 density, void (*before)(struct stream *s, u64 at, u64 a, int i))
{
	struct stream s;
	u64 t = SEC, a = 0;
	int i;

	begin_guest(&s);
	put_switch(&s, G0, SEC - 10, 0, 7, 7);
	put(&s, 1, t, H0, IN, 0, 0);
	for (i = 0; i < 100; i++) {
		u64 rate = i % 2 ? density : 1;

		put(&s, 1, t + 2 * MS - 100 * US, H0, ENTRY, a + rate * 1900, i);
		before(&s, t + 2 * MS, a + rate * 2000, i);
		put_tick(&s, G0, t + 2 * MS + 1, 0, 7, 7, KTEXT + i % 2);
		a += rate * 4000;
		t += 4 * MS;
		put(&s, 1, t, H0, ENTRY, a, i + 1);
		if (i % 10 == 9)
			stream_round(&s, t - MS);
	}
	read_counted(&s);
	check_sums();
	EQ(of(0)->sum.value[0].count, 50 * 4000 * (1 + density));
}

static double share_of(u32 function)
{
	return (double)sum_of(7, KTEXT + function).a / of(0)->sum.value[0].count;
}

static void count_before(struct stream *s, u64 at, u64 a, int i)
{
	put(s, 1, at, H0, ENTRY, a, i);
}

TEST(density_just_before_a_tick_decides)
{
	alternate(4, count_before);
	/* Only the first tick stands for less, there was nothing before it. */
	NEAR(share_of(0), 0.2, 0.003);
	NEAR(share_of(1), 0.8, 0.003);
}

/* Too short a time to tell a rate by: nothing is counted in it. */
static void begin_before(struct stream *s, u64 at, u64 a, int i)
{
	if (i % 2 == 0)
		return;
	put(s, 1, at - 10 * US, H0, OUT, a - 10, i);
	put(s, 1, at - 6 * US, H0, IN, a - 10, i);
	put(s, 1, at - 1 * US, H0, ENTRY, a - 10, i);
}

TEST(a_tick_right_behind_a_begin_stands_for_its_time)
{
	alternate(1, begin_before);
	NEAR(share_of(1), 0.5, 0.01);
}

TEST(counts_are_cut_at_task_switches)
{
	struct stream s;

	begin_guest(&s);
	put_switch(&s, G0, 90, 0, 7, 7);
	put(&s, 1, 100, H0, IN, 0, 0);
	put(&s, 1, 200, H0, ENTRY, 1000, 1);
	put_tick(&s, G0, 201, 0, 7, 7, KTEXT);
	put_switch(&s, G0, 300, 0, 8, 8);
	put(&s, 1, 400, H0, OUT, 2001, 2);	/* half of it each, and one */
	put(&s, 1, 500, H0, IN, 9000, 0);
	put(&s, 1, 600, H0, OUT, 9100, 0);
	read_counted(&s);
	check_sums();
	CHECK(sum_of(7, KTEXT).a == 1501 || sum_of(7, KTEXT).a == 1500);
	EQ(sum_of(7, 1).a + sum_of(8, 1).a, 2101);
	/* No tick hit the second task: it is known, where in it is not. */
	EQ(sum_of(8, 0).a, sum_of(8, 1).a);
	EQ(got[nr_got - 1].reason, REASON_NO_TICK);
}

TEST(counts_without_a_guest_have_a_reason)
{
	struct stream s;

	begin(&s);
	put(&s, 1, 10, H0, IN, 0, 0);
	put(&s, 1, 20, H0, OUT, 77, 5);
	read_counted(&s);
	EQ(nr_got, 1);
	EQ(got[0].a, 77);
	EQ(got[0].b, 5);
	EQ(got[0].reason, REASON_NO_GUEST);
}

/* Whatever happens, nothing is made and nothing is lost. */
TEST(random_streams_conserve_every_count)
{
	u64 x, t, a, b;
	struct stream s;
	u32 seed, i, pid;
	bool in;

	for (seed = 1; seed <= 300; seed++) {
		x = seed;
		t = SEC;
		a = b = 0;
		in = false;
		begin_guest(&s);
		for (i = 0; i < 600; i++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			t += 1 + (x >> 33) % (seed % 3 ? 5000 : 500000);
			pid = 1 + (x >> 40) % (seed % 7 ? 5 : 600);
			a += (x >> 20) % 1000003;
			b += (x >> 50) % 3;
			switch ((x >> 60) % 8) {
			case 0:
				put(&s, 1, t, H0, in ? OUT : IN, a, b);
				in = !in;
				break;
			case 1:
			case 2:
				put_switch(&s, G0, t, 0, pid, pid);
				break;
			case 3:
			case 4:
				put_tick(&s, G0, t, 0, pid, pid, KTEXT + x % 5);
				break;
			default:
				put(&s, 1, t, H0, ENTRY, a, b);
			}
			if (i % 50 == 0)
				stream_round(&s, t);
		}
		read_counted(&s);
		check_sums();
	}
}

TEST(times_and_exits_are_told_apart)
{
	struct vmcoop_host_exits rec = {
		.hdr = { VMCOOP_HOST_EXITS, 0, sizeof(rec), H0, 100 },
		.vm = 100, .nr = VMCOOP_EXITS, .guest = 1000, .poll_ns = 5,
	};
	struct exits_sum sum;
	struct stream s;

	begin(&s);
	rec.exit[VMCOOP_EXIT_HALT] = (struct vmcoop_host_exit){ 10, 300 };
	put_raw(&s, 1, &rec, sizeof(rec));
	put_in(&s, 1, 200, 0, H0);
	put_out(&s, 1, 500, 0, H0);		/* halted */
	put_in(&s, 1, 900, 0, H0);
	rec.hdr.stamp = 1000;
	rec.guest = 3000;
	rec.exit[VMCOOP_EXIT_HALT] = (struct vmcoop_host_exit){ 14, 350 };
	put_raw(&s, 1, &rec, sizeof(rec));
	/* Another thread is the vCPU now, and counts from 0. */
	rec.hdr.stamp = 1100;
	rec.hdr.id = 77;
	rec.guest = 10;
	rec.exit[VMCOOP_EXIT_HALT] = (struct vmcoop_host_exit){ 1, 2 };
	put_raw(&s, 1, &rec, sizeof(rec));
	read_all(&s);
	sum = exits_total(&session.join.vcpus[0]->exits);
	EQ(sum.guest, 2010);
	EQ(sum.exit[VMCOOP_EXIT_HALT].count, 5);
	EQ(exits_handling(&sum), 52);
	EQ(session.join.vcpus[0]->exits.out[VMCOOP_OUT_BLOCKED], 400);
}

TESTS(
	RUN(differences_within_slices_are_summed),
	RUN(counters_wrap),
	RUN(a_lost_record_is_a_gap_and_no_count),
	RUN(counts_outside_the_window_do_not_count),
	RUN(values_that_do_not_fit_their_record_are_refused),
	RUN(shares_of_an_integer_add_up),
	RUN(density_just_before_a_tick_decides),
	RUN(a_tick_right_behind_a_begin_stands_for_its_time),
	RUN(counts_are_cut_at_task_switches),
	RUN(counts_without_a_guest_have_a_reason),
	RUN(random_streams_conserve_every_count),
	RUN(times_and_exits_are_told_apart),
)
