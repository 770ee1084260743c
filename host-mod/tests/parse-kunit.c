// SPDX-License-Identifier: GPL-2.0-only
/* parse.c: what people write is taken as it is meant, or refused by name. */
#include <linux/prandom.h>

#include "../parse.c"
#include "world.h"

static char text[2048];

static int parse(const char *list, struct vh_event *events, unsigned int max)
{
	vh_message_clear();
	memset(events, 0x55, max * sizeof(*events));
	strscpy(text, list, sizeof(text));
	return vh_parse_events(text, events, max);
}

static void events_known(struct kunit *test)
{
	struct vh_event e;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vh_known); i++) {
		KUNIT_ASSERT_EQ(test, parse(vh_known[i].name, &e, 1), 1);
		KUNIT_EXPECT_STREQ(test, e.name, vh_known[i].name);
		KUNIT_EXPECT_EQ(test, e.type, vh_known[i].type);
		KUNIT_EXPECT_EQ(test, e.config, vh_known[i].config);
		KUNIT_EXPECT_GE(test, e.period, e.min_period);
		KUNIT_EXPECT_FALSE(test, e.count || e.host || e.no_guest || e.own_rate);
		KUNIT_EXPECT_FALSE(test, e.exclude_user || e.exclude_kernel || e.freq);
	}
}

static const struct {
	const char	*list;
	struct vh_event	event;
} taken[] = {
	{ "cycles:u", { .name = "cycles:u", .period = 2000003, .exclude_kernel = true } },
	{ "cycles:k", { .name = "cycles:k", .period = 2000003, .exclude_user = true } },
	{ "cycles:uk", { .name = "cycles:uk", .period = 2000003 } },
	{ "cycles:H", { .name = "cycles:H", .period = 2000003, .host = true, .no_guest = true } },
	{ "cycles:GH", { .name = "cycles:GH", .period = 2000003, .host = true } },
	{ "cycles/period=10000/", { .name = "cycles", .period = 10000, .own_rate = true } },
	{ "cycles/period=1000000000000/",
	  { .name = "cycles", .period = 1000000000000, .own_rate = true } },
	{ "cycles/freq=1/u", { .name = "cycles:u", .freq = 1, .own_rate = true,
			       .exclude_kernel = true } },
	{ "cycles/freq=100000/:k", { .name = "cycles:k", .freq = 100000, .own_rate = true,
				     .exclude_user = true } },
	{ "cycles/count/", { .name = "cycles", .period = 2000003, .count = true } },
	{ "cycles/period=0x4000,config1=0xffffffffffffffff,config2=7/",
	  { .name = "cycles", .period = 0x4000, .own_rate = true, .config1 = U64_MAX,
	    .config2 = 7 } },
	{ "r1a8", { .name = "r1a8", .type = PERF_TYPE_RAW, .config = 0x1a8, .period = 100003 } },
	{ "rffffffffffffffff",
	  { .name = "rffffffffffffffff", .type = PERF_TYPE_RAW, .config = U64_MAX,
	    .period = 100003 } },
	{ "LLC-load-misses", { .name = "LLC-load-misses", .type = PERF_TYPE_HW_CACHE,
			       .config = 2 | 0 << 8 | 1 << 16, .period = 100003 } },
	{ "branch-loads", { .name = "branch-loads", .type = PERF_TYPE_HW_CACHE,
			    .config = 5, .period = 100003 } },
	{ "pmu/type=8,config=0x11,name=\"armv8/a,b:c=/\"/",
	  { .name = "armv8/a,b:c=/", .type = 8, .config = 0x11, .period = 100003 } },
	{ "pmu/type=0,config=0/", { .name = "pmu", .period = 100003 } },
	{ "cpu-clock/period=10000/", { .name = "cpu-clock", .type = PERF_TYPE_SOFTWARE,
				       .period = 10000, .own_rate = true } },
};

static void events_taken(struct kunit *test)
{
	struct vh_event e;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(taken); i++) {
		const struct vh_event *want = &taken[i].event;

		KUNIT_ASSERT_EQ_MSG(test, parse(taken[i].list, &e, 1), 1, "%s: %s",
				    taken[i].list, vh_message());
		KUNIT_EXPECT_STREQ(test, e.name, want->name);
		KUNIT_EXPECT_EQ_MSG(test, e.type, want->type, "%s", taken[i].list);
		KUNIT_EXPECT_EQ_MSG(test, e.config, want->config, "%s", taken[i].list);
		KUNIT_EXPECT_EQ_MSG(test, e.config1, want->config1, "%s", taken[i].list);
		KUNIT_EXPECT_EQ_MSG(test, e.config2, want->config2, "%s", taken[i].list);
		KUNIT_EXPECT_EQ_MSG(test, e.period, want->period, "%s", taken[i].list);
		KUNIT_EXPECT_EQ_MSG(test, e.freq, want->freq, "%s", taken[i].list);
		KUNIT_EXPECT_EQ_MSG(test, e.own_rate, want->own_rate, "%s", taken[i].list);
		KUNIT_EXPECT_EQ_MSG(test, e.count, want->count, "%s", taken[i].list);
		KUNIT_EXPECT_EQ_MSG(test, e.host, want->host, "%s", taken[i].list);
		KUNIT_EXPECT_EQ_MSG(test, e.no_guest, want->no_guest, "%s", taken[i].list);
		KUNIT_EXPECT_EQ_MSG(test, e.exclude_user, want->exclude_user, "%s", taken[i].list);
		KUNIT_EXPECT_EQ_MSG(test, e.exclude_kernel, want->exclude_kernel, "%s",
				    taken[i].list);
		KUNIT_EXPECT_STREQ(test, vh_message(), "");
	}
}

#define A62	"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgg"

/* What is refused, and words of the message that says so. */
static const struct {
	const char	*list;
	const char	*words;
	int		err;
} refused[] = {
	{ "", "event=: no such event", -EINVAL },
	{ "cycle", "event=cycle: no such event", -EINVAL },
	{ "Cycles", "no such event", -EINVAL },
	{ "r", "event=r: no such event", -EINVAL },
	{ "rxyz", "no such event", -EINVAL },
	{ "r10000000000000000", "no such event", -EINVAL },
	{ "LLC-loadz", "no such event", -EINVAL },
	{ "LLC-", "no such event", -EINVAL },
	{ "cycles,", "event=: no such event", -EINVAL },
	{ ",cycles", "event=: no such event", -EINVAL },
	{ "cycles,cycles", "named twice", -EINVAL },
	{ "cycles,r1,r2,r3,r4", "event=r4: more than 4 events", -EINVAL },
	{ "cycles:p", "precise", -EOPNOTSUPP },
	{ "cycles:upp", "precise", -EOPNOTSUPP },
	{ "cycles:", "modifiers are", -EINVAL },
	{ "cycles:x", "modifiers are", -EINVAL },
	{ "cycles:u:k", "modifiers are", -EINVAL },
	{ "cycles/period=1/", "period=1: must be a number from 10000", -EINVAL },
	{ "cycles/period=-1/", "period=-1", -EINVAL },
	{ "cycles/period=/", "period=: must", -EINVAL },
	{ "cycles/period=1000000000001/", "to 1000000000000", -EINVAL },
	{ "cycles/period=18446744073709551616/", "must be a number", -EINVAL },
	{ "cycles/freq=0/", "freq=0: must be a number from 1 to 100000", -EINVAL },
	{ "cycles/freq=100001/", "freq=100001", -EINVAL },
	{ "cycles/freq=7,period=20000/", "one period= or freq=", -EINVAL },
	{ "cycles/frob/", "term frob is not known", -EINVAL },
	{ "cycles/type=4/", "term type is not known", -EINVAL },
	{ "cycles/count=1/", "term count is not known", -EINVAL },
	{ "cycles/period=20000", "must end with a /", -EINVAL },
	{ "cycles/count,period=20000/", "no period and no freq", -EINVAL },
	{ "cycles/count/H", "counts are taken of guests", -EINVAL },
	{ "cpu-clock/count/u", "does not count by a guest's mode", -EINVAL },
	{ "cpu-clock/period=9999/", "from 10000", -EINVAL },
	{ "pmu", "needs its numbers", -EINVAL },
	{ "pmu/config=1/", "needs its numbers", -EINVAL },
	{ "pmu/type=4294967295,config=1/", "type=4294967295: must", -EINVAL },
	{ "pmu/type=1,name=/", "name= is empty or longer than 63", -EINVAL },
	{ "pmu/type=1,name=" A62 "hhh/", "name= is empty or longer than 63", -EINVAL },
	{ "pmu/type=1,name=" A62 "/u", "longer than 63 bytes", -EINVAL },
};

static void events_refused(struct kunit *test)
{
	struct vh_event e[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		KUNIT_EXPECT_EQ_MSG(test, parse(refused[i].list, e, ARRAY_SIZE(e)), refused[i].err,
				    "%s", refused[i].list);
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(vh_message(), refused[i].words),
					  "'%s' says: %s", refused[i].list, vh_message());
	}
}

static void events_several(struct kunit *test)
{
	struct vh_event e[VH_MAX_EVENTS];

	KUNIT_ASSERT_EQ(test, parse("cycles,pmu/type=1,config=2,name=a/:u,cycles/count/,r3", e,
				    VH_MAX_EVENTS), 4);
	KUNIT_EXPECT_STREQ(test, e[1].name, "a:u");
	KUNIT_EXPECT_TRUE(test, e[2].count);
	KUNIT_EXPECT_FALSE(test, e[0].count);
	KUNIT_EXPECT_EQ(test, e[3].config, 3ULL);
	/* As long as a name can be. */
	KUNIT_ASSERT_EQ(test, parse("pmu/type=1,name=" A62 "h/", e, 1), 1);
	KUNIT_EXPECT_EQ(test, strlen(e[0].name), (size_t)63);
}

/* Any bytes at all: an answer, and nothing written behind what there is. */
static void events_any_bytes(struct kunit *test)
{
	static const char some[] = "cycles/:,=\"ukGHp0123456789xr-LLC-loads pmu\t\x01\xff";
	struct vh_event e[3];
	struct rnd_state rnd;
	unsigned int i, k;
	char list[64];

	prandom_seed_state(&rnd, 1);
	e[2].period = 4711;
	for (i = 0; i < 50000; i++) {
		u32 len = prandom_u32_state(&rnd) % sizeof(list);

		for (k = 0; k < len; k++)
			list[k] = some[prandom_u32_state(&rnd) % (sizeof(some) - 1)];
		list[len] = '\0';
		if (parse(list, e, 2) > 2)
			KUNIT_FAIL(test, "%s", list);
		KUNIT_ASSERT_EQ(test, e[2].period, 4711ULL);
	}
}

static int filter(const char *what, struct vh_filter *f)
{
	vh_message_clear();
	strscpy(text, what, sizeof(text));
	return vh_parse_filter(text, f);
}

static void filters(struct kunit *test)
{
	static struct vh_filter f;

	KUNIT_EXPECT_EQ(test, filter("all", &f), 0);
	KUNIT_EXPECT_EQ(test, f.nr, 0U);
	KUNIT_EXPECT_EQ(test, filter("pid=1,comm=qemu*,pid=4194304,comm=abcdefghijklmno", &f), 0);
	KUNIT_ASSERT_EQ(test, f.nr, 4U);
	KUNIT_EXPECT_EQ(test, f.term[0].pid, 1U);
	KUNIT_EXPECT_STREQ(test, f.term[1].comm, "qemu*");
	KUNIT_EXPECT_EQ(test, f.term[1].pid, 0U);
	KUNIT_EXPECT_EQ(test, f.term[2].pid, 4194304U);
	KUNIT_EXPECT_STREQ(test, f.term[3].comm, "abcdefghijklmno");
}

static void filters_refused(struct kunit *test)
{
	static const char * const bad[] = {
		"", "pid=", "pid=0", "pid=x", "pid=4294967297", "comm=", "comm=abcdefghijklmnop",
		"name=x", "all,pid=1", "pid=1,", "pid=1,,comm=a",
		"pid=1,pid=2,pid=3,pid=4,pid=5,pid=6,pid=7,pid=8,pid=9,pid=10,pid=11,pid=12,pid=13,pid=14,pid=15,pid=16,pid=17",
	};
	static struct vh_filter f;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ_MSG(test, filter(bad[i], &f), -EINVAL, "%s", bad[i]);
		KUNIT_EXPECT_STRNEQ(test, vh_message(), "");
		KUNIT_EXPECT_LE(test, (size_t)f.nr, ARRAY_SIZE(f.term));
	}
}

static void numbers(struct kunit *test)
{
	u64 val;

	KUNIT_EXPECT_EQ(test, vh_parse_u64("n", "18446744073709551615", 0, U64_MAX, &val), 0);
	KUNIT_EXPECT_EQ(test, val, U64_MAX);
	KUNIT_EXPECT_EQ(test, vh_parse_u64("n", "0x10", 16, 16, &val), 0);
	KUNIT_EXPECT_EQ(test, vh_parse_u64("n", "15", 16, 16, &val), -EINVAL);
	KUNIT_EXPECT_STREQ(test, vh_message(), "n=15: must be a number from 16 to 16");
	KUNIT_EXPECT_EQ(test, vh_parse_u64("n", "", 0, U64_MAX, &val), -EINVAL);
	KUNIT_EXPECT_EQ(test, vh_parse_u64("n", "1 ", 0, U64_MAX, &val), -EINVAL);
	KUNIT_EXPECT_EQ(test, vh_parse_u64("n", "-1", 0, U64_MAX, &val), -EINVAL);
}

static struct kunit_case parse_cases[] = {
	KUNIT_CASE(events_known),
	KUNIT_CASE(events_taken),
	KUNIT_CASE(events_refused),
	KUNIT_CASE(events_several),
	KUNIT_CASE(events_any_bytes),
	KUNIT_CASE(filters),
	KUNIT_CASE(filters_refused),
	KUNIT_CASE(numbers),
	{ }
};

static struct kunit_suite parse_suite = {
	.name = "vmcoop_host_parse",
	.test_cases = parse_cases,
};

kunit_test_suite(parse_suite);
