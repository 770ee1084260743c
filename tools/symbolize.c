// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding a guest's files and the symbols in them: see symbolize.h.
 *
 * Paths come from the guest: they are looked up below the directory the user
 * named and cannot lead out of it, only regular files are opened, and they are
 * parsed in a confined child.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "below.h"
#include "elfsyms.h"
#include "jitmap.h"
#include "symbolize.h"

/**
 * struct vm_symbols - a VM's share, at vm->priv
 * @given: of --symbols, NULL without
 * @kernel: the table in use, for the guest's @generation less 1
 * @offset: of its kernel from where @kernel says
 * @object: what stands for that kernel in the keys of spots
 * @jit: by process: struct jit, of --guest-root
 */
struct vm_symbols {
	const struct symbol_source *root;
	const struct kallsyms *kallsyms;
	const struct symbols *given;
	const struct symtab *kernel;
	u64 generation, version;
	u64 offset;
	u64 object;
	struct u64map jit;
	struct vm_symbols *next;
};

/** struct jit - what a process says of the code it made; empty if nothing */
struct jit {
	struct symtab tab;
};

/* ---- Options ---------------------------------------------------------------- */

/* A "VM=" in front of a path; a path with "=" in it needs "./" or a "/" first. */
static int parse_source(struct symbol_source *list, u32 nr, const char *arg,
			struct symbol_source **out)
{
	const char *eq = strchr(arg, '='), *slash = strchr(arg, '/');

	if (nr == MAX_SYMBOL_SOURCES)
		return fail(EXIT_BAD, "more than %d places to look for symbols",
			    MAX_SYMBOL_SOURCES);
	*out = &list[nr];
	(*out)->path = arg;
	(*out)->root = -1;
	if (eq && eq != arg && (!slash || slash > eq)) {
		(*out)->vm = xstrndup(arg, eq - arg);
		(*out)->path = eq + 1;
	}
	return 0;
}

int symbolizer_add_root(struct symbolizer *s, const char *arg)
{
	struct symbol_source *src;
	int status = parse_source(s->roots, s->nr_roots, arg, &src);

	if (status)
		return status;
	src->root = open(src->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (src->root < 0)
		return fail(EXIT_BAD, "cannot open the guest's files at '%s': %s", src->path,
			    strerror(errno));
	s->nr_roots++;
	return 0;
}

int symbolizer_add_kallsyms(struct symbolizer *s, const char *arg)
{
	struct symbol_source *src;
	int status = parse_source(s->kallsyms, s->nr_kallsyms, arg, &src);

	if (status)
		return status;
	src->kallsyms = kallsyms_read(src->path);
	if (!src->kallsyms)
		return EXIT_BAD;
	s->nr_kallsyms++;
	return 0;
}

int symbolizer_add_symbols(struct symbolizer *s, const char *arg)
{
	struct symbol_source *src;
	int status = parse_source(s->symbols, s->nr_symbols, arg, &src);

	if (status)
		return status;
	src->symbols = xcalloc(1, sizeof(*src->symbols));
	s->nr_symbols++;
	return symbols_read(src->symbols, src->path);
}

static void vm_symbols_free(struct vm_symbols *v)
{
	struct jit *jit;
	size_t i;

	map_for_each(&v->jit, i, jit) {
		symtab_free(&jit->tab);
		free(jit);
	}
	map_free(&v->jit);
	free(v);
}

static void free_images(struct symbolizer *s);

void symbolizer_forget(struct symbolizer *s)
{
	struct vm_symbols *next;

	for (; s->vms; s->vms = next) {
		next = s->vms->next;
		vm_symbols_free(s->vms);
	}
	free_images(s);
	free(s->spots);
	s->spots = NULL;
}

void symbolizer_free(struct symbolizer *s)
{
	u32 i;

	symbolizer_forget(s);
	for (i = 0; i < s->nr_symbols; i++) {
		symbols_free(s->symbols[i].symbols);
		free(s->symbols[i].symbols);
		free((char *)s->symbols[i].vm);
	}

	for (i = 0; i < s->nr_roots; i++) {
		close(s->roots[i].root);
		free((char *)s->roots[i].vm);
	}
	for (i = 0; i < s->nr_kallsyms; i++) {
		kallsyms_put(s->kallsyms[i].kallsyms);
		free((char *)s->kallsyms[i].vm);
	}
	memset(s, 0, sizeof(*s));
}

/* The place named for this VM, else the one for all. */
static const struct symbol_source *source_for(const struct symbol_source *list, u32 nr,
					      const struct vm *vm)
{
	const struct symbol_source *any = NULL;
	u32 i;

	for (i = 0; i < nr; i++) {
		if (!list[i].vm)
			any = &list[i];
		else if (vm_is_called(vm, list[i].vm))
			return &list[i];
	}
	return any;
}

static struct vm_symbols *vm_symbols(struct symbolizer *s, struct vm *vm)
{
	struct vm_symbols *v = vm->priv;
	const struct symbol_source *src;

	if (v)
		return v;
	v = xcalloc(1, sizeof(*v));
	v->root = source_for(s->roots, s->nr_roots, vm);
	src = source_for(s->kallsyms, s->nr_kallsyms, vm);
	v->kallsyms = src ? src->kallsyms : NULL;
	src = source_for(s->symbols, s->nr_symbols, vm);
	v->given = src ? src->symbols : NULL;
	v->next = s->vms;
	s->vms = v;
	vm->priv = v;
	return v;
}

/* ---- Files --------------------------------------------------------------------- */

static struct elf_image *read_below(int root, const char *path)
{
	int fd = open_below(root, path, SYMBOLIZE_MAX_FILE);
	struct elf_image *img;

	if (fd < 0)
		return NULL;
	img = elf_read_confined(fd);
	close(fd);
	return img;
}

static char *build_id_path(const struct elf_image *img)
{
	char hex[2 * ELF_BUILD_ID_MAX + 1];

	hex_bytes(hex, img->build_id, img->build_id_len);
	return xasprintf("/usr/lib/debug/.build-id/%.2s/%s.debug", hex, hex + 2);
}

#define DEBUG_PLACES	3

/* Where distributions put what they strip off; NULL for places that cannot be named. */
static void debug_places(const char *path, const struct elf_image *img,
			 char *tries[DEBUG_PLACES])
{
	int dir = strrchr(path, '/') - path;

	memset(tries, 0, DEBUG_PLACES * sizeof(*tries));
	if (img->build_id_len > 1)
		tries[0] = build_id_path(img);
	if (*img->debuglink) {
		tries[1] = xasprintf("%.*s/.debug/%s", dir, path, img->debuglink);
		tries[2] = xasprintf("/usr/lib/debug%.*s/%s", dir, path, img->debuglink);
	}
}

/* Stripped: the symbols may be in a file of their own. */
static void add_debug_symbols(int root, const char *path, struct elf_image *img)
{
	char *tries[DEBUG_PLACES];
	size_t i;

	debug_places(path, img, tries);
	for (i = 0; i < DEBUG_PLACES; i++) {
		struct elf_image *debug = NULL;

		if (tries[i] && !img->full)
			debug = read_below(root, tries[i]);
		if (debug && debug->full && debug->tab.nr) {
			symtab_free(&img->tab);
			img->tab = debug->tab;
			img->full = true;
			memset(&debug->tab, 0, sizeof(debug->tab));
		}
		elf_image_free(debug);
		free(tries[i]);
	}
}

/* A file that was replaced while it ran: the new one may be close enough to help. */
static int open_object(int root, const char *path)
{
	static const char deleted[] = " (deleted)";
	size_t len = strlen(path), end = strlen(deleted);
	int fd = open_below(root, path, SYMBOLIZE_MAX_FILE);
	char *name;

	if (fd < 0 && len > end && !strcmp(path + len - end, deleted)) {
		name = xstrndup(path, len - end);
		fd = open_below(root, name, SYMBOLIZE_MAX_FILE);
		free(name);
	}
	return fd;
}

static bool other_build(const struct elf_image *img, const struct dso *dso)
{
	return dso->build_id_len && img->build_id_len &&
	       (dso->build_id_len != img->build_id_len ||
		memcmp(dso->build_id, img->build_id, img->build_id_len));
}

static struct elf_image *read_object(const struct symbol_source *root, const char *path)
{
	int fd = open_object(root->root, path);
	struct elf_image *img;

	if (fd < 0)
		return NULL;
	img = elf_read_confined(fd);
	close(fd);
	if (img && !img->full)
		add_debug_symbols(root->root, path, img);
	return img;
}

/** struct root_file - a file of --guest-root: VMs with the same root share its image */
struct root_file {
	const struct symbol_source *root;
	char *path;
	struct elf_image *image;	/* NULL: none */
	struct root_file *next;		/* with the same hash */
};

static void free_images(struct symbolizer *s)
{
	struct root_file *f, *next;
	size_t i;

	map_for_each(&s->images, i, f) {
		for (; f; f = next) {
			next = f->next;
			elf_image_free(f->image);
			free(f->path);
			free(f);
		}
	}
	map_free(&s->images);
}

static struct elf_image *image_below(struct symbolizer *s, const struct symbol_source *root,
				     const char *path)
{
	u64 hash = hash_bytes(path, strlen(path)) ^ (uintptr_t)root;
	struct root_file *f;

	for (f = map_get(&s->images, hash); f; f = f->next)
		if (f->root == root && !strcmp(f->path, path))
			return f->image;
	f = xcalloc(1, sizeof(*f));
	f->root = root;
	f->path = xstrdup(path);
	f->image = read_object(root, path);
	f->next = map_put(&s->images, hash, f);
	return f->image;
}

static struct elf_image *load_below(struct symbolizer *s, const struct symbol_source *root,
				    const struct dso *dso)
{
	struct elf_image *img = root ? image_below(s, root, dso->path) : NULL;

	if (img && other_build(img, dso)) {
		s->other_build++;
		return NULL;
	}
	return img ? elf_image_get(img) : NULL;
}

/* What the guest told, in a file or in the recording. */
static struct elf_image *told_image(const struct vm_symbols *v, const struct vm *vm,
				    const struct dso *dso)
{
	struct elf_image *img = v->given ? symbols_object(v->given, dso) : NULL;

	if (!img && vm->symbols)
		img = symbols_object(vm->symbols, dso);
	return img ? elf_image_get(img) : NULL;
}

/* A stripped image with the symbols that a store of this machine has for it. */
static struct elf_image *complete(const struct debugstore *store, struct elf_image *img,
				  const struct dso *dso)
{
	u32 len = dso->build_id_len ?: img ? img->build_id_len : 0;
	const u8 *id = dso->build_id_len || !img ? dso->build_id : img->build_id;
	struct elf_image *full;

	if ((img && img->full) || !len)
		return img;
	full = debugstore_image(store, id, len);
	if (!full)
		return img;
	/* The image says how the file lies in memory, the store's file perhaps not. */
	if (img) {
		memcpy(full->loads, img->loads, sizeof(full->loads));
		full->nr_loads = img->nr_loads;
		elf_image_free(img);
	}
	return full;
}

static struct elf_image *load_image(struct symbolizer *s, const struct vm_symbols *v,
				    const struct vm *vm, const struct dso *dso)
{
	struct elf_image *img = load_below(s, v->root, dso) ?: told_image(v, vm, dso);

	return dso->file ? complete(&s->store, img, dso) : img;
}

/* Changes whenever a VM's guest has told more. */
static u64 symbols_version(const struct vm *vm)
{
	return vm->symbols ? vm->symbols->version : 0;
}

/* An image once found stays: rows hold its strings. */
static struct elf_image *image_of(struct symbolizer *s, const struct vm_symbols *v,
				  const struct vm *vm, struct dso *dso)
{
	u64 version = symbols_version(vm) + 1;

	if (!dso->image && dso->tried != version) {
		dso->image = load_image(s, v, vm, dso);
		if (!dso->image && !dso->tried && dso->file && s->nr_lacking++ < MAX_MISSING)
			s->lacking[s->nr_lacking - 1] = dso;
		dso->tried = version;
	}
	return dso->image;
}

/* A file of this machine's stores that has the very code that ran. */
static int open_stored(const struct debugstore *store, enum debugstore_kind kind,
		       const struct dso *dso)
{
	u32 n = 0, len;
	const u8 *id = dso_build_id(dso, &len);
	int fd;

	while (len && (fd = debugstore_open(store, kind, id, len, &n)) >= 0) {
		struct elf_image *found = elf_read_confined(fd);
		bool good = found && found->build_id_len == len &&
			    !memcmp(found->build_id, id, len);

		elf_image_free(found);
		if (good)
			return fd;
		close(fd);
	}
	return -1;
}

int symbolizer_open(struct symbolizer *s, struct vm *vm, const struct dso *dso)
{
	const struct vm_symbols *v = vm_symbols(s, vm);
	struct elf_image *img;
	int fd = -1;

	if (!dso->file)
		return -1;
	if (v->root)
		fd = open_object(v->root->root, dso->path);
	if (fd >= 0 && dso->build_id_len) {
		img = elf_read_confined(fd);
		if (img && other_build(img, dso)) {
			close(fd);
			fd = -1;
		}
		elf_image_free(img);
	}
	return fd >= 0 ? fd : open_stored(&s->store, DEBUGSTORE_PROGRAM, dso);
}

int symbolizer_open_debug(struct symbolizer *s, struct vm *vm, const struct dso *dso)
{
	const struct vm_symbols *v = vm_symbols(s, vm);
	char *tries[DEBUG_PLACES];
	int fd = -1;
	size_t i;

	if (!dso->file || !dso->image)
		return -1;
	debug_places(dso->path, dso->image, tries);
	for (i = 0; i < DEBUG_PLACES && v->root; i++) {
		if (tries[i] && fd < 0)
			fd = open_below(v->root->root, tries[i], SYMBOLIZE_MAX_FILE);
		free(tries[i]);
		tries[i] = NULL;
	}
	for (; i < DEBUG_PLACES; i++)
		free(tries[i]);
	return fd >= 0 ? fd : open_stored(&s->store, DEBUGSTORE_SYMBOLS, dso);
}

/* ---- Kernel ---------------------------------------------------------------------- */

/* A file may be of the kernel that was booted last week. */
static bool other_kernel(const struct symbols_set *set, const struct vm *vm)
{
	return !set->generation && *set->release && *vm->release &&
	       strcmp(set->release, vm->release);
}

static const struct symtab *find_kernel(const struct vm_symbols *v, const struct vm *vm)
{
	const struct symbols_set *set = NULL;

	if (v->kallsyms)
		return &v->kallsyms->tab;
	if (v->given)
		set = symbols_kernel(v->given, vm->generation);
	if (set && other_kernel(set, vm))
		set = NULL;
	if (!set && vm->symbols)
		set = symbols_kernel(vm->symbols, vm->generation);
	return set ? &set->kernel->tab : NULL;
}

/* The table for the kernel that the guest runs now, and how far from it that lies. */
static const struct symtab *current_kernel(struct symbolizer *s, struct vm_symbols *v,
					   const struct vm *vm)
{
	const struct guest *g = vm->guest;
	bool known;

	if (v->generation == vm->generation + 1ULL && v->version == symbols_version(vm))
		return v->kernel;
	v->kernel = find_kernel(v, vm);
	v->offset = 0;
	known = v->kernel && g && *g->anchor;
	if (known && !kallsyms_offset(v->kernel, g->anchor, g->anchor_addr, &v->offset))
		s->no_anchor = true;
	if (known || !v->kernel) {
		v->generation = vm->generation + 1ULL;
		v->version = symbols_version(vm);
	} else {
		s->no_anchor = true;
	}
	v->object = v->kernel ? hash_u64((uintptr_t)v->kernel ^ v->offset ^ v->version << 48) : 1;
	return v->kernel;
}

const struct symtab *symbolizer_kernel(struct symbolizer *s, struct vm *vm)
{
	return find_kernel(vm_symbols(s, vm), vm);
}

/* ---- Code that processes make --------------------------------------------------------- */

static bool starts_with(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* Memory that no program file is behind. */
static bool is_made(const struct dso *dso)
{
	static const char *const names[] = {
		"//anon", "[heap]", "[stack", "/memfd:", "/dev/zero", "/SYSV", "/anon_hugepage",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (starts_with(dso->path, names[i]))
			return true;
	return false;
}

static void read_jit(const struct symbol_source *root, u32 pid, struct symtab *t)
{
	char path[64];
	int fd;

	jitmap_path(path, sizeof(path), pid);
	fd = open_below(root->root, path, JITMAP_MAX);
	if (fd < 0)
		return;
	jitmap_read(fd, t);
	close(fd);
}

/* Of --guest-root: the file is named after the pid that the process itself sees. */
static const struct symtab *jit_below(struct vm_symbols *v, const struct joined *j)
{
	const struct task *t = j->vm->guest ? guest_find_task(j->vm->guest, j->tid) : NULL;
	struct jit *jit = map_get(&v->jit, j->pid);

	if (!jit) {
		jit = xcalloc(1, sizeof(*jit));
		map_put(&v->jit, j->pid, jit);
		if (t && t->ns_pid)
			read_jit(v->root, t->ns_pid, &jit->tab);
		if (!jit->tab.nr && !(t && t->ns_pid == j->pid))
			read_jit(v->root, j->pid, &jit->tab);
	}
	return &jit->tab;
}

static const struct symbol *find_in(const struct symtab *t, u64 addr)
{
	return t ? symtab_find(t, addr) : NULL;
}

static void made_place(struct symbolizer *s, const struct joined *j, struct vm_symbols *v,
		       struct place *p)
{
	const struct symtab *t = v->root ? jit_below(v, j) : NULL;
	const struct symbol *sym = find_in(t, j->ip);

	if (!sym && v->given) {
		t = symbols_jit(v->given, j->vm->generation, j->pid);
		sym = find_in(t, j->ip);
	}
	if (!sym && j->vm->symbols) {
		t = symbols_jit(j->vm->symbols, j->vm->generation, j->pid);
		sym = find_in(t, j->ip);
	}
	if (!sym) {
		s->no_jit++;
		return;
	}
	/* A function compiled anew has a line of its own: one name is one string. */
	p->symbol = intern_str(symtab_name(t, sym));
	p->offset = j->ip - sym->start;
	p->dso = "[jit]";
	p->path = NULL;
}

/* ---- Places ---------------------------------------------------------------------- */

static void kernel_place(struct symbolizer *s, const struct joined *j, struct vm_symbols *v,
			 struct place *p)
{
	const struct symtab *kernel = current_kernel(s, v, j->vm);
	const struct symbol *sym;

	p->dso = "[kernel]";
	if (!kernel) {
		s->no_kallsyms++;
		return;
	}
	p->table = j->ip - v->offset;
	sym = symtab_find(kernel, p->table);
	if (!sym)
		return;
	p->symbol = symtab_name(kernel, sym);
	p->offset = p->table - sym->start;
	if (sym->module)
		p->dso = kernel->strings + sym->module;
}

static const char *build_id_text(const u8 *id, u32 len)
{
	char hex[2 * ELF_BUILD_ID_MAX + 1];

	hex_bytes(hex, id, len);
	return intern(hex, strlen(hex));
}

static void user_place(struct symbolizer *s, const struct joined *j, struct vm_symbols *v,
		       struct place *p)
{
	struct dso *dso = j->map->dso;
	u64 offset = j->ip - j->map->start + j->map->pgoff;
	const struct symbol *sym = NULL;
	struct elf_image *img;

	p->dso = dso->name;
	p->path = dso->file ? dso->path : NULL;
	if (is_made(dso)) {
		made_place(s, j, v, p);
		return;
	}
	if (!dso->file && *dso->path != '[')
		return;
	/* "[vdso]" lies elsewhere in each process, its code does not move in it. */
	p->addr = offset;
	img = image_of(s, v, j->vm, dso);
	s->missing += !img && dso->file;
	if (img && elf_address(img, offset, &p->addr))
		sym = symtab_find(&img->tab, p->addr);
	if (sym) {
		p->symbol = symtab_name(&img->tab, sym);
		p->offset = p->addr - sym->start;
	} else if (dso->build_id_len) {
		p->build_id = build_id_text(dso->build_id, dso->build_id_len);
	}
}

void symbolize(struct symbolizer *s, const struct joined *j, struct place *p)
{
	struct vm_symbols *v = vm_symbols(s, j->vm);

	*p = (struct place){ .dso = "", .addr = j->ip, .table = j->ip };
	if (j->mode == VMCOOP_MODE_USER && j->map)
		user_place(s, j, v, p);
	else if (j->mode == VMCOOP_MODE_KERNEL)
		kernel_place(s, j, v, p);
}

/* ---- Places seen before ------------------------------------------------------------- */

#define SPOTS	8192

/**
 * struct spot - a place that was asked for, where it is likely to be found again
 * @key: without an object: there is none
 *
 * @key and what of @place rows need are in one cache line.
 */
struct spot {
	struct spot_key key;
	struct place place;
} __attribute__((aligned(32)));
static_assert(offsetof(struct spot, place.near) < 32, "in one cache line");

static struct spot_key kernel_key(struct symbolizer *s, const struct joined *j)
{
	struct vm_symbols *v = vm_symbols(s, j->vm);

	current_kernel(s, v, j->vm);
	return (struct spot_key){ v->object, j->ip };
}

/* Of code that processes made nothing is kept: it may have changed. */
static struct spot_key user_key(const struct joined *j)
{
	struct dso *dso = j->map->dso;

	if (!dso->image && dso->tried != symbols_version(j->vm) + 1)
		return (struct spot_key){ 0, j->ip };
	if (!dso->key || dso->key_image != dso->image) {
		dso->key = hash_u64(hash_bytes(dso->path, strlen(dso->path)) ^
				    hash_bytes(dso->build_id, dso->build_id_len) ^
				    (uintptr_t)dso->image);
		dso->key_image = dso->image;
	}
	return (struct spot_key){ dso->key, j->ip - j->map->start + j->map->pgoff };
}

static void identify(struct place *p, const struct spot_key *k)
{
	p->dso = intern_str(p->dso);
	p->path = p->path ? intern_str(p->path) : NULL;
	p->symbol = p->symbol ? intern_str(p->symbol) : NULL;
	p->id = hash_u64(hash_u64((uintptr_t)p->dso ^ hash_u64((uintptr_t)p->path)) ^
			 hash_u64(p->symbol ? (uintptr_t)p->symbol : ~p->addr)) | 1;
	/*
	 * Functions have 64 bytes at the least, on average. Without a name each address
	 * has a row of its own.
	 */
	p->near = k->object + (p->symbol ? (k->at - p->offset) >> 6 : k->at);
}

struct spot *symbolize_soon(struct symbolizer *s, const struct joined *j, struct spot_key *k)
{
	struct spot *spot;

	if (!s->spots)
		s->spots = xcalloc_line((SPOTS + 1) * sizeof(*s->spots));
	*k = j->mode == VMCOOP_MODE_KERNEL ? kernel_key(s, j) :
	     j->map ? user_key(j) : (struct spot_key){ 0, j->ip };
	spot = &s->spots[k->object ? (k->object + k->at) % SPOTS : SPOTS];
	__builtin_prefetch(spot);
	return spot;
}

const struct place *symbolize_spot(struct symbolizer *s, const struct joined *j, struct spot *spot,
				   const struct spot_key *k)
{
	if (!k->object || spot->key.object != k->object || spot->key.at != k->at) {
		symbolize(s, j, &spot->place);
		spot->key = *k;
		identify(&spot->place, k);
	}
	return &spot->place;
}

const struct place *symbolize_seen(struct symbolizer *s, const struct joined *j)
{
	struct spot_key key;
	struct spot *spot = symbolize_soon(s, j, &key);

	return symbolize_spot(s, j, spot, &key);
}

/* ---- Hints ----------------------------------------------------------------------- */

static const char how[] = "run 'vmcoop-dump symbols' in the guest while recording, or give";

static char *lacking_objects(const struct symbolizer *s)
{
	char *list = xstrdup(""), *longer;
	u32 i;

	for (i = 0; i < s->nr_lacking && i < MAX_MISSING; i++) {
		const struct dso *dso = s->lacking[i];
		const char *id = dso->build_id_len ?
				 build_id_text(dso->build_id, dso->build_id_len) : "not told";

		longer = xasprintf("%s%s%.200s (build-id %s)", list, i ? ", " : "", dso->path, id);
		free(list);
		list = longer;
	}
	return list;
}

static void hint_at_objects(const struct symbolizer *s, void (*note)(void *ctx, const char *text),
			    void *ctx)
{
	char *list = lacking_objects(s), *text, more[64] = "";

	if (s->nr_lacking > MAX_MISSING)
		snprintf(more, sizeof(more), " and %u more", s->nr_lacking - MAX_MISSING);
	text = xasprintf("functions of %s%s have no names: %s their files with --guest-root or --debug-dir",
			 list, more, how);
	note(ctx, text);
	free(text);
	free(list);
}

void symbolizer_hints(const struct symbolizer *s, void (*note)(void *ctx, const char *text),
		      void *ctx)
{
	char *text;

	if (s->no_kallsyms) {
		text = xasprintf("guest kernel functions have no names: %s the guest's /proc/kallsyms with --guest-kallsyms",
				 how);
		note(ctx, text);
		free(text);
	} else if (s->no_anchor) {
		note(ctx, "where a guest's kernel was loaded is not known: its symbols were taken from the table as they stand");
	}
	if (s->missing && s->nr_lacking)
		hint_at_objects(s, note, ctx);
	if (s->other_build) {
		text = xasprintf("%u files below --guest-root are of another build than what ran: not used",
				 s->other_build);
		note(ctx, text);
		free(text);
	}
	if (s->no_jit)
		note(ctx, "code that programs made as they ran has no names: let them write perf-PID.map (java -XX:+DumpPerfMapAtExit, node --perf-basic-prof, DOTNET_PerfMapEnabled=1), and run 'vmcoop-dump symbols' in the guest");
}
