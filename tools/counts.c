// SPDX-License-Identifier: GPL-2.0-only
/*
 * Differences of counters: see counts.h.
 */
#include "counts.h"

static void subtract(struct counts *out, const struct counts *a, const struct counts *b)
{
	u32 i;

	out->enabled = a->enabled - b->enabled;
	out->nr = a->nr;
	for (i = 0; i < a->nr; i++) {
		out->value[i].count = a->value[i].count - b->value[i].count;
		out->value[i].running = a->value[i].running - b->value[i].running;
	}
}

void counts_add(struct counts *sum, const struct counts *delta)
{
	u32 i;

	sum->enabled += delta->enabled;
	if (sum->nr < delta->nr)
		sum->nr = delta->nr;
	for (i = 0; i < delta->nr; i++) {
		sum->value[i].count += delta->value[i].count;
		sum->value[i].running += delta->value[i].running;
	}
}

bool counts_record(struct counts_vcpu *v, const struct vmcoop_host_count *rec,
		   struct counts *delta)
{
	struct counts now = { .enabled = rec->enabled, .nr = min_u64(rec->nr, COUNTS_MAX) };
	bool ends = rec->where != VMCOOP_COUNT_IN;
	bool known = ends && v->open && v->pcpu == rec->pcpu && v->last.nr == now.nr;
	u32 i;

	for (i = 0; i < now.nr; i++)
		now.value[i] = rec->value[i];
	if (known)
		subtract(delta, &now, &v->last);
	v->slices += !ends;
	v->gaps += ends && !known;
	v->open = rec->where != VMCOOP_COUNT_OUT;
	v->pcpu = rec->pcpu;
	v->since = rec->hdr.stamp;
	v->last = now;
	return known;
}
