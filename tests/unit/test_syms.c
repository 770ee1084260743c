// SPDX-License-Identifier: GPL-2.0-only
/*
 * Symbols: of this test's own ELF file, of kallsyms made by hand, and of files
 * that a guest would like us to open.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../tools/elfsyms.h"
#include "../../tools/symbolize.h"
#include "places.h"
#include "tap.h"

static void put_text(const char *name, const char *text)
{
	put_file(name, text, strlen(text));
}

/* ---- Symbol tables --------------------------------------------------------------- */

static void add(struct symtab *t, u64 start, u64 size, int rank, const char *name)
{
	struct symbol s = { .start = start, .end = start + size, .rank = rank };

	s.name = symtab_string(t, name, strlen(name));
	CHECK(symtab_add(t, &s));
}

static const char *lookup(const struct symtab *t, u64 addr)
{
	const struct symbol *s = symtab_find(t, addr);

	return s ? symtab_name(t, s) : "-";
}

TEST(addresses_find_their_symbol)
{
	struct symtab t = { 0 };

	add(&t, 0x3000, 0x10, 3, "sized");
	add(&t, 0x1000, 0, 3, "first");
	add(&t, 0x1100, 0, 1, "local_alias");
	add(&t, 0x1100, 0, 3, "second");
	add(&t, 0x5000, 0, 3, "last");
	add(&t, 0x4000, 0x800, 3, "outer");
	add(&t, 0x4400, 0x10, 3, "inner");
	symtab_finish(&t, 0x100);
	STREQ(lookup(&t, 0), "-");
	STREQ(lookup(&t, 0xfff), "-");
	STREQ(lookup(&t, 0x1000), "first");
	STREQ(lookup(&t, 0x10ff), "first");
	STREQ(lookup(&t, 0x1100), "second");
	STREQ(lookup(&t, 0x11ff), "second");
	/* No size is known, and the next symbol is far: it does not reach there. */
	STREQ(lookup(&t, 0x1200), "-");
	STREQ(lookup(&t, 0x3000), "sized");
	STREQ(lookup(&t, 0x3010), "-");
	STREQ(lookup(&t, 0x4400), "inner");
	STREQ(lookup(&t, 0x50ff), "last");
	STREQ(lookup(&t, 0x5100), "-");
	STREQ(lookup(&t, UINT64_MAX), "-");
	symtab_free(&t);
	symtab_finish(&t, 1);
	STREQ(lookup(&t, 5), "-");
}

/* ---- ELF --------------------------------------------------------------------------- */

__attribute__((noinline)) static int a_local_function(int x)
{
	__asm__ volatile("" : "+r" (x));
	return x + 1;
}

__attribute__((noinline)) int a_global_function(int x)
{
	__asm__ volatile("" : "+r" (x));
	return x + 2;
}

/* Where this program's address @p lies in its file. */
static int own_offset(struct dl_phdr_info *info, size_t size, void *data)
{
	u64 *p = data;
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		u64 start = info->dlpi_addr + ph->p_vaddr;

		if (ph->p_type == PT_LOAD && *p - start < ph->p_memsz) {
			*p = *p - start + ph->p_offset;
			return 1;
		}
	}
	return 0;
}

static void expect_function(const struct elf_image *img, const void *func, const char *name)
{
	u64 offset = (uintptr_t)func, addr;

	EQ(dl_iterate_phdr(own_offset, &offset), 1);
	CHECK(elf_address(img, offset, &addr));
	STREQ(lookup(&img->tab, addr), name);
	CHECK(elf_address(img, offset + 2, &addr));
	STREQ(lookup(&img->tab, addr), name);
}

TEST(functions_of_a_program_are_found)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	struct elf_image *img = elf_read(fd);

	EQ(a_local_function(1) + a_global_function(1), 5);
	if (CHECK(img != NULL)) {
		CHECK(img->full);
		CHECK(img->tab.nr > 50);
		expect_function(img, a_local_function, "a_local_function");
		expect_function(img, a_global_function, "a_global_function");
		/* Nothing is loaded from so far behind the file's end. */
		CHECK(!elf_address(img, 1ULL << 40, &(u64){ 0 }));
	}
	elf_image_free(img);
	close(fd);
}

TEST(no_cut_or_broken_program_does_harm)
{
	struct elf_image *img;
	struct stat st;
	char *bytes;
	u64 x = 3;
	int fd = open("/proc/self/exe", O_RDONLY), copy, round, i;

	fstat(fd, &st);
	bytes = malloc(st.st_size);
	EQ(pread(fd, bytes, st.st_size, 0), st.st_size);
	close(fd);
	for (round = 0; round < 60; round++) {
		copy = open(at("broken"), O_RDWR | O_CREAT | O_TRUNC, 0600);
		EQ(write(copy, bytes, round % 2 ? st.st_size : st.st_size * round / 60),
		   round % 2 ? st.st_size : st.st_size * round / 60);
		for (i = 0; round % 2 && i < 40; i++) {
			/* The headers, at the start and at the end, most of all. */
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			if (pwrite(copy, &x, 1 + x % 4, i % 2 ? x >> 40 & 0x3ff :
				   st.st_size - 1 - (x >> 40 & 0xfff)) < 0)
				abort();
		}
		lseek(copy, 0, SEEK_SET);
		img = elf_read(copy);
		if (img)
			symtab_find(&img->tab, x);
		elf_image_free(img);
		close(copy);
	}
	free(bytes);
	fd = open("/dev/null", O_RDONLY);
	CHECK(!elf_read(fd));
	close(fd);
	clean_up();
}

/* ---- Kernel ---------------------------------------------------------------------------- */

static const char kallsyms_text[] =
	"0000000000000000 A fixed_percpu_data\n"
	"ffffffff81000000 T _text\n"
	"ffffffff81000000 T startup_64\n"
	"ffffffff81001000 t do_one_thing\n"
	"ffffffff81001000 W weak_alias\n"
	"ffffffff81002000 T _printk\n"
	"ffffffff81003000 T do_syscall_64\n"
	"ffffffff81800000 D some_data\n"
	"ffffffffc0001000 t vmcoop_emit\t[vmcoop_guest]\n"
	"ffffffffc0002000 t probe_fork\t[vmcoop_guest]\n"
	"ffffffffc0003000 T other\t[other]\n";

TEST(kernel_symbols_are_read)
{
	struct kallsyms *k;
	u64 offset;

	put_text("kallsyms", kallsyms_text);
	k = kallsyms_read(at("kallsyms"));
	if (CHECK(k != NULL)) {
		STREQ(lookup(&k->tab, 0xffffffff81001234), "do_one_thing");
		STREQ(lookup(&k->tab, 0xffffffff81003010), "do_syscall_64");
		STREQ(lookup(&k->tab, 0xffffffff81003000 + KALLSYMS_MAX_FUNC), "-");
		STREQ(lookup(&k->tab, 0xffffffffc0002010), "probe_fork");
		CHECK(kallsyms_offset(&k->tab, "_printk", 0xffffffff9a002000, &offset));
		EQ(offset, 0x19000000);
		CHECK(kallsyms_offset(&k->tab, "weak_alias", 0xffffffff81001000, &offset));
		EQ(offset, 0);
		CHECK(!kallsyms_offset(&k->tab, "nonexistent", 0, &offset));
		CHECK(!kallsyms_offset(&k->tab, "vmcoop_emit", 0, &offset));
		kallsyms_put(k);
	}
	clean_up();
}

TEST(useless_kallsyms_are_refused)
{
	quiet = true;
	put_text("zeros", "0000000000000000 T _text\n0000000000000000 t other\n");
	CHECK(!kallsyms_read(at("zeros")));
	put_text("text", "This is some text\nabout something else\n");
	CHECK(!kallsyms_read(at("text")));
	put_text("empty", "");
	CHECK(!kallsyms_read(at("empty")));
	put_text("data", "ffffffff81000000 D only\n");
	CHECK(!kallsyms_read(at("data")));
	CHECK(!kallsyms_read(at("nonexistent")));
	CHECK(!kallsyms_read("/proc/self/exe"));
	quiet = false;
	clean_up();
}

/* ---- Whole paths -------------------------------------------------------------------------- */

static void begin(struct stream *s)
{
	stream_begin(s);
	stream_guest(s, 10, 100, 1, 0);
	put_vcpu(s, 1, 1, 0, 5);
	put_clock(s, 1, 1, 0, 5, &s->clock);
	put_switch(s, 10, 2, 0, 7, 7);
}

TEST(kaslr_is_taken_out)
{
	struct session *ses;
	struct stream s;

	put_text("kallsyms", kallsyms_text);
	EQ(symbolizer_add_kallsyms(&sym, at("kallsyms")), 0);
	begin(&s);
	put_kernel(&s, 10, 3, 0, 0xffffffff9a002000, "_printk");
	put_sample(&s, 1, 10, 0, 5, 0xffffffff9a001008);
	put_sample(&s, 1, 11, 0, 5, 0xffffffff9a003004);
	put_sample(&s, 1, 12, 0, 5, 0xffffffff81001008);
	put_sample(&s, 1, 13, 0, 5, 0xffffffffc0002000 + 0x19000000);
	ses = read_places(&s);
	STREQ(places[0].symbol, "do_one_thing");
	EQ(places[0].offset, 8);
	STREQ(places[0].dso, "[kernel]");
	STREQ(places[1].symbol, "do_syscall_64");
	CHECK(!places[2].symbol);
	EQ(places[2].addr, 0xffffffff81001008);
	STREQ(places[3].symbol, "probe_fork");
	STREQ(places[3].dso, "[vmcoop_guest]");
	CHECK(!sym.no_anchor);
	end_places(ses);
	clean_up();
}

TEST(each_vm_has_its_own_kernel)
{
	struct session *ses;
	struct stream s;
	char arg[300];

	put_text("k1", "ffffffff81000000 T of_the_first\n");
	put_text("k2", "ffffffff81000000 T of_the_second\n");
	snprintf(arg, sizeof(arg), "100=%s", at("k1"));
	EQ(symbolizer_add_kallsyms(&sym, arg), 0);
	EQ(symbolizer_add_kallsyms(&sym, at("k2")), 0);
	begin(&s);
	put_sample(&s, 1, 10, 0, 5, 0xffffffff81000010);
	s.vm = 200;
	stream_guest(&s, 20, 200, 9, 0);
	put_vcpu(&s, 2, 1, 0, 6);
	put_clock(&s, 2, 1, 0, 6, &s.clock);
	put_switch(&s, 20, 2, 0, 7, 7);
	put_sample(&s, 2, 11, 0, 6, 0xffffffff81000010);
	ses = read_places(&s);
	STREQ(places[0].symbol, "of_the_first");
	STREQ(places[1].symbol, "of_the_second");
	CHECK(sym.no_anchor);
	end_places(ses);
	clean_up();
}

/* Copies this program to @name, where a guest could have it. */
static void install(const char *name)
{
	char cmd[600], exe[256];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n < 0 ? 0 : n] = '\0';
	snprintf(cmd, sizeof(cmd), "mkdir -p $(dirname %s) && cp %s %s", at(name), exe, at(name));
	EQ(system(cmd), 0);
}

TEST(user_functions_are_named)
{
	u64 offset = (uintptr_t)a_global_function, page = offset & ~0xfffULL, file = offset;
	struct session *ses;
	struct stream s;

	install("root/usr/bin/prog");
	EQ(symbolizer_add_root(&sym, at("root")), 0);
	dl_iterate_phdr(own_offset, &file);
	begin(&s);
	put_mmap(&s, 10, 3, 0, 7, 0x7f0000000000, 0x1000, file & ~0xfffULL, "/usr/bin/prog");
	put_mmap(&s, 10, 4, 0, 7, 0x7f0000010000, 0x1000, file & ~0xfffULL,
		 "/usr/bin/prog (deleted)");
	put_mmap(&s, 10, 5, 0, 7, 0x7f0000020000, 0x1000, 0x5000, "/usr/bin/missing");
	put_mmap(&s, 10, 6, 0, 7, 0x7f0000030000, 0x1000, 0, "[vdso]");
	put_mmap(&s, 10, 7, 0, 7, 0x7f0000040000, 0x1000, 0, "//anon");
	put_sample(&s, 1, 10, 0, 5, 0x7f0000000000 + offset - page);
	put_sample(&s, 1, 11, 0, 5, 0x7f0000010000 + offset - page);
	put_sample(&s, 1, 12, 0, 5, 0x7f0000020123);
	put_sample(&s, 1, 13, 0, 5, 0x7f0000030123);
	put_sample(&s, 1, 14, 0, 5, 0x7f0000040123);
	ses = read_places(&s);
	EQ(nr_places, 5);
	STREQ(places[0].symbol, "a_global_function");
	STREQ(places[0].dso, "prog");
	STREQ(places[0].path, "/usr/bin/prog");
	EQ(places[0].offset, 0);
	STREQ(places[1].symbol, "a_global_function");
	CHECK(!places[2].symbol);
	STREQ(places[2].dso, "missing");
	EQ(places[2].addr, 0x5123);
	EQ(sym.missing, 1);
	STREQ(places[3].dso, "[vdso]");
	EQ(places[3].addr, 0x123);
	STREQ(places[4].dso, "//anon");
	EQ(places[4].addr, 0x7f0000040123);
	end_places(ses);
	clean_up();
}

/* Opens @path as a guest names it; true if that led to the program. */
static bool leads_to_program(const char *path)
{
	u64 offset = (uintptr_t)a_global_function, file = offset;
	struct session *ses;
	struct stream s;
	bool found;

	EQ(symbolizer_add_root(&sym, at("root")), 0);
	dl_iterate_phdr(own_offset, &file);
	begin(&s);
	put_mmap(&s, 10, 3, 0, 7, 0x10000, 0x1000, file & ~0xfffULL, path);
	put_sample(&s, 1, 10, 0, 5, 0x10000 + (offset & 0xfff));
	ses = read_places(&s);
	found = places[0].symbol != NULL;
	session_free(ses);
	free(ses);
	symbolizer_free(&sym);
	return found;
}

TEST(paths_do_not_lead_out_of_the_root)
{
	char cmd[900];

	install("root/bin/prog");
	install("secret/prog");
	snprintf(cmd, sizeof(cmd),
		 "cd %s/root && ln -s ../../secret out && ln -s /bin/prog inside && "
		 "ln -s %s/secret/prog absolute && ln -s loop loop && mkfifo fifo && mkdir d",
		 dir, dir);
	EQ(system(cmd), 0);
	CHECK(leads_to_program("/bin/prog"));
	CHECK(leads_to_program("/bin/../bin/./prog"));
	CHECK(leads_to_program("/../../../../bin/prog"));
	/* A link is the guest's: its root is the guest's. */
	CHECK(leads_to_program("/inside"));
	CHECK(!leads_to_program("/out/prog"));
	CHECK(!leads_to_program("/absolute"));
	CHECK(!leads_to_program("/../secret/prog"));
	CHECK(!leads_to_program("/proc/self/exe"));
	CHECK(!leads_to_program("/loop"));
	CHECK(!leads_to_program("/fifo"));
	CHECK(!leads_to_program("/d"));
	CHECK(!leads_to_program("/"));
	clean_up();
}

TEST(split_debug_files_are_found)
{
	char cmd[1200];

	install("root/bin/prog");
	snprintf(cmd, sizeof(cmd),
		 "cd %s/root/bin && mkdir .debug && objcopy --only-keep-debug prog .debug/prog.dbg && "
		 "strip prog && objcopy --add-gnu-debuglink=.debug/prog.dbg prog", dir);
	if (system("command -v objcopy >/dev/null && command -v strip >/dev/null")) {
		clean_up();
		SKIP("no binutils");
	}
	EQ(system(cmd), 0);
	CHECK(leads_to_program("/bin/prog"));
	snprintf(cmd, sizeof(cmd), "rm %s/root/bin/.debug/prog.dbg", dir);
	EQ(system(cmd), 0);
	CHECK(!leads_to_program("/bin/prog"));
	clean_up();
}

TESTS(
	RUN(addresses_find_their_symbol),
	RUN(functions_of_a_program_are_found),
	RUN(no_cut_or_broken_program_does_harm),
	RUN(kernel_symbols_are_read),
	RUN(useless_kallsyms_are_refused),
	RUN(kaslr_is_taken_out),
	RUN(each_vm_has_its_own_kernel),
	RUN(user_functions_are_named),
	RUN(paths_do_not_lead_out_of_the_root),
	RUN(split_debug_files_are_found),
)
