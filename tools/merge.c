// SPDX-License-Identifier: GPL-2.0-only
/*
 * K-way merge by host time: see merge.h.
 */
#include <stdlib.h>
#include <string.h>

#include "../common/ring.h"
#include "merge.h"

/** struct merge_buf - a chunk of records of a source, in the file's order */
struct merge_buf {
	struct merge_buf *next;
	char *data;
	u32 len, off;
};

/**
 * struct merge_clock - a vCPU's clock in force
 * @gen: counts its changes
 */
struct merge_clock {
	struct vmcoop_clock clock;
	u32 gen;
};

void merge_init(struct merge *m, const struct merge_ops *ops, void *ctx)
{
	memset(m, 0, sizeof(*m));
	m->ops = ops;
	m->ctx = ctx;
}

/* ---- Records -------------------------------------------------------------- */

/* The shortest record of each type; what may lie behind it is asked for by size. */
static u16 min_size(u8 type)
{
	switch (type) {
	case VMCOOP_HOST_SAMPLE:
		return sizeof(struct vmcoop_host_sample);
	case VMCOOP_HOST_VCPU:
		return sizeof(struct vmcoop_host_vcpu);
	case VMCOOP_HOST_IN:
		return sizeof(struct vmcoop_host_in);
	case VMCOOP_HOST_OUT:
		return sizeof(struct vmcoop_host_out);
	case VMCOOP_HOST_CLOCK:
		return sizeof(struct vmcoop_host_clock);
	case VMCOOP_HOST_GONE:
		return sizeof(struct vmcoop_host_gone);
	case VMCOOP_HOST_VMM:
		return sizeof(struct vmcoop_host_vmm);
	case VMCOOP_HOST_COUNT:
		return sizeof(struct vmcoop_host_count);
	case VMCOOP_HOST_EXITS:
		return offsetof(struct vmcoop_host_exits, exit);
	case VMCOOP_GUEST_TICK:
		return offsetof(struct vmcoop_guest_tick, comm);	/* once it ended there */
	case VMCOOP_GUEST_SWITCH:
		return sizeof(struct vmcoop_guest_switch);
	case VMCOOP_GUEST_COMM:
		return sizeof(struct vmcoop_guest_comm);
	case VMCOOP_GUEST_FORK:
		return sizeof(struct vmcoop_guest_fork);
	case VMCOOP_GUEST_EXIT:
		return sizeof(struct vmcoop_guest_exit);
	case VMCOOP_GUEST_MMAP:
		return sizeof(struct vmcoop_guest_mmap);
	case VMCOOP_GUEST_KERNEL:
		return sizeof(struct vmcoop_guest_kernel);
	default:
		return sizeof(struct vmcoop_hdr);
	}
}

static bool is_host_type(u8 type)
{
	return type < VMCOOP_GUEST_TICK;
}

/* A guest must not speak for the host: its types come from its rings alone. */
static bool well_formed(const struct merge_source *s, const struct vmcoop_hdr *hdr)
{
	const struct vmcoop_guest_mmap *mmap;
	const struct vmcoop_host_count *count;
	const struct vmcoop_host_exits *exits;

	if (s->host != is_host_type(hdr->type) || hdr->size < min_size(hdr->type))
		return false;
	switch (hdr->type) {
	case VMCOOP_GUEST_MMAP:
		mmap = (const void *)hdr;
		return mmap->path_len <= hdr->size - sizeof(*mmap) &&
		       mmap->start + mmap->len > mmap->start;
	case VMCOOP_HOST_COUNT:
		count = (const void *)hdr;
		return count->nr <= (hdr->size - sizeof(*count)) / sizeof(count->value[0]);
	case VMCOOP_HOST_EXITS:
		exits = (const void *)hdr;
		return exits->nr <= (hdr->size - offsetof(struct vmcoop_host_exits, exit)) /
				    sizeof(exits->exit[0]);
	default:
		return true;
	}
}

/*
 * Order at one instant. Who is in, and by which clock, holds from its stamp
 * on. A guest's stamp is read before the exit in which the host reads the same
 * value, so a sample sees what the guest said then.
 */
static u8 record_prio(const struct vmcoop_hdr *hdr)
{
	switch (hdr->type) {
	case VMCOOP_HOST_VCPU:
	case VMCOOP_HOST_CLOCK:
	case VMCOOP_HOST_IN:
	case VMCOOP_HOST_ENTRY:
		return 0;
	case VMCOOP_HOST_SAMPLE:
	case VMCOOP_HOST_OUT:
	case VMCOOP_HOST_GONE:
		return 2;
	default:
		return 1;
	}
}

/* ---- Heap ------------------------------------------------------------------ */

static bool before(const struct merge_source *a, const struct merge_source *b)
{
	if (a->key != b->key)
		return a->key < b->key;
	if (a->prio != b->prio)
		return a->prio < b->prio;
	return a->id < b->id;
}

static void heap_set(struct merge *m, u32 i, struct merge_source *s)
{
	m->heap[i] = s;
	s->place = i + 1;
}

static void heap_up(struct merge *m, struct merge_source *s)
{
	u32 i = s->place - 1;

	for (; i && before(s, m->heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap_set(m, i, m->heap[(i - 1) / 2]);
	heap_set(m, i, s);
}

static void heap_down(struct merge *m, struct merge_source *s)
{
	u32 i = s->place - 1, child;

	for (; (child = 2 * i + 1) < m->nr_heap; i = child) {
		if (child + 1 < m->nr_heap && before(m->heap[child + 1], m->heap[child]))
			child++;
		if (!before(m->heap[child], s))
			break;
		heap_set(m, i, m->heap[child]);
	}
	heap_set(m, i, s);
}

static void heap_remove(struct merge *m, struct merge_source *s)
{
	u32 i = s->place - 1;
	struct merge_source *last = m->heap[--m->nr_heap];

	s->place = 0;
	if (last == s)
		return;
	heap_set(m, i, last);
	heap_up(m, last);
	heap_down(m, last);
}

/* Puts @s where its key belongs, whether it was in the heap or not. */
static void heap_place(struct merge *m, struct merge_source *s)
{
	if (!s->place) {
		if (m->nr_heap == m->cap_heap) {
			m->cap_heap = 2 * m->cap_heap + 16;
			m->heap = xreallocarray(m->heap, m->cap_heap, sizeof(*m->heap));
		}
		heap_set(m, m->nr_heap++, s);
	}
	heap_up(m, s);
	heap_down(m, s);
}

/* ---- Sources ---------------------------------------------------------------- */

#define KEY_MAX	(UINT64_MAX - 1)

static u64 clock_key(u32 vm, u32 vcpu)
{
	return (u64)vm << 32 | vcpu;
}

/* Sets the key of a guest source's head; false if it has to wait for a clock. */
static bool convert_head(struct merge *m, struct merge_source *s)
{
	const struct merge_clock *c = map_get(&m->clocks, clock_key(s->vm, s->head->id));

	if (!c)
		return false;
	/*
	 * A clock can only have gone back where it was changed. Less than a
	 * millisecond is not worth waiting for the record that says so.
	 */
	if (s->head->stamp < s->stamp && s->stamp - s->head->stamp > m->clock_khz &&
	    s->clock_gen == c->gen)
		return false;
	s->key = min_u64(vmcoop_clock_to_host(&c->clock, s->head->stamp), KEY_MAX);
	s->clock_gen = c->gen;
	return true;
}

/* Gives @s, whose head is new or whose clock has changed, its place. */
static void source_queue(struct merge *m, struct merge_source *s)
{
	s->prio = record_prio(s->head);
	if (s->host) {
		s->key = min_u64(s->head->stamp, KEY_MAX);
	} else if (!convert_head(m, s)) {
		if (s->place)
			heap_remove(m, s);
		return;
	}
	heap_place(m, s);
}

static void pop_buf(struct merge *m, struct merge_source *s)
{
	struct merge_buf *b = s->first;

	m->memory -= b->len;
	s->first = b->next;
	if (!s->first)
		s->last = NULL;
	free(b->data);
	free(b);
}

/* Finds the source's next good record; false if nothing of it is in memory. */
static bool source_advance(struct merge *m, struct merge_source *s)
{
	for (s->head = NULL; s->first;) {
		struct merge_buf *b = s->first;
		int size = vmcoop_rec_next(b->data, b->len, b->off);

		if (size <= 0) {
			/* Not even the writer's checks passed here: skip the rest. */
			if (b->off != b->len)
				s->malformed++;
			pop_buf(m, s);
			continue;
		}
		s->head = (const struct vmcoop_hdr *)(b->data + b->off);
		b->off += size;
		s->records++;
		if (well_formed(s, s->head))
			return true;
		s->malformed++;
		s->head = NULL;
	}
	return false;
}

/* ---- Handing out ------------------------------------------------------------ */

static void clock_changed(struct merge *m, const struct vmcoop_hdr *hdr)
{
	const struct vmcoop_host_clock *rec = (const void *)hdr;
	struct vmcoop_clock clock = {
		.offset = rec->offset,
		.ratio = rec->ratio,
		.frac_bits = rec->frac_bits,
	};
	u64 key = clock_key(rec->vm, rec->vcpu);
	struct merge_clock *c = map_get(&m->clocks, key);
	u32 i;

	if (!vmcoop_clock_valid(&clock))
		return;
	if (!c) {
		c = xcalloc(1, sizeof(*c));
		map_put(&m->clocks, key, c);
	} else if (merge_same_clock(&c->clock, &clock)) {
		return;		/* told again */
	}
	c->clock = clock;
	c->gen++;
	for (i = 0; i < m->nr_guests; i++) {
		struct merge_source *s = m->guests[i];

		if (s->vm == rec->vm && s->head && s->head->id == rec->vcpu)
			source_queue(m, s);
	}
}

static void hand_out(struct merge *m, struct merge_source *s, bool timed)
{
	struct merge_rec rec = { .hdr = s->head, .src = s, .timed = timed };

	if (timed) {
		m->late += s->key < m->now;
		m->now = max_u64(m->now, s->key);
		rec.true_time = s->key;
	} else {
		m->untimed++;
	}
	rec.time = m->now;
	s->stamp = s->head->stamp;
	m->ops->record(m->ctx, &rec);
}

/* Hands out all records with host times below @limit. */
static void merge_run(struct merge *m, u64 limit)
{
	while (m->nr_heap && m->heap[0]->key < limit) {
		struct merge_source *s = m->heap[0];
		const struct vmcoop_hdr *hdr = s->head;

		hand_out(m, s, true);
		if (hdr->type == VMCOOP_HOST_CLOCK)
			clock_changed(m, hdr);
		if (source_advance(m, s))
			source_queue(m, s);
		else
			heap_remove(m, s);
	}
}

/*
 * A guest source whose next record cannot be placed, or lies in a future that
 * the recorder had not reached when it read it: either a clock change will put
 * that right, or the guest does not tell the truth.
 */
static bool stuck(const struct merge *m, const struct merge_source *s)
{
	u64 future = m->horizon + MERGE_HOLD_MS * m->clock_khz;

	return s->head && (!s->place || (m->horizon && s->key > future));
}

/* Stops waiting for @s's clock: hands out what is there, until one converts. */
static void give_up(struct merge *m, struct merge_source *s)
{
	while (stuck(m, s)) {
		hand_out(m, s, false);
		if (source_advance(m, s))
			source_queue(m, s);
		else if (s->place)
			heap_remove(m, s);
	}
	s->waits = false;
}

static void end_waits(struct merge *m, bool all)
{
	u64 hold = MERGE_HOLD_MS * m->clock_khz;
	u32 i;

	for (i = 0; i < m->nr_guests; i++) {
		struct merge_source *s = m->guests[i];

		if (!stuck(m, s)) {
			s->waits = false;
			continue;
		}
		if (!s->waits)
			s->waits_since = m->now;
		s->waits = true;
		if (all || m->now - s->waits_since >= hold)
			give_up(m, s);
	}
}

/* ---- Chunks ------------------------------------------------------------------- */

static void add_source(struct merge *m, const struct chunk *c)
{
	struct merge_source *s;
	char word[16];

	if (map_get(&m->sources, c->source))
		return;
	s = xcalloc(1, sizeof(*s));
	s->id = c->source;
	s->host = kv_get_str(c->data, c->len, "side", word, sizeof(word)) &&
		  !strcmp(word, "host");
	s->vm = kv_get_u64(c->data, c->len, "vm", 0);
	s->generation = kv_get_u64(c->data, c->len, "generation", 0);
	s->ring = kv_get_u64(c->data, c->len, "ring", 0);
	s->pcpu = kv_get_u64(c->data, c->len, "pcpu", 0);
	s->arch = kv_get_u64(c->data, c->len, "arch", 0);
	s->nmi = kv_get_str(c->data, c->len, "context", word, sizeof(word)) &&
		 !strcmp(word, "nmi");
	kv_get_str(c->data, c->len, "release", s->release, sizeof(s->release));
	map_put(&m->sources, s->id, s);
	if (!s->host) {
		m->guests = xreallocarray(m->guests, m->nr_guests + 1, sizeof(*m->guests));
		m->guests[m->nr_guests++] = s;
	}
	if (m->ops->source)
		m->ops->source(m->ctx, s);
}

static void add_records(struct merge *m, struct chunk *c)
{
	struct merge_source *s = map_get(&m->sources, c->source);
	struct merge_buf *b;

	if (!s || !c->len)
		return;
	b = xcalloc(1, sizeof(*b));
	b->data = c->data;
	b->len = c->len;
	c->data = NULL;
	m->memory += b->len;
	if (s->last)
		s->last->next = b;
	else
		s->first = b;
	s->last = b;
	if (!s->head && source_advance(m, s))
		source_queue(m, s);
}

/* No watermark for too long: hand out half of it in the order it has. */
static void relieve(struct merge *m)
{
	while (m->memory > MERGE_MEMORY / 2) {
		end_waits(m, true);
		if (!m->nr_heap)
			return;
		merge_run(m, m->heap[0]->key + 1);
	}
}

static void add_round(struct merge *m, const struct chunk *c)
{
	struct chunk_round round;

	if (c->len < sizeof(round))
		return;
	memcpy(&round, c->data, sizeof(round));
	m->watermark = max_u64(m->watermark, round.watermark);
	m->horizon = max_u64(m->horizon, round.now);
	merge_run(m, m->watermark);
	/* Time passes even where no record says so. */
	m->now = max_u64(m->now, m->watermark);
	end_waits(m, false);
}

void merge_chunk(struct merge *m, struct chunk *c)
{
	switch (c->type) {
	case CHUNK_SOURCE:
		add_source(m, c);
		break;
	case CHUNK_RECORDS:
		add_records(m, c);
		if (m->memory > MERGE_MEMORY)
			relieve(m);
		break;
	case CHUNK_ROUND:
		add_round(m, c);
		break;
	default:
		break;
	}
	if (m->ops->chunk && c->type != CHUNK_RECORDS)
		m->ops->chunk(m->ctx, c);
	free(c->data);
	c->data = NULL;
}

void merge_finish(struct merge *m)
{
	bool more;
	u32 i;

	do {
		/* First what can be placed: a clock among it may place the rest. */
		merge_run(m, max_u64(m->horizon, 1) + MERGE_HOLD_MS * m->clock_khz);
		end_waits(m, true);
		merge_run(m, UINT64_MAX);
		for (more = false, i = 0; i < m->nr_guests; i++)
			more |= m->guests[i]->head != NULL;
	} while (more);
}

void merge_free(struct merge *m)
{
	struct merge_source *s;
	void *clock;
	size_t i;

	map_for_each(&m->sources, i, s) {
		while (s->first)
			pop_buf(m, s);
		free(s);
	}
	map_for_each(&m->clocks, i, clock)
		free(clock);
	map_free(&m->sources);
	map_free(&m->clocks);
	free(m->heap);
	free(m->guests);
	memset(m, 0, sizeof(*m));
}
