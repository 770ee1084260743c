/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small files in which the kernel and the distribution tell of the machine:
 * /proc, /sys, /boot.
 */
#ifndef VMCOOP_HOSTFS_H
#define VMCOOP_HOSTFS_H

#include "util.h"

/* Stands before every path: tests have a tree of their own there. */
extern const char *hostfs_root;

/*
 * A file's text, up to 1 MiB, without its last newline; NULL, and errno, if it
 * cannot be read. @len, if not NULL, is for text that has NULs in it.
 */
char *hostfs_read(size_t *len, const char *fmt, ...) __printf(2, 3);
/* Its first line says @what. */
bool hostfs_says(const char *what, const char *fmt, ...) __printf(2, 3);
bool hostfs_exists(const char *fmt, ...) __printf(1, 2);

/** struct names - a sorted list of names */
struct names {
	char **v;
	size_t nr;
};

/* A directory's entries but for those with a dot in front; none if there is no such. */
struct names hostfs_list(const char *fmt, ...) __printf(1, 2);
/* Takes @name, from malloc(), over. */
void names_add(struct names *n, char *name);
void names_free(struct names *n);

#endif /* VMCOOP_HOSTFS_H */
