// SPDX-License-Identifier: GPL-2.0-only
/*
 * A report for programs. Keys stay; new ones may come: vmcoop-dump-report(1)
 * describes them.
 */
#include "output.h"
#include "report.h"

static void put_events(struct json *j, const struct session *s)
{
	u32 i;

	json_open(j, "events", '[');
	for (i = 0; i < s->nr_events; i++) {
		const struct event *e = &s->events[i];

		if (!e->told)
			continue;
		json_open(j, NULL, '{');
		json_str(j, "name", e->name);
		json_bool(j, "counting", e->counting);
		json_u64(j, "period", e->period);
		json_u64(j, "freq", e->freq);
		json_count(j, "overflows", e->overflows, e->counted);
		json_count(j, "in_guest", e->in_guest, e->counted);
		json_close(j, '}');
	}
	json_close(j, ']');
}

/* Of a clock that was found by asking: its bound, and how far off the host's record has it. */
static void put_clock(struct json *j, const struct session *s, const struct vm *vm)
{
	double us = 1000.0 / s->clock_khz;
	u64 by = 0;
	bool known = vm_clock_differs(&s->join, vm, &by);

	json_open(j, "clock", '{');
	json_bool(j, "exchanged", vm->exchanged);
	json_num(j, "error_us", us * vm->clock_error, 3, vm->exchanged);
	json_num(j, "differs_us", us * by, 3, known);
	json_close(j, '}');
}

static void put_vms(struct json *j, const struct session *s)
{
	size_t i;

	json_open(j, "vms", '[');
	for (i = 0; i < s->join.nr_vms; i++) {
		const struct vm *vm = s->join.vms[i];

		json_open(j, NULL, '{');
		json_u64(j, "pid", vm->pid);
		json_str(j, "name", vm->name);
		json_str(j, "region", *vm->region ? vm->region : NULL);
		json_u64(j, "vcpus", vm->nr_vcpus);
		json_str(j, "release", *vm->release ? vm->release : NULL);
		json_u64(j, "samples", vm->samples);
		put_clock(j, s, vm);
		json_times(j, s, vm);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_rings(struct json *j, const struct session *s)
{
	size_t i;

	json_open(j, "rings", '[');
	for (i = 0; i < s->nr_rings; i++) {
		const struct ring_stats *r = &s->rings[i];

		json_open(j, NULL, '{');
		json_str(j, "name", r->name);
		json_str(j, "side", r->guest ? "guest" : "host");
		json_bool(j, "claimed", r->guest);
		json_bool(j, "final", ring_told(r));
		json_u64(j, "read", r->read);
		json_count(j, "produced", r->produced, ring_told(r));
		json_count(j, "consumed", r->consumed, r->final);
		json_count(j, "dropped", r->dropped, ring_told(r));
		json_count(j, "overwritten", r->overwritten, ring_told(r));
		json_count(j, "pending", r->pending, ring_told(r));
		json_count(j, "bad_bytes", r->bad_bytes, r->final);
		json_bool(j, "balanced", ring_balanced(r));
		json_str(j, "lost", *r->lost ? r->lost : NULL);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void put_distance(struct json *j, const struct quality *q, int shift)
{
	static const struct { const char *key; double share; } quantiles[] = {
		{ "median", 0.5 }, { "p99", 0.99 }, { "max", 1 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(quantiles); i++) {
		double us = quality_distance_us(q, shift, quantiles[i].share);

		json_num(j, quantiles[i].key, us, 2, us >= 0);
	}
}

static void put_join(struct json *j, const struct session *s)
{
	const struct quality *q = &s->join.quality;
	char why[160];
	enum verdict verdict = quality_verdict(q, why, sizeof(why));
	double inside = quality_inside(q, SHIFT_NONE);
	int i;

	json_open(j, "join", '{');
	json_u64(j, "ticks", q->ticks);
	json_u64(j, "not_judged", q->skipped);
	json_u64(j, "not_chosen", q->not_chosen);
	json_num(j, "inside", inside, 6, inside >= 0);
	json_open(j, "shifted", '[');
	for (i = SHIFT_NONE + 1; i < NR_SHOWN; i++) {
		inside = quality_inside(q, i);
		json_open(j, NULL, '{');
		json_s64(j, "shift_us", quality_shift_us[i]);
		json_num(j, "inside", inside, 6, inside >= 0);
		put_distance(j, q, i);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_open(j, "entry_distance_us", '{');
	put_distance(j, q, SHIFT_NONE);
	json_close(j, '}');
	json_str(j, "verdict", verdict_names[verdict]);
	json_str(j, "why", why);
	json_u64(j, "clock_steps", s->join.steps);
	json_u64(j, "late", s->merge.late);
	json_u64(j, "untimed", s->merge.untimed);
	json_close(j, '}');
}

static void put_samples(struct json *j, const struct report *r)
{
	const struct rows *rows = &r->rows[r->method];
	int i;

	json_open(j, "samples", '{');
	json_u64(j, "total", rows->samples);
	json_u64(j, "attributed", rows->by_reason[REASON_NONE]);
	json_open(j, "unattributed", '[');
	for (i = REASON_NONE + 1; i < NR_REASONS; i++) {
		if (!rows->by_reason[i] && !rows->period_by_reason[i])
			continue;
		json_open(j, NULL, '{');
		json_str(j, "reason", reason_names[i]);
		json_u64(j, "samples", rows->by_reason[i]);
		json_num(j, "share", rows->period ?
			 (double)rows->period_by_reason[i] / rows->period : 0, 6, true);
		json_close(j, '}');
	}
	json_close(j, ']');
	json_u64(j, "outside_window", r->s.join.outside);
	json_close(j, '}');
}

static void put_key(struct json *j, const struct rows *rows, enum sort_key key, u64 v)
{
	json_count(j, sort_key_names[key], v, rows->keys & 1U << key);
}

static void put_row_counts(struct json *j, const struct report *r, const struct row *row)
{
	const struct rows *rows = &r->rows[r->method];
	double ipc = report_ipc(r, r->method, row), mpki = report_mpki(r, r->method, row);
	u32 i;

	json_open(j, "counts", '[');
	for (i = 0; i < rows->nr_counts; i++)
		json_u64(j, NULL, row_counted(rows, row, i));
	json_close(j, ']');
	json_num(j, "ipc", ipc, 4, ipc >= 0);
	json_num(j, "mpki", mpki, 4, mpki >= 0);
}

/* What tells a row apart, but for the symbol. */
void json_row_keys(struct json *j, const struct rows *rows, const struct row *row)
{
	json_str(j, "vm", row->vm ? row->vm->name : NULL);
	put_key(j, rows, KEY_VCPU, row->vcpu);
	put_key(j, rows, KEY_PCPU, row->pcpu);
	json_str(j, "comm", row->comm);
	put_key(j, rows, KEY_PID, row->pid);
	put_key(j, rows, KEY_TID, row->tid);
	json_str(j, "cgroup", row->cgroup);
	json_str(j, "mode", rows->keys & 1U << KEY_MODE ? mode_letter(row->mode) : NULL);
	json_str(j, "dso", row->dso);
	json_str(j, "path", row->path);
	json_str(j, "build_id", row->build_id);
}

static void put_row(struct json *j, const struct report *r, const struct row *row)
{
	const struct rows *rows = &r->rows[r->method];
	double process = row_process_share(rows, row);
	struct interval iv = row_interval(rows, row);
	char buf[64];

	json_open(j, NULL, '{');
	json_row_keys(j, rows, row);
	json_str(j, "sym", rows->keys & 1U << KEY_SYM || row->reason ?
		 row_symbol(row, buf, sizeof(buf)) : NULL);
	json_bool(j, "attributed", row->reason == REASON_NONE);
	json_num(j, "share", row_share(rows, row), 6, true);
	json_num(j, "low", iv.low, 6, iv.n > 0);
	json_num(j, "high", iv.high, 6, iv.n > 0);
	json_num(j, "effective_n", iv.n, 1, iv.n > 0);
	json_num(j, "process_share", process, 6, process >= 0);
	json_u64(j, "samples", row->sums.samples);
	json_u64(j, "period", row->sums.period);
	if (rows->nr_counts)
		put_row_counts(j, r, row);
	json_str(j, "method", method_names[r->method]);
	json_close(j, '}');
}

void report_json(const struct report *r, FILE *f)
{
	const struct session *s = &r->s;
	const struct rows *rows = &r->rows[r->method];
	struct json j = { .f = f };
	size_t i;

	json_open(&j, NULL, '{');
	json_str(&j, "file", r->file);
	json_bool(&j, "guest_only", s->join.alone);
	json_str(&j, "hostname", s->hostname);
	json_str(&j, "release", s->release);
	json_str(&j, "arch", s->arch);
	json_str(&j, "command", s->command);
	json_u64(&j, "start_time", s->start_time);
	json_num(&j, "duration_s", session_duration(s), 6, true);
	json_str(&j, "method", method_names[r->method]);
	put_events(&j, s);
	put_vms(&j, s);
	put_rings(&j, s);
	put_join(&j, s);
	put_samples(&j, r);
	json_open(&j, "rows", '[');
	for (i = 0; i < report_limit(r, rows->nr); i++)
		put_row(&j, r, &rows->rows[i]);
	json_close(&j, ']');
	if (r->compare)
		report_compare_json(r, &j);
	json_notes(&j, s);
	json_close(&j, '}');
}
