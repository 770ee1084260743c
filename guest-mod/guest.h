/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmcoop_guest.ko from inside: what its files offer each other.
 *
 *   device.c    finds the region on the PCI bus and maps it
 *   memory.c    makes a region in the guest's own memory instead, and /dev/vmcoop
 *   rings.c     sets the region up, one ring a CPU, and appends records
 *   probes.c    attaches to tracepoints
 *   tick.c      records at the scheduler's ticks
 *   switch.h    records at its switches
 *   chain.c     the call chains of what a tick interrupted
 *   cpus.c      CPUs that come and go, timers of our own
 *   tasks.c     records what names tasks and their code, as it happens
 *   cgroup.c    records of cgroups
 *   buildid.c   records of mapped files' build-ids
 *   modules.c   records of kernel modules
 *   snapshot.c  records the same of what was there before
 *   focus.c     which processes are recorded
 *   symbols.c   /proc/vmcoop/symbols
 *   proc.c      /proc/vmcoop
 *   arch-*.c    what differs between architectures
 *   compat.h    what differs between kernel versions
 */
#ifndef VMCOOP_GUEST_H
#define VMCOOP_GUEST_H

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "ring.h"

#undef pr_fmt
#define pr_fmt(fmt) "vmcoop_guest: " fmt

struct proc_dir_entry;
struct pt_regs;
struct seq_file;
struct vm_area_struct;
struct xarray;

/* ---- arch-*.c: nothing else knows the architecture ---------------------- */

/* VMCOOP_ARCH_* of this kernel. */
extern const u32 vmcoop_arch;

/**
 * vmcoop_arch_clock() - the raw counter, read in program order
 *
 * Context: any.
 */
u64 vmcoop_arch_clock(void);

/**
 * vmcoop_arch_vcpu_id() - the hypervisor's number for the CPU this runs on
 *
 * Context: preemption off; costs no VM exit.
 */
u32 vmcoop_arch_vcpu_id(void);

/* The frame pointer of 64-bit user code; false if there is none to follow. */
bool vmcoop_arch_user_frame(const struct pt_regs *regs, unsigned long *fp);

/* A return address of user code without what the CPU hides in its upper bits. */
unsigned long vmcoop_arch_user_address(unsigned long addr);

/**
 * vmcoop_arch_map() - map device memory write-back cached
 * @phys: page-aligned physical address
 * @size: bytes, a multiple of the page size
 *
 * Context: may sleep. Return: the mapping, or NULL.
 */
void *vmcoop_arch_map(phys_addr_t phys, size_t size);
void vmcoop_arch_unmap(void *va);

/**
 * vmcoop_arch_uncached() - why a mapping's stores would not be plain cached ones
 * @va: what vmcoop_arch_map() returned
 * @size: bytes
 *
 * Reads the page tables: the kernel's mapping calls do not tell.
 * Return: NULL if the mapping is write-back, else a word for people.
 */
const char *vmcoop_arch_uncached(void *va, size_t size);

/* Frequency of vmcoop_arch_clock(), 0 if the kernel does not know it. */
u64 vmcoop_arch_clock_khz(void);

/* ---- device.c ------------------------------------------------------------ */

int vmcoop_device_init(void);
void vmcoop_device_exit(void);

/* ---- memory.c ------------------------------------------------------------ */

/* Whether a parameter asks for a region without a device. */
bool vmcoop_memory_wanted(void);
int vmcoop_memory_init(void);
void vmcoop_memory_exit(void);

/* ---- main.c -------------------------------------------------------------- */

/**
 * vmcoop_guest_start() - record into a region
 * @region: the region, mapped
 * @size: its bytes
 * @name: of the device, for people; must live until vmcoop_guest_stop()
 *
 * Context: may sleep; from device probing, which the driver core serialises, or
 *	from loading without one.
 * Return: 0, or an error whose reason was logged.
 */
int vmcoop_guest_start(struct vmcoop_region *region, u64 size, const char *name);

/* Stop recording; afterwards nothing of the module touches the region. */
void vmcoop_guest_stop(void);

/* ---- rings.c -------------------------------------------------------------- */

#define VMCOOP_VCPU_UNKNOWN	U32_MAX

/**
 * struct vmcoop_guest_cpu - a CPU's ring and what goes with it
 * @ring: written by this CPU alone, with interrupts off
 * @vcpu: the hypervisor's number for this CPU, once it has told a record
 * @ticks: ticks seen
 * @outside: the last switch told that a task outside the focus runs
 * @spare: room to build a record for which the ring has none in one piece, used
 *	with interrupts off
 * @scratch: VMCOOP_REC_MAX bytes to build a record, used in task context with
 *	preemption off
 */
struct vmcoop_guest_cpu {
	struct vmcoop_ring	ring;
	u32			vcpu;
	u64			ticks;
	u32			tick_phase;
	bool			outside;
	void			*spare;
	void			*scratch;
};

DECLARE_PER_CPU(struct vmcoop_guest_cpu, vmcoop_cpu);

/**
 * struct vmcoop_rings - the region in use
 * @region: its mapping
 * @size: its bytes
 * @name: the device it is on
 * @data_size: of each ring, bytes
 */
struct vmcoop_rings {
	struct vmcoop_region	*region;
	u64			size;
	const char		*name;
	u64			data_size;
};

extern struct vmcoop_rings vmcoop_rings;

int vmcoop_rings_setup(struct vmcoop_region *region, u64 size, const char *name);
void vmcoop_rings_teardown(void);

/* Nobody consumes the rings any more, whatever they say: new records replace the oldest. */
void vmcoop_rings_detach(void);

/**
 * vmcoop_emit() - stamp a record and append it to this CPU's ring
 * @rec: record, 8-byte aligned; all but stamp and id filled in
 *
 * Context: any but NMI. A full ring counts the record as dropped.
 */
void vmcoop_emit(struct vmcoop_hdr *rec);

/**
 * vmcoop_begin() - where to build a record of this CPU
 * @cpu: this one
 * @size: of the record
 *
 * Context: interrupts off until vmcoop_end(); not NMI.
 * Return: room in the ring, which nothing may be read back from, or else @cpu->spare.
 */
static __always_inline void *vmcoop_begin(struct vmcoop_guest_cpu *cpu, u32 size)
{
	return vmcoop_ring_reserve(&cpu->ring, size) ?: cpu->spare;
}

/* Of what follows, what is seldom needed. */
void vmcoop_find_vcpu(struct vmcoop_guest_cpu *cpu);
void vmcoop_end_spare(struct vmcoop_guest_cpu *cpu);

static __always_inline void vmcoop_stamp(struct vmcoop_guest_cpu *cpu, struct vmcoop_hdr *rec)
{
	if (unlikely(cpu->vcpu == VMCOOP_VCPU_UNKNOWN))
		vmcoop_find_vcpu(cpu);
	rec->id = cpu->vcpu;
	rec->stamp = vmcoop_arch_clock();
}

/* Stamp a record that was built where vmcoop_begin() said, and append it. */
static __always_inline void vmcoop_end(struct vmcoop_guest_cpu *cpu, struct vmcoop_hdr *rec,
				       u32 size)
{
	vmcoop_stamp(cpu, rec);
	if (likely((void *)rec != cpu->spare))
		vmcoop_ring_commit(&cpu->ring, size);
	else
		vmcoop_end_spare(cpu);
}

/* A record's header with all that vmcoop_emit() does not fill in. */
#define VMCOOP_HDR(_type, _flags, _rec) \
	{ .type = (_type), .flags = (_flags), .size = sizeof(_rec) }

/* ---- probes.c ------------------------------------------------------------- */

/**
 * struct vmcoop_probe - a probe on one of the kernel's own tracepoints
 * @name: of the tracepoint
 * @func: the probe, void (void *data, ...), typed as the tracepoint calls it
 * @tp: where it is registered, NULL while it is not
 */
struct vmcoop_probe {
	const char		*name;
	void			*func;
	struct tracepoint	*tp;
};

/* Register all @n probes, or none; says which one it could not. May sleep. */
int vmcoop_probes_register(struct vmcoop_probe *probes, unsigned int n);
/* Unregister; one that runs already goes on. May sleep. */
void vmcoop_probes_unregister(struct vmcoop_probe *probes, unsigned int n);
/* None of those that were unregistered runs any more. May sleep, takes long. */
void vmcoop_probes_sync(void);

/* ---- tick.c ----------------------------------------------------------------- */

/* Whether the parameters make sense; says what is wrong. */
int vmcoop_tick_check(void);
int vmcoop_tick_start(void);
void vmcoop_tick_stop(void);

/**
 * vmcoop_tick() - record a tick
 * @regs: of what it interrupted
 * @preempts: levels of preempt_count() that the way here has added
 *
 * Context: hard interrupt.
 */
void vmcoop_tick(struct pt_regs *regs, unsigned int preempts);

/* At sched_switch; see switch.h. */
void vmcoop_probe_switch(void *data, bool preempt, struct task_struct *prev,
			 struct task_struct *next, unsigned int prev_state);

/* Of tick=hz:N; 0 where the scheduler's ticks are taken. */
unsigned int vmcoop_tick_hz(void);
/* Bytes in which a tick's record is built. */
size_t vmcoop_tick_size(void);
void vmcoop_tick_show(struct seq_file *m);
/* Record what is recorded. */
void vmcoop_emit_config(void);

/* ---- chain.c ---------------------------------------------------------------- */

/* Frames of the tick's own interrupt, at most, that lie on top of a kernel chain. */
#define VMCOOP_CHAIN_IRQ	24

/**
 * vmcoop_chain() - add the call chains to a tick's record
 * @rec: the record, of vmcoop_tick_size() bytes
 * @regs: of what the tick interrupted
 * @max: addresses of each chain at most
 *
 * Context: hard interrupt.
 */
void vmcoop_chain(struct vmcoop_guest_tick *rec, struct pt_regs *regs, unsigned int max);

/* ---- cpus.c ----------------------------------------------------------------- */

int vmcoop_cpus_start(void);
void vmcoop_cpus_stop(void);
/* Record which CPUs there are. */
void vmcoop_emit_cpus(void);

/* ---- tasks.c ----------------------------------------------------------------- */

int vmcoop_tasks_start(void);
void vmcoop_tasks_stop(void);

/**
 * vmcoop_emit_comm() - record a task's name
 * @task: the task
 * @comm: its name
 * @flags: VMCOOP_F_*
 *
 * Context: any but NMI.
 */
void vmcoop_emit_comm(struct task_struct *task, const char *comm, u8 flags);

/**
 * vmcoop_emit_mmap() - record a mapping if it is executable
 * @pid: its process
 * @vma: the mapping, which stays as it is meanwhile
 * @buf: VMCOOP_REC_MAX bytes, 8-byte aligned, the caller's own
 * @flags: VMCOOP_F_*
 *
 * Context: task context, preemption may be off.
 */
void vmcoop_emit_mmap(u32 pid, struct vm_area_struct *vma, void *buf, u8 flags);

/* ---- cgroup.c --------------------------------------------------------------- */

int vmcoop_cgroup_start(void);
void vmcoop_cgroup_stop(void);
/* The number of a task's cgroup; 0 where the kernel has none. Any context but NMI. */
u64 vmcoop_task_cgroup(struct task_struct *task);
/*
 * Record the path of a task's cgroup unless @told has it, and put it there.
 * @buf: VMCOOP_REC_MAX bytes. May sleep.
 */
void vmcoop_emit_task_cgroup(struct task_struct *task, struct xarray *told, void *buf);
/* The same for a child that was born into another cgroup. In its parent's context. */
void vmcoop_emit_fork_cgroup(struct task_struct *parent, struct task_struct *child);

/* ---- buildid.c --------------------------------------------------------------- */

void vmcoop_buildid_start(void);
/* Nobody calls vmcoop_buildid_want() any more. May sleep. */
void vmcoop_buildid_stop(void);
/* Have a file's build-id recorded, soon. Task context, preemption may be off. */
void vmcoop_buildid_want(struct file *file);
/* All files are news again. */
void vmcoop_buildid_forget(void);
/* Files left out for want of memory. */
u64 vmcoop_buildid_skipped(void);

/* ---- modules.c --------------------------------------------------------------- */

void vmcoop_modules_start(void);
void vmcoop_modules_stop(void);
void vmcoop_emit_modules(void);

/* ---- snapshot.c -------------------------------------------------------------- */

void vmcoop_snapshot_start(void);
void vmcoop_snapshot_stop(void);

/* At a tick: start a snapshot if the host has asked for one. Interrupts off. */
void vmcoop_snapshot_poll(void);

/* Tell all tasks and mappings anew. Not from where a run queue is locked. */
void vmcoop_snapshot_now(void);

/* ---- focus.c ----------------------------------------------------------------- */

/* Takes the parameters; says what is wrong with them. May sleep. */
int vmcoop_focus_start(void);
void vmcoop_focus_stop(void);

/**
 * vmcoop_focus_set() - change the focus
 * @word: all, pid=N[,N], comm=NAME[,NAME], cgroup=PATH or children=0|1; is changed
 *
 * Context: may sleep. Return: 0, or an error whose reason was logged.
 */
int vmcoop_focus_set(char *word);
void vmcoop_focus_show(struct seq_file *m);

/* Whether anybody is not recorded. */
extern bool vmcoop_focused;
/* Of a task's process, while there is a focus. */
bool vmcoop_is_member(struct task_struct *task);

/* Whether a task's process is recorded. Any context. */
static inline bool vmcoop_in_focus(struct task_struct *task)
{
	return !READ_ONCE(vmcoop_focused) || vmcoop_is_member(task);
}

/* The same of a task that runs; an idle CPU is nobody's business, so it is always told. */
static inline bool vmcoop_outside_focus(struct task_struct *task)
{
	return !vmcoop_in_focus(task) && !is_idle_task(task);
}

/* The task gets a name, or is in another cgroup: true if it comes into focus by it. */
bool vmcoop_focus_named(struct task_struct *task, const char *name);
void vmcoop_focus_fork(struct task_struct *parent, struct task_struct *child);
void vmcoop_focus_exit(struct task_struct *task);

/* ---- symbols.c --------------------------------------------------------------- */

int vmcoop_symbols_start(struct proc_dir_entry *dir);
/* Nobody sleeps in its calls any more; to be called before @dir is removed. */
void vmcoop_symbols_stop(void);
/* The host's @request for a snapshot was carried out: a new one wants symbols, too. */
void vmcoop_symbols_want(u64 request);

/* ---- proc.c ----------------------------------------------------------------- */

int vmcoop_proc_init(void);
void vmcoop_proc_exit(void);

#endif /* VMCOOP_GUEST_H */
