// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/vmcoop/samples: what the rings hold now, for people. It takes nothing
 * from them and ends.
 * /proc/vmcoop/status: what is measured, how it goes, and what was lost.
 * /proc/vmcoop/control: the settings, and commands (control.c).
 *
 * They show addresses of guests: root alone may look.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/utsname.h>

#include "../common/walk.h"
#include "arch.h"

#define VH_LINE	160

static struct proc_dir_entry *vh_proc_dir;

/* ---- samples -------------------------------------------------------------- */

static void vh_sample_show(struct seq_file *m, const struct vmcoop_hdr *hdr)
{
	const struct vmcoop_host_sample *sample = (const void *)hdr;
	char line[VH_LINE];

	vh_text_sample(line, sizeof(line), sample, vh_event_name(sample->event));
	seq_puts(m, line);
}

static int vh_samples_open(struct inode *inode, struct file *file)
{
	static struct vmcoop_samples samples = {
		.ring		= vh_ring,
		.type		= VMCOOP_HOST_SAMPLE,
		.size		= sizeof(struct vmcoop_host_sample),
		.heading	= vh_text_heading,
		.show		= vh_sample_show,
	};

	samples.nr = vh_rings_nr();
	return vmcoop_samples_open(file, &samples);
}

static const struct proc_ops vh_samples_ops = {
	.proc_open	= vh_samples_open,
	.proc_read	= seq_read,
	.proc_lseek	= seq_lseek,
	.proc_release	= vmcoop_samples_release,
};

/* ---- status --------------------------------------------------------------- */

static int vh_count_types(struct vmcoop_ring *ring, u64 *count)
{
	const struct vmcoop_hdr *hdr;
	struct vmcoop_cursor c;
	int ret = vmcoop_cursor_init(&c, ring);

	if (ret)
		return ret;
	while ((hdr = vmcoop_cursor_next(&c)))
		count[hdr->type % VMCOOP_REC_TYPES]++;
	vmcoop_cursor_exit(&c);
	return 0;
}

static void vh_types_show(struct seq_file *m, const char *what, const u64 *count)
{
	bool any = false;
	unsigned int i;

	seq_printf(m, "  %s by type:", what);
	for (i = 0; i < VMCOOP_REC_TYPES; i++) {
		if (!count[i])
			continue;
		seq_printf(m, " %s %llu", vh_text_type(i), count[i]);
		any = true;
	}
	seq_puts(m, any ? "\n" : " none\n");
}

static void vh_ring_show(struct seq_file *m, unsigned int index, u64 *dropped)
{
	struct vmcoop_ring *ring = vh_ring(index);
	bool attached = vmcoop_load(&ring->cons->attached);
	struct vmcoop_ring_stats st;
	u64 lost = 0, from;
	unsigned int i;

	if (vmcoop_ring_stats(ring, &st)) {
		seq_printf(m, "  ring %u: too busy to be read\n", index);
		return;
	}
	for (i = 0; i < VMCOOP_REC_TYPES; i++) {
		lost += st.dropped[i];
		dropped[i] += st.dropped[i];
	}
	if (!st.produced)
		return;
	from = attached ? vmcoop_load(&ring->cons->tail) : st.oldest;
	seq_printf(m, "  ring %u (cpu %u, %s): produced %llu dropped %llu overwritten %llu",
		   index, index / 2, index % 2 ? "NMI" : "irq off", st.produced, lost,
		   st.overwritten);
	seq_printf(m, ", %llu bytes %s\n", st.head - from, attached ? "unread" : "held");
}

static int vh_rings_show(struct seq_file *m)
{
	u64 count[VMCOOP_REC_TYPES] = { 0 };
	unsigned int i;
	int ret;

	seq_printf(m, "rings: %u of %llu KiB, %llu KiB in all, %s\n", vh_rings_nr(),
		   (vh_ring_stride() - 2 * PAGE_SIZE) >> 10,
		   vh_rings_nr() * vh_ring_stride() >> 10,
		   vh_dev_in_use() ? "/dev/vmcoop is open" : "no reader");
	for (i = 0; i < vh_rings_nr(); i++)
		vh_ring_show(m, i, count);
	vh_types_show(m, "dropped", count);

	memset(count, 0, sizeof(count));
	for (i = 0; i < vh_rings_nr(); i++) {
		ret = vh_count_types(vh_ring(i), count);
		if (ret)
			return ret;
	}
	vh_types_show(m, "in the rings", count);
	return 0;
}

static int vh_status_show(struct seq_file *m, void *v)
{
	const char *trouble = vh_arch_clock_trouble();

	seq_printf(m, "vmcoop_host %s, ABI %u, %s, kernel %s\n", VH_VERSION, VMCOOP_ABI_VERSION,
		   vh_arch_name(), init_utsname()->release);
	seq_printf(m, "clock: %llu kHz, %s\n", vh_arch_clock_khz(),
		   trouble ? trouble : "stable");
	vh_probes_show(m);
	mutex_lock(&vh_control_lock);
	vh_events_show(m);
	mutex_unlock(&vh_control_lock);
	vh_vms_show(m);
	vh_vcpus_show(m);
	return vh_rings_show(m);
}

/* ---- control -------------------------------------------------------------- */

static int vh_control_seq(struct seq_file *m, void *v)
{
	vh_control_show(m);
	return 0;
}

static int vh_control_open(struct inode *inode, struct file *file)
{
	int ret = vmcoop_may_look();

	return ret ? ret : single_open(file, vh_control_seq, NULL);
}

static ssize_t vh_proc_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	int ret;

	mutex_lock(&vh_control_lock);
	if (vh_dev_in_use()) {
		vh_message_clear();
		vh_err("control: /dev/vmcoop is open: settings are its reader's until it closes it");
		ret = -EBUSY;
	} else {
		ret = vh_control_write(buf, len);
	}
	mutex_unlock(&vh_control_lock);
	return ret ? ret : len;
}

static const struct proc_ops vh_control_ops = {
	.proc_open	= vh_control_open,
	.proc_read	= seq_read,
	.proc_write	= vh_proc_write,
	.proc_lseek	= seq_lseek,
	.proc_release	= single_release,
};

/* ---- All ----------------------------------------------------------------- */

void vh_proc_exit(void)
{
	proc_remove(vh_proc_dir);
}

int vh_proc_init(void)
{
	vh_proc_dir = vmcoop_proc_make(&vh_samples_ops, vh_status_show);
	if (!IS_ERR(vh_proc_dir)) {
		if (proc_create("control", 0600, vh_proc_dir, &vh_control_ops))
			return 0;
		proc_remove(vh_proc_dir);
		return -ENOMEM;
	}
	if (PTR_ERR(vh_proc_dir) == -EEXIST)
		pr_err("/proc/vmcoop is in use: one kernel holds vmcoop_host or vmcoop_guest, not both\n");
	return PTR_ERR(vh_proc_dir);
}
