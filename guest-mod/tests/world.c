// SPDX-License-Identifier: GPL-2.0-only
/* What the tested files call, and how to see what they have recorded. */
#include <linux/cpumask.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "world.h"

unsigned int world_polls, world_snapshots, world_build_ids;

void vmcoop_snapshot_poll(void)
{
	world_polls++;
}

void vmcoop_snapshot_now(void)
{
	world_snapshots++;
}

void vmcoop_buildid_want(struct file *file)
{
	world_build_ids++;
}

u64 vmcoop_task_cgroup(struct task_struct *task)
{
	return 4711;
}

void vmcoop_emit_fork_cgroup(struct task_struct *parent, struct task_struct *child)
{
}

int vmcoop_probes_register(struct vmcoop_probe *probes, unsigned int n)
{
	return 0;
}

void vmcoop_probes_unregister(struct vmcoop_probe *probes, unsigned int n)
{
}

void world_regs(struct pt_regs *regs, bool user, unsigned long ip)
{
	memset(regs, 0, sizeof(*regs));
	instruction_pointer_set(regs, ip);
#ifdef CONFIG_X86
	regs->cs = user ? __USER_CS : __KERNEL_CS;
#else
	regs->pstate = user ? PSR_MODE_EL0t : PSR_MODE_EL1h;
#endif
}

int world_init(struct kunit *test)
{
	struct world *w = kunit_kzalloc(test, sizeof(*w), GFP_KERNEL);
	u64 size = WORLD_CPUS_SIZE(VMCOOP_RING_MIN);

	if (!w)
		return -ENOMEM;
	set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
	world_polls = 0;
	world_snapshots = 0;
	world_build_ids = 0;
	w->region = vzalloc(size);
	if (!w->region)
		return -ENOMEM;
	if (vmcoop_rings_setup(w->region, size, "test")) {
		vfree(w->region);
		return -ENOMEM;
	}
	w->ring = &world_cpu()->ring;
	test->priv = w;
	return 0;
}

void world_exit(struct kunit *test)
{
	struct world *w = test->priv;

	if (!w)
		return;
	vmcoop_rings_teardown();
	vfree(w->region);
}

void *world_next(struct kunit *test)
{
	struct world *w = test->priv;
	long len = vmcoop_ring_fetch(w->ring, w->pos, w->buf, sizeof(w->buf));
	int size;

	KUNIT_ASSERT_GE(test, len, 0L);
	if (!len)
		return NULL;
	size = vmcoop_rec_next(w->buf, len, 0);
	KUNIT_ASSERT_GT(test, size, 0);
	w->pos += size;
	return w->buf;
}

static void put(u16 size)
{
	static u64 buf[VMCOOP_REC_MAX / sizeof(u64)];
	struct vmcoop_hdr *rec = (void *)buf;

	*rec = (struct vmcoop_hdr){ .type = VMCOOP_GUEST_SYMBOLS, .size = size };
	vmcoop_emit(rec);
}

void world_to_split(struct kunit *test)
{
	struct world *w = test->priv;

	while (w->ring->size - w->ring->own.head > VMCOOP_REC_MAX)
		put(1024);
	while (w->ring->size - w->ring->own.head > 24)
		put(16);
	w->pos = w->ring->own.head;
}

void world_fill(struct kunit *test)
{
	struct world *w = test->priv;
	struct vmcoop_ring_stats st;

	KUNIT_ASSERT_EQ(test, vmcoop_ring_attach(w->ring, &st), 0);
	while (vmcoop_ring_unread(w->ring) < w->ring->size)
		put(16);
	w->pos = w->ring->own.head;
}

MODULE_DESCRIPTION("vmcoop: KUnit suites of the guest module");
MODULE_LICENSE("GPL");
