// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes that are put one behind the other: see bytes.h.
 */
#include <string.h>

#include "bytes.h"

void bytes_put(struct bytes *b, const void *data, size_t len)
{
	if (b->len + len > b->cap) {
		b->cap = (b->len + len) * 2;
		b->data = xreallocarray(b->data, b->cap, 1);
	}
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

void bytes_put_varint(struct bytes *b, u64 v)
{
	u8 buf[10];
	int n = 0;

	do {
		buf[n] = v & 0x7f;
		v >>= 7;
		buf[n++] |= v ? 0x80 : 0;
	} while (v);
	bytes_put(b, buf, n);
}
