// SPDX-License-Identifier: GPL-2.0-only
/*
 * The child that parses guests' files: it can answer, and it can do nothing
 * else, however hard it tries.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../tools/confine.h"
#include "../../tools/elfsyms.h"
#include "tap.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SKIP_SANITIZED()	SKIP("the sanitizer needs more rights")
#else
#define SKIP_SANITIZED()	do { } while (0)
#endif

static int answer_of(void (*work)(int in, int out), char *buf, int cap, bool *good)
{
	struct confined c;
	int in = open("/proc/self/exe", O_RDONLY), n;

	if (!EQ(confine_start(&c, in, work), 0))
		return -1;
	n = fread(buf, 1, cap, c.answer);
	*good = confine_end(&c);
	close(in);
	return n;
}

static void say(int out, char c)
{
	if (write(out, &c, 1) != 1)
		_exit(9);
}

static void works(int in, int out)
{
	char c[4];
	char *p = malloc(1 << 20);

	memset(p, 1, 1 << 20);
	say(out, read(in, c, 4) == 4 ? c[1] : '?');
	free(p);
}

TEST(it_can_read_compute_and_answer)
{
	char buf[8];
	bool good;

	EQ(answer_of(works, buf, 8, &good), 1);
	EQ(buf[0], 'E');
	CHECK(good);
}

static pid_t parent;
static int secret;

/* Says a letter for each thing it was able to do. */
static void tries(int in, int out)
{
	char c;

	(void)in;
	if (open("/etc/passwd", O_RDONLY) >= 0)
		say(out, 'o');
	if (read(secret, &c, 1) >= 0)
		say(out, 'r');
	if (socket(AF_INET, SOCK_DGRAM, 0) >= 0)
		say(out, 's');
	if (fork() >= 0)
		say(out, 'f');
	if (!kill(parent, 0))
		say(out, 'k');
	if (!ptrace(PTRACE_ATTACH, parent, 0, 0))
		say(out, 'p');
	if (!unlink("/tmp/vmcoop-confine"))
		say(out, 'u');
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	    MAP_FAILED)
		say(out, 'x');
	if (syscall(SYS_execve, "/bin/true", NULL, NULL) != -1)
		say(out, 'e');
	if (syscall(SYS_openat2, -1, "/", NULL, 0) != -1 || errno != EPERM)
		say(out, '2');
	say(out, '.');
}

TEST(it_can_do_nothing_else)
{
	char buf[32] = "";
	bool good;

	SKIP_SANITIZED();
	parent = getpid();
	secret = open("/proc/self/status", O_RDONLY);
	close(open("/tmp/vmcoop-confine", O_CREAT | O_RDWR, 0666));
	answer_of(tries, buf, sizeof(buf) - 1, &good);
	STREQ(buf, ".");
	CHECK(good);
	EQ(unlink("/tmp/vmcoop-confine"), 0);
	close(secret);
}

static void crashes(int in, int out)
{
	(void)in;
	say(out, 'a');
	raise(SIGSEGV);
	syscall(SYS_exit_group, 7);
}

TEST(a_crash_is_noticed)
{
	char buf[8];
	bool good = true;

	EQ(answer_of(crashes, buf, 8, &good), 1);
	CHECK(!good);
}

static void hoards(int in, int out)
{
	u64 got = 0;
	volatile char *p;

	(void)in;
	/* Written to, or a compiler may leave the allocation out. */
	for (; (p = malloc(64 << 20)) && got < 2 * CONFINE_MEMORY; got += 64 << 20)
		*p = 1;
	say(out, got < CONFINE_MEMORY ? 'y' : 'n');
}

TEST(its_memory_is_limited)
{
	char buf[8];
	bool good;

	SKIP_SANITIZED();
	EQ(answer_of(hoards, buf, 8, &good), 1);
	EQ(buf[0], 'y');
}

static void floods(int in, int out)
{
	static char zeros[65536];

	(void)in;
	while (write(out, zeros, sizeof(zeros)) > 0)
		;
}

TEST(nobody_has_to_listen_to_all_it_says)
{
	char buf[8];
	bool good = true;

	EQ(answer_of(floods, buf, 8, &good), 8);
	CHECK(!good);
}

TEST(a_program_read_that_way_is_the_same)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	struct elf_image *here = elf_read(fd), *there = elf_read_confined(fd);
	u32 i;

	if (CHECK(here && there)) {
		EQ(here->nr_loads, there->nr_loads);
		EQ(here->tab.nr, there->tab.nr);
		EQ(here->tab.used, there->tab.used);
		CHECK(!memcmp(here->tab.strings, there->tab.strings, here->tab.used));
		for (i = 0; i < here->tab.nr; i++) {
			EQ(here->tab.syms[i].start, there->tab.syms[i].start);
			EQ(here->tab.syms[i].end, there->tab.syms[i].end);
			EQ(here->tab.syms[i].name, there->tab.syms[i].name);
		}
		EQ(here->build_id_len, there->build_id_len);
	}
	elf_image_free(here);
	elf_image_free(there);
	close(fd);
	fd = open("/dev/null", O_RDONLY);
	CHECK(!elf_read_confined(fd));
	close(fd);
}

TESTS(
	RUN(it_can_read_compute_and_answer),
	RUN(it_can_do_nothing_else),
	RUN(a_crash_is_noticed),
	RUN(its_memory_is_limited),
	RUN(nobody_has_to_listen_to_all_it_says),
	RUN(a_program_read_that_way_is_the_same),
)
