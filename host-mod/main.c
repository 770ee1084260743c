// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop_host: counts hardware events while virtual machines run, and tells
 * which vCPU each overflow belongs to. Parameters, and the order in which the
 * parts come and go.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/time64.h>

#include "arch.h"

#define VH_RING_KB_MIN		(VMCOOP_RING_MIN >> 10)
#define VH_RING_KB_MAX		(VMCOOP_RING_MAX >> 10)
#define VH_MAX_VCPUS_MAX	65536

/*
 * As text, so that a refusal can name the parameter and what it takes, and
 * so that 0 is not "not given".
 */
static char *event;
module_param(event, charp, 0444);
MODULE_PARM_DESC(event, "events, separated by commas (default: cycles, or cpu-clock without a PMU)");

static char *period;
module_param(period, charp, 0444);
MODULE_PARM_DESC(period, "events between two samples, ns for cpu-clock (default: by event, a prime)");

static char *freq;
module_param(freq, charp, 0444);
MODULE_PARM_DESC(freq, "samples a second and CPU, instead of period=");

static char *ring_kb = "512";
module_param(ring_kb, charp, 0444);
MODULE_PARM_DESC(ring_kb, "KiB of each ring, a power of two; there are two rings a CPU (default: 512)");

static char *vms = "all";
module_param(vms, charp, 0444);
MODULE_PARM_DESC(vms, "VMs to look at: all, or pid=N,comm=NAME,... (default: all)");

static char *count_us = "100";
module_param(count_us, charp, 0444);
MODULE_PARM_DESC(count_us, "least us between two counts of a vCPU within a run slice (default: 100)");

static char *max_vcpus = "1024";
module_param(max_vcpus, charp, 0444);
MODULE_PARM_DESC(max_vcpus, "vCPUs that can be followed at a time (default: 1024)");

static bool autostart = true;
module_param(autostart, bool, 0444);
MODULE_PARM_DESC(autostart, "start the events at once (default: 1); 0 waits for the tool");

static int __init vh_param_text(const char *name, const char *text, char *to, size_t size)
{
	if (!text || strscpy(to, text, size) >= 0)
		return 0;
	vh_err("%s=: longer than %zu bytes", name, size - 1);
	return -EINVAL;
}

static int __init vh_param_rate(struct vh_settings *settings)
{
	if (period && freq) {
		vh_err("period=%.32s and freq=%.32s: give one of them", period, freq);
		return -EINVAL;
	}
	if ((period || freq) && snprintf(settings->rate, sizeof(settings->rate), "%s %s",
					 period ? "period" : "freq",
					 period ? period : freq) >= sizeof(settings->rate)) {
		vh_err("%s: not a number", period ? "period" : "freq");
		return -EINVAL;
	}
	return 0;
}

static int __init vh_params(struct vh_settings *settings, u64 *ring_size, u64 *vcpus)
{
	u64 kb;

	if (vh_parse_u64("ring_kb", ring_kb, VH_RING_KB_MIN, VH_RING_KB_MAX, &kb))
		return -EINVAL;
	*ring_size = kb << 10;
	if (!vmcoop_ring_size_ok(*ring_size)) {
		vh_err("ring_kb=%llu: must be a power of two", kb);
		return -EINVAL;
	}
	if (vh_parse_u64("max_vcpus", max_vcpus, 1, VH_MAX_VCPUS_MAX, vcpus) ||
	    vh_parse_u64("count_us", count_us, 1, USEC_PER_SEC, &settings->count_us) ||
	    vh_param_text("event", event, settings->events, sizeof(settings->events)) ||
	    vh_param_text("vms", vms, settings->vms, sizeof(settings->vms)))
		return -EINVAL;
	return vh_param_rate(settings);
}

/* The tables that what is loaded later writes to. */
static int __init vh_tables_init(u64 ring_size, unsigned int vcpus)
{
	int ret = vh_rings_init(ring_size);

	if (ret)
		return ret;
	ret = vh_vms_init(vcpus);
	if (ret)
		goto err_rings;
	ret = vh_vcpus_init(vcpus);
	if (ret)
		goto err_vms;
	return 0;

err_vms:
	vh_vms_exit();
err_rings:
	vh_rings_exit();
	return ret;
}

static void vh_tables_exit(void)
{
	vh_vcpus_exit();
	vh_vms_exit();
	vh_rings_exit();
}

/*
 * The events come last: all that their overflows need is there by then, and
 * whoever looks sees them chosen.
 */
static int __init vh_init(void)
{
	static struct vh_settings settings __initdata;
	const char *trouble = vh_arch_clock_trouble();
	u64 ring_size, vcpus;
	int ret;

	ret = vh_params(&settings, &ring_size, &vcpus);
	if (ret)
		return ret;
	ret = vh_tables_init(ring_size, vcpus);
	if (ret)
		return ret;
	ret = vh_events_init();
	if (ret)
		goto err_tables;
	ret = vh_probes_init();
	if (ret)
		goto err_worker;
	ret = vh_mediated_init();
	if (ret)
		goto err_probes;
	ret = vh_control_init(&settings, autostart);
	if (ret)
		goto err_events;
	ret = vh_dev_init();
	if (ret)
		goto err_events;
	ret = vh_proc_init();
	if (ret)
		goto err_dev;
	if (trouble)
		pr_warn("%s: guests' stamps will not fit the host's\n", trouble);
	return 0;

err_dev:
	vh_dev_exit();
err_events:
	vh_mediated_exit();
	vh_control_exit();
err_probes:
	vh_probes_exit();
err_worker:
	vh_events_exit();
err_tables:
	vh_tables_exit();
	return ret;
}

static void __exit vh_exit(void)
{
	vh_proc_exit();
	vh_dev_exit();
	vh_mediated_exit();
	vh_control_exit();
	vh_probes_exit();
	vh_events_exit();
	vh_tables_exit();
}

module_init(vh_init);
module_exit(vh_exit);

MODULE_DESCRIPTION("Hardware events of virtual machines, attributed to their vCPUs");
MODULE_LICENSE("GPL");
MODULE_VERSION(VH_VERSION);
