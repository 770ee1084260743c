// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the lab guest alone: what do vmcoop's probes cost, in instructions?
 *
 * A probe of our own is called before vmcoop's at the same tracepoint, another
 * one after it: the counter in between, which under icount counts instructions,
 * less what it counts without vmcoop, is a record's way from the probe's entry
 * to behind its commit.
 *
 * /sys/module/lab_cost/parameters/{tick,switches}: how often, least, median,
 * mean times 1000 without the highest and lowest twentieth, in which a VM exit may
 * have come between; a write begins anew.
 *
 * A write of 1 to mark tells lab_host_cost that a piece of work begins, of 0 that it ends.
 */
#include <linux/hardirq.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "lab_mark.h"

#ifdef CONFIG_X86
#include <asm/kvm_para.h>
#include <asm/msr.h>
#define counter()	rdtsc_ordered()
#define hypercall(nr)	kvm_hypercall0(nr)
#else
#include <asm/arch_timer.h>
#include <linux/arm-smccc.h>
#define counter()	__arch_counter_get_cntvct()
#define hypercall(nr)	arm_smccc_1_1_hvc(nr, NULL)
#endif

#define MAX_COSTS	20000

struct cost {
	u64 begin;
	unsigned int nr;
	u32 took[MAX_COSTS];
};

/* The lab's guest has one CPU where this counts anything sensible. */
static struct cost tick_cost, switch_cost;

static void end(struct cost *c)
{
	if (c->nr < MAX_COSTS && !raw_smp_processor_id())
		c->took[c->nr++] = counter() - c->begin;
}

static void before_switch(void *data, bool preempt, struct task_struct *prev,
			  struct task_struct *next, unsigned int prev_state)
{
	switch_cost.begin = counter();
}

static void after_switch(void *data, bool preempt, struct task_struct *prev,
			 struct task_struct *next, unsigned int prev_state)
{
	end(&switch_cost);
}

static bool is_tick(const char *s)
{
	return s[0] == 'S' && s[6] == 's' && in_hardirq();
}

static void before_tick(void *data, const char *s)
{
	if (is_tick(s))
		tick_cost.begin = counter();
}

static void after_tick(void *data, const char *s)
{
	if (is_tick(s))
		end(&tick_cost);
}

static struct probe {
	const char *name;
	void *before, *after;
	struct tracepoint *tp;
} probes[] = {
	{ "sched_switch", before_switch, after_switch },
	{ "rcu_utilization", before_tick, after_tick },
};

static void match(struct tracepoint *tp, void *priv)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (!strcmp(tp->name, probes[i].name))
			probes[i].tp = tp;
}

static int by_value(const void *a, const void *b)
{
	return *(const u32 *)a < *(const u32 *)b ? -1 : *(const u32 *)a > *(const u32 *)b;
}

static int get(char *buf, const struct kernel_param *kp)
{
	struct cost *c = kp->arg;
	unsigned int n = READ_ONCE(c->nr), cut = n / 20, i;
	u64 sum = 0;

	if (!n)
		return sprintf(buf, "0 0 0 0\n");
	WRITE_ONCE(c->nr, MAX_COSTS);		/* nothing is added while it is sorted */
	sort(c->took, n, sizeof(*c->took), by_value, NULL);
	for (i = cut; i < n - cut; i++)
		sum += c->took[i];
	return sprintf(buf, "%u %u %u %llu\n", n, c->took[0], c->took[n / 2],
		       div_u64(sum * 1000, n - 2 * cut));
}

static int set(const char *val, const struct kernel_param *kp)
{
	struct cost *c = kp->arg;

	WRITE_ONCE(c->nr, 0);
	return 0;
}

static const struct kernel_param_ops ops = { .get = get, .set = set };
module_param_cb(tick, &ops, &tick_cost, 0600);
module_param_cb(switches, &ops, &switch_cost, 0600);

static int set_mark(const char *val, const struct kernel_param *kp)
{
	hypercall(*val == '1' ? LAB_MARK_BEGIN : LAB_MARK_END);
	return 0;
}

static const struct kernel_param_ops mark_ops = { .set = set_mark };
module_param_cb(mark, &mark_ops, NULL, 0200);

static int __init lab_cost_init(void)
{
	int i;

	for_each_kernel_tracepoint(match, NULL);
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (!probes[i].tp)
			return -ENOENT;
		/* Called in the order of falling priority. */
		tracepoint_probe_register_prio(probes[i].tp, probes[i].before, NULL,
					       TRACEPOINT_DEFAULT_PRIO + 1);
		tracepoint_probe_register_prio(probes[i].tp, probes[i].after, NULL,
					       TRACEPOINT_DEFAULT_PRIO - 1);
	}
	return 0;
}
module_init(lab_cost_init);

static void __exit lab_cost_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		tracepoint_probe_unregister(probes[i].tp, probes[i].before, NULL);
		tracepoint_probe_unregister(probes[i].tp, probes[i].after, NULL);
	}
	tracepoint_synchronize_unregister();
}
module_exit(lab_cost_exit);

MODULE_DESCRIPTION("What vmcoop's probes cost, for the lab guest");
MODULE_LICENSE("GPL");
