// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading what the kernel tells: see hostfs.h.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostfs.h"

#define FILE_MAX	(1U << 20)

const char *hostfs_root = "";

static char *make_path(const char *fmt, va_list ap)
{
	char *tail, *path;

	if (vasprintf(&tail, fmt, ap) < 0)
		return NULL;
	path = xasprintf("%s%s", hostfs_root, tail);
	free(tail);
	return path;
}

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	size_t n = 0, cap = 0, got = 1;
	char *text = NULL;
	int err;

	if (!f)
		return NULL;
	while (got && n < FILE_MAX) {
		cap = 2 * cap + 4096;
		text = xreallocarray(text, cap, 1);
		got = fread(text + n, 1, cap - 1 - n, f);
		n += got;
	}
	err = ferror(f) ? errno : 0;
	fclose(f);
	if (err) {
		free(text);
		errno = err;
		return NULL;
	}
	if (n && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	if (len)
		*len = n;
	return text;
}

char *hostfs_read(size_t *len, const char *fmt, ...)
{
	char *path, *text;
	va_list ap;

	va_start(ap, fmt);
	path = make_path(fmt, ap);
	va_end(ap);
	text = read_file(path, len);
	free(path);
	return text;
}

bool hostfs_says(const char *what, const char *fmt, ...)
{
	char *path, *text;
	va_list ap;
	bool says;

	va_start(ap, fmt);
	path = make_path(fmt, ap);
	va_end(ap);
	text = read_file(path, NULL);
	says = text && strlen(what) == strcspn(text, "\n") && !strncmp(text, what, strlen(what));
	free(text);
	free(path);
	return says;
}

bool hostfs_exists(const char *fmt, ...)
{
	va_list ap;
	char *path;
	bool found;

	va_start(ap, fmt);
	path = make_path(fmt, ap);
	va_end(ap);
	found = !access(path, F_OK);
	free(path);
	return found;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names hostfs_list(const char *fmt, ...)
{
	struct names n = { 0 };
	struct dirent *e;
	va_list ap;
	char *path;
	DIR *dir;

	va_start(ap, fmt);
	path = make_path(fmt, ap);
	va_end(ap);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] != '.')
			names_add(&n, xstrdup(e->d_name));
	}
	if (dir)
		closedir(dir);
	free(path);
	if (n.nr)
		qsort(n.v, n.nr, sizeof(*n.v), by_name);
	return n;
}

void names_add(struct names *n, char *name)
{
	n->v = xreallocarray(n->v, n->nr + 1, sizeof(*n->v));
	n->v[n->nr++] = name;
}

void names_free(struct names *n)
{
	size_t i;

	for (i = 0; i < n->nr; i++)
		free(n->v[i]);
	free(n->v);
	memset(n, 0, sizeof(*n));
}
