/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What runs at every VM entry and exit, and at each return to the VMM. KVM calls
 * it some 10,000 to 100,000 times a second and vCPU: it is inline in the
 * architecture's probes and does no more than add up times; all else is called
 * once in a while.
 *
 * The file that includes this defines before:
 *
 *	u64 vh_cycles(void)			the raw counter, in no order
 *	bool vh_clock_differs(vcpu, clock)	KVM has set the vCPU's clock anew
 *	bool vh_exit_resolved(vcpu, v)		the last exit's reason is known or
 *						could be told at once, and asks for
 *						nothing more
 */
#ifndef VMCOOP_HOST_TRACK_H
#define VMCOOP_HOST_TRACK_H

#include <linux/kvm_host.h>

#include "host.h"

/* Anything but the usual. Takes the whole of it, so that what is usual needs no stack. */
static noinline void vh_track_entry_slow(struct kvm_vcpu *vcpu)
{
	struct vh_vcpu *v = this_cpu_read(vh_here.vcpu);
	u64 now;

	if (!v || v->id.kvm_vcpu != (unsigned long)vcpu) {
		v = vh_enter_first(vcpu);
		if (!v)
			return;
	}
	if (vh_clock_differs(vcpu, &v->clock))
		vh_clock_changed(vcpu, v);
	vh_exit_told(vcpu, v, VMCOOP_EXIT_OTHER);
	if (v->doing == VH_AWAY)
		vh_vcpu_back(v);
	else if (v->doing == VMCOOP_EXIT_HALT)
		vh_poll_changed(vcpu, v);
	now = vh_cycles();
	vh_vcpu_account(v, now);
	v->doing = VH_GUEST;
	if (now >= v->tell)
		vh_vcpu_entry_tell(v);
}

/**
 * vh_track_entry() - what all architectures' kvm_entry probes do
 * @v: IN here
 * @vcpu: loaded by current, about to enter guest mode
 *
 * Context: kvm_entry, where KVM has interrupts off.
 */
static __always_inline void vh_track_entry(struct vh_vcpu *v, struct kvm_vcpu *vcpu)
{
	u64 now = vh_cycles();

	/* The one that is IN here is current's: see vcpu.c. */
	if (likely(v && v->id.kvm_vcpu == (unsigned long)vcpu &&
		   !vh_clock_differs(vcpu, &v->clock) && vh_exit_resolved(vcpu, v) &&
		   now < v->tell &&
		   (v->doing != VH_AWAY || now - v->since <= vh_trip_max))) {
		vh_vcpu_account(v, now);
		v->doing = VH_GUEST;
	} else {
		vh_track_entry_slow(vcpu);
	}
}

/**
 * vh_track_exit() - what all architectures' kvm_exit probes do
 * @v: IN here
 * @vcpu: loaded by current
 * @reason: enum vmcoop_exit, or VH_EXIT_PENDING
 *
 * Context: kvm_exit: cannot migrate.
 */
static __always_inline void vh_track_exit(struct vh_vcpu *v, struct kvm_vcpu *vcpu, u8 reason)
{
	u64 now;

	if (unlikely(!v || v->id.kvm_vcpu != (unsigned long)vcpu))
		return;
	now = vh_cycles();
	vh_vcpu_account(v, now);
	vh_vcpu_exit(v, reason);
}

/* By KVM_EXIT_* of the vCPU's struct kvm_run; VMCOOP_EXIT_OTHER, which is 0, for the rest. */
static const u8 vh_exits_of_run[] = {
	[KVM_EXIT_IO]			= VMCOOP_EXIT_IO,
	[KVM_EXIT_MMIO]			= VMCOOP_EXIT_MMIO,
	[KVM_EXIT_HLT]			= VMCOOP_EXIT_HALT,
	[KVM_EXIT_HYPERCALL]		= VMCOOP_EXIT_HYPERCALL,
	[KVM_EXIT_INTR]			= VMCOOP_EXIT_SIGNAL,
	[KVM_EXIT_IRQ_WINDOW_OPEN]	= VMCOOP_EXIT_WINDOW,
};

/**
 * vh_track_user_exit() - current returns from KVM_RUN
 * @v: IN here, and so current's
 * @why: KVM_EXIT_* of its struct kvm_run
 *
 * An interrupt may find it out on the way (vh_away_is_out()). It then is what it
 * is, until it enters again.
 *
 * Context: kvm_userspace_exit: cannot migrate.
 */
static __always_inline void vh_track_user_exit(struct vh_vcpu *v, u32 why)
{
	u64 now;

	if (unlikely(!v))
		return;
	if (v->doing == VH_EXIT_PENDING)
		vh_vcpu_exit(v, why < ARRAY_SIZE(vh_exits_of_run) ? vh_exits_of_run[why] :
								    VMCOOP_EXIT_OTHER);
	if (unlikely(vh_nr_counting)) {
		vh_vcpu_user_exit(v);
		return;
	}
	now = vh_cycles();
	vh_vcpu_account(v, now);
	v->away_by = v->doing;
	v->doing = VH_AWAY;
}

static void __maybe_unused vh_probe_kvm_userspace_exit(void *data, u32 reason, int error)
{
	vh_track_user_exit(this_cpu_read(vh_here.vcpu), reason);
}

#endif /* VMCOOP_HOST_TRACK_H */
