// SPDX-License-Identifier: GPL-2.0-only
/*
 * Choosing and reading samples: see view.h.
 */
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "view.h"

bool view_option(struct view *v, int opt, const char *arg, int *status)
{
	*status = 0;
	switch (opt) {
	case 'i':
		v->input = arg;
		return true;
	case VIEW_ROOT:
		*status = symbolizer_add_root(&v->sym, arg);
		return true;
	case VIEW_KALLSYMS:
		*status = symbolizer_add_kallsyms(&v->sym, arg);
		return true;
	case VIEW_SYMBOLS:
		*status = symbolizer_add_symbols(&v->sym, arg);
		return true;
	case VIEW_DEBUG_DIR:
		*status = debugstore_add(&v->sym.store, arg);
		return true;
	case VIEW_METHOD:
		*status = parse_method(arg, &v->method);
		return true;
	case VIEW_VM:
		v->vm = arg;
		return true;
	case VIEW_COMM:
		v->comm = arg;
		return true;
	case VIEW_PID:
		v->by_pid = true;
		*status = option_u64("pid", arg, 0, UINT32_MAX, &v->pid) ? 0 : EXIT_BAD;
		return true;
	case VIEW_EVENT:
		v->event = arg;
		return true;
	case VIEW_TIME:
		*status = parse_time_slice(arg, &v->time);
		return true;
	default:
		return false;
	}
}

/* ---- Reading --------------------------------------------------------------------- */

static bool event_wanted(const struct view *v, const struct joined *j)
{
	const struct session *s = &v->s;
	bool counted = j->method == METHOD_COUNTED;
	u32 i;

	if (j->method == METHOD_TICK)
		return true;
	if (v->event)
		return j->event < s->nr_events && !strcmp(s->events[j->event].name, v->event);
	if (!v->one_event)
		return true;
	for (i = 0; i < s->nr_events && s->events[i].counting != counted; i++)
		;
	return j->event == (i < s->nr_events ? i : 0);
}

static bool method_wanted(const struct view *v, enum join_method method)
{
	return method == v->method || (v->ticks_too && method == METHOD_TICK) ||
	       (v->counted_too && method == METHOD_COUNTED);
}

bool view_wants(struct view *v, const struct joined *j)
{
	if (!method_wanted(v, j->method))
		return false;
	if ((v->vm && !vm_is_called(j->vm, v->vm)) || (v->comm && strcmp(v->comm, j->comm)) ||
	    (v->by_pid && v->pid != j->pid) || !event_wanted(v, j) ||
	    !in_time_slice(&v->s, &v->time, j->time)) {
		v->left += j->method == v->method;
		return false;
	}
	if (j->method == v->method)
		v->shown += j->count;
	return true;
}

/* Each counting event of a row by itself. */
static void hand_counts(struct view *v, const struct joined *j)
{
	struct joined one = *j;
	u32 i;

	for (i = 0; i < j->nr_counts; i++) {
		const struct event *e = session_counter(&v->s, i);

		if (!e || !j->counts[i])
			continue;
		one.event = e - v->s.events;
		one.period = j->counts[i];
		if (view_wants(v, &one))
			v->sample(v->ctx, &one);
	}
}

static void on_sample(void *ctx, const struct joined *j)
{
	struct view *v = ctx;

	if (!method_wanted(v, j->method))
		return;
	if (j->method == METHOD_COUNTED)
		hand_counts(v, j);
	else if (view_wants(v, j))
		v->sample(v->ctx, j);
}

static int check_event(const struct view *v)
{
	u32 i;

	for (i = 0; v->event && i < v->s.nr_events; i++)
		if (!strcmp(v->s.events[i].name, v->event))
			return EXIT_OK;
	return v->event ? fail(EXIT_BAD, "the file has no event '%s'", v->event) : EXIT_OK;
}

static int check_vm(const struct view *v)
{
	size_t i;

	for (i = 0; v->vm && i < v->s.join.nr_vms; i++)
		if (vm_is_called(v->s.join.vms[i], v->vm))
			return EXIT_OK;
	return v->vm ? fail(EXIT_BAD, "the file has no VM '%s'", v->vm) : EXIT_OK;
}

static void on_record(void *ctx, const struct merge_rec *rec)
{
	struct view *v = ctx;

	v->record(v->ctx, rec);
}

int view_read(struct view *v)
{
	return session_read_records(&v->s, v->input ?: DATA_FILE, on_sample,
				    v->record ? on_record : NULL, v) ?:
	       check_event(v) ?: check_vm(v);
}

static void add_note(void *ctx, const char *text)
{
	session_note(ctx, "%s", text);
}

void view_notes(struct view *v)
{
	struct session *s = &v->s;
	char text[4096];
	size_t i;

	symbolizer_hints(&v->sym, add_note, s);
	if (!v->shown)
		session_note(s, "no sample of method %s%s%s", method_names[v->method],
			     v->left ? " that the options let through" : "",
			     v->method == METHOD_SAMPLED && !v->left && s->join.ticks ?
			     "; --method tick shows the guest's ticks" : "");
	for (i = 0; i < s->nr_notes; i++)
		warn("%s", escape(text, sizeof(text), s->notes[i]));
}

void view_free(struct view *v)
{
	session_free(&v->s);
	symbolizer_free(&v->sym);
}

/* ---- Figures --------------------------------------------------------------------- */

const char *event_title(const struct event *e)
{
	const char *name = *e->name ? e->name : "event", *title;
	char *counted;

	if (!e->counting)
		return name;
	counted = xasprintf("%s:counted", name);
	title = intern_str(counted);
	free(counted);
	return title;
}

const char *view_event(const struct view *v, const struct joined *j)
{
	if (j->method == METHOD_TICK)
		return "tick";
	return j->event < v->s.nr_events ? event_title(&v->s.events[j->event]) : "event";
}

u64 view_ns(const struct view *v, u64 stamps)
{
	return (unsigned __int128)stamps * 1000000 / v->s.clock_khz;
}

u64 view_value(const struct view *v, const struct joined *j)
{
	return j->method == METHOD_TICK ? view_ns(v, j->period) : j->period;
}
