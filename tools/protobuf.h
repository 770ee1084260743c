/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing protocol buffers: varints, fixed numbers, bytes and nested messages.
 *
 * Two messages of two formats, written field by field and never read, are less
 * work than what protobuf-c would add: a compiler and descriptions at build
 * time, and a tree in memory of each message before it is written.
 */
#ifndef VMCOOP_PROTOBUF_H
#define VMCOOP_PROTOBUF_H

#include "bytes.h"

/* Numbers that are 0 are written, too: a field of a oneof counts by being there. */
void pb_u64(struct bytes *m, u32 field, u64 v);
void pb_fixed64(struct bytes *m, u32 field, u64 v);
void pb_bytes(struct bytes *m, u32 field, const void *data, size_t len);
void pb_string(struct bytes *m, u32 field, const char *s);
/* @inner as a message in @m; empties @inner, which keeps its room. */
void pb_message(struct bytes *m, u32 field, struct bytes *inner);
/* A repeated number field, packed. */
void pb_packed(struct bytes *m, u32 field, const u64 *v, size_t nr);
void pb_free(struct bytes *m);

#endif /* VMCOOP_PROTOBUF_H */
