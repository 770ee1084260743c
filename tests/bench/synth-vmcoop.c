// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bench's load as vmcoop-dump record would have written it.
 */
#include <stdlib.h>
#include <string.h>

#include "../../common/abi.h"
#include "../../tools/datafile.h"
#include "synth.h"

#define BUF		(64 << 10)
#define HOST_IRQ(pcpu)	(1 + 2 * (pcpu))
#define HOST_NMI(pcpu)	(2 + 2 * (pcpu))
#define GUEST(vm, vcpu)	(1 + 2 * PCPUS + (vm) * VCPUS + (vcpu))
#define SOURCES		(1 + 2 * PCPUS + VMS * VCPUS)
#define VM_PID(vm)	(5000 + (vm))
#define HANDLE(vm, vcpu) (1 + (vm) * VCPUS + (vcpu))
#define GUEST_OFFSET	123456789

static struct {
	char data[BUF];
	size_t len;
} bufs[SOURCES];
static struct datafile_writer w;

static void flush(uint32_t src)
{
	if (bufs[src].len)
		datafile_chunk(&w, CHUNK_RECORDS, src, bufs[src].data, bufs[src].len);
	bufs[src].len = 0;
}

static void put(uint32_t src, const void *rec, size_t size)
{
	if (bufs[src].len + size > BUF)
		flush(src);
	memcpy(bufs[src].data + bufs[src].len, rec, size);
	bufs[src].len += size;
}

static struct vmcoop_hdr hdr(uint8_t type, size_t size, uint32_t id, uint64_t t)
{
	return (struct vmcoop_hdr){ .type = type, .size = size, .id = id, .stamp = t };
}

static void put_text(enum chunk_type type, uint32_t source, const char *text)
{
	datafile_chunk(&w, type, source, text, strlen(text));
}

static void put_sources(void)
{
	char text[128];
	uint32_t i, k;

	put_text(CHUNK_INFO, 0, "clock_khz=1000000\nhostname=bench\n");
	put_text(CHUNK_EVENT, 0, "index=0\nname=cycles\nperiod=1000003\n");
	for (i = 0; i < PCPUS; i++) {
		for (k = 0; k < 2; k++) {
			snprintf(text, sizeof(text), "side=host\npcpu=%u\ncontext=%s\n", i,
				 k ? "nmi" : "irq");
			put_text(CHUNK_SOURCE, HOST_IRQ(i) + k, text);
		}
	}
	for (i = 0; i < VMS * VCPUS; i++) {
		snprintf(text, sizeof(text), "side=guest\nvm=%u\ngeneration=1\nring=%u\narch=1\n",
			 VM_PID(i / VCPUS), i % VCPUS);
		put_text(CHUNK_SOURCE, GUEST(i / VCPUS, i % VCPUS), text);
		snprintf(text, sizeof(text), "pid=%u\nname=vm%u\n", VM_PID(i / VCPUS), i / VCPUS);
		put_text(CHUNK_VM, 0, text);
	}
}

/* Where the kernel lies: at its table's addresses. */
static void put_kernel(uint32_t vm)
{
	struct vmcoop_guest_kernel rec = {
		.hdr = hdr(VMCOOP_GUEST_KERNEL, sizeof(rec), 0, 10 + GUEST_OFFSET),
		.addr = KERNEL_START, .symbol = "kernel_work_0",
	};

	put(GUEST(vm, 0), &rec, sizeof(rec));
}

static void put_process(uint32_t vm, uint32_t pid)
{
	static const char path[] = "/usr/bin/bench-program";
	uint64_t buf[32] = { 0 };
	struct vmcoop_guest_mmap *map = (void *)buf;
	struct vmcoop_guest_comm comm = {
		.hdr = hdr(VMCOOP_GUEST_COMM, sizeof(comm), 0, 10 + GUEST_OFFSET),
		.pid = pid, .tid = pid,
	};

	snprintf(comm.comm, sizeof(comm.comm), "worker-%u", pid);
	put(GUEST(vm, 0), &comm, sizeof(comm));
	map->hdr = hdr(VMCOOP_GUEST_MMAP, (sizeof(*map) + sizeof(path) + 7) & ~7UL, 0,
		       10 + GUEST_OFFSET);
	map->pid = pid;
	map->path_len = sizeof(path) - 1;
	map->start = TEXT_START;
	map->len = FUNCTIONS * FUNCTION_SIZE + 0x1000;
	map->pgoff = 0x1000;
	memcpy(map->path, path, sizeof(path));
	put(GUEST(vm, 0), map, map->hdr.size);
}

static void put_vms(void)
{
	uint32_t vm, vcpu, p;

	for (vm = 0; vm < VMS; vm++) {
		for (vcpu = 0; vcpu < VCPUS; vcpu++) {
			uint32_t h = HANDLE(vm, vcpu), src = HOST_IRQ(0);
			struct vmcoop_host_vcpu rec = {
				.hdr = hdr(VMCOOP_HOST_VCPU, sizeof(rec), h, 1),
				.vm = VM_PID(vm), .vcpu = vcpu,
			};
			struct vmcoop_host_clock clock = {
				.hdr = hdr(VMCOOP_HOST_CLOCK, sizeof(clock), h, 1),
				.vm = VM_PID(vm), .vcpu = vcpu,
				.offset = GUEST_OFFSET, .ratio = 1ULL << 32, .frac_bits = 32,
			};

			put(src, &rec, sizeof(rec));
			put(src, &clock, sizeof(clock));
		}
		put_kernel(vm);
		for (p = 0; p < PROCS; p++)
			put_process(vm, 1000 + p);
	}
}

/* A run slice of @s's vCPU begins just before it, and that of @last has ended. */
static void put_slice(const struct synth *s, const struct synth *last)
{
	struct vmcoop_host_in in = {
		.hdr = hdr(VMCOOP_HOST_IN, sizeof(in), HANDLE(s->vm, s->vcpu), s->t - 3000),
		.vm = VM_PID(s->vm), .vcpu = s->vcpu, .pcpu = s->pcpu,
	};
	struct vmcoop_host_out out = {
		.hdr = hdr(VMCOOP_HOST_OUT, sizeof(out), HANDLE(last->vm, last->vcpu), s->t - 4000),
		.vm = VM_PID(last->vm), .vcpu = last->vcpu, .pcpu = s->pcpu,
		.reason = VMCOOP_OUT_PREEMPTED, .left = s->t - 4000,
	};
	struct vmcoop_host_entry entry = {
		.hdr = hdr(VMCOOP_HOST_ENTRY, sizeof(entry), in.hdr.id, s->t - 2500),
	};

	if (last->t)
		put(HOST_IRQ(s->pcpu), &out, sizeof(out));
	put(HOST_IRQ(s->pcpu), &in, sizeof(in));
	put(HOST_IRQ(s->pcpu), &entry, sizeof(entry));
}

static void put_switch(const struct synth *s)
{
	struct vmcoop_guest_switch rec = {
		.hdr = hdr(VMCOOP_GUEST_SWITCH, sizeof(rec), s->vcpu, s->t - 2000 + GUEST_OFFSET),
		.next_pid = synth_pid(s), .next_tid = synth_pid(s),
		.prev_state = VMCOOP_SW_PREEMPTED,
	};

	put(GUEST(s->vm, s->vcpu), &rec, sizeof(rec));
}

static void put_tick(const struct synth *s)
{
	struct vmcoop_host_entry entry = {
		.hdr = hdr(VMCOOP_HOST_ENTRY, sizeof(entry), HANDLE(s->vm, s->vcpu), s->t - 1500),
		.hdr.flags = VMCOOP_F_TIMER,
	};
	struct vmcoop_guest_tick rec = {
		.hdr = hdr(VMCOOP_GUEST_TICK, sizeof(rec), s->vcpu, s->t - 1000 + GUEST_OFFSET),
		.pid = synth_pid(s), .tid = synth_pid(s), .ip = s->ip,
		.mode = s->ip >> 63 ? VMCOOP_MODE_KERNEL : VMCOOP_MODE_USER,
	};

	snprintf(rec.comm, sizeof(rec.comm), "worker-%u", synth_pid(s));
	put(HOST_IRQ(s->pcpu), &entry, sizeof(entry));
	put(GUEST(s->vm, s->vcpu), &rec, sizeof(rec));
}

static void put_sample(const struct synth *s)
{
	struct vmcoop_host_sample rec = {
		.hdr = hdr(VMCOOP_HOST_SAMPLE, sizeof(rec), HANDLE(s->vm, s->vcpu), s->t),
		.vm = VM_PID(s->vm), .vcpu = s->vcpu, .pcpu = s->pcpu,
		.mode = s->ip >> 63 ? VMCOOP_MODE_KERNEL : VMCOOP_MODE_USER,
		.ip = s->ip, .period = 1000003,
	};

	put(HOST_NMI(s->pcpu), &rec, sizeof(rec));
}

static void put_round(uint64_t now)
{
	static uint64_t before;
	struct chunk_round round = { .watermark = before, .now = now };
	uint32_t src;

	for (src = 1; src < SOURCES; src++)
		flush(src);
	datafile_chunk(&w, CHUNK_ROUND, 0, &round, sizeof(round));
	before = now;
}

int write_vmcoop(const char *path, uint64_t samples)
{
	static struct synth last[PCPUS];
	struct synth s;
	uint64_t n;

	if (datafile_create(&w, path, VMCOOP_ARCH_X86_64))
		return 1;
	put_sources();
	put_vms();
	for (n = 0; n < samples; n++) {
		uint64_t turn = n / PCPUS;

		synth_at(n, &s);
		if (turn && turn % ROUND_SAMPLES == 0 && n % PCPUS == 0)
			put_round(s.t - PERIOD_NS / 2);
		if (turn % SLICE_SAMPLES == 0)
			put_slice(&s, &last[s.pcpu]);
		if (turn % SWITCH_SAMPLES == 0)
			put_switch(&s);
		if (turn % TICK_SAMPLES == 0)
			put_tick(&s);
		put_sample(&s);
		last[s.pcpu] = s;
	}
	put_round(s.t + 1);
	return datafile_finish(&w);
}
