// SPDX-License-Identifier: GPL-2.0-only
/*
 * The events: one overflowing perf event a CPU each, and what happens at
 * their overflows.
 *
 * Events exist only while they count: an event that merely exists can already
 * be in others' way (kernels whose KVM hands the whole PMU to guests refuse
 * to start such a VM next to it).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/perf_event.h>
#include <linux/random.h>
#include <linux/seq_file.h>

#include "arch.h"

/**
 * struct vh_event_cpu - the events on one CPU
 * @event: NULL while stopped, or where it failed
 * @error: why it failed
 * @counted: by events that have been released since
 * @overflows: written by the overflow handler alone, which nothing but itself
 *	could interrupt to write the same element
 * @in_guest: those that hit guest mode
 * @hidden: samples without an address
 * @nameless: samples of vCPUs that have no handle
 */
struct vh_event_cpu {
	struct perf_event	*event[VH_MAX_EVENTS];
	int			error[VH_MAX_EVENTS];
	u64			counted[VH_MAX_EVENTS];
	u64			overflows[VH_MAX_EVENTS];
	u64			in_guest[VH_MAX_EVENTS];
	u64			hidden;
	u64			nameless;
};

static DEFINE_PER_CPU(struct vh_event_cpu, vh_event_cpu);

static struct vh_event vh_events[VH_MAX_EVENTS];
static unsigned int vh_nr_events;
/* Why these events, for people. */
static char vh_choice[96];

/* Covers starting and stopping; the CPU callbacks run under it or under hotplug's lock. */
static DEFINE_MUTEX(vh_events_lock);
static bool vh_running;
static enum cpuhp_state vh_cpuhp_state;

/* ---- Overflow ------------------------------------------------------------ */

static void vh_sample(struct kvm_vcpu *vcpu, unsigned int index, u64 period)
{
	struct vh_vcpu_id id;
	struct vh_guest_ip g;
	struct vmcoop_host_sample rec = {
		.hdr.type = VMCOOP_HOST_SAMPLE,
		.hdr.size = sizeof(rec),
		.hdr.stamp = vh_arch_stamp(),
		.pcpu = smp_processor_id(),
		.event = index,
		.period = period,
	};

	vh_vcpu_identify(vcpu, current, &id);
	vh_arch_guest_ip(vcpu, &g);
	rec.hdr.id = vh_vcpu_handle(&id);
	rec.vm = id.vm;
	rec.vcpu = id.vcpu;
	rec.mode = g.mode;
	rec.sflags = g.sflags;
	rec.ip = g.ip;
	if (!rec.hdr.id)
		this_cpu_inc(vh_event_cpu.nameless);
	if (g.sflags & VMCOOP_S_IP_HIDDEN)
		this_cpu_inc(vh_event_cpu.hidden);
	vh_ring_write(&rec);
}

/*
 * Runs with interrupts off or in NMI context, possibly amid any of our other
 * code on this CPU: no lock, no allocation, no printk, no loop without bound.
 */
static void vh_overflow(struct perf_event *event, struct perf_sample_data *data,
			struct pt_regs *regs)
{
	unsigned int index = (unsigned long)event->overflow_handler_context;
	struct kvm_vcpu *vcpu = vh_task_vcpu(current);

	this_cpu_inc(vh_event_cpu.overflows[index]);
	if (!vcpu || !vh_arch_in_guest(vcpu))
		return;
	this_cpu_inc(vh_event_cpu.in_guest[index]);
	vh_sample(vcpu, index, data->period);
}

/* ---- One event on one CPU ------------------------------------------------ */

static struct perf_event *vh_create(unsigned int index, unsigned int cpu)
{
	const struct vh_event *e = &vh_events[index];
	struct perf_event_attr attr = {
		.type = e->type,
		.config = e->config,
		.size = sizeof(attr),
		.pinned = 1,
		.disabled = 1,
		.exclude_host = e->guest_only,
		.exclude_user = e->exclude_user,
		.exclude_kernel = e->exclude_kernel,
	};

	if (e->freq) {
		attr.freq = 1;
		attr.sample_freq = e->freq;
	} else {
		attr.sample_period = e->period;
	}
	return perf_event_create_kernel_counter(&attr, cpu, NULL, vh_overflow,
						(void *)(unsigned long)index);
}

/*
 * Let the first overflow come at a random part of the period, or all CPUs,
 * and all runs, would sample in step. The event does not count yet.
 */
static void vh_random_phase(struct perf_event *event)
{
	u64 period = event->hw.sample_period;

	if (period > 1)
		local64_set(&event->hw.period_left, 1 + get_random_u64() % period);
}

static int vh_open(unsigned int index, unsigned int cpu)
{
	struct vh_event_cpu *ec = per_cpu_ptr(&vh_event_cpu, cpu);
	struct perf_event *event = vh_create(index, cpu);

	if (IS_ERR(event))
		return PTR_ERR(event);
	vh_random_phase(event);
	perf_event_enable(event);
	/* A pinned event that finds no free counter is not refused but dead. */
	if (READ_ONCE(event->state) == PERF_EVENT_STATE_ERROR) {
		perf_event_release_kernel(event);
		return -EBUSY;
	}
	ec->event[index] = event;
	return 0;
}

/* What an event has counted. Context: task, may sleep. */
static u64 vh_count(struct perf_event *event)
{
	u64 enabled, running;

	return perf_event_read_value(event, &enabled, &running);
}

/* A CPU comes. It must not be kept away by our failure: that is recorded only. */
static int vh_cpu_online(unsigned int cpu)
{
	struct vh_event_cpu *ec = per_cpu_ptr(&vh_event_cpu, cpu);
	unsigned int i;

	for (i = 0; i < vh_nr_events; i++)
		ec->error[i] = vh_open(i, cpu);
	return 0;
}

static int vh_cpu_offline(unsigned int cpu)
{
	struct vh_event_cpu *ec = per_cpu_ptr(&vh_event_cpu, cpu);
	unsigned int i;

	for (i = 0; i < vh_nr_events; i++) {
		if (!ec->event[i])
			continue;
		ec->counted[i] += vh_count(ec->event[i]);
		perf_event_release_kernel(ec->event[i]);
		ec->event[i] = NULL;
	}
	return 0;
}

/* ---- Choice -------------------------------------------------------------- */

/* Can the event be had? Finds out whether the PMU can leave the host out. */
static int vh_try(unsigned int index)
{
	struct vh_event *e = &vh_events[index];
	struct perf_event *event;

	e->guest_only = e->type != PERF_TYPE_SOFTWARE;
	event = vh_create(index, raw_smp_processor_id());
	if (IS_ERR(event) && e->guest_only) {
		e->guest_only = false;
		event = vh_create(index, raw_smp_processor_id());
	}
	if (IS_ERR(event))
		return PTR_ERR(event);
	perf_event_release_kernel(event);
	return 0;
}

static void vh_refuse(const struct vh_event *e, int error)
{
	if (error == -EINVAL && e->freq)
		pr_err("event=%s: freq=%u refused; see kernel.perf_event_max_sample_rate\n",
		       e->name, e->freq);
	else
		pr_err("event=%s: this machine's PMU does not offer it (error %d); event=cpu-clock needs none\n",
		       e->name, error);
}

/* Hardware cycles if they can be had, else cpu-clock. */
static int vh_choose(const char *period, const char *freq)
{
	int error, ret;

	vh_nr_events = vh_parse_events("cycles", vh_events, VH_MAX_EVENTS);
	error = vh_try(0);
	if (!error) {
		strscpy(vh_choice, "default, the PMU offers it", sizeof(vh_choice));
	} else {
		vh_nr_events = vh_parse_events("cpu-clock", vh_events, VH_MAX_EVENTS);
		snprintf(vh_choice, sizeof(vh_choice),
			 "default, as no PMU offers hardware cycles (error %d)", error);
	}
	ret = vh_parse_rate(period, freq, &vh_events[0]);
	if (ret)
		return ret;
	ret = vh_try(0);
	if (ret)
		vh_refuse(&vh_events[0], ret);
	return ret;
}

static int vh_take(const char *list, const char *period, const char *freq)
{
	int ret = vh_parse_events(list, vh_events, VH_MAX_EVENTS);
	unsigned int i;

	if (ret < 0)
		return ret;
	vh_nr_events = ret;
	for (i = 0; i < vh_nr_events; i++) {
		ret = vh_parse_rate(period, freq, &vh_events[i]);
		if (ret)
			return ret;
		ret = vh_try(i);
		if (ret) {
			vh_refuse(&vh_events[i], ret);
			return ret == -ENOENT ? -ENODEV : ret;
		}
	}
	strscpy(vh_choice, "as asked", sizeof(vh_choice));
	return 0;
}

static void vh_tell_event(const struct vh_event *e)
{
	const char *where = e->guest_only ? "counts guests only" : "host and guest told apart here";

	if (e->freq)
		pr_info("event %s (%s), %u samples a second, %s\n", e->name, vh_choice,
			e->freq, where);
	else
		pr_info("event %s (%s), period %llu%s, %s\n", e->name, vh_choice, e->period,
			e->type == PERF_TYPE_SOFTWARE ? " ns" : "", where);
}

/**
 * vh_events_init() - choose the events, and see whether they can be had
 * @list: names as given, or NULL
 * @period: as given, or NULL
 * @freq: as given, or NULL
 *
 * Context: task.
 * Return: 0, or an error with a message.
 */
int vh_events_init(const char *list, const char *period, const char *freq)
{
	int ret = list ? vh_take(list, period, freq) : vh_choose(period, freq);
	unsigned int i;

	for (i = 0; !ret && i < vh_nr_events; i++)
		vh_tell_event(&vh_events[i]);
	return ret;
}

/* ---- Start and stop ------------------------------------------------------ */

/* CPUs on which an event could not be opened. */
static unsigned int vh_failed(unsigned int index, int *error)
{
	unsigned int cpu, n = 0;

	for_each_online_cpu(cpu) {
		int err = per_cpu(vh_event_cpu, cpu).error[index];

		if (err) {
			*error = err;
			n++;
		}
	}
	return n;
}

static int vh_check_started(void)
{
	unsigned int i, failed;
	int error = 0;

	for (i = 0; i < vh_nr_events; i++) {
		failed = vh_failed(i, &error);
		if (!failed)
			continue;
		if (failed < num_online_cpus()) {
			pr_warn("event %s: not on %u of %u CPUs (error %d)\n",
				vh_events[i].name, failed, num_online_cpus(), error);
			continue;
		}
		if (error == -EBUSY)
			pr_err("event %s: all counters are taken; event=cpu-clock needs none\n",
			       vh_events[i].name);
		else
			vh_refuse(&vh_events[i], error);
		return error;
	}
	return 0;
}

/**
 * vh_events_start() - open the events on all CPUs, those that come later too
 *
 * Context: task, may sleep.
 * Return: 0, also if they run already; an error with a message if an event
 * could be opened on no CPU.
 */
int vh_events_start(void)
{
	int ret = 0;

	mutex_lock(&vh_events_lock);
	if (vh_running)
		goto out;
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "vmcoop:events",
				vh_cpu_online, vh_cpu_offline);
	if (ret < 0)
		goto out;
	vh_cpuhp_state = ret;
	cpus_read_lock();
	ret = vh_check_started();
	cpus_read_unlock();
	if (ret)
		cpuhp_remove_state(vh_cpuhp_state);
	vh_running = !ret;
out:
	mutex_unlock(&vh_events_lock);
	return ret;
}

/**
 * vh_events_stop() - release the events
 *
 * Context: task, may sleep. No overflow is handled behind its return.
 */
void vh_events_stop(void)
{
	mutex_lock(&vh_events_lock);
	if (vh_running)
		cpuhp_remove_state(vh_cpuhp_state);
	vh_running = false;
	mutex_unlock(&vh_events_lock);
}

bool vh_events_running(void)
{
	return READ_ONCE(vh_running);
}

/* ---- Front ends ---------------------------------------------------------- */

unsigned int vh_events_nr(void)
{
	return vh_nr_events;
}

/* An event's name; for an index that no event has, a text that says so. */
const char *vh_event_name(unsigned int index)
{
	return index < vh_nr_events ? vh_events[index].name : "?";
}

/**
 * vh_event_info() - what the tool is told of an event
 * @index: below vh_events_nr()
 * @info: filled in
 */
void vh_event_info(unsigned int index, struct vmcoop_host_event *info)
{
	const struct vh_event *e = &vh_events[index];
	unsigned int cpu;

	*info = (struct vmcoop_host_event){
		.index = index,
		.type = e->type,
		.config = e->config,
		.period = e->period,
		.freq = e->freq,
	};
	for_each_possible_cpu(cpu) {
		info->overflows += READ_ONCE(per_cpu(vh_event_cpu, cpu).overflows[index]);
		info->in_guest += READ_ONCE(per_cpu(vh_event_cpu, cpu).in_guest[index]);
	}
	strscpy_pad(info->name, e->name, sizeof(info->name));
}

static void vh_event_cpu_show(struct seq_file *m, unsigned int index, unsigned int cpu)
{
	const struct vh_event_cpu *ec = per_cpu_ptr(&vh_event_cpu, cpu);
	struct perf_event *event = ec->event[index];

	seq_printf(m, "  cpu %u: count %llu overflows %llu in_guest %llu ", cpu,
		   ec->counted[index] + (event ? vh_count(event) : 0),
		   READ_ONCE(ec->overflows[index]), READ_ONCE(ec->in_guest[index]));
	if (event && READ_ONCE(event->state) == PERF_EVENT_STATE_ERROR)
		seq_puts(m, "failed: lost its counter\n");
	else if (event)
		seq_puts(m, "running\n");
	else if (vh_running && cpu_online(cpu))
		seq_printf(m, "failed (error %d)\n", ec->error[index]);
	else
		seq_puts(m, "stopped\n");
}

static void vh_event_show(struct seq_file *m, unsigned int index)
{
	const struct vh_event *e = &vh_events[index];
	unsigned int cpu;

	seq_printf(m, "event %u: %s type %u config %#llx ", index, e->name, e->type, e->config);
	if (e->freq)
		seq_printf(m, "freq %u", e->freq);
	else
		seq_printf(m, "period %llu", e->period);
	seq_printf(m, ", %s; %s\n", vh_choice,
		   e->guest_only ? "the PMU counts guests only" :
				   "host and guest told apart in software");
	for_each_possible_cpu(cpu)
		vh_event_cpu_show(m, index, cpu);
}

/* The events as text. Context: task, may sleep. */
void vh_events_show(struct seq_file *m)
{
	u64 hidden = 0, nameless = 0;
	unsigned int i, cpu;

	mutex_lock(&vh_events_lock);
	cpus_read_lock();
	seq_printf(m, "state: %s\n", vh_running ? "running" : "stopped");
	for (i = 0; i < vh_nr_events; i++)
		vh_event_show(m, i);
	for_each_possible_cpu(cpu) {
		hidden += READ_ONCE(per_cpu(vh_event_cpu, cpu).hidden);
		nameless += READ_ONCE(per_cpu(vh_event_cpu, cpu).nameless);
	}
	cpus_read_unlock();
	mutex_unlock(&vh_events_lock);
	seq_printf(m, "samples with hidden address: %llu, of vCPUs without handle: %llu\n",
		   hidden, nameless);
}
