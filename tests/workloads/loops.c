// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ground truth: functions whose instruction counts are known by construction.
 *
 * usage: loops [-r ROUNDS] N0 [N1 ... N9]
 *
 * Runs N0 instructions in loop_0, N1 in loop_1 and so on, spread evenly over
 * ROUNDS rounds (default 1), and prints what it ran. A loop's iteration is two
 * instructions on every architecture: a decrement that sets flags, a branch.
 * What comes on top is a fixed cost a call and a process, which a run with twos
 * measures. A loop of no work is not entered at all: nothing of the process is
 * ever seen there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#define SPIN(n) asm volatile("1:	sub	$1, %0\n	jnz	1b\n" : "+r" (n) : : "cc")
#elif defined(__aarch64__)
#define SPIN(n) asm volatile("1:	subs	%0, %0, #1\n	b.ne	1b\n" : "+r" (n) : : "cc")
#else
#error "a loop of two instructions for this architecture is missing"
#endif

/* @insns: instructions to run, even, not 0. */
#define LOOP(i)								\
__attribute__((noinline, aligned(64))) static void loop_##i(unsigned long insns)	\
{									\
	unsigned long n = insns / 2;					\
									\
	SPIN(n);							\
}

LOOP(0)
LOOP(1)
LOOP(2)
LOOP(3)
LOOP(4)
LOOP(5)
LOOP(6)
LOOP(7)
LOOP(8)
LOOP(9)

static void (*const loops[])(unsigned long) = {
	loop_0, loop_1, loop_2, loop_3, loop_4, loop_5, loop_6, loop_7, loop_8, loop_9,
};

#define NLOOPS (sizeof(loops) / sizeof(loops[0]))

static void usage(void)
{
	fprintf(stderr, "usage: loops [-r ROUNDS] N0 [N1 ... N9]\n");
	exit(2);
}

static unsigned long number(const char *arg)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 0);

	if (end == arg || *end || *arg == '-')
		usage();
	return n;
}

int main(int argc, char **argv)
{
	unsigned long each[NLOOPS] = { 0 }, rounds = 1, total = 0, r;
	int i, n;

	if (argc > 2 && !strcmp(argv[1], "-r")) {
		rounds = number(argv[2]);
		argv += 2;
		argc -= 2;
	}
	n = argc - 1;
	if (n < 1 || n > (int)NLOOPS || !rounds)
		usage();
	for (i = 0; i < n; i++) {
		each[i] = number(argv[i + 1]) / rounds / 2 * 2;
		total += each[i] * rounds;
	}
	for (r = 0; r < rounds; r++)
		for (i = 0; i < n; i++)
			if (each[i])
				loops[i](each[i]);
	printf("instructions=%lu\n", total);
	return 0;
}
