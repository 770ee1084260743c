/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A child process that may compute and answer, and nothing else.
 *
 * Files of guests are parsed in one: should a parser be led astray, the child
 * has no privileges (nobody, if we are root), no files but the one it was
 * given, no system calls but those for memory, reading and its answer, and
 * limits on memory and time.
 */
#ifndef VMCOOP_CONFINE_H
#define VMCOOP_CONFINE_H

#include <sys/types.h>

#include "util.h"

#define CONFINE_MEMORY	(2ULL << 30)	/* bytes of data */
#define CONFINE_SECONDS	20		/* of CPU time */

/** struct confined - a child at work */
struct confined {
	pid_t pid;
	FILE *answer;		/* what it writes */
};

/*
 * Runs @work in a child, with the file @in, its answer to be written to @out.
 * Return: 0, or -1 if no child can be made.
 */
int confine_start(struct confined *c, int in, void (*work)(int in, int out));

/* For @work: writes its answer, or ends the child. */
void confine_send(int out, const void *p, size_t n);

/* Ends the child. True if it had finished its work in order. */
bool confine_end(struct confined *c);

#endif /* VMCOOP_CONFINE_H */
