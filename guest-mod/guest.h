/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmcoop_guest.ko from inside: what its files offer each other.
 *
 *   device.c    finds the region on the PCI bus and maps it
 *   rings.c     sets the region up, one ring a CPU, and appends records
 *   probes.c    attaches to tracepoints
 *   tick.c      records at the scheduler's ticks and switches
 *   tasks.c     records what names tasks and their code, as it happens
 *   snapshot.c  records the same of what was there before
 *   proc.c      /proc/vmcoop
 *   arch-*.c    what differs between architectures
 *   compat.h    what differs between kernel versions
 */
#ifndef VMCOOP_GUEST_H
#define VMCOOP_GUEST_H

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "ring.h"

#undef pr_fmt
#define pr_fmt(fmt) "vmcoop_guest: " fmt

struct seq_file;
struct vm_area_struct;

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

/* ---- device.c ------------------------------------------------------------ */

int vmcoop_device_init(void);
void vmcoop_device_exit(void);

/* ---- main.c -------------------------------------------------------------- */

/**
 * vmcoop_guest_start() - record into a region
 * @region: the region, mapped
 * @size: its bytes
 * @name: of the device, for people; must live until vmcoop_guest_stop()
 *
 * Context: may sleep; from device probing, which the driver core serialises.
 * Return: 0, or an error whose reason was logged.
 */
int vmcoop_guest_start(struct vmcoop_region *region, u64 size, const char *name);

/* Stop recording; afterwards nothing of the module touches the region. */
void vmcoop_guest_stop(void);

/* ---- rings.c -------------------------------------------------------------- */

/**
 * struct vmcoop_guest_cpu - a CPU's ring and what goes with it
 * @ring: written by this CPU alone, with interrupts off
 * @vcpu: the hypervisor's number for this CPU, as of the last record
 * @ticks: scheduler ticks seen
 * @scratch: room to build a mapping's record, used with preemption off
 */
struct vmcoop_guest_cpu {
	struct vmcoop_ring	ring;
	u32			vcpu;
	u64			ticks;
	void			*scratch;
};

/**
 * struct vmcoop_rings - the region in use
 * @region: its mapping
 * @size: its bytes
 * @name: the device it is on
 * @data_size: of each ring, bytes
 * @cpus: nr_cpu_ids of them
 */
struct vmcoop_rings {
	struct vmcoop_region	*region;
	u64			size;
	const char		*name;
	u64			data_size;
	struct vmcoop_guest_cpu	*cpus;
};

extern struct vmcoop_rings vmcoop_rings;

int vmcoop_rings_setup(struct vmcoop_region *region, u64 size, const char *name);
void vmcoop_rings_teardown(void);

/**
 * vmcoop_emit() - stamp a record and append it to this CPU's ring
 * @rec: record, 8-byte aligned; all but stamp and id filled in
 *
 * Context: any but NMI. A full ring counts the record as dropped.
 */
void vmcoop_emit(struct vmcoop_hdr *rec);

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
/* Unregister; no probe runs any more when it returns. May sleep. */
void vmcoop_probes_unregister(struct vmcoop_probe *probes, unsigned int n);

/* ---- tick.c, tasks.c, snapshot.c ------------------------------------------- */

int vmcoop_tick_start(void);
void vmcoop_tick_stop(void);

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

/* Bytes of a buffer in which a mapping's record is built. */
#define VMCOOP_MMAP_BUF (sizeof(struct vmcoop_guest_mmap) + PATH_MAX + 8)

/**
 * vmcoop_emit_mmap() - record a mapping if it is executable
 * @pid: its process
 * @vma: the mapping, which stays as it is meanwhile
 * @buf: VMCOOP_MMAP_BUF bytes, 8-byte aligned, the caller's own
 * @flags: VMCOOP_F_*
 *
 * Context: task context, preemption may be off.
 */
void vmcoop_emit_mmap(u32 pid, struct vm_area_struct *vma, void *buf, u8 flags);

void vmcoop_snapshot_start(void);
void vmcoop_snapshot_stop(void);

/* At a tick: start a snapshot if the host has asked for one. Interrupts off. */
void vmcoop_snapshot_poll(void);

/* ---- proc.c ----------------------------------------------------------------- */

int vmcoop_proc_init(void);
void vmcoop_proc_exit(void);

#endif /* VMCOOP_GUEST_H */
