// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sorted symbols: see symtab.h.
 */
#include <stdlib.h>
#include <string.h>

#include "symtab.h"

u32 symtab_string(struct symtab *t, const char *s, size_t n)
{
	u32 at;

	if (!t->used)
		t->used = 1;
	if (n >= (1U << 30) - t->used - 1)
		return 0;
	if (t->used + n + 1 > t->room) {
		t->room = min_u64(2ULL * t->room + n + 4096, UINT32_MAX);
		t->strings = xreallocarray(t->strings, t->room, 1);
		t->strings[0] = '\0';
	}
	at = t->used;
	memcpy(t->strings + at, s, n);
	t->strings[at + n] = '\0';
	t->used += n + 1;
	return at;
}

bool symtab_add(struct symtab *t, const struct symbol *sym)
{
	if (t->nr == SYMTAB_MAX)
		return false;
	if (t->nr == t->cap) {
		t->cap = 2 * t->cap + 256;
		t->syms = xreallocarray(t->syms, t->cap, sizeof(*t->syms));
	}
	t->syms[t->nr++] = *sym;
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank > y->rank ? -1 : 1;
	/* A size beats none; then whichever came first in the file. */
	if ((x->end > x->start) != (y->end > y->start))
		return x->end > x->start ? -1 : 1;
	return x->name < y->name ? -1 : 1;
}

void symtab_finish(struct symtab *t, u64 last)
{
	u64 next = UINT64_MAX;
	u32 i;

	if (!t->nr)
		return;
	qsort(t->syms, t->nr, sizeof(*t->syms), by_start);
	for (i = t->nr; i--;) {
		struct symbol *s = &t->syms[i];

		if (i + 1 < t->nr && s[1].start != s->start)
			next = s[1].start;
		if (s->end <= s->start)
			s->end = next - s->start > last ? s->start + last : next;
		/* Overlapping symbols: the one that begins later is the closer. */
		if (s->end > next)
			s->end = next;
	}
}

const struct symbol *symtab_find(const struct symtab *t, u64 addr)
{
	u32 lo = 0, hi = t->nr;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (t->syms[mid].start <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || addr >= t->syms[lo - 1].end)
		return NULL;
	/* Of several names for one place the first is the best. */
	while (lo > 1 && t->syms[lo - 2].start == t->syms[lo - 1].start)
		lo--;
	return &t->syms[lo - 1];
}

void symtab_free(struct symtab *t)
{
	free(t->syms);
	free(t->strings);
	memset(t, 0, sizeof(*t));
}
