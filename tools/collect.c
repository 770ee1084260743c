// SPDX-License-Identifier: GPL-2.0-only
/*
 * Collecting a guest's symbols: see collect.h.
 *
 * Runs as root over other users' processes and containers: their files are read
 * as they are mapped, or below the process's own root, and parsed in the
 * confined child.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "arch.h"
#include "below.h"
#include "collect.h"
#include "jitmap.h"
#include "kallsyms.h"

#define BUNDLE_FULL	(8U << 20)	/* bytes, unpacked, at which one is ended */
#define MAX_ELF		(4ULL << 30)

/* ---- Bundles --------------------------------------------------------------------- */

void blobs_free(struct blobs *b)
{
	size_t i;

	for (i = 0; i < b->nr; i++)
		free(b->v[i].buf);
	free(b->v);
	memset(b, 0, sizeof(*b));
}

static void pack(struct bundle *b, struct blobs *to)
{
	struct blob blob;

	if (!b->raw.len)
		return;
	blob.buf = bundle_pack(b, ARCH_SELF, &blob.len);
	if (!blob.buf) {
		warn("a table of symbols is too large to be sent: left out");
		return;
	}
	if (to->nr == to->cap) {
		to->cap = 2 * to->cap + 16;
		to->v = xreallocarray(to->v, to->cap, sizeof(*to->v));
	}
	to->v[to->nr++] = blob;
	to->bytes += blob.len;
}

/* Takes @img over. */
static void add(struct collector *c, struct blobs *to, enum bundle_type type, u32 pid,
		const char *name, struct elf_image *img)
{
	struct bundle_table *t = xcalloc(1, sizeof(*t));

	t->type = type;
	t->pid = pid;
	t->img = img;
	snprintf(t->name, sizeof(t->name), "%s", name);
	if (!bundle_add(&c->pending, t)) {
		pack(&c->pending, to);
		if (!bundle_add(&c->pending, t))
			warn("the symbols of '%s' are too many to be sent: left out", name);
	}
	if (c->pending.raw.len > BUNDLE_FULL)
		pack(&c->pending, to);
	elf_image_free(img);
	free(t);
}

/* ---- Kernel ---------------------------------------------------------------------- */

static char *read_text(const char *path, size_t *len)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t cap = 0;

	*len = 0;
	if (!f)
		return NULL;
	do {
		cap = 2 * cap + 65536;
		text = xreallocarray(text, cap, 1);
		*len += fread(text + *len, 1, cap - *len - 1, f);
	} while (*len == cap - 1);
	text[*len] = '\0';
	fclose(f);
	return text;
}

/* Which modules are loaded, and where: not their reference counts. */
static u64 hash_modules(void)
{
	size_t len;
	char *text = read_text("/proc/modules", &len), *line, *rest = text;
	u64 hash = 1;

	while (text && (line = strsep(&rest, "\n"))) {
		hash ^= hash_bytes(line, strcspn(line, " "));
		line = strstr(line, " 0x");
		if (line)
			hash ^= hash_bytes(line, strcspn(line + 1, " ") + 1);
	}
	free(text);
	return hash;
}

/* From the notes as the kernel shows them: name's and description's length, type. */
static void read_kernel_id(struct elf_image *img)
{
	size_t len, at = 0;
	char *notes = read_text("/sys/kernel/notes", &len);
	u32 head[3];

	while (notes && at + sizeof(head) <= len) {
		u64 desc, end;

		memcpy(head, notes + at, sizeof(head));
		desc = at + sizeof(head) + ((head[0] + 3ULL) & ~3ULL);
		end = desc + ((head[1] + 3ULL) & ~3ULL);
		if (end > len)
			break;
		if (head[2] == 3 && head[0] == 4 && !memcmp(notes + at + sizeof(head), "GNU", 4) &&
		    head[1] <= ELF_BUILD_ID_MAX) {
			memcpy(img->build_id, notes + desc, head[1]);
			img->build_id_len = head[1];
		}
		at = end;
	}
	free(notes);
}

static void collect_kernel(struct collector *c)
{
	u64 modules = hash_modules();
	struct elf_image *img;
	struct utsname uts;
	struct kallsyms *k;

	if (modules == c->modules || c->complained)
		return;
	k = kallsyms_read("/proc/kallsyms");
	if (!k) {
		/* It has said why; that does not change by itself. */
		c->complained = true;
		return;
	}
	c->modules = modules;
	img = xcalloc(1, sizeof(*img));
	img->full = true;
	img->tab = k->tab;
	memset(&k->tab, 0, sizeof(k->tab));
	kallsyms_put(k);
	read_kernel_id(img);
	uname(&uts);
	blobs_free(&c->kernel);
	add(c, &c->kernel, BUNDLE_KERNEL, 0, uts.release, img);
	pack(&c->pending, &c->kernel);
}

/* ---- Files ----------------------------------------------------------------------- */

static char seen;	/* something to point at */

static void add_object(struct collector *c, const char *path, int fd)
{
	struct elf_image *img = elf_read_confined(fd);
	u64 id;

	if (!img)
		return;
	id = hash_bytes(img->build_id, img->build_id_len);
	/* One without symbols still says how the file lies in memory. */
	if (img->build_id_len && map_put(&c->ids, id, &seen)) {
		elf_image_free(img);
		return;
	}
	c->nr_objects++;
	add(c, &c->objects, BUNDLE_OBJECT, 0, path, img);
}

/* The kernel's own piece of code in processes, ours is as good as any. */
static void collect_vdso(struct collector *c)
{
	const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
	int fd;

	if (c->vdso || !vdso)
		return;
	c->vdso = true;
	fd = memfd_create("vdso", MFD_CLOEXEC);
	if (fd < 0)
		return;
	/* It is of two pages at most; what lies behind it, write() finds out. */
	while (lseek(fd, 0, SEEK_CUR) < 4 * 4096L &&
	       write(fd, vdso + lseek(fd, 0, SEEK_CUR), 4096) == 4096)
		;
	add_object(c, "[vdso]", fd);
	close(fd);
}

/**
 * struct map_line - an executable mapping, as /proc/PID/maps has it
 * @made: no program file is behind it
 */
struct map_line {
	u64 start, end, ino;
	u32 major, minor;
	char *path;
	bool made;
};

static bool parse_map(char *line, struct map_line *m)
{
	char perms[5];
	int at = 0;

	if (sscanf(line, "%llx-%llx %4s %*x %x:%x %llu %n", &m->start, &m->end, perms,
		   &m->major, &m->minor, &m->ino, &at) < 6 || !at || perms[2] != 'x')
		return false;
	m->path = line + at;
	m->path[strcspn(m->path, "\n")] = '\0';
	m->made = !*m->path || !strncmp(m->path, "/memfd:", 7) || !strncmp(m->path, "[heap", 5) ||
		  !strncmp(m->path, "//anon", 6) || !strncmp(m->path, "/dev/zero", 9) ||
		  !strncmp(m->path, "[anon:", 6);
	return true;
}

/* The very file that is mapped, though it be deleted, or of another mount namespace. */
static int open_mapped(u32 pid, const struct map_line *m)
{
	char path[96];
	struct stat st;
	int fd, mapped;

	snprintf(path, sizeof(path), "/proc/%u/map_files/%llx-%llx", pid, m->start, m->end);
	/* Opening a device may do things: look first. */
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -1;
	mapped = -1;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (u64)st.st_size <= MAX_ELF) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		mapped = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	close(fd);
	return mapped;
}

static void collect_file(struct collector *c, u32 pid, const struct map_line *m)
{
	u64 key = hash_u64(m->ino) ^ hash_u64((u64)m->major << 32 | m->minor);
	int fd;

	if (!m->ino || *m->path != '/' || map_put(&c->files, key, &seen))
		return;
	fd = open_mapped(pid, m);
	if (fd >= 0) {
		add_object(c, m->path, fd);
		close(fd);
	} else if (errno != ENOENT) {
		c->unreadable++;
	} else {
		/* It ended, or unmapped it, a moment ago: others may have it. */
		map_del(&c->files, key);
	}
}

/* ---- Code that processes make ------------------------------------------------------ */

/** struct jit_state - a process's map, as it was last read */
struct jit_state {
	u64 dev, ino, size, sec, nsec;
	bool told;
};

/* How the process itself knows its pid. */
static u32 inner_pid(u32 pid)
{
	char path[64], *text, *line, *last;
	size_t len;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	text = read_text(path, &len);
	line = text ? strstr(text, "\nNSpid:") : NULL;
	if (line) {
		line[1 + strcspn(line + 1, "\n")] = '\0';
		last = line + strlen(line);
		while (last > line && last[-1] >= '0' && last[-1] <= '9')
			last--;
		pid = *last ? strtoul(last, NULL, 10) : pid;
	}
	free(text);
	return pid;
}

/* Its map below its own root, if it is the process's user's, or root's; -1: none. */
static int open_jit(u32 pid, struct stat *st)
{
	char path[64];
	struct stat proc;
	int root, fd;

	snprintf(path, sizeof(path), "/proc/%u/root", pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	jitmap_path(path, sizeof(path), inner_pid(pid));
	fd = open_below(root, path, JITMAP_MAX);
	close(root);
	snprintf(path, sizeof(path), "/proc/%u", pid);
	if (fd >= 0 && (fstat(fd, st) || stat(path, &proc) ||
			(st->st_uid != proc.st_uid && st->st_uid))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void collect_jit(struct collector *c, u32 pid)
{
	struct jit_state *was = map_get(&c->jits, pid), now = { 0 };
	struct elf_image *img;
	struct stat st;
	int fd = open_jit(pid, &st);

	if (fd < 0)
		return;
	now.dev = st.st_dev;
	now.ino = st.st_ino;
	now.size = st.st_size;
	now.sec = st.st_mtim.tv_sec;
	now.nsec = st.st_mtim.tv_nsec;
	now.told = true;
	if (was && was->told && was->dev == now.dev && was->ino == now.ino &&
	    was->size == now.size && was->sec == now.sec && was->nsec == now.nsec) {
		close(fd);
		return;
	}
	if (!was) {
		was = xcalloc(1, sizeof(*was));
		map_put(&c->jits, pid, was);
		c->nr_jit++;
	}
	*was = now;
	img = xcalloc(1, sizeof(*img));
	if (jitmap_read(fd, &img->tab))
		add(c, &c->jit, BUNDLE_JIT, pid, "", img);
	else
		elf_image_free(img);
	close(fd);
}

void collect_jit_anew(struct collector *c)
{
	struct jit_state *j;
	size_t i;

	map_for_each(&c->jits, i, j)
		j->told = false;
	blobs_free(&c->jit);
}

/* ---- Processes ---------------------------------------------------------------------- */

typedef void (*map_fn)(struct collector *c, u32 pid, const struct map_line *m);

/* Whether the process made code, too. */
static bool for_each_map(struct collector *c, u32 pid, map_fn fn)
{
	char path[64], *line = NULL;
	struct map_line m;
	bool made = false;
	size_t cap = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	f = fopen(path, "re");
	while (f && getline(&line, &cap, f) > 0) {
		if (!parse_map(line, &m))
			continue;
		made |= m.made;
		if (fn && !m.made)
			fn(c, pid, &m);
	}
	free(line);
	if (f)
		fclose(f);
	return made;
}

static void for_each_process(struct collector *c, void (*fn)(struct collector *c, u32 pid))
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	u64 pid;

	while (dir && (e = readdir(dir)))
		if (parse_u64(e->d_name, 1, INT32_MAX, &pid))
			fn(c, pid);
	if (dir)
		closedir(dir);
}

static void files_of(struct collector *c, u32 pid)
{
	for_each_map(c, pid, collect_file);
}

static void jit_of(struct collector *c, u32 pid)
{
	if (for_each_map(c, pid, NULL))
		collect_jit(c, pid);
}

void collect(struct collector *c)
{
	collect_kernel(c);
	collect_vdso(c);
	for_each_process(c, files_of);
	pack(&c->pending, &c->objects);
	for_each_process(c, jit_of);
	pack(&c->pending, &c->jit);
}

void collector_free(struct collector *c)
{
	struct jit_state *j;
	size_t i;

	blobs_free(&c->kernel);
	blobs_free(&c->objects);
	blobs_free(&c->jit);
	map_for_each(&c->jits, i, j)
		free(j);
	map_free(&c->jits);
	map_free(&c->files);
	map_free(&c->ids);
	bundle_free(&c->pending);
	memset(c, 0, sizeof(*c));
}
