// SPDX-License-Identifier: GPL-2.0-only
/*
 * A profile.proto, gzip'ed, as pprof reads it: google/pprof's proto/profile.proto
 * says what the fields are.
 *
 * Locations are functions of objects (or single addresses, where no function
 * is known), mappings are objects with their build-ids. Strings, functions and
 * the like are numbered from 1 (strings from 0) in the order in which they are
 * written; a number is found again by a hash of what it stands for.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "elfsyms.h"
#include "export.h"
#include "output.h"
#include "protobuf.h"
#include "stacks.h"

/* profile.proto */
enum {
	PROFILE_SAMPLE_TYPE = 1, PROFILE_SAMPLE, PROFILE_MAPPING, PROFILE_LOCATION,
	PROFILE_FUNCTION, PROFILE_STRING, PROFILE_TIME_NANOS = 9, PROFILE_DURATION_NANOS,
	PROFILE_COMMENT = 13, PROFILE_DEFAULT_TYPE,
};

enum { VALUE_TYPE = 1, VALUE_UNIT };
enum { SAMPLE_LOCATION = 1, SAMPLE_VALUE, SAMPLE_LABEL };
enum { LABEL_KEY = 1, LABEL_STR };
enum {
	MAPPING_ID = 1, MAPPING_START, MAPPING_LIMIT, MAPPING_FILENAME = 5, MAPPING_BUILD_ID,
	MAPPING_HAS_FUNCTIONS,
};

enum { LOCATION_ID = 1, LOCATION_MAPPING, LOCATION_ADDRESS, LOCATION_LINE };
enum { LINE_FUNCTION = 1 };
enum { FUNCTION_ID = 1, FUNCTION_NAME, FUNCTION_SYSTEM_NAME, FUNCTION_FILE };

/**
 * struct pprof - a profile being made
 * @strings: by their unique copies: index
 * @objects: by VM and object: mapping's id
 * @build_ids: by VM and object: its struct dso
 * @functions: by object and symbol: id
 * @locations: by VM and frame: id
 */
struct pprof {
	struct stacks stacks;
	struct u64map strings, objects, build_ids, functions, locations;
	u64 nr_strings, nr_objects, nr_functions, nr_locations;
	struct bytes profile;
};

/* ---- Numbers ------------------------------------------------------------------------ */

static u64 string_index(struct pprof *p, const char *s)
{
	u64 key = (uintptr_t)intern_str(s);
	u64 at = (uintptr_t)map_get(&p->strings, key);

	if (at)
		return at - 1;
	map_put(&p->strings, key, (void *)(uintptr_t)++p->nr_strings);
	pb_string(&p->profile, PROFILE_STRING, s);
	return p->nr_strings - 1;
}

static u64 name_index(struct pprof *p, const char *name)
{
	char buf[4096];

	return string_index(p, escape(buf, sizeof(buf), name));
}

static u64 object_key(const struct vm *vm, const struct frame *f)
{
	return hash_u64((uintptr_t)vm ^ hash_u64((uintptr_t)(f->path ?: f->dso)));
}

/* An object has no range of its own here: guests map it where they like. */
static u64 mapping_id(struct pprof *p, const struct vm *vm, const struct frame *f)
{
	u64 key = object_key(vm, f), id = (uintptr_t)map_get(&p->objects, key);
	const struct dso *dso = map_get(&p->build_ids, key);
	char hex[2 * ELF_BUILD_ID_MAX + 1];
	struct bytes m = { 0 };
	u32 len = 0;
	const u8 *bytes = NULL;

	if (id)
		return id;
	id = ++p->nr_objects;
	map_put(&p->objects, key, (void *)(uintptr_t)id);
	if (dso)
		bytes = dso_build_id(dso, &len);
	hex_bytes(hex, bytes, len);
	pb_u64(&m, MAPPING_ID, id);
	pb_u64(&m, MAPPING_FILENAME, name_index(p, f->path ?: *f->dso ? f->dso : "[unknown]"));
	pb_u64(&m, MAPPING_BUILD_ID, string_index(p, hex));
	/* Or pprof would look for the file here, and call its functions by ours. */
	pb_u64(&m, MAPPING_HAS_FUNCTIONS, 1);
	pb_message(&p->profile, PROFILE_MAPPING, &m);
	pb_free(&m);
	return id;
}

static u64 function_id(struct pprof *p, const struct frame *f)
{
	char name[2048], unique[64];
	u64 key, id;
	struct bytes m = { 0 };

	frame_name(f, name, sizeof(name));
	snprintf(unique, sizeof(unique), "%p %p", intern_str(name), f->path ?: f->dso);
	key = (uintptr_t)intern_str(unique);
	id = (uintptr_t)map_get(&p->functions, key);
	if (id)
		return id;
	id = ++p->nr_functions;
	map_put(&p->functions, key, (void *)(uintptr_t)id);
	pb_u64(&m, FUNCTION_ID, id);
	pb_u64(&m, FUNCTION_NAME, string_index(p, name));
	pb_u64(&m, FUNCTION_SYSTEM_NAME, string_index(p, name));
	pb_u64(&m, FUNCTION_FILE, name_index(p, f->path ?: f->dso));
	pb_message(&p->profile, PROFILE_FUNCTION, &m);
	pb_free(&m);
	return id;
}

static u64 location_id(struct pprof *p, const struct vm *vm, const struct frame *f)
{
	u64 mapping = mapping_id(p, vm, f), function = function_id(p, f);
	u64 key = mapping << 32 | function, id = (uintptr_t)map_get(&p->locations, key);
	struct bytes m = { 0 }, line = { 0 };

	if (id)
		return id;
	id = ++p->nr_locations;
	map_put(&p->locations, key, (void *)(uintptr_t)id);
	pb_u64(&m, LOCATION_ID, id);
	pb_u64(&m, LOCATION_MAPPING, mapping);
	pb_u64(&m, LOCATION_ADDRESS, f->addr);
	pb_u64(&line, LINE_FUNCTION, function);
	pb_message(&m, LOCATION_LINE, &line);
	pb_message(&p->profile, PROFILE_LOCATION, &m);
	pb_free(&line);
	pb_free(&m);
	return id;
}

/* ---- Samples -------------------------------------------------------------------------- */

static int begin(struct export *x)
{
	struct pprof *p = xcalloc(1, sizeof(*p));

	x->priv = p;
	string_index(p, "");	/* the first one must be */
	return EXIT_OK;
}

static void on_sample(void *ctx, const struct joined *j)
{
	struct export *x = ctx;
	struct pprof *p = x->priv;
	struct frame f[FRAMES_MAX];
	struct stack key = {
		.vm = j->vm,
		.vcpu = j->vcpu->id,
		.pid = j->pid,
		.tid = j->tid,
		.comm = intern_str(*j->comm ? j->comm : "[unknown]"),
		.frames = f,
	};

	/* Events are told before any sample. */
	if (!p->stacks.columns)
		p->stacks.columns = x->v.s.nr_events ?: 1;
	key.depth = frames_of(&x->v.sym, j, f);
	frames_by_symbol(f, key.depth);
	if (j->map && j->reason == REASON_NONE)
		map_put(&p->build_ids, object_key(j->vm, f), j->map->dso);
	stacks_add(&p->stacks, &key, j->event < p->stacks.columns ? j->event : 0, j->period,
		   j->method == x->v.method ? j->count : 0);
}

static void put_label(struct pprof *p, struct bytes *sample, const char *key, const char *name)
{
	struct bytes m = { 0 };

	pb_u64(&m, LABEL_KEY, string_index(p, key));
	pb_u64(&m, LABEL_STR, name_index(p, name));
	pb_message(sample, SAMPLE_LABEL, &m);
	pb_free(&m);
}

/* As text: a number that is 0 is no label to pprof. */
static void put_number(struct pprof *p, struct bytes *sample, const char *key, u32 number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	put_label(p, sample, key, text);
}

/* @values as the profile's sample types say; the first one is how many. */
static void put_sample(struct pprof *p, const struct stack *st, const u64 *values, u32 nr)
{
	u64 locations[FRAMES_MAX];
	struct bytes m = { 0 };
	u32 i;

	for (i = 0; i < st->depth; i++)
		locations[i] = location_id(p, st->vm, &st->frames[i]);
	pb_packed(&m, SAMPLE_LOCATION, locations, st->depth);
	pb_packed(&m, SAMPLE_VALUE, values, nr);
	put_label(p, &m, "vm", st->vm->name);
	put_number(p, &m, "vm_pid", st->vm->pid);
	put_number(p, &m, "vcpu", st->vcpu);
	put_label(p, &m, "process", st->comm);
	put_number(p, &m, "pid", st->pid);
	put_number(p, &m, "tid", st->tid);
	pb_message(&p->profile, PROFILE_SAMPLE, &m);
	pb_free(&m);
}

static void put_type(struct pprof *p, u32 field, const char *type, const char *unit)
{
	struct bytes m = { 0 };

	pb_u64(&m, VALUE_TYPE, name_index(p, type));
	pb_u64(&m, VALUE_UNIT, string_index(p, unit));
	pb_message(&p->profile, field, &m);
	pb_free(&m);
}

/* ---- The profile ------------------------------------------------------------------------ */

/* The events that samples are of: their columns. */
static u32 used_columns(const struct pprof *p, u32 *columns)
{
	u32 c, nr = 0;
	size_t i;

	for (c = 0; c < p->stacks.columns; c++) {
		for (i = 0; i < p->stacks.nr && !p->stacks.stacks[i].value[c]; i++)
			;
		if (i < p->stacks.nr)
			columns[nr++] = c;
	}
	return nr;
}

/* Stamps of running time to ns, so that the sum is what it was. */
static void to_ns(struct export *x, struct stacks *s)
{
	u64 *value = xreallocarray(NULL, s->nr, sizeof(*value)), total = 0;
	size_t i;

	for (i = 0; i < s->nr; i++) {
		value[i] = s->stacks[i].value[0];
		total += value[i];
	}
	apportion(view_ns(&x->v, total), value, value, s->nr);
	for (i = 0; i < s->nr; i++)
		s->stacks[i].value[0] = value[i];
	free(value);
}

static void put_head(struct export *x, struct pprof *p, const u32 *columns, u32 nr)
{
	const struct session *s = &x->v.s;
	bool ticks = x->v.method == METHOD_TICK;
	u32 i;

	put_type(p, PROFILE_SAMPLE_TYPE, "samples", "count");
	for (i = 0; i < nr; i++) {
		const char *name = ticks ? "running" : columns[i] >= s->nr_events ? "event" :
				   event_title(&s->events[columns[i]]);

		put_type(p, PROFILE_SAMPLE_TYPE, name, ticks ? "nanoseconds" : "count");
		if (!i)
			pb_u64(&p->profile, PROFILE_DEFAULT_TYPE, name_index(p, name));
	}
	pb_u64(&p->profile, PROFILE_TIME_NANOS, s->start_time * NSEC_PER_SEC);
	pb_u64(&p->profile, PROFILE_DURATION_NANOS, view_ns(&x->v, session_stamps(s)));
	pb_u64(&p->profile, PROFILE_COMMENT,
	       string_index(p, ticks ? "vmcoop, method tick" :
			       "vmcoop, method sampled; events :counted by method counted"));
}

static void make_profile(struct export *x, struct pprof *p)
{
	u32 columns[SESSION_MAX_EVENTS], nr, c;
	u64 values[SESSION_MAX_EVENTS + 1];
	size_t i;

	stacks_sort(&p->stacks);
	if (x->v.method == METHOD_TICK)
		to_ns(x, &p->stacks);
	nr = used_columns(p, columns);
	put_head(x, p, columns, nr);
	for (i = 0; i < p->stacks.nr; i++) {
		const struct stack *st = &p->stacks.stacks[i];

		values[0] = st->samples;
		for (c = 0; c < nr; c++)
			values[c + 1] = st->value[columns[c]];
		put_sample(p, st, values, nr + 1);
	}
}

/* gzip, whose head and tail zlib makes with these window bits. */
static bool write_gzip(FILE *f, const struct bytes *m)
{
	z_stream z = { .next_in = m->data, .avail_in = 0 };
	size_t left = m->len;
	u8 out[65536];
	int status = Z_OK;

	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY))
		return false;
	while (status == Z_OK) {
		u32 piece = min_u64(left, 1U << 30);

		z.avail_in += piece;
		left -= piece;
		do {
			z.next_out = out;
			z.avail_out = sizeof(out);
			status = deflate(&z, left ? Z_NO_FLUSH : Z_FINISH);
			fwrite(out, 1, sizeof(out) - z.avail_out, f);
		} while (status == Z_OK && !z.avail_out);
	}
	deflateEnd(&z);
	return status == Z_STREAM_END;
}

static int end(struct export *x, int status)
{
	struct pprof *p = x->priv;
	FILE *f = status ? NULL : output_open(x->output, x->force);

	if (f) {
		make_profile(x, p);
		if (!write_gzip(f, &p->profile))
			status = fail(EXIT_FAILED, "cannot compress the profile");
		status = output_close(f, x->output, status);
	} else if (!status) {
		status = EXIT_FAILED;
	}
	stacks_free(&p->stacks);
	map_free(&p->strings);
	map_free(&p->objects);
	map_free(&p->build_ids);
	map_free(&p->functions);
	map_free(&p->locations);
	pb_free(&p->profile);
	free(p);
	return status;
}

const struct export_format export_pprof = {
	.name = "pprof",
	.output = "vmcoop.pb.gz",
	.counted_too = true,
	.begin = begin,
	.sample = on_sample,
	.end = end,
};
