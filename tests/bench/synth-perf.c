// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bench's load as a perf.data: one process for each guest process, all
 * samples with their pid, so that perf has nothing to join.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>

#include "synth.h"

#define FINISHED_ROUND	68		/* PERF_RECORD_FINISHED_ROUND, of perf's own */

struct file_section {
	uint64_t offset, size;
};

struct file_header {
	char magic[8];
	uint64_t size, attr_size;
	struct file_section attrs, data, event_types;
	uint64_t features[4];
};

struct file_attr {
	struct perf_event_attr attr;
	struct file_section ids;
};

static FILE *f;
static uint64_t written;

static void put(const void *p, size_t n)
{
	written += fwrite(p, 1, n, f);
}

static uint32_t pid_of(uint32_t vm, uint32_t proc)
{
	return 100000 + vm * PROCS + proc;
}

/* pid, tid and time behind records that are no samples (sample_id_all). */
struct sample_id {
	uint32_t pid, tid;
	uint64_t time;
	uint32_t cpu, res;
};

static void put_process(uint32_t vm, uint32_t proc, const char *program)
{
	uint32_t pid = pid_of(vm, proc);
	struct sample_id id = { pid, pid, 1, 0, 0 };
	struct {
		struct perf_event_header hdr;
		uint32_t pid, tid;
		char comm[16];
		struct sample_id id;
	} comm = {
		{ PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC, sizeof(comm) }, pid, pid, "", id,
	};
	struct {
		struct perf_event_header hdr;
		uint32_t pid, tid;
		uint64_t addr, len, pgoff;
		uint32_t maj, min;
		uint64_t ino, generation;
		uint32_t prot, flags;
		char path[256];
		struct sample_id id;
	} map = {
		{ PERF_RECORD_MMAP2, PERF_RECORD_MISC_USER, sizeof(map) }, pid, pid,
		TEXT_START, FUNCTIONS * FUNCTION_SIZE + 0x1000, 0x1000, 0, 0, 0, 0, 5, 2, "", id,
	};

	snprintf(comm.comm, sizeof(comm.comm), "worker-%u", 1000 + proc);
	snprintf(map.path, sizeof(map.path), "%s", program);
	put(&comm, sizeof(comm));
	put(&map, sizeof(map));
}

static void put_sample(const struct synth *s)
{
	struct {
		struct perf_event_header hdr;
		uint64_t ip;
		uint32_t pid, tid;
		uint64_t time;
		uint32_t cpu, res;
		uint64_t period;
	} rec = {
		{ PERF_RECORD_SAMPLE,
		  s->ip >> 63 ? PERF_RECORD_MISC_KERNEL : PERF_RECORD_MISC_USER, sizeof(rec) },
		s->ip, pid_of(s->vm, s->proc), pid_of(s->vm, s->proc), s->t, s->pcpu, 0, 1000003,
	};

	put(&rec, sizeof(rec));
}

int write_perf(const char *path, const char *program, uint64_t samples)
{
	struct file_header h = {
		.magic = "PERFILE2", .size = sizeof(h), .attr_size = sizeof(struct file_attr),
		.attrs = { sizeof(h), sizeof(struct file_attr) },
	};
	struct file_attr a = {
		.attr = {
			.type = PERF_TYPE_HARDWARE, .config = PERF_COUNT_HW_CPU_CYCLES,
			.size = sizeof(a.attr), .sample_period = 1000003, .sample_id_all = 1,
			.mmap = 1, .mmap2 = 1, .comm = 1,
			.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
				       PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD,
		},
	};
	struct perf_event_header round = { FINISHED_ROUND, 0, sizeof(round) };
	uint32_t vm, proc;
	struct synth s;
	uint64_t n;

	f = fopen(path, "wb");
	if (!f)
		return 1;
	put(&h, sizeof(h));
	put(&a, sizeof(a));
	h.data.offset = written;
	for (vm = 0; vm < VMS; vm++)
		for (proc = 0; proc < PROCS; proc++)
			put_process(vm, proc, program);
	for (n = 0; n < samples; n++) {
		synth_at(n, &s);
		put_sample(&s);
		if (n % (ROUND_SAMPLES * PCPUS) == 0)
			put(&round, sizeof(round));
	}
	h.data.size = written - h.data.offset;
	rewind(f);
	put(&h, sizeof(h));
	return fclose(f) ? 1 : 0;
}
