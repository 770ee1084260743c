// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86-64: the TSC, and where KVM keeps a guest's registers on AMD (SVM) and
 * Intel (VMX).
 */
#include <asm/asm.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/tsc.h>
#include <asm/vmx.h>
#include <linux/preempt.h>

#include "arch.h"
#include "compat.h"

/* Values of kvm_vcpu_arch.handling_intr_from_guest; their names are KVM's own. */
#define VH_HANDLING_NMI		2

#define SVM_TSC_RATIO_FRAC_BITS	32
#define VMX_TSC_RATIO_FRAC_BITS	48

static void vh_probe_kvm_entry(void *data, struct kvm_vcpu *vcpu)
{
	vh_kvm_entry(vcpu);
}

struct vh_probe vh_arch_probes[] = {
	{ .name = "kvm_entry", .func = vh_probe_kvm_entry, .of_kvm = true },
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
