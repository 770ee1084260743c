// SPDX-License-Identifier: GPL-2.0-only
/* arm64: CNTVCT, MPIDR, and a cacheable mapping. */
#include <linux/io.h>
#include <asm/arch_timer.h>
#include <asm/barrier.h>
#include <asm/cputype.h>
#include <asm/memory.h>
#include <asm/ptrace.h>
#include <asm/sysreg.h>

#include "guest.h"

const u32 vmcoop_arch = VMCOOP_ARCH_ARM64;

u64 vmcoop_arch_clock(void)
{
	return __arch_counter_get_cntvct();
}

u64 vmcoop_arch_clock_khz(void)
{
	return arch_timer_get_cntfrq() / 1000;
}

#include "switch.h"

u32 vmcoop_arch_vcpu_id(void)
{
	u64 mpidr = read_cpuid_mpidr();

	/* The inverse of KVM's reset_mpidr(): Aff0 holds 16 vCPUs, for the GICv3's sake. */
	return (MPIDR_AFFINITY_LEVEL(mpidr, 0) & 0xf) |
	       MPIDR_AFFINITY_LEVEL(mpidr, 1) << 4 |
	       MPIDR_AFFINITY_LEVEL(mpidr, 2) << 12;
}

bool vmcoop_arch_user_frame(const struct pt_regs *regs, unsigned long *fp)
{
	*fp = regs->regs[29];
	return !compat_user_mode(regs);
}

/* Pointer authentication keeps its code above the address. */
unsigned long vmcoop_arch_user_address(unsigned long addr)
{
	return addr & GENMASK(VA_BITS - 1, 0);
}

void *vmcoop_arch_map(phys_addr_t phys, size_t size)
{
	return memremap(phys, size, MEMREMAP_WB);
}

void vmcoop_arch_unmap(void *va)
{
	memunmap(va);
}

/* What the CPU's own walk of the page tables makes of an address: PAR_EL1. */
static u64 translate(unsigned long addr)
{
	unsigned long flags;
	u64 par;

	local_irq_save(flags);
	asm volatile("at s1e1r, %0" : : "r" (addr));
	isb();
	par = read_sysreg_par();
	local_irq_restore(flags);
	return par;
}

#define PAR_ATTR_SHIFT	56
#define PAR_ATTR_WB	0xff	/* Normal, inner and outer write-back, allocating */

const char *vmcoop_arch_uncached(void *va, size_t size)
{
	unsigned long addr = (unsigned long)va, end = addr + size;
	u64 par;

	for (; addr < end; addr += PAGE_SIZE) {
		par = translate(addr);
		if (par & SYS_PAR_EL1_F)
			return "not mapped";
		if (par >> PAR_ATTR_SHIFT != PAR_ATTR_WB)
			return "uncached or write-through";
	}
	return NULL;
}
