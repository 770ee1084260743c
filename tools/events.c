// SPDX-License-Identifier: GPL-2.0-only
/*
 * From people's words for events to the host module's: see events.h.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "../common/abi.h"
#include "events.h"

#define NAME_MAX_BYTES	(sizeof(((struct vmcoop_host_event *)0)->name) - 1)

bool pmu_is_foreign(const struct pmu *pmu)
{
	return pmu->type == PERF_TYPE_TRACEPOINT || pmu->type == PERF_TYPE_BREAKPOINT ||
	       !strcmp(pmu->name, "kprobe") || !strcmp(pmu->name, "uprobe");
}

/* ---- One event ------------------------------------------------------------ */

/**
 * struct event_text - an event taken apart
 * @text: as the user wrote it
 * @head: before the first slash or colon
 * @body: between the slashes, NULL without
 * @mods: behind all that
 * @pmu: what @head names, if it is none of the known names
 * @config: what @body makes of it
 */
struct event_text {
	const char *text;
	char *head, *body, *mods;
	struct pmu pmu;
	struct pmu_config config;
	const char *name, *period, *freq;
	bool count;
};

#define refuse(e, fmt, ...) \
	fail(EXIT_BAD, "event '%s': " fmt, (e)->text, ##__VA_ARGS__)

/* "a, b, c", freed by the caller. */
static char *join_names(struct names n)
{
	char *list = xstrdup("");
	size_t i;

	for (i = 0; i < n.nr; i++) {
		char *longer = xasprintf("%s%s%s", list, i ? ", " : "", n.v[i]);

		free(list);
		list = longer;
	}
	names_free(&n);
	return list;
}

static bool parse_value(const char *text, u64 *v)
{
	char *end;

	errno = 0;
	*v = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

static int set_term(struct event_text *e, const char *term, u64 value)
{
	unsigned int bits = 0;
	char *terms;
	int status;

	switch (pmu_set(&e->pmu, term, value, &e->config, &bits)) {
	case PMU_SET_OK:
		return 0;
	case PMU_SET_TOO_LARGE:
		return refuse(e, "%s=%#llx is too large: it has %u bit%s", term, value, bits,
			      bits == 1 ? "" : "s");
	case PMU_SET_FORMAT:
		return refuse(e, "term '%s' cannot be had: its format in sysfs is none that vmcoop hands on",
			      term);
	case PMU_SET_UNKNOWN:
		break;
	}
	terms = join_names(pmu_terms(&e->pmu));
	status = refuse(e, "PMU %s has no event or term '%s'. Its terms: %s. 'vmcoop-dump list events' shows its events",
			e->pmu.name, term, *terms ? terms : "none");
	free(terms);
	return status;
}

/* "term=value" or "term", which is a value of 1. */
static int apply_term(struct event_text *e, const char *term, const char *value)
{
	u64 v = 1;

	if (value && !parse_value(value, &v))
		return refuse(e, "%s wants a number, not '%s'", term, value);
	return set_term(e, term, v);
}

/* True if @body gives @term a value itself. */
static bool has_term(const char *body, const char *term)
{
	size_t n = strlen(term);

	for (; body && *body; body = strchr(body, ',') ? strchr(body, ',') + 1 : NULL)
		if (!strncmp(body, term, n) && body[n] == '=')
			return true;
	return false;
}

/* The terms that sysfs gives for an event of the PMU. @text is taken apart. */
static int apply_alias(struct event_text *e, const char *body, char *text)
{
	char *term, *value;
	int status = 0;

	while (!status && (term = strsep(&text, ","))) {
		value = strchr(term, '=');
		if (value)
			*value++ = '\0';
		if (!value || strcmp(value, "?"))
			status = apply_term(e, term, value);
		else if (!has_term(body, term))
			status = refuse(e, "it wants a value: add %s=NUMBER", term);
	}
	return status;
}

static int apply_pmu_term(struct event_text *e, const char *body, const char *term,
			  const char *value)
{
	char *alias = value ? NULL : pmu_event(&e->pmu, term);
	struct pmu_config *c = &e->config;
	int status;

	if (!alias) {
		if (!value && raw_event(term, &c->config[0]))
			return 0;
		return apply_term(e, term, value);
	}
	status = apply_alias(e, body, alias);
	free(alias);
	return status;
}

/* Takes what is ours, and for a PMU its terms, from between the slashes. */
static int apply_body(struct event_text *e)
{
	char *copy = xstrdup(e->body), *rest = copy, *term;
	int status = 0;

	while (!status && (term = strsep(&rest, ","))) {
		const char *at = e->body + (term - copy);
		char *value = strchr(term, '=');

		if (value)
			*value++ = '\0';
		if (!*term)
			status = refuse(e, "a comma with nothing on one of its sides");
		else if (value && !strcmp(term, "name"))
			e->name = at + strlen("name=");
		else if (value && !strcmp(term, "period"))
			e->period = at + strlen("period=");
		else if (value && !strcmp(term, "freq"))
			e->freq = at + strlen("freq=");
		else if (!value && !strcmp(term, "count"))
			e->count = true;
		else if (!*e->pmu.name)
			status = refuse(e, "'%s' is none of period=N, freq=N, count", term);
		else
			status = apply_pmu_term(e, e->body, term, value);
	}
	free(copy);
	return status;
}

/* Appends "key=value", up to @value's end or comma. */
static void add_term(char **terms, const char *key, const char *value)
{
	char *longer = xasprintf("%s%s%s%.*s", *terms, **terms ? "," : "", key,
				 (int)(value ? strcspn(value, ",") : 0), value ?: "");

	free(*terms);
	*terms = longer;
}

/* How it samples or counts, in the module's words. */
static int rate_terms(struct event_text *e, const struct event_options *o, char **terms)
{
	char num[24];

	e->count |= o->count;
	if (e->count) {
		if (e->period || e->freq)
			return refuse(e, "an event that counts has neither period nor frequency");
		add_term(terms, "count", NULL);
		return 0;
	}
	if (e->period && e->freq)
		return refuse(e, "give a period or a frequency, not both");
	if (e->period) {
		add_term(terms, "period=", e->period);
	} else if (e->freq) {
		add_term(terms, "freq=", e->freq);
	} else if (o->period || o->freq) {
		snprintf(num, sizeof(num), "%llu", o->period ?: o->freq);
		add_term(terms, o->period ? "period=" : "freq=", num);
	}
	return 0;
}

/* The name to go by: what "name=" says, else the user's own words. The module adds e->mods. */
static int event_name(const struct event_text *e, char name[NAME_MAX_BYTES + 1])
{
	size_t mods = *e->mods ? strlen(e->mods) + 1 : 0;
	size_t len = e->name ? strcspn(e->name, ",/") : strlen(e->head);

	/* Up to the second slash where it has one. */
	if (!e->name && strchr(e->text, '/'))
		len = strrchr(e->text, '/') + 1 - e->text;
	if (!len || len + mods > NAME_MAX_BYTES)
		return refuse(e, "its name has %zu bytes, from 1 to %zu there may be: give it a shorter one with %s/...,name=NAME/",
			      len + mods, NAME_MAX_BYTES, e->pmu.name);
	snprintf(name, NAME_MAX_BYTES + 1, "%.*s", (int)len, e->name ?: e->text);
	return 0;
}

static int pmu_spec(struct event_text *e, const struct event_options *o, char **spec)
{
	char name[NAME_MAX_BYTES + 1], *terms;
	int i, status;

	if (pmu_is_foreign(&e->pmu))
		return refuse(e, "PMU %s counts nothing that guests do", e->pmu.name);
	if (e->pmu.shared)
		return refuse(e, "PMU %s counts for a whole package or machine: nobody can tell which vCPU it was",
			      e->pmu.name);
	status = apply_body(e) ?: event_name(e, name);
	if (status)
		return status;
	terms = xasprintf("type=%u,config=%#llx", e->pmu.type, e->config.config[0]);
	for (i = 1; i < 3; i++) {
		char num[24];

		snprintf(num, sizeof(num), "%#llx", e->config.config[i]);
		if (e->config.config[i])
			add_term(&terms, i == 1 ? "config1=" : "config2=", num);
	}
	status = rate_terms(e, o, &terms);
	if (!status)
		*spec = xasprintf("pmu/%s,name=\"%s\"/%s%s", terms, name, *e->mods ? ":" : "",
				  e->mods);
	free(terms);
	return status;
}

/* A name that the module knows, or may know: it refuses by name what it does not. */
static int named_spec(struct event_text *e, const struct event_options *o, char **spec)
{
	char *terms = xstrdup("");
	int status = e->body ? apply_body(e) : 0;

	if (!status && e->name)
		status = refuse(e, "a name of its own is for events of a PMU");
	if (!status)
		status = rate_terms(e, o, &terms);
	if (!status)
		*spec = xasprintf("%s%s%s%s%s%s", e->head, *terms ? "/" : "", terms,
				  *terms ? "/" : "", *e->mods ? ":" : "", e->mods);
	free(terms);
	return status;
}

/* An event's bare name: which PMUs have it? Sets e->pmu if it is one. */
static int find_in_pmus(struct event_text *e)
{
	struct names pmus = pmu_list(), having = { 0 };
	struct pmu pmu;
	char *alias, *list;
	int status = 0;
	size_t i;

	for (i = 0; i < pmus.nr; i++) {
		if (!pmu_find(pmus.v[i], &pmu))
			continue;
		alias = pmu_event(&pmu, e->head);
		if (!alias)
			continue;
		free(alias);
		names_add(&having, xasprintf("%s/%s/", pmu.name, e->head));
		e->pmu = pmu;
	}
	names_free(&pmus);
	if (having.nr > 1) {
		list = join_names(having);
		status = refuse(e, "more than one PMU has it: write one of %s", list);
		free(list);
		return status;
	}
	if (having.nr)
		e->body = xstrdup(e->head);
	names_free(&having);
	return 0;
}

static int no_pmu(struct event_text *e)
{
	char *pmus = join_names(pmu_list());
	int status = refuse(e, "this host has no PMU '%s'; it has %s", e->head,
			    *pmus ? pmus : "none");

	free(pmus);
	return status;
}

/* Takes e->text apart: head/body/mods, head:mods, or head. */
static int take_apart(struct event_text *e)
{
	const char *slash = strchr(e->text, '/'), *last = strrchr(e->text, '/');
	const char *p, *mods;

	for (p = e->text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f || *p == '"')
			return refuse(e, "control characters and quotes have no place in it");
	if (strpbrk(e->text, "{}"))
		return refuse(e, "leave out the braces: all events run together anyway");
	if (slash && slash == last)
		return refuse(e, "a second '/' is missing");
	mods = slash ? last + 1 : e->text + strcspn(e->text, ":");
	e->head = xstrndup(e->text, (slash ?: mods) - e->text);
	if (slash)
		e->body = xstrndup(slash + 1, last - slash - 1);
	e->mods = xstrdup(mods + (*mods == ':'));
	if (!*e->head)
		return refuse(e, "a name is missing");
	if (slash && !*e->body)
		return refuse(e, "nothing stands between the slashes");
	if (*mods == ':' && !*e->mods)
		return refuse(e, "a colon, but no modifier behind it");
	return 0;
}

static int resolve_one(const char *text, const struct event_options *o, char **spec)
{
	struct event_text e = { .text = text };
	int status = take_apart(&e);

	if (!status && !event_is_known(e.head)) {
		if (!e.body)
			status = find_in_pmus(&e);
		else if (!pmu_find(e.head, &e.pmu))
			status = no_pmu(&e);
	}
	if (!status)
		status = *e.pmu.name ? pmu_spec(&e, o, spec) : named_spec(&e, o, spec);
	free(e.head);
	free(e.body);
	free(e.mods);
	return status;
}

bool event_numbers(const struct pmu *pmu, const char *event, struct pmu_config *c)
{
	struct event_text e = { .text = event, .pmu = *pmu };
	char *alias = pmu_event(pmu, event);
	bool was_quiet = quiet, good;

	quiet = true;
	good = alias && !apply_alias(&e, NULL, alias);
	quiet = was_quiet;
	free(alias);
	*c = e.config;
	return good;
}

/* ---- A list --------------------------------------------------------------- */

/* Bytes up to the comma that ends an event: one that stands in no slashes. */
static size_t event_length(const char *list)
{
	bool inside = false;
	size_t n;

	for (n = 0; list[n] && (inside || list[n] != ','); n++)
		inside ^= list[n] == '/';
	return n;
}

int events_resolve(const char *list, const struct event_options *o, struct names *specs)
{
	int status = 0;

	for (;;) {
		size_t len = event_length(list);
		char *text = xstrndup(list, len), *spec = NULL;

		status = len ? resolve_one(text, o, &spec) :
			 fail(EXIT_BAD, "the list of events has an empty place");
		free(text);
		if (status)
			return status;
		names_add(specs, spec);
		if (!list[len])
			return 0;
		list += len + 1;
	}
}
