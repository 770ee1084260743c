/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's shared region as the host's tool sees it: made, opened, checked.
 *
 * The guest and its QEMU may write anything to it at any time, and truncate
 * its file: what is used of it is copied out first and checked there, and a
 * fault on the mapping turns the region into zeros and sets @gone, nothing
 * more.
 */
#ifndef VMCOOP_REGION_H
#define VMCOOP_REGION_H

#include <sys/types.h>

#include "../common/abi.h"
#include "../common/ring.h"
#include "util.h"

#define REGION_DIR	"/dev/shm/vmcoop"
#define REGION_MIN	(256ULL << 10)
#define REGION_MAX	(1ULL << 30)
#define REGION_WHY	128
#define REGION_DEVICE	"/dev/vmcoop"

/**
 * struct region - a mapped region file
 * @path: as it was opened
 * @dev: device of the file
 * @ino: inode of the file
 * @size: bytes mapped
 * @mem: the mapping
 * @gone: the file was truncated or its memory ran out: @mem shows zeros now
 */
struct region {
	char *path;
	dev_t dev;
	ino_t ino;
	u64 size;
	struct vmcoop_region *mem;
	volatile bool gone;
};

/**
 * struct region_setup - the guest's part of a region, copied and checked
 */
struct region_setup {
	u64 epoch;
	u32 state;
	u32 arch;
	u32 nr_rings;
	u64 ring_off, ring_stride, data_size;
	u64 unread;
	u64 clock_khz;
	char release[65];
};

bool region_size_ok(u64 size);

/* Makes and initialises the region file @path; prints why if it cannot. */
int region_create(const char *path, u64 size, gid_t gid, uid_t uid, mode_t mode);

/* What region_open() found; all but the first leave @r untouched. */
enum region_state {
	REGION_OK,
	REGION_FOREIGN,		/* a regular file without vmcoop's magic */
	REGION_BAD,		/* ours, but not usable; @why says why not */
	REGION_UNREADABLE,	/* cannot be opened; errno says why */
};

enum region_state region_open(struct region *r, const char *path, char why[REGION_WHY]);

/*
 * In a guest: the region of its own that vmcoop_guest.ko has in memory. Prints
 * why if it cannot. Return: exit status.
 */
int region_open_device(struct region *r);
void region_close(struct region *r);

/*
 * Copies the guest's part of @r to @s. Return: 0; -EAGAIN if the guest has not
 * set the region up, or is about to; -EPROTO if what it wrote cannot be, with
 * the reason in @why.
 */
int region_read_setup(const struct region *r, struct region_setup *s, const char **why);

/* Ring @i of a set-up that region_read_setup() has approved. */
void region_ring(const struct region *r, const struct region_setup *s, u32 i,
		 struct vmcoop_ring *ring);

#endif /* VMCOOP_REGION_H */
