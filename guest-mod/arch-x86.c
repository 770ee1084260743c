// SPDX-License-Identifier: GPL-2.0-only
/* x86-64: TSC, APIC ids, and a mapping that really is write-back. */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>
#include <asm/msr.h>
#include <asm/pgtable.h>
#include <asm/ptrace.h>
#include <asm/smp.h>
#include <asm/tsc.h>

#include "guest.h"

const u32 vmcoop_arch = VMCOOP_ARCH_X86_64;

u64 vmcoop_arch_clock(void)
{
	return rdtsc_ordered();
}

u64 vmcoop_arch_clock_khz(void)
{
	return tsc_khz;
}

#include "switch.h"

u32 vmcoop_arch_vcpu_id(void)
{
	/* KVM numbers a vCPU by its initial APIC id. */
	return cpu_physical_id(smp_processor_id());
}

bool vmcoop_arch_user_frame(const struct pt_regs *regs, unsigned long *fp)
{
	*fp = regs->bp;
	return user_64bit_mode((struct pt_regs *)regs);
}

unsigned long vmcoop_arch_user_address(unsigned long addr)
{
	return addr;
}

#if IS_ENABLED(CONFIG_VMAP_PFN)
/*
 * memremap(MEMREMAP_WB) and ioremap_cache() ask the MTRRs first. SeaBIOS marks
 * the PCI hole uncachable, so both quietly map the BAR uncached (UC-): under
 * nested paging on AMD each store then goes to memory. vmap_pfn() takes the
 * protection as given.
 */
void *vmcoop_arch_map(phys_addr_t phys, size_t size)
{
	unsigned long i, n = size >> PAGE_SHIFT, *pfns;
	void *va;

	pfns = kvmalloc_array(n, sizeof(*pfns), GFP_KERNEL);
	if (!pfns)
		return NULL;
	for (i = 0; i < n; i++)
		pfns[i] = (phys >> PAGE_SHIFT) + i;
	va = vmap_pfn(pfns, n, PAGE_KERNEL);
	kvfree(pfns);
	return va;
}

void vmcoop_arch_unmap(void *va)
{
	vunmap(va);
}
#else
/* vmap_pfn() is built for some drivers only. vmcoop_arch_uncached() judges this. */
void *vmcoop_arch_map(phys_addr_t phys, size_t size)
{
	return memremap(phys, size, MEMREMAP_WB);
}

void vmcoop_arch_unmap(void *va)
{
	memunmap(va);
}
#endif

const char *vmcoop_arch_uncached(void *va, size_t size)
{
	unsigned long addr = (unsigned long)va, end = addr + size;
	unsigned int level;
	pteval_t type, val;
	pte_t *pte;

	while (addr < end) {
		pte = lookup_address(addr, &level);
		if (!pte)
			return "not mapped";
		val = pte_val(*pte);
		/* PAT entry 0 is write-back: no bit of the index may be set. */
		type = val & (_PAGE_PWT | _PAGE_PCD);
		type |= val & (level == PG_LEVEL_4K ? _PAGE_PAT : _PAGE_PAT_LARGE);
		if (type)
			return val & _PAGE_PCD ? "uncached" : "write-combining or write-through";
		addr = (addr & page_level_mask(level)) + page_level_size(level);
	}
	return NULL;
}
