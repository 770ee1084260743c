// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading perf-PID.map: see jitmap.h.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jitmap.h"

#define MAX_FUNC	(64U << 20)	/* bytes of code that one line may name */

/* All of it, JITMAP_MAX bytes or a little more at most. */
static char *read_all(int fd, size_t *len)
{
	size_t cap = 65536;
	char *text = xreallocarray(NULL, cap, 1);
	ssize_t n;

	*len = 0;
	while (*len < JITMAP_MAX && (n = read(fd, text + *len, cap - *len)) > 0) {
		*len += n;
		if (*len == cap)
			text = xreallocarray(text, cap *= 2, 1);
	}
	return text;
}

static bool parse_hex(const char **p, const char *end, u64 *v)
{
	const char *from = *p;
	int digit;

	if (end - from > 2 && from[0] == '0' && (from[1] | 0x20) == 'x')
		from = *p += 2;
	for (*v = 0; *p < end && *p - from < 16; (*p)++) {
		char c = **p | 0x20;

		digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
		if (digit < 0)
			break;
		*v = *v << 4 | digit;
	}
	return *p > from;
}

static void add_line(struct symtab *t, const char *p, const char *end)
{
	struct symbol sym = { 0 };
	u64 size;

	if (!parse_hex(&p, end, &sym.start) || p == end || *p++ != ' ' ||
	    !parse_hex(&p, end, &size) || p == end || *p++ != ' ')
		return;
	if (p == end || memchr(p, 0, end - p) || !size || size > MAX_FUNC ||
	    sym.start + size < size)
		return;
	sym.end = sym.start + size;
	sym.name = symtab_string(t, p, end - p);
	if (sym.name)
		symtab_add(t, &sym);
}

/* From the last line to the first: of equals, symtab_finish() takes what was added first. */
bool jitmap_read(int fd, struct symtab *t)
{
	size_t len;
	char *text = read_all(fd, &len), *end = text + len, *line;

	/* Behind the last newline a line is being written. */
	while (end > text && end[-1] != '\n')
		end--;
	for (; end > text; end = line) {
		line = memrchr(text, '\n', --end - text);
		line = line ? line + 1 : text;
		add_line(t, line, end);
	}
	free(text);
	symtab_finish(t, 1);
	return t->nr;
}

void jitmap_path(char *out, size_t cap, u32 pid)
{
	snprintf(out, cap, "/tmp/perf-%u.map", pid);
}
