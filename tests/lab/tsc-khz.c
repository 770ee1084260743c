// SPDX-License-Identifier: GPL-2.0-only
/*
 * tsc-khz - prints by how many kHz this machine's time stamp counter counts, which is what
 * QEMU's emulated one counts by, too. Nothing on a machine that has none.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define TRIES	100
#define NS	200000000	/* between both instants: an error of 1 us is 5 ppm */

#ifdef __x86_64__
/* struct instant - the same moment by both clocks */
struct instant {
	uint64_t stamp;
	int64_t ns;
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Who is interrupted between the two knows the moment badly: the quickest try counts. */
static struct instant now(void)
{
	struct instant best = { 0 };
	uint64_t least = UINT64_MAX;
	int i;

	for (i = 0; i < TRIES; i++) {
		uint64_t before = __builtin_ia32_rdtsc(), after;
		int64_t ns = now_ns();

		after = __builtin_ia32_rdtsc();
		if (after - before >= least)
			continue;
		least = after - before;
		best = (struct instant){ before + least / 2, ns };
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
