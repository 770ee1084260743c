// SPDX-License-Identifier: GPL-2.0-only
/*
 * Focus: which processes are recorded, all of them unless somebody asks.
 *
 * Chosen by number, name or cgroup; any one is enough, children follow if asked,
 * and who has come into focus stays there until it ends. The numbers of those
 * who are in lie in an array that ticks and switches look into; it is kept by
 * what happens to tasks (tasks.c, cgroup.c). Of all others it is recorded that
 * they run, not who they are.
 */
#include <linux/cgroup.h>
#include <linux/ctype.h>
#include <linux/kstrtox.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "guest.h"

#define MAX_NAMED	16
#define MAX_ANCESTORS	64
#define MAX_PATH	1024

/**
 * struct criteria - what puts a process into focus; replaced as a whole
 * @nr_pids: in @pids
 * @nr_comms: in @comms
 * @pids: numbers, as the initial pid namespace counts
 * @comms: names of the process's leader
 * @cgroup: it or one below, NULL: none; held
 * @path: its path
 * @children: of a process in focus are so, too
 */
struct criteria {
	unsigned int nr_pids, nr_comms;
	u32 pids[MAX_NAMED];
	char comms[MAX_NAMED][TASK_COMM_LEN];
	struct cgroup *cgroup;
	char path[MAX_PATH];
	bool children;
};

static char *pid = "";
module_param(pid, charp, 0444);
MODULE_PARM_DESC(pid, "record only these processes (numbers, comma-separated)");

static char *comm = "";
module_param(comm, charp, 0444);
MODULE_PARM_DESC(comm, "record only processes of these names (comma-separated)");

static char *cgroup = "";
module_param(cgroup, charp, 0444);
MODULE_PARM_DESC(cgroup, "record only processes in this cgroup or below (path in the unified hierarchy)");

static bool children;
module_param(children, bool, 0444);
MODULE_PARM_DESC(children, "record the children of recorded processes, too (default 0)");

static DEFINE_MUTEX(lock);			/* of changes */
static struct criteria __rcu *criteria;		/* NULL: all are in focus */
static DEFINE_XARRAY(members);			/* by tgid */
bool vmcoop_focused;				/* criteria are set */
static atomic64_t forgotten;			/* processes left out for want of memory */

bool vmcoop_is_member(struct task_struct *task)
{
	return xa_load(&members, task->tgid);
}

/* ---- Who is in --------------------------------------------------------------- */

static bool in_cgroup(const struct criteria *c, struct task_struct *task)
{
#ifdef CONFIG_CGROUPS
	return c->cgroup && cgroup_is_descendant(task_dfl_cgroup(task), c->cgroup);
#else
	return false;
#endif
}

static bool matches(const struct criteria *c, struct task_struct *task, const char *name)
{
	unsigned int i;

	for (i = 0; i < c->nr_pids; i++)
		if (c->pids[i] == task->tgid)
			return true;
	for (i = 0; i < c->nr_comms; i++)
		if (!strncmp(c->comms[i], name, TASK_COMM_LEN))
			return true;
	return in_cgroup(c, task);
}

static void add(u32 tgid, gfp_t gfp)
{
	if (xa_is_err(xa_store(&members, tgid, xa_mk_value(1), gfp)))
		atomic64_inc(&forgotten);
}

bool vmcoop_focus_named(struct task_struct *task, const char *name)
{
	const struct criteria *c;
	bool in;

	if (vmcoop_in_focus(task))
		return false;
	rcu_read_lock();
	c = rcu_dereference(criteria);
	in = c && thread_group_leader(task) && matches(c, task, name);
	rcu_read_unlock();
	if (in)
		add(task->tgid, GFP_ATOMIC | __GFP_NOWARN);
	return in;
}

void vmcoop_focus_fork(struct task_struct *parent, struct task_struct *child)
{
	const struct criteria *c;
	bool in;

	if (!READ_ONCE(vmcoop_focused) || !thread_group_leader(child))
		return;
	rcu_read_lock();
	c = rcu_dereference(criteria);
	in = c && ((c->children && vmcoop_in_focus(parent)) || matches(c, child, child->comm));
	rcu_read_unlock();
	if (in)
		add(child->tgid, GFP_ATOMIC | __GFP_NOWARN);
}

void vmcoop_focus_exit(struct task_struct *task)
{
	/* The number may come back as another process. */
	if (READ_ONCE(vmcoop_focused) && !atomic_read(&task->signal->live))
		xa_erase(&members, task->tgid);
}

/* One of the task's ancestors is in. Under RCU. */
static bool has_ancestor(struct task_struct *task)
{
	unsigned int n;

	for (n = 0; n < MAX_ANCESTORS && task->tgid > 1; n++) {
		task = rcu_dereference(task->real_parent);
		if (xa_load(&members, task->tgid))
			return true;
	}
	return false;
}

/* All processes that are there, by the criteria in force. */
static void admit_all(const struct criteria *c)
{
	struct task_struct *process;

	rcu_read_lock();
	for_each_process(process)
		if (matches(c, process, process->comm))
			add(process->tgid, GFP_ATOMIC);
	for_each_process(process)
		if (c->children && has_ancestor(process))
			add(process->tgid, GFP_ATOMIC);
	rcu_read_unlock();
}

/* ---- Criteria ------------------------------------------------------------------ */

static int set_pids(struct criteria *c, char *list)
{
	char *word;

	c->nr_pids = 0;
	if (!*list)
		return 0;
	for (; (word = strsep(&list, ",")); c->nr_pids++) {
		if (c->nr_pids == MAX_NAMED) {
			pr_err("pid: more than %u processes named\n", MAX_NAMED);
			return -E2BIG;
		}
		if (kstrtou32(word, 10, &c->pids[c->nr_pids]) || !c->pids[c->nr_pids]) {
			pr_err("pid=%s: must be a process's number\n", word);
			return -EINVAL;
		}
	}
	return 0;
}

static int set_comms(struct criteria *c, char *list)
{
	char *word;

	c->nr_comms = 0;
	if (!*list)
		return 0;
	for (; (word = strsep(&list, ",")); c->nr_comms++) {
		if (!*word) {
			pr_err("comm: an empty name\n");
			return -EINVAL;
		}
		if (c->nr_comms == MAX_NAMED) {
			pr_err("comm: more than %u names\n", MAX_NAMED);
			return -E2BIG;
		}
		/* As the kernel cuts names. */
		strscpy(c->comms[c->nr_comms], word, TASK_COMM_LEN);
	}
	return 0;
}

static void drop_cgroup(struct criteria *c)
{
#ifdef CONFIG_CGROUPS
	if (c->cgroup)
		cgroup_put(c->cgroup);
#endif
	c->cgroup = NULL;
	c->path[0] = '\0';
}

static int set_cgroup(struct criteria *c, const char *path)
{
	struct cgroup *cgrp = ERR_PTR(-EOPNOTSUPP);

	drop_cgroup(c);
	if (!*path)
		return 0;
#ifdef CONFIG_CGROUPS
	cgrp = cgroup_get_from_path(path);
#endif
	if (IS_ERR(cgrp) || strscpy(c->path, path, sizeof(c->path)) < 0) {
		pr_err("cgroup=%s: no such cgroup in the unified hierarchy (%d)\n", path,
		       PTR_ERR_OR_ZERO(cgrp));
		return IS_ERR(cgrp) ? PTR_ERR(cgrp) : -ENAMETOOLONG;
	}
	c->cgroup = cgrp;
	return 0;
}

static int set_criterion(struct criteria *c, char *word)
{
	char *value = strchr(word, '=');

	if (!strcmp(word, "all")) {
		c->nr_pids = 0;
		c->nr_comms = 0;
		c->children = false;
		return set_cgroup(c, "");
	}
	if (value)
		*value++ = '\0';
	if (value && !strcmp(word, "pid"))
		return set_pids(c, value);
	if (value && !strcmp(word, "comm"))
		return set_comms(c, value);
	if (value && !strcmp(word, "cgroup"))
		return set_cgroup(c, value);
	if (value && !strcmp(word, "children") && !kstrtobool(value, &c->children))
		return 0;
	pr_err("focus %s: must be all, pid=N[,N], comm=NAME[,NAME], cgroup=PATH or children=0|1\n",
	       word);
	return -EINVAL;
}

/* A copy of the criteria in force, with a hold on its cgroup. */
static struct criteria *copy_criteria(void)
{
	const struct criteria *now = rcu_dereference_protected(criteria, lockdep_is_held(&lock));
	struct criteria *c = kzalloc(sizeof(*c), GFP_KERNEL);

	if (!c || !now)
		return c;
	*c = *now;
#ifdef CONFIG_CGROUPS
	if (c->cgroup)
		cgroup_get(c->cgroup);
#endif
	return c;
}

static void free_criteria(struct criteria *c)
{
	if (c)
		drop_cgroup(c);
	kfree(c);
}

/* Put @c, which may be NULL, in force. */
static void enforce(struct criteria *c)
{
	struct criteria *was = rcu_dereference_protected(criteria, lockdep_is_held(&lock));

	if (c && !c->nr_pids && !c->nr_comms && !c->cgroup) {
		free_criteria(c);
		c = NULL;
	}
	rcu_assign_pointer(criteria, c);
	synchronize_rcu();
	free_criteria(was);
	if (!c)
		WRITE_ONCE(vmcoop_focused, false);
	xa_destroy(&members);
	if (!c)
		return;
	admit_all(c);
	WRITE_ONCE(vmcoop_focused, true);
}

int vmcoop_focus_set(char *word)
{
	struct criteria *c;
	int err = -ENOMEM;

	mutex_lock(&lock);
	c = copy_criteria();
	if (c)
		err = set_criterion(c, word);
	if (err)
		free_criteria(c);
	else
		enforce(c);
	mutex_unlock(&lock);
	return err;
}

/* The parameters', before anything is recorded. */
int vmcoop_focus_start(void)
{
	struct criteria *c = kzalloc(sizeof(*c), GFP_KERNEL);
	char *pids = kstrdup(pid, GFP_KERNEL), *comms = kstrdup(comm, GFP_KERNEL);
	int err = -ENOMEM;

	if (c && pids && comms) {
		c->children = children;
		err = set_pids(c, pids) ?: set_comms(c, comms) ?: set_cgroup(c, cgroup);
	}
	mutex_lock(&lock);
	if (err)
		free_criteria(c);
	else
		enforce(c);
	mutex_unlock(&lock);
	kfree(pids);
	kfree(comms);
	return err;
}

void vmcoop_focus_stop(void)
{
	mutex_lock(&lock);
	enforce(NULL);
	mutex_unlock(&lock);
}

void vmcoop_focus_show(struct seq_file *m)
{
	const struct criteria *c;
	unsigned long tgid;
	unsigned int i, n = 0;
	void *entry;

	mutex_lock(&lock);
	c = rcu_dereference_protected(criteria, lockdep_is_held(&lock));
	if (!c) {
		seq_puts(m, "focus: all processes\n");
		goto out;
	}
	xa_for_each(&members, tgid, entry)
		n++;
	seq_printf(m, "focus: processes=%u children=%u left_out_for_want_of_memory=%lld", n,
		   c->children, atomic64_read(&forgotten));
	for (i = 0; i < c->nr_pids; i++)
		seq_printf(m, " pid=%u", c->pids[i]);
	for (i = 0; i < c->nr_comms; i++) {
		seq_puts(m, " comm=");
		seq_escape_str(m, c->comms[i], ESCAPE_ANY_NP | ESCAPE_APPEND | ESCAPE_HEX, " \\");
	}
	if (c->cgroup) {
		seq_puts(m, " cgroup=");
		seq_escape_str(m, c->path, ESCAPE_ANY_NP | ESCAPE_APPEND | ESCAPE_HEX, " \\");
	}
	seq_putc(m, '\n');
out:
	mutex_unlock(&lock);
}
