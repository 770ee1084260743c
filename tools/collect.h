/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In a guest: the symbols of its kernel, of all that its processes have mapped,
 * and of what they compiled themselves, as bundles.
 */
#ifndef VMCOOP_COLLECT_H
#define VMCOOP_COLLECT_H

#include "bundle.h"
#include "map.h"

/** struct blobs - bundles, packed; all zero is none */
struct blobs {
	struct blob {
		void *buf;
		size_t len;
	} *v;
	size_t nr, cap;
	u64 bytes;
};

/**
 * struct collector - what was collected so far; all zero is nothing
 * @kernel: the one table of the kernel
 * @objects: tables of files
 * @jit: tables of processes, those that are news since they were last emptied
 * @files: that are in @objects, or cannot be
 * @nr_objects: tables there
 * @nr_jit: processes that have one
 * @unreadable: files that could not be read
 */
struct collector {
	struct blobs kernel, objects, jit;
	u32 nr_objects, nr_jit, unreadable;

	struct u64map files, ids;	/* by device and inode, by build-id */
	struct u64map jits;		/* by process: struct jit_state */
	u64 modules;			/* hash of which are loaded */
	struct bundle pending;
	bool vdso, complained;
};

/* Adds what is new since the last time. */
void collect(struct collector *c);
/* All processes' tables are news again. */
void collect_jit_anew(struct collector *c);
void collector_free(struct collector *c);

void blobs_free(struct blobs *b);

#endif /* VMCOOP_COLLECT_H */
