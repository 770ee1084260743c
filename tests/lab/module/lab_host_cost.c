// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the lab host alone: what vmcoop_host costs, in ticks of the CPU's counter. Under
 * icount a tick is a known number of instructions.
 *
 * An overflow handler is called through one of ours, which takes the time around it; and
 * at the ends of KVM's entry and exit tracepoints sit probes of ours, between which all
 * others run. What taking the time costs is taken off.
 *
 * What a piece of work costs is told as a line of the kernel's log when a guest says that
 * it ends (lab_mark.h), or a write of 0 to the parameter mark, of which 1 is the beginning:
 * ticks, those in guest mode, VM exits, the CPU's counter at the end.
 *
 * One CPU: nothing here is per CPU.
 */
#include <linux/tracepoint.h>

#include "lab_events.h"
#include "lab_mark.h"

#ifdef CONFIG_X86
#include <asm/msr.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#include <asm/tsc.h>
#endif
#define lab_stamp()	rdtsc_ordered()
#else
#include <asm/arch_timer.h>
#define lab_stamp()	__arch_counter_get_cntvct()
#endif

#define PARAM(name, text)			\
	static unsigned long name;		\
	module_param(name, ulong, 0644);	\
	MODULE_PARM_DESC(name, text)

static bool watch = true;
module_param(watch, bool, 0444);
MODULE_PARM_DESC(watch, "take the time of vmcoop_host's overflow handler, too");

PARAM(nothing, "ticks of taking the time");
PARAM(handler_calls, "calls of the overflow handler");
PARAM(handler_ticks, "ticks in it");
PARAM(handler_max, "ticks of its longest call");
PARAM(entries, "kvm_entry");
PARAM(entry_ticks, "ticks in its probes");
PARAM(exits, "kvm_exit");
PARAM(exit_ticks, "ticks in its probes");

/* All of vmcoop_host's events have the same one. */
static perf_overflow_handler_t lab_handler;

static unsigned long lab_since(u64 begin)
{
	unsigned long ticks = lab_stamp() - begin;

	return ticks > nothing ? ticks - nothing : 0;
}

static void lab_overflow(struct perf_event *event, struct perf_sample_data *data,
			 struct pt_regs *regs)
{
	u64 begin = lab_stamp();
	unsigned long ticks;

	lab_handler(event, data, regs);
	ticks = lab_since(begin);
	handler_calls++;
	handler_ticks += ticks;
	if (ticks > handler_max)
		handler_max = ticks;
}

static void lab_event_made(struct perf_event *event)
{
	if (!watch)
		return;
	lab_handler = event->overflow_handler;
	event->overflow_handler = lab_overflow;
}

/* ---- Tracepoints --------------------------------------------------------- */

static u64 lab_begin, lab_entered;

/* Since the module is there: the time in guest mode, and how often it ended. */
static u64 lab_guest_ticks, lab_guest_exits;
static bool lab_in_guest;

/* An interrupt that ends guest mode is dealt with before kvm_exit. */
static void lab_left_guest(u64 now)
{
	if (lab_in_guest)
		lab_guest_ticks += now - lab_entered;
	lab_in_guest = false;
}

static void lab_irq(void *data)
{
	lab_left_guest(lab_stamp());
}

static void lab_before_entry(void *data)
{
	lab_begin = lab_stamp();
}

static void lab_after_entry(void *data)
{
	entry_ticks += lab_since(lab_begin);
	entries++;
	lab_in_guest = true;
	lab_entered = lab_stamp();
}

static void lab_before_exit(void *data)
{
	lab_begin = lab_stamp();
	lab_left_guest(lab_begin);
	lab_guest_exits++;
}

static void lab_after_exit(void *data)
{
	exit_ticks += lab_since(lab_begin);
	exits++;
}

/* The counts at the beginning of what is to be told. */
static struct lab_span {
	u64 begin, guest, exits;
} lab_span;

static void lab_marked(u64 mark)
{
	u64 now = lab_stamp();

	if (mark == LAB_MARK_BEGIN)
		lab_span = (struct lab_span){
			.guest = lab_guest_ticks,
			.exits = lab_guest_exits,
			.begin = now,
		};
	else if (mark == LAB_MARK_END)
		pr_info("lab-span: %llu %llu %llu %llu\n", now - lab_span.begin,
			lab_guest_ticks - lab_span.guest, lab_guest_exits - lab_span.exits, now);
}

static int lab_set_mark(const char *val, const struct kernel_param *kp)
{
	lab_marked(*val == '1' ? LAB_MARK_BEGIN : LAB_MARK_END);
	return 0;
}

static const struct kernel_param_ops lab_mark_ops = { .set = lab_set_mark };
module_param_cb(mark, &lab_mark_ops, NULL, 0200);

#ifdef CONFIG_X86
#define LAB_HYPERCALL	"kvm_hypercall"

static void lab_hypercall(void *data, unsigned long nr, unsigned long a0, unsigned long a1,
			  unsigned long a2, unsigned long a3)
{
	lab_marked(nr);
}
#else
#define LAB_HYPERCALL	"kvm_hvc_arm64"

static void lab_hypercall(void *data, unsigned long pc, unsigned long x0, unsigned long imm)
{
	lab_marked(x0);
}
#endif

/* Around all other probes, or before them alone. */
static struct lab_point {
	const char *name;
	void *before, *after;
	struct tracepoint *tp;
} lab_points[] = {
	{ .name = "kvm_entry", .before = lab_before_entry, .after = lab_after_entry },
	{ .name = "kvm_exit", .before = lab_before_exit, .after = lab_after_exit },
	{ .name = LAB_HYPERCALL, .before = lab_hypercall },
	{ .name = "irq_handler_entry", .before = lab_irq },
	{ .name = "local_timer_entry", .before = lab_irq },
};

static void lab_attach(struct tracepoint *tp, void *unused)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(lab_points); i++) {
		struct lab_point *p = &lab_points[i];

		if (p->tp || strcmp(p->name, tp->name))
			continue;
		p->tp = tp;
		tracepoint_probe_register_prio(tp, p->before, NULL, INT_MAX);
		if (p->after)
			tracepoint_probe_register_prio(tp, p->after, NULL, INT_MIN);
	}
}

/* Once for each module that is loaded; KVM stays. */
static int lab_tracepoints(struct notifier_block *nb, unsigned long event, void *data)
{
	struct module *mod = ((struct tp_module *)data)->mod;
	unsigned int i;

	for (i = 0; event == MODULE_STATE_COMING && i < mod->num_tracepoints; i++)
		lab_attach(tracepoint_ptr_deref(&mod->tracepoints_ptrs[i]), NULL);
	return NOTIFY_OK;
}

static struct notifier_block lab_tracepoints_nb = { .notifier_call = lab_tracepoints };

static void lab_detach(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(lab_points); i++) {
		struct lab_point *p = &lab_points[i];

		if (!p->tp)
			continue;
		tracepoint_probe_unregister(p->tp, p->before, NULL);
		if (p->after)
			tracepoint_probe_unregister(p->tp, p->after, NULL);
	}
	tracepoint_synchronize_unregister();
}

/* What lab_since() gives for nothing: the least of a few. */
static void __init lab_measure_nothing(void)
{
	unsigned long least = ULONG_MAX;
	int i;

	for (i = 0; i < 100; i++)
		least = min(least, lab_since(lab_stamp()));
	nothing = least;
}

static int __init lab_host_cost_init(void)
{
	int ret;

	lab_measure_nothing();
	ret = lab_events_init();
	if (ret)
		return ret;
	for_each_kernel_tracepoint(lab_attach, NULL);
	ret = register_tracepoint_module_notifier(&lab_tracepoints_nb);
	if (ret) {
		lab_detach();
		lab_events_exit();
	}
	return ret;
}
module_init(lab_host_cost_init);

static void __exit lab_host_cost_exit(void)
{
	unregister_tracepoint_module_notifier(&lab_tracepoints_nb);
	lab_detach();
	lab_events_exit();
}
module_exit(lab_host_cost_exit);

MODULE_DESCRIPTION("What vmcoop_host costs, for an emulated host");
MODULE_LICENSE("GPL");
