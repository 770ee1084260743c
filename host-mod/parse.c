// SPDX-License-Identifier: GPL-2.0-only
/*
 * What people write: numbers, events with their terms and modifiers, filters.
 * What is refused is named, with its value and with what would be taken.
 *
 * An event is NAME[/TERM[,TERM...]/][:MODIFIERS], or NAME/TERMS/MODIFIERS as
 * perf writes it. Names that only sysfs knows are resolved by the tool, which
 * then says pmu/type=N,config=N,name="..."/ here.
 */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/perf_event.h>
#include <linux/string.h>
#include <linux/threads.h>

#include "host.h"

#define VH_PERIOD_MAX	1000000000000ULL
#define VH_FREQ_MAX	100000
#define VH_TYPE_UNSET	U32_MAX

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

/* What a raw, numeric or cache event begins with. */
static const struct vh_event vh_other = { .period = 100003, .min_period = 100 };

/* Generic cache events: CACHE-OPs or CACHE-OP-misses, numbered as perf does. */
static const char * const vh_caches[] = {
	[PERF_COUNT_HW_CACHE_L1D]	= "L1-dcache",
	[PERF_COUNT_HW_CACHE_L1I]	= "L1-icache",
	[PERF_COUNT_HW_CACHE_LL]	= "LLC",
	[PERF_COUNT_HW_CACHE_DTLB]	= "dTLB",
	[PERF_COUNT_HW_CACHE_ITLB]	= "iTLB",
	[PERF_COUNT_HW_CACHE_BPU]	= "branch",
	[PERF_COUNT_HW_CACHE_NODE]	= "node",
};

static const struct {
	const char	*name;
	unsigned int	op, result;
} vh_cache_ops[] = {
#define OP(n, op, result) \
	{ n, PERF_COUNT_HW_CACHE_OP_##op, PERF_COUNT_HW_CACHE_RESULT_##result }
	OP("loads",		READ,		ACCESS),
	OP("load-misses",	READ,		MISS),
	OP("stores",		WRITE,		ACCESS),
	OP("store-misses",	WRITE,		MISS),
	OP("prefetches",	PREFETCH,	ACCESS),
	OP("prefetch-misses",	PREFETCH,	MISS),
#undef OP
};

/**
 * vh_parse_u64() - a number given as a setting
 * @param: the setting's name, for the message
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
	vh_err("%s=%.32s: must be a number from %llu to %llu", param, text, min, max);
	return -EINVAL;
}

/* ---- Names --------------------------------------------------------------- */

static void vh_list_known(const char *name)
{
	char list[sizeof_field(struct vmcoop_host_message, text)];
	size_t at = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vh_known); i++)
		at += scnprintf(list + at, sizeof(list) - at, " %s", vh_known[i].name);
	vh_err("event=%.64s: no such event; known here:%s, CACHE-loads and the like, rHEX, pmu/type=,config=/",
	       name, list);
}

static bool vh_name_cache(const char *name, struct vh_event *event)
{
	unsigned int c, op;

	for (c = 0; c < ARRAY_SIZE(vh_caches); c++) {
		size_t len = strlen(vh_caches[c]);

		if (strncmp(name, vh_caches[c], len) || name[len] != '-')
			continue;
		for (op = 0; op < ARRAY_SIZE(vh_cache_ops); op++) {
			if (strcmp(name + len + 1, vh_cache_ops[op].name))
				continue;
			event->type = PERF_TYPE_HW_CACHE;
			event->config = c | vh_cache_ops[op].op << 8 |
					vh_cache_ops[op].result << 16;
			return true;
		}
	}
	return false;
}

/* rHEX: the number that the PMU itself takes. */
static bool vh_name_raw(const char *name, struct vh_event *event)
{
	if (name[0] != 'r' || !isxdigit(name[1]) || kstrtoull(name + 1, 16, &event->config))
		return false;
	event->type = PERF_TYPE_RAW;
	return true;
}

static int vh_name(const char *name, struct vh_event *event)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vh_known); i++) {
		if (!strcmp(vh_known[i].name, name)) {
			*event = vh_known[i];
			return 0;
		}
	}
	*event = vh_other;
	strscpy(event->name, name, sizeof(event->name));
	if (!strcmp(name, "pmu")) {
		event->type = VH_TYPE_UNSET;	/* a term must tell */
		return 0;
	}
	if (vh_name_cache(name, event) || vh_name_raw(name, event))
		return 0;
	vh_list_known(name);
	return -EINVAL;
}

/* ---- Terms --------------------------------------------------------------- */

/**
 * vh_parse_period() - events between two samples
 * @text: as given
 * @event: whose least period holds, and that gets it
 *
 * Return: 0, or -EINVAL with a message.
 */
int vh_parse_period(const char *text, struct vh_event *event)
{
	event->freq = 0;
	return vh_parse_u64("period", text, event->min_period, VH_PERIOD_MAX, &event->period);
}

/**
 * vh_parse_freq() - samples a second and CPU
 * @text: as given
 * @event: gets it
 *
 * Return: 0, or -EINVAL with a message.
 */
int vh_parse_freq(const char *text, struct vh_event *event)
{
	u64 val;
	int ret = vh_parse_u64("freq", text, 1, VH_FREQ_MAX, &val);

	if (ret)
		return ret;
	event->freq = val;
	event->period = 0;
	return 0;
}

static int vh_term_rate(const char *key, const char *value, struct vh_event *event)
{
	if (event->own_rate) {
		vh_err("event=%s: give one period= or freq=", event->name);
		return -EINVAL;
	}
	event->own_rate = true;
	return *key == 'p' ? vh_parse_period(value, event) : vh_parse_freq(value, event);
}

static int vh_term_name(const char *value, struct vh_event *event)
{
	if (strscpy(event->name, value, sizeof(event->name)) > 0)
		return 0;
	vh_err("event=%s: its name= is empty or longer than %zu bytes", event->name,
	       sizeof(event->name) - 1);
	return -EINVAL;
}

static int vh_term_type(const char *value, struct vh_event *event)
{
	u64 val;
	int ret = vh_parse_u64("type", value, 0, VH_TYPE_UNSET - 1, &val);

	event->type = val;
	return ret;
}

/* @numeric: the event is given by its numbers alone. */
static int vh_term(const char *key, const char *value, bool numeric, struct vh_event *event)
{
	if (!value && !strcmp(key, "count")) {
		event->count = true;
		return 0;
	}
	if (value && (!strcmp(key, "period") || !strcmp(key, "freq")))
		return vh_term_rate(key, value, event);
	if (value && !strcmp(key, "config1"))
		return vh_parse_u64(key, value, 0, U64_MAX, &event->config1);
	if (value && !strcmp(key, "config2"))
		return vh_parse_u64(key, value, 0, U64_MAX, &event->config2);
	if (value && numeric && !strcmp(key, "config"))
		return vh_parse_u64(key, value, 0, U64_MAX, &event->config);
	if (value && numeric && !strcmp(key, "type"))
		return vh_term_type(value, event);
	if (value && numeric && !strcmp(key, "name"))
		return vh_term_name(value, event);
	vh_err("event=%s: term %.32s is not known; count, period=, freq=, config1=, config2= are, with pmu also type=, config=, name=",
	       event->name, key);
	return -EINVAL;
}

/* Bytes before the first of @stop that stands in no quotes. */
static size_t vh_span(const char *text, const char *stop)
{
	bool quoted = false;
	size_t n;

	for (n = 0; text[n] && (quoted || !strchr(stop, text[n])); n++)
		quoted ^= text[n] == '"';
	return n;
}

static char *vh_unquote(char *value)
{
	size_t len = strlen(value);

	if (len < 2 || value[0] != '"' || value[len - 1] != '"')
		return value;
	value[len - 1] = '\0';
	return value + 1;
}

static int vh_terms(char *terms, bool numeric, struct vh_event *event)
{
	while (*terms) {
		size_t len = vh_span(terms, ",");
		bool more = terms[len];
		char *value;
		int ret;

		terms[len] = '\0';
		value = strchr(terms, '=');
		if (value)
			*value++ = '\0';
		ret = vh_term(terms, value ? vh_unquote(value) : NULL, numeric, event);
		if (ret)
			return ret;
		terms += more ? len + 1 : len;
	}
	return 0;
}

/* ---- Modifiers ----------------------------------------------------------- */

static int vh_modifiers(const char *mods, struct vh_event *event)
{
	bool user = strchr(mods, 'u'), kernel = strchr(mods, 'k');
	size_t ok = strspn(mods, "ukGH"), len = strlen(event->name);

	if (mods[ok] == 'p') {
		vh_err("event=%s:%.16s: no precise sampling (p) of guests: the CPU would write such samples into memory that only the host has mapped; leave out the p",
		       event->name, mods);
		return -EOPNOTSUPP;
	}
	if (mods[ok] || !ok) {
		vh_err("event=%s:%.16s: modifiers are u (user mode), k (kernel mode), G (guests), H (VMMs' threads on the host)",
		       event->name, mods);
		return -EINVAL;
	}
	event->exclude_user = kernel && !user;
	event->exclude_kernel = user && !kernel;
	event->host = strchr(mods, 'H');
	event->no_guest = event->host && !strchr(mods, 'G');
	if (len + 1 + ok >= sizeof(event->name)) {
		vh_err("event=%s:%.16s: its name is longer than %zu bytes", event->name, mods,
		       sizeof(event->name) - 1);
		return -EINVAL;
	}
	event->name[len] = ':';
	strscpy(event->name + len + 1, mods, sizeof(event->name) - len - 1);
	return 0;
}

/* ---- Events -------------------------------------------------------------- */

/* What fits an event's nature: known when all of its text has been read. */
static int vh_check_event(const struct vh_event *event)
{
	if (event->type == VH_TYPE_UNSET) {
		vh_err("event=pmu: needs its numbers: pmu/type=N,config=N/");
		return -EINVAL;
	}
	if (event->count && event->own_rate) {
		vh_err("event=%s: a counting event has no period and no freq", event->name);
		return -EINVAL;
	}
	if (event->count && event->host) {
		vh_err("event=%s: counts are taken of guests: leave out the H", event->name);
		return -EINVAL;
	}
	if (event->count && event->type == PERF_TYPE_SOFTWARE &&
	    (event->exclude_user || event->exclude_kernel)) {
		vh_err("event=%s: a software event does not count by a guest's mode: leave out u and k",
		       event->name);
		return -EINVAL;
	}
	return 0;
}

/* One event, which is cut in place. */
static int vh_parse_event(char *text, struct vh_event *event)
{
	size_t len = vh_span(text, "/:");
	char *terms = NULL, *mods = NULL;
	int ret;

	if (text[len] == ':') {
		mods = text + len + 1;
	} else if (text[len] == '/') {
		terms = text + len + 1;
		mods = terms + vh_span(terms, "/");
		if (!*mods) {
			vh_err("event=%.64s: its terms must end with a /", text);
			return -EINVAL;
		}
		*mods++ = '\0';
		mods += *mods == ':';
		if (!*mods)
			mods = NULL;
	}
	text[len] = '\0';
	ret = vh_name(text, event);
	if (!ret && terms)
		ret = vh_terms(terms, !strcmp(text, "pmu"), event);
	if (!ret && mods)
		ret = vh_modifiers(mods, event);
	return ret ? ret : vh_check_event(event);
}

/* Bytes before the comma that ends an event: one that stands in no terms. */
static size_t vh_event_len(const char *list)
{
	size_t len = vh_span(list, "/,");

	if (list[len] == '/') {
		len += 1 + vh_span(list + len + 1, "/");
		len += vh_span(list + len, ",");
	}
	return len;
}

/**
 * vh_parse_events() - the events of a list, with their default periods
 * @list: events separated by commas; is cut in place
 * @events: filled in
 * @max: room in @events
 *
 * Return: how many, or an error with a message.
 */
int vh_parse_events(char *list, struct vh_event *events, unsigned int max)
{
	unsigned int nr = 0, i;
	bool more;
	int ret;

	do {
		size_t len = vh_event_len(list);

		more = list[len];
		list[len] = '\0';
		if (nr == max) {
			vh_err("event=%.64s: more than %u events", list, max);
			return -EINVAL;
		}
		ret = vh_parse_event(list, &events[nr]);
		if (ret)
			return ret;
		for (i = 0; i < nr; i++) {
			if (!strcmp(events[i].name, events[nr].name) &&
			    events[i].count == events[nr].count) {
				vh_err("event=%s: named twice", events[nr].name);
				return -EINVAL;
			}
		}
		nr++;
		list += len + 1;
	} while (more);
	return nr;
}

/* ---- Filter -------------------------------------------------------------- */

/**
 * vh_parse_filter() - which VMs to look at
 * @text: "all", or pid=N and comm=GLOB separated by commas; is cut in place
 * @filter: filled in
 *
 * Return: 0, or -EINVAL with a message.
 */
int vh_parse_filter(char *text, struct vh_filter *filter)
{
	char *term;
	u64 pid;

	*filter = (struct vh_filter){ 0 };
	if (!strcmp(text, "all"))
		return 0;
	while ((term = strsep(&text, ","))) {
		struct vh_filter_term *t = &filter->term[filter->nr];

		if (filter->nr == ARRAY_SIZE(filter->term)) {
			vh_err("vms=: more than %zu terms", ARRAY_SIZE(filter->term));
			return -EINVAL;
		}
		if (str_has_prefix(term, "pid=")) {
			if (vh_parse_u64("pid", term + 4, 1, PID_MAX_LIMIT, &pid))
				return -EINVAL;
			t->pid = pid;
		} else if (!str_has_prefix(term, "comm=") ||
			   strscpy(t->comm, term + 5, sizeof(t->comm)) <= 0) {
			vh_err("vms=%.64s: must be all, pid=N or comm=NAME (at most %zu bytes, * and ? for any)",
			       term, sizeof(t->comm) - 1);
			return -EINVAL;
		}
		filter->nr++;
	}
	return 0;
}
