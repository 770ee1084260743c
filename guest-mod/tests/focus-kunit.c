// SPDX-License-Identifier: GPL-2.0-only
/* focus.c: who is recorded, and what of those who are not. */
#include "../focus.c"
#include "world.h"

static void focus_test_exit(struct kunit *test)
{
	vmcoop_focus_stop();
	world_exit(test);
}

static int set(const char *word)
{
	static char text[1200];

	strscpy(text, word, sizeof(text));
	return vmcoop_focus_set(text);
}

static void focus_by_number(struct kunit *test)
{
	char word[32];

	KUNIT_EXPECT_TRUE(test, vmcoop_in_focus(current));
	KUNIT_EXPECT_EQ(test, set("pid=1"), 0);
	KUNIT_EXPECT_TRUE(test, vmcoop_focused);
	KUNIT_EXPECT_FALSE(test, vmcoop_in_focus(current));
	KUNIT_EXPECT_TRUE(test, vmcoop_outside_focus(current));
	snprintf(word, sizeof(word), "pid=1,%d,4294967295", current->tgid);
	KUNIT_EXPECT_EQ(test, set(word), 0);
	KUNIT_EXPECT_TRUE(test, vmcoop_in_focus(current));
	KUNIT_EXPECT_EQ(test, set("all"), 0);
	KUNIT_EXPECT_FALSE(test, vmcoop_focused);
	KUNIT_EXPECT_TRUE(test, vmcoop_in_focus(current));
}

/* The idle task is nobody's, and always told. */
static void focus_idle(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, set("comm=nobody"), 0);
	KUNIT_EXPECT_FALSE(test, vmcoop_outside_focus(&init_task));
}

static void focus_by_name(struct kunit *test)
{
	char word[32];

	snprintf(word, sizeof(word), "comm=x,%s", current->comm);
	KUNIT_EXPECT_EQ(test, set(word), 0);
	KUNIT_EXPECT_TRUE(test, vmcoop_in_focus(current));
	/* Who gets the name later comes in then, and stays. */
	KUNIT_EXPECT_EQ(test, set("comm=later"), 0);
	KUNIT_EXPECT_FALSE(test, vmcoop_in_focus(current));
	KUNIT_EXPECT_FALSE(test, vmcoop_focus_named(current, "late"));
	KUNIT_EXPECT_FALSE(test, vmcoop_in_focus(current));
	KUNIT_EXPECT_TRUE(test, vmcoop_focus_named(current, "later"));
	KUNIT_EXPECT_TRUE(test, vmcoop_in_focus(current));
	KUNIT_EXPECT_FALSE(test, vmcoop_focus_named(current, "other"));
	KUNIT_EXPECT_TRUE(test, vmcoop_in_focus(current));
}

static void focus_on_children(struct kunit *test)
{
	struct task_struct *child = &init_task;		/* any other one */
	char word[32];

	snprintf(word, sizeof(word), "pid=%d", current->tgid);
	KUNIT_EXPECT_EQ(test, set(word), 0);
	vmcoop_focus_fork(current, child);
	KUNIT_EXPECT_FALSE(test, vmcoop_in_focus(child));
	KUNIT_EXPECT_EQ(test, set("children=1"), 0);
	/* The number stays as it was. */
	KUNIT_EXPECT_TRUE(test, vmcoop_in_focus(current));
	vmcoop_focus_fork(current, child);
	KUNIT_EXPECT_TRUE(test, vmcoop_in_focus(child));
	KUNIT_EXPECT_EQ(test, set("children=0"), 0);
	KUNIT_EXPECT_FALSE(test, vmcoop_in_focus(child));
}

/* What is refused changes nothing. */
static void focus_refused(struct kunit *test)
{
	static const struct {
		const char *word;
		int err;
	} bad[] = {
		{ "", -EINVAL }, { "pid", -EINVAL }, { "pid=x", -EINVAL }, { "pid=0", -EINVAL },
		{ "pid=1,", -EINVAL }, { "pid=4294967296", -EINVAL }, { "pid=-1", -EINVAL },
		{ "pid=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", -E2BIG },
		{ "comm=a,,b", -EINVAL }, { "comm=a,", -EINVAL },
		{ "comm=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", -E2BIG },
		{ "children=", -EINVAL }, { "children=2", -EINVAL }, { "children", -EINVAL },
		{ "tid=1", -EINVAL }, { "ALL", -EINVAL },
	};
	unsigned int i;

	KUNIT_ASSERT_EQ(test, set("pid=1"), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		KUNIT_EXPECT_EQ_MSG(test, set(bad[i].word), bad[i].err, "%s", bad[i].word);
		KUNIT_EXPECT_TRUE(test, vmcoop_focused);
		KUNIT_EXPECT_FALSE(test, vmcoop_in_focus(current));
	}
	KUNIT_EXPECT_NE(test, set("cgroup=/no/such/cgroup"), 0);
	KUNIT_EXPECT_TRUE(test, vmcoop_focused);
	KUNIT_EXPECT_EQ(test, set("pid="), 0);
	KUNIT_EXPECT_FALSE(test, vmcoop_focused);
}

/* Names are cut where the kernel cuts a task's. */
static void focus_long_names(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, set("comm=a-name-of-many-letters"), 0);
	KUNIT_EXPECT_TRUE(test, vmcoop_focus_named(current, "a-name-of-many-"));
}

static void switch_to(struct task_struct *prev, struct task_struct *next)
{
	unsigned long flags;

	local_irq_save(flags);
	vmcoop_probe_switch(NULL, false, prev, next, TASK_INTERRUPTIBLE);
	local_irq_restore(flags);
}

/* From the focus to others, among others, to an idle CPU, and back. */
static void focus_switches(struct kunit *test)
{
	struct vmcoop_guest_switch *s;

	KUNIT_ASSERT_EQ(test, set("comm=later"), 0);
	switch_to(&init_task, current);
	s = world_next(test);
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_EQ(test, s->next_pid, VMCOOP_PID_OUTSIDE);
	KUNIT_EXPECT_EQ(test, s->next_tid, VMCOOP_PID_OUTSIDE);
	switch_to(current, current);
	KUNIT_EXPECT_NULL(test, world_next(test));
	switch_to(current, &init_task);
	s = world_next(test);
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_EQ(test, s->prev_tid, VMCOOP_PID_OUTSIDE);
	KUNIT_EXPECT_EQ(test, s->next_tid, 0U);
	vmcoop_focus_named(current, "later");
	switch_to(&init_task, current);
	s = world_next(test);
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_EQ(test, s->prev_tid, 0U);
	KUNIT_EXPECT_EQ(test, s->next_tid, (u32)current->pid);
	KUNIT_EXPECT_EQ(test, s->next_pid, (u32)current->tgid);
}

/* Others' ticks say that they run, and nothing else. */
static void focus_ticks(struct kunit *test)
{
	struct vmcoop_guest_tick *t;
	struct pt_regs regs;

	KUNIT_ASSERT_EQ(test, set("pid=1"), 0);
	world_regs(&regs, true, 0x401000);
	local_irq_disable();
	preempt_count_add(HARDIRQ_OFFSET);
	vmcoop_tick(&regs, 0);
	preempt_count_sub(HARDIRQ_OFFSET);
	local_irq_enable();
	t = world_next(test);
	KUNIT_ASSERT_NOT_NULL(test, t);
	KUNIT_EXPECT_EQ(test, t->pid, VMCOOP_PID_OUTSIDE);
	KUNIT_EXPECT_EQ(test, t->tid, VMCOOP_PID_OUTSIDE);
	KUNIT_EXPECT_EQ(test, t->ip, 0ULL);
	KUNIT_EXPECT_NULL(test, memchr_inv(t->comm, 0, sizeof(t->comm)));
}

static struct kunit_case focus_cases[] = {
	KUNIT_CASE(focus_by_number),
	KUNIT_CASE(focus_idle),
	KUNIT_CASE(focus_by_name),
	KUNIT_CASE(focus_on_children),
	KUNIT_CASE(focus_refused),
	KUNIT_CASE(focus_long_names),
	KUNIT_CASE(focus_switches),
	KUNIT_CASE(focus_ticks),
	{ }
};

static struct kunit_suite focus_suite = {
	.name = "vmcoop_guest_focus",
	.init = world_init,
	.exit = focus_test_exit,
	.test_cases = focus_cases,
};

kunit_test_suite(focus_suite);
