// SPDX-License-Identifier: GPL-2.0-only
/*
 * failnth - carry out a step again and again, such that each time another one of the
 * kernel's allocations in it fails: the first, the second, until all have failed once
 * (Documentation/fault-injection/fault-injection.rst: /proc/self/fail-nth).
 *
 * usage: failnth insmod FILE NAME [PARAMETER=VALUE]...   load a module, and unload it
 *        failnth write FILE TEXT
 *        failnth read FILE                               to its end
 *
 * Prints how many failed. What an allocation's failure may lead to is ENOMEM, or success
 * with something left out; any other error ends this with status 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_FAULTS	10000

static const char *file;

static void die(const char *what)
{
	fprintf(stderr, "failnth: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The next but @n - 1 allocation fails; 0: none. */
static void set_fault(unsigned int n)
{
	int fd = open("/proc/thread-self/fail-nth", O_WRONLY | O_CLOEXEC), len;
	char text[16];

	len = snprintf(text, sizeof(text), "%u", n);
	if (fd < 0 || write(fd, text, len) != len)
		die("/proc/thread-self/fail-nth");
	close(fd);
}

/* Has the fault come? */
static int fault_came(void)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		die("/proc/thread-self/fail-nth");
	close(fd);
	return !atoi(text);
}

/* A step's result: 0 or an errno. The fault is set for its system call alone. */
static int insmod(unsigned int n, const char *parameters)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		die(file);
	set_fault(n);
	err = syscall(SYS_finit_module, fd, parameters, 0) ? errno : 0;
	close(fd);
	return err;
}

static int write_text(unsigned int n, const char *text)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC), err;

	if (fd < 0)
		die(file);
	set_fault(n);
	err = write(fd, text, strlen(text)) < 0 ? errno : 0;
	close(fd);
	return err;
}

static int read_all(unsigned int n)
{
	static char buf[1 << 16];
	ssize_t len;
	int fd, err;

	set_fault(n);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	while ((len = read(fd, buf, sizeof(buf))) > 0)
		;
	err = len < 0 ? errno : 0;
	close(fd);
	return err;
}

int main(int argc, char **argv)
{
	unsigned int n, failed = 0;
	char parameters[512] = "";
	int i;

	if (argc < 3 || (argc < 4 && strcmp(argv[1], "read"))) {
		fprintf(stderr, "usage: failnth insmod|write|read FILE ...\n");
		return 2;
	}
	file = argv[2];
	for (i = 4; i < argc; i++) {
		strcat(parameters, argv[i]);
		strcat(parameters, " ");
	}
	for (n = 1; n <= MAX_FAULTS; n++) {
		int err, came;

		err = *argv[1] == 'i' ? insmod(n, parameters) :
		      *argv[1] == 'w' ? write_text(n, argv[3]) : read_all(n);
		came = fault_came();
		set_fault(0);
		if (!err && *argv[1] == 'i' && syscall(SYS_delete_module, argv[3], O_NONBLOCK))
			die(argv[3]);
		if (err && (err != ENOMEM || !came)) {
			errno = err;
			fprintf(stderr, "fault %u%s: ", n, came ? "" : " did not come");
			die(file);
		}
		if (!came)
			break;
		failed += !!err;
	}
	printf("%s %s: %u faults, %u of them refused\n", argv[1], file, n - 1, failed);
	return 0;
}
