// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading kallsyms: see kallsyms.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kallsyms.h"
#include "map.h"

/* One string for all symbols of a module: its offset is its name's identity. */
static u32 module_string(struct symtab *t, struct u64map *modules, const char *s, size_t n)
{
	u64 hash = hash_bytes(s, n);
	uintptr_t at = (uintptr_t)map_get(modules, hash);

	if (!at) {
		at = symtab_string(t, s, n);
		map_put(modules, hash, (void *)at);
	}
	return at;
}

/* A line is "ADDRESS TYPE NAME[ \t[MODULE]]". */
static bool parse_line(struct symtab *t, struct u64map *modules, char *line, bool *address)
{
	struct symbol sym = { 0 };
	char *p, *name, *module, type;
	size_t n;

	sym.start = strtoull(line, &p, 16);
	if (p == line || *p != ' ' || !p[1] || p[2] != ' ')
		return false;
	type = p[1];
	name = p + 3;
	n = strcspn(name, " \t\n");
	*address |= sym.start != 0;
	if (!n || !sym.start || !strchr("tTwW", type))
		return true;
	sym.end = sym.start;
	/* Aliases: an exported name is the one people know. */
	sym.rank = type == 'T' ? 2 : type == 't' ? 1 : 0;
	module = strchr(name + n, '[');
	sym.name = symtab_string(t, name, n);
	if (module)
		sym.module = module_string(t, modules, module, strcspn(module, "]\n") + 1);
	return !sym.name || symtab_add(t, &sym);
}

static int read_lines(struct symtab *t, FILE *f, const char *path)
{
	bool address = false, any = false, good = true;
	struct u64map modules = { 0 };
	char *line = NULL;
	size_t cap = 0;

	while (good && getline(&line, &cap, f) > 0) {
		good = parse_line(t, &modules, line, &address);
		any = true;
	}
	free(line);
	map_free(&modules);
	if (!any || !good)
		return fail(EXIT_BAD, "'%s' is neither a kallsyms file nor a System.map", path);
	if (!address)
		return fail(EXIT_BAD, "'%s' holds no addresses, only zeros: copy the guest's /proc/kallsyms as its root, with kernel.kptr_restrict at most 1",
			    path);
	if (!t->nr)
		return fail(EXIT_BAD, "'%s' names no functions", path);
	return 0;
}

struct kallsyms *kallsyms_read(const char *path)
{
	struct kallsyms *k;
	FILE *f = fopen(path, "re");
	int status;

	if (!f) {
		warn("cannot open '%s': %s", path, strerror(errno));
		return NULL;
	}
	k = xcalloc(1, sizeof(*k));
	k->refs = 1;
	status = read_lines(&k->tab, f, path);
	fclose(f);
	if (status) {
		kallsyms_put(k);
		return NULL;
	}
	symtab_finish(&k->tab, KALLSYMS_MAX_FUNC);
	return k;
}

void kallsyms_put(struct kallsyms *k)
{
	if (!k || --k->refs)
		return;
	symtab_free(&k->tab);
	free(k);
}

bool kallsyms_offset(const struct symtab *t, const char *symbol, u64 addr, u64 *offset)
{
	u32 i;

	for (i = 0; i < t->nr; i++) {
		const struct symbol *s = &t->syms[i];

		if (!s->module && !strcmp(symtab_name(t, s), symbol)) {
			*offset = addr - s->start;
			return true;
		}
	}
	return false;
}
