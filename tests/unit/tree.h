/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A made-up machine for code that reads through hostfs.h: files of /proc and
 * /sys below a directory that goes when the program ends.
 */
#ifndef VMCOOP_TREE_H
#define VMCOOP_TREE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../tools/hostfs.h"

static char tree_dir[] = "/tmp/vmcoop-tree-XXXXXX";

static inline void tree_remove(void)
{
	char *command = xasprintf("rm -rf '%s'", tree_dir);

	if (system(command))
		fprintf(stderr, "# cannot remove %s\n", tree_dir);
	free(command);
	memset(tree_dir + strlen(tree_dir) - 6, 'X', 6);
}

/* An empty machine, instead of the one before. */
static inline void tree_begin(void)
{
	static bool used;

	if (used)
		tree_remove();
	else
		atexit(tree_remove);
	used = true;
	if (!mkdtemp(tree_dir))
		abort();
	hostfs_root = tree_dir;
}

static inline char *tree_path(const char *path)
{
	char *full = xasprintf("%s%s", tree_dir, path), *p;

	for (p = full + strlen(tree_dir) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(full, 0755) && errno != EEXIST)
			abort();
		*p = '/';
	}
	return full;
}

static inline void tree_bytes(const char *path, const void *bytes, size_t n)
{
	char *full = tree_path(path);
	FILE *f = fopen(full, "w");

	if (!f || fwrite(bytes, 1, n, f) != n || fclose(f))
		abort();
	free(full);
}

static inline void tree_file(const char *path, const char *text)
{
	tree_bytes(path, text, strlen(text));
}

static inline void tree_link(const char *path, const char *target)
{
	char *full = tree_path(path);

	if (symlink(target, full))
		abort();
	free(full);
}

#endif /* VMCOOP_TREE_H */
