// SPDX-License-Identifier: GPL-2.0-only
/*
 * other - a process that keeps a CPU busy beside the one that is looked at.
 *
 * usage: other [SECONDS]
 */
#include <stdio.h>

#include "work.h"

__attribute__((noinline)) uint64_t something_else(uint64_t x)
{
	return work(x, 10000);
}

int main(int argc, char **argv)
{
	double end = seconds() + duration(argc, argv);
	uint64_t x = 2;

	do {
		for (int i = 0; i < 64; i++)
			x = something_else(x);
	} while (seconds() < end);
	printf("other: checksum %016llx\n", (unsigned long long)x);
	return 0;
}
