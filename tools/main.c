// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump: finds the subcommand and runs it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

static const struct command *const commands[] = {
	&cmd_create, &cmd_record, &cmd_join, &cmd_report, &cmd_stat, &cmd_script, &cmd_export,
	&cmd_flamegraph, &cmd_annotate, &cmd_diff, &cmd_top, &cmd_list, &cmd_status, &cmd_doctor,
	&cmd_symbols,
};

static void usage(FILE *f)
{
	size_t i;

	fputs("usage: vmcoop-dump COMMAND [OPTION]...\n\n"
	      "Profiles virtual machines from both sides: the host's hardware events, joined\n"
	      "with what each guest was running.\n\n", f);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(f, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n"
	      "'vmcoop-dump COMMAND --help' tells more, so does 'man vmcoop-dump-COMMAND'.\n\n"
	      "Example, on the host:\n"
	      "  vmcoop-dump create demo         # then start the VM with what this prints\n"
	      "  vmcoop-dump record --duration 10\n"
	      "  vmcoop-dump report\n\n"
	      "and in the guest, for the names of its functions:\n"
	      "  vmcoop-dump symbols --follow\n\n"
	      "Exit status: 0 done, 1 it failed, 2 bad usage or a file that is not ours.\n", f);
}

int show_help(const struct command *cmd)
{
	fputs(cmd->help, stdout);
	return EXIT_OK;
}

void hint_at_help(const struct command *cmd)
{
	fprintf(stderr, "Try 'vmcoop-dump %s --help'.\n", cmd->name);
}

bool option_u64(const char *option, const char *value, u64 min, u64 max, u64 *out)
{
	if (parse_u64(value, min, max, out))
		return true;
	warn("--%s wants a number from %llu to %llu, not '%s'", option, min, max, value);
	return false;
}

/* Output that never arrived is a failure, unless nobody wanted it any more. */
static int flushed(int status)
{
	if ((fflush(stdout) || ferror(stdout)) && status == EXIT_OK && errno != EPIPE)
		return fail(EXIT_FAILED, "cannot write the output: %s", strerror(errno));
	return status;
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 2) {
		usage(stderr);
		return EXIT_BAD;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return flushed(EXIT_OK);
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("vmcoop-dump " VMCOOP_VERSION);
		return flushed(EXIT_OK);
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i]->name))
			return flushed(commands[i]->run(argc - 1, argv + 1));
	return fail(EXIT_BAD, "no command '%s'; see 'vmcoop-dump --help'", argv[1]);
}
