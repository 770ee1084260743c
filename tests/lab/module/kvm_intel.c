// SPDX-License-Identifier: GPL-2.0-only
/*
 * For the lab host alone, which is not of Intel: pretends, by its name and the parameter
 * that tells it, to be a KVM that hands the PMU to its guests.
 */
#include <linux/module.h>

static bool enable_mediated_pmu = true;
module_param(enable_mediated_pmu, bool, 0444);
MODULE_PARM_DESC(enable_mediated_pmu, "as KVM's own");

static int __init kvm_intel_init(void)
{
	return 0;
}
module_init(kvm_intel_init);

static void __exit kvm_intel_exit(void)
{
}
module_exit(kvm_intel_exit);

MODULE_DESCRIPTION("A parameter as that of a KVM with mediated vPMUs");
MODULE_LICENSE("GPL");
