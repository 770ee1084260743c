// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump list events: what record -e and --count take on this host.
 */
#include <stdlib.h>

#include "commands.h"
#include "offer.h"
#include "output.h"
#include "term.h"

/**
 * struct show - how the list is shown
 * @absent: names left out, since this machine does not have them
 */
struct show {
	bool as_json;
	struct json json;
	unsigned int absent;
};

static void show_offer(struct show *s, const char *pmu, const char *event, const struct offer *o)
{
	char name[512];

	if (s->as_json) {
		json_open(&s->json, NULL, '{');
		json_str(&s->json, "event", event);
		json_str(&s->json, "pmu", pmu);
		json_bool(&s->json, "sample", o->sample);
		json_bool(&s->json, "count", o->count);
		json_bool(&s->json, "guest_only", o->guest_only);
		json_str(&s->json, "why_not", o->why);
		json_close(&s->json, '}');
		return;
	}
	if (o->absent) {
		s->absent++;
		return;
	}
	printf("%s  %-38s %s%s\n", o->count ? "" : term_style(TERM_DIM),
	       escape(name, sizeof(name), event),
	       o->why ?: o->guest_only ? "samples and counts, guests only" :
	       o->sample ? "samples and counts" : "counts",
	       o->count ? "" : term_style(TERM_PLAIN));
}

static void heading(const struct show *s, const char *text, const char *name)
{
	char safe[512];

	if (!s->as_json)
		printf("%s%s%s%s\n", term_style(TERM_BOLD), text,
		       escape(safe, sizeof(safe), name), term_style(TERM_PLAIN));
}

static void show_known(struct show *s)
{
	struct known_event e;
	unsigned int i;
	char buf[48];

	heading(s, "Names that perf has too", "");
	for (i = 0; known_event(i, &e, buf); i++) {
		struct pmu_config c = { { e.config } };
		struct offer o = offer_event(e.type, &c);

		show_offer(s, NULL, e.name, &o);
	}
	if (s->absent)
		printf("  (%u more are not on this machine)\n", s->absent);
}

static void show_terms(const struct show *s, const struct pmu *pmu)
{
	struct names n = pmu_terms(pmu);
	char safe[512];
	size_t i;

	if (!s->as_json && n.nr) {
		printf("  terms:");
		for (i = 0; i < n.nr; i++)
			printf(" %s", escape(safe, sizeof(safe), n.v[i]));
		printf("\n");
	}
	names_free(&n);
}

static void show_pmu(struct show *s, const struct pmu *pmu)
{
	struct names n = pmu_events(pmu);
	size_t i;

	heading(s, "PMU ", pmu->name);
	for (i = 0; i < n.nr; i++) {
		char *name = xasprintf("%s/%s/", pmu->name, n.v[i]);
		struct offer o = { .why = "wants a value: see its terms" };
		struct pmu_config c;

		if (event_numbers(pmu, n.v[i], &c))
			o = offer_event(pmu->type, &c);
		show_offer(s, pmu->name, name, &o);
		free(name);
	}
	show_terms(s, pmu);
	names_free(&n);
}

int list_events(bool as_json)
{
	struct show s = { .as_json = as_json, .json.f = stdout };
	struct names pmus = pmu_list();
	size_t i;

	if (as_json)
		json_open(&s.json, NULL, '[');
	else
		term_pager();
	show_known(&s);
	for (i = 0; i < pmus.nr; i++) {
		struct pmu pmu;

		/* Those of packages and of the kernel's own tell nothing of vCPUs. */
		if (pmu_find(pmus.v[i], &pmu) && !pmu.shared && !pmu_is_foreign(&pmu) &&
		    pmu.type != 1)
			show_pmu(&s, &pmu);
	}
	names_free(&pmus);
	if (as_json)
		json_close(&s.json, ']');
	else
		printf("Any number of the CPU's own: rHEX. Behind a name :u guests' user mode, :k their\n"
		       "kernel, :H the VMM on the host; NAME/period=N/, NAME/freq=N/, NAME/count/.\n");
	return EXIT_OK;
}
