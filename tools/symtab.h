/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sorted table of symbols.
 */
#ifndef VMCOOP_SYMTAB_H
#define VMCOOP_SYMTAB_H

#include "util.h"

#define SYMTAB_MAX	(8U << 20)	/* symbols */

/**
 * struct symbol - a name for [@start, @end)
 * @end: equal to @start while the size is not known
 * @name: offset in the table's strings
 * @module: offset in the table's strings of the kernel module's name, 0: none
 * @rank: the greater one wins where two symbols begin alike
 */
struct symbol {
	u64 start, end;
	u32 name, module;
	u8 rank;
};

/** struct symtab - symbols and their strings; all zero is empty */
struct symtab {
	struct symbol *syms;
	u32 nr, cap;
	char *strings;		/* the first one is empty */
	u32 used, room;
};

/* Adds a copy of @n bytes of string; 0 if the table is too large for it. */
u32 symtab_string(struct symtab *t, const char *s, size_t n);
bool symtab_add(struct symtab *t, const struct symbol *sym);

/*
 * Sorts, and lets symbols without a size reach to the next one, or @last bytes
 * where that is further.
 */
void symtab_finish(struct symtab *t, u64 last);

/* The symbol that @addr lies in, NULL if none. */
const struct symbol *symtab_find(const struct symtab *t, u64 addr);

void symtab_free(struct symtab *t);

static inline const char *symtab_name(const struct symtab *t, const struct symbol *s)
{
	return t->strings + s->name;
}

#endif /* VMCOOP_SYMTAB_H */
