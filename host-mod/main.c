// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop_host: counts hardware events while virtual machines run, and tells
 * which vCPU each overflow belongs to. Parameters, and the order in which the
 * parts come and go.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/moduleparam.h>

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

static char *max_vcpus = "1024";
module_param(max_vcpus, charp, 0444);
MODULE_PARM_DESC(max_vcpus, "vCPUs that can be followed at a time (default: 1024)");

static bool autostart = true;
module_param(autostart, bool, 0444);
MODULE_PARM_DESC(autostart, "start the events at once (default: 1); 0 waits for the tool");

static int __init vh_params(u64 *ring_size, u64 *vcpus)
{
	u64 kb;
	int ret = vh_parse_u64("ring_kb", ring_kb, VH_RING_KB_MIN, VH_RING_KB_MAX, &kb);

	if (ret)
		return ret;
	*ring_size = kb << 10;
	if (!vmcoop_ring_size_ok(*ring_size)) {
		pr_err("ring_kb=%llu: must be a power of two\n", kb);
		return -EINVAL;
	}
	return vh_parse_u64("max_vcpus", max_vcpus, 1, VH_MAX_VCPUS_MAX, vcpus);
}

static int __init vh_init(void)
{
	const char *trouble = vh_arch_clock_trouble();
	u64 ring_size, vcpus;
	int ret;

	ret = vh_params(&ring_size, &vcpus);
	if (ret)
		return ret;
	ret = vh_events_init(event, period, freq);
	if (ret)
		return ret;
	ret = vh_rings_init(ring_size);
	if (ret)
		return ret;
	ret = vh_vcpus_init(vcpus);
	if (ret)
		goto err_rings;
	ret = vh_probes_init();
	if (ret)
		goto err_vcpus;
	ret = vh_dev_init();
	if (ret)
		goto err_probes;
	ret = vh_proc_init();
	if (ret)
		goto err_dev;
	if (autostart)
		ret = vh_events_start();
	if (ret)
		goto err_proc;
	if (trouble)
		pr_warn("%s: guests' stamps will not fit the host's\n", trouble);
	return 0;

err_proc:
	vh_proc_exit();
err_dev:
	vh_dev_exit();
err_probes:
	vh_probes_exit();
err_vcpus:
	vh_vcpus_exit();
err_rings:
	vh_rings_exit();
	return ret;
}

static void __exit vh_exit(void)
{
	vh_proc_exit();
	vh_dev_exit();
	vh_events_stop();
	vh_probes_exit();
	vh_vcpus_exit();
	vh_rings_exit();
}

module_init(vh_init);
module_exit(vh_exit);

MODULE_DESCRIPTION("Hardware events of virtual machines, attributed to their vCPUs");
MODULE_LICENSE("GPL");
MODULE_VERSION(VH_VERSION);
