// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's own recording: read alone, taken over by a host from a file or a
 * connection; and guests that send anything but one.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../tools/arch.h"
#include "../../tools/link.h"
#include "../../tools/listener.h"
#include "stream.h"
#include "tap.h"

#define KHZ	1000000ULL
#define VM	100

static char *guest_file(size_t *len)
{
	struct stream s;
	char *bytes;

	stream_guest_alone(&s);
	bytes = stream_slurp(s.fd, len);
	stream_free(&s);
	return bytes;
}

/* ---- Alone ----------------------------------------------------------------------- */

static u64 weight[2], untold;

static void weigh(void *ctx, const struct joined *j)
{
	(void)ctx;
	if (j->method != METHOD_TICK)
		return;
	if (j->pid == 10 || j->pid == 20)
		weight[j->pid == 20] += j->period;
	else
		untold += j->period;
}

static int memory_file(const void *p, size_t len)
{
	int fd = memfd_create("file", 0);

	if (write(fd, p, len) != (ssize_t)len)
		abort();
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void read_session(struct session *s, const void *p, size_t len)
{
	struct datafile_reader r;

	weight[0] = weight[1] = untold = 0;
	if (datafile_open_fd(&r, memory_file(p, len), "test"))
		abort();
	session_read_from(s, &r, weigh, NULL);
	datafile_close(&r);
}

TEST(a_guest_alone_weighs_by_what_was_not_idle)
{
	struct session s;
	size_t len;
	char *p = guest_file(&len);

	read_session(&s, p, len);
	CHECK(s.join.alone);
	EQ(s.join.ticks, 39);
	EQ(s.join.orphans, 0);
	/* 30 ms of the first task; 60 ms of idle are nobody's. */
	EQ(weight[0], 29 * MS);
	EQ(weight[1], 10 * MS);
	EQ(untold, 0);
	EQ(s.merge.untimed, 0);
	EQ(s.merge.late, 0);
	EQ(s.join.quality.ticks, 0);
	session_free(&s);
	free(p);
}

/* ---- Taken over --------------------------------------------------------------------- */

struct host {
	int fd;
	struct datafile_writer w;
	u32 next;
	struct guestdata g;
};

static void host_begin(struct host *h)
{
	h->fd = memfd_create("host", 0);
	datafile_create_fd(&h->w, dup(h->fd), "host", VMCOOP_ARCH_X86_64);
	h->next = 500;
	guestdata_init(&h->g, &h->w, &h->next, VM, "web1", "test");
	h->g.clock = (struct vmcoop_clock){ .offset = -1000, .ratio = 1 };
}

/* What the host's file holds: to be freed. */
static char *host_end(struct host *h, size_t *len)
{
	char *p;

	guestdata_free(&h->g);
	datafile_finish(&h->w);
	p = stream_slurp(h->fd, len);
	close(h->fd);
	return p;
}

/* Feeds @len bytes in pieces. Return: the last answer of datafile_parse(). */
static long feed(struct guestdata *g, const char *p, size_t len, size_t piece)
{
	static struct datafile_reader r;
	size_t at = 0, have = 0;
	struct chunk c;
	long n = 0;

	if (!r.stored)
		datafile_begin(&r);
	r.offset = 0;
	r.ended = false;
	while (n >= 0) {
		n = datafile_parse(&r, p + at, have - at, &c);
		if (n > 0) {
			at += n;
			if (c.type && !guestdata_chunk(g, &c))
				n = -EPROTO;
			continue;
		}
		if (n < 0 || have == len)
			break;
		have = min_u64(len, have + piece);
	}
	return n;
}

TEST(pieces_of_any_size_give_the_same)
{
	static const size_t pieces[] = { 1, 7, 24, 4096, 1 << 20 };
	char *p, *first = NULL, *out;
	size_t len, first_len = 0, out_len, i;
	struct host h;

	p = guest_file(&len);
	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		host_begin(&h);
		EQ(feed(&h.g, p, len, pieces[i]), 0);
		CHECK(h.g.ended && h.g.told);
		EQ(h.g.records, 44);
		EQ(h.g.guest_khz, KHZ);
		EQ(h.g.watermark, 100 * MS + 1000);
		out = host_end(&h, &out_len);
		CHECK(!first || (out_len == first_len && !memcmp(out, first, out_len)));
		if (first)
			free(out);
		else
			first = out, first_len = out_len;
	}
	free(first);
	free(p);
}

TEST(sources_are_the_hosts_and_accounts_close)
{
	struct session s;
	struct host h;
	size_t len, out_len;
	char *p = guest_file(&len), *out;

	host_begin(&h);
	h.g.from = 10 * MS;
	h.g.until = 20 * MS;
	feed(&h.g, p, len, len);
	out = host_end(&h, &out_len);
	read_session(&s, out, out_len);
	EQ(s.nr_rings, 1);
	EQ(s.rings[0].id, 500);
	STREQ(s.rings[0].name, "pid-100 ring 0");
	/* Outside the host's time ticks and switches are left out, names are not. */
	EQ(s.rings[0].read, 2 + 10);
	EQ(s.rings[0].filtered, 44 - 12);
	EQ(s.rings[0].dropped, 2);
	CHECK(ring_balanced(&s.rings[0]));
	STREQ(s.join.vms[0]->name, "pid-100");
	session_free(&s);
	free(out);
	free(p);
}

TEST(a_guest_cut_off_loses_its_accounts_alone)
{
	struct session s;
	struct host h;
	size_t len, out_len;
	char *p = guest_file(&len), *out;

	host_begin(&h);
	EQ(feed(&h.g, p, len - 200, 100), 0);
	CHECK(!h.g.ended);
	guestdata_close(&h.g, "connection lost");
	/* The same ring in a new connection, 100 records later. */
	guestdata_again(&h.g);
	{
		char text[] = "side=guest\ngeneration=7\nring=0\narch=1\nfirst_produced=144\n";
		struct chunk c = { .type = CHUNK_SOURCE, .source = 7, .len = sizeof(text) - 1,
				   .data = strdup(text) };

		CHECK(guestdata_chunk(&h.g, &c));
	}
	EQ(h.g.missed, 144 - h.g.records);
	out = host_end(&h, &out_len);
	read_session(&s, out, out_len);
	EQ(s.nr_rings, 2);
	STREQ(s.rings[0].lost, "connection lost");
	EQ(s.rings[1].id, 501);
	session_free(&s);
	free(out);
	free(p);
}

/* ---- Hostile -------------------------------------------------------------------------- */

TEST(every_damaged_byte_is_refused)
{
	size_t len, at, out_len;
	char *p = guest_file(&len);
	struct host h;
	long got;

	host_begin(&h);
	for (at = 0; at < len; at++) {
		guestdata_again(&h.g);
		p[at] ^= 0x10;
		got = feed(&h.g, p, len, 1 << 20);
		/* Never all of it: a checksum does not fit, or more is waited for. */
		CHECK(got < 0 || !h.g.ended);
		p[at] ^= 0x10;
	}
	free(host_end(&h, &out_len));
	free(p);
}

TEST(garbage_and_huge_lengths_are_refused_at_once)
{
	struct chunk_hdr hdr = { .magic = CHUNK_MAGIC, .type = CHUNK_RECORDS, .len = CHUNK_MAX + 1 };
	struct datafile_reader r;
	size_t len;
	char *p = guest_file(&len), noise[4096];
	struct chunk c;
	u32 i;

	for (i = 0; i < sizeof(noise); i++)
		noise[i] = random();
	datafile_begin(&r);
	EQ(datafile_parse(&r, noise, sizeof(noise), &c), -EBADMSG);
	EQ(datafile_parse(&r, p, 31, &c), 0);
	EQ(datafile_parse(&r, p, 32, &c), 32);
	EQ(datafile_parse(&r, &hdr, sizeof(hdr), &c), -EBADMSG);
	hdr.len = 8;
	hdr.flags = CHUNK_F_ZSTD;
	hdr.raw = UINT32_MAX;
	EQ(datafile_parse(&r, &hdr, sizeof(hdr), &c), -EBADMSG);
	hdr = (struct chunk_hdr){ .magic = CHUNK_MAGIC, .len = 8 };
	EQ(datafile_parse(&r, &hdr, sizeof(hdr), &c), -EBADMSG);
	/* The largest there may be is waited for, and fits the buffer. */
	hdr = (struct chunk_hdr){ .magic = CHUNK_MAGIC, .type = 99, .len = CHUNK_MAX };
	EQ(datafile_parse(&r, &hdr, sizeof(hdr), &c), 0);
	CHECK(sizeof(hdr) + CHUNK_MAX <= DATAFILE_PIECE);
	datafile_close(&r);
	free(p);
}

static bool send_text(struct guestdata *g, int type, u32 source, const char *text)
{
	struct chunk c = { .type = type, .source = source, .len = strlen(text),
			   .data = strdup(text) };

	return guestdata_chunk(g, &c);
}

TEST(rings_have_an_end)
{
	struct host h;
	size_t len;
	u32 i;

	host_begin(&h);
	for (i = 1; i <= GUESTDATA_SOURCES; i++)
		if (!send_text(&h.g, CHUNK_SOURCE, i, "side=guest\n"))
			break;
	EQ(i, GUESTDATA_SOURCES + 1);
	CHECK(!send_text(&h.g, CHUNK_SOURCE, i, "side=guest\n"));
	free(host_end(&h, &len));
}

TEST(a_guest_cannot_speak_for_its_host)
{
	struct vmcoop_host_clock clock = {
		.hdr = { .type = VMCOOP_HOST_CLOCK, .size = sizeof(clock), .stamp = 1 },
		.vm = VM, .ratio = 1, .offset = 12345,
	};
	struct chunk c = { .type = CHUNK_RECORDS, .source = 1, .len = sizeof(clock) };
	struct session s;
	struct host h;
	size_t len;
	char *out;
	u32 i;

	host_begin(&h);
	CHECK(send_text(&h.g, CHUNK_SOURCE, 1, "side=host\npcpu=0\n"));
	EQ(h.g.nr_rings, 0);
	CHECK(send_text(&h.g, CHUNK_SOURCE, 1, "side=guest\nvm=1\nring=0\n"));
	CHECK(!send_text(&h.g, CHUNK_SOURCE, 1, "side=guest\nvm=1\nring=0\n"));
	c.data = memcpy(malloc(sizeof(clock)), &clock, sizeof(clock));
	CHECK(guestdata_chunk(&h.g, &c));
	for (i = 0; i < 1000; i++)
		send_text(&h.g, CHUNK_NOTE, 0, "text=\\x1b[2J many\n");
	/* Of chunks that only the host writes nothing is taken over. */
	send_text(&h.g, CHUNK_VM, 0, "pid=100\nname=evil\n");
	send_text(&h.g, CHUNK_CLOCK, 0, "vm=100\nratio=1\noffset=7\n");
	send_text(&h.g, CHUNK_EVENT, 0, "index=0\nname=evil\n");
	guestdata_close(&h.g, "over");
	out = host_end(&h, &len);
	read_session(&s, out, len);
	EQ(s.join.steps, 0);
	EQ(s.nr_events, 0);
	CHECK(!s.join.vms[0]->has_clock);
	CHECK(strcmp(s.join.vms[0]->name, "evil"));
	EQ(s.merge.untimed, 0);
	CHECK(s.nr_notes <= GUESTDATA_NOTES + 2);
	session_free(&s);
	free(out);
}

TEST(bytes_that_are_no_records_are_counted)
{
	struct vmcoop_guest_exit exit = {
		.hdr = { .type = VMCOOP_GUEST_EXIT, .size = sizeof(exit) },
	};
	struct chunk c = { .type = CHUNK_RECORDS, .source = 1, .len = 3 * sizeof(exit) };
	struct session s;
	struct host h;
	size_t len;
	char *out;

	host_begin(&h);
	send_text(&h.g, CHUNK_SOURCE, 1, "side=guest\n");
	c.data = calloc(3, sizeof(exit));
	memcpy(c.data, &exit, sizeof(exit));
	CHECK(guestdata_chunk(&h.g, &c));
	send_text(&h.g, CHUNK_STATS, 1, "produced=3\nconsumed=1\nexact=1\n");
	out = host_end(&h, &len);
	read_session(&s, out, len);
	EQ(s.rings[0].read, 1);
	EQ(s.rings[0].bad_bytes, 2 * sizeof(exit));
	CHECK(!ring_balanced(&s.rings[0]));
	session_free(&s);
	free(out);
}

/* ---- Clocks ------------------------------------------------------------------------------ */

TEST(the_quickest_answer_counts)
{
	struct link_sync s = { 0 };
	struct vmcoop_clock c;

	link_sync_add(&s, 1000, 51100, 1400);
	EQ(s.error, 200);
	link_sync_add(&s, 2000, 52050, 2100);
	link_sync_add(&s, 3000, 53900, 4000);
	/* An answer from the past is none. */
	link_sync_add(&s, 5000, 1, 4999);
	EQ(s.error, 50);
	EQ(s.at, 2050);
	EQ(s.offset, 50000);
	c = link_clock(&s, KHZ, KHZ + 100);
	EQ(vmcoop_clock_to_guest(&c, 2050), 52050);
	EQ(vmcoop_clock_to_host(&c, 152050), 102050);
	/* Half as fast, as both say. */
	c = link_clock(&s, 2 * KHZ, KHZ);
	EQ(vmcoop_clock_to_guest(&c, 2050), 52050);
	EQ(vmcoop_clock_to_guest(&c, 4050), 53050);
	/* What nobody can believe is taken for the host's own. */
	c = link_clock(&s, KHZ, UINT64_MAX);
	EQ(vmcoop_clock_to_guest(&c, 3050), 53050);
	c = link_clock(&s, KHZ, 0);
	EQ(vmcoop_clock_to_guest(&c, 3050), 53050);
}

/* A host that saw the VM, with or without its clock, and one that was asked. */
static void clock_session(struct session *session, bool told, u64 off)
{
	struct stream s;
	char *text = xasprintf("vm=100\nmethod=exchange\noffset=%llu\nratio=1\nfrac_bits=0\nerror=%llu\nat=%llu\n",
			       5 * SEC + off, 10 * US, 1 * MS);
	int i;

	stream_begin(&s);
	s.clock = (struct vmcoop_clock){ .offset = 5 * SEC, .ratio = 1 };
	stream_kv(&s, CHUNK_CLOCK, 0, text);
	stream_guest(&s, 10, VM, 10, 0);
	put_vcpu(&s, 1, 1 * MS, 0, 5);
	if (told)
		put_clock(&s, 1, 1 * MS, 0, 5, &s.clock);
	put_in(&s, 1, 1 * MS, 0, 5);
	for (i = 2; i < 12; i++)
		put_tick(&s, 10, i * MS, 0, 10, 10, 0x1000);
	put_out(&s, 1, 12 * MS, 0, 5);
	stream_round(&s, 20 * MS);
	weight[0] = untold = 0;
	stream_read(&s, session, weigh, NULL);
	stream_free(&s);
	free(text);
}

TEST(a_clock_by_asking_serves_where_there_is_no_other)
{
	struct session s;
	u64 by;

	clock_session(&s, false, 0);
	EQ(s.merge.untimed, 0);
	EQ(weight[0], 10 * MS);
	EQ(s.join.quality.ticks, 10);
	CHECK(s.join.vms[0]->exchanged && !vm_clock_differs(&s.join, s.join.vms[0], &by));
	session_free(&s);
	/* And is checked by the one that the host records, which is used. */
	clock_session(&s, true, 3 * US);
	EQ(weight[0], 10 * MS);
	CHECK(vm_clock_differs(&s.join, s.join.vms[0], &by));
	EQ(by, 3 * US);
	session_free(&s);
}

/* ---- Connections --------------------------------------------------------------------------- */

#define CID	42
#define OFFSET	123456789ULL

enum play { HONEST, SILENT, NOISE, HUGE, BREAKS, WRONG_PONG, TWICE };

/** struct peer - the other end of a connection, played by a thread */
struct peer {
	int fd;
	enum play play;
	pthread_t thread;
	bool stopped;
};

static void say(int fd, const void *p, size_t n)
{
	if (send(fd, p, n, MSG_NOSIGNAL) < 0)
		return;
}

/* As link_answer(), with a counter that runs ahead of the host's. */
static bool answer(struct peer *g, struct datafile_writer *w)
{
	struct link_word word;

	while (recv(g->fd, &word, sizeof(word), MSG_WAITALL) == sizeof(word)) {
		struct chunk_pong pong = {
			.seq = word.seq + (g->play == WRONG_PONG),
			.counter = arch_counter() + OFFSET,
		};

		if (word.what == LINK_GO)
			return true;
		datafile_chunk(w, CHUNK_PONG, 0, &pong, sizeof(pong));
		datafile_flush(w);
	}
	return false;
}

static void put_records(struct datafile_writer *w)
{
	struct vmcoop_guest_exit recs[100] = { 0 };
	static const char source[] = "side=guest\ngeneration=1\nring=0\narch=1\nfirst_produced=5\n";
	static const char stats[] = "produced=100\nconsumed=100\nexact=1\n";
	u64 i;

	for (i = 0; i < ARRAY_SIZE(recs); i++) {
		recs[i].hdr.type = VMCOOP_GUEST_EXIT;
		recs[i].hdr.size = sizeof(recs[i]);
		recs[i].hdr.stamp = arch_counter() + OFFSET;
	}
	datafile_chunk(w, CHUNK_SOURCE, 1, source, strlen(source));
	datafile_chunk(w, CHUNK_RECORDS, 1, recs, sizeof(recs));
	datafile_chunk(w, CHUNK_WINDOW, 0, "begin=1\n", 8);
	datafile_chunk(w, CHUNK_STATS, 1, stats, strlen(stats));
	datafile_flush(w);
}

static void *play(void *arg)
{
	static const char info[] = "guest_only=1\nclock_khz=1000000\n";
	struct chunk_hdr huge = { .magic = CHUNK_MAGIC, .len = UINT32_MAX };
	struct peer *g = arg;
	struct datafile_writer w;
	struct link_word word;
	char noise[8192] = "noise";

	if (g->play == SILENT || g->play == NOISE) {
		if (g->play == NOISE)
			say(g->fd, noise, sizeof(noise));
		recv(g->fd, noise, 1, MSG_WAITALL);
		close(g->fd);
		return NULL;
	}
	datafile_create_fd(&w, g->fd, "guest", ARCH_SELF);
	w.stream = true;
	datafile_chunk(&w, CHUNK_INFO, 0, info, strlen(info));
	datafile_flush(&w);
	if (answer(g, &w)) {
		put_records(&w);
		if (g->play == HUGE)
			say(g->fd, &huge, sizeof(huge));
		while (g->play == HONEST &&
		       recv(g->fd, &word, sizeof(word), MSG_WAITALL) == sizeof(word))
			if ((g->stopped = word.what == LINK_STOP))
				break;
		if (g->play == BREAKS) {
			say(g->fd, "CHNK", 4);
			shutdown(g->fd, SHUT_RDWR);
		}
	}
	datafile_finish(&w);
	return NULL;
}

struct scene {
	struct datafile_writer w;
	int fd;
	struct capture c;
	struct listener l;
	struct listener_cid cid;
	char vm[32];
};

static void scene_begin(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->fd = memfd_create("scene", 0);
	datafile_create_fd(&s->w, dup(s->fd), "scene", ARCH_SELF);
	capture_init(&s->c, &s->w);
	s->l.fd = -1;
	EQ(listener_open(&s->l, 0, &s->c, KHZ), 0);
	/* This process stands for the VM's. */
	snprintf(s->vm, sizeof(s->vm), "%d=%d", CID, getpid());
	EQ(listener_parse_cid(s->vm, &s->cid), 0);
	s->l.cids = &s->cid;
	s->l.nr_cids = 1;
}

static char *scene_end(struct scene *s, size_t *len)
{
	char *p;

	listener_free(&s->l);
	capture_free(&s->c);
	datafile_finish(&s->w);
	p = stream_slurp(s->fd, len);
	close(s->fd);
	return p;
}

static bool scene_connect(struct scene *s, struct peer *g, enum play how)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		abort();
	*g = (struct peer){ .fd = fds[1], .play = how };
	pthread_create(&g->thread, NULL, play, g);
	return listener_take(&s->l, fds[0], CID, true);
}

static void rounds(struct scene *s, int n)
{
	while (n--) {
		listener_round(&s->l);
		usleep(5000);
	}
}

TEST(a_guest_connects_tells_and_ends_when_asked)
{
	struct scene s;
	struct peer g;
	struct session session;
	size_t len;
	char *p;

	scene_begin(&s);
	CHECK(scene_connect(&s, &g, HONEST));
	rounds(&s, 20);
	CHECK(listener_settled(&s.l));
	EQ(listener_connected(&s.l), 1);
	EQ(s.c.records, 100);
	listener_finish(&s.l);
	EQ(listener_connected(&s.l), 0);
	pthread_join(g.thread, NULL);
	CHECK(g.stopped);
	p = scene_end(&s, &len);
	read_session(&session, p, len);
	EQ(session.nr_rings, 1);
	CHECK(ring_balanced(&session.rings[0]));
	CHECK(session.join.vms[0]->exchanged);
	NEAR((double)(s64)(vmcoop_clock_to_guest(&session.join.vms[0]->clock,
						 session.join.vms[0]->clock_at) -
			   session.join.vms[0]->clock_at - OFFSET), 0,
	     session.join.vms[0]->clock_error);
	session_free(&session);
	free(p);
}

TEST(whoever_does_not_speak_so_is_hung_up_on_soon)
{
	static const enum play plays[] = { SILENT, NOISE, WRONG_PONG };
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(plays); i++) {
		struct scene s;
		struct peer g;
		u64 began = now_ns();

		scene_begin(&s);
		CHECK(!scene_connect(&s, &g, plays[i]));
		CHECK(now_ns() - began < NSEC_PER_SEC);
		EQ(listener_connected(&s.l), 0);
		pthread_join(g.thread, NULL);
		free(scene_end(&s, &len));
	}
}

TEST(a_connection_that_breaks_costs_its_own_end)
{
	static const enum play plays[] = { HUGE, BREAKS };
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(plays); i++) {
		struct session session;
		struct scene s;
		struct peer g;
		char *p;

		scene_begin(&s);
		CHECK(scene_connect(&s, &g, plays[i]));
		rounds(&s, 20);
		EQ(listener_connected(&s.l), 0);
		EQ(s.c.records, 100);
		pthread_join(g.thread, NULL);
		/* Too soon to be let in again, and then it is. */
		CHECK(!scene_connect(&s, &g, HONEST));
		pthread_join(g.thread, NULL);
		usleep(1100000);
		CHECK(scene_connect(&s, &g, HONEST));
		rounds(&s, 10);
		EQ(s.c.records, 200);
		listener_finish(&s.l);
		pthread_join(g.thread, NULL);
		p = scene_end(&s, &len);
		read_session(&session, p, len);
		EQ(session.nr_rings, 2);
		session_free(&session);
		free(p);
	}
}

TEST(who_may_not_connect_is_refused)
{
	struct scene s;
	size_t len;
	int fds[2];

	scene_begin(&s);
	socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	CHECK(!listener_take(&s.l, fds[0], CID, false));
	close(fds[1]);
	socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	CHECK(!listener_take(&s.l, fds[0], CID + 1, true));
	close(fds[1]);
	free(scene_end(&s, &len));
}

TEST(options_are_checked)
{
	struct listener_cid cid;
	u32 c = 0, port = 0;

	EQ(link_parse("vsock", "9999", &c, &port), 0);
	EQ(c, 2);
	EQ(port, 9999);
	EQ(link_parse("vsock", "3:1", &c, &port), 0);
	EQ(c, 3);
	EQ(link_parse("vsock", "3:", &c, &port), EXIT_BAD);
	EQ(link_parse("vsock", ":1", &c, &port), EXIT_BAD);
	EQ(link_parse("vsock", "4294967295", &c, &port), EXIT_BAD);
	EQ(link_parse("listen", "2:9999", NULL, &port), EXIT_BAD);
	EQ(link_parse("listen", "x", NULL, &port), EXIT_BAD);
	EQ(listener_parse_cid("3=web1", &cid), 0);
	EQ(cid.cid, 3);
	STREQ(cid.vm, "web1");
	EQ(listener_parse_cid("3=", &cid), EXIT_BAD);
	EQ(listener_parse_cid("=web1", &cid), EXIT_BAD);
	EQ(listener_parse_cid("web1", &cid), EXIT_BAD);
}

/* What is provoked here prints messages by the hundred; record ignores SIGPIPE, too. */
__attribute__((constructor)) static void prepare(void)
{
	quiet = true;
	signal(SIGPIPE, SIG_IGN);
}

TESTS(
	RUN(a_guest_alone_weighs_by_what_was_not_idle),
	RUN(pieces_of_any_size_give_the_same),
	RUN(sources_are_the_hosts_and_accounts_close),
	RUN(a_guest_cut_off_loses_its_accounts_alone),
	RUN(every_damaged_byte_is_refused),
	RUN(garbage_and_huge_lengths_are_refused_at_once),
	RUN(rings_have_an_end),
	RUN(a_guest_cannot_speak_for_its_host),
	RUN(bytes_that_are_no_records_are_counted),
	RUN(the_quickest_answer_counts),
	RUN(a_clock_by_asking_serves_where_there_is_no_other),
	RUN(a_guest_connects_tells_and_ends_when_asked),
	RUN(whoever_does_not_speak_so_is_hung_up_on_soon),
	RUN(a_connection_that_breaks_costs_its_own_end),
	RUN(who_may_not_connect_is_refused),
	RUN(options_are_checked)
)
