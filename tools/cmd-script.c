// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump script: a line a joined sample.
 */
#include <getopt.h>
#include <stdlib.h>

#include "commands.h"
#include "output.h"
#include "report.h"

static const char help[] =
"usage: vmcoop-dump script [OPTION]...\n"
"\n"
"Prints a line for each host sample with what the guest was running then:\n"
"\n"
"  seconds  vm/pid  vcpu  pcpu  comm pid/tid  [mode]  event period  ip symbol+offset (object)\n"
"\n"
"  -i, --input FILE            data file (default " DATA_FILE ")\n"
"  --guest-root [VM=]DIR       as for report\n"
"  --guest-kallsyms [VM=]FILE  as for report\n"
"  --method METHOD             sampled (default), or tick: a line a guest tick, its\n"
"                              period the time its vCPU ran since the last, in ns\n"
"  --vm VM                     only this VM (name or pid)\n"
"  -h, --help                  this\n"
"\n"
"Exit status: as for report.\n"
"\n"
"Example:\n"
"  vmcoop-dump script --guest-root /mnt/guest | awk '{ print $8 }' | sort | uniq -c\n";

struct script {
	const char *input, *vm;
	enum join_method method;
	struct session s;
	struct symbolizer sym;
};

static u64 period_shown(const struct script *sc, const struct joined *j)
{
	/* A tick's weight is running time, in ticks of the host's counter. */
	if (j->method == METHOD_TICK)
		return (unsigned __int128)j->period * 1000000 / sc->s.clock_khz;
	return j->period;
}

static const char *event_name(const struct script *sc, const struct joined *j)
{
	if (j->method == METHOD_TICK)
		return "tick";
	return j->event < sc->s.nr_events && *sc->s.events[j->event].name ?
	       sc->s.events[j->event].name : "event";
}

static void put_place(const struct joined *j, const struct place *p)
{
	char buf[1024];

	if (j->reason != REASON_NONE)
		printf("[%s]", reason_names[j->reason]);
	else if (p->symbol)
		printf("%s+0x%llx", escape(buf, sizeof(buf), p->symbol), p->offset);
	else
		printf("0x%llx", p->addr);
	printf(" (%s)\n", escape(buf, sizeof(buf), p->path ?: *p->dso ? p->dso : "-"));
}

static void on_sample(void *ctx, const struct joined *j)
{
	struct script *sc = ctx;
	char vm[256], comm[64], event[256];
	struct place p;

	if (j->method != sc->method || !j->count)
		return;
	if (sc->vm && !vm_is_called(j->vm, sc->vm))
		return;
	symbolize(&sc->sym, j, &p);
	printf("%14.6f  %s/%u  %u  %u  %s %u/%u  [%s]  %s %llu  %llx ",
	       session_seconds(&sc->s, j->time), escape(vm, sizeof(vm), j->vm->name), j->vm->pid,
	       j->vcpu->id, j->pcpu, escape(comm, sizeof(comm), *j->comm ? j->comm : "-"),
	       j->pid, j->tid, mode_letter(j->mode),
	       escape(event, sizeof(event), event_name(sc, j)), period_shown(sc, j), j->ip);
	put_place(j, &p);
}

enum { OPT_ROOT = 256, OPT_KALLSYMS, OPT_METHOD, OPT_VM };

static int set_option(struct script *sc, int opt, const char *arg)
{
	switch (opt) {
	case 'i':
		sc->input = arg;
		return 0;
	case OPT_ROOT:
		return symbolizer_add_root(&sc->sym, arg);
	case OPT_KALLSYMS:
		return symbolizer_add_kallsyms(&sc->sym, arg);
	case OPT_METHOD:
		return parse_method(arg, &sc->method);
	case OPT_VM:
		sc->vm = arg;
		return 0;
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
		{ "input", required_argument, NULL, 'i' },
		{ "guest-root", required_argument, NULL, OPT_ROOT },
		{ "guest-kallsyms", required_argument, NULL, OPT_KALLSYMS },
		{ "method", required_argument, NULL, OPT_METHOD },
		{ "vm", required_argument, NULL, OPT_VM },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = 0;

	while (!status && (opt = getopt_long(argc, argv, "i:h", longopts, NULL)) != -1)
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
	size_t i;

	sc->input = DATA_FILE;
	status = parse(argc, argv, sc);
	if (!status) {
		status = session_read(&sc->s, sc->input, on_sample, sc);
		for (i = 0; i < sc->s.nr_notes; i++) {
			char text[4096];

			warn("%s", escape(text, sizeof(text), sc->s.notes[i]));
		}
	}
	session_free(&sc->s);
	symbolizer_free(&sc->sym);
	free(sc);
	return status;
}

const struct command cmd_script = {
	.name = "script",
	.summary = "print a line for each sample of a data file",
	.help = help,
	.run = run,
};
