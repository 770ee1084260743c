// SPDX-License-Identifier: GPL-2.0-only
/*
 * K-way merge by host time: see merge.h.
 */
#include <stdlib.h>
#include <string.h>

#include "../common/ring.h"
#include "merge.h"

/**
 * struct merge_clock - a vCPU's clock in force
 * @same_rate: it only differs by its offset
 * @gen: counts its changes
 */
struct merge_clock {
	struct vmcoop_clock clock;
	bool same_rate;
	u32 gen;
};

void merge_init(struct merge *m, const struct merge_ops *ops, void *ctx,
		struct datafile_reader *file)
{
	memset(m, 0, sizeof(*m));
	m->ops = ops;
	m->ctx = ctx;
	m->file = file;
	m->disorder = true;
}

/* ---- Records -------------------------------------------------------------- */

/* The shortest record of each type; what may lie behind it is asked for by size. */
static const u16 min_size[VMCOOP_REC_TYPES] = {
	[VMCOOP_HOST_SAMPLE] = sizeof(struct vmcoop_host_sample),
	[VMCOOP_HOST_VCPU] = sizeof(struct vmcoop_host_vcpu),
	[VMCOOP_HOST_IN] = sizeof(struct vmcoop_host_in),
	[VMCOOP_HOST_OUT] = offsetof(struct vmcoop_host_out, left),	/* once it ended there */
	[VMCOOP_HOST_CLOCK] = sizeof(struct vmcoop_host_clock),
	[VMCOOP_HOST_GONE] = sizeof(struct vmcoop_host_gone),
	[VMCOOP_HOST_VMM] = sizeof(struct vmcoop_host_vmm),
	[VMCOOP_HOST_COUNT] = sizeof(struct vmcoop_host_count),
	[VMCOOP_HOST_EXITS] = offsetof(struct vmcoop_host_exits, exit),
	[VMCOOP_GUEST_TICK] = offsetof(struct vmcoop_guest_tick, comm),	/* the same */
	[VMCOOP_GUEST_SWITCH] = sizeof(struct vmcoop_guest_switch),
	[VMCOOP_GUEST_COMM] = offsetof(struct vmcoop_guest_comm, ns_pid),	/* the same */
	[VMCOOP_GUEST_FORK] = offsetof(struct vmcoop_guest_fork, ns_pid),	/* the same */
	[VMCOOP_GUEST_EXIT] = sizeof(struct vmcoop_guest_exit),
	[VMCOOP_GUEST_MMAP] = sizeof(struct vmcoop_guest_mmap),
	[VMCOOP_GUEST_KERNEL] = sizeof(struct vmcoop_guest_kernel),
	[VMCOOP_GUEST_CONFIG] = sizeof(struct vmcoop_guest_config),
	[VMCOOP_GUEST_CPU] = sizeof(struct vmcoop_guest_cpu_state),
	[VMCOOP_GUEST_BUILDID] = sizeof(struct vmcoop_guest_buildid),
	[VMCOOP_GUEST_MODULE] = sizeof(struct vmcoop_guest_module),
	[VMCOOP_GUEST_CGROUP] = sizeof(struct vmcoop_guest_cgroup),
	[VMCOOP_GUEST_SYMBOLS] = sizeof(struct vmcoop_guest_symbols),
};

/* Types whose records say themselves how much lies behind. */
#define TYPE(t)	(1ULL << VMCOOP_##t)
#define HAS_TAIL	(TYPE(GUEST_TICK) | TYPE(GUEST_MMAP) | TYPE(GUEST_BUILDID) |	\
			 TYPE(GUEST_CGROUP) | TYPE(HOST_COUNT) | TYPE(HOST_EXITS))
static_assert(VMCOOP_REC_TYPES <= 64, "a bit for each type");

static bool is_host_type(u8 type)
{
	return type < VMCOOP_GUEST_TICK;
}

/* Whether what a record says of its end lies in it. */
static bool tail_fits(const struct vmcoop_hdr *hdr)
{
	const struct vmcoop_guest_tick *tick = (const void *)hdr;
	const struct vmcoop_guest_mmap *map = (const void *)hdr;
	const struct vmcoop_guest_buildid *id = (const void *)hdr;
	const struct vmcoop_guest_cgroup *cgroup = (const void *)hdr;
	const struct vmcoop_host_count *count = (const void *)hdr;
	const struct vmcoop_host_exits *exits = (const void *)hdr;

	switch (hdr->type) {
	case VMCOOP_GUEST_TICK:
		return !(tick->nr_kernel || tick->nr_user) ||
		       hdr->size >= sizeof(*tick) + (tick->nr_kernel + tick->nr_user) *
						    sizeof(tick->chain[0]);
	case VMCOOP_GUEST_MMAP:
		return map->path_len <= hdr->size - sizeof(*map) &&
		       map->start + map->len > map->start;
	case VMCOOP_GUEST_BUILDID:
		return id->len <= hdr->size - sizeof(*id);
	case VMCOOP_GUEST_CGROUP:
		return cgroup->path_len <= hdr->size - sizeof(*cgroup);
	case VMCOOP_HOST_COUNT:
		return count->nr <= (hdr->size - sizeof(*count)) / sizeof(count->value[0]);
	case VMCOOP_HOST_EXITS:
		return exits->nr <= (hdr->size - offsetof(struct vmcoop_host_exits, exit)) /
				    sizeof(exits->exit[0]);
	default:
		return true;
	}
}

/* A guest must not speak for the host: its types come from its rings alone. */
static bool well_formed(const struct merge_source *s, const struct vmcoop_hdr *hdr)
{
	if (s->host != is_host_type(hdr->type) || hdr->type >= VMCOOP_REC_TYPES ||
	    hdr->size < min_size[hdr->type])
		return false;
	return !(HAS_TAIL >> hdr->type & 1) || tail_fits(hdr);
}

/*
 * Order at one instant. Who is in, and by which clock, holds from its stamp
 * on. A guest's stamp is read before the exit in which the host reads the same
 * value, so a sample sees what the guest said then.
 */
static u8 record_prio(u8 type)
{
	static const signed char prio[VMCOOP_REC_TYPES] = {
		[VMCOOP_HOST_VCPU] = -1,
		[VMCOOP_HOST_CLOCK] = -1,
		[VMCOOP_HOST_IN] = -1,
		[VMCOOP_HOST_ENTRY] = -1,
		[VMCOOP_HOST_SAMPLE] = 1,
		[VMCOOP_HOST_OUT] = 1,
		[VMCOOP_HOST_GONE] = 1,
	};

	return 1 + prio[type];
}

/* ---- Order ----------------------------------------------------------------- */

/*
 * A tournament: each leaf is a source, each inner node holds the loser of the
 * match below it, tree[0] the winner of all. Of n sources leaf i is node n + i,
 * and the nodes below node k are 2k and 2k + 1. Replaying the winner's matches
 * takes as many steps as there are levels. Changes elsewhere are rare (a chunk
 * for a source that had none, a clock): then it is made anew.
 *
 * What plays is a source's place in the order, in one number: the host time from
 * the tree's base on, then priority, then the source's leaf. Leaves are in the
 * order of sources' numbers. The base is the earliest head when the tree is made.
 * A head before it can only be the next record of the source that has just won:
 * it wins again. Those too far behind the base for the number are told apart when
 * they are the next: then the tree is made anew.
 */
#define KEY_NONE	UINT64_MAX
#define KEY_MAX		(UINT64_MAX - 1)
#define LEAF_BITS	16
#define PRIO_BITS	2
#define TIME_SHIFT	(PRIO_BITS + LEAF_BITS)
#define TIME_FAR	((1ULL << (64 - TIME_SHIFT)) - 2)
#define PLACE_FAR	(TIME_FAR << TIME_SHIFT)
#define PLACE_NONE	UINT64_MAX
static_assert(MERGE_SOURCES <= 1U << LEAF_BITS, "leaves");

static inline u32 leaf_of(u64 place)
{
	return place & ((1U << LEAF_BITS) - 1);
}

static inline u64 place_of(const struct merge *m, const struct merge_source *s)
{
	u64 time;

	if (!s->queued)
		return PLACE_NONE;
	time = s->key < m->base ? 0 : min_u64(s->key - m->base, TIME_FAR - 1) + 1;
	return time << TIME_SHIFT | (u64)s->prio << LEAF_BITS | s->leaf;
}

/* The winner below node @at; the losers stay there. */
static u64 play(struct merge *m, u32 at)
{
	u64 a, b;

	if (at >= m->nr_all)
		return place_of(m, m->all[at - m->nr_all]);
	a = play(m, 2 * at);
	b = play(m, 2 * at + 1);
	m->tree[at] = max_u64(a, b);
	return min_u64(a, b);
}

static int by_number(const void *a, const void *b)
{
	const struct merge_source *x = *(void *const *)a, *y = *(void *const *)b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static void restore_order(struct merge *m)
{
	u32 i;

	if (!m->sorted) {
		qsort(m->all, m->nr_all, sizeof(*m->all), by_number);
		for (i = 0; i < m->nr_all; i++)
			m->all[i]->leaf = i;
		m->tree = xreallocarray(m->tree, m->nr_all, sizeof(*m->tree));
		m->sorted = true;
	}
	m->base = KEY_NONE;
	for (i = 0; i < m->nr_all; i++)
		if (m->all[i]->queued)
			m->base = min_u64(m->base, m->all[i]->key);
	m->tree[0] = play(m, 1);
	m->disorder = false;
}

static inline void replay(struct merge *m, struct merge_source *s)
{
	u64 cur = place_of(m, s), *tree = m->tree;
	size_t at;

	for (at = (m->nr_all + s->leaf) / 2; at; at /= 2) {
		u64 other = tree[at];

		/* Without a branch: nobody can predict it. */
		tree[at] = max_u64(cur, other);
		cur = min_u64(cur, other);
	}
	tree[0] = cur;
}

/* What comes next, NULL if nothing does before @limit. */
static inline struct merge_source *first_below(struct merge *m, u64 limit)
{
	struct merge_source *s;

	if (m->disorder || m->tree[0] >= PLACE_FAR) {
		if (!m->nr_all)
			return NULL;
		restore_order(m);
		if (m->tree[0] == PLACE_NONE)
			return NULL;
	}
	s = m->all[leaf_of(m->tree[0])];
	return s->key < limit ? s : NULL;
}

/* ---- Sources ---------------------------------------------------------------- */

static u64 clock_key(u32 vm, u32 vcpu)
{
	return (u64)vm << 32 | vcpu;
}

#define ALL_VCPUS	UINT32_MAX	/* the clock of those without one of their own */

static const struct merge_clock *clock_of_head(struct merge *m, struct merge_source *s)
{
	if (!s->clock || s->clock_id != s->head_id) {
		s->clock = map_get(&m->clocks, clock_key(s->vm, s->head_id)) ?:
			   map_get(&m->clocks, clock_key(s->vm, ALL_VCPUS));
		s->clock_id = s->head_id;
	}
	return s->clock;
}

/* Sets the key of a guest source's head; false if it has to wait for a clock. */
static bool convert_head(struct merge *m, struct merge_source *s)
{
	const struct merge_clock *c = clock_of_head(m, s);

	if (!c)
		return false;
	/*
	 * A clock can only have gone back where it was changed. Less than a
	 * millisecond is not worth waiting for the record that says so.
	 */
	if (s->head_stamp < s->stamp && s->stamp - s->head_stamp > m->clock_khz &&
	    s->clock_gen == c->gen)
		return false;
	s->key = c->same_rate ? s->head_stamp - c->clock.offset :
				vmcoop_clock_to_host(&c->clock, s->head_stamp);
	s->key = min_u64(s->key, KEY_MAX);
	s->clock_gen = c->gen;
	return true;
}

/* Gives @s, whose head is new or whose clock has changed, its key. */
static inline void source_queue(struct merge *m, struct merge_source *s)
{
	if (s->host) {
		s->key = min_u64(s->head_stamp, KEY_MAX);
		s->queued = true;
	} else {
		s->queued = convert_head(m, s);
	}
}

/* Forgets what chunks of all sources are in memory, but @s's: it will be read again. */
static void evict_others(struct merge *m, const struct merge_source *s)
{
	u32 i;

	for (i = 0; i < m->nr_all; i++) {
		struct merge_source *other = m->all[i];

		if (other == s || !other->data)
			continue;
		m->memory -= other->cap;
		free(other->data);
		other->data = NULL;
		other->cap = 0;
		other->loaded = false;
	}
}

static void drop_held(struct merge *m, struct chunk *c)
{
	if (!c->held)
		return;
	m->held -= c->stored;
	free(c->held);
	c->held = NULL;
}

static void flush(struct merge *m)
{
	if (m->nr_batch)
		m->ops->records(m->ctx, m->batch, m->nr_batch);
	m->nr_batch = 0;
}

/* Makes the source's first chunk be in memory. */
static bool source_load(struct merge *m, struct merge_source *s)
{
	struct chunk *c = &s->queue.chunks[s->queue.first];

	if (s->loaded)
		return true;
	/* What is to be handed out lies in sources' memory. */
	flush(m);
	if (c->len > s->cap) {
		m->memory += c->len - s->cap;
		if (m->memory > MERGE_MEMORY)
			evict_others(m, s);
		free(s->data);
		s->data = xcalloc(1, c->len);
		s->cap = c->len;
	}
	s->loaded = datafile_load(m->file, c, s->data);
	s->len = c->len;
	s->head = (const struct vmcoop_hdr *)(s->data + s->off);
	drop_held(m, c);
	return s->loaded;
}

static void queue_push(struct merge_queue *q, const struct chunk *c)
{
	if (q->nr == q->cap) {
		u32 cap = q->cap ? 2 * q->cap : 8, i;
		struct chunk *bigger = xcalloc(cap, sizeof(*bigger));

		for (i = 0; i < q->nr; i++)
			bigger[i] = q->chunks[(q->first + i) & (q->cap - 1)];
		free(q->chunks);
		q->chunks = bigger;
		q->first = 0;
		q->cap = cap;
	}
	q->chunks[(q->first + q->nr++) & (q->cap - 1)] = *c;
}

static void pop_chunk(struct merge *m, struct merge_source *s)
{
	drop_held(m, &s->queue.chunks[s->queue.first]);
	s->queue.first = (s->queue.first + 1) & (s->queue.cap - 1);
	s->queue.nr--;
	m->nr_chunks--;
	s->loaded = false;
	s->next = s->off = 0;
}

/* Takes the record at @s->next, of @size bytes, for the head; false if it makes no sense. */
static inline bool take_head(struct merge_source *s, int size)
{
	const struct vmcoop_hdr *hdr = (const struct vmcoop_hdr *)(s->data + s->next);

	s->off = s->next;
	s->next += size;
	s->records++;
	if (!well_formed(s, hdr)) {
		s->malformed++;
		return false;
	}
	if (!s->host)
		s->stamp = s->head_stamp;
	s->head = hdr;
	s->type = hdr->type;
	s->has_head = true;
	s->head_id = hdr->id;
	s->head_stamp = hdr->stamp;
	s->prio = record_prio(hdr->type);
	__builtin_prefetch(s->data + s->next);
	return true;
}

/* The same as source_advance() where the next record is not at hand, or no good. */
static bool source_search(struct merge *m, struct merge_source *s)
{
	int size;

	s->has_head = false;
	while (s->loaded || s->queue.nr) {
		size = -1;
		if (s->loaded || source_load(m, s))
			size = vmcoop_rec_next(s->data, s->len, s->next);
		if (size > 0 && take_head(s, size))
			return true;
		if (size > 0)
			continue;
		/* Not even the writer's checks passed here: skip the rest. */
		s->malformed += s->next != s->queue.chunks[s->queue.first].len;
		pop_chunk(m, s);
	}
	s->queued = false;
	return false;
}

/* Finds the source's next good record; false if nothing of it has been read. */
static inline bool source_advance(struct merge *m, struct merge_source *s)
{
	int size = s->loaded ? vmcoop_rec_next(s->data, s->len, s->next) : 0;

	return (size > 0 && take_head(s, size)) || source_search(m, s);
}

/* ---- Handing out ------------------------------------------------------------ */

static void set_clock(struct merge *m, u32 vm, u32 vcpu, struct vmcoop_clock clock)
{
	u64 key = clock_key(vm, vcpu);
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
	c->same_rate = clock.ratio == 1ULL << clock.frac_bits;
	c->gen++;
	for (i = 0; i < m->nr_guests; i++) {
		struct merge_source *s = m->guests[i];

		if (s->vm != vm || (vcpu != ALL_VCPUS && s->head_id != vcpu))
			continue;
		s->clock = NULL;
		if (s->has_head)
			source_queue(m, s);
	}
	m->disorder = true;
}

static void clock_changed(struct merge *m, const struct vmcoop_hdr *hdr)
{
	const struct vmcoop_host_clock *rec = (const void *)hdr;
	struct vmcoop_clock clock = {
		.offset = rec->offset,
		.ratio = rec->ratio,
		.frac_bits = rec->frac_bits,
	};

	set_clock(m, rec->vm, rec->vcpu, clock);
}

static inline void hand_out(struct merge *m, struct merge_source *s, bool timed)
{
	struct merge_rec *rec;

	if (!s->loaded && !source_load(m, s)) {
		/* It was there when it was found: the file has changed meanwhile. */
		s->malformed++;
		return;
	}
	if (m->nr_batch == MERGE_BATCH)
		flush(m);
	rec = &m->batch[m->nr_batch++];
	rec->hdr = s->head;
	rec->src = s;
	rec->timed = timed;
	rec->true_time = 0;
	if (timed) {
		m->late += s->key < m->now;
		m->now = max_u64(m->now, s->key);
		rec->true_time = s->key;
	} else {
		m->untimed++;
	}
	rec->time = m->now;
	if (timed && s->type == VMCOOP_HOST_CLOCK)
		clock_changed(m, s->head);
}

/* Hands out all records with host times below @limit. */
static void merge_run(struct merge *m, u64 limit)
{
	struct merge_source *s;

	while ((s = first_below(m, limit))) {
		hand_out(m, s, true);
		if (source_advance(m, s))
			source_queue(m, s);
		replay(m, s);
	}
	flush(m);
}

/*
 * A guest source whose next record cannot be placed, or lies in a future that
 * the recorder had not reached when it read it: either a clock change will put
 * that right, or the guest does not tell the truth.
 */
static bool stuck(const struct merge *m, const struct merge_source *s)
{
	u64 future = m->horizon + MERGE_HOLD_MS * m->clock_khz;

	return s->has_head && (!s->queued || (m->horizon && s->key > future));
}

/* Stops waiting for @s's clock: hands out what is there, until one converts. */
static void give_up(struct merge *m, struct merge_source *s)
{
	while (stuck(m, s)) {
		hand_out(m, s, false);
		if (source_advance(m, s))
			source_queue(m, s);
	}
	flush(m);
	s->waits = false;
	m->disorder = true;
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

	if (map_get(&m->sources, c->source) || m->nr_all == MERGE_SOURCES)
		return;
	s = xcalloc_line(sizeof(*s));
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
	m->sorted = false;
	m->all = xreallocarray(m->all, m->nr_all + 1, sizeof(*m->all));
	m->all[m->nr_all++] = s;
	m->disorder = true;
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

	if (!s || !c->len)
		return;
	/* Where nothing of the source is in memory it is loaded at once. */
	if (s->has_head && m->held + c->stored <= MERGE_HELD) {
		datafile_hold(m->file, c);
		m->held += c->stored;
	}
	queue_push(&s->queue, c);
	m->nr_chunks++;
	if (s->has_head || !source_advance(m, s))
		return;
	source_queue(m, s);
	m->disorder = true;
}

/* No watermark for too long: hand out half of it in the order it has. */
static void relieve(struct merge *m)
{
	struct merge_source *s;

	while (m->nr_chunks > MERGE_CHUNKS / 2) {
		end_waits(m, true);
		s = first_below(m, KEY_NONE);
		if (!s)
			return;
		merge_run(m, s->key + 1);
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

static void add_clock(struct merge *m, const struct chunk *c)
{
	struct vmcoop_clock clock = {
		.offset = kv_get_u64(c->data, c->len, "offset", 0),
		.ratio = kv_get_u64(c->data, c->len, "ratio", 0),
		.frac_bits = kv_get_u64(c->data, c->len, "frac_bits", 0),
	};

	set_clock(m, kv_get_u64(c->data, c->len, "vm", 0), ALL_VCPUS, clock);
}

void merge_chunk(struct merge *m, struct chunk *c)
{
	switch (c->type) {
	case CHUNK_CLOCK:
		add_clock(m, c);
		break;
	case CHUNK_SOURCE:
		add_source(m, c);
		break;
	case CHUNK_RECORDS:
		add_records(m, c);
		if (m->nr_chunks > MERGE_CHUNKS)
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
		merge_run(m, KEY_NONE);
		for (more = false, i = 0; i < m->nr_guests; i++)
			more |= m->guests[i]->has_head;
	} while (more);
}

void merge_free(struct merge *m)
{
	void *clock;
	size_t i;

	for (i = 0; i < m->nr_all; i++) {
		while (m->all[i]->queue.nr)
			pop_chunk(m, m->all[i]);
		free(m->all[i]->queue.chunks);
		free(m->all[i]->data);
		free(m->all[i]);
	}
	map_for_each(&m->clocks, i, clock)
		free(clock);
	map_free(&m->sources);
	map_free(&m->clocks);
	free(m->tree);
	free(m->all);
	free(m->guests);
	memset(m, 0, sizeof(*m));
}
