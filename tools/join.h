/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Join: host samples and guest ticks, each with the guest task and mapping
 * they belong to, or the reason why that is not known.
 *
 * Fed by a merge, in the order of host time; hands out a struct joined for
 * every host sample (method "sampled"), every guest tick (method "tick", weighted
 * by the time its vCPU ran since the one before), and for what counting events
 * counted (method "counted"). Who wants only one method takes only that: they
 * are never added up.
 */
#ifndef VMCOOP_JOIN_H
#define VMCOOP_JOIN_H

#include "../common/abi.h"
#include "counted.h"
#include "counts.h"
#include "exits.h"
#include "dso.h"
#include "guest.h"
#include "map.h"
#include "merge.h"
#include "quality.h"

enum join_method {
	METHOD_SAMPLED,
	METHOD_TICK,
	METHOD_COUNTED,
	NR_METHODS
};

extern const char *const method_names[NR_METHODS];

/* A method by its name, as options give it; prints what is wrong. Return: exit status. */
int parse_method(const char *name, enum join_method *method);

enum join_reason {
	REASON_NONE,		/* attributed */
	REASON_NO_GUEST,
	REASON_NO_CLOCK,
	REASON_NO_TASK,
	REASON_HIDDEN,
	REASON_NO_MAPPING,
	REASON_NO_TICK,
	REASON_OUTSIDE,
	NR_REASONS
};

extern const char *const reason_names[NR_REASONS];

#define VM_SMALL_VCPUS	64

/**
 * struct vm - a virtual machine of the file
 * @name: as people call it; "pid-N" if the file does not say
 * @uuid: as QEMU and libvirt have it, "" without
 * @region: its region's path, "" if it has none
 * @nr_vcpus: seen
 * @vcpu: those with small numbers
 * @guest: its guest's present state, NULL if it has told nothing
 * @generation: of @guest's sources
 * @release: the guest kernel's, as it claims
 * @arch: of the guest's records
 * @has_source: a ring of its guest is in the file
 * @symbols: that its guest told, NULL: none
 * @has_clock: the file tells its clock even where no record does: @clock, which
 *	was off by @clock_error host ticks at most when the host's counter was @clock_at
 * @exchanged: @clock was found by asking the guest over a connection
 * @samples: host samples in the window
 */
struct vm {
	u32 pid;
	u32 nr_vcpus;
	struct guest *guest;
	u32 generation;
	u32 arch;
	bool has_source;
	bool has_clock, exchanged;
	struct vmcoop_clock clock;
	u64 clock_error, clock_at;
	u64 samples;
	void *priv;		/* the symbolizer's */
	struct symbols *symbols;
	struct vcpu *vcpu[VM_SMALL_VCPUS];
	struct dsos dsos;
	char name[128];
	char uuid[37];
	char region[256];
	char release[65];
};

/* Whether people mean this VM by @name: its name or its pid. */
bool vm_is_called(const struct vm *vm, const char *name);

/**
 * struct joined - a sample or a tick, attributed
 * @time: host time
 * @period: events, or for METHOD_TICK host ticks of running time, it stands for
 * @count: samples it stands for: 1, or 0 for running time without a tick
 * @task: NULL if unknown or idle
 * @comm: the task's name; "" if not known
 * @who: the same for samples of the same VM, pid, tid, name and cgroup
 * @space: with @map: the same while the address space stays as it is
 * @cgroup: number of the task's cgroup, 0 if not told
 * @chain: of a tick: return addresses of @nr_kernel kernel and @nr_user user
 *	callers, each innermost first; good until the call returns; not in batches
 * @counts: METHOD_COUNTED: of each of @nr_counts counting events; @period is 0
 * @map: user mode: what is mapped at @ip, else NULL
 */
struct joined {
	u64 time;
	u64 period;
	u64 ip;
	u64 who, space;
	u64 cgroup;
	struct vcpu *vcpu;
	struct vm *vm;
	const char *comm;
	const u64 *chain;
	const struct mapping *map;
	const u64 *counts;
	u32 nr_counts;
	u32 count;
	u32 pcpu;
	u32 pid, tid;
	u16 event;
	u8 mode;
	u8 nr_kernel, nr_user;
	enum join_method method : 8;
	enum join_reason reason : 8;
};

/**
 * struct vcpu - a vCPU
 * @handle: in host records, 0 if none was told yet
 * @clock: in force, if @has_clock
 * @in: scheduled in, on @pcpu since @since
 * @ran: host ticks it ran inside the window, up to @since if it is in
 * @ran_at_tick: @ran at its last guest tick
 * @pid: process of the current task, if @has_task
 * @tid: current task
 * @counts: its counting events, NULL without
 * @counted: who gives them to code positions
 * @exits: where its time went
 * @running: what its samples have in common while nothing changes
 * @comm: what the current task is called if it has no name
 * @idle_comm: what its idle task is called
 * @idle_who: struct joined's @who of its idle task
 * @no_who: the same while no task is known
 * @last_row: where rows.c put its last sample, plus 1
 */
struct vcpu {
	struct vm *vm;
	u32 id;
	u32 handle;
	u32 pcpu;
	bool has_clock;
	bool in;
	bool has_task;
	u32 pid, tid;
	u32 last_row[NR_METHODS];
	struct running {
		u64 changes;		/* the guest's, plus 1, for which this is good */
		struct joined sample;	/* with what follows from the task alone */
		const struct task *task;
		u64 space;
		u64 start, len;		/* of @map */
		const struct mapping *map;	/* of the last sample */
	} running;
	u64 since;
	u64 ran, ran_at_tick;
	struct {
		u32 handle;		/* whose sum it is */
		u64 sum, at;		/* counter ticks, as told at that time */
	} trips;			/* to the VMM, that no OUT and IN tell */
	u32 tid_host;
	struct vmcoop_clock clock;
	struct counts_vcpu *counts;
	struct counted *counted;
	struct exits exits;
	char comm[24], idle_comm[24];
	u64 idle_who, no_who;
	struct quality_vcpu quality;
};

#define JOIN_BATCH	32

/**
 * struct join - a join under way
 * @sample: called for each joined sample
 * @batched: if not NULL called in its place with several, up to JOIN_BATCH, in
 *	order; only METHOD_COUNTED then goes to @sample
 * @alone: a guest's recording without its host's: a vCPU has a CPU, as far as it
 *	can know, while it is not idle
 * @begin: first host stamp to tell of; UINT64_MAX until the file says
 * @end: last one
 * @samples: host samples in the window
 * @outside: host samples outside it
 * @ticks: guest ticks in the window
 * @orphans: guest ticks of vCPUs that no host record named
 * @steps: clock changes after a vCPU's first clock
 */
struct join {
	void (*sample)(void *ctx, const struct joined *j);
	void (*batched)(void *ctx, const struct joined *j, u32 n);
	void *ctx;
	bool alone;
	u64 begin, end;
	u64 samples, outside, ticks, orphans, steps;
	struct quality quality;
	struct vm **vms;
	size_t nr_vms;

	struct vcpu **vcpus;
	size_t nr_vcpus;
	struct u64map vm_by_pid;
	struct u64map vcpu_by_id;	/* VM's pid and vCPU */
	struct u64map vcpu_by_handle;
	struct vcpu **by_handle;	/* the same for small handles */
	struct joined batch[JOIN_BATCH];
	u32 nr_batch;
};

/*
 * By how many host ticks @vm's exchanged clock lay from what the host's records say,
 * when it was made. False: one of the two is not known.
 */
bool vm_clock_differs(const struct join *j, const struct vm *vm, u64 *by);

void join_init(struct join *j, void (*sample)(void *ctx, const struct joined *j), void *ctx);
struct vm *join_vm(struct join *j, u32 pid);
/* From struct merge_ops. */
void join_source(struct join *j, struct merge_source *src);
void join_record(struct join *j, const struct merge_rec *rec);
/* When the vCPU of an OUT record was out, which may have been told later. */
u64 join_left(const struct merge_rec *r);
/* Has what join_record() is going to look at brought nearer. */
void join_soon(const struct join *j, const struct merge_rec *rec);
/* Hands out what @batched has not been called with yet. */
void join_flush(struct join *j);
/* The stream has ended at host time @now. */
void join_finish(struct join *j, u64 now);
void join_free(struct join *j);

#endif /* VMCOOP_JOIN_H */
