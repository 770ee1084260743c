/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a joined sample's address to an object and a symbol.
 */
#ifndef VMCOOP_SYMBOLIZE_H
#define VMCOOP_SYMBOLIZE_H

#include "join.h"
#include "kallsyms.h"

#define SYMBOLIZE_MAX_FILE	(4ULL << 30)	/* larger ELF files are left alone */

/**
 * struct symbol_source - where a VM's files are
 * @vm: VM's name or pid, NULL: all others
 * @path: directory that holds the guest's files, or a kallsyms file
 */
struct symbol_source {
	const char *vm;
	const char *path;
	struct kallsyms *kallsyms;
	int root;
};

#define MAX_SYMBOL_SOURCES	64

/**
 * struct symbolizer - all that is known of guests' symbols
 * @missing: user samples whose object no --guest-root held
 * @no_kallsyms: kernel samples without a symbol table
 * @no_anchor: a VM's kernel did not say where it lies, or its anchor symbol is
 *	not in the table: the table's addresses were taken as they are
 */
struct symbolizer {
	struct symbol_source roots[MAX_SYMBOL_SOURCES], kallsyms[MAX_SYMBOL_SOURCES];
	u32 nr_roots, nr_kallsyms;
	u64 missing, no_kallsyms;
	bool no_anchor;
};

/* "[VM=]PATH", as options give it. Return: exit status. */
int symbolizer_add_root(struct symbolizer *s, const char *arg);
int symbolizer_add_kallsyms(struct symbolizer *s, const char *arg);
void symbolizer_free(struct symbolizer *s);

/**
 * struct place - where an address lies
 * @dso: name of the object; unique string
 * @path: its whole path, if it is a file
 * @symbol: unique string, NULL if none is known
 * @offset: of the address from the symbol's start
 * @addr: the address as the object counts, or as it is
 * @table: kernel: the address as its symbol table counts
 */
struct place {
	const char *dso;
	const char *path;
	const char *symbol;
	u64 offset;
	u64 addr;
	u64 table;
};

/* Opens the file that @dso is in its VM, -1 if no --guest-root holds it. It is the guest's: untrusted. */
int symbolizer_open(struct symbolizer *s, struct vm *vm, const struct dso *dso);
/* The same for the file with what was stripped off it. */
int symbolizer_open_debug(struct symbolizer *s, struct vm *vm, const struct dso *dso);
/* The table for the VM's kernel, NULL if none was given. */
const struct kallsyms *symbolizer_kallsyms(struct symbolizer *s, struct vm *vm);

void symbolize(struct symbolizer *s, const struct joined *j, struct place *p);

#endif /* VMCOOP_SYMBOLIZE_H */
