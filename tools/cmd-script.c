// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump script: the samples one by one, in the lines of perf script.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "frames.h"
#include "output.h"
#include "view.h"

static const char help[] =
"usage: vmcoop-dump script [OPTION]...\n"
"\n"
"Prints each sample with what the guest was running then, as perf script does with\n"
"call chains: a line of its own, the stack from the innermost frame on, an empty line.\n"
"\n"
"  comm  pid/tid [cpu] seconds: period event:\n"
"          address symbol+offset (object)\n"
"\n"
VIEW_HELP
"  --event NAME                only samples of this event\n"
"  --method METHOD             sampled (default), or tick: the guest's ticks, their\n"
"                              period the time the vCPU ran since the last, in ns,\n"
"                              with callers where the guest records them (callchain=)\n"
"  -F, --fields LIST           of comm,pid,tid,cpu,time,period,event,ip,sym,symoff,dso,\n"
"                              machine_pid,vcpu,vm; +FIELD and -FIELD change the default\n"
"  -h, --help                  this\n"
"\n"
"Exit status: as for report.\n"
"\n"
"Examples:\n"
"  vmcoop-dump script --guest-root /mnt/guest | stackcollapse-perf.pl | flamegraph.pl\n"
"  vmcoop-dump script -F +machine_pid,+vcpu --vm web1 | head\n";

enum field {
	F_COMM, F_PID, F_TID, F_CPU, F_TIME, F_PERIOD, F_EVENT, F_IP, F_SYM, F_SYMOFF, F_DSO,
	F_MACHINE, F_VCPU, F_VM, NR_FIELDS
};

static const char *const field_names[NR_FIELDS] = {
	"comm", "pid", "tid", "cpu", "time", "period", "event", "ip", "sym", "symoff", "dso",
	"machine_pid", "vcpu", "vm",
};

#define FIELDS_DEFAULT	((1U << F_MACHINE) - 1)

/**
 * struct memo - a part of a line as it was put together before
 * @key: all that decides on it; all zero: there is none
 * @len: bytes of @text
 */
struct memo {
	u64 key[3];
	u32 len;
	char text[100];
};

#define MEMOS	4096

struct script {
	struct view v;
	u32 fields;
	struct line line;
	struct memo tasks[MEMOS], frames[MEMOS];
};

static bool has(const struct script *sc, enum field f)
{
	return sc->fields & 1U << f;
}

/* ---- Parts seen before ---------------------------------------------------------------- */

static struct memo *memo_of(struct memo *table, u64 a, u64 b, u64 c)
{
	u64 hash = (a + b * 0x9e3779b97f4a7c15ULL + c) * 0xbf58476d1ce4e5b9ULL;

	return &table[(hash >> 32) % MEMOS];
}

/* Adds what is kept under that key; false: nothing is. */
static bool put_memo(struct line *l, const struct memo *m, u64 a, u64 b, u64 c)
{
	if (m->key[0] != a || m->key[1] != b || m->key[2] != c)
		return false;
	line_add(l, m->text, m->len);
	return true;
}

/* Keeps what was put into the line from @from on, unless it is too long. */
static void keep_memo(const struct line *l, size_t from, struct memo *m, u64 a, u64 b, u64 c)
{
	if (l->n - from > sizeof(m->text))
		return;
	*m = (struct memo){ .key = { a, b, c }, .len = l->n - from };
	memcpy(m->text, l->text + from, m->len);
}

/* ---- A sample ----------------------------------------------------------------------- */

static void make_task(struct script *sc, const struct joined *j)
{
	struct line *l = &sc->line;

	if (has(sc, F_COMM)) {
		line_escaped(l, *j->comm ? j->comm : "[unknown]");
		line_str(l, " ");
	}
	if (has(sc, F_PID) && has(sc, F_TID)) {
		size_t end;

		line_u64(l, j->pid, 10, 7, ' ');
		line_str(l, "/");
		end = l->n + 8;
		line_u64(l, j->tid, 10, 0, ' ');
		do
			line_str(l, " ");
		while (l->n < end);
	} else if (has(sc, F_PID) || has(sc, F_TID)) {
		line_u64(l, has(sc, F_PID) ? j->pid : j->tid, 10, 7, ' ');
		line_str(l, " ");
	}
	if (has(sc, F_CPU)) {
		line_str(l, "[");
		line_u64(l, j->pcpu, 10, 3, '0');
		line_str(l, "] ");
	}
}

/* A task's name and numbers, and its CPU. */
static void put_task(struct script *sc, const struct joined *j)
{
	u64 ids = (u64)j->pid << 32 | j->tid;
	struct memo *m = memo_of(sc->tasks, j->who, ids, j->pcpu);
	size_t from = sc->line.n;

	if (j->who && put_memo(&sc->line, m, j->who, ids, j->pcpu))
		return;
	make_task(sc, j);
	if (j->who)
		keep_memo(&sc->line, from, m, j->who, ids, j->pcpu);
}

/* Seconds since the window began, in microseconds; before it they are negative. */
static void put_time(struct script *sc, u64 stamp)
{
	double us = session_seconds(&sc->v.s, stamp) * 1e6;
	u64 n = llround(fabs(us));

	if (us < 0)
		line_str(&sc->line, "-");
	line_u64(&sc->line, n / 1000000, 10, us < 0 ? 0 : 5, ' ');
	line_str(&sc->line, ".");
	line_u64(&sc->line, n % 1000000, 10, 6, '0');
	line_str(&sc->line, ": ");
}

static void put_header(struct script *sc, const struct joined *j)
{
	struct line *l = &sc->line;

	if (has(sc, F_MACHINE)) {
		line_str(l, "VM:");
		line_u64(l, j->vm->pid, 10, 5, ' ');
		line_str(l, " ");
	}
	if (has(sc, F_VM)) {
		line_str(l, "VM:");
		line_escaped(l, j->vm->name);
		line_str(l, " ");
	}
	if (has(sc, F_VCPU)) {
		line_str(l, "VCPU:");
		line_u64(l, j->vcpu->id, 10, 3, '0');
		line_str(l, " ");
	}
	put_task(sc, j);
	if (has(sc, F_TIME))
		put_time(sc, j->time);
	if (has(sc, F_PERIOD)) {
		line_u64(l, view_value(&sc->v, j), 10, 10, ' ');
		line_str(l, " ");
	}
	if (has(sc, F_EVENT)) {
		line_escaped(l, view_event(&sc->v, j));
		line_str(l, ": ");
	}
	line_str(l, "\n");
}

/* What follows the address. */
static void make_place(struct script *sc, const struct frame *f, const char *object)
{
	struct line *l = &sc->line;

	if (has(sc, F_SYM) && f->symbol)
		line_escaped(l, f->symbol);
	else if (has(sc, F_SYM))
		line_str(l, "[unknown]");
	if (has(sc, F_SYM) && has(sc, F_SYMOFF) && f->symbol) {
		line_str(l, "+0x");
		line_u64(l, f->offset, 16, 0, ' ');
	}
	if (has(sc, F_DSO)) {
		line_str(l, " (");
		line_escaped(l, object);
		line_str(l, ")");
	}
	line_str(l, "\n");
}

static void put_frame(struct script *sc, const struct frame *f)
{
	/* Both strings are unique, and stay. */
	const char *object = f->path ?: *f->dso ? f->dso : "[unknown]";
	u64 sym = (uintptr_t)f->symbol, obj = (uintptr_t)object;
	struct memo *m = memo_of(sc->frames, sym, obj, f->offset);
	struct line *l = &sc->line;
	size_t from;

	line_str(l, "\t");
	if (has(sc, F_IP)) {
		line_u64(l, f->ip, 16, 16, ' ');
		line_str(l, " ");
	}
	from = l->n;
	if (!put_memo(l, m, sym, obj, f->offset)) {
		make_place(sc, f, object);
		keep_memo(l, from, m, sym, obj, f->offset);
	}
	line_end(l, stdout);
}

static void on_sample(void *ctx, const struct joined *j)
{
	struct script *sc = ctx;
	struct frame f[FRAMES_MAX];
	u32 nr, i;

	/* Running time that no tick claimed is no tick; what it counted was counted. */
	if (!j->count && j->method != METHOD_COUNTED)
		return;
	put_header(sc, j);
	if (sc->fields & (1U << F_IP | 1U << F_SYM | 1U << F_DSO)) {
		nr = frames_of(&sc->v.sym, j, f);
		for (i = 0; i < nr; i++)
			put_frame(sc, &f[i]);
		line_str(&sc->line, "\n");
	}
	line_end(&sc->line, stdout);
}

/* ---- Options -------------------------------------------------------------------------- */

static int set_field(struct script *sc, const char *name, size_t len, bool first)
{
	char sign = *name == '+' || *name == '-' ? *name : 0;
	int i;

	name += !!sign;
	len -= !!sign;
	for (i = 0; i < NR_FIELDS; i++)
		if (strlen(field_names[i]) == len && !memcmp(name, field_names[i], len))
			break;
	if (i == NR_FIELDS)
		return fail(EXIT_BAD, "--fields has no '%.*s'; see 'vmcoop-dump script --help'",
			    (int)len, name);
	if (!sign && first)
		sc->fields = 0;
	if (sign == '-')
		sc->fields &= ~(1U << i);
	else
		sc->fields |= 1U << i;
	return 0;
}

static int set_fields(struct script *sc, const char *list)
{
	const char *at = list;
	int status = 0;

	while (!status) {
		size_t len = strcspn(at, ",");

		status = set_field(sc, at, len, at == list);
		at += len;
		if (!*at++)
			break;
	}
	return status;
}

static int set_option(struct script *sc, int opt, const char *arg)
{
	int status;

	if (view_option(&sc->v, opt, arg, &status))
		return status;
	switch (opt) {
	case 'F':
		return set_fields(sc, arg);
	case 'h':
		show_help(&cmd_script);
		exit(EXIT_OK);
	default:
		return bad_usage(&cmd_script);
	}
}

static int parse(int argc, char **argv, struct script *sc)
{
	static const struct option longopts[] = {
		VIEW_LONG, VIEW_LONG_METHOD,
		{ "fields", required_argument, NULL, 'F' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = 0;

	while (!status && (opt = getopt_long(argc, argv, VIEW_SHORT "F:h", longopts, NULL)) != -1)
		status = set_option(sc, opt, optarg);
	if (!status && optind < argc) {
		warn("script takes no argument '%s'", argv[optind]);
		return bad_usage(&cmd_script);
	}
	return status;
}

static int run(int argc, char **argv)
{
	struct script *sc = xcalloc(1, sizeof(*sc));
	int status;

	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	sc->fields = FIELDS_DEFAULT;
	sc->v.sample = on_sample;
	sc->v.ctx = sc;
	status = parse(argc, argv, sc);
	if (!status)
		status = view_read(&sc->v);
	line_flush(&sc->line, stdout);
	if (!status)
		view_notes(&sc->v);
	view_free(&sc->v);
	free(sc);
	return status;
}

const struct command cmd_script = {
	.name = "script",
	.summary = "print each sample of a data file, as perf script does",
	.help = help,
	.run = run,
};
