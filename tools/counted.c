// SPDX-License-Identifier: GPL-2.0-only
/*
 * Giving counted events to code positions: see counted.h.
 */
#include <stdlib.h>
#include <string.h>

#include "counted.h"
#include "join.h"

#define RATE_US		20	/* a rate is taken over so long at least */

/** struct counted_tick - a tick of the present block, and what it stands for */
struct counted_tick {
	struct joined j;
	struct mapping map;
	char comm[32];
	u32 task;
	u64 time;		/* that the task ran since its tick before */
	bool has_rate;
	double rate[COUNTS_MAX];	/* events per counter tick, before the tick */
};

/**
 * struct counted_task - a task and what no tick of it has claimed
 * @j: its identity
 * @time: that it ran since its last tick
 * @ticks: in the present block
 */
struct counted_task {
	struct joined j;
	char comm[32];
	u64 time;
	u32 ticks;
	u64 count[COUNTS_MAX];
};

/** struct counted_part - since the last reading a task ran so long */
struct counted_part {
	u32 task;
	u64 time;
};

struct counted {
	void (*emit)(void *ctx, const struct joined *j);
	void *ctx;
	u64 khz;
	u32 nr_events;
	u64 ran_until;
	struct counted_part parts[COUNTED_PARTS];
	u32 nr_parts;
	struct counted_task *tasks;
	u32 nr_tasks, cap_tasks, last_task;
	struct counted_tick *ticks;
	u32 nr_ticks, cap_ticks;
	struct counts recent;		/* of the last readings */
	u64 recent_time;
};

struct counted *counted_new(void (*emit)(void *ctx, const struct joined *j), void *ctx, u64 khz)
{
	struct counted *c = xcalloc(1, sizeof(*c));

	c->emit = emit;
	c->ctx = ctx;
	c->khz = khz;
	return c;
}

void counted_free(struct counted *c)
{
	if (!c)
		return;
	free(c->tasks);
	free(c->ticks);
	free(c);
}

/* ---- Shares of an integer --------------------------------------------------------- */

struct remainder {
	double part;
	u32 i;
};

static int by_remainder(const void *a, const void *b)
{
	const struct remainder *x = a, *y = b;

	if (x->part != y->part)
		return x->part > y->part ? -1 : 1;
	return x->i < y->i ? -1 : x->i > y->i;
}

void counted_split(u64 total, const double *weight, u32 n, u64 *out)
{
	struct remainder *rest = xcalloc(n, sizeof(*rest));
	u64 left = total;
	long double sum = 0;
	u32 i;

	for (i = 0; i < n; i++)
		sum += weight[i];
	for (i = 0; i < n; i++) {
		long double exact = sum > 0 ? total * (weight[i] / sum) : (long double)total / n;

		/* Rounding must not give more than there is. */
		out[i] = exact < left ? (u64)exact : left;
		left -= out[i];
		rest[i] = (struct remainder){ exact - out[i], i };
	}
	qsort(rest, n, sizeof(*rest), by_remainder);
	for (i = 0; left && i < n; i++, left--)
		out[rest[i].i]++;
	if (n)
		out[rest[0].i] += left;
	free(rest);
}

/* ---- Handing out ------------------------------------------------------------------- */

static void emit(struct counted *c, struct joined j, const char *comm, const u64 *count)
{
	j.method = METHOD_COUNTED;
	j.comm = comm;
	j.counts = count;
	j.nr_counts = c->nr_events;
	c->emit(c->ctx, &j);
}

/*
 * Weights of the ticks of task @t for event @e, at @w; their indices at @at. Ticks without
 * a rate are taken to have the mean one.
 */
static u32 weigh(const struct counted *c, u32 t, u32 e, double *w, u32 *at)
{
	double events = 0, time = 0, mean;
	u32 i, n = 0;

	for (i = 0; i < c->nr_ticks; i++) {
		const struct counted_tick *tick = &c->ticks[i];

		if (tick->task != t)
			continue;
		at[n++] = i;
		if (tick->has_rate) {
			events += tick->rate[e] * tick->time;
			time += tick->time;
		}
	}
	/* Nothing was counted just before any of them: then time decides. */
	mean = events > 0 ? events / time : 0;
	for (i = 0; i < n; i++) {
		const struct counted_tick *tick = &c->ticks[at[i]];

		w[i] = (!mean ? 1 : tick->has_rate ? tick->rate[e] : mean) * tick->time;
	}
	return n;
}

/* The task's events to its ticks; they come out with counts at @got, a row a tick. */
static void claim(struct counted *c, u32 t, u64 (*got)[COUNTS_MAX])
{
	double w[COUNTED_TICKS];
	u64 part[COUNTED_TICKS];
	u32 at[COUNTED_TICKS], e, i, n;

	for (e = 0; e < c->nr_events; e++) {
		n = weigh(c, t, e, w, at);
		counted_split(c->tasks[t].count[e], w, n, part);
		for (i = 0; i < n; i++)
			got[at[i]][e] = part[i];
		c->tasks[t].count[e] = 0;
	}
}

static void emit_unclaimed(struct counted *c, struct counted_task *t)
{
	u64 any = 0;
	u32 e;

	for (e = 0; e < c->nr_events; e++)
		any |= t->count[e];
	if (!any)
		return;
	t->j.count = 0;
	if (t->j.reason == REASON_NONE)
		t->j.reason = REASON_NO_TICK;
	emit(c, t->j, t->comm, t->count);
}

/*
 * Ends the block. Tasks without a tick in it go on gathering, unless this is
 * the end or there are too many.
 */
static void end_block(struct counted *c, bool all)
{
	u64 (*got)[COUNTS_MAX] = xcalloc(COUNTED_TICKS, sizeof(*got));
	u32 i, kept = 0;

	for (i = 0; i < c->nr_tasks; i++)
		if (c->tasks[i].ticks)
			claim(c, i, got);
	for (i = 0; i < c->nr_ticks; i++) {
		struct counted_tick *tick = &c->ticks[i];

		tick->j.map = tick->j.map ? &tick->map : NULL;
		emit(c, tick->j, tick->comm, got[i]);
	}
	free(got);
	for (i = 0; i < c->nr_tasks; i++) {
		if (all)
			emit_unclaimed(c, &c->tasks[i]);
		else if (!c->tasks[i].ticks)
			c->tasks[kept++] = c->tasks[i];
	}
	c->nr_ticks = 0;
	c->nr_tasks = kept;
	c->last_task = 0;
}

/* ---- Gathering ---------------------------------------------------------------------- */

/* Why no task is known, if none is. */
static enum join_reason task_reason(const struct joined *who)
{
	switch (who->reason) {
	case REASON_NO_GUEST:
	case REASON_NO_CLOCK:
	case REASON_NO_TASK:
		return who->reason;
	default:
		return REASON_NONE;
	}
}

static bool same_task(const struct counted_task *t, const struct joined *who)
{
	return t->j.who == who->who && t->j.reason == task_reason(who);
}

/* Index of the task of @who. */
static u32 find_task(struct counted *c, const struct joined *who)
{
	struct counted_task *t;
	u32 i;

	if (c->last_task < c->nr_tasks && same_task(&c->tasks[c->last_task], who))
		return c->last_task;
	for (i = 0; i < c->nr_tasks; i++)
		if (same_task(&c->tasks[i], who))
			return c->last_task = i;
	/* Switches to ever new tasks between two readings: no more are told apart. */
	if (c->nr_tasks == 2 * COUNTED_TASKS)
		return c->last_task;
	if (c->nr_tasks == c->cap_tasks) {
		c->cap_tasks = 2 * c->cap_tasks + 4;
		c->tasks = xreallocarray(c->tasks, c->cap_tasks, sizeof(*c->tasks));
	}
	t = &c->tasks[c->nr_tasks];
	memset(t, 0, sizeof(*t));
	t->j = *who;
	t->j.reason = task_reason(who);
	t->j.mode = VMCOOP_MODE_UNKNOWN;
	t->j.ip = t->j.space = 0;
	t->j.map = NULL;
	snprintf(t->comm, sizeof(t->comm), "%s", who->comm);
	return c->last_task = c->nr_tasks++;
}

void counted_begin(struct counted *c, u64 t)
{
	c->nr_parts = 0;
	c->ran_until = t;
	c->recent_time = 0;
}

void counted_ran(struct counted *c, const struct joined *who, u64 t)
{
	struct counted_part *last = c->nr_parts ? &c->parts[c->nr_parts - 1] : NULL;
	u64 time = t > c->ran_until ? t - c->ran_until : 0;
	u32 task = find_task(c, who);

	c->ran_until = max_u64(c->ran_until, t);
	c->tasks[task].time += time;
	if (last && (last->task == task || c->nr_parts == COUNTED_PARTS))
		last->time += time;
	else
		c->parts[c->nr_parts++] = (struct counted_part){ task, time };
}

/* The rate of events of late: over one reading's stretch, or more if that was short. */
static void note_rate(struct counted *c, const struct counts *delta, u64 time)
{
	if (c->nr_parts > 1 || time * 1000 >= RATE_US * c->khz || !c->recent_time) {
		c->recent = *delta;
		c->recent_time = time;
	} else {
		counts_add(&c->recent, delta);
		c->recent_time += time;
	}
}

void counted_delta(struct counted *c, const struct joined *who, const struct counts *delta,
		   u64 from, u64 t)
{
	double w[COUNTED_PARTS];
	u64 part[COUNTED_PARTS];
	u32 e, i;

	c->nr_events = max_u64(c->nr_events, delta->nr);
	counted_ran(c, who, t);
	for (i = 0; i < c->nr_parts; i++)
		w[i] = c->parts[i].time;
	for (e = 0; e < delta->nr; e++) {
		counted_split(delta->value[e].count, w, c->nr_parts, part);
		for (i = 0; i < c->nr_parts; i++)
			c->tasks[c->parts[i].task].count[e] += part[i];
	}
	note_rate(c, delta, t > from ? t - from : 0);
	c->nr_parts = 0;
	if (c->nr_ticks == COUNTED_TICKS || c->nr_tasks >= COUNTED_TASKS)
		end_block(c, c->nr_tasks >= COUNTED_TASKS);
}

void counted_tick(struct counted *c, const struct joined *at)
{
	struct counted_tick *tick;
	u32 task, e;

	/* A guest that ticks without an end while nothing is counted. */
	if (c->nr_ticks == COUNTED_TICKS)
		return;
	task = find_task(c, at);
	if (c->nr_ticks == c->cap_ticks) {
		c->cap_ticks = min_u64(2 * c->cap_ticks + 8, COUNTED_TICKS);
		c->ticks = xreallocarray(c->ticks, c->cap_ticks, sizeof(*c->ticks));
	}
	tick = &c->ticks[c->nr_ticks++];
	tick->j = *at;
	if (at->map)
		tick->map = *at->map;
	snprintf(tick->comm, sizeof(tick->comm), "%s", at->comm);
	tick->task = task;
	tick->time = c->tasks[task].time;
	tick->has_rate = c->recent_time * 1000 >= RATE_US * c->khz;
	for (e = 0; e < COUNTS_MAX && tick->has_rate; e++)
		tick->rate[e] = e < c->recent.nr ?
				(double)c->recent.value[e].count / c->recent_time : 0;
	c->tasks[task].time = 0;
	c->tasks[task].ticks++;
}

void counted_finish(struct counted *c)
{
	end_block(c, true);
}
