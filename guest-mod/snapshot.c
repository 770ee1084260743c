// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was there before: names and executable mappings of all tasks, told when
 * the host asks (it does as it begins to read, and whatever was told earlier
 * may be overwritten by then).
 *
 * tasks.c records meanwhile, so that nothing falls between.
 */
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat.h"
#include "guest.h"

static u64 requested;	/* last request taken up; written by the tick of any CPU */
static bool stopping;

static void emit_kernel_anchor(void)
{
	struct vmcoop_guest_kernel rec = {
		.hdr = VMCOOP_HDR(VMCOOP_GUEST_KERNEL, VMCOOP_F_SNAPSHOT, rec),
		.addr = (unsigned long)_printk,
		.symbol = "_printk",
	};

	vmcoop_emit(&rec.hdr);
}

/* Give the reader time while the ring we happen to write to is half full. */
static void wait_for_reader(void)
{
	unsigned int tries;

	for (tries = 0; tries < 100 && !READ_ONCE(stopping); tries++) {
		const struct vmcoop_ring *ring = &raw_cpu_ptr(&vmcoop_cpu)->ring;

		if (vmcoop_ring_unread(ring) <= ring->size / 2)
			return;
		msleep(20);
	}
}

static void emit_process(struct task_struct *task, struct xarray *told, void *buf)
{
	struct mm_struct *mm = get_task_mm(task);
	struct vm_area_struct *vma;

	vmcoop_emit_task_cgroup(task, told, buf);
	if (!mm)
		return;
	wait_for_reader();
	mmap_read_lock(mm);
	{
		VMA_ITERATOR(vmi, mm, 0);

		for_each_vma(vmi, vma)
			vmcoop_emit_mmap(task->tgid, vma, buf, VMCOOP_F_SNAPSHOT);
	}
	mmap_read_unlock(mm);
	mmput(mm);
}

/*
 * Record the names of tasks born at @since (monotonic ns) or later; hold every
 * process of them that has an address space in @tasks.
 */
static unsigned int emit_names(struct task_struct **tasks, unsigned int cap, u64 since)
{
	struct task_struct *process, *thread;
	unsigned int n = 0;

	rcu_read_lock();
	for_each_process_thread(process, thread) {
		char comm[TASK_COMM_LEN];

		if (thread->start_time < since || !vmcoop_in_focus(process))
			continue;
		strscpy(comm, thread->comm, sizeof(comm));
		vmcoop_emit_comm(thread, comm, VMCOOP_F_SNAPSHOT);
		if (thread == process && !(process->flags & PF_KTHREAD) && n < cap) {
			get_task_struct(process);
			tasks[n++] = process;
		}
	}
	rcu_read_unlock();
	return n;
}

static unsigned int count_processes(void)
{
	struct task_struct *process;
	unsigned int n = 0;

	rcu_read_lock();
	for_each_process(process)
		n++;
	rcu_read_unlock();
	return n;
}

static void emit_tasks(struct task_struct **tasks, unsigned int cap, struct xarray *told,
		       void *buf, u64 since)
{
	unsigned int i, n = emit_names(tasks, cap, since);

	for (i = 0; i < n; i++) {
		if (!READ_ONCE(stopping))
			emit_process(tasks[i], told, buf);
		put_task_struct(tasks[i]);
	}
}

static void take_snapshot(void)
{
	unsigned int cap = count_processes() + 64;
	struct task_struct **tasks = kvmalloc_array(cap, sizeof(*tasks), GFP_KERNEL);
	struct xarray told;		/* cgroups */
	void *buf = kmalloc(VMCOOP_REC_MAX, GFP_KERNEL);

	xa_init(&told);
	if (tasks && buf) {
		u64 begin = ktime_get_ns();

		vmcoop_emit_config();
		vmcoop_emit_cpus();
		emit_kernel_anchor();
		vmcoop_emit_modules();
		vmcoop_buildid_forget();
		emit_tasks(tasks, cap, &told, buf, 0);
		/*
		 * A child born meanwhile has its parent's mappings, of which
		 * nothing may have been known yet. From here on it is.
		 */
		emit_tasks(tasks, cap, &told, buf, begin);
	} else {
		pr_warn_ratelimited("no memory for a snapshot of the tasks: programs started earlier stay unnamed\n");
	}
	xa_destroy(&told);
	kfree(buf);
	kvfree(tasks);
}

static void snapshot_work(struct work_struct *work)
{
	u64 done = READ_ONCE(requested);

	take_snapshot();
	vmcoop_store_release(&vmcoop_rings.region->guest.snap_done, done);
	vmcoop_symbols_want(done);
}

static DECLARE_WORK(work, snapshot_work);

void vmcoop_snapshot_poll(void)
{
	u64 request = READ_ONCE(vmcoop_rings.region->host.snap_request);

	if (likely(request == READ_ONCE(requested)))
		return;
	WRITE_ONCE(requested, request);
	/* Lost on a stopping module only: cancelled work may not come back. */
	if (!READ_ONCE(stopping))
		queue_work(vmcoop_unbound_wq, &work);
}

void vmcoop_snapshot_now(void)
{
	if (!READ_ONCE(stopping))
		queue_work(vmcoop_unbound_wq, &work);
}

void vmcoop_snapshot_start(void)
{
	WRITE_ONCE(stopping, false);
	WRITE_ONCE(requested, READ_ONCE(vmcoop_rings.region->host.snap_request));
	queue_work(vmcoop_unbound_wq, &work);
}

void vmcoop_snapshot_stop(void)
{
	/* Ticks are over by now, so nothing queues the work again. */
	WRITE_ONCE(stopping, true);
	cancel_work_sync(&work);
}
