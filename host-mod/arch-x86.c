// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86-64: the TSC, and where KVM keeps a guest's registers on AMD (SVM) and
 * Intel (VMX).
 */
#include <asm/asm.h>
#include <asm/cpufeature.h>
#include <asm/irq_vectors.h>
#include <asm/msr.h>
#include <asm/tsc.h>
#include <asm/vmx.h>
#include <linux/preempt.h>

#include "arch.h"
#include "compat.h"

/* Values of kvm_vcpu_arch.handling_intr_from_guest; their names are KVM's own. */
#define VH_HANDLING_NMI		2

/* kvm_exit's "isa", as KVM's own trace.h numbers it. */
#define VH_ISA_VMX		1

#define SVM_TSC_RATIO_FRAC_BITS	32
#define VMX_TSC_RATIO_FRAC_BITS	48

static __always_inline u64 vh_cycles(void)
{
	return rdtsc();
}

static __always_inline bool vh_clock_differs(struct kvm_vcpu *vcpu, const struct vh_clock *clock)
{
	return READ_ONCE(vcpu->arch.l1_tsc_offset) != clock->offset ||
	       READ_ONCE(vcpu->arch.l1_tsc_scaling_ratio) != clock->ratio;
}

/* As last seen: @now. */
static __always_inline void vh_seen(struct vh_vcpu *v, enum vh_stat stat, u64 now)
{
	v->seen_sum += now - v->seen[stat];
	v->seen[stat] = now;
}

/*
 * Interrupts are the most frequent of the exits that a counter tells, and no other
 * moves with theirs. Whether any other has is asked of their sum. The exit with which a
 * trip to the VMM began has been counted, too.
 */
static __always_inline bool vh_exit_resolved(struct kvm_vcpu *vcpu, struct vh_vcpu *v)
{
	const struct kvm_vcpu_stat *stat = &vcpu->stat;
	u8 reason = VMCOOP_EXIT_OTHER;
	u64 irqs, sum;

	if (v->doing == VH_AWAY) {
		if (v->away_by == VMCOOP_EXIT_MMIO) {
			vh_seen(v, VH_STAT_MMIO, READ_ONCE(stat->mmio_exits));
			vh_seen(v, VH_STAT_FAULT, READ_ONCE(stat->pf_taken));
			return true;
		}
		vh_seen(v, VH_STAT_IO, READ_ONCE(stat->io_exits));
		return v->away_by == VMCOOP_EXIT_IO;
	}
	if (v->doing != VH_EXIT_PENDING)
		return v->doing != VMCOOP_EXIT_HALT;
	irqs = READ_ONCE(stat->irq_exits);
	if (irqs != v->seen[VH_STAT_IRQ]) {
		vh_seen(v, VH_STAT_IRQ, irqs);
		reason = VMCOOP_EXIT_IRQ;
	} else {
		sum = irqs;
		/* One after the other: all at once would take more registers than there are. */
		sum += READ_ONCE(stat->pf_taken);
		sum += READ_ONCE(stat->io_exits);
		sum += READ_ONCE(stat->mmio_exits);
		sum += READ_ONCE(stat->halt_exits);
		sum += READ_ONCE(stat->irq_window_exits);
		sum += READ_ONCE(stat->nmi_window_exits);
		sum += READ_ONCE(stat->hypercalls);
		if (sum != v->seen_sum)
			return false;
	}
	vh_vcpu_exit(v, reason);
	return true;
}

#include "track.h"

static bool vh_vmread(unsigned long field, unsigned long *val);

static void vh_probe_kvm_entry(void *data, struct kvm_vcpu *vcpu)
{
	vh_track_entry(this_cpu_read(vh_here.vcpu), vcpu);
}

/* VMX's exit reasons, as asm/vmx.h numbers them. */
static const u8 vh_vmx_exits[] = {
	[EXIT_REASON_EXCEPTION_NMI]		= VMCOOP_EXIT_OTHER,
	[EXIT_REASON_EXTERNAL_INTERRUPT]	= VMCOOP_EXIT_IRQ,
	[EXIT_REASON_INTERRUPT_WINDOW]		= VMCOOP_EXIT_WINDOW,
	[EXIT_REASON_NMI_WINDOW]		= VMCOOP_EXIT_WINDOW,
	[EXIT_REASON_CPUID]			= VMCOOP_EXIT_SYSREG,
	[EXIT_REASON_HLT]			= VMCOOP_EXIT_HALT,
	[EXIT_REASON_RDPMC]			= VMCOOP_EXIT_SYSREG,
	[EXIT_REASON_RDTSC]			= VMCOOP_EXIT_SYSREG,
	[EXIT_REASON_VMCALL]			= VMCOOP_EXIT_HYPERCALL,
	[EXIT_REASON_CR_ACCESS]			= VMCOOP_EXIT_SYSREG,
	[EXIT_REASON_DR_ACCESS]			= VMCOOP_EXIT_SYSREG,
	[EXIT_REASON_IO_INSTRUCTION]		= VMCOOP_EXIT_IO,
	[EXIT_REASON_MSR_READ]			= VMCOOP_EXIT_SYSREG,
	[EXIT_REASON_MSR_WRITE]			= VMCOOP_EXIT_SYSREG,
	[EXIT_REASON_MWAIT_INSTRUCTION]		= VMCOOP_EXIT_HALT,
	[EXIT_REASON_PAUSE_INSTRUCTION]		= VMCOOP_EXIT_OTHER,
	[EXIT_REASON_APIC_ACCESS]		= VMCOOP_EXIT_MMIO,
	[EXIT_REASON_EPT_VIOLATION]		= VMCOOP_EXIT_FAULT,
	[EXIT_REASON_EPT_MISCONFIG]		= VMCOOP_EXIT_MMIO,
	[EXIT_REASON_PREEMPTION_TIMER]		= VMCOOP_EXIT_TIMER,
	[EXIT_REASON_XSETBV]			= VMCOOP_EXIT_SYSREG,
	[EXIT_REASON_APIC_WRITE]		= VMCOOP_EXIT_MMIO,
};

/* Bits 0 to 15 of the VMCS field are the basic reason. */
static u8 vh_vmx_exit(void)
{
	unsigned long reason;

	if (!vh_vmread(VM_EXIT_REASON, &reason))
		return VMCOOP_EXIT_OTHER;
	reason &= 0xffff;
	return reason < ARRAY_SIZE(vh_vmx_exits) ? vh_vmx_exits[reason] : VMCOOP_EXIT_OTHER;
}

/*
 * kvm_exit's second argument: the instruction set. SVM's exit code lies where
 * no module can read it. TDX says VMX, but its VMCS is not the current one.
 */
static void vh_probe_kvm_exit(void *data, struct kvm_vcpu *vcpu, u32 isa)
{
	vh_track_exit(this_cpu_read(vh_here.vcpu), vcpu,
		      isa == VH_ISA_VMX && !vh_vcpu_is_tdx(vcpu) ? vh_vmx_exit() : VH_EXIT_PENDING);
}

/*
 * The guest's local timer interrupts it: KVM injects the vector at the next
 * entry, or (where the CPU delivers interrupts itself) notes it in the APIC.
 * Linux guests use the same vector as this kernel.
 */
static void vh_timer_vector(unsigned int vector)
{
	struct vh_vcpu *v = this_cpu_read(vh_here.vcpu);

	if (vector == LOCAL_TIMER_VECTOR && v)
		vh_vcpu_timer(v);
}

static void vh_probe_kvm_inj_virq(void *data, unsigned int vector)
{
	vh_timer_vector(vector);
}

static void vh_probe_kvm_apic_accept_irq(void *data, u32 apicid, u16 dm, u16 tm, u8 vector)
{
	if (in_task())
		vh_timer_vector(vector);
}

struct vh_probe vh_arch_probes[] = {
	{ .name = "kvm_entry", .func = vh_probe_kvm_entry, .of_kvm = true },
	{ .name = "kvm_exit", .func = vh_probe_kvm_exit, .of_kvm = true },
	{ .name = "kvm_userspace_exit", .func = vh_probe_kvm_userspace_exit, .of_kvm = true },
	{ .name = "kvm_inj_virq", .func = vh_probe_kvm_inj_virq, .of_kvm = true,
	  .optional = true },
	{ .name = "kvm_apic_accept_irq", .func = vh_probe_kvm_apic_accept_irq, .of_kvm = true,
	  .optional = true },
};

const unsigned int vh_arch_probes_nr = ARRAY_SIZE(vh_arch_probes);

u32 vh_arch_id(void)
{
	return VMCOOP_ARCH_X86_64;
}

const char *vh_arch_name(void)
{
	return boot_cpu_has(X86_FEATURE_VMX) ? "x86_64 (VMX)" :
	       boot_cpu_has(X86_FEATURE_SVM) ? "x86_64 (SVM)" : "x86_64";
}

u64 vh_arch_stamp(void)
{
	return rdtsc_ordered();
}

u64 vh_arch_clock_khz(void)
{
	return tsc_khz;
}

const char *vh_arch_clock_trouble(void)
{
	return check_tsc_unstable() ? "the kernel found the TSC unstable" : NULL;
}

void vh_arch_clock(struct kvm_vcpu *vcpu, struct vh_clock *clock)
{
	clock->offset = READ_ONCE(vcpu->arch.l1_tsc_offset);
	clock->ratio = READ_ONCE(vcpu->arch.l1_tsc_scaling_ratio);
	clock->frac_bits = boot_cpu_has(X86_FEATURE_VMX) ? VMX_TSC_RATIO_FRAC_BITS :
							   SVM_TSC_RATIO_FRAC_BITS;
}

static __always_inline void vh_see(struct vh_vcpu *v, enum vh_stat stat, u64 now, u8 why,
				   u8 *reason)
{
	if (now != v->seen[stat])
		*reason = why;
	vh_seen(v, stat, now);
}

/* A fault that also has to be emulated is emulated memory: the later ones win. */
u8 vh_arch_exit_reason(struct kvm_vcpu *vcpu, struct vh_vcpu *v)
{
	const struct kvm_vcpu_stat *stat = &vcpu->stat;
	u8 reason = VH_EXIT_PENDING;

	vh_see(v, VH_STAT_FAULT, stat->pf_taken, VMCOOP_EXIT_FAULT, &reason);
	vh_see(v, VH_STAT_IRQ, stat->irq_exits, VMCOOP_EXIT_IRQ, &reason);
	vh_see(v, VH_STAT_IO, stat->io_exits, VMCOOP_EXIT_IO, &reason);
	vh_see(v, VH_STAT_MMIO, stat->mmio_exits, VMCOOP_EXIT_MMIO, &reason);
	vh_see(v, VH_STAT_HALT, stat->halt_exits, VMCOOP_EXIT_HALT, &reason);
	vh_see(v, VH_STAT_WINDOW, stat->irq_window_exits + stat->nmi_window_exits,
	       VMCOOP_EXIT_WINDOW, &reason);
	vh_see(v, VH_STAT_HYPERCALL, stat->hypercalls, VMCOOP_EXIT_HYPERCALL, &reason);
	return reason;
}

/*
 * KVM marks the window in which it takes the interrupt or NMI that ended
 * guest mode. What is nested there counts as the host's: an NMI that hits the
 * interrupt's handler, and softirqs run on the interrupt's return.
 */
bool vh_arch_in_guest(struct kvm_vcpu *vcpu)
{
	u8 handling = READ_ONCE(vcpu->arch.handling_intr_from_guest);

	return handling && !!in_nmi() == (handling == VH_HANDLING_NMI) &&
	       !in_serving_softirq();
}

/*
 * Read a field of the VMCS that is current on this CPU: within KVM's window
 * the loaded vCPU's, or its nested guest's. Where none is current (KVM on
 * Hyper-V with an enlightened VMCS) or VMX is off, it fails and says so.
 */
static bool vh_vmread(unsigned long field, unsigned long *val)
{
	bool failed = true;

	asm volatile("1:	vmread %[field], %[val]\n\t"
		     "	setbe %[failed]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : [val] "=&r" (*val), [failed] "+&q" (failed)
		     : [field] "r" (field)
		     : "cc");
	return !failed;
}

static void vh_vmx_guest_ip(struct vh_guest_ip *g)
{
	unsigned long ip, ss_ar;

	if (!vh_vmread(GUEST_RIP, &ip) || !vh_vmread(GUEST_SS_AR_BYTES, &ss_ar)) {
		g->sflags = VMCOOP_S_IP_HIDDEN;
		return;
	}
	g->ip = ip;
	/* Bits 5 and 6: descriptor privilege level, which is the guest's CPL. */
	g->mode = (ss_ar >> 5) & 3 ? VMCOOP_MODE_USER : VMCOOP_MODE_KERNEL;
}

/*
 * The VMCB, and with it the CPL, is out of a module's reach. A 64-bit kernel
 * runs in the upper half; of other guests (firmware, early boot) the address
 * says nothing.
 */
static void vh_svm_guest_ip(struct kvm_vcpu *vcpu, struct vh_guest_ip *g)
{
	g->ip = vh_svm_rip(vcpu);
	if (!(READ_ONCE(vcpu->arch.efer) & EFER_LMA))
		return;
	g->mode = (s64)g->ip < 0 ? VMCOOP_MODE_KERNEL : VMCOOP_MODE_USER;
	g->sflags = VMCOOP_S_MODE_DERIVED;
}

void vh_arch_guest_ip(struct kvm_vcpu *vcpu, struct vh_guest_ip *g)
{
	*g = (struct vh_guest_ip){ .mode = VMCOOP_MODE_UNKNOWN };

	/* A TDX guest's VMCS is not this CPU's current one. */
	if (vcpu->arch.guest_state_protected || vh_vcpu_is_tdx(vcpu))
		g->sflags = VMCOOP_S_IP_HIDDEN;
	else if (boot_cpu_has(X86_FEATURE_VMX))
		vh_vmx_guest_ip(g);
	else
		vh_svm_guest_ip(vcpu, g);
}
