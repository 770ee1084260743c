// SPDX-License-Identifier: GPL-2.0-only
/*
 * Build-ids of the files that are mapped executable.
 *
 * Reading a file may sleep, and where a mapping is seen nothing may: the file
 * is held and put on a list, and a worker reads its notes. A file that was told
 * of lately is not told of again, until the host asks for all anew.
 */
#include <linux/atomic.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/llist.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "elfnote.h"
#include "compat.h"
#include "guest.h"

/* A file whose build-id is asked for. */
struct pending {
	struct llist_node node;
	struct file *file;
};

#define MAX_PENDING	4096
#define TOLD_BITS	10

static LLIST_HEAD(list);
static atomic_t nr_pending;
static atomic64_t skipped;	/* files given up for want of memory or room */
static bool stopping;

/* Files told of: a later one may take the place of another, which is then told twice. */
static u64 told[1 << TOLD_BITS];

static bool read_file(struct elfnote_file *f, u64 off, void *to, u32 len)
{
	loff_t pos = off;

	return (loff_t)off >= 0 && kernel_read(f->priv, to, len, &pos) == len;
}

static void emit_build_id(struct inode *inode, const u8 *id, u32 len)
{
	struct {
		struct vmcoop_guest_buildid rec;
		u8 id[VMCOOP_BUILD_ID_MAX];
	} r = {
		.rec.hdr.type = VMCOOP_GUEST_BUILDID,
		.rec.hdr.size = ALIGN(sizeof(r.rec) + len, VMCOOP_REC_ALIGN),
		.rec.ino = inode->i_ino,
		.rec.dev_major = MAJOR(inode->i_sb->s_dev),
		.rec.dev_minor = MINOR(inode->i_sb->s_dev),
		.rec.len = len,
	};

	memcpy(r.id, id, len);
	vmcoop_emit(&r.rec.hdr);
}

static void tell(struct file *file, void *buf)
{
	struct elfnote_file f = { .read = read_file, .priv = file, .buf = buf };
	const u8 *id;
	u32 len;

	if (!(file->f_mode & FMODE_CAN_READ) || !S_ISREG(file_inode(file)->i_mode))
		return;
	len = elfnote_build_id(&f, VMCOOP_BUILD_ID_MAX, &id);
	if (len)
		emit_build_id(file_inode(file), id, len);
}

static void read_pending(struct work_struct *work)
{
	struct llist_node *nodes = llist_reverse_order(llist_del_all(&list));
	void *buf = kmalloc(ELFNOTE_MAX_NOTES, GFP_KERNEL);
	struct pending *p, *next;

	llist_for_each_entry_safe(p, next, nodes, node) {
		if (!buf)
			atomic64_inc(&skipped);
		else if (!READ_ONCE(stopping))
			tell(p->file, buf);
		fput(p->file);
		kfree(p);
		atomic_dec(&nr_pending);
	}
	kfree(buf);
}

static DECLARE_WORK(work, read_pending);

/* False if @inode was told of; else it counts as told. */
static bool is_news(const struct inode *inode)
{
	u64 key = (u64)(unsigned long)inode ^ ((u64)inode->i_ino << 1) ^ inode->i_sb->s_dev;
	u64 *slot = &told[hash_64(key, TOLD_BITS)];

	if (READ_ONCE(*slot) == key)
		return false;
	WRITE_ONCE(*slot, key);
	return true;
}

void vmcoop_buildid_want(struct file *file)
{
	struct pending *p;

	if (!is_news(file_inode(file)) || READ_ONCE(stopping))
		return;
	p = atomic_inc_return(&nr_pending) <= MAX_PENDING ?
	    kmalloc(sizeof(*p), GFP_ATOMIC | __GFP_NOWARN) : NULL;
	if (!p) {
		atomic_dec(&nr_pending);
		atomic64_inc(&skipped);
		return;
	}
	p->file = get_file(file);
	if (llist_add(&p->node, &list))
		queue_work(vmcoop_unbound_wq, &work);
}

void vmcoop_buildid_forget(void)
{
	memset(told, 0, sizeof(told));
}

u64 vmcoop_buildid_skipped(void)
{
	return atomic64_read(&skipped);
}

void vmcoop_buildid_start(void)
{
	vmcoop_buildid_forget();
	WRITE_ONCE(stopping, false);
}

void vmcoop_buildid_stop(void)
{
	/* Nobody asks any more; what was queued gives its files back. */
	WRITE_ONCE(stopping, true);
	flush_work(&work);
}
