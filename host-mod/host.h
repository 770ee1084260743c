/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host module's files are to each other. Data flows one way:
 *
 *	events.c (overflows) ----------------------> rings.c --> dev.c, proc.c
 *	probes.c (tracepoints) --> vcpu.c (state) -->
 *
 * parse.c, vcpu.c and text.c touch neither KVM nor perf: they can be driven by
 * tests.
 */
#ifndef VMCOOP_HOST_H
#define VMCOOP_HOST_H

#include <linux/list.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "../common/abi.h"
#include "../common/ring.h"

#define VH_VERSION	"0.1"
#define VH_MAX_EVENTS	8

struct kvm_vcpu;
struct seq_file;

/* ---- parse.c: parameters ------------------------------------------------ */

/**
 * struct vh_event - one event, the same on every CPU
 * @name: as people call it
 * @type: perf_event_attr.type
 * @config: perf_event_attr.config
 * @period: events or (cpu-clock) ns between two samples; 0 with @freq
 * @freq: samples a second; 0 with @period
 * @min_period: smallest sensible @period
 * @guest_only: the PMU itself counts in guest mode only
 * @exclude_user: do not count in user mode
 * @exclude_kernel: do not count in kernel mode
 */
struct vh_event {
	char	name[sizeof_field(struct vmcoop_host_event, name)];
	u32	type;
	u64	config;
	u64	period;
	u32	freq;
	u64	min_period;
	bool	guest_only;
	bool	exclude_user;
	bool	exclude_kernel;
};

int vh_parse_u64(const char *param, const char *text, u64 min, u64 max, u64 *val);
int vh_parse_events(const char *list, struct vh_event *events, unsigned int max);
int vh_parse_rate(const char *period, const char *freq, struct vh_event *event);

/* ---- events.c: perf events ---------------------------------------------- */

int vh_events_init(const char *list, const char *period, const char *freq);
int vh_events_start(void);
void vh_events_stop(void);
bool vh_events_running(void);
unsigned int vh_events_nr(void);
const char *vh_event_name(unsigned int index);
void vh_event_info(unsigned int index, struct vmcoop_host_event *info);
void vh_events_show(struct seq_file *m);

/* ---- vcpu.c: which vCPU runs where --------------------------------------- */

/**
 * struct vh_vcpu_id - a vCPU as its thread runs it
 * @kvm: address of its VM, compared and never followed
 * @vcpu: id as KVM counts
 * @vm: pid of the VMM process
 * @tid: vCPU thread
 */
struct vh_vcpu_id {
	unsigned long	kvm;
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

enum vh_vcpu_state {
	VH_VCPU_FREE,		/* slot not in use */
	VH_VCPU_OUTSIDE,	/* its thread has left KVM_RUN */
	VH_VCPU_IN,		/* its thread runs in KVM_RUN */
	VH_VCPU_DESCHEDULED,	/* its thread is in KVM_RUN and has no CPU */
};

/**
 * struct vh_vcpu - a vCPU that was seen to run
 * @node: in the bucket of its thread
 * @rcu: delays the slot's next use
 * @next_free: while free
 * @id: who it is
 * @handle: its name in records
 * @gen: announce generation it was last told in
 * @pcpu: CPU it is or was last in on
 * @out_reason: why it was last descheduled
 * @state: enum vh_vcpu_state
 * @clock: as last seen
 * @comm: its thread's name
 *
 * All but the identity is written by its thread's CPU alone, with interrupts off.
 */
struct vh_vcpu {
	struct hlist_node	node;
	struct rcu_head		rcu;
	struct vh_vcpu		*next_free;
	struct vh_vcpu_id	id;
	u32			handle;
	u32			gen;
	u32			pcpu;
	u32			out_reason;
	enum vh_vcpu_state	state;
	struct vh_clock		clock;
	char			comm[TASK_COMM_LEN];
};

int vh_vcpus_init(unsigned int max);
void vh_vcpus_exit(void);
void vh_vcpu_entry(const struct vh_vcpu_id *id, const struct vh_clock *clock, const char *comm);
bool vh_vcpu_here(void);
void vh_vcpu_sched_out(bool in_kvm, bool runnable);
void vh_vcpu_sched_in(const struct vh_vcpu_id *id, const char *comm);
void vh_vcpu_user_exit(u32 tid);
void vh_vcpu_thread_exit(u32 tid);
u32 vh_vcpu_handle(const struct vh_vcpu_id *id);
void vh_vcpus_track(void);
void vh_vcpus_untrack(void);
void vh_vcpus_show(struct seq_file *m);

/* ---- probes.c: tracepoints ------------------------------------------------ */

struct tracepoint;

/**
 * struct vh_probe - a function of ours on a tracepoint
 * @name: of the tracepoint
 * @func: called with its arguments, or with the first few of them
 * @of_kvm: it belongs to KVM and comes and goes with that
 * @tp: the tracepoint, NULL while there is none
 */
struct vh_probe {
	const char		*name;
	void			*func;
	bool			of_kvm;
	struct tracepoint	*tp;
};

int vh_probes_init(void);
void vh_probes_exit(void);
void vh_probes_show(struct seq_file *m);
void vh_kvm_entry(struct kvm_vcpu *vcpu);
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
int vh_proc_init(void);
void vh_proc_exit(void);

#endif /* VMCOOP_HOST_H */
