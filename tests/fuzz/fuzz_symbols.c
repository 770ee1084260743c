// SPDX-License-Identifier: GPL-2.0-only
/*
 * Symbols that guests supply: an ELF file, read without the child that confines it, or,
 * by the input's first byte, a kallsyms file. What was read is asked for.
 */
#include "fuzz.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	int fd;

	if (size < 1)
		return 0;
	fd = fuzz_file(data + 1, size - 1, path);
	if (*data == 'k')
		fuzz_kallsyms(path);
	else
		fuzz_elf(fd);
	close(fd);
	return 0;
}
