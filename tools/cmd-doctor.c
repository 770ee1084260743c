// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump doctor: is this host or guest ready, and what to do if not.
 */
#include <getopt.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "doctor.h"
#include "output.h"
#include "term.h"

static const char help[] =
"usage: vmcoop-dump doctor [--host | --guest] [--json]\n"
"\n"
"Says in one page whether this machine is ready for vmcoop, and what to do where it is\n"
"not. Nothing is changed. A plain user sees less than root, and is told so.\n"
"\n"
"  --host          as a host, which runs VMs (where there is /dev/kvm)\n"
"  --guest         as a guest (elsewhere)\n"
"  --json          for programs\n"
"  --color WHEN    auto, always or never\n"
"  -h, --help      this\n"
"\n"
"Exit status: 0 ready, 1 not, 2 bad usage.\n"
"\n"
"Examples:\n"
"  vmcoop-dump doctor\n"
"  vmcoop-dump doctor --json | jq '.findings[] | select(.verdict == \"fail\")'\n";

static const struct {
	const char *name;
	enum term_style style;
} verdicts[] = {
	[DOCTOR_OK] = { "ok", TERM_GREEN },
	[DOCTOR_NOTE] = { "note", TERM_DIM },
	[DOCTOR_WARN] = { "warn", TERM_YELLOW },
	[DOCTOR_FAIL] = { "fail", TERM_RED },
};

#define INDENT	20

/* Words of @text in lines that fit, behind the column where the first begins. */
static void wrap(const char *text)
{
	unsigned int width = term_width() ?: 100, at = INDENT;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (at > INDENT && at + 1 + n > width) {
			printf("\n%*s", INDENT, "");
			at = INDENT;
		}
		at += printf("%s%.*s", at > INDENT ? " " : "", (int)n, text);
		text += n + strspn(text + n, " ");
	}
	printf("\n");
}

static void show_text(const struct findings *f, const char *side)
{
	char safe[2048];
	size_t i;

	for (i = 0; i < f->nr; i++) {
		const struct finding *one = &f->v[i];

		printf("%s%-5s%s %-13s ", term_style(verdicts[one->verdict].style),
		       verdicts[one->verdict].name, term_style(TERM_PLAIN), one->topic);
		wrap(escape(safe, sizeof(safe), one->found));
		if (one->todo) {
			printf("%*s", INDENT, "");
			wrap(one->todo);
		}
	}
	printf("%sThis %s is %sready.%s\n", term_style(TERM_BOLD), side,
	       findings_ready(f) ? "" : "not ", term_style(TERM_PLAIN));
}

static void show_json(const struct findings *f, const char *side)
{
	struct json j = { .f = stdout };
	size_t i;

	json_open(&j, NULL, '{');
	json_str(&j, "side", side);
	json_bool(&j, "ready", findings_ready(f));
	json_open(&j, "findings", '[');
	for (i = 0; i < f->nr; i++) {
		json_open(&j, NULL, '{');
		json_str(&j, "verdict", verdicts[f->v[i].verdict].name);
		json_str(&j, "topic", f->v[i].topic);
		json_str(&j, "found", f->v[i].found);
		json_str(&j, "todo", f->v[i].todo);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
}

static int examine(bool guest, bool json)
{
	const char *side = guest ? "guest" : "host";
	struct pmu_config c = { { PERF_COUNT_HW_CPU_CYCLES } };
	struct findings f = { 0 };
	struct offer cycles;
	int status;

	if (guest) {
		doctor_guest(&f);
	} else {
		cycles = offer_event(PERF_TYPE_HARDWARE, &c);
		doctor_host(&f, &cycles);
	}
	if (json)
		show_json(&f, side);
	else
		show_text(&f, side);
	status = findings_ready(&f) ? EXIT_OK : EXIT_FAILED;
	findings_free(&f);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "host", no_argument, NULL, 'H' },
		{ "guest", no_argument, NULL, 'g' },
		{ "json", no_argument, NULL, 'j' },
		{ "color", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool json = false, host = false, guest = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", longopts, NULL)) != -1) {
		switch (opt) {
		case 'H':
			host = true;
			break;
		case 'g':
			guest = true;
			break;
		case 'j':
			json = true;
			break;
		case 'c':
			if (term_color(optarg))
				return EXIT_BAD;
			break;
		case 'h':
			return show_help(&cmd_doctor);
		default:
			return bad_usage(&cmd_doctor);
		}
	}
	if (optind < argc) {
		warn("doctor takes no argument '%s'", argv[optind]);
		return bad_usage(&cmd_doctor);
	}
	if (host && guest)
		return fail(EXIT_BAD, "give --host or --guest, not both");
	return examine(guest || (!host && doctor_is_guest()), json);
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "say whether this host or guest is ready, and what to do",
	.help = help,
	.run = run,
};
