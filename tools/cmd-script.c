// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump script: the samples one by one, in the lines of perf script.
 */
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
"                              period the time the vCPU ran since the last, in ns\n"
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

struct script {
	struct view v;
	u32 fields;
};

static bool has(const struct script *sc, enum field f)
{
	return sc->fields & 1U << f;
}

/* ---- A sample ----------------------------------------------------------------------- */

static void put_task(const struct script *sc, const struct joined *j)
{
	char comm[64];

	if (has(sc, F_COMM))
		printf("%s ", escape(comm, sizeof(comm), *j->comm ? j->comm : "[unknown]"));
	if (has(sc, F_PID) && has(sc, F_TID))
		printf("%7u/%-7u ", j->pid, j->tid);
	else if (has(sc, F_PID) || has(sc, F_TID))
		printf("%7u ", has(sc, F_PID) ? j->pid : j->tid);
}

static void put_header(const struct script *sc, const struct joined *j)
{
	char buf[512];

	if (has(sc, F_MACHINE))
		printf("VM:%5u ", j->vm->pid);
	if (has(sc, F_VM))
		printf("VM:%s ", escape(buf, sizeof(buf), j->vm->name));
	if (has(sc, F_VCPU))
		printf("VCPU:%03u ", j->vcpu->id);
	put_task(sc, j);
	if (has(sc, F_CPU))
		printf("[%03u] ", j->pcpu);
	if (has(sc, F_TIME))
		printf("%12.6f: ", session_seconds(&sc->v.s, j->time));
	if (has(sc, F_PERIOD))
		printf("%10llu ", view_value(&sc->v, j));
	if (has(sc, F_EVENT))
		printf("%s: ", escape(buf, sizeof(buf), view_event(&sc->v, j)));
	putchar('\n');
}

static void put_frame(const struct script *sc, const struct frame *f)
{
	char buf[2048];

	putchar('\t');
	if (has(sc, F_IP))
		printf("%16llx ", f->ip);
	if (has(sc, F_SYM))
		printf("%s", f->symbol ? escape(buf, sizeof(buf), f->symbol) : "[unknown]");
	if (has(sc, F_SYM) && has(sc, F_SYMOFF) && f->symbol)
		printf("+0x%llx", f->offset);
	if (has(sc, F_DSO))
		printf(" (%s)", escape(buf, sizeof(buf),
				       f->path ?: *f->dso ? f->dso : "[unknown]"));
	putchar('\n');
}

static void on_sample(void *ctx, const struct joined *j)
{
	struct script *sc = ctx;
	struct frame f[FRAMES_MAX];
	u32 nr, i;

	if (!j->count)
		return;
	put_header(sc, j);
	if (!(sc->fields & (1U << F_IP | 1U << F_SYM | 1U << F_DSO)))
		return;
	nr = frames_of(&sc->v.sym, j, f);
	for (i = 0; i < nr; i++)
		put_frame(sc, &f[i]);
	putchar('\n');
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

	sc->fields = FIELDS_DEFAULT;
	sc->v.sample = on_sample;
	sc->v.ctx = sc;
	status = parse(argc, argv, sc);
	if (!status)
		status = view_read(&sc->v);
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
