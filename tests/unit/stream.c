// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data files made by hand: see stream.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../tools/capture.h"
#include "stream.h"

#define SRC_BUF	(512U << 10)

static void add_source(struct stream *s, u32 id, const char *text)
{
	s->src[s->nr_src].id = id;
	s->src[s->nr_src++].buf = xcalloc(1, SRC_BUF);
	stream_kv(s, CHUNK_SOURCE, id, text);
}

void stream_begin(struct stream *s)
{
	memset(s, 0, sizeof(*s));
	s->fd = memfd_create("stream", 0);
	s->clock = (struct vmcoop_clock){ .ratio = 1 };
	s->vm = 100;
	datafile_create_fd(&s->w, dup(s->fd), "stream", VMCOOP_ARCH_X86_64);
	stream_kv(s, CHUNK_INFO, 0, "clock_khz=1000000\nhostname=test\n");
	stream_kv(s, CHUNK_EVENT, 0, "index=0\nname=cycles\nperiod=1000\n");
	add_source(s, 1, "side=host\npcpu=0\ncontext=irq\n");
	add_source(s, 2, "side=host\npcpu=1\ncontext=irq\n");
}

void stream_guest(struct stream *s, u32 id, u32 vm, u32 generation, u32 ring)
{
	char *text = xasprintf("side=guest\nvm=%u\ngeneration=%u\nring=%u\narch=1\nrelease=6.1\n",
			       vm, generation, ring);

	add_source(s, id, text);
	free(text);
}

void stream_kv(struct stream *s, enum chunk_type type, u32 source, const char *text)
{
	datafile_chunk(&s->w, type, source, text, strlen(text));
}

void stream_flush(struct stream *s)
{
	int i;

	for (i = 0; i < s->nr_src; i++) {
		if (s->src[i].len)
			datafile_chunk(&s->w, CHUNK_RECORDS, s->src[i].id, s->src[i].buf,
				       s->src[i].len);
		s->src[i].len = 0;
	}
}

void stream_round(struct stream *s, u64 watermark)
{
	struct chunk_round round = { .watermark = watermark, .now = watermark };

	stream_flush(s);
	datafile_chunk(&s->w, CHUNK_ROUND, 0, &round, sizeof(round));
}

void stream_end(struct stream *s)
{
	if (s->w.fd < 0)
		return;
	stream_flush(s);
	datafile_finish(&s->w);
}

void stream_read(struct stream *s, struct session *session,
		 void (*sample)(void *ctx, const struct joined *j), void *ctx)
{
	struct datafile_reader r;

	stream_end(s);
	lseek(s->fd, 0, SEEK_SET);
	if (datafile_open_fd(&r, dup(s->fd), "stream"))
		abort();
	session_read_from(session, &r, sample, ctx);
	datafile_close(&r);
}

void stream_free(struct stream *s)
{
	int i;

	stream_end(s);
	for (i = 0; i < s->nr_src; i++)
		free(s->src[i].buf);
	close(s->fd);
}

/* ---- Records ------------------------------------------------------------------ */

void put_raw(struct stream *s, u32 src, const void *rec, size_t size)
{
	int i;

	for (i = 0; s->src[i].id != src; i++)
		;
	if (s->src[i].len + size > SRC_BUF)
		abort();
	memcpy(s->src[i].buf + s->src[i].len, rec, size);
	s->src[i].len += size;
}

static struct vmcoop_hdr make_hdr(struct stream *s, u8 type, u32 id, u64 stamp, size_t size)
{
	struct vmcoop_hdr hdr = {
		.type = type,
		.flags = s->flags,
		.size = size,
		.id = id,
		.stamp = stamp,
	};

	s->flags = 0;
	return hdr;
}

#define HOST(type, handle, rec)	make_hdr(s, type, handle, t, sizeof(rec))
#define GUEST(type, vcpu, rec)	\
	make_hdr(s, type, vcpu, vmcoop_clock_to_guest(&s->clock, t), sizeof(rec))

void put_vcpu(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle)
{
	struct vmcoop_host_vcpu rec = {
		.hdr = HOST(VMCOOP_HOST_VCPU, handle, rec),
		.vm = s->vm,
		.vcpu = vcpu,
		.tid = s->vm + 1 + vcpu,
		.comm = "CPU 0/KVM",
	};

	put_raw(s, src, &rec, sizeof(rec));
}

void put_clock(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle,
	       const struct vmcoop_clock *clock)
{
	struct vmcoop_host_clock rec = {
		.hdr = HOST(VMCOOP_HOST_CLOCK, handle, rec),
		.vm = s->vm,
		.vcpu = vcpu,
		.offset = clock->offset,
		.ratio = clock->ratio,
		.frac_bits = clock->frac_bits,
	};

	put_raw(s, src, &rec, sizeof(rec));
}

void put_in(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle)
{
	struct vmcoop_host_in rec = {
		.hdr = HOST(VMCOOP_HOST_IN, handle, rec),
		.vm = s->vm,
		.vcpu = vcpu,
		.tid = s->vm + 1 + vcpu,
		.pcpu = src - 1,
	};

	put_raw(s, src, &rec, sizeof(rec));
}

void put_out(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle)
{
	put_late_out(s, src, t, vcpu, handle, t);
}

void put_late_out(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle, u64 left)
{
	struct vmcoop_host_out rec = {
		.hdr = HOST(VMCOOP_HOST_OUT, handle, rec),
		.vm = s->vm,
		.vcpu = vcpu,
		.tid = s->vm + 1 + vcpu,
		.pcpu = src - 1,
		.reason = VMCOOP_OUT_BLOCKED,
		.left = left,
	};

	put_raw(s, src, &rec, sizeof(rec));
}

void put_entry(struct stream *s, u32 src, u64 t, u32 handle)
{
	put_entry_trips(s, src, t, handle, 0);
}

void put_entry_trips(struct stream *s, u32 src, u64 t, u32 handle, u64 vmm)
{
	struct vmcoop_host_entry rec = {
		.hdr = HOST(VMCOOP_HOST_ENTRY, handle, rec),
		.vmm = vmm,
	};

	put_raw(s, src, &rec, sizeof(rec));
}

void put_gone(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle)
{
	struct vmcoop_host_gone rec = {
		.hdr = HOST(VMCOOP_HOST_GONE, handle, rec),
		.vm = s->vm,
		.vcpu = vcpu,
	};

	put_raw(s, src, &rec, sizeof(rec));
}

void put_sample(struct stream *s, u32 src, u64 t, u32 vcpu, u32 handle, u64 ip)
{
	struct vmcoop_host_sample rec = {
		.hdr = HOST(VMCOOP_HOST_SAMPLE, handle, rec),
		.vm = s->vm,
		.vcpu = vcpu,
		.pcpu = src - 1,
		.mode = ip >> 63 ? VMCOOP_MODE_KERNEL : VMCOOP_MODE_USER,
		.ip = ip,
		.period = 1000,
	};

	put_raw(s, src, &rec, sizeof(rec));
}

void put_count(struct stream *s, u32 src, u64 t, u32 handle, u8 where, u64 enabled,
	       const u64 *values, u32 n)
{
	u64 buf[VMCOOP_REC_MAX / 8] = { 0 };
	struct vmcoop_host_count *rec = (void *)buf;
	size_t size = sizeof(*rec) + n * sizeof(rec->value[0]);
	u32 i;

	rec->hdr = make_hdr(s, VMCOOP_HOST_COUNT, handle, t, size);
	rec->pcpu = src - 1;
	rec->where = where;
	rec->nr = n;
	rec->enabled = enabled;
	for (i = 0; i < n; i++)
		rec->value[i] = (struct vmcoop_host_value){ values[i], enabled };
	put_raw(s, src, rec, size);
}

void put_tick(struct stream *s, u32 src, u64 t, u32 vcpu, u32 pid, u32 tid, u64 ip)
{
	struct vmcoop_guest_tick rec = {
		.hdr = GUEST(VMCOOP_GUEST_TICK, vcpu, rec),
		.pid = pid,
		.tid = tid,
		.ip = ip,
		.mode = !pid ? VMCOOP_MODE_IDLE :
			ip >> 63 ? VMCOOP_MODE_KERNEL : VMCOOP_MODE_USER,
	};

	put_raw(s, src, &rec, sizeof(rec));
}

void put_switch(struct stream *s, u32 src, u64 t, u32 vcpu, u32 pid, u32 tid)
{
	struct vmcoop_guest_switch rec = {
		.hdr = GUEST(VMCOOP_GUEST_SWITCH, vcpu, rec),
		.next_pid = pid,
		.next_tid = tid,
		.prev_state = VMCOOP_SW_SLEEPS,
	};

	put_raw(s, src, &rec, sizeof(rec));
}

void put_comm(struct stream *s, u32 src, u64 t, u32 vcpu, u32 pid, u32 tid, const char *comm)
{
	struct vmcoop_guest_comm rec = {
		.hdr = GUEST(VMCOOP_GUEST_COMM, vcpu, rec),
		.pid = pid,
		.tid = tid,
	};

	/* A name may fill the field. */
	memcpy(rec.comm, comm, strnlen(comm, sizeof(rec.comm)));
	put_raw(s, src, &rec, sizeof(rec));
}

void put_fork(struct stream *s, u32 src, u64 t, u32 vcpu, u32 pid, u32 tid, u32 ppid, u32 ptid)
{
	struct vmcoop_guest_fork rec = {
		.hdr = GUEST(VMCOOP_GUEST_FORK, vcpu, rec),
		.pid = pid,
		.tid = tid,
		.ppid = ppid,
		.ptid = ptid,
	};

	put_raw(s, src, &rec, sizeof(rec));
}

void put_exit(struct stream *s, u32 src, u64 t, u32 vcpu, u32 pid, u32 tid)
{
	struct vmcoop_guest_exit rec = {
		.hdr = GUEST(VMCOOP_GUEST_EXIT, vcpu, rec),
		.pid = pid,
		.tid = tid,
	};

	put_raw(s, src, &rec, sizeof(rec));
}

void put_mmap(struct stream *s, u32 src, u64 t, u32 vcpu, u32 pid, u64 start, u64 len,
	      u64 pgoff, const char *path)
{
	u64 buf[VMCOOP_REC_MAX / 8] = { 0 };
	struct vmcoop_guest_mmap *rec = (void *)buf;
	size_t n = strlen(path), size = (sizeof(*rec) + n + 7) & ~7UL;

	rec->hdr = make_hdr(s, VMCOOP_GUEST_MMAP, vcpu, vmcoop_clock_to_guest(&s->clock, t), size);
	rec->pid = pid;
	rec->path_len = n;
	rec->start = start;
	rec->len = len;
	rec->pgoff = pgoff;
	memcpy(rec->path, path, n);
	put_raw(s, src, rec, size);
}

void put_kernel(struct stream *s, u32 src, u64 t, u32 vcpu, u64 addr, const char *symbol)
{
	struct vmcoop_guest_kernel rec = {
		.hdr = GUEST(VMCOOP_GUEST_KERNEL, vcpu, rec),
		.addr = addr,
	};

	memcpy(rec.symbol, symbol, strnlen(symbol, sizeof(rec.symbol)));
	put_raw(s, src, &rec, sizeof(rec));
}

char *stream_slurp(int fd, size_t *len)
{
	struct stat st;
	char *p;

	fstat(fd, &st);
	p = malloc(st.st_size + 1);
	*len = pread(fd, p, st.st_size, 0);
	return p;
}

void stream_guest_alone(struct stream *s)
{
	int i;

	stream_begin(s);
	s->vm = CAPTURE_SELF;
	stream_kv(s, CHUNK_INFO, 0, "guest_only=1\nclock_khz=1000000\nwindow=0\n");
	stream_kv(s, CHUNK_CLOCK, 0, "vm=1\nmethod=self\noffset=0\nratio=1\nfrac_bits=0\n");
	stream_guest(s, 7, CAPTURE_SELF, 7, 0);
	put_comm(s, 7, 1 * MS, 0, 10, 10, "ten");
	put_comm(s, 7, 1 * MS, 0, 20, 20, "twenty");
	put_switch(s, 7, 1 * MS, 0, 10, 10);
	for (i = 2; i <= 30; i++)
		put_tick(s, 7, i * MS, 0, 10, 10, 0x1000);
	put_switch(s, 7, 30 * MS, 0, 0, 0);
	put_switch(s, 7, 90 * MS, 0, 20, 20);
	for (i = 91; i <= 100; i++)
		put_tick(s, 7, i * MS, 0, 20, 20, 0x2000);
	stream_kv(s, CHUNK_WINDOW, 0, "begin=1\n");
	stream_round(s, 100 * MS);
	stream_kv(s, CHUNK_STATS, 7, "produced=46\nconsumed=44\ndropped=2\ndropped.32=2\nexact=1\n");
	stream_end(s);
}
