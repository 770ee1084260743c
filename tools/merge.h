/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Merge: a data file's records, host's and guests', in the order of host time.
 *
 * Guest stamps are converted with the clock that is in force for their vCPU at
 * that point of the merge, or that of its VM while none of its own is. A guest source waits, as a whole and in its order,
 * while its next record cannot be placed: no clock of its vCPU yet, or a stamp
 * that went back or far ahead, which says that a clock change is about to be
 * merged. It waits HOLD_MS of host time, or until too much is held in memory; then its
 * records are handed out as untimed.
 *
 * In memory stand, of each source, the chunk at which it is, and where in the
 * file those behind it lie: about the memory of a chunk for each ring however
 * long the file and its drain rounds. Some of what lies behind is held as the
 * file has it, to be read once only. All has bounds whatever the file says.
 */
#ifndef VMCOOP_MERGE_H
#define VMCOOP_MERGE_H

#include "../common/abi.h"
#include "../common/clock.h"
#include "datafile.h"
#include "map.h"

struct merge_clock;

#define MERGE_HOLD_MS	2000
#define MERGE_MEMORY	(64U << 20)	/* of chunks in memory, bytes */
#define MERGE_HELD	(8U << 20)	/* of chunks as the file has them, bytes */
#define MERGE_BATCH	32		/* records handed out at a time */
#define MERGE_SOURCES	65536		/* more are not read */
#define MERGE_CHUNKS	(1U << 20)	/* of chunks between two watermarks */

/** struct merge_queue - chunks of a source that have not been merged */
struct merge_queue {
	struct chunk *chunks;
	u32 first, nr, cap;		/* cap: a power of two */
};

/**
 * struct merge_source - a ring of the file
 * @id: its number
 * @host: the host's, else a guest's
 * @vm: guest: pid of its VM
 * @generation: guest: number of the guest's set-up
 * @ring: guest: ring of that set-up
 * @pcpu: host: CPU
 * @nmi: host: written in NMI context
 * @release: guest: kernel release it claims
 * @arch: guest: VMCOOP_ARCH_*
 * @records: handed out or skipped, malformed ones included
 * @priv: whoever receives the records may keep what he wants here
 * @malformed: too short for their type, or cut inside a chunk
 */
struct merge_source {
	/* the merge's own, in a cache line */
	const struct vmcoop_hdr *head;	/* in @data; good if @has_head and @loaded */
	char *data;
	u32 next, len;			/* what follows the head in @data; its bytes */
	u64 key;			/* host time of the head */
	u64 head_stamp;
	u32 head_id;
	u16 leaf;			/* in the tree: among all sources by their numbers */
	u8 type;			/* of the head */
	u8 prio;			/* among equal keys */
	bool has_head;
	bool loaded;			/* the head's chunk is in @data */
	bool queued;			/* it has a place in the order */
	bool host;
	u64 records, malformed;

	u32 id;
	u32 vm;
	u32 generation;
	u32 ring;
	u32 pcpu;
	bool nmi;
	u32 arch;
	char release[65];
	void *priv;

	/* the merge's own */
	u32 cap;			/* bytes that @data has room for */
	u32 off;			/* of the head in @data */
	struct merge_queue queue;	/* chunks; the first one is in @data */
	u64 stamp;			/* guest: of the record before the head */
	const struct merge_clock *clock;	/* of @clock_id */
	u32 clock_id;
	u32 clock_gen;			/* of the clock that converted @stamp */
	bool waits;			/* for its clock */
	u64 waits_since;		/* host time */
};

/**
 * struct merge_rec - a record in its place
 * @hdr: the record, whole and long enough for its type
 * @src: where it comes from
 * @time: host time: never before that of the record before
 * @true_time: the same not moved behind records that came earlier
 * @timed: false: a guest record that could not be converted; @time is when it
 *	was given up, @true_time 0
 */
struct merge_rec {
	const struct vmcoop_hdr *hdr;
	struct merge_source *src;
	u64 time;
	u64 true_time;
	bool timed;
};

/**
 * struct merge_ops - who wants to know
 * @records: all records in order, a few at a time
 * @source: a source begins
 * @chunk: a chunk the merge has no use for
 */
struct merge_ops {
	void (*records)(void *ctx, const struct merge_rec *rec, u32 n);
	void (*source)(void *ctx, struct merge_source *src);
	void (*chunk)(void *ctx, const struct chunk *c);
};

/**
 * struct merge - a merge under way
 * @clock_khz: ticks of host time in a millisecond
 * @now: host time reached
 * @late: records that came behind @now
 * @untimed: guest records handed out without a time
 */
struct merge {
	const struct merge_ops *ops;
	void *ctx;
	u64 clock_khz;
	u64 now;
	u64 late, untimed;

	struct datafile_reader *file;
	struct u64map sources;		/* by id */
	struct u64map clocks;		/* by VM and vCPU */
	struct merge_source **all, **guests;
	u32 nr_all, nr_guests;
	u64 *tree;			/* of places in the order: see merge.c */
	u64 base;			/* host time that places count from */
	bool disorder;			/* the tree has to be made anew */
	bool sorted;			/* @all is, by numbers */
	u64 memory;			/* bytes of all sources' @data */
	u64 held;			/* bytes of chunks as the file has them */
	struct merge_rec batch[MERGE_BATCH];	/* in order, to be handed out */
	u32 nr_batch;
	u64 nr_chunks;			/* in all queues */
	u64 watermark;
	u64 horizon;			/* host time the recorder had reached */
};

static inline bool merge_same_clock(const struct vmcoop_clock *a, const struct vmcoop_clock *b)
{
	return a->offset == b->offset && a->ratio == b->ratio && a->frac_bits == b->frac_bits;
}

/* @file is where chunks of records are loaded from when their turn comes. */
void merge_init(struct merge *m, const struct merge_ops *ops, void *ctx,
		struct datafile_reader *file);
/* Takes a chunk, and its data over; hands out what has become due. */
void merge_chunk(struct merge *m, struct chunk *c);
/* The file has ended: hands out all there is. */
void merge_finish(struct merge *m);
void merge_free(struct merge *m);

#endif /* VMCOOP_MERGE_H */
