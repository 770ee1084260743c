// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcpu.c and track.h: whatever vCPU threads do, and in whatever order, the
 * records say it, and no vCPU is taken for another.
 */
#include "../vcpu.c"
#include "world.h"

#define PLACES	3

/* Two vCPUs of one VM, the first one's thread anew, and another VM's. */
static const struct vh_vcpu_id ids[] = {
	{ .kvm_vcpu = 0x1000, .vcpu = 0, .vm = 100, .tid = 101 },
	{ .kvm_vcpu = 0x2000, .vcpu = 1, .vm = 100, .tid = 102 },
	{ .kvm_vcpu = 0x3000, .vcpu = 0, .vm = 200, .tid = 201 },
	{ .kvm_vcpu = 0x4000, .vcpu = 1, .vm = 200, .tid = 202 },
};

static int vcpu_test_init(struct kunit *test)
{
	struct world_reader *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);

	if (!r)
		return -ENOMEM;
	world_bind();
	world_stamp = 1000;
	world_any_vcpus = false;
	world_counts = 0;
	vh_nr_counting = 0;
	vh_gen = 0;
	vh_used = 0;
	vh_free_slots = NULL;
	this_cpu_write(vh_last_out, 0);
	this_cpu_write(vh_untracked, 0);
	this_cpu_write(vh_here.vcpu, NULL);
	vh_vcpus_interval(100);
	if (vh_rings_init(VMCOOP_RING_MIN) || vh_vms_init(PLACES) || vh_vcpus_init(PLACES))
		return -ENOMEM;
	r->ring = vh_ring(2 * raw_smp_processor_id());
	test->priv = r;
	return 0;
}

static void vcpu_test_exit(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		local_irq_disable();
		vh_vcpu_thread_exit(ids[i].tid);
		local_irq_enable();
	}
	vh_vcpus_exit();
	world_vms_exit();
	vh_rings_exit();
}

/* As the probes call it, each a us after the last. */
#define AS_PROBE(call) \
({ \
	local_irq_disable(); \
	world_stamp++; \
	call; \
	local_irq_enable(); \
})

static void go_to_vmm(void);

static struct vh_vcpu *enter(unsigned int i)
{
	struct vh_vcpu *v;

	AS_PROBE(v = vh_vcpu_enter_first(&ids[i], "CPU/KVM", "qemu"));
	return v;
}

static bool here(unsigned int i)
{
	bool is;

	AS_PROBE(is = vh_vcpu_here(&ids[i]));
	return is;
}

/* Nobody listens: nothing is written, all is followed. */
static void vcpu_untold(struct kunit *test)
{
	struct world_reader *r = test->priv;

	KUNIT_EXPECT_NOT_NULL(test, enter(0));
	KUNIT_EXPECT_TRUE(test, here(0));
	KUNIT_EXPECT_TRUE(test, world_any_vcpus);
	AS_PROBE(vh_vcpu_sched_out(true, true));
	KUNIT_EXPECT_FALSE(test, here(0));
	AS_PROBE(vh_vcpu_sched_in(&ids[0], "CPU/KVM"));
	KUNIT_EXPECT_TRUE(test, here(0));
	AS_PROBE(vh_vcpu_thread_exit(101));
	KUNIT_EXPECT_FALSE(test, here(0));
	KUNIT_EXPECT_FALSE(test, world_any_vcpus);
	world_expect(test, r, 0);
}

static void vcpu_life(struct kunit *test)
{
	struct world_reader *r = test->priv;
	struct vh_vcpu *v;
	u32 handle;

	vh_vcpus_track();
	v = enter(0);
	KUNIT_ASSERT_NOT_NULL(test, v);
	handle = v->handle;
	world_expect(test, r, VMCOOP_HOST_VCPU, VMCOOP_HOST_CLOCK, VMCOOP_HOST_IN, 0);
	KUNIT_EXPECT_NE(test, handle, 0U);
	KUNIT_EXPECT_EQ(test, r->rec[0].vcpu.hdr.id, handle);
	KUNIT_EXPECT_EQ(test, r->rec[0].vcpu.vm, 100U);
	KUNIT_EXPECT_EQ(test, r->rec[0].vcpu.vcpu, 0U);
	KUNIT_EXPECT_EQ(test, r->rec[0].vcpu.tid, 101U);
	KUNIT_EXPECT_STREQ(test, r->rec[0].vcpu.comm, "CPU/KVM");
	KUNIT_EXPECT_EQ(test, r->rec[2].in.pcpu, (u32)raw_smp_processor_id());
	KUNIT_EXPECT_EQ(test, r->rec[2].hdr.flags, 0);
	KUNIT_EXPECT_EQ(test, r->rec[2].hdr.stamp, 1001ULL);

	AS_PROBE(vh_vcpu_sched_out(true, true));
	AS_PROBE(vh_vcpu_sched_in(&ids[0], "renamed"));
	AS_PROBE(vh_vcpu_sched_out(true, false));
	AS_PROBE(vh_vcpu_sched_in(&ids[0], "renamed"));
	AS_PROBE(go_to_vmm());
	AS_PROBE(vh_vcpu_sched_out(false, true));
	world_expect(test, r, VMCOOP_HOST_OUT, VMCOOP_HOST_IN, VMCOOP_HOST_OUT, VMCOOP_HOST_IN,
		     VMCOOP_HOST_OUT, 0);
	KUNIT_EXPECT_EQ(test, r->rec[0].out.reason, (u32)VMCOOP_OUT_PREEMPTED);
	KUNIT_EXPECT_EQ(test, r->rec[2].out.reason, (u32)VMCOOP_OUT_BLOCKED);
	KUNIT_EXPECT_EQ(test, r->rec[2].out.left, r->rec[2].hdr.stamp);
	KUNIT_EXPECT_EQ(test, r->rec[4].out.reason, (u32)VMCOOP_OUT_USER);

	/* It has left KVM_RUN: only an entry makes it IN. */
	AS_PROBE(vh_vcpu_sched_in(&ids[0], "renamed"));
	world_expect(test, r, 0);
	KUNIT_EXPECT_PTR_EQ(test, enter(0), v);
	AS_PROBE(vh_vcpu_thread_exit(101));
	world_expect(test, r, VMCOOP_HOST_IN, VMCOOP_HOST_OUT, VMCOOP_HOST_EXITS,
		     VMCOOP_HOST_EXITS, VMCOOP_HOST_GONE, 0);
	KUNIT_EXPECT_EQ(test, r->rec[1].out.reason, (u32)VMCOOP_OUT_EXIT);
	KUNIT_EXPECT_EQ(test, r->rec[4].gone.hdr.id, handle);
	KUNIT_EXPECT_EQ(test, r->rec[4].gone.tid, 101U);
}

/* A thread that leaves KVM_RUN while it has lost its CPU there. */
static void vcpu_out_of_kvm(struct kunit *test)
{
	struct world_reader *r = test->priv;

	vh_vcpus_track();
	enter(0);
	AS_PROBE(vh_vcpu_sched_out(false, true));
	AS_PROBE(vh_vcpu_sched_in(&ids[0], "CPU/KVM"));
	KUNIT_EXPECT_FALSE(test, here(0));
	world_read(test, r);
	KUNIT_ASSERT_EQ(test, r->nr, 4U);
	KUNIT_EXPECT_EQ(test, r->rec[3].out.reason, (u32)VMCOOP_OUT_USER);
	/* Out already: nothing more is told. */
	AS_PROBE(vh_vcpu_sched_out(true, true));
	AS_PROBE(go_to_vmm());
	world_expect(test, r, 0);
}

/* One thread runs two vCPUs in turn. */
static void vcpu_one_after_the_other(struct kunit *test)
{
	struct world_reader *r = test->priv;

	vh_vcpus_track();
	enter(0);
	world_read(test, r);
	enter(2);
	KUNIT_EXPECT_FALSE(test, here(0));
	KUNIT_EXPECT_TRUE(test, here(2));
	world_expect(test, r, VMCOOP_HOST_OUT, VMCOOP_HOST_VCPU, VMCOOP_HOST_CLOCK,
		     VMCOOP_HOST_IN, 0);
	KUNIT_EXPECT_EQ(test, r->rec[0].out.vm, 100U);
	KUNIT_EXPECT_EQ(test, r->rec[0].out.reason, (u32)VMCOOP_OUT_USER);
	KUNIT_EXPECT_EQ(test, r->rec[3].in.vm, 200U);
	KUNIT_EXPECT_NE(test, r->rec[0].hdr.id, r->rec[3].hdr.id);
}

/* The same thread, a new vCPU of KVM's: never the old one's. */
static void vcpu_never_stale(struct kunit *test)
{
	struct vh_vcpu_id again = ids[0];
	struct vh_vcpu *v = enter(0), *w;
	u32 first = v->handle;

	again.kvm_vcpu = 0x1008;
	KUNIT_EXPECT_NULL(test, vh_vcpu_here(&again));
	again = ids[0];
	again.vm++;
	KUNIT_EXPECT_NULL(test, vh_vcpu_here(&again));
	again = ids[0];
	again.tid++;
	KUNIT_EXPECT_NULL(test, vh_vcpu_here(&again));
	/* Its thread is gone, and its number and the address come again. */
	AS_PROBE(vh_vcpu_thread_exit(101));
	KUNIT_EXPECT_FALSE(test, here(0));
	w = enter(0);
	KUNIT_EXPECT_PTR_NE(test, w, v);
	KUNIT_EXPECT_NE(test, w->handle, first);
}

static void vcpu_handles_never_0(struct kunit *test)
{
	struct vh_vcpu *v;

	vh_last_handle = U32_MAX - 1;
	v = enter(0);
	KUNIT_EXPECT_EQ(test, v->handle, U32_MAX);
	v = enter(1);
	KUNIT_EXPECT_EQ(test, v->handle, 1U);
	/* The generation's number is never 0 either: that means none. */
	vh_last_gen = U32_MAX;
	vh_vcpus_track();
	KUNIT_EXPECT_EQ(test, vh_gen, 1U);
}

static void vcpu_table_full(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < PLACES; i++)
		KUNIT_ASSERT_NOT_NULL(test, enter(i));
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_NULL(test, enter(PLACES));
	KUNIT_EXPECT_EQ(test, this_cpu_read(vh_untracked), 5ULL);
	/* Whoever was IN is so no more: it is not what runs. */
	KUNIT_EXPECT_FALSE(test, here(PLACES - 1));
	KUNIT_EXPECT_FALSE(test, here(PLACES));
	AS_PROBE(vh_vcpu_thread_exit(102));
	rcu_barrier();
	KUNIT_EXPECT_NOT_NULL(test, enter(PLACES));
	KUNIT_EXPECT_TRUE(test, here(PLACES));
}

/* Two vCPUs of one thread go with it; others' stay. */
static void vcpu_thread_of_two(struct kunit *test)
{
	struct vh_vcpu_id second = ids[0];
	struct vh_vcpu *v;

	second.kvm_vcpu = 0x1800;
	second.vcpu = 7;
	enter(0);
	AS_PROBE(v = vh_vcpu_enter_first(&second, "CPU/KVM", "qemu"));
	KUNIT_ASSERT_NOT_NULL(test, v);
	enter(1);
	KUNIT_EXPECT_EQ(test, vh_used, 3U);
	AS_PROBE(vh_vcpu_thread_exit(101));
	KUNIT_EXPECT_EQ(test, vh_used, 1U);
	KUNIT_EXPECT_TRUE(test, here(1));
	KUNIT_EXPECT_NULL(test, vh_find(&ids[0]));
	KUNIT_EXPECT_NULL(test, vh_find(&second));
}

/* Recording begins while it runs, and once more. */
static void vcpu_snapshot(struct kunit *test)
{
	struct world_reader *r = test->priv;
	unsigned int i;

	enter(0);
	for (i = 0; i < 2; i++) {
		vh_vcpus_track();
		world_expect(test, r, VMCOOP_HOST_VCPU, VMCOOP_HOST_CLOCK, VMCOOP_HOST_IN, 0);
		KUNIT_EXPECT_EQ(test, r->rec[2].hdr.flags, VMCOOP_F_SNAPSHOT);
	}
	/* One that did not run is told when it leaves, as one that was in. */
	AS_PROBE(vh_vcpu_sched_out(true, false));
	world_read(test, r);
	vh_vcpus_track();
	world_expect(test, r, 0);
	AS_PROBE(vh_vcpu_sched_in(&ids[0], "CPU/KVM"));
	world_expect(test, r, VMCOOP_HOST_VCPU, VMCOOP_HOST_CLOCK, VMCOOP_HOST_IN, 0);
	KUNIT_EXPECT_EQ(test, r->rec[2].hdr.flags, 0);
	/* At its end the totals are told, and nothing behind them. */
	vh_vcpus_untrack();
	world_expect(test, r, VMCOOP_HOST_EXITS, 0);
	AS_PROBE(vh_vcpu_sched_out(true, false));
	world_expect(test, r, 0);
}

static void vcpu_filtered(struct kunit *test)
{
	struct vh_filter other = { .nr = 1, .term = { { .pid = 200 } } };
	static const struct vh_filter all;
	struct world_reader *r = test->priv;
	struct vh_vcpu *v;

	vh_vms_filter(&other);
	vh_vcpus_track();
	v = enter(0);
	AS_PROBE(vh_vcpu_sched_out(true, true));
	AS_PROBE(vh_vcpu_sched_in(&ids[0], "CPU/KVM"));
	world_expect(test, r, 0);
	enter(2);
	world_expect(test, r, VMCOOP_HOST_VCPU, VMCOOP_HOST_CLOCK, VMCOOP_HOST_IN, 0);
	KUNIT_EXPECT_EQ(test, r->rec[0].vcpu.vm, 200U);
	/* Wanted while it runs: it is told as one that was in. */
	enter(0);
	world_read(test, r);
	vh_vms_filter(&all);
	AS_PROBE(vh_vcpu_entry_tell(v));
	world_expect(test, r, VMCOOP_HOST_VCPU, VMCOOP_HOST_CLOCK, VMCOOP_HOST_IN,
		     VMCOOP_HOST_ENTRY, 0);
	KUNIT_EXPECT_EQ(test, r->rec[2].hdr.flags, VMCOOP_F_SNAPSHOT);
}

static void vcpu_clock(struct kunit *test)
{
	static const struct vh_clock clocks[] = {
		{ .offset = S64_MIN, .ratio = 1, .frac_bits = 0 },
		{ .offset = -1, .ratio = U64_MAX, .frac_bits = 63 },
	};
	struct world_reader *r = test->priv;
	struct vh_vcpu *v = enter(0);
	unsigned int i;

	AS_PROBE(vh_vcpu_set_clock(v, &clocks[1]));
	world_expect(test, r, 0);
	vh_vcpus_track();
	world_read(test, r);
	KUNIT_EXPECT_EQ(test, r->rec[1].clock.offset, -1LL);
	for (i = 0; i < ARRAY_SIZE(clocks); i++) {
		AS_PROBE(vh_vcpu_set_clock(v, &clocks[i]));
		world_expect(test, r, VMCOOP_HOST_CLOCK, 0);
		KUNIT_EXPECT_EQ(test, r->rec[0].clock.offset, clocks[i].offset);
		KUNIT_EXPECT_EQ(test, r->rec[0].clock.ratio, clocks[i].ratio);
		KUNIT_EXPECT_EQ(test, r->rec[0].clock.frac_bits, clocks[i].frac_bits);
		KUNIT_EXPECT_EQ(test, r->rec[0].clock.hdr.stamp, world_stamp);
	}
}

/* The host has slept, and its counter began anew. */
static void vcpu_counter_began_anew(struct kunit *test)
{
	struct world_reader *r = test->priv;
	struct vh_vcpu *v;

	world_stamp = 1ULL << 40;
	vh_vcpus_track();
	v = enter(0);
	AS_PROBE(vh_vcpu_entry_tell(v));
	KUNIT_EXPECT_GT(test, v->tell, 1ULL << 40);
	AS_PROBE(vh_vcpu_sched_out(true, true));
	world_read(test, r);
	world_stamp = 50;
	AS_PROBE(vh_vcpu_sched_in(&ids[0], "CPU/KVM"));
	world_expect(test, r, VMCOOP_HOST_RESUME, VMCOOP_HOST_IN, 0);
	KUNIT_EXPECT_EQ(test, r->rec[0].hdr.stamp, 51ULL);
	KUNIT_EXPECT_EQ(test, v->tell, 0ULL);
	/* Once; and so are the totals, last told at a time that is yet to come. */
	AS_PROBE(vh_vcpu_sched_out(true, true));
	AS_PROBE(vh_vcpu_sched_in(&ids[0], "CPU/KVM"));
	world_expect(test, r, VMCOOP_HOST_OUT, VMCOOP_HOST_EXITS, VMCOOP_HOST_IN, 0);
	AS_PROBE(vh_vcpu_sched_out(true, true));
	AS_PROBE(vh_vcpu_sched_in(&ids[0], "CPU/KVM"));
	world_expect(test, r, VMCOOP_HOST_OUT, VMCOOP_HOST_IN, 0);
}

static void vcpu_timer(struct kunit *test)
{
	struct world_reader *r = test->priv;
	struct vh_vcpu *v = enter(0);

	vh_vcpus_track();
	world_read(test, r);
	AS_PROBE(vh_vcpu_entry_tell(v));
	KUNIT_EXPECT_EQ(test, v->tell, world_stamp + 100);
	AS_PROBE(vh_vcpu_timer(v));
	KUNIT_EXPECT_EQ(test, v->tell, 0ULL);
	AS_PROBE(vh_vcpu_entry_tell(v));
	world_expect(test, r, VMCOOP_HOST_ENTRY, VMCOOP_HOST_ENTRY, 0);
	KUNIT_EXPECT_EQ(test, r->rec[0].hdr.flags, 0);
	KUNIT_EXPECT_EQ(test, r->rec[1].hdr.flags, VMCOOP_F_TIMER);
}

/* Counts are taken at each end of a run slice and at the entries that are told. */
static void vcpu_counts(struct kunit *test)
{
	struct vh_vcpu *v = enter(0);

	vh_nr_counting = 1;
	vh_vcpus_track();
	KUNIT_EXPECT_EQ(test, world_counts, 1U);
	AS_PROBE(vh_vcpu_entry_tell(v));
	KUNIT_EXPECT_EQ(test, world_counts, 2U);
	AS_PROBE(vh_vcpu_sched_out(true, true));
	KUNIT_EXPECT_EQ(test, world_counts, 3U);
	AS_PROBE(vh_vcpu_sched_in(&ids[0], "CPU/KVM"));
	KUNIT_EXPECT_EQ(test, world_counts, 4U);
}

/* ---- What runs at every entry and exit (track.h) --------------------------------- */

static bool clock_differs, resolved;
static struct vh_clock kvm_clock = { .ratio = 1 };
static u8 exit_told;

static inline u64 vh_cycles(void)
{
	return world_stamp;
}

static inline bool vh_clock_differs(struct kvm_vcpu *vcpu, const struct vh_clock *clock)
{
	return clock_differs;
}

static inline bool vh_exit_resolved(struct kvm_vcpu *vcpu, const struct vh_vcpu *v)
{
	return resolved;
}

struct vh_vcpu *vh_enter_first(struct kvm_vcpu *vcpu)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ids); i++)
		if (ids[i].kvm_vcpu == (unsigned long)vcpu)
			return vh_vcpu_enter_first(&ids[i], "CPU/KVM", "qemu");
	return NULL;
}

void vh_clock_changed(struct kvm_vcpu *vcpu, struct vh_vcpu *v)
{
	clock_differs = false;
	vh_vcpu_set_clock(v, &kvm_clock);
}

void vh_exit_told(struct kvm_vcpu *vcpu, struct vh_vcpu *v, u8 unknown)
{
	if (v->doing == VH_EXIT_PENDING)
		vh_vcpu_exit(v, exit_told ?: unknown);
}

void vh_poll_changed(struct kvm_vcpu *vcpu, struct vh_vcpu *v)
{
	vh_vcpu_polled(v, world_stamp * 1000);
}

#include "../track.h"

static void go_to_vmm(void)
{
	vh_track_user_exit(this_cpu_read(vh_here.vcpu), KVM_EXIT_IO);
}

static void entry(unsigned int i)
{
	AS_PROBE(vh_track_entry(this_cpu_read(vh_here.vcpu), (void *)ids[i].kvm_vcpu));
}

static void leave(unsigned int i, u8 reason)
{
	AS_PROBE(vh_track_exit(this_cpu_read(vh_here.vcpu), (void *)ids[i].kvm_vcpu, reason));
}

static void track_begin(void)
{
	clock_differs = false;
	resolved = true;
	exit_told = 0;
}

/* All that passes is either guest mode or the handling of some exit. */
static void track_times(struct kunit *test)
{
	struct vh_vcpu *v;

	track_begin();
	entry(0);
	v = this_cpu_read(vh_here.vcpu);
	KUNIT_ASSERT_NOT_NULL(test, v);
	world_stamp += 49;
	leave(0, VMCOOP_EXIT_IO);
	KUNIT_EXPECT_EQ(test, v->totals.of[VH_GUEST].time, 50ULL);
	world_stamp += 9;
	entry(0);
	KUNIT_EXPECT_EQ(test, v->totals.of[VMCOOP_EXIT_IO].time, 10ULL);
	KUNIT_EXPECT_EQ(test, v->totals.of[VMCOOP_EXIT_IO].count, 1ULL);
	/* Entered again without kvm_exit: guest mode went on. */
	world_stamp += 29;
	entry(0);
	KUNIT_EXPECT_EQ(test, v->totals.of[VH_GUEST].time, 80ULL);
	/* The CPU is lost amid an exit's handling, which goes on later. */
	leave(0, VMCOOP_EXIT_MMIO);
	world_stamp += 4;
	AS_PROBE(vh_vcpu_sched_out(true, true));
	world_stamp += 1000;
	AS_PROBE(vh_vcpu_sched_in(&ids[0], "CPU/KVM"));
	world_stamp += 4;
	entry(0);
	KUNIT_EXPECT_EQ(test, v->totals.of[VMCOOP_EXIT_MMIO].time, 10ULL);
	KUNIT_EXPECT_EQ(test, v->totals.of[VH_GUEST].time, 81ULL);
}

/* Reasons that come late, or never. */
static void track_reasons(struct kunit *test)
{
	struct world_reader *r = test->priv;
	struct vh_vcpu *v;

	track_begin();
	vh_vcpus_track();
	entry(0);
	v = this_cpu_read(vh_here.vcpu);
	resolved = false;
	leave(0, VH_EXIT_PENDING);
	exit_told = VMCOOP_EXIT_HALT;
	entry(0);
	KUNIT_EXPECT_EQ(test, v->doing, (u8)VH_GUEST);
	KUNIT_EXPECT_EQ(test, v->totals.of[VMCOOP_EXIT_HALT].count, 1ULL);
	KUNIT_EXPECT_EQ(test, v->totals.of[VMCOOP_EXIT_HALT].time, 1ULL);
	/* Polling before it had its place is not its own. */
	KUNIT_EXPECT_EQ(test, v->totals.poll_ns, 0ULL);
	leave(0, VMCOOP_EXIT_HALT);
	entry(0);
	KUNIT_EXPECT_EQ(test, v->totals.poll_ns, 2000ULL);
	leave(0, VH_EXIT_PENDING);
	exit_told = 0;
	entry(0);
	KUNIT_EXPECT_EQ(test, v->totals.of[VMCOOP_EXIT_OTHER].count, 1ULL);
	/* Time of an exit whose reason nobody knows yet is told as others'. */
	leave(0, VH_EXIT_PENDING);
	world_stamp += 6;
	AS_PROBE(vh_vcpu_sched_out(true, true));
	world_read(test, r);
	vh_vcpus_untrack();
	world_expect(test, r, VMCOOP_HOST_EXITS, 0);
	KUNIT_EXPECT_EQ(test, r->rec[0].exits.nr, (u32)VMCOOP_EXITS);
	KUNIT_EXPECT_EQ(test, r->rec[0].exits.exit[VMCOOP_EXIT_OTHER].time, 8ULL);
	KUNIT_EXPECT_EQ(test, r->rec[0].exits.guest, v->totals.of[VH_GUEST].time);
}

static void track_clock_and_rate(struct kunit *test)
{
	struct world_reader *r = test->priv;
	unsigned int i;

	track_begin();
	vh_vcpus_track();
	entry(0);
	world_expect(test, r, VMCOOP_HOST_VCPU, VMCOOP_HOST_CLOCK, VMCOOP_HOST_IN,
		     VMCOOP_HOST_ENTRY, 0);
	clock_differs = true;
	kvm_clock.offset = -77;
	entry(0);
	world_expect(test, r, VMCOOP_HOST_CLOCK, 0);
	KUNIT_EXPECT_EQ(test, r->rec[0].clock.offset, -77LL);
	/* 100 us a told entry: 249 entries, one a us. */
	for (i = 0; i < 249; i++)
		entry(0);
	world_expect(test, r, VMCOOP_HOST_ENTRY, VMCOOP_HOST_ENTRY, 0);
}

/* Leaves KVM_RUN, and the stamp of that. */
static u64 go_away(void)
{
	leave(0, VMCOOP_EXIT_IO);
	AS_PROBE(go_to_vmm());
	return world_stamp;
}

/* Out of KVM_RUN and back: what is short is told by its sum. */
static void track_trips(struct kunit *test)
{
	struct world_reader *r = test->priv;
	struct vh_vcpu *v;
	u64 left;

	track_begin();
	vh_vcpus_interval(10000);
	vh_vcpus_track();
	entry(0);
	v = this_cpu_read(vh_here.vcpu);
	world_read(test, r);
	go_away();
	world_stamp += 98;
	entry(0);
	world_expect(test, r, 0);
	KUNIT_EXPECT_EQ(test, v->totals.of[VH_AWAY].time, 99ULL);
	KUNIT_EXPECT_EQ(test, v->totals.of[VH_GUEST].time, 1ULL);
	KUNIT_EXPECT_EQ(test, v->totals.of[VMCOOP_EXIT_IO].time, 1ULL);
	AS_PROBE(vh_vcpu_entry_tell(v));
	world_expect(test, r, VMCOOP_HOST_ENTRY, 0);
	KUNIT_EXPECT_EQ(test, r->rec[0].entry.vmm, 99ULL);
	/* For longer: told when it is back. */
	left = go_away();
	world_stamp += 100;
	entry(0);
	world_expect(test, r, VMCOOP_HOST_OUT, VMCOOP_HOST_IN, 0);
	KUNIT_EXPECT_EQ(test, r->rec[0].out.reason, (u32)VMCOOP_OUT_USER);
	KUNIT_EXPECT_EQ(test, r->rec[0].out.left, left);
	KUNIT_EXPECT_EQ(test, r->rec[0].hdr.stamp, left + 101);
	KUNIT_EXPECT_EQ(test, v->totals.of[VH_AWAY].time, 99ULL);
	/* Its thread loses the CPU there, with a vCPU loaded or without. */
	left = go_away();
	AS_PROBE(vh_vcpu_sched_out(true, true));
	world_expect(test, r, VMCOOP_HOST_OUT, 0);
	KUNIT_EXPECT_EQ(test, r->rec[0].out.reason, (u32)VMCOOP_OUT_USER);
	KUNIT_EXPECT_EQ(test, r->rec[0].out.left, left);
	AS_PROBE(vh_vcpu_sched_in(&ids[0], "CPU/KVM"));
	world_expect(test, r, 0);
	entry(0);
	world_expect(test, r, VMCOOP_HOST_IN, 0);
	/* Another vCPU enters here. */
	go_away();
	entry(1);
	world_read(test, r);
	KUNIT_EXPECT_EQ(test, r->rec[0].hdr.type, VMCOOP_HOST_OUT);
	KUNIT_EXPECT_EQ(test, r->rec[0].hdr.id, v->handle);
	entry(0);
	world_read(test, r);
	/* Who begins to listen meanwhile has heard of no IN. */
	go_away();
	vh_vcpus_track();
	world_expect(test, r, 0);
	entry(0);
	world_expect(test, r, VMCOOP_HOST_VCPU, VMCOOP_HOST_CLOCK, VMCOOP_HOST_IN,
		     VMCOOP_HOST_ENTRY, 0);
	KUNIT_EXPECT_EQ(test, r->rec[2].hdr.flags, VMCOOP_F_SNAPSHOT);
	go_away();
	vh_vcpus_track();
	AS_PROBE(vh_vcpu_sched_out(false, true));
	world_expect(test, r, 0);
	entry(0);
	world_read(test, r);
	/* A count is taken as it goes. */
	vh_nr_counting = 1;
	go_away();
	world_expect(test, r, VMCOOP_HOST_OUT, 0);
	entry(0);
	vh_nr_counting = 0;
	world_read(test, r);
	/* The thread ends there, or the listening. */
	left = v->totals.of[VH_AWAY].time;
	go_away();
	AS_PROBE(vh_vcpu_thread_exit(101));
	world_expect(test, r, VMCOOP_HOST_OUT, VMCOOP_HOST_EXITS, VMCOOP_HOST_GONE, 0);
	KUNIT_EXPECT_EQ(test, r->rec[1].exits.vmm, left);
	entry(0);
	world_read(test, r);
	go_away();
	vh_vcpus_untrack();
	world_read(test, r);
	KUNIT_EXPECT_EQ(test, r->rec[0].hdr.type, VMCOOP_HOST_OUT);
	/* Nobody listens: none is told. */
	entry(0);
	go_away();
	world_stamp += 500;
	entry(0);
	world_expect(test, r, 0);
}

/* Exits of a vCPU that is not the one IN here are nobody's. */
static void track_strangers(struct kunit *test)
{
	struct vh_vcpu *v;

	track_begin();
	leave(0, VMCOOP_EXIT_IO);
	entry(0);
	v = this_cpu_read(vh_here.vcpu);
	leave(1, VMCOOP_EXIT_IO);
	KUNIT_EXPECT_EQ(test, v->totals.of[VMCOOP_EXIT_IO].count, 0ULL);
	KUNIT_EXPECT_EQ(test, v->doing, (u8)VH_GUEST);
	entry(1);
	KUNIT_EXPECT_PTR_NE(test, this_cpu_read(vh_here.vcpu), v);
	KUNIT_EXPECT_EQ(test, v->state, VH_VCPU_OUTSIDE);
}

static struct kunit_case vcpu_cases[] = {
	KUNIT_CASE(vcpu_untold),
	KUNIT_CASE(vcpu_life),
	KUNIT_CASE(vcpu_out_of_kvm),
	KUNIT_CASE(vcpu_one_after_the_other),
	KUNIT_CASE(vcpu_never_stale),
	KUNIT_CASE(vcpu_handles_never_0),
	KUNIT_CASE(vcpu_table_full),
	KUNIT_CASE(vcpu_thread_of_two),
	KUNIT_CASE(vcpu_snapshot),
	KUNIT_CASE(vcpu_filtered),
	KUNIT_CASE(vcpu_clock),
	KUNIT_CASE(vcpu_counter_began_anew),
	KUNIT_CASE(vcpu_timer),
	KUNIT_CASE(vcpu_counts),
	KUNIT_CASE(track_times),
	KUNIT_CASE(track_reasons),
	KUNIT_CASE(track_clock_and_rate),
	KUNIT_CASE(track_trips),
	KUNIT_CASE(track_strangers),
	{ }
};

static struct kunit_suite vcpu_suite = {
	.name = "vmcoop_host_vcpu",
	.init = vcpu_test_init,
	.exit = vcpu_test_exit,
	.test_cases = vcpu_cases,
};

kunit_test_suite(vcpu_suite);
