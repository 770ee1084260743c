// SPDX-License-Identifier: GPL-2.0-only
/* /proc/vmcoop of a guest: what the rings hold, and how they fare. */
#include <linux/mutex.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "guest.h"
#include "walk.h"

static struct proc_dir_entry *dir;

static const char *mode_name(u8 mode)
{
	switch (mode) {
	case VMCOOP_MODE_USER:
		return "user";
	case VMCOOP_MODE_KERNEL:
		return "kernel";
	case VMCOOP_MODE_IDLE:
		return "idle";
	}
	return "?";
}

/* The thread's present name, for people; the record has none. */
static void comm_now(u32 tid, char *comm, size_t size)
{
	struct task_struct *task;

	strscpy(comm, tid ? "-" : "swapper", size);
	rcu_read_lock();
	task = tid ? pid_task(find_pid_ns(tid, &init_pid_ns), PIDTYPE_PID) : NULL;
	if (task)
		strscpy(comm, task->comm, size);
	rcu_read_unlock();
}

/*
 * Whether kptr_restrict lets the reader see kernel addresses: %pK asks, and
 * prints zeros or a hash; only the zeros are a "no", the file is root's.
 */
static bool kernel_addresses_shown(void)
{
	char buf[2 * sizeof(void *) + 1];

	snprintf(buf, sizeof(buf), "%pK", &vmcoop_rings);
	return strspn(buf, "0") != strlen(buf);
}

static int samples_show(struct seq_file *m, void *v)
{
	const struct vmcoop_guest_tick *tick = v;
	char comm[TASK_COMM_LEN];

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "# stamp vcpu pid/tid comm mode ip\n");
		return 0;
	}
	comm_now(tick->tid, comm, sizeof(comm));
	seq_printf(m, "%llu %u %u/%u ", tick->hdr.stamp, tick->hdr.id, tick->pid, tick->tid);
	seq_escape_str(m, comm, ESCAPE_ANY_NP | ESCAPE_APPEND | ESCAPE_HEX, " \\");
	seq_printf(m, " %s ", mode_name(tick->mode));
	if (tick->mode == VMCOOP_MODE_USER)
		seq_printf(m, "%llx\n", tick->ip);
	else
		seq_printf(m, "%llx %pS\n", kernel_addresses_shown() ? tick->ip : 0,
			   (void *)(unsigned long)tick->ip);
	return 0;
}

static void *samples_start(struct seq_file *m, loff_t *pos)
{
	return vmcoop_walk_seq_start(m, pos, VMCOOP_GUEST_TICK);
}

static void *samples_next(struct seq_file *m, void *v, loff_t *pos)
{
	return vmcoop_walk_seq_next(m, v, pos, VMCOOP_GUEST_TICK);
}

static void samples_stop(struct seq_file *m, void *v)
{
}

static const struct seq_operations samples_ops = {
	.start	= samples_start,
	.next	= samples_next,
	.stop	= samples_stop,
	.show	= samples_show,
};

static int samples_open(struct inode *inode, struct file *file)
{
	struct vmcoop_walk *walk = vmcoop_walk_alloc(nr_cpu_ids);
	unsigned int cpu;
	int err;

	if (!walk)
		return -ENOMEM;
	for (cpu = 0; cpu < nr_cpu_ids; cpu++)
		walk->rings[cpu].ring = &vmcoop_rings.cpus[cpu].ring;
	err = seq_open(file, &samples_ops);
	if (err) {
		vmcoop_walk_free(walk);
		return err;
	}
	((struct seq_file *)file->private_data)->private = walk;
	return 0;
}

static int samples_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	vmcoop_walk_free(m->private);
	return seq_release(inode, file);
}

static const struct proc_ops samples_proc_ops = {
	.proc_open	= samples_open,
	.proc_read	= seq_read,
	.proc_lseek	= seq_lseek,
	.proc_release	= samples_release,
};

static void show_cpu(struct seq_file *m, unsigned int nr, struct vmcoop_ring_stats *st)
{
	static const char * const types[] = {
		[VMCOOP_GUEST_TICK]	= "tick",
		[VMCOOP_GUEST_SWITCH]	= "switch",
		[VMCOOP_GUEST_COMM]	= "comm",
		[VMCOOP_GUEST_FORK]	= "fork",
		[VMCOOP_GUEST_EXIT]	= "exit",
		[VMCOOP_GUEST_MMAP]	= "mmap",
		[VMCOOP_GUEST_KERNEL]	= "kernel",
	};
	struct vmcoop_guest_cpu *cpu = &vmcoop_rings.cpus[nr];
	unsigned int i;

	if (vmcoop_ring_stats(&cpu->ring, st))
		seq_puts(m, "# busy, figures of different instants:\n");
	seq_printf(m, "ring: cpu=%u vcpu=%u ticks=%llu produced=%llu overwritten=%llu bytes=%llu reader=%u",
		   nr, cpu->vcpu, READ_ONCE(cpu->ticks), st->produced, st->overwritten,
		   st->head - st->oldest, vmcoop_load(&cpu->ring.cons->attached));
	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i])
			seq_printf(m, " dropped_%s=%llu", types[i], st->dropped[i]);
	seq_putc(m, '\n');
}

static int status_show(struct seq_file *m, void *v)
{
	const char *uncached = vmcoop_arch_uncached(vmcoop_rings.region, vmcoop_rings.size);
	struct vmcoop_ring_stats *st;	/* too large for the stack */
	unsigned int cpu;

	st = kmalloc(sizeof(*st), GFP_KERNEL);
	if (!st)
		return -ENOMEM;
	seq_printf(m, "abi: %u\n", VMCOOP_ABI_VERSION);
	seq_printf(m, "region: device=%s size=%llu mapping=%s epoch=%llu\n", vmcoop_rings.name,
		   vmcoop_rings.size, uncached ?: "write-back",
		   vmcoop_load(&vmcoop_rings.region->guest.epoch));
	seq_printf(m, "snapshot: requested=%llu done=%llu\n",
		   vmcoop_load(&vmcoop_rings.region->host.snap_request),
		   vmcoop_load(&vmcoop_rings.region->guest.snap_done));
	seq_printf(m, "rings: %u of %llu bytes\n", nr_cpu_ids, vmcoop_rings.data_size);
	for_each_possible_cpu(cpu)
		show_cpu(m, cpu, st);
	kfree(st);
	return 0;
}

int vmcoop_proc_init(void)
{
	dir = proc_mkdir_mode("vmcoop", 0500, NULL);
	if (!dir) {
		pr_err("/proc/vmcoop exists: vmcoop_host and vmcoop_guest cannot share a kernel\n");
		return -EEXIST;
	}
	if (!proc_create("samples", 0400, dir, &samples_proc_ops) ||
	    !proc_create_single("status", 0400, dir, status_show)) {
		pr_err("no memory for /proc/vmcoop\n");
		vmcoop_proc_exit();
		return -ENOMEM;
	}
	return 0;
}

void vmcoop_proc_exit(void)
{
	proc_remove(dir);
}
