// SPDX-License-Identifier: GPL-2.0-only
/* /proc/vmcoop of a guest: what the rings hold, and how they fare. */
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

static void show_tick(struct seq_file *m, const struct vmcoop_hdr *hdr)
{
	const struct vmcoop_guest_tick *tick = (const void *)hdr;
	char comm[sizeof(tick->comm) + 1] = "";

	memcpy(comm, tick->comm, sizeof(tick->comm));
	seq_printf(m, "%20llu %4u %7u %7u ", tick->hdr.stamp, tick->hdr.id, tick->pid, tick->tid);
	seq_escape_str(m, comm, ESCAPE_ANY_NP | ESCAPE_APPEND | ESCAPE_HEX, " \\");
	seq_printf(m, " %s ", mode_name(tick->mode));
	if (tick->pid == VMCOOP_PID_OUTSIDE)
		seq_puts(m, "outside\n");
	else if (tick->mode == VMCOOP_MODE_USER)
		seq_printf(m, "0x%llx\n", tick->ip);
	else
		seq_printf(m, "0x%llx %pS\n", kernel_addresses_shown() ? tick->ip : 0,
			   (void *)(unsigned long)tick->ip);
}

/* Of the possible CPUs, the one behind @nr others. */
static struct vmcoop_ring *ring_of(unsigned int nr)
{
	unsigned int cpu = cpumask_first(cpu_possible_mask);

	while (nr--)
		cpu = cpumask_next(cpu, cpu_possible_mask);
	return &per_cpu(vmcoop_cpu, cpu).ring;
}

static int samples_open(struct inode *inode, struct file *file)
{
	static struct vmcoop_samples samples = {
		.ring		= ring_of,
		.type		= VMCOOP_GUEST_TICK,
		.size		= sizeof(struct vmcoop_guest_tick),
		.heading	= "#              stamp vcpu     pid     tid comm mode ip symbol\n",
		.show		= show_tick,
	};

	samples.nr = num_possible_cpus();
	return vmcoop_samples_open(file, &samples);
}

static const struct proc_ops samples_ops = {
	.proc_open	= samples_open,
	.proc_read	= seq_read,
	.proc_lseek	= seq_lseek,
	.proc_release	= vmcoop_samples_release,
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
		[VMCOOP_GUEST_CONFIG]	= "config",
		[VMCOOP_GUEST_CPU]	= "cpu",
		[VMCOOP_GUEST_BUILDID]	= "buildid",
		[VMCOOP_GUEST_MODULE]	= "module",
		[VMCOOP_GUEST_CGROUP]	= "cgroup",
		[VMCOOP_GUEST_SYMBOLS]	= "symbols",
	};
	struct vmcoop_guest_cpu *cpu = &per_cpu(vmcoop_cpu, nr);
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
	vmcoop_tick_show(m);
	vmcoop_focus_show(m);
	seq_printf(m, "build-ids: %llu files left out for want of memory\n",
		   vmcoop_buildid_skipped());
	seq_printf(m, "snapshot: requested=%llu done=%llu\n",
		   vmcoop_load(&vmcoop_rings.region->host.snap_request),
		   vmcoop_load(&vmcoop_rings.region->guest.snap_done));
	seq_printf(m, "rings: %u of %llu bytes\n", nr_cpu_ids, vmcoop_rings.data_size);
	for_each_possible_cpu(cpu)
		show_cpu(m, cpu, st);
	kfree(st);
	return 0;
}

/* ---- control ---------------------------------------------------------------- */

static int run_command(char *line)
{
	int err;

	if (strncmp(line, "focus ", 6)) {
		pr_err("control: '%s' is no command: focus WORD\n", line);
		return -EINVAL;
	}
	err = vmcoop_focus_set(strim(line + 6));
	if (!err)
		vmcoop_snapshot_now();
	return err;
}

/* One command a line; those before a bad one are carried out. */
static ssize_t control_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	char *text, *rest, *line;
	int err = 0;

	if (len >= PAGE_SIZE)
		return -E2BIG;
	text = memdup_user_nul(from, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	for (rest = text; !err && (line = strsep(&rest, "\n")); )
		if (*line)
			err = run_command(line);
	kfree(text);
	return err ?: len;
}

static const struct proc_ops control_ops = {
	.proc_write	= control_write,
	.proc_lseek	= noop_llseek,
};

/* ---- Begin and end ------------------------------------------------------------ */

int vmcoop_proc_init(void)
{
	dir = vmcoop_proc_make(&samples_ops, status_show);
	if (!IS_ERR(dir) && (!proc_create("control", 0200, dir, &control_ops) ||
			     vmcoop_symbols_start(dir))) {
		proc_remove(dir);
		return -ENOMEM;
	}
	if (!IS_ERR(dir))
		return 0;
	if (PTR_ERR(dir) == -EEXIST)
		pr_err("/proc/vmcoop is in use: one kernel holds vmcoop_host or vmcoop_guest, not both\n");
	return PTR_ERR(dir);
}

void vmcoop_proc_exit(void)
{
	vmcoop_symbols_stop();
	proc_remove(dir);
}
