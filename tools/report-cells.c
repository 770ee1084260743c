// SPDX-License-Identifier: GPL-2.0-only
/*
 * The columns of a report's rows: their names, and what stands in them for people.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "report.h"

/**
 * struct cell - one to be filled
 * @r: the report
 * @method: whose rows
 * @row: the row
 * @out: REPORT_CELL bytes
 */
struct cell {
	const struct report *r;
	enum join_method method;
	const struct row *row;
	char *out;
};

static void put_number(char *out, u64 v)
{
	char digits[24], *p = digits + sizeof(digits);

	*--p = '\0';
	do
		*--p = '0' + v % 10;
	while (v /= 10);
	memcpy(out, p, digits + sizeof(digits) - p);
}

/* 100 * @v rounded as printf() does: by its exact value. */
static u64 hundredths(double v)
{
	double n = 100 * v, rest = fma(100, v, -n);

	if (n - floor(n) != 0.5 || !rest)
		return llrint(n);
	return floor(n) + (rest > 0);
}

/* As "%.2f" and @behind, for numbers that are neither negative nor large. */
static char *put_hundredths(char *out, double v, const char *behind)
{
	u64 n = hundredths(v);
	char digits[24], *p = digits + sizeof(digits);

	do {
		*--p = '0' + n % 10;
		n /= 10;
		if (p == digits + sizeof(digits) - 2)
			*--p = '.';
	} while (n || p > digits + sizeof(digits) - 4);
	memcpy(out, p, digits + sizeof(digits) - p);
	return stpcpy(out + (digits + sizeof(digits) - p), behind);
}

static void cell_share(const struct cell *c)
{
	put_hundredths(c->out, 100 * row_share(&c->r->rows[c->method], c->row), "%");
}

static void cell_interval(const struct cell *c)
{
	struct interval iv = row_interval(&c->r->rows[c->method], c->row);

	put_hundredths(put_hundredths(c->out, 100 * iv.low, "-"), 100 * iv.high, "%");
}

static u64 counted(const struct report *r, enum join_method m, const struct row *row, int i)
{
	return i < 0 ? 0 : row_counted(&r->rows[m], row, i);
}

double report_ipc(const struct report *r, enum join_method m, const struct row *row)
{
	const struct metrics *x = &r->metrics;

	return metrics_ipc(x, counted(r, m, row, x->instructions), counted(r, m, row, x->cycles));
}

double report_mpki(const struct report *r, enum join_method m, const struct row *row)
{
	const struct metrics *x = &r->metrics;

	return metrics_mpki(x, counted(r, m, row, x->misses), counted(r, m, row, x->instructions));
}

static void put_ratio(char *out, double v)
{
	if (v < 0)
		memcpy(out, "-", 2);
	else
		sprintf(out, "%.2f", v);
}

static void cell_ipc(const struct cell *c)
{
	put_ratio(c->out, report_ipc(c->r, c->method, c->row));
}

static void cell_mpki(const struct cell *c)
{
	put_ratio(c->out, report_mpki(c->r, c->method, c->row));
}

static void cell_count(const struct cell *c)
{
	sprintf(c->out, "%llu", c->row->sums.period);
}

static void cell_process(const struct cell *c)
{
	double share = row_process_share(&c->r->rows[c->method], c->row);

	if (share < 0)
		memcpy(c->out, "-", 2);
	else
		put_hundredths(c->out, 100 * share, "%");
}

static void cell_samples(const struct cell *c)
{
	put_number(c->out, c->row->sums.samples);
}

static void cell_method(const struct cell *c)
{
	snprintf(c->out, REPORT_CELL, "%s", method_names[c->method]);
}

static void cell_vm(const struct cell *c)
{
	escape(c->out, REPORT_CELL, c->row->vm->name);
}

static void cell_vcpu(const struct cell *c)
{
	sprintf(c->out, "%u", c->row->vcpu);
}

static void cell_pcpu(const struct cell *c)
{
	sprintf(c->out, "%u", c->row->pcpu);
}

static void cell_comm(const struct cell *c)
{
	escape(c->out, REPORT_CELL, *c->row->comm ? c->row->comm : "-");
}

static void cell_pid(const struct cell *c)
{
	put_number(c->out, c->row->pid);
}

static void cell_tid(const struct cell *c)
{
	put_number(c->out, c->row->tid);
}

static void cell_cgroup(const struct cell *c)
{
	escape(c->out, REPORT_CELL, *c->row->cgroup ? c->row->cgroup : "-");
}

static void cell_mode(const struct cell *c)
{
	sprintf(c->out, "[%s]", mode_letter(c->row->mode));
}

static void cell_dso(const struct cell *c)
{
	size_t n;

	escape(c->out, REPORT_CELL - 32, c->row->dso && *c->row->dso ? c->row->dso : "-");
	n = strlen(c->out);
	/* What it takes to look for its symbols; the JSON report has all of it. */
	if (c->row->build_id && !c->row->symbol)
		snprintf(c->out + n, REPORT_CELL - n, " [%.12s]", c->row->build_id);
}

static void cell_sym(const struct cell *c)
{
	char buf[64];

	escape(c->out, REPORT_CELL, row_symbol(c->row, buf, sizeof(buf)));
}

/* ---- Columns -------------------------------------------------------------------------- */

#define K(key)	(1U << KEY_##key)
#define COUNTED	(1U << NR_KEYS)	/* with counts only */

/**
 * struct column - how a column of the table is made
 * @name: for -F
 * @title: above it
 * @key: of --sort that it needs, 0: none
 * @right: aligned so
 * @cell: prints a row's
 */
static const struct column {
	const char *name, *title;
	u32 key;
	bool right;
	void (*cell)(const struct cell *c);
} columns[NR_FIELDS] = {
	[FIELD_SHARE] = { "share", "Share", 0, true, cell_share },
	[FIELD_INTERVAL] = { "interval", "95% interval", 0, true, cell_interval },
	[FIELD_PROCESS] = { "process", "Process", K(PID), true, cell_process },
	[FIELD_SAMPLES] = { "samples", "Samples", 0, true, cell_samples },
	[FIELD_EVENTS] = { "events", "Events", COUNTED, true, cell_count },
	[FIELD_IPC] = { "ipc", "IPC", COUNTED, true, cell_ipc },
	[FIELD_MPKI] = { "mpki", "MPKI", COUNTED, true, cell_mpki },
	[FIELD_METHOD] = { "method", "Method", 0, false, cell_method },
	[FIELD_VM] = { "vm", "VM", K(VM), false, cell_vm },
	[FIELD_VCPU] = { "vcpu", "vCPU", K(VCPU), true, cell_vcpu },
	[FIELD_PCPU] = { "pcpu", "pCPU", K(PCPU), true, cell_pcpu },
	[FIELD_COMM] = { "comm", "Command", K(COMM), false, cell_comm },
	[FIELD_PID] = { "pid", "PID", K(PID), true, cell_pid },
	[FIELD_TID] = { "tid", "TID", K(TID), true, cell_tid },
	[FIELD_CGROUP] = { "cgroup", "Cgroup", K(CGROUP), false, cell_cgroup },
	[FIELD_MODE] = { "mode", "Mode", K(MODE), false, cell_mode },
	[FIELD_DSO] = { "dso", "Object", K(DSO), false, cell_dso },
	/* Without symbols it tells why a row is not attributed. */
	[FIELD_SYM] = { "sym", "Symbol", 0, false, cell_sym },
};

int report_parse_fields(struct report *r, const char *list)
{
	u32 i;

	r->nr_fields = 0;
	while (*list) {
		size_t n = strcspn(list, ",");

		for (i = 0; i < NR_FIELDS; i++)
			if (strlen(columns[i].name) == n && !memcmp(columns[i].name, list, n))
				break;
		if (i == NR_FIELDS)
			return fail(EXIT_BAD, "no field '%.*s'; known are share, interval, process, samples, events, ipc, mpki, method, vm, vcpu, pcpu, comm, pid, tid, cgroup, mode, dso, sym",
				    (int)n, list);
		if (r->nr_fields == NR_FIELDS)
			return fail(EXIT_BAD, "--fields names more than %d", NR_FIELDS);
		r->fields[r->nr_fields++] = i;
		list += n + !!list[n];
	}
	return r->nr_fields ? 0 : fail(EXIT_BAD, "--fields wants names of columns");
}

int report_check_fields(const struct report *r, u32 keys)
{
	u32 i;

	for (i = 0; i < r->nr_fields; i++) {
		const struct column *c = &columns[r->fields[i]];

		if (c->key && c->key != COUNTED && !(keys & c->key))
			return fail(EXIT_BAD, "field %s: rows are not told apart by it: name it to --sort, too",
				    c->name);
	}
	return 0;
}

u32 report_fields(const struct report *r, enum join_method m, u8 fields[NR_FIELDS])
{
	const struct rows *rows = &r->rows[m];
	u32 i, n = 0;

	memcpy(fields, r->fields, r->nr_fields);
	if (r->nr_fields)
		return r->nr_fields;
	for (i = 0; i < NR_FIELDS; i++) {
		u32 key = columns[i].key;

		if (!key || rows->keys & key || (key == COUNTED && rows->nr_counts))
			fields[n++] = i;
	}
	return n;
}

const char *report_field_name(u8 field)
{
	return columns[field].name;
}

const char *report_field_title(u8 field)
{
	return columns[field].title;
}

bool report_field_right(u8 field)
{
	return columns[field].right;
}

void report_cell(const struct report *r, enum join_method m, const struct row *row, u8 field,
		 char out[REPORT_CELL])
{
	struct cell c = { r, m, row, out };

	*out = '\0';
	if (field != FIELD_SYM || r->rows[m].keys & K(SYM) || row->reason)
		columns[field].cell(&c);
}
