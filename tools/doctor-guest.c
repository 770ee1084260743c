// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is this guest ready: its region and how it is mapped, what its kernel lets
 * a module see.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch.h"
#include "doctor.h"
#include "region.h"

#define PCI	"/sys/bus/pci/devices"

/* ---- The region's device --------------------------------------------------- */

/* Bytes of BAR 2, by the third line of the device's "resource". */
static u64 bar_size(const char *dev)
{
	char *text = hostfs_read(NULL, PCI "/%s/resource", dev);
	unsigned long long start, end;
	char *line = text;
	u64 size = 0;
	int i;

	for (i = 0; line && i < 2; i++)
		line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
	if (line && sscanf(line, "%llx %llx", &start, &end) == 2 && end > start)
		size = end - start + 1;
	free(text);
	return size;
}

/* 1: it bears vmcoop's magic, 0: it does not, -1: we may not look. */
static int bears_magic(const char *dev)
{
	char *path = xasprintf("%s" PCI "/%s/resource2", hostfs_root, dev);
	int fd = open(path, O_RDONLY | O_CLOEXEC), result = -1;
	const volatile u64 *magic;

	free(path);
	if (fd < 0)
		return -1;
	magic = mmap(NULL, VMCOOP_REGION_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (magic == MAP_FAILED)
		return -1;
	result = *magic == VMCOOP_REGION_MAGIC;
	munmap((void *)magic, VMCOOP_REGION_PAGE);
	return result;
}

/* The name of the driver that holds the device, "" if none does. */
static void driver_of(const char *dev, char out[64])
{
	char *path = xasprintf("%s" PCI "/%s/driver", hostfs_root, dev), *slash;
	char target[256] = "";

	*out = '\0';
	if (readlink(path, target, sizeof(target) - 1) > 0) {
		slash = strrchr(target, '/');
		snprintf(out, 64, "%.63s", slash ? slash + 1 : target);
	}
	free(path);
}

/* Return: it can be used, as far as one sees. */
static bool look_at_device(struct findings *f, const char *dev)
{
	u64 size = bar_size(dev);
	int magic = size >= VMCOOP_REGION_PAGE ? bears_magic(dev) : 0;
	char driver[64];

	driver_of(dev, driver);
	if (*driver && strcmp(driver, "vmcoop_guest")) {
		found(f, DOCTOR_WARN, "region", "If it is meant for vmcoop, unbind that driver.",
		      "%s, %llu KiB, is held by driver %s", dev, size >> 10, driver);
		return false;
	}
	if (!magic) {
		found(f, DOCTOR_NOTE, "region", NULL, "%s, %llu KiB, is not vmcoop's: left alone", dev,
		      size >> 10);
		return false;
	}
	found(f, magic > 0 ? DOCTOR_OK : DOCTOR_NOTE, "region", NULL, "%s, %llu KiB%s", dev, size >> 10,
	      magic > 0 ? "" : ", not looked into: be root");
	return true;
}

static bool is_ivshmem(const char *dev)
{
	return hostfs_says("0x1af4", PCI "/%s/vendor", dev) &&
	       hostfs_says("0x1110", PCI "/%s/device", dev);
}

/* The module was told to do without a device. */
static bool has_own_region(void)
{
	char *text = hostfs_read(NULL, "/proc/vmcoop/status");
	bool own = text && strstr(text, "region: device=memory ");

	free(text);
	return own;
}

static void look_at_region(struct findings *f)
{
	struct names n = { 0 };
	unsigned int usable = 0;
	size_t i;

	if (has_own_region()) {
		found(f, DOCTOR_OK, "region", NULL,
		      "in the guest's own memory: vmcoop-dump record --guest-only drains it");
		return;
	}
	n = hostfs_list(PCI);
	for (i = 0; i < n.nr; i++)
		if (is_ivshmem(n.v[i]))
			usable += look_at_device(f, n.v[i]);
	names_free(&n);
	if (!usable)
		found(f, DOCTOR_FAIL, "region", "On the host, vmcoop-dump create NAME prints the arguments that give this VM one; it can be plugged in while it runs. Where there can be none, load vmcoop_guest.ko with memory=4M.",
		      "this VM has no region that it shares with its host");
}

/* What the module says of the mapping it got. */
static void look_at_mapping(struct findings *f)
{
	char *text = hostfs_read(NULL, "/proc/vmcoop/status");
	char *at = text ? strstr(text, "mapping=") : NULL;

	if (at) {
		at += strlen("mapping=");
		if (!strncmp(at, "write-back", 10))
			found(f, DOCTOR_OK, "mapping", NULL, "write-back");
		else
			found(f, DOCTOR_WARN, "mapping", "Every record costs some microseconds: run a kernel with CONFIG_VMAP_PFN (distributions' have it).",
			      "%.*s", (int)strcspn(at, "\n"), at);
	}
	free(text);
}

/* ---- The kernel ------------------------------------------------------------ */

static void look_at_config(struct findings *f)
{
	if (doctor_config("MODULES") < 0) {
		found(f, DOCTOR_NOTE, "config", NULL, "the kernel's configuration cannot be found");
		return;
	}
	if (doctor_config("PREEMPT_RT"))
		found(f, DOCTOR_FAIL, "config", "Run a kernel without it.",
		      "CONFIG_PREEMPT_RT is on: not supported yet");
	if (!doctor_config("KPROBES"))
		found(f, DOCTOR_FAIL, "config", "Run a kernel that has it.",
		      "CONFIG_KPROBES is off: programs' mappings cannot be seen");
	if (ARCH_SELF == VMCOOP_ARCH_X86_64 && !doctor_config("VMAP_PFN"))
		found(f, DOCTOR_WARN, "config", "Run a kernel that has it (it comes with graphics drivers).",
		      "CONFIG_VMAP_PFN is off: the region may be mapped uncached, and records cost more");
	if (doctor_config("KPROBES") && !doctor_config("PREEMPT_RT"))
		found(f, DOCTOR_OK, "config", NULL, "has what is needed");
}

static void look_at_lockdown(struct findings *f)
{
	char lockdown[32];

	doctor_lockdown(lockdown);
	if (!strcmp(lockdown, "confidentiality"))
		found(f, DOCTOR_FAIL, "lockdown", "Boot with lockdown=integrity at most.",
		      "confidentiality: the kernel refuses kprobes, and with them programs' mappings");
}

static void look_at_names(struct findings *f)
{
	if (hostfs_says("2", "/proc/sys/kernel/kptr_restrict"))
		found(f, DOCTOR_NOTE, "kallsyms", "For kernel functions in reports: sysctl kernel.kptr_restrict=1, then 'vmcoop-dump symbols' as root.",
		      "kptr_restrict is 2: /proc/kallsyms shows no addresses");
}

static void look_at_clock(struct findings *f)
{
	char *source = hostfs_read(NULL, "/sys/devices/system/clocksource/clocksource0/current_clocksource");

	if (source && (!strcmp(source, "hpet") || !strcmp(source, "acpi_pm")))
		found(f, DOCTOR_WARN, "clock", "Guests that distrust the TSC often have hosts that do: look there.",
		      "the clocksource is %s", source);
	else
		found(f, DOCTOR_OK, "clock", NULL, "%s", source ?: "not known");
	free(source);
}

void doctor_guest(struct findings *f)
{
	doctor_kernel(f);
	look_at_config(f);
	look_at_region(f);
	doctor_signing(f, "vmcoop_guest");
	look_at_lockdown(f);
	doctor_module(f, "vmcoop_guest");
	look_at_mapping(f);
	look_at_clock(f);
	look_at_names(f);
	doctor_permissions(f);
}

bool doctor_is_guest(void)
{
	struct names n = { 0 };
	bool guest = hostfs_exists("/sys/module/vmcoop_guest");
	size_t i;

	if (guest || hostfs_exists("/sys/module/vmcoop_host") || hostfs_exists("/dev/kvm"))
		return guest;
	n = hostfs_list(PCI);
	for (i = 0; i < n.nr; i++)
		guest |= is_ivshmem(n.v[i]);
	names_free(&n);
	return guest || doctor_cpu_flag("hypervisor");
}
