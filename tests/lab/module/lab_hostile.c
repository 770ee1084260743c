// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the lab guest alone: what a hostile guest writes into its region. Some of it is
 * garbage; most of it is nearly right, so that a reader goes on to look at it.
 *
 * It takes the first ivshmem device, sets up rings as vmcoop_guest.ko does, and tells one
 * lie a round. Lies by which a reader begins anew, after some of which it gives up, are
 * kept for each 1/8 of the rounds, and for the last 1/64.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/prandom.h>
#include <linux/vmalloc.h>

#include "ring.h"
#include "setup.h"

static unsigned int rounds = 1000000;
module_param(rounds, uint, 0444);

static unsigned int seed = 1;
module_param(seed, uint, 0444);

/* Rounds that are over. */
static unsigned int done;
module_param(done, uint, 0444);

#define RINGS	2

static struct vmcoop_region *region;
static u64 region_size, data_size;
static struct vmcoop_ring rings[RINGS];
static struct rnd_state rnd;
static struct task_struct *liar;
static u64 clock;

static u32 any(u32 below)
{
	return prandom_u32_state(&rnd) % below;
}

/* Numbers that are likely to be taken for something. */
static u64 odd_number(void)
{
	static const u64 some[] = {
		0, 1, 7, 8, 15, 16, 64, 4095, 4096, 8192, 65535, 65536, 1ULL << 31, U32_MAX,
		1ULL << 32, 1ULL << 47, 0xffff800000000000, 1ULL << 63, U64_MAX - 7, U64_MAX,
	};
	u64 n = some[any(ARRAY_SIZE(some))];

	switch (any(4)) {
	case 0:
		return n + any(3) * 8;
	case 1:
		return n - any(3);
	case 2:
		prandom_bytes_state(&rnd, &n, sizeof(n));
		return n;
	default:
		return n;
	}
}

static void scribble(void *to, size_t len)
{
	prandom_bytes_state(&rnd, to, len);
}

/* As vmcoop_guest.ko. */
static void set_up(void)
{
	struct vmcoop_region_guest *g = &region->guest;
	u64 epoch = g->epoch;
	unsigned int i;

	WRITE_ONCE(g->epoch, 0);
	for (i = 0; i < RINGS; i++)
		rings[i] = setup_ring(region, i, data_size);
	*g = setup_guest(RINGS, data_size);
	if (IS_ENABLED(CONFIG_ARM64))
		g->arch = VMCOOP_ARCH_ARM64;
	scribble(g->release, sizeof(g->release));	/* a string without end */
	vmcoop_store_release(&g->epoch, epoch + 1 ?: 1);
}

/* A record of a type and size that fit, most of the time, with odd contents. */
static void lie_record(struct vmcoop_ring *r)
{
	static const char text[] = "\x1b[2J\"<b>=cmd|'/bin/sh'!A1\n../../../etc/passwd,%s%n";
	static const u16 sizes[] = {
		[VMCOOP_GUEST_TICK]	= sizeof(struct vmcoop_guest_tick),
		[VMCOOP_GUEST_SWITCH]	= sizeof(struct vmcoop_guest_switch),
		[VMCOOP_GUEST_COMM]	= sizeof(struct vmcoop_guest_comm),
		[VMCOOP_GUEST_FORK]	= sizeof(struct vmcoop_guest_fork),
		[VMCOOP_GUEST_EXIT]	= sizeof(struct vmcoop_guest_exit),
		[VMCOOP_GUEST_MMAP]	= sizeof(struct vmcoop_guest_mmap),
		[VMCOOP_GUEST_KERNEL]	= sizeof(struct vmcoop_guest_kernel),
		[VMCOOP_GUEST_CONFIG]	= sizeof(struct vmcoop_guest_config),
		[VMCOOP_GUEST_CPU]	= sizeof(struct vmcoop_guest_cpu_state),
		[VMCOOP_GUEST_BUILDID]	= sizeof(struct vmcoop_guest_buildid),
		[VMCOOP_GUEST_MODULE]	= sizeof(struct vmcoop_guest_module),
		[VMCOOP_GUEST_CGROUP]	= sizeof(struct vmcoop_guest_cgroup),
		[VMCOOP_GUEST_SYMBOLS]	= sizeof(struct vmcoop_guest_symbols),
	};
	static u64 buf[1024 / sizeof(u64)];
	struct vmcoop_hdr *hdr = (void *)buf;
	unsigned int i, type = VMCOOP_GUEST_TICK + any(ARRAY_SIZE(sizes) - VMCOOP_GUEST_TICK);
	u32 size = sizes[type] + (any(2) ? 8 * any(64) : 0);

	/* The host's own types are not the guest's to write. */
	if (!any(16))
		type = any(256);
	for (i = 2; i < size / sizeof(u64); i++)
		buf[i] = odd_number();
	if (any(2))
		memcpy((void *)hdr + size - 8 * any(size / 16), text, min_t(size_t, size / 4, 48));
	*hdr = (struct vmcoop_hdr){
		.type = type, .flags = any(4) ? 0 : any(256), .size = size,
		.id = any(8) ? any(RINGS) : odd_number(),
		.stamp = any(8) ? clock : odd_number(),
	};
	vmcoop_ring_write(r, buf);
}

/*
 * Lies that a reader meets while it goes on. Those of which it can see that they are some
 * cost it all that lies in the ring: they come in bursts, and between them it believes much.
 */
static void lie(bool plainly)
{
	struct vmcoop_ring *r = &rings[any(RINGS)];
	struct vmcoop_ring_prod *p = r->prod;
	u64 head = r->own.head;

	clock += any(100000);
	switch (plainly ? any(16) : 5 + any(11)) {
	case 0:		/* A length that is none, in a record that was right. */
		WRITE_ONCE(r->data[any(data_size / 8)], odd_number() << 16);
		break;
	case 1:		/* Garbage under the reader's eyes. */
		scribble((void *)r->data + any(data_size - 256), any(256));
		break;
	case 2:		/* The index jumps. */
		WRITE_ONCE(p->head, head + odd_number());
		break;
	case 3:
		WRITE_ONCE(p->oldest, head - odd_number());
		break;
	case 4:		/* Records that overlap: the index goes on by half of one. */
		r->own.head += 8 * any(4);
		break;
	case 5:		/* A write that does not end, until the next. */
		WRITE_ONCE(p->seq, r->own.seq | 1);
		break;
	case 6:		/* The books. */
		WRITE_ONCE(p->produced, odd_number());
		WRITE_ONCE(p->overwritten, odd_number());
		WRITE_ONCE(p->dropped[any(VMCOOP_REC_TYPES)], odd_number());
		break;
	case 7:
		WRITE_ONCE(region->guest.snap_done, odd_number());
		WRITE_ONCE(region->guest.unread, odd_number());
		break;
	default:
		lie_record(r);
	}
}

/* Lies after which a reader has to begin anew. */
static void lie_anew(void)
{
	struct vmcoop_region_guest *g = &region->guest;
	unsigned int i;

	switch (any(6)) {
	case 0:		/* The reader's own page. */
		WRITE_ONCE(rings[any(RINGS)].cons->tail, odd_number());
		break;
	case 1:		/* Fields that change between two reads of them. */
		for (i = 0; i < 1000; i++) {
			u32 nr = g->nr_rings;
			u64 off = g->ring_off;

			WRITE_ONCE(g->epoch, g->epoch + 1);
			WRITE_ONCE(g->nr_rings, (u32)odd_number());
			WRITE_ONCE(g->ring_off, odd_number());
			WRITE_ONCE(g->nr_rings, nr);
			WRITE_ONCE(g->ring_off, off);
		}
		break;
	case 2:
		WRITE_ONCE(g->data_size, odd_number());
		WRITE_ONCE(g->epoch, g->epoch + 1);
		break;
	case 3:
		WRITE_ONCE(g->ring_stride, odd_number());
		WRITE_ONCE(g->epoch, g->epoch + 1);
		break;
	case 4:
		scribble(&region->id, sizeof(region->id));
		break;
	default:
		scribble((void *)region + any(region_size - 65536), 65536);
	}
}

static int lie_on(void *unused)
{
	unsigned int part = max(rounds / 8, 1U), last = rounds - rounds / 64;

	for (done = 0; done < rounds && !kthread_should_stop(); done++) {
		if (done % part == part - 1 || (done > last && !any(64))) {
			lie_anew();
			usleep_range(20000, 30000);
			set_up();
		} else {
			lie(done / 500 % 16 == 0);
		}
		if (done % 500 == 0)
			usleep_range(8000, 12000);
	}
	pr_info("lab_hostile: %u rounds\n", done);
	while (!kthread_should_stop())
		msleep(20);
	return 0;
}

static int lab_hostile_probe(struct pci_dev *pdev, const struct pci_device_id *ent)
{
	int err = pcim_enable_device(pdev);

	if (err)
		return err;
	region_size = pci_resource_len(pdev, 2);
	region = memremap(pci_resource_start(pdev, 2), region_size, MEMREMAP_WB);
	if (!region)
		return -ENOMEM;
	data_size = rounddown_pow_of_two(region_size / RINGS - 4 * VMCOOP_REGION_PAGE);
	prandom_seed_state(&rnd, seed);
	set_up();
	liar = kthread_run(lie_on, NULL, "liar");
	if (!IS_ERR(liar))
		return 0;
	memunmap(region);
	return PTR_ERR(liar);
}

static void lab_hostile_remove(struct pci_dev *pdev)
{
	kthread_stop(liar);
	memunmap(region);
}

static const struct pci_device_id ids[] = { { PCI_DEVICE(0x1af4, 0x1110) }, { } };

static struct pci_driver lab_hostile_driver = {
	.name = "lab_hostile",
	.id_table = ids,
	.probe = lab_hostile_probe,
	.remove = lab_hostile_remove,
};
module_pci_driver(lab_hostile_driver);

MODULE_DESCRIPTION("A hostile guest's region, for the lab guest");
MODULE_LICENSE("GPL");
