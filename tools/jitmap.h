/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * perf-PID.map: what a run-time compiler says of the code it makes, a line a
 * function: start and size in hex, and a name.
 */
#ifndef VMCOOP_JITMAP_H
#define VMCOOP_JITMAP_H

#include "symtab.h"

#define JITMAP_MAX	(64U << 20)	/* bytes of a file that are read */

/*
 * Adds what the file says. Where two lines begin alike the later one counts,
 * and lines that are none are passed over. False: nothing was added.
 */
bool jitmap_read(int fd, struct symtab *t);

/* The path of process @pid's file below its root. */
void jitmap_path(char *out, size_t cap, u32 pid);

#endif /* VMCOOP_JITMAP_H */
