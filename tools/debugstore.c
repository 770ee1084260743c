// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking files up by build-id: see debugstore.h.
 *
 * The ids come from guests and are used as hex alone. What is found may have
 * been fetched from anywhere, so it is parsed in the confined child, and has to
 * have the build-id itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "debugstore.h"

#define MAX_FILE	(4ULL << 30)

enum base { BASE_NAMED, BASE_ROOT, BASE_HOME, BASE_CACHE, BASE_DEBUGINFOD };

/**
 * struct layout - how files lie below a base
 * @split: the first byte of the build-id names a directory
 */
static const struct layout {
	enum base base;
	enum debugstore_kind kind;
	bool split;
	const char *dir, *end;
} layouts[] = {
	{ BASE_NAMED, DEBUGSTORE_SYMBOLS, true, "/.build-id", ".debug" },
	{ BASE_NAMED, DEBUGSTORE_PROGRAM, true, "/.build-id", "" },
	{ BASE_NAMED, DEBUGSTORE_SYMBOLS, true, "/.build-id", "/debug" },
	{ BASE_NAMED, DEBUGSTORE_PROGRAM, true, "/.build-id", "/elf" },
	{ BASE_NAMED, DEBUGSTORE_SYMBOLS, false, "", "/debuginfo" },
	{ BASE_NAMED, DEBUGSTORE_PROGRAM, false, "", "/executable" },
	{ BASE_ROOT, DEBUGSTORE_SYMBOLS, true, "/usr/lib/debug/.build-id", ".debug" },
	{ BASE_ROOT, DEBUGSTORE_PROGRAM, true, "/usr/lib/debug/.build-id", "" },
	{ BASE_DEBUGINFOD, DEBUGSTORE_SYMBOLS, false, "", "/debuginfo" },
	{ BASE_DEBUGINFOD, DEBUGSTORE_PROGRAM, false, "", "/executable" },
	{ BASE_CACHE, DEBUGSTORE_SYMBOLS, false, "/debuginfod_client", "/debuginfo" },
	{ BASE_CACHE, DEBUGSTORE_PROGRAM, false, "/debuginfod_client", "/executable" },
	{ BASE_HOME, DEBUGSTORE_SYMBOLS, false, "/.debuginfod_client_cache", "/debuginfo" },
	{ BASE_HOME, DEBUGSTORE_PROGRAM, false, "/.debuginfod_client_cache", "/executable" },
	{ BASE_HOME, DEBUGSTORE_SYMBOLS, true, "/.debug/.build-id", "/debug" },
	{ BASE_HOME, DEBUGSTORE_PROGRAM, true, "/.debug/.build-id", "/elf" },
};

int debugstore_add(struct debugstore *d, const char *dir)
{
	struct stat st;

	if (stat(dir, &st))
		return fail(EXIT_BAD, "cannot look into '%s': %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return fail(EXIT_BAD, "--debug-dir wants a directory, '%s' is none", dir);
	if (d->nr == DEBUGSTORE_MAX_DIRS)
		return fail(EXIT_BAD, "more than %d --debug-dir", DEBUGSTORE_MAX_DIRS);
	d->dirs[d->nr++] = dir;
	return EXIT_OK;
}

/* The directory of a base; NULL: there is none. The caller frees it. */
static char *base_dir(enum base base)
{
	const char *home = getenv("HOME"), *dir;

	switch (base) {
	case BASE_ROOT:
		return xstrdup("");
	case BASE_HOME:
		return home ? xstrdup(home) : NULL;
	case BASE_DEBUGINFOD:
		dir = getenv("DEBUGINFOD_CACHE_PATH");
		return dir ? xstrdup(dir) : NULL;
	default:
		dir = getenv("XDG_CACHE_HOME");
		return dir ? xstrdup(dir) : home ? xasprintf("%s/.cache", home) : NULL;
	}
}

static int open_file(const char *base, const struct layout *l, const char *hex)
{
	char *path = l->split ? xasprintf("%s%s/%.2s/%s%s", base, l->dir, hex, hex + 2, l->end) :
				xasprintf("%s%s/%s%s", base, l->dir, hex, l->end);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	free(path);
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode) || (u64)st.st_size > MAX_FILE)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Place @n of all: the user's directories, each with its layouts, then the usual ones. */
static int open_place(const struct debugstore *d, enum debugstore_kind kind, const char *hex,
		      u32 n, bool *end)
{
	const struct layout *l = &layouts[n % ARRAY_SIZE(layouts)];
	u32 dir = n / ARRAY_SIZE(layouts);
	char *base;
	int fd = -1;

	*end = dir > d->nr;
	if (*end || l->kind != kind || (dir < d->nr) != (l->base == BASE_NAMED))
		return -1;
	base = dir < d->nr ? xstrdup(d->dirs[dir]) : base_dir(l->base);
	if (base)
		fd = open_file(base, l, hex);
	free(base);
	return fd;
}

int debugstore_open(const struct debugstore *d, enum debugstore_kind kind, const u8 *id, u32 len,
		    u32 *n)
{
	char hex[2 * ELF_BUILD_ID_MAX + 1];
	bool end = len < 2 || len > ELF_BUILD_ID_MAX;
	int fd = -1;

	if (!end)
		hex_bytes(hex, id, len);
	while (fd < 0 && !end)
		fd = open_place(d, kind, hex, (*n)++, &end);
	return fd;
}

static struct elf_image *find(const struct debugstore *d, enum debugstore_kind kind, const u8 *id,
			      u32 len)
{
	struct elf_image *img;
	u32 n = 0;
	int fd;

	while ((fd = debugstore_open(d, kind, id, len, &n)) >= 0) {
		img = elf_read_confined(fd);
		close(fd);
		if (img && img->full && img->build_id_len == len && !memcmp(img->build_id, id, len))
			return img;
		elf_image_free(img);
	}
	return NULL;
}

struct elf_image *debugstore_image(const struct debugstore *d, const u8 *id, u32 len)
{
	return find(d, DEBUGSTORE_SYMBOLS, id, len) ?: find(d, DEBUGSTORE_PROGRAM, id, len);
}
