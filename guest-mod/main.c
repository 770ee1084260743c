// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop_guest: tells the host what software runs on each vCPU, and when.
 *
 * Task, mode and instruction pointer at the scheduler's ticks, task switches,
 * and what names tasks and their code go to a ring for each CPU in a region
 * shared with the host, or of the guest's own. Recording is plain stores to
 * cached memory: no hypercall, no I/O and no timer, so no VM exit.
 */
#include "guest.h"

static bool started;

int vmcoop_guest_start(struct vmcoop_region *region, u64 size, const char *name)
{
	int err;

	err = vmcoop_rings_setup(region, size, name);
	if (err)
		return err;
	err = vmcoop_focus_start();
	if (err)
		goto err_rings;
	vmcoop_buildid_start();
	err = vmcoop_tasks_start();
	if (err)
		goto err_rings;
	err = vmcoop_cgroup_start();
	if (err)
		goto err_tasks;
	err = vmcoop_tick_start();
	if (err)
		goto err_cgroup;
	err = vmcoop_cpus_start();
	if (err)
		goto err_tick;
	vmcoop_modules_start();
	vmcoop_snapshot_start();
	err = vmcoop_proc_init();
	if (err)
		goto err_cpus;
	started = true;
	pr_info("recording to %s: %u rings of %llu KiB\n", name, nr_cpu_ids,
		vmcoop_rings.data_size >> 10);
	return 0;

err_cpus:
	vmcoop_modules_stop();
	vmcoop_cpus_stop();
err_tick:
	vmcoop_tick_stop();
err_cgroup:
	vmcoop_cgroup_stop();
err_tasks:
	vmcoop_tasks_stop();
err_rings:
	vmcoop_probes_sync();
	vmcoop_snapshot_stop();
	vmcoop_buildid_stop();
	vmcoop_focus_stop();
	vmcoop_rings_teardown();
	return err;
}

void vmcoop_guest_stop(void)
{
	if (!started)
		return;
	started = false;
	vmcoop_proc_exit();
	vmcoop_modules_stop();
	vmcoop_cpus_stop();
	vmcoop_tick_stop();
	vmcoop_cgroup_stop();
	vmcoop_tasks_stop();
	vmcoop_probes_sync();
	vmcoop_snapshot_stop();
	vmcoop_buildid_stop();
	vmcoop_focus_stop();
	vmcoop_rings_teardown();
}

static int __init vmcoop_guest_init(void)
{
	int err;

	/* d_path() may sleep there, in places where a record is made. */
	if (IS_ENABLED(CONFIG_PREEMPT_RT)) {
		pr_err("PREEMPT_RT kernels are not supported yet\n");
		return -EOPNOTSUPP;
	}
	err = vmcoop_tick_check();
	if (err)
		return err;
	return vmcoop_memory_wanted() ? vmcoop_memory_init() : vmcoop_device_init();
}

static void __exit vmcoop_guest_exit(void)
{
	if (vmcoop_memory_wanted())
		vmcoop_memory_exit();
	else
		vmcoop_device_exit();
}

module_init(vmcoop_guest_init);
module_exit(vmcoop_guest_exit);

MODULE_DESCRIPTION("vmcoop: the guest's software state, streamed to its host");
MODULE_AUTHOR("The vmcoop authors");
MODULE_LICENSE("GPL");
