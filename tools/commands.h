/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmcoop-dump's subcommands, a file each (cmd-*.c).
 */
#ifndef VMCOOP_COMMANDS_H
#define VMCOOP_COMMANDS_H

#include "util.h"

#define VMCOOP_VERSION	"0.1.0"
#define DATA_FILE	"vmcoop.data"

/**
 * struct command - a subcommand
 * @name: as typed
 * @summary: one line for vmcoop-dump's own help
 * @help: the subcommand's --help
 * @run: does it; argv[0] is @name. Return: exit status.
 */
struct command {
	const char *name;
	const char *summary;
	const char *help;
	int (*run)(int argc, char **argv);
};

extern const struct command cmd_create, cmd_record, cmd_report, cmd_stat, cmd_script, cmd_list,
	cmd_status, cmd_doctor;
extern const struct command cmd_export, cmd_flamegraph, cmd_annotate, cmd_diff, cmd_top, cmd_symbols,
	cmd_join;

/* Prints a subcommand's help; says how to get it. */
int show_help(const struct command *cmd);
void hint_at_help(const struct command *cmd);

/* For an option that getopt did not know, or what else was said of before. */
static inline int bad_usage(const struct command *cmd)
{
	hint_at_help(cmd);
	return EXIT_BAD;
}

/* "list events". Return: exit status. */
int list_events(bool as_json);

/* The value of a numeric option, or a message and false. */
bool option_u64(const char *option, const char *value, u64 min, u64 max, u64 *out);

#endif /* VMCOOP_COMMANDS_H */
