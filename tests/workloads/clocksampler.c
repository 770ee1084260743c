// SPDX-License-Identifier: GPL-2.0-only
/*
 * What "perf record -e cpu-clock -F N -a" has the kernel do, for N samples a second
 * on each CPU: the peer to compare with.
 *
 * usage: clocksampler N    until it is killed
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "work.h"

#define PAGES	64

int main(int argc, char **argv)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_freq = argc > 1 ? atoi(argv[1]) : 250,
		.freq = 1,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
	};
	long page = sysconf(_SC_PAGESIZE), cpus = sysconf(_SC_NPROCESSORS_ONLN), cpu;

	for (cpu = 0; cpu < cpus; cpu++) {
		int fd = syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, 0);

		/* Nobody reads it: mapped without PROT_WRITE it overwrites itself. */
		if (fd < 0 || mmap(NULL, (1 + PAGES) * page, PROT_READ, MAP_SHARED, fd, 0) ==
			      MAP_FAILED) {
			perror("clocksampler");
			return 1;
		}
	}
	pause();
	return 0;
}
