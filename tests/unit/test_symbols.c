// SPDX-License-Identifier: GPL-2.0-only
/*
 * Symbols that guests tell: bundles good and hostile, whole and in pieces, maps
 * of compiled code, and stores looked up by build-id.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "../../tools/bundle.h"
#include "../../tools/collect.h"
#include "../../tools/jitmap.h"
#include "../../tools/symbolize.h"
#include "../../tools/symbols.h"
#include "stream.h"
#include "tap.h"

/* ---- Making bundles ------------------------------------------------------------ */

static void add(struct symtab *t, u64 start, u64 size, const char *name, const char *module)
{
	struct symbol s = { .start = start, .end = start + size };

	s.name = symtab_string(t, name, strlen(name));
	if (module)
		s.module = symtab_string(t, module, strlen(module));
	CHECK(symtab_add(t, &s));
}

static struct bundle_table *new_table(enum bundle_type type, const char *name)
{
	struct bundle_table *t = calloc(1, sizeof(*t));

	t->type = type;
	t->img = calloc(1, sizeof(*t->img));
	strcpy(t->name, name);
	return t;
}

static void set_id(struct bundle_table *t, const char *id)
{
	t->img->build_id_len = strlen(id);
	memcpy(t->img->build_id, id, strlen(id));
}

static void put(struct bundle *b, struct bundle_table *t)
{
	symtab_finish(&t->img->tab, 1);
	CHECK(bundle_add(b, t));
	elf_image_free(t->img);
	free(t);
}

#define KERNEL_AT	0xffffffff81000000ULL
#define PRINTK_AT	(KERNEL_AT + 0x2000)
#define MODULE_AT	0xffffffffc0001000ULL

static void put_kernel_table(struct bundle *b)
{
	struct bundle_table *t = new_table(BUNDLE_KERNEL, "6.1");

	add(&t->img->tab, KERNEL_AT, 0x1000, "do_one_thing", NULL);
	add(&t->img->tab, PRINTK_AT, 0x100, "_printk", NULL);
	add(&t->img->tab, MODULE_AT, 0x100, "probe", "[other]");
	add(&t->img->tab, MODULE_AT + 0x100, 0x100, "fork", "[other]");
	put(b, t);
}

/* Its code lies at file offset 0x1000 and address 0x401000. */
static void put_object(struct bundle *b, const char *path, const char *id, const char *function)
{
	struct bundle_table *t = new_table(BUNDLE_OBJECT, path);

	t->img->loads[t->img->nr_loads++] = (struct elf_load){ 0x1000, 0x1000, 0x401000, 1 };
	t->img->full = 1;
	if (id)
		set_id(t, id);
	add(&t->img->tab, 0x401100, 0x80, function, NULL);
	add(&t->img->tab, 0x401180, 0x80, "next", NULL);
	put(b, t);
}

static void put_jit(struct bundle *b, u32 pid, u64 at, const char *function)
{
	struct bundle_table *t = new_table(BUNDLE_JIT, "");

	t->pid = pid;
	add(&t->img->tab, at, 0x100, function, NULL);
	put(b, t);
}

static char *pack(struct bundle *b, size_t *len)
{
	char *buf = bundle_pack(b, VMCOOP_ARCH_X86_64, len);

	CHECK(buf != NULL);
	bundle_free(b);
	return buf;
}

/* A bundle with one of each. */
static char *make_bundle(size_t *len)
{
	struct bundle b = { 0 };

	put_kernel_table(&b);
	put_object(&b, "/usr/bin/prog", "12345678", "main");
	put_jit(&b, 7, 0x7f0000000000, "Lmy/Class;.method()V");
	return pack(&b, len);
}

/* ---- Reading them ------------------------------------------------------------------ */

static struct bundle_table got[8];
static int nr_got;

static void take(void *ctx, struct bundle_table *t)
{
	(void)ctx;
	if (nr_got == 8)
		elf_image_free(t->img);
	else
		got[nr_got++] = *t;
}

static void drop_got(void)
{
	while (nr_got)
		elf_image_free(got[--nr_got].img);
}

static bool read_bundle(const void *buf, size_t len)
{
	u64 room = 1 << 20;
	const char *why = NULL;
	bool good = bundle_read(buf, len, &room, take, NULL, &why);

	CHECK(good || why);
	return good;
}

static const char *name_in(const struct symtab *t, u64 addr)
{
	const struct symbol *s = symtab_find(t, addr);

	return s ? symtab_name(t, s) : "-";
}

TEST(a_bundle_comes_out_as_it_went_in)
{
	size_t len;
	char *buf = make_bundle(&len);
	const struct symbol *s;
	u64 addr;

	CHECK(read_bundle(buf, len));
	if (EQ(nr_got, 3)) {
		EQ(got[0].type, BUNDLE_KERNEL);
		STREQ(got[0].name, "6.1");
		STREQ(name_in(&got[0].img->tab, KERNEL_AT + 0xfff), "do_one_thing");
		STREQ(name_in(&got[0].img->tab, KERNEL_AT + 0x1000), "-");
		s = symtab_find(&got[0].img->tab, MODULE_AT + 0x180);
		STREQ(symtab_name(&got[0].img->tab, s), "fork");
		STREQ(got[0].img->tab.strings + s->module, "[other]");
		EQ(got[1].type, BUNDLE_OBJECT);
		STREQ(got[1].name, "/usr/bin/prog");
		EQ(got[1].img->build_id_len, 8);
		CHECK(!memcmp(got[1].img->build_id, "12345678", 8));
		CHECK(got[1].img->full);
		CHECK(elf_address(got[1].img, 0x1110, &addr));
		STREQ(name_in(&got[1].img->tab, addr), "main");
		EQ(got[2].type, BUNDLE_JIT);
		EQ(got[2].pid, 7);
		STREQ(name_in(&got[2].img->tab, 0x7f00000000ff), "Lmy/Class;.method()V");
	}
	drop_got();
	free(buf);
}

TEST(of_symbols_at_one_place_the_best_is_told)
{
	struct bundle_table *t = new_table(BUNDLE_OBJECT, "/x");
	struct bundle b = { 0 };
	struct symbol s = { .start = 0x10, .end = 0x20, .rank = 3 };
	size_t len;
	char *buf;

	add(&t->img->tab, 0x10, 0x10, "alias", NULL);
	s.name = symtab_string(&t->img->tab, "best", 4);
	symtab_add(&t->img->tab, &s);
	put(&b, t);
	buf = pack(&b, &len);
	CHECK(read_bundle(buf, len));
	EQ(got[0].img->tab.nr, 1);
	STREQ(name_in(&got[0].img->tab, 0x18), "best");
	drop_got();
	free(buf);
}

TEST(a_cut_bundle_is_refused)
{
	size_t len, n;
	char *buf = make_bundle(&len);

	for (n = 0; n < len; n++)
		CHECK(!read_bundle(buf, n));
	CHECK(!read_bundle(buf, len + 1));
	EQ(nr_got, 0);
	free(buf);
}

TEST(no_changed_byte_goes_unnoticed)
{
	size_t len, n;
	char *buf = make_bundle(&len);

	for (n = 0; n < len; n++) {
		buf[n] ^= 0x10;
		CHECK(!read_bundle(buf, len));
		buf[n] ^= 0x10;
	}
	EQ(nr_got, 0);
	CHECK(read_bundle(buf, len));
	drop_got();
	free(buf);
}

/* A bundle of these bytes that is right in all but what they say. */
static bool read_raw(const void *raw, size_t len)
{
	struct bundle b = { .raw = malloc(len), .len = len, .cap = len };
	size_t packed;
	char *buf;
	bool good;

	memcpy(b.raw, raw, len);
	buf = pack(&b, &packed);
	good = read_bundle(buf, packed);
	free(buf);
	return good;
}

TEST(lies_in_a_bundle_are_refused)
{
	struct {
		struct bundle_section sec;
		struct bundle_load load;
		u8 rest[32];
	} good = {
		.sec = { .type = BUNDLE_OBJECT, .len = sizeof(good), .nr = 2, .id_len = 2,
			 .name_len = 2, .nr_loads = 1 },
		.load = { 0, 4096, 0, 1 },
		.rest = "id/p" "\x10\x08" "a\0" "\x10\x08" "b",
	}, bad;

	CHECK(read_raw(&good, sizeof(good)));
	EQ(nr_got, 1);
	EQ(got[0].img->tab.nr, 2);
	STREQ(name_in(&got[0].img->tab, 0x24), "b");
	drop_got();
#define LIE(field, value) do {						\
		bad = good;						\
		bad.field = (value);					\
		CHECK(!read_raw(&bad, sizeof(bad)));			\
		drop_got();						\
	} while (0)
	LIE(sec.len, 0);
	LIE(sec.len, 8);
	LIE(sec.len, sizeof(good) - 4);
	LIE(sec.len, sizeof(good) + 8);
	LIE(sec.len, UINT32_MAX);
	LIE(sec.nr, 100);
	LIE(sec.nr, UINT32_MAX);
	LIE(sec.id_len, ELF_BUILD_ID_MAX + 1);
	LIE(sec.id_len, UINT16_MAX);
	LIE(sec.name_len, BUNDLE_MAX_NAME + 1);
	LIE(sec.name_len, UINT16_MAX);
	LIE(sec.nr_loads, ELF_MAX_LOADS + 1);
	LIE(sec.nr_loads, 3);
	CHECK(!read_raw(&good, sizeof(good) - 8));
	CHECK(!read_raw(&good, 8));
	/* Numbers without an end, and addresses that wrap around. */
	bad = good;
	memset(bad.rest + 4, 0xff, sizeof(bad.rest) - 4);
	CHECK(!read_raw(&bad, sizeof(bad)));
	bad = good;
	memcpy(bad.rest + 4, "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "a\0", 14);
	CHECK(!read_raw(&bad, sizeof(bad)));
	drop_got();
	/* What is not known is passed over. */
	bad = good;
	bad.sec.type = 77;
	CHECK(read_raw(&bad, sizeof(bad)));
	EQ(nr_got, 0);
}

TEST(sizes_in_the_head_are_not_believed)
{
	size_t len;
	char *buf = make_bundle(&len);
	struct bundle_hdr *hdr = (void *)buf;
	const u32 raw = hdr->raw, wrong[] = { 0, 8, raw - 8, raw + 8, BUNDLE_MAX_RAW,
					      BUNDLE_MAX_RAW + 1, UINT32_MAX };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		hdr->raw = wrong[i];
		hdr->crc = crc32(0, (void *)hdr, offsetof(struct bundle_hdr, crc));
		hdr->crc = crc32(hdr->crc, (void *)(hdr + 1), hdr->len);
		CHECK(!read_bundle(buf, len));
	}
	hdr->raw = raw;
	hdr->version = BUNDLE_VERSION + 1;
	CHECK(!read_bundle(buf, len));
	EQ(nr_got, 0);
	free(buf);
}

TEST(more_than_there_is_room_for_is_refused)
{
	struct bundle_table *t = new_table(BUNDLE_OBJECT, "/x");
	struct bundle b = { 0 };
	u64 room = 10000;
	const char *why;
	size_t len;
	char *buf;
	u32 i;

	for (i = 0; i < 1000; i++)
		add(&t->img->tab, i * 16, 16, "f", NULL);
	put(&b, t);
	buf = pack(&b, &len);
	CHECK(len < 10000);
	CHECK(!bundle_read(buf, len, &room, take, NULL, &why));
	EQ(nr_got, 0);
	room = 100000;
	CHECK(bundle_read(buf, len, &room, take, NULL, &why));
	CHECK(room < 100000 - 1000 * sizeof(struct symbol));
	drop_got();
	free(buf);
}

/* ---- Pieces -------------------------------------------------------------------------- */

static void piece(struct symbols *s, u64 bundle, const char *buf, u64 from, u32 len)
{
	union {
		struct vmcoop_guest_symbols rec;
		char room[VMCOOP_REC_MAX];
	} r = { .rec = { .bundle = bundle, .offset = from, .len = len } };

	memcpy(r.rec.bytes, buf + from, len);
	symbols_piece(s, 1, &r.rec);
}

static bool knows_main(const struct symbols *s)
{
	struct dso dso = { .path = "/usr/bin/prog", .build_id_len = 8, .build_id = "12345678" };

	return symbols_object(s, &dso) != NULL;
}

TEST(pieces_make_a_bundle_in_any_order)
{
	struct symbols s = { 0 };
	size_t len, n;
	char *buf = make_bundle(&len);

	/* The head last; another bundle's come in between. */
	piece(&s, 9, buf, 0, 40);
	for (n = len - 1; n >= 40; n--)
		piece(&s, 5, buf, n, 1);
	CHECK(!knows_main(&s));
	piece(&s, 5, buf, 0, 40);
	CHECK(knows_main(&s));
	EQ(s.bundles, 1);
	piece(&s, 9, buf, 40, len - 40);
	EQ(s.bundles, 2);
	CHECK(symbols_kernel(&s, 1) != NULL);
	CHECK(!symbols_kernel(&s, 2));
	CHECK(symbols_jit(&s, 1, 7) != NULL);
	CHECK(!symbols_jit(&s, 2, 7));
	CHECK(!symbols_jit(&s, 1, 8));
	symbols_end(&s);
	EQ(s.cut, 0);
	EQ(s.bad, 0);
	symbols_free(&s);
	free(buf);
}

TEST(pieces_that_do_not_fit_are_refused)
{
	struct symbols s = { 0 };
	size_t len;
	char *buf = make_bundle(&len);

	/* One that overlaps, a gap, one that is too long, one without bytes. */
	piece(&s, 1, buf, 0, 40);
	piece(&s, 1, buf, 30, 10);
	piece(&s, 1, buf, 50, len - 50);
	EQ(s.bad, 1);
	piece(&s, 2, buf, 0, 40);
	piece(&s, 2, buf, 41, len - 41);
	piece(&s, 2, buf, 41, 1);
	EQ(s.bad, 2);
	piece(&s, 3, buf, 0, 40);
	piece(&s, 3, buf, 39, len - 39);
	EQ(s.bad, 3);
	piece(&s, 4, buf, 0, 0);
	EQ(s.bad, 4);
	/* A head that is none. */
	buf[0] ^= 1;
	piece(&s, 5, buf, 0, 40);
	EQ(s.bad, 5);
	CHECK(!knows_main(&s));
	symbols_free(&s);
	free(buf);
}

TEST(bundles_that_never_end_make_room)
{
	struct symbols s = { 0 };
	size_t len;
	char *buf = make_bundle(&len);
	u64 i;

	for (i = 0; i < 1000; i++)
		piece(&s, i, buf, 0, 40);
	symbols_end(&s);
	EQ(s.cut, 1000);
	EQ(s.bundles, 0);
	/* And one that does. */
	piece(&s, 5, buf, 0, len);
	EQ(s.bundles, 1);
	symbols_free(&s);
	free(buf);
}

TEST(pieces_have_bounds)
{
	struct symbols s = { 0 };
	static char zeros[VMCOOP_REC_MAX];
	struct bundle_hdr hdr = { .magic = BUNDLE_MAGIC, .version = 1, .len = VMCOOP_SYMBOLS_MAX / 2 };
	u64 at;

	/* It never comes to the end that the head promises. */
	memcpy(zeros, &hdr, sizeof(hdr));
	piece(&s, 1, zeros, 0, sizeof(hdr));
	for (at = 0; at < SYMBOLS_PIECES_ROOM && !s.bad; at++)
		piece(&s, 1, zeros, 0, 1);
	EQ(s.bad, 1);
	CHECK(at < SYMBOLS_PIECES_ROOM / 32);
	symbols_free(&s);
}

TEST(later_tables_take_the_place_of_earlier_ones)
{
	struct symbols s = { 0 };
	struct bundle b = { 0 };
	u64 used = 0;
	size_t len;
	char *buf;
	int i;

	for (i = 0; i < 50; i++) {
		put_jit(&b, 7, 0x1000, i == 49 ? "last" : "old");
		put_kernel_table(&b);
		put_object(&b, "/usr/bin/prog", "12345678", "main");
		buf = pack(&b, &len);
		piece(&s, i, buf, 0, len);
		free(buf);
		used = i ? used : s.used;
	}
	EQ(s.bundles, 50);
	NEAR(s.used, used, 16);
	STREQ(name_in(symbols_jit(&s, 1, 7), 0x1010), "last");
	symbols_free(&s);
}

/* ---- Maps of compiled code -------------------------------------------------------------- */

static bool read_map(const char *text, struct symtab *t)
{
	int fd = memfd_create("map", 0);
	bool any;

	if (write(fd, text, strlen(text)) < 0)
		abort();
	lseek(fd, 0, SEEK_SET);
	any = jitmap_read(fd, t);
	close(fd);
	return any;
}

TEST(maps_of_compiled_code_are_read)
{
	struct symtab t = { 0 };

	CHECK(read_map("7f0000001000 100 first\n"
		       "0x7F0000002000 0x80 a name with spaces\n"
		       "7f0000001000 40 first, compiled again\n"
		       "7f0000003000 0 without size\n"
		       "ffffffffffffff00 200 beyond the end\n"
		       "7f0000004000 ffffffff0000 far too long\n"
		       "7f00000050000000000000 10 too many digits\n"
		       "no line\n"
		       "7f0000006000\n"
		       "7f0000006000 10\n"
		       "7f0000006000 10 \n"
		       "\n"
		       "7f0000007000 10 good\n"
		       "7f0000008000 10 being writ", &t));
	EQ(t.nr, 4);
	STREQ(name_in(&t, 0x7f0000001020), "first, compiled again");
	STREQ(name_in(&t, 0x7f0000002010), "a name with spaces");
	STREQ(name_in(&t, 0x7f0000007000), "good");
	STREQ(name_in(&t, 0x7f0000008000), "-");
	symtab_free(&t);
	CHECK(!read_map("", &t));
	CHECK(!read_map("\n\n\n", &t));
	CHECK(!read_map("text", &t));
	symtab_free(&t);
}

/* ---- A recording ------------------------------------------------------------------------- */

static struct place places[16];
static int nr_places;
static struct symbolizer sym;

static void place(void *ctx, const struct joined *j)
{
	(void)ctx;
	if (j->method == METHOD_SAMPLED && nr_places < 16)
		symbolize(&sym, j, &places[nr_places++]);
}

static void begin(struct stream *s)
{
	stream_begin(s);
	stream_guest(s, 10, 100, 1, 0);
	put_vcpu(s, 1, 1, 0, 5);
	put_clock(s, 1, 1, 0, 5, &s->clock);
	put_switch(s, 10, 2, 0, 7, 7);
	put_kernel(s, 10, 2, 0, PRINTK_AT, "_printk");
}

static void put_build_id(struct stream *s, u64 t, u64 ino, const char *id)
{
	struct {
		struct vmcoop_guest_buildid rec;
		char id[8];
	} r = {
		.rec = { .hdr = { .type = VMCOOP_GUEST_BUILDID, .size = sizeof(r), .id = 0,
				  .stamp = vmcoop_clock_to_guest(&s->clock, t) },
			 .ino = ino, .len = 8 },
	};

	memcpy(r.id, id, 8);
	put_raw(s, 10, &r, sizeof(r));
}

/* As put_mmap(), of a file with an inode number. */
static void put_file_map(struct stream *s, u64 t, u64 start, u64 ino, const char *path)
{
	u64 buf[VMCOOP_REC_MAX / 8] = { 0 };
	struct vmcoop_guest_mmap *rec = (void *)buf;
	size_t size = (sizeof(*rec) + strlen(path) + 7) & ~7UL;

	rec->hdr = (struct vmcoop_hdr){ .type = VMCOOP_GUEST_MMAP, .size = size,
					.stamp = vmcoop_clock_to_guest(&s->clock, t) };
	rec->pid = 7;
	rec->path_len = strlen(path);
	rec->start = start;
	rec->len = 0x1000;
	rec->pgoff = 0x1000;
	rec->ino = ino;
	memcpy(rec->path, path, strlen(path));
	put_raw(s, 10, rec, size);
}

/* Tells a bundle, in records of @step bytes. */
static void tell(struct stream *s, const char *buf, size_t len, u32 step)
{
	union {
		struct vmcoop_guest_symbols rec;
		char room[VMCOOP_REC_MAX];
	} r = { .rec.hdr.type = VMCOOP_GUEST_SYMBOLS, .rec.bundle = 3 };
	size_t at;

	stream_flush(s);
	for (at = 0; at < len; at += r.rec.len) {
		r.rec.offset = at;
		r.rec.len = min_u64(step, len - at);
		r.rec.hdr.size = (sizeof(r.rec) + r.rec.len + 7) & ~7U;
		memcpy(r.rec.bytes, buf + at, r.rec.len);
		datafile_chunk(&s->w, CHUNK_SYMBOLS, 10, &r, r.rec.hdr.size);
	}
}

static struct session *read_places(struct stream *s)
{
	struct session *ses = calloc(1, sizeof(*ses));

	nr_places = 0;
	stream_read(s, ses, place, NULL);
	stream_free(s);
	return ses;
}

static void end_places(struct session *ses)
{
	session_free(ses);
	free(ses);
	symbolizer_free(&sym);
}

TEST(what_came_last_names_the_first_samples)
{
	struct session *ses;
	struct stream s;
	size_t len;
	char *buf = make_bundle(&len);

	begin(&s);
	put_build_id(&s, 3, 50, "12345678");
	put_build_id(&s, 3, 51, "87654321");
	put_file_map(&s, 4, 0x400000, 50, "/another/path/prog");
	put_file_map(&s, 5, 0x500000, 51, "/usr/bin/prog");
	put_file_map(&s, 6, 0x600000, 0, "/usr/bin/prog");
	put_mmap(&s, 10, 7, 0, 7, 0x7f0000000000, 0x1000, 0, "//anon");
	put_sample(&s, 1, 10, 0, 5, 0x400110);
	put_sample(&s, 1, 11, 0, 5, 0x500110);
	put_sample(&s, 1, 13, 0, 5, 0x7f0000000080);
	put_sample(&s, 1, 14, 0, 5, 0x7f0000000180);
	put_sample(&s, 1, 15, 0, 5, KERNEL_AT + 4);
	put_sample(&s, 1, 16, 0, 5, MODULE_AT + 4);
	tell(&s, buf, len, 100);
	ses = read_places(&s);
	if (EQ(nr_places, 6)) {
		STREQ(places[0].symbol, "main");
		STREQ(places[0].path, "/another/path/prog");
		/* Another build than the one with symbols: no name is better than a wrong one. */
		CHECK(!places[1].symbol);
		EQ(places[1].addr, 0x1110);
		STREQ(places[1].build_id, "3837363534333231");
		STREQ(places[2].symbol, "Lmy/Class;.method()V");
		STREQ(places[2].dso, "[jit]");
		EQ(places[2].offset, 0x80);
		CHECK(!places[3].symbol);
		STREQ(places[4].symbol, "do_one_thing");
		STREQ(places[5].symbol, "probe");
		STREQ(places[5].dso, "[other]");
	}
	EQ(sym.missing, 1);
	EQ(sym.no_jit, 1);
	EQ(sym.no_kallsyms, 0);
	CHECK(!sym.no_anchor);
	EQ(ses->nr_notes, 0);
	end_places(ses);
	free(buf);
}

TEST(another_boot_of_a_guest_has_its_own_symbols)
{
	struct session *ses;
	struct stream s;
	size_t len;
	char *buf = make_bundle(&len);

	begin(&s);
	tell(&s, buf, len, 4000);
	put_sample(&s, 1, 10, 0, 5, KERNEL_AT + 4);
	stream_guest(&s, 11, 100, 2, 0);
	put_switch(&s, 11, 20, 0, 7, 7);
	put_mmap(&s, 11, 21, 0, 7, 0x7f0000000000, 0x1000, 0, "//anon");
	put_sample(&s, 1, 30, 0, 5, KERNEL_AT + 4);
	put_sample(&s, 1, 31, 0, 5, 0x7f0000000080);
	ses = read_places(&s);
	EQ(nr_places, 3);
	STREQ(places[0].symbol, "do_one_thing");
	CHECK(!places[1].symbol);
	CHECK(!places[2].symbol);
	end_places(ses);
	free(buf);
}

TEST(a_damaged_bundle_is_noted)
{
	struct session *ses;
	struct stream s;
	size_t len;
	char *buf = make_bundle(&len);

	buf[len - 1] ^= 1;
	begin(&s);
	tell(&s, buf, len, 4000);
	put_sample(&s, 1, 10, 0, 5, KERNEL_AT + 4);
	ses = read_places(&s);
	CHECK(!places[0].symbol);
	if (EQ(ses->nr_notes, 1))
		CHECK(strstr(ses->notes[0], "checksum") != NULL);
	end_places(ses);

	begin(&s);
	tell(&s, buf, len - 1, 4000);
	ses = read_places(&s);
	if (EQ(ses->nr_notes, 1))
		CHECK(strstr(ses->notes[0], "did not come whole") != NULL);
	end_places(ses);
	free(buf);
}

/* ---- Files and stores ------------------------------------------------------------------- */

static char dir[64];

static const char *at(const char *name)
{
	static char bufs[4][256];
	static int next;
	char *buf = bufs[next++ % 4];

	if (!*dir) {
		strcpy(dir, "/tmp/vmcoop-symbols-XXXXXX");
		if (!mkdtemp(dir))
			abort();
	}
	snprintf(buf, sizeof(bufs[0]), "%s/%s", dir, name);
	return buf;
}

static void put_file(const char *name, const void *text, size_t len)
{
	FILE *f = fopen(at(name), "w");

	fwrite(text, 1, len, f);
	fclose(f);
}

static void clean_up(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	if (*dir && system(cmd))
		abort();
	*dir = '\0';
}

TEST(a_file_of_symbols_is_read)
{
	struct session *ses;
	struct bundle b = { 0 };
	struct stream s;
	char *two, *one;
	size_t len, len2;

	one = make_bundle(&len);
	put_object(&b, "/bin/other", NULL, "other_main");
	two = pack(&b, &len2);
	one = realloc(one, len + len2);
	memcpy(one + len, two, len2);
	put_file("good", one, len + len2);
	put_file("cut", one, len + len2 - 1);
	put_file("text", "not a bundle, but some text", 27);
	put_file("empty", "", 0);
	quiet = true;
	EQ(symbolizer_add_symbols(&sym, at("cut")), EXIT_BAD);
	EQ(symbolizer_add_symbols(&sym, at("text")), EXIT_BAD);
	EQ(symbolizer_add_symbols(&sym, at("empty")), EXIT_BAD);
	EQ(symbolizer_add_symbols(&sym, at("nonexistent")), EXIT_BAD);
	quiet = false;
	symbolizer_free(&sym);
	EQ(symbolizer_add_symbols(&sym, at("good")), 0);
	begin(&s);
	put_mmap(&s, 10, 7, 0, 7, 0x400000, 0x1000, 0x1000, "/bin/other");
	put_sample(&s, 1, 10, 0, 5, 0x400110);
	put_sample(&s, 1, 11, 0, 5, KERNEL_AT + 4);
	ses = read_places(&s);
	STREQ(places[0].symbol, "other_main");
	STREQ(places[1].symbol, "do_one_thing");
	end_places(ses);
	free(one);
	free(two);
	clean_up();
}

TEST(maps_below_the_root_name_code)
{
	static const char map[] = "10000 100 of_the_inner_pid\n", other[] = "10000 100 wrong\n";
	struct session *ses;
	struct stream s;

	mkdir(at("root"), 0700);
	mkdir(at("root/tmp"), 0700);
	put_file("root/tmp/perf-7.map", map, strlen(map));
	put_file("root/tmp/perf-8.map", other, strlen(other));
	EQ(symbolizer_add_root(&sym, at("root")), 0);
	begin(&s);
	put_mmap(&s, 10, 7, 0, 7, 0x10000, 0x1000, 0, "//anon");
	put_sample(&s, 1, 10, 0, 5, 0x10010);
	ses = read_places(&s);
	STREQ(places[0].symbol, "of_the_inner_pid");
	end_places(ses);
	clean_up();
}

__attribute__((noinline)) int a_function_of_ours(int x)
{
	__asm__ volatile("" : "+r" (x));
	return x + 1;
}

static struct elf_image *own_image(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	struct elf_image *img = elf_read(fd);

	close(fd);
	return img;
}

static const char *symbol_at(const struct elf_image *img, const char *name, u64 *addr)
{
	u32 i;

	for (i = 0; i < img->tab.nr; i++)
		if (!strcmp(symtab_name(&img->tab, &img->tab.syms[i]), name)) {
			*addr = img->tab.syms[i].start;
			return name;
		}
	return NULL;
}

/* Where the code at @addr lies in the file. */
static u64 offset_of(const struct elf_image *img, u64 addr)
{
	u32 i;

	for (i = 0; i < img->nr_loads; i++)
		if (img->loads[i].exec && addr - img->loads[i].vaddr < img->loads[i].size)
			return addr - img->loads[i].vaddr + img->loads[i].offset;
	return 0;
}

TEST(stores_are_asked_by_build_id)
{
	struct elf_image *own = own_image(), *img;
	char hex[2 * ELF_BUILD_ID_MAX + 1], cmd[900], exe[256];
	struct debugstore store = { 0 };
	u64 addr = 0, there;
	u32 i;

	exe[readlink("/proc/self/exe", exe, sizeof(exe) - 1)] = '\0';
	if (system("command -v objcopy >/dev/null") || !own->build_id_len) {
		elf_image_free(own);
		SKIP("no binutils, or no build-id");
	}
	EQ(a_function_of_ours(1), 2);
	STREQ(symbol_at(own, "a_function_of_ours", &addr), "a_function_of_ours");
	for (i = 0; i < own->build_id_len; i++)
		sprintf(hex + 2 * i, "%02x", own->build_id[i]);
	mkdir(at("store"), 0700);
	EQ(debugstore_add(&store, at("store")), 0);
	CHECK(!debugstore_image(&store, own->build_id, own->build_id_len));
	snprintf(cmd, sizeof(cmd), "cd %s && mkdir -p .build-id/%.2s && objcopy --only-keep-debug "
		 "%s .build-id/%.2s/%s.debug", at("store"), hex, exe, hex, hex + 2);
	EQ(system(cmd), 0);
	img = debugstore_image(&store, own->build_id, own->build_id_len);
	if (CHECK(img != NULL)) {
		/* The code was taken out: where it lay is concluded. */
		CHECK(elf_address(img, offset_of(own, addr), &there));
		EQ(there, addr);
		STREQ(name_in(&img->tab, addr), "a_function_of_ours");
	}
	elf_image_free(img);
	/* A file of that name with another build-id in it is not it. */
	own->build_id[own->build_id_len - 1] ^= 1;
	snprintf(cmd, sizeof(cmd), "cd %s/.build-id/%.2s && cp %s.debug %.*s%02x.debug", at("store"),
		 hex, hex + 2, (int)strlen(hex) - 4, hex + 2, own->build_id[own->build_id_len - 1]);
	EQ(system(cmd), 0);
	CHECK(!debugstore_image(&store, own->build_id, own->build_id_len));
	quiet = true;
	EQ(debugstore_add(&store, at("nonexistent")), EXIT_BAD);
	EQ(debugstore_add(&store, "/dev/null"), EXIT_BAD);
	quiet = false;
	elf_image_free(own);
	clean_up();
}

TEST(caches_of_debuginfod_and_perf_are_asked)
{
	static const char *const places[] = {
		"cache/debuginfod_client/%1$s", "home/.debug/.build-id/%2$.2s/%3$s",
		"home/.debuginfod_client_cache/%1$s",
	};
	static const char *const files[] = { "executable", "elf", "debuginfo" };
	struct elf_image *own = own_image(), *img;
	char hex[2 * ELF_BUILD_ID_MAX + 1], cmd[1200], exe[256], path[300];
	struct debugstore store = { 0 };
	u32 i;

	exe[readlink("/proc/self/exe", exe, sizeof(exe) - 1)] = '\0';
	if (!own->build_id_len) {
		elf_image_free(own);
		SKIP("no build-id");
	}
	setenv("HOME", at("home"), 1);
	setenv("XDG_CACHE_HOME", at("cache"), 1);
	unsetenv("DEBUGINFOD_CACHE_PATH");
	for (i = 0; i < own->build_id_len; i++)
		sprintf(hex + 2 * i, "%02x", own->build_id[i]);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		CHECK(!debugstore_image(&store, own->build_id, own->build_id_len));
		snprintf(path, sizeof(path), places[i], hex, hex, hex + 2);
		snprintf(cmd, sizeof(cmd), "mkdir -p %s/%s && cp %s %s/%s/%s", dir, path, exe, dir,
			 path, files[i]);
		EQ(system(cmd), 0);
		img = debugstore_image(&store, own->build_id, own->build_id_len);
		CHECK(img && img->full);
		elf_image_free(img);
		snprintf(cmd, sizeof(cmd), "rm -r %s/home %s/cache 2>/dev/null; true", dir, dir);
		EQ(system(cmd), 0);
	}
	elf_image_free(own);
	clean_up();
}

/* ---- Collecting ------------------------------------------------------------------------- */

TEST(this_program_is_collected)
{
	struct elf_image *own = own_image();
	struct collector c = { 0 };
	struct symbols s = { 0 };
	struct dso dso = { .path = "/nowhere", .build_id_len = own->build_id_len };
	char map[64];
	size_t i;
	void *code;
	FILE *f;

	if (geteuid() || !own->build_id_len) {
		elf_image_free(own);
		SKIP("wants root");
	}
	/* Code of our own, and what we say of it. */
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	jitmap_path(map, sizeof(map), getpid());
	f = fopen(map, "w");
	fprintf(f, "%lx 40 made_here\n", (unsigned long)code);
	fclose(f);
	quiet = true;
	collect(&c);
	for (i = 0; i < c.objects.nr + c.jit.nr; i++) {
		const struct blob *b = i < c.objects.nr ? &c.objects.v[i] :
							  &c.jit.v[i - c.objects.nr];
		size_t from;

		for (from = 0; from < b->len; from += 4000)
			piece(&s, i, b->buf, from, min_u64(4000, b->len - from));
	}
	memcpy(dso.build_id, own->build_id, own->build_id_len);
	CHECK(symbols_object(&s, &dso) != NULL);
	if (CHECK(symbols_jit(&s, 1, getpid())))
		STREQ(name_in(symbols_jit(&s, 1, getpid()), (uintptr_t)code), "made_here");
	/* Nothing is new, then there is a new line. */
	blobs_free(&c.jit);
	collect(&c);
	EQ(c.jit.nr, 0);
	f = fopen(map, "a");
	fprintf(f, "%lx 40 made_later\n", (unsigned long)code + 0x40);
	fclose(f);
	collect(&c);
	EQ(c.jit.nr, 1);
	quiet = false;
	unlink(map);
	munmap(code, 4096);
	collector_free(&c);
	symbols_free(&s);
	elf_image_free(own);
}

TESTS(
	RUN(a_bundle_comes_out_as_it_went_in),
	RUN(of_symbols_at_one_place_the_best_is_told),
	RUN(a_cut_bundle_is_refused),
	RUN(no_changed_byte_goes_unnoticed),
	RUN(lies_in_a_bundle_are_refused),
	RUN(sizes_in_the_head_are_not_believed),
	RUN(more_than_there_is_room_for_is_refused),
	RUN(pieces_make_a_bundle_in_any_order),
	RUN(pieces_that_do_not_fit_are_refused),
	RUN(bundles_that_never_end_make_room),
	RUN(pieces_have_bounds),
	RUN(later_tables_take_the_place_of_earlier_ones),
	RUN(maps_of_compiled_code_are_read),
	RUN(what_came_last_names_the_first_samples),
	RUN(another_boot_of_a_guest_has_its_own_symbols),
	RUN(a_damaged_bundle_is_noted),
	RUN(a_file_of_symbols_is_read),
	RUN(maps_below_the_root_name_code),
	RUN(stores_are_asked_by_build_id),
	RUN(caches_of_debuginfod_and_perf_are_asked),
	RUN(this_program_is_collected),
)
