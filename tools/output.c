// SPDX-License-Identifier: GPL-2.0-only
/*
 * Escaping and JSON: see output.h.
 */
#include <string.h>

#include "output.h"

/* Length of the UTF-8 sequence at @s and its character; 0 if there is none. */
static int utf8(const unsigned char *s, u32 *ch)
{
	static const u32 least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int len, i;

	if (*s < 0x80) {
		*ch = *s;
		return 1;
	}
	len = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : 2;
	if (*s < 0xc2 || *s > 0xf4)
		return 0;
	*ch = *s & (0x7f >> len);
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*ch = *ch << 6 | (s[i] & 0x3f);
	}
	if (*ch < least[len] || *ch > 0x10ffff || (*ch >= 0xd800 && *ch < 0xe000))
		return 0;
	return len;
}

static bool harmless(u32 ch)
{
	if (ch < 0x20 || (ch >= 0x7f && ch < 0xa0))
		return false;		/* controls */
	if ((ch >= 0x200b && ch <= 0x200f) || (ch >= 0x2028 && ch <= 0x202e) ||
	    (ch >= 0x2060 && ch <= 0x206f) || ch == 0xfeff || ch == 0x061c)
		return false;		/* invisible, or turns the direction of text */
	return ch < 0xe0000 || ch > 0xe0fff;	/* tags */
}

char *escape(char *out, size_t cap, const char *s)
{
	size_t n = 0;

	while (*s) {
		char piece[20];
		u32 ch = 0;
		int len = utf8((const unsigned char *)s, &ch), i, at = 0;

		if (*s == '\\') {
			at = sprintf(piece, "\\\\");
		} else if (len && harmless(ch)) {
			memcpy(piece, s, len);
			at = len;
		} else {
			for (i = 0; i < (len ?: 1); i++)
				at += sprintf(piece + at, "\\x%02x", (unsigned char)s[i]);
		}
		if (n + at >= cap)
			break;
		memcpy(out + n, piece, at);
		n += at;
		s += len ?: 1;
	}
	out[n] = '\0';
	return out;
}

size_t text_width(const char *escaped)
{
	size_t n = 0;

	for (; *escaped; escaped++)
		n += (*escaped & 0xc0) != 0x80;
	return n;
}

void json_string(FILE *f, const char *s)
{
	char buf[8192], *p;

	if (!s) {
		fputs("null", f);
		return;
	}
	/* What is left to escape for JSON are quotes and the backslashes. */
	fputc('"', f);
	for (p = escape(buf, sizeof(buf), s); *p; p++) {
		if (*p == '"' || *p == '\\')
			fputc('\\', f);
		fputc(*p, f);
	}
	fputc('"', f);
}

static void json_key(struct json *j, const char *key)
{
	if (j->more[j->depth])
		fputc(',', j->f);
	j->more[j->depth] = true;
	/* A line for each member of the outer levels: people look at these files. */
	if (j->depth && j->depth <= 2)
		fprintf(j->f, "\n%*s", j->depth, "");
	if (key)
		fprintf(j->f, "\"%s\":", key);
}

void json_open(struct json *j, const char *key, char bracket)
{
	json_key(j, key);
	fputc(bracket, j->f);
	j->more[++j->depth] = false;
}

void json_close(struct json *j, char bracket)
{
	j->depth--;
	fputc(bracket, j->f);
	if (!j->depth)
		fputc('\n', j->f);
}

void json_str(struct json *j, const char *key, const char *s)
{
	json_key(j, key);
	json_string(j->f, s);
}

void json_u64(struct json *j, const char *key, u64 v)
{
	json_key(j, key);
	fprintf(j->f, "%llu", v);
}

void json_count(struct json *j, const char *key, u64 v, bool known)
{
	if (known)
		json_u64(j, key, v);
	else
		json_str(j, key, NULL);
}

void json_s64(struct json *j, const char *key, s64 v)
{
	json_key(j, key);
	fprintf(j->f, "%lld", v);
}

void json_bool(struct json *j, const char *key, bool v)
{
	json_key(j, key);
	fputs(v ? "true" : "false", j->f);
}

void json_num(struct json *j, const char *key, double v, int digits, bool known)
{
	json_key(j, key);
	if (known)
		fprintf(j->f, "%.*f", digits, v);
	else
		fputs("null", j->f);
}
