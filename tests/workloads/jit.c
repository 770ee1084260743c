// SPDX-License-Identifier: GPL-2.0-only
/*
 * jit - a process of a pid namespace of its own that makes code as it runs, and says
 * so in /tmp/perf-PID.map: "three_quarters" and "one_quarter" do that much of its work.
 *
 * usage: jit [SECONDS]
 *
 * Both are copies of one function that is called with another number of iterations.
 * Needs root.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "work.h"

#define UNIT 1500

/* It calls nothing and has no data: it runs wherever it is copied to. */
__attribute__((noinline, section("jit_code"))) uint64_t copied(uint64_t x, unsigned int n)
{
	return work(x, n);
}

extern char __start_jit_code[], __stop_jit_code[];

typedef uint64_t (*made_fn)(uint64_t x, unsigned int n);

static made_fn make(char *at, const char *name, FILE *map)
{
	size_t size = __stop_jit_code - __start_jit_code;

	memcpy(at, __start_jit_code, size);
	__builtin___clear_cache(at, at + size);
	fprintf(map, "%lx %zx %s\n", (unsigned long)at, size, name);
	fflush(map);
	return (made_fn)(at + ((char *)copied - __start_jit_code));
}

static int run(double end)
{
	char *code = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	made_fn three_quarters, one_quarter;
	char path[64];
	uint64_t x = 1;
	FILE *map;

	snprintf(path, sizeof(path), "/tmp/perf-%d.map", getpid());
	map = fopen(path, "w");
	if (code == MAP_FAILED || !map) {
		perror("jit");
		return 1;
	}
	three_quarters = make(code, "three_quarters", map);
	one_quarter = make(code + 4096, "one_quarter", map);
	do {
		for (int i = 0; i < 64; i++)
			x = one_quarter(three_quarters(x, 3 * UNIT), UNIT);
	} while (seconds() < end);
	printf("jit: pid %d, checksum %016llx\n", getpid(), (unsigned long long)x);
	return 0;
}

int main(int argc, char **argv)
{
	double end = seconds() + duration(argc, argv);
	int status = 1;
	pid_t pid;

	if (unshare(CLONE_NEWPID)) {
		perror("jit: a pid namespace");
		return 1;
	}
	pid = fork();
	if (!pid)
		return run(end);
	waitpid(pid, &status, 0);
	return status != 0;
}
