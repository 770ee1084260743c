/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Symbols of a guest's kernel, from its /proc/kallsyms or its System.map.
 */
#ifndef VMCOOP_KALLSYMS_H
#define VMCOOP_KALLSYMS_H

#include "symtab.h"

/* A kernel symbol reaches no further than this if nothing follows it sooner. */
#define KALLSYMS_MAX_FUNC	(256U << 10)

/**
 * struct kallsyms - a kernel's text symbols
 * @refs: VMs that use it
 */
struct kallsyms {
	struct symtab tab;
	unsigned int refs;
};

/* Reads a file; prints why and returns NULL if it cannot be used. */
struct kallsyms *kallsyms_read(const char *path);
void kallsyms_put(struct kallsyms *k);

/*
 * How far the kernel that has @symbol at @addr lies from where the table says:
 * false if the table has no such symbol.
 */
bool kallsyms_offset(const struct symtab *t, const char *symbol, u64 addr, u64 *offset);

#endif /* VMCOOP_KALLSYMS_H */
