// SPDX-License-Identifier: GPL-2.0-only
/*
 * arm64: the virtual counter, and where KVM keeps a guest's registers.
 */
#include <asm/arch_timer.h>
#include <asm/esr.h>
#include <asm/kvm_emulate.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

#include "arch.h"
#include "compat.h"

/*
 * KVM enters guest mode on this CPU and has not said kvm_exit yet. Interrupts
 * are off in between but for a window right before kvm_exit: there the
 * interrupt that ended guest mode is taken.
 */
static DEFINE_PER_CPU(bool, vh_entered);

static __always_inline u64 vh_cycles(void)
{
	return __arch_counter_get_cntvct();
}

static __always_inline bool vh_clock_differs(struct kvm_vcpu *vcpu, const struct vh_clock *clock)
{
	return clock->ratio != 1 || clock->offset != -(s64)vh_cntvoff(vcpu);
}

/* kvm_exit has said it; after a halt there may have been polling. */
static __always_inline bool vh_exit_resolved(struct kvm_vcpu *vcpu, struct vh_vcpu *v)
{
	return v->exit != VMCOOP_EXIT_HALT;
}

#include "track.h"

/*
 * These tracepoints carry no vCPU. vcpu_load() has just put its notifier first
 * on current's list; nothing else in the kernel uses such notifiers.
 */
static struct kvm_vcpu *vh_first_vcpu(void)
{
	struct hlist_node *first = READ_ONCE(current->preempt_notifiers.first);

	return first ? container_of(hlist_entry(first, struct preempt_notifier, link),
				    struct kvm_vcpu, preempt_notifier) : NULL;
}

static void vh_probe_kvm_entry(void *data, unsigned long pc)
{
	struct kvm_vcpu *vcpu = vh_first_vcpu();

	if (!vcpu)
		return;
	this_cpu_write(vh_entered, true);
	vh_track_entry(vcpu);
}

static u8 vh_exit_of(int ret, unsigned int esr_ec)
{
	if (ret == ARM_EXCEPTION_IRQ)
		return VMCOOP_EXIT_IRQ;
	if (ret != ARM_EXCEPTION_TRAP)
		return VMCOOP_EXIT_OTHER;
	switch (esr_ec) {
	case ESR_ELx_EC_WFx:
		return VMCOOP_EXIT_HALT;
	case ESR_ELx_EC_HVC32:
	case ESR_ELx_EC_HVC64:
	case ESR_ELx_EC_SMC32:
	case ESR_ELx_EC_SMC64:
		return VMCOOP_EXIT_HYPERCALL;
	case ESR_ELx_EC_SYS64:
		return VMCOOP_EXIT_SYSREG;
	/* Of memory that has no page yet, and of emulated memory. */
	case ESR_ELx_EC_IABT_LOW:
	case ESR_ELx_EC_DABT_LOW:
		return VMCOOP_EXIT_FAULT;
	default:
		return VMCOOP_EXIT_OTHER;
	}
}

static void vh_probe_kvm_exit(void *data, int ret, unsigned int esr_ec, unsigned long pc)
{
	struct kvm_vcpu *vcpu = vh_first_vcpu();

	this_cpu_write(vh_entered, false);
	if (vcpu)
		vh_track_exit(vcpu, vh_exit_of(ret, esr_ec));
}

/* The guest's virtual timer raises its interrupt; the vCPU is loaded here. */
static void vh_probe_kvm_timer_update_irq(void *data, unsigned long vcpu_id, u32 irq, int level)
{
	struct vh_vcpu *v = this_cpu_read(vh_cur);

	if (level && v && v->id.vcpu == vcpu_id)
		vh_vcpu_timer(v);
}

struct vh_probe vh_arch_probes[] = {
	{ .name = "kvm_entry", .func = vh_probe_kvm_entry, .of_kvm = true },
	{ .name = "kvm_exit", .func = vh_probe_kvm_exit, .of_kvm = true },
	{ .name = "kvm_timer_update_irq", .func = vh_probe_kvm_timer_update_irq, .of_kvm = true,
	  .optional = true },
};

const unsigned int vh_arch_probes_nr = ARRAY_SIZE(vh_arch_probes);

u32 vh_arch_id(void)
{
	return VMCOOP_ARCH_ARM64;
}

const char *vh_arch_name(void)
{
	return is_kernel_in_hyp_mode() ? "arm64 (VHE)" : "arm64 (nVHE)";
}

/* Includes the barrier that keeps it behind what precedes it. */
u64 vh_arch_stamp(void)
{
	return __arch_counter_get_cntvct();
}

u64 vh_arch_clock_khz(void)
{
	return arch_timer_get_cntfrq() / 1000;
}

const char *vh_arch_clock_trouble(void)
{
	return NULL;
}

void vh_arch_clock(struct kvm_vcpu *vcpu, struct vh_clock *clock)
{
	clock->offset = -(s64)vh_cntvoff(vcpu);
	clock->ratio = 1;
	clock->frac_bits = 0;
}

/* kvm_exit has said it. */
u8 vh_arch_exit_reason(struct kvm_vcpu *vcpu, u64 *seen)
{
	return VMCOOP_EXIT_OTHER;
}

/* Softirqs run on the return of an interrupt taken in the window are the host's. */
bool vh_arch_in_guest(struct kvm_vcpu *vcpu)
{
	return this_cpu_read(vh_entered) && !in_serving_softirq();
}

static bool vh_guest_user(struct kvm_vcpu *vcpu)
{
	unsigned long pstate = *vcpu_cpsr(vcpu);

	if (pstate & PSR_MODE32_BIT)
		return (pstate & PSR_AA32_MODE_MASK) == PSR_AA32_MODE_USR;
	return (pstate & PSR_MODE_MASK) == PSR_MODE_EL0t;
}

void vh_arch_guest_ip(struct kvm_vcpu *vcpu, struct vh_guest_ip *g)
{
	*g = (struct vh_guest_ip){
		.ip = *vcpu_pc(vcpu),
		.mode = vh_guest_user(vcpu) ? VMCOOP_MODE_USER : VMCOOP_MODE_KERNEL,
	};
}
