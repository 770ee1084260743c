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

static u32 words_of(const u64 *rec)
{
	return ((const struct vmcoop_hdr *)rec)->size / 8;
}

static u8 type_of(const u64 *rec)
{
	return ((const struct vmcoop_hdr *)rec)->type;
}

/* What the words of @rec from its third on are told by their differences to. */
static inline const u64 *base_of(const u64 *const *last, const u64 *rec)
{
	const u64 *base = last[type_of(rec)];

	/* Records of a type are mostly of one size. */
	return base && words_of(base) >= words_of(rec) ? base : no_words;
}

static u64 zigzag(u64 d)
{
	return d << 1 ^ (u64)((s64)d >> 63);
}

static u64 zagzig(u64 z)
{
	return z >> 1 ^ -(z & 1);
}

/* Without a branch, which what is recorded would take at random. */
static inline size_t bytes_of(u64 z)
{
	/* The number of the highest bit set, as an XOR for compilers that count so themselves. */
	return ((63 ^ __builtin_clzll(z | 1)) >> 3) + !!z;
}

/* ---- Packing -------------------------------------------------------------- */

/* Differences @a and @b: up to 17 bytes, and as many as 8 behind them: DELTA_MAX has room. */
static inline u8 *put_pair(u8 *p, u64 a, u64 b)
{
	size_t na, nb;

	if (!(a | b)) {
		*p = 0;
		return p + 1;
	}
	a = zigzag(a);
	b = zigzag(b);
	na = bytes_of(a);
	nb = bytes_of(b);
	*p++ = na | nb << 4;
	memcpy(p, &a, 8);
	memcpy(p + na, &b, 8);
	return p + na + nb;
}

u32 delta_encode(void *out, const void *records, u32 len)
{
	const u64 *rec = records, *end = rec + len / 8, *prev = no_words, *base;
	const u64 *last[TYPES] = { NULL };
	u8 *p = out;
	u32 n, i;
	int size;

	for (; rec < end; rec += n) {
		size = vmcoop_rec_next(rec, (char *)end - (char *)rec, 0);
		if (size <= 0)
			return 0;
		n = size / 8;
		base = base_of(last, rec);
		p = put_pair(p, rec[HEADER] - prev[HEADER], rec[STAMP] - prev[STAMP]);
		for (i = STAMP + 1; i + 1 < n; i += 2)
			p = put_pair(p, rec[i] - base[i], rec[i + 1] - base[i + 1]);
		if (i < n)
			p = put_pair(p, rec[i] - base[i], 0);
		last[type_of(rec)] = prev = rec;
	}
	return p - (u8 *)out;
}

/* ---- Unpacking ------------------------------------------------------------ */

#define FAST_WORDS	8	/* a record's pairs then lie in DELTA_SLACK, whatever they say */

/* The low bytes that are kept of a word; more than 8 is an error. */
static const u64 mask[16] = {
	0, 0xff, 0xffff, 0xffffff, 0xffffffff, 0xffffffffff, 0xffffffffffff, 0xffffffffffffff,
	~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL,
};

/*
 * Reads a pair of differences, up to 39 bytes from @p on; the caller has to ask
 * whether it ended before its input did. @bad gets TOO_LONG if it is none.
 */
#define TOO_LONG	16

static inline const u8 *get_pair(const u8 *p, u64 *a, u64 *b, u32 *bad)
{
	u32 na = *p & 15, nb = *p >> 4;
	u64 za, zb;

	memcpy(&za, ++p, 8);
	memcpy(&zb, p + na, 8);
	*a = zagzig(za & mask[na]);
	*b = zagzig(zb & mask[nb]);
	/* 9 and more reach bit 4. */
	*bad |= (na + 7) | (nb + 7);
	return p + na + nb;
}

/* Words from 2 on of @rec, which has @n; NULL if they do not end before @end. */
static const u8 *get_long_body(const u8 *p, const u8 *end, u64 *rec, u32 n, const u64 *last,
			       u32 *bad)
{
	u64 a, b;
	u32 i;

	for (i = STAMP + 1; i < n; i += 2) {
		if (p >= end)
			return NULL;
		p = get_pair(p, &a, &b, bad);
		rec[i] = last[i] + a;
		if (i + 1 < n)
			rec[i + 1] = last[i + 1] + b;
	}
	return p;
}

/* The same of records that are as short as nearly all are. */
static inline const u8 *get_body(const u8 *p, u64 *rec, u32 n, const u64 *last, u32 *bad)
{
	u64 a, b;
	u32 i;

	for (i = STAMP + 1; i + 1 < n; i += 2) {
		p = get_pair(p, &a, &b, bad);
		rec[i] = last[i] + a;
		rec[i + 1] = last[i + 1] + b;
	}
	if (i == n)
		return p;
	p = get_pair(p, &a, &b, bad);
	rec[i] = last[i] + a;
	return p;
}

bool delta_decode(void *out, u32 len, const void *in, u32 nr)
{
	u64 *rec = out, *stop = rec + len / 8, word[2] = { 0 }, a, b;
	const u8 *p = in, *end = p + nr;
	const u64 *last[TYPES] = { NULL }, *base;
	u32 n, bad = 0;

	for (; rec < stop; rec += n) {
		if (p >= end || stop - rec < 2)
			return false;
		p = get_pair(p, &a, &b, &bad);
		rec[HEADER] = word[HEADER] += a;
		rec[STAMP] = word[STAMP] += b;
		if (vmcoop_rec_next(rec, (char *)stop - (char *)rec, 0) <= 0)
			return false;
		n = words_of(rec);
		base = base_of(last, rec);
		p = n <= FAST_WORDS ? get_body(p, rec, n, base, &bad) :
				      get_long_body(p, end, rec, n, base, &bad);
		if (!p || p > end || bad & TOO_LONG)
			return false;
		last[type_of(rec)] = rec;
	}
	return p == end;
}
