// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attribution: see join.h.
 */
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "join.h"

const char *const method_names[NR_METHODS] = {
	[METHOD_SAMPLED] = "sampled",
	[METHOD_TICK] = "tick",
	[METHOD_COUNTED] = "counted",
};

const char *const reason_names[NR_REASONS] = {
	[REASON_NONE] = "",
	[REASON_NO_GUEST] = "no guest data for this VM",
	[REASON_NO_CLOCK] = "no clock yet",
	[REASON_NO_TASK] = "task unknown",
	[REASON_HIDDEN] = "address hidden",
	[REASON_NO_MAPPING] = "no mapping at the address",
	[REASON_NO_TICK] = "ran, but no tick followed",
	[REASON_OUTSIDE] = "outside the guest's focus",
};

int parse_method(const char *name, enum join_method *method)
{
	int i;

	for (i = 0; i < NR_METHODS; i++) {
		if (!strcmp(name, method_names[i])) {
			*method = i;
			return EXIT_OK;
		}
	}
	return fail(EXIT_BAD, "--method is sampled, tick or counted, not '%s'", name);
}

bool vm_is_called(const struct vm *vm, const char *name)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%u", vm->pid);
	return !strcmp(name, vm->name) || !strcmp(name, pid) ||
	       (*vm->uuid && !strcasecmp(name, vm->uuid));
}

/* ---- VMs and vCPUs -------------------------------------------------------------- */

struct vm *join_vm(struct join *j, u32 pid)
{
	struct vm *vm = map_get(&j->vm_by_pid, pid);

	if (vm)
		return vm;
	vm = xcalloc(1, sizeof(*vm));
	vm->pid = pid;
	snprintf(vm->name, sizeof(vm->name), "pid-%u", pid);
	j->vms = xreallocarray(j->vms, j->nr_vms + 1, sizeof(*j->vms));
	j->vms[j->nr_vms++] = vm;
	map_put(&j->vm_by_pid, pid, vm);
	return vm;
}

static u64 vcpu_key(u32 vm, u32 vcpu)
{
	return (u64)vm << 32 | vcpu;
}

static struct vcpu *find_vcpu(const struct join *j, u32 vm, u32 vcpu)
{
	return map_get(&j->vcpu_by_id, vcpu_key(vm, vcpu));
}

#define SMALL_HANDLES	4096

/* The vCPU of a host record. */
static struct vcpu *get_vcpu(struct join *j, u32 pid, u32 id, u32 handle)
{
	struct vcpu *v = find_vcpu(j, pid, id);

	if (!v) {
		v = xcalloc(1, sizeof(*v));
		v->vm = join_vm(j, pid);
		v->vm->nr_vcpus++;
		v->id = id;
		v->idle_who = guest_new_id();
		v->no_who = guest_new_id();
		j->vcpus = xreallocarray(j->vcpus, j->nr_vcpus + 1, sizeof(*j->vcpus));
		j->vcpus[j->nr_vcpus++] = v;
		map_put(&j->vcpu_by_id, vcpu_key(pid, id), v);
	}
	if (handle && handle != v->handle) {
		v->handle = handle;
		map_put(&j->vcpu_by_handle, handle, v);
		if (handle < SMALL_HANDLES)
			j->by_handle[handle] = v;
	}
	return v;
}

static struct vcpu *vcpu_of_handle(const struct join *j, u32 handle)
{
	return handle < SMALL_HANDLES ? j->by_handle[handle] : map_get(&j->vcpu_by_handle, handle);
}

/* ---- Running time ----------------------------------------------------------------- */

/* The part of [@from, @to] inside the window. */
static u64 in_window(const struct join *j, u64 from, u64 to)
{
	from = max_u64(from, j->begin);
	to = min_u64(to, j->end);
	return to > from ? to - from : 0;
}

static u64 ran_until(const struct join *j, const struct vcpu *v, u64 t)
{
	return v->ran + (v->in ? in_window(j, v->since, t) : 0);
}

static void vcpu_in(struct join *j, struct vcpu *v, u32 pcpu, u64 t)
{
	/* Told again, or moved and its OUT was lost: it has been running. */
	v->ran = ran_until(j, v, t);
	v->in = true;
	v->pcpu = pcpu;
	v->since = t;
	if (v->exits.is_out)
		v->exits.out[v->exits.out_reason] += in_window(j, v->exits.out_since, t);
	v->exits.is_out = false;
	quality_in(&j->quality, &v->quality, t);
}

static void vcpu_out(struct join *j, struct vcpu *v, u32 pcpu, u32 reason, u64 t)
{
	/* On another CPU it is in again already. */
	if (v->in && v->pcpu != pcpu)
		return;
	v->ran = ran_until(j, v, t);
	v->in = false;
	v->exits.is_out = true;
	v->exits.out_reason = reason <= VMCOOP_OUT_EXIT ? reason : 0;
	v->exits.out_since = t;
	quality_out(&j->quality, &v->quality, t);
}

/* ---- Attribution -------------------------------------------------------------------- */

static const struct task *current_task(struct vcpu *v)
{
	struct guest *g = v->vm->guest;

	if (v->task_changes != g->changes + 1) {
		v->task_changes = g->changes + 1;
		v->task = guest_find_task(g, v->tid);
	}
	return v->task;
}

static const char *make_comm(struct vcpu *v, const char *fmt, u32 n)
{
	snprintf(v->comm, sizeof(v->comm), fmt, n);
	return v->comm;
}

static void set_task_of(struct joined *s, struct vcpu *v, const struct task *t)
{
	s->pid = v->pid;
	s->tid = v->tid;
	s->who = t ? t->who : 0;
	s->cgroup = t ? t->cgroup : 0;
	if (!s->pid && !s->tid) {
		s->who = v->idle_who;
		s->comm = make_comm(v, "swapper/%u", v->id);
	} else if (t && *t->comm) {
		s->comm = t->comm;
	} else {
		s->comm = make_comm(v, ":%u", v->tid);
	}
}

/* Most samples lie in the same mapping as the one before. */
static const struct mapping *find_mapping(struct vcpu *v, const struct task *t, u64 ip)
{
	const struct mapping *m = v->last_map;

	if (m && v->last_space == t->proc->space && ip >= m->start && ip < m->end)
		return m;
	v->last_space = t->proc->space;
	v->last_map = guest_mapping(t, ip);
	return v->last_map;
}

static enum join_reason attribute(struct joined *s)
{
	const struct vm *vm = s->vm;
	const struct task *t;

	s->comm = "";
	s->who = s->vcpu->no_who;
	if (!vm->guest)
		return vm->has_source && !s->vcpu->has_clock ? REASON_NO_CLOCK :
		       vm->has_source ? REASON_NO_TASK : REASON_NO_GUEST;
	if (!s->vcpu->has_clock)
		return REASON_NO_CLOCK;
	if (!s->vcpu->has_task)
		return REASON_NO_TASK;
	if (s->vcpu->tid == VMCOOP_PID_OUTSIDE)
		return REASON_OUTSIDE;
	t = current_task(s->vcpu);
	set_task_of(s, s->vcpu, t);
	if (s->mode == VMCOOP_MODE_UNKNOWN)
		return REASON_HIDDEN;
	if (s->mode != VMCOOP_MODE_USER)
		return REASON_NONE;
	if (!t)
		return REASON_NO_MAPPING;
	s->map = find_mapping(s->vcpu, t, s->ip);
	s->space = t->proc->space;
	return s->map ? REASON_NONE : REASON_NO_MAPPING;
}

static void on_sample(struct join *j, struct vcpu *v, const struct vmcoop_host_sample *rec,
		      u64 time)
{
	struct joined s = {
		.method = METHOD_SAMPLED,
		.time = time,
		.period = rec->period,
		.count = 1,
		.vcpu = v,
		.vm = v->vm,
		.pcpu = rec->pcpu,
		.event = rec->event,
		.mode = rec->mode,
		.ip = rec->ip,
	};

	if (time < j->begin || time > j->end) {
		j->outside++;
		return;
	}
	j->samples++;
	v->vm->samples++;
	if (rec->sflags & VMCOOP_S_IP_HIDDEN)
		s.mode = VMCOOP_MODE_UNKNOWN;
	else if (s.mode != VMCOOP_MODE_USER && s.mode != VMCOOP_MODE_KERNEL)
		s.mode = arch_is_kernel_addr(v->vm->arch, s.ip) ? VMCOOP_MODE_KERNEL :
								  VMCOOP_MODE_USER;
	s.reason = attribute(&s);
	j->sample(j->ctx, &s);
}

/* ---- Host records -------------------------------------------------------------------- */

static void on_clock(struct join *j, struct vcpu *v, const struct vmcoop_host_clock *rec)
{
	struct vmcoop_clock clock = {
		.offset = rec->offset,
		.ratio = rec->ratio,
		.frac_bits = rec->frac_bits,
	};

	if (!vmcoop_clock_valid(&clock))
		return;
	j->steps += v->has_clock && !merge_same_clock(&v->clock, &clock);
	v->clock = clock;
	v->has_clock = true;
}

static void on_gone(struct join *j, struct vcpu *v, u64 t)
{
	vcpu_out(j, v, v->pcpu, VMCOOP_OUT_EXIT, t);
	v->has_task = false;
}

/* The task that runs on @v, as method "counted" wants to know it. */
static struct joined identify(struct vcpu *v, u64 t)
{
	struct joined s = {
		.time = t,
		.count = 1,
		.vcpu = v,
		.vm = v->vm,
		.pcpu = v->pcpu,
		.mode = VMCOOP_MODE_KERNEL,
	};

	s.reason = attribute(&s);
	return s;
}

static void on_count(struct join *j, struct vcpu *v, const struct vmcoop_host_count *rec, u64 t)
{
	struct counts delta;
	struct joined who;
	bool known;
	u64 from;

	if (!v->counts) {
		v->counts = xcalloc(1, sizeof(*v->counts));
		v->counted = counted_new(j->sample, j->ctx, j->quality.khz);
	}
	from = v->counts->since;
	known = counts_record(v->counts, rec, &delta);
	if (!known || t < j->begin || t > j->end) {
		counted_begin(v->counted, t);
		return;
	}
	counts_add(&v->counts->sum, &delta);
	who = identify(v, t);
	counted_delta(v->counted, &who, &delta, from, t);
}

/* These have a handle alone. */
static void handle_record(struct join *j, const struct merge_rec *r)
{
	struct vcpu *v = vcpu_of_handle(j, r->hdr->id);

	if (!v)
		return;
	if (r->hdr->type == VMCOOP_HOST_ENTRY)
		quality_entry(&j->quality, &v->quality, r->time);
	else
		on_count(j, v, (const void *)r->hdr, r->time);
}

/* All other host records begin with the VM and the vCPU. */
static void host_record(struct join *j, const struct merge_rec *r)
{
	const struct vmcoop_host_in *rec = (const void *)r->hdr;
	struct vcpu *v;

	if (r->hdr->type == VMCOOP_HOST_ENTRY || r->hdr->type == VMCOOP_HOST_COUNT) {
		handle_record(j, r);
		return;
	}
	if (r->hdr->type > VMCOOP_HOST_GONE && r->hdr->type != VMCOOP_HOST_EXITS)
		return;
	v = vcpu_of_handle(j, r->hdr->id);
	if (!v || v->id != rec->vcpu || v->vm->pid != rec->vm || v->handle != r->hdr->id)
		v = get_vcpu(j, rec->vm, rec->vcpu, r->hdr->id);
	switch (r->hdr->type) {
	case VMCOOP_HOST_SAMPLE:
		on_sample(j, v, (const void *)r->hdr, r->time);
		break;
	case VMCOOP_HOST_VCPU:
		v->tid_host = ((const struct vmcoop_host_vcpu *)r->hdr)->tid;
		break;
	case VMCOOP_HOST_IN:
		vcpu_in(j, v, rec->pcpu, r->time);
		break;
	case VMCOOP_HOST_OUT:
		vcpu_out(j, v, rec->pcpu, ((const struct vmcoop_host_out *)rec)->reason, r->time);
		break;
	case VMCOOP_HOST_CLOCK:
		on_clock(j, v, (const void *)r->hdr);
		break;
	case VMCOOP_HOST_EXITS:
		if (r->time <= j->end)
			exits_record(&v->exits, (const void *)r->hdr, r->time < j->begin);
		break;
	case VMCOOP_HOST_GONE:
		on_gone(j, v, r->time);
		break;
	}
}

/* ---- Guest records -------------------------------------------------------------------- */

/* @comm, of 16 bytes, is NULL where the record does not say. */
static void set_task(struct vcpu *v, u32 pid, u32 tid, const char *comm, u64 now)
{
	struct task *t;

	if (v->counted && !(v->has_task && v->pid == pid && v->tid == tid)) {
		struct joined before = identify(v, now);

		counted_ran(v->counted, &before, now);
	}
	v->has_task = true;
	v->pid = pid;
	v->tid = tid;
	t = tid && tid != VMCOOP_PID_OUTSIDE ? guest_task(v->vm->guest, pid, tid) : NULL;
	if (t && comm)
		guest_tick_name(t, comm);
	v->task = t;
	v->task_changes = v->vm->guest->changes + 1;
}

static void set_chain(struct joined *s, const struct vmcoop_guest_tick *rec)
{
	if (rec->hdr.size < sizeof(*rec))
		return;
	s->chain = rec->chain;
	s->nr_kernel = rec->nr_kernel;
	s->nr_user = rec->nr_user;
}

/*
 * Ticks that come together, as after a descheduled phase, share what ran
 * before the first of them: the others stand for next to nothing.
 */
static void on_tick(struct join *j, struct vcpu *v, const struct vmcoop_guest_tick *rec,
		    const struct merge_rec *r)
{
	u64 ran = ran_until(j, v, r->time);
	struct joined s = {
		.method = METHOD_TICK,
		.time = r->time,
		.period = ran - v->ran_at_tick,
		.count = 1,
		.vcpu = v,
		.vm = v->vm,
		.pcpu = v->pcpu,
		.mode = rec->mode == VMCOOP_MODE_USER ? VMCOOP_MODE_USER : VMCOOP_MODE_KERNEL,
		.ip = rec->ip,
	};

	if (r->time < j->begin || r->time > j->end)
		return;
	v->ran_at_tick = ran;
	j->ticks++;
	if (r->true_time >= j->begin && v->has_clock)
		quality_tick(&j->quality, &v->quality, r->true_time);
	s.reason = attribute(&s);
	set_chain(&s, rec);
	j->sample(j->ctx, &s);
	if (v->counted) {
		struct joined who = identify(v, r->time);

		s.chain = NULL;
		s.nr_kernel = s.nr_user = 0;
		counted_ran(v->counted, &who, r->time);
		counted_tick(v->counted, &s);
	}
}

static void untimed_tick(struct join *j, struct vcpu *v, const struct vmcoop_guest_tick *rec,
			 u64 time)
{
	struct joined s = {
		.method = METHOD_TICK,
		.reason = REASON_NO_CLOCK,
		.time = time,
		.count = 1,
		.vcpu = v,
		.vm = v->vm,
		.comm = "",
		.ip = rec->ip,
	};

	if (time < j->begin || time > j->end)
		return;
	j->ticks++;
	j->sample(j->ctx, &s);
}

static void forget_task(struct vcpu *v)
{
	v->has_task = false;
	v->task = NULL;
	v->task_changes = 0;
	v->last_map = NULL;
}

/* The guest that speaks, begun anew if its module was. NULL: one that has ended. */
static struct guest *speaking_guest(struct join *j, struct vm *vm, const struct merge_source *src)
{
	size_t i;

	if (vm->guest && src->generation == vm->generation)
		return vm->guest;
	if (vm->guest && src->generation < vm->generation)
		return NULL;
	guest_free(vm->guest);
	vm->guest = guest_new(&vm->dsos);
	vm->generation = src->generation;
	memcpy(vm->release, src->release, sizeof(vm->release));
	for (i = 0; i < j->nr_vcpus; i++)
		if (j->vcpus[i]->vm == vm)
			forget_task(j->vcpus[i]);
	return vm->guest;
}

static void guest_side(struct join *j, const struct merge_rec *r)
{
	struct vm *vm = join_vm(j, r->src->vm);
	struct guest *g = speaking_guest(j, vm, r->src);
	const struct vmcoop_guest_switch *sw;
	const struct vmcoop_guest_tick *tick;
	struct vcpu *v;

	if (!g)
		return;
	v = find_vcpu(j, vm->pid, r->hdr->id);
	switch (r->hdr->type) {
	case VMCOOP_GUEST_TICK:
		tick = (const void *)r->hdr;
		j->orphans += !v;
		if (v && r->timed) {
			set_task(v, tick->pid, tick->tid,
				 tick->hdr.size >= sizeof(*tick) ? tick->comm : NULL, r->time);
			on_tick(j, v, tick, r);
		} else if (v) {
			untimed_tick(j, v, tick, r->time);
		}
		break;
	case VMCOOP_GUEST_SWITCH:
		sw = (const void *)r->hdr;
		if (v && r->timed)
			set_task(v, sw->next_pid, sw->next_tid, NULL, r->time);
		break;
	default:
		/* What tasks there are holds even where the clock is not known. */
		guest_record(g, r->hdr);
		break;
	}
}

/* ---- Begin and end ---------------------------------------------------------------------- */

void join_init(struct join *j, void (*sample)(void *ctx, const struct joined *j), void *ctx)
{
	memset(j, 0, sizeof(*j));
	j->sample = sample;
	j->ctx = ctx;
	j->by_handle = xcalloc(SMALL_HANDLES, sizeof(*j->by_handle));
	j->begin = 0;
	j->end = UINT64_MAX;
}

void join_source(struct join *j, struct merge_source *src)
{
	struct vm *vm;

	if (src->host)
		return;
	vm = join_vm(j, src->vm);
	vm->has_source = true;
	vm->arch = src->arch;
}

void join_record(struct join *j, const struct merge_rec *rec)
{
	if (rec->src->host)
		host_record(j, rec);
	else
		guest_side(j, rec);
}

/* Running time that no tick has claimed is part of the whole all the same. */
static void left_over(struct join *j, struct vcpu *v, u64 now)
{
	u64 ran = ran_until(j, v, now);
	struct joined s = {
		.method = METHOD_TICK,
		.reason = v->vm->has_source ? REASON_NO_TICK : REASON_NO_GUEST,
		.time = now,
		.period = ran - v->ran_at_tick,
		.vcpu = v,
		.vm = v->vm,
		.comm = "",
		.pcpu = v->pcpu,
	};

	if (s.period)
		j->sample(j->ctx, &s);
}

void join_finish(struct join *j, u64 now)
{
	size_t i;

	for (i = 0; i < j->nr_vcpus; i++) {
		struct vcpu *v = j->vcpus[i];

		quality_advance(&j->quality, &v->quality, now);
		if (v->counted)
			counted_finish(v->counted);
		if (v->exits.is_out)
			v->exits.out[v->exits.out_reason] +=
				in_window(j, v->exits.out_since, now);
		left_over(j, v, now);
	}
}

void join_free(struct join *j)
{
	size_t i;

	for (i = 0; i < j->nr_vms; i++) {
		guest_free(j->vms[i]->guest);
		dsos_free(&j->vms[i]->dsos);
		free(j->vms[i]);
	}
	for (i = 0; i < j->nr_vcpus; i++) {
		quality_vcpu_free(&j->vcpus[i]->quality);
		free(j->vcpus[i]->counts);
		counted_free(j->vcpus[i]->counted);
		free(j->vcpus[i]);
	}
	free(j->vms);
	free(j->vcpus);
	free(j->by_handle);
	map_free(&j->vm_by_pid);
	map_free(&j->vcpu_by_id);
	map_free(&j->vcpu_by_handle);
	memset(j, 0, sizeof(*j));
}
