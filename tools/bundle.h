/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bundles of symbols: what names a guest's code, as "vmcoop-dump symbols" packs
 * it there. Documentation/symbols-format.md describes the format to people who
 * read it without this header.
 *
 * Bundles add up: a later table replaces an earlier one of the same kernel,
 * object or process. A file of symbols is bundles back to back.
 */
#ifndef VMCOOP_BUNDLE_H
#define VMCOOP_BUNDLE_H

#include <assert.h>

#include "bytes.h"
#include "../common/abi.h"
#include "elfsyms.h"

#define BUNDLE_MAGIC	"VMCOOPSY"
#define BUNDLE_VERSION	1
#define BUNDLE_MAX_RAW	(128U << 20)	/* bytes, decompressed */

/**
 * struct bundle_hdr - what a bundle starts with; a zstd frame of sections follows
 * @magic: BUNDLE_MAGIC
 * @version: BUNDLE_VERSION; a reader refuses what is newer than itself
 * @arch: VMCOOP_ARCH_*
 * @len: bytes of the frame
 * @raw: bytes of the sections
 * @reserved: 0
 * @crc: CRC-32 of the bytes before it, then of the frame
 */
struct bundle_hdr {
	char magic[8];
	u32 version;
	u32 arch;
	u32 len;
	u32 raw;
	u32 reserved;
	u32 crc;
};

enum bundle_type {
	BUNDLE_KERNEL	= 1,	/* name: release; its symbols and those of its modules */
	BUNDLE_OBJECT	= 2,	/* name: path */
	BUNDLE_JIT	= 3,	/* name: empty; what process @pid compiled itself */
};

/* bundle_section.flags */
#define BUNDLE_F_FULL	0x01	/* of .symtab, not of .dynsym alone */

/**
 * struct bundle_section - a table of symbols
 * @type: enum bundle_type; a reader skips types it does not know
 * @len: bytes of the section, header included, a multiple of 8
 * @nr: symbols
 * @pid: of a process, as the guest's initial namespace counts
 * @id_len: bytes of build-id
 * @name_len: bytes of name
 * @nr_loads: of struct bundle_load
 * @flags: BUNDLE_F_*
 *
 * Behind it stand the loads, the build-id, the name, then of each symbol in
 * order of address: its distance from the symbol before (the first one: from 0)
 * and its size as LEB128, and its name with a NUL. A module's symbol has
 * "\t[module]" at the end of its name.
 */
struct bundle_section {
	u32 type;
	u32 len;
	u32 nr;
	u32 pid;
	u16 id_len;
	u16 name_len;
	u16 nr_loads;
	u16 flags;
};

struct bundle_load {
	u64 offset, size, vaddr, exec;
};

static_assert(sizeof(struct bundle_hdr) == 32, "bundle_hdr");
static_assert(sizeof(struct bundle_section) == 24, "bundle_section");
static_assert(sizeof(struct bundle_load) == 32, "bundle_load");

#define BUNDLE_MAX_NAME	4096

/**
 * struct bundle_table - a table of a bundle
 * @type: enum bundle_type
 * @pid: BUNDLE_JIT: the process
 * @name: see @type, NUL-terminated, any bytes
 * @img: symbols, loads, build-id; symbols have modules with BUNDLE_KERNEL
 */
struct bundle_table {
	u32 type;
	u32 pid;
	char name[BUNDLE_MAX_NAME + 1];
	struct elf_image *img;
};

/* ---- Writing ----------------------------------------------------------------- */

/** struct bundle - one being made; all zero is empty */
struct bundle {
	struct bytes raw;
};

/*
 * Adds a table; of several symbols at one address the best alone. False: it has
 * no more room there.
 */
bool bundle_add(struct bundle *b, const struct bundle_table *t);
/*
 * Packs it: the bundle's bytes, which the caller frees, and empties @b. NULL: it is
 * larger than may be.
 */
void *bundle_pack(struct bundle *b, u32 arch, size_t *len);
void bundle_free(struct bundle *b);

/* ---- Reading ----------------------------------------------------------------- */

/*
 * How long the bundle that begins with these bytes says it is, its header
 * included; 0: @why it is none.
 */
u64 bundle_length(const struct bundle_hdr *hdr, const char **why);

/*
 * Hands out the tables of the bundle at @buf; @table owns @t->img then. It is
 * the guest's, so a confined child unpacks it, and takes no more than *@room
 * bytes of memory for symbols, counted down. False: @why it is bad; tables
 * before the bad place were handed out.
 */
bool bundle_read(const void *buf, size_t len, u64 *room,
		 void (*table)(void *ctx, struct bundle_table *t), void *ctx, const char **why);

/*
 * Its two halves, for who wants them in one process. The child's: parses @len bytes
 * of sections and says to @out what is in them. The other's: hears it from @f.
 */
bool bundle_send(const void *raw, size_t len, int out);
bool bundle_receive(FILE *f, u64 *room, void (*table)(void *ctx, struct bundle_table *t),
		    void *ctx);

#endif /* VMCOOP_BUNDLE_H */
