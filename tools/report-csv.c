// SPDX-License-Identifier: GPL-2.0-only
/*
 * A report's rows as comma-separated values (RFC 4180).
 *
 * Whatever a guest calls itself, a spreadsheet takes no cell for a formula: text that
 * could be one has an apostrophe before it.
 */
#include <string.h>

#include "output.h"
#include "report.h"

static void put_text(FILE *f, const char *s)
{
	char text[4 * REPORT_CELL];

	escape(text, sizeof(text), s ?: "");
	fputc('"', f);
	if (strchr("=+-@", *text) && *text)
		fputc('\'', f);
	for (s = text; *s; s++) {
		if (*s == '"')
			fputc('"', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

/* Empty where it is not known. */
static void put_ratio(FILE *f, double v)
{
	if (v >= 0)
		fprintf(f, "%.6f", v);
}

static void put_figure(const struct report *r, const struct row *row, u8 field, FILE *f)
{
	const struct rows *rows = &r->rows[r->method];
	struct interval iv;

	switch (field) {
	case FIELD_SHARE:
		put_ratio(f, row_share(rows, row));
		break;
	case FIELD_INTERVAL:
		iv = row_interval(rows, row);
		fprintf(f, "%.6f,%.6f", iv.low, iv.high);
		break;
	case FIELD_PROCESS:
		put_ratio(f, row_process_share(rows, row));
		break;
	case FIELD_SAMPLES:
		fprintf(f, "%llu", row->sums.samples);
		break;
	case FIELD_EVENTS:
		fprintf(f, "%llu", row->sums.period);
		break;
	case FIELD_IPC:
		put_ratio(f, report_ipc(r, r->method, row));
		break;
	default:
		put_ratio(f, report_mpki(r, r->method, row));
	}
}

static void put_key(const struct report *r, const struct row *row, u8 field, FILE *f)
{
	char buf[64];

	switch (field) {
	case FIELD_METHOD:
		fputs(method_names[r->method], f);
		break;
	case FIELD_VM:
		put_text(f, row->vm->name);
		break;
	case FIELD_VCPU:
		fprintf(f, "%u", row->vcpu);
		break;
	case FIELD_PCPU:
		fprintf(f, "%u", row->pcpu);
		break;
	case FIELD_COMM:
		put_text(f, row->comm);
		break;
	case FIELD_PID:
		fprintf(f, "%u", row->pid);
		break;
	case FIELD_TID:
		fprintf(f, "%u", row->tid);
		break;
	case FIELD_CGROUP:
		put_text(f, row->cgroup);
		break;
	case FIELD_MODE:
		fputs(mode_letter(row->mode), f);
		break;
	case FIELD_DSO:
		put_text(f, row->dso);
		break;
	default:
		put_text(f, r->rows[r->method].keys & 1U << KEY_SYM || row->reason ?
			 row_symbol(row, buf, sizeof(buf)) : NULL);
	}
}

void report_csv(const struct report *r, FILE *f)
{
	const struct rows *rows = &r->rows[r->method];
	u8 fields[NR_FIELDS];
	u32 nr = report_fields(r, r->method, fields), c;
	size_t i;

	for (c = 0; c < nr; c++)
		fprintf(f, "%s%s", c ? "," : "",
			fields[c] == FIELD_INTERVAL ? "low,high" : report_field_name(fields[c]));
	fputs("\r\n", f);
	for (i = 0; i < report_limit(r, rows->nr); i++) {
		for (c = 0; c < nr; c++) {
			if (c)
				fputc(',', f);
			if (fields[c] < FIELD_METHOD)
				put_figure(r, &rows->rows[i], fields[c], f);
			else
				put_key(r, &rows->rows[i], fields[c], f);
		}
		fputs("\r\n", f);
	}
}
