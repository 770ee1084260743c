/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How far the join can be trusted: guest ticks against what the host saw.
 *
 * A tick can only happen while its vCPU is scheduled in, and follows the VM
 * entry that injected its interrupt within microseconds. Both figures are
 * taken with the clock as it was converted, and with clocks wrong on purpose:
 * a vCPU that never sleeps is always in, and one that exits all the time
 * always has an entry near, so a figure says something only where the wrong
 * clocks score worse.
 *
 * Streaming, in bounded memory: each vCPU keeps its intervals and entries of
 * the last KEEP_US of host time (at most QUALITY_MAX_STAMPS of each), ticks
 * wait until time has passed by enough for the shifts into the future, and
 * distances go to histograms whose bins are 1/32 of their value wide. All ticks
 * are judged at first, later each 8th and then each 64th of a vCPU: more would
 * say nothing new. The first of a vCPU are judged whenever it comes.
 */
#ifndef VMCOOP_QUALITY_H
#define VMCOOP_QUALITY_H

#include "util.h"

#define QUALITY_KEEP_US		1200000
#define QUALITY_AHEAD_US	1000
#define QUALITY_MAX_STAMPS	16384
#define QUALITY_MAX_TICKS	4096

#define HIST_SUB	32
#define HIST_BINS	(60 * HIST_SUB)

/** struct hist - counts of 64-bit values; all zero is empty */
struct hist {
	u64 n, max;
	u64 bins[HIST_BINS];
};

void hist_add(struct hist *h, u64 v);
/* The value that @share (0 to 1) of all do not exceed, to a bin's width. */
u64 hist_quantile(const struct hist *h, double share);

/*
 * Shifts of the clock: none, those that are shown, and those that are tried in
 * search of a better one. + sets converted stamps too early.
 */
enum { SHIFT_NONE, SHIFT_1MS, NR_SHOWN = 6, NR_SHIFTS = 34 };
extern const s64 quality_shift_us[NR_SHIFTS];

/**
 * struct quality - figures over all vCPUs
 * @khz: host counter, ticks a millisecond
 * @ticks: judged, unshifted
 * @skipped: not judged: the vCPU's state then was not known
 * @seen: all, judged or not
 * @not_chosen: not judged: there were enough
 * @known: ticks whose shifted stamp falls where the vCPU's state is known
 * @inside: those of @known in an interval
 * @distance: to the nearest entry before, in counter ticks
 */
struct quality {
	u64 khz;
	u64 ticks, skipped, seen, not_chosen;
	struct {
		u64 known, inside;
		struct hist distance;
	} shift[NR_SHIFTS];
};

struct stamps;

/**
 * struct quality_vcpu - the recent past of a vCPU; all zero is none
 * @known: an IN or OUT has been seen
 * @near: for each shift, where the last tick's stamps were found
 */
struct quality_vcpu {
	struct stamps *in, *out, *entry, *tick;
	bool known;
	bool is_in;
	u64 known_since;
	u64 nr_ticks;
	struct { u32 in, entry; } near[NR_SHIFTS];
};

void quality_in(struct quality *q, struct quality_vcpu *v, u64 t);
void quality_out(struct quality *q, struct quality_vcpu *v, u64 t);
void quality_entry(struct quality *q, struct quality_vcpu *v, u64 t);
void quality_tick(struct quality *q, struct quality_vcpu *v, u64 t);
/* Host time has reached @now: judge ticks that are old enough. */
void quality_advance(struct quality *q, struct quality_vcpu *v, u64 now);
void quality_vcpu_free(struct quality_vcpu *v);

enum verdict {
	VERDICT_UNKNOWN,
	VERDICT_POOR,
	VERDICT_FAIR,
	VERDICT_GOOD,
};

extern const char *const verdict_names[];

/* What the figures say, and in @why the reason in words. */
enum verdict quality_verdict(const struct quality *q, char *why, size_t cap);

/* Share of ticks inside under shift @i, 0 to 1; -1 if none could be judged. */
double quality_inside(const struct quality *q, int i);
/* Quantile of the entry distance under shift @i in us; -1 without entries. */
double quality_distance_us(const struct quality *q, int i, double share);

#endif /* VMCOOP_QUALITY_H */
