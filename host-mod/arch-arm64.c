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

static __always_inline u64 vh_cycles(void)
{
	return read_sysreg(cntvct_el0);
}

static __always_inline bool vh_clock_differs(struct kvm_vcpu *vcpu, const struct vh_clock *clock)
{
	return clock->ratio != 1 || clock->offset != -(s64)vh_cntvoff(vcpu);
}

/* kvm_exit has said it; after a halt there may have been polling. */
static __always_inline bool vh_exit_resolved(struct kvm_vcpu *vcpu, struct vh_vcpu *v)
{
	return v->doing != VMCOOP_EXIT_HALT;
}

#include "track.h"

/*
 * These tracepoints carry no vCPU. vcpu_load() has just put its notifier first
 * on current's list; nothing else in the kernel uses such notifiers.
 */
static __always_inline struct kvm_vcpu *vh_first_vcpu(void)
{
	struct hlist_node *first = READ_ONCE(current->preempt_notifiers.first);

	return container_of(hlist_entry(first, struct preempt_notifier, link),
			    struct kvm_vcpu, preempt_notifier);
}

static void vh_probe_kvm_entry(void *data, unsigned long pc)
{
	struct vh_here *here = this_cpu_ptr(&vh_here);

	here->entered = true;
	vh_track_entry(here->vcpu, vh_first_vcpu());
}

/* VMCOOP_EXIT_OTHER, which is 0, for the rest. A fault may be of emulated memory, too. */
static const u8 vh_exits[ESR_ELx_EC_MAX + 1] = {
	[ESR_ELx_EC_WFx]	= VMCOOP_EXIT_HALT,
	[ESR_ELx_EC_HVC32]	= VMCOOP_EXIT_HYPERCALL,
	[ESR_ELx_EC_HVC64]	= VMCOOP_EXIT_HYPERCALL,
	[ESR_ELx_EC_SMC32]	= VMCOOP_EXIT_HYPERCALL,
	[ESR_ELx_EC_SMC64]	= VMCOOP_EXIT_HYPERCALL,
	[ESR_ELx_EC_SYS64]	= VMCOOP_EXIT_SYSREG,
	[ESR_ELx_EC_IABT_LOW]	= VMCOOP_EXIT_FAULT,
	[ESR_ELx_EC_DABT_LOW]	= VMCOOP_EXIT_FAULT,
};

static __always_inline u8 vh_exit_of(int ret, unsigned int esr_ec)
{
	if (ret == ARM_EXCEPTION_TRAP)
		return vh_exits[esr_ec & ESR_ELx_EC_MAX];
	return ret == ARM_EXCEPTION_IRQ ? VMCOOP_EXIT_IRQ : VMCOOP_EXIT_OTHER;
}

static void vh_probe_kvm_exit(void *data, int ret, unsigned int esr_ec, unsigned long pc)
{
	struct vh_here *here = this_cpu_ptr(&vh_here);

	here->entered = false;
	vh_track_exit(here->vcpu, vh_first_vcpu(), vh_exit_of(ret, esr_ec));
}

/* The guest's virtual timer raises its interrupt; the vCPU is loaded here. */
static void vh_probe_kvm_timer_update_irq(void *data, unsigned long vcpu_id, u32 irq, int level)
{
	struct vh_vcpu *v = this_cpu_read(vh_here.vcpu);

	if (level && v && v->id.vcpu == vcpu_id)
		vh_vcpu_timer(v);
}

struct vh_probe vh_arch_probes[] = {
	{ .name = "kvm_entry", .func = vh_probe_kvm_entry, .of_kvm = true },
	{ .name = "kvm_exit", .func = vh_probe_kvm_exit, .of_kvm = true },
	{ .name = "kvm_userspace_exit", .func = vh_probe_kvm_userspace_exit, .of_kvm = true },
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
u8 vh_arch_exit_reason(struct kvm_vcpu *vcpu, struct vh_vcpu *v)
{
	return VMCOOP_EXIT_OTHER;
}

/*
 * Interrupts are off between kvm_entry and kvm_exit but for a window right before
 * the latter: there the interrupt that ended guest mode is taken. Softirqs run on
 * its return are the host's.
 */
bool vh_arch_in_guest(struct kvm_vcpu *vcpu)
{
	return this_cpu_read(vh_here.entered) && !in_serving_softirq();
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
