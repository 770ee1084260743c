/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernel versions, all of them: 6.1, 6.12, 7.2.
 */
#ifndef VMCOOP_HOST_COMPAT_H
#define VMCOOP_HOST_COMPAT_H

#include <linux/kthread.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/version.h>

#ifndef CONFIG_PREEMPT_NOTIFIERS
#error "this kernel is built without KVM: there would be nothing to measure"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* A thread that does work, and runs. */
#ifdef kthread_run_worker
#define vh_run_worker(name)	kthread_run_worker(0, name)
#else
#define vh_run_worker(name)	kthread_create_worker(0, name)
#endif

/* x86, used by arch-x86.c alone: a guest's instruction pointer under SVM. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
#define vh_svm_rip(vcpu)	READ_ONCE((vcpu)->arch.regs[VCPU_REGS_RIP])
#else
#define vh_svm_rip(vcpu)	READ_ONCE((vcpu)->arch.rip)
#endif

/* x86: guests whose state KVM itself cannot see, beyond guest_state_protected. */
static inline bool vh_vcpu_is_tdx(struct kvm_vcpu *vcpu)
{
#ifdef KVM_X86_TDX_VM
	return vcpu->kvm->arch.vm_type == KVM_X86_TDX_VM;
#else
	return false;
#endif
}

/* arm64, used by arch-arm64.c alone: what a guest's virtual counter lags behind by. */
static inline u64 vh_offset_at(const u64 *offset)
{
	return offset ? READ_ONCE(*offset) : 0;
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define vh_cntvoff(vcpu)	__vcpu_sys_reg(vcpu, CNTVOFF_EL2)
#elif LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
#define vh_cntvoff(vcpu) \
({ \
	struct arch_timer_context *timer = vcpu_vtimer(vcpu); \
	vh_offset_at(timer->offset.vm_offset) + vh_offset_at(timer->offset.vcpu_offset); \
})
#else
#define vh_cntvoff(vcpu)	timer_get_offset(vcpu_vtimer(vcpu))
#endif

#endif /* VMCOOP_HOST_COMPAT_H */
