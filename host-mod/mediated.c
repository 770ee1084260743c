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

/*
 * The parameters do not change while their modules are there, so the answer is
 * looked up when one comes or goes: in a kernel thread, which sees /sys
 * whatever a caller's root is, and without any lock of ours.
 */
static const char *vh_answer;

static void vh_look(void)
{
	const char *answer = NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vh_mediated_params) && !answer; i++) {
		if (vh_param_is_true(vh_mediated_params[i]))
			answer = vh_mediated_params[i];
	}
	WRITE_ONCE(vh_answer, answer);
}

/**
 * vh_mediated() - does KVM give the whole PMU to guests?
 *
 * Return: the parameter that says so; NULL if none does.
 */
const char *vh_mediated(void)
{
	return READ_ONCE(vh_answer);
}

static void vh_give_way(struct work_struct *work)
{
	const char *event;

	vh_look();
	mutex_lock(&vh_control_lock);
	event = vh_events_running() ? vh_events_in_the_way() : NULL;
	if (event) {
		vh_events_stop();
		pr_warn("event %s would keep VMs from starting that shall have the PMU for themselves (%s): stopped\n",
			event, vh_mediated());
	}
	mutex_unlock(&vh_control_lock);
}

static DECLARE_DELAYED_WORK(vh_give_way_work, vh_give_way);

/* When a module is live its parameters can be read; when it goes, not at once no more. */
static int vh_module_live(struct notifier_block *nb, unsigned long event, void *data)
{
	const struct module *mod = data;

	if (str_has_prefix(mod->name, "kvm") &&
	    (event == MODULE_STATE_LIVE || event == MODULE_STATE_GOING))
		schedule_delayed_work(&vh_give_way_work, event == MODULE_STATE_LIVE ? 0 : HZ);
	return NOTIFY_OK;
}

static struct notifier_block vh_live_nb = { .notifier_call = vh_module_live };

/* Find out, and stay informed. Context: task. */
int vh_mediated_init(void)
{
	int ret = register_module_notifier(&vh_live_nb);

	if (ret)
		return ret;
	schedule_delayed_work(&vh_give_way_work, 0);
	flush_delayed_work(&vh_give_way_work);
	return 0;
}

void vh_mediated_exit(void)
{
	unregister_module_notifier(&vh_live_nb);
	cancel_delayed_work_sync(&vh_give_way_work);
}
