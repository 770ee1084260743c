// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump top: what the guests run now, from the rings.
 *
 * A child records into a file in memory, as record does, and this process joins
 * what stands in it whole; what was joined long ago is cut out of the file
 * again. Each screen shows the samples of the time since the one before.
 */
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "output.h"
#include "report.h"
#include "view.h"

static const char help[] =
"usage: vmcoop-dump top [OPTION]... [-- RECORD-OPTION...]\n"
"\n"
"Shows, every few seconds, what guest code the samples of that time hit. Options\n"
"behind -- are given to record: events, rates, VMs. Needs vmcoop_host.ko, and root.\n"
"\n"
"  -d, --delay SECONDS         between two screens, 1 to 3600 (default 2)\n"
"  -b, --batch                 print text instead of drawing on the terminal\n"
"  -n, --iterations N          end after N screens\n"
"  --sort KEYS                 as for report (default vm,comm,pid,dso,sym)\n"
"  --method METHOD             sampled (default), or tick: the guest's ticks\n"
"  --guest-root [VM=]DIR       as for report\n"
"  --guest-kallsyms [VM=]FILE  as for report\n"
"  --symbols [VM=]FILE         as for report\n"
"  --debug-dir DIR             as for report\n"
"  --vm VM, --comm NAME, --pid PID, --event NAME\n"
"                              only these; shares are of what is left\n"
"  -h, --help                  this\n"
"\n"
"Keys: q ends, p pauses. Exit status: 0 ended, 1 it failed, 2 bad usage.\n"
"\n"
"Example:\n"
"  vmcoop-dump top --guest-root /mnt/guest -- -e cycles -F 499\n";

#define KEEP_NS		(20 * NSEC_PER_SEC)	/* that the merge may still want */
#define MAX_MARKS	64

/**
 * struct top - a live view
 * @file: what the child records into
 * @rows: of the time since the last screen
 * @marks: how far the file had been joined at times, the oldest first
 */
struct top {
	struct view v;
	u64 delay, iterations;
	bool batch, screen, paused;
	u32 keys;
	char **record_options;
	int nr_options;

	int file;
	pid_t child;
	struct datafile_reader r;
	bool opened;
	struct rows rows;
	u64 drawn, screens;
	struct {
		u64 when, offset;
	} marks[MAX_MARKS];
	u32 nr_marks;
};

static volatile sig_atomic_t ended;

static void on_signal(int sig)
{
	(void)sig;
	ended = 1;
}

/* ---- The recorder ----------------------------------------------------------------------- */

static void exec_record(const struct top *t)
{
	char **argv = xcalloc(t->nr_options + 6, sizeof(*argv));
	char path[64];
	int i;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", t->file);
	argv[0] = "vmcoop-dump";
	argv[1] = "record";
	argv[2] = "-q";
	for (i = 0; i < t->nr_options; i++)
		argv[3 + i] = t->record_options[i];
	argv[3 + i] = "-o";
	argv[4 + i] = path;
	/* The terminal's Ctrl-C is ours; we tell it, and should we die, the kernel does. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGINT);
	execv("/proc/self/exe", argv);
	_exit(1);
}

static int start_record(struct top *t)
{
	t->file = memfd_create("vmcoop-top", 0);
	if (t->file < 0)
		return fail(EXIT_FAILED, "cannot make a file in memory: %s", strerror(errno));
	fflush(NULL);
	t->child = fork();
	if (t->child < 0)
		return fail(EXIT_FAILED, "cannot fork: %s", strerror(errno));
	if (!t->child)
		exec_record(t);
	return EXIT_OK;
}

/* The status it ended with, 0 while it runs. */
static int record_ended(struct top *t)
{
	int status;

	if (!t->child || waitpid(t->child, &status, WNOHANG) != t->child)
		return 0;
	t->child = 0;
	ended = 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

static void stop_record(struct top *t)
{
	if (!t->child)
		return;
	kill(t->child, SIGINT);
	waitpid(t->child, NULL, 0);
	t->child = 0;
}

/* ---- Reading ------------------------------------------------------------------------------ */

static void on_sample(void *ctx, const struct joined *j)
{
	struct top *t = ctx;
	struct place p;

	if (!view_wants(&t->v, j))
		return;
	symbolize(&t->v.sym, j, &p);
	rows_add(&t->rows, j, &p);
}

/* Cuts what was joined a while ago out of the file: it would fill memory. */
static void cut(struct top *t, u64 now)
{
	if (t->nr_marks && now - t->marks[t->nr_marks - 1].when < NSEC_PER_SEC)
		return;
	if (t->nr_marks == MAX_MARKS || (t->nr_marks && now - t->marks[0].when > KEEP_NS)) {
		fallocate(t->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			  t->marks[0].offset);
		memmove(t->marks, t->marks + 1, --t->nr_marks * sizeof(*t->marks));
	}
	t->marks[t->nr_marks].when = now;
	t->marks[t->nr_marks++].offset = t->r.offset;
}

static int read_more(struct top *t)
{
	struct stat st;
	struct chunk c;
	char path[64];

	if (!t->opened) {
		if (fstat(t->file, &st) || (size_t)st.st_size < sizeof(struct datafile_hdr))
			return EXIT_OK;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", t->file);
		if (datafile_open(&t->r, path))
			return EXIT_FAILED;
		t->opened = true;
		session_begin(&t->v.s, &t->r, on_sample, t);
	}
	while (datafile_ready(&t->r) && datafile_next(&t->r, &c))
		merge_chunk(&t->v.s.merge, &c);
	return t->r.damage ? fail(EXIT_FAILED, "%s", t->r.damage) : EXIT_OK;
}

/* ---- The screen ----------------------------------------------------------------------------- */

static void put_text(const struct top *t, u32 line, const char *text, bool head)
{
	if (t->batch) {
		puts(text);
		return;
	}
	if (head)
		attron(A_BOLD);
	mvaddnstr(line, 0, text, COLS);
	if (head)
		attroff(A_BOLD);
}

static bool shown(const struct top *t, enum sort_key key)
{
	return t->keys & 1U << key;
}

/* Fields of fixed width in front, the symbol last: a long name is cut by the screen. */
static void put_row(const struct top *t, u32 line, const struct row *row)
{
	char text[4096], name[1024], raw[1024];
	size_t n;

	n = snprintf(text, sizeof(text), "%6.2f%% %8llu", 100 * row_share(&t->rows, row),
		     row->sums.samples);
	if (shown(t, KEY_VM))
		n += snprintf(text + n, sizeof(text) - n, "  %-16.64s",
			      escape(name, sizeof(name), row->vm->name));
	if (shown(t, KEY_VCPU))
		n += snprintf(text + n, sizeof(text) - n, "  %4u", row->vcpu);
	if (shown(t, KEY_PCPU))
		n += snprintf(text + n, sizeof(text) - n, "  %4u", row->pcpu);
	if (shown(t, KEY_COMM))
		n += snprintf(text + n, sizeof(text) - n, "  %-15.64s",
			      escape(name, sizeof(name), *row->comm ? row->comm : "-"));
	if (shown(t, KEY_PID))
		n += snprintf(text + n, sizeof(text) - n, "  %7u", row->pid);
	if (shown(t, KEY_TID))
		n += snprintf(text + n, sizeof(text) - n, "  %7u", row->tid);
	if (shown(t, KEY_CGROUP))
		n += snprintf(text + n, sizeof(text) - n, "  %-16.64s",
			      escape(name, sizeof(name), *row->cgroup ? row->cgroup : "-"));
	if (shown(t, KEY_MODE))
		n += snprintf(text + n, sizeof(text) - n, "  [%s]", mode_letter(row->mode));
	if (shown(t, KEY_DSO))
		n += snprintf(text + n, sizeof(text) - n, "  %-16.64s",
			      escape(name, sizeof(name), *row->dso ? row->dso : "-"));
	if (shown(t, KEY_SYM))
		snprintf(text + n, sizeof(text) - n, "  %s",
			 escape(name, sizeof(name), row_symbol(row, raw, sizeof(raw))));
	put_text(t, line, text, false);
}

static void put_titles(const struct top *t, u32 line)
{
	static const struct {
		enum sort_key key;
		const char *title;
	} titles[] = {
		{ KEY_VM, "VM              " }, { KEY_VCPU, "vCPU" }, { KEY_PCPU, "pCPU" },
		{ KEY_COMM, "Command        " }, { KEY_PID, "    PID" }, { KEY_TID, "    TID" },
		{ KEY_CGROUP, "Cgroup          " }, { KEY_MODE, "   " }, { KEY_DSO, "Object          " }, { KEY_SYM, "Symbol" },
	};
	char text[512];
	size_t n = snprintf(text, sizeof(text), "  Share  Samples"), i;

	for (i = 0; i < ARRAY_SIZE(titles); i++)
		if (shown(t, titles[i].key))
			n += snprintf(text + n, sizeof(text) - n, "  %s", titles[i].title);
	put_text(t, line, text, true);
}

static void put_screen(struct top *t, u64 now)
{
	u64 lost = report_unattributed(&t->rows);
	char text[256];
	u32 rows, i;

	rows_finish(&t->rows);
	if (!t->batch)
		erase();
	snprintf(text, sizeof(text),
		 "vmcoop top: %.1f s, %llu samples (method %s), %llu not attributed, %zu VMs",
		 (now - t->drawn) / 1e9, t->rows.samples, method_names[t->v.method], lost,
		 t->v.s.join.nr_vms);
	put_text(t, 0, text, true);
	put_titles(t, 1);
	rows = t->batch ? 40 : LINES > 2 ? LINES - 2 : 0;
	for (i = 0; i < t->rows.nr && i < rows; i++)
		put_row(t, i + 2, &t->rows.rows[i]);
	if (t->batch) {
		putchar('\n');
		fflush(stdout);
	} else {
		refresh();
	}
}

static void next_screen(struct top *t, u64 now)
{
	put_screen(t, now);
	rows_free(&t->rows);
	t->rows.keys = t->keys;
	t->drawn = now;
	t->screens++;
	if (t->iterations && t->screens >= t->iterations)
		ended = 1;
}

static void handle_key(struct top *t)
{
	switch (getch()) {
	case 'q':
		ended = 1;
		break;
	case 'p':
		t->paused = !t->paused;
		break;
	}
}

static int check_terminal(const struct top *t)
{
	if (t->batch || (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)))
		return EXIT_OK;
	return fail(EXIT_BAD, "top draws on a terminal; --batch prints text");
}

static void begin_screen(struct top *t)
{
	setlocale(LC_CTYPE, "");
	initscr();
	cbreak();
	noecho();
	curs_set(0);
	timeout(100);
	t->screen = true;
}

static int watch(struct top *t)
{
	int status = EXIT_OK, last;

	t->drawn = now_ns();
	while (!status && !ended) {
		u64 now;

		if (t->screen)
			handle_key(t);
		else
			poll(NULL, 0, 100);
		last = record_ended(t);
		status = read_more(t) ?: last;
		/* Not before the recorder has begun: what it complains of would be drawn over. */
		if (t->opened && !t->batch && !t->screen)
			begin_screen(t);
		now = now_ns();
		if (t->opened)
			cut(t, now);
		if (!status && t->opened && !t->paused && now - t->drawn >= t->delay * NSEC_PER_SEC)
			next_screen(t, now);
	}
	return status;
}

/* ---- Options ---------------------------------------------------------------------------------- */

enum { OPT_SORT = 256 };

static int set_option(struct top *t, int opt, const char *arg)
{
	int status;

	if (opt != 'i' && view_option(&t->v, opt, arg, &status))
		return status;
	switch (opt) {
	case 'b':
		t->batch = true;
		return 0;
	case 'd':
		return option_u64("delay", arg, 1, 3600, &t->delay) ? 0 : EXIT_BAD;
	case 'n':
		return option_u64("iterations", arg, 1, UINT32_MAX, &t->iterations) ? 0 : EXIT_BAD;
	case OPT_SORT:
		t->keys = parse_sort_keys(arg);
		return t->keys ? 0 : EXIT_BAD;
	case 'h':
		show_help(&cmd_top);
		exit(EXIT_OK);
	default:
		return bad_usage(&cmd_top);
	}
}

static int parse(int argc, char **argv, struct top *t)
{
	static const struct option longopts[] = {
		VIEW_LONG, VIEW_LONG_METHOD,
		{ "batch", no_argument, NULL, 'b' },
		{ "delay", required_argument, NULL, 'd' },
		{ "iterations", required_argument, NULL, 'n' },
		{ "sort", required_argument, NULL, OPT_SORT },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = 0;

	while (!status && (opt = getopt_long(argc, argv, "+bd:n:h", longopts, NULL)) != -1)
		status = set_option(t, opt, optarg);
	if (status)
		return status;
	if (optind < argc && strcmp(argv[optind - 1], "--")) {
		warn("top takes no argument '%s'; options for record come behind --", argv[optind]);
		return bad_usage(&cmd_top);
	}
	if (t->v.time.chosen)
		return fail(EXIT_BAD, "top shows what runs now: --time is for recordings");
	if (t->v.method == METHOD_COUNTED)
		return fail(EXIT_BAD, "top shows samples or ticks; counters: vmcoop-dump stat");
	t->record_options = argv + optind;
	t->nr_options = argc - optind;
	return EXIT_OK;
}

static int run(int argc, char **argv)
{
	struct top *t = xcalloc(1, sizeof(*t));
	int status;

	t->delay = 2;
	t->file = -1;
	t->keys = parse_sort_keys("vm,comm,pid,dso,sym");
	t->v.one_event = true;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	status = parse(argc, argv, t);
	t->rows.keys = t->keys;
	if (!status)
		status = check_terminal(t) ?: start_record(t) ?: watch(t);
	if (t->screen)
		endwin();
	stop_record(t);
	rows_free(&t->rows);
	if (t->opened) {
		view_free(&t->v);
		datafile_close(&t->r);
	}
	free(t);
	return status;
}

const struct command cmd_top = {
	.name = "top",
	.summary = "show what the guests run, live",
	.help = help,
	.run = run,
};
