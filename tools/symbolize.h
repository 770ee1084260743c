/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a joined sample's address to an object and a symbol.
 *
 * Names of user code come from the first of these that has the object: what
 * --guest-root holds, what --symbols holds, what the guest told in the recording
 * (symbols.h), this machine's stores (debugstore.h). Where that is stripped, the
 * stores' symbols are taken. Names of kernel code come from --guest-kallsyms,
 * --symbols, or the recording.
 */
#ifndef VMCOOP_SYMBOLIZE_H
#define VMCOOP_SYMBOLIZE_H

#include "debugstore.h"
#include "join.h"
#include "kallsyms.h"
#include "symbols.h"

#define SYMBOLIZE_MAX_FILE	(4ULL << 30)	/* larger ELF files are left alone */

/**
 * struct symbol_source - where a VM's files are
 * @vm: VM's name or pid, NULL: all others
 * @path: directory that holds the guest's files, a kallsyms file, or a file of symbols
 */
struct symbol_source {
	const char *vm;
	const char *path;
	struct kallsyms *kallsyms;
	struct symbols *symbols;
	int root;
};

#define MAX_SYMBOL_SOURCES	64

#define MAX_MISSING		3	/* objects that hints name */

/**
 * struct symbolizer - all that is known of guests' symbols
 * @missing: user samples of objects without symbols
 * @lacking: the first of these objects
 * @nr_lacking: how many there are
 * @other_build: objects of which --guest-root has another build
 * @no_kallsyms: kernel samples without a symbol table
 * @no_jit: samples of code that a process made, without a map of it
 * @no_anchor: a VM's kernel did not say where it lies, or its anchor symbol is
 *	not in the table: the table's addresses were taken as they are
 */
struct symbolizer {
	struct symbol_source roots[MAX_SYMBOL_SOURCES], kallsyms[MAX_SYMBOL_SOURCES];
	struct symbol_source symbols[MAX_SYMBOL_SOURCES];
	u32 nr_roots, nr_kallsyms, nr_symbols;
	struct debugstore store;
	struct vm_symbols *vms;
	u64 missing, no_kallsyms, no_jit;
	const struct dso *lacking[MAX_MISSING];
	u32 nr_lacking, other_build;
	bool no_anchor;
	struct spot *spots;		/* places seen before */
	struct u64map images;		/* of --guest-root, by root and path */
};

/* "[VM=]PATH", as options give it. Return: exit status. */
int symbolizer_add_root(struct symbolizer *s, const char *arg);
int symbolizer_add_kallsyms(struct symbolizer *s, const char *arg);
int symbolizer_add_symbols(struct symbolizer *s, const char *arg);
void symbolizer_free(struct symbolizer *s);
/* Forgets what it knows of single VMs: that of a copy, which shares the rest. */
void symbolizer_forget(struct symbolizer *s);

/**
 * struct place - where an address lies
 * @dso: name of the object; unique string
 * @path: its whole path, if it is a file
 * @symbol: unique string, NULL if none is known
 * @build_id: of an object without a name for the address, in hex; NULL: not told
 * @offset: of the address from the symbol's start
 * @addr: the address as the object counts, or as it is
 * @table: kernel: the address as its symbol table counts
 * @id: of symbolize_seen(): 64 bits of a hash with a random seed of @dso, @path
 *	and @symbol, or @addr without a symbol; 0: not known
 * @near: close for neighbours, to look them up by
 */
struct place {
	u64 id;
	u32 near;
	const char *dso;
	const char *path;
	const char *symbol;
	const char *build_id;
	u64 offset;
	u64 addr;
	u64 table;
};

/**
 * struct spot_key - what decides on the place of a sample
 * @object: what it lies in; equal ones in several VMs are one; 0: not known
 * @at: address in it
 */
struct spot_key {
	u64 object, at;
};

/*
 * Opens the file that @dso is in its VM, -1 if neither --guest-root nor a store of
 * this machine holds it. It is the guest's: untrusted.
 */
int symbolizer_open(struct symbolizer *s, struct vm *vm, const struct dso *dso);
/* The same for the file with what was stripped off it. */
int symbolizer_open_debug(struct symbolizer *s, struct vm *vm, const struct dso *dso);
/* The table for the VM's kernel, NULL if there is none. */
const struct symtab *symbolizer_kernel(struct symbolizer *s, struct vm *vm);

void symbolize(struct symbolizer *s, const struct joined *j, struct place *p);
/* The same, cheaper if asked before. Good until the next call, its strings for ever. */
const struct place *symbolize_seen(struct symbolizer *s, const struct joined *j);
/* In two steps: what the second one looks at is brought nearer by the first. */
struct spot *symbolize_soon(struct symbolizer *s, const struct joined *j, struct spot_key *k);
const struct place *symbolize_spot(struct symbolizer *s, const struct joined *j, struct spot *spot,
				   const struct spot_key *k);

/* What is missing and how to supply it, in a few lines for people: calls @note for each. */
void symbolizer_hints(const struct symbolizer *s, void (*note)(void *ctx, const char *text),
		      void *ctx);

#endif /* VMCOOP_SYMBOLIZE_H */
