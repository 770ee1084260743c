/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing perf.data, the file of Linux perf.
 *
 * Records are written as they come, in the order of time; what the file's head
 * tells of them follows behind them. See perf.data-file-format.txt in the
 * kernel's tools/perf/Documentation.
 */
#ifndef VMCOOP_PERFDATA_H
#define VMCOOP_PERFDATA_H

#include "util.h"

#define PERFDATA_MAX_EVENTS	64

/**
 * struct perfdata_event - an event of the file
 * @name: as perf shows it
 * @type: as in struct perf_event_attr
 * @config: as in struct perf_event_attr
 * @period: sample period; 0 with a frequency
 * @freq: samples a second; 0 with a period
 */
struct perfdata_event {
	const char *name;
	u32 type;
	u64 config;
	u64 period;
	u32 freq;

	u64 *ids;		/* the writer's own */
	u32 nr_ids;
};

/**
 * struct perfdata_info - what the head tells
 * @machine: as uname -m says
 */
struct perfdata_info {
	const char *hostname, *release, *machine, *command;
	u32 nr_cpus;
};

/**
 * struct perfdata - a file being written
 * @f: open for writing, and seekable
 * @events: to be told, with @nr_events, before perfdata_end()
 */
struct perfdata {
	FILE *f;
	struct perfdata_event events[PERFDATA_MAX_EVENTS];
	u32 nr_events;

	u64 last_id;		/* the writer's own */
	u64 written, round;
	u64 first_time, last_time;
};

/** struct perfdata_where - whose a record is */
struct perfdata_where {
	u64 id;			/* from perfdata_id() */
	u64 time;		/* ns */
	u16 cpumode;		/* PERF_RECORD_MISC_* */
	u32 pid, tid;
	u32 cpu;
};

#define PERFDATA_BUILD_ID_MAX	20

void perfdata_begin(struct perfdata *p, FILE *f);
/* A new sample ID of an event. */
u64 perfdata_id(struct perfdata *p, u32 event);
/* Tells that ID @id counts what runs on @vcpu, thread @tid, of the VM @machine_pid. */
void perfdata_guest_id(struct perfdata *p, u64 id, u32 tid, u32 machine_pid, u32 vcpu);
void perfdata_comm(struct perfdata *p, const struct perfdata_where *w, const char *comm);

/** struct perfdata_map - a mapping; @build_id may be NULL */
struct perfdata_map {
	u64 start, len, pgoff;
	const char *path;
	const u8 *build_id;
	u32 build_id_len;
};

void perfdata_mmap(struct perfdata *p, const struct perfdata_where *w,
		   const struct perfdata_map *m);
void perfdata_sample(struct perfdata *p, const struct perfdata_where *w, u64 period, u64 ip);
/* Writes the head. Errors are left in the file's error indicator. */
void perfdata_end(struct perfdata *p, const struct perfdata_info *info);

#endif /* VMCOOP_PERFDATA_H */
