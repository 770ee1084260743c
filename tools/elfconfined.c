// SPDX-License-Identifier: GPL-2.0-only
/*
 * ELF files of guests, read by a confined child: see confine.h. The child
 * answers with a struct elf_image piece by piece; the parent believes nothing
 * of it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "confine.h"
#include "elfsyms.h"

void elf_image_send(int out, const struct elf_image *img)
{
	confine_send(out, img, sizeof(*img));
	confine_send(out, img->tab.syms, img->tab.nr * sizeof(*img->tab.syms));
	confine_send(out, img->tab.strings, img->tab.used);
}

static void read_and_send(int in, int out)
{
	struct elf_image *img = elf_read(in);

	if (!img)
		_exit(1);
	elf_image_send(out, img);
}

u64 elf_image_size(const struct elf_image *img)
{
	return sizeof(*img) + (u64)img->tab.nr * sizeof(*img->tab.syms) + img->tab.used;
}

/* Nothing that lookups rely on may be other than they think. */
static bool symbols_ok(const struct symtab *t)
{
	u32 i;

	for (i = 0; i < t->nr; i++)
		if (t->syms[i].name >= t->used || t->syms[i].module >= t->used ||
		    (i && t->syms[i].start < t->syms[i - 1].start))
			return false;
	return !t->used || (!t->strings[0] && !t->strings[t->used - 1]);
}

static bool receive(FILE *f, struct elf_image *img, u64 *room)
{
	struct symtab *t = &img->tab;

	/* The pointers in it are the child's. */
	if (fread(img, sizeof(*img), 1, f) != 1) {
		memset(t, 0, sizeof(*t));
		return false;
	}
	img->shared = 0;
	t->syms = NULL;
	t->strings = NULL;
	if (img->nr_loads > ELF_MAX_LOADS || img->build_id_len > ELF_BUILD_ID_MAX ||
	    t->nr > SYMTAB_MAX || t->used > ELF_MAX_STRINGS || (t->nr && !t->used) ||
	    elf_image_size(img) > *room)
		return false;
	*room -= elf_image_size(img);
	img->debuglink[ELF_DEBUGLINK_MAX - 1] = '\0';
	if (strchr(img->debuglink, '/'))
		return false;
	t->cap = t->nr;
	t->room = t->used;
	t->syms = xreallocarray(NULL, t->nr, sizeof(*t->syms));
	t->strings = xreallocarray(NULL, t->used, 1);
	return fread(t->syms, sizeof(*t->syms), t->nr, f) == t->nr &&
	       fread(t->strings, 1, t->used, f) == t->used && symbols_ok(t);
}

struct elf_image *elf_image_receive(FILE *f, u64 *room)
{
	struct elf_image *img = xcalloc(1, sizeof(*img));

	if (receive(f, img, room))
		return img;
	elf_image_free(img);
	return NULL;
}

struct elf_image *elf_read_confined(int fd)
{
	struct elf_image *img;
	u64 room = UINT64_MAX;
	struct confined c;

	if (confine_start(&c, fd, read_and_send))
		return NULL;
	img = elf_image_receive(c.answer, &room);
	if (confine_end(&c) && img)
		return img;
	elf_image_free(img);
	return NULL;
}
