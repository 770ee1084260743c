// SPDX-License-Identifier: GPL-2.0-only
/*
 * Both ends of the connection between a guest and its host: see link.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "arch.h"
#include "link.h"

#define ROOT_PORTS	1024	/* below it, binding takes CAP_NET_BIND_SERVICE */

int link_parse(const char *option, const char *arg, u32 *cid, u32 *port)
{
	const char *colon = strchr(arg, ':');
	char *first = xstrndup(arg, colon ? colon - arg : 0);
	u64 c = VMADDR_CID_HOST, p = 0;
	bool good = parse_u64(colon ? colon + 1 : arg, 1, UINT32_MAX - 1, &p) &&
		    (!colon || parse_u64(first, 1, UINT32_MAX - 1, &c));

	free(first);
	if (!good)
		return fail(EXIT_BAD, "--%s wants a vsock port%s, not '%s'", option,
			    cid ? ", or CID:PORT" : "", arg);
	if (colon && !cid)
		return fail(EXIT_BAD, "--%s wants a vsock port alone, not '%s'", option, arg);
	if (cid)
		*cid = c;
	*port = p;
	return 0;
}

/* ---- The guest's side ------------------------------------------------------ */

/* The host can tell by it that it is not just anybody in the guest. */
static bool bind_as_root(int fd)
{
	struct sockaddr_vm addr = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };

	for (addr.svm_port = ROOT_PORTS - 1; addr.svm_port >= ROOT_PORTS / 2; addr.svm_port--) {
		if (!bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
			return true;
		if (errno != EADDRINUSE)
			return false;
	}
	return false;
}

int link_connect(u32 cid, u32 port)
{
	struct sockaddr_vm addr = { .svm_family = AF_VSOCK, .svm_cid = cid, .svm_port = port };
	struct timeval wait = { .tv_sec = LINK_WAIT_MS / 1000 };
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -1;
	/* A host that neither reads nor goes away must not hold us for ever. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (bind_as_root(fd) && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

static bool get_word(int fd, struct link_word *word, int flags)
{
	ssize_t n;

	do {
		n = recv(fd, word, sizeof(*word), flags);
	} while (n < 0 && errno == EINTR);
	return n == sizeof(*word) && word->magic == LINK_MAGIC;
}

bool link_answer(int fd, struct datafile_writer *w)
{
	struct link_word word;
	u32 i;

	for (i = 0; i <= LINK_PINGS; i++) {
		struct chunk_pong pong;

		if (!get_word(fd, &word, MSG_WAITALL))
			return false;
		pong = (struct chunk_pong){ .seq = word.seq, .counter = arch_counter() };
		if (word.what == LINK_GO)
			return true;
		if (word.what != LINK_PING ||
		    datafile_chunk(w, CHUNK_PONG, 0, &pong, sizeof(pong)) || datafile_flush(w))
			return false;
	}
	return false;
}

bool link_stopped(int fd)
{
	struct link_word word;

	return get_word(fd, &word, MSG_DONTWAIT) && word.what == LINK_STOP;
}

/* ---- The host's side ------------------------------------------------------- */

int link_listen(u32 port)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port,
	};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		warn("this kernel has no vsock: %s (modprobe vhost_vsock)", strerror(errno));
		return -1;
	}
	if (!bind(fd, (struct sockaddr *)&addr, sizeof(addr)) && !listen(fd, 16))
		return fd;
	warn("cannot listen on vsock port %u: %s%s", port, strerror(errno),
	     errno == EADDRINUSE ? " (another vmcoop-dump record?)" : "");
	close(fd);
	return -1;
}

bool link_accept(int fd, int *peer, u32 *cid, bool *root)
{
	struct sockaddr_vm addr = { .svm_family = AF_UNSPEC };
	socklen_t len = sizeof(addr);

	*peer = accept4(fd, (struct sockaddr *)&addr, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (*peer < 0)
		return false;
	*cid = addr.svm_family == AF_VSOCK ? addr.svm_cid : VMADDR_CID_ANY;
	*root = addr.svm_family == AF_VSOCK && addr.svm_port < ROOT_PORTS;
	return true;
}

bool link_say(int fd, enum link_what what, u64 seq)
{
	struct link_word word = { .magic = LINK_MAGIC, .what = what, .seq = seq };

	return send(fd, &word, sizeof(word), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(word);
}

/* The quickest answer says most: the guest's counter was read somewhere in between. */
void link_sync_add(struct link_sync *s, u64 sent, u64 guest, u64 came)
{
	u64 half = (came - sent + 1) / 2;

	if (came < sent || (s->pings++ && half >= s->error))
		return;
	s->error = half;
	s->at = sent + half;
	s->offset = guest - s->at;
}

struct vmcoop_clock link_clock(const struct link_sync *s, u64 host_khz, u64 guest_khz)
{
	struct vmcoop_clock c = { .ratio = 1ULL << 32, .frac_bits = 32 };
	u64 off = guest_khz > host_khz ? guest_khz - host_khz : host_khz - guest_khz;
	u64 guest = s->at + s->offset;

	/*
	 * Kernels measure their counter's frequency to some hundred ppm: a smaller
	 * difference is none. A guest that says odd things is not believed.
	 */
	if (host_khz && guest_khz && off > host_khz / 1000 && guest_khz / host_khz < 1000 &&
	    host_khz / guest_khz < 1000)
		c.ratio = ((unsigned __int128)guest_khz << 32) / host_khz;
	c.offset = guest - (u64)(((unsigned __int128)s->at * c.ratio) >> c.frac_bits);
	return c;
}
