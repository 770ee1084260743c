// SPDX-License-Identifier: GPL-2.0-only
/*
 * Symbols that guests supply: an ELF file, or, by the input's first byte, a kallsyms file or
 * the sections of a bundle; read without the child that confines it. What was read is asked
 * for.
 */
#include "fuzz.h"
#include "../../tools/bundle.h"
#include "../../tools/elfsyms.h"
#include "../../tools/kallsyms.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	quiet = true;
	return 0;
}

static void fuzz_elf(int fd)
{
	struct elf_image *img = elf_read(fd);
	u64 addr, at;

	for (at = 0; img && at < 1 << 16; at += 4093)
		if (elf_address(img, at, &addr))
			symtab_find(&img->tab, addr);
	elf_image_free(img);
}

static void fuzz_kallsyms(const char *path)
{
	struct kallsyms *k = kallsyms_read(path);
	u64 offset;

	if (!k)
		return;
	kallsyms_offset(&k->tab, "_text", 0xffffffff81000000ULL, &offset);
	symtab_find(&k->tab, 0xffffffff81000000ULL);
	kallsyms_put(k);
}

static void ask(void *ctx, struct bundle_table *t)
{
	u64 *end = ctx;

	symtab_find(&t->img->tab, *end);
	if (t->img->tab.nr)
		*end = t->img->tab.syms[t->img->tab.nr - 1].end;
	elf_image_free(t->img);
}

/* What one half says of the sections, which have to be aligned, and the other hears. */
static void fuzz_bundle(const uint8_t *data, size_t size)
{
	int out = memfd_create("out", MFD_CLOEXEC);
	char *raw = malloc(size + 1);
	u64 room = 1 << 20, end = 0;
	FILE *f;

	memcpy(raw, data, size);
	bundle_send(raw, size, out);
	lseek(out, 0, SEEK_SET);
	f = fdopen(out, "r");
	bundle_receive(f, &room, ask, &end);
	fclose(f);
	free(raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	int fd;

	if (size < 1)
		return 0;
	if (*data == 'b') {
		fuzz_bundle(data + 1, size - 1);
		return 0;
	}
	fd = fuzz_file(data + 1, size - 1, path);
	if (*data == 'k')
		fuzz_kallsyms(path);
	else
		fuzz_elf(fd);
	close(fd);
	return 0;
}
