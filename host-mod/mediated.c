// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's mediated vPMU (Linux 7.x): a VM that has it owns the whole PMU while
 * it runs guest code.
 *
 * It does not go together with hardware events that count guests: while such
 * a VM exists they are refused, and while they exist the first such VM is not
 * created. A profiler must not keep VMs from starting, so: the events are not
 * started by themselves where KVM has been told to do this, and they are
 * released when a KVM comes that has been.
 *
 * Nothing that a module can call tells; the modules' parameters do.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/container_of.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/workqueue.h>

#include "host.h"

#define VH_MEDIATED(module)	"/sys/module/" module "/parameters/enable_mediated_pmu"

static const char * const vh_mediated_params[] = {
	VH_MEDIATED("kvm_intel"), VH_MEDIATED("kvm_amd"), VH_MEDIATED("kvm"),
};

static bool vh_param_is_true(const char *path)
{
	struct file *file = filp_open(path, O_RDONLY, 0);
	char c = 'N';
	loff_t pos = 0;

	if (IS_ERR(file))
		return false;
	if (kernel_read(file, &c, 1, &pos) != 1)
		c = 'N';
	filp_close(file, NULL);
	return c == 'Y' || c == '1';
}

/**
 * struct vh_ask - a look at the parameters
 * @work: runs it in a kernel thread, which sees /sys whatever current's root
 *	is, and even if current has none any more because it exits
 * @answer: the parameter that is true, or NULL
 */
struct vh_ask {
	struct work_struct	work;
	const char		*answer;
};

static void vh_ask(struct work_struct *work)
{
	struct vh_ask *ask = container_of(work, struct vh_ask, work);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vh_mediated_params) && !ask->answer; i++) {
		if (vh_param_is_true(vh_mediated_params[i]))
			ask->answer = vh_mediated_params[i];
	}
}

/**
 * vh_mediated() - does KVM give the whole PMU to guests?
 *
 * Context: task, may sleep.
 * Return: the parameter that says so; NULL if none does.
 */
const char *vh_mediated(void)
{
	struct vh_ask ask = { 0 };

	INIT_WORK_ONSTACK(&ask.work, vh_ask);
	queue_work(system_unbound_wq, &ask.work);
	flush_work(&ask.work);
	destroy_work_on_stack(&ask.work);
	return ask.answer;
}

static void vh_give_way(struct work_struct *work)
{
	const char *event;

	mutex_lock(&vh_control_lock);
	event = vh_events_running() ? vh_events_in_the_way() : NULL;
	if (event) {
		vh_events_stop();
		pr_warn("event %s would keep VMs from starting that shall have the PMU for themselves (%s): stopped\n",
			event, vh_mediated());
	}
	mutex_unlock(&vh_control_lock);
}

static DECLARE_WORK(vh_give_way_work, vh_give_way);

/* A module's parameters can be read from when it is live. */
static int vh_module_live(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct module *mod = data;

	if (event == MODULE_STATE_LIVE && str_has_prefix(mod->name, "kvm"))
		schedule_work(&vh_give_way_work);
	return NOTIFY_OK;
}

static struct notifier_block vh_live_nb = { .notifier_call = vh_module_live };

int vh_mediated_init(void)
{
	return register_module_notifier(&vh_live_nb);
}

void vh_mediated_exit(void)
{
	unregister_module_notifier(&vh_live_nb);
	cancel_work_sync(&vh_give_way_work);
}
