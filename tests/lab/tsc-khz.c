// SPDX-License-Identifier: GPL-2.0-only
/*
 * tsc-khz - prints by how many kHz this machine's time stamp counter counts, which is what
 * QEMU's emulated one counts by, too. Nothing on a machine that has none.
 */
#include <stdio.h>
#include <time.h>

#include "../../tools/arch.h"

#define TRIES	100
#define NS	200000000	/* between both instants: an error of 1 us is 5 ppm */

#ifdef __x86_64__
/* struct instant - the same moment by both clocks */
struct instant {
	u64 stamp;
	s64 ns;
};

/* Who is interrupted between the two knows the moment badly: the quickest try counts. */
static struct instant now(void)
{
	struct instant best = { 0 };
	struct timespec ts;
	u64 least = UINT64_MAX;
	int i;

	for (i = 0; i < TRIES; i++) {
		u64 before = arch_counter(), took;

		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		took = arch_counter() - before;
		if (took >= least)
			continue;
		least = took;
		best.stamp = before + took / 2;
		best.ns = ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	}
	return best;
}

int main(void)
{
	struct timespec wait = { .tv_nsec = NS };
	struct instant a = now(), b;

	nanosleep(&wait, NULL);
	b = now();
	printf("%.0f\n", (double)(b.stamp - a.stamp) / (b.ns - a.ns) * 1e6);
	return 0;
}
#else
int main(void)
{
	return 0;
}
#endif
