/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * "key=value" lines: the text that descriptive chunks of a data file hold.
 *
 * A value's control bytes and backslashes stand as \xNN, so that a name with a
 * newline in it stays one line. A reader takes the first line with its key and
 * ignores keys it does not know.
 */
#ifndef VMCOOP_KV_H
#define VMCOOP_KV_H

#include <inttypes.h>

#include "util.h"

/** struct kv - text being made; all zero is empty */
struct kv {
	char *text;
	size_t len, cap;
};

void kv_str(struct kv *kv, const char *key, const char *value);
void kv_u64(struct kv *kv, const char *key, u64 value);
void kv_free(struct kv *kv);

/* Looks @key up in @text of @len bytes: true, and the unescaped value in @out. */
bool kv_get_str(const char *text, size_t len, const char *key, char *out, size_t cap);
/* The number at @key, @otherwise if it is missing or no number. */
u64 kv_get_u64(const char *text, size_t len, const char *key, u64 otherwise);

#endif /* VMCOOP_KV_H */
