/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's programs and libraries, by the paths the guest tells.
 */
#ifndef VMCOOP_DSO_H
#define VMCOOP_DSO_H

#include "../common/abi.h"
#include "map.h"
#include "util.h"

/* What a hostile guest can make us remember. */
#define DSOS_MAX	16384
#define DSOS_REST	"[too many objects]"
#define DSO_PATH_MAX	4096

struct elf_image;

/**
 * struct dso - something executable that was mapped
 * @path: as the guest's kernel names it, any bytes, NUL-terminated
 * @name: what reports show: the last part of @path, or all of "[vdso]"
 * @file: @path names a file, rather than "[vdso]" or "//anon"
 * @image: its symbols, once asked for; NULL if there are none
 * @tried: @image was asked for, when the VM's symbols were of this version less 1
 * @key: the same for the same path and image, in whatever VM; of @key_image;
 *	0: to be made anew
 * @build_id: as the guest tells, of @build_id_len bytes; 0: not told
 * @next: with the same hash
 */
struct dso {
	char *path;
	const char *name;
	bool file;
	struct elf_image *image;
	u64 tried;
	u64 key;
	const struct elf_image *key_image;
	u8 build_id_len;
	u8 build_id[VMCOOP_BUILD_ID_MAX];
	struct dso *next;
};

/**
 * struct dsos - all of a VM; all zero is none
 * @by_hash: by their paths
 * @nr: how many
 * @rest: stands for all that came behind DSOS_MAX others
 */
struct dsos {
	struct u64map by_hash;
	u32 nr;
	struct dso *rest;
};

/* The object with a path of @len bytes; beyond DSOS_MAX all new ones are one. */
struct dso *dso_get(struct dsos *d, const char *path, size_t len);
/* The build-id, as the guest told it, or else of the file that its symbols come from. */
const u8 *dso_build_id(const struct dso *dso, u32 *len);
void dsos_free(struct dsos *d);

#endif /* VMCOOP_DSO_H */
