// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rings: two for each CPU, one written with interrupts off, one written
 * in NMI context, so that no write interrupts another to the same ring.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/topology.h>
#include <linux/vmalloc.h>

#include "host.h"

#define VH_RINGS_A_CPU	2

static struct vmcoop_ring **vh_rings;
static u64 vh_data_size;

/* Bytes of a ring: consumer page, producer page, data. */
u64 vh_ring_stride(void)
{
	return 2 * PAGE_SIZE + vh_data_size;
}

static struct vmcoop_ring *vh_ring_new(int node)
{
	struct vmcoop_ring *r = kzalloc_node(sizeof(*r), GFP_KERNEL, node);
	char *mem;

	if (!r)
		return NULL;
	mem = vzalloc_node(vh_ring_stride(), node);
	if (!mem) {
		kfree(r);
		return NULL;
	}
	r->cons = (struct vmcoop_ring_cons *)mem;
	r->prod = (struct vmcoop_ring_prod *)(mem + PAGE_SIZE);
	r->data = (__u64 *)(mem + 2 * PAGE_SIZE);
	r->size = vh_data_size;
	vmcoop_ring_init(r);
	return r;
}

static void vh_ring_free(struct vmcoop_ring *r)
{
	if (!r)
		return;
	vfree(r->cons);
	kfree(r);
}

/**
 * vh_rings_init() - allocate the rings of all CPUs that there may ever be
 * @data_size: of each ring, one that vmcoop_ring_size_ok() accepts
 *
 * CPU numbers that are not possible get rings too: a ring's place is its number.
 *
 * Context: task, may sleep.
 * Return: 0 or -ENOMEM with a message.
 */
int vh_rings_init(u64 data_size)
{
	unsigned int nr = vh_rings_nr(), i;

	BUILD_BUG_ON(sizeof(struct vmcoop_ring_prod) > PAGE_SIZE);
	vh_data_size = data_size;
	vh_rings = kvcalloc(nr, sizeof(*vh_rings), GFP_KERNEL);
	if (!vh_rings)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		unsigned int cpu = i / VH_RINGS_A_CPU;

		vh_rings[i] = vh_ring_new(cpu_possible(cpu) ? cpu_to_node(cpu) : NUMA_NO_NODE);
		if (!vh_rings[i]) {
			pr_err("no memory for %u rings of %llu KiB: give a smaller ring_kb=\n",
			       nr, vh_ring_stride() >> 10);
			vh_rings_exit();
			return -ENOMEM;
		}
	}
	return 0;
}

/* Free the rings; nobody writes or maps them any more. */
void vh_rings_exit(void)
{
	unsigned int i;

	for (i = 0; i < vh_rings_nr(); i++)
		vh_ring_free(vh_rings[i]);
	kvfree(vh_rings);
}

/* Number of rings: those of a CPU are 2 * cpu and 2 * cpu + 1. */
unsigned int vh_rings_nr(void)
{
	return VH_RINGS_A_CPU * nr_cpu_ids;
}

struct vmcoop_ring *vh_ring(unsigned int index)
{
	return vh_rings[index];
}

/**
 * vh_ring_write() - append a record to this CPU's ring for this context
 * @rec: a whole record, 8-byte aligned
 *
 * Context: interrupts off, or NMI. What does not fit is counted in the ring.
 */
void vh_ring_write(const void *rec)
{
	vmcoop_ring_write(vh_rings[VH_RINGS_A_CPU * smp_processor_id() + !!in_nmi()], rec);
}

/**
 * vh_ring_page() - the memory behind a ring, for mapping
 * @index: of the ring
 * @offset: bytes from the ring's start, below vh_ring_stride()
 */
struct page *vh_ring_page(unsigned int index, u64 offset)
{
	return vmalloc_to_page((char *)vh_rings[index]->cons + offset);
}

/* The reader has gone: from now on new records replace the oldest. */
void vh_rings_detach(void)
{
	unsigned int i;

	for (i = 0; i < vh_rings_nr(); i++)
		vmcoop_ring_detach(vh_rings[i]);
}
