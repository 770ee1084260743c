/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hash map from 64-bit keys to pointers, and strings made unique.
 *
 * Guests choose many of the keys (pids, inodes, names), so the hash is seeded
 * at random: nothing printed may depend on a map's order.
 */
#ifndef VMCOOP_MAP_H
#define VMCOOP_MAP_H

#include "util.h"

/**
 * struct u64map - keys to non-NULL pointers; all zero is an empty map
 * @slots: key and value; a NULL value is free, or deleted if @key is odd there
 * @cap: slots, a power of two or 0
 * @used: slots with a value
 * @filled: slots that end no probe: used ones and deleted ones
 */
struct u64map {
	struct u64map_slot {
		u64 key;
		void *val;
	} *slots;
	size_t cap, used, filled;
};

void *map_get(const struct u64map *m, u64 key);
/* Sets @key's value and returns what it was before, NULL if nothing. */
void *map_put(struct u64map *m, u64 key, void *val);
/* Removes @key and returns its value, NULL if there was none. */
void *map_del(struct u64map *m, u64 key);
void map_free(struct u64map *m);

#define map_for_each(m, i, v)						\
	for ((i) = 0; (i) < (m)->cap; (i)++)				\
		if (((v) = (m)->slots[i].val) != NULL)

u64 hash_u64(u64 v);
u64 hash_bytes(const void *p, size_t n);

/*
 * The one copy of a string of @n bytes (no NUL among them is needed): equal
 * strings give equal pointers. Lives until the program ends.
 */
const char *intern(const char *s, size_t n);
static inline const char *intern_str(const char *s)
{
	return intern(s, __builtin_strlen(s));
}

#endif /* VMCOOP_MAP_H */
