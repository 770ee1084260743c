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

static void send_all(int out, const void *p, size_t n)
{
	const char *s = p;

	while (n) {
		ssize_t done = write(out, s, n);

		if (done <= 0)
			_exit(1);
		s += done;
		n -= done;
	}
}

static void read_and_send(int in, int out)
{
	struct elf_image *img = elf_read(in);

	if (!img)
		_exit(1);
	send_all(out, img, sizeof(*img));
	send_all(out, img->tab.syms, img->tab.nr * sizeof(*img->tab.syms));
	send_all(out, img->tab.strings, img->tab.used);
}

/* Nothing that lookups rely on may be other than they think. */
static bool image_ok(const struct elf_image *img)
{
	const struct symtab *t = &img->tab;
	u32 i;

	for (i = 0; i < t->nr; i++)
		if (t->syms[i].name >= t->used || t->syms[i].module ||
		    (i && t->syms[i].start < t->syms[i - 1].start))
			return false;
	return !t->used || !t->strings[t->used - 1];
}

static bool receive(FILE *f, struct elf_image *img)
{
	struct symtab *t = &img->tab;

	/* The pointers in it are the child's. */
	if (fread(img, sizeof(*img), 1, f) != 1) {
		memset(t, 0, sizeof(*t));
		return false;
	}
	t->syms = NULL;
	t->strings = NULL;
	if (img->nr_loads > ELF_MAX_LOADS || img->build_id_len > ELF_BUILD_ID_MAX ||
	    t->nr > SYMTAB_MAX || t->used > ELF_MAX_STRINGS || (t->nr && !t->used))
		return false;
	img->debuglink[ELF_DEBUGLINK_MAX - 1] = '\0';
	if (strchr(img->debuglink, '/'))
		return false;
	t->cap = t->nr;
	t->room = t->used;
	t->syms = xreallocarray(NULL, t->nr, sizeof(*t->syms));
	t->strings = xreallocarray(NULL, t->used, 1);
	return fread(t->syms, sizeof(*t->syms), t->nr, f) == t->nr &&
	       fread(t->strings, 1, t->used, f) == t->used && image_ok(img);
}

struct elf_image *elf_read_confined(int fd)
{
	struct elf_image *img;
	struct confined c;
	bool good;

	if (confine_start(&c, fd, read_and_send))
		return NULL;
	img = xcalloc(1, sizeof(*img));
	good = receive(c.answer, img);
	good &= confine_end(&c);
	if (good)
		return img;
	elf_image_free(img);
	return NULL;
}
