/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Listener: guests that connect to a recording host and send their records
 * (link.h), each becoming one VM's rings in the host's file.
 *
 * Which VM a connection belongs to is told by the CID that the host's own kernel
 * gives it, never by what comes through it. All waits are bounded, and so is what
 * is taken from a guest in a round.
 */
#ifndef VMCOOP_LISTENER_H
#define VMCOOP_LISTENER_H

#include "capture.h"
#include "guestdata.h"

#define LISTENER_GUESTS	64
#define LISTENER_CIDS	256

/** struct listener_cid - a VM that the user names for a CID */
struct listener_cid {
	u32 cid;
	const char *vm;
};

/**
 * struct listener - connections of guests
 * @fd: where they come in, -1: nobody listens
 * @c: the recording
 * @khz: of the host's counter
 * @cids: as the user said
 */
struct listener {
	int fd;
	struct capture *c;
	u64 khz;
	const struct listener_cid *cids;
	size_t nr_cids;

	struct listener_guest *guests[LISTENER_GUESTS];
	u32 nr_guests;
	struct u64map refused;		/* CIDs: said so */
};

/* "CID=VM", into @cid, which points into @arg. Prints what is wrong. Return: exit status. */
int listener_parse_cid(const char *arg, struct listener_cid *cid);

int listener_open(struct listener *l, u32 port, struct capture *c, u64 khz);
/* For struct capture's @more, @ctx is the listener. */
u64 listener_round(void *ctx);
/* True when every guest that is connected has told its tasks. */
bool listener_settled(const struct listener *l);
u32 listener_connected(const struct listener *l);
/* Has all guests end, and takes what they still send. */
void listener_finish(struct listener *l);
void listener_free(struct listener *l);

/*
 * Takes over a connection of the guest with @cid, as if it had come in; the
 * listener closes it. False: refused.
 */
bool listener_take(struct listener *l, int fd, u32 cid, bool root);

#endif /* VMCOOP_LISTENER_H */
