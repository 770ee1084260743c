// SPDX-License-Identifier: GPL-2.0-only
/*
 * common/ring.h itself under a model checker: every order in which a machine with
 * weakly ordered memory may carry out its loads and stores.
 *
 * Spin (ring.pml) walks through all states; this file says what a state is and which
 * steps lead on. The code under test is not translated: it is compiled from ring.h
 * (with the small constants and, for the mutation proof, the one change that ./run
 * makes), and its loads, stores and barriers come here. A thread's operation (a
 * write, a fetch, ...) is run again from its start whenever there is news for it: what
 * it has loaded so far is known, and it goes on to the next load that it has to wait
 * for. Its stores, barriers and the loads that need not be waited for stand in a
 * window, which goes on over the operations' ends (the next one begins when no more than
 * AHEAD entries are left), and are carried out in any order that this permits:
 *
 *   - what concerns one location stays in order;
 *   - wmb keeps stores before it from those behind it, rmb loads from loads;
 *   - a store-release waits for everything before it;
 *   - nothing behind a load-acquire is begun before it is done;
 *   - a load sees the thread's own store that still stands in the window.
 *
 * Memory is one (what is carried out is seen by all: x86, arm64), and a word of 8
 * bytes is loaded and stored in one piece. Control dependencies order nothing: the load
 * of oldest with which a consumer's fetch ends, and each load-acquire that a mutation
 * has made plain, are guessed, the code goes on, and the guess has to come true. This is
 * weaker than x86 and arm64 are. Not modelled: a reader's loads do not overtake those of
 * its operation before, and vmcoop_ring_stats() does not give up.
 *
 * What holds in every state that can be reached is said at fault() below.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "model.h"

/* FIRST: a mutation's plain load of seq with which vmcoop_ring_stats() begins. */
enum order { PLAIN, ACQUIRE, RELEASE, FIRST };

static unsigned long long model_load(const volatile void *p, enum order order);
static void model_store(volatile void *p, unsigned long long v, enum order order);
static void model_barrier(int kind);
static void model_memcpy(void *to, const void *from, unsigned long long n);

#define noinline
#define __maybe_unused			inline
#define vmcoop_load(p)			((__typeof__(*(p)))model_load(p, PLAIN))
#define vmcoop_store(p, v)		model_store(p, v, PLAIN)
#define vmcoop_load_acquire(p)		((__typeof__(*(p)))model_load(p, ACQUIRE))
#define vmcoop_store_release(p, v)	model_store(p, v, RELEASE)
#define vmcoop_wmb()			model_barrier(OP_WMB)
#define vmcoop_rmb()			model_barrier(OP_RMB)

enum { OP_NONE, OP_STORE, OP_RELEASE, OP_LOAD, OP_GUESS, OP_WMB, OP_RMB };

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#define memcpy				model_memcpy
#include "ring.h"			/* ./run's copy */
#undef memcpy

struct world S;

/* Not part of a state: what was seen at all, so that no property holds for want of it. */
static unsigned long long seen_dropped, seen_overwritten, seen_stale, seen_behind, seen_whole,
	seen_stats, seen_inplace, seen_lost;

static void fault(const char *what)
{
	if (!S.fault)
		S.fault = what;
}

/* ---- Memory ---------------------------------------------------------------------- */

/* Addresses only: the words are in S.mem. */
static struct vmcoop_ring_cons cons[2];
static struct vmcoop_ring_prod prod[2];
static __u64 data[2][WORDS];

static int me, event, nr_load, in_nmi;
static jmp_buf out;
enum { RUN, WAIT, AGAIN };

static int loc_of(const volatile void *p, int *ring)
{
	for (int r = 0; r < RINGS; r++) {
		long at = (const char *)p - (const char *)data[r];

		*ring = r;
		if (p == &cons[r].attached)
			return ATT;
		if (p == &cons[r].tail)
			return TAIL;
		if (at >= 0 && at < RING && at % 8 == 0)
			return DATA + at / 8;
		at = (const char *)p - (const char *)&prod[r];
		if (at >= 0 && at < (long)sizeof(prod[r]) && at % 8 == 0)
			return SEQ + at / 8;
	}
	fault("an access outside of the ring");
	longjmp(out, WAIT);
}

static struct thread *mine(void)
{
	return &S.thread[me];
}

static bool is_store(const struct op *op)
{
	return op->kind == OP_STORE || op->kind == OP_RELEASE;
}

static bool is_load(const struct op *op)
{
	return op->kind == OP_LOAD || op->kind == OP_GUESS;
}

static void nested(void);

/* Of record @n. */
static unsigned int size_of(int n)
{
	return S.sizes & 1 << n ? 24 : 16;
}

/* True if this event of the operation has been issued before. */
static bool event_is_old(void)
{
	if (NMI && me == PRODUCER && !in_nmi && S.writes == S.nmi_write && event == S.nmi_at)
		nested();
	return event++ < mine()->events;
}

static void issue(int kind, int ring, int loc, int slot, int val)
{
	struct thread *t = mine();

	if (t->ops == WINDOW) {
		fault("the model's window is too small");
		longjmp(out, WAIT);
	}
	t->window[t->ops++] = (struct op){
		.kind = kind, .loc = ring * LOCS + loc, .slot = slot, .val = val
	};
	t->events++;
}

static void model_store(volatile void *p, unsigned long long v, enum order order)
{
	int ring, loc = loc_of(p, &ring);

	/* attach() stores what stats() loaded: a data dependency. */
	if (me == READER && mine()->step == 0 && mine()->known != (1 << nr_load) - 1)
		longjmp(out, WAIT);
	if (event_is_old())
		return;
	if ((me == PRODUCER) != (loc >= SEQ))
		fault("a store to the other side's page");
	if (v != (unsigned long long)(int)v)
		fault("a word that the model cannot hold");
	issue(order == RELEASE ? OP_RELEASE : OP_STORE, ring, loc, 0, v);
	if (loc == HEAD) {
		int n = in_nmi == 1 ? WRITES : S.writes;

		S.taken[n] = (struct taken){
			.pos = v - size_of(n), .size = size_of(n), .ring = ring
		};
	}
}

static void model_barrier(int kind)
{
	const struct thread *t = mine();

	if (event_is_old())
		return;
	for (int i = 0; i < t->ops; i++) {
		if (kind == OP_WMB ? is_store(&t->window[i]) : is_load(&t->window[i])) {
			issue(kind, 0, 0, 0, 0);
			return;
		}
	}
	mine()->events++;		/* nothing that it could order */
}

/* The thread's own store to @loc that is still in its window, or what memory holds. */
static int value_of(const struct thread *t, int at)
{
	for (int i = t->ops; i--; )
		if ((t->window[i].kind == OP_STORE || t->window[i].kind == OP_RELEASE) &&
		    t->window[i].loc == at)
			return t->window[i].val;
	return S.mem[at / LOCS][at % LOCS];
}

static unsigned long long model_load(const volatile void *p, enum order order)
{
	int ring, loc = loc_of(p, &ring);
	struct thread *t = mine();
	bool stats = me != PRODUCER && loc >= HEAD && (loc < DATA) && t->step % 2 == 0;
	int slot;

	/* stats() tries once more: as if it had not begun. */
	if (loc == SEQ && nr_load && order != PLAIN)
		longjmp(out, AGAIN);
	if (event_is_old()) {
		slot = nr_load++;
		return t->known & 1 << slot ? t->value[slot] : 0;
	}
	slot = nr_load;
	if (slot == VALUES) {
		fault("the model has too little room for values");
		longjmp(out, WAIT);
	}
	if (me == PRODUCER && loc >= DATA && !HOSTILE_DATA) {
		/* Nobody else stores here. */
		t->value[slot] = value_of(t, ring * LOCS + loc);
	} else if (order == FIRST ||
		   (order == PLAIN && (stats || (me != PRODUCER && loc >= DATA)))) {
		issue(OP_LOAD, ring, loc, slot, 0);
		t->loads++;
		nr_load++;
		return 0;
	} else {
		bool ends = loc == SEQ || (loc == OLDEST && me == WATCHER);

		t->wait = order == ACQUIRE || ends || loc >= DATA ? OP_LOAD : OP_GUESS;
		t->wait_loc = ring * LOCS + loc;
		longjmp(out, WAIT);
	}
	t->known |= 1 << slot;
	t->events++;
	t->loads++;
	nr_load++;
	return t->value[slot];
}

static void model_memcpy(void *to, const void *from, unsigned long long n)
{
	bool store = (char *)to >= (char *)data && (char *)to < (char *)data + sizeof(data);
	__u64 *t = to;
	const __u64 *f = from;

	for (n /= 8; n--; t++, f++) {
		if (store)
			model_store(t, *f, PLAIN);
		else
			*t = model_load(f, PLAIN);
	}
}

static bool guesses(const struct thread *t)
{
	for (int i = 0; i < t->ops; i++)
		if (t->window[i].kind == OP_GUESS)
			return true;
	return false;
}

/* What rests on a guess is none before the guess has come true. */
static bool broken(void)
{
	if (!S.fault)
		return 0;
	for (int who = 0; who < THREADS; who++)
		if (guesses(&S.thread[who]))
			return 0;
	return 1;
}

static bool all_known(void)
{
	return mine()->known == (1 << mine()->loads) - 1;
}

/* From here on the operation has effects of its own: all that it loaded is known. */
static void settle(void)
{
	if (!all_known() || guesses(mine()))
		longjmp(out, WAIT);
}

/* ---- Producer -------------------------------------------------------------------- */

static struct vmcoop_ring ring[2];

static void load_own(int r)
{
	const struct own *o = &S.own[r];

	ring[r] = (struct vmcoop_ring){
		.cons = &cons[r], .prod = &prod[r], .data = data[r], .size = RING,
		.own = { .seq = o->seq, .head = o->head, .oldest = o->oldest,
			 .produced = o->produced, .overwritten = o->overwritten },
	};
	for (int i = 0; i < TYPES; i++)
		ring[r].own.dropped[i] = o->dropped[i];
}

static int write_record(int r, int n)
{
	struct {
		struct vmcoop_hdr hdr;
		__u64 body;
	} rec = {
		.hdr = { .type = n % TYPES, .flags = n + 1, .size = size_of(n),
			 .stamp = n + 1 },
		.body = n + 1,
	};

	return vmcoop_ring_write(&ring[r], &rec);
}

static int nested_ret;

static void nested(void)
{
	in_nmi = 1;
	nested_ret = write_record(NMI_RING, WRITES);
	in_nmi = 2;
}

static unsigned int sum_dropped(const struct own *o)
{
	unsigned int sum = 0;

	for (int i = 0; i < TYPES; i++)
		sum += o->dropped[i];
	return sum;
}

/* Record @n was offered to ring @r; @ret is what vmcoop_ring_write() said. */
static void wrote(int r, int n, int ret)
{
	struct own *o = &S.own[r], was = *o;
	unsigned int taken = 0, need = size_of(n);

	*o = (struct own){
		.seq = ring[r].own.seq, .head = ring[r].own.head, .oldest = ring[r].own.oldest,
		.produced = ring[r].own.produced, .overwritten = ring[r].own.overwritten,
	};
	for (int i = 0; i < TYPES; i++)
		o->dropped[i] = ring[r].own.dropped[i];
	for (int i = 0; i < RECORDS; i++)
		taken += S.taken[i].size && S.taken[i].ring == r;

	if (ring[r].own.head - ring[r].own.oldest > RING)
		fault("the ring holds more than its size");
	if (ring[r].own.oldest % VMCOOP_REC_ALIGN)
		fault("oldest is where no record can begin");
	if (o->produced != was.produced + 1)
		fault("a record is not counted as produced");
	if (o->produced != sum_dropped(o) + taken)
		fault("produced is not dropped + taken");
	if (!ret != !!S.taken[n].size || !ret != (o->head == was.head + need) ||
	    (ret && o->head != was.head))
		fault("head does not say what was taken");
	if (ret && o->dropped[n % TYPES] != was.dropped[n % TYPES] + 1)
		fault("a record is dropped and not counted");
	if (!HOSTILE_DATA) {
		unsigned int gone = 0;

		for (int i = 0; i < RECORDS; i++)
			gone += S.taken[i].size && S.taken[i].ring == r &&
				S.taken[i].pos >= was.oldest && S.taken[i].pos < o->oldest;
		if (o->overwritten != was.overwritten && o->overwritten != was.overwritten + gone)
			fault("records overwritten are miscounted");
		if (gone && o->overwritten == was.overwritten && !HOSTILE_CONS &&
		    !(S.attached && o->oldest <= S.pos[r]))
			fault("records are given up that nobody has read, and not counted");
		seen_behind += gone && o->overwritten == was.overwritten;
	}
	/* A reader cannot have made it drop what there was room for. */
	if (ret && !HOSTILE_CONS && (!S.attached || o->head - S.from + need <= RING))
		fault("a record is dropped though there is room");
	if (o->overwritten != was.overwritten)
		S.unattended = o->oldest;
	S.after[r][++S.nr_after[r]] = (struct books){
		.head = o->head, .oldest = o->oldest, .produced = o->produced,
		.overwritten = o->overwritten,
	};
	for (int i = 0; i < TYPES; i++)
		S.after[r][S.nr_after[r]].dropped[i] = o->dropped[i];
	seen_dropped += !!ret;
	seen_overwritten += o->overwritten != was.overwritten;
	seen_inplace += o->seq == was.seq + 2 && o->oldest == was.oldest && !ret;
}

static void op_write(void)
{
	int n = S.writes, ret;

	for (int r = 0; r < RINGS; r++)
		load_own(r);
	in_nmi = 0;
	ret = write_record(0, n);
	if (NMI && S.nmi_write == n && !in_nmi)
		nested();
	settle();
	wrote(0, n, ret);
	if (NMI && S.nmi_write == n)
		wrote(NMI_RING, WRITES, nested_ret);
	S.writes++;
}

/* ---- Readers --------------------------------------------------------------------- */

static __u64 buf[WORDS + 1];

/* @len bytes that were fetched from @pos: what was written there and nothing else. */
static unsigned int judge(int r, unsigned int pos, long len)
{
	long off = 0;
	unsigned int nr = 0;

	while (off < len) {
		int size = vmcoop_rec_next(buf, len, off), i;
		const __u64 *word = &buf[off / 8];

		for (i = 0; i < RECORDS; i++)
			if (S.taken[i].size && S.taken[i].ring == r && S.taken[i].pos == pos + off)
				break;
		if (i == RECORDS || size != S.taken[i].size || (word[0] >> 8 & 0xff) != i + 1u ||
		    (int)(word[0] & 0xff) != i % TYPES || word[1] != i + 1u ||
		    (size > 16 && word[2] != i + 1u)) {
			fault("a torn record passes for a whole one");
			return nr;
		}
		off += size;
		nr++;
	}
	seen_whole += nr;
	return nr;
}

static struct books judge_stats(int r, const struct vmcoop_ring_stats *st)
{
	struct books b = { .head = st->head, .oldest = st->oldest, .produced = st->produced,
			   .overwritten = st->overwritten };

	for (int i = 0; i < TYPES; i++)
		b.dropped[i] = st->dropped[i];
	seen_stats++;
	for (int i = 0; i <= S.nr_after[r]; i++)
		if (!memcmp(&b, &S.after[r][i], sizeof(b)))
			return b;
	fault("counters are taken for those of one instant and are not");
	return b;
}

/* As tools/capture.c's source_drain(), one time round. */
static void drain(int r, unsigned int upto)
{
	unsigned int pos = S.pos[r];
	long len = vmcoop_ring_fetch(&ring[r], pos, buf, sizeof(buf));
	__u64 oldest = 0;

	if (len == -ESTALE)
		oldest = vmcoop_load(&ring[r].prod->oldest);
	if (len > 0 && upto && len > upto - pos)
		len = upto - pos;
	if (len > 0)
		vmcoop_ring_consume(&ring[r], pos + len);
	settle();
	if (len == -ESTALE) {
		if (oldest > S.unattended)
			fault("what an attached reader has not consumed is overwritten");
		for (int i = 0; i < RECORDS; i++)
			S.lost += S.taken[i].size && S.taken[i].pos >= pos &&
				  S.taken[i].pos < oldest && (!upto || S.taken[i].pos < upto);
		S.stale = 1;
		seen_stale++;
		S.pos[r] = oldest;
	} else if (len < 0) {
		fault("a reader is told of a head that cannot be");
	} else {
		S.consumed[r] += judge(r, pos, len);
		S.pos[r] += len;
	}
}

/*
 * All that was offered between two looks at the counters, at S.first and at @b, is
 * accounted for. What is overwritten before the producer sees the reader counts as
 * overwritten, read or not, and whether it lies before or behind the reader's first
 * record: the reader knows whether it has lost records, and the books how many. @late
 * was looked at after the last record was read.
 */
static void balance(const struct books *b, const struct books *late)
{
	int lost = b->produced - S.first.produced - S.consumed[0];

	for (int i = 0; i < TYPES; i++)
		lost -= b->dropped[i] - S.first.dropped[i];
#ifdef OVERWRITTEN_IS_LOST
	if (lost != b->overwritten - S.first.overwritten)
		fault("produced is not consumed + dropped + overwritten");
#endif
	if (lost != S.lost || (lost && !S.stale))
		fault("a record is lost in silence");
	if (lost > late->overwritten - S.first.overwritten)
		fault("a record is overwritten and not counted");
	seen_lost += !!lost;
}

/*
 * The consumer: even steps look at the counters, odd ones fetch.
 * 0 attach, 1..2 * ROUNDS - 1 fetch, then the last look, fetch up to it, look once more
 * and detach.
 */
#define LAST	(2 * ROUNDS)

static void op_reader(void)
{
	struct thread *t = mine();
	struct vmcoop_ring_stats st;

	for (int r = 0; r < RINGS; r++)
		load_own(r);
	if (!t->step) {
		vmcoop_ring_attach(&ring[0], &st);
		settle();
		S.first = judge_stats(0, &st);
		S.pos[0] = S.from = st.head;
		S.attached = 1;
		t->step = 1;
	} else if (t->step == LAST || t->step == LAST + 2) {
		struct books b;

		vmcoop_ring_stats(&ring[0], &st);
		settle();
		b = judge_stats(0, &st);
		if (t->step == LAST)
			S.last = b;
		else
			balance(&S.last, &b);
		t->step++;
	} else if (t->step == LAST + 3) {
		vmcoop_ring_detach(&ring[0]);
		t->step++;
	} else if (t->step < LAST) {
		int r = t->step / 2 % RINGS;

		drain(r, 0);
		t->step += t->step == LAST - 1 ? LOOKS ? 1 : 4 : 2;
	} else {
		if (S.pos[0] < S.last.head)
			drain(0, S.last.head);
		if (S.pos[0] < S.last.head)
			return;
		if (S.stale) {
			t->step++;
		} else {
			balance(&S.last, &S.last);
			t->step += 2;
		}
	}
}

/* The onlooker: 0 stats, then ROUNDS times a fetch. */
static void op_watcher(void)
{
	struct thread *t = mine();
	struct vmcoop_ring_stats st;
	long len;

	load_own(0);
	if (!t->step) {
		vmcoop_ring_stats(&ring[0], &st);
		settle();
		judge_stats(0, &st);
		S.watch = st.oldest;
		t->step++;
		return;
	}
	len = vmcoop_ring_fetch(&ring[0], S.watch, buf, sizeof(buf));
	if (len == -ESTALE) {
		__u64 oldest = vmcoop_load(&ring[0].prod->oldest);

		settle();
		seen_stale++;
		S.watch = oldest;
	} else {
		settle();
		if (len < 0)
			fault("an onlooker is told of a head that cannot be");
		else
			judge(0, S.watch, len);
		S.watch += len > 0 ? len : 0;
	}
	t->step += 2;
}

/* ---- Steps ----------------------------------------------------------------------- */

static bool done(int who)
{
	switch (who) {
	case PRODUCER:	return S.writes == WRITES;
	case READER:	return !CONSUMER || S.thread[who].step == LAST + 4;
	default:	return !ONLOOKER || S.thread[who].step > 2 * ROUNDS;
	}
}

/* Let thread @who go on until it has to wait. */
static void advance(int who)
{
	struct thread *t = &S.thread[who];

	while (!done(who) && !broken()) {
		if (!t->events && t->ops > AHEAD)
			return;
		me = who;
		event = nr_load = 0;
		t->wait = t->wait_loc = 0;
		switch (setjmp(out)) {
		case WAIT:
			return;
		case AGAIN:
			if (!all_known())
				return;
			break;
		default:
			memset(buf, 0, sizeof(buf));
			if (who == PRODUCER)
				op_write();
			else if (who == READER)
				op_reader();
			else
				op_watcher();
		}
		t->events = t->loads = t->known = 0;
		memset(t->value, 0, sizeof(t->value));
	}
}

/*
 * May entry @i of the window be carried out before those ahead of it? Behind the last
 * stands the load that is waited for.
 */
static bool may(const struct thread *t, int i)
{
	struct op load = { .kind = OP_LOAD, .loc = t->wait_loc };
	const struct op *op = i < t->ops ? &t->window[i] : &load;
	bool wmb = false, rmb = false;

	if (!is_store(op) && !is_load(op))
		return false;
	for (int k = i; k--; ) {
		const struct op *p = &t->window[k];

		wmb |= p->kind == OP_WMB;
		rmb |= p->kind == OP_RMB;
		if (!is_store(p) && !is_load(p))
			continue;
		if (op->kind == OP_RELEASE || (is_store(op) && is_store(p) && wmb) ||
		    (is_load(op) && is_load(p) && rmb))
			return false;
		/* A load does see the own store in the window. */
		if (p->loc == op->loc && !(is_load(op) && is_store(p)))
			return false;
	}
	if (op->kind == OP_GUESS)
		return value_of(t, op->loc) == op->val;
	return true;
}

static void leave_window(struct thread *t, int i)
{
	bool stores = false, loads = false;
	int n = 0;

	t->window[i].kind = OP_NONE;
	for (int k = 0; k < t->ops; k++) {
		struct op *op = &t->window[k];

		if (op->kind == OP_NONE || (op->kind == OP_WMB && !stores) ||
		    (op->kind == OP_RMB && !loads))
			continue;
		stores |= is_store(op);
		loads |= is_load(op);
		t->window[n++] = *op;
	}
	memset(&t->window[n], 0, (t->ops - n) * sizeof(t->window[0]));
	t->ops = n;
}

/* Values that a load may find; returns how many. */
static int values(const struct thread *t, int *v)
{
	int at = t->wait_loc % LOCS, now = value_of(t, t->wait_loc), head = S.own[0].head, n = 0;

	if (HOSTILE_CONS && at == ATT) {
		v[n++] = 0;
		v[n++] = 1;
	} else if (HOSTILE_CONS && at == TAIL) {
		/* All, none and some is read, what cannot be: more than all, less, not whole. */
		const int any[] = { head, head - RING, head - 16, head + 8, -1,
				    head - RING - 8, head - 3 };

		for (n = 0; n < (int)(sizeof(any) / sizeof(any[0])); n++)
			v[n] = any[n];
	} else if (HOSTILE_DATA && at >= DATA) {
		const int any[] = { 0, 8 << 16, 16 << 16, 17 << 16, 24 << 16, 40 << 16, -1 };

		for (n = 0; n < (int)(sizeof(any) / sizeof(any[0])); n++)
			v[n] = any[n];
	} else if (t->wait == OP_GUESS && at == OLDEST) {
		v[n++] = now;		/* any other means that it was not read ahead of time */
	} else if (t->wait == OP_GUESS) {
		const int later[] = { 0, 1, 16, 24, 32, 48, 64 };

		for (n = 0; n < (int)(sizeof(later) / sizeof(later[0])); n++)
			v[n] = now + later[n];
	} else {
		v[n++] = now;
	}
	return n;
}

static void take_wait(struct thread *t, int val)
{
	int slot = t->loads;

	if (t->wait == OP_GUESS) {
		t->window[t->ops++] = (struct op){
			.kind = OP_GUESS, .loc = t->wait_loc, .slot = slot, .val = val
		};
	}
	t->value[slot] = val;
	t->known |= 1 << slot;
	t->loads++;
	t->events++;
}

static void take_op(struct thread *t, int i)
{
	struct op *op = &t->window[i];

	if (is_store(op)) {
		S.mem[op->loc / LOCS][op->loc % LOCS] = op->val;
	} else if (op->kind == OP_LOAD) {
		t->value[op->slot] = value_of(t, op->loc);
		t->known |= 1 << op->slot;
	}
	leave_window(t, i);
}

/* Will reader @who look at the counters again? */
static bool will_look(int who)
{
	return !done(who) && (who == READER ? LOOKS : !S.thread[who].step);
}

/*
 * May a thread other than @who still load or store, respectively, location @at? If not,
 * it does not matter when @who does what it may do there: at once, and no other order
 * is tried (a persistent set of one).
 */
static bool shared(int who, int at)
{
	at %= LOCS;
	if (who != PRODUCER)
		return !done(PRODUCER) || S.thread[PRODUCER].ops;
	if (at == ATT || at == TAIL)
		return HOSTILE_CONS || (CONSUMER && (!done(READER) || S.thread[READER].ops));
	if (at == HEAD || at == OLDEST || at >= DATA)
		return HOSTILE_DATA || !done(READER) || !done(WATCHER);
	return will_look(READER) || will_look(WATCHER);
}

/* Carries out entry @i of @who's window, or its load that is waited for. */
static void take(int who, int i, int val)
{
	struct thread *t = &S.thread[who];

	if (i < t->ops)
		take_op(t, i);
	else
		take_wait(t, val);
	advance(who);
}

static bool waits(const struct thread *t)
{
	return t->wait == OP_GUESS ? t->ops < WINDOW : t->wait && may(t, t->ops);
}

static bool take_unshared(bool do_it)
{
	for (int who = 0; who < THREADS; who++) {
		struct thread *t = &S.thread[who];

		for (int i = 0; i <= t->ops; i++) {
			int at = i < t->ops ? t->window[i].loc : t->wait_loc;

			if (i < t->ops ? !may(t, i) || t->window[i].kind == OP_GUESS :
					 t->wait != OP_LOAD || !waits(t))
				continue;
			if (shared(who, at))
				continue;
			if (do_it)
				take(who, i, value_of(t, at));
			return true;
		}
	}
	return false;
}

/* Numbers the choices; carries out number @want if it is not negative. */
static int choices(int want)
{
	int n = 0, v[16], nv;

	if (broken())
		return 0;
	if (take_unshared(want >= 0))
		return 1;
	for (int who = 0; who < THREADS; who++) {
		struct thread *t = &S.thread[who];

		for (int i = 0; i < t->ops; i++) {
			if (may(t, i) && n++ == want) {
				take(who, i, 0);
				return n;
			}
		}
		if (!waits(t))
			continue;
		nv = values(t, v);
		for (int i = 0; i < nv; i++) {
			if (n++ == want) {
				take(who, t->ops, v[i]);
				return n;
			}
		}
	}
	return n;
}

/* How large each record is, and where the interrupt comes: chosen first, bit by bit. */
#define BITS	(RECORDS + (NMI ? 6 : 0))

static void begin(void)
{
	if (ATTACHED) {
		S.attached = 1;
		for (int r = 0; r < RINGS; r++)
			S.mem[r][ATT] = 1;
		S.thread[READER].step = 1;
	}
	if (!LOOKS)
		S.thread[WATCHER].step = 1;
	for (int who = 0; who < THREADS; who++)
		advance(who);
}

void model_take(int choice)
{
	if (S.begun == BITS) {
		choices(choice);
	} else {
		if (S.begun < RECORDS)
			S.sizes |= (SIZES & choice << S.begun);
		else if (S.begun < RECORDS + 4)
			S.nmi_at |= choice << (S.begun - RECORDS);
		else
			S.nmi_write |= choice << (S.begun - RECORDS - 4);
		if (++S.begun == BITS)
			begin();
	}
	S.broken = broken();
	S.choices = S.begun < BITS ? 2 : choices(-1);
}

static void tell(void)
{
	if (broken())
		printf("FAULT: %s\n", S.fault);
	printf("seen: dropped %llu overwritten %llu stale %llu behind %llu", seen_dropped,
	       seen_overwritten, seen_stale, seen_behind);
	printf(" whole %llu stats %llu inplace %llu lost %llu\n", seen_whole, seen_stats,
	       seen_inplace, seen_lost);
}

void model_begin(void)
{
	S.choices = 2;
	atexit(tell);
}
