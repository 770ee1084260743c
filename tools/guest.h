/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's software state, as its sideband records tell it: tasks with their
 * names, processes with what they map.
 *
 * The records are applied in the order of time; a snapshot's tell what held
 * before. What ended stays for a while, for records that come late; a pid that
 * comes back is another process. All of it comes from the guest, so all of it
 * is bounded.
 */
#ifndef VMCOOP_GUEST_H
#define VMCOOP_GUEST_H

#include "../common/abi.h"
#include "dso.h"
#include "map.h"

#define GUEST_MAX_TASKS		(1U << 18)
#define GUEST_MAX_MAPPINGS	(1U << 20)
#define GUEST_MAX_ASPACE	8192		/* mappings of one process */
#define GUEST_MAX_EXITED	4096
#define GUEST_MAX_FILES		(1U << 16)
#define GUEST_MAX_CGROUPS	(1U << 16)

/** struct mapping - file bytes from @pgoff on at [@start, @end) */
struct mapping {
	u64 start, end, pgoff;
	struct dso *dso;
};

/**
 * struct aspace - a process's executable mappings, sorted, without overlap
 * @refs: processes that have it: a fork shares it until one changes
 */
struct aspace {
	u32 refs, nr, cap;
	struct mapping *maps;
};

/** struct proc - a process (thread group) */
struct proc {
	u32 pid;
	u64 space;		/* an id, another one whenever a mapping changes */
	u32 tasks;		/* that point here */
	struct aspace *as;	/* NULL: no mapping known */
	bool listed;		/* found by its pid */
};

/**
 * struct task - a thread
 * @comm: its name, NUL-terminated, "" if not known
 * @was: its name before
 * @late: so many ticks may tell it still
 * @exited: it ended; kept for late records
 * @ns_pid: process as its own pid namespace counts, 0 if not told
 * @ns_tid: thread, likewise
 * @cgroup: number of its cgroup, 0 if not told
 * @serial: counts tasks: tells one from another with the same tid
 * @who: an id, another one whenever the name or the cgroup changes
 */
struct task {
	u32 tid;
	struct proc *proc;
	char comm[17], was[17];
	u8 late;
	bool kthread;
	bool exited;
	u32 ns_pid, ns_tid;
	u64 cgroup;
	u64 serial;
	u64 who;
};

/**
 * struct guest - the state of one set-up of a guest's module
 * @dsos: the VM's
 * @anchor: a kernel symbol's name, "" if none was told
 * @anchor_addr: where it lies
 * @config: what the module records, if @configured
 * @limited: records without effect for want of room
 * @changes: counts changes: what was asked about tasks and mappings holds while
 *	it stays. Who renames a task counts that by himself
 */
struct guest {
	struct dsos *dsos;
	struct u64map tasks;	/* by tid */
	struct u64map procs;	/* by pid */
	char anchor[33];
	u64 anchor_addr;
	bool configured;
	struct vmcoop_guest_config config;
	u64 limited;
	u64 changes;

	struct u64map cgroups;	/* path of each number */
	struct u64map files;	/* by device and inode: their build-ids */
	u32 nr_mappings;
	u64 serial;
	struct {
		u32 tid;
		u64 serial;
	} *exited;		/* ring of GUEST_MAX_EXITED */
	u32 next_exited;
};

/* A number that no other caller was given, never 0. */
u64 guest_new_id(void);

struct guest *guest_new(struct dsos *dsos);
void guest_free(struct guest *g);

/* Applies a sideband record; others do nothing. */
void guest_record(struct guest *g, const struct vmcoop_hdr *hdr);

/* Names @t; @comm need not end with a NUL. */
void task_rename(struct task *t, const char comm[16]);

/* The task, made if it is not known; NULL if there is no more room. */
struct task *guest_task(struct guest *g, u32 pid, u32 tid);

/*
 * A tick gives a task's name, of 16 bytes. A task is renamed a moment after the
 * record that says so, and ticks may fall in between: they tell the old name. More
 * than one do where a vCPU comes late to those that it has missed.
 */
void guest_tick_name(struct task *t, const char *comm);

/* The task if it is known. */
struct task *guest_find_task(const struct guest *g, u32 tid);

/* What @task has mapped at @addr, NULL if nothing is known to be. */
const struct mapping *guest_mapping(const struct task *task, u64 addr);

/* The path of a cgroup, unescaped; NULL if it was not told. */
const char *guest_cgroup(const struct guest *g, u64 cgroup);

#endif /* VMCOOP_GUEST_H */
