// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bundles of symbols, good and hostile, whole and in pieces, and maps of compiled
 * code.
 */
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "../../tools/jitmap.h"
#include "bundles.h"

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
	struct bundle b = { .raw = { malloc(len), len, len } };
	size_t packed;
	char *buf;
	bool good;

	memcpy(b.raw.data, raw, len);
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
)
