/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Onlooking: the records that lie in a module's rings now, in the order of
 * their stamps, without consuming them. Kernel only: /proc/vmcoop/samples of
 * either module.
 *
 * A walk ends at the heads it saw when it began, so it ends. What the producer
 * overwrites under its feet it skips, and counts.
 */
#ifndef VMCOOP_WALK_H
#define VMCOOP_WALK_H

#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "ring.h"

/**
 * struct vmcoop_walk_ring - one ring of a walk
 * @ring: the ring
 * @pos: position of the record at @buf
 * @end: head when the walk began
 * @size: bytes of the record at @buf, 0 at the walk's end
 * @buf: the ring's next record, VMCOOP_REC_MAX bytes
 */
struct vmcoop_walk_ring {
	const struct vmcoop_ring	*ring;
	u64				pos;
	u64				end;
	u32				size;
	void				*buf;
};

/**
 * struct vmcoop_walk - a walk over several rings
 * @lost: times that the producer overwrote what the walk had not reached
 * @index: records returned so far
 * @at: index of the ring whose record was returned last
 * @n: rings
 * @rings: the rings; fill in ring before vmcoop_walk_begin()
 */
struct vmcoop_walk {
	u64			lost;
	loff_t			index;
	unsigned int		at;
	unsigned int		n;
	struct vmcoop_walk_ring	rings[];
};

static inline void vmcoop_walk_free(struct vmcoop_walk *walk)
{
	unsigned int i;

	if (!walk)
		return;
	for (i = 0; i < walk->n; i++)
		kfree(walk->rings[i].buf);
	kvfree(walk);
}

/* Room for a walk over @n rings, or NULL. May sleep. */
static inline struct vmcoop_walk *vmcoop_walk_alloc(unsigned int n)
{
	struct vmcoop_walk *walk;
	unsigned int i;

	walk = kvzalloc(struct_size(walk, rings, n), GFP_KERNEL);
	if (!walk)
		return NULL;
	walk->n = n;
	for (i = 0; i < n; i++) {
		walk->rings[i].buf = kmalloc(VMCOOP_REC_MAX, GFP_KERNEL);
		if (!walk->rings[i].buf) {
			vmcoop_walk_free(walk);
			return NULL;
		}
	}
	return walk;
}

/* Get the ring's record at pos into its buffer; size 0 if there is none. */
static inline void vmcoop_walk_load(struct vmcoop_walk *walk, struct vmcoop_walk_ring *wr)
{
	unsigned int tries;

	wr->size = 0;
	for (tries = 0; tries < 100 && wr->pos < wr->end; tries++) {
		long len = vmcoop_ring_fetch(wr->ring, wr->pos, wr->buf, VMCOOP_REC_MAX);
		int size = len > 0 ? vmcoop_rec_next(wr->buf, len, 0) : len;

		if (size > 0) {
			wr->size = size;
			return;
		}
		if (size != -ESTALE)
			return;
		walk->lost++;
		wr->pos = vmcoop_load(&wr->ring->prod->oldest);
	}
}

/* Begin, or begin anew, at the oldest records. */
static inline void vmcoop_walk_begin(struct vmcoop_walk *walk)
{
	unsigned int i;

	walk->lost = 0;
	walk->index = 0;
	for (i = 0; i < walk->n; i++) {
		struct vmcoop_walk_ring *wr = &walk->rings[i];

		wr->end = vmcoop_load_acquire(&wr->ring->prod->head);
		wr->pos = vmcoop_load(&wr->ring->prod->oldest);
		vmcoop_walk_load(walk, wr);
	}
}

/* The record with the smallest stamp, or NULL at the end. Does not move on. */
static inline const struct vmcoop_hdr *vmcoop_walk_peek(struct vmcoop_walk *walk)
{
	const struct vmcoop_hdr *best = NULL;
	unsigned int i;

	for (i = 0; i < walk->n; i++) {
		const struct vmcoop_hdr *hdr = walk->rings[i].buf;

		if (walk->rings[i].size && (!best || hdr->stamp < best->stamp)) {
			best = hdr;
			walk->at = i;
		}
	}
	return best;
}

/* Move past the record that vmcoop_walk_peek() showed. */
static inline void vmcoop_walk_skip(struct vmcoop_walk *walk)
{
	struct vmcoop_walk_ring *wr = &walk->rings[walk->at];

	wr->pos += wr->size;
	vmcoop_walk_load(walk, wr);
}

/*
 * seq_file over a walk in m->private: position 0 is the heading, n the n-th
 * record of the wanted type. seq_file asks for the same position again when a
 * line did not fit, and for position 0 after a seek back.
 */
static inline void *vmcoop_walk_seq_find(struct vmcoop_walk *walk, u8 type)
{
	const struct vmcoop_hdr *hdr;

	while ((hdr = vmcoop_walk_peek(walk)) && hdr->type != type) {
		vmcoop_walk_skip(walk);
		cond_resched();
	}
	return (void *)hdr;
}

static inline void *vmcoop_walk_seq_start(struct seq_file *m, loff_t *pos, u8 type)
{
	struct vmcoop_walk *walk = m->private;

	if (*pos == 0) {
		vmcoop_walk_begin(walk);
		return SEQ_START_TOKEN;
	}
	return *pos == walk->index ? vmcoop_walk_seq_find(walk, type) : NULL;
}

static inline void *vmcoop_walk_seq_next(struct seq_file *m, void *v, loff_t *pos, u8 type)
{
	struct vmcoop_walk *walk = m->private;

	if (v != SEQ_START_TOKEN)
		vmcoop_walk_skip(walk);
	walk->index = ++*pos;
	return vmcoop_walk_seq_find(walk, type);
}

#endif /* VMCOOP_WALK_H */
