// SPDX-License-Identifier: GPL-2.0-only
/*
 * Summing up: see rows.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rows.h"

const char *const sort_key_names[NR_KEYS] = {
	[KEY_VM] = "vm",
	[KEY_VCPU] = "vcpu",
	[KEY_PCPU] = "pcpu",
	[KEY_COMM] = "comm",
	[KEY_PID] = "pid",
	[KEY_TID] = "tid",
	[KEY_CGROUP] = "cgroup",
	[KEY_MODE] = "mode",
	[KEY_DSO] = "dso",
	[KEY_SYM] = "sym",
};

#define BIT(n)	(1U << (n))

u32 parse_sort_keys(const char *list)
{
	u32 keys = 0, i;

	while (*list) {
		size_t n = strcspn(list, ",");

		for (i = 0; i < NR_KEYS; i++)
			if (strlen(sort_key_names[i]) == n && !memcmp(sort_key_names[i], list, n))
				break;
		if (i == NR_KEYS) {
			warn("cannot sort by '%.*s'; known are vm, vcpu, pcpu, comm, pid, tid, cgroup, mode, dso, sym",
			     (int)n, list);
			return 0;
		}
		keys |= BIT(i);
		list += n + !!list[n];
	}
	if (!keys)
		warn("--sort wants names of columns");
	/* What an object or a symbol is, is known only together with the mode. */
	if (keys & (BIT(KEY_DSO) | BIT(KEY_SYM)))
		keys |= BIT(KEY_MODE);
	return keys;
}

/* The path of the task's cgroup, its number if that was not told. */
static const char *cgroup_of(const struct joined *j)
{
	const char *path = j->vm->guest ? guest_cgroup(j->vm->guest, j->cgroup) : NULL;
	char number[32];

	if (!j->cgroup)
		return "";
	snprintf(number, sizeof(number), "cgroup %llu", j->cgroup);
	return intern_str(path ?: number);
}

/* The sample as a row, with nothing but the chosen keys filled in. */
static void make_row(const struct rows *r, const struct joined *j, const struct place *p,
		     struct row *row)
{
	memset(row, 0, sizeof(*row));
	row->reason = j->reason;
	if (r->keys & BIT(KEY_VM))
		row->vm = j->vm;
	if (r->keys & BIT(KEY_VCPU))
		row->vcpu = j->vcpu->id;
	if (r->keys & BIT(KEY_PCPU))
		row->pcpu = j->pcpu;
	if (r->keys & BIT(KEY_COMM))
		row->comm = intern_str(j->comm);
	if (r->keys & BIT(KEY_PID))
		row->pid = j->pid;
	if (r->keys & BIT(KEY_TID))
		row->tid = j->tid;
	if (r->keys & BIT(KEY_CGROUP))
		row->cgroup = cgroup_of(j);
	if (r->keys & BIT(KEY_MODE))
		row->mode = j->mode;
	/* Without an address there is nothing to tell rows apart by. */
	if (j->reason != REASON_NONE && j->reason != REASON_NO_MAPPING)
		return;
	if (r->keys & BIT(KEY_DSO)) {
		row->dso = p->dso;
		row->path = p->path;
	}
	if (r->keys & BIT(KEY_SYM) && j->reason == REASON_NONE) {
		row->symbol = p->symbol;
		row->addr = p->symbol ? 0 : p->addr;
		row->build_id = p->build_id;
	}
}

static bool same_row(const struct row *a, const struct row *b)
{
	return a->vm == b->vm && a->vcpu == b->vcpu && a->pcpu == b->pcpu && a->pid == b->pid &&
	       a->tid == b->tid && a->mode == b->mode && a->reason == b->reason &&
	       a->comm == b->comm && a->cgroup == b->cgroup && a->dso == b->dso && a->path == b->path &&
	       a->symbol == b->symbol && a->addr == b->addr;
}

static u64 row_hash(const struct row *row)
{
	u64 h = (uintptr_t)row->vm + ((u64)row->pid << 32 | row->tid) * 0x9e3779b97f4a7c15ULL;

	h ^= ((u64)row->vcpu << 32 | row->pcpu) * 0xbf58476d1ce4e5b9ULL;
	h ^= ((uintptr_t)row->comm ^ (u64)row->mode << 56 ^ (u64)row->reason << 48) *
	     0x94d049bb133111ebULL;
	h ^= ((uintptr_t)row->path ^ (uintptr_t)row->dso << 1 ^ (uintptr_t)row->cgroup << 2) *
	     0xd6e8feb86659fd93ULL;
	h ^= ((uintptr_t)row->symbol + row->addr) * 0xff51afd7ed558ccdULL;
	return hash_u64(h);
}

static void rows_rehash(struct rows *r)
{
	size_t i, at;

	r->nr_slots = r->nr_slots ? 2 * r->nr_slots : 1024;
	free(r->slots);
	r->slots = xcalloc(r->nr_slots, sizeof(*r->slots));
	for (i = 0; i < r->nr; i++) {
		at = row_hash(&r->rows[i]) & (r->nr_slots - 1);
		while (r->slots[at])
			at = (at + 1) & (r->nr_slots - 1);
		r->slots[at] = i + 1;
	}
}

/* Makes room for the events of @nr counters in each of @cap rows. */
static void resize_counts(struct rows *r, u32 nr, size_t cap)
{
	u64 *counts = xcalloc(cap, nr * sizeof(*counts));
	size_t i;
	u32 e;

	for (i = 0; i < r->nr; i++)
		for (e = 0; e < r->nr_counts && e < nr; e++)
			counts[i * nr + e] = r->counts[i * r->nr_counts + e];
	free(r->counts);
	r->counts = counts;
	r->nr_counts = nr;
}

/* Index of the row like @want, made if there is none; ROWS_MAX: there are too many. */
static u32 find_row(struct rows *r, const struct row *want)
{
	size_t at;

	if (2 * r->nr >= r->nr_slots)
		rows_rehash(r);
	at = row_hash(want) & (r->nr_slots - 1);
	for (; r->slots[at]; at = (at + 1) & (r->nr_slots - 1))
		if (same_row(&r->rows[r->slots[at] - 1], want))
			return r->slots[at] - 1;
	if (r->nr == ROWS_MAX)
		return ROWS_MAX;
	if (r->nr == r->cap) {
		r->cap = 2 * r->cap + 64;
		r->rows = xreallocarray(r->rows, r->cap, sizeof(*r->rows));
		r->sums = xreallocarray(r->sums, r->cap, sizeof(*r->sums));
		if (r->nr_counts)
			resize_counts(r, r->nr_counts, r->cap);
	}
	r->rows[r->nr] = *want;
	memset(&r->sums[r->nr], 0, sizeof(*r->sums));
	r->slots[at] = ++r->nr;
	return r->nr - 1;
}

/* ---- Rows of samples that were seen before --------------------------------------------- */

#define CACHE_SIZE	(1U << 17)

/**
 * struct row_cache - the row of samples with these properties
 * @tag: 64 bits of their hash with a random seed: no two are expected to agree
 *	in it before the sun burns out
 * @row: its index
 */
struct row_cache {
	u64 tag;
	u32 row;
};

/* Of all that decides on a sample's row; 0: that is not known. */
static inline u64 sample_tag(const struct rows *r, const struct joined *j, const struct place *p)
{
	u64 tag;

	if (!j->who || !p->id)
		return 0;
	/* Sums will do: @id is as good as random. */
	tag = p->id + j->who * 0x9e3779b97f4a7c15ULL +
	      ((u64)j->mode << 8 | j->reason) * 0xbf58476d1ce4e5b9ULL;
	if (r->keys & BIT(KEY_VCPU))
		tag += hash_u64(j->vcpu->id);
	if (r->keys & BIT(KEY_PCPU))
		tag += hash_u64(~(u64)j->pcpu);
	return tag | 1;
}

/* Rows of a task's neighbouring functions share cache lines; tasks lie evenly spread. */
static inline struct row_cache *cache_slot(struct rows *r, const struct joined *j,
					   const struct place *p)
{
	if (!r->cache)
		r->cache = xcalloc(CACHE_SIZE, sizeof(*r->cache));
	return &r->cache[(((u32)j->who * 0x9e3779b1U >> 15) + p->near) % CACHE_SIZE];
}

/* ---- Adding ------------------------------------------------------------------------- */

static inline void rows_count(struct rows *r, const struct joined *j)
{
	r->period += j->period;
	r->samples += j->count;
	r->squares += (double)j->period * j->period;
	r->by_reason[j->reason] += j->count;
	r->period_by_reason[j->reason] += j->period;
}

void rows_leave_out(struct rows *r, const struct joined *j)
{
	j->vcpu->last_row[j->method] = 0;
	rows_count(r, j);
}

static void add_counts(struct rows *r, u32 at, const struct joined *j)
{
	u32 e;

	if (j->nr_counts > r->nr_counts)
		resize_counts(r, j->nr_counts, r->cap);
	for (e = 0; e < j->nr_counts; e++)
		r->counts[(size_t)at * r->nr_counts + e] += j->counts[e];
}

static inline void row_count(struct rows *r, u32 at, const struct joined *j)
{
	struct row_sums *sums = &r->sums[at];
	u32 *last = &j->vcpu->last_row[j->method];

	sums->period += j->period;
	sums->samples += j->count;
	sums->squares += (double)j->period * j->period;
	sums->again += *last == at + 1;
	*last = at + 1;
	if (j->nr_counts)
		add_counts(r, at, j);
}

/* The row of a sample that is not known to be like another. */
static u32 row_of(struct rows *r, const struct joined *j, const struct place *p, u64 tag)
{
	struct row want;
	u32 at;

	make_row(r, j, p, &want);
	at = find_row(r, &want);
	if (at == ROWS_MAX) {
		r->merged += j->count;
		return at - 1;
	}
	if (tag)
		*cache_slot(r, j, p) = (struct row_cache){ tag, at };
	return at;
}

void rows_add(struct rows *r, const struct joined *j, const struct place *p)
{
	u64 tag = sample_tag(r, j, p);
	const struct row_cache *c = cache_slot(r, j, p);

	row_count(r, tag && c->tag == tag ? c->row : row_of(r, j, p, tag), j);
	rows_count(r, j);
}

/* Of what is not attributed only the reason counts. */
static const struct place nowhere = { .id = 1, .dso = "" };

void rows_add_batch(struct rows *r, const struct joined *const *j, u32 n, struct symbolizer *sym)
{
	const struct row_cache *slot[JOIN_BATCH];
	struct spot_key key[JOIN_BATCH];
	struct spot *spot[JOIN_BATCH];
	const struct place *p;
	u64 tag[JOIN_BATCH];
	u32 at[JOIN_BATCH], i;

	for (i = 0; i < n; i++)
		spot[i] = j[i]->reason ? NULL : symbolize_soon(sym, j[i], &key[i]);
	for (i = 0; i < n; i++) {
		p = spot[i] ? symbolize_spot(sym, j[i], spot[i], &key[i]) : &nowhere;
		tag[i] = sample_tag(r, j[i], p);
		slot[i] = cache_slot(r, j[i], p);
		__builtin_prefetch(slot[i]);
	}
	for (i = 0; i < n; i++) {
		if (tag[i] && slot[i]->tag == tag[i]) {
			at[i] = slot[i]->row;
		} else {
			/* Others may have taken the spot meanwhile. */
			p = spot[i] ? symbolize_spot(sym, j[i], spot[i], &key[i]) : &nowhere;
			at[i] = row_of(r, j[i], p, tag[i]);
		}
		__builtin_prefetch(&r->sums[at[i]]);
	}
	for (i = 0; i < n; i++) {
		row_count(r, at[i], j[i]);
		rows_count(r, j[i]);
	}
}

/* ---- Finishing --------------------------------------------------------------------- */

/* Whether the row's task is known, and with it the process. */
static bool knows_task(const struct row *row)
{
	return row->reason == REASON_NONE || row->reason == REASON_NO_MAPPING ||
	       row->reason == REASON_HIDDEN;
}

/* Rows of one process side by side. */
static int by_process(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->vm != y->vm)
		return x->vm < y->vm ? -1 : 1;
	if (knows_task(x) != knows_task(y))
		return knows_task(x) ? -1 : 1;
	return x->pid != y->pid ? (x->pid < y->pid ? -1 : 1) : 0;
}

static int compare_str(const char *a, const char *b)
{
	return strcmp(a ?: "", b ?: "");
}

static int by_weight(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c;

	if (x->sums.period != y->sums.period)
		return x->sums.period > y->sums.period ? -1 : 1;
	if (x->sums.samples != y->sums.samples)
		return x->sums.samples > y->sums.samples ? -1 : 1;
	if (x->vm != y->vm && x->vm && y->vm)
		return x->vm->pid < y->vm->pid ? -1 : 1;
	c = compare_str(x->comm, y->comm) ?: compare_str(x->cgroup, y->cgroup) ?:
	    compare_str(x->dso, y->dso) ?: compare_str(x->symbol, y->symbol);
	if (c)
		return c;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

void rows_finish(struct rows *r)
{
	size_t i, from;
	u64 sum = 0;

	if (!r->nr)
		return;
	for (i = 0; i < r->nr; i++) {
		r->rows[i].sums = r->sums[i];
		r->rows[i].index = i;
	}
	/* Indices of rows mean nothing from here on. */
	free(r->cache);
	free(r->sums);
	free(r->slots);
	r->cache = NULL;
	r->sums = NULL;
	r->slots = NULL;
	r->nr_slots = 0;
	qsort(r->rows, r->nr, sizeof(*r->rows), by_process);
	for (from = i = 0; i <= r->nr; i++) {
		if (i == r->nr || by_process(&r->rows[from], &r->rows[i])) {
			for (; from < i; from++)
				r->rows[from].process = sum;
			sum = 0;
		}
		if (i < r->nr)
			sum += r->rows[i].sums.period;
	}
	qsort(r->rows, r->nr, sizeof(*r->rows), by_weight);
}

void rows_index(struct rows *r)
{
	for (r->nr_slots = 1024; r->nr_slots <= r->nr; r->nr_slots *= 2)
		;
	rows_rehash(r);
}

const struct row *rows_like(const struct rows *r, const struct row *like)
{
	size_t at = row_hash(like) & (r->nr_slots - 1);

	for (; r->slots[at]; at = (at + 1) & (r->nr_slots - 1))
		if (same_row(&r->rows[r->slots[at] - 1], like))
			return &r->rows[r->slots[at] - 1];
	return NULL;
}

void rows_free(struct rows *r)
{
	free(r->rows);
	free(r->slots);
	free(r->sums);
	free(r->counts);
	free(r->cache);
	memset(r, 0, sizeof(*r));
}

double row_share(const struct rows *r, const struct row *row)
{
	return r->period ? (double)row->sums.period / r->period : 0;
}

double row_process_share(const struct rows *r, const struct row *row)
{
	if (!(r->keys & BIT(KEY_PID)) || !(r->keys & BIT(KEY_VM)) || !knows_task(row))
		return -1;
	return row->process ? (double)row->sums.period / row->process : 0;
}

/* Variance of equally spaced samples over that of random ones: see rows.h. */
static double spacing_factor(double correlation)
{
	if (correlation < 0.01)
		return 1;
	/* The exact form loses all its digits close to 1. */
	if (correlation > 0.99)
		return (1 - correlation) / 6;
	return (1 + correlation) / (1 - correlation) + 2 / log(correlation);
}

/* Of a row that has @by_count of all samples: see rows.h. */
static double low_correlation(const struct row_sums *s, double by_count)
{
	double again = fmin((double)s->again / s->samples, 1);
	double correlation = fmax(again - by_count, 0) / (1 - by_count);
	double error = sqrt(again * (1 - again) / s->samples) / (1 - by_count);

	return correlation - 2 * error * (1 - correlation);
}

/* Wilson's interval: good for shares near 0 and 1, too. */
struct interval row_interval(const struct rows *r, const struct row *row)
{
	const double z = 1.96;
	struct interval iv = { 0, 1, 0 };
	double share = row_share(r, row), middle, half, by_count;

	if (!r->squares || !r->samples || !row->sums.samples)
		return iv;
	by_count = (double)row->sums.samples / r->samples;
	iv.n = (double)r->period * r->period / r->squares;
	if (by_count < 1)
		iv.n /= fmax(spacing_factor(low_correlation(&row->sums, by_count)),
			     1.0 / (6 * row->sums.samples));
	middle = (share + z * z / (2 * iv.n)) / (1 + z * z / iv.n);
	half = z * sqrt(share * (1 - share) / iv.n + z * z / (4 * iv.n * iv.n)) /
	       (1 + z * z / iv.n);
	iv.low = fmax(middle - half, 0);
	iv.high = fmin(middle + half, 1);
	return iv;
}

const char *row_symbol(const struct row *row, char *buf, size_t cap)
{
	if (row->reason != REASON_NONE)
		snprintf(buf, cap, "[%s]", reason_names[row->reason]);
	else if (row->symbol)
		return row->symbol;
	else
		snprintf(buf, cap, "0x%llx", row->addr);
	return buf;
}
