/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rows of a report: joined samples summed up by the chosen keys.
 */
#ifndef VMCOOP_ROWS_H
#define VMCOOP_ROWS_H

#include "join.h"
#include "map.h"
#include "symbolize.h"

enum sort_key {
	KEY_VM,
	KEY_VCPU,
	KEY_PCPU,
	KEY_COMM,
	KEY_PID,
	KEY_TID,
	KEY_CGROUP,
	KEY_MODE,
	KEY_DSO,
	KEY_SYM,
	NR_KEYS
};

extern const char *const sort_key_names[NR_KEYS];

#define ROWS_MAX	(1U << 20)	/* more different rows go into one */

/**
 * struct row_sums - what a row adds up
 * @period: events, or host ticks of running time
 * @samples: how many
 * @squares: sum of the samples' periods squared
 * @again: samples whose vCPU's sample before was of this row, too
 */
struct row_sums {
	u64 period, samples;
	double squares;
	u64 again;
};

/**
 * struct row - what has the same keys
 * @vm: its VM; the other keys are good if they were chosen
 * @comm: unique string
 * @cgroup: unique string
 * @dso: unique string
 * @symbol: unique string; NULL: @addr stands for it, and
 * @build_id: of the object, in hex, if it was told
 * @reason: why it is not attributed, REASON_NONE if it is
 * @sums: filled in by rows_finish()
 * @index: where in struct rows its @counts are
 * @process: periods of all rows of its process
 */
struct row {
	const struct vm *vm;
	u32 vcpu, pcpu, pid, tid;
	u8 mode;
	u8 reason;
	const char *comm, *cgroup, *dso, *path, *symbol, *build_id;
	u64 addr;
	struct row_sums sums;
	u32 index;
	u64 process;
};

/**
 * struct rows - the rows of one method
 * @keys: the chosen keys, a bit each
 * @period: of all rows
 * @samples: of all rows
 * @by_reason: samples not attributed
 * @squares: sum of all samples' periods squared
 * @counts: METHOD_COUNTED: of each row, before rows_finish(), its events
 * @nr_counts: events there
 * @merged: samples that went into the last row because there were too many
 */
struct rows {
	u32 keys;
	struct row *rows;
	struct row_sums *sums;		/* of each row, until rows_finish() */
	size_t nr, cap;
	u64 period, samples;
	u64 by_reason[NR_REASONS];
	u64 period_by_reason[NR_REASONS];
	double squares;
	u64 *counts;
	u32 nr_counts;
	u64 merged;
	u32 *slots;
	size_t nr_slots;
	struct row_cache *cache;
};

/* "vm,comm,…" to bits; prints what is wrong and returns 0. */
u32 parse_sort_keys(const char *list);

void rows_add(struct rows *r, const struct joined *j, const struct place *p);
/*
 * Adds @n samples, not more than JOIN_BATCH, that @sym gives places to: faster
 * than one by one, as what they need from memory is asked for together.
 */
void rows_add_batch(struct rows *r, const struct joined *const *j, u32 n, struct symbolizer *sym);
/* Counts into the totals alone: a sample that was asked to be left out of view. */
void rows_leave_out(struct rows *r, const struct joined *j);
/* Fills in @process and sorts by what weighs most, then by name. */
void rows_finish(struct rows *r);
void rows_free(struct rows *r);

/* After rows_finish(), to find rows by their keys. */
void rows_index(struct rows *r);
/* The row with the keys of @like, NULL if there is none. */
const struct row *rows_like(const struct rows *r, const struct row *like);

/* Method "counted": its count of event @i. */
static inline u64 row_counted(const struct rows *r, const struct row *row, u32 i)
{
	return i < r->nr_counts ? r->counts[(size_t)row->index * r->nr_counts + i] : 0;
}

/* Share of all, 0 to 1. */
double row_share(const struct rows *r, const struct row *row);
/* Share of its process; -1 where the keys do not tell processes apart. */
double row_process_share(const struct rows *r, const struct row *row);

/**
 * struct interval - what a row's share lies in with a probability of 95 %
 * @low: 0 to 1
 * @high: 0 to 1
 * @n: samples, drawn one by one at random, that would tell it as exactly
 *
 * Estimated is the share that the row really had in this run. Samples stand for
 * equal distances with a random start, so a row that lasts for several samples
 * is known better than by random ones: each of its beginnings and ends is off by
 * a fraction of a distance. How long rows last is told by how often the vCPU's
 * sample before was of the same row; with a correlation r of neighbours, falling
 * off exponentially, the variance is that of random samples times
 * (1 + r) / (1 - r) + 2 / ln r. That falls steeply where r begins, and r, too, is
 * told by samples only: it is taken to be lower by twice its standard error there,
 * and by 1 - r of that elsewhere.
 */
struct interval {
	double low, high, n;
};

struct interval row_interval(const struct rows *r, const struct row *row);

/* The symbol or address, or in brackets why there is none. */
const char *row_symbol(const struct row *row, char *buf, size_t cap);

#endif /* VMCOOP_ROWS_H */
