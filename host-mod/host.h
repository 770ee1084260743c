/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host module's files are to each other. Data flows one way:
 *
 *	overflow.c (samples) -------------------------------> rings.c --> dev.c, proc.c
 *	arch-*.c with track.h (KVM), probes.c (scheduler)
 *		--> vcpu.c, vm.c --> count.c --------------->
 *
 * and what people want the other way: dev.c, proc.c --> control.c --> parse.c,
 * events.c, vm.c.
 *
 * parse.c, vm.c, vcpu.c and text.c touch neither KVM nor perf: they can be
 * driven by tests.
 */
#ifndef VMCOOP_HOST_H
#define VMCOOP_HOST_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "../common/abi.h"
#include "../common/ring.h"

#define VH_VERSION	"0.1"
#define VH_MAX_EVENTS	8

struct kvm_vcpu;
struct seq_file;

/* ---- message.c: what people are told -------------------------------------- */

__printf(1, 2) void vh_err(const char *fmt, ...);
void vh_message_clear(void);
const char *vh_message(void);

/* ---- parse.c: what people write ------------------------------------------- */

/**
 * struct vh_event - one event, the same on every CPU
 * @name: as people call it, with its modifiers
 * @type: perf_event_attr.type
 * @config: perf_event_attr.config
 * @config1: perf_event_attr.config1
 * @config2: perf_event_attr.config2
 * @period: events or (cpu-clock) ns between two samples; 0 with @freq
 * @freq: samples a second; 0 with @period
 * @min_period: smallest sensible @period
 * @own_rate: @period or @freq was given with it
 * @count: counted, never sampled
 * @host: samples of VMMs' threads on the host
 * @no_guest: no samples of guests
 * @exclude_user: not in user mode
 * @exclude_kernel: not in kernel mode
 * @guest_only: the PMU itself counts in guest mode only
 */
struct vh_event {
	char	name[sizeof_field(struct vmcoop_host_event, name)];
	u32	type;
	u64	config;
	u64	config1;
	u64	config2;
	u64	period;
	u32	freq;
	u64	min_period;
	bool	own_rate;
	bool	count;
	bool	host;
	bool	no_guest;
	bool	exclude_user;
	bool	exclude_kernel;
	bool	guest_only;
};

/**
 * struct vh_filter - which VMs to look at: those that fit one of the terms, or
 *	all if there is no term
 * @nr: terms
 * @term: a VMM's pid; or, where that is 0, its name, with * and ?
 */
struct vh_filter {
	unsigned int	nr;
	struct vh_filter_term {
		u32	pid;
		char	comm[TASK_COMM_LEN];
	} term[16];
};

int vh_parse_u64(const char *param, const char *text, u64 min, u64 max, u64 *val);
int vh_parse_events(char *list, struct vh_event *events, unsigned int max);
int vh_parse_period(const char *text, struct vh_event *event);
int vh_parse_freq(const char *text, struct vh_event *event);
int vh_parse_filter(char *text, struct vh_filter *filter);

/* ---- control.c: settings and commands -------------------------------------- */

/**
 * struct vh_settings - all that can be set, as it was written
 * @events: list of events; empty: the module chooses
 * @rate: "period N" or "freq N" of the events without their own; or empty
 * @vms: filter
 * @count_us: least time between two counts of a vCPU within a run slice
 */
struct vh_settings {
	char	events[1024];
	char	rate[32];
	char	vms[256];
	u64	count_us;
};

extern struct mutex vh_control_lock;

int vh_control_init(const struct vh_settings *settings, bool start);
void vh_control_exit(void);
int vh_control_start(void);
int vh_control_write(const char __user *buf, size_t len);
void vh_control_save(struct vh_settings *settings);
void vh_control_restore(const struct vh_settings *settings, bool run);
void vh_control_show(struct seq_file *m);

/* ---- events.c: perf events ---------------------------------------------- */

struct perf_event;

/**
 * struct vh_event_cpu - the events on one CPU
 * @event: NULL while closed, or where it failed; changed on this CPU alone
 * @error: why it failed
 * @counted: by events that have been released since
 * @opened: when they were opened, ktime_get_mono_fast_ns(); 0 while closed
 * @enabled: ns for which they were open before
 * @running: ns of @enabled for which the event counted
 * @alive: ns since @opened for which it is known to have counted
 * @overflows: written by the overflow handler alone, which nothing but itself
 *	could interrupt to write the same element
 * @in_guest: those that hit guest mode
 * @in_vmm: those that hit a VMM's thread
 * @throttled: those at which the kernel paused the event
 * @hidden: samples without an address
 * @nameless: samples of vCPUs that have no handle
 * @filtered: samples of VMs that nobody wants
 * @cost: stamps spent on samples, from the handler's entry to the record's commit
 * @cost_max: on one of them
 * @cost_nr: how many
 */
struct vh_event_cpu {
	struct perf_event	*event[VH_MAX_EVENTS];
	int			error[VH_MAX_EVENTS];
	u64			counted[VH_MAX_EVENTS];
	u64			opened;
	u64			enabled;
	u64			running[VH_MAX_EVENTS];
	u64			alive[VH_MAX_EVENTS];
	u64			overflows[VH_MAX_EVENTS];
	u64			in_guest[VH_MAX_EVENTS];
	u64			in_vmm[VH_MAX_EVENTS];
	u64			throttled[VH_MAX_EVENTS];
	u64			hidden;
	u64			nameless;
	u64			filtered;
	u64			cost;
	u64			cost_max;
	u64			cost_nr;
};

DECLARE_PER_CPU(struct vh_event_cpu, vh_event_cpu);

int vh_events_set(const char *list, const char *rate);
int vh_events_init(void);
void vh_events_exit(void);
int vh_events_start(void);
const char *vh_events_in_the_way(void);
void vh_events_stop(void);
bool vh_events_running(void);
void vh_events_vcpus(bool any);
unsigned int vh_events_nr(void);
const struct vh_event *vh_event(unsigned int index);
const char *vh_event_name(unsigned int index);
void vh_event_info(unsigned int index, struct vmcoop_host_event *info);
void vh_events_show(struct seq_file *m);

/* ---- overflow.c, count.c: samples and counts -------------------------------- */

struct perf_sample_data;
struct pt_regs;
struct vh_vcpu;

bool vh_kernel_hidden(void);
void vh_overflow(struct perf_event *event, struct perf_sample_data *data,
		 struct pt_regs *regs);
void vh_count_write(const struct vh_vcpu *v, u8 where, u8 flags, u64 stamp);
extern unsigned int vh_nr_counting;

/* ---- mediated.c: KVMs that hand the PMU to their guests ---------------------- */

int vh_mediated_init(void);
void vh_mediated_exit(void);
const char *vh_mediated(void);

/* ---- vm.c: which VMs there are ------------------------------------------- */

/**
 * struct vh_vm - a VM, as long as one of its vCPUs has a place
 * @node: in the bucket of its pid
 * @rcu: delays the place's next use
 * @next_free: while free
 * @pid: of the VMM process
 * @vcpus: that have a place
 * @wanted: passes the filter
 * @comm: name of the VMM process
 */
struct vh_vm {
	struct hlist_node	node;
	struct rcu_head		rcu;
	struct vh_vm		*next_free;
	u32			pid;
	u32			vcpus;
	bool			wanted;
	char			comm[TASK_COMM_LEN];
};

int vh_vms_init(unsigned int max);
void vh_vms_exit(void);
struct vh_vm *vh_vm_get(u32 pid, const char *comm);
void vh_vm_put(struct vh_vm *vm);
struct vh_vm *vh_vm_find(u32 pid);
void vh_vms_filter(const struct vh_filter *filter);
void vh_vms_show(struct seq_file *m);

/* ---- vcpu.c: which vCPU runs where --------------------------------------- */

/**
 * struct vh_vcpu_id - a vCPU as its thread runs it
 * @kvm_vcpu: address of KVM's vCPU, compared and never followed
 * @vcpu: id as KVM counts
 * @vm: pid of the VMM process
 * @tid: vCPU thread
 */
struct vh_vcpu_id {
	unsigned long	kvm_vcpu;
	u32		vcpu;
	u32		vm;
	u32		tid;
};

/**
 * struct vh_clock - a guest clock: ((host * ratio) >> frac_bits) + offset
 * @offset: modulo 2^64
 * @ratio: of the guest's rate to the host's, fixed point
 * @frac_bits: fraction bits of @ratio
 */
struct vh_clock {
	s64	offset;
	u64	ratio;
	u32	frac_bits;
};

/* What a vCPU that is IN spends its time with: enum vmcoop_exit, or one of these. */
enum vh_doing {
	VH_EXIT_PENDING = VMCOOP_EXITS,	/* an exit whose reason is not known yet: told as other */
	VH_GUEST,			/* guest mode */
	VH_AWAY,			/* a trip to the VMM that has not been told */
	VH_NOTHING,			/* on the way to the first entry: told nowhere */
	VH_DOINGS
};

/* KVM's own counters of a vCPU, from which an exit's reason is told where nothing else does. */
enum vh_stat {
	VH_STAT_FAULT,
	VH_STAT_IRQ,
	VH_STAT_IO,
	VH_STAT_MMIO,
	VH_STAT_HALT,
	VH_STAT_WINDOW,
	VH_STAT_HYPERCALL,
	VH_STATS
};

enum vh_vcpu_state {
	VH_VCPU_FREE,		/* slot not in use */
	VH_VCPU_OUTSIDE,	/* its thread has left KVM_RUN */
	VH_VCPU_IN,		/* its thread runs in KVM_RUN */
	VH_VCPU_DESCHEDULED,	/* its thread is in KVM_RUN and has no CPU */
};

/**
 * struct vh_vcpu - a vCPU that was seen to run
 * @id: who it is
 * @handle: its name in records
 * @gen: announce generation it was last told in
 * @timer: the guest's timer interrupt is about to be injected
 * @doing: enum vmcoop_exit: the exit that is being handled; or enum vh_doing
 * @away_by: enum vmcoop_exit: the exit that VH_AWAY began with
 * @clock: as last seen
 * @since: stamp from which on it does that
 * @tell: stamp from which on an entry is to be written
 * @told_exits: stamp of the last VMCOOP_HOST_EXITS
 * @vm: its VM
 * @node: in the bucket of its thread
 * @rcu: delays the slot's next use
 * @next_free: while free
 * @pcpu: CPU it is or was last in on
 * @out_reason: why it was last descheduled
 * @state: enum vh_vcpu_state
 * @comm: its thread's name
 * @poll_base: ns of halt polling before it got the slot
 * @seen: KVM's counters at the last exit that was told by them
 * @seen_sum: of them
 * @totals: exits and times
 *
 * All but the identity is written by its thread's CPU alone, with interrupts
 * or at least preemption off.
 */
struct vh_vcpu {
	struct vh_vcpu_id	id;
	u32			handle;
	u32			gen;
	bool			timer;
	u8			doing;
	u8			away_by;
	struct vh_clock		clock;
	u64			since;
	u64			tell;
	u64			told_exits;
	struct vh_vm		*vm;
	struct hlist_node	node;
	struct rcu_head		rcu;
	struct vh_vcpu		*next_free;
	u32			pcpu;
	u32			out_reason;
	enum vh_vcpu_state	state;
	char			comm[TASK_COMM_LEN];
	u64			poll_base;
	u64			seen[VH_STATS];
	u64			seen_sum;
	struct {
		u64		poll_ns;
		struct vmcoop_host_exit of[VH_DOINGS];
	} totals;
};

/**
 * struct vh_here - what a CPU runs
 * @vcpu: IN here, VH_AWAY included
 * @entered: KVM has entered guest mode and has not said kvm_exit yet; kept where
 *	KVM itself does not keep it (arm64)
 */
struct vh_here {
	struct vh_vcpu	*vcpu;
	bool		entered;
};

DECLARE_PER_CPU(struct vh_here, vh_here);

extern u64 vh_trip_max;

/**
 * vh_vcpu_account() - what a vCPU has been doing ends now
 * @v: IN here
 * @now: stamp
 */
static __always_inline void vh_vcpu_account(struct vh_vcpu *v, u64 now)
{
	v->totals.of[v->doing].time += now - v->since;
	v->since = now;
}

/**
 * vh_vcpu_exit() - what a vCPU does is to handle an exit, or it is known now which
 * @v: the vCPU
 * @reason: enum vmcoop_exit; or VH_EXIT_PENDING, whose count is not told
 *
 * Context: cannot migrate.
 */
static __always_inline void vh_vcpu_exit(struct vh_vcpu *v, u8 reason)
{
	v->doing = reason;
	v->totals.of[reason].count++;
}

int vh_vcpus_init(unsigned int max);
void vh_vcpus_exit(void);
struct vh_vcpu *vh_vcpu_enter_first(const struct vh_vcpu_id *id, const char *comm,
				    const char *vm_comm);
void vh_vcpu_set_clock(struct vh_vcpu *v, const struct vh_clock *clock);
void vh_vcpu_entry_tell(struct vh_vcpu *v);
void vh_vcpu_timer(struct vh_vcpu *v);
void vh_vcpu_polled(struct vh_vcpu *v, u64 poll_ns);
void vh_vcpu_sched_out(bool in_kvm, bool runnable);
void vh_vcpu_sched_in(const struct vh_vcpu_id *id, const char *comm);
void vh_vcpu_user_exit(struct vh_vcpu *v);
void vh_vcpu_back(struct vh_vcpu *v);
void vh_vcpu_thread_exit(u32 tid);
struct vh_vcpu *vh_vcpu_here(const struct vh_vcpu_id *id);
void vh_vcpus_track(void);
void vh_vcpus_untrack(void);
void vh_vcpus_interval(u64 stamps);
void vh_vcpus_show(struct seq_file *m);

/* ---- probes.c: tracepoints ------------------------------------------------ */

struct tracepoint;

/**
 * struct vh_probe - a function of ours on a tracepoint
 * @name: of the tracepoint
 * @func: called with its arguments, or with the first few of them
 * @of_kvm: it belongs to KVM and comes and goes with that
 * @optional: kernels without it are followed well enough
 * @tp: the tracepoint, NULL while there is none
 * @error: what attaching it last came to
 */
struct vh_probe {
	const char		*name;
	void			*func;
	bool			of_kvm;
	bool			optional;
	struct tracepoint	*tp;
	int			error;
};

int vh_probes_init(void);
void vh_probes_exit(void);
void vh_probes_show(struct seq_file *m);
struct vh_vcpu *vh_enter_first(struct kvm_vcpu *vcpu);
void vh_clock_changed(struct kvm_vcpu *vcpu, struct vh_vcpu *v);
void vh_poll_changed(struct kvm_vcpu *vcpu, struct vh_vcpu *v);
void vh_exit_told(struct kvm_vcpu *vcpu, struct vh_vcpu *v, u8 unknown);
struct kvm_vcpu *vh_task_vcpu(struct task_struct *task);
void vh_vcpu_identify(struct kvm_vcpu *vcpu, struct task_struct *task, struct vh_vcpu_id *id);

/* ---- rings.c: memory ------------------------------------------------------- */

int vh_rings_init(u64 data_size);
void vh_rings_exit(void);
void vh_ring_write(const void *rec);
unsigned int vh_rings_nr(void);
struct vmcoop_ring *vh_ring(unsigned int index);
u64 vh_ring_stride(void);
struct page *vh_ring_page(unsigned int index, u64 offset);
void vh_rings_detach(void);

/* ---- text.c: records for people ---------------------------------------------- */

const char *vh_text_type(unsigned int type);
extern const char vh_text_heading[];
int vh_text_sample(char *buf, size_t size, const struct vmcoop_host_sample *s, const char *event);

/* ---- dev.c, proc.c: front ends ------------------------------------------------ */

int vh_dev_init(void);
void vh_dev_exit(void);
bool vh_dev_in_use(void);
bool vh_dev_recording(void);
int vh_proc_init(void);
void vh_proc_exit(void);

#endif /* VMCOOP_HOST_H */
