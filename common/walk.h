/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Onlooking, for /proc/vmcoop of either module: the records that lie in a
 * module's rings now, without consuming them, while they are being written.
 *
 * A cursor goes over one ring; a walk over the records of one type in all
 * rings, in the order of their stamps. The end is fixed at the beginning, so
 * every walk ends. Kernel only.
 */
#ifndef VMCOOP_WALK_H
#define VMCOOP_WALK_H

#include <linux/capability.h>
#include <linux/namei.h>
#include <linux/path.h>
#include <linux/proc_fs.h>
#include <linux/security.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "ring.h"

/**
 * vmcoop_may_look() - may current look at records, and command?
 *
 * They hold addresses of kernels and of everybody's programs, which perf would not
 * show to everybody either.
 *
 * Return: 0 or -EPERM.
 */
static inline int vmcoop_may_look(void)
{
	return perfmon_capable() ? security_locked_down(LOCKDOWN_PERF) : -EPERM;
}

/**
 * struct vmcoop_cursor - goes over what a ring held when it was set up
 * @ring: the ring
 * @pos: position of the next record
 * @end: where to stop
 * @skipped: bytes that were overwritten before they could be read
 * @buf: fetched bytes, VMCOOP_REC_MAX
 * @len: how many
 * @off: of the next record in @buf
 */
struct vmcoop_cursor {
	const struct vmcoop_ring	*ring;
	u64				pos;
	u64				end;
	u64				skipped;
	void				*buf;
	u64				len;
	u64				off;
};

/* Begin at a ring's oldest record. May sleep. Return: 0 or -ENOMEM. */
static inline int vmcoop_cursor_init(struct vmcoop_cursor *c, const struct vmcoop_ring *ring)
{
	*c = (struct vmcoop_cursor){
		.ring = ring,
		.end = vmcoop_load_acquire(&ring->prod->head),
		.pos = vmcoop_load(&ring->prod->oldest),
	};
	if (c->pos >= c->end)
		return 0;	/* nothing to read, no memory to take */
	c->buf = kmalloc(VMCOOP_REC_MAX, GFP_KERNEL);
	return c->buf ? 0 : -ENOMEM;
}

static inline void vmcoop_cursor_exit(struct vmcoop_cursor *c)
{
	kfree(c->buf);
	c->buf = NULL;
}

/* Fetch from the present position on, or from the oldest that is left. */
static inline bool vmcoop_cursor_refill(struct vmcoop_cursor *c)
{
	u64 oldest;

	c->off = 0;
	c->len = 0;
	while (c->pos < c->end) {
		long n = vmcoop_ring_fetch(c->ring, c->pos, c->buf, VMCOOP_REC_MAX);

		if (n > 0) {
			c->len = n;
			return true;
		}
		oldest = vmcoop_load(&c->ring->prod->oldest);
		if (n != -ESTALE || oldest <= c->pos)
			return false;
		c->skipped += min(oldest, c->end) - c->pos;
		c->pos = oldest;
	}
	return false;
}

/* The next record, valid until the next call; NULL at the end. */
static inline const struct vmcoop_hdr *vmcoop_cursor_next(struct vmcoop_cursor *c)
{
	int size = 0;

	if (c->pos >= c->end)
		return NULL;
	if (c->off < c->len)
		size = vmcoop_rec_next(c->buf, c->len, c->off);
	if (!size && vmcoop_cursor_refill(c))
		size = vmcoop_rec_next(c->buf, c->len, 0);
	if (size <= 0) {
		c->pos = c->end;
		return NULL;
	}
	c->pos += size;
	c->off += size;
	return c->buf + (c->off - size);
}

/* ---- Walk ---------------------------------------------------------------- */

/**
 * struct vmcoop_walk_ring - one ring of a walk
 * @cursor: goes over it
 * @next: its next record of the type, in the cursor's buffer; NULL at the end
 */
struct vmcoop_walk_ring {
	struct vmcoop_cursor	cursor;
	const struct vmcoop_hdr	*next;
};

/**
 * struct vmcoop_walk - all rings' records of one type in the order of time
 * @type: of the records
 * @size: their smallest size, bytes
 * @nr: rings
 * @heap: indices of the rings that have a next record, a heap by its stamp
 * @heap_len: how many
 * @rings: the rings
 */
struct vmcoop_walk {
	u8			type;
	u32			size;
	unsigned int		nr;
	unsigned int		*heap;
	unsigned int		heap_len;
	struct vmcoop_walk_ring	rings[];
};

static inline bool vmcoop_walk_load(struct vmcoop_walk *w, struct vmcoop_walk_ring *wr)
{
	do {
		wr->next = vmcoop_cursor_next(&wr->cursor);
	} while (wr->next && (wr->next->type != w->type || wr->next->size < w->size));
	return wr->next;
}

static inline bool vmcoop_walk_before(const struct vmcoop_walk *w, unsigned int a, unsigned int b)
{
	return w->rings[w->heap[a]].next->stamp < w->rings[w->heap[b]].next->stamp;
}

/* Restore the heap below @at. */
static inline void vmcoop_walk_sift(struct vmcoop_walk *w, unsigned int at)
{
	for (;;) {
		unsigned int first = at, child = 2 * at + 1;

		if (child < w->heap_len && vmcoop_walk_before(w, child, first))
			first = child;
		if (child + 1 < w->heap_len && vmcoop_walk_before(w, child + 1, first))
			first = child + 1;
		if (first == at)
			return;
		swap(w->heap[at], w->heap[first]);
		at = first;
	}
}

static inline void vmcoop_walk_free(struct vmcoop_walk *w)
{
	unsigned int i;

	if (!w)
		return;
	for (i = 0; i < w->nr; i++)
		vmcoop_cursor_exit(&w->rings[i].cursor);
	kvfree(w->heap);
	kvfree(w);
}

/**
 * vmcoop_walk_new() - begin to go over what is in the rings now
 * @ring: gives the ring of an index
 * @nr: number of rings
 * @type: of the records wanted
 * @size: their smallest size, bytes
 *
 * Takes VMCOOP_REC_MAX of memory for each ring that is not empty. May sleep.
 * Return: NULL if there is no memory.
 */
static inline struct vmcoop_walk *vmcoop_walk_new(struct vmcoop_ring *(*ring)(unsigned int index),
						  unsigned int nr, u8 type, u32 size)
{
	struct vmcoop_walk *w = kvzalloc(struct_size(w, rings, nr), GFP_KERNEL);
	unsigned int i;

	if (!w)
		return NULL;
	w->type = type;
	w->size = size;
	w->heap = kvcalloc(nr, sizeof(*w->heap), GFP_KERNEL);
	if (!w->heap)
		goto nomem;
	for (w->nr = 0; w->nr < nr; w->nr++) {
		if (vmcoop_cursor_init(&w->rings[w->nr].cursor, ring(w->nr)))
			goto nomem;
		if (vmcoop_walk_load(w, &w->rings[w->nr]))
			w->heap[w->heap_len++] = w->nr;
	}
	for (i = w->heap_len / 2; i-- > 0; )
		vmcoop_walk_sift(w, i);
	return w;

nomem:
	vmcoop_walk_free(w);
	return NULL;
}

/* The next record; NULL at the end. */
static inline const struct vmcoop_hdr *vmcoop_walk_peek(const struct vmcoop_walk *w)
{
	return w->heap_len ? w->rings[w->heap[0]].next : NULL;
}

/* Move past the record that vmcoop_walk_peek() shows. */
static inline void vmcoop_walk_skip(struct vmcoop_walk *w)
{
	if (!w->heap_len)
		return;
	if (!vmcoop_walk_load(w, &w->rings[w->heap[0]]))
		w->heap[0] = w->heap[--w->heap_len];
	vmcoop_walk_sift(w, 0);
}

/* Bytes of records that were overwritten before they could be read. */
static inline u64 vmcoop_walk_skipped(const struct vmcoop_walk *w)
{
	u64 skipped = 0;
	unsigned int i;

	for (i = 0; i < w->nr; i++)
		skipped += w->rings[i].cursor.skipped;
	return skipped;
}

/* ---- seq_file ------------------------------------------------------------ */

/**
 * struct vmcoop_samples - a /proc/vmcoop/samples: fill in all but the last two
 * @ring: gives the ring of an index
 * @nr: number of rings
 * @type: of the records shown
 * @size: their smallest size, bytes
 * @heading: first line
 * @show: prints a record's line
 */
struct vmcoop_samples {
	struct vmcoop_ring	*(*ring)(unsigned int index);
	unsigned int		nr;
	u8			type;
	u32			size;
	const char		*heading;
	void			(*show)(struct seq_file *m, const struct vmcoop_hdr *hdr);
};

/**
 * struct vmcoop_samples_file - an open one, in seq_file's private
 * @samples: what it shows
 * @walk: over the rings, begun when position 0 was read
 * @at: position of the walk's next record; 0 is the heading
 */
struct vmcoop_samples_file {
	const struct vmcoop_samples	*samples;
	struct vmcoop_walk		*walk;
	loff_t				at;
};

static inline void *vmcoop_samples_at(struct vmcoop_samples_file *f)
{
	const struct vmcoop_hdr *hdr = vmcoop_walk_peek(f->walk);

	cond_resched();
	return (void *)hdr;
}

/* seq_file asks anew for a position that did not fit, and for 0 after a seek. */
static inline void *vmcoop_samples_start(struct seq_file *m, loff_t *pos)
{
	struct vmcoop_samples_file *f = m->private;

	if (*pos)
		return f->walk && *pos == f->at ? vmcoop_samples_at(f) : NULL;
	vmcoop_walk_free(f->walk);
	f->at = 0;
	f->walk = vmcoop_walk_new(f->samples->ring, f->samples->nr, f->samples->type,
				  f->samples->size);
	return f->walk ? SEQ_START_TOKEN : ERR_PTR(-ENOMEM);
}

static inline void *vmcoop_samples_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct vmcoop_samples_file *f = m->private;

	if (v != SEQ_START_TOKEN)
		vmcoop_walk_skip(f->walk);
	f->at = ++*pos;
	return vmcoop_samples_at(f);
}

static inline void vmcoop_samples_stop(struct seq_file *m, void *v)
{
}

static inline int vmcoop_samples_show(struct seq_file *m, void *v)
{
	struct vmcoop_samples_file *f = m->private;

	if (v == SEQ_START_TOKEN)
		seq_puts(m, f->samples->heading);
	else
		f->samples->show(m, v);
	return 0;
}

static inline int vmcoop_samples_open(struct file *file, const struct vmcoop_samples *samples)
{
	static const struct seq_operations ops = {
		.start	= vmcoop_samples_start,
		.next	= vmcoop_samples_next,
		.stop	= vmcoop_samples_stop,
		.show	= vmcoop_samples_show,
	};
	struct vmcoop_samples_file *f;
	int err = vmcoop_may_look();

	if (err)
		return err;
	f = __seq_open_private(file, &ops, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->samples = samples;
	return 0;
}

static inline int vmcoop_samples_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;
	struct vmcoop_samples_file *f = m->private;

	vmcoop_walk_free(f->walk);
	return seq_release_private(inode, file);
}

/* ---- /proc/vmcoop -------------------------------------------------------- */

/*
 * Make /proc/vmcoop and its two files, for root's eyes only. Whether the name
 * is taken is asked beforehand: the kernel warns, with a stack trace, of names
 * used twice. Return: the directory; ERR_PTR(-EEXIST) if the other module is
 * there, ERR_PTR(-ENOMEM).
 */
static inline struct proc_dir_entry *vmcoop_proc_make(const struct proc_ops *samples,
						      int (*status)(struct seq_file *, void *))
{
	struct proc_dir_entry *dir;
	struct path path;

	if (!kern_path("/proc/vmcoop", 0, &path)) {
		path_put(&path);
		return ERR_PTR(-EEXIST);
	}
	dir = proc_mkdir_mode("vmcoop", 0500, NULL);
	if (dir && proc_create("samples", 0400, dir, samples) &&
	    proc_create_single("status", 0400, dir, status))
		return dir;
	proc_remove(dir);
	return ERR_PTR(-ENOMEM);
}

#endif /* VMCOOP_WALK_H */
