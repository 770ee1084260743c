// SPDX-License-Identifier: GPL-2.0-only
/*
 * Children with next to no rights: see confine.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "confine.h"

#define NOBODY	65534

#if defined(__x86_64__)
#define THIS_ARCH	AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH	AUDIT_ARCH_AARCH64
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
/* The sanitizer's own memory and system calls pass no such limits. */
#define SANITIZED	true
#else
#define SANITIZED	false
#endif

#define OFFSET(field)	offsetof(struct seccomp_data, field)
#define LOAD(what)	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, what)
#define RETURN(what)	BPF_STMT(BPF_RET | BPF_K, what)
#define ALLOW(nr)	\
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##nr, 0, 1), RETURN(SECCOMP_RET_ALLOW)
/* As ALLOW, unless the call's third argument asks for executable memory. */
#define ALLOW_NOT_EXEC(nr)						\
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##nr, 0, 4),		\
	LOAD(OFFSET(args[2])),						\
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),		\
	RETURN(SECCOMP_RET_ERRNO | EPERM),				\
	RETURN(SECCOMP_RET_ALLOW)

static void forbid_system_calls(void)
{
	struct sock_filter filter[] = {
		LOAD(OFFSET(arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(OFFSET(nr)),
		ALLOW(read),
		ALLOW(pread64),
		ALLOW(write),
		ALLOW(lseek),
		ALLOW(fstat),
		ALLOW(newfstatat),
		ALLOW(fcntl),
		ALLOW(close),
		ALLOW(brk),
		ALLOW(munmap),
		ALLOW(mremap),
		ALLOW(madvise),
		ALLOW(futex),
		ALLOW(getrandom),
		ALLOW(rt_sigreturn),
		ALLOW(exit),
		ALLOW(exit_group),
		ALLOW_NOT_EXEC(mmap),
		ALLOW_NOT_EXEC(mprotect),
		RETURN(SECCOMP_RET_ERRNO | EPERM),
	};
	struct sock_fprog prog = { .len = ARRAY_SIZE(filter), .filter = filter };

	/* A kernel without seccomp: the other limits have to do. */
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static void limit(int resource, u64 value)
{
	struct rlimit r = { .rlim_cur = value, .rlim_max = value };

	setrlimit(resource, &r);
}

/* Our files but @in and @out, and the privileges that go with our user. */
static void drop_rights(int in, int out)
{
	int lo = in < out ? in : out, hi = in < out ? out : in;

	if (lo > 3)
		syscall(SYS_close_range, 3, lo - 1, 0);
	if (hi > lo + 1)
		syscall(SYS_close_range, lo + 1, hi - 1, 0);
	syscall(SYS_close_range, hi + 1, ~0U, 0);
	if (!geteuid() && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
			   setresuid(NOBODY, NOBODY, NOBODY)))
		_exit(1);
}

static void child(int in, int out, void (*work)(int in, int out))
{
	int sig;

	/* Our own handlers are of no use here. */
	for (sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	drop_rights(in, out);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, CONFINE_SECONDS);
	limit(RLIMIT_NPROC, 0);
	limit(RLIMIT_FSIZE, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		_exit(1);
	if (!SANITIZED) {
		limit(RLIMIT_DATA, CONFINE_MEMORY);
		forbid_system_calls();
	}
	work(in, out);
	_exit(0);
}

void confine_send(int out, const void *p, size_t n)
{
	const char *s = p;

	while (n) {
		ssize_t done = write(out, s, n);

		if (done <= 0)
			_exit(1);
		s += done;
		n -= done;
	}
}

int confine_start(struct confined *c, int in, void (*work)(int in, int out))
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	/* What is buffered must not be written twice. */
	fflush(NULL);
	c->pid = fork();
	if (!c->pid)
		child(in, fds[1], work);
	close(fds[1]);
	c->answer = c->pid > 0 ? fdopen(fds[0], "rb") : NULL;
	if (c->answer)
		return 0;
	close(fds[0]);
	if (c->pid > 0) {
		kill(c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
	}
	return -1;
}

bool confine_end(struct confined *c)
{
	int status;

	/* Whoever still writes then has more to say than was asked. */
	fclose(c->answer);
	while (waitpid(c->pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}
