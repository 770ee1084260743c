// SPDX-License-Identifier: GPL-2.0-only
/*
 * record-rate - what it costs to drain rings that fill at a given rate.
 *
 * usage: record-rate RECORDS_PER_SECOND SECONDS FILE
 *
 * A thread stands in for the host module and writes samples and VM entries into
 * the rings of four CPUs, stamped as they come; this thread drains them as
 * vmcoop-dump record does. Printed is what draining took of one core, and what was lost.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../../tools/arch.h"
#include "../../tools/capture.h"

#define CPUS	4
#define RINGS	(2 * CPUS)
#define DATA	(1U << 20)		/* the module's default */

static struct vmcoop_ring rings[RINGS];
static u64 rate, seconds, written;
static volatile bool done;

static double now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void make_rings(void)
{
	int i;

	for (i = 0; i < RINGS; i++) {
		char *mem = aligned_alloc(4096, 2 * 4096 + DATA);

		rings[i] = (struct vmcoop_ring){
			.cons = (void *)mem,
			.prod = (void *)(mem + 4096),
			.data = (void *)(mem + 2 * 4096),
			.size = DATA,
		};
		vmcoop_ring_init(&rings[i]);
	}
}

/* Three samples of four records, as busy vCPUs give. */
static void write_one(u64 n)
{
	u32 cpu = n % CPUS;
	struct vmcoop_host_sample rec = {
		.hdr = { .type = VMCOOP_HOST_SAMPLE, .size = sizeof(rec),
			 .id = cpu + 1, .stamp = arch_counter() },
		.vm = getpid(), .vcpu = cpu, .pcpu = cpu, .mode = VMCOOP_MODE_USER,
		.ip = 0x400000 + n * 0x9e3779b97f4a7c15ULL % 65536, .period = 1000003,
	};

	if (n / CPUS % 4 == 3) {
		rec.hdr.type = VMCOOP_HOST_ENTRY;
		rec.hdr.size = sizeof(rec.hdr);
	}
	vmcoop_ring_write(&rings[2 * cpu], &rec);
}

static void *produce(void *unused)
{
	double began = now(CLOCK_MONOTONIC), since = 0;
	struct timespec ms = { .tv_nsec = 1000000 };

	while (since < seconds) {
		nanosleep(&ms, NULL);
		since = now(CLOCK_MONOTONIC) - began;
		while (written < since * rate)
			write_one(written++);
	}
	done = true;
	return unused;
}

int main(int argc, char **argv)
{
	struct datafile_writer w = { .fd = -1 };
	struct capture c;
	pthread_t thread;
	double cpu;
	int ms = CAPTURE_PAUSE_MIN_MS;

	if (argc != 4 || !parse_u64(argv[1], 1, 100000000, &rate) ||
	    !parse_u64(argv[2], 1, 3600, &seconds)) {
		fprintf(stderr, "usage: record-rate RECORDS_PER_SECOND SECONDS FILE\n");
		return 2;
	}
	make_rings();
	if (datafile_create(&w, argv[3], ARCH_SELF))
		return 1;
	capture_init(&c, &w);
	if (capture_add_host(&c, rings, RINGS))
		return 1;
	if (pthread_create(&thread, NULL, produce, NULL))
		return 1;
	cpu = now(CLOCK_THREAD_CPUTIME_ID);
	while (!done) {
		if (capture_round(&c))
			return 1;
		ms = capture_pause(&c, ms);
	}
	pthread_join(thread, NULL);
	if (capture_finish(&c) || datafile_finish(&w))
		return 1;
	cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	printf("record %llu records/s: %.1f %% of a core, %llu written, %llu recorded, %llu dropped\n",
	       rate, 100 * cpu / seconds, written, c.records, written - c.records);
	capture_free(&c);
	return 0;
}
