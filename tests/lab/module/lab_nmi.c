// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the lab host alone, which has no PMU: at each NMI, call the overflow handler of
 * vmcoop_host's events on that CPU, as perf does when a counter overflows there.
 *
 * The NMIs come from outside, by the emulator's monitor, and are real: they end a guest's
 * run, and interrupt whatever else the CPU does.
 */
#include <asm/nmi.h>

#include "lab_events.h"

static unsigned long nmis, overflows, amid;
module_param(nmis, ulong, 0444);
MODULE_PARM_DESC(nmis, "NMIs taken");
module_param(overflows, ulong, 0444);
MODULE_PARM_DESC(overflows, "overflow handlers called");
module_param(amid, ulong, 0444);
MODULE_PARM_DESC(amid, "NMIs that interrupted vmcoop_host");

static void lab_event_made(struct perf_event *event)
{
}

static void lab_overflow(struct perf_event *event, struct pt_regs *regs)
{
	struct perf_sample_data data;

	perf_sample_data_init(&data, 0, event->hw.last_period);
	event->overflow_handler(event, &data, regs);
	overflows++;
}

static int lab_nmi(unsigned int type, struct pt_regs *regs)
{
	int i;

	nmis++;
	amid += lab_in_target(regs->ip);
	for (i = 0; i < LAB_EVENTS; i++) {
		struct perf_event *event = READ_ONCE(lab_events[i]);

		if (event && event->cpu == smp_processor_id() &&
		    event->state == PERF_EVENT_STATE_ACTIVE)
			lab_overflow(event, regs);
	}
	return NMI_HANDLED;
}

static int __init lab_nmi_init(void)
{
	int ret = lab_events_init();

	if (ret)
		return ret;
	ret = register_nmi_handler(NMI_LOCAL, lab_nmi, 0, "lab");
	if (ret)
		lab_events_exit();
	return ret;
}
module_init(lab_nmi_init);

static void __exit lab_nmi_exit(void)
{
	unregister_nmi_handler(NMI_LOCAL, "lab");
	lab_events_exit();
}
module_exit(lab_nmi_exit);

MODULE_DESCRIPTION("Overflows of vmcoop_host's events by NMI, for an emulated host");
MODULE_LICENSE("GPL");
