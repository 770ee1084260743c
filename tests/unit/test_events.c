// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events: what people write becomes what the host module takes, by what sysfs
 * says, and what cannot be is refused.
 */
#include "../../tools/events.h"
#include "tap.h"
#include "tree.h"

#define DEV	"/sys/bus/event_source/devices/"

/* The CPU's PMU as on x86, one of arm64's, and some that are of no use. */
static void machine(void)
{
	tree_begin();
	tree_file(DEV "cpu/type", "4\n");
	tree_file(DEV "cpu/format/event", "config:0-7,32-35\n");
	tree_file(DEV "cpu/format/umask", "config:8-15\n");
	tree_file(DEV "cpu/format/inv", "config:23\n");
	tree_file(DEV "cpu/format/ldlat", "config1:0-15\n");
	tree_file(DEV "cpu/format/wide", "config2:0-63\n");
	tree_file(DEV "cpu/format/beyond", "config3:0-7\n");
	tree_file(DEV "cpu/format/odd", "config:8-\n");
	tree_file(DEV "cpu/format/back", "config:9-3\n");
	tree_file(DEV "cpu/format/huge", "config:0-64\n");
	tree_file(DEV "cpu/events/cache-misses", "event=0x2e,umask=0x41\n");
	tree_file(DEV "cpu/events/mem-loads", "event=0xcd,umask=0x1,ldlat=3\n");
	tree_file(DEV "cpu/events/asks", "event=0x1,umask=?\n");
	tree_file(DEV "cpu/events/mem-loads.scale", "1\n");
	tree_file(DEV "cpu/events/nonsense", "frob=1\n");
	tree_file(DEV "cpu/events/twice", "event=0x7\n");
	tree_file(DEV "armv8_pmuv3_0/type", "8\n");
	tree_file(DEV "armv8_pmuv3_0/format/event", "config:0-15\n");
	tree_file(DEV "armv8_pmuv3_0/events/cpu_cycles", "event=0x0011\n");
	tree_file(DEV "armv8_pmuv3_0/events/twice", "event=0x8\n");
	tree_file(DEV "power/type", "12\n");
	tree_file(DEV "power/cpumask", "0\n");
	tree_file(DEV "power/format/event", "config:0-7\n");
	tree_file(DEV "power/events/energy-pkg", "event=0x02\n");
	tree_file(DEV "tracepoint/type", "2\n");
	tree_file(DEV "broken/type", "many\n");
	tree_file("/sys/bus/event_source/secret/type", "1\n");
}

static const struct event_options none, counting = { .count = true };
static struct names specs;

/* The specification that one event becomes; "refused" if it is. */
static const char *spec_with(const char *list, const struct event_options *o)
{
	names_free(&specs);
	quiet = true;
	if (events_resolve(list, o, &specs))
		return "refused";
	return specs.nr == 1 ? specs.v[0] : "not one";
}

static const char *spec(const char *list)
{
	return spec_with(list, &none);
}

TEST(known_names_are_handed_on)
{
	machine();
	STREQ(spec("cycles"), "cycles");
	STREQ(spec("instructions:u"), "instructions:u");
	STREQ(spec("r1a8:k"), "r1a8:k");
	STREQ(spec("LLC-load-misses"), "LLC-load-misses");
	STREQ(spec("cycles/period=1000003/"), "cycles/period=1000003/");
	STREQ(spec("cycles/period=1000003/uH"), "cycles/period=1000003/:uH");
	STREQ(spec("cycles/freq=99/:u"), "cycles/freq=99/:u");
	STREQ(spec("cycles/count/"), "cycles/count/");
	/* The module says best what it does not know. */
	STREQ(spec("cycles:p"), "cycles:p");
	STREQ(spec("frobs"), "frobs");
}

TEST(named_events_become_numbers)
{
	machine();
	STREQ(spec("cpu/cache-misses/"), "pmu/type=4,config=0x412e,name=\"cpu/cache-misses/\"/");
	STREQ(spec("cpu/cache-misses/u"), "pmu/type=4,config=0x412e,name=\"cpu/cache-misses/\"/:u");
	STREQ(spec("cpu/event=0x2e,umask=0x41/:k"),
	      "pmu/type=4,config=0x412e,name=\"cpu/event=0x2e,umask=0x41/\"/:k");
	STREQ(spec("armv8_pmuv3_0/cpu_cycles/"),
	      "pmu/type=8,config=0x11,name=\"armv8_pmuv3_0/cpu_cycles/\"/");
	STREQ(spec("cpu/mem-loads/"), "pmu/type=4,config=0x1cd,config1=0x3,name=\"cpu/mem-loads/\"/");
	/* A later term has the last word. */
	STREQ(spec("cpu/mem-loads,ldlat=30/"),
	      "pmu/type=4,config=0x1cd,config1=0x1e,name=\"cpu/mem-loads,ldlat=30/\"/");
	STREQ(spec("cpu/asks,umask=5/"), "pmu/type=4,config=0x501,name=\"cpu/asks,umask=5/\"/");
	STREQ(spec("cpu/r1a8/"), "pmu/type=4,config=0x1a8,name=\"cpu/r1a8/\"/");
	STREQ(spec("cpu/config=10,config1=0x20/"),
	      "pmu/type=4,config=0xa,config1=0x20,name=\"cpu/config=10,config1=0x20/\"/");
	/* Without a PMU in front, if one alone has it. */
	STREQ(spec("cpu_cycles"), "pmu/type=8,config=0x11,name=\"cpu_cycles\"/");
	STREQ(spec("cpu_cycles:u"), "pmu/type=8,config=0x11,name=\"cpu_cycles\"/:u");
	STREQ(spec("twice"), "refused");
}

TEST(bits_go_where_the_format_says)
{
	machine();
	/* 12 bits: eight at 0, four at 32. */
	STREQ(spec("cpu/event=0xabc/"), "pmu/type=4,config=0xa000000bc,name=\"cpu/event=0xabc/\"/");
	STREQ(spec("cpu/event=0xfff/"), "pmu/type=4,config=0xf000000ff,name=\"cpu/event=0xfff/\"/");
	STREQ(spec("cpu/event=0x1000/"), "refused");
	STREQ(spec("cpu/inv/"), "pmu/type=4,config=0x800000,name=\"cpu/inv/\"/");
	STREQ(spec("cpu/inv=1/"), "pmu/type=4,config=0x800000,name=\"cpu/inv=1/\"/");
	STREQ(spec("cpu/inv=2/"), "refused");
	STREQ(spec("cpu/wide=0xffffffffffffffff/"),
	      "pmu/type=4,config=0,config2=0xffffffffffffffff,name=\"cpu/wide=0xffffffffffffffff/\"/");
	STREQ(spec("cpu/wide=0x10000000000000000/"), "refused");
	STREQ(spec("cpu/beyond=1/"), "refused");
	STREQ(spec("cpu/odd=1/"), "refused");
	STREQ(spec("cpu/back=1/"), "refused");
	STREQ(spec("cpu/huge=1/"), "refused");
}

TEST(rates_and_counting)
{
	static const struct event_options every = { .period = 1009 }, often = { .freq = 997 };

	machine();
	STREQ(spec_with("cycles", &every), "cycles/period=1009/");
	STREQ(spec_with("cycles:u", &often), "cycles/freq=997/:u");
	STREQ(spec_with("cycles/freq=5/", &every), "cycles/freq=5/");
	STREQ(spec_with("cycles/count/", &every), "cycles/count/");
	STREQ(spec_with("cpu/cache-misses/", &every),
	      "pmu/type=4,config=0x412e,period=1009,name=\"cpu/cache-misses/\"/");
	STREQ(spec_with("cpu/cache-misses,period=7/", &every),
	      "pmu/type=4,config=0x412e,period=7,name=\"cpu/cache-misses,period=7/\"/");
	STREQ(spec_with("instructions", &counting), "instructions/count/");
	STREQ(spec_with("instructions/count/", &counting), "instructions/count/");
	STREQ(spec_with("cpu/inv/", &counting), "pmu/type=4,config=0x800000,count,name=\"cpu/inv/\"/");
	STREQ(spec_with("cycles/period=7/", &counting), "refused");
	STREQ(spec("cycles/period=7,count/"), "refused");
	STREQ(spec("cycles/period=7,freq=8/"), "refused");
}

TEST(lists_are_cut_at_the_right_commas)
{
	machine();
	names_free(&specs);
	EQ(events_resolve("cycles,cpu/event=0x2e,umask=0x41/u,cpu/inv/,cpu-clock", &none, &specs), 0);
	EQ(specs.nr, 4);
	STREQ(specs.v[1], "pmu/type=4,config=0x412e,name=\"cpu/event=0x2e,umask=0x41/\"/:u");
	STREQ(specs.v[3], "cpu-clock");
	STREQ(spec("cycles,"), "refused");
	STREQ(spec(",cycles"), "refused");
	STREQ(spec(""), "refused");
	STREQ(spec("cycles,,cpu-clock"), "refused");
}

TEST(names_are_the_users_and_fit)
{
	machine();
	STREQ(spec("cpu/event=1,name=mine/"), "pmu/type=4,config=0x1,name=\"mine\"/");
	STREQ(spec("cpu/name=mine,event=1/u"), "pmu/type=4,config=0x1,name=\"mine\"/:u");
	STREQ(spec("cpu/event=1,name=/"), "refused");
	STREQ(spec("cycles/name=mine/"), "refused");
	/* 63 bytes are the most, modifiers included. */
	STREQ(spec("cpu/event=0x0000000000000000000000000000000000000000000000001/"),
	      "pmu/type=4,config=0x1,name=\"cpu/event=0x0000000000000000000000000000000000000000000000001/\"/");
	STREQ(spec("cpu/event=0x0000000000000000000000000000000000000000000000001/ukGH"), "refused");
	STREQ(spec("cpu/event=0x0000000000000000000000000000000000000000000000000001/"), "refused");
}

TEST(what_cannot_be_is_refused)
{
	machine();
	STREQ(spec("frob/event=1/"), "refused");
	STREQ(spec("cpu/frob=1/"), "refused");
	STREQ(spec("cpu/frob/"), "refused");
	STREQ(spec("cpu/nonsense/"), "refused");
	STREQ(spec("cpu/asks/"), "refused");
	STREQ(spec("cpu/event=/"), "refused");
	STREQ(spec("cpu/event=-1/"), "refused");
	STREQ(spec("cpu/event=1x/"), "refused");
	STREQ(spec("cpu/event=1,,umask=2/"), "refused");
	STREQ(spec("cpu//"), "refused");
	STREQ(spec("cpu/event=1"), "refused");
	STREQ(spec("/event=1/"), "refused");
	STREQ(spec("cycles:"), "refused");
	STREQ(spec("{cycles,instructions}"), "refused");
	STREQ(spec("broken/event=1/"), "refused");
	STREQ(spec("power/energy-pkg/"), "refused");
	STREQ(spec("tracepoint/config=1/"), "refused");
}

TEST(hostile_words_lead_nowhere)
{
	char line[4096];

	machine();
	STREQ(spec("cycles\nstop"), "refused");
	STREQ(spec("cycles\"/"), "refused");
	STREQ(spec("cpu/event=1,name=a\"b/"), "refused");
	STREQ(spec("cpu/event=1,name=\033[2J/"), "refused");
	/* Paths: of the PMU, of a term, of an event. */
	STREQ(spec("../secret/config=1/"), "refused");
	STREQ(spec("../config=1/"), "refused");
	STREQ(spec("./config=1/"), "refused");
	STREQ(spec("cpu/../"), "refused");
	STREQ(spec("cpu/.=1/"), "refused");
	STREQ(spec("cpu/../../secret/type/"), "refused");
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	memcpy(line, "cpu/", 4);
	line[sizeof(line) - 2] = '/';
	STREQ(spec(line), "refused");
}

TEST(what_sysfs_lists)
{
	struct pmu_config c;
	struct names n;
	struct pmu pmu;

	machine();
	CHECK(pmu_find("cpu", &pmu));
	n = pmu_events(&pmu);
	/* All but mem-loads.scale, sorted. */
	EQ(n.nr, 5);
	STREQ(n.v[1], "cache-misses");
	names_free(&n);
	CHECK(event_numbers(&pmu, "mem-loads", &c));
	EQ(c.config[0], 0x1cd);
	EQ(c.config[1], 3);
	CHECK(!event_numbers(&pmu, "asks", &c));
	CHECK(!event_numbers(&pmu, "nonsense", &c));
	CHECK(!event_numbers(&pmu, "none", &c));
	CHECK(!pmu_find("broken", &pmu));
	CHECK(pmu_find("power", &pmu));
	CHECK(pmu.shared);
}

TEST(known_names_are_perfs)
{
	struct known_event e;
	unsigned int i, nr = 0;
	char buf[48];

	for (i = 0; known_event(i, &e, buf); i++)
		nr += event_is_known(e.name);
	EQ(nr, i);
	/* 11 names; six caches' operations: 3 + 2 + 3 + 3 + 1 + 1 + 3, each with its misses. */
	EQ(nr, 11 + 2 * 16);
	CHECK(event_is_known("dTLB-store-misses"));
	CHECK(event_is_known("branch-load-misses"));
	CHECK(!event_is_known("iTLB-stores"));
	CHECK(!event_is_known("raw"));
	CHECK(!event_is_known("r"));
	CHECK(event_is_known("rdeadbeef"));
	names_free(&specs);
}

TESTS(
	RUN(known_names_are_handed_on),
	RUN(named_events_become_numbers),
	RUN(bits_go_where_the_format_says),
	RUN(rates_and_counting),
	RUN(lists_are_cut_at_the_right_commas),
	RUN(names_are_the_users_and_fit),
	RUN(what_cannot_be_is_refused),
	RUN(hostile_words_lead_nowhere),
	RUN(what_sysfs_lists),
	RUN(known_names_are_perfs)
)
