// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings and commands: one grammar for the module's parameters, for
 * /proc/vmcoop/control and for who reads /dev/vmcoop.
 *
 *	start			open the events
 *	stop			release them
 *	events LIST		use these, as in parse.c; an empty list: the module chooses
 *	period N | freq N	of events that do not say it themselves
 *	count_us N		least time between two counts of a vCPU in a run slice
 *	vms FILTER		look at these VMs only: all, or pid=N,comm=NAME,...
 */
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "arch.h"

#define VH_COMMANDS_MAX	4096		/* bytes of one write */
#define VH_COUNT_US_MAX	1000000
#define VH_ENTRY_US	10000		/* between two told entries of a vCPU, without counts */

/* Covers settings and events; taken before hotplug's lock. */
DEFINE_MUTEX(vh_control_lock);

static struct vh_settings vh_now;

static bool vh_hide_kernel;

/**
 * vh_kernel_hidden() - may the host kernel's addresses not be told?
 *
 * As kernel.kptr_restrict and the rights of who started the events have it.
 *
 * Context: any.
 */
bool vh_kernel_hidden(void)
{
	return READ_ONCE(vh_hide_kernel);
}

/* The restriction can be seen only by its effect. */
static void vh_see_kptr(void)
{
	char text[2 * sizeof(void *) + 1];

	snprintf(text, sizeof(text), "%pK", &vh_control_lock);
	WRITE_ONCE(vh_hide_kernel, !text[strspn(text, "0")]);
}

/* ---- Settings ------------------------------------------------------------ */

/* Entries are told for the counts they are told with, and now and then for themselves. */
static void vh_set_interval(void)
{
	u64 us = vh_nr_counting ? vh_now.count_us : VH_ENTRY_US;

	vh_vcpus_interval(div_u64(us * vh_arch_clock_khz(), 1000));
}

/**
 * vh_control_start() - start the events, with the rights of who asks
 *
 * Context: task, under vh_control_lock.
 * Return: as vh_events_start().
 */
int vh_control_start(void)
{
	vh_see_kptr();
	return vh_events_start();
}

/* Use other events; as they were before, if that fails. */
static int vh_set_events(const char *list, const char *rate)
{
	bool ran = vh_events_running();
	int ret;

	vh_events_stop();
	ret = vh_events_set(list, rate);
	if (!ret && ran) {
		ret = vh_control_start();
		if (ret)
			vh_events_set(vh_now.events, vh_now.rate);
	}
	vh_set_interval();
	if (ret) {
		if (ran)
			vh_control_start();
		return ret;
	}
	if (list != vh_now.events)
		strscpy(vh_now.events, list, sizeof(vh_now.events));
	if (rate != vh_now.rate)
		strscpy(vh_now.rate, rate, sizeof(vh_now.rate));
	return 0;
}

static int vh_set_vms(const char *text)
{
	static struct vh_filter filter;		/* too big for the stack */
	char *copy = kstrdup(text, GFP_KERNEL);
	int ret;

	if (!copy)
		return -ENOMEM;
	ret = vh_parse_filter(copy, &filter);
	kfree(copy);
	if (ret)
		return ret;
	vh_vms_filter(&filter);
	if (text != vh_now.vms)
		strscpy(vh_now.vms, text, sizeof(vh_now.vms));
	return 0;
}

static void vh_set_count_us(u64 us)
{
	vh_now.count_us = us;
	vh_set_interval();
}

/**
 * vh_control_init() - the settings that the module is loaded with
 * @settings: from its parameters
 * @start: start the events, unless that would keep VMs from starting
 *
 * Context: task.
 * Return: 0, or an error with a message.
 */
int vh_control_init(const struct vh_settings *settings, bool start)
{
	const char *way;
	int ret;

	mutex_lock(&vh_control_lock);
	ret = vh_set_events(settings->events, settings->rate);
	if (!ret)
		ret = vh_set_vms(settings->vms);
	if (ret)
		goto out;
	vh_set_count_us(settings->count_us);
	way = vh_events_in_the_way();
	if (start && way)
		pr_notice(KBUILD_MODNAME ": event %s is not started: it would keep VMs from starting that shall have the PMU for themselves (%s); use cpu-clock, or start it by hand\n",
			  way, vh_mediated());
	else if (start)
		ret = vh_control_start();
out:
	mutex_unlock(&vh_control_lock);
	return ret;
}

/* The module goes: release the events. */
void vh_control_exit(void)
{
	mutex_lock(&vh_control_lock);
	vh_events_stop();
	mutex_unlock(&vh_control_lock);
}

/* Remember what a reader may change. Under vh_control_lock. */
void vh_control_save(struct vh_settings *settings)
{
	*settings = vh_now;
}

/**
 * vh_control_restore() - the reader has gone: all is as it was before
 * @settings: as remembered
 * @run: the events ran
 *
 * Context: task, under vh_control_lock.
 */
void vh_control_restore(const struct vh_settings *settings, bool run)
{
	if (strcmp(settings->events, vh_now.events) || strcmp(settings->rate, vh_now.rate)) {
		vh_events_stop();
		vh_set_events(settings->events, settings->rate);
	}
	if (strcmp(settings->vms, vh_now.vms))
		vh_set_vms(settings->vms);
	if (settings->count_us != vh_now.count_us)
		vh_set_count_us(settings->count_us);
	if (run)
		vh_control_start();
	else
		vh_events_stop();
}

/* ---- Commands ------------------------------------------------------------ */

static int vh_too_long(const char *what, size_t max)
{
	vh_err("%s: longer than %zu bytes", what, max - 1);
	return -EINVAL;
}

static int vh_cmd_rate(const char *word, const char *arg)
{
	char rate[sizeof(vh_now.rate)];

	if (snprintf(rate, sizeof(rate), "%s %s", word, arg) >= sizeof(rate))
		return vh_too_long(word, sizeof(rate) - strlen(word) - 1);
	return vh_set_events(vh_now.events, rate);
}

static int vh_cmd_count_us(const char *arg)
{
	u64 us;
	int ret = vh_parse_u64("count_us", arg, 1, VH_COUNT_US_MAX, &us);

	if (!ret)
		vh_set_count_us(us);
	return ret;
}

static int vh_command(char *line)
{
	char *arg = line;
	const char *word = strsep(&arg, " \t");

	arg = arg ? skip_spaces(arg) : "";
	if (!strcmp(word, "start") && !*arg)
		return vh_control_start();
	if (!strcmp(word, "stop") && !*arg) {
		vh_events_stop();
		return 0;
	}
	if (vh_dev_recording() && strcmp(word, "start")) {
		vh_err("%.16s: not while a recording goes on", word);
		return -EBUSY;
	}
	if (!strcmp(word, "events"))
		return strlen(arg) < sizeof(vh_now.events) ? vh_set_events(arg, vh_now.rate) :
			vh_too_long(word, sizeof(vh_now.events));
	if (!strcmp(word, "vms"))
		return strlen(arg) < sizeof(vh_now.vms) ? vh_set_vms(arg) :
			vh_too_long(word, sizeof(vh_now.vms));
	if (!strcmp(word, "count_us"))
		return vh_cmd_count_us(arg);
	if (!strcmp(word, "period") || !strcmp(word, "freq"))
		return vh_cmd_rate(word, arg);
	vh_err("%.32s: not a command; start, stop, events LIST, period N, freq N, count_us N, vms FILTER are",
	       word);
	return -EINVAL;
}

static int vh_commands(char *text)
{
	char *line;
	int ret = 0;

	while (!ret && (line = strsep(&text, "\n"))) {
		line = strim(line);
		if (*line)
			ret = vh_command(line);
	}
	return ret;
}

/**
 * vh_control_write() - carry out commands, one a line, up to the first that fails
 * @buf: the caller's text
 * @len: of it
 *
 * Context: task, under vh_control_lock.
 * Return: 0, or an error; vh_message() then says it in words.
 */
int vh_control_write(const char __user *buf, size_t len)
{
	char *text;
	int ret;

	vh_message_clear();
	if (len > VH_COMMANDS_MAX) {
		vh_err("commands: more than %u bytes at once", VH_COMMANDS_MAX);
		return -EINVAL;
	}
	text = memdup_user_nul(buf, len);
	if (IS_ERR(text))
		return PTR_ERR(text);
	ret = vh_commands(text);
	kfree(text);
	return ret;
}

/* The settings, as commands. Context: task. */
void vh_control_show(struct seq_file *m)
{
	mutex_lock(&vh_control_lock);
	seq_printf(m, "%s\n", vh_events_running() ? "start" : "stop");
	seq_printf(m, "events %s\n", vh_now.events);
	if (*vh_now.rate)
		seq_printf(m, "%s\n", vh_now.rate);
	seq_printf(m, "count_us %llu\n", vh_now.count_us);
	seq_printf(m, "vms %s\n", vh_now.vms);
	if (*vh_message())
		seq_printf(m, "# refused: %s\n", vh_message());
	mutex_unlock(&vh_control_lock);
}
