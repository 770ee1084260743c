// SPDX-License-Identifier: GPL-2.0-only
/*
 * Judging guest ticks: see quality.h.
 */
#include <stdlib.h>
#include <string.h>

#include "quality.h"

#define BOTH(us)	(us), -(us)

const s64 quality_shift_us[NR_SHIFTS] = {
	0, 1000, 10000, 1000000, 50, -50,
	BOTH(20), BOTH(26), BOTH(34), BOTH(44), BOTH(58), BOTH(75), BOTH(98), BOTH(127),
	BOTH(165), BOTH(215), BOTH(280), BOTH(365), BOTH(475), BOTH(620),
};

const char *const verdict_names[] = {
	[VERDICT_UNKNOWN] = "unknown",
	[VERDICT_POOR] = "poor",
	[VERDICT_FAIR] = "fair",
	[VERDICT_GOOD] = "good",
};

/* ---- Histogram ---------------------------------------------------------------- */

/* Below HIST_SUB a bin a value, from there HIST_SUB bins for each power of two. */
static u32 hist_bin(u64 v)
{
	u64 shift;

	if (v < HIST_SUB)
		return v;
	shift = 63 - __builtin_clzll(v) - __builtin_ctz(HIST_SUB);
	return shift * HIST_SUB + (v >> shift);
}

/* The largest value of a bin. */
static u64 hist_top(u32 bin)
{
	u32 shift = bin / HIST_SUB;

	if (!shift)
		return bin;
	return (((u64)bin % HIST_SUB + HIST_SUB + 1) << (shift - 1)) - 1;
}

void hist_add(struct hist *h, u64 v)
{
	h->n++;
	h->max = max_u64(h->max, v);
	h->bins[hist_bin(v)]++;
}

u64 hist_quantile(const struct hist *h, double share)
{
	u64 want = h->n * share, seen = 0;
	u32 i;

	if (want >= h->n)
		return h->max;
	for (i = 0; i < HIST_BINS; i++) {
		seen += h->bins[i];
		if (seen > want)
			break;
	}
	return min_u64(hist_top(i), h->max);
}

/* ---- Stamps of the recent past ------------------------------------------------- */

/** struct stamps - a queue of ascending stamps */
struct stamps {
	u32 first, nr, cap;	/* cap: a power of two */
	u64 at[];
};

static u64 *stamp_at(struct stamps *s, u32 i)
{
	return &s->at[(s->first + i) & (s->cap - 1)];
}

static u32 stamps_nr(const struct stamps *s)
{
	return s ? s->nr : 0;
}

static u64 stamps_pop(struct stamps *s)
{
	u64 t = *stamp_at(s, 0);

	s->first++;
	s->nr--;
	return t;
}

static struct stamps *stamps_grow(struct stamps *s)
{
	u32 cap = s ? 2 * s->cap : 64, i;
	struct stamps *bigger = xcalloc(1, sizeof(*bigger) + cap * sizeof(u64));

	bigger->cap = cap;
	bigger->first = s ? s->first : 0;
	for (i = 0; s && i < s->nr; i++)
		*stamp_at(bigger, i) = *stamp_at(s, i);
	bigger->nr = i;
	free(s);
	return bigger;
}

/* Appends; the caller has made sure that there are fewer than the most allowed. */
static void stamps_push(struct stamps **s, u64 t)
{
	if (!*s || (*s)->nr == (*s)->cap)
		*s = stamps_grow(*s);
	*stamp_at(*s, (*s)->nr++) = t;
}

/*
 * How many stamps are not after @t: searched in growing steps from *@near on,
 * where the one before was found. *@near counts from the first stamp ever.
 */
static u32 stamps_upto(struct stamps *s, u64 t, u32 *near)
{
	u32 nr = stamps_nr(s), lo = 0, hi, from, step = 1;

	if (!nr)
		return 0;
	from = *near - s->first;
	from = from > nr ? 0 : from;
	if (from && *stamp_at(s, from - 1) > t) {
		for (hi = --from; step <= from && *stamp_at(s, from - step) > t; step *= 2)
			hi = from - step;
		lo = step <= from ? from - step + 1 : 0;
	} else {
		for (lo = from; from < nr && *stamp_at(s, from) <= t; from += step, step *= 2)
			lo = from + 1;
		hi = min_u64(nr, from);
	}
	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (*stamp_at(s, mid) <= t)
			lo = mid + 1;
		else
			hi = mid;
	}
	*near = s->first + lo;
	return lo;
}

static bool stamps_old(struct stamps *s, u64 limit)
{
	return stamps_nr(s) && (s->nr >= QUALITY_MAX_STAMPS || *stamp_at(s, 0) < limit);
}

/* ---- Judging -------------------------------------------------------------------- */

static u64 us(const struct quality *q, u64 n)
{
	return n * q->khz / 1000;
}

static bool is_inside(struct quality_vcpu *v, u64 t, u32 *near)
{
	u32 i = stamps_upto(v->in, t, near);

	/* The last interval may be open still. */
	return i && (i > stamps_nr(v->out) || t <= *stamp_at(v->out, i - 1));
}

static void judge_shift(struct quality *q, struct quality_vcpu *v, int i, u64 t, u64 now)
{
	s64 shift = quality_shift_us[i];
	u32 entry;

	if (shift > 0 && t < us(q, shift))
		return;
	t -= shift < 0 ? -us(q, -shift) : us(q, shift);
	if (!v->known || t < v->known_since || t > now)
		return;
	q->shift[i].known++;
	q->shift[i].inside += is_inside(v, t, &v->near[i].in);
	entry = stamps_upto(v->entry, t, &v->near[i].entry);
	if (entry)
		hist_add(&q->shift[i].distance, t - *stamp_at(v->entry, entry - 1));
}

static void judge(struct quality *q, struct quality_vcpu *v, u64 t, u64 now)
{
	u64 before = q->shift[SHIFT_NONE].known;
	int i;

	for (i = 0; i < NR_SHIFTS; i++)
		judge_shift(q, v, i, t, now);
	if (q->shift[SHIFT_NONE].known > before)
		q->ticks++;
	else
		q->skipped++;
}

void quality_advance(struct quality *q, struct quality_vcpu *v, u64 now)
{
	u64 ahead = us(q, QUALITY_AHEAD_US);

	while (stamps_nr(v->tick) && *stamp_at(v->tick, 0) + ahead <= now)
		judge(q, v, stamps_pop(v->tick), now);
}

#define JUDGE_ALL	4096		/* ticks of all vCPUs; after that each 8th */
#define JUDGE_8TH	32768		/* after that each 64th */
#define JUDGE_OF_VCPU	64		/* its first, at any time */

/* Whether a vCPU's tick number @n is to be judged: all at first, then ever fewer. */
static bool chosen(const struct quality *q, u64 n)
{
	return q->seen < JUDGE_ALL || n < JUDGE_OF_VCPU ||
	       n % (q->seen < JUDGE_8TH ? 8 : 64) == 0;
}

void quality_tick(struct quality *q, struct quality_vcpu *v, u64 t)
{
	q->seen++;
	if (!chosen(q, v->nr_ticks++)) {
		q->not_chosen++;
		return;
	}
	/* More than that many within the time ahead are no scheduler's ticks. */
	if (stamps_nr(v->tick) >= QUALITY_MAX_TICKS)
		judge(q, v, stamps_pop(v->tick), t);
	stamps_push(&v->tick, t);
}

static u64 keep_from(const struct quality *q, u64 t)
{
	u64 keep = us(q, QUALITY_KEEP_US);

	return t > keep ? t - keep : 0;
}

static void forget_intervals(struct quality *q, struct quality_vcpu *v, u64 t)
{
	while (stamps_nr(v->in) > 1 && stamps_old(v->out, keep_from(q, t))) {
		stamps_pop(v->in);
		/* Before that end nothing is known any more. */
		v->known_since = max_u64(v->known_since, stamps_pop(v->out) + 1);
	}
}

static void learn(struct quality_vcpu *v, u64 t)
{
	if (v->known)
		return;
	v->known = true;
	v->known_since = t;
}

void quality_in(struct quality *q, struct quality_vcpu *v, u64 t)
{
	quality_advance(q, v, t);
	learn(v, t);
	if (v->is_in)
		return;
	forget_intervals(q, v, t);
	v->is_in = true;
	stamps_push(&v->in, t);
}

void quality_out(struct quality *q, struct quality_vcpu *v, u64 t)
{
	quality_advance(q, v, t);
	learn(v, t);
	if (!v->is_in)
		return;
	v->is_in = false;
	stamps_push(&v->out, t);
}

void quality_entry(struct quality *q, struct quality_vcpu *v, u64 t)
{
	quality_advance(q, v, t);
	while (stamps_old(v->entry, keep_from(q, t)))
		stamps_pop(v->entry);
	stamps_push(&v->entry, t);
}

void quality_vcpu_free(struct quality_vcpu *v)
{
	free(v->in);
	free(v->out);
	free(v->entry);
	free(v->tick);
	memset(v, 0, sizeof(*v));
}

/* ---- What it says ---------------------------------------------------------------- */

double quality_inside(const struct quality *q, int i)
{
	return q->shift[i].known ? (double)q->shift[i].inside / q->shift[i].known : -1;
}

double quality_distance_us(const struct quality *q, int i, double share)
{
	const struct hist *h = &q->shift[i].distance;

	return h->n && q->khz ? hist_quantile(h, share) * 1000.0 / q->khz : -1;
}

/* Whether some clock wrong on purpose scores worse than 99 %. */
static bool intervals_speak(const struct quality *q)
{
	int i;

	for (i = SHIFT_NONE + 1; i < NR_SHOWN; i++) {
		double inside = quality_inside(q, i);

		if (inside >= 0 && inside < 0.99)
			return true;
	}
	return false;
}

/* How many times closer to their entries ticks are under shift @i. */
static double gain(const struct quality *q, int i, double quantile)
{
	double here = quality_distance_us(q, SHIFT_NONE, quantile);
	double there = quality_distance_us(q, i, quantile);

	return here < 0 || there < 0 ? 0 : here / max_u64(there, 1);
}

/*
 * A clock under which ticks follow their entries far closer than under ours,
 * nearly all of them: ours is wrong by about that much. A right one has a
 * delay of its own between entry and tick, long on a slow host, but that
 * varies: taking it off brings some ticks closer and sends others back to the
 * entry before. 0: there is none.
 */
static s64 better_shift(const struct quality *q)
{
	double best_gain = 4;
	s64 best = 0;
	int i;

	if (quality_distance_us(q, SHIFT_NONE, 0.5) < 20)
		return 0;
	for (i = SHIFT_NONE + 1; i < NR_SHIFTS; i++) {
		double both = gain(q, i, 0.5);

		if (gain(q, i, 0.99) < both)
			both = gain(q, i, 0.99);
		if (quality_shift_us[i] < 1000 && both > best_gain) {
			best_gain = both;
			best = quality_shift_us[i];
		}
	}
	return best;
}

/* Whether a clock wrong by 1 ms puts ticks clearly further from their entries. */
static bool entries_speak(const struct quality *q)
{
	static const double quantiles[] = { 0.5, 0.99 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(quantiles); i++) {
		double here = quality_distance_us(q, SHIFT_NONE, quantiles[i]);
		double there = quality_distance_us(q, SHIFT_1MS, quantiles[i]);

		/* Far entries tell nothing, however much further others are. */
		if (here >= 0 && here < 1000 && there > 4 * here)
			return true;
	}
	return false;
}

enum verdict quality_verdict(const struct quality *q, char *why, size_t cap)
{
	double inside = quality_inside(q, SHIFT_NONE);
	s64 better = better_shift(q);

	if (!q->ticks) {
		snprintf(why, cap, "no guest tick could be judged");
		return VERDICT_UNKNOWN;
	}
	if (inside < 0.99) {
		snprintf(why, cap, "guest ticks fall where the host saw no vCPU run");
		return VERDICT_POOR;
	}
	if (better) {
		snprintf(why, cap, "ticks follow VM entries much closer with the clock moved by %+lld us: it seems wrong by about that",
			 better);
		return VERDICT_POOR;
	}
	if (!intervals_speak(q) && !entries_speak(q)) {
		snprintf(why, cap, "wrong clocks would score as well: the vCPUs hardly ever sleep, and exit often");
		return VERDICT_UNKNOWN;
	}
	snprintf(why, cap, "%s", intervals_speak(q) ?
		 "ticks fall inside the intervals, with wrong clocks they do not" :
		 "ticks follow VM entries, with wrong clocks they do not");
	return inside < 0.999 ? VERDICT_FAIR : VERDICT_GOOD;
}
