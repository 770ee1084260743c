/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records packed as differences to those before them: a sample takes about
 * eight bytes of 48.
 *
 * A record is taken as 64-bit words. The first (type, flags, size, id) and the
 * second (stamp) stand as differences to the same word of the record before,
 * each later one to the word at its place in the last record of its type, if
 * that was not shorter; where there is none, to 0. A difference d, modulo 2^64 and taken as
 * signed, becomes the unsigned 2d or -2d - 1, of which as many low bytes are
 * kept as are needed. The words go in pairs (with a 0 behind an odd last one): a
 * byte with the number of bytes of the first in its low and of the second in its
 * high four bits, then those bytes, little-endian.
 */
#ifndef VMCOOP_DELTA_H
#define VMCOOP_DELTA_H

#include "util.h"

/* The most that records of @len bytes can take, with what may be written behind them. */
#define DELTA_MAX(len)	((len) + (len) / 8 + 16)

/* Bytes that must be readable behind what delta_decode() is given. */
#define DELTA_SLACK	128

/* Packs whole records of @len bytes; returns the bytes at @out, 0: they are no records. */
u32 delta_encode(void *out, const void *records, u32 len);
/*
 * Unpacks into @len bytes at @out, 8-byte aligned. Behind the @n bytes at @in
 * there must be DELTA_SLACK more. False: no such records come out.
 */
bool delta_decode(void *out, u32 len, const void *in, u32 n);

#endif /* VMCOOP_DELTA_H */
