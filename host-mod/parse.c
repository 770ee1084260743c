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

/* Take the modifiers behind an event's colon, as perf writes them. */
static int vh_parse_modifiers(const char *text, size_t len, struct vh_event *event)
{
	bool user = false, kernel = false;
	size_t i;

	for (i = 0; i < len; i++) {
		user |= text[i] == 'u';
		kernel |= text[i] == 'k';
		if (text[i] != 'u' && text[i] != 'k') {
			pr_err("event=%s: modifier '%c' is not known; u (user mode) and k (kernel mode) are\n",
			       event->name, text[i]);
			return -EINVAL;
		}
	}
	if (!user && !kernel) {
		pr_err("event=%s: a colon, but no modifier behind it\n", event->name);
		return -EINVAL;
	}
	if (event->type == PERF_TYPE_SOFTWARE) {
		pr_err("event=%s: a software event does not know a guest's mode: leave out the modifiers\n",
		       event->name);
		return -EINVAL;
	}
	event->exclude_user = !user;
	event->exclude_kernel = !kernel;
	return 0;
}

/* One event of the list: a known name, perhaps with modifiers. */
static int vh_parse_event(const char *text, size_t len, struct vh_event *event)
{
	const char *colon = memchr(text, ':', len);
	size_t name_len = colon ? colon - text : len;
	const struct vh_event *known = vh_find_known(text, name_len);

	if (!known || len >= sizeof(event->name)) {
		pr_err("event=%.*s: no such event\n", (int)min_t(size_t, len, 64), text);
		vh_list_known();
		return -EINVAL;
	}
	*event = *known;
	memcpy(event->name, text, len);
	event->name[len] = '\0';
	return colon ? vh_parse_modifiers(colon + 1, len - name_len - 1, event) : 0;
}

/**
 * vh_parse_events() - the events of a list, with their default periods
 * @list: names as perf writes them (cycles, instructions:u), separated by commas
 * @events: filled in
 * @max: room in @events
 *
 * Return: how many, or -EINVAL with a message.
 */
int vh_parse_events(const char *list, struct vh_event *events, unsigned int max)
{
	unsigned int nr = 0, i;

	for (;;) {
		size_t len = strcspn(list, ",");

		if (nr == max) {
			pr_err("event=: more than %u events\n", max);
			return -EINVAL;
		}
		if (vh_parse_event(list, len, &events[nr]))
			return -EINVAL;
		for (i = 0; i < nr; i++) {
			if (!strcmp(events[i].name, events[nr].name)) {
				pr_err("event=%s: named twice\n", events[nr].name);
				return -EINVAL;
			}
		}
		nr++;
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
