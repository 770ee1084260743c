// SPDX-License-Identifier: GPL-2.0-only
/*
 * Encoding protocol buffers: see protobuf.h.
 */
#include <stdlib.h>
#include <string.h>

#include "protobuf.h"

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

static void put(struct pb *m, const void *data, size_t len)
{
	if (m->len + len > m->cap) {
		m->cap = (m->len + len) * 2;
		m->data = xreallocarray(m->data, m->cap, 1);
	}
	if (len)
		memcpy(m->data + m->len, data, len);
	m->len += len;
}

static void put_varint(struct pb *m, u64 v)
{
	u8 buf[10];
	int n = 0;

	do {
		buf[n] = v & 0x7f;
		v >>= 7;
		buf[n++] |= v ? 0x80 : 0;
	} while (v);
	put(m, buf, n);
}

static void put_tag(struct pb *m, u32 field, enum wire wire)
{
	put_varint(m, field << 3 | wire);
}

void pb_u64(struct pb *m, u32 field, u64 v)
{
	put_tag(m, field, WIRE_VARINT);
	put_varint(m, v);
}

void pb_fixed64(struct pb *m, u32 field, u64 v)
{
	put_tag(m, field, WIRE_FIXED64);
	put(m, &v, sizeof(v));
}

void pb_bytes(struct pb *m, u32 field, const void *data, size_t len)
{
	put_tag(m, field, WIRE_BYTES);
	put_varint(m, len);
	put(m, data, len);
}

void pb_string(struct pb *m, u32 field, const char *s)
{
	pb_bytes(m, field, s, strlen(s));
}

void pb_message(struct pb *m, u32 field, struct pb *inner)
{
	pb_bytes(m, field, inner->data, inner->len);
	inner->len = 0;
}

void pb_packed(struct pb *m, u32 field, const u64 *v, size_t nr)
{
	struct pb inner = { 0 };
	size_t i;

	for (i = 0; i < nr; i++)
		put_varint(&inner, v[i]);
	pb_message(m, field, &inner);
	pb_free(&inner);
}

void pb_free(struct pb *m)
{
	free(m->data);
	memset(m, 0, sizeof(*m));
}
