// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest sends its host over vsock: header, information, answers to pings, records.
 * By the input's first byte the input is all of it, or what follows when clocks are known.
 */
#include <sys/socket.h>

#include "fuzz.h"
#include "../../tools/arch.h"
#include "../../tools/hostfs.h"
#include "../../tools/link.h"
#include "../../tools/listener.h"

#define CID	3
#define KHZ	1000000

static const struct listener_cid cid = { .cid = CID, .vm = "100" };
static struct datafile_writer writer;
static struct capture recording;
static char greeting[4096];
static size_t greeting_len;

/* What a guest says until records follow. */
static void make_greeting(void)
{
	struct datafile_writer w;
	int fd = memfd_create("greeting", 0);
	struct kv kv = { 0 };
	u64 seq;

	if (datafile_create_fd(&w, dup(fd), "greeting", ARCH_SELF))
		abort();
	kv_str(&kv, "guest_only", "1");
	kv_u64(&kv, "clock_khz", KHZ);
	kv_u64(&kv, "window", 0);
	datafile_kv(&w, CHUNK_INFO, 0, &kv);
	for (seq = 1; seq <= LINK_PINGS; seq++) {
		struct chunk_pong pong = { .seq = seq, .counter = seq };

		datafile_chunk(&w, CHUNK_PONG, 0, &pong, sizeof(pong));
	}
	if (datafile_flush(&w))
		abort();
	greeting_len = pread(fd, greeting, sizeof(greeting), 0);
	datafile_finish(&w);
	close(fd);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	quiet = true;
	/* This machine's VMs are none of our business. */
	hostfs_root = "/nonexistent";
	make_greeting();
	/* The recording goes on for ever, as it takes long to begin one. */
	if (datafile_create_fd(&writer, open("/dev/null", O_WRONLY), "host", ARCH_SELF))
		abort();
	capture_init(&recording, &writer);
	return 0;
}

/*
 * A connection through which all of this has come, and nothing will any more. Its other
 * end stays, for the host's words.
 */
static int connection(const void *data, size_t len)
{
	static int other = -1;
	int fds[2], room = 1 << 20;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) ||
	    setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) ||
	    send(fds[1], data, len, MSG_DONTWAIT) != (ssize_t)len)
		abort();
	shutdown(fds[1], SHUT_WR);
	if (other >= 0)
		close(other);
	other = fds[1];
	return fds[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct listener l = {
		.fd = -1, .c = &recording, .khz = KHZ, .cids = &cid, .nr_cids = 1,
	};
	size_t len = 0;
	char *sent;

	if (!size)
		return 0;
	sent = malloc(greeting_len + size);
	if (!(*data & 1)) {
		memcpy(sent, greeting, greeting_len);
		len = greeting_len;
	}
	memcpy(sent + len, data + 1, size - 1);
	len += size - 1;
	fuzz_fix_chunks(sent, len);
	listener_take(&l, connection(sent, len), CID, true);
	listener_round(&l);
	listener_finish(&l);
	listener_free(&l);
	free(sent);
	return 0;
}
