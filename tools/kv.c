// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making and reading "key=value" lines: see kv.h.
 */
#include <stdlib.h>
#include <string.h>

#include "kv.h"

static void kv_add(struct kv *kv, const char *s, size_t n)
{
	if (kv->len + n > kv->cap) {
		kv->cap = 2 * kv->cap + n + 64;
		kv->text = xreallocarray(kv->text, kv->cap, 1);
	}
	memcpy(kv->text + kv->len, s, n);
	kv->len += n;
}

void kv_str(struct kv *kv, const char *key, const char *value)
{
	kv_add(kv, key, strlen(key));
	kv_add(kv, "=", 1);
	for (; *value; value++) {
		unsigned char c = *value;
		char esc[5];

		if (c >= ' ' && c != 0x7f && c != '\\') {
			kv_add(kv, value, 1);
		} else {
			snprintf(esc, sizeof(esc), "\\x%02x", c);
			kv_add(kv, esc, 4);
		}
	}
	kv_add(kv, "\n", 1);
}

void kv_u64(struct kv *kv, const char *key, u64 value)
{
	char num[24];

	snprintf(num, sizeof(num), "%llu", value);
	kv_str(kv, key, num);
}

void kv_free(struct kv *kv)
{
	free(kv->text);
	memset(kv, 0, sizeof(*kv));
}

/* The value's bytes in @text, still escaped. */
static const char *kv_find(const char *text, size_t len, const char *key, size_t *vlen)
{
	size_t klen = strlen(key);

	while (len) {
		const char *nl = memchr(text, '\n', len);
		size_t line = nl ? (size_t)(nl - text) : len;

		if (line > klen && text[klen] == '=' && !memcmp(text, key, klen)) {
			*vlen = line - klen - 1;
			return text + klen + 1;
		}
		if (!nl)
			break;
		text += line + 1;
		len -= line + 1;
	}
	return NULL;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool kv_get_str(const char *text, size_t len, const char *key, char *out, size_t cap)
{
	size_t n = 0, i;
	const char *v = kv_find(text, len, key, &len);

	if (!v)
		return false;
	for (i = 0; i < len && n + 1 < cap; i++) {
		bool escaped = v[i] == '\\' && i + 3 < len && v[i + 1] == 'x';
		int high = escaped ? hex(v[i + 2]) : -1, low = escaped ? hex(v[i + 3]) : -1;

		if (high >= 0 && low >= 0) {
			out[n++] = high << 4 | low;
			i += 3;
		} else {
			out[n++] = v[i];
		}
	}
	out[n] = '\0';
	return true;
}

u64 kv_get_u64(const char *text, size_t len, const char *key, u64 otherwise)
{
	char num[24];
	u64 v;

	if (!kv_get_str(text, len, key, num, sizeof(num)) ||
	    !parse_u64(num, 0, UINT64_MAX, &v))
		return otherwise;
	return v;
}
