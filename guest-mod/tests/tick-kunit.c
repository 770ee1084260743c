// SPDX-License-Identifier: GPL-2.0-only
/* tick.c, switch.h and chain.c: what a tick and a switch say, in whatever room there is. */
#include "../chain.c"
#include "../tick.c"
#ifdef CONFIG_X86
#include "../arch-x86.c"
#else
#include "../arch-arm64.c"
#endif
#include "world.h"

static int tick_test_init(struct kunit *test)
{
	callchain = 4;		/* the room is for such ones */
	return world_init(test);
}

static void tick_test_exit(struct kunit *test)
{
	world_exit(test);
	callchain = 0;
	own_hz = 0;
	tick = "sched";
}

/* As from a hard interrupt that came while @preempts more levels and @softirqs were on. */
static void tick_now(struct pt_regs *regs, unsigned int preempts, unsigned int softirqs)
{
	unsigned int add = HARDIRQ_OFFSET + preempts + softirqs * SOFTIRQ_OFFSET;
	unsigned long flags;

	local_irq_save(flags);
	preempt_count_add(add);
	vmcoop_tick(regs, 0);
	preempt_count_sub(add);
	local_irq_restore(flags);
}

static void expect_tick(struct kunit *test, u8 mode, u64 ip)
{
	struct vmcoop_guest_tick *t = world_next(test);

	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_EXPECT_EQ(test, t->hdr.type, (u8)VMCOOP_GUEST_TICK);
	KUNIT_EXPECT_EQ(test, t->hdr.size, (u16)sizeof(*t));
	KUNIT_EXPECT_EQ(test, t->hdr.id, world_cpu()->vcpu);
	KUNIT_EXPECT_NE(test, t->hdr.id, VMCOOP_VCPU_UNKNOWN);
	KUNIT_EXPECT_EQ(test, t->pid, (u32)current->tgid);
	KUNIT_EXPECT_EQ(test, t->tid, (u32)current->pid);
	KUNIT_EXPECT_EQ(test, t->mode, mode);
	KUNIT_EXPECT_EQ(test, t->ip, ip);
	KUNIT_EXPECT_EQ(test, t->hardirq, 0);
	KUNIT_EXPECT_EQ(test, t->nr_kernel + t->nr_user + t->cflags + t->reserved, 0);
	KUNIT_EXPECT_STREQ(test, t->comm, current->comm);
}

static void tick_fields(struct kunit *test)
{
	struct vmcoop_guest_tick *t;
	struct pt_regs regs;

	callchain = 0;
	world_regs(&regs, false, 0xffffffff81234567);
	tick_now(&regs, 0, 0);
	expect_tick(test, VMCOOP_MODE_KERNEL, 0xffffffff81234567);
	world_regs(&regs, true, 0x401000);
	tick_now(&regs, 0, 0);
	expect_tick(test, VMCOOP_MODE_USER, 0x401000);
	KUNIT_EXPECT_EQ(test, world_polls, 2U);
	KUNIT_EXPECT_EQ(test, world_cpu()->ticks, 2ULL);

	world_regs(&regs, false, 1);
	tick_now(&regs, 3, 2);
	t = world_next(test);
	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_EXPECT_EQ(test, t->preempt, IS_ENABLED(CONFIG_PREEMPT_COUNT) ? 3 : 0);
	KUNIT_EXPECT_EQ(test, t->softirq, 2);
	KUNIT_EXPECT_NULL(test, world_next(test));
}

/* Where the ring's data ends amid the record, it is built aside and split. */
static void tick_split(struct kunit *test)
{
	struct pt_regs regs;

	callchain = 0;
	world_to_split(test);
	world_regs(&regs, true, 0x402000);
	tick_now(&regs, 0, 0);
	expect_tick(test, VMCOOP_MODE_USER, 0x402000);
}

static void tick_full(struct kunit *test)
{
	struct world *w = test->priv;
	struct pt_regs regs;
	unsigned int i;

	world_regs(&regs, true, 0x401000);
	world_fill(test);
	for (i = 0; i < 3; i++) {
		callchain = i == 2 ? 4 : 0;
		tick_now(&regs, 0, 0);
	}
	KUNIT_EXPECT_EQ(test, w->ring->prod->dropped[VMCOOP_GUEST_TICK], 3ULL);
	KUNIT_EXPECT_NULL(test, world_next(test));
}

static void tick_chain(struct kunit *test)
{
	unsigned long here[VMCOOP_CHAIN_IRQ + 8];
	struct vmcoop_guest_tick *t;
	struct pt_regs regs;
	unsigned int n, i;

	n = stack_trace_save(here, ARRAY_SIZE(here), 0);
	if (n < 3)
		kunit_skip(test, "this kernel's unwinder gives no chain");
	/* Interrupted where our caller goes on: its callers are the chain. */
	world_regs(&regs, false, here[1]);
	tick_now(&regs, 0, 0);
	t = world_next(test);
	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_EXPECT_EQ(test, t->nr_kernel, min_t(u8, n - 2, 4));
	KUNIT_EXPECT_EQ(test, !!(t->cflags & VMCOOP_TC_KERNEL_CUT), n - 2 > 4);
	for (i = 0; i < t->nr_kernel; i++)
		KUNIT_EXPECT_EQ(test, t->chain[i], (u64)here[2 + i]);
	KUNIT_EXPECT_EQ(test, t->nr_user, 0);
	KUNIT_EXPECT_EQ(test, (size_t)t->hdr.size, struct_size(t, chain, t->nr_kernel));

	/* An address that is on no stack: no chain, and no guess. */
	world_regs(&regs, false, 0xdead000000000000);
	tick_now(&regs, 0, 0);
	t = world_next(test);
	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_EXPECT_EQ(test, t->nr_kernel, 0);
	KUNIT_EXPECT_EQ(test, (size_t)t->hdr.size, sizeof(*t));
}

/* User frames anywhere: never a fault, never more than asked for. */
static void tick_user_frames(struct kunit *test)
{
	static const unsigned long fps[] = {
		0, 8, 16, 0x1000, 0x1008, 0x7ffffffff000, 0xffff888000000000, ULONG_MAX - 15,
		ULONG_MAX,
	};
	u64 to[4] = { 0 };
	unsigned int i, n;
	u8 cflags;

	for (i = 0; i < ARRAY_SIZE(fps); i++) {
		cflags = 0;
		n = user_frames(fps[i], to, 3, &cflags);
		KUNIT_EXPECT_EQ(test, n, 0U);
		KUNIT_EXPECT_EQ(test, to[3], 0ULL);
		KUNIT_EXPECT_EQ(test, cflags,
				fps[i] && IS_ALIGNED(fps[i], 8) ? VMCOOP_TC_USER_LOST : 0);
	}
}

/* Of HZ ticks in a row as many as asked for, and none too early or late. */
static void tick_part(struct kunit *test)
{
	static const unsigned int parts[] = { 1, 7, HZ / 2, HZ - 1, HZ };
	struct vmcoop_guest_cpu cpu = { 0 };
	unsigned int i, n, due;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		sched_hz = parts[i];
		for (due = 0, n = 1; n <= 3 * HZ; n++) {
			due += tick_is_due(&cpu);
			KUNIT_EXPECT_EQ(test, due, n * parts[i] / HZ);
		}
	}
}

static void tick_parameters(struct kunit *test)
{
	static char * const bad[] = {
		"", "hz", "hz:", "hz:0", "hz:10001", "hz:-1", "hz:1x", "Sched", "sched:",
		"sched:0", "sched:10001", "sched:1x", "sched1",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		tick = bad[i];
		KUNIT_EXPECT_EQ_MSG(test, vmcoop_tick_check(), -EINVAL, "%s", bad[i]);
	}
	tick = "hz:10000";
	KUNIT_EXPECT_EQ(test, vmcoop_tick_check(), 0);
	KUNIT_EXPECT_EQ(test, vmcoop_tick_hz(), 10000U);
	tick = "sched";
	KUNIT_EXPECT_EQ(test, vmcoop_tick_check(), 0);
	KUNIT_EXPECT_EQ(test, vmcoop_tick_hz(), 0U);
	KUNIT_EXPECT_EQ(test, sched_hz, (unsigned int)HZ);
	tick = "sched:7";
	KUNIT_EXPECT_EQ(test, vmcoop_tick_check(), 0);
	KUNIT_EXPECT_EQ(test, vmcoop_tick_hz(), 0U);
	KUNIT_EXPECT_EQ(test, sched_hz, 7U);
	callchain = VMCOOP_CHAIN_MAX;
	KUNIT_EXPECT_EQ(test, vmcoop_tick_check(), 0);
	KUNIT_EXPECT_LE(test, vmcoop_tick_size(), (size_t)VMCOOP_REC_MAX);
	callchain = VMCOOP_CHAIN_MAX + 1;
	KUNIT_EXPECT_EQ(test, vmcoop_tick_check(), -EINVAL);
	callchain = UINT_MAX;
	KUNIT_EXPECT_EQ(test, vmcoop_tick_check(), -EINVAL);
}

static void switch_now(bool preempt, unsigned int state)
{
	unsigned long flags;

	local_irq_save(flags);
	vmcoop_probe_switch(NULL, preempt, current, current, state);
	local_irq_restore(flags);
}

static void switch_states(struct kunit *test)
{
	static const struct {
		bool preempt;
		unsigned int state;
		u8 means;
	} cases[] = {
		{ false, TASK_RUNNING, VMCOOP_SW_PREEMPTED },
		{ true, TASK_RUNNING, VMCOOP_SW_PREEMPTED },
		{ true, TASK_INTERRUPTIBLE, VMCOOP_SW_PREEMPTED },
		{ false, TASK_INTERRUPTIBLE, VMCOOP_SW_SLEEPS },
		{ false, TASK_UNINTERRUPTIBLE | TASK_NOLOAD, VMCOOP_SW_SLEEPS },
		{ false, TASK_DEAD, VMCOOP_SW_EXITS },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vmcoop_guest_switch *s;

		switch_now(cases[i].preempt, cases[i].state);
		s = world_next(test);
		KUNIT_ASSERT_NOT_NULL(test, s);
		KUNIT_EXPECT_EQ(test, s->hdr.type, (u8)VMCOOP_GUEST_SWITCH);
		KUNIT_EXPECT_EQ(test, s->hdr.size, (u16)sizeof(*s));
		KUNIT_EXPECT_EQ(test, s->prev_tid, (u32)current->pid);
		KUNIT_EXPECT_EQ(test, s->next_pid, (u32)current->tgid);
		KUNIT_EXPECT_EQ(test, s->next_tid, (u32)current->pid);
		KUNIT_EXPECT_EQ(test, s->prev_state, cases[i].means);
	}
}

static void switch_full(struct kunit *test)
{
	struct world *w = test->priv;

	world_fill(test);
	switch_now(false, TASK_RUNNING);
	KUNIT_EXPECT_EQ(test, w->ring->prod->dropped[VMCOOP_GUEST_SWITCH], 1ULL);
	KUNIT_EXPECT_NULL(test, world_next(test));
}

static struct kunit_case tick_cases[] = {
	KUNIT_CASE(tick_fields),
	KUNIT_CASE(tick_split),
	KUNIT_CASE(tick_full),
	KUNIT_CASE(tick_chain),
	KUNIT_CASE(tick_user_frames),
	KUNIT_CASE(tick_part),
	KUNIT_CASE(tick_parameters),
	KUNIT_CASE(switch_states),
	KUNIT_CASE(switch_full),
	{ }
};

static struct kunit_suite tick_suite = {
	.name = "vmcoop_guest_tick",
	.init = tick_test_init,
	.exit = tick_test_exit,
	.test_cases = tick_cases,
};

kunit_test_suite(tick_suite);
