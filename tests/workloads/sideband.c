// SPDX-License-Identifier: GPL-2.0-only
/*
 * All that changes which code runs under which name: processes, threads, programs,
 * libraries opened late, code made at run time, names changed.
 *
 * usage: sideband work FORKS PLUGIN    do all of it and end
 *        sideband stay PLUGIN          do some of it and wait for a signal
 *        sideband child                the program of each child
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "work.h"

#define THREADS	8

static void fail(const char *what)
{
	fprintf(stderr, "sideband: %s failed\n", what);
	exit(1);
}

/* A page of code, written, then made executable, as JIT compilers do. */
static void make_code(void)
{
#if defined(__x86_64__)
	static const unsigned char code[] = { 0xc3 };			/* ret */
#else
	static const unsigned char code[] = { 0xc0, 0x03, 0x5f, 0xd6 };	/* ret */
#endif
	long page = sysconf(_SC_PAGESIZE);
	/* A hole on either side keeps the kernel from joining it with another mapping. */
	char *p = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + page;

	if (mprotect(p, page, PROT_READ | PROT_WRITE))
		fail("mprotect");
	memcpy(p, code, sizeof(code));
	if (mprotect(p, page, PROT_READ | PROT_EXEC))
		fail("mprotect");
	__builtin___clear_cache(p, p + sizeof(code));
	((void (*)(void))p)();
}

static void open_plugin(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW);
	uint64_t (*fn)(uint64_t);

	if (!lib) {
		fprintf(stderr, "sideband: %s\n", dlerror());
		exit(1);
	}
	*(void **)&fn = dlsym(lib, "plugin_work");
	if (!fn || fn(1) == 1)
		fail("dlsym");
}

static void *thread(void *arg)
{
	prctl(PR_SET_NAME, "thread");
	return (void *)(uintptr_t)work((uintptr_t)arg, 1000);
}

static void threads(void)
{
	pthread_t t[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, thread, NULL))
			fail("pthread_create");
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

/* One in three also becomes another program. */
static void forks(int n)
{
	int i;

	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (!pid) {
			prctl(PR_SET_NAME, "child");
			if (i % 3 == 0)
				execl("/proc/self/exe", "child", "child", NULL);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	printf("forked %d\n", n);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "child")) {
		prctl(PR_SET_NAME, "child");
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "work")) {
		forks(atoi(argv[2]));
		threads();
		make_code();
		open_plugin(argv[3]);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "stay")) {
		make_code();
		open_plugin(argv[2]);
		prctl(PR_SET_NAME, "renamed");
		pause();
		return 0;
	}
	return 2;
}
