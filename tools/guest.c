// SPDX-License-Identifier: GPL-2.0-only
/*
 * Applying sideband records: see guest.h.
 */
#include <stdlib.h>
#include <string.h>

#include "guest.h"

u64 guest_new_id(void)
{
	static u64 id;

	return ++id;
}

/* ---- Address spaces --------------------------------------------------------- */

static struct aspace *aspace_get(struct aspace *as)
{
	if (as)
		as->refs++;
	return as;
}

static void aspace_put(struct guest *g, struct aspace *as)
{
	if (!as || --as->refs)
		return;
	g->nr_mappings -= as->nr;
	free(as->maps);
	free(as);
}

static void aspace_reserve(struct aspace *as, u32 nr)
{
	if (nr <= as->cap)
		return;
	as->cap = nr + nr / 2 + 8;
	as->maps = xreallocarray(as->maps, as->cap, sizeof(*as->maps));
}

/* An address space of @p's own, with room for two mappings more. */
static struct aspace *aspace_own(struct guest *g, struct proc *p)
{
	struct aspace *as = p->as, *copy;

	if (!as || as->refs > 1) {
		copy = xcalloc(1, sizeof(*copy));
		copy->refs = 1;
		if (as) {
			aspace_reserve(copy, as->nr + 2);
			memcpy(copy->maps, as->maps, as->nr * sizeof(*as->maps));
			copy->nr = as->nr;
			g->nr_mappings += as->nr;
			as->refs--;
		}
		p->as = as = copy;
	}
	aspace_reserve(as, as->nr + 2);
	return as;
}

/* Index of the first mapping that ends behind @addr. */
static u32 aspace_search(const struct aspace *as, u64 addr)
{
	u32 lo = 0, hi = as->nr;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (as->maps[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static void aspace_replace(struct aspace *as, u32 at, u32 gone, const struct mapping *by, u32 nr)
{
	memmove(&as->maps[at + nr], &as->maps[at + gone],
		(as->nr - at - gone) * sizeof(*as->maps));
	memcpy(&as->maps[at], by, nr * sizeof(*by));
	as->nr += nr - gone;
}

/*
 * Puts @m, or a hole of its size, over whatever it overlaps; what sticks out of
 * it on a side stays.
 */
static void aspace_map(struct aspace *as, const struct mapping *m, bool hole)
{
	u32 first = aspace_search(as, m->start), last = first, n = 0;
	struct mapping by[3];

	while (last < as->nr && as->maps[last].start < m->end)
		last++;
	if (last > first && as->maps[first].start < m->start) {
		by[n] = as->maps[first];
		by[n++].end = m->start;
	}
	if (!hole)
		by[n++] = *m;
	if (last > first && as->maps[last - 1].end > m->end) {
		by[n] = as->maps[last - 1];
		by[n].pgoff += m->end - by[n].start;
		by[n++].start = m->end;
	}
	aspace_replace(as, first, last - first, by, n);
}

/* ---- Tasks and processes ------------------------------------------------------ */

static void proc_put(struct guest *g, struct proc *p)
{
	if (--p->tasks)
		return;
	if (p->listed)
		map_del(&g->procs, p->pid);
	aspace_put(g, p->as);
	free(p);
}

static struct proc *proc_get(struct guest *g, u32 pid)
{
	struct proc *p = map_get(&g->procs, pid);

	if (!p) {
		p = xcalloc(1, sizeof(*p));
		p->pid = pid;
		p->space = guest_new_id();
		p->listed = true;
		map_put(&g->procs, pid, p);
	}
	p->tasks++;
	return p;
}

/* The pid starts anew: what still points to the old process keeps that. */
static void proc_unlist(struct guest *g, u32 pid)
{
	struct proc *p = map_del(&g->procs, pid);

	if (p)
		p->listed = false;
}

static void task_free(struct guest *g, struct task *t)
{
	map_del(&g->tasks, t->tid);
	g->changes++;
	proc_put(g, t->proc);
	free(t);
}

static struct task *task_new(struct guest *g, u32 pid, u32 tid)
{
	struct task *t;

	if (g->tasks.used >= GUEST_MAX_TASKS) {
		g->limited++;
		return NULL;
	}
	t = xcalloc(1, sizeof(*t));
	t->tid = tid;
	t->proc = proc_get(g, pid);
	t->serial = ++g->serial;
	t->who = guest_new_id();
	g->changes++;
	map_put(&g->tasks, tid, t);
	return t;
}

struct task *guest_find_task(const struct guest *g, u32 tid)
{
	return map_get(&g->tasks, tid);
}

struct task *guest_task(struct guest *g, u32 pid, u32 tid)
{
	struct task *t = guest_find_task(g, tid);

	if (t && t->proc->pid == pid)
		return t;
	/* The tid belongs to another process now: its beginning was lost. */
	if (t)
		task_free(g, t);
	return task_new(g, pid, tid);
}

void task_rename(struct task *t, const char comm[16])
{
	if (!strncmp(t->comm, comm, 16))
		return;
	copy_field(t->comm, comm, 16);
	t->who = guest_new_id();
}

/*
 * The kernel tells of a new name before it gives it, and may preempt the task in between,
 * over and over where a CPU has more than it can do. Said more often than this an old name
 * is true: the record of the way back was lost.
 */
#define MAX_LATE	64

void guest_tick_name(struct task *t, const char *comm)
{
	if (!*comm)
		return;
	if (t->late && !strncmp(comm, t->was, 16)) {
		t->late--;
		return;
	}
	t->late = 0;
	task_rename(t, comm);
}

/* ---- Records -------------------------------------------------------------------- */

static void set_place(struct task *t, u32 ns_pid, u32 ns_tid, u64 cgroup)
{
	t->ns_pid = ns_pid;
	t->ns_tid = ns_tid;
	if (t->cgroup != cgroup)
		t->who = guest_new_id();
	t->cgroup = cgroup;
}

static void on_comm(struct guest *g, const struct vmcoop_guest_comm *rec)
{
	struct task *t = guest_find_task(g, rec->tid);

	/* A name told anew of one that had ended: the pid came back unseen. */
	if (t && t->exited) {
		if (rec->pid == rec->tid)
			proc_unlist(g, rec->pid);
		task_free(g, t);
	}
	t = guest_task(g, rec->pid, rec->tid);
	if (!t)
		return;
	memcpy(t->was, t->comm, sizeof(t->was));
	t->late = MAX_LATE;
	task_rename(t, rec->comm);
	t->kthread = rec->tflags & VMCOOP_T_KTHREAD;
	if (rec->hdr.size >= sizeof(*rec))
		set_place(t, rec->ns_pid, rec->ns_tid, rec->cgroup);
	if (rec->hdr.flags & VMCOOP_F_EXEC) {
		aspace_put(g, t->proc->as);
		t->proc->as = NULL;
		t->proc->space = guest_new_id();
	}
}

static void on_fork(struct guest *g, const struct vmcoop_guest_fork *rec)
{
	struct task *parent = guest_find_task(g, rec->ptid);
	struct task *t = guest_find_task(g, rec->tid);
	bool thread = rec->pid != rec->tid;

	if (t == parent && t)
		return;
	if (!thread)
		proc_unlist(g, rec->pid);
	if (t)
		task_free(g, t);
	t = task_new(g, rec->pid, rec->tid);
	if (t && rec->hdr.size >= sizeof(*rec))
		set_place(t, rec->ns_pid, rec->ns_tid, rec->cgroup);
	if (!t || !parent)
		return;
	memcpy(t->comm, parent->comm, sizeof(t->comm));
	t->kthread = parent->kthread;
	if (!thread)
		t->proc->as = aspace_get(parent->proc->as);
	t->proc->space = guest_new_id();
}

/* Forgets what ended GUEST_MAX_EXITED exits ago. */
static void on_exit_record(struct guest *g, const struct vmcoop_guest_exit *rec)
{
	struct task *t = guest_find_task(g, rec->tid), *old;
	u32 at;

	if (!t || t->exited)
		return;
	t->exited = true;
	at = g->next_exited++ % GUEST_MAX_EXITED;
	old = guest_find_task(g, g->exited[at].tid);
	if (old && old->exited && old->serial == g->exited[at].serial)
		task_free(g, old);
	g->exited[at].tid = t->tid;
	g->exited[at].serial = t->serial;
}

/**
 * struct file - a file that was mapped
 * @dso: what its path names, as of the last mapping
 */
struct file {
	struct dso *dso;
	u8 len;
	u8 id[VMCOOP_BUILD_ID_MAX];
};

static u64 file_key(u32 major, u32 minor, u64 ino)
{
	return hash_u64(ino) ^ ((u64)major << 32 | minor);
}

static void set_build_id(const struct file *f)
{
	if (!f->dso || !f->len)
		return;
	f->dso->key = 0;
	f->dso->build_id_len = f->len;
	memcpy(f->dso->build_id, f->id, f->len);
}

/* NULL: there is no more room. */
static struct file *find_file(struct guest *g, u64 key)
{
	struct file *f = map_get(&g->files, key);

	if (!f && g->files.used < GUEST_MAX_FILES) {
		f = xcalloc(1, sizeof(*f));
		map_put(&g->files, key, f);
	}
	return f;
}

/* The build-id of what was mapped, whether it was told before or comes later. */
static void identify(struct guest *g, const struct vmcoop_guest_mmap *rec, struct dso *dso)
{
	struct file *f;

	if (!rec->ino || !dso->file)
		return;
	f = find_file(g, file_key(rec->dev_major, rec->dev_minor, rec->ino));
	if (!f)
		return;
	f->dso = dso;
	set_build_id(f);
}

static void on_build_id(struct guest *g, const struct vmcoop_guest_buildid *rec)
{
	struct file *f = find_file(g, file_key(rec->dev_major, rec->dev_minor, rec->ino));

	if (!f || rec->len > sizeof(f->id)) {
		g->limited++;
		return;
	}
	f->len = rec->len;
	memcpy(f->id, rec->id, rec->len);
	set_build_id(f);
}

static void on_cgroup(struct guest *g, const struct vmcoop_guest_cgroup *rec)
{
	if (g->cgroups.used >= GUEST_MAX_CGROUPS && !guest_cgroup(g, rec->cgroup)) {
		g->limited++;
		return;
	}
	free(map_put(&g->cgroups, rec->cgroup, xstrndup(rec->path, rec->path_len)));
}

const char *guest_cgroup(const struct guest *g, u64 cgroup)
{
	return map_get(&g->cgroups, cgroup);
}

static void on_mmap(struct guest *g, const struct vmcoop_guest_mmap *rec)
{
	struct proc *p = map_get(&g->procs, rec->pid);
	struct mapping m = {
		.start = rec->start,
		.end = rec->start + rec->len,
		.pgoff = rec->pgoff,
	};
	u32 before = p && p->as ? p->as->nr : 0;
	bool hole = rec->hdr.flags & VMCOOP_F_NOEXEC;
	struct aspace *as;

	if (hole && !before)
		return;
	if (!p) {
		struct task *t = guest_task(g, rec->pid, rec->pid);

		if (!t)
			return;
		p = t->proc;
	}
	/* The copy of a shared address space counts, too. */
	if (g->nr_mappings + before + 2 > GUEST_MAX_MAPPINGS ||
	    before + 2 > GUEST_MAX_ASPACE) {
		g->limited++;
		return;
	}
	if (!hole) {
		m.dso = dso_get(g->dsos, rec->path, rec->path_len);
		identify(g, rec, m.dso);
	}
	as = aspace_own(g, p);
	before = as->nr;
	aspace_map(as, &m, hole);
	p->space = guest_new_id();
	g->nr_mappings += as->nr - before;
}

static void on_kernel(struct guest *g, const struct vmcoop_guest_kernel *rec)
{
	copy_field(g->anchor, rec->symbol, sizeof(rec->symbol));
	g->anchor_addr = rec->addr;
}

void guest_record(struct guest *g, const struct vmcoop_hdr *hdr)
{
	g->changes++;
	switch (hdr->type) {
	case VMCOOP_GUEST_COMM:
		on_comm(g, (const void *)hdr);
		break;
	case VMCOOP_GUEST_FORK:
		on_fork(g, (const void *)hdr);
		break;
	case VMCOOP_GUEST_EXIT:
		on_exit_record(g, (const void *)hdr);
		break;
	case VMCOOP_GUEST_MMAP:
		on_mmap(g, (const void *)hdr);
		break;
	case VMCOOP_GUEST_KERNEL:
		on_kernel(g, (const void *)hdr);
		break;
	case VMCOOP_GUEST_BUILDID:
		on_build_id(g, (const void *)hdr);
		break;
	case VMCOOP_GUEST_CGROUP:
		on_cgroup(g, (const void *)hdr);
		break;
	case VMCOOP_GUEST_CONFIG:
		g->config = *(const struct vmcoop_guest_config *)hdr;
		g->configured = true;
		break;
	}
}

const struct mapping *guest_mapping(const struct task *task, u64 addr)
{
	const struct aspace *as = task->proc->as;
	u32 i;

	if (!as)
		return NULL;
	i = aspace_search(as, addr);
	return i < as->nr && as->maps[i].start <= addr ? &as->maps[i] : NULL;
}

/* ---- Begin and end ---------------------------------------------------------------- */

struct guest *guest_new(struct dsos *dsos)
{
	struct guest *g = xcalloc(1, sizeof(*g));

	g->dsos = dsos;
	g->exited = xcalloc(GUEST_MAX_EXITED, sizeof(*g->exited));
	return g;
}

void guest_free(struct guest *g)
{
	struct task *t;
	void *val;
	size_t i;

	if (!g)
		return;
	map_for_each(&g->cgroups, i, val)
		free(val);
	map_for_each(&g->files, i, val)
		free(val);
	map_free(&g->cgroups);
	map_free(&g->files);
	map_for_each(&g->tasks, i, t)
		task_free(g, t);
	map_free(&g->tasks);
	map_free(&g->procs);
	free(g->exited);
	free(g);
}
