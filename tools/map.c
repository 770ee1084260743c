// SPDX-License-Identifier: GPL-2.0-only
/*
 * Open addressing with linear probing: see map.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "map.h"

static u64 seed;

static u64 hash_seed(void)
{
	if (!seed && getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = now_ns();
	return seed |= 1;
}

u64 hash_u64(u64 v)
{
	/* splitmix64's finisher */
	v ^= hash_seed();
	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9ULL;
	v = (v ^ (v >> 27)) * 0x94d049bb133111ebULL;
	return v ^ (v >> 31);
}

u64 hash_bytes(const void *p, size_t n)
{
	const char *s = p;
	u64 h = n, w;

	for (; n >= 8; n -= 8, s += 8) {
		memcpy(&w, s, 8);
		h = hash_u64(h ^ w);
	}
	w = 0;
	memcpy(&w, s, n);
	return hash_u64(h ^ w);
}

/* A free slot has key 0, a deleted one key 1, both with a NULL value. */
static struct u64map_slot *map_find(const struct u64map *m, u64 key)
{
	size_t i;

	if (!m->cap)
		return NULL;
	for (i = hash_u64(key) & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct u64map_slot *s = &m->slots[i];

		if (s->val ? s->key == key : !s->key)
			return s;
	}
}

void *map_get(const struct u64map *m, u64 key)
{
	struct u64map_slot *s = map_find(m, key);

	return s ? s->val : NULL;
}

static void map_resize(struct u64map *m)
{
	struct u64map old = *m;
	size_t i;
	void *v;

	m->cap = 16;
	while (m->cap < 4 * (old.used + 1))
		m->cap *= 2;
	m->slots = xcalloc(m->cap, sizeof(*m->slots));
	m->filled = m->used;
	map_for_each(&old, i, v)
		*map_find(m, old.slots[i].key) = old.slots[i];
	free(old.slots);
}

void *map_put(struct u64map *m, u64 key, void *val)
{
	struct u64map_slot *s;
	void *old;

	if (m->filled + 1 > m->cap - m->cap / 4)
		map_resize(m);
	s = map_find(m, key);
	old = s->val;
	if (!old) {
		m->used++;
		m->filled++;
	}
	s->key = key;
	s->val = val;
	return old;
}

void *map_del(struct u64map *m, u64 key)
{
	struct u64map_slot *s = map_find(m, key);
	void *old;

	if (!s || !s->val)
		return NULL;
	old = s->val;
	s->val = NULL;
	s->key = 1;
	m->used--;
	return old;
}

void map_free(struct u64map *m)
{
	free(m->slots);
	memset(m, 0, sizeof(*m));
}

/* ---- Unique strings ------------------------------------------------------ */

struct string {
	struct string *next;	/* with the same hash */
	size_t len;
	char s[];
};

static struct u64map strings;

const char *intern(const char *s, size_t n)
{
	u64 hash = hash_bytes(s, n);
	struct string *head = map_get(&strings, hash), *e;

	for (e = head; e; e = e->next)
		if (e->len == n && !memcmp(e->s, s, n))
			return e->s;
	e = xcalloc(1, sizeof(*e) + n + 1);
	e->next = head;
	e->len = n;
	memcpy(e->s, s, n);
	map_put(&strings, hash, e);
	return e->s;
}
