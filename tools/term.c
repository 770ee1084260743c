// SPDX-License-Identifier: GPL-2.0-only
/*
 * Width, colour and pager of a terminal: see term.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "term.h"

static pid_t pager;
static unsigned int paged_width;	/* of the terminal behind the pager */
static enum { AUTO, ALWAYS, NEVER } color;

static bool on_terminal(void)
{
	return pager || isatty(STDOUT_FILENO);
}

unsigned int term_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize ws;
	u64 v;

	if (pager)
		return paged_width;
	if (!on_terminal())
		return 0;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col)
		return ws.ws_col;
	return columns && parse_u64(columns, 1, 10000, &v) ? v : 80;
}

int term_color(const char *when)
{
	if (!strcmp(when, "auto"))
		color = AUTO;
	else if (!strcmp(when, "always"))
		color = ALWAYS;
	else if (!strcmp(when, "never"))
		color = NEVER;
	else
		return fail(EXIT_BAD, "--color wants auto, always or never, not '%s'", when);
	return 0;
}

static bool color_wanted(void)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	return on_terminal() && !(no && *no) && term && *term && strcmp(term, "dumb");
}

const char *term_style(enum term_style style)
{
	static const char *const sgr[] = {
		[TERM_PLAIN] = "\033[m", [TERM_BOLD] = "\033[1m", [TERM_DIM] = "\033[2m",
		[TERM_RED] = "\033[31m", [TERM_GREEN] = "\033[32m", [TERM_YELLOW] = "\033[33m",
	};

	if (color == AUTO)
		color = color_wanted() ? ALWAYS : NEVER;
	return color == ALWAYS ? sgr[style] : "";
}

/* ---- Pager ---------------------------------------------------------------- */

/* Is the first word of @command a program that can be run? */
static bool can_run(const char *command)
{
	size_t n = strcspn(command, " \t"), dir;
	const char *path = getenv("PATH");
	bool found = false;
	char *file;

	if (memchr(command, '/', n) || !path)
		path = "";
	do {
		dir = strcspn(path, ":");
		file = xasprintf("%.*s%s%.*s", (int)dir, path, dir ? "/" : "", (int)n, command);
		found = !access(file, X_OK);
		free(file);
		path += dir;
	} while (!found && *path++);
	return found;
}

static const char *pager_command(void)
{
	const char *command = getenv("VMCOOP_PAGER");

	if (!command)
		command = getenv("PAGER");
	if (!command)
		return can_run("less") ? "less" : NULL;
	if (!*command || !strcmp(command, "cat"))
		return NULL;
	if (can_run(command))
		return command;
	warn("cannot run the pager '%s': shown without", command);
	return NULL;
}

static void wait_for_pager(void)
{
	int wstatus;

	fflush(stdout);
	/* Both, or the pager never sees the end. */
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	while (waitpid(pager, &wstatus, 0) < 0 && errno == EINTR)
		;
}

static void __attribute__((noreturn)) run_pager(const char *command, int from)
{
	dup2(from, STDIN_FILENO);
	/* Colours shown, one screen just printed, the text left there. */
	setenv("LESS", "FRX", 0);
	execlp("sh", "sh", "-c", command, NULL);
	_exit(127);
}

void term_pager(void)
{
	const char *command = NULL;
	int fds[2];
	pid_t pid;

	if (!pager && on_terminal())
		command = pager_command();
	if (!command || pipe2(fds, O_CLOEXEC))
		return;
	paged_width = term_width();
	fflush(stdout);
	pid = fork();
	if (!pid)
		run_pager(command, fds[0]);
	close(fds[0]);
	if (pid > 0) {
		pager = pid;
		/* A reader who has seen enough ends us by SIGPIPE. */
		signal(SIGINT, SIG_IGN);
		if (isatty(STDERR_FILENO))
			dup2(fds[1], STDERR_FILENO);
		dup2(fds[1], STDOUT_FILENO);
		atexit(wait_for_pager);
	}
	close(fds[1]);
}
