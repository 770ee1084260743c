// SPDX-License-Identifier: GPL-2.0-only
/*
 * A timeline in Perfetto's TrackEvent protocol buffers: which vCPU each host
 * CPU ran, which guest thread each vCPU, and each guest thread where, with the
 * samples as marks on it. perfetto's protos/perfetto/trace says what the fields
 * are.
 *
 * Whenever a record has changed what a vCPU does, its slices end and new ones
 * begin; so a slice that nothing ended for want of a record ends with the next.
 */
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "frames.h"
#include "output.h"
#include "protobuf.h"

/* protos/perfetto/trace */
enum { TRACE_PACKET = 1 };
enum {
	PACKET_TIMESTAMP = 8, PACKET_SEQUENCE = 10, PACKET_TRACK_EVENT = 11,
	PACKET_TRACK_DESCRIPTOR = 60,
};

enum { TRACK_UUID = 1, TRACK_NAME = 2, TRACK_PARENT = 5 };
enum { EVENT_ANNOTATION = 4, EVENT_TYPE = 9, EVENT_TRACK = 11, EVENT_CATEGORY = 22, EVENT_NAME = 23 };
enum { ANNOTATION_UINT = 3, ANNOTATION_STRING = 6, ANNOTATION_NAME = 10 };
enum slice { SLICE_BEGIN = 1, SLICE_END = 2, SLICE_INSTANT = 3 };

#define SEQUENCE	1	/* all packets are of one writer */

/**
 * struct lane - what is drawn of a vCPU
 * @in: on @pcpu; a slice is open on that CPU's track
 * @runs: slices are open on the vCPU's and on the thread's track
 */
struct lane {
	const struct vcpu *vcpu;
	u64 track;
	bool in, runs;
	u32 pcpu, pid, tid;
	u64 pcpu_track, thread_track;
};

/**
 * struct perfetto - a timeline being written
 * @tracks: by a hash of what they stand for: their uuid
 * @lanes: by VM's pid and vCPU
 * @now: the time reached, ns
 */
struct perfetto {
	FILE *f;
	struct u64map tracks, lanes;
	u64 nr_tracks;
	u64 now;
	struct bytes packet, inner, piece;
};

/* ---- Packets ------------------------------------------------------------------------ */

static void put_packet(struct perfetto *p, u32 field, struct bytes *inner)
{
	struct bytes m = { 0 };

	pb_u64(&p->packet, PACKET_SEQUENCE, SEQUENCE);
	pb_message(&p->packet, field, inner);
	pb_message(&m, TRACE_PACKET, &p->packet);
	fwrite(m.data, 1, m.len, p->f);
	pb_free(&m);
}

/* The track that is @kind, @a, @b, @c of its parent; made if it is new. */
static u64 track(struct perfetto *p, u64 parent, char kind, u32 a, u32 b, const char *name)
{
	u64 key = hash_u64(hash_u64(parent << 8 | kind) ^ ((u64)a << 32 | b));
	u64 uuid = (uintptr_t)map_get(&p->tracks, key);
	char buf[512];

	if (uuid)
		return uuid;
	uuid = ++p->nr_tracks;
	map_put(&p->tracks, key, (void *)(uintptr_t)uuid);
	pb_u64(&p->inner, TRACK_UUID, uuid);
	if (parent)
		pb_u64(&p->inner, TRACK_PARENT, parent);
	pb_string(&p->inner, TRACK_NAME, escape(buf, sizeof(buf), name));
	put_packet(p, PACKET_TRACK_DESCRIPTOR, &p->inner);
	return uuid;
}

static void annotate(struct perfetto *p, const char *name, const char *text, u64 number)
{
	char buf[4096];

	pb_string(&p->piece, ANNOTATION_NAME, name);
	if (text)
		pb_string(&p->piece, ANNOTATION_STRING, escape(buf, sizeof(buf), text));
	else
		pb_u64(&p->piece, ANNOTATION_UINT, number);
	pb_message(&p->inner, EVENT_ANNOTATION, &p->piece);
}

/* Annotations are in @inner already, so that no track may be made in between. */
static void put_event(struct perfetto *p, enum slice type, u64 track, const char *name)
{
	char buf[512];

	pb_u64(&p->packet, PACKET_TIMESTAMP, p->now);
	pb_u64(&p->inner, EVENT_TYPE, type);
	pb_u64(&p->inner, EVENT_TRACK, track);
	if (name) {
		pb_string(&p->inner, EVENT_CATEGORY, type == SLICE_INSTANT ? "sample" : "run");
		pb_string(&p->inner, EVENT_NAME, escape(buf, sizeof(buf), name));
	}
	put_packet(p, PACKET_TRACK_EVENT, &p->inner);
}

/* ---- Tracks --------------------------------------------------------------------------- */

static u64 pcpu_track(struct perfetto *p, u32 pcpu)
{
	u64 all = track(p, 0, 'h', 0, 0, "Host CPUs");
	char name[32];

	snprintf(name, sizeof(name), "CPU %u", pcpu);
	return track(p, all, 'p', pcpu, 0, name);
}

static u64 vm_track(struct perfetto *p, const struct vm *vm)
{
	char *name = xasprintf("VM %s (%u)", vm->name, vm->pid);
	u64 uuid = track(p, 0, 'v', vm->pid, 0, name);

	free(name);
	return uuid;
}

static u64 vcpu_track(struct perfetto *p, const struct vcpu *v)
{
	char name[32];

	snprintf(name, sizeof(name), "vCPU %u", v->id);
	return track(p, vm_track(p, v->vm), 'c', v->id, 0, name);
}

static void task_name(const struct vcpu *v, u32 pid, u32 tid, char *buf, size_t cap)
{
	const struct task *t = v->vm->guest ? guest_find_task(v->vm->guest, tid) : NULL;

	if (!pid && !tid)
		snprintf(buf, cap, "idle");
	else if (t && *t->comm)
		snprintf(buf, cap, "%s", t->comm);
	else
		snprintf(buf, cap, ":%u", tid);
}

static u64 thread_track(struct perfetto *p, const struct vcpu *v, u32 pid, u32 tid)
{
	char comm[32], name[64];
	u64 process;

	task_name(v, pid, pid, comm, sizeof(comm));
	snprintf(name, sizeof(name), "%s (process %u)", comm, pid);
	process = track(p, vm_track(p, v->vm), 't', pid, 0, name);
	task_name(v, pid, tid, comm, sizeof(comm));
	snprintf(name, sizeof(name), "%s (thread %u)", comm, tid);
	return track(p, process, 't', pid, tid, name);
}

/* ---- Slices --------------------------------------------------------------------------- */

static struct lane *find_lane(struct perfetto *p, const struct vcpu *v)
{
	u64 key = (u64)v->vm->pid << 32 | v->id;
	struct lane *l = map_get(&p->lanes, key);

	if (!l) {
		l = xcalloc(1, sizeof(*l));
		l->vcpu = v;
		map_put(&p->lanes, key, l);
	}
	return l;
}

static void end_task(struct perfetto *p, struct lane *l)
{
	if (!l->runs)
		return;
	put_event(p, SLICE_END, l->thread_track, NULL);
	put_event(p, SLICE_END, l->track, NULL);
	l->runs = false;
}

static void end_run(struct perfetto *p, struct lane *l)
{
	end_task(p, l);
	if (l->in)
		put_event(p, SLICE_END, l->pcpu_track, NULL);
	l->in = false;
}

static void begin_run(struct perfetto *p, struct lane *l)
{
	char *name = xasprintf("%s vCPU %u", l->vcpu->vm->name, l->vcpu->id);

	l->in = true;
	l->pcpu = l->vcpu->pcpu;
	l->pcpu_track = pcpu_track(p, l->pcpu);
	put_event(p, SLICE_BEGIN, l->pcpu_track, name);
	free(name);
}

static void begin_task(struct perfetto *p, struct lane *l)
{
	const struct vcpu *v = l->vcpu;
	char comm[32], where[48];

	l->runs = true;
	l->pid = v->pid;
	l->tid = v->tid;
	l->track = vcpu_track(p, v);
	l->thread_track = thread_track(p, v, v->pid, v->tid);
	task_name(v, v->pid, v->tid, comm, sizeof(comm));
	snprintf(where, sizeof(where), "vCPU %u on CPU %u", v->id, l->pcpu);
	annotate(p, "pid", NULL, v->pid);
	annotate(p, "tid", NULL, v->tid);
	put_event(p, SLICE_BEGIN, l->track, comm);
	put_event(p, SLICE_BEGIN, l->thread_track, where);
}

/* Draws what @v does now. */
static void update(struct perfetto *p, const struct vcpu *v)
{
	struct lane *l = find_lane(p, v);

	if (l->in && (!v->in || l->pcpu != v->pcpu))
		end_run(p, l);
	if (l->runs && (!v->has_task || l->pid != v->pid || l->tid != v->tid))
		end_task(p, l);
	if (v->in && !l->in)
		begin_run(p, l);
	if (l->in && v->has_task && !l->runs)
		begin_task(p, l);
}

static const struct vcpu *vcpu_of(const struct join *j, const struct merge_rec *rec)
{
	const struct vmcoop_host_in *in = (const void *)rec->hdr;

	if (!rec->src->host)
		return map_get(&j->vcpu_by_id, (u64)rec->src->vm << 32 | rec->hdr->id);
	/* These name a vCPU by its handle alone, and change nothing. */
	switch (rec->hdr->type) {
	case VMCOOP_HOST_VCPU:
	case VMCOOP_HOST_IN:
	case VMCOOP_HOST_OUT:
	case VMCOOP_HOST_CLOCK:
	case VMCOOP_HOST_GONE:
		return map_get(&j->vcpu_by_id, (u64)in->vm << 32 | in->vcpu);
	default:
		return NULL;
	}
}

static void on_record(void *ctx, const struct merge_rec *rec)
{
	struct export *x = ctx;
	struct perfetto *p = x->priv;
	const struct join *j = &x->v.s.join;
	const struct vcpu *v = vcpu_of(j, rec);
	u64 at;

	if (!v || rec->time < j->begin || rec->time > j->end)
		return;
	if (x->v.vm && !vm_is_called(v->vm, x->v.vm))
		return;
	at = rec->src->host && rec->hdr->type == VMCOOP_HOST_OUT ? join_left(rec) : rec->time;
	p->now = view_ns(&x->v, max_u64(at, j->begin) - x->v.s.first);
	update(p, v);
}

/* ---- Samples -------------------------------------------------------------------------- */

static void on_sample(void *ctx, const struct joined *j)
{
	struct export *x = ctx;
	struct perfetto *p = x->priv;
	struct frame f[FRAMES_MAX];
	u64 on;

	if (!j->count)
		return;
	frames_of(&x->v.sym, j, f);
	p->now = view_ns(&x->v, j->time - x->v.s.first);
	on = *j->comm ? thread_track(p, j->vcpu, j->pid, j->tid) : vcpu_track(p, j->vcpu);
	annotate(p, "address", NULL, f->ip);
	annotate(p, "object", f->path ?: f->dso, 0);
	annotate(p, "event", view_event(&x->v, j), 0);
	annotate(p, "period", NULL, view_value(&x->v, j));
	put_event(p, SLICE_INSTANT, on, f->symbol ?: *f->dso ? f->dso : "[unknown]");
}

/* ---- Begin and end -------------------------------------------------------------------- */

static int begin(struct export *x)
{
	struct perfetto *p = xcalloc(1, sizeof(*p));

	x->priv = p;
	p->f = output_open(x->output, x->force);
	return p->f ? EXIT_OK : EXIT_FAILED;
}

static int end(struct export *x, int status)
{
	struct perfetto *p = x->priv;
	struct lane *l;
	size_t i;

	map_for_each(&p->lanes, i, l) {
		end_run(p, l);
		free(l);
	}
	status = output_close(p->f, x->output, status);
	map_free(&p->lanes);
	map_free(&p->tracks);
	pb_free(&p->packet);
	pb_free(&p->inner);
	pb_free(&p->piece);
	free(p);
	return status;
}

const struct export_format export_perfetto = {
	.name = "perfetto",
	.output = "vmcoop.perfetto-trace",
	.begin = begin,
	.sample = on_sample,
	.record = on_record,
	.end = end,
};
