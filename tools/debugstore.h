/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * This machine's stores of programs and of what was stripped off them, by
 * build-id: what distributions' debug packages install, what debuginfod's
 * client and "perf buildid-cache" have kept, and directories the user names.
 */
#ifndef VMCOOP_DEBUGSTORE_H
#define VMCOOP_DEBUGSTORE_H

#include "elfsyms.h"

#define DEBUGSTORE_MAX_DIRS	64

/** struct debugstore - where to look; all zero is the usual places alone */
struct debugstore {
	const char *dirs[DEBUGSTORE_MAX_DIRS];
	u32 nr;
};

enum debugstore_kind {
	DEBUGSTORE_SYMBOLS,	/* a file with symbols and lines, perhaps without code */
	DEBUGSTORE_PROGRAM,	/* the file as it ran */
};

/* A directory as --debug-dir names it, looked at before the usual ones. Return: exit status. */
int debugstore_add(struct debugstore *d, const char *dir);

/* Opens the @n-th file that may be it, -1: there are no more. @n counts on. */
int debugstore_open(const struct debugstore *d, enum debugstore_kind kind, const u8 *id, u32 len,
		    u32 *n);

/* The symbols of what has this build-id, NULL if no store has it. */
struct elf_image *debugstore_image(const struct debugstore *d, const u8 *id, u32 len);

#endif /* VMCOOP_DEBUGSTORE_H */
