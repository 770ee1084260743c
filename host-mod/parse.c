// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parameters: event names, periods and frequencies, and what is sensible.
 * What is refused is named, with its value and with what would be taken.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/perf_event.h>
#include <linux/string.h>

#include "host.h"

#define VH_PERIOD_MAX	1000000000000ULL
#define VH_FREQ_MAX	100000

/*
 * Default periods are prime, so that they do not keep step with loops; they
 * give some hundreds to some thousands of samples a second on busy CPUs.
 */
static const struct vh_event vh_known[] = {
#define HW(n, id, dflt, min) \
	{ .name = n, .type = PERF_TYPE_HARDWARE, .config = PERF_COUNT_HW_##id, \
	  .period = dflt, .min_period = min }
	HW("cycles",			CPU_CYCLES,		2000003, 10000),
	HW("instructions",		INSTRUCTIONS,		2000003, 10000),
	HW("ref-cycles",		REF_CPU_CYCLES,		2000003, 10000),
	HW("bus-cycles",		BUS_CYCLES,		200003, 1000),
	HW("branches",			BRANCH_INSTRUCTIONS,	400009, 1000),
	HW("branch-misses",		BRANCH_MISSES,		20011, 100),
	HW("cache-references",		CACHE_REFERENCES,	100003, 100),
	HW("cache-misses",		CACHE_MISSES,		20011, 100),
	HW("stalled-cycles-frontend",	STALLED_CYCLES_FRONTEND, 2000003, 10000),
	HW("stalled-cycles-backend",	STALLED_CYCLES_BACKEND,	2000003, 10000),
#undef HW
	/* Nanoseconds. perf itself has no shorter one than 10 us. */
	{ .name = "cpu-clock", .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_CPU_CLOCK,
	  .period = 1000003, .min_period = 10000 },
};

/**
 * vh_parse_u64() - a number given as a parameter
 * @param: the parameter's name, for the message
 * @text: what was given
 * @min: smallest that is taken
 * @max: largest that is taken
 * @val: result
 *
 * Return: 0, or -EINVAL with a message that says what would be taken.
 */
int vh_parse_u64(const char *param, const char *text, u64 min, u64 max, u64 *val)
{
	if (!kstrtoull(text, 0, val) && *val >= min && *val <= max)
		return 0;
	pr_err("%s=%.32s: must be a number from %llu to %llu\n", param, text, min, max);
	return -EINVAL;
}

static void vh_list_known(void)
{
	char list[256];
	size_t at = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vh_known); i++)
		at += scnprintf(list + at, sizeof(list) - at, " %s", vh_known[i].name);
	pr_err("events known here:%s\n", list);
}

static const struct vh_event *vh_find_known(const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vh_known); i++) {
		if (strlen(vh_known[i].name) == len && !memcmp(vh_known[i].name, name, len))
			return &vh_known[i];
	}
	return NULL;
}

/**
 * vh_parse_events() - the events of a list, with their default periods
 * @list: names, separated by commas
 * @events: filled in
 * @max: room in @events
 *
 * Return: how many, or -EINVAL with a message.
 */
int vh_parse_events(const char *list, struct vh_event *events, unsigned int max)
{
	unsigned int nr = 0, i;

	for (;;) {
		int len = strcspn(list, ",");
		const struct vh_event *known = vh_find_known(list, len);

		if (!known) {
			pr_err("event=%.*s: no such event\n", min(len, 64), list);
			vh_list_known();
			return -EINVAL;
		}
		for (i = 0; i < nr; i++) {
			if (!strcmp(events[i].name, known->name)) {
				pr_err("event=%s: named twice\n", known->name);
				return -EINVAL;
			}
		}
		if (nr == max) {
			pr_err("event=: more than %u events\n", max);
			return -EINVAL;
		}
		events[nr++] = *known;
		if (!list[len])
			return nr;
		list += len + 1;
	}
}

/**
 * vh_parse_rate() - how often an event shall overflow
 * @period: as given, or NULL
 * @freq: as given, or NULL
 * @event: its default period is replaced by what is given
 *
 * Return: 0, or -EINVAL with a message.
 */
int vh_parse_rate(const char *period, const char *freq, struct vh_event *event)
{
	u64 val;
	int ret;

	if (period && freq) {
		pr_err("period=%.32s and freq=%.32s: give one of them\n", period, freq);
		return -EINVAL;
	}
	if (period)
		return vh_parse_u64("period", period, event->min_period, VH_PERIOD_MAX,
				    &event->period);
	if (freq) {
		ret = vh_parse_u64("freq", freq, 1, VH_FREQ_MAX, &val);
		if (ret)
			return ret;
		event->freq = val;
		event->period = 0;
	}
	return 0;
}
