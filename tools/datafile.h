/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmcoop.data, the file that record writes and report reads.
 *
 * A header, then chunks, each with its length and checksum, compressed where
 * that helps. A writer that dies leaves a file that is good up to its last
 * whole chunk. All numbers are little-endian. Documentation/file-format.md describes the format to people
 * who read it without this header.
 */
#ifndef VMCOOP_DATAFILE_H
#define VMCOOP_DATAFILE_H

#include <assert.h>

#include "kv.h"
#include "util.h"

#define DATAFILE_MAGIC		"VMCOOPDF"
#define DATAFILE_VERSION	3

/**
 * struct datafile_hdr - what a file starts with
 * @magic: DATAFILE_MAGIC
 * @version: DATAFILE_VERSION; a reader refuses what is newer than itself
 * @hdr_size: bytes of this header; the first chunk follows
 * @abi: VMCOOP_ABI_VERSION of the records
 * @arch: VMCOOP_ARCH_* of the host
 * @reserved: 0
 * @crc: CRC-32 of the bytes before it
 */
struct datafile_hdr {
	char magic[8];
	u32 version;
	u32 hdr_size;
	u32 abi;
	u32 arch;
	u32 reserved;
	u32 crc;
};

enum chunk_type {
	CHUNK_INFO	= 1,	/* text: how and where the file was made */
	CHUNK_EVENT	= 2,	/* text: an event; the last one of an index counts */
	CHUNK_VM	= 3,	/* text: a virtual machine */
	CHUNK_SOURCE	= 4,	/* text: a ring whose records follow */
	CHUNK_RECORDS	= 5,	/* whole records of one source, in ring order */
	CHUNK_ROUND	= 6,	/* struct chunk_round */
	CHUNK_STATS	= 7,	/* text: a source's counters, when it ended */
	CHUNK_NOTE	= 8,	/* text=... : for the reader's eyes */
	CHUNK_WINDOW	= 9,	/* text: begin=, end=: host stamps to report on */
	CHUNK_END	= 10,	/* the writer ended in order; where the last SYMBOLS ended */
	CHUNK_SYMBOLS	= 11,	/* records GUEST_SYMBOLS of one source, apart from the others */
	CHUNK_CLOCK	= 12,	/* text: a VM's clock, where no record tells a vCPU's own */
	CHUNK_PONG	= 13,	/* struct chunk_pong, on the way from a guest only */
};

#define CHUNK_MAGIC	0x4b4e4843U	/* "CHNK" */
#define CHUNK_MAX	(1U << 20)	/* largest payload, bytes, compressed or not */
#define RECORDS_MAX	(32U << 10)	/* largest payload of CHUNK_RECORDS written */

/* chunk_hdr.flags */
#define CHUNK_F_ZSTD	0x01	/* a zstd frame */
#define CHUNK_F_DELTA	0x02	/* of records packed as delta.h says */

/**
 * struct chunk_hdr - what a chunk starts with
 * @magic: CHUNK_MAGIC
 * @type: enum chunk_type; a reader skips types it does not know
 * @flags: CHUNK_F_*; other bits are errors
 * @source: the source the payload belongs to, 0 if none
 * @len: bytes of payload; zeros pad it to a multiple of 8
 * @crc: CRC-32 of this header with @crc 0, then of the payload
 * @raw: with flags bytes of the payload when decompressed and unpacked, else 0
 */
struct chunk_hdr {
	u32 magic;
	u16 type;
	u16 flags;
	u32 source;
	u32 len;
	u32 crc;
	u32 raw;
};

/**
 * struct chunk_round - everything older is in the file
 * @watermark: all records with host stamps below it stand before this chunk
 *	(but for writers that were interrupted between stamp and ring for longer
 *	than a drain round: a reader must bear an older record behind it)
 * @now: host counter when the round began
 */
struct chunk_round {
	u64 watermark;
	u64 now;
};

/**
 * struct chunk_pong - a guest's answer to its host's ping (link.h)
 * @seq: the ping's
 * @counter: of the guest, when it had come
 */
struct chunk_pong {
	u64 seq;
	u64 counter;
};

static_assert(sizeof(struct datafile_hdr) == 32, "datafile_hdr");
static_assert(sizeof(struct chunk_hdr) == 24, "chunk_hdr");
static_assert(sizeof(struct chunk_round) == 16, "chunk_round");

/* ---- Writing ------------------------------------------------------------- */

/**
 * struct datafile_writer - a file being written
 * @fd: the file, -1 when closed
 * @path: for messages
 * @good: bytes of whole chunks that reached the file
 * @status: exit status of the first write that failed; later ones do nothing
 * @plain: neither pack nor compress anything
 * @compress: compress packed records, too
 * @symbols_end: where in the file the last CHUNK_SYMBOLS ends, 0: there is none
 * @stream: a connection, not a file: that it broke is the caller's to say
 */
struct datafile_writer {
	int fd;
	char *path;
	u64 good;
	int status;
	bool plain, compress;
	u64 symbols_end;
	bool stream;

	u32 arch;
	char *buf;		/* whole chunks not written yet */
	size_t buffered;
	char *delta, *packed;	/* work space */
	struct ZSTD_CCtx_s *zstd;
	char *preamble;		/* what each of several files begins with */
	size_t preamble_len, preamble_cap;
};

int datafile_create(struct datafile_writer *w, const char *path, u32 arch);
/* As datafile_create(), on an open file that the writer then owns. */
int datafile_create_fd(struct datafile_writer *w, int fd, const char *name, u32 arch);
/* Adds a chunk. It may stay in memory until datafile_flush(). */
int datafile_chunk(struct datafile_writer *w, enum chunk_type type, u32 source,
		   const void *payload, size_t len);
int datafile_kv(struct datafile_writer *w, enum chunk_type type, u32 source, struct kv *kv);
int datafile_flush(struct datafile_writer *w);
/* Ends the file. Return: the writer's status. */
int datafile_finish(struct datafile_writer *w);
/*
 * Ends the file, renames it to its path with @suffix, and goes on in a new one
 * at the path: with all chunks INFO, EVENT, VM, SOURCE and CLOCK that were written so
 * far. What records tell of what held before (vCPUs, clocks, tasks) is the
 * caller's to have told anew. Return: exit status.
 */
int datafile_switch(struct datafile_writer *w, const char *suffix);

/* ---- Reading ------------------------------------------------------------- */

/**
 * struct datafile_reader - a file being read from start to end
 * @hdr: the file's header, checked
 * @ended: CHUNK_END was seen
 * @damage: why reading stopped before CHUNK_END, NULL if it did not
 * @offset: of the next chunk in the file
 * @size: of the file when it was opened
 */
struct datafile_reader {
	struct datafile_hdr hdr;
	bool ended;
	char *damage;
	u64 offset;
	u64 size;
	FILE *f;
	char *path;
	char *stored, *packed;	/* work space: a payload as it stands in the file, decompressed */
	u64 stored_at;		/* where in the file @stored stands */
	struct ZSTD_DCtx_s *zstd;
};

/**
 * struct chunk - a chunk that was read
 * @len: bytes of payload, decompressed
 * @data: payload, 8-byte aligned, a NUL behind it; the receiver frees it.
 *	NULL for CHUNK_RECORDS: see datafile_load()
 * @at: where the payload stands in the file
 * @stored: bytes of it there
 * @flags: CHUNK_F_*
 * @held: those bytes, for datafile_load(); NULL: read them again
 */
struct chunk {
	u16 type;
	u16 flags;
	u32 source;
	u32 len;
	u32 stored;
	u64 at;
	char *data;
	char *held;
};

int datafile_open(struct datafile_reader *r, const char *path);
int datafile_open_fd(struct datafile_reader *r, int fd, const char *name);
/* The next chunk of any type. False: no more, see @ended and @damage. */
bool datafile_next(struct datafile_reader *r, struct chunk *c);
/*
 * Keeps in memory what the file has of a chunk that datafile_next() has just
 * returned, so that it need not be read twice; the caller frees @c->held.
 */
void datafile_hold(const struct datafile_reader *r, struct chunk *c);
/*
 * Reads the payload of a chunk of CHUNK_RECORDS into @buf, which has room for
 * @c->len bytes. False: the file has changed, or the payload is none.
 */
bool datafile_load(struct datafile_reader *r, const struct chunk *c, void *buf);
/* Where the last CHUNK_SYMBOLS ends, 0: there is none; UINT64_MAX: the file does not say. */
u64 datafile_symbols_end(const struct datafile_reader *r);
/*
 * The next chunk at *@at or behind it (0: from the start) that is of type @a or
 * @b, with its payload, which the caller frees; *@at is behind it then. Where
 * datafile_next() is, stays. False: no more, or no more that are good.
 */
bool datafile_find(struct datafile_reader *r, u64 *at, enum chunk_type a, enum chunk_type b,
		   struct chunk *c);
/* Whether the next chunk stands whole in a file that is being written. */
bool datafile_ready(const struct datafile_reader *r);
void datafile_close(struct datafile_reader *r);

/*
 * Reading from memory, as from a connection: datafile_parse() takes what stands
 * whole at the start of @len bytes at @buf, the header first (@c->type is 0 then),
 * later chunks, those of records with their data. Return: bytes taken, 0 if more
 * are needed (never more than DATAFILE_PIECE), -EBADMSG if that can be no chunk.
 */
#define DATAFILE_PIECE	(sizeof(struct chunk_hdr) + CHUNK_MAX + 8)

void datafile_begin(struct datafile_reader *r);
long datafile_parse(struct datafile_reader *r, const void *buf, size_t len, struct chunk *c);

#endif /* VMCOOP_DATAFILE_H */
