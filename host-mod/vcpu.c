// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which vCPU runs where: a table of the vCPUs that were seen to run, the
 * state of each, and the records that tell it.
 *
 * A vCPU is IN from its thread's first VM entry in KVM_RUN, or from its
 * return to a CPU inside KVM_RUN, until the thread loses its CPU or leaves
 * KVM_RUN. Guest code can run only while its vCPU is IN.
 *
 * A guest's thread that uses emulated devices leaves KVM_RUN and comes back some
 * 10,000 times a second. So its vCPU stays IN at first, VH_AWAY. If the thread is back
 * soon, and has not lost its CPU, nothing is told of that trip but what all of them take;
 * else when the vCPU left, late. While events are counted each trip is told, as counts are.
 *
 * A slot belongs to one thread. It is found, changed and freed only on the
 * CPU where that thread runs or is being switched in, with interrupts off, so
 * these accesses never overlap; the lock covers the list of free slots and
 * the buckets' links.
 *
 * Why a pointer to a vCPU of KVM cannot be stale here: none is kept. The
 * address in a slot is compared and never followed. And the comparison cannot
 * mistake a new vCPU for one that is gone: a slot is anybody's current one
 * (vh_here.vcpu) only from a VM entry of its thread to the thread's loss of the CPU.
 * During KVM_RUN the vCPU exists, and no thread destroys a VM without sleeping, as
 * KVM waits for all readers of the VM's memory slots then.
 *
 * Times: guest mode lasts from kvm_entry to kvm_exit, the handling of an exit
 * from there to the next kvm_entry, in as much as the vCPU is IN. Where KVM
 * enters again without saying kvm_exit, what it did in between counts as guest
 * mode; SVM before Linux 6.2 says kvm_exit only after the host's interrupt.
 */
#include <linux/hash.h>
#include <linux/irqflags.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/time64.h>
#include <linux/percpu.h>
#include <linux/rculist.h>
#include <linux/seq_file.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/vmalloc.h>

#include "arch.h"

#define VH_TRIP_US	100

static struct vh_vcpu *vh_slots;
static struct hlist_head *vh_buckets;
static unsigned int vh_max, vh_bucket_bits;

static DEFINE_RAW_SPINLOCK(vh_table_lock);
static struct vh_vcpu *vh_free_slots;
static unsigned int vh_used;
static u32 vh_last_handle;

DEFINE_PER_CPU(struct vh_here, vh_here);
/* VM entries of vCPUs for which there was no slot. */
static DEFINE_PER_CPU(u64, vh_untracked);

/*
 * Announce generation: each vCPU's state is told anew once in each. 0 while
 * nobody wants the records of this file.
 */
static u32 vh_gen;
static u32 vh_last_gen;

/* Stamps: between two told entries without the timer; between two told totals. */
static u64 vh_interval;
static u64 vh_exits_interval;

/* Stamps: longer trips to the VMM are told one by one. */
u64 vh_trip_max;

/* ---- Table -------------------------------------------------------------- */

/**
 * vh_vcpus_init() - allocate the table
 * @max: vCPUs it holds at a time
 *
 * Return: 0 or -ENOMEM.
 */
int vh_vcpus_init(unsigned int max)
{
	unsigned int i;

	vh_max = max;
	vh_exits_interval = vh_arch_clock_khz() * 100;
	vh_trip_max = div_u64(vh_arch_clock_khz() * VH_TRIP_US, USEC_PER_MSEC);
	vh_bucket_bits = ilog2(roundup_pow_of_two(max)) + 1;	/* hash_32() takes no 0 */
	vh_slots = kvcalloc(max, sizeof(*vh_slots), GFP_KERNEL);
	vh_buckets = kvcalloc(1U << vh_bucket_bits, sizeof(*vh_buckets), GFP_KERNEL);
	if (!vh_slots || !vh_buckets) {
		vh_vcpus_exit();
		return -ENOMEM;
	}
	for (i = max; i-- > 0; ) {
		vh_slots[i].next_free = vh_free_slots;
		vh_free_slots = &vh_slots[i];
	}
	return 0;
}

/* Free the table; no probe runs any more. */
void vh_vcpus_exit(void)
{
	/* Slots on their way back to the free list. */
	rcu_barrier();
	kvfree(vh_buckets);
	kvfree(vh_slots);
}

static struct hlist_head *vh_bucket(u32 tid)
{
	return &vh_buckets[hash_32(tid, vh_bucket_bits)];
}

static bool vh_same(const struct vh_vcpu *v, const struct vh_vcpu_id *id)
{
	return v->id.tid == id->tid && v->id.kvm_vcpu == id->kvm_vcpu &&
	       v->id.vcpu == id->vcpu && v->id.vm == id->vm;
}

/*
 * Without the lock: the thread's own slots cannot go while it looks, and a
 * neighbour that goes is not used anew before a grace period, so the walk
 * stays in its bucket.
 */
static struct vh_vcpu *vh_find(const struct vh_vcpu_id *id)
{
	struct vh_vcpu *v, *found = NULL;

	rcu_read_lock();
	hlist_for_each_entry_rcu(v, vh_bucket(id->tid), node) {
		if (vh_same(v, id)) {
			found = v;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

static struct vh_vcpu *vh_new(const struct vh_vcpu_id *id, const char *vm_comm)
{
	struct vh_vcpu *v;
	struct vh_vm *vm;
	bool first = false;

	/* A table that stays full must not make all CPUs meet at the lock. */
	if (!READ_ONCE(vh_free_slots))
		return NULL;
	vm = vh_vm_get(id->vm, vm_comm);
	if (!vm)
		return NULL;
	raw_spin_lock(&vh_table_lock);
	v = vh_free_slots;
	if (v) {
		WRITE_ONCE(vh_free_slots, v->next_free);
		if (!++vh_last_handle)
			++vh_last_handle;	/* 0 is "unknown" */
		memset(v, 0, offsetof(struct vh_vcpu, node));
		memset(&v->totals, 0, sizeof(v->totals));
		v->handle = vh_last_handle;
		v->id = *id;
		v->vm = vm;
		v->poll_base = U64_MAX;
		v->state = VH_VCPU_OUTSIDE;
		hlist_add_head_rcu(&v->node, vh_bucket(id->tid));
		first = !vh_used++;
	}
	raw_spin_unlock(&vh_table_lock);
	if (!v)
		vh_vm_put(vm);
	if (first)
		vh_events_vcpus(true);
	return v;
}

static void vh_give_back(struct rcu_head *rcu)
{
	struct vh_vcpu *v = container_of(rcu, struct vh_vcpu, rcu);
	unsigned long flags;

	raw_spin_lock_irqsave(&vh_table_lock, flags);
	v->next_free = vh_free_slots;
	WRITE_ONCE(vh_free_slots, v);
	raw_spin_unlock_irqrestore(&vh_table_lock, flags);
}

/* ---- Records ------------------------------------------------------------ */

#define VH_HDR(rec, v, t, when, f) \
	{ .type = (t), .flags = (f), .size = sizeof(rec), .id = (v)->handle, .stamp = (when) }

static void vh_put_vcpu(const struct vh_vcpu *v, u64 stamp)
{
	struct vmcoop_host_vcpu rec = {
		.hdr = VH_HDR(rec, v, VMCOOP_HOST_VCPU, stamp, 0),
		.vm = v->id.vm,
		.vcpu = v->id.vcpu,
		.tid = v->id.tid,
	};

	memcpy(rec.comm, v->comm, sizeof(rec.comm));
	vh_ring_write(&rec);
}

static void vh_put_clock(const struct vh_vcpu *v, u64 stamp)
{
	struct vmcoop_host_clock rec = {
		.hdr = VH_HDR(rec, v, VMCOOP_HOST_CLOCK, stamp, 0),
		.vm = v->id.vm,
		.vcpu = v->id.vcpu,
		.offset = v->clock.offset,
		.ratio = v->clock.ratio,
		.frac_bits = v->clock.frac_bits,
	};

	vh_ring_write(&rec);
}

static void vh_put_in(const struct vh_vcpu *v, u64 stamp, u8 flags)
{
	struct vmcoop_host_in rec = {
		.hdr = VH_HDR(rec, v, VMCOOP_HOST_IN, stamp, flags),
		.vm = v->id.vm,
		.vcpu = v->id.vcpu,
		.tid = v->id.tid,
		.pcpu = v->pcpu,
	};

	vh_ring_write(&rec);
}

static void vh_put_out(const struct vh_vcpu *v, u64 stamp, u32 reason, u64 left)
{
	struct vmcoop_host_out rec = {
		.hdr = VH_HDR(rec, v, VMCOOP_HOST_OUT, stamp, 0),
		.vm = v->id.vm,
		.vcpu = v->id.vcpu,
		.tid = v->id.tid,
		.pcpu = v->pcpu,
		.reason = reason,
		.left = left,
	};

	vh_ring_write(&rec);
}

static void vh_put_gone(const struct vh_vcpu *v, u64 stamp)
{
	struct vmcoop_host_gone rec = {
		.hdr = VH_HDR(rec, v, VMCOOP_HOST_GONE, stamp, 0),
		.vm = v->id.vm,
		.vcpu = v->id.vcpu,
		.tid = v->id.tid,
	};

	vh_ring_write(&rec);
}

static void vh_put_entry(const struct vh_vcpu *v, u64 stamp, u8 flags)
{
	struct vmcoop_host_entry rec = {
		.hdr = VH_HDR(rec, v, VMCOOP_HOST_ENTRY, stamp, flags),
		.vmm = v->totals.of[VH_AWAY].time,
	};

	vh_ring_write(&rec);
}

static void vh_put_exits(struct vh_vcpu *v, u64 stamp)
{
	struct vmcoop_host_exits rec = {
		.hdr = VH_HDR(rec, v, VMCOOP_HOST_EXITS, stamp, 0),
		.vm = v->id.vm,
		.vcpu = v->id.vcpu,
		.guest = v->totals.of[VH_GUEST].time,
		.poll_ns = v->totals.poll_ns,
		.nr = VMCOOP_EXITS,
		.vmm = v->totals.of[VH_AWAY].time,
	};

	memcpy(rec.exit, v->totals.of, sizeof(rec.exit));
	rec.exit[VMCOOP_EXIT_OTHER].time += v->totals.of[VH_EXIT_PENDING].time;
	vh_ring_write(&rec);
	v->told_exits = stamp;
}

/* The generation to tell this vCPU in; 0: do not. */
static u32 vh_gen_of(const struct vh_vcpu *v)
{
	return READ_ONCE(v->vm->wanted) ? READ_ONCE(vh_gen) : 0;
}

/* The vCPU is IN: since now, or (VMCOOP_F_SNAPSHOT) for some time already. */
static void vh_tell_in(const struct vh_vcpu *v, u64 stamp, u8 flags)
{
	vh_put_in(v, stamp, flags);
	if (vh_nr_counting)
		vh_count_write(v, VMCOOP_COUNT_IN, flags, stamp);
}

/* Tell who @v is and how its clock runs, if this generation has not been told. */
static bool vh_announce(struct vh_vcpu *v, u32 gen, u64 stamp)
{
	if (v->gen == gen)
		return false;
	v->gen = gen;
	vh_put_vcpu(v, stamp);
	vh_put_clock(v, stamp);
	return true;
}

/* Stamp of the last OUT here. */
static DEFINE_PER_CPU(u64, vh_last_out);

/*
 * A counter that goes back has begun anew: the host has slept. A vCPU that is not
 * IN, as none is then, holds but one stamp of before.
 */
static void vh_began_anew(struct vh_vcpu *v, u32 gen, u64 stamp)
{
	struct vmcoop_hdr rec = {
		.type = VMCOOP_HOST_RESUME,
		.size = sizeof(rec),
		.stamp = stamp,
	};

	if (v->tell > stamp + READ_ONCE(vh_interval))
		v->tell = 0;
	if (likely(stamp >= this_cpu_read(vh_last_out)))
		return;
	this_cpu_write(vh_last_out, stamp);
	if (gen)
		vh_ring_write(&rec);
}

/* ---- State -------------------------------------------------------------- */

static void vh_set_in(struct vh_vcpu *v)
{
	u64 stamp = vh_arch_stamp();
	u32 gen = vh_gen_of(v);

	/* An exit's handling goes on where it was when the CPU was lost. */
	if (v->state != VH_VCPU_DESCHEDULED)
		v->doing = VH_NOTHING;
	v->since = stamp;
	v->state = VH_VCPU_IN;
	v->pcpu = smp_processor_id();
	this_cpu_write(vh_here.vcpu, v);
	vh_began_anew(v, gen, stamp);
	if (gen) {
		vh_announce(v, gen, stamp);
		vh_tell_in(v, stamp, 0);
	}
}

static void vh_set_out(struct vh_vcpu *v, u32 reason)
{
	u64 stamp = vh_arch_stamp(), left = stamp;
	u32 gen = vh_gen_of(v);

	if (v->doing == VH_AWAY) {
		/* It was out before, which those who came meanwhile have not missed. */
		reason = VMCOOP_OUT_USER;
		left = v->since;
		if (v->gen != gen)
			gen = 0;
	} else {
		vh_vcpu_account(v, stamp);
	}
	if (gen) {
		if (vh_announce(v, gen, stamp))
			vh_tell_in(v, stamp, VMCOOP_F_SNAPSHOT);
		if (vh_nr_counting)
			vh_count_write(v, VMCOOP_COUNT_OUT, 0, stamp);
		vh_put_out(v, stamp, reason, left);
		if (stamp - v->told_exits >= vh_exits_interval || reason == VMCOOP_OUT_EXIT)
			vh_put_exits(v, stamp);
	}
	this_cpu_write(vh_here.vcpu, NULL);
	this_cpu_write(vh_last_out, stamp);
	v->out_reason = reason;
	v->state = reason == VMCOOP_OUT_PREEMPTED || reason == VMCOOP_OUT_BLOCKED ?
		   VH_VCPU_DESCHEDULED : VH_VCPU_OUTSIDE;
}

/**
 * vh_vcpu_enter_first() - current enters a vCPU that is not the one IN here
 * @id: the vCPU
 * @comm: current's name
 * @vm_comm: its process' name
 *
 * Context: interrupts off.
 * Return: the vCPU, IN now; NULL if there is no slot for it.
 */
struct vh_vcpu *vh_vcpu_enter_first(const struct vh_vcpu_id *id, const char *comm,
				    const char *vm_comm)
{
	struct vh_vcpu *v = this_cpu_read(vh_here.vcpu);

	if (v)
		vh_set_out(v, VMCOOP_OUT_USER);
	v = vh_find(id);
	if (!v)
		v = vh_new(id, vm_comm);
	if (!v) {
		this_cpu_inc(vh_untracked);
		return NULL;
	}
	strscpy_pad(v->comm, comm, sizeof(v->comm));
	v->state = VH_VCPU_OUTSIDE;
	vh_set_in(v);
	return v;
}

/**
 * vh_vcpu_set_clock() - a vCPU's clock runs otherwise from now on
 * @v: IN here
 * @clock: as it runs now
 *
 * Context: interrupts off.
 */
void vh_vcpu_set_clock(struct vh_vcpu *v, const struct vh_clock *clock)
{
	u32 gen = vh_gen_of(v);

	v->clock = *clock;
	if (gen && v->gen == gen)
		vh_put_clock(v, vh_arch_stamp());
}

/**
 * vh_vcpu_entry_tell() - an entry worth telling: it injects the timer, or it
 *	is a while since the last
 * @v: IN here
 *
 * Context: interrupts off.
 */
void vh_vcpu_entry_tell(struct vh_vcpu *v)
{
	u8 flags = v->timer ? VMCOOP_F_TIMER : 0;
	u64 stamp = vh_arch_stamp();
	u32 gen = vh_gen_of(v);

	v->timer = false;
	v->tell = stamp + READ_ONCE(vh_interval);
	if (!gen)
		return;
	if (vh_announce(v, gen, stamp))
		vh_tell_in(v, stamp, VMCOOP_F_SNAPSHOT);
	if (vh_nr_counting)
		vh_count_write(v, VMCOOP_COUNT_ENTRY, flags, stamp);
	vh_put_entry(v, stamp, flags);
	if (stamp - v->told_exits >= vh_exits_interval)
		vh_put_exits(v, stamp);
}

/**
 * vh_vcpu_timer() - the guest's timer interrupt is about to be injected
 * @v: IN here
 *
 * Context: cannot migrate; may be interrupted, or interrupt.
 */
void vh_vcpu_timer(struct vh_vcpu *v)
{
	v->timer = true;
	v->tell = 0;
}

/* A vCPU has polled for @poll_ns in all before it would halt. Cannot migrate. */
void vh_vcpu_polled(struct vh_vcpu *v, u64 poll_ns)
{
	if (v->poll_base == U64_MAX)
		v->poll_base = poll_ns;
	v->totals.poll_ns = poll_ns - v->poll_base;
}

/**
 * vh_vcpu_sched_out() - current is about to lose this CPU
 * @in_kvm: it has its vCPU loaded
 * @runnable: it did not sleep
 *
 * Context: interrupts off.
 */
void vh_vcpu_sched_out(bool in_kvm, bool runnable)
{
	struct vh_vcpu *v = this_cpu_read(vh_here.vcpu);

	if (v)
		vh_set_out(v, !in_kvm ? VMCOOP_OUT_USER :
			      runnable ? VMCOOP_OUT_PREEMPTED : VMCOOP_OUT_BLOCKED);
}

/**
 * vh_vcpu_sched_in() - a thread that has a vCPU loaded gets this CPU
 * @id: the vCPU
 * @comm: the thread's name
 *
 * Only a vCPU that was descheduled in KVM_RUN is IN again: threads load a vCPU
 * for other ends, too.
 *
 * Context: interrupts off.
 */
void vh_vcpu_sched_in(const struct vh_vcpu_id *id, const char *comm)
{
	struct vh_vcpu *v = vh_find(id);

	if (!v || v->state != VH_VCPU_DESCHEDULED)
		return;
	strscpy_pad(v->comm, comm, sizeof(v->comm));
	vh_set_in(v);
}

/**
 * vh_vcpu_user_exit() - current returns from KVM_RUN, which is to be told at once
 * @v: IN here
 *
 * Context: cannot migrate.
 */
void vh_vcpu_user_exit(struct vh_vcpu *v)
{
	unsigned long flags;

	local_irq_save(flags);
	if (v == this_cpu_read(vh_here.vcpu))
		vh_set_out(v, VMCOOP_OUT_USER);
	local_irq_restore(flags);
}

/**
 * vh_vcpu_back() - the thread of a vCPU that was away enters it again, late perhaps
 * @v: VH_AWAY here
 *
 * Context: interrupts off.
 */
void vh_vcpu_back(struct vh_vcpu *v)
{
	if (vh_arch_stamp() - v->since <= vh_trip_max && !vh_nr_counting)
		return;
	vh_set_out(v, VMCOOP_OUT_USER);
	vh_set_in(v);
}

static void vh_drop(struct vh_vcpu *v)
{
	u32 gen = vh_gen_of(v);
	bool last;

	if (this_cpu_read(vh_here.vcpu) == v)
		vh_set_out(v, VMCOOP_OUT_EXIT);
	if (gen && v->gen == gen) {
		u64 stamp = vh_arch_stamp();

		vh_put_exits(v, stamp);
		vh_put_gone(v, stamp);
	}
	vh_vm_put(v->vm);
	raw_spin_lock(&vh_table_lock);
	v->state = VH_VCPU_FREE;
	hlist_del_rcu(&v->node);
	last = !--vh_used;
	raw_spin_unlock(&vh_table_lock);
	call_rcu(&v->rcu, vh_give_back);
	if (last)
		vh_events_vcpus(false);
}

/**
 * vh_vcpu_thread_exit() - current exits or executes another program, and
 *	runs the vCPUs it ran no more
 * @tid: current, as it was called while it ran them
 *
 * Context: interrupts off.
 */
void vh_vcpu_thread_exit(u32 tid)
{
	struct vh_vcpu *v;

	rcu_read_lock();
	hlist_for_each_entry_rcu(v, vh_bucket(tid), node) {
		if (v->id.tid == tid)
			vh_drop(v);
	}
	rcu_read_unlock();
}

/**
 * vh_vcpu_here() - the vCPU that an overflow has interrupted
 * @id: the vCPU that current has loaded
 *
 * Context: any, NMI included: nothing changes vh_here.vcpu while guest mode is
 * being left.
 * Return: NULL if the vCPU has no slot.
 */
struct vh_vcpu *vh_vcpu_here(const struct vh_vcpu_id *id)
{
	struct vh_vcpu *v = this_cpu_read(vh_here.vcpu);

	return v && vh_same(v, id) ? v : NULL;
}

/* ---- Front ends --------------------------------------------------------- */

static void vh_announce_here(void *unused)
{
	struct vh_vcpu *v = this_cpu_read(vh_here.vcpu);
	u32 gen = v ? vh_gen_of(v) : 0;
	u64 stamp;

	if (!gen)
		return;
	/* One that is away is when it is back. */
	v->tell = 0;
	if (v->doing == VH_AWAY)
		return;
	stamp = vh_arch_stamp();
	if (vh_announce(v, gen, stamp))
		vh_tell_in(v, stamp, VMCOOP_F_SNAPSHOT);
}

/**
 * vh_vcpus_track() - write tracking records, telling every vCPU's state anew
 *
 * Those that run are told on return, the others when they next run.
 *
 * Context: task, serialised by the caller.
 */
void vh_vcpus_track(void)
{
	if (!++vh_last_gen)
		++vh_last_gen;
	WRITE_ONCE(vh_gen, vh_last_gen);
	on_each_cpu(vh_announce_here, NULL, 1);
}

static void vh_away_is_out(void *unused)
{
	struct vh_vcpu *v = this_cpu_read(vh_here.vcpu);

	if (v && v->doing == VH_AWAY)
		vh_set_out(v, VMCOOP_OUT_USER);
}

/**
 * vh_vcpus_untrack() - write no tracking records any more
 *
 * What the vCPUs have spent until now is told before.
 *
 * Context: task, serialised by the caller.
 */
void vh_vcpus_untrack(void)
{
	unsigned int i;

	on_each_cpu(vh_away_is_out, NULL, 1);
	for (i = 0; i < vh_max; i++) {
		struct vh_vcpu *v = &vh_slots[i];

		raw_spin_lock_irq(&vh_table_lock);
		if (v->state != VH_VCPU_FREE && vh_gen && v->gen == vh_gen)
			vh_put_exits(v, vh_arch_stamp());
		raw_spin_unlock_irq(&vh_table_lock);
	}
	WRITE_ONCE(vh_gen, 0);
}

/* Tell entries that do not inject the timer at most once in @stamps. */
void vh_vcpus_interval(u64 stamps)
{
	WRITE_ONCE(vh_interval, stamps);
}

static const char *vh_state_text(const struct vh_vcpu *v)
{
	switch (v->state) {
	case VH_VCPU_IN:
		return v->doing == VH_AWAY ? "user" : "in";
	case VH_VCPU_DESCHEDULED:
		return v->out_reason == VMCOOP_OUT_PREEMPTED ? "preempted" : "blocked";
	default:
		return "user";
	}
}

static u64 vh_us(u64 stamps)
{
	return mul_u64_u32_div(stamps, USEC_PER_MSEC, vh_arch_clock_khz());
}

static void vh_vcpu_show(struct seq_file *m, const struct vh_vcpu *v)
{
	unsigned int i;

	seq_printf(m, "  vm %u vcpu %u tid %u (", v->id.vm, v->id.vcpu, v->id.tid);
	seq_escape_str(m, v->comm, ESCAPE_ANY_NP, NULL);
	seq_printf(m, ") handle %u: %s cpu %u, clock offset %lld ratio %llu/2^%u\n",
		   v->handle, vh_state_text(v), v->pcpu,
		   v->clock.offset, v->clock.ratio, v->clock.frac_bits);
	seq_printf(m, "    us in guest %llu, halt polling %llu; exits (us):",
		   vh_us(v->totals.of[VH_GUEST].time), div_u64(v->totals.poll_ns, NSEC_PER_USEC));
	for (i = 0; i < VMCOOP_EXITS; i++) {
		const struct vmcoop_host_exit *e = &v->totals.of[i];

		if (e->count)
			seq_printf(m, " %s %llu (%llu)", vmcoop_exit_name(i), e->count,
				   vh_us(e->time));
	}
	seq_puts(m, "\n");
}

/**
 * vh_vcpus_show() - the table as text
 * @m: where to
 *
 * States and clocks may be changing while they are read.
 *
 * Context: task.
 */
void vh_vcpus_show(struct seq_file *m)
{
	unsigned int i, cpu, used = 0;
	u64 untracked = 0;

	for_each_possible_cpu(cpu)
		untracked += per_cpu(vh_untracked, cpu);
	seq_puts(m, "vcpus:\n");
	for (i = 0; i < vh_max; i++) {
		struct vh_vcpu v;

		raw_spin_lock_irq(&vh_table_lock);
		v = vh_slots[i];
		raw_spin_unlock_irq(&vh_table_lock);
		if (v.state == VH_VCPU_FREE)
			continue;
		v.comm[sizeof(v.comm) - 1] = '\0';
		vh_vcpu_show(m, &v);
		used++;
	}
	seq_printf(m, "  %u of max_vcpus=%u in use, entries of vCPUs without a place: %llu\n",
		   used, vh_max, untracked);
}
