/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For the lab host alone: the perf events that vmcoop_host has made, found where perf
 * makes and releases them. vmcoop_host must be loaded later.
 */
#ifndef LAB_EVENTS_H
#define LAB_EVENTS_H

#include <linux/err.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/perf_event.h>

#define LAB_EVENTS	32

/* Free: NULL. Read from NMI, too. */
static struct perf_event *lab_events[LAB_EVENTS];
/* vmcoop_host, NULL while it is not there. */
static struct module *lab_target;

/* Called for each event as it is made; it does not count yet. */
static void lab_event_made(struct perf_event *event);

static bool lab_in_target(unsigned long addr)
{
	struct module *mod = READ_ONCE(lab_target);

	return mod && within_module(addr, mod);
}

static void lab_replace(struct perf_event *old, struct perf_event *new)
{
	int i;

	for (i = 0; i < LAB_EVENTS; i++) {
		if (cmpxchg(&lab_events[i], old, new) == old)
			return;
	}
}

static int lab_made(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct perf_event *event = (struct perf_event *)regs_return_value(regs);

	if (IS_ERR_OR_NULL(event) || !lab_in_target((unsigned long)event->overflow_handler))
		return 0;
	lab_event_made(event);
	lab_replace(NULL, event);
	return 0;
}

static struct kretprobe lab_make_probe = {
	.kp.symbol_name = "perf_event_create_kernel_counter",
	.handler = lab_made,
};

static int lab_released(struct kprobe *p, struct pt_regs *regs)
{
	lab_replace((struct perf_event *)regs_get_kernel_argument(regs, 0), NULL);
	return 0;
}

static struct kprobe lab_release_probe = {
	.symbol_name = "perf_event_release_kernel",
	.pre_handler = lab_released,
};

static int lab_module_event(struct notifier_block *nb, unsigned long action, void *data)
{
	struct module *mod = data;

	if (strcmp(mod->name, "vmcoop_host"))
		return NOTIFY_DONE;
	if (action == MODULE_STATE_COMING)
		WRITE_ONCE(lab_target, mod);
	else if (action == MODULE_STATE_GOING)
		WRITE_ONCE(lab_target, NULL);
	return NOTIFY_OK;
}

static struct notifier_block lab_module_nb = { .notifier_call = lab_module_event };

static int lab_events_init(void)
{
	int ret = register_kretprobe(&lab_make_probe);

	if (ret)
		return ret;
	ret = register_kprobe(&lab_release_probe);
	if (ret) {
		unregister_kretprobe(&lab_make_probe);
		return ret;
	}
	register_module_notifier(&lab_module_nb);
	return 0;
}

static void lab_events_exit(void)
{
	unregister_module_notifier(&lab_module_nb);
	unregister_kprobe(&lab_release_probe);
	unregister_kretprobe(&lab_make_probe);
}

#endif /* LAB_EVENTS_H */
