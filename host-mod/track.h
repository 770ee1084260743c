/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What runs at every VM entry and exit. KVM calls it some 10,000 to 100,000
 * times a second and vCPU: it is inline in the architecture's probes and does
 * no more than add up times; all else is called once in a while.
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
	if (v->exit == VMCOOP_EXIT_HALT)
		vh_poll_changed(vcpu, v);
	now = vh_cycles();
	vh_vcpu_account(v, now);
	v->entered = now;
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
		   now < v->tell)) {
		vh_vcpu_account(v, now);
		v->entered = now;
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
	v->left = now;
	v->exit = reason;
	if (reason != VH_EXIT_PENDING)
		v->totals.exit[reason].count++;
}

#endif /* VMCOOP_HOST_TRACK_H */
