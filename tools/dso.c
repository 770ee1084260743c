// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of a VM's executable objects: see dso.h.
 */
#include <stdlib.h>
#include <string.h>

#include "dso.h"
#include "elfsyms.h"

static struct dso *dso_new(const char *path, size_t len)
{
	struct dso *dso = xcalloc(1, sizeof(*dso));
	const char *slash;

	/* A NUL inside ends the path here as it would in any call. */
	dso->path = xstrndup(path, len);
	dso->file = dso->path[0] == '/' && dso->path[1] != '/';
	slash = dso->file ? strrchr(dso->path, '/') : NULL;
	dso->name = slash && slash[1] ? slash + 1 : dso->path;
	return dso;
}

struct dso *dso_get(struct dsos *d, const char *path, size_t len)
{
	struct dso *dso;
	u64 hash;

	len = strnlen(path, min_u64(len, DSO_PATH_MAX));
	hash = hash_bytes(path, len);
	for (dso = map_get(&d->by_hash, hash); dso; dso = dso->next)
		if (strlen(dso->path) == len && !memcmp(dso->path, path, len))
			return dso;
	if (d->nr >= DSOS_MAX) {
		if (!d->rest)
			d->rest = dso_new(DSOS_REST, strlen(DSOS_REST));
		return d->rest;
	}
	dso = dso_new(path, len);
	dso->next = map_put(&d->by_hash, hash, dso);
	d->nr++;
	return dso;
}

const u8 *dso_build_id(const struct dso *dso, u32 *len)
{
	if (dso->build_id_len || !dso->image) {
		*len = dso->build_id_len;
		return dso->build_id;
	}
	*len = dso->image->build_id_len;
	return dso->image->build_id;
}

static void dso_free(struct dso *dso)
{
	struct dso *next;

	for (; dso; dso = next) {
		next = dso->next;
		elf_image_free(dso->image);
		free(dso->path);
		free(dso);
	}
}

void dsos_free(struct dsos *d)
{
	struct dso *dso;
	size_t i;

	map_for_each(&d->by_hash, i, dso)
		dso_free(dso);
	dso_free(d->rest);
	map_free(&d->by_hash);
	memset(d, 0, sizeof(*d));
}
