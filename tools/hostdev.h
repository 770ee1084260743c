/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/vmcoop: the host module's events and rings.
 */
#ifndef VMCOOP_HOSTDEV_H
#define VMCOOP_HOSTDEV_H

#include "../common/abi.h"
#include "../common/ring.h"
#include "util.h"

#define HOSTDEV_PATH	"/dev/vmcoop"

/**
 * struct hostdev - the open device
 * @fd: the device
 * @info: what it said of itself, checked
 * @rings: info.nr_rings of them, mapped
 */
struct hostdev {
	int fd;
	struct vmcoop_host_info info;
	struct vmcoop_ring *rings;
};

/* Opens the device and maps its rings; prints why if it cannot. */
int hostdev_open(struct hostdev *d);
void hostdev_close(struct hostdev *d);

/*
 * Gives the module a command (record-format.md has them); prints why if it is
 * refused. Settings last until the device is closed.
 */
int hostdev_command(struct hostdev *d, const char *fmt, ...) __printf(2, 3);

/* Asks anew for what commands may have changed of @info. */
int hostdev_update(struct hostdev *d);

int hostdev_start(struct hostdev *d);
int hostdev_stop(struct hostdev *d);
int hostdev_event(struct hostdev *d, u32 index, struct vmcoop_host_event *ev);

#endif /* VMCOOP_HOSTDEV_H */
