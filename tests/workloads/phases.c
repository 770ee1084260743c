// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ground truth that changes all the time: ten functions with shares from 1 to 40 % of
 * all instructions, each run for 1 to 50 ms at a time, in random order.
 *
 * usage: phases [-p NS] [-l LIBRARY] [-t] SEED MS
 *
 * One instruction counts as one ns, as it does in a lab whose time is the instruction
 * count; the program runs for MS of these. Each function's share is cut into stays of
 * random length, which are then shuffled: the same SEED makes the same run.
 *
 *   -p NS       begin that far behind one of the scheduler's ticks
 *   -l LIBRARY  be two processes, which take turns stay by stay, have five functions
 *               each and two of these from this library (libphases.so)
 *   -t          say on stderr how many ns it took
 *
 * Prints process, function and instructions of each.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "spin.h"

#define NS_MS		1000000UL
#define TICK_NS		(4 * NS_MS)	/* Debian's kernels tick 250 times a second */
#define STAY_MIN	(1 * NS_MS)
#define STAY_MAX	(50 * NS_MS)
#define ALL		(-1)		/* processes */

SPIN_FUNCTION(fn_0)
SPIN_FUNCTION(fn_1)
SPIN_FUNCTION(fn_2)
SPIN_FUNCTION(fn_3)
SPIN_FUNCTION(fn_4)
SPIN_FUNCTION(fn_5)
SPIN_FUNCTION(fn_6)
SPIN_FUNCTION(fn_7)
SPIN_FUNCTION(fn_8)
SPIN_FUNCTION(fn_9)

/* Of two processes, the first has those with even numbers. */
static struct function {
	const char *name;
	void (*run)(unsigned long units);
	unsigned int percent;
	unsigned long units;		/* that it runs in all */
} functions[] = {
	{ "fn_0", fn_0, 40, 0 }, { "fn_1", fn_1, 20, 0 }, { "fn_2", fn_2, 12, 0 },
	{ "fn_3", fn_3, 8, 0 }, { "fn_4", fn_4, 6, 0 }, { "fn_5", fn_5, 5, 0 },
	{ "fn_6", fn_6, 4, 0 }, { "fn_7", fn_7, 2, 0 }, { "fn_8", fn_8, 2, 0 },
	{ "fn_9", fn_9, 1, 0 },
};

#define NR_FUNCTIONS ((int)(sizeof(functions) / sizeof(functions[0])))

struct stay {
	struct function *function;
	unsigned long units;
};

static uint64_t state;

/* A number from @from to @to. */
static unsigned long between(unsigned long from, unsigned long to)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return from + (state >> 33) % (to - from + 1);
}

static void fail(const char *what)
{
	fprintf(stderr, "phases: %s\n", what);
	exit(2);
}

static unsigned long number(const char *arg)
{
	char *end;
	unsigned long n = arg ? strtoul(arg, &end, 0) : 0;

	if (!arg || end == arg || *end || *arg == '-')
		fail("usage: phases [-p NS] [-l LIBRARY] [-t] SEED MS");
	return n;
}

static void take_library(const char *path)
{
	static const char *const names[] = { "lib_0", "lib_1" };
	void *library = dlopen(path, RTLD_NOW);
	int i;

	/* Both processes have both. */
	for (i = 0; i < 4; i++) {
		struct function *f = &functions[4 + i];

		f->name = names[i / 2];
		f->run = library ? (void (*)(unsigned long))dlsym(library, f->name) : NULL;
		if (!f->run)
			fail("cannot open the library");
	}
}

/* Cuts @f's part of @ns into stays behind the @n that there are. Return: how many there are. */
static unsigned long cut(struct function *f, unsigned long ns, struct stay *stays, unsigned long n)
{
	unsigned long left = ns / 100 * f->percent, len;

	while (left) {
		len = left;
		if (left > STAY_MAX + STAY_MIN)
			len = between(STAY_MIN, STAY_MAX);
		else if (left > STAY_MAX)
			len = left / 2;
		left -= len;
		stays[n] = (struct stay){ f, len / SPIN_INSNS };
		f->units += stays[n++].units;
	}
	return n;
}

static void shuffle(struct stay *stays, unsigned long n)
{
	unsigned long i, k;

	for (i = n - 1; i; i--) {
		struct stay stay = stays[i];

		k = between(0, i);
		stays[i] = stays[k];
		stays[k] = stay;
	}
}

static unsigned long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 * NS_MS + ts.tv_nsec;
}

/* Return: when it is. */
static unsigned long wait_for_phase(unsigned long phase)
{
	unsigned long ns;

	do {
		ns = now();
	} while ((ns - phase) % TICK_NS > TICK_NS / 100);
	return ns;
}

/* Of two processes: a byte from the other is the turn, its end the turn for good. */
static int other = -1;

static void await_turn(void)
{
	char c;

	if (other >= 0 && read(other, &c, 1) < 0 && errno != ECONNRESET)
		fail("cannot wait for a turn");
}

static void pass_turn(void)
{
	if (other >= 0 && write(other, "", 1) < 0 && errno != EPIPE)
		fail("cannot pass the turn");
}

/* All that process number @process, or all of them, have to do. */
static void run(int process, unsigned long ns)
{
	struct stay *stays = calloc(ns / STAY_MIN + NR_FUNCTIONS, sizeof(*stays));
	unsigned long n = 0, i;
	int f;

	if (!stays)
		fail("no memory");
	for (f = 0; f < NR_FUNCTIONS; f++)
		if (process == ALL || f % 2 == process)
			n = cut(&functions[f], ns, stays, n);
	shuffle(stays, n);
	for (i = 0; i < n; i++) {
		await_turn();
		stays[i].function->run(stays[i].units);
		pass_turn();
	}
	for (f = 0; f < NR_FUNCTIONS; f++)
		if (functions[f].units)
			printf("%d %s %lu\n", getpid(), functions[f].name,
			       functions[f].units * SPIN_INSNS);
	fflush(stdout);
}

static void tell_time(int asked, unsigned long begin)
{
	if (asked)
		fprintf(stderr, "took %lu ns\n", now() - begin);
}

int main(int argc, char **argv)
{
	const char *library = NULL;
	unsigned long phase = 0, ns, begin;
	int ends[2], timed = 0, opt;
	pid_t child;

	while ((opt = getopt(argc, argv, "p:l:t")) != -1) {
		if (opt == 'p')
			phase = number(optarg);
		else if (opt == 'l')
			library = optarg;
		else if (opt == 't')
			timed = 1;
		else
			number(NULL);
	}
	state = number(argv[optind]);
	ns = number(argv[optind] ? argv[optind + 1] : NULL) * NS_MS;
	if (ns < 100 * STAY_MIN)
		fail("MS is 100 at least: a share of 1 % takes 1 ms");
	if (!library) {
		begin = wait_for_phase(phase);
		run(ALL, ns);
		tell_time(timed, begin);
		return 0;
	}
	take_library(library);
	signal(SIGPIPE, SIG_IGN);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		fail("cannot make a pair of sockets");
	begin = wait_for_phase(phase);
	child = fork();
	if (child < 0)
		fail("cannot fork");
	other = ends[!child];
	close(ends[!!child]);
	if (!child)
		pass_turn();
	run(!child, ns);
	close(other);
	if (child) {
		wait(NULL);
		tell_time(timed, begin);
	}
	return 0;
}
