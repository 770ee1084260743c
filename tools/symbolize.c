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
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "elfsyms.h"
#include "symbolize.h"

/**
 * struct vm_symbols - a VM's share, at vm->priv
 * @generation: of the guest that @offset is for, plus 1
 * @offset: of its kernel from where @kallsyms says
 */
struct vm_symbols {
	const struct symbol_source *root;
	const struct kallsyms *kallsyms;
	u64 generation;
	u64 offset;
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

void symbolizer_free(struct symbolizer *s)
{
	u32 i;

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
	vm->priv = v;
	return v;
}

/* ---- Files --------------------------------------------------------------------- */

static int open_below(int root, const char *path)
{
	struct open_how how = {
		/* O_NONBLOCK: no FIFO may hold us up. */
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	struct stat st;
	int fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (u64)st.st_size > SYMBOLIZE_MAX_FILE) {
		close(fd);
		return -1;
	}
	return fd;
}

static struct elf_image *read_below(int root, const char *path)
{
	int fd = open_below(root, path);
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
	u32 i;

	for (i = 0; i < img->build_id_len; i++)
		sprintf(hex + 2 * i, "%02x", img->build_id[i]);
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
	int fd = open_below(root, path);
	char *name;

	if (fd < 0 && len > end && !strcmp(path + len - end, deleted)) {
		name = xstrndup(path, len - end);
		fd = open_below(root, name);
		free(name);
	}
	return fd;
}

static struct elf_image *load_image(const struct symbol_source *root, const char *path)
{
	int fd = root ? open_object(root->root, path) : -1;
	struct elf_image *img;

	if (fd < 0)
		return NULL;
	img = elf_read_confined(fd);
	close(fd);
	if (img && !img->full)
		add_debug_symbols(root->root, path, img);
	return img;
}

int symbolizer_open(struct symbolizer *s, struct vm *vm, const struct dso *dso)
{
	const struct vm_symbols *v = vm_symbols(s, vm);

	return dso->file && v->root ? open_object(v->root->root, dso->path) : -1;
}

int symbolizer_open_debug(struct symbolizer *s, struct vm *vm, const struct dso *dso)
{
	const struct vm_symbols *v = vm_symbols(s, vm);
	char *tries[DEBUG_PLACES];
	int fd = -1;
	size_t i;

	if (!dso->file || !v->root || !dso->image)
		return -1;
	debug_places(dso->path, dso->image, tries);
	for (i = 0; i < DEBUG_PLACES; i++) {
		if (tries[i] && fd < 0)
			fd = open_below(v->root->root, tries[i]);
		free(tries[i]);
	}
	return fd;
}

const struct kallsyms *symbolizer_kallsyms(struct symbolizer *s, struct vm *vm)
{
	return vm_symbols(s, vm)->kallsyms;
}

/* ---- Places ---------------------------------------------------------------------- */

static void kernel_place(struct symbolizer *s, const struct joined *j, struct vm_symbols *v,
			 struct place *p)
{
	const struct guest *g = j->vm->guest;
	const struct symbol *sym;

	p->dso = "[kernel]";
	if (!v->kallsyms) {
		s->no_kallsyms++;
		return;
	}
	if (g && *g->anchor && v->generation != j->vm->generation + 1ULL) {
		v->generation = j->vm->generation + 1ULL;
		v->offset = 0;
		if (!kallsyms_offset(v->kallsyms, g->anchor, g->anchor_addr, &v->offset))
			s->no_anchor = true;
	}
	if (!v->generation)
		s->no_anchor = true;
	p->table = j->ip - v->offset;
	sym = symtab_find(&v->kallsyms->tab, p->table);
	if (!sym)
		return;
	p->symbol = symtab_name(&v->kallsyms->tab, sym);
	p->offset = p->table - sym->start;
	if (sym->module)
		p->dso = v->kallsyms->tab.strings + sym->module;
}

static void user_place(struct symbolizer *s, const struct joined *j, struct vm_symbols *v,
		       struct place *p)
{
	struct dso *dso = j->map->dso;
	u64 offset = j->ip - j->map->start + j->map->pgoff;
	const struct symbol *sym;

	p->dso = dso->name;
	p->path = dso->file ? dso->path : NULL;
	if (!dso->file) {
		/* "[vdso]" lies elsewhere in each process, its code does not move in it. */
		if (*dso->path == '[')
			p->addr = offset;
		return;
	}
	if (!dso->tried) {
		dso->tried = true;
		dso->image = load_image(v->root, dso->path);
	}
	if (!dso->image) {
		s->missing++;
		p->addr = offset;
		return;
	}
	if (!elf_address(dso->image, offset, &p->addr)) {
		p->addr = offset;
		return;
	}
	sym = symtab_find(&dso->image->tab, p->addr);
	if (!sym)
		return;
	p->symbol = symtab_name(&dso->image->tab, sym);
	p->offset = p->addr - sym->start;
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
