// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rows' intervals: programs of known shape are sampled in equal distances, and
 * the true shares have to lie in the intervals as often as these claim.
 */
#include "../../tools/rows.h"
#include "tap.h"

#define FUNCTIONS	6
#define SAMPLES		2000
#define RUNS		120

static u64 state = 1;

static double uniform(void)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return ((state >> 12) + 0.5) / (1ULL << 52);
}

static void add(struct rows *r, struct vcpu *v, u32 function, u64 period)
{
	struct joined j = {
		.method = METHOD_SAMPLED, .vcpu = v, .vm = v->vm, .comm = "", .period = period,
		.count = 1, .mode = VMCOOP_MODE_KERNEL, .ip = function, .who = 1,
	};
	struct place p = { .dso = "d", .addr = function, .id = 1 + 2 * function, .near = function };

	rows_add(r, &j, &p);
}

/* Functions of weights 1, 2, 3, ... follow each other at random. */
static u32 next_function(void)
{
	u32 all = FUNCTIONS * (FUNCTIONS + 1) / 2, f;
	double at = uniform() * all;

	for (f = 0; at > f + 1; f++)
		at -= f + 1;
	return f;
}

/* Runs until SAMPLES are taken, functions dwelling @dwell sample distances on average. */
static void run_once(struct rows *r, double dwell, bool fixed, double *truth, bool uneven)
{
	struct vcpu v = { .vm = NULL };
	double t = 0, next = uniform();
	u32 taken = 0, f;

	for (f = 0; f < FUNCTIONS; f++)
		truth[f] = 0;
	while (taken < SAMPLES) {
		double len = fixed ? dwell : -dwell * __builtin_log(uniform());

		f = next_function();
		if (t + len > SAMPLES)
			len = SAMPLES - t;
		truth[f] += len / SAMPLES;
		for (; taken < SAMPLES && next < t + len; next++, taken++)
			add(r, &v, f, uneven ? 500 + taken % 1001 : 1000);
		t += len;
		if (t >= SAMPLES)
			break;
	}
}

static double coverage(double dwell, bool fixed, bool uneven)
{
	double truth[FUNCTIONS];
	u32 run, good = 0, all = 0;
	size_t i;

	for (run = 0; run < RUNS; run++) {
		struct rows r = { .keys = parse_sort_keys("sym") };

		run_once(&r, dwell, fixed, truth, uneven);
		rows_finish(&r);
		for (i = 0; i < r.nr; i++) {
			struct interval iv = row_interval(&r, &r.rows[i]);
			double t = truth[r.rows[i].addr];

			good += t >= iv.low && t <= iv.high;
			all++;
		}
		rows_free(&r);
	}
	return (double)good / all;
}

TEST(intervals_hold_what_they_claim)
{
	static const double dwells[] = { 0.01, 0.1, 0.5, 1.7, 5, 20, 100 };
	size_t i;
	int k;

	for (i = 0; i < sizeof(dwells) / sizeof(dwells[0]); i++) {
		/* Fixed dwell times far above the distance beat with it. */
		for (k = 0; k < (dwells[i] < 1 ? 2 : 1); k++) {
			double c = coverage(dwells[i], k, false);

			printf("# dwell %g%s: %.3f\n", dwells[i], k ? " fixed" : "", c);
			CHECK(c >= 0.9 && c <= 0.995);
		}
	}
}

TEST(uneven_weights_count_for_fewer_samples)
{
	double c = coverage(0.1, false, true);

	printf("# uneven: %.3f\n", c);
	CHECK(c >= 0.9 && c <= 0.995);
}

TEST(shares_of_nothing_and_everything)
{
	struct rows r = { .keys = parse_sort_keys("sym") };
	struct vcpu v = { .vm = NULL };
	struct interval iv;
	int i;

	for (i = 0; i < 100; i++)
		add(&r, &v, 1, 1000);
	rows_finish(&r);
	iv = row_interval(&r, &r.rows[0]);
	CHECK(iv.high >= 1 - 1e-9 && iv.low > 0.95 && iv.low < 1);
	NEAR(iv.n, 100, 0.001);
	rows_free(&r);
}

TESTS(
	RUN(intervals_hold_what_they_claim),
	RUN(uneven_weights_count_for_fewer_samples),
	RUN(shares_of_nothing_and_everything),
)
