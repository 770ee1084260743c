// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is this host ready: KVM, its PMU, its clock, VMs and their regions.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "arch.h"
#include "doctor.h"
#include "region.h"
#include "vmm.h"

#define MAX_VMS	1024

static void look_at_kvm(struct findings *f)
{
	const char *module = hostfs_exists("/sys/module/kvm_intel") ? "kvm_intel" :
			     hostfs_exists("/sys/module/kvm_amd") ? "kvm_amd" : "built in";

	if (hostfs_exists("/dev/kvm"))
		found(f, DOCTOR_OK, "KVM", NULL, "%s", module);
	else if (ARCH_SELF == VMCOOP_ARCH_X86_64 && !doctor_cpu_flag("vmx") &&
		 !doctor_cpu_flag("svm"))
		found(f, DOCTOR_FAIL, "KVM", "Switch virtualization (VT-x, AMD-V) on in the firmware; in a VM, have nested virtualization.",
		      "the CPU offers no virtualization");
	else
		found(f, DOCTOR_FAIL, "KVM", "Load kvm_intel or kvm_amd; on arm64 boot at EL2.",
		      "there is no /dev/kvm");
}

/* The CPU's own PMU, by the names that drivers have for it. */
static bool cpu_pmu(char name[PMU_NAME_MAX])
{
	static const char *const starts[] = { "cpu", "armv8_", "arm_", "apple_" };
	struct names n = pmu_list();
	bool found_one = false;
	size_t i, j;

	for (i = 0; i < n.nr && !found_one; i++) {
		for (j = 0; j < ARRAY_SIZE(starts); j++)
			found_one |= !strncmp(n.v[i], starts[j], strlen(starts[j]));
		if (found_one)
			snprintf(name, PMU_NAME_MAX, "%s", n.v[i]);
	}
	names_free(&n);
	return found_one;
}

static void look_at_pmu(struct findings *f, const struct offer *cycles)
{
	char name[PMU_NAME_MAX];

	if (!cpu_pmu(name) || cycles->absent)
		found(f, DOCTOR_WARN, "PMU", "Only cpu-clock can be sampled: time, no cache misses or stalls. In a VM, have a virtual PMU (-cpu host,pmu=on).",
		      "no hardware events on this machine");
	else if (cycles->sample)
		found(f, DOCTOR_OK, "PMU", NULL, "%s: cycles can be sampled%s", name,
		      cycles->guest_only ? ", in guests only by the PMU itself" : "");
	else
		found(f, DOCTOR_NOTE, "PMU", NULL, "%s: %s", name, cycles->why ?: "cycles count, without samples");
	if (hostfs_says("1", "/proc/sys/kernel/nmi_watchdog"))
		found(f, DOCTOR_NOTE, "watchdog", "sysctl kernel.nmi_watchdog=0 frees it.",
		      "the NMI watchdog holds one hardware counter");
}

static void look_at_mediation(struct findings *f)
{
	if (kvm_mediates_pmu())
		found(f, DOCTOR_WARN, "vPMU", "For hardware events load kvm_intel or kvm_amd with enable_mediated_pmu=0; cpu-clock works as it is.",
		      "KVM's mediated vPMU is on: it gives guests the PMU whole, and hardware events of ours could keep VMs from starting");
	else
		found(f, DOCTOR_OK, "vPMU", NULL, "not mediated: the PMU is the host's");
}

static void look_at_clock(struct findings *f)
{
	char *source = hostfs_read(NULL, "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	bool x86 = ARCH_SELF == VMCOOP_ARCH_X86_64;

	if (x86 && (!doctor_cpu_flag("constant_tsc") || !doctor_cpu_flag("nonstop_tsc")))
		found(f, DOCTOR_WARN, "clock", "Watch the join quality in the report's head.",
		      "the TSC is not said to be constant (constant_tsc, nonstop_tsc)");
	else if (x86 && source && strcmp(source, "tsc"))
		found(f, DOCTOR_WARN, "clock", "The kernel may have found the TSC unstable: see dmesg.",
		      "the clocksource is %s, not the TSC", source);
	else
		found(f, DOCTOR_OK, "clock", NULL, "%s", source ?: "not known");
	free(source);
}

static void look_at_config(struct findings *f)
{
	static const char *const needed[] = { "PERF_EVENTS", "TRACEPOINTS", "MODULES" };
	bool missing = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(needed); i++) {
		if (doctor_config(needed[i]))
			continue;
		missing = true;
		found(f, DOCTOR_FAIL, "config", "Run a kernel that has it.", "CONFIG_%s is off",
		      needed[i]);
	}
	if (!missing)
		found(f, doctor_config("MODULES") < 0 ? DOCTOR_NOTE : DOCTOR_OK, "config", NULL, "%s",
		      doctor_config("MODULES") < 0 ? "the kernel's configuration cannot be found" :
		      doctor_config("PREEMPT_RT") > 0 ? "complete; PREEMPT_RT" : "complete");
}

/* The region that the VM maps. */
static bool has_region(u32 pid, const struct names *regions)
{
	struct stat st;
	size_t i;

	for (i = 0; i < regions->nr; i++) {
		char *path = xasprintf("%s" REGION_DIR "/%s", hostfs_root, regions->v[i]);
		bool maps = !stat(path, &st) && vmm_maps_file(pid, st.st_dev, st.st_ino);

		free(path);
		if (maps)
			return true;
	}
	return false;
}

static void look_at_vms(struct findings *f)
{
	struct names regions = hostfs_list(REGION_DIR);
	u32 *pids = xcalloc(MAX_VMS, sizeof(*pids));
	size_t nr = vmm_list(pids, MAX_VMS), i, with = 0;

	for (i = 0; i < nr; i++) {
		struct vmm_id id;

		if (has_region(pids[i], &regions)) {
			with++;
			continue;
		}
		vmm_identify(pids[i], &id);
		found(f, DOCTOR_WARN, "VM", "vmcoop-dump create NAME prints what its QEMU needs; without, the host's samples stay without processes.",
		      "%s (pid %u) has no region", id.name, pids[i]);
	}
	if (!nr)
		found(f, DOCTOR_NOTE, "VMs", NULL, "none is to be seen; %zu regions in " REGION_DIR,
		      regions.nr);
	else if (with)
		found(f, DOCTOR_OK, "VMs", NULL, "%zu of %zu have a region", with, nr);
	free(pids);
	names_free(&regions);
}

void doctor_host(struct findings *f, const struct offer *cycles)
{
	doctor_kernel(f);
	look_at_config(f);
	look_at_kvm(f);
	look_at_pmu(f, cycles);
	look_at_mediation(f);
	look_at_clock(f);
	doctor_signing(f, "vmcoop_host");
	doctor_module(f, "vmcoop_host");
	doctor_permissions(f);
	look_at_vms(f);
}
