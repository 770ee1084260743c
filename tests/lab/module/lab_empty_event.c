// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the lab host alone: a perf event whose overflow handler does nothing, on CPU 0. What
 * it costs is what every profiler by that event pays.
 */
#include <linux/err.h>
#include <linux/module.h>
#include <linux/perf_event.h>

static uint type = PERF_TYPE_SOFTWARE, config = PERF_COUNT_SW_CPU_CLOCK;
static ulong period = 1000003;
static ulong calls;
module_param(type, uint, 0444);
module_param(config, uint, 0444);
module_param(period, ulong, 0444);
module_param(calls, ulong, 0444);
MODULE_PARM_DESC(calls, "of the handler");

static struct perf_event *event;

static void lab_nothing(struct perf_event *event, struct perf_sample_data *data,
			struct pt_regs *regs)
{
	calls++;
}

static int __init lab_empty_event_init(void)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = type,
		.config = config,
		.sample_period = period,
		.pinned = 1,
	};

	event = perf_event_create_kernel_counter(&attr, 0, NULL, lab_nothing, NULL);
	return PTR_ERR_OR_ZERO(event);
}
module_init(lab_empty_event_init);

static void __exit lab_empty_event_exit(void)
{
	perf_event_release_kernel(event);
}
module_exit(lab_empty_event_exit);

MODULE_DESCRIPTION("An event that does nothing, for an emulated host");
MODULE_LICENSE("GPL");
