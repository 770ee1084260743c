/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Formats that vmcoop-dump export writes, a file each (export-*.c).
 */
#ifndef VMCOOP_EXPORT_H
#define VMCOOP_EXPORT_H

#include "view.h"

/**
 * struct export - an export under way
 * @output: file or directory to write; "-": standard output
 * @force: what is there may be replaced
 * @priv: the format's own
 */
struct export {
	struct view v;
	const char *output;
	bool force;
	void *priv;
};

/**
 * struct export_format - a format
 * @name: as --format takes it
 * @output: where to, if the user does not say
 * @events_only: it has no place for running time at ticks
 * @counted_too: what was counted goes beside samples, as events of its own
 * @one_event: it has one value a sample
 * @begin: before the file is read. Return: exit status
 * @sample: each sample
 * @record: each record, once its effect on the session is there; may be NULL
 * @end: writes what is left to write, if @status is 0, and frees @priv.
 *	Return: exit status, @status if that is not 0
 */
struct export_format {
	const char *name;
	const char *output;
	bool events_only, counted_too, one_event;
	int (*begin)(struct export *x);
	void (*sample)(void *x, const struct joined *j);
	void (*record)(void *x, const struct merge_rec *rec);
	int (*end)(struct export *x, int status);
};

extern const struct export_format export_folded, export_perf, export_perf_flat;
extern const struct export_format export_pprof, export_perfetto;

/* Opens a file to write, readable by its owner alone; prints why and returns NULL if it cannot. */
FILE *output_open(const char *path, bool force);
/* Ends it. Return: exit status; what did not arrive is a failure. */
int output_close(FILE *f, const char *path, int status);
/* A directory to write into: new, empty, or @force. Return: exit status. */
int output_dir(const char *path, bool force);
/* @name as a part of a file name: nothing but letters, digits, "_", "-" and inner ".". */
char *file_part(char *out, size_t cap, const char *name);

#endif /* VMCOOP_EXPORT_H */
