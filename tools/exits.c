// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounts of a vCPU's time: see exits.h.
 */
#include "exits.h"

static struct exits_sum difference(const struct exits_sum *a, const struct exits_sum *b)
{
	struct exits_sum d = { .guest = a->guest - b->guest, .poll_ns = a->poll_ns - b->poll_ns };
	int i;

	for (i = 0; i < VMCOOP_EXITS; i++) {
		d.exit[i].count = a->exit[i].count - b->exit[i].count;
		d.exit[i].time = a->exit[i].time - b->exit[i].time;
	}
	return d;
}

void exits_add(struct exits_sum *sum, const struct exits_sum *more)
{
	int i;

	sum->guest += more->guest;
	sum->poll_ns += more->poll_ns;
	for (i = 0; i < VMCOOP_EXITS; i++) {
		sum->exit[i].count += more->exit[i].count;
		sum->exit[i].time += more->exit[i].time;
	}
}

void exits_record(struct exits *e, const struct vmcoop_host_exits *rec, bool before)
{
	struct exits_sum now = { .guest = rec->guest, .poll_ns = rec->poll_ns }, done;
	u32 i;

	/* Classes of a later version are other exits. */
	for (i = 0; i < rec->nr; i++) {
		u32 class = i < VMCOOP_EXITS ? i : VMCOOP_EXIT_OTHER;

		now.exit[class].count += rec->exit[i].count;
		now.exit[class].time += rec->exit[i].time;
	}
	if (!e->told || before) {
		e->first = now;
	} else if (e->handle != rec->hdr.id) {
		/* A new thread counts from 0: what was before stays in the difference. */
		struct exits_sum none = { 0 };

		done = difference(&e->last, &e->first);
		e->first = difference(&none, &done);
	}
	e->told = true;
	e->handle = rec->hdr.id;
	e->last = now;
}

struct exits_sum exits_total(const struct exits *e)
{
	return difference(&e->last, &e->first);
}

u64 exits_handling(const struct exits_sum *s)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < VMCOOP_EXITS; i++)
		sum += s->exit[i].time;
	return sum;
}
