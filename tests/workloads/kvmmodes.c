// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtual machine of two loops, for where no whole guest is wanted: one runs in
 * ring 0 in the lower half of the address space, the other in ring 3 in the upper
 * half, so that an address does not give its mode away.
 *
 * usage: kvmmodes ITERATIONS
 *
 * Prints, before it runs them, a line for each loop: mode, first address, end.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define PAGE		0x1000UL
#define MEMORY		0x200000UL	/* one large page */

/* Where things are in the guest's memory. */
#define PML4		(1 * PAGE)
#define PDPT_LOW	(2 * PAGE)
#define PDPT_HIGH	(3 * PAGE)
#define PD		(4 * PAGE)
#define CODE		(16 * PAGE)

/* All of the memory is seen twice, at 0 and from here on. */
#define HIGH		0xffffffff80000000UL

#define PTE_PRESENT	0x01
#define PTE_WRITE	0x02
#define PTE_USER	0x04
#define PTE_LARGE	0x80

#define CR0_PE_PG	0x80000001UL
#define CR4_PAE		0x20UL
#define EFER_LME_LMA	0x500UL
/*
 * Interrupts on, though none is ever injected: Bochs lets a host's interrupt end guest
 * mode only then. Ring 3 may use ports, to end its loop.
 */
#define RFLAGS_IF_IOPL3	0x3202UL

static const struct loop {
	const char	*mode;
	uint64_t	ip;
	unsigned int	ring;
} loops[] = {
	{ "kernel", CODE, 0 },
	{ "user", HIGH + CODE + PAGE, 3 },
};

extern const char code[], code_end[];

__asm__(".pushsection .rodata\n"
	"code:	dec	%rcx\n"
	"	jnz	code\n"
	"	out	%al, $0x10\n"
	"code_end:\n"
	".popsection\n");

static int xioctl(int fd, unsigned long request, const char *name, void *arg)
{
	int ret = ioctl(fd, request, arg);

	if (ret < 0)
		err(1, "%s", name);
	return ret;
}

#define KVM(fd, request, arg)	xioctl(fd, request, #request, (void *)(uintptr_t)(arg))

static void *map(size_t size, int flags, int fd)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static void fill(char *memory)
{
	const uint64_t flags = PTE_PRESENT | PTE_WRITE | PTE_USER;
	uint64_t *pml4 = (void *)(memory + PML4);
	uint64_t *pdpt_low = (void *)(memory + PDPT_LOW);
	uint64_t *pdpt_high = (void *)(memory + PDPT_HIGH);
	uint64_t *pd = (void *)(memory + PD);
	size_t i;

	pml4[0] = PDPT_LOW | flags;
	pml4[HIGH >> 39 & 511] = PDPT_HIGH | flags;
	pdpt_low[0] = PD | flags;
	pdpt_high[HIGH >> 30 & 511] = PD | flags;
	pd[0] = PTE_LARGE | flags;
	for (i = 0; i < sizeof(loops) / sizeof(loops[0]); i++)
		memcpy(memory + loops[i].ip % MEMORY, code, code_end - code);
}

static void set_mode(int vcpu, unsigned int ring)
{
	const struct kvm_segment segment = {
		.limit = 0xffffffff, .dpl = ring, .present = 1, .s = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	KVM(vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs = segment;
	sregs.cs.selector = 0x08 | ring;
	sregs.cs.type = 11;	/* code, readable, accessed */
	sregs.cs.l = 1;
	sregs.ss = segment;
	sregs.ss.selector = 0x10 | ring;
	sregs.ss.type = 3;	/* data, writable, accessed */
	sregs.ss.db = 1;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss;
	sregs.cr0 |= CR0_PE_PG;
	sregs.cr3 = PML4;
	sregs.cr4 |= CR4_PAE;
	sregs.efer |= EFER_LME_LMA;
	KVM(vcpu, KVM_SET_SREGS, &sregs);
}

static void run(int vcpu, const struct kvm_run *state, const struct loop *loop,
		uint64_t iterations)
{
	struct kvm_regs regs = {
		.rip = loop->ip, .rcx = iterations, .rflags = RFLAGS_IF_IOPL3,
	};

	set_mode(vcpu, loop->ring);
	KVM(vcpu, KVM_SET_REGS, &regs);
	KVM(vcpu, KVM_RUN, 0);
	if (state->exit_reason != KVM_EXIT_IO)
		errx(1, "%s loop ends with exit reason %u", loop->mode, state->exit_reason);
}

int main(int argc, char **argv)
{
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY };
	const struct kvm_run *state;
	uint64_t iterations;
	int kvm, vm, vcpu;
	char *memory;
	size_t i;

	if (argc != 2 || !(iterations = strtoull(argv[1], NULL, 0)))
		errx(2, "usage: kvmmodes ITERATIONS");
	kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		err(1, "/dev/kvm");
	vm = KVM(kvm, KVM_CREATE_VM, 0);
	memory = map(MEMORY, MAP_SHARED | MAP_ANONYMOUS, -1);
	fill(memory);
	region.userspace_addr = (uintptr_t)memory;
	KVM(vm, KVM_SET_USER_MEMORY_REGION, &region);
	vcpu = KVM(vm, KVM_CREATE_VCPU, 0);
	state = map(KVM(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), MAP_SHARED, vcpu);

	for (i = 0; i < sizeof(loops) / sizeof(loops[0]); i++)
		printf("%s %#llx %#llx\n", loops[i].mode, (unsigned long long)loops[i].ip,
		       (unsigned long long)loops[i].ip + (code_end - code));
	fflush(stdout);
	for (i = 0; i < sizeof(loops) / sizeof(loops[0]); i++)
		run(vcpu, state, &loops[i], iterations);
	return 0;
}
