// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests' symbols put together: see symbols.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbols.h"

/* ---- Tables ---------------------------------------------------------------------- */

static struct symbols_set *get_set(struct symbols *s, u64 generation)
{
	struct symbols_set *set;

	for (set = s->sets; set; set = set->next)
		if (set->generation == generation)
			return set;
	set = xcalloc(1, sizeof(*set));
	set->generation = generation;
	set->next = s->sets;
	s->sets = set;
	return set;
}

/* Holds @img until the end, or until @s->live is false and another takes its place. */
static void keep(struct symbols *s, struct elf_image *img)
{
	if (s->nr_images == s->cap_images) {
		s->cap_images = 2 * s->cap_images + 64;
		s->images = xreallocarray(s->images, s->cap_images, sizeof(*s->images));
	}
	s->images[s->nr_images++] = img;
}

static void drop(struct symbols *s, struct elf_image *img)
{
	size_t i;

	if (!img || s->live)
		return;
	for (i = s->nr_images; i-- && s->images[i] != img;)
		;
	s->images[i] = s->images[--s->nr_images];
	s->used -= elf_image_size(img);
	elf_image_free(img);
}

/* Its image, or NULL: takes the place of what was there. */
static void replace(struct symbols *s, struct u64map *map, u64 key, struct elf_image *img)
{
	drop(s, map_put(map, key, img));
	keep(s, img);
}

static u64 id_hash(const u8 *id, u32 len)
{
	return hash_bytes(id, len);
}

static u64 path_hash(const char *path)
{
	return hash_bytes(path, strlen(path));
}

static bool same_id(const struct elf_image *img, const u8 *id, u32 len)
{
	return img && img->build_id_len == len && !memcmp(img->build_id, id, len);
}

static void add_object(struct symbols *s, struct symbols_set *set, struct bundle_table *t)
{
	struct elf_image *img = t->img, *known = NULL;

	if (img->build_id_len)
		known = map_get(&set->by_id, id_hash(img->build_id, img->build_id_len));
	if (known && same_id(known, img->build_id, img->build_id_len)) {
		s->used -= elf_image_size(img);
		elf_image_free(img);
		return;
	}
	keep(s, img);
	if (img->build_id_len)
		map_put(&set->by_id, id_hash(img->build_id, img->build_id_len), img);
	map_put(&set->by_path, path_hash(t->name), img);
}

/** struct adding - a bundle being taken */
struct adding {
	struct symbols *s;
	struct symbols_set *set;
};

static void add_table(void *ctx, struct bundle_table *t)
{
	struct adding *a = ctx;

	a->s->used += elf_image_size(t->img);
	switch (t->type) {
	case BUNDLE_KERNEL:
		drop(a->s, a->set->kernel);
		a->set->kernel = t->img;
		keep(a->s, t->img);
		copy_field(a->set->release, t->name, sizeof(a->set->release) - 1);
		break;
	case BUNDLE_OBJECT:
		add_object(a->s, a->set, t);
		break;
	default:
		replace(a->s, &a->set->jit, t->pid, t->img);
		break;
	}
}

/* Takes a whole bundle. */
static bool add_bundle(struct symbols *s, u64 generation, const void *buf, size_t len,
		       const char **why)
{
	struct adding a = { s, get_set(s, generation) };
	u64 room = SYMBOLS_ROOM - min_u64(s->used, SYMBOLS_ROOM);
	bool good = s->bundles + s->bad < SYMBOLS_BUNDLES;

	*why = "comes behind more than there may be";
	good = good && bundle_read(buf, len, &room, add_table, &a, why);
	s->version++;
	s->bundles += good;
	s->bad += !good;
	if (!good)
		s->why = *why;
	return good;
}

/* ---- Pieces ------------------------------------------------------------------------ */

static void forget(struct symbols_under_way *u)
{
	u32 i;

	for (i = 0; i < u->nr; i++)
		free(u->pieces[i].bytes);
	free(u->pieces);
	memset(u, 0, sizeof(*u));
}

/* The bundle that a piece belongs to. One that never became whole makes room for others. */
static struct symbols_under_way *find_under_way(struct symbols *s, u64 generation, u64 bundle)
{
	struct symbols_under_way *u;
	u32 i;

	for (i = 0; i < SYMBOLS_UNDER_WAY; i++) {
		u = &s->under_way[i];
		if (u->nr && u->generation == generation && u->bundle == bundle)
			return u;
	}
	u = &s->under_way[s->next++ % SYMBOLS_UNDER_WAY];
	s->cut += !!u->nr;
	forget(u);
	u->generation = generation;
	u->bundle = bundle;
	return u;
}

static bool add_piece(struct symbols_under_way *u, const struct vmcoop_guest_symbols *rec)
{
	struct symbols_piece *p;

	u->room += rec->len + sizeof(*p) + 32;
	if (!rec->len || u->room > SYMBOLS_PIECES_ROOM)
		return false;
	if (u->nr == u->cap) {
		u->cap = 2 * u->cap + 64;
		u->pieces = xreallocarray(u->pieces, u->cap, sizeof(*u->pieces));
	}
	p = &u->pieces[u->nr++];
	p->offset = rec->offset;
	p->len = rec->len;
	p->bytes = xreallocarray(NULL, rec->len, 1);
	memcpy(p->bytes, rec->bytes, rec->len);
	u->sum += rec->len;
	return true;
}

static int by_offset(const void *a, const void *b)
{
	const struct symbols_piece *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Its bytes, if they are all there without gap and overlap. */
static char *join_pieces(struct symbols_under_way *u)
{
	char *buf = xreallocarray(NULL, u->sum, 1);
	u64 at = 0;
	u32 i;

	qsort(u->pieces, u->nr, sizeof(*u->pieces), by_offset);
	for (i = 0; i < u->nr && u->pieces[i].offset == at; i++) {
		memcpy(buf + at, u->pieces[i].bytes, u->pieces[i].len);
		at += u->pieces[i].len;
	}
	if (i == u->nr)
		return buf;
	free(buf);
	return NULL;
}

/* How long the bundle will be, UINT64_MAX while that is not known; 0: it is none. */
static u64 expected(const struct symbols_under_way *u, const char **why)
{
	const struct bundle_hdr *hdr;
	u32 i;

	for (i = 0; i < u->nr; i++) {
		hdr = (const void *)u->pieces[i].bytes;
		if (!u->pieces[i].offset && u->pieces[i].len >= sizeof(*hdr))
			return bundle_length(hdr, why);
	}
	return UINT64_MAX;
}

void symbols_piece(struct symbols *s, u64 generation, const struct vmcoop_guest_symbols *rec)
{
	struct symbols_under_way *u = find_under_way(s, generation, rec->bundle);
	const char *why = "has pieces that do not fit";
	u64 want;
	char *buf;

	want = add_piece(u, rec) ? expected(u, &why) : 0;
	if (u->sum < want)
		return;
	buf = u->nr && u->sum == want ? join_pieces(u) : NULL;
	if (buf) {
		add_bundle(s, generation, buf, want, &why);
	} else {
		s->bad++;
		s->why = why;
	}
	free(buf);
	forget(u);
}

void symbols_end(struct symbols *s)
{
	u32 i;

	for (i = 0; i < SYMBOLS_UNDER_WAY; i++) {
		s->cut += !!s->under_way[i].nr;
		forget(&s->under_way[i]);
	}
}

/* ---- Files -------------------------------------------------------------------------- */

int symbols_read(struct symbols *s, const char *path)
{
	FILE *f = fopen(path, "re");
	struct bundle_hdr hdr;
	const char *why = NULL;
	u64 nr = 0, len;
	char *buf;

	if (!f)
		return fail(EXIT_BAD, "cannot open '%s': %s", path, strerror(errno));
	while (!why && fread(&hdr, sizeof(hdr), 1, f) == 1) {
		len = bundle_length(&hdr, &why);
		if (!len)
			break;
		buf = xreallocarray(NULL, len, 1);
		memcpy(buf, &hdr, sizeof(hdr));
		len = sizeof(hdr) + fread(buf + sizeof(hdr), 1, len - sizeof(hdr), f);
		if (add_bundle(s, 0, buf, len, &why))
			why = NULL;
		free(buf);
		nr++;
	}
	fclose(f);
	if (!nr)
		return fail(EXIT_BAD, "'%s' holds no symbols that 'vmcoop-dump symbols -o' wrote", path);
	return why ? fail(EXIT_BAD, "'%s': bundle %llu of symbols %s", path, nr, why) : EXIT_OK;
}

/* ---- Lookup --------------------------------------------------------------------------- */

const struct symbols_set *symbols_kernel(const struct symbols *s, u64 generation)
{
	const struct symbols_set *set;

	for (set = s->sets; set; set = set->next)
		if (set->kernel &&
		    (set->generation == generation || !set->generation || !generation))
			return set;
	return NULL;
}

/* Of a file whose build-id one side does not know. */
static struct elf_image *by_path(const struct symbols_set *set, const struct dso *dso)
{
	struct elf_image *img = map_get(&set->by_path, path_hash(dso->path));

	return img && !(img->build_id_len && dso->build_id_len) ? img : NULL;
}

struct elf_image *symbols_object(const struct symbols *s, const struct dso *dso)
{
	struct elf_image *img = NULL;
	struct symbols_set *set;

	for (set = s->sets; set && !img; set = set->next) {
		if (dso->build_id_len)
			img = map_get(&set->by_id, id_hash(dso->build_id, dso->build_id_len));
		if (!same_id(img, dso->build_id, dso->build_id_len))
			img = NULL;
		if (!img)
			img = by_path(set, dso);
	}
	return img;
}

const struct symtab *symbols_jit(const struct symbols *s, u64 generation, u32 pid)
{
	const struct symbols_set *set;
	const struct elf_image *img;

	for (set = s->sets; set; set = set->next) {
		img = map_get(&set->jit, pid);
		if (img && (set->generation == generation || !set->generation))
			return &img->tab;
	}
	return NULL;
}

void symbols_free(struct symbols *s)
{
	struct symbols_set *set, *next;
	size_t i;

	symbols_end(s);
	for (set = s->sets; set; set = next) {
		next = set->next;
		map_free(&set->by_id);
		map_free(&set->by_path);
		map_free(&set->jit);
		free(set);
	}
	for (i = 0; i < s->nr_images; i++)
		elf_image_free(s->images[i]);
	free(s->images);
	memset(s, 0, sizeof(*s));
}
