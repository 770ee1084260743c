/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is told of a VM as a whole: where its time went, and ratios of counting
 * events (instructions per cycle, misses per 1000 instructions).
 */
#ifndef VMCOOP_METRICS_H
#define VMCOOP_METRICS_H

#include "counts.h"
#include "session.h"

/**
 * struct metrics - where the events of each ratio stand in HOST_COUNT
 * @instructions: -1: there are none
 * @cycles: likewise
 * @misses: likewise; the first event with "miss" in its name
 * @group: all of them counted at the same times: ratios mean something
 */
struct metrics {
	int instructions, cycles, misses;
	bool group;
};

/* @total: what was counted in all. */
struct metrics metrics_find(const struct session *s, const struct counts *total);
/* Sums of all vCPUs; of one VM if @vm is not NULL. */
struct counts counts_total(const struct session *s, const struct vm *vm);

/**
 * struct vm_times - where the time of a VM's vCPUs went, in counter ticks
 * @told: @exits is known
 * @ran: had a CPU
 * @out: had none, by VMCOOP_OUT_*
 */
struct vm_times {
	bool told;
	struct exits_sum exits;
	u64 ran;
	u64 out[VMCOOP_OUT_EXIT + 1];
};

struct json;
struct vm_times vm_times(const struct session *s, const struct vm *vm);

/* Members "time", in seconds, and "exits" of a JSON object. */
void json_times(struct json *j, const struct session *s, const struct vm *vm);

/* Negative: not known. */
static inline double metrics_ipc(const struct metrics *m, u64 instructions, u64 cycles)
{
	return m->group && m->instructions >= 0 && m->cycles >= 0 && cycles ?
	       (double)instructions / cycles : -1;
}

static inline double metrics_mpki(const struct metrics *m, u64 misses, u64 instructions)
{
	return m->group && m->instructions >= 0 && m->misses >= 0 && instructions ?
	       1000.0 * misses / instructions : -1;
}

#endif /* VMCOOP_METRICS_H */
