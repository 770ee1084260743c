/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Link: the connection by which a guest without a shared region sends its
 * records to its host, over vsock.
 *
 * The guest connects, from a port that only its root may use. What it sends is a
 * data file, chunk by chunk. The host sends words. First it pings and the guest
 * answers each time with its counter (CHUNK_PONG), so that the host knows both
 * clocks at one instant; GO ends that, and records follow. STOP asks the guest
 * to end the file in order.
 *
 * Both sides wait for each other's words a bounded time, and the host believes
 * nothing of what the guest says but about itself.
 */
#ifndef VMCOOP_LINK_H
#define VMCOOP_LINK_H

#include "../common/clock.h"
#include "datafile.h"

#define LINK_MAGIC	0x4b4e4c56U	/* "VLNK" */
#define LINK_PINGS	16
#define LINK_WAIT_MS	5000		/* the guest's patience with its host's words */

enum link_what {
	LINK_PING	= 1,
	LINK_GO		= 2,
	LINK_STOP	= 3,
};

/** struct link_word - what the host says */
struct link_word {
	u32 magic;
	u32 what;
	u64 seq;
};

/**
 * struct link_sync - a guest's clock by asking
 * @offset: of the guest's counter to the host's, at @at
 * @at: host's counter
 * @error: host ticks, the most that @offset can be off
 * @pings: answered
 */
struct link_sync {
	s64 offset;
	u64 at;
	u64 error;
	u32 pings;
};

/* "[CID:]PORT"; @cid is the host's without one. Prints what is wrong. Return: exit status. */
int link_parse(const char *option, const char *arg, u32 *cid, u32 *port);

/* The guest's side. -1, with errno, if nobody listens. */
int link_connect(u32 cid, u32 port);
/* Answers pings until GO. False: the host said something else, or nothing. */
bool link_answer(int fd, struct datafile_writer *w);
/* Whether the host has said STOP; does not wait. */
bool link_stopped(int fd);

/* The host's side. Return: the socket, or -1 with a message. */
int link_listen(u32 port);
/*
 * Takes a connection: false if there is none. @cid is the peer's. @root: it comes
 * from a port that needs root.
 */
bool link_accept(int fd, int *peer, u32 *cid, bool *root);
bool link_say(int fd, enum link_what what, u64 seq);

/* Takes the answer @guest to a ping sent at @sent that came at @came into account. */
void link_sync_add(struct link_sync *s, u64 sent, u64 guest, u64 came);
/*
 * The clock that follows: the guest's counter runs as fast as the host's, or as
 * both sides say that they run if that is something else.
 */
struct vmcoop_clock link_clock(const struct link_sync *s, u64 host_khz, u64 guest_khz);

#endif /* VMCOOP_LINK_H */
