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

/* Bytes of printable ASCII without a backslash that @s begins with. */
static size_t plain(const char *s)
{
	size_t n = 0;

	while (s[n] >= 0x20 && s[n] < 0x7f && s[n] != '\\')
		n++;
	return n;
}

char *escape(char *out, size_t cap, const char *s)
{
	size_t n = min_u64(plain(s), cap - 1);

	/* Nearly all names are nothing else. */
	memcpy(out, s, n);
	s += n;
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

void text_cut(char *escaped, size_t width)
{
	char *last = escaped;
	size_t n = 0;

	for (; *escaped; escaped++) {
		if ((*escaped & 0xc0) == 0x80)
			continue;
		if (n++ == width) {
			memcpy(last, "~", 2);
			return;
		}
		last = escaped;
	}
}

/* ---- Lines ----------------------------------------------------------------- */

void line_add(struct line *l, const char *p, size_t n)
{
	n = min_u64(n, sizeof(l->text) - l->n);
	memcpy(l->text + l->n, p, n);
	l->n += n;
}

void line_escaped(struct line *l, const char *s)
{
	char buf[2048];
	size_t n = plain(s);

	if (s[n])
		line_str(l, escape(buf, sizeof(buf), s));
	else
		line_add(l, s, n);
}

void line_pad(struct line *l, size_t spaces)
{
	spaces = min_u64(spaces, sizeof(l->text) - l->n);
	memset(l->text + l->n, ' ', spaces);
	l->n += spaces;
}

/* The digits of @v, to end before @p. */
static char *decimal(char *p, u64 v)
{
	static const char pairs[] =
		"00010203040506070809" "10111213141516171819" "20212223242526272829"
		"30313233343536373839" "40414243444546474849" "50515253545556575859"
		"60616263646566676869" "70717273747576777879" "80818283848586878889"
		"90919293949596979899";

	for (; v >= 100; v /= 100)
		memcpy(p -= 2, pairs + 2 * (v % 100), 2);
	if (v >= 10)
		memcpy(p -= 2, pairs + 2 * v, 2);
	else
		*--p = '0' + v;
	return p;
}

static char *hexadecimal(char *p, u64 v)
{
	do
		*--p = "0123456789abcdef"[v & 15];
	while (v >>= 4);
	return p;
}

#define DIGITS	24	/* as many as 64 bits have, and some */

void line_u64(struct line *l, u64 v, unsigned int base, unsigned int width, char pad)
{
	/* Copied are DIGITS bytes, always: no call, no loop. What is too much does no harm. */
	char buf[2 * DIGITS], *end = buf + DIGITS, *p;
	size_t n;

	memset(buf, pad, sizeof(buf));
	p = base == 16 ? hexadecimal(end, v) : decimal(end, v);
	n = max_u64(end - p, min_u64(width, DIGITS));
	if (sizeof(l->text) - l->n < DIGITS) {
		line_add(l, end - n, n);
		return;
	}
	memcpy(l->text + l->n, end - n, DIGITS);
	l->n += n;
}

void line_flush(struct line *l, FILE *f)
{
	if (l->n)
		fwrite(l->text, 1, l->n, f);
	l->n = 0;
}

/* ---- JSON ------------------------------------------------------------------ */

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
