// SPDX-License-Identifier: GPL-2.0-only
/*
 * shares - three functions that do 60, 30 and 10 of every 100 units of work.
 *
 * usage: shares [SECONDS]
 *
 * The functions differ in nothing but the number of their iterations, so the work,
 * the instructions and the time of each are in that proportion by construction. A
 * round is short beside a scheduler tick, and of random length: none is in step with a
 * clock that samples it, as no two rounds of a real program are.
 */
#include <stdio.h>

#include "work.h"

#define UNIT 700	/* on average */

/* A leaf gets a frame, too, so that call chains by frame pointers name its caller. */
#define FRAME()	__asm__ volatile("" : : "r" (__builtin_frame_address(0)))

__attribute__((noinline)) uint64_t sixty(uint64_t x, unsigned int n)
{
	FRAME();
	return work(x, n);
}

__attribute__((noinline)) uint64_t thirty(uint64_t x, unsigned int n)
{
	FRAME();
	return work(x, n);
}

__attribute__((noinline)) uint64_t ten(uint64_t x, unsigned int n)
{
	FRAME();
	return work(x, n);
}

int main(int argc, char **argv)
{
	double end = seconds() + duration(argc, argv);
	unsigned long rounds = 0;
	unsigned int unit;
	uint64_t x = 1;

	do {
		for (int i = 0; i < 64; i++, rounds++) {
			unit = UNIT / 2 + (x >> 32) % UNIT;
			x = ten(thirty(sixty(x, 6 * unit), 3 * unit), unit);
		}
	} while (seconds() < end);
	printf("shares: %lu rounds, checksum %016llx\n", rounds, (unsigned long long)x);
	return 0;
}
