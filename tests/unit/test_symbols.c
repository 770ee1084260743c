// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names by symbols that guests tell, by files of them, and by stores of this
 * machine that are asked by build-id; and what a guest collects.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../tools/collect.h"
#include "../../tools/frames.h"
#include "../../tools/jitmap.h"
#include "../../tools/symbolize.h"
#include "bundles.h"
#include "places.h"

/* ---- A recording ------------------------------------------------------------------------- */

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

static u64 told_end(const struct stream *s, u64 cut, u64 *found)
{
	struct datafile_reader r;
	struct stat st;
	struct chunk c;
	u64 at = 0, end;

	fstat(s->fd, &st);
	EQ(ftruncate(s->fd, st.st_size - cut), 0);
	lseek(s->fd, 0, SEEK_SET);
	EQ(datafile_open_fd(&r, dup(s->fd), "test"), 0);
	end = datafile_symbols_end(&r);
	for (*found = 0; datafile_find(&r, &at, CHUNK_SYMBOLS, CHUNK_SYMBOLS, &c); *found = at)
		free(c.data);
	datafile_close(&r);
	return end;
}

TEST(a_file_says_where_its_symbols_end)
{
	struct stream s;
	size_t len;
	char *buf = make_bundle(&len);
	u64 found;

	begin(&s);
	tell(&s, buf, len, 100);
	put_sample(&s, 1, 10, 0, 5, KERNEL_AT + 4);
	stream_end(&s);
	EQ(told_end(&s, 0, &found), found);
	CHECK(found > len);
	/* Its end is cut off: they have to be looked for. */
	EQ(told_end(&s, 8, &found), UINT64_MAX);
	CHECK(found > len);
	stream_free(&s);
	begin(&s);
	stream_end(&s);
	EQ(told_end(&s, 0, &found), 0);
	EQ(found, 0);
	stream_free(&s);
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

/* ---- Call chains and cgroups ------------------------------------------------------------- */

static struct frame frames[FRAMES_MAX];
static u32 nr_frames;
static const char *cgroup;

static void take_frames(void *ctx, const struct joined *j)
{
	(void)ctx;
	if (j->method != METHOD_TICK || !j->count)
		return;
	nr_frames = frames_of(&sym, j, frames);
	cgroup = j->cgroup ? guest_cgroup(j->vm->guest, j->cgroup) : NULL;
}

static void put_chain(struct stream *s, u64 t, u64 ip, u32 nr_kernel, u32 nr_user, const u64 *chain)
{
	struct {
		struct vmcoop_guest_tick rec;
		u64 chain[2 * VMCOOP_CHAIN_MAX];
	} r = { .rec = { .pid = 7, .tid = 7, .ip = ip, .mode = nr_kernel ? 2 : 1,
			 .nr_kernel = nr_kernel, .nr_user = nr_user, .comm = "prog" } };

	r.rec.hdr = (struct vmcoop_hdr){ .type = VMCOOP_GUEST_TICK,
					 .size = sizeof(r.rec) + 8 * (nr_kernel + nr_user),
					 .stamp = vmcoop_clock_to_guest(&s->clock, t) };
	if (chain)
		memcpy(r.rec.chain, chain, 8 * (nr_kernel + nr_user));
	put_raw(s, 10, &r, r.rec.hdr.size);
}

TEST(a_tick_has_its_callers)
{
	/* Return addresses; the first one of the kernel lies behind its function's last call. */
	static const u64 chain[] = { KERNEL_AT + 0x1000, 0x400180, 0x400190, 0x999999 };
	struct session *ses = calloc(1, sizeof(*ses));
	struct stream s;
	size_t len;
	char *buf = make_bundle(&len);

	begin(&s);
	tell(&s, buf, len, 4000);
	put_mmap(&s, 10, 4, 0, 7, 0x400000, 0x1000, 0x1000, "/usr/bin/prog");
	put_build_id(&s, 3, 50, "12345678");
	put_file_map(&s, 5, 0x400000, 50, "/usr/bin/prog");
	put_in(&s, 1, 6, 0, 5);
	put_chain(&s, 10, PRINTK_AT + 8, 1, 3, chain);
	stream_read(&s, ses, take_frames, NULL);
	stream_free(&s);
	if (EQ(nr_frames, 5)) {
		STREQ(frames[0].symbol, "_printk");
		EQ(frames[0].offset, 8);
		STREQ(frames[1].symbol, "do_one_thing");
		EQ(frames[1].ip, KERNEL_AT + 0x1000);
		EQ(frames[1].offset, 0x1000);
		/* Where the kernel was entered, and not behind a call. */
		STREQ(frames[2].symbol, "next");
		EQ(frames[2].offset, 0);
		STREQ(frames[3].symbol, "next");
		EQ(frames[3].offset, 0x10);
		CHECK(!frames[4].symbol);
		EQ(frames[4].ip, 0x999999);
	}
	end_places(ses);
	free(buf);
}

TEST(a_task_has_its_cgroup)
{
	struct session *ses = calloc(1, sizeof(*ses));
	struct {
		struct vmcoop_guest_cgroup rec;
		char path[16];
	} r = { .rec = { .cgroup = 77, .path_len = 11 }, .path = "/slice/web1" };
	struct vmcoop_guest_comm comm = { .pid = 7, .tid = 7, .comm = "prog", .cgroup = 77 };
	struct stream s;

	begin(&s);
	r.rec.hdr = (struct vmcoop_hdr){ .type = VMCOOP_GUEST_CGROUP, .size = sizeof(r),
					 .stamp = vmcoop_clock_to_guest(&s.clock, 4) };
	put_raw(&s, 10, &r, sizeof(r));
	comm.hdr = (struct vmcoop_hdr){ .type = VMCOOP_GUEST_COMM, .size = sizeof(comm),
					.stamp = vmcoop_clock_to_guest(&s.clock, 5) };
	put_raw(&s, 10, &comm, sizeof(comm));
	put_in(&s, 1, 6, 0, 5);
	put_chain(&s, 10, 0x1000, 0, 0, NULL);
	stream_read(&s, ses, take_frames, NULL);
	stream_free(&s);
	STREQ(cgroup, "/slice/web1");
	end_places(ses);
}

/* ---- Files and stores ------------------------------------------------------------------- */

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

	exe[readlink("/proc/self/exe", exe, sizeof(exe) - 1)] = '\0';
	if (system("command -v objcopy >/dev/null") || !own->build_id_len) {
		elf_image_free(own);
		SKIP("no binutils, or no build-id");
	}
	EQ(a_function_of_ours(1), 2);
	STREQ(symbol_at(own, "a_function_of_ours", &addr), "a_function_of_ours");
	hex_bytes(hex, own->build_id, own->build_id_len);
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
	hex_bytes(hex, own->build_id, own->build_id_len);
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
	RUN(what_came_last_names_the_first_samples),
	RUN(a_file_says_where_its_symbols_end),
	RUN(another_boot_of_a_guest_has_its_own_symbols),
	RUN(a_damaged_bundle_is_noted),
	RUN(a_tick_has_its_callers),
	RUN(a_task_has_its_cgroup),
	RUN(a_file_of_symbols_is_read),
	RUN(maps_below_the_root_name_code),
	RUN(stores_are_asked_by_build_id),
	RUN(caches_of_debuginfod_and_perf_are_asked),
	RUN(this_program_is_collected),
)
