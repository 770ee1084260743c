// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/vmcoop/symbols: the way of symbols to the host.
 *
 * What is written there ('vmcoop-dump symbols' does) goes to the rings piece by
 * piece. It waits for the reader while less than half of a ring is free: room
 * for ticks and switches is worth more. Reading tells whether somebody records,
 * and, from the second time on, waits until a recording begins.
 */
#include <linux/jiffies.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "guest.h"

#define PIECE_MAX	(VMCOOP_REC_MAX / 2 - sizeof(struct vmcoop_guest_symbols))
#define WAIT_MS		10
#define PATIENCE	(10 * HZ)

/**
 * struct symbols_file - an open one
 * @bundle: number of what is written through it
 * @told: recording that the last read told of
 * @asked: there was one
 */
struct symbols_file {
	u64	bundle;
	u64	told;
	bool	asked;
};

static DECLARE_WAIT_QUEUE_HEAD(readers);
static atomic64_t bundles;
static u64 recording;	/* the host's last request for a snapshot */
static bool stopping;

static bool attached(void)
{
	return vmcoop_load(&raw_cpu_ptr(&vmcoop_cpu)->ring.cons->attached);
}

/* Whether the record went to this CPU's ring; not where little room is left. */
static bool emit_if_room(struct vmcoop_hdr *rec)
{
	const struct vmcoop_ring *ring;
	unsigned long flags;
	bool room;

	local_irq_save(flags);
	ring = &this_cpu_ptr(&vmcoop_cpu)->ring;
	room = vmcoop_ring_unread(ring) + rec->size <= ring->size / 2;
	if (room)
		vmcoop_emit(rec);
	local_irq_restore(flags);
	return room;
}

static int emit_patiently(struct vmcoop_hdr *rec)
{
	unsigned long end = jiffies + PATIENCE;

	while (attached() && !READ_ONCE(stopping)) {
		if (emit_if_room(rec))
			return 0;
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		schedule_timeout_interruptible(msecs_to_jiffies(WAIT_MS));
		if (signal_pending(current))
			return -EINTR;
	}
	return READ_ONCE(stopping) ? -ENODEV : -ENOTCONN;
}

static int write_piece(struct vmcoop_guest_symbols *rec, const char __user *from, u32 len)
{
	u32 size = ALIGN(sizeof(*rec) + len, VMCOOP_REC_ALIGN);

	if (copy_from_user(rec->bytes, from, len))
		return -EFAULT;
	memset(rec->bytes + len, 0, size - sizeof(*rec) - len);
	rec->hdr.size = size;
	rec->len = len;
	return emit_patiently(&rec->hdr);
}

static ssize_t symbols_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	const struct symbols_file *f = file->private_data;
	struct vmcoop_guest_symbols *rec;
	size_t done = 0;
	int err = 0;

	if (*pos < 0 || *pos > VMCOOP_SYMBOLS_MAX || len > VMCOOP_SYMBOLS_MAX - *pos)
		return -EFBIG;
	rec = kzalloc(sizeof(*rec) + PIECE_MAX, GFP_KERNEL);
	if (!rec)
		return -ENOMEM;
	rec->hdr.type = VMCOOP_GUEST_SYMBOLS;
	rec->bundle = f->bundle;
	while (done < len && !err) {
		u32 piece = min_t(size_t, len - done, PIECE_MAX);

		rec->offset = *pos + done;
		err = write_piece(rec, from + done, piece);
		if (!err)
			done += piece;
		cond_resched();
	}
	kfree(rec);
	*pos += done;
	return done ?: err;
}

/* Whether a read has something to tell that the one before it had not. */
static bool is_news(const struct symbols_file *f)
{
	return READ_ONCE(recording) != f->told || READ_ONCE(stopping);
}

static ssize_t symbols_read(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	struct symbols_file *f = file->private_data;
	char text[64];
	int err, n;

	if (f->asked) {
		err = wait_event_interruptible(readers, is_news(f));
		if (err)
			return err;
	}
	if (READ_ONCE(stopping))
		return -ENODEV;
	f->asked = true;
	f->told = READ_ONCE(recording);
	n = scnprintf(text, sizeof(text), "recording %llu reader %u\n", f->told, attached());
	if (len < n)
		return -EINVAL;
	return copy_to_user(to, text, n) ? -EFAULT : n;
}

static int symbols_open(struct inode *inode, struct file *file)
{
	struct symbols_file *f;

	if (!perfmon_capable())
		return -EPERM;
	f = kzalloc(sizeof(*f), GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	f->bundle = atomic64_inc_return(&bundles);
	file->private_data = f;
	return 0;
}

static int symbols_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static const struct proc_ops symbols_ops = {
	.proc_open	= symbols_open,
	.proc_read	= symbols_read,
	.proc_write	= symbols_write,
	.proc_lseek	= noop_llseek,
	.proc_release	= symbols_release,
};

void vmcoop_symbols_want(u64 request)
{
	if (request == READ_ONCE(recording))
		return;
	WRITE_ONCE(recording, request);
	wake_up_interruptible(&readers);
}

int vmcoop_symbols_start(struct proc_dir_entry *dir)
{
	WRITE_ONCE(stopping, false);
	return proc_create("symbols", 0600, dir, &symbols_ops) ? 0 : -ENOMEM;
}

void vmcoop_symbols_stop(void)
{
	/* Who sleeps in a call would keep the file from being removed. */
	WRITE_ONCE(stopping, true);
	wake_up_interruptible(&readers);
}
