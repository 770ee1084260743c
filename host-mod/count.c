// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counting events, read where a vCPU runs: at the ends of its run slices and
 * at VM entries within.
 *
 * perf's own call for this is not open to modules. On the CPU on which an
 * event counts, and with interrupts off, its PMU's read() brings its count up
 * to date; perf itself does the same.
 */
#include <linux/percpu.h>
#include <linux/perf_event.h>
#include <linux/timekeeping.h>

#include "arch.h"

/* Counting events there are. Changes only while all events are closed. */
unsigned int vh_nr_counting;

static void vh_value(struct vh_event_cpu *ec, unsigned int index, u64 now,
		     struct vmcoop_host_value *value)
{
	/* Changed on this CPU alone, in task context. */
	struct perf_event *event = READ_ONCE(ec->event[index]);

	value->count = ec->counted[index];
	if (event) {
		/* Pinned: as long as it lives it has its counter. */
		if (READ_ONCE(event->oncpu) == smp_processor_id()) {
			event->pmu->read(event);
			ec->alive[index] = now - ec->opened;
		}
		value->count += local64_read(&event->count);
	}
	value->running = ec->running[index] + ec->alive[index];
}

/**
 * vh_count_write() - record what this CPU's counting events have come to
 * @v: IN here
 * @where: VMCOOP_COUNT_*
 * @flags: of the record's header
 * @stamp: of the record
 *
 * Context: interrupts off, not NMI.
 */
void vh_count_write(const struct vh_vcpu *v, u8 where, u8 flags, u64 stamp)
{
	struct vh_event_cpu *ec = this_cpu_ptr(&vh_event_cpu);
	u64 now = ktime_get_mono_fast_ns();
	unsigned int i;
	struct {
		struct vmcoop_host_count head;
		struct vmcoop_host_value value[VH_MAX_EVENTS];
	} rec = {
		.head.hdr.type = VMCOOP_HOST_COUNT,
		.head.hdr.flags = flags,
		.head.hdr.id = v->handle,
		.head.hdr.stamp = stamp,
		.head.pcpu = smp_processor_id(),
		.head.where = where,
		.head.enabled = ec->enabled + (ec->opened ? now - ec->opened : 0),
	};

	for (i = 0; i < vh_events_nr(); i++) {
		if (!vh_event(i)->count)
			continue;
		vh_value(ec, i, now, &rec.value[rec.head.nr++]);
	}
	rec.head.hdr.size = sizeof(rec.head) + rec.head.nr * sizeof(rec.value[0]);
	vh_ring_write(&rec);
}
