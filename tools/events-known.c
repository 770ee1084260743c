// SPDX-License-Identifier: GPL-2.0-only
/*
 * The names of events that need no PMU in front, as perf has them: see events.h.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"

static const struct known_event plain[] = {
#define HW(n, id) { n, PERF_TYPE_HARDWARE, PERF_COUNT_HW_##id }
	HW("cycles", CPU_CYCLES),
	HW("instructions", INSTRUCTIONS),
	HW("ref-cycles", REF_CPU_CYCLES),
	HW("bus-cycles", BUS_CYCLES),
	HW("branches", BRANCH_INSTRUCTIONS),
	HW("branch-misses", BRANCH_MISSES),
	HW("cache-references", CACHE_REFERENCES),
	HW("cache-misses", CACHE_MISSES),
	HW("stalled-cycles-frontend", STALLED_CYCLES_FRONTEND),
	HW("stalled-cycles-backend", STALLED_CYCLES_BACKEND),
#undef HW
	{ "cpu-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK },
};

/* A cache's name in front of an operation's, as perf combines them. */
#define OPS	3
#define READ	(1 << PERF_COUNT_HW_CACHE_OP_READ)
#define WRITE	(1 << PERF_COUNT_HW_CACHE_OP_WRITE)
#define FETCH	(1 << PERF_COUNT_HW_CACHE_OP_PREFETCH)

static const struct {
	const char *name;
	u32 id, ops;
} caches[] = {
	{ "L1-dcache", PERF_COUNT_HW_CACHE_L1D, READ | WRITE | FETCH },
	{ "L1-icache", PERF_COUNT_HW_CACHE_L1I, READ | FETCH },
	{ "LLC", PERF_COUNT_HW_CACHE_LL, READ | WRITE | FETCH },
	{ "dTLB", PERF_COUNT_HW_CACHE_DTLB, READ | WRITE | FETCH },
	{ "iTLB", PERF_COUNT_HW_CACHE_ITLB, READ },
	{ "branch", PERF_COUNT_HW_CACHE_BPU, READ },
	{ "node", PERF_COUNT_HW_CACHE_NODE, READ | WRITE | FETCH },
};

static const char *const cache_ops[OPS][2] = {
	{ "loads", "load-misses" },
	{ "stores", "store-misses" },
	{ "prefetches", "prefetch-misses" },
};

bool known_event(unsigned int i, struct known_event *e, char buf[48])
{
	unsigned int cache, op, miss;

	if (i < ARRAY_SIZE(plain)) {
		*e = plain[i];
		return true;
	}
	i -= ARRAY_SIZE(plain);
	for (cache = 0; cache < ARRAY_SIZE(caches); cache++) {
		for (op = 0; op < OPS; op++) {
			if (!(caches[cache].ops & 1 << op))
				continue;
			if (i >= 2) {
				i -= 2;
				continue;
			}
			miss = i;
			snprintf(buf, 48, "%s-%s", caches[cache].name, cache_ops[op][miss]);
			e->name = buf;
			e->type = PERF_TYPE_HW_CACHE;
			e->config = caches[cache].id | op << 8 | miss << 16;
			return true;
		}
	}
	return false;
}

bool raw_event(const char *name, u64 *config)
{
	char *end;

	if (*name != 'r' || !strchr("0123456789abcdefABCDEF", name[1]) || !name[1])
		return false;
	errno = 0;
	*config = strtoull(name + 1, &end, 16);
	return !*end && !errno && strlen(name) <= 17;
}

bool event_is_known(const char *name)
{
	struct known_event e;
	unsigned int i;
	char buf[48];
	u64 config;

	for (i = 0; known_event(i, &e, buf); i++)
		if (!strcmp(name, e.name))
			return true;
	return raw_event(name, &config);
}
