// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work that is bound by one thing, N times, for the benchmark.
 *
 * usage: chore spin|syscalls|forks N
 *        chore run COMMAND [ARG...]
 *
 *   spin      SPIN_INSNS instructions of user mode
 *   syscalls  getppid(2)
 *   forks     a process that ends at once, and is waited for
 *   run       the command
 *
 * Where the lab's module lab_cost is, it tells the lab host where the work begins and ends.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spin.h"

#define MARK	"/sys/module/lab_cost/parameters/mark"

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void mark(int fd, const char *what)
{
	if (fd >= 0 && write(fd, what, 1) != 1)
		fail(MARK);
}

static void spin(unsigned long n)
{
	SPIN(n);
}

static void syscalls(unsigned long n)
{
	while (n--)
		syscall(SYS_getppid);
}

/* Return: the child's status. */
static int run(char **command)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (command) {
			execvp(command[0], command);
			perror(command[0]);
		}
		_exit(command ? 127 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		fail("fork");
	return status;
}

static void forks(unsigned long n)
{
	while (n--)
		run(NULL);
}

static const struct chore {
	const char *name;
	void (*work)(unsigned long n);
} chores[] = {
	{ "spin", spin }, { "syscalls", syscalls }, { "forks", forks },
};

int main(int argc, char **argv)
{
	const char *name = argc > 2 ? argv[1] : "";
	unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	int fd = open(MARK, O_WRONLY | O_CLOEXEC), status = 2;
	size_t i;

	if (!strcmp(name, "run")) {
		mark(fd, "1");
		status = !!run(argv + 2);
		mark(fd, "0");
	}
	for (i = 0; n && i < sizeof(chores) / sizeof(chores[0]); i++) {
		if (strcmp(name, chores[i].name))
			continue;
		mark(fd, "1");
		chores[i].work(n);
		mark(fd, "0");
		status = 0;
	}
	if (status == 2)
		fputs("usage: chore spin|syscalls|forks N | run COMMAND [ARG...]\n", stderr);
	return status;
}
