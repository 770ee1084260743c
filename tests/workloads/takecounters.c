// SPDX-License-Identifier: GPL-2.0-only
/*
 * takecounters - take all hardware counters of all CPUs, and keep them until killed.
 *
 * usage: takecounters
 *
 * Prints "taken N" when there are none left.
 */
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIMIT	64	/* of a CPU */

/* A pinned event that finds no counter cannot be read. */
static int take(int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.pinned = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, 0);
	uint64_t count;

	if (fd < 0)
		return 0;
	if (read(fd, &count, sizeof(count)) == sizeof(count))
		return 1;
	close(fd);
	return 0;
}

int main(void)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), cpu, n, taken = 0;

	for (cpu = 0; cpu < cpus; cpu++) {
		for (n = 0; n < LIMIT && take(cpu); n++)
			taken++;
	}
	printf("taken %d\n", taken);
	fflush(stdout);
	pause();
	return 0;
}
