/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A report ready to be printed, as text (report-text.c) or JSON (report-json.c).
 */
#ifndef VMCOOP_REPORT_H
#define VMCOOP_REPORT_H

#include "metrics.h"
#include "rows.h"
#include "session.h"
#include "symbolize.h"

#define REPORT_CELL	256	/* bytes of a cell's text */

/* What may stand in a column. */
enum report_field {
	FIELD_SHARE,
	FIELD_INTERVAL,
	FIELD_PROCESS,
	FIELD_SAMPLES,
	FIELD_EVENTS,
	FIELD_IPC,
	FIELD_MPKI,
	FIELD_METHOD,
	FIELD_VM,
	FIELD_VCPU,
	FIELD_PCPU,
	FIELD_COMM,
	FIELD_PID,
	FIELD_TID,
	FIELD_CGROUP,
	FIELD_MODE,
	FIELD_DSO,
	FIELD_SYM,
	NR_FIELDS
};

/**
 * struct report - everything a report tells
 * @file: path of the data file
 * @method: whose rows are shown
 * @compare: those of all methods are, side by side
 * @rows: of each method; those that are shown are finished
 * @event: index of the event whose samples count
 * @counted_event: index of the event whose counts count
 * @counter: its place among the counting events
 * @total: what all counting events counted
 * @metrics: which of them make ratios
 * @limit: rows to print, 0: all
 * @fields: the columns asked for
 * @nr_fields: 0: those that there is something for
 */
struct report {
	const char *file;
	struct session s;
	struct symbolizer sym;
	enum join_method method;
	bool compare;
	struct rows rows[NR_METHODS];
	u32 event, counted_event, counter;
	struct counts total;
	struct metrics metrics;
	u64 limit;
	u8 fields[NR_FIELDS];
	u32 nr_fields;
};

/* Rows to print: of @nr there are. */
static inline size_t report_limit(const struct report *r, size_t nr)
{
	return r->limit && r->limit < nr ? r->limit : nr;
}

void report_text(const struct report *r, FILE *f);
void report_json(const struct report *r, FILE *f);
/* The rows alone, as RFC 4180 has it, with a line of names. */
void report_csv(const struct report *r, FILE *f);

/* ---- report-compare.c: the methods side by side ----------------------------------- */

/* Into text, and as a member of JSON. */
void report_compare(const struct report *r, FILE *f);
struct json;
void report_compare_json(const struct report *r, struct json *j);
/* report-json.c: members of a row's object */
void json_row_keys(struct json *j, const struct rows *rows, const struct row *row);

/* ---- report-cells.c: columns ------------------------------------------------------ */

/* "share,comm,..." into r->fields. Return: 0, or the exit status with a message. */
int report_parse_fields(struct report *r, const char *list);
/* Whether rows by @keys have all that was asked for. Return: likewise. */
int report_check_fields(const struct report *r, u32 keys);
/* The columns of method @m's rows. Return: how many. */
u32 report_fields(const struct report *r, enum join_method m, u8 fields[NR_FIELDS]);
const char *report_field_name(u8 field);
const char *report_field_title(u8 field);
/* It is aligned to the right. */
bool report_field_right(u8 field);
/* It tells rows apart, and is no figure. */
static inline bool report_field_is_key(u8 field)
{
	return field >= FIELD_VM;
}

/* Of a row of method @m; negative: not known. */
double report_ipc(const struct report *r, enum join_method m, const struct row *row);
double report_mpki(const struct report *r, enum join_method m, const struct row *row);

/* What stands there for people, escaped. */
void report_cell(const struct report *r, enum join_method m, const struct row *row, u8 field,
		 char out[REPORT_CELL]);

static inline u64 report_unattributed(const struct rows *rows)
{
	u64 sum = 0;
	int i;

	for (i = REASON_NONE + 1; i < NR_REASONS; i++)
		sum += rows->by_reason[i];
	return sum;
}

/* "k" kernel, "u" user, "?" not known. */
static inline const char *mode_letter(u8 mode)
{
	return mode == VMCOOP_MODE_USER ? "u" : mode == VMCOOP_MODE_KERNEL ? "k" : "?";
}

#endif /* VMCOOP_REPORT_H */
