/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes data files for tests, record by record.
 *
 * Host time is given in ticks of a 1 GHz counter, so 1000 is a microsecond;
 * guest records are given the host time at which they happen, and carry the
 * stamp that their vCPU's clock shows then.
 */
#ifndef VMCOOP_STREAM_H
#define VMCOOP_STREAM_H

#include "../../common/abi.h"
#include "../../common/clock.h"
#include "../../tools/datafile.h"
#include "../../tools/session.h"

#define STREAM_KHZ	1000000
#define US		1000ULL
#define MS		(1000 * US)
#define SEC		(1000 * MS)

#define STREAM_MAX_SOURCES	16

/** struct stream - a data file in memory */
struct stream {
	int fd;
	struct datafile_writer w;
	struct vmcoop_clock clock;	/* of guest records; no vCPU's own */
	struct {
		u32 id;
		char *buf;
		size_t len;
	} src[STREAM_MAX_SOURCES];
	int nr_src;
	u32 vm;				/* records are of this VM */
	u8 flags;			/* of the next record alone */
};

/* Begins a file with host source 1 and 2 (CPU 0 and 1). */
void stream_begin(struct stream *s);
/* Adds a guest source; @ring is also the vCPU of its records by default. */
void stream_guest(struct stream *s, u32 id, u32 vm, u32 generation, u32 ring);

/* Begins and ends what a guest alone writes: two tasks on vCPU 0, a ring, a tick a ms. */
void stream_guest_alone(struct stream *s);

/* All records go to source @src, at host time @t. */
void put_vcpu(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle);
void put_clock(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle,
	       const struct vmcoop_clock *clock);
void put_in(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle);
void put_out(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle);
void put_late_out(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle, u64 left);
void put_entry(struct stream *s, u32 src, u64 t, u32 handle);
/* With the sum @vmm of what its trips to the VMM took. */
void put_entry_trips(struct stream *s, u32 src, u64 t, u32 handle, u64 vmm);
void put_gone(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle);
void put_sample(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle, u64 ip);
/* @n values: of value i the count is values[i] and it ran for all of @enabled ns. */
void put_count(struct stream *s, u32 src, u64 t, u32 handle, u8 where, u64 enabled,
	       const u64 *values, u32 n);
void put_tick(struct stream *s, u32 src, u64 t, u32 vcpu, u32 pid, u32 tid, u64 ip);
void put_switch(struct stream *s, u32 src, u64 t, u32 vcpu, u32 pid, u32 tid);
void put_comm(struct stream *s, u32 src, u64 t, u32 vcpu, u32 pid, u32 tid, const char *comm);
void put_fork(struct stream *s, u32 src, u64 t, u32 vcpu, u32 pid, u32 tid, u32 ppid, u32 ptid);
void put_exit(struct stream *s, u32 src, u64 t, u32 vcpu, u32 pid, u32 tid);
void put_mmap(struct stream *s, u32 src, u64 t, u32 vcpu, u32 pid, u64 start, u64 len,
	      u64 pgoff, const char *path);
void put_kernel(struct stream *s, u32 src, u64 t, u32 vcpu, u64 addr, const char *symbol);
void put_raw(struct stream *s, u32 src, const void *rec, size_t size);

/* Writes what was put so far; with a round, all before @watermark is complete. */
void stream_flush(struct stream *s);
void stream_round(struct stream *s, u64 watermark);
void stream_kv(struct stream *s, enum chunk_type type, u32 source, const char *text);
void stream_end(struct stream *s);

/* Ends the file if that was not done, and reads it. */
void stream_read(struct stream *s, struct session *session,
		 void (*sample)(void *ctx, const struct joined *j), void *ctx);
void stream_free(struct stream *s);

/* All of a file, to be freed. */
char *stream_slurp(int fd, size_t *len);

#endif /* VMCOOP_STREAM_H */
