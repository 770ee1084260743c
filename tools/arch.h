/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between architectures in the tool.
 */
#ifndef VMCOOP_ARCH_H
#define VMCOOP_ARCH_H

#include "../common/abi.h"
#include "util.h"

/* Bit of an address that is set in kernel addresses and clear in user ones. */
#define ARCH_KERNEL_BIT(arch)	((arch) == VMCOOP_ARCH_ARM64 ? 55 : 63)

static inline bool arch_is_kernel_addr(u32 arch, u64 addr)
{
	return addr >> ARCH_KERNEL_BIT(arch) & 1;
}

static inline const char *arch_name(u32 arch)
{
	switch (arch) {
	case VMCOOP_ARCH_X86_64:
		return "x86_64";
	case VMCOOP_ARCH_ARM64:
		return "arm64";
	default:
		return "unknown";
	}
}

/*
 * The counter the host module stamps with. Its reads are not ordered against
 * what surrounds them any closer than a drain round's slack asks for.
 */
#if defined(__x86_64__)
#define ARCH_SELF	VMCOOP_ARCH_X86_64
static inline u64 arch_counter(void)
{
	return __builtin_ia32_rdtsc();
}
#elif defined(__aarch64__)
#define ARCH_SELF	VMCOOP_ARCH_ARM64
static inline u64 arch_counter(void)
{
	u64 v;

	asm volatile("isb; mrs %0, cntvct_el0" : "=r" (v) :: "memory");
	return v;
}
#else
#error "vmcoop-dump knows x86-64 and arm64"
#endif

#endif /* VMCOOP_ARCH_H */
