// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which cgroup of the unified hierarchy a task is in: containers and services.
 *
 * Records name a cgroup by its number; its path is told when the cgroup is made
 * or renamed, and in snapshots.
 */
#include <linux/cgroup.h>
#include <linux/kernfs.h>
#include <linux/sched/signal.h>
#include <linux/xarray.h>

#include "guest.h"

#ifdef CONFIG_CGROUPS

u64 vmcoop_task_cgroup(struct task_struct *task)
{
	u64 id;

	rcu_read_lock();
	id = cgroup_id(task_dfl_cgroup(task));
	rcu_read_unlock();
	return id;
}

/* Tell a cgroup's path, built in @buf of VMCOOP_REC_MAX bytes. Any context but NMI. */
static void emit_cgroup(struct cgroup *cgrp, void *buf, u8 flags)
{
	struct vmcoop_guest_cgroup *rec = buf;
	size_t room = VMCOOP_REC_MAX - sizeof(*rec) - 8;

	memset(rec, 0, sizeof(*rec));
	rec->path[0] = '\0';
	kernfs_path_from_node(cgrp->kn, NULL, rec->path, room);
	rec->path_len = strnlen(rec->path, room);
	memset(rec->path + rec->path_len, 0, 8);
	rec->hdr.type = VMCOOP_GUEST_CGROUP;
	rec->hdr.flags = flags;
	rec->hdr.size = ALIGN(sizeof(*rec) + rec->path_len, VMCOOP_REC_ALIGN);
	rec->cgroup = cgroup_id(cgrp);
	vmcoop_emit(&rec->hdr);
}

void vmcoop_emit_task_cgroup(struct task_struct *task, struct xarray *told, void *buf)
{
	struct cgroup *cgrp;
	bool news;
	u64 id;

	rcu_read_lock();
	cgrp = task_dfl_cgroup(task);
	id = cgroup_id(cgrp);
	news = !xa_load(told, id);
	if (news)
		emit_cgroup(cgrp, buf, VMCOOP_F_SNAPSHOT);
	rcu_read_unlock();
	/* Out of memory: it is told once more. */
	if (news)
		xa_store(told, id, xa_mk_value(1), GFP_KERNEL);
}

/* In task context. */
static void tell(struct cgroup *cgrp)
{
	preempt_disable_notrace();
	emit_cgroup(cgrp, this_cpu_read(vmcoop_cpu.scratch), 0);
	preempt_enable_notrace();
}

void vmcoop_emit_fork_cgroup(struct task_struct *parent, struct task_struct *child)
{
	rcu_read_lock();
	if (task_dfl_cgroup(child) != task_dfl_cgroup(parent))
		tell(task_dfl_cgroup(child));
	rcu_read_unlock();
}

static void probe_named(void *data, struct cgroup *cgrp, const char *path)
{
	/* The old hierarchies, of one controller each, are not followed. */
	if (cgrp->root == &cgrp_dfl_root)
		tell(cgrp);
}

static void probe_attach(void *data, struct cgroup *cgrp, const char *path,
			 struct task_struct *task, bool threadgroup)
{
	struct task_struct *thread;

	if (cgrp->root != &cgrp_dfl_root)
		return;
	if (vmcoop_focus_named(task, task->comm))
		vmcoop_snapshot_now();
	if (!vmcoop_in_focus(task))
		return;
	/* It may have been there before us, and empty. */
	tell(cgrp);
	if (!threadgroup) {
		vmcoop_emit_comm(task, task->comm, 0);
		return;
	}
	rcu_read_lock();
	for_each_thread(task, thread)
		vmcoop_emit_comm(thread, thread->comm, 0);
	rcu_read_unlock();
}

static struct vmcoop_probe probes[] = {
	{ "cgroup_mkdir", probe_named },
	{ "cgroup_rename", probe_named },
	{ "cgroup_attach_task", probe_attach },
};

int vmcoop_cgroup_start(void)
{
	return vmcoop_probes_register(probes, ARRAY_SIZE(probes));
}

void vmcoop_cgroup_stop(void)
{
	vmcoop_probes_unregister(probes, ARRAY_SIZE(probes));
}

#else /* CONFIG_CGROUPS */

u64 vmcoop_task_cgroup(struct task_struct *task)
{
	return 0;
}

void vmcoop_emit_task_cgroup(struct task_struct *task, struct xarray *told, void *buf)
{
}

void vmcoop_emit_fork_cgroup(struct task_struct *parent, struct task_struct *child)
{
}

int vmcoop_cgroup_start(void)
{
	return 0;
}

void vmcoop_cgroup_stop(void)
{
}

#endif
