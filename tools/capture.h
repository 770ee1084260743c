/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Capture: from the host module's rings and the guests' regions into a data
 * file, in rounds.
 *
 * A round reads the host's counter, then drains every ring up to where its
 * head stood after that, then writes down that all records older than the
 * round *before* are in the file. That one round's slack is there because a
 * writer may be interrupted (a vCPU even descheduled) between stamping a
 * record and publishing it.
 *
 * Memory is bounded by the number of rings, VMs and regions, never by what
 * they hold.
 */
#ifndef VMCOOP_CAPTURE_H
#define VMCOOP_CAPTURE_H

#include "../common/abi.h"
#include "../common/ring.h"
#include "datafile.h"
#include "hostdev.h"
#include "map.h"
#include "region.h"
#include "vmm.h"

/**
 * struct capture_source - a ring that is being consumed
 * @id: its number in the file
 * @host: the host module's, else a guest's
 * @ring: the ring; its consumer page is only written
 * @pos: what the consumer page's tail should say
 * @first: the producer's counters where consumption began
 * @exact: @first is of one instant
 * @stale: records behind @pos were overwritten
 * @records: consumed, filtered ones included
 * @filtered: of @records, those of VMs that were not asked for
 * @bad_bytes: skipped because no record can look like that
 * @resyncs: how often that happened
 */
struct capture_source {
	u32 id;
	bool host;
	struct vmcoop_ring ring;
	u64 pos;
	struct vmcoop_ring_stats first;
	bool exact, stale;
	u64 records, filtered, bad_bytes, resyncs;
};

#define CAPTURE_SELF	1	/* stands for the pid that the guest cannot know */

/** struct capture_vm - a VM that host records named */
struct capture_vm {
	u32 pid;
	u64 start_time;
	struct vmm_id id;
	bool gone;
	bool refused;		/* its region is another VM's: said so */
	struct capture_region *region;
};

/**
 * struct capture_region - a region file, and the VM that maps it
 * @r: the mapping
 * @vm: NULL until a VM is found that maps it
 * @setup: the guest's part, while @nr_sources
 * @sources: one for each of the guest's rings
 * @snap_request: the snapshot asked for
 * @snap_done: it is in the rings
 * @restarts: how often the guest's rings began anew
 * @next_try: when to look at a faulty or restarting set-up again, ns
 * @closed: nothing more is read from it
 */
struct capture_region {
	struct region r;
	struct capture_vm *vm;
	struct region_setup setup;
	struct capture_source *sources;
	u32 nr_sources;
	u64 snap_request;
	bool snap_done;
	u32 restarts;
	u64 next_try;
	bool complained;
	bool closed;
};

/**
 * struct capture - a recording under way
 * @w: the file
 * @region_dir: where region files are looked for
 * @only_vms: the VMs to record, as vmm_matches() takes them; all if none
 * @more: called in each round, NULL without: drains what else there is and tells
 *	up to which host time all of it has come
 * @records: written
 * @bytes: of them
 * @fill: the fullest ring of the last round, 0 to 1
 */
struct capture {
	struct datafile_writer *w;
	const char *region_dir;
	const char *const *only_vms;
	size_t nr_only_vms;
	u64 (*more)(void *ctx);
	void *more_ctx;
	u64 records, bytes;
	double fill;

	struct capture_source *host;
	u32 nr_host;
	struct capture_vm **vms;
	size_t nr_vms;
	struct u64map vm_by_pid;
	u32 last_pid;			/* that a host record told, of a VM that is there; or 0 */
	struct u64map unwanted;		/* pids of VMs not asked for */
	struct u64map handles;		/* of their vCPUs */
	struct capture_region **regions;
	size_t nr_regions;
	u32 next_source;
	u64 last_round;
	struct u64map bad_files;	/* regions whose fault was told */
	u64 patience;			/* until when to wait for unsteady counters, ns */
	unsigned int nr_notes;
	char *buf;
};

void capture_init(struct capture *c, struct datafile_writer *w);
void capture_free(struct capture *c);

/* Attaches the host's rings, two a CPU as abi.h says. */
int capture_add_host(struct capture *c, const struct vmcoop_ring *rings, u32 nr);

/* Takes a region file into account. REGION_OK also if it is known already. */
enum region_state capture_add_region(struct capture *c, const char *path);

/*
 * In a guest: takes its own region over, as that of the only VM, which is called
 * @name. Its number is CAPTURE_SELF. capture_scan() is of no use then.
 */
void capture_add_self(struct capture *c, const struct region *r, const char *name);

/* VMs that died, regions that VMs began to map. Once a second. */
void capture_scan(struct capture *c);

/* Says that @vm maps @reg; capture_scan() finds that out by itself. */
void capture_match(struct capture *c, struct capture_region *reg, struct capture_vm *vm);
struct capture_vm *capture_vm(struct capture *c, u32 pid);

/* Drains all rings once. Return: the file's status. */
int capture_round(struct capture *c);

/*
 * Waits behind a round until it is time for the next, about as long as the last time, which
 * was @ms. Return: how long, in ms.
 */
#define CAPTURE_PAUSE_MIN_MS	10
int capture_pause(const struct capture *c, int ms);

/* True when every VM that has a region has told its tasks. */
bool capture_settled(const struct capture *c);

/*
 * Accounts for all rings so far, goes on in a new file (datafile_switch()) and
 * asks the guests to tell their tasks anew. Return: the file's status.
 */
int capture_switch(struct capture *c, const char *suffix);

/* Drains what was there when it was called, writes all counters, detaches. */
int capture_finish(struct capture *c);

/* Records that producers dropped since attach, guests' claims included. */
u64 capture_dropped(const struct capture *c);

/* Tells the user, and whoever reads the file. */
void capture_note(struct capture *c, const char *fmt, ...) __printf(2, 3);

#endif /* VMCOOP_CAPTURE_H */
