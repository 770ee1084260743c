// SPDX-License-Identifier: GPL-2.0-only
/* arm64: CNTVCT, MPIDR, and a cacheable mapping. */
#include <linux/io.h>
#include <asm/arch_timer.h>
#include <asm/cputype.h>

#include "guest.h"

const u32 vmcoop_arch = VMCOOP_ARCH_ARM64;

u64 vmcoop_arch_clock(void)
{
	return __arch_counter_get_cntvct();
}

u32 vmcoop_arch_vcpu_id(void)
{
	u64 mpidr = read_cpuid_mpidr();

	/* The inverse of KVM's reset_mpidr(): Aff0 holds 16 vCPUs, for the GICv3's sake. */
	return (MPIDR_AFFINITY_LEVEL(mpidr, 0) & 0xf) |
	       MPIDR_AFFINITY_LEVEL(mpidr, 1) << 4 |
	       MPIDR_AFFINITY_LEVEL(mpidr, 2) << 12;
}

void *vmcoop_arch_map(phys_addr_t phys, size_t size)
{
	return memremap(phys, size, MEMREMAP_WB);
}

void vmcoop_arch_unmap(void *va)
{
	memunmap(va);
}

const char *vmcoop_arch_uncached(void *va, size_t size)
{
	/* memremap(WB) maps Normal cacheable here or fails: no MTRRs to object. */
	return NULL;
}
