// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region's set-up and the way of a record into its CPU's ring.
 *
 * All that the host may write is looked at once, here, before set-up; from
 * then on the module goes by its own copies (common/ring.h).
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/utsname.h>

#include "guest.h"

struct vmcoop_rings vmcoop_rings;
DEFINE_PER_CPU(struct vmcoop_guest_cpu, vmcoop_cpu);

#define RING_PAGES	(2 * VMCOOP_REGION_PAGE)	/* consumer's, producer's */

static u64 ring_stride(u64 data_size)
{
	return RING_PAGES + data_size;
}

/* The largest power of two that gives each CPU a ring; 0 if there is none. */
static u64 fit_data_size(u64 size)
{
	u64 each = div_u64(size - VMCOOP_REGION_PAGE, nr_cpu_ids);

	if (each < ring_stride(VMCOOP_RING_MIN))
		return 0;
	return min_t(u64, rounddown_pow_of_two(each - RING_PAGES), VMCOOP_RING_MAX);
}

static void point_at(struct vmcoop_ring *ring, void *at, u64 data_size)
{
	ring->cons = at;
	ring->prod = at + VMCOOP_REGION_PAGE;
	ring->data = at + RING_PAGES;
	ring->size = data_size;
}

/*
 * Bytes that an earlier set-up left and nobody read. Only rings of the layout
 * that this set-up will have are counted, and only believable ones: the figure
 * is for people.
 */
static u64 count_unread(u64 data_size)
{
	const struct vmcoop_region_guest *was = &vmcoop_rings.region->guest;
	struct vmcoop_ring ring;
	u64 left, sum = 0;
	unsigned int i;

	if (was->state == VMCOOP_GUEST_NONE || was->nr_rings != nr_cpu_ids ||
	    was->data_size != data_size || was->ring_off != VMCOOP_REGION_PAGE)
		return 0;
	for (i = 0; i < nr_cpu_ids; i++) {
		point_at(&ring, (void *)vmcoop_rings.region + VMCOOP_REGION_PAGE +
			 i * ring_stride(data_size), data_size);
		left = vmcoop_ring_unread(&ring);
		if (left <= data_size)
			sum += left;
	}
	return sum;
}

static void free_cpus(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct vmcoop_guest_cpu *c = &per_cpu(vmcoop_cpu, cpu);

		kfree(c->spare);
		kfree(c->scratch);
		memset(c, 0, sizeof(*c));
	}
}

static int alloc_cpus(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct vmcoop_guest_cpu *c = &per_cpu(vmcoop_cpu, cpu);

		c->vcpu = VMCOOP_VCPU_UNKNOWN;
		c->spare = kmalloc(max(vmcoop_tick_size(), sizeof(struct vmcoop_guest_switch)),
				   GFP_KERNEL);
		c->scratch = kmalloc(VMCOOP_REC_MAX, GFP_KERNEL);
		if (!c->spare || !c->scratch) {
			free_cpus();
			return -ENOMEM;
		}
	}
	return 0;
}

/* Write the guest's part of the header; the epoch, last, makes it valid. */
static void publish(u64 epoch, u64 unread)
{
	struct vmcoop_region_guest *guest = &vmcoop_rings.region->guest;

	guest->state = VMCOOP_GUEST_RUNNING;
	guest->arch = vmcoop_arch;
	guest->nr_rings = nr_cpu_ids;
	guest->page_size = VMCOOP_REGION_PAGE;
	guest->ring_off = VMCOOP_REGION_PAGE;
	guest->ring_stride = ring_stride(vmcoop_rings.data_size);
	guest->data_size = vmcoop_rings.data_size;
	guest->snap_done = 0;
	guest->unread = unread;
	guest->clock_khz = vmcoop_arch_clock_khz();
	memset(guest->release, 0, sizeof(guest->release));
	strscpy(guest->release, init_utsname()->release, sizeof(guest->release));
	/* The host reads the epoch first and again last. */
	vmcoop_store_release(&guest->epoch, epoch);
}

/**
 * vmcoop_rings_setup() - begin an epoch: give each possible CPU an empty ring
 * @region: mapped region that bears vmcoop's magic
 * @size: its bytes
 * @name: of its device
 *
 * Context: may sleep. Touches every page, so that no record faults one in.
 * Return: 0, -ENOSPC if the region is too small, -ENOMEM.
 */
int vmcoop_rings_setup(struct vmcoop_region *region, u64 size, const char *name)
{
	u64 data_size = fit_data_size(size), epoch, unread;
	void *at = (void *)region + VMCOOP_REGION_PAGE;
	unsigned int cpu;
	int err;

	if (!data_size) {
		pr_err("region of %llu KiB is too small for %u CPUs: create one of at least %llu KiB\n",
		       size >> 10, nr_cpu_ids,
		       (u64)roundup_pow_of_two(VMCOOP_REGION_PAGE +
					       nr_cpu_ids * ring_stride(VMCOOP_RING_MIN)) >> 10);
		return -ENOSPC;
	}
	vmcoop_rings.region = region;
	vmcoop_rings.size = size;
	vmcoop_rings.name = name;
	vmcoop_rings.data_size = data_size;
	err = alloc_cpus();
	if (err)
		return err;

	epoch = READ_ONCE(region->guest.epoch) + 1 ?: 1;
	unread = count_unread(data_size);
	WRITE_ONCE(region->guest.epoch, 0);
	/* Whoever sees a ring change has seen, or will see, the epoch change. */
	vmcoop_wmb();
	for (cpu = 0; cpu < nr_cpu_ids; cpu++, at += ring_stride(data_size)) {
		struct vmcoop_ring nobodys, *ring = &nobodys;

		if (cpu_possible(cpu))
			ring = &per_cpu(vmcoop_cpu, cpu).ring;
		point_at(ring, at, data_size);
		memset(ring->data, 0, data_size);
		vmcoop_ring_init(ring);
	}
	publish(epoch, unread);
	return 0;
}

/**
 * vmcoop_rings_teardown() - end the epoch in order; the rings stay readable
 *
 * Context: may sleep; nothing emits any more.
 */
void vmcoop_rings_teardown(void)
{
	vmcoop_store_release(&vmcoop_rings.region->guest.state, VMCOOP_GUEST_STOPPED);
	free_cpus();
	memset(&vmcoop_rings, 0, sizeof(vmcoop_rings));
}

void vmcoop_rings_detach(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		vmcoop_ring_detach(&per_cpu(vmcoop_cpu, cpu).ring);
}

/* Ask it but once. */
noinline void vmcoop_find_vcpu(struct vmcoop_guest_cpu *cpu)
{
	cpu->vcpu = vmcoop_arch_vcpu_id();
}

noinline void vmcoop_end_spare(struct vmcoop_guest_cpu *cpu)
{
	vmcoop_ring_write(&cpu->ring, cpu->spare);
}

void vmcoop_emit(struct vmcoop_hdr *rec)
{
	struct vmcoop_guest_cpu *cpu;
	unsigned long flags;

	/* Stamped with interrupts off, so that a ring's stamps never go back. */
	local_irq_save(flags);
	cpu = this_cpu_ptr(&vmcoop_cpu);
	vmcoop_stamp(cpu, rec);
	vmcoop_ring_write(&cpu->ring, rec);
	local_irq_restore(flags);
}
