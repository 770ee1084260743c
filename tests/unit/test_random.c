// SPDX-License-Identifier: GPL-2.0-only
/*
 * The streaming join against a slow and obvious one, on random streams: many
 * rings, rounds at random places, clocks of any ratio that step now and then.
 * Whatever they hold, each sample must get the same answer.
 */
#include "stream.h"
#include "tap.h"

#define STREAMS		1500
#define MAX_RECORDS	1500
#define VMS		2
#define VCPUS		2
#define PIDS		6

static u64 state;

static u32 rnd(u32 below)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % below;
}

/* What happened, in the order in which it did. */
struct happening {
	u8 type;
	u32 vm, vcpu;
	u32 pid, parent;
	u64 start, len, ip;
	int name;		/* of the mapping or the task */
	bool exec;
};

static struct happening all[MAX_RECORDS];
static int nr_all;

/* ---- The obvious join: every mapping ever made, the last one wins ----------------- */

struct simple_map {
	bool live;
	u64 start, end, offset;
	int name;
};

struct simple_proc {
	bool known;
	int comm;		/* -1: not told */
	int nr;
	struct simple_map maps[MAX_RECORDS];
};

static struct simple_proc procs[VMS][PIDS];
static int current[VMS][VCPUS];	/* -1: not told */

struct answer {
	u32 pid;
	int comm, name;		/* -1: none */
	u64 offset;
	bool task;
};

static struct answer want[MAX_RECORDS], got[MAX_RECORDS];
static int nr_want, nr_got;

static void simple_sample(const struct happening *h)
{
	struct answer *a = &want[nr_want++];
	struct simple_proc *p;
	int i;

	*a = (struct answer){ .comm = -1, .name = -1 };
	if (current[h->vm][h->vcpu] < 0)
		return;
	a->task = true;
	a->pid = current[h->vm][h->vcpu];
	p = &procs[h->vm][a->pid];
	a->comm = p->comm;
	for (i = p->nr; i-- && a->name < 0;) {
		if (h->ip < p->maps[i].start || h->ip >= p->maps[i].end)
			continue;
		a->name = p->maps[i].name;
		a->offset = h->ip - p->maps[i].start + p->maps[i].offset;
	}
}

static void simple_apply(const struct happening *h)
{
	struct simple_proc *p = &procs[h->vm][h->pid], *parent = &procs[h->vm][h->parent];

	switch (h->type) {
	case VMCOOP_HOST_SAMPLE:
		simple_sample(h);
		break;
	case VMCOOP_GUEST_SWITCH:
		current[h->vm][h->vcpu] = h->pid;
		p->known = true;
		break;
	case VMCOOP_GUEST_COMM:
		p->comm = h->name;
		p->known = true;
		if (h->exec)
			p->nr = 0;
		break;
	case VMCOOP_GUEST_FORK:
		p->comm = parent->known ? parent->comm : -1;
		p->nr = parent->known ? parent->nr : 0;
		p->known = true;
		memcpy(p->maps, parent->maps, p->nr * sizeof(p->maps[0]));
		break;
	case VMCOOP_GUEST_MMAP:
		p->known = true;
		p->maps[p->nr++] = (struct simple_map){
			.start = h->start, .end = h->start + h->len, .offset = h->start / 2,
			.name = h->name,
		};
		break;
	}
}

static void simple_join(void)
{
	int i, k;

	memset(procs, 0, sizeof(procs));
	nr_want = 0;
	for (i = 0; i < VMS; i++)
		for (k = 0; k < PIDS; k++)
			procs[i][k].comm = -1;
	memset(current, 0xff, sizeof(current));
	for (i = 0; i < nr_all; i++)
		simple_apply(&all[i]);
}

/* ---- The stream ---------------------------------------------------------------------- */

static struct vmcoop_clock clocks[VMS][VCPUS];

static u32 handle(u32 vm, u32 vcpu)
{
	return 1 + vm * VCPUS + vcpu;
}

static void random_clock(struct vmcoop_clock *c)
{
	static const struct vmcoop_clock some[] = {
		{ 0, 1, 0 }, { 0, 1ULL << 32, 32 }, { 0, 3ULL << 31, 32 }, { 0, 5ULL << 45, 48 },
		{ 0, (1ULL << 48) + 12345, 48 }, { 0, 2, 0 },
	};

	*c = some[rnd(6)];
	c->offset = (s64)rnd(1 << 30) * SEC / 1000 - (1LL << 29) * (s64)SEC / 1000;
}

static struct happening random_happening(void)
{
	static const u8 types[] = {
		VMCOOP_HOST_SAMPLE, VMCOOP_HOST_SAMPLE, VMCOOP_HOST_SAMPLE, VMCOOP_GUEST_SWITCH,
		VMCOOP_GUEST_SWITCH, VMCOOP_GUEST_COMM, VMCOOP_GUEST_FORK, VMCOOP_GUEST_MMAP,
		VMCOOP_GUEST_MMAP,
	};
	struct happening h = {
		.type = types[rnd(sizeof(types))],
		.vm = rnd(VMS),
		.vcpu = rnd(VCPUS),
		.pid = rnd(PIDS - 1) + 1,
		.start = 0x1000 * rnd(40),
		.len = 0x1000 * (1 + rnd(12)),
		.ip = rnd(0x1000 * 50),
		.name = rnd(9),
		.exec = !rnd(4),
	};

	h.parent = rnd(PIDS - 1) + 1;
	/* No process is its own parent. */
	if (h.type == VMCOOP_GUEST_FORK && h.parent == h.pid)
		h.type = VMCOOP_HOST_SAMPLE;
	return h;
}

static void put_happening(struct stream *s, const struct happening *h, u64 t)
{
	u32 src = 10 + h->vm * VCPUS + h->vcpu;
	char name[16];

	s->vm = 100 + h->vm;
	s->clock = clocks[h->vm][h->vcpu];
	snprintf(name, sizeof(name), "/%d", h->name);
	switch (h->type) {
	case VMCOOP_HOST_SAMPLE:
		put_sample(s, 1 + rnd(2), t, h->vcpu, handle(h->vm, h->vcpu), h->ip);
		break;
	case VMCOOP_GUEST_SWITCH:
		put_switch(s, src, t, h->vcpu, h->pid, h->pid);
		break;
	case VMCOOP_GUEST_COMM:
		s->flags = h->exec ? VMCOOP_F_EXEC : 0;
		put_comm(s, src, t, h->vcpu, h->pid, h->pid, name);
		break;
	case VMCOOP_GUEST_FORK:
		put_fork(s, src, t, h->vcpu, h->pid, h->pid, h->parent, h->parent);
		break;
	case VMCOOP_GUEST_MMAP:
		put_mmap(s, src, t, h->vcpu, h->pid, h->start, h->len, h->start / 2, name);
		break;
	}
}

static void collect(void *ctx, const struct joined *j)
{
	struct answer *a;

	(void)ctx;
	if (j->method != METHOD_SAMPLED || nr_got == MAX_RECORDS)
		return;
	a = &got[nr_got++];
	*a = (struct answer){ .pid = j->pid, .comm = -1, .name = -1 };
	a->task = j->reason == REASON_NONE || j->reason == REASON_NO_MAPPING;
	if (*j->comm == '/')
		a->comm = atoi(j->comm + 1);
	if (j->map) {
		a->name = atoi(j->map->dso->path + 1);
		a->offset = j->ip - j->map->start + j->map->pgoff;
	}
}

static void collect_batch(void *ctx, const struct joined *j, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		collect(ctx, &j[i]);
}

/* What is handed out in batches still has to be good when it is. */
static void read_in_batches(const struct stream *s, struct session *ses)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	nr_got = 0;
	EQ(session_read_batches(ses, path, collect_batch, collect, NULL), 0);
}

static void begin(struct stream *s)
{
	u32 vm, vcpu;

	stream_begin(s);
	for (vm = 0; vm < VMS; vm++) {
		for (vcpu = 0; vcpu < VCPUS; vcpu++) {
			random_clock(&clocks[vm][vcpu]);
			s->vm = 100 + vm;
			stream_guest(s, 10 + vm * VCPUS + vcpu, 100 + vm, 1 + vm, vcpu);
			put_vcpu(s, 1, 1, vcpu, handle(vm, vcpu));
			put_clock(s, 1, 1, vcpu, handle(vm, vcpu), &clocks[vm][vcpu]);
		}
	}
}

/* A clock that another guest time replaces, further off than a late record lies. */
static void step_clock(struct stream *s, u64 t)
{
	u32 vm = rnd(VMS), vcpu = rnd(VCPUS);

	clocks[vm][vcpu].offset += rnd(2) ? -(s64)(100 + rnd(1000)) * SEC :
					    (s64)(100 + rnd(1000)) * (s64)SEC;
	s->vm = 100 + vm;
	put_clock(s, 1, t, vcpu, handle(vm, vcpu), &clocks[vm][vcpu]);
}

static bool same(const struct answer *a, const struct answer *b)
{
	return a->task == b->task && a->pid == b->pid && a->comm == b->comm &&
	       a->name == b->name && (a->name < 0 || a->offset == b->offset);
}

static void compare(u64 seed, const struct session *ses)
{
	int i;

	EQ(nr_got, nr_want);
	EQ(ses->merge.late, 0);
	EQ(ses->merge.untimed, 0);
	for (i = 0; i < nr_got && i < nr_want; i++)
		if (!CHECK(same(&got[i], &want[i])))
			printf("#   stream %llu, sample %d: pid %u %u, comm %d %d, map %d %d\n",
			       seed, i, got[i].pid, want[i].pid, got[i].comm, want[i].comm,
			       got[i].name, want[i].name);
}

static void one_stream(u64 seed)
{
	struct session *ses = calloc(1, sizeof(*ses));
	u64 t = SEC, last_round = 0;
	struct stream s;
	int i, n;

	state = seed * 0x9e3779b97f4a7c15ULL + 1;
	n = 50 + rnd(MAX_RECORDS - 50);
	begin(&s);
	nr_all = nr_got = 0;
	for (i = 0; i < n; i++) {
		t += 50 + rnd(3000);
		all[nr_all] = random_happening();
		put_happening(&s, &all[nr_all++], t);
		if (!rnd(200))
			step_clock(&s, t + 25);
		if (!rnd(30)) {
			stream_round(&s, last_round);
			last_round = t;
		}
	}
	simple_join();
	stream_read(&s, ses, collect, NULL);
	compare(seed, ses);
	session_free(ses);
	read_in_batches(&s, ses);
	compare(seed, ses);
	session_free(ses);
	free(ses);
	stream_free(&s);
}

TEST(random_streams_are_joined_as_the_obvious_way_does)
{
	u64 seed;

	for (seed = 1; seed <= STREAMS && tap_failures < 20; seed++)
		one_stream(seed);
}

TESTS(
	RUN(random_streams_are_joined_as_the_obvious_way_does),
)
