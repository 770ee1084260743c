// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two functions that take the same time and run different numbers of instructions in it.
 *
 * usage: density ADDRESS MS
 *
 * dense() runs nothing but instructions. sparse() reads a register of a device that the
 * hypervisor emulates, at physical ADDRESS, again and again: most of its time the vCPU
 * has its CPU and none of the guest's instructions ends, as in a row of cache misses.
 * They take turns of 1 to 5 ms by the clock, each two of the same length, for MS each in
 * all.
 *
 * Prints each function's ns and instructions. arm64 only.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "spin.h"

#define PAGE	4096

/* Units of a round; what else a round runs is some ten instructions. */
#define DENSE	16
#define SPARSE	4

static volatile uint32_t *device;

static inline uint64_t stamp(void)
{
	uint64_t t;

	asm volatile("isb\n	mrs	%0, cntvct_el0" : "=r" (t) : : "memory");
	return t;
}

static inline uint64_t stamps_per_second(void)
{
	uint64_t hz;

	asm("mrs	%0, cntfrq_el0" : "=r" (hz));
	return hz;
}

/* Runs until stamp @end. Return: rounds. */
__attribute__((noinline)) unsigned long dense(uint64_t end)
{
	unsigned long rounds = 0, n;

	for (; stamp() < end; rounds++) {
		n = DENSE;
		SPIN(n);
	}
	return rounds;
}

__attribute__((noinline)) unsigned long sparse(uint64_t end)
{
	unsigned long rounds = 0, n;

	for (; stamp() < end; rounds++) {
		n = SPARSE;
		SPIN(n);
		(void)*device;
	}
	return rounds;
}

static void map_device(unsigned long address)
{
	int fd = open("/dev/mem", O_RDONLY | O_SYNC);

	device = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, address);
	if (device == MAP_FAILED) {
		perror("density: /dev/mem (the kernel's parameter iomem=relaxed?)");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	uint64_t hz = stamps_per_second(), left, turn, start, all[2] = { 0 };
	unsigned long rounds[2] = { 0 };

	if (argc != 3) {
		fprintf(stderr, "usage: density ADDRESS MS\n");
		return 2;
	}
	map_device(strtoul(argv[1], NULL, 0));
	srandom(1);
	for (left = hz * strtoul(argv[2], NULL, 0) / 1000; left; left -= turn) {
		turn = hz / 1000 + random() % (hz / 250);
		if (turn > left)
			turn = left;
		start = stamp();
		rounds[0] += dense(start + turn);
		all[0] += stamp() - start;
		start = stamp();
		rounds[1] += sparse(start + turn);
		all[1] += stamp() - start;
	}
	printf("dense %.0f %lu\n", all[0] * 1e9 / hz, rounds[0] * DENSE * SPIN_INSNS);
	printf("sparse %.0f %lu\n", all[1] * 1e9 / hz, rounds[1] * SPARSE * SPIN_INSNS);
	return 0;
}
