/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bundles of symbols made by hand, for the tests of what reads them.
 */
#ifndef VMCOOP_BUNDLES_H
#define VMCOOP_BUNDLES_H

#include <stdlib.h>
#include <string.h>

#include "../../tools/bundle.h"
#include "../../tools/symbols.h"
#include "tap.h"

static inline void add(struct symtab *t, u64 start, u64 size, const char *name, const char *module)
{
	struct symbol s = { .start = start, .end = start + size };

	s.name = symtab_string(t, name, strlen(name));
	if (module)
		s.module = symtab_string(t, module, strlen(module));
	CHECK(symtab_add(t, &s));
}

static inline struct bundle_table *new_table(enum bundle_type type, const char *name)
{
	struct bundle_table *t = calloc(1, sizeof(*t));

	t->type = type;
	t->img = calloc(1, sizeof(*t->img));
	strcpy(t->name, name);
	return t;
}

static inline void set_id(struct bundle_table *t, const char *id)
{
	t->img->build_id_len = strlen(id);
	memcpy(t->img->build_id, id, strlen(id));
}

static inline void put(struct bundle *b, struct bundle_table *t)
{
	symtab_finish(&t->img->tab, 1);
	CHECK(bundle_add(b, t));
	elf_image_free(t->img);
	free(t);
}

#define KERNEL_AT	0xffffffff81000000ULL
#define PRINTK_AT	(KERNEL_AT + 0x2000)
#define MODULE_AT	0xffffffffc0001000ULL

static inline void put_kernel_table(struct bundle *b)
{
	struct bundle_table *t = new_table(BUNDLE_KERNEL, "6.1");

	add(&t->img->tab, KERNEL_AT, 0x1000, "do_one_thing", NULL);
	add(&t->img->tab, PRINTK_AT, 0x100, "_printk", NULL);
	add(&t->img->tab, MODULE_AT, 0x100, "probe", "[other]");
	add(&t->img->tab, MODULE_AT + 0x100, 0x100, "fork", "[other]");
	put(b, t);
}

/* Its code lies at file offset 0x1000 and address 0x401000. */
static inline void put_object(struct bundle *b, const char *path, const char *id, const char *function)
{
	struct bundle_table *t = new_table(BUNDLE_OBJECT, path);

	t->img->loads[t->img->nr_loads++] = (struct elf_load){ 0x1000, 0x1000, 0x401000, 1 };
	t->img->full = 1;
	if (id)
		set_id(t, id);
	add(&t->img->tab, 0x401100, 0x80, function, NULL);
	add(&t->img->tab, 0x401180, 0x80, "next", NULL);
	put(b, t);
}

static inline void put_jit(struct bundle *b, u32 pid, u64 at, const char *function)
{
	struct bundle_table *t = new_table(BUNDLE_JIT, "");

	t->pid = pid;
	add(&t->img->tab, at, 0x100, function, NULL);
	put(b, t);
}

static inline char *pack(struct bundle *b, size_t *len)
{
	char *buf = bundle_pack(b, VMCOOP_ARCH_X86_64, len);

	CHECK(buf != NULL);
	bundle_free(b);
	return buf;
}

/* A bundle with one of each. */
static inline char *make_bundle(size_t *len)
{
	struct bundle b = { 0 };

	put_kernel_table(&b);
	put_object(&b, "/usr/bin/prog", "12345678", "main");
	put_jit(&b, 7, 0x7f0000000000, "Lmy/Class;.method()V");
	return pack(&b, len);
}

static inline const char *name_in(const struct symtab *t, u64 addr)
{
	const struct symbol *s = symtab_find(t, addr);

	return s ? symtab_name(t, s) : "-";
}

/* A piece of a bundle, as set-up 1 of a guest tells it. */
static inline void piece(struct symbols *s, u64 bundle, const char *buf, u64 from, u32 len)
{
	union {
		struct vmcoop_guest_symbols rec;
		char room[VMCOOP_REC_MAX];
	} r = { .rec = { .bundle = bundle, .offset = from, .len = len } };

	memcpy(r.rec.bytes, buf + from, len);
	symbols_piece(s, 1, &r.rec);
}

#endif /* VMCOOP_BUNDLES_H */
