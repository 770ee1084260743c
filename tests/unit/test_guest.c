// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest tells of its tasks, files and cgroups, and the module's own
 * search for a build-id, which any file may be given to.
 */
#include <stdint.h>

#include "../../tools/guest.h"
#include "stream.h"
#include "tap.h"

#include "../../guest-mod/elfnote.h"

/* ---- Sideband ---------------------------------------------------------------- */

static struct dsos dsos;
static struct guest *g;

static void begin(void)
{
	guest_free(g);
	dsos_free(&dsos);
	g = guest_new(&dsos);
}

static void comm(u32 pid, const char *name, u64 cgroup)
{
	struct vmcoop_guest_comm rec = {
		.hdr = { .type = VMCOOP_GUEST_COMM, .size = sizeof(rec) },
		.pid = pid, .tid = pid, .ns_pid = 1, .ns_tid = 2, .cgroup = cgroup,
	};

	strncpy(rec.comm, name, sizeof(rec.comm));
	guest_record(g, &rec.hdr);
}

static void map(u32 pid, u64 start, u64 len, u64 pgoff, u64 ino, const char *path)
{
	struct {
		struct vmcoop_guest_mmap rec;
		char path[64];
	} r = {
		.rec = {
			.hdr = { .type = VMCOOP_GUEST_MMAP, .size = sizeof(r),
				 .flags = path ? 0 : VMCOOP_F_NOEXEC },
			.pid = pid, .start = start, .len = len, .pgoff = pgoff, .ino = ino,
			.path_len = path ? strlen(path) : 0,
		},
	};

	strcpy(r.path, path ?: "");
	guest_record(g, &r.rec.hdr);
}

static const struct mapping *at(u32 pid, u64 addr)
{
	return guest_mapping(guest_find_task(g, pid), addr);
}

TEST(a_hole_ends_code)
{
	begin();
	comm(7, "a", 0);
	map(7, 0x1000, 0x4000, 0, 5, "/lib");
	map(7, 0x2000, 0x1000, 0, 0, NULL);
	CHECK(at(7, 0x1fff));
	CHECK(!at(7, 0x2000));
	CHECK(!at(7, 0x2fff));
	EQ(at(7, 0x3000)->pgoff, 0x2000);
	EQ(g->nr_mappings, 2);
	/* Over all of it, and where nothing is. */
	map(7, 0, 0x10000, 0, 0, NULL);
	CHECK(!at(7, 0x1000));
	EQ(g->nr_mappings, 0);
	map(7, 0, 0x10000, 0, 0, NULL);
	map(8, 0, 0x10000, 0, 0, NULL);
	CHECK(!guest_find_task(g, 8));
}

TEST(a_tick_amid_a_rename_is_not_believed)
{
	int i;

	begin();
	comm(7, "before", 0);
	comm(7, "after", 0);
	for (i = 0; i < 64; i++) {
		guest_tick_name(guest_find_task(g, 7), "before\0\0\0\0\0\0\0\0\0\0");
		CHECK(!strcmp(guest_find_task(g, 7)->comm, "after"));
	}
	/* Said more often it is true: the record of the way back was lost. */
	guest_tick_name(guest_find_task(g, 7), "before\0\0\0\0\0\0\0\0\0\0");
	CHECK(!strcmp(guest_find_task(g, 7)->comm, "before"));
}

static void build_id(u64 ino, u32 len, u8 byte)
{
	struct {
		struct vmcoop_guest_buildid rec;
		u8 id[72];
	} r = {
		.rec = { .hdr = { .type = VMCOOP_GUEST_BUILDID, .size = sizeof(r) },
			 .ino = ino, .len = len },
	};

	memset(r.id, byte, len <= sizeof(r.id) ? len : sizeof(r.id));
	guest_record(g, &r.rec.hdr);
}

TEST(a_build_id_reaches_its_file_before_and_after_the_mapping)
{
	begin();
	comm(7, "a", 0);
	map(7, 0x1000, 0x1000, 0, 5, "/one");
	build_id(5, 20, 0xaa);
	EQ(at(7, 0x1000)->dso->build_id_len, 20);
	EQ(at(7, 0x1000)->dso->build_id[19], 0xaa);
	build_id(6, 16, 0xbb);
	map(7, 0x9000, 0x1000, 0, 6, "/two");
	EQ(at(7, 0x9000)->dso->build_id_len, 16);
	/* Longer than any: as if it had not been told. */
	build_id(6, 72, 0xcc);
	EQ(at(7, 0x9000)->dso->build_id[0], 0xbb);
}

TEST(cgroups_and_namespaces)
{
	struct {
		struct vmcoop_guest_cgroup rec;
		char path[8];
	} r = {
		.rec = { .hdr = { .type = VMCOOP_GUEST_CGROUP, .size = sizeof(r) },
			 .cgroup = 42, .path_len = 5 },
		.path = "/a/b\n",
	};
	struct vmcoop_guest_fork fork = {
		.hdr = { .type = VMCOOP_GUEST_FORK, .size = offsetof(struct vmcoop_guest_fork, ns_pid) },
		.pid = 8, .tid = 8, .ppid = 7, .ptid = 7, .cgroup = 99,
	};

	begin();
	guest_record(g, &r.rec.hdr);
	comm(7, "a", 42);
	CHECK(!strcmp(guest_cgroup(g, guest_find_task(g, 7)->cgroup), "/a/b\n"));
	EQ(guest_find_task(g, 7)->ns_tid, 2);
	CHECK(!guest_cgroup(g, 43));
	/* A record that ends where it once did says nothing of them. */
	guest_record(g, &fork.hdr);
	EQ(guest_find_task(g, 8)->cgroup, 0);
}

/* ---- elfnote ------------------------------------------------------------------- */

static struct {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2];
	Elf64_Nhdr other;
	char other_name[4], other_desc[4];
	Elf64_Nhdr note;
	char name[4];
	u8 id[20];
} elf;

static bool from_elf(struct elfnote_file *f, u64 off, void *to, u32 len)
{
	u64 size = *(u64 *)f->priv;

	if (off > size || len > size - off)
		return false;
	memcpy(to, (char *)&elf + off, len);
	return true;
}

static u32 find(u64 size, const u8 **id)
{
	static u64 buf[ELFNOTE_MAX_NOTES / 8];
	struct elfnote_file f = { .read = from_elf, .priv = &size, .buf = buf };

	return elfnote_build_id(&f, 20, id);
}

static void make_elf(void)
{
	memset(&elf, 0, sizeof(elf));
	memcpy(elf.eh.e_ident, ELFMAG, SELFMAG);
	elf.eh.e_ident[EI_CLASS] = ELFCLASS64;
	elf.eh.e_phoff = offsetof(typeof(elf), ph);
	elf.eh.e_phnum = 2;
	elf.ph[0].p_type = PT_LOAD;
	elf.ph[1].p_type = PT_NOTE;
	elf.ph[1].p_offset = offsetof(typeof(elf), other);
	elf.ph[1].p_filesz = sizeof(elf) - offsetof(typeof(elf), other);
	elf.other = (Elf64_Nhdr) { .n_namesz = 3, .n_descsz = 1, .n_type = 1 };
	elf.note = (Elf64_Nhdr) { .n_namesz = 4, .n_descsz = 20, .n_type = ELFNOTE_BUILD_ID };
	memcpy(elf.name, "GNU", 4);
	memset(elf.id, 0x5a, sizeof(elf.id));
}

TEST(a_build_id_is_found_behind_another_note)
{
	const u8 *id;

	make_elf();
	EQ(find(sizeof(elf), &id), 20);
	EQ(id[0], 0x5a);
	EQ(id[19], 0x5a);
}

TEST(no_elf_file_no_build_id)
{
	const u8 *id;
	u64 size;

	make_elf();
	/* Cut anywhere. */
	for (size = 0; size < sizeof(elf); size++)
		EQ(find(size, &id), 0);
	elf.note.n_descsz = 21;
	EQ(find(sizeof(elf), &id), 0);
	elf.note.n_descsz = UINT32_MAX;
	EQ(find(sizeof(elf), &id), 0);
	make_elf();
	elf.other.n_namesz = UINT32_MAX;
	EQ(find(sizeof(elf), &id), 0);
	elf.other.n_namesz = UINT32_MAX - 14;
	EQ(find(sizeof(elf), &id), 0);
	make_elf();
	elf.eh.e_ident[1] = 'X';
	EQ(find(sizeof(elf), &id), 0);
	make_elf();
	elf.eh.e_phoff = UINT64_MAX - 8;
	EQ(find(sizeof(elf), &id), 0);
}

TEST(any_bytes_are_survived)
{
	const u8 *id;
	unsigned int i, j;

	srand(1);
	for (i = 0; i < 200000; i++) {
		make_elf();
		for (j = 0; j < 4; j++)
			((u8 *)&elf)[16 + rand() % (sizeof(elf) - 16)] = rand();
		CHECK(find(sizeof(elf), &id) <= 20);
	}
}

/* ---- Records whose end is not where they say -------------------------------------- */

TEST(a_chain_longer_than_its_record_is_malformed)
{
	struct vmcoop_guest_tick tick = {
		.hdr = { .type = VMCOOP_GUEST_TICK, .size = sizeof(tick) },
		.mode = VMCOOP_MODE_USER, .nr_user = 1,
	};
	struct vmcoop_guest_cgroup cgroup = {
		.hdr = { .type = VMCOOP_GUEST_CGROUP, .size = sizeof(cgroup) }, .path_len = 1,
	};
	struct stream s;
	struct session session;
	struct merge_source *src;

	stream_begin(&s);
	stream_guest(&s, 9, 100, 1, 0);
	put_raw(&s, 9, &tick, sizeof(tick));
	put_raw(&s, 9, &cgroup, sizeof(cgroup));
	tick.nr_user = 0;
	put_raw(&s, 9, &tick, sizeof(tick));
	stream_end(&s);
	stream_read(&s, &session, NULL, NULL);
	src = map_get(&session.merge.sources, 9);
	EQ(src->records, 3);
	EQ(src->malformed, 2);
	session_free(&session);
	stream_free(&s);
}

TESTS(RUN(a_hole_ends_code),
      RUN(a_tick_amid_a_rename_is_not_believed),
      RUN(a_build_id_reaches_its_file_before_and_after_the_mapping),
      RUN(cgroups_and_namespaces),
      RUN(a_build_id_is_found_behind_another_note),
      RUN(no_elf_file_no_build_id),
      RUN(any_bytes_are_survived),
      RUN(a_chain_longer_than_its_record_is_malformed))
