/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ring that carries records: one producer, at most one consumer, any
 * number of onlookers, in memory that the other side may scribble on.
 *
 * Who writes what: the producer struct vmcoop_ring_prod and the data, the
 * consumer struct vmcoop_ring_cons; nobody writes the other's page.
 *
 * The producer is one CPU in one context (interrupts off, or NMI), so a write
 * is never interrupted by another write to the same ring. It keeps its own
 * copy of every index and reads from shared memory only tail and attached,
 * which can at worst make it drop, and sizes of old records, which can at
 * worst make it forget old records.
 *
 * A reader fetches bytes into its own memory first and looks at them there:
 * whatever it has checked can no longer change.
 */
#ifndef VMCOOP_RING_H
#define VMCOOP_RING_H

#include "abi.h"

#ifdef __KERNEL__
#include <asm/barrier.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/string.h>
#define vmcoop_load(p)			READ_ONCE(*(p))
#define vmcoop_store(p, v)		WRITE_ONCE(*(p), (v))
/*
 * virt_*: the other side runs in parallel even to a kernel of one CPU, whose
 * smp_* are no barriers. What each orders is said where it is used.
 */
#define vmcoop_load_acquire(p)		virt_load_acquire(p)		/* see use */
#define vmcoop_store_release(p, v)	virt_store_release(p, v)	/* see use */
#define vmcoop_wmb()			virt_wmb()			/* see use */
#define vmcoop_rmb()			virt_rmb()			/* see use */
#else
#include <errno.h>
#include <stdbool.h>
#include <string.h>
/* Where code goes is the kernel's to say; a program has what it uses. */
#define noinline
#define __maybe_unused			inline
#define vmcoop_load(p)			__atomic_load_n(p, __ATOMIC_RELAXED)
#define vmcoop_store(p, v)		__atomic_store_n(p, v, __ATOMIC_RELAXED)
#define vmcoop_load_acquire(p)		__atomic_load_n(p, __ATOMIC_ACQUIRE)
#define vmcoop_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define vmcoop_wmb()			__atomic_thread_fence(__ATOMIC_RELEASE)
#define vmcoop_rmb()			__atomic_thread_fence(__ATOMIC_ACQUIRE)
#endif

/**
 * struct vmcoop_ring - a ring as one side sees it
 * @cons: consumer's page
 * @prod: producer's page
 * @data: the records
 * @size: bytes of @data, a power of two
 * @own: the producer's own state; @prod only publishes it. Readers leave it.
 */
struct vmcoop_ring {
	struct vmcoop_ring_cons	*cons;
	struct vmcoop_ring_prod	*prod;
	__u64			*data;
	__u64			size;
	struct {
		__u64 seq, head, oldest, produced, overwritten;
		__u64 dropped[VMCOOP_REC_TYPES];
	} own;
};

/* A size that a record can have; whether it fits its type is the reader's to ask. */
static inline bool vmcoop_rec_size_ok(__u32 size)
{
	return size >= sizeof(struct vmcoop_hdr) && size <= VMCOOP_REC_MAX &&
	       size % VMCOOP_REC_ALIGN == 0;
}

static inline bool vmcoop_ring_size_ok(__u64 size)
{
	return size >= VMCOOP_RING_MIN && size <= VMCOOP_RING_MAX && !(size & (size - 1));
}

/* Does position @a come before @b? They are at most half of all positions apart. */
static inline bool vmcoop_ring_before(__u64 a, __u64 b)
{
	return (__s64)(a - b) < 0;
}

/* ---- Producer ---------------------------------------------------------- */

/**
 * vmcoop_ring_init() - begin an empty ring in memory that nobody else uses yet
 * @r: ring with its pointers and size set
 */
static inline void vmcoop_ring_init(struct vmcoop_ring *r)
{
	memset(&r->own, 0, sizeof(r->own));
	memset(r->cons, 0, sizeof(*r->cons));
	memset(r->prod, 0, sizeof(*r->prod));
}

/**
 * vmcoop_ring_reserve() - room to write a record in place
 * @r: the producer's ring
 * @need: the record's size
 *
 * Nothing changes until vmcoop_ring_commit(), which the same context must do next.
 *
 * Return: the room; NULL where there is none in one piece without giving up old
 * records: vmcoop_ring_write() may find some.
 */
static inline void *vmcoop_ring_reserve(const struct vmcoop_ring *r, __u32 need)
{
	const struct vmcoop_ring_cons *cons = r->cons;
	__u64 head = r->own.head, size = r->size, at = head & (size - 1);

	/*
	 * Acquire, as in vmcoop_ring_write_slow(). A tail that lies in the future or
	 * too far back makes the difference huge and means no room.
	 */
	if (vmcoop_load_acquire(&cons->attached) &&
	    head - vmcoop_load_acquire(&cons->tail) > size - need)
		return NULL;
	if (head + need - r->own.oldest > size || at + need > size)
		return NULL;
	return (char *)r->data + at;
}

/**
 * vmcoop_ring_commit() - the record of @need bytes is written where reserved
 * @r: the producer's ring
 * @need: as reserved
 */
static inline void vmcoop_ring_commit(struct vmcoop_ring *r, __u32 need)
{
	struct vmcoop_ring_prod *prod = r->prod;
	__u64 seq = r->own.seq, head = r->own.head + need;

	vmcoop_store(&prod->seq, seq + 1);
	/* An odd seq is seen before any change it announces. */
	vmcoop_wmb();
	vmcoop_store(&prod->produced, ++r->own.produced);
	r->own.head = head;
	/* The record is seen before the head that includes it. */
	vmcoop_store_release(&prod->head, head);
	r->own.seq = seq + 2;
	/* All changes are seen before the even seq. */
	vmcoop_store_release(&prod->seq, seq + 2);
}

/* Give up the oldest records until @need bytes are free behind head. */
static inline void vmcoop_ring_make_room(struct vmcoop_ring *r, __u32 need, bool attached)
{
	__u64 oldest = r->own.oldest;

	while (r->own.head + need - oldest > r->size) {
		__u64 word = vmcoop_load(&r->data[(oldest & (r->size - 1)) / 8]);
		__u32 size = (word >> 16) & 0xffff;	/* struct vmcoop_hdr.size */

		if (!vmcoop_rec_size_ok(size) || size > r->own.head - oldest) {
			oldest = r->own.head;		/* not what was written here */
			break;
		}
		oldest += size;
		r->own.overwritten += !attached;
	}
	if (oldest != r->own.oldest) {
		r->own.oldest = oldest;
		vmcoop_store(&r->prod->overwritten, r->own.overwritten);
		vmcoop_store(&r->prod->oldest, oldest);
	}
}

/* Copy @n words. In a kernel shorter than a call of memcpy(), which is for more. */
static inline void vmcoop_ring_words(__u64 *to, const __u64 *from, __u32 n)
{
	__u32 i;

	for (i = 0; i < n; i++)
		vmcoop_store(&to[i], from[i]);
}

/* Copy @need bytes to place @at of @size bytes, going on at 0 behind the end. */
static inline void vmcoop_ring_copy(__u64 *data, __u64 at, __u64 size, const __u64 *src, __u32 need)
{
	__u32 here = need <= size - at ? need : (__u32)(size - at);

	vmcoop_ring_words(data + at / 8, src, here / 8);
	vmcoop_ring_words(data, src + here / 8, (need - here) / 8);
}

/*
 * Bytes that may be given up at a time behind a reader: it has read them, and each
 * time costs more than a byte.
 */
#define VMCOOP_RING_BEHIND	4096

/* vmcoop_ring_write() where vmcoop_ring_reserve() finds no room. */
static noinline __maybe_unused int vmcoop_ring_write_slow(struct vmcoop_ring *r, const void *rec)
{
	const struct vmcoop_hdr *hdr = (const struct vmcoop_hdr *)rec;
	struct vmcoop_ring_prod *prod = r->prod;
	struct vmcoop_ring_cons *cons = r->cons;
	__u64 head = r->own.head, size = r->size, used, more = 0;
	__u32 need = hdr->size;
	bool attached;
	int ret = 0;

	vmcoop_store(&prod->seq, ++r->own.seq);
	/* An odd seq is seen before any change it announces. */
	vmcoop_wmb();
	vmcoop_store(&prod->produced, ++r->own.produced);

	/* Pairs with vmcoop_ring_attach(): attached implies that tail is set. */
	attached = vmcoop_load_acquire(&cons->attached);
	/*
	 * Acquire pairs with the release in vmcoop_ring_consume(): what is
	 * overwritten below has been read. A tail that lies in the future or
	 * too far back makes the difference huge and means no room.
	 */
	if (attached) {
		used = head - vmcoop_load_acquire(&cons->tail);
		if (used > size - need) {
			__u32 type = hdr->type & (VMCOOP_REC_TYPES - 1);

			vmcoop_store(&prod->dropped[type], ++r->own.dropped[type]);
			ret = -ENOSPC;
			goto out;
		}
		more = size - need - used;
		if (more > VMCOOP_RING_BEHIND)
			more = VMCOOP_RING_BEHIND;
	}
	if (head + need - r->own.oldest > size)
		vmcoop_ring_make_room(r, need + more, attached);
	/* The new oldest is seen before the bytes behind it change. */
	vmcoop_wmb();
	vmcoop_ring_copy(r->data, head & (size - 1), size, (const __u64 *)rec, need);
	r->own.head = head + need;
	/* The record is seen before the head that includes it. */
	vmcoop_store_release(&prod->head, head + need);
out:
	/* All changes are seen before the even seq. */
	vmcoop_store_release(&prod->seq, ++r->own.seq);
	return ret;
}

/**
 * vmcoop_ring_write() - append a record, or count it as dropped
 * @r: the producer's ring
 * @rec: a whole record, 8-byte aligned, hdr.size a valid size
 *
 * Context: the ring's own only (see above). No lock, no allocation, bounded.
 * Return: 0, or -ENOSPC if a reader is attached and has left no room.
 */
static inline int vmcoop_ring_write(struct vmcoop_ring *r, const void *rec)
{
	const struct vmcoop_hdr *hdr = (const struct vmcoop_hdr *)rec;
	__u32 need = hdr->size;
	void *to = vmcoop_ring_reserve(r, need);

	if (!to)
		return vmcoop_ring_write_slow(r, rec);
	vmcoop_ring_words(to, rec, need / 8);
	vmcoop_ring_commit(r, need);
	return 0;
}

/* Bytes that an attached reader has not consumed; 0 without one. Any context. */
static inline __u64 vmcoop_ring_unread(const struct vmcoop_ring *r)
{
	return vmcoop_load(&r->cons->attached) ?
	       vmcoop_load(&r->prod->head) - vmcoop_load(&r->cons->tail) : 0;
}

/* ---- Readers ----------------------------------------------------------- */

/**
 * struct vmcoop_ring_stats - a producer's counters at one instant
 */
struct vmcoop_ring_stats {
	__u64 head, oldest, produced, overwritten;
	__u64 dropped[VMCOOP_REC_TYPES];
};

/**
 * vmcoop_ring_stats() - take the producer's counters as of one instant
 * @r: the ring
 * @st: filled in
 *
 * Return: 0, or -EAGAIN if the producer was writing at every one of many
 * tries (or pretends to); @st then holds values of different instants.
 */
static inline int vmcoop_ring_stats(const struct vmcoop_ring *r, struct vmcoop_ring_stats *st)
{
	unsigned int try, i;

	for (try = 0; try < 1000; try++) {
		/* Acquire: the fields are read after an even seq. */
		__u64 seq = vmcoop_load_acquire(&r->prod->seq);

		st->head = vmcoop_load(&r->prod->head);
		st->oldest = vmcoop_load(&r->prod->oldest);
		st->produced = vmcoop_load(&r->prod->produced);
		st->overwritten = vmcoop_load(&r->prod->overwritten);
		for (i = 0; i < VMCOOP_REC_TYPES; i++)
			st->dropped[i] = vmcoop_load(&r->prod->dropped[i]);
		/* The fields are read before seq is read again. */
		vmcoop_rmb();
		if (!(seq & 1) && vmcoop_load(&r->prod->seq) == seq)
			return 0;
	}
	return -EAGAIN;
}

/**
 * vmcoop_ring_attach() - become the ring's consumer, from its present end on
 * @r: the ring
 * @st: the counters as of the position where consumption begins
 *
 * Return: that position is @st->head; 0, or -EAGAIN as vmcoop_ring_stats().
 */
static inline int vmcoop_ring_attach(struct vmcoop_ring *r, struct vmcoop_ring_stats *st)
{
	int ret = vmcoop_ring_stats(r, st);

	if (ret)
		return ret;
	vmcoop_store(&r->cons->tail, st->head);
	/* Whoever sees attached sees the tail. */
	vmcoop_store_release(&r->cons->attached, 1);
	return 0;
}

/* Stop being the ring's consumer. */
static inline void vmcoop_ring_detach(struct vmcoop_ring *r)
{
	vmcoop_store_release(&r->cons->attached, 0);
}

/* Everything before @pos has been read; the producer may use its room. */
static inline void vmcoop_ring_consume(struct vmcoop_ring *r, __u64 pos)
{
	/* The reads of the data come before the producer's next writes. */
	vmcoop_store_release(&r->cons->tail, pos);
}

/**
 * vmcoop_ring_fetch() - copy what lies at a position into the reader's memory
 * @r: the ring
 * @pos: position of a record's start
 * @buf: the reader's own memory, 8-byte aligned
 * @cap: bytes of @buf, at least VMCOOP_REC_MAX, a multiple of 8
 *
 * The bytes are as untrusted as the ring: walk them with vmcoop_rec_next().
 * Return: bytes copied, a multiple of 8, 0 if there is nothing at @pos yet;
 * -ESTALE if the producer has overwritten @pos (go on at oldest); -EBADMSG if
 * head cannot be right.
 */
static inline long vmcoop_ring_fetch(const struct vmcoop_ring *r, __u64 pos, void *buf, __u64 cap)
{
	/* Acquire pairs with the release of head: its records are whole. */
	__u64 head = vmcoop_load_acquire(&r->prod->head);
	__u64 len = head - pos, at = pos & (r->size - 1), part;

	if (len % VMCOOP_REC_ALIGN || pos % VMCOOP_REC_ALIGN)
		return -EBADMSG;
	if (len > r->size)
		return vmcoop_ring_before(pos, vmcoop_load(&r->prod->oldest)) ? -ESTALE : -EBADMSG;
	if (len > cap)
		len = cap;
	part = r->size - at;
	if (part > len)
		part = len;
	memcpy(buf, (const char *)r->data + at, part);
	memcpy((char *)buf + part, r->data, len - part);
	/* The bytes are read before oldest, which moves before they change. */
	vmcoop_rmb();
	return vmcoop_ring_before(pos, vmcoop_load(&r->prod->oldest)) ? -ESTALE : (long)len;
}

/**
 * vmcoop_rec_next() - the record at an offset of fetched bytes
 * @buf: fetched bytes, 8-byte aligned
 * @len: how many
 * @off: where to look, a multiple of 8
 *
 * Return: the record's size; 0 if the bytes end before it does (fetch on from
 * there); -EBADMSG if no record can have that size.
 */
static inline int vmcoop_rec_next(const void *buf, __u64 len, __u64 off)
{
	const struct vmcoop_hdr *hdr = (const struct vmcoop_hdr *)((const char *)buf + off);

	if (len - off < sizeof(*hdr))
		return 0;
	if (!vmcoop_rec_size_ok(hdr->size))
		return -EBADMSG;
	return hdr->size <= len - off ? hdr->size : 0;
}

#endif /* VMCOOP_RING_H */
