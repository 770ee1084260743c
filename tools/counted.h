/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Method "counted": the guest's ticks with the host's counters, of one vCPU.
 *
 * Counters tell how many events lie between two instants of a run slice; they
 * are split among the tasks that ran between, by time. What a task has gathered
 * goes to the code at its ticks: each tick stands for the time that the task
 * ran since its tick before, times the rate of events just before the tick (the
 * mean one, where that was too short a time), all scaled so that a block of ticks
 * gets what the counters said. Every integer is kept: what goes in comes out, if
 * only as "no tick followed".
 */
#ifndef VMCOOP_COUNTED_H
#define VMCOOP_COUNTED_H

#include "counts.h"
#include "guest.h"

#define COUNTED_TICKS	256	/* of a block */
#define COUNTED_TASKS	256	/* with events that no tick has claimed */
#define COUNTED_PARTS	256	/* task switches between two counter readings */

struct joined;
struct counted;

/* @emit is called with each joined sample; its @counts have the events. */
struct counted *counted_new(void (*emit)(void *ctx, const struct joined *j), void *ctx, u64 khz);
/* The vCPU began to run at host time @t: counters are read anew. */
void counted_begin(struct counted *c, u64 t);
/* Until @t ran what @who says: pid, tid, name and, of no known task, the reason. */
void counted_ran(struct counted *c, const struct joined *who, u64 t);
/* Between @from and @t, the time of the call before, @delta was counted. */
void counted_delta(struct counted *c, const struct joined *who, const struct counts *delta,
		   u64 from, u64 t);
/* A tick: @at has the code position. */
void counted_tick(struct counted *c, const struct joined *at);
/* The end: everything comes out. */
void counted_finish(struct counted *c);
void counted_free(struct counted *c);

/* Splits @total by weights into integers that add up to it exactly (largest remainder). */
void counted_split(u64 total, const double *weight, u32 n, u64 *out);

#endif /* VMCOOP_COUNTED_H */
