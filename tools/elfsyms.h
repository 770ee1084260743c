/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a program or library file says of the code in it.
 */
#ifndef VMCOOP_ELFSYMS_H
#define VMCOOP_ELFSYMS_H

#include "symtab.h"

#define ELF_MAX_LOADS		64
#define ELF_BUILD_ID_MAX	64
#define ELF_DEBUGLINK_MAX	256
#define ELF_MAX_STRINGS		(1U << 30)
#define ELF_MAX_FUNC		(1U << 20)	/* reach of a symbol without a size */

/**
 * struct elf_image - a file's code
 * @loads: how its bytes come into memory
 * @tab: functions, by the file's own addresses
 * @full: @tab is from .symtab, else from .dynsym
 * @build_id: its bytes
 * @guessed: where its code lies in the file is not told, but likely
 * @shared: holders of the image but the first
 * @debuglink: name of a file with its symbols, "" if none
 */
struct elf_image {
	struct elf_load {
		u64 offset, size, vaddr;
		u8 exec;
	} loads[ELF_MAX_LOADS];
	u32 nr_loads;
	struct symtab tab;
	u8 full;
	u8 build_id[ELF_BUILD_ID_MAX];
	u32 build_id_len;
	u32 shared;
	u8 guessed;
	char debuglink[ELF_DEBUGLINK_MAX];
};

/*
 * Reads an ELF file. A hostile one may lead libelf astray.
 * Return: NULL if it is no ELF file of a kind we know.
 */
struct elf_image *elf_read(int fd);
/* The same by a child that can do no harm. For files that come from guests. */
struct elf_image *elf_read_confined(int fd);
void elf_image_free(struct elf_image *img);
/* One holder more, who has to free it, too. */
struct elf_image *elf_image_get(struct elf_image *img);

/* For a confined child: answers with an image. */
void elf_image_send(int out, const struct elf_image *img);
/*
 * Receives it, believing nothing; NULL if it is not right, or its symbols take
 * more than *@room bytes of memory, which is counted down.
 */
struct elf_image *elf_image_receive(FILE *f, u64 *room);
/* Bytes that its symbols take. */
u64 elf_image_size(const struct elf_image *img);

/* The file's own address of the byte at @offset; false if none is loaded there. */
bool elf_address(const struct elf_image *img, u64 offset, u64 *addr);

#endif /* VMCOOP_ELFSYMS_H */
