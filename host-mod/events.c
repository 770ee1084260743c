// SPDX-License-Identifier: GPL-2.0-only
/*
 * The events: one perf event a CPU each, overflowing or counting.
 *
 * Events exist only while they count: an event that merely exists can already
 * be in others' way (kernels whose KVM hands the whole PMU to guests refuse
 * to start such a VM next to it).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/perf_event.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "arch.h"
#include "compat.h"

DEFINE_PER_CPU(struct vh_event_cpu, vh_event_cpu);

static struct vh_event vh_events[VH_MAX_EVENTS];
static unsigned int vh_nr_events;
/* Why these events, for people. */
static char vh_choice[96];

/*
 * Started and stopped under vh_control_lock. The CPU callbacks run under it or
 * under hotplug's lock, which also covers vh_vcpus_run.
 */
static bool vh_running;
static enum cpuhp_state vh_cpuhp_state;

/* There are vCPUs: events that count the host too are on. */
static bool vh_vcpus_run;

/* ---- One event on one CPU ------------------------------------------------ */

static struct perf_event *vh_create(const struct vh_event *e, unsigned int index,
				    unsigned int cpu)
{
	struct perf_event_attr attr = {
		.type = e->type,
		.config = e->config,
		.config1 = e->config1,
		.config2 = e->config2,
		.size = sizeof(attr),
		.pinned = 1,
		.disabled = 1,
		.exclude_host = e->guest_only,
		.exclude_guest = e->no_guest && e->type != PERF_TYPE_SOFTWARE,
	};

	if (e->type != PERF_TYPE_SOFTWARE) {
		attr.exclude_user = e->exclude_user;
		attr.exclude_kernel = e->exclude_kernel;
	}
	if (e->count)
		return perf_event_create_kernel_counter(&attr, cpu, NULL, NULL, NULL);
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

/*
 * An event that the PMU lets count guests only costs nothing without them. The
 * others are off until there is a vCPU.
 */
static bool vh_waits(const struct vh_event *e)
{
	return !e->guest_only;
}

/* A pinned event that finds no free counter is not refused but dead. */
static bool vh_dead(struct perf_event *event)
{
	return READ_ONCE(event->state) == PERF_EVENT_STATE_ERROR;
}

static int vh_open(unsigned int index, unsigned int cpu)
{
	struct vh_event_cpu *ec = per_cpu_ptr(&vh_event_cpu, cpu);
	const struct vh_event *e = &vh_events[index];
	struct perf_event *event = vh_create(e, index, cpu);

	if (IS_ERR(event))
		return PTR_ERR(event);
	if (!e->count)
		vh_random_phase(event);
	if (vh_vcpus_run || !vh_waits(e))
		perf_event_enable(event);
	if (vh_dead(event)) {
		perf_event_release_kernel(event);
		return -EBUSY;
	}
	WRITE_ONCE(ec->event[index], event);
	return 0;
}

/* What an event has counted. Context: task, may sleep. */
static u64 vh_count(struct perf_event *event)
{
	u64 enabled, running;

	return perf_event_read_value(event, &enabled, &running);
}

static void vh_close(struct vh_event_cpu *ec, unsigned int index, u64 now)
{
	struct perf_event *event = ec->event[index];

	if (!event)
		return;
	if (!vh_dead(event))
		ec->alive[index] = now - ec->opened;
	/* From here on nobody on this CPU reads the event. */
	WRITE_ONCE(ec->event[index], NULL);
	ec->counted[index] += vh_count(event);
	ec->running[index] += ec->alive[index];
	ec->alive[index] = 0;
	perf_event_release_kernel(event);
}

/*
 * A CPU comes, and this runs on it. It must not be kept away by our failure:
 * that is recorded only.
 */
static int vh_cpu_online(unsigned int cpu)
{
	struct vh_event_cpu *ec = per_cpu_ptr(&vh_event_cpu, cpu);
	unsigned int i;

	WRITE_ONCE(ec->opened, ktime_get_mono_fast_ns());
	for (i = 0; i < vh_nr_events; i++)
		ec->error[i] = vh_open(i, cpu);
	return 0;
}

/* Runs on the CPU that goes. */
static int vh_cpu_offline(unsigned int cpu)
{
	struct vh_event_cpu *ec = per_cpu_ptr(&vh_event_cpu, cpu);
	u64 now = ktime_get_mono_fast_ns();
	unsigned int i;

	for (i = 0; i < vh_nr_events; i++)
		vh_close(ec, i, now);
	ec->enabled += now - ec->opened;
	WRITE_ONCE(ec->opened, 0);
	return 0;
}

/* ---- Only while there are vCPUs ------------------------------------------ */

static void vh_switch(struct perf_event *event, bool on)
{
	if (on)
		perf_event_enable(event);
	else
		perf_event_disable(event);
}

static bool vh_any_vcpus;

static void vh_switch_work(struct kthread_work *work)
{
	unsigned int cpu, i;

	mutex_lock(&vh_control_lock);
	cpus_read_lock();
	vh_vcpus_run = READ_ONCE(vh_any_vcpus);
	for_each_online_cpu(cpu) {
		for (i = 0; i < vh_nr_events; i++) {
			struct perf_event *event = per_cpu(vh_event_cpu, cpu).event[i];

			if (event && vh_waits(&vh_events[i]))
				vh_switch(event, vh_vcpus_run);
		}
	}
	cpus_read_unlock();
	mutex_unlock(&vh_control_lock);
}

static struct kthread_worker *vh_switcher;
static DEFINE_KTHREAD_DELAYED_WORK(vh_switch_later, vh_switch_work);

/* VMs come and go: their events stay on for a while after the last. */
static void vh_switch_soon(struct irq_work *work)
{
	kthread_mod_delayed_work(vh_switcher, &vh_switch_later,
				 READ_ONCE(vh_any_vcpus) ? 0 : HZ);
}

static DEFINE_IRQ_WORK(vh_switch_irq, vh_switch_soon);

/**
 * vh_events_vcpus() - the first vCPU has come, or the last has gone
 * @any: it has come
 *
 * Context: interrupts off, also right before a VM entry, which the interrupt
 * of the irq_work ends.
 */
void vh_events_vcpus(bool any)
{
	WRITE_ONCE(vh_any_vcpus, any);
	irq_work_queue(&vh_switch_irq);
}

/* ---- Choice -------------------------------------------------------------- */

/* Can the event be had? Finds out whether the PMU can leave the host out. */
static int vh_try(struct vh_event *e)
{
	struct perf_event *event;

	e->guest_only = e->type != PERF_TYPE_SOFTWARE && !e->host;
	event = vh_create(e, 0, raw_smp_processor_id());
	if (IS_ERR(event) && e->guest_only) {
		e->guest_only = false;
		event = vh_create(e, 0, raw_smp_processor_id());
	}
	if (IS_ERR(event))
		return PTR_ERR(event);
	perf_event_release_kernel(event);
	return 0;
}

/* Say why an event cannot be had. Return: the error to give. */
static int vh_explain(const struct vh_event *e, int error)
{
	const char *mediated = vh_mediated();

	if (error == -EBUSY || error == -ENOSPC)
		vh_err("event=%s: all counters that can count it are taken, pinned by other users of perf or the NMI watchdog; event=cpu-clock needs none",
		       e->name);
	else if (error == -EOPNOTSUPP && mediated)
		vh_err("event=%s: a VM has the PMU for itself (%s); event=cpu-clock needs none",
		       e->name, mediated);
	else if (error == -EINVAL && e->freq)
		vh_err("event=%s: freq=%u refused; see kernel.perf_event_max_sample_rate",
		       e->name, e->freq);
	else if (error == -ENOENT && e->type > PERF_TYPE_BREAKPOINT)
		vh_err("event=%s: this machine has no PMU of type %u", e->name, e->type);
	else
		vh_err("event=%s: this machine's PMU does not offer it (error %d); event=cpu-clock needs none",
		       e->name, error);
	return error == -ENOENT ? -ENODEV : error;
}

/* @rate: "period N", "freq N" or empty. */
static int vh_rate(const char *rate, struct vh_event *e)
{
	if (!*rate)
		return 0;
	return str_has_prefix(rate, "period ") ? vh_parse_period(rate + 7, e) :
						 vh_parse_freq(rate + 5, e);
}

/* Hardware cycles if they can be had without harm, else cpu-clock. */
static int vh_choose(struct vh_event *e, char *choice, size_t size)
{
	char cycles[] = "cycles", clock[] = "cpu-clock";
	const char *mediated = vh_mediated();
	int error;

	vh_parse_events(cycles, e, 1);
	error = vh_try(e);
	if (!error && !mediated) {
		strscpy(choice, "default, the PMU offers it", size);
		return 1;
	}
	if (error)
		snprintf(choice, size, "default, as no PMU offers hardware cycles (error %d)",
			 error);
	else
		snprintf(choice, size, "default, as KVM may give the PMU to a VM (%s)", mediated);
	return vh_parse_events(clock, e, 1);
}

static void vh_tell_event(const struct vh_event *e)
{
	const char *where = e->guest_only ? "counts guests only" :
			    e->no_guest ? "counts VMMs on the host" :
					  "host and guest told apart here";

	if (e->count)
		pr_info("event %s (%s), counting, %s\n", e->name, vh_choice, where);
	else if (e->freq)
		pr_info("event %s (%s), %u samples a second, %s\n", e->name, vh_choice,
			e->freq, where);
	else
		pr_info("event %s (%s), period %llu%s, %s\n", e->name, vh_choice, e->period,
			e->type == PERF_TYPE_SOFTWARE ? " ns" : "", where);
}

/* Numbers of other events mean nothing for these. */
static void vh_forget_counts(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu)
		memset(per_cpu_ptr(&vh_event_cpu, cpu), 0, sizeof(struct vh_event_cpu));
}

/**
 * vh_events_set() - use other events, while they are stopped
 * @list: events; empty: choose
 * @rate: "period N" or "freq N" for those without; or empty
 *
 * Context: task, under vh_control_lock.
 * Return: 0; or an error with a message, and the events are what they were.
 */
int vh_events_set(const char *list, const char *rate)
{
	static struct vh_event events[VH_MAX_EVENTS];	/* too big for the stack */
	char choice[sizeof(vh_choice)] = "as asked";
	struct vh_event any = { .min_period = 1 };
	int nr, ret, i;

	if (*list) {
		char *copy = kstrdup(list, GFP_KERNEL);

		if (!copy)
			return -ENOMEM;
		nr = vh_parse_events(copy, events, VH_MAX_EVENTS);
		kfree(copy);
	} else {
		nr = vh_choose(events, choice, sizeof(choice));
	}
	if (nr < 0)
		return nr;
	/* A rate that no event needs now must be one all the same. */
	ret = vh_rate(rate, &any);
	if (ret)
		return ret;
	for (i = 0; i < nr; i++) {
		if (!events[i].own_rate && !events[i].count)
			ret = vh_rate(rate, &events[i]);
		if (ret)
			return ret;
		ret = vh_try(&events[i]);
		if (ret)
			return vh_explain(&events[i], ret);
	}
	memcpy(vh_events, events, sizeof(vh_events));
	vh_nr_events = nr;
	strscpy(vh_choice, choice, sizeof(vh_choice));
	vh_forget_counts();
	vh_nr_counting = 0;
	for (i = 0; i < nr; i++) {
		vh_nr_counting += events[i].count;
		vh_tell_event(&events[i]);
	}
	return 0;
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
		if (failed == num_online_cpus())
			return vh_explain(&vh_events[i], error);
		pr_warn("event %s: not on %u of %u CPUs (error %d)\n", vh_events[i].name,
			failed, num_online_cpus(), error);
	}
	return 0;
}

/* Is there an event that takes the PMU from KVMs which give it to guests? */
static const struct vh_event *vh_in_the_way(void)
{
	unsigned int i;

	for (i = 0; i < vh_nr_events; i++) {
		if (vh_events[i].type != PERF_TYPE_SOFTWARE && !vh_events[i].no_guest)
			return &vh_events[i];
	}
	return NULL;
}

/**
 * vh_events_in_the_way() - are there events that keep VMs from starting?
 *
 * Return: one that may; NULL if none does.
 */
const char *vh_events_in_the_way(void)
{
	const struct vh_event *e = vh_mediated() ? vh_in_the_way() : NULL;

	return e ? e->name : NULL;
}

/**
 * vh_events_start() - open the events on all CPUs, those that come later too
 *
 * Context: task, may sleep, under vh_control_lock.
 * Return: 0, also if they run already; an error with a message if an event
 * could be opened on no CPU.
 */
int vh_events_start(void)
{
	const char *way = vh_events_in_the_way();
	int ret;

	if (vh_running)
		return 0;
	ret = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "vmcoop:events",
				vh_cpu_online, vh_cpu_offline);
	if (ret < 0)
		return ret;
	vh_cpuhp_state = ret;
	cpus_read_lock();
	ret = vh_check_started();
	cpus_read_unlock();
	if (ret)
		cpuhp_remove_state(vh_cpuhp_state);
	WRITE_ONCE(vh_running, !ret);
	if (!ret && way)
		pr_warn("event %s keeps VMs from starting that shall have the PMU for themselves (%s), until it is stopped\n",
			way, vh_mediated());
	return ret;
}

/**
 * vh_events_stop() - release the events
 *
 * Context: task, may sleep, under vh_control_lock. No overflow is handled
 * behind its return.
 */
void vh_events_stop(void)
{
	if (vh_running)
		cpuhp_remove_state(vh_cpuhp_state);
	WRITE_ONCE(vh_running, false);
}

/*
 * Until the events are on, the first vCPU runs unmeasured: what turns them on goes
 * before what runs, which a workqueue would let finish its time slice.
 */
int vh_events_init(void)
{
	vh_switcher = vh_run_worker("vmcoop_events");
	if (IS_ERR(vh_switcher))
		return PTR_ERR(vh_switcher);
	sched_set_fifo_low(vh_switcher->task);
	return 0;
}

/* No probe runs any more, the events are stopped: let nothing be under way. */
void vh_events_exit(void)
{
	irq_work_sync(&vh_switch_irq);
	kthread_cancel_delayed_work_sync(&vh_switch_later);
	kthread_destroy_worker(vh_switcher);
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

/* Context: any; @index: below vh_events_nr(). */
const struct vh_event *vh_event(unsigned int index)
{
	return &vh_events[index];
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
		.config1 = e->config1,
		.config2 = e->config2,
		.eflags = (e->count ? VMCOOP_E_COUNTS : 0) |
			  (e->guest_only ? VMCOOP_E_GUEST_ONLY : 0),
	};
	for_each_possible_cpu(cpu) {
		const struct vh_event_cpu *ec = per_cpu_ptr(&vh_event_cpu, cpu);

		info->overflows += READ_ONCE(ec->overflows[index]);
		info->in_guest += READ_ONCE(ec->in_guest[index]);
		info->in_vmm += READ_ONCE(ec->in_vmm[index]);
		info->throttled += READ_ONCE(ec->throttled[index]);
	}
	strscpy_pad(info->name, e->name, sizeof(info->name));
}

static void vh_event_cpu_show(struct seq_file *m, unsigned int index, unsigned int cpu)
{
	const struct vh_event_cpu *ec = per_cpu_ptr(&vh_event_cpu, cpu);
	struct perf_event *event = ec->event[index];

	seq_printf(m, "  cpu %u: count %llu overflows %llu in_guest %llu in_vmm %llu throttled %llu ",
		   cpu, ec->counted[index] + (event ? vh_count(event) : 0),
		   READ_ONCE(ec->overflows[index]), READ_ONCE(ec->in_guest[index]),
		   READ_ONCE(ec->in_vmm[index]), READ_ONCE(ec->throttled[index]));
	if (event && vh_dead(event))
		seq_puts(m, "failed: lost its counter\n");
	else if (event && !vh_vcpus_run && vh_waits(&vh_events[index]))
		seq_puts(m, "waiting for VMs\n");
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
	if (e->config1 || e->config2)
		seq_printf(m, "config1 %#llx config2 %#llx ", e->config1, e->config2);
	if (e->count)
		seq_puts(m, "counting");
	else if (e->freq)
		seq_printf(m, "freq %u", e->freq);
	else
		seq_printf(m, "period %llu", e->period);
	seq_printf(m, ", %s; %s\n", vh_choice,
		   e->guest_only ? "the PMU counts guests only" :
				   "host and guest told apart in software");
	for_each_possible_cpu(cpu)
		vh_event_cpu_show(m, index, cpu);
}

static void vh_totals_show(struct seq_file *m)
{
	u64 hidden = 0, nameless = 0, filtered = 0, cost = 0, cost_nr = 0, cost_max = 0;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		const struct vh_event_cpu *ec = per_cpu_ptr(&vh_event_cpu, cpu);

		hidden += READ_ONCE(ec->hidden);
		nameless += READ_ONCE(ec->nameless);
		filtered += READ_ONCE(ec->filtered);
		cost += READ_ONCE(ec->cost);
		cost_nr += READ_ONCE(ec->cost_nr);
		cost_max = max(cost_max, READ_ONCE(ec->cost_max));
	}
	seq_printf(m, "samples with hidden address: %llu, of vCPUs without handle: %llu, filtered: %llu\n",
		   hidden, nameless, filtered);
	seq_printf(m, "handler: %llu samples, stamps each: mean %llu max %llu\n", cost_nr,
		   cost_nr ? div64_u64(cost, cost_nr) : 0, cost_max);
}

/* The events as text. Context: task, may sleep, under vh_control_lock. */
void vh_events_show(struct seq_file *m)
{
	const char *mediated = vh_mediated();
	unsigned int i;

	cpus_read_lock();
	seq_printf(m, "state: %s\n", vh_running ? "running" : "stopped");
	if (mediated)
		seq_printf(m, "mediated vPMU: %s; %s\n", mediated,
			   !vh_in_the_way() ? "these events are not in its way" :
			   vh_running ? "these events keep such VMs from starting: stop them" :
					"these events would keep such VMs from starting: not started by themselves");
	for (i = 0; i < vh_nr_events; i++)
		vh_event_show(m, i);
	vh_totals_show(m);
	cpus_read_unlock();
}
