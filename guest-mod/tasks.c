// SPDX-License-Identifier: GPL-2.0-only
/*
 * What names tasks and their code, recorded as it happens: names, forks,
 * exits, executable mappings.
 *
 * No usable tracepoint tells of mappings, so a kprobe sits where the kernel
 * tells perf about them: perf_event_mmap() is called whether perf is in use or
 * not, for every new mapping and every change of protection. Like perf's own
 * record, ours knows nothing of munmap and mremap: a new mapping overrides
 * what it overlaps.
 */
#include <linux/hash.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>
#include <linux/security.h>

#include "compat.h"
#include "guest.h"

/* A task's numbers in its own pid namespace. */
static void namespace_ids(struct task_struct *task, u32 *pid, u32 *tid)
{
	struct pid_namespace *ns;

	rcu_read_lock();
	ns = task_active_pid_ns(task);
	*pid = ns ? task_tgid_nr_ns(task, ns) : 0;
	*tid = ns ? task_pid_nr_ns(task, ns) : 0;
	rcu_read_unlock();
}

void vmcoop_emit_comm(struct task_struct *task, const char *comm, u8 flags)
{
	struct vmcoop_guest_comm rec = {
		.hdr = VMCOOP_HDR(VMCOOP_GUEST_COMM, flags, rec),
		.pid = task->tgid,
		.tid = task->pid,
		.tflags = task->flags & PF_KTHREAD ? VMCOOP_T_KTHREAD : 0,
		.cgroup = vmcoop_task_cgroup(task),
	};

	namespace_ids(task, &rec.ns_pid, &rec.ns_tid);
	strscpy(rec.comm, comm, sizeof(rec.comm));
	vmcoop_emit(&rec.hdr);
}

/*
 * execve names the task after it has dropped the old address space and before
 * it maps the new program (begin_new_exec()): the name's record marks the line
 * between old and new mappings. sched_process_exec comes when all is mapped.
 */
static void probe_task_rename(void *data, struct task_struct *task, const char *comm)
{
	bool exec = task == current && task->in_execve;
	bool came = vmcoop_focus_named(task, comm);

	if (!vmcoop_in_focus(task))
		return;
	/* What execve maps is told in any case; else the rest is told once more. */
	if (came && !exec)
		vmcoop_snapshot_now();
	vmcoop_emit_comm(task, comm, exec ? VMCOOP_F_EXEC : 0);
}

static void probe_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	struct vmcoop_guest_fork rec = {
		.hdr = VMCOOP_HDR(VMCOOP_GUEST_FORK, 0, rec),
		.pid = child->tgid,
		.tid = child->pid,
		.ppid = parent->tgid,
		.ptid = parent->pid,
		.cgroup = vmcoop_task_cgroup(child),
	};

	vmcoop_focus_fork(parent, child);
	if (!vmcoop_in_focus(child))
		return;
	vmcoop_emit_fork_cgroup(parent, child);
	namespace_ids(child, &rec.ns_pid, &rec.ns_tid);
	vmcoop_emit(&rec.hdr);
}

static void probe_exit(void *data, struct task_struct *task)
{
	struct vmcoop_guest_exit rec = {
		.hdr = VMCOOP_HDR(VMCOOP_GUEST_EXIT, 0, rec),
		.pid = task->tgid,
		.tid = task->pid,
	};

	if (vmcoop_in_focus(task))
		vmcoop_emit(&rec.hdr);
	vmcoop_focus_exit(task);
}

/* Name what is mapped; the name may lie in @buf, of @len bytes. */
static const char *mapping_name(struct vm_area_struct *vma, char *buf, int len)
{
	const char *name = NULL;

	if (vma->vm_file) {
		name = d_path(vmcoop_user_path(vma->vm_file), buf, len);
		if (!IS_ERR(name))
			return name;
		/* Longer than any call takes: its end tells most. */
		snprintf(buf, len, "//toolong/%pD4", vma->vm_file);
		return buf;
	}
	if (vma->vm_ops && vma->vm_ops->name)
		name = vma->vm_ops->name(vma);
	return name ?: "//anon";
}

void vmcoop_emit_mmap(u32 pid, struct vm_area_struct *vma, void *buf, u8 flags)
{
	struct vmcoop_guest_mmap *rec = buf;
	const char *name;

	if (!(vma->vm_flags & VM_EXEC))
		return;
	memset(rec, 0, sizeof(*rec));
	name = mapping_name(vma, rec->path, VMCOOP_REC_MAX - sizeof(*rec) - 8);
	rec->path_len = strlen(name);
	memmove(rec->path, name, rec->path_len);
	memset(rec->path + rec->path_len, 0, 8);
	rec->hdr.type = VMCOOP_GUEST_MMAP;
	rec->hdr.flags = flags;
	rec->hdr.size = ALIGN(sizeof(*rec) + rec->path_len, VMCOOP_REC_ALIGN);
	rec->pid = pid;
	rec->start = vma->vm_start;
	rec->len = vma->vm_end - vma->vm_start;
	if (vma->vm_file) {
		struct inode *inode = file_inode(vma->vm_file);

		rec->pgoff = (u64)vma->vm_pgoff << PAGE_SHIFT;
		rec->ino = inode->i_ino;
		rec->dev_major = MAJOR(inode->i_sb->s_dev);
		rec->dev_minor = MINOR(inode->i_sb->s_dev);
	}
	vmcoop_emit(&rec->hdr);
	if (vma->vm_file)
		vmcoop_buildid_want(vma->vm_file);
}

/*
 * The last executable mapping of an address space. A dynamic linker maps a whole
 * library as code, then puts data and gaps over parts of it, and JIT compilers
 * make code writable again: what lies over it and is no code must be told.
 */
struct last_code {
	const struct mm_struct *mm;
	unsigned long start, end;
};

#define LAST_CODE_BITS	8
/* One may take the other's place: the address space then keeps some code too many. */
static struct last_code last_code[1 << LAST_CODE_BITS];

static struct last_code *last_code_of(const struct mm_struct *mm)
{
	return &last_code[hash_ptr(mm, LAST_CODE_BITS)];
}

static void emit_no_code(u32 pid, const struct vm_area_struct *vma)
{
	const struct last_code *last = last_code_of(vma->vm_mm);
	struct vmcoop_guest_mmap rec = {
		.hdr = VMCOOP_HDR(VMCOOP_GUEST_MMAP, VMCOOP_F_NOEXEC, rec),
		.pid = pid,
		.start = vma->vm_start,
		.len = vma->vm_end - vma->vm_start,
	};

	if (last->mm == vma->vm_mm && vma->vm_start < last->end && vma->vm_end > last->start)
		vmcoop_emit(&rec.hdr);
}

/* Runs with preemption off: the CPU's scratch room is ours. */
static void tell_code(struct vm_area_struct *vma)
{
	*last_code_of(vma->vm_mm) = (struct last_code) {
		.mm = vma->vm_mm,
		.start = vma->vm_start,
		.end = vma->vm_end,
	};
	vmcoop_emit_mmap(current->tgid, vma, this_cpu_read(vmcoop_cpu.scratch), 0);
}

static int at_perf_event_mmap(struct kprobe *kp, struct pt_regs *regs)
{
	struct vm_area_struct *vma = (void *)regs_get_kernel_argument(regs, 0);

	/* What execve maps is told when it is done; nobody runs there yet. */
	if (vma->vm_mm != current->mm || current->in_execve || !vmcoop_in_focus(current))
		return 0;
	if (vma->vm_flags & VM_EXEC)
		tell_code(vma);
	else
		emit_no_code(current->tgid, vma);
	return 0;
}

/*
 * While it loads a program, the kernel maps each file as a whole and takes back
 * what is too much. Nobody else changes this address space now; should somebody
 * who looks at it hold it all the same, all is told.
 */
static void probe_exec(void *data, struct task_struct *task, pid_t old_pid,
		       struct linux_binprm *bprm)
{
	struct vm_area_struct *vma;

	if (!vmcoop_in_focus(task))
		return;
	if (!mmap_read_trylock(task->mm)) {
		vmcoop_snapshot_now();
		return;
	}
	/* Some kernels call probes with it on. */
	preempt_disable_notrace();
	{
		VMA_ITERATOR(vmi, task->mm, 0);

		for_each_vma(vmi, vma)
			if (vma->vm_flags & VM_EXEC)
				tell_code(vma);
	}
	preempt_enable_notrace();
	mmap_read_unlock(task->mm);
}

static struct kprobe mmap_probe = {
	.symbol_name	= "perf_event_mmap",
	.pre_handler	= at_perf_event_mmap,
};

static struct vmcoop_probe probes[] = {
	{ "task_rename", probe_task_rename },
	{ "sched_process_exec", probe_exec },
	{ "sched_process_fork", probe_fork },
	{ "sched_process_exit", probe_exit },
};

int vmcoop_tasks_start(void)
{
	int err;

	/* The kernel asks this for tracefs' kprobes, not for a module's. */
	err = security_locked_down(LOCKDOWN_KPROBES);
	if (err) {
		pr_err("the kernel is locked down (confidentiality): no kprobe may tell which programs are mapped\n");
		return err;
	}
	err = vmcoop_probes_register(probes, ARRAY_SIZE(probes));
	if (err)
		return err;
	err = register_kprobe(&mmap_probe);
	if (err) {
		pr_err("cannot put a kprobe on perf_event_mmap (%d): programs could not be found; the kernel needs CONFIG_KPROBES and CONFIG_PERF_EVENTS\n",
		       err);
		vmcoop_probes_unregister(probes, ARRAY_SIZE(probes));
	}
	return err;
}

void vmcoop_tasks_stop(void)
{
	unregister_kprobe(&mmap_probe);
	/* Ready for another device: the kernel keeps its findings in here. */
	mmap_probe.addr = NULL;
	mmap_probe.flags = 0;
	vmcoop_probes_unregister(probes, ARRAY_SIZE(probes));
}
