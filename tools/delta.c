// SPDX-License-Identifier: GPL-2.0-only
/*
 * Differences of records: see delta.h.
 */
#include <string.h>

#include "../common/ring.h"
#include "delta.h"

#define HEADER	0
#define STAMP	1
#define TYPES	256

static const u64 no_words[VMCOOP_REC_MAX / 8];

/**
 * struct before - what differences are taken to
 * @last: of each type the last record, NULL without
 * @prev: the last record of all
 */
struct before {
	const u64 *last[TYPES];
	const u64 *prev;
};

static u32 words_of(const u64 *rec)
{
	return ((const struct vmcoop_hdr *)rec)->size / 8;
}

static u8 type_of(const u64 *rec)
{
	return ((const struct vmcoop_hdr *)rec)->type;
}

static u64 zigzag(u64 d)
{
	return d << 1 ^ (u64)((s64)d >> 63);
}

static u64 zagzig(u64 z)
{
	return z >> 1 ^ -(z & 1);
}

static u32 bytes_of(u64 z)
{
	return z ? 8 - __builtin_clzll(z) / 8 : 0;
}

/* ---- Packing -------------------------------------------------------------- */

static u8 *put_pair(u8 *p, u64 a, u64 b)
{
	u32 na = bytes_of(a), nb = bytes_of(b);

	*p++ = na | nb << 4;
	memcpy(p, &a, na);
	memcpy(p + na, &b, nb);
	return p + na + nb;
}

/* The word that word @i of @rec is told by its difference to. */
static u64 base_of(const struct before *b, const u64 *rec, u32 i)
{
	const u64 *last = b->last[type_of(rec)];

	if (i <= STAMP)
		return b->prev ? b->prev[i] : 0;
	return last && words_of(last) >= words_of(rec) ? last[i] : 0;
}

u32 delta_encode(void *out, const void *records, u32 len)
{
	const u64 *rec = records, *end = rec + len / 8;
	struct before b = { .prev = NULL };
	u8 *p = out;
	u32 n, i;

	for (; rec < end; rec += n) {
		if (vmcoop_rec_next(rec, (char *)end - (char *)rec, 0) <= 0)
			return 0;
		n = words_of(rec);
		for (i = 0; i < n; i += 2)
			p = put_pair(p, zigzag(rec[i] - base_of(&b, rec, i)), i + 1 < n ?
				     zigzag(rec[i + 1] - base_of(&b, rec, i + 1)) : 0);
		b.last[type_of(rec)] = b.prev = rec;
	}
	return p - (u8 *)out;
}

/* ---- Unpacking ------------------------------------------------------------ */

static inline u64 get_word(const u8 *p, u32 n)
{
	u64 z;

	/* May reach behind the bytes wanted: the caller has room there. */
	memcpy(&z, p, 8);
	return zagzig(n ? z & ~0ULL >> (64 - 8 * n) : 0);
}

/* Reads a pair of differences; NULL if it does not end before @end. */
static inline const u8 *get_pair(const u8 *p, const u8 *end, u64 *a, u64 *b)
{
	u32 na, nb;

	if (p >= end)
		return NULL;
	na = *p & 15;
	nb = *p++ >> 4;
	if (na > 8 || nb > 8 || na + nb > end - p)
		return NULL;
	*a = get_word(p, na);
	*b = get_word(p + na, nb);
	return p + na + nb;
}

/* Words from 2 on of @rec, which has @n. */
static inline const u8 *get_body(const u8 *p, const u8 *end, u64 *rec, u32 n, const u64 *last)
{
	u32 had = last ? words_of(last) : 0, i;
	u64 a, b;

	/* Records of a type are mostly of one size. */
	if (had < n)
		last = no_words;
	for (i = STAMP + 1; i < n; i += 2) {
		p = get_pair(p, end, &a, &b);
		if (!p)
			return NULL;
		rec[i] = last[i] + a;
		if (i + 1 < n)
			rec[i + 1] = last[i + 1] + b;
	}
	return p;
}

bool delta_decode(void *out, u32 len, const void *in, u32 nr)
{
	u64 *rec = out, *stop = rec + len / 8, word[2] = { 0 }, a, b;
	const u8 *p = in, *end = p + nr;
	const u64 *last[TYPES] = { NULL };
	u32 n;

	for (; rec < stop; rec += n) {
		p = get_pair(p, end, &a, &b);
		if (!p || stop - rec < 2)
			return false;
		rec[HEADER] = word[HEADER] += a;
		rec[STAMP] = word[STAMP] += b;
		if (vmcoop_rec_next(rec, (char *)stop - (char *)rec, 0) <= 0)
			return false;
		n = words_of(rec);
		p = get_body(p, end, rec, n, last[type_of(rec)]);
		if (!p)
			return false;
		last[type_of(rec)] = rec;
	}
	return p == end;
}
