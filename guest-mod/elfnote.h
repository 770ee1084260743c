/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The build-id of a 64-bit or 32-bit ELF file, found with few and bounded reads.
 *
 * Pure: whoever calls says how to read, and the tests do so from memory. The
 * file may hold anything.
 */
#ifndef VMCOOP_ELFNOTE_H
#define VMCOOP_ELFNOTE_H

#include <linux/elf.h>

#define ELFNOTE_MAX_PHDRS	64
#define ELFNOTE_MAX_NOTES	4096	/* bytes of a segment looked at */
#define ELFNOTE_BUILD_ID	3	/* NT_GNU_BUILD_ID */

/**
 * struct elfnote_file - a file to read from
 * @read: puts @len bytes from offset @off to @to; true only if all were there
 * @priv: the caller's
 * @buf: ELFNOTE_MAX_NOTES bytes, aligned to 8
 */
struct elfnote_file {
	bool (*read)(struct elfnote_file *f, u64 off, void *to, u32 len);
	void *priv;
	void *buf;
};

/* The build-id among @len bytes of notes in f->buf; 0, or its length, with @id set. */
static inline u32 elfnote_find(const struct elfnote_file *f, u32 len, u32 max, const u8 **id)
{
	u32 at = 0;

	while (len - at >= sizeof(Elf64_Nhdr)) {
		const Elf64_Nhdr *n = (const Elf64_Nhdr *)((const char *)f->buf + at);
		u32 name = at + sizeof(*n), desc;

		/* Neither sum can wrap: both are at most the buffer's size then. */
		if (n->n_namesz > len - name)
			return 0;
		desc = name + ((n->n_namesz + 3) & ~3U);
		if (desc > len || n->n_descsz > len - desc)
			return 0;
		if (n->n_type == ELFNOTE_BUILD_ID && n->n_namesz == 4 &&
		    !memcmp((const char *)f->buf + name, "GNU", 4)) {
			*id = (const u8 *)f->buf + desc;
			return n->n_descsz <= max ? n->n_descsz : 0;
		}
		if (((n->n_descsz + 3) & ~3U) > len - desc)
			return 0;
		at = desc + ((n->n_descsz + 3) & ~3U);
	}
	return 0;
}

/* As elfnote_build_id(), for a segment of notes at @off. */
static inline u32 elfnote_segment(struct elfnote_file *f, u64 off, u64 len, u32 max, const u8 **id)
{
	u32 n = ELFNOTE_MAX_NOTES;

	if (n > len)
		n = len;
	return f->read(f, off, f->buf, n) ? elfnote_find(f, n, max, id) : 0;
}

/**
 * elfnote_build_id() - find a file's build-id
 * @f: the file
 * @max: longest one to accept
 * @id: set to it, in f->buf
 *
 * Context: that of f->read.
 * Return: its length, 0 if the file has none or is no such ELF file.
 */
static inline u32 elfnote_build_id(struct elfnote_file *f, u32 max, const u8 **id)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr h64;
		Elf32_Ehdr h32;
	} h;
	u32 i, n, size, found = 0;
	bool is64;
	u64 off;

	/* The shorter one first: a file need not be longer. */
	if (!f->read(f, 0, &h, sizeof(h.h32)) || memcmp(h.ident, ELFMAG, SELFMAG))
		return 0;
	is64 = h.ident[EI_CLASS] == ELFCLASS64;
	if (is64 && !f->read(f, 0, &h, sizeof(h.h64)))
		return 0;
	off = is64 ? h.h64.e_phoff : h.h32.e_phoff;
	n = is64 ? h.h64.e_phnum : h.h32.e_phnum;
	size = is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	for (i = 0; i < n && i < ELFNOTE_MAX_PHDRS && !found; i++) {
		union {
			Elf64_Phdr p64;
			Elf32_Phdr p32;
		} p;

		if (!f->read(f, off + (u64)i * size, &p, size))
			return 0;
		if (is64 && p.p64.p_type == PT_NOTE)
			found = elfnote_segment(f, p.p64.p_offset, p.p64.p_filesz, max, id);
		else if (!is64 && p.p32.p_type == PT_NOTE)
			found = elfnote_segment(f, p.p32.p_offset, p.p32.p_filesz, max, id);
	}
	return found;
}

#endif /* VMCOOP_ELFNOTE_H */
