// SPDX-License-Identifier: GPL-2.0-only
/*
 * A report for people: what was measured and how far to trust it, then rows.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "output.h"
#include "report.h"
#include "term.h"

#define CELL	REPORT_CELL

/* ---- Head ------------------------------------------------------------------------ */

static void head_recording(const struct session *s, FILE *f)
{
	char host[CELL], release[CELL], command[2048], when[64] = "";
	time_t t = s->start_time;
	struct tm tm;

	if (t && localtime_r(&t, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S %z", &tm);
	fprintf(f, "# %s%s, Linux %s, %s\n", s->join.alone ? "guest:    " : "host:     ", escape(host, sizeof(host), s->hostname),
		escape(release, sizeof(release), s->release), s->arch);
	fprintf(f, "# recorded: %s, %.3f s, with '%s'\n", when, session_duration(s),
		escape(command, sizeof(command), s->command));
}

static void put_sampled(const struct event *e, FILE *f)
{
	if (e->period)
		fprintf(f, "period %llu", e->period);
	else
		fprintf(f, "%u samples a second and CPU", e->freq);
	if (e->counted)
		fprintf(f, ": %llu overflows, %llu of them in guests", e->overflows, e->in_guest);
	else
		fprintf(f, ": overflows not told, the file ends before");
}

/* Counts are never scaled: how much of the time they are of stands beside them. */
static void put_counted(const struct report *r, u32 index, FILE *f)
{
	const struct counts *c = &r->total;
	u32 i, at = 0;

	for (i = 0; i < index; i++)
		at += r->s.events[i].told && r->s.events[i].counting;
	if (at >= c->nr)
		fprintf(f, "counted nothing");
	else
		fprintf(f, "counted: %llu while vCPUs had a CPU, in %.2f %% of that time",
			c->value[at].count,
			c->enabled ? 100.0 * c->value[at].running / c->enabled : 0);
}

static void head_events(const struct report *r, FILE *f)
{
	const struct session *s = &r->s;
	char name[CELL];
	u32 i;

	for (i = 0; i < s->nr_events; i++) {
		const struct event *e = &s->events[i];

		if (!e->told)
			continue;
		fprintf(f, "# event:    %s, ", escape(name, sizeof(name), e->name));
		if (e->counting)
			put_counted(r, i, f);
		else
			put_sampled(e, f);
		if (s->nr_events > 1 && ((r->method == METHOD_SAMPLED && i == r->event) ||
					 (r->method == METHOD_COUNTED && i == r->counted_event)))
			fprintf(f, " (shown here)");
		fputc('\n', f);
	}
	if (!s->nr_events)
		fprintf(f, "# event:    none\n");
}

static void head_times(const struct session *s, const struct vm *vm, FILE *f);
static void head_clock(const struct session *s, const struct vm *vm, FILE *f);

static void head_vms(const struct session *s, FILE *f)
{
	char name[CELL], region[CELL], release[CELL];
	size_t i;

	for (i = 0; i < s->join.nr_vms; i++) {
		const struct vm *vm = s->join.vms[i];

		fprintf(f, "# VM:       %s, ", escape(name, sizeof(name), vm->name));
		if (!s->join.alone)
			fprintf(f, "pid %u, ", vm->pid);
		fprintf(f, "%u vCPUs, ", vm->nr_vcpus);
		if (*vm->region)
			fprintf(f, "region %s", escape(region, sizeof(region), vm->region));
		else
			fprintf(f, "no region");
		if (*vm->release)
			fprintf(f, ", says it runs Linux %s",
				escape(release, sizeof(release), vm->release));
		fputc('\n', f);
		head_times(s, vm, f);
		head_clock(s, vm, f);
	}
	if (!s->join.nr_vms)
		fprintf(f, "# VM:       none was seen\n");
}

static void head_records(const struct session *s, FILE *f)
{
	u64 read[2] = { 0 }, dropped[2] = { 0 };
	size_t i;

	for (i = 0; i < s->nr_rings; i++) {
		read[s->rings[i].guest] += s->rings[i].read;
		dropped[s->rings[i].guest] += s->rings[i].dropped;
	}
	fprintf(f, "# records:  host %llu read, %llu dropped; guests %llu read, %llu dropped (claimed)\n",
		read[0], dropped[0], read[1], dropped[1]);
}

static void put_reasons(const struct rows *rows, bool by_weight, FILE *f)
{
	const char *sep = ": ";
	int i;

	for (i = REASON_NONE + 1; i < NR_REASONS; i++) {
		u64 n = by_weight ? rows->period_by_reason[i] : rows->by_reason[i];

		if (!n)
			continue;
		if (by_weight)
			fprintf(f, "%s%s %.2f %%", sep, reason_names[i], 100.0 * n / rows->period);
		else
			fprintf(f, "%s%s %llu", sep, reason_names[i], n);
		sep = ", ";
	}
	fputc('\n', f);
}

static void head_method(const struct report *r, enum join_method m, FILE *f)
{
	static const char *const what[] = {
		[METHOD_SAMPLED] = "host samples",
		[METHOD_TICK] = "guest ticks",
		[METHOD_COUNTED] = "guest ticks with counts",
	};
	const struct rows *rows = &r->rows[m];

	if (!rows->samples && !rows->period && m != r->method)
		return;
	fprintf(f, "# %-9s %llu %s, %.2f %% of their weight attributed", method_names[m],
		rows->samples, what[m], rows->period ?
		100.0 * rows->period_by_reason[REASON_NONE] / rows->period : 0);
	put_reasons(rows, true, f);
}

static void head_samples(const struct report *r, FILE *f)
{
	const struct rows *rows = &r->rows[r->method];
	int m;

	fprintf(f, "# samples:  %llu %s, %llu attributed (%.2f %%), %llu not", rows->samples,
		r->method == METHOD_SAMPLED ? "host samples" : "guest ticks",
		rows->by_reason[REASON_NONE],
		rows->samples ? 100.0 * rows->by_reason[REASON_NONE] / rows->samples : 0,
		report_unattributed(rows));
	put_reasons(rows, false, f);
	if (r->s.join.outside)
		fprintf(f, "#           %llu host samples before or behind the window do not count\n",
			r->s.join.outside);
	for (m = 0; m < NR_METHODS; m++)
		head_method(r, m, f);
	fprintf(f, "# interval: 95 %%, of the share in this run, from how long the vCPUs stayed in a row\n");
}

/* ---- Where time went ---------------------------------------------------------------- */

static double seconds(const struct session *s, u64 ticks)
{
	return (double)ticks / s->clock_khz / 1000;
}

static double ticks_us(const struct session *s, u64 ticks)
{
	return 1000.0 * ticks / s->clock_khz;
}

/* Of all vCPUs of a VM. Handling contains polling, which is told apart. */
static void head_times(const struct session *s, const struct vm *vm, FILE *f)
{
	struct vm_times t = vm_times(s, vm);
	u64 exits = 0;
	size_t i;

	if (s->join.alone) {
		fprintf(f, "#   time:   not idle %.3f s, what the host took away included; idle %.3f s\n",
			seconds(s, t.ran), seconds(s, t.out[VMCOOP_OUT_BLOCKED]));
		return;
	}

	fprintf(f, "#   time:   had a CPU %.3f s", seconds(s, t.ran));
	if (t.told)
		fprintf(f, " (in the guest %.3f, handling exits %.3f, of it polling %.3f)",
			seconds(s, t.exits.guest), seconds(s, exits_handling(&t.exits)),
			t.exits.poll_ns / 1e9);
	fprintf(f, "; preempted %.3f s, halted %.3f s, in the VMM %.3f s\n",
		seconds(s, t.out[VMCOOP_OUT_PREEMPTED]), seconds(s, t.out[VMCOOP_OUT_BLOCKED]),
		seconds(s, t.out[VMCOOP_OUT_USER]));
	for (i = 0; i < VMCOOP_EXITS; i++)
		exits += t.exits.exit[i].count;
	if (exits)
		fprintf(f, "#   exits:  %llu:", exits);
	for (i = 0; i < VMCOOP_EXITS && exits; i++)
		if (t.exits.exit[i].count)
			fprintf(f, " %s %llu", vmcoop_exit_name(i), t.exits.exit[i].count);
	if (exits)
		fputc('\n', f);
}

/* A clock that was found by asking, beside the one that the host's records tell. */
static void head_clock(const struct session *s, const struct vm *vm, FILE *f)
{
	u64 by;

	if (!vm->exchanged)
		return;
	fprintf(f, "#   clock:  asked over the connection, to %.1f us", ticks_us(s, vm->clock_error));
	if (vm_clock_differs(&s->join, vm, &by))
		fprintf(f, "; the host's own record, which is used, lies %.1f us from it%s\n",
			ticks_us(s, by), by > vm->clock_error ? ": THE TWO DO NOT AGREE" : "");
	else
		fprintf(f, ", and used: the host has no record of it\n");
}

/* ---- Join quality ------------------------------------------------------------------ */

static void put_percent(FILE *f, double share)
{
	if (share < 0)
		fputs("       -", f);
	else
		fprintf(f, "%7.3f%%", 100 * share);
}

static void put_us(FILE *f, double us)
{
	if (us < 0)
		fputs("          -", f);
	else
		fprintf(f, "%11.1f", us);
}

static void head_join(const struct session *s, FILE *f)
{
	const struct quality *q = &s->join.quality;
	char why[160];
	enum verdict verdict = quality_verdict(q, why, sizeof(why));
	int i;

	if (s->join.alone) {
		fputs("# join:     none: the host's half is missing. Weights are the guest's time between ticks, in which the\n"
		      "#           host may have run something else; there are no events. 'vmcoop-dump join' joins the two\n", f);
		return;
	}
	fprintf(f, "# join:     %s: %s\n", verdict_names[verdict], why);
	fprintf(f, "#           %llu guest ticks judged, %llu not (vCPU's state not known then), %llu not (enough were), %llu clock steps\n",
		q->ticks, q->skipped, q->not_chosen, s->join.steps);
	if (!q->ticks)
		return;
	fprintf(f, "#           %-12s  inside runs  us since VM entry: median        p99        max\n",
		"clock");
	for (i = 0; i < NR_SHOWN; i++) {
		char label[32] = "as recorded";

		if (i != SHIFT_NONE)
			snprintf(label, sizeof(label), "%+lld us", quality_shift_us[i]);
		fprintf(f, "#           %-12s     ", label);
		put_percent(f, quality_inside(q, i));
		fputs("             ", f);
		put_us(f, quality_distance_us(q, i, 0.5));
		put_us(f, quality_distance_us(q, i, 0.99));
		put_us(f, quality_distance_us(q, i, 1));
		fputc('\n', f);
	}
}

/* ---- Rings -------------------------------------------------------------------------- */

static const char *ring_verdict(const struct ring_stats *r)
{
	if (*r->lost)
		return r->lost;
	if (!r->final)
		return "the file ends before";
	if (!r->exact)
		return "counters were not steady";
	return ring_balanced(r) ? "balanced" : "DOES NOT ADD UP";
}

static void head_rings(const struct session *s, FILE *f)
{
	char name[CELL];
	size_t i, silent = 0;

	fprintf(f, "# rings:    produced = consumed + dropped + overwritten + pending\n");
	for (i = 0; i < s->nr_rings; i++) {
		const struct ring_stats *r = &s->rings[i];

		if (!r->produced && !r->read && r->final && !*r->lost) {
			silent++;
			continue;
		}
		fprintf(f, "#   %-5s %-18s ", r->guest ? "guest" : "host",
			escape(name, sizeof(name), r->name));
		if (ring_told(r))
			fprintf(f, "%llu = %llu + %llu + %llu + %llu  ", r->produced, r->consumed,
				r->dropped, r->overwritten, r->pending);
		else
			fprintf(f, "%llu read, the rest is not known: ", r->read);
		fprintf(f, "%s%s\n", ring_verdict(r), r->guest ? " (claimed)" : "");
	}
	if (silent)
		fprintf(f, "#   and %zu rings without a record\n", silent);
}

static void head_notes(const struct session *s, FILE *f)
{
	char text[4096];
	size_t i;

	for (i = 0; i < s->nr_notes; i++)
		fprintf(f, "%s# note:     %s%s\n", term_style(TERM_YELLOW),
			escape(text, sizeof(text), s->notes[i]), term_style(TERM_PLAIN));
}

/* ---- Table --------------------------------------------------------------------------- */

/* Colours as perf's, so that eyes find what is much. */
static enum term_style style_of(const struct rows *rows, const struct row *row)
{
	double share = row_share(rows, row);

	return share >= 0.05 ? TERM_RED : share >= 0.005 ? TERM_GREEN : TERM_PLAIN;
}

/**
 * struct table - the shown columns
 * @fields: what they are
 * @nr: of them
 * @widths: of each
 * @cut: what the last column is cut to: on a terminal a line ends where that does;
 *	0: it is not
 * @cells: of the row under way
 */
struct table {
	u8 fields[NR_FIELDS];
	u32 nr;
	size_t widths[NR_FIELDS];
	size_t cut;
	char cells[NR_FIELDS][REPORT_CELL];
};

static size_t cut_of_last(const struct table *t)
{
	size_t width = term_width(), used = 1;
	u32 c;

	for (c = 0; c + 1 < t->nr; c++)
		used += 2 + t->widths[c];
	return used + 10 < width ? width - used - 2 : 0;
}

static void put_line(struct table *t, enum term_style style, FILE *f)
{
	struct line l;
	u32 c;

	if (t->cut)
		text_cut(t->cells[t->nr - 1], t->cut);
	l.n = 0;
	for (c = 0; c < t->nr; c++) {
		size_t width = text_width(t->cells[c]);
		size_t pad = t->widths[c] > width ? t->widths[c] - width : 0;
		bool right = report_field_right(t->fields[c]);
		bool styled = style != TERM_PLAIN && (style == TERM_BOLD || t->fields[c] == FIELD_SHARE);

		line_str(&l, "  ");
		if (right)
			line_pad(&l, pad);
		if (styled)
			line_str(&l, term_style(style));
		line_str(&l, t->cells[c]);
		if (styled)
			line_str(&l, term_style(TERM_PLAIN));
		if (c + 1 < t->nr && !right)
			line_pad(&l, pad);
	}
	line_str(&l, "\n");
	line_flush(&l, f);
}

static void make_cells(const struct report *r, const struct row *row, struct table *t)
{
	u32 c;

	for (c = 0; c < t->nr; c++)
		if (row)
			report_cell(r, r->method, row, t->fields[c], t->cells[c]);
		else
			snprintf(t->cells[c], sizeof(t->cells[c]), "%s",
				 report_field_title(t->fields[c]));
}

static void put_table(const struct report *r, FILE *f)
{
	const struct rows *rows = &r->rows[r->method];
	size_t n = report_limit(r, rows->nr), i;
	struct table *t = xcalloc(1, sizeof(*t));
	u32 c;

	t->nr = report_fields(r, r->method, t->fields);
	for (i = 0; i <= n; i++) {
		make_cells(r, i < n ? &rows->rows[i] : NULL, t);
		for (c = 0; c < t->nr; c++)
			t->widths[c] = max_u64(t->widths[c], text_width(t->cells[c]));
	}
	t->cut = cut_of_last(t);
	make_cells(r, NULL, t);
	fputc('#', f);
	put_line(t, TERM_BOLD, f);
	for (i = 0; i < n; i++) {
		make_cells(r, &rows->rows[i], t);
		fputc(' ', f);
		put_line(t, style_of(rows, &rows->rows[i]), f);
	}
	if (n < rows->nr)
		fprintf(f, "# and %zu rows more\n", rows->nr - n);
	free(t);
}

void report_text(const struct report *r, FILE *f)
{
	const struct session *s = &r->s;
	char file[1024];

	fprintf(f, "# file:     %s\n", escape(file, sizeof(file), r->file));
	head_recording(s, f);
	head_events(r, f);
	head_vms(s, f);
	head_records(s, f);
	head_samples(r, f);
	head_join(s, f);
	head_rings(s, f);
	head_notes(s, f);
	fputs("#\n", f);
	if (r->compare)
		report_compare(r, f);
	else
		put_table(r, f);
}
