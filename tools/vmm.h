/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /proc tells of a VM's process on the host.
 */
#ifndef VMCOOP_VMM_H
#define VMCOOP_VMM_H

#include <sys/types.h>

#include "util.h"

#define VMM_NAME_MAX	128
#define VMM_UUID_MAX	37

/**
 * struct vmm_id - how people call a VM
 * @name: QEMU's and libvirt's -name, Firecracker's --id, else the process's own name,
 *	else "pid-N". Any bytes but NUL.
 * @uuid: QEMU's and libvirt's -uuid in lower case, "" without
 * @cid: of its vsock device, 0 without
 */
struct vmm_id {
	char name[VMM_NAME_MAX];
	char uuid[VMM_UUID_MAX];
	u32 cid;
};

void vmm_identify(u32 pid, struct vmm_id *id);

/* The same from a command line, as in /proc/PID/cmdline; what is not in it stays "". */
void vmm_id_from_cmdline(const char *cmdline, size_t len, struct vmm_id *id);

/* True if @wanted is the VM's pid, its UUID, its name, or a pattern (web*) for it. */
bool vmm_matches(const struct vmm_id *id, u32 pid, const char *wanted);

/* Processes that have a VM of KVM's, at most @max. Others' are seen by root alone. */
size_t vmm_list(u32 *pids, size_t max);

/* The VM whose vsock device has this CID; 0 if there is none. */
u32 vmm_of_cid(u32 cid);

/* When the process began, in the kernel's ticks; 0 if there is no such process. */
u64 vmm_start_time(u32 pid);

/* True if the process maps the file @dev, @ino. */
bool vmm_maps_file(u32 pid, dev_t dev, ino_t ino);

#endif /* VMCOOP_VMM_H */
