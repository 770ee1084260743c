/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of vmcoop-dump record share.
 *
 *   cmd-record.c      the host's recording
 *   record-guest.c    a guest's own
 *   record-rounds.c   what both are made of
 *   record-options.c  the command line
 */
#ifndef VMCOOP_RECORD_H
#define VMCOOP_RECORD_H

#include <sys/types.h>

#include "capture.h"
#include "events.h"
#include "listener.h"

#define RECORD_LIST	256
#define RECORD_UNSET	UINT64_MAX

struct record_options {
	const char *output;
	u64 duration;			/* seconds, 0 without */
	const char *regions[RECORD_LIST];
	size_t nr_regions;
	const char *vms[RECORD_LIST];
	size_t nr_vms;
	char *events, *counted;		/* lists, NULL without */
	u64 period, freq;		/* 0 without */
	u64 count_us;			/* RECORD_UNSET without */
	struct names specs;		/* both lists in the module's words */
	bool switches;			/* to new files: */
	u64 switch_bytes, switch_ns;	/* 0 without */
	u32 listen;			/* vsock port, 0 without */
	struct listener_cid cids[LISTENER_CIDS];
	size_t nr_cids;
	bool guest_only;
	u32 host_cid, host_port;	/* where a guest sends to, 0 without */
	bool compress, quiet;
	char **command;
};

/**
 * struct recording - a recording under way
 * @opened: when the first window opened, 0 before
 * @window: the present file's, or connection's, is open
 * @stopped: the host asked the guest to end
 * @child: the command's process, 0 without
 * @base: the events' counts when the file began
 * @told: the same when they were last written to a file
 * @file_began: when that was
 * @sent: records of earlier connections and this one
 */
struct recording {
	const struct record_options *o;
	struct hostdev dev;
	struct datafile_writer w;
	struct capture c;
	struct listener l;
	bool window, stopped;
	u64 began, opened, last_second;
	pid_t child;
	struct vmcoop_host_event *base, *told;
	u64 file_began;
	u64 sent;
	int pause_ms;
	bool progress;
};

/* ---- record-options.c ----------------------------------------------------- */

/* 0, or an exit status after a message. */
int record_options_parse(struct record_options *o, int argc, char **argv);
void record_options_free(struct record_options *o);

/* ---- record-rounds.c ------------------------------------------------------ */

/* SIGUSR2 only where @switches. */
void recording_catch_signals(bool switches);

/* What the file says of itself. */
void recording_put_info(struct recording *rec, int argc, char **argv);
int recording_put_events(struct recording *rec);
/* From here on events are counted from 0. */
int recording_start_counts(struct recording *rec);
/* The window begins, or ends: @key. */
void recording_put_window(struct recording *rec, const char *key);

/* Drains until the window is over; the command is started in between. */
int recording_run(struct recording *rec);
bool recording_over(struct recording *rec);
void recording_progress(struct recording *rec, bool last);
/* Stopped by a signal or an error: the command has no reason to go on. */
void recording_end_command(struct recording *rec);

/* ---- record-guest.c ------------------------------------------------------- */

int record_guest(const struct record_options *o, int argc, char **argv);

#endif /* VMCOOP_RECORD_H */
