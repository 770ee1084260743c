/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the workloads have in common: a unit of work that always takes the same
 * number of instructions, and the clock that says when to stop.
 */
#ifndef WORKLOADS_WORK_H
#define WORKLOADS_WORK_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

/* One multiply-and-add chain; a function with its own copy has its own address. */
static inline __attribute__((always_inline)) uint64_t work(uint64_t x, unsigned int n)
{
	while (n--) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		x ^= x >> 33;
		__asm__ volatile("" : "+r" (x));
	}
	return x;
}

static inline double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* How long to run: the first argument, in seconds. */
static inline double duration(int argc, char **argv)
{
	double d = argc > 1 ? atof(argv[1]) : 5;

	return d > 0 ? d : 5;
}

#endif
