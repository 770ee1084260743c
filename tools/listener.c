// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that send their records: see listener.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "arch.h"
#include "link.h"
#include "listener.h"

#define ROUND_BYTES	(4U << 20)	/* of one guest in one round */
#define PING_MS		100	/* for each answer */
#define SYNC_NS		(400 * 1000000ULL)	/* for all of them, and what precedes them */
#define AGAIN_NS	NSEC_PER_SEC	/* a guest may connect so often */
#define HOLD_MS		3000		/* the most that one holds the merge up */
#define END_NS		(2 * NSEC_PER_SEC)
#define MAX_CONNECTIONS	256		/* of a guest in a recording */

/**
 * struct listener_guest - a guest, connected or not
 * @fd: its connection, -1 without
 * @cid: its CID
 * @vm: whose it is
 * @since: when it connected last, ns
 * @connections: so far
 * @r: parses what comes
 * @buf: what has come and is no whole chunk yet
 */
struct listener_guest {
	int fd;
	u32 cid;
	struct capture_vm *vm;
	char via[32];
	u64 since;
	u32 connections;
	struct guestdata data;
	struct link_sync sync;
	struct datafile_reader r;
	char *buf;
	size_t have;
};

int listener_parse_cid(const char *arg, struct listener_cid *cid)
{
	const char *eq = strchr(arg, '=');
	char *number = xstrndup(arg, eq ? eq - arg : 0);
	u64 n;
	bool good = eq && eq[1] && parse_u64(number, 1, UINT32_MAX - 1, &n);

	free(number);
	if (!good)
		return fail(EXIT_BAD, "--cid wants CID=VM, as in 3=web1, not '%s'", arg);
	cid->cid = n;
	cid->vm = eq + 1;
	return 0;
}

int listener_open(struct listener *l, u32 port, struct capture *c, u64 khz)
{
	l->c = c;
	l->khz = khz;
	l->fd = port ? link_listen(port) : -1;
	return port && l->fd < 0 ? EXIT_FAILED : 0;
}

/* ---- Whose connection it is ------------------------------------------------ */

/* The VM's pid by what the user said, or by the VMMs' own arguments; 0 if nobody knows. */
static u32 vm_of_cid(const struct listener *l, u32 cid)
{
	u32 pids[1024];
	struct vmm_id id;
	size_t i, j, nr;
	u64 pid;

	for (i = 0; i < l->nr_cids; i++) {
		if (l->cids[i].cid != cid)
			continue;
		nr = vmm_list(pids, ARRAY_SIZE(pids));
		for (j = 0; j < nr; j++) {
			vmm_identify(pids[j], &id);
			if (vmm_matches(&id, pids[j], l->cids[i].vm))
				return pids[j];
		}
		/* A VMM whose files we may not see. */
		return parse_u64(l->cids[i].vm, 1, INT32_MAX, &pid) ? pid : 0;
	}
	return vmm_of_cid(cid);
}

static bool refuse(struct listener *l, u32 cid, const char *why)
{
	if (!map_put(&l->refused, cid, l))
		capture_note(l->c, "a guest with CID %u is refused: %s", cid, why);
	return false;
}

static bool asked_for(const struct listener *l, u32 pid)
{
	const struct capture *c = l->c;
	struct vmm_id id;
	size_t i;

	if (!c->nr_only_vms)
		return true;
	vmm_identify(pid, &id);
	for (i = 0; i < c->nr_only_vms; i++)
		if (vmm_matches(&id, pid, c->only_vms[i]))
			return true;
	return false;
}

static struct listener_guest *find_guest(const struct listener *l, u32 pid)
{
	u32 i;

	for (i = 0; i < l->nr_guests; i++)
		if (l->guests[i]->vm->pid == pid && !l->guests[i]->vm->gone)
			return l->guests[i];
	return NULL;
}

static struct listener_guest *new_guest(struct listener *l, u32 cid, struct capture_vm *vm)
{
	struct listener_guest *g = xcalloc(1, sizeof(*g));

	g->fd = -1;
	g->cid = cid;
	g->vm = vm;
	snprintf(g->via, sizeof(g->via), "vsock, CID %u", cid);
	g->buf = xcalloc(1, DATAFILE_PIECE);
	guestdata_init(&g->data, l->c->w, &l->c->next_source, vm->pid, vm->id.name, g->via);
	datafile_begin(&g->r);
	l->guests[l->nr_guests++] = g;
	return g;
}

/* ---- What comes ------------------------------------------------------------ */

static void hang_up(struct listener *l, struct listener_guest *g, const char *why)
{
	close(g->fd);
	g->fd = -1;
	guestdata_close(&g->data, why);
	if (g->data.ended)
		capture_note(l->c, "the guest of VM %s has ended its recording", g->vm->id.name);
	else
		capture_note(l->c, "the connection of the guest of VM %s ended: %s; what it had sent until then is recorded, and it may connect again",
			     g->vm->id.name, why);
}

/*
 * Takes the next piece of what has come. Return: the chunk's type, 0 for the
 * header, -1 if there is no whole piece yet, -2 if it cannot be one.
 */
static int take_piece(struct listener_guest *g, struct chunk *c)
{
	long n = datafile_parse(&g->r, g->buf, g->have, c);

	if (n <= 0)
		return n ? -2 : -1;
	if (!c->type && g->r.hdr.arch != ARCH_SELF)
		return -2;
	g->have -= n;
	memmove(g->buf, g->buf + n, g->have);
	return c->type;
}

/* Bytes received; 0 at the end, -1 if there are none yet or it broke: errno. */
static ssize_t receive(struct listener_guest *g)
{
	ssize_t n = recv(g->fd, g->buf + g->have, DATAFILE_PIECE - g->have, MSG_DONTWAIT);

	if (n > 0)
		g->have += n;
	return n;
}

static bool wait_for(const struct listener_guest *g, int ms)
{
	struct pollfd p = { .fd = g->fd, .events = POLLIN };

	return ms > 0 && poll(&p, 1, ms) > 0;
}

static int ms_until(u64 when)
{
	u64 now = now_ns();

	return now < when ? (when - now) / 1000000 + 1 : 0;
}

/* Waits until @until for a chunk of @type; others before it are taken over. */
static bool await_chunk(struct listener_guest *g, int type, u64 until, struct chunk *c)
{
	int found;

	for (;;) {
		while ((found = take_piece(g, c)) >= 0) {
			if (found == type)
				return true;
			if (found && !guestdata_chunk(&g->data, c))
				return false;
		}
		if (found == -2 || !wait_for(g, ms_until(until)) || receive(g) <= 0)
			return false;
	}
}

/* ---- Both clocks at one instant -------------------------------------------- */

static bool ping(struct listener_guest *g, u64 seq, u64 until)
{
	u64 sent = arch_counter(), came;
	struct chunk_pong pong;
	struct chunk c;
	bool good;

	if (!link_say(g->fd, LINK_PING, seq) ||
	    !await_chunk(g, CHUNK_PONG, min_u64(until, now_ns() + PING_MS * 1000000ULL), &c))
		return false;
	came = arch_counter();
	good = c.len == sizeof(pong);
	if (good)
		memcpy(&pong, c.data, sizeof(pong));
	free(c.data);
	if (good && pong.seq == seq)
		link_sync_add(&g->sync, sent, pong.counter, came);
	return good && pong.seq == seq;
}

static void put_clock(const struct listener *l, const struct listener_guest *g)
{
	const struct vmcoop_clock *clock = &g->data.clock;
	struct kv kv = { 0 };

	kv_u64(&kv, "vm", g->vm->pid);
	kv_str(&kv, "method", "exchange");
	kv_u64(&kv, "offset", clock->offset);
	kv_u64(&kv, "ratio", clock->ratio);
	kv_u64(&kv, "frac_bits", clock->frac_bits);
	kv_u64(&kv, "at", g->sync.at);
	kv_u64(&kv, "error", g->sync.error);
	kv_u64(&kv, "pings", g->sync.pings);
	datafile_kv(l->c->w, CHUNK_CLOCK, 0, &kv);
}

static bool synchronise(struct listener *l, struct listener_guest *g)
{
	u64 until = now_ns() + SYNC_NS, i;
	struct chunk c;

	memset(&g->sync, 0, sizeof(g->sync));
	if (!await_chunk(g, CHUNK_INFO, until, &c))
		return false;
	guestdata_chunk(&g->data, &c);
	/* A slow answer ends it; should it come yet, nobody asks for it any more. */
	for (i = 0; i < LINK_PINGS && ping(g, i + 1, until); i++)
		;
	if (!i)
		return false;
	g->data.clock = link_clock(&g->sync, l->khz, g->data.guest_khz);
	put_clock(l, g);
	return link_say(g->fd, LINK_GO, 0);
}

/* ---- Connections ----------------------------------------------------------- */

static bool connected(struct listener *l, struct listener_guest *g, int fd)
{
	if (g->fd >= 0)
		hang_up(l, g, "it connected anew");
	if (++g->connections > MAX_CONNECTIONS)
		return refuse(l, g->cid, "it connects over and over");
	if (g->since && now_ns() - g->since < AGAIN_NS)
		return false;	/* it will try again */
	g->since = now_ns();
	g->fd = fd;
	g->have = 0;
	guestdata_again(&g->data);
	datafile_close(&g->r);
	datafile_begin(&g->r);
	if (!synchronise(l, g)) {
		g->fd = -1;
		return refuse(l, g->cid, "it does not speak as 'vmcoop-dump record --guest-only' of this release does, or too slowly");
	}
	capture_note(l->c, "the guest of VM %s sends its records over vsock (CID %u); its clock is known to %.1f us",
		     g->vm->id.name, g->cid, 1000.0 * g->sync.error / l->khz);
	return true;
}

/* Why who is there may not connect, for the VM with @pid; NULL: it may. */
static const char *objection(struct listener *l, u32 pid, bool root)
{
	const struct capture_vm *vm;

	if (!root)
		return "it is not the guest's root who connects";
	if (!pid)
		return "no VM here has that CID as far as its arguments tell: name it with --cid CID=VM";
	if (!asked_for(l, pid))
		return "its VM is not among those of --vm";
	vm = capture_vm(l->c, pid);
	if (vm->region)
		return "its VM has a region that is read already";
	return !find_guest(l, pid) && l->nr_guests == LISTENER_GUESTS ? "there are too many" : NULL;
}

bool listener_take(struct listener *l, int fd, u32 cid, bool root)
{
	u32 pid = vm_of_cid(l, cid);
	const char *why = objection(l, pid, root);
	struct listener_guest *g;
	bool good;

	if (why) {
		good = refuse(l, cid, why);
	} else {
		g = find_guest(l, pid) ?: new_guest(l, cid, capture_vm(l->c, pid));
		good = connected(l, g, fd);
	}
	if (!good)
		close(fd);
	return good;
}

static void accept_one(struct listener *l)
{
	bool root;
	u32 cid;
	int fd;

	if (l->fd >= 0 && link_accept(l->fd, &fd, &cid, &root))
		listener_take(l, fd, cid, root);
}

/* Takes over all whole pieces that have come. False: one is none. */
static bool take_pieces(struct listener_guest *g)
{
	struct chunk c;
	int type;

	while ((type = take_piece(g, &c)) >= 0)
		if (type && !guestdata_chunk(&g->data, &c))
			return false;
	return type == -1;
}

/* Takes what a guest has sent, a bounded part of it. */
static void drain(struct listener *l, struct listener_guest *g)
{
	u64 missed = g->data.missed;
	bool good = true;
	size_t got = 0;
	ssize_t n = 1;

	while (good && n > 0 && got < ROUND_BYTES) {
		n = receive(g);
		got += n > 0 ? n : 0;
		good = take_pieces(g);
	}
	if (g->data.missed != missed)
		capture_note(l->c, "the guest of VM %s made %llu records since its last connection that were not sent",
			     g->vm->id.name, g->data.missed - missed);
	if (!good)
		hang_up(l, g, "it sent what is no recording");
	else if (g->data.ended)
		hang_up(l, g, "ended");
	else if (!n)
		hang_up(l, g, "connection lost");
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		hang_up(l, g, strerror(errno));
}

u64 listener_round(void *ctx)
{
	struct listener *l = ctx;
	u64 now = arch_counter(), least = UINT64_MAX;
	u32 i;

	accept_one(l);
	for (i = 0; i < l->nr_guests; i++) {
		struct listener_guest *g = l->guests[i];
		u64 records = g->data.records;

		if (g->fd < 0)
			continue;
		drain(l, g);
		l->c->records += g->data.records - records;
		least = min_u64(least, max_u64(g->data.watermark, now - HOLD_MS * l->khz));
	}
	return least;
}

bool listener_settled(const struct listener *l)
{
	u32 i;

	for (i = 0; i < l->nr_guests; i++)
		if (l->guests[i]->fd >= 0 && !l->guests[i]->data.told)
			return false;
	return true;
}

u32 listener_connected(const struct listener *l)
{
	u32 i, n = 0;

	for (i = 0; i < l->nr_guests; i++)
		n += l->guests[i]->fd >= 0;
	return n;
}

void listener_finish(struct listener *l)
{
	u64 until = now_ns() + END_NS;
	struct timespec ts = { .tv_nsec = 5000000 };
	u32 i;

	for (i = 0; i < l->nr_guests; i++)
		if (l->guests[i]->fd >= 0)
			link_say(l->guests[i]->fd, LINK_STOP, 0);
	while (listener_connected(l) && now_ns() < until) {
		listener_round(l);
		nanosleep(&ts, NULL);
	}
	for (i = 0; i < l->nr_guests; i++)
		if (l->guests[i]->fd >= 0)
			hang_up(l, l->guests[i], "it did not end when told to");
}

void listener_free(struct listener *l)
{
	u32 i;

	for (i = 0; i < l->nr_guests; i++) {
		struct listener_guest *g = l->guests[i];

		if (g->fd >= 0)
			close(g->fd);
		guestdata_free(&g->data);
		datafile_close(&g->r);
		free(g->buf);
		free(g);
	}
	if (l->fd >= 0)
		close(l->fd);
	map_free(&l->refused);
	memset(l, 0, sizeof(*l));
	l->fd = -1;
}
