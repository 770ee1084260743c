/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What /proc tells of a VM's process on the host.
 */
#ifndef VMCOOP_VMM_H
#define VMCOOP_VMM_H

#include <sys/types.h>

#include "util.h"

#define VMM_NAME_MAX	128

/*
 * The VM's name as people gave it: QEMU's -name, Firecracker's --id, else the
 * process's own name, else "pid-N". Any bytes but NUL.
 */
void vmm_name(u32 pid, char name[VMM_NAME_MAX]);

/* The same from a command line, as in /proc/PID/cmdline; false if none is in it. */
bool vmm_name_from_cmdline(const char *cmdline, size_t len, char name[VMM_NAME_MAX]);

/* When the process began, in the kernel's ticks; 0 if there is no such process. */
u64 vmm_start_time(u32 pid);

/* True if the process maps the file @dev, @ino. */
bool vmm_maps_file(u32 pid, dev_t dev, ino_t ino);

#endif /* VMCOOP_VMM_H */
