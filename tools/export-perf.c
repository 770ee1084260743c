// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exports for Linux perf and what else reads perf.data.
 *
 *   perf       a directory with the samples of all VMs, in which perf report,
 *              script and annotate (6.1 and newer) tell the guests apart
 *   perf-flat  a plain file for each VM, as if it had been recorded in it
 *
 * Of the guests' tasks and mappings those are told that samples need, each just
 * before the first of them. A reader puts a mapping over what it overlaps, so
 * what it was told last of an address is what it believes. Kernel addresses are
 * written as the symbol table counts that goes with them.
 */
#include <limits.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch.h"
#include "elfsyms.h"
#include "export.h"
#include "output.h"
#include "perfdata.h"

#define NOBODY	0xffffffffU	/* pid and tid where the task is not known */

/** struct proc_out - what was told of a process, or of NOBODY */
struct proc_out {
	struct mapping *maps;	/* the latest last */
	u32 nr_maps;
	struct u64map comms;	/* by tid: unique strings */
};

/** struct vm_out - what was told of a VM */
struct vm_out {
	struct vm *vm;
	char *path;		/* perf-flat: its file's */
	struct perfdata *p;
	struct u64map procs;	/* by pid, plus 1 */
	struct u64map ids;	/* by vCPU and event */
	u32 nr_cpus;
};

/**
 * struct perf_export - an export under way
 * @dir: format perf, else perf-flat
 * @all: the one file of format perf
 * @data: its path
 * @unnamed: objects without a build-id, by which perf would know them
 */
struct perf_export {
	bool dir;
	struct perfdata *all;
	char *data;
	struct u64map vms;	/* by VM's pid */
	u64 unnamed;
	u32 nr_cpus;
	int status;
};

/* ---- Files ------------------------------------------------------------------------ */

static struct perfdata *open_data(struct export *x, const char *path)
{
	FILE *f = output_open(path, x->force);
	struct perfdata *p;

	if (!f)
		return NULL;
	p = xcalloc(1, sizeof(*p));
	perfdata_begin(p, f);
	return p;
}

static void set_events(struct perfdata *p, const struct session *s)
{
	u32 i;

	p->nr_events = s->nr_events ?: 1;
	p->events[0].name = "event";
	for (i = 0; i < s->nr_events; i++) {
		const struct event *e = &s->events[i];
		char name[512];

		p->events[i].name = intern_str(escape(name, sizeof(name), event_title(e)));
		p->events[i].type = e->type;
		p->events[i].config = e->config;
		p->events[i].period = e->period;
		p->events[i].freq = e->freq;
	}
}

static int close_data(struct export *x, struct perfdata *p, const char *path,
		      const struct perfdata_info *info, int status)
{
	set_events(p, &x->v.s);
	perfdata_end(p, info);
	status = output_close(p->f, path, status);
	free(p);
	return status;
}

/* As uname -m has it. */
static const char *machine_of(u32 arch)
{
	return arch == VMCOOP_ARCH_ARM64 ? "aarch64" : arch_name(arch);
}

/* ---- Kernels ---------------------------------------------------------------------- */

/* Addresses behind a symbol's end are nobody's: perf would give them to the symbol. */
static void put_kallsyms(FILE *f, const struct symtab *t)
{
	char name[1024];
	u32 i;

	for (i = 0; i < t->nr; i++) {
		const struct symbol *sym = &t->syms[i];

		if (i && t->syms[i - 1].start == sym->start)
			continue;
		fprintf(f, "%016llx t %s\n", sym->start,
			escape(name, sizeof(name), symtab_name(t, sym)));
		if (i + 1 == t->nr || (sym->end < t->syms[i + 1].start && sym->end > sym->start))
			fprintf(f, "%016llx t [unknown]\n", sym->end);
	}
}

static int write_kallsyms(struct export *x, const char *path, const struct symtab *k)
{
	FILE *f = output_open(path, x->force);

	if (!f)
		return EXIT_FAILED;
	put_kallsyms(f, k);
	return output_close(f, path, EXIT_OK);
}

#define KERNEL_START	(0xffffULL << 48)

/* perf warns of kernel addresses it cannot resolve if it knows of no kernel of the host. */
static void put_host_kernel(struct perfdata *p)
{
	struct perfdata_where w = { .cpumode = PERF_RECORD_MISC_KERNEL, .pid = NOBODY };
	struct perfdata_map m = {
		.start = KERNEL_START,
		.len = ~KERNEL_START,
		.path = "[kernel.kallsyms]_text",
	};

	perfdata_mmap(p, &w, &m);
}

/* One map for all of the kernel: its modules' symbols are in the same table. */
static void put_kernel(const struct perf_export *px, const struct vm_out *o,
		       const struct symtab *k, struct perfdata_where w)
{
	struct perfdata_map m = { .start = KERNEL_START, .len = ~KERNEL_START };
	const char *symbol = "_text";
	char vm[64], first[128], name[256];

	if (k && k->nr) {
		m.start = k->syms[0].start;
		m.len = k->syms[k->nr - 1].end - m.start;
		/* A symbol and where it is: nothing was relocated. */
		symbol = escape(first, sizeof(first), symtab_name(k, &k->syms[0]));
		m.pgoff = m.start;
	}
	snprintf(vm, sizeof(vm), "[guest.kernel.kallsyms.%u]", o->vm->pid);
	snprintf(name, sizeof(name), "%s%s", px->dir ? vm : "[kernel.kallsyms]", symbol);
	m.path = name;
	w.cpumode = px->dir ? PERF_RECORD_MISC_GUEST_KERNEL : PERF_RECORD_MISC_KERNEL;
	w.pid = px->dir ? o->vm->pid : NOBODY;
	w.tid = 0;
	perfdata_mmap(o->p, &w, &m);
}

static char *kallsyms_path(const struct export *x, const struct vm_out *o)
{
	char *dir, *path;

	if (o->path) {
		dir = xstrndup(o->path, strlen(o->path) - strlen(".perf.data"));
		path = xasprintf("%s.kallsyms", dir);
	} else {
		dir = xasprintf("%s/kcore_dir__%u", x->output, o->vm->pid);
		mkdir(dir, 0700);
		path = xasprintf("%s/kallsyms", dir);
	}
	free(dir);
	return path;
}

static int begin_kernel(struct export *x, const struct vm_out *o, const struct perfdata_where *w)
{
	const struct symtab *k = symbolizer_kernel(&x->v.sym, o->vm);
	char *path;
	int status = EXIT_OK;

	put_kernel(x->priv, o, k, *w);
	if (k) {
		path = kallsyms_path(x, o);
		status = write_kallsyms(x, path, k);
		free(path);
	}
	return status;
}

/* ---- Tasks and mappings ------------------------------------------------------------- */

static struct proc_out *find_proc(struct vm_out *o, u32 pid)
{
	struct proc_out *p = map_get(&o->procs, pid + 1ULL);

	if (!p) {
		p = xcalloc(1, sizeof(*p));
		map_put(&o->procs, pid + 1ULL, p);
	}
	return p;
}

/*
 * The object's file on this machine, else its name in the guest. What is no file
 * has a name of ours: perf would ask this machine for its own [vdso] or //anon.
 */
static const char *object_path(struct export *x, const struct vm_out *o, const struct dso *dso,
			       char *buf, size_t cap)
{
	int fd = symbolizer_open(&x->v.sym, o->vm, dso);
	char link[64], path[PATH_MAX];
	ssize_t n;

	if (!dso->file) {
		n = snprintf(buf, cap, "[guest]");
		escape(buf + n, cap - n, dso->path);
		return buf;
	}
	if (fd < 0)
		return escape(buf, cap, dso->path);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	close(fd);
	path[n < 0 ? 0 : n] = '\0';
	return escape(buf, cap, n > 0 ? path : dso->path);
}

static void put_map(struct export *x, const struct vm_out *o, const struct mapping *map,
		    struct perfdata_where w)
{
	struct perf_export *px = x->priv;
	char path[4 * PATH_MAX];
	struct perfdata_map m = {
		.start = map->start,
		.len = map->end - map->start,
		.pgoff = map->pgoff,
		.path = object_path(x, o, map->dso, path, sizeof(path)),
	};

	m.build_id = dso_build_id(map->dso, &m.build_id_len);
	if (!m.build_id_len)
		m.build_id = NULL;
	px->unnamed += map->dso->file && !m.build_id;
	w.cpumode = px->dir ? PERF_RECORD_MISC_GUEST_USER : PERF_RECORD_MISC_USER;
	perfdata_mmap(o->p, &w, &m);
}

static bool same_map(const struct mapping *a, const struct mapping *b)
{
	return a->start == b->start && a->end == b->end && a->pgoff == b->pgoff &&
	       a->dso == b->dso;
}

/* Tells of @map unless that is what a reader believes of @ip already. */
static void tell_map(struct export *x, const struct vm_out *o, struct proc_out *p,
		     const struct mapping *map, u64 ip, const struct perfdata_where *w)
{
	u32 i, kept = 0;

	for (i = p->nr_maps; i--;)
		if (ip >= p->maps[i].start && ip < p->maps[i].end)
			break;
	if (i != -1U && same_map(&p->maps[i], map))
		return;
	/* What it covers whole is gone. */
	for (i = 0; i < p->nr_maps; i++)
		if (p->maps[i].start < map->start || p->maps[i].end > map->end)
			p->maps[kept++] = p->maps[i];
	p->nr_maps = kept;
	p->maps = xreallocarray(p->maps, p->nr_maps + 1, sizeof(*p->maps));
	p->maps[p->nr_maps++] = *map;
	put_map(x, o, map, *w);
}

static void tell_comm(const struct perf_export *px, const struct vm_out *o, struct proc_out *p,
		      const struct joined *j, struct perfdata_where w)
{
	char buf[160];
	const char *comm;

	if (w.pid == NOBODY) {
		snprintf(buf, sizeof(buf), "[%s]", reason_names[j->reason]);
		comm = intern_str(buf);
	} else {
		comm = intern_str(escape(buf, sizeof(buf), j->comm));
	}
	if (map_put(&p->comms, w.tid, (void *)comm) == comm)
		return;
	w.cpumode = px->dir ? PERF_RECORD_MISC_GUEST_USER : PERF_RECORD_MISC_USER;
	perfdata_comm(o->p, &w, comm);
}

/* ---- Samples ------------------------------------------------------------------------ */

static struct vm_out *vm_new(struct export *x, struct vm *vm)
{
	struct perf_export *px = x->priv;
	struct vm_out *o = xcalloc(1, sizeof(*o));
	char name[160];

	o->vm = vm;
	map_put(&px->vms, vm->pid, o);
	if (px->dir) {
		o->p = px->all;
		return o;
	}
	o->path = xasprintf("%s/%s-%u.perf.data", x->output,
			    file_part(name, sizeof(name), vm->name), vm->pid);
	o->p = open_data(x, o->path);
	if (!o->p)
		px->status = EXIT_FAILED;
	return o;
}

/* The sample ID of a vCPU's event, made with the first sample. */
static u64 sample_id(struct perf_export *px, struct vm_out *o, const struct joined *j)
{
	u32 event = j->event < PERFDATA_MAX_EVENTS ? j->event : 0;
	u64 key = (u64)j->vcpu->id << 16 | event;
	u64 id = (uintptr_t)map_get(&o->ids, key);

	if (id)
		return id;
	id = perfdata_id(o->p, event);
	map_put(&o->ids, key, (void *)(uintptr_t)id);
	if (px->dir)
		perfdata_guest_id(o->p, id, j->vcpu->tid_host, o->vm->pid, j->vcpu->id);
	return id;
}

static u16 cpumode(const struct perf_export *px, const struct joined *j)
{
	bool kernel = j->mode == VMCOOP_MODE_KERNEL;

	if (px->dir)
		return kernel ? PERF_RECORD_MISC_GUEST_KERNEL : PERF_RECORD_MISC_GUEST_USER;
	return kernel ? PERF_RECORD_MISC_KERNEL : PERF_RECORD_MISC_USER;
}

static bool task_known(const struct joined *j)
{
	return *j->comm;
}

static void on_sample(void *ctx, const struct joined *j)
{
	struct export *x = ctx;
	struct perf_export *px = x->priv;
	struct vm_out *o = map_get(&px->vms, j->vm->pid);
	bool new = !o;
	struct perfdata_where w = {
		.time = view_ns(&x->v, j->time),
		.cpumode = cpumode(px, j),
		.pid = task_known(j) ? j->pid : NOBODY,
		.tid = task_known(j) ? j->tid : NOBODY,
		.cpu = px->dir ? j->pcpu : j->vcpu->id,
	};
	struct proc_out *p;
	struct place place;

	if (new)
		o = vm_new(x, j->vm);
	if (px->status)
		return;
	w.id = sample_id(px, o, j);
	o->nr_cpus = max_u64(o->nr_cpus, j->vcpu->id + 1ULL);
	px->nr_cpus = max_u64(px->nr_cpus, j->pcpu + 1ULL);
	if (new)
		px->status = begin_kernel(x, o, &w);
	symbolize(&x->v.sym, j, &place);
	p = find_proc(o, w.pid);
	tell_comm(px, o, p, j, w);
	if (j->map)
		tell_map(x, o, p, j->map, j->ip, &w);
	perfdata_sample(o->p, &w, j->period,
			j->mode == VMCOOP_MODE_UNKNOWN ? 0 :
			j->mode == VMCOOP_MODE_KERNEL ? place.table : j->ip);
}

/* ---- Begin and end ------------------------------------------------------------------ */

static int begin_flat(struct export *x)
{
	x->priv = xcalloc(1, sizeof(struct perf_export));
	return output_dir(x->output, x->force);
}

static int begin_dir(struct export *x)
{
	struct perf_export *px = xcalloc(1, sizeof(*px));
	int status = output_dir(x->output, x->force);

	x->priv = px;
	if (status)
		return status;
	px->dir = true;
	px->data = xasprintf("%s/data", x->output);
	px->all = open_data(x, px->data);
	if (!px->all)
		return EXIT_FAILED;
	put_host_kernel(px->all);
	return EXIT_OK;
}

static void vm_free(struct vm_out *o)
{
	struct proc_out *p;
	size_t i;

	map_for_each(&o->procs, i, p) {
		map_free(&p->comms);
		free(p->maps);
		free(p);
	}
	map_free(&o->procs);
	map_free(&o->ids);
	free(o->path);
	free(o);
}

static int end(struct export *x, int status)
{
	struct perf_export *px = x->priv;
	struct session *s = &x->v.s;
	struct perfdata_info info = {
		.hostname = s->hostname,
		.release = s->release,
		.machine = machine_of(ARCH_SELF),
		.command = "vmcoop-dump record",
		.nr_cpus = px->nr_cpus,
	};
	struct vm_out *o;
	size_t i;

	status = status ?: px->status;
	map_for_each(&px->vms, i, o) {
		/* A guest of KVM is of its host's architecture. */
		if (o->vm->has_source)
			info.machine = machine_of(o->vm->arch);
		if (!px->dir && o->p) {
			info.release = o->vm->release;
			info.nr_cpus = o->nr_cpus;
			status = close_data(x, o->p, o->path, &info, status);
			if (!status)
				printf("%s\n", o->path);
		}
		vm_free(o);
	}
	if (px->all)
		status = close_data(x, px->all, px->data, &info, status);
	if (px->unnamed)
		session_note(s, "%llu mappings are of files without a build-id that --guest-root holds: perf would take files of this machine for them, unless --symfs says otherwise",
			     px->unnamed);
	map_free(&px->vms);
	free(px->data);
	free(px);
	return status;
}

const struct export_format export_perf = {
	.name = "perf",
	.output = "vmcoop.perf",
	.events_only = true,
	.counted_too = true,
	.begin = begin_dir,
	.sample = on_sample,
	.end = end,
};

const struct export_format export_perf_flat = {
	.name = "perf-flat",
	.output = "vmcoop.perf-flat",
	.events_only = true,
	.counted_too = true,
	.begin = begin_flat,
	.sample = on_sample,
	.end = end,
};
