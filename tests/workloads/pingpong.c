// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same work cut into pieces by task switches: two processes hand each other
 * the turn through pipes, and whoever has it does a piece.
 *
 * usage: pingpong TURNS UNITS    UNITS of work in all, whatever TURNS is
 *
 * Prints each process's pid, turns and schedstat at its end, and how long all took.
 */
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "work.h"

static void tell(const char *who, unsigned long turns)
{
	char line[128] = "";
	FILE *f = fopen("/proc/self/schedstat", "r");

	/* The scheduler's account is as old as the last tick, or this. */
	sched_yield();
	if (f && fgets(line, sizeof(line), f))
		printf("%s %d %lu %s", who, (int)getpid(), turns, line);
	if (f)
		fclose(f);
	fflush(stdout);
}

static void play(const char *who, int in, int out, unsigned long turns, unsigned long units)
{
	uint64_t x = 1;
	unsigned long i;
	char c = 0;

	for (i = 0; i < turns; i++) {
		if (read(in, &c, 1) != 1)
			break;
		x = work(x, units / turns / 2);
		if (write(out, &c, 1) != 1)
			break;
	}
	tell(who, i);
	exit(x == 42);
}

int main(int argc, char **argv)
{
	unsigned long turns = argc > 1 ? strtoul(argv[1], NULL, 0) : 1000;
	unsigned long units = argc > 2 ? strtoul(argv[2], NULL, 0) : 10000000;
	double begin = seconds();
	int there[2], back[2];
	pid_t child;

	if (!turns || pipe(there) || pipe(back))
		return 2;
	fflush(stdout);
	child = fork();
	if (child < 0)
		return 1;
	if (!child)
		play("pong", there[0], back[1], turns, units);
	if (write(back[1], "", 1) != 1)
		return 1;
	if (!fork())
		play("ping", back[0], there[1], turns, units);
	while (wait(NULL) > 0)
		;
	printf("took %.0f us\n", (seconds() - begin) * 1e6);
	return 0;
}
