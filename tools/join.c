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

bool vm_clock_differs(const struct join *j, const struct vm *vm, u64 *by)
{
	size_t i;

	for (i = 0; i < j->nr_vcpus; i++) {
		const struct vcpu *v = j->vcpus[i];
		u64 host;

		if (v->vm != vm || !v->has_clock || !vm->exchanged)
			continue;
		host = vmcoop_clock_to_host(&v->clock,
					    vmcoop_clock_to_guest(&vm->clock, vm->clock_at));
		*by = host > vm->clock_at ? host - vm->clock_at : vm->clock_at - host;
		return true;
	}
	return false;
}

/* ---- VMs and vCPUs -------------------------------------------------------------- */

struct vm *join_vm(struct join *j, u32 pid)
{
	struct vm *vm = map_get(&j->vm_by_pid, pid);

	if (vm)
		return vm;
	vm = xcalloc_line(sizeof(*vm));
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

static struct vcpu *find_vcpu(const struct join *j, const struct vm *vm, u32 vcpu)
{
	return vcpu < VM_SMALL_VCPUS ? vm->vcpu[vcpu] :
				       map_get(&j->vcpu_by_id, vcpu_key(vm->pid, vcpu));
}

#define SMALL_HANDLES	4096

/* The vCPU of a host record. */
static struct vcpu *get_vcpu(struct join *j, u32 pid, u32 id, u32 handle)
{
	struct vm *vm = join_vm(j, pid);
	struct vcpu *v = find_vcpu(j, vm, id);

	if (!v) {
		v = xcalloc_line(sizeof(*v));
		v->vm = vm;
		vm->nr_vcpus++;
		if (id < VM_SMALL_VCPUS)
			vm->vcpu[id] = v;
		v->id = id;
		snprintf(v->idle_comm, sizeof(v->idle_comm), "swapper/%u", id);
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

u64 join_left(const struct merge_rec *r)
{
	const struct vmcoop_host_out *out = (const void *)r->hdr;

	if (out->hdr.size < sizeof(*out) || out->left > out->hdr.stamp)
		return r->time;
	return r->time - min_u64(r->time, out->hdr.stamp - out->left);
}

/*
 * What short trips to the VMM have taken of the time in which @v was in, as a sum since
 * its handle began. A first sum may be of long before the window.
 */
static void vcpu_trips(struct join *j, struct vcpu *v, u32 handle, u64 sum, u64 t)
{
	u64 took = sum - v->trips.sum;

	if (v->trips.handle == handle && v->trips.at >= j->begin && t <= j->end) {
		v->ran -= took;
		v->exits.out[VMCOOP_OUT_USER] += took;
	}
	v->trips.handle = handle;
	v->trips.sum = sum;
	v->trips.at = t;
}

/* ---- Attribution -------------------------------------------------------------------- */

void join_flush(struct join *j)
{
	u32 n = j->nr_batch;

	j->nr_batch = 0;
	if (n)
		j->batched(j->ctx, j->batch, n);
}

/* Hands out what was made at the batch's end. */
static void emit(struct join *j)
{
	if (!j->batched)
		j->sample(j->ctx, j->batch);
	else if (++j->nr_batch == JOIN_BATCH)
		join_flush(j);
}

/* The name of a task that has none. Samples of the one before may still point to its own. */
static const char *make_comm(struct join *j, struct vcpu *v)
{
	char comm[sizeof(v->comm)];

	snprintf(comm, sizeof(comm), ":%u", v->tid);
	if (strcmp(comm, v->comm)) {
		join_flush(j);
		memcpy(v->comm, comm, sizeof(comm));
	}
	return v->comm;
}

static bool clock_known(const struct vcpu *v)
{
	return v->has_clock || v->vm->has_clock;
}

/* Why nothing is known of what runs, REASON_NONE if it is. */
static enum join_reason not_known(const struct vcpu *v)
{
	const struct vm *vm = v->vm;

	if (!vm->guest)
		return vm->has_source && !clock_known(v) ? REASON_NO_CLOCK :
		       vm->has_source ? REASON_NO_TASK : REASON_NO_GUEST;
	if (!clock_known(v))
		return REASON_NO_CLOCK;
	if (!v->has_task)
		return REASON_NO_TASK;
	return v->tid == VMCOOP_PID_OUTSIDE ? REASON_OUTSIDE : REASON_NONE;
}

static void find_running(struct join *j, struct vcpu *v)
{
	const struct guest *g = v->vm->guest;
	enum join_reason reason = not_known(v);
	struct running *r = &v->running;

	*r = (struct running){
		.sample = { .count = 1, .vcpu = v, .vm = v->vm, .who = v->no_who, .comm = "",
			    .mode = VMCOOP_MODE_UNKNOWN, .reason = reason },
	};
	if (!g || reason)
		return;
	r->changes = g->changes + 1;
	r->sample.pid = v->pid;
	r->sample.tid = v->tid;
	r->task = guest_find_task(g, v->tid);
	r->sample.who = r->task ? r->task->who : 0;
	r->space = r->task ? r->task->proc->space : 0;
	r->sample.cgroup = r->task ? r->task->cgroup : 0;
	if (!v->pid && !v->tid) {
		r->sample.who = v->idle_who;
		r->sample.comm = v->idle_comm;
	} else {
		r->sample.comm = r->task && *r->task->comm ? r->task->comm : make_comm(j, v);
	}
}

static inline void know_running(struct join *j, struct vcpu *v)
{
	const struct guest *g = v->vm->guest;

	if (!g || v->running.changes != g->changes + 1)
		find_running(j, v);
}

/* Something about the vCPU changes. */
static void forget_running(struct vcpu *v)
{
	v->running.changes = 0;
}

/* Most samples lie in the same mapping as the one before. */
static inline const struct mapping *find_mapping(struct running *r, u64 ip)
{
	if (ip - r->start < r->len)
		return r->map;
	r->map = guest_mapping(r->task, ip);
	r->start = r->map ? r->map->start : 0;
	r->len = r->map ? r->map->end - r->map->start : 0;
	return r->map;
}

static inline enum join_reason attribute(struct joined *s)
{
	struct running *r = &s->vcpu->running;

	if (s->reason)
		return s->reason;
	if (s->mode == VMCOOP_MODE_UNKNOWN)
		return REASON_HIDDEN;
	if (s->mode != VMCOOP_MODE_USER)
		return REASON_NONE;
	if (!r->task)
		return REASON_NO_MAPPING;
	s->map = find_mapping(r, s->ip);
	s->space = r->space;
	return s->map ? REASON_NONE : REASON_NO_MAPPING;
}

/* A sample of @v, at the batch's end, with all that does not follow from its mode and address. */
static inline struct joined *new_sample(struct join *j, struct vcpu *v, enum join_method method,
					u64 time)
{
	struct joined *s;

	know_running(j, v);
	s = &j->batch[j->nr_batch];
	*s = v->running.sample;
	s->method = method;
	s->time = time;
	s->pcpu = v->pcpu;
	return s;
}

/* One of which nothing is known. */
static struct joined *new_unknown(struct join *j, struct vcpu *v, u64 time, enum join_reason reason)
{
	struct joined *s = &j->batch[j->nr_batch];

	*s = (struct joined){
		.method = METHOD_TICK,
		.time = time,
		.count = 1,
		.vcpu = v,
		.vm = v->vm,
		.comm = "",
		.mode = VMCOOP_MODE_UNKNOWN,
		.reason = reason,
	};
	return s;
}

static void on_sample(struct join *j, struct vcpu *v, const struct vmcoop_host_sample *rec,
		      u64 time)
{
	struct joined *s;

	if (time < j->begin || time > j->end) {
		j->outside++;
		return;
	}
	j->samples++;
	v->vm->samples++;
	s = new_sample(j, v, METHOD_SAMPLED, time);
	s->period = rec->period;
	s->pcpu = rec->pcpu;
	s->event = rec->event;
	s->ip = rec->ip;
	s->mode = rec->mode;
	if (rec->sflags & VMCOOP_S_IP_HIDDEN)
		s->mode = VMCOOP_MODE_UNKNOWN;
	else if (s->mode != VMCOOP_MODE_USER && s->mode != VMCOOP_MODE_KERNEL)
		s->mode = arch_is_kernel_addr(v->vm->arch, s->ip) ? VMCOOP_MODE_KERNEL :
								    VMCOOP_MODE_USER;
	s->reason = attribute(s);
	emit(j);
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
	forget_running(v);
}

static void on_gone(struct join *j, struct vcpu *v, u64 t)
{
	vcpu_out(j, v, v->pcpu, VMCOOP_OUT_EXIT, t);
	v->has_task = false;
	forget_running(v);
}

/* The task that runs on @v, as method "counted" wants to know it. */
static struct joined identify(struct join *j, struct vcpu *v, u64 t)
{
	struct joined s;

	know_running(j, v);
	s = v->running.sample;
	s.time = t;
	s.pcpu = v->pcpu;
	s.mode = VMCOOP_MODE_KERNEL;
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
	who = identify(j, v, t);
	counted_delta(v->counted, &who, &delta, from, t);
}

/* These have a handle alone. */
static void handle_record(struct join *j, const struct merge_rec *r)
{
	const struct vmcoop_host_entry *entry = (const void *)r->hdr;
	struct vcpu *v = vcpu_of_handle(j, r->hdr->id);

	if (!v)
		return;
	if (r->hdr->type == VMCOOP_HOST_COUNT) {
		on_count(j, v, (const void *)r->hdr, r->time);
		return;
	}
	quality_entry(&j->quality, &v->quality, r->time);
	if (entry->hdr.size >= sizeof(*entry))
		vcpu_trips(j, v, entry->hdr.id, entry->vmm, r->time);
}

static void on_exits(struct join *j, struct vcpu *v, const struct vmcoop_host_exits *rec, u64 t)
{
	const u64 *vmm = (const u64 *)&rec->exit[rec->nr];

	if (t <= j->end)
		exits_record(&v->exits, rec, t < j->begin);
	if ((const char *)(vmm + 1) <= (const char *)rec + rec->hdr.size)
		vcpu_trips(j, v, rec->hdr.id, *vmm, t);
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
		vcpu_out(j, v, rec->pcpu, ((const struct vmcoop_host_out *)rec)->reason,
			 join_left(r));
		break;
	case VMCOOP_HOST_CLOCK:
		on_clock(j, v, (const void *)r->hdr);
		break;
	case VMCOOP_HOST_EXITS:
		on_exits(j, v, (const void *)r->hdr, r->time);
		break;
	case VMCOOP_HOST_GONE:
		on_gone(j, v, r->time);
		break;
	}
}

/* ---- Guest records -------------------------------------------------------------------- */

/* The task, made if need be; samples at hand still point to what changes. */
static struct task *task_to_run(struct join *j, struct guest *g, u32 pid, u32 tid, const char *comm)
{
	struct task *t = guest_find_task(g, tid);
	u64 who;

	if (!t || t->proc->pid != pid) {
		join_flush(j);
		t = guest_task(g, pid, tid);
	}
	if (!t || !comm)
		return t;
	if (strncmp(t->comm, comm, 16))
		join_flush(j);
	who = t->who;
	guest_tick_name(t, comm);
	g->changes += t->who != who;
	return t;
}

/* @comm, of 16 bytes, is NULL where the record does not say. */
static void set_task(struct join *j, struct vcpu *v, u32 pid, u32 tid, const char *comm, u64 now)
{
	bool same = v->has_task && v->pid == pid && v->tid == tid;

	if (v->counted && !same) {
		struct joined before = identify(j, v, now);

		counted_ran(v->counted, &before, now);
	}
	v->has_task = true;
	v->pid = pid;
	v->tid = tid;
	if (tid && tid != VMCOOP_PID_OUTSIDE)
		task_to_run(j, v->vm->guest, pid, tid, comm);
	if (!same)
		forget_running(v);
}

static void set_chain(struct joined *s, const struct vmcoop_guest_tick *rec)
{
	if (rec->hdr.size < sizeof(*rec))
		return;
	s->chain = rec->chain;
	s->nr_kernel = rec->nr_kernel;
	s->nr_user = rec->nr_user;
}

/* What a tick of @v at @t stands for; 0 where less has run than was known to at the last. */
static u64 ran_since_tick(const struct join *j, const struct vcpu *v, u64 t)
{
	s64 ran = ran_until(j, v, t) - v->ran_at_tick;

	return ran > 0 ? ran : 0;
}

/*
 * Ticks that come together, as after a descheduled phase, share what ran
 * before the first of them: the others stand for next to nothing. So do those before
 * which more is found to have been spent with the VMM than has passed since the last.
 */
static void on_tick(struct join *j, struct vcpu *v, const struct vmcoop_guest_tick *rec,
		    const struct merge_rec *r)
{
	struct joined *s;

	if (r->time < j->begin || r->time > j->end)
		return;
	s = new_sample(j, v, METHOD_TICK, r->time);
	s->period = ran_since_tick(j, v, r->time);
	s->mode = rec->mode == VMCOOP_MODE_USER ? VMCOOP_MODE_USER : VMCOOP_MODE_KERNEL;
	s->ip = rec->ip;
	v->ran_at_tick += s->period;
	j->ticks++;
	if (r->true_time >= j->begin && clock_known(v) && !j->alone)
		quality_tick(&j->quality, &v->quality, r->true_time);
	s->reason = attribute(s);
	/* It lies in the record, which does not wait for a batch. */
	if (!j->batched)
		set_chain(s, rec);
	if (v->counted) {
		struct joined who = identify(j, v, r->time), at = *s;

		emit(j);
		at.chain = NULL;
		at.nr_kernel = at.nr_user = 0;
		counted_ran(v->counted, &who, r->time);
		counted_tick(v->counted, &at);
	} else {
		emit(j);
	}
}

static void untimed_tick(struct join *j, struct vcpu *v, const struct vmcoop_guest_tick *rec,
			 u64 time)
{
	struct joined *s;

	if (time < j->begin || time > j->end)
		return;
	j->ticks++;
	s = new_unknown(j, v, time, REASON_NO_CLOCK);
	s->ip = rec->ip;
	emit(j);
}

static void forget_task(struct vcpu *v)
{
	v->has_task = false;
	forget_running(v);
}

/* The guest that speaks, begun anew if its module was. NULL: one that has ended. */
static struct guest *speaking_guest(struct join *j, struct vm *vm, const struct merge_source *src)
{
	size_t i;

	if (vm->guest && src->generation == vm->generation)
		return vm->guest;
	if (vm->guest && src->generation < vm->generation)
		return NULL;
	join_flush(j);
	guest_free(vm->guest);
	vm->guest = guest_new(&vm->dsos);
	vm->generation = src->generation;
	memcpy(vm->release, src->release, sizeof(vm->release));
	for (i = 0; i < j->nr_vcpus; i++)
		if (j->vcpus[i]->vm == vm)
			forget_task(j->vcpus[i]);
	return vm->guest;
}

/*
 * What a guest can tell of when its vCPUs ran: from the first record on, but for
 * the idle task. What the host took away in between it cannot.
 */
static struct vcpu *run_alone(struct join *j, struct vm *vm, const struct merge_rec *r)
{
	const struct vmcoop_guest_switch *sw = (const void *)r->hdr;
	const struct vmcoop_guest_tick *tick = (const void *)r->hdr;
	struct vcpu *v = get_vcpu(j, vm->pid, r->hdr->id, 0);
	bool idle = v->has_task && !v->tid;

	if (r->hdr->type == VMCOOP_GUEST_SWITCH)
		idle = !sw->next_tid;
	else if (r->hdr->type == VMCOOP_GUEST_TICK && tick->mode != VMCOOP_MODE_IDLE)
		idle = false;
	if (v->in && idle)
		vcpu_out(j, v, v->pcpu, VMCOOP_OUT_BLOCKED, r->time);
	else if (!v->in && !idle)
		vcpu_in(j, v, v->id, r->time);
	return v;
}

static void guest_side(struct join *j, const struct merge_rec *r)
{
	struct vm *vm = r->src->priv;
	struct guest *g = speaking_guest(j, vm, r->src);
	const struct vmcoop_guest_switch *sw;
	const struct vmcoop_guest_tick *tick;
	struct vcpu *v;

	if (!g)
		return;
	v = j->alone && r->timed ? run_alone(j, vm, r) : find_vcpu(j, vm, r->hdr->id);
	switch (r->hdr->type) {
	case VMCOOP_GUEST_TICK:
		tick = (const void *)r->hdr;
		j->orphans += !v;
		if (v && r->timed) {
			set_task(j, v, tick->pid, tick->tid,
				 tick->hdr.size >= sizeof(*tick) ? tick->comm : NULL, r->time);
			on_tick(j, v, tick, r);
		} else if (v) {
			untimed_tick(j, v, tick, r->time);
		}
		break;
	case VMCOOP_GUEST_SWITCH:
		sw = (const void *)r->hdr;
		if (v && r->timed)
			set_task(j, v, sw->next_pid, sw->next_tid, NULL, r->time);
		break;
	default:
		/* What tasks there are holds even where the clock is not known. */
		join_flush(j);
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
	src->priv = vm;
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

void join_soon(const struct join *j, const struct merge_rec *rec)
{
	const char *v = NULL;

	if (rec->src->host && rec->hdr->id < SMALL_HANDLES)
		v = (const char *)j->by_handle[rec->hdr->id];
	if (!v)
		return;
	__builtin_prefetch(v);
	__builtin_prefetch(v + 64);
}

/* Running time that no tick has claimed is part of the whole all the same. */
static void left_over(struct join *j, struct vcpu *v, u64 now)
{
	u64 ran = ran_since_tick(j, v, now);
	struct joined *s;

	if (!ran)
		return;
	s = new_unknown(j, v, now, v->vm->has_source ? REASON_NO_TICK : REASON_NO_GUEST);
	s->pcpu = v->pcpu;
	s->period = ran;
	s->count = 0;
	emit(j);
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
		v->ran = ran_until(j, v, now);
		v->since = now;
	}
	join_flush(j);
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
