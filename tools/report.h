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

/**
 * struct report - everything a report tells
 * @file: path of the data file
 * @method: whose rows are shown
 * @rows: of each method; those of @method are finished
 * @event: index of the event whose samples count
 * @counted_event: index of the event whose counts count
 * @counter: its place among the counting events
 * @total: what all counting events counted
 * @metrics: which of them make ratios
 * @limit: rows to print, 0: all
 */
struct report {
	const char *file;
	struct session s;
	struct symbolizer sym;
	enum join_method method;
	struct rows rows[NR_METHODS];
	u32 event, counted_event, counter;
	struct counts total;
	struct metrics metrics;
	u64 limit;
};

void report_text(const struct report *r, FILE *f);
void report_json(const struct report *r, FILE *f);

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
