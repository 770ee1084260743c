// SPDX-License-Identifier: GPL-2.0-only
/*
 * Encoding protocol buffers: see protobuf.h.
 */
#include <stdlib.h>
#include <string.h>

#include "protobuf.h"

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

static void put_tag(struct bytes *m, u32 field, enum wire wire)
{
	bytes_put_varint(m, field << 3 | wire);
}

void pb_u64(struct bytes *m, u32 field, u64 v)
{
	put_tag(m, field, WIRE_VARINT);
	bytes_put_varint(m, v);
}

void pb_fixed64(struct bytes *m, u32 field, u64 v)
{
	put_tag(m, field, WIRE_FIXED64);
	bytes_put(m, &v, sizeof(v));
}

void pb_bytes(struct bytes *m, u32 field, const void *data, size_t len)
{
	put_tag(m, field, WIRE_BYTES);
	bytes_put_varint(m, len);
	bytes_put(m, data, len);
}

void pb_string(struct bytes *m, u32 field, const char *s)
{
	pb_bytes(m, field, s, strlen(s));
}

void pb_message(struct bytes *m, u32 field, struct bytes *inner)
{
	pb_bytes(m, field, inner->data, inner->len);
	inner->len = 0;
}

void pb_packed(struct bytes *m, u32 field, const u64 *v, size_t nr)
{
	struct bytes inner = { 0 };
	size_t i;

	for (i = 0; i < nr; i++)
		bytes_put_varint(&inner, v[i]);
	pb_message(m, field, &inner);
	pb_free(&inner);
}

void pb_free(struct bytes *m)
{
	free(m->data);
	memset(m, 0, sizeof(*m));
}
