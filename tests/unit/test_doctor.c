// SPDX-License-Identifier: GPL-2.0-only
/*
 * doctor: what it says of made-up machines, and that one fault changes one
 * verdict; VMs as /proc shows them.
 */
#include "../../tools/arch.h"
#include "../../tools/commands.h"
#include "../../tools/doctor.h"
#include "../../tools/region.h"
#include "../../tools/vmm.h"
#include "tap.h"
#include "tree.h"

static struct findings got;

/* The worst verdict on @topic, -1 without one. */
static int verdict(const char *topic)
{
	int worst = -1;
	size_t i;

	for (i = 0; i < got.nr; i++)
		if (!strcmp(got.v[i].topic, topic) && (int)got.v[i].verdict > worst)
			worst = got.v[i].verdict;
	return worst;
}

/* What was found on @topic says @text. */
static bool says(const char *topic, const char *text)
{
	size_t i;

	for (i = 0; i < got.nr; i++)
		if (!strcmp(got.v[i].topic, topic) && strstr(got.v[i].found, text))
			return true;
	return false;
}

static void machine(const char *config)
{
	tree_begin();
	tree_file("/proc/sys/kernel/osrelease", "6.1.0-44-amd64\n");
	tree_file("/boot/config-6.1.0-44-amd64", config);
	tree_file("/proc/cpuinfo", "processor : 0\nflags\t\t: fpu svm constant_tsc nonstop_tsc\n");
	tree_file("/proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n");
	tree_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n");
	tree_file("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
}

static void host(void)
{
	machine("# a comment\nCONFIG_PERF_EVENTS=y\nCONFIG_TRACEPOINTS=y\nCONFIG_MODULES=y\n"
		"# CONFIG_PREEMPT_RT is not set\n");
	tree_file("/dev/kvm", "");
	tree_file("/sys/module/kvm_amd/parameters/nested", "1\n");
	tree_file("/sys/module/vmcoop_host/version", VMCOOP_VERSION "\n");
	tree_file("/sys/bus/event_source/devices/cpu/type", "4\n");
}

static bool host_ready(void)
{
	static const struct offer good = { .sample = true, .count = true, .guest_only = true };

	findings_free(&got);
	doctor_host(&got, &good);
	return findings_ready(&got);
}

TEST(a_good_host_is_ready)
{
	size_t i;

	host();
	CHECK(host_ready());
	for (i = 0; i < got.nr; i++)
		CHECK(got.v[i].verdict <= DOCTOR_NOTE);
	CHECK(says("KVM", "kvm_amd"));
	CHECK(says("PMU", "guests only"));
	CHECK(!doctor_is_guest());
}

TEST(each_of_a_hosts_faults_is_named)
{
	static const struct offer absent = { .absent = true };

	host();
	tree_file("/proc/sys/kernel/osrelease", "5.15.0\n");
	CHECK(!host_ready());
	EQ(verdict("kernel"), DOCTOR_FAIL);
	EQ(verdict("config"), DOCTOR_NOTE);	/* of 5.15.0 none is there */

	host();
	tree_file("/boot/config-6.1.0-44-amd64", "CONFIG_MODULES=y\nCONFIG_PERF_EVENTS=m\n");
	CHECK(!host_ready());
	CHECK(says("config", "CONFIG_TRACEPOINTS"));

	host();
	tree_file("/sys/module/kvm_amd/parameters/enable_mediated_pmu", "Y\n");
	CHECK(host_ready());
	EQ(verdict("vPMU"), DOCTOR_WARN);

	host();
	tree_file("/sys/module/vmcoop_host/version", "0.0.1\n");
	host_ready();
	EQ(verdict("module"), DOCTOR_WARN);

	host();
	tree_file("/proc/self/status", "CapEff:\t0000000000000000\n");
	CHECK(host_ready());
	EQ(verdict("permissions"), DOCTOR_WARN);

	host();
	findings_free(&got);
	doctor_host(&got, &absent);
	CHECK(findings_ready(&got));
	EQ(verdict("PMU"), DOCTOR_WARN);

	machine("CONFIG_PERF_EVENTS=y\nCONFIG_TRACEPOINTS=y\nCONFIG_MODULES=y\n");
	CHECK(!host_ready());
	EQ(verdict("KVM"), DOCTOR_FAIL);
	EQ(verdict("module"), DOCTOR_FAIL);
}

TEST(an_unsteady_tsc_is_told)
{
	if (ARCH_SELF != VMCOOP_ARCH_X86_64)
		SKIP("of x86");
	host();
	tree_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
	host_ready();
	EQ(verdict("clock"), DOCTOR_WARN);
	host();
	tree_file("/proc/cpuinfo", "flags : svm\n");
	host_ready();
	EQ(verdict("clock"), DOCTOR_WARN);
}

TEST(secure_boot_matters_until_the_module_is_loaded)
{
	machine("CONFIG_MODULES=y\n");
	tree_bytes("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
		   "\6\0\0\0\1", 5);
	tree_file("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	host_ready();
	EQ(verdict("signing"), DOCTOR_WARN);
	CHECK(says("signing", "Secure Boot on, lockdown integrity"));
	tree_file("/sys/module/vmcoop_host/version", VMCOOP_VERSION "\n");
	host_ready();
	EQ(verdict("signing"), DOCTOR_OK);
	machine("CONFIG_MODULES=y\n");
	tree_file("/sys/module/module/parameters/sig_enforce", "Y\n");
	host_ready();
	EQ(verdict("signing"), DOCTOR_WARN);
}

/* A process that has a VM, and perhaps a region. */
static void vm(u32 pid, const char *cmdline, size_t len)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
	tree_bytes(path, cmdline, len);
	snprintf(path, sizeof(path), "/proc/%u/fd/9", pid);
	tree_link(path, "anon_inode:kvm-vm");
	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	tree_file(path, "00400000-00401000 r-xp 00000000 08:01 7 /bin/qemu\n");
}

TEST(vms_without_a_region_are_named)
{
	static const char hostile[] = "qemu\0-name\0guest=a\033[2Jb\n\0";
	u32 pids[8];

	host();
	vm(4711, hostile, sizeof(hostile));
	tree_link("/proc/4712/fd/3", "/dev/kvm");
	tree_file("/proc/4712/cmdline", "something");
	EQ(vmm_list(pids, 8), 1);
	EQ(pids[0], 4711);
	EQ(vmm_list(pids, 0), 0);
	CHECK(host_ready());
	EQ(verdict("VM"), DOCTOR_WARN);
	/* Escaped when it is shown. */
	CHECK(says("VM", "a\033[2Jb\n (pid 4711) has no region"));
}

/* ---- Guests ---------------------------------------------------------------- */

static void guest(void)
{
	char page[VMCOOP_REGION_PAGE] = "VMCORGN1";

	machine("CONFIG_MODULES=y\nCONFIG_KPROBES=y\nCONFIG_VMAP_PFN=y\n");
	tree_file("/sys/bus/pci/devices/0000:00:02.0/vendor", "0x1af4\n");
	tree_file("/sys/bus/pci/devices/0000:00:02.0/device", "0x1110\n");
	tree_file("/sys/bus/pci/devices/0000:00:02.0/resource",
		  "0xfebd1000 0xfebd10ff 0x40200\n0x0 0x0 0x0\n0xfe400000 0xfe7fffff 0x14220c\n");
	tree_bytes("/sys/bus/pci/devices/0000:00:02.0/resource2", page, sizeof(page));
	tree_file("/sys/module/vmcoop_guest/version", VMCOOP_VERSION "\n");
	tree_file("/proc/vmcoop/status", "abi: 1\nregion: device=x size=4 mapping=write-back epoch=1\n");
}

static bool guest_ready(void)
{
	findings_free(&got);
	doctor_guest(&got);
	return findings_ready(&got);
}

TEST(a_good_guest_is_ready)
{
	size_t i;

	guest();
	CHECK(doctor_is_guest());
	CHECK(guest_ready());
	for (i = 0; i < got.nr; i++)
		EQ(got.v[i].verdict, DOCTOR_OK);
	CHECK(says("region", "4096 KiB"));
}

TEST(each_of_a_guests_faults_is_named)
{
	char zeros[VMCOOP_REGION_PAGE] = "";

	guest();
	tree_bytes("/sys/bus/pci/devices/0000:00:02.0/resource2", zeros, sizeof(zeros));
	CHECK(!guest_ready());
	CHECK(says("region", "is not vmcoop's"));
	EQ(verdict("region"), DOCTOR_FAIL);

	guest();
	tree_link("/sys/bus/pci/devices/0000:00:02.0/driver", "../../../bus/pci/drivers/uio_ivshmem");
	CHECK(!guest_ready());
	CHECK(says("region", "uio_ivshmem"));

	guest();
	tree_file("/boot/config-6.1.0-44-amd64", "CONFIG_MODULES=y\nCONFIG_KPROBES=y\nCONFIG_PREEMPT_RT=y\n");
	CHECK(!guest_ready());
	CHECK(says("config", "PREEMPT_RT"));

	guest();
	tree_file("/boot/config-6.1.0-44-amd64", "CONFIG_MODULES=y\nCONFIG_KPROBES_ON_FTRACE=y\n");
	CHECK(!guest_ready());
	CHECK(says("config", "CONFIG_KPROBES is off"));

	guest();
	tree_file("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
	CHECK(!guest_ready());
	EQ(verdict("lockdown"), DOCTOR_FAIL);

	guest();
	tree_file("/proc/vmcoop/status", "region: device=x size=4 mapping=uncached epoch=1\n");
	CHECK(guest_ready());
	EQ(verdict("mapping"), DOCTOR_WARN);

	guest();
	tree_file("/proc/sys/kernel/kptr_restrict", "2\n");
	CHECK(guest_ready());
	EQ(verdict("kallsyms"), DOCTOR_NOTE);

	machine("CONFIG_MODULES=y\nCONFIG_KPROBES=y\n");
	CHECK(!guest_ready());
	EQ(verdict("region"), DOCTOR_FAIL);
	EQ(verdict("module"), DOCTOR_FAIL);
}

TEST(an_empty_machine_is_no_crash)
{
	tree_begin();
	CHECK(!host_ready());
	CHECK(!guest_ready());
	findings_free(&got);
}

TESTS(
	RUN(a_good_host_is_ready),
	RUN(each_of_a_hosts_faults_is_named),
	RUN(an_unsteady_tsc_is_told),
	RUN(secure_boot_matters_until_the_module_is_loaded),
	RUN(vms_without_a_region_are_named),
	RUN(a_good_guest_is_ready),
	RUN(each_of_a_guests_faults_is_named),
	RUN(an_empty_machine_is_no_crash)
)
