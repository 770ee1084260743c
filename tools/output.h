/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Text that is safe to show, whoever chose it, and JSON.
 *
 * Names come from guests. Shown are printable characters of valid UTF-8;
 * control characters, characters that redirect a terminal's or an editor's
 * text (bidirectional marks and the like) and bytes that are no UTF-8 stand
 * as \xNN, a backslash as "\\".
 */
#ifndef VMCOOP_OUTPUT_H
#define VMCOOP_OUTPUT_H

#include "util.h"

/* Escapes @s into @out, cut at @cap - 1 bytes; returns @out. */
char *escape(char *out, size_t cap, const char *s);
/* Columns that escaped text takes on a terminal, about. */
size_t text_width(const char *escaped);
/* Cuts it to that many columns; "~" at its end says so. */
void text_cut(char *escaped, size_t width);
/* Writes @s as a JSON string: escaped as above, then for JSON; null for NULL. */
void json_string(FILE *f, const char *s);

#define LINE_MAX_TEXT	(64 << 10)	/* more is written out */
#define LINE_ROOM	8192		/* for what comes before one looks how much there is */

/**
 * struct line - text being put together, for output that printf() would hold up
 * @n: bytes of @text; what does not fit is left out
 */
struct line {
	size_t n;
	char text[LINE_MAX_TEXT + LINE_ROOM];
};

void line_add(struct line *l, const char *p, size_t n);
/* @s as it is, and escaped. */
static inline void line_str(struct line *l, const char *s)
{
	size_t n = __builtin_strlen(s);

	/* Of most the length is known here. */
	if (n > 16 || sizeof(l->text) - l->n < n) {
		line_add(l, s, n);
		return;
	}
	__builtin_memcpy(l->text + l->n, s, n);
	l->n += n;
}

void line_escaped(struct line *l, const char *s);
/* In @base 10 or 16, filled up to @width, 24 at most, with @pad in front. */
void line_u64(struct line *l, u64 v, unsigned int base, unsigned int width, char pad);
void line_pad(struct line *l, size_t spaces);
void line_flush(struct line *l, FILE *f);
/* Flushes if there is LINE_MAX_TEXT. */
static inline void line_end(struct line *l, FILE *f)
{
	if (l->n >= LINE_MAX_TEXT)
		line_flush(l, f);
}

/** struct json - where in a JSON text writing is; all zero is its start */
struct json {
	FILE *f;
	unsigned int depth;
	bool more[16];		/* something stands before, at this depth */
};

/* @key is NULL inside an array. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_str(struct json *j, const char *key, const char *s);
void json_u64(struct json *j, const char *key, u64 v);
/* Null if it is not @known. */
void json_count(struct json *j, const char *key, u64 v, bool known);
void json_s64(struct json *j, const char *key, s64 v);
void json_bool(struct json *j, const char *key, bool v);
/* A fraction with @digits behind the point; null if it is not @known. */
void json_num(struct json *j, const char *key, double v, int digits, bool known);

#endif /* VMCOOP_OUTPUT_H */
