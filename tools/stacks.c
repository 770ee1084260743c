// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sums by stack: see stacks.h.
 */
#include <stdlib.h>
#include <string.h>

#include "stacks.h"

/* ---- Adding ------------------------------------------------------------------------ */

static u64 stack_hash(const struct stack *k)
{
	u64 h = hash_bytes(k->frames, k->depth * sizeof(*k->frames));

	h = hash_u64(h ^ (uintptr_t)k->vm) ^ (uintptr_t)k->comm;
	return hash_u64(hash_u64(h ^ ((u64)k->pid << 32 | k->tid)) ^ k->vcpu);
}

static bool stack_is(const struct stack *a, const struct stack *b)
{
	return a->vm == b->vm && a->vcpu == b->vcpu && a->pid == b->pid && a->tid == b->tid &&
	       a->comm == b->comm && a->depth == b->depth &&
	       !memcmp(a->frames, b->frames, a->depth * sizeof(*a->frames));
}

/* The slot of a stack like @k, or the free one where it belongs. */
static u32 *find_slot(const struct stacks *s, const struct stack *k)
{
	size_t i = stack_hash(k) & (s->nr_slots - 1);

	while (s->slots[i] && !stack_is(&s->stacks[s->slots[i] - 1], k))
		i = (i + 1) & (s->nr_slots - 1);
	return &s->slots[i];
}

static void grow(struct stacks *s)
{
	size_t i;

	s->nr_slots = s->nr_slots ? s->nr_slots * 2 : 1024;
	free(s->slots);
	s->slots = xcalloc(s->nr_slots, sizeof(*s->slots));
	for (i = 0; i < s->nr; i++)
		*find_slot(s, &s->stacks[i]) = i + 1;
}

static struct stack *stack_new(struct stacks *s, const struct stack *k)
{
	struct frame *frames = xreallocarray(NULL, k->depth, sizeof(*frames));
	struct stack *new;

	if (s->nr == s->cap) {
		s->cap = s->cap * 2 ?: 256;
		s->stacks = xreallocarray(s->stacks, s->cap, sizeof(*s->stacks));
	}
	new = &s->stacks[s->nr++];
	*new = *k;
	memcpy(frames, k->frames, k->depth * sizeof(*frames));
	new->frames = frames;
	new->samples = 0;
	new->value = xcalloc(s->columns, sizeof(*new->value));
	return new;
}

static struct stack *stack_like(struct stacks *s, const struct stack *k)
{
	u32 *slot;

	if (s->nr * 2 >= s->nr_slots)
		grow(s);
	slot = find_slot(s, k);
	if (!*slot) {
		stack_new(s, k);
		*slot = s->nr;
	}
	return &s->stacks[*slot - 1];
}

void stacks_add(struct stacks *s, const struct stack *key, u32 column, u64 value, u32 samples)
{
	struct stack *st;

	if (s->nr >= STACKS_MAX && !*find_slot(s, key)) {
		struct frame rest = { .dso = intern_str("[too many stacks]") };
		struct stack k = { .vm = key->vm, .comm = key->comm, .frames = &rest, .depth = 1 };

		/* Names are many, too. */
		k.comm = rest.dso;
		s->merged += samples;
		st = stack_like(s, &k);
	} else {
		st = stack_like(s, key);
	}
	st->samples += samples;
	st->value[column] += value;
}

/* ---- Order -------------------------------------------------------------------------- */

static int by_number(u64 a, u64 b)
{
	return a < b ? -1 : a > b;
}

static int by_name(const char *a, const char *b)
{
	return a == b ? 0 : strcmp(a ?: "", b ?: "");
}

static int by_frames(const struct stack *a, const struct stack *b)
{
	u32 n = min_u64(a->depth, b->depth), i;
	int d = 0;

	/* From the outermost on: that is how they are drawn. */
	for (i = 1; !d && i <= n; i++) {
		const struct frame *fa = &a->frames[a->depth - i], *fb = &b->frames[b->depth - i];

		d = by_name(fa->symbol, fb->symbol) ?: by_name(fa->dso, fb->dso) ?:
		    by_name(fa->path, fb->path) ?: by_number(fa->addr, fb->addr);
	}
	return d ?: by_number(a->depth, b->depth);
}

static int by_identity(const void *pa, const void *pb)
{
	const struct stack *a = pa, *b = pb;

	return by_name(a->vm->name, b->vm->name) ?: by_number(a->vm->pid, b->vm->pid) ?:
	       by_name(a->comm, b->comm) ?: by_number(a->pid, b->pid) ?:
	       by_number(a->tid, b->tid) ?: by_number(a->vcpu, b->vcpu) ?: by_frames(a, b);
}

void stacks_sort(struct stacks *s)
{
	if (s->nr)
		qsort(s->stacks, s->nr, sizeof(*s->stacks), by_identity);
	free(s->slots);
	s->slots = NULL;
	s->nr_slots = 0;
}

void stacks_free(struct stacks *s)
{
	size_t i;

	for (i = 0; i < s->nr; i++) {
		free((void *)s->stacks[i].frames);
		free(s->stacks[i].value);
	}
	free(s->stacks);
	free(s->slots);
	memset(s, 0, sizeof(*s));
}

/* ---- Whole parts ----------------------------------------------------------------------- */

struct remainder {
	u64 left;
	size_t at;
};

static int by_remainder(const void *pa, const void *pb)
{
	const struct remainder *a = pa, *b = pb;

	return by_number(b->left, a->left) ?: by_number(a->at, b->at);
}

void apportion(u64 total, const u64 *weight, u64 *part, size_t nr)
{
	struct remainder *rem = xreallocarray(NULL, nr, sizeof(*rem));
	unsigned __int128 sum = 0, scaled;
	u64 given = 0;
	size_t i;

	for (i = 0; i < nr; i++)
		sum += weight[i];
	for (i = 0; i < nr; i++) {
		scaled = (unsigned __int128)total * weight[i];
		part[i] = sum ? scaled / sum : 0;
		/* Sums beyond 64 bits lose digits of the remainder, no part. */
		rem[i].left = sum ? (scaled % sum) >> (sum >> 64 ? 64 : 0) : 0;
		rem[i].at = i;
		given += part[i];
	}
	if (nr)
		qsort(rem, nr, sizeof(*rem), by_remainder);
	for (i = 0; sum && i < nr && given < total; i++, given++)
		part[rem[i].at]++;
	free(rem);
}
