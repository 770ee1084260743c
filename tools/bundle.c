// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bundles of symbols: see bundle.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "bundle.h"
#include "confine.h"

#define LEVEL	6	/* of compression: once a recording, so it may take its time */

static u32 bundle_crc(const struct bundle_hdr *hdr, const void *frame, size_t len)
{
	u32 crc = crc32(0, (const void *)hdr, offsetof(struct bundle_hdr, crc));

	return crc32(crc, frame, len);
}

/* ---- Writing ----------------------------------------------------------------- */

static void put_symbol(struct bundle *b, const struct symtab *t, const struct symbol *s, u64 before)
{
	const char *name = symtab_name(t, s), *module = t->strings + s->module;

	bytes_put_varint(&b->raw, s->start - before);
	bytes_put_varint(&b->raw, s->end - s->start);
	if (s->module) {
		bytes_put(&b->raw, name, strlen(name));
		bytes_put(&b->raw, "\t", 1);
		name = module;
	}
	bytes_put(&b->raw, name, strlen(name) + 1);
}

static u32 put_symbols(struct bundle *b, const struct symtab *t)
{
	u64 before = 0;
	u32 i, nr = 0;

	for (i = 0; i < t->nr; i++) {
		const struct symbol *s = &t->syms[i];

		if (i && s->start == s[-1].start)
			continue;
		put_symbol(b, t, s, before);
		before = s->start;
		nr++;
	}
	return nr;
}

static void put_loads(struct bundle *b, const struct elf_image *img)
{
	u32 i;

	for (i = 0; i < img->nr_loads; i++) {
		const struct elf_load *l = &img->loads[i];
		struct bundle_load load = { l->offset, l->size, l->vaddr, l->exec };

		bytes_put(&b->raw, &load, sizeof(load));
	}
}

bool bundle_add(struct bundle *b, const struct bundle_table *t)
{
	struct bundle_section sec = {
		.type = t->type,
		.pid = t->pid,
		.id_len = t->img->build_id_len,
		.name_len = strlen(t->name),
		.nr_loads = t->img->nr_loads,
		.flags = t->img->full ? BUNDLE_F_FULL : 0,
	};
	size_t at = b->raw.len;

	bytes_put(&b->raw, &sec, sizeof(sec));
	put_loads(b, t->img);
	bytes_put(&b->raw, t->img->build_id, sec.id_len);
	bytes_put(&b->raw, t->name, sec.name_len);
	sec.nr = put_symbols(b, &t->img->tab);
	bytes_put(&b->raw, "\0\0\0\0\0\0\0", -(b->raw.len - at) % 8);
	if (b->raw.len > BUNDLE_MAX_RAW) {
		b->raw.len = at;
		return false;
	}
	sec.len = b->raw.len - at;
	memcpy(b->raw.data + at, &sec, sizeof(sec));
	return true;
}

void *bundle_pack(struct bundle *b, u32 arch, size_t *len)
{
	struct bundle_hdr hdr = {
		.magic = BUNDLE_MAGIC,
		.version = BUNDLE_VERSION,
		.arch = arch,
		.raw = b->raw.len,
	};
	size_t cap = ZSTD_compressBound(b->raw.len), n;
	char *out = xreallocarray(NULL, sizeof(hdr) + cap, 1);

	n = ZSTD_compress(out + sizeof(hdr), cap, b->raw.data ?: (u8 *)"", b->raw.len, LEVEL);
	b->raw.len = 0;
	if (ZSTD_isError(n) || n > VMCOOP_SYMBOLS_MAX - sizeof(hdr)) {
		free(out);
		return NULL;
	}
	hdr.len = n;
	hdr.crc = bundle_crc(&hdr, out + sizeof(hdr), n);
	memcpy(out, &hdr, sizeof(hdr));
	*len = sizeof(hdr) + n;
	return out;
}

void bundle_free(struct bundle *b)
{
	free(b->raw.data);
	memset(b, 0, sizeof(*b));
}

/* ---- Unpacking, in the child ---------------------------------------------------- */

/** struct span - bytes not looked at yet */
struct span {
	const u8 *p, *end;
};

static const void *take(struct span *s, u64 n)
{
	const u8 *p = s->p;

	if (n > (u64)(s->end - p))
		return NULL;
	s->p += n;
	return p;
}

static bool take_leb128(struct span *s, u64 *v)
{
	unsigned int shift;

	*v = 0;
	for (shift = 0; shift < 64 && s->p < s->end; shift += 7) {
		u8 byte = *s->p++;

		*v |= (u64)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* A symbol's name, and of its module: neighbours share one. */
static bool add_name(struct symtab *t, struct symbol *sym, const char *name, size_t n)
{
	const char *tab = memchr(name, '\t', n), *last;

	if (tab) {
		last = t->nr ? t->strings + t->syms[t->nr - 1].module : "";
		if (strcmp(last, tab + 1))
			sym->module = symtab_string(t, tab + 1, n - (tab + 1 - name));
		else if (t->nr)
			sym->module = t->syms[t->nr - 1].module;
		n = tab - name;
	}
	sym->name = symtab_string(t, name, n);
	return sym->name;
}

static bool take_symbols(struct span *s, u32 nr, struct symtab *t)
{
	u64 addr = 0, delta, size;

	while (nr--) {
		struct symbol sym = { 0 };
		const u8 *name, *end;

		if (!take_leb128(s, &delta) || !take_leb128(s, &size))
			return false;
		name = s->p;
		end = memchr(name, 0, s->end - name);
		if (!end || addr + delta < addr || addr + delta + size < addr + delta)
			return false;
		s->p = end + 1;
		sym.start = addr += delta;
		sym.end = addr + size;
		if (!add_name(t, &sym, (const char *)name, end - name) || !symtab_add(t, &sym))
			return false;
	}
	return true;
}

static bool take_loads(struct span *s, u32 nr, struct elf_image *img)
{
	const struct bundle_load *load;

	if (nr > ELF_MAX_LOADS)
		return false;
	for (; img->nr_loads < nr; img->nr_loads++) {
		load = take(s, sizeof(*load));
		if (!load)
			return false;
		img->loads[img->nr_loads] =
			(struct elf_load){ load->offset, load->size, load->vaddr, !!load->exec };
	}
	return true;
}

/** struct answer - what the child says of a table before its image */
struct answer {
	u32 type, pid, name_len;
};

static bool send_table(struct span sec, const struct bundle_section *hdr, int out)
{
	struct answer a = { hdr->type, hdr->pid, hdr->name_len };
	struct elf_image *img = xcalloc(1, sizeof(*img));
	const char *id, *name;
	bool good;

	good = hdr->id_len <= ELF_BUILD_ID_MAX && hdr->name_len <= BUNDLE_MAX_NAME &&
	       take_loads(&sec, hdr->nr_loads, img) && (id = take(&sec, hdr->id_len)) &&
	       (name = take(&sec, hdr->name_len)) && take_symbols(&sec, hdr->nr, &img->tab);
	if (good) {
		memcpy(img->build_id, id, hdr->id_len);
		img->build_id_len = hdr->id_len;
		img->full = hdr->flags & BUNDLE_F_FULL;
		confine_send(out, &a, sizeof(a));
		confine_send(out, name, hdr->name_len);
		elf_image_send(out, img);
	}
	elf_image_free(img);
	return good;
}

/* Sections are aligned: their headers can be looked at in place. */
bool bundle_send(const void *raw, size_t len, int out)
{
	struct span s = { raw, (const u8 *)raw + len };
	const struct bundle_section *hdr;

	while (s.p < s.end) {
		struct span sec = s;

		hdr = take(&sec, sizeof(*hdr));
		if (!hdr || hdr->len % 8 || hdr->len < sizeof(*hdr) || !take(&s, hdr->len))
			return false;
		sec.end = s.p;
		if (hdr->type >= BUNDLE_KERNEL && hdr->type <= BUNDLE_JIT &&
		    !send_table(sec, hdr, out))
			return false;
	}
	return true;
}

static void unpack_and_send(int in, int out)
{
	struct bundle_hdr hdr;
	char *packed, *raw;

	if (pread(in, &hdr, sizeof(hdr), 0) != sizeof(hdr))
		_exit(1);
	packed = xreallocarray(NULL, hdr.len + 1UL, 1);
	raw = xreallocarray(NULL, hdr.raw + 1UL, 1);
	if (pread(in, packed, hdr.len, sizeof(hdr)) != hdr.len ||
	    ZSTD_decompress(raw, hdr.raw, packed, hdr.len) != hdr.raw)
		_exit(1);
	free(packed);
	if (!bundle_send(raw, hdr.raw, out))
		_exit(1);
	free(raw);
}

/* ---- Reading ----------------------------------------------------------------- */

u64 bundle_length(const struct bundle_hdr *hdr, const char **why)
{
	if (memcmp(hdr->magic, BUNDLE_MAGIC, sizeof(hdr->magic)))
		*why = "is none";
	else if (hdr->version > BUNDLE_VERSION)
		*why = "is of a newer version: use a newer vmcoop-dump";
	else if (hdr->len > VMCOOP_SYMBOLS_MAX - sizeof(*hdr) || hdr->raw > BUNDLE_MAX_RAW)
		*why = "is larger than may be";
	else
		return sizeof(*hdr) + hdr->len;
	return 0;
}

/* A file in memory that holds @len bytes; -1 if there can be none. */
static int memory_file(const void *buf, size_t len)
{
	int fd = memfd_create("vmcoop-bundle", MFD_CLOEXEC);
	size_t done = 0;

	while (fd >= 0 && done < len) {
		ssize_t n = write(fd, (const char *)buf + done, len - done);

		if (n <= 0) {
			close(fd);
			return -1;
		}
		done += n;
	}
	return fd;
}

static bool receive_table(FILE *f, struct bundle_table *t, u64 *room)
{
	struct answer a;

	if (fread(&a, sizeof(a), 1, f) != 1 || a.name_len > BUNDLE_MAX_NAME ||
	    fread(t->name, 1, a.name_len, f) != a.name_len)
		return false;
	t->type = a.type;
	t->pid = a.pid;
	t->name[a.name_len] = '\0';
	t->img = elf_image_receive(f, room);
	return t->img;
}

bool bundle_receive(FILE *f, u64 *room, void (*table)(void *ctx, struct bundle_table *t), void *ctx)
{
	struct bundle_table *t = xcalloc(1, sizeof(*t));

	while (receive_table(f, t, room))
		table(ctx, t);
	free(t);
	return feof(f);
}

bool bundle_read(const void *buf, size_t len, u64 *room,
		 void (*table)(void *ctx, struct bundle_table *t), void *ctx, const char **why)
{
	const struct bundle_hdr *hdr = buf;
	struct confined c;
	bool good;
	int fd;

	if (len < sizeof(*hdr)) {
		*why = "is cut off";
		return false;
	}
	if (!bundle_length(hdr, why))
		return false;
	*why = "is cut off";
	if (len != bundle_length(hdr, why))
		return false;
	*why = "is damaged (wrong checksum)";
	if (hdr->crc != bundle_crc(hdr, hdr + 1, hdr->len))
		return false;
	*why = "cannot be unpacked";
	fd = memory_file(buf, len);
	if (fd < 0)
		return false;
	good = !confine_start(&c, fd, unpack_and_send);
	close(fd);
	if (!good)
		return false;
	good = bundle_receive(c.answer, room, table, ctx);
	*why = "holds no tables of symbols, or more than there is room for";
	return confine_end(&c) && good;
}
