// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens at an event's overflow.
 *
 * All of it runs with interrupts off or in NMI context, possibly amid any of
 * our other code on this CPU: no lock, no allocation, no printk, no loop
 * without bound.
 */
#include <linux/percpu.h>
#include <linux/perf_event.h>
#include <linux/ptrace.h>

#include "arch.h"

/* What the kernel sets an event's interrupts to while it is throttled. */
#define VH_THROTTLED	(~0ULL)

static u8 vh_throttled(struct perf_event *event, unsigned int index)
{
	if (likely(event->hw.interrupts != VH_THROTTLED))
		return 0;
	this_cpu_inc(vh_event_cpu.throttled[index]);
	return VMCOOP_S_THROTTLED;
}

/*
 * A software event counts all modes; some of them may not be wanted. What the
 * PMU counts is of the right mode, even if its interrupt comes a moment late.
 */
static bool vh_mode_wanted(const struct vh_event *e, u8 mode)
{
	return e->type != PERF_TYPE_SOFTWARE ||
	       (!(e->exclude_user && mode == VMCOOP_MODE_USER) &&
		!(e->exclude_kernel && mode == VMCOOP_MODE_KERNEL));
}

static void vh_cost(u64 since)
{
	u64 cost = vh_arch_stamp() - since;

	this_cpu_add(vh_event_cpu.cost, cost);
	this_cpu_inc(vh_event_cpu.cost_nr);
	if (cost > this_cpu_read(vh_event_cpu.cost_max))
		this_cpu_write(vh_event_cpu.cost_max, cost);
}

/* Apart from vh_guest_sample(), where the kernel would zero the record before it is filled in. */
static void vh_put_sample(const struct vh_vcpu_id *id, const struct vh_guest_ip *g, u32 handle,
			  u64 stamp, unsigned int index, u64 period, u8 sflags)
{
	struct vmcoop_host_sample rec = {
		.hdr.type = VMCOOP_HOST_SAMPLE,
		.hdr.size = sizeof(rec),
		.hdr.id = handle,
		.hdr.stamp = stamp,
		.vm = id->vm,
		.vcpu = id->vcpu,
		.pcpu = smp_processor_id(),
		.event = index,
		.mode = g->mode,
		.sflags = g->sflags | sflags,
		.ip = g->ip,
		.period = period,
	};

	vh_ring_write(&rec);
}

static void vh_guest_sample(struct kvm_vcpu *vcpu, const struct vh_event *e, unsigned int index,
			    u64 period, u8 sflags)
{
	u64 stamp = vh_arch_stamp();
	struct vh_vcpu_id id;
	struct vh_guest_ip g;
	struct vh_vcpu *v;

	vh_vcpu_identify(vcpu, current, &id);
	v = vh_vcpu_here(&id);
	if (v && !READ_ONCE(v->vm->wanted)) {
		this_cpu_inc(vh_event_cpu.filtered);
		return;
	}
	vh_arch_guest_ip(vcpu, &g);
	if (!vh_mode_wanted(e, g.mode))
		return;
	this_cpu_inc(vh_event_cpu.in_guest[index]);
	if (!v)
		this_cpu_inc(vh_event_cpu.nameless);
	if (g.sflags & VMCOOP_S_IP_HIDDEN)
		this_cpu_inc(vh_event_cpu.hidden);
	vh_put_sample(&id, &g, v ? v->handle : 0, stamp, index, period, sflags);
	vh_cost(stamp);
}

/*
 * A thread of a VMM, on the host. Where the kernel does not tell even root its
 * addresses, neither does this.
 */
static noinline void vh_vmm_sample(struct pt_regs *regs, const struct vh_event *e,
				   unsigned int index, u64 period, u8 sflags)
{
	struct vh_vm *vm = vh_vm_find(current->tgid);
	struct vh_vcpu *v = this_cpu_read(vh_here.vcpu);
	bool user = regs && user_mode(regs);
	struct vmcoop_host_vmm rec = {
		.hdr.type = VMCOOP_HOST_VMM,
		.hdr.size = sizeof(rec),
		.hdr.stamp = vh_arch_stamp(),
		.vm = current->tgid,
		.tid = current->pid,
		.pcpu = smp_processor_id(),
		.event = index,
		.mode = user ? VMCOOP_MODE_USER : VMCOOP_MODE_KERNEL,
		.sflags = sflags,
		.period = period,
	};

	if (!vm || !vh_mode_wanted(e, rec.mode))
		return;
	if (!READ_ONCE(vm->wanted)) {
		this_cpu_inc(vh_event_cpu.filtered);
		return;
	}
	this_cpu_inc(vh_event_cpu.in_vmm[index]);
	rec.hdr.id = v && v->doing != VH_AWAY ? v->handle : 0;
	if (!regs || (!user && vh_kernel_hidden()))
		rec.sflags |= VMCOOP_S_IP_HIDDEN;
	else
		rec.ip = instruction_pointer(regs);
	memcpy(rec.comm, current->comm, sizeof(rec.comm));
	vh_ring_write(&rec);
	vh_cost(rec.hdr.stamp);
}

/**
 * vh_overflow() - perf's overflow handler of all events
 * @event: one that was made with its index as context
 * @data: with its period
 * @regs: of what was interrupted on the host
 */
void vh_overflow(struct perf_event *event, struct perf_sample_data *data,
		 struct pt_regs *regs)
{
	unsigned int index = (unsigned long)event->overflow_handler_context;
	const struct vh_event *e = vh_event(index);
	struct kvm_vcpu *vcpu = vh_task_vcpu(current);
	u8 sflags = vh_throttled(event, index);

	this_cpu_inc(vh_event_cpu.overflows[index]);
	if (vcpu && vh_arch_in_guest(vcpu)) {
		if (!e->no_guest)
			vh_guest_sample(vcpu, e, index, data->period, sflags);
	} else if (e->host) {
		vh_vmm_sample(regs, e, index, data->period, sflags);
	}
}
