/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmcoop's ABI: the records both modules write, the shared region between a
 * guest and its host, and the host module's device.
 *
 * The same header is compiled into both modules and into vmcoop-dump. All
 * fields are little-endian and naturally aligned. Compatible growth: new
 * record types, and new fields at a record's end; a reader skips types it does
 * not know and ignores bytes behind the fields it knows. Anything else bumps
 * VMCOOP_ABI_VERSION. Documentation/record-format.md explains the layouts to
 * people who read the files without this header.
 */
#ifndef VMCOOP_ABI_H
#define VMCOOP_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/stddef.h>
#else
#include <assert.h>
#include <stddef.h>
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "vmcoop's records are little-endian and written without conversion"
#endif

#define VMCOOP_ABI_VERSION	1

/* Whose stamps and addresses a stream holds: region header, file, device. */
#define VMCOOP_ARCH_X86_64	1
#define VMCOOP_ARCH_ARM64	2

/* ---- Records ---------------------------------------------------------- */

#define VMCOOP_REC_ALIGN	8
#define VMCOOP_REC_MAX		8192	/* largest record, bytes */
#define VMCOOP_REC_TYPES	64	/* types are below this */

enum vmcoop_rec_type {
	/* host */
	VMCOOP_HOST_SAMPLE	= 1,	/* overflow while a vCPU was in guest mode */
	VMCOOP_HOST_VCPU	= 2,	/* names a vCPU handle */
	VMCOOP_HOST_IN		= 3,	/* vCPU scheduled in */
	VMCOOP_HOST_OUT		= 4,	/* vCPU scheduled out */
	VMCOOP_HOST_ENTRY	= 5,	/* VM entry, not every one */
	VMCOOP_HOST_CLOCK	= 6,	/* guest clock as a function of the host's */
	VMCOOP_HOST_GONE	= 7,	/* vCPU thread exited, handle ends */
	VMCOOP_HOST_VMM		= 8,	/* overflow while a VMM's thread ran on the host */
	VMCOOP_HOST_COUNT	= 9,	/* counters of the CPU that runs a vCPU */
	VMCOOP_HOST_EXITS	= 10,	/* a vCPU's exits and times until now */
	VMCOOP_HOST_RESUME	= 11,	/* the CPU's counter began anew: the host slept */
	/* guest */
	VMCOOP_GUEST_TICK	= 32,	/* scheduler tick */
	VMCOOP_GUEST_SWITCH	= 33,	/* task switch */
	VMCOOP_GUEST_COMM	= 34,	/* a task's name */
	VMCOOP_GUEST_FORK	= 35,	/* new task */
	VMCOOP_GUEST_EXIT	= 36,	/* task exited */
	VMCOOP_GUEST_MMAP	= 37,	/* executable mapping */
	VMCOOP_GUEST_KERNEL	= 38,	/* where the kernel was loaded */
	VMCOOP_GUEST_CONFIG	= 39,	/* what the module records, and how */
	VMCOOP_GUEST_CPU	= 40,	/* a CPU came or went */
	VMCOOP_GUEST_BUILDID	= 41,	/* build-id of a mapped file */
	VMCOOP_GUEST_MODULE	= 42,	/* kernel module loaded or gone */
	VMCOOP_GUEST_CGROUP	= 43,	/* path of a cgroup */
	VMCOOP_GUEST_SYMBOLS	= 44,	/* a piece of a bundle of symbols */
};

/* hdr.flags */
#define VMCOOP_F_SNAPSHOT	0x01	/* held before the stamp: state told again */
#define VMCOOP_F_EXEC		0x02	/* GUEST_COMM: by execve, old mappings are void */
#define VMCOOP_F_TIMER		0x04	/* HOST_ENTRY, HOST_COUNT: injects the timer */
#define VMCOOP_F_NOEXEC		0x08	/* GUEST_MMAP: no code is there any more; no path */

/**
 * struct vmcoop_hdr - what every record starts with
 * @type: enum vmcoop_rec_type
 * @flags: VMCOOP_F_*
 * @size: bytes of the whole record, header included, a multiple of 8
 * @id: host: vCPU handle, never 0 once known, not reused while a VM may still
 *	be told from it; guest: vCPU number as the hypervisor counts (x86:
 *	initial APIC id, arm64: from MPIDR's affinity fields)
 * @stamp: raw counter of the writing side (TSC, CNTVCT), read in order.
 *	Records of one ring never go back in time.
 */
struct vmcoop_hdr {
	__u8	type;
	__u8	flags;
	__u16	size;
	__u32	id;
	__u64	stamp;
};

/* vmcoop_host_sample.mode, vmcoop_guest_tick.mode */
#define VMCOOP_MODE_UNKNOWN	0
#define VMCOOP_MODE_USER	1
#define VMCOOP_MODE_KERNEL	2
#define VMCOOP_MODE_IDLE	3	/* guest ticks only */

/* vmcoop_host_sample.sflags */
#define VMCOOP_S_IP_HIDDEN	0x01	/* guest state protected or unreadable: ip is no address */
#define VMCOOP_S_MODE_DERIVED	0x02	/* mode inferred from the address's upper half */
#define VMCOOP_S_THROTTLED	0x04	/* the kernel paused the event until its next tick */

/**
 * struct vmcoop_host_sample - one event's overflow that hit guest mode
 * @vm: VM: pid of the VMM process, as the host's initial namespace counts
 * @vcpu: vCPU id as KVM counts
 * @pcpu: host CPU
 * @event: index of the event (VMCOOP_IOC_EVENT tells its name)
 * @mode: VMCOOP_MODE_*
 * @sflags: VMCOOP_S_*
 * @ip: guest instruction pointer
 * @period: events this overflow stands for
 */
struct vmcoop_host_sample {
	struct vmcoop_hdr hdr;
	__u32	vm;
	__u32	vcpu;
	__u32	pcpu;
	__u16	event;
	__u8	mode;
	__u8	sflags;
	__u64	ip;
	__u64	period;
};

/**
 * struct vmcoop_host_vmm - one event's overflow in a VMM's thread, on the host
 * @vm: VM: pid of the VMM process
 * @tid: its thread that was running
 * @pcpu: host CPU
 * @event: index of the event
 * @mode: VMCOOP_MODE_USER or VMCOOP_MODE_KERNEL, of the host
 * @sflags: VMCOOP_S_*
 * @ip: the host's instruction pointer
 * @period: events this overflow stands for
 * @comm: the thread's name, NUL-padded
 *
 * hdr.id is the handle of the vCPU that is IN there, 0 without one. Written for
 * events with the modifier H only.
 */
struct vmcoop_host_vmm {
	struct vmcoop_hdr hdr;
	__u32	vm;
	__u32	tid;
	__u32	pcpu;
	__u16	event;
	__u8	mode;
	__u8	sflags;
	__u64	ip;
	__u64	period;
	char	comm[16];
};

/**
 * struct vmcoop_host_entry - the vCPU enters guest mode
 * @vmm: stamps that its thread has spent with the VMM since the handle began, on
 *	trips from KVM_RUN and back so short that no OUT and IN tell them; records
 *	of older modules end before it
 */
struct vmcoop_host_entry {
	struct vmcoop_hdr hdr;
	__u64	vmm;
};

/* vmcoop_host_count.where */
#define VMCOOP_COUNT_IN		1	/* the vCPU got the CPU: a run slice begins */
#define VMCOOP_COUNT_ENTRY	2	/* within the slice, at a VM entry */
#define VMCOOP_COUNT_OUT	3	/* the vCPU lost the CPU: the slice ends */

/**
 * struct vmcoop_host_count - the counting events of one CPU at one instant
 * @pcpu: host CPU whose counters these are
 * @where: VMCOOP_COUNT_*
 * @nr: values that follow
 * @reserved: 0
 * @enabled: ns for which the events have been open on this CPU
 * @value: of each counting event, in the order of their indices
 *
 * A vCPU's events between two instants are the difference of its two records'
 * values, if no HOST_COUNT with COUNT_IN of the same vCPU lies between them
 * (COUNT_IN and COUNT_OUT enclose a run slice: one vCPU on one CPU). Values
 * are modulo 2^64.
 */
struct vmcoop_host_count {
	struct vmcoop_hdr hdr;
	__u32	pcpu;
	__u8	where;
	__u8	nr;
	__u16	reserved;
	__u64	enabled;
	struct vmcoop_host_value {
		__u64	count;
		__u64	running;	/* ns of @enabled for which it counted */
	} value[];
};

/* Why guest mode was left, as far as the kernel lets a module see it. */
enum vmcoop_exit {
	VMCOOP_EXIT_OTHER	= 0,
	VMCOOP_EXIT_IRQ		= 1,	/* the host's interrupt or NMI */
	VMCOOP_EXIT_HALT	= 2,	/* HLT, MWAIT, WFI, WFE */
	VMCOOP_EXIT_IO		= 3,	/* I/O port */
	VMCOOP_EXIT_MMIO	= 4,	/* emulated memory */
	VMCOOP_EXIT_FAULT	= 5,	/* page not mapped on the host */
	VMCOOP_EXIT_WINDOW	= 6,	/* ready to take an interrupt or NMI */
	VMCOOP_EXIT_HYPERCALL	= 7,
	VMCOOP_EXIT_SYSREG	= 8,	/* MSR, system register, CPUID */
	VMCOOP_EXIT_SIGNAL	= 9,	/* the vCPU thread has a signal */
	VMCOOP_EXIT_TIMER	= 10,	/* the guest's timer, driven by the CPU */
	VMCOOP_EXITS		= 11
};

/* Its name, for people and in JSON. */
static inline const char *vmcoop_exit_name(unsigned int reason)
{
	static const char * const names[VMCOOP_EXITS] = {
		[VMCOOP_EXIT_OTHER]	= "other",
		[VMCOOP_EXIT_IRQ]	= "irq",
		[VMCOOP_EXIT_HALT]	= "halt",
		[VMCOOP_EXIT_IO]	= "io",
		[VMCOOP_EXIT_MMIO]	= "mmio",
		[VMCOOP_EXIT_FAULT]	= "fault",
		[VMCOOP_EXIT_WINDOW]	= "window",
		[VMCOOP_EXIT_HYPERCALL]	= "hypercall",
		[VMCOOP_EXIT_SYSREG]	= "sysreg",
		[VMCOOP_EXIT_SIGNAL]	= "signal",
		[VMCOOP_EXIT_TIMER]	= "timer",
	};

	return reason < VMCOOP_EXITS ? names[reason] : "?";
}

/**
 * struct vmcoop_host_exits - what a vCPU has spent since its handle began
 * @vm: VM: pid of the VMM process
 * @vcpu: vCPU id as KVM counts
 * @guest: stamps between VM entry and VM exit
 * @poll_ns: ns of halt polling
 * @nr: classes that follow, VMCOOP_EXITS of the writer
 * @reserved: 0
 * @exit: by enum vmcoop_exit: how often, and stamps from the VM exit to the
 *	next VM entry in the same run slice
 * @vmm: behind the @nr classes: as in struct vmcoop_host_entry
 *
 * Totals: a later record of the same handle replaces the earlier one.
 */
struct vmcoop_host_exits {
	struct vmcoop_hdr hdr;
	__u32	vm;
	__u32	vcpu;
	__u64	guest;
	__u64	poll_ns;
	__u32	nr;
	__u32	reserved;
	struct vmcoop_host_exit {
		__u64	count;
		__u64	time;
	} exit[VMCOOP_EXITS];
	__u64	vmm;
};

/**
 * struct vmcoop_host_vcpu - what a vCPU handle stands for
 * @vm: VM: pid of the VMM process
 * @vcpu: vCPU id as KVM counts
 * @tid: vCPU thread
 * @reserved: 0
 * @comm: name of the VMM process's vCPU thread, NUL-padded
 */
struct vmcoop_host_vcpu {
	struct vmcoop_hdr hdr;
	__u32	vm;
	__u32	vcpu;
	__u32	tid;
	__u32	reserved;
	char	comm[16];
};

/**
 * struct vmcoop_host_in - the vCPU thread got a CPU, ready to run its vCPU
 *
 * With VMCOOP_F_SNAPSHOT the vCPU was in already when recording began.
 */
struct vmcoop_host_in {
	struct vmcoop_hdr hdr;
	__u32	vm;
	__u32	vcpu;
	__u32	tid;
	__u32	pcpu;
};

/* vmcoop_host_out.reason */
#define VMCOOP_OUT_PREEMPTED	1	/* still runnable: another task took the CPU */
#define VMCOOP_OUT_BLOCKED	2	/* slept inside KVM: the vCPU halted */
#define VMCOOP_OUT_USER		3	/* returned to the VMM */
#define VMCOOP_OUT_EXIT		4	/* the vCPU thread exited */

/**
 * struct vmcoop_host_out - the vCPU thread lost its CPU or left KVM
 * @vm: VM: pid of the VMM process
 * @vcpu: vCPU id as KVM counts
 * @tid: vCPU thread
 * @pcpu: host CPU
 * @reason: VMCOOP_OUT_*
 * @reserved: 0
 * @left: stamp at which it did so: the record may have waited until it was clear
 *	that the thread is not back soon; records of older modules end before it
 */
struct vmcoop_host_out {
	struct vmcoop_hdr hdr;
	__u32	vm;
	__u32	vcpu;
	__u32	tid;
	__u32	pcpu;
	__u32	reason;
	__u32	reserved;
	__u64	left;
};

/**
 * struct vmcoop_host_clock - a vCPU's clock from this stamp on
 * @vm: VM: pid of the VMM process
 * @vcpu: vCPU id as KVM counts
 * @offset: added to the scaled host counter, modulo 2^64
 * @ratio: fixed-point factor with @frac_bits fraction bits
 * @frac_bits: 0 to 63
 * @reserved: 0
 *
 * guest = ((host * ratio) >> frac_bits) + offset; see common/clock.h.
 */
struct vmcoop_host_clock {
	struct vmcoop_hdr hdr;
	__u32	vm;
	__u32	vcpu;
	__s64	offset;
	__u64	ratio;
	__u32	frac_bits;
	__u32	reserved;
};

/** struct vmcoop_host_gone - a vCPU's thread exited; its handle ends here */
struct vmcoop_host_gone {
	struct vmcoop_hdr hdr;
	__u32	vm;
	__u32	vcpu;
	__u32	tid;
	__u32	reserved;
};

/* pid and tid of whoever is outside the guest's focus, in GUEST_TICK and GUEST_SWITCH */
#define VMCOOP_PID_OUTSIDE	0xffffffffU

/* vmcoop_guest_tick.cflags */
#define VMCOOP_TC_KERNEL_CUT	0x01	/* the kernel's chain goes on */
#define VMCOOP_TC_USER_CUT	0x02	/* the user's chain goes on */
#define VMCOOP_TC_USER_LOST	0x04	/* the user's chain ends where no stack could be read */

#define VMCOOP_CHAIN_MAX	127	/* addresses of each of the two chains */

/**
 * struct vmcoop_guest_tick - software state at a scheduler tick
 * @pid: process (tgid), 0 for the idle task
 * @tid: thread
 * @ip: interrupted instruction
 * @mode: VMCOOP_MODE_*
 * @preempt: how often the interrupted code had turned preemption off, 255 at
 *	most; 0 also where the kernel does not count (VMCOOP_CF_PREEMPT)
 * @softirq: 1 if it served a softirq, plus 2 for each time it had turned
 *	softirqs off
 * @hardirq: hard interrupts it served
 * @nr_kernel: addresses in @chain of the kernel's chain
 * @nr_user: addresses behind them, of the user's chain
 * @cflags: VMCOOP_TC_*
 * @reserved: 0
 * @comm: the thread's name, NUL-padded; any bytes
 * @chain: callers' return addresses, innermost first. Of @mode KERNEL, the
 *	user's chain begins with where user code entered the kernel.
 */
struct vmcoop_guest_tick {
	struct vmcoop_hdr hdr;
	__u32	pid;
	__u32	tid;
	__u64	ip;
	__u8	mode;
	__u8	preempt;
	__u8	softirq;
	__u8	hardirq;
	__u8	nr_kernel;
	__u8	nr_user;
	__u8	cflags;
	__u8	reserved;
	char	comm[16];
	__u64	chain[];
};

/* vmcoop_guest_switch.prev_state */
#define VMCOOP_SW_PREEMPTED	1	/* previous task stays runnable */
#define VMCOOP_SW_SLEEPS	2
#define VMCOOP_SW_EXITS		3

/**
 * struct vmcoop_guest_switch - from this stamp on the vCPU runs another task
 * @prev_tid: thread that leaves
 * @next_pid: process that comes, 0 for the idle task
 * @next_tid: thread that comes
 * @prev_state: VMCOOP_SW_*
 */
struct vmcoop_guest_switch {
	struct vmcoop_hdr hdr;
	__u32	prev_tid;
	__u32	next_pid;
	__u32	next_tid;
	__u32	prev_state;
};

/* vmcoop_guest_comm.tflags */
#define VMCOOP_T_KTHREAD	0x01	/* a kernel thread: no address space */

/**
 * struct vmcoop_guest_comm - a task's name, from this stamp on
 * @pid: process (tgid)
 * @tid: thread
 * @tflags: VMCOOP_T_*
 * @reserved: 0
 * @comm: NUL-padded; any bytes
 * @ns_pid: process as its own pid namespace counts
 * @ns_tid: thread, likewise
 * @cgroup: number of its cgroup in the unified hierarchy, see GUEST_CGROUP
 *
 * hdr.flags: F_EXEC if execve gave the name, F_SNAPSHOT if the task had it before.
 */
struct vmcoop_guest_comm {
	struct vmcoop_hdr hdr;
	__u32	pid;
	__u32	tid;
	__u32	tflags;
	__u32	reserved;
	char	comm[16];
	__u32	ns_pid;
	__u32	ns_tid;
	__u64	cgroup;
};

/**
 * struct vmcoop_guest_fork - a new task; it has its parent's name, and a new
 *	process its parent's mappings
 *
 * The last three fields are as in GUEST_COMM.
 */
struct vmcoop_guest_fork {
	struct vmcoop_hdr hdr;
	__u32	pid;
	__u32	tid;
	__u32	ppid;
	__u32	ptid;
	__u32	ns_pid;
	__u32	ns_tid;
	__u64	cgroup;
};

/** struct vmcoop_guest_exit - a thread exited; with pid == tid its leader */
struct vmcoop_guest_exit {
	struct vmcoop_hdr hdr;
	__u32	pid;
	__u32	tid;
};

/**
 * struct vmcoop_guest_mmap - an executable mapping of a process
 * @pid: process (tgid)
 * @path_len: bytes of @path in use, no NUL counted; the record pads with NUL
 * @start: first address
 * @len: bytes
 * @pgoff: file offset of @start, bytes
 * @ino: inode number, 0 if no file is behind it
 * @dev_major: device of the file
 * @dev_minor: device of the file
 * @path: as the guest's kernel names it, any bytes; "[vdso]", "//anon" and
 *	the like where no file is behind it
 *
 * A new mapping overrides what it overlaps. With F_NOEXEC, what is mapped there
 * is not executable; that is told where code was mapped lately.
 */
struct vmcoop_guest_mmap {
	struct vmcoop_hdr hdr;
	__u32	pid;
	__u32	path_len;
	__u64	start;
	__u64	len;
	__u64	pgoff;
	__u64	ino;
	__u32	dev_major;
	__u32	dev_minor;
	char	path[];
};

/**
 * struct vmcoop_guest_buildid - build-id of a file that GUEST_MMAP named
 * @ino: inode number
 * @dev_major: device of the file
 * @dev_minor: device of the file
 * @len: bytes of @id in use
 * @reserved: 0
 * @id: the ELF note's bytes, padded with 0
 */
struct vmcoop_guest_buildid {
	struct vmcoop_hdr hdr;
	__u64	ino;
	__u32	dev_major;
	__u32	dev_minor;
	__u32	len;
	__u32	reserved;
	__u8	id[];
};

#define VMCOOP_BUILD_ID_MAX	64	/* bytes; longer ones are not told */

/**
 * struct vmcoop_guest_module - a kernel module's code
 * @addr: first address of its text
 * @len: bytes
 * @loaded: 1, or 0: it is gone
 * @id_len: bytes of @build_id in use
 * @build_id: of its file, padded with 0
 * @name: NUL-padded
 */
struct vmcoop_guest_module {
	struct vmcoop_hdr hdr;
	__u64	addr;
	__u64	len;
	__u32	loaded;
	__u32	id_len;
	__u8	build_id[24];
	char	name[64];
};

/**
 * struct vmcoop_guest_cgroup - a cgroup of the unified hierarchy
 * @cgroup: its number, as in GUEST_COMM
 * @path_len: bytes of @path in use; the record pads with NUL
 * @reserved: 0
 * @path: from the hierarchy's root, any bytes
 */
struct vmcoop_guest_cgroup {
	struct vmcoop_hdr hdr;
	__u64	cgroup;
	__u32	path_len;
	__u32	reserved;
	char	path[];
};

/**
 * struct vmcoop_guest_symbols - a piece of a bundle of symbols
 * @bundle: number of the bundle, of the guest's own choice
 * @offset: of the piece in the bundle, bytes
 * @len: bytes of @bytes in use; the record pads with 0
 * @reserved: 0
 * @bytes: as Documentation/symbols-format.md says
 *
 * What "vmcoop-dump symbols" hands to the module; pieces of one bundle may lie
 * in several rings. How long the bundle is, its own head says.
 */
struct vmcoop_guest_symbols {
	struct vmcoop_hdr hdr;
	__u64	bundle;
	__u64	offset;
	__u32	len;
	__u32	reserved;
	__u8	bytes[];
};

#define VMCOOP_SYMBOLS_MAX	(32U << 20)	/* largest bundle, bytes */

/**
 * struct vmcoop_guest_kernel - anchors a symbol table of the guest's kernel
 * @addr: where @symbol lies in the running kernel
 * @symbol: name of an exported text symbol, NUL-padded
 *
 * The difference to the symbol table's own address is the KASLR offset.
 */
struct vmcoop_guest_kernel {
	struct vmcoop_hdr hdr;
	__u64	addr;
	char	symbol[32];
};

/* vmcoop_guest_config.cflags */
#define VMCOOP_CF_SWITCH	0x01	/* task switches are recorded */
#define VMCOOP_CF_TIMER		0x02	/* ticks are of a timer of the module's own */
#define VMCOOP_CF_PREEMPT	0x04	/* the kernel counts preemption's depth */
#define VMCOOP_CF_FOCUS		0x08	/* chosen processes only; others are VMCOOP_PID_OUTSIDE */

/**
 * struct vmcoop_guest_config - what the module records, from this stamp on
 * @hz: ticks a second and CPU
 * @cflags: VMCOOP_CF_*
 * @callchain: longest chain, addresses of kernel and of user each; 0: none
 * @tickless: CPUs whose tick stops also while a task runs (nohz_full)
 */
struct vmcoop_guest_config {
	struct vmcoop_hdr hdr;
	__u32	hz;
	__u32	cflags;
	__u32	callchain;
	__u32	tickless;
};

/**
 * struct vmcoop_guest_cpu_state - a CPU of the guest's came online, or goes
 * @cpu: as the guest's kernel counts
 * @vcpu: as the hypervisor counts (hdr.id of that CPU's records)
 * @online: 1, or 0: from now on nothing runs there
 * @reserved: 0
 */
struct vmcoop_guest_cpu_state {
	struct vmcoop_hdr hdr;
	__u32	cpu;
	__u32	vcpu;
	__u32	online;
	__u32	reserved;
};

/* ---- Ring ------------------------------------------------------------- */

/*
 * A ring in memory: a consumer page, a producer page, then the data, a power
 * of two of bytes. Positions count bytes since the ring began and never wrap
 * in practice; "position & (data_size - 1)" is the place in the data. Records
 * lie back to back, split at the data's end. common/ring.h holds the code and
 * says what orders what.
 */

/**
 * struct vmcoop_ring_cons - what the consumer writes
 * @tail: first position it has not consumed
 * @attached: 1 while someone consumes: a full ring then drops the new record.
 *	0: nobody does, and new records replace the oldest.
 * @reserved: 0
 */
struct vmcoop_ring_cons {
	__u64	tail;
	__u32	attached;
	__u32	reserved;
};

/**
 * struct vmcoop_ring_prod - what the producer writes
 * @seq: odd while the producer changes the fields below
 * @head: end of the last whole record
 * @oldest: first position not overwritten yet; tail may lie behind it only
 *	while nobody was attached
 * @produced: records offered to the ring, dropped ones included
 * @overwritten: records replaced while nobody was attached
 * @dropped: records not taken for want of room, by type
 */
struct vmcoop_ring_prod {
	__u64	seq;
	__u64	head;
	__u64	oldest;
	__u64	produced;
	__u64	overwritten;
	__u64	dropped[VMCOOP_REC_TYPES];
};

#define VMCOOP_RING_MIN		0x8000			/* smallest data size: 4 VMCOOP_REC_MAX */
#define VMCOOP_RING_MAX		0x40000000ULL		/* largest data size, bytes */

/* ---- Region shared with a guest --------------------------------------- */

#define VMCOOP_REGION_MAGIC	0x314e47524f434d56ULL	/* "VMCORGN1" in memory */
#define VMCOOP_REGION_PAGE	4096
#define VMCOOP_REGION_MAX_RINGS	4096

/* vmcoop_region_guest.state */
#define VMCOOP_GUEST_NONE	0	/* no module has set the region up */
#define VMCOOP_GUEST_RUNNING	1
#define VMCOOP_GUEST_STOPPED	2	/* unloaded in order; the rings stay readable */

/**
 * struct vmcoop_region_id - identity, written once by who creates the region
 * @magic: VMCOOP_REGION_MAGIC, written last
 * @version: VMCOOP_ABI_VERSION
 * @reserved: 0
 * @size: bytes of the whole region, a power of two
 */
struct vmcoop_region_id {
	__u64	magic;
	__u32	version;
	__u32	reserved;
	__u64	size;
};

/**
 * struct vmcoop_region_guest - what the guest's module writes
 * @epoch: number of this set-up, 0 while one is under way; changes whenever
 *	the fields below or the rings start anew
 * @state: VMCOOP_GUEST_*
 * @arch: VMCOOP_ARCH_*
 * @nr_rings: one for each possible CPU of the guest
 * @page_size: distance of a ring's parts, VMCOOP_REGION_PAGE
 * @ring_off: first ring, bytes from the region's start
 * @ring_stride: from ring to ring, bytes
 * @data_size: of each ring, bytes
 * @snap_done: last @snap_request whose snapshot is wholly in the rings
 * @unread: bytes of earlier epochs that nobody had consumed at set-up
 * @release: the guest kernel's release, NUL-padded
 * @clock_khz: frequency of the stamps, 0 if not known
 */
struct vmcoop_region_guest {
	__u64	epoch;
	__u32	state;
	__u32	arch;
	__u32	nr_rings;
	__u32	page_size;
	__u64	ring_off;
	__u64	ring_stride;
	__u64	data_size;
	__u64	snap_done;
	__u64	unread;
	char	release[64];
	__u64	clock_khz;
};

/**
 * struct vmcoop_region_host - what the host's tool writes
 * @snap_request: raised to ask for a snapshot of all tasks and mappings; the
 *	guest looks at its ticks
 */
struct vmcoop_region_host {
	__u64	snap_request;
};

/**
 * struct vmcoop_region - first page of a region: a part for each writer
 *
 * Neither side believes what the other writes: see "The guest is untrusted".
 */
struct vmcoop_region {
	struct vmcoop_region_id		id;
	__u8				pad0[1024 - sizeof(struct vmcoop_region_id)];
	struct vmcoop_region_guest	guest;
	__u8				pad1[1024 - sizeof(struct vmcoop_region_guest)];
	struct vmcoop_region_host	host;
	__u8				pad2[2048 - sizeof(struct vmcoop_region_host)];
};

/* ---- /dev/vmcoop ------------------------------------------------------ */

/*
 * One reader at a time (open gives EBUSY to a second). Ring r lies at file
 * offset r * ring_stride: map its consumer page read-write, and from
 * prod_off on read-only. Rings 2 * pcpu and 2 * pcpu + 1 belong to one CPU:
 * the first takes what is written with interrupts off, the second what is
 * written in NMI context.
 *
 * write() takes the commands of /proc/vmcoop/control (record-format.md), one a
 * line; after an error VMCOOP_IOC_MESSAGE says in words what was wrong.
 *
 * Samples are written whenever the events run, all other records from START
 * until the reader closes the device: attach the rings before START. Closing
 * leaves the events running or stopped as they were at open.
 */

/**
 * struct vmcoop_host_info - VMCOOP_IOC_INFO
 * @abi: VMCOOP_ABI_VERSION
 * @arch: VMCOOP_ARCH_*
 * @nr_rings: rings there are
 * @nr_events: events there are
 * @ring_stride: from ring to ring, bytes of file offset
 * @prod_off: of the producer page in a ring, bytes
 * @data_off: of the data in a ring, bytes
 * @data_size: of each ring's data, bytes
 * @clock_khz: frequency of the stamps
 * @running: 1 while the events count
 * @reserved: 0
 */
struct vmcoop_host_info {
	__u32	abi;
	__u32	arch;
	__u32	nr_rings;
	__u32	nr_events;
	__u64	ring_stride;
	__u64	prod_off;
	__u64	data_off;
	__u64	data_size;
	__u64	clock_khz;
	__u32	running;
	__u32	reserved;
};

/**
 * struct vmcoop_host_event - VMCOOP_IOC_EVENT: set @index, the rest comes back
 * @index: 0 to nr_events - 1
 * @type: as in struct perf_event_attr
 * @config: as in struct perf_event_attr
 * @period: sample period; 0 with a frequency
 * @freq: samples a second and CPU; 0 with a period
 * @eflags: VMCOOP_E_*
 * @overflows: of all CPUs, since the event was set
 * @in_guest: those of @overflows that hit guest mode, each offered to a ring
 * @name: as given, NUL-padded
 * @config1: as in struct perf_event_attr
 * @config2: as in struct perf_event_attr
 * @throttled: overflows at which the kernel paused the event until its next tick
 * @in_vmm: those of @overflows that hit a VMM's thread on the host (modifier H)
 */
struct vmcoop_host_event {
	__u32	index;
	__u32	type;
	__u64	config;
	__u64	period;
	__u32	freq;
	__u32	eflags;
	__u64	overflows;
	__u64	in_guest;
	char	name[64];
	__u64	config1;
	__u64	config2;
	__u64	throttled;
	__u64	in_vmm;
};

/* vmcoop_host_event.eflags */
#define VMCOOP_E_COUNTS		0x01	/* a counting event: HOST_COUNT holds its values */
#define VMCOOP_E_GUEST_ONLY	0x02	/* the PMU itself counts in guest mode only */

/**
 * struct vmcoop_host_message - VMCOOP_IOC_MESSAGE: why the last command failed
 * @text: NUL-padded, without a newline; empty if none has failed
 */
struct vmcoop_host_message {
	char	text[256];
};

#define VMCOOP_IOC_INFO		_IOR('v', 1, struct vmcoop_host_info)
#define VMCOOP_IOC_EVENT	_IOWR('v', 2, struct vmcoop_host_event)
/* Start the events (no error if they run) and tell every vCPU's state anew. */
#define VMCOOP_IOC_START	_IO('v', 3)
/* Stop the events: no overflow is recorded behind its return. */
#define VMCOOP_IOC_STOP		_IO('v', 4)
#define VMCOOP_IOC_MESSAGE	_IOR('v', 5, struct vmcoop_host_message)

/* ---- Layout, held by the compiler -------------------------------------- */

static_assert(sizeof(struct vmcoop_hdr) == 16, "hdr");
static_assert(offsetof(struct vmcoop_hdr, size) == 2, "hdr.size");
static_assert(offsetof(struct vmcoop_hdr, id) == 4, "hdr.id");
static_assert(offsetof(struct vmcoop_hdr, stamp) == 8, "hdr.stamp");
static_assert(sizeof(struct vmcoop_host_sample) == 48, "host_sample");
static_assert(offsetof(struct vmcoop_host_sample, event) == 28, "host_sample.event");
static_assert(offsetof(struct vmcoop_host_sample, ip) == 32, "host_sample.ip");
static_assert(offsetof(struct vmcoop_host_sample, period) == 40, "host_sample.period");
static_assert(sizeof(struct vmcoop_host_vcpu) == 48, "host_vcpu");
static_assert(offsetof(struct vmcoop_host_vcpu, comm) == 32, "host_vcpu.comm");
static_assert(sizeof(struct vmcoop_host_in) == 32, "host_in");
static_assert(sizeof(struct vmcoop_host_entry) == 24, "host_entry");
static_assert(sizeof(struct vmcoop_host_out) == 48, "host_out");
static_assert(offsetof(struct vmcoop_host_out, reason) == 32, "host_out.reason");
static_assert(offsetof(struct vmcoop_host_out, left) == 40, "host_out.left");
static_assert(sizeof(struct vmcoop_host_clock) == 48, "host_clock");
static_assert(offsetof(struct vmcoop_host_clock, offset) == 24, "host_clock.offset");
static_assert(offsetof(struct vmcoop_host_clock, frac_bits) == 40, "host_clock.frac_bits");
static_assert(sizeof(struct vmcoop_host_gone) == 32, "host_gone");
static_assert(sizeof(struct vmcoop_guest_tick) == 56, "guest_tick");
static_assert(offsetof(struct vmcoop_guest_tick, ip) == 24, "guest_tick.ip");
static_assert(offsetof(struct vmcoop_guest_tick, nr_kernel) == 36, "guest_tick.nr_kernel");
static_assert(offsetof(struct vmcoop_guest_tick, comm) == 40, "guest_tick.comm");
static_assert(offsetof(struct vmcoop_guest_tick, chain) == 56, "guest_tick.chain");
static_assert(sizeof(struct vmcoop_guest_config) == 32, "guest_config");
static_assert(sizeof(struct vmcoop_guest_cpu_state) == 32, "guest_cpu_state");
static_assert(sizeof(struct vmcoop_guest_switch) == 32, "guest_switch");
static_assert(sizeof(struct vmcoop_guest_comm) == 64, "guest_comm");
static_assert(offsetof(struct vmcoop_guest_comm, ns_pid) == 48, "guest_comm.ns_pid");
static_assert(sizeof(struct vmcoop_guest_fork) == 48, "guest_fork");
static_assert(offsetof(struct vmcoop_guest_fork, ns_pid) == 32, "guest_fork.ns_pid");
static_assert(sizeof(struct vmcoop_guest_exit) == 24, "guest_exit");
static_assert(sizeof(struct vmcoop_guest_mmap) == 64, "guest_mmap");
static_assert(offsetof(struct vmcoop_guest_mmap, path) == 64, "guest_mmap.path");
static_assert(sizeof(struct vmcoop_guest_buildid) == 40, "guest_buildid");
static_assert(offsetof(struct vmcoop_guest_buildid, id) == 40, "guest_buildid.id");
static_assert(sizeof(struct vmcoop_guest_module) == 128, "guest_module");
static_assert(offsetof(struct vmcoop_guest_module, name) == 64, "guest_module.name");
static_assert(sizeof(struct vmcoop_guest_cgroup) == 32, "guest_cgroup");
static_assert(sizeof(struct vmcoop_guest_symbols) == 40, "guest_symbols");
static_assert(offsetof(struct vmcoop_guest_symbols, bytes) == 40, "guest_symbols.bytes");
static_assert(sizeof(struct vmcoop_guest_kernel) == 56, "guest_kernel");
static_assert(sizeof(struct vmcoop_ring_cons) == 16, "ring_cons");
static_assert(sizeof(struct vmcoop_ring_prod) == 40 + 8 * VMCOOP_REC_TYPES, "ring_prod");
static_assert(sizeof(struct vmcoop_region_id) == 24, "region_id");
static_assert(sizeof(struct vmcoop_region_guest) == 136, "region_guest");
static_assert(offsetof(struct vmcoop_region_guest, clock_khz) == 128, "region_guest.clock_khz");
static_assert(sizeof(struct vmcoop_region) == VMCOOP_REGION_PAGE, "region");
static_assert(offsetof(struct vmcoop_region, guest) == 1024, "region.guest");
static_assert(offsetof(struct vmcoop_region, host) == 2048, "region.host");
static_assert(sizeof(struct vmcoop_host_info) == 64, "host_info");
static_assert(sizeof(struct vmcoop_host_event) == 144, "host_event");
static_assert(offsetof(struct vmcoop_host_event, config1) == 112, "host_event.config1");
static_assert(sizeof(struct vmcoop_host_message) == 256, "host_message");
static_assert(sizeof(struct vmcoop_host_vmm) == 64, "host_vmm");
static_assert(offsetof(struct vmcoop_host_vmm, comm) == 48, "host_vmm.comm");
static_assert(sizeof(struct vmcoop_host_count) == 32, "host_count");
static_assert(offsetof(struct vmcoop_host_count, value) == 32, "host_count.value");
static_assert(sizeof(struct vmcoop_host_value) == 16, "host_value");
static_assert(sizeof(struct vmcoop_host_exits) == 56 + 16 * VMCOOP_EXITS, "host_exits");
static_assert(offsetof(struct vmcoop_host_exits, exit) == 48, "host_exits.exit");

#endif /* VMCOOP_ABI_H */
