/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the commands that hand a file's samples on have in common: the options
 * that choose them, reading, and what to say when something is missing.
 */
#ifndef VMCOOP_VIEW_H
#define VMCOOP_VIEW_H

#include <getopt.h>

#include "commands.h"
#include "session.h"
#include "symbolize.h"

/**
 * struct view - the samples a user asked for
 * @input: the data file
 * @method: whose samples
 * @vm: only this VM, by name or pid; NULL: all
 * @comm: only tasks of this name
 * @event: only samples of the event of this name; NULL: see @one_event
 * @pid: only this process, if @by_pid
 * @time: only samples of this time
 * @one_event: values of several events do not mix: without @event the first
 *	one that has samples by its nature
 * @ticks_too: the guest's ticks are handed on beside samples
 * @counted_too: so is what method "counted" tells of
 * @sample: called for each sample; of method "counted" for each of its events,
 *	with the event's index and its count as period
 * @record: called for each record once its effect on the session is there; may be NULL
 * @shown: samples that were handed on
 * @left: samples of the method that the options left out
 */
struct view {
	const char *input;
	struct session s;
	struct symbolizer sym;
	enum join_method method;
	const char *vm, *comm, *event;
	u64 pid;
	struct time_slice time;
	bool by_pid, one_event, ticks_too, counted_too;
	void (*sample)(void *ctx, const struct joined *j);
	void (*record)(void *ctx, const struct merge_rec *rec);
	void *ctx;
	u64 shown, left;
};

enum {
	VIEW_ROOT = 0x1000, VIEW_KALLSYMS, VIEW_SYMBOLS, VIEW_DEBUG_DIR, VIEW_METHOD, VIEW_VM, VIEW_COMM, VIEW_PID,
	VIEW_EVENT, VIEW_TIME,
};

#define VIEW_SHORT	"i:"
#define VIEW_LONG							\
	{ "input", required_argument, NULL, 'i' },			\
	{ "guest-root", required_argument, NULL, VIEW_ROOT },		\
	{ "guest-kallsyms", required_argument, NULL, VIEW_KALLSYMS },	\
	{ "symbols", required_argument, NULL, VIEW_SYMBOLS },		\
	{ "debug-dir", required_argument, NULL, VIEW_DEBUG_DIR },	\
	{ "vm", required_argument, NULL, VIEW_VM },			\
	{ "comm", required_argument, NULL, VIEW_COMM },			\
	{ "pid", required_argument, NULL, VIEW_PID },			\
	{ "time", required_argument, NULL, VIEW_TIME },			\
	{ "event", required_argument, NULL, VIEW_EVENT }
#define VIEW_LONG_METHOD						\
	{ "method", required_argument, NULL, VIEW_METHOD }
#define VIEW_HELP							\
"  -i, --input FILE            data file (default " DATA_FILE ")\n"	\
"  --guest-root [VM=]DIR       as for report\n"				\
"  --guest-kallsyms [VM=]FILE  as for report\n"				\
"  --symbols [VM=]FILE         as for report\n"				\
"  --debug-dir DIR             as for report\n"				\
"  --vm VM                     only this VM (name or pid)\n"		\
"  --comm NAME, --pid PID      only this command, this process\n"	\
"  --time FROM,TO              only these seconds of the recording\n"

/* Takes an option of VIEW_LONG; true if it was one, and then the status so far. */
bool view_option(struct view *v, int opt, const char *arg, int *status);

/*
 * Reads the file. Return: exit status; a file without an event of that name, or
 * a VM of that name, is EXIT_BAD.
 */
int view_read(struct view *v);

/* Whether the options let a sample through; counts it. view_read() asks by itself. */
bool view_wants(struct view *v, const struct joined *j);

/* Prints the session's notes, and how to supply what was missing, to standard error. */
void view_notes(struct view *v);
void view_free(struct view *v);

/* The name of the event a sample is of: "NAME:counted" if it was counted, "tick" for running time. */
const char *view_event(const struct view *v, const struct joined *j);
const char *event_title(const struct event *e);
/* What a sample stands for: events, or ns of running time. */
u64 view_value(const struct view *v, const struct joined *j);
/* A stretch of host time in ns. */
u64 view_ns(const struct view *v, u64 stamps);

#endif /* VMCOOP_VIEW_H */
