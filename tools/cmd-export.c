// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump export: a data file's samples in formats of other tools.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "export.h"

static const char help[] =
"usage: vmcoop-dump export --format FORMAT [OPTION]...\n"
"\n"
"Writes a recording's samples, with what the guests were running, in a format that\n"
"other tools read:\n"
"\n"
"  folded     stacks, a line each: flamegraph.pl, speedscope, inferno\n"
"  perf       a directory for perf report, script, annotate (6.1 and newer)\n"
"  perf-flat  a perf.data file for each VM: older perf, hotspot\n"
"  pprof      a profile for go tool pprof\n"
"  perfetto   a timeline for ui.perfetto.dev: guest threads on vCPUs on host CPUs\n"
"\n"
"  -f, --format FORMAT         one of these\n"
"  -o, --output PATH           file or directory to write (default vmcoop.FORMAT,\n"
"                              vmcoop.pb.gz for pprof; folded: standard output)\n"
"  --force                     replace what is there\n"
VIEW_HELP
"  --event NAME                samples of this event (default all; folded: the first)\n"
"  --method METHOD             sampled (default; perf, pprof: with what was counted,\n"
"                              as events EVENT:counted), counted, or tick, in ns of\n"
"                              running time (not for perf)\n"
"  -h, --help                  this\n"
"\n"
"Exit status: as for report.\n"
"\n"
"Examples:\n"
"  vmcoop-dump export -f perf --guest-root /mnt/guest && perf report -i vmcoop.perf\n"
"  vmcoop-dump export -f folded --guest-root /mnt/guest | flamegraph.pl >web1.svg\n";

static const struct export_format *const formats[] = {
	&export_folded, &export_perf, &export_perf_flat, &export_pprof,
	&export_perfetto,
};

static int set_format(const char *name, const struct export_format **format)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(formats); i++) {
		if (!strcmp(name, formats[i]->name)) {
			*format = formats[i];
			return EXIT_OK;
		}
	}
	warn("no format '%s'", name);
	return bad_usage(&cmd_export);
}

enum { OPT_FORCE = 256 };

static int set_option(struct export *x, const struct export_format **format, int opt,
		      const char *arg)
{
	int status;

	if (view_option(&x->v, opt, arg, &status))
		return status;
	switch (opt) {
	case 'f':
		return set_format(arg, format);
	case 'o':
		x->output = arg;
		return 0;
	case OPT_FORCE:
		x->force = true;
		return 0;
	case 'h':
		show_help(&cmd_export);
		exit(EXIT_OK);
	default:
		return bad_usage(&cmd_export);
	}
}

static int parse(int argc, char **argv, struct export *x, const struct export_format **format)
{
	static const struct option longopts[] = {
		VIEW_LONG, VIEW_LONG_METHOD,
		{ "format", required_argument, NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		{ "force", no_argument, NULL, OPT_FORCE },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = 0;

	while (!status && (opt = getopt_long(argc, argv, VIEW_SHORT "f:o:h", longopts, NULL)) != -1)
		status = set_option(x, format, opt, optarg);
	if (status)
		return status;
	if (optind < argc) {
		warn("export takes no argument '%s'", argv[optind]);
		return bad_usage(&cmd_export);
	}
	if (!*format) {
		warn("export wants a --format");
		return bad_usage(&cmd_export);
	}
	if ((*format)->events_only && x->v.method == METHOD_TICK)
		return fail(EXIT_BAD, "the format %s holds events: it has no place for method tick",
			    (*format)->name);
	return EXIT_OK;
}

static int export(struct export *x, const struct export_format *format)
{
	int status;

	x->v.one_event = format->one_event;
	x->v.counted_too = format->counted_too && x->v.method == METHOD_SAMPLED;
	x->v.sample = format->sample;
	x->v.record = format->record;
	x->v.ctx = x;
	if (!x->output)
		x->output = format->output;
	status = format->begin(x);
	if (status)
		return status;
	status = format->end(x, view_read(&x->v));
	if (!status)
		view_notes(&x->v);
	return status;
}

static int run(int argc, char **argv)
{
	const struct export_format *format = NULL;
	struct export *x = xcalloc(1, sizeof(*x));
	int status = parse(argc, argv, x, &format) ?: export(x, format);

	view_free(&x->v);
	free(x);
	return status;
}

const struct command cmd_export = {
	.name = "export",
	.summary = "write a data file's samples in formats of other tools",
	.help = help,
	.run = run,
};
