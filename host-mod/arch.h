/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host module asks of the architecture: arch-x86.c, arch-arm64.c.
 */
#ifndef VMCOOP_HOST_ARCH_H
#define VMCOOP_HOST_ARCH_H

#include "host.h"

/**
 * struct vh_guest_ip - where a guest was interrupted
 * @ip: address; means nothing with VMCOOP_S_IP_HIDDEN
 * @mode: VMCOOP_MODE_*
 * @sflags: VMCOOP_S_*
 */
struct vh_guest_ip {
	u64	ip;
	u8	mode;
	u8	sflags;
};

/* KVM's tracepoints that are particular to the architecture. */
extern struct vh_probe vh_arch_probes[];
extern const unsigned int vh_arch_probes_nr;

/* VMCOOP_ARCH_* of the stamps and addresses. */
u32 vh_arch_id(void);

/* Name of the architecture, for people. */
const char *vh_arch_name(void);

/**
 * vh_arch_stamp() - read the raw counter, not before what precedes it
 *
 * Context: any, NMI included.
 */
u64 vh_arch_stamp(void);

/* Frequency of the stamps in kHz. */
u64 vh_arch_clock_khz(void);

/* NULL, or why the stamps of different CPUs cannot be compared. */
const char *vh_arch_clock_trouble(void);

/**
 * vh_arch_clock() - a vCPU's clock as KVM has set it
 * @vcpu: loaded on this CPU
 * @clock: filled in
 *
 * Context: any.
 */
void vh_arch_clock(struct kvm_vcpu *vcpu, struct vh_clock *clock);

/**
 * vh_arch_exit_reason() - which of KVM's counters has counted the last exit
 * @vcpu: loaded by current, or by the task that is being switched out
 * @v: the same; @seen and @seen_sum are brought up to date
 *
 * Context: interrupts off.
 * Return: enum vmcoop_exit; VH_EXIT_PENDING if none has.
 */
u8 vh_arch_exit_reason(struct kvm_vcpu *vcpu, struct vh_vcpu *v);

/**
 * vh_arch_in_guest() - did this interrupt or NMI end the vCPU's guest mode?
 * @vcpu: loaded by current
 *
 * Context: the overflow handler, NMI included.
 */
bool vh_arch_in_guest(struct kvm_vcpu *vcpu);

/**
 * vh_arch_guest_ip() - where the guest was when it was interrupted
 * @vcpu: for which vh_arch_in_guest() has just said yes
 * @g: filled in
 *
 * Context: the overflow handler, NMI included.
 */
void vh_arch_guest_ip(struct kvm_vcpu *vcpu, struct vh_guest_ip *g);

#endif /* VMCOOP_HOST_ARCH_H */
