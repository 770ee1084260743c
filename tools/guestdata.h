/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's own recording (record --guest-only) as it becomes a VM's rings in
 * the host's data file.
 *
 * The guest is untrusted: each chunk is looked at, what it describes is told in
 * the host's words and numbers, what is no record is left out and counted.
 */
#ifndef VMCOOP_GUESTDATA_H
#define VMCOOP_GUESTDATA_H

#include "../common/abi.h"
#include "../common/clock.h"
#include "datafile.h"
#include "map.h"

#define GUESTDATA_SOURCES	(2 * VMCOOP_REGION_MAX_RINGS)	/* of a VM, at most */
#define GUESTDATA_NOTES		50				/* the same */

/**
 * struct guestdata - a guest's recording being taken over
 * @w: the host's file
 * @next_source: number of the next source there
 * @vm: pid of the VM
 * @vm_name: its name
 * @via: the way by which the recording came, for people
 * @clock: the guest's by the host's; all 0 while it is not known
 * @from: ticks and switches before that host time are left out
 * @until: the same behind it
 * @watermark: host time up to which all has come
 * @records: taken over
 * @told: the guest has told its tasks
 * @ended: in order
 * @guest_khz: its counter's frequency, as it claims
 * @missed: records that were made while nobody took them, by the guest's account
 */
struct guestdata {
	struct datafile_writer *w;
	u32 *next_source;
	u32 vm;
	const char *vm_name;
	const char *via;
	struct vmcoop_clock clock;
	u64 from, until;
	u64 watermark;
	u64 records;
	bool told, ended;
	u64 guest_khz;
	u64 missed;

	struct guestdata_ring **rings;
	u32 nr_rings;
	u32 first_open;			/* rings before it are closed */
	struct u64map by_source;	/* the guest's number */
	u64 their_generation;
	u32 generation;
	u32 nr_notes;
	char *kept;
};

void guestdata_init(struct guestdata *g, struct datafile_writer *w, u32 *next_source, u32 vm,
		    const char *vm_name, const char *via);
/*
 * Takes a chunk of the guest's, its data too, and frees that. False: the guest
 * does not keep to the rules, nothing more should be taken from it.
 */
bool guestdata_chunk(struct guestdata *g, struct chunk *c);
/* Nothing more comes from these rings: those without accounts are lost, for the reason @why. */
void guestdata_close(struct guestdata *g, const char *why);
/* All later chunks are of a new connection, whose sources are numbered anew. */
void guestdata_again(struct guestdata *g);
void guestdata_free(struct guestdata *g);

#endif /* VMCOOP_GUESTDATA_H */
