/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guests told of their symbols: bundles, put together from the pieces in
 * which they came, or read from a file.
 *
 * All of it comes from guests, so all of it is bounded, for each VM by itself.
 */
#ifndef VMCOOP_SYMBOLS_H
#define VMCOOP_SYMBOLS_H

#include "../common/abi.h"
#include "bundle.h"
#include "dso.h"
#include "map.h"

#define SYMBOLS_ROOM		(512ULL << 20)	/* bytes of memory for a VM's symbols */
#define SYMBOLS_UNDER_WAY	8		/* bundles that are not whole yet */
#define SYMBOLS_PIECES_ROOM	(64ULL << 20)	/* bytes of memory for them */
#define SYMBOLS_BUNDLES		16384		/* more are left alone */

/**
 * struct symbols_set - what one set-up of a guest's module told
 * @generation: of the guest; 0: of a file, for any
 * @kernel: its kernel and modules, by address; NULL if not told
 * @release: the kernel's
 * @by_id: hash of a build-id to the image
 * @by_path: hash of a path to the image
 * @jit: by process
 */
struct symbols_set {
	u64 generation;
	struct elf_image *kernel;
	char release[65];
	struct u64map by_id, by_path, jit;
	struct symbols_set *next;
};

/**
 * struct symbols - of a VM; all zero is none
 * @live: names were handed out already: what is replaced stays
 * @version: counts changes
 * @bundles: that were read
 * @bad: that could not be; @why, of the last one
 * @cut: that did not come whole
 * @used: bytes of SYMBOLS_ROOM
 */
struct symbols {
	bool live;
	u64 version;
	u64 bundles, bad, cut;
	const char *why;

	struct symbols_set *sets;
	u64 used;
	struct elf_image **images;	/* all of them; their holder */
	size_t nr_images, cap_images;
	struct symbols_under_way {
		u64 generation, bundle;
		struct symbols_piece {
			u64 offset;
			u32 len;
			u8 *bytes;
		} *pieces;
		u32 nr, cap;
		u64 sum, room;
	} under_way[SYMBOLS_UNDER_WAY];
	u32 next;			/* of @under_way, to be given up */
};

/* Takes a piece, well-formed, that set-up @generation of the guest told. */
void symbols_piece(struct symbols *s, u64 generation, const struct vmcoop_guest_symbols *rec);
/* Nothing more comes: counts what is not whole. */
void symbols_end(struct symbols *s);
/* Reads a file of bundles. Return: exit status. */
int symbols_read(struct symbols *s, const char *path);
void symbols_free(struct symbols *s);

/*
 * What is known of a guest's kernel (@generation 0: of the last boot told), of its
 * file, of what its process made; NULL: nothing.
 */
const struct symbols_set *symbols_kernel(const struct symbols *s, u64 generation);
struct elf_image *symbols_object(const struct symbols *s, const struct dso *dso);
const struct symtab *symbols_jit(const struct symbols *s, u64 generation, u32 pid);

#endif /* VMCOOP_SYMBOLS_H */
