// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tracepoints: finding them, hanging on to them, and turning what they tell
 * into vCPU states.
 *
 * None of them is exported to modules, or only by kvm.ko, on which this
 * module must not depend: it may be loaded first and outlive it. So they are
 * found by walking over the kernel's and over kvm.ko's when that comes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "arch.h"
#include "compat.h"

/*
 * KVM's operations on preempt notifiers, by which they are told from other
 * users'. Learnt at a VM entry, where the vCPU is known.
 */
static struct preempt_ops *vh_kvm_ops;

/* Covers the .tp of all probes. */
static DEFINE_MUTEX(vh_probes_lock);

/**
 * vh_task_vcpu() - the vCPU that a task has loaded
 * @task: current, or in sched_switch the task that comes
 *
 * vcpu_load() puts the vCPU's notifier on the task's list and vcpu_put() takes
 * it off. While it is there, the task is inside a call that holds a reference
 * to the vCPU, so the vCPU exists. Nobody but the task itself changes its
 * list, and the task does not run on while this CPU is in our callback:
 * the pointer cannot become stale before the callback returns. It must not
 * be kept any longer.
 *
 * Context: any, NMI included.
 * Return: NULL if it has none, or if KVM's vCPUs cannot be told yet.
 */
struct kvm_vcpu *vh_task_vcpu(struct task_struct *task)
{
	struct hlist_node *first = READ_ONCE(task->preempt_notifiers.first);
	struct preempt_notifier *pn;

	if (!first)
		return NULL;
	pn = hlist_entry(first, struct preempt_notifier, link);
	if (pn->ops != READ_ONCE(vh_kvm_ops))
		return NULL;
	return container_of(pn, struct kvm_vcpu, preempt_notifier);
}

/**
 * vh_vcpu_identify() - who a vCPU is, in numbers that may be kept
 * @vcpu: loaded by @task
 * @task: its thread
 * @id: filled in
 *
 * Context: any, NMI included.
 */
void vh_vcpu_identify(struct kvm_vcpu *vcpu, struct task_struct *task, struct vh_vcpu_id *id)
{
	id->kvm_vcpu = (unsigned long)vcpu;
	id->vcpu = vcpu->vcpu_id;
	/* KVM lets only the process that created a VM run its vCPUs. */
	id->vm = task->tgid;
	id->tid = task->pid;
}

/**
 * vh_exit_told() - ask KVM's counters why guest mode was left, if it was not said
 * @vcpu: loaded by current, or by the task that is being switched out
 * @v: the same
 * @unknown: for an exit that none of them counts; VH_EXIT_PENDING: one may still do
 *
 * Context: interrupts off.
 */
void vh_exit_told(struct kvm_vcpu *vcpu, struct vh_vcpu *v, u8 unknown)
{
	u8 reason;

	if (v->doing == VH_AWAY)
		vh_arch_exit_reason(vcpu, v);	/* the VMM's exit has been counted */
	if (v->doing != VH_EXIT_PENDING)
		return;
	reason = vh_arch_exit_reason(vcpu, v);
	if (reason == VH_EXIT_PENDING)
		reason = unknown;
	if (reason != VH_EXIT_PENDING)
		vh_vcpu_exit(v, reason);
}

/**
 * vh_enter_first() - another vCPU enters than the one IN here, or none was
 * @vcpu: loaded by current
 *
 * Context: kvm_entry.
 * Return: the vCPU, IN now; NULL if there is no place for it.
 */
struct vh_vcpu *vh_enter_first(struct kvm_vcpu *vcpu)
{
	struct vh_vcpu_id id;
	struct vh_vcpu *v;

	if (unlikely(READ_ONCE(vh_kvm_ops) != vcpu->preempt_notifier.ops))
		WRITE_ONCE(vh_kvm_ops, vcpu->preempt_notifier.ops);
	vh_vcpu_identify(vcpu, current, &id);
	v = vh_vcpu_enter_first(&id, current->comm, current->group_leader->comm);
	if (v) {
		vh_arch_exit_reason(vcpu, v);
		vh_poll_changed(vcpu, v);
	}
	return v;
}

/* KVM has set a vCPU's clock anew. Context: kvm_entry. */
void vh_clock_changed(struct kvm_vcpu *vcpu, struct vh_vcpu *v)
{
	struct vh_clock clock;

	vh_arch_clock(vcpu, &clock);
	vh_vcpu_set_clock(v, &clock);
}

/* A vCPU may have polled before halting. Context: cannot migrate. */
void vh_poll_changed(struct kvm_vcpu *vcpu, struct vh_vcpu *v)
{
	const struct kvm_vcpu_stat_generic *stat = &vcpu->stat.generic;

	vh_vcpu_polled(v, stat->halt_poll_success_ns + stat->halt_poll_fail_ns);
}

static void vh_probe_sched_switch(void *data, bool preempt, struct task_struct *prev,
				  struct task_struct *next, unsigned int prev_state)
{
	struct kvm_vcpu *vcpu = vh_task_vcpu(next), *left;
	struct vh_vcpu *v = this_cpu_read(vh_here.vcpu);
	unsigned long flags;

	/* The scheduler does not migrate here. Most switches end here. */
	if (likely(!vcpu && !v))
		return;
	local_irq_save(flags);
	left = vh_task_vcpu(prev);
	if (v && left && v->id.kvm_vcpu == (unsigned long)left) {
		vh_exit_told(left, v, VH_EXIT_PENDING);
		vh_poll_changed(left, v);
	}
	/* A signal may have made prev runnable after prev_state was taken. */
	vh_vcpu_sched_out(left, preempt || !prev_state || task_is_running(prev));
	if (vcpu) {
		struct vh_vcpu_id id;

		vh_vcpu_identify(vcpu, next, &id);
		vh_vcpu_sched_in(&id, next->comm);
	}
	local_irq_restore(flags);
}

static void vh_probe_process_exit(void *data, struct task_struct *task)
{
	unsigned long flags;

	local_irq_save(flags);
	vh_vcpu_thread_exit(task->pid);
	local_irq_restore(flags);
}

/*
 * A thread that executes a program cannot run its old vCPUs any more, which
 * belong to the old address space; and if it was not its process' leader, it
 * goes on under the leader's id.
 */
static void vh_probe_exec(void *data, struct task_struct *task, pid_t old_pid)
{
	unsigned long flags;

	local_irq_save(flags);
	vh_vcpu_thread_exit(old_pid);
	local_irq_restore(flags);
}

/*
 * Each takes its tracepoint's first arguments; kernels have added more behind.
 */
static struct vh_probe vh_probes[] = {
	{ .name = "sched_switch", .func = vh_probe_sched_switch },
	{ .name = "sched_process_exit", .func = vh_probe_process_exit },
	{ .name = "sched_process_exec", .func = vh_probe_exec },
};

static struct vh_probe *vh_probe_at(unsigned int i)
{
	if (i < ARRAY_SIZE(vh_probes))
		return &vh_probes[i];
	i -= ARRAY_SIZE(vh_probes);
	return i < vh_arch_probes_nr ? &vh_arch_probes[i] : NULL;
}

static void vh_probe_attach(struct vh_probe *p, struct tracepoint *tp)
{
	p->error = tracepoint_probe_register(tp, p->func, NULL);
	if (p->error)
		pr_warn("tracepoint %s: not registered (error %d)\n", p->name, p->error);
	else
		p->tp = tp;
}

static void vh_probe_detach(struct vh_probe *p)
{
	if (p->tp)
		tracepoint_probe_unregister(p->tp, p->func, NULL);
	p->tp = NULL;
}

/* Attach the probe that waits for this tracepoint, if there is one. */
static void vh_tracepoint_found(struct tracepoint *tp, void *unused)
{
	struct vh_probe *p;
	unsigned int i;

	for (i = 0; (p = vh_probe_at(i)); i++) {
		if (!p->tp && !strcmp(p->name, tp->name))
			vh_probe_attach(p, tp);
	}
}

static void vh_tracepoint_going(struct tracepoint *tp)
{
	struct vh_probe *p;
	unsigned int i;

	for (i = 0; (p = vh_probe_at(i)); i++) {
		if (p->tp == tp) {
			vh_probe_detach(p);
			/* With KVM goes what was learnt of it. */
			WRITE_ONCE(vh_kvm_ops, NULL);
		}
	}
}

static int vh_module_event(struct notifier_block *nb, unsigned long event, void *data)
{
	struct module *mod = ((struct tp_module *)data)->mod;
	unsigned int i;

	mutex_lock(&vh_probes_lock);
	for (i = 0; i < mod->num_tracepoints; i++) {
		struct tracepoint *tp = tracepoint_ptr_deref(&mod->tracepoints_ptrs[i]);

		if (event == MODULE_STATE_COMING)
			vh_tracepoint_found(tp, NULL);
		else if (event == MODULE_STATE_GOING)
			vh_tracepoint_going(tp);
	}
	mutex_unlock(&vh_probes_lock);
	return NOTIFY_OK;
}

static struct notifier_block vh_module_nb = { .notifier_call = vh_module_event };

static bool vh_kvm_loaded(void)
{
	struct vh_probe *p;
	unsigned int i;

	for (i = 0; (p = vh_probe_at(i)); i++) {
		if (p->of_kvm && !p->optional && !p->tp)
			return false;
	}
	return true;
}

/**
 * vh_probes_init() - begin to follow vCPUs
 *
 * KVM may be there already, or come later, or never.
 *
 * Context: task.
 * Return: 0, or an error with a message if the scheduler, or a KVM that is there,
 * cannot be followed.
 */
int vh_probes_init(void)
{
	struct vh_probe *p;
	unsigned int i;
	int ret;

	mutex_lock(&vh_probes_lock);
	for_each_kernel_tracepoint(vh_tracepoint_found, NULL);
	mutex_unlock(&vh_probes_lock);
	ret = register_tracepoint_module_notifier(&vh_module_nb);
	if (ret) {
		pr_err("modules' tracepoints cannot be followed (error %d)\n", ret);
		vh_probes_exit();
		return ret;
	}
	for (i = 0; !ret && (p = vh_probe_at(i)); i++) {
		ret = p->error;
		if (!ret && !p->of_kvm && !p->tp) {
			pr_err("this kernel has no tracepoint %s\n", p->name);
			ret = -EOPNOTSUPP;
		}
	}
	if (ret) {
		vh_probes_exit();
		return ret;
	}
	if (!vh_kvm_loaded())
		pr_info("KVM is not loaded: waiting for it\n");
	return 0;
}

/* Follow vCPUs no more; no probe runs behind the return. */
void vh_probes_exit(void)
{
	struct vh_probe *p;
	unsigned int i;

	unregister_tracepoint_module_notifier(&vh_module_nb);
	mutex_lock(&vh_probes_lock);
	for (i = 0; (p = vh_probe_at(i)); i++)
		vh_probe_detach(p);
	mutex_unlock(&vh_probes_lock);
	tracepoint_synchronize_unregister();
}

/* The tracepoints as text. Context: task. */
void vh_probes_show(struct seq_file *m)
{
	struct vh_probe *p;
	unsigned int i;

	mutex_lock(&vh_probes_lock);
	seq_printf(m, "kvm: %s\n",
		   vh_kvm_loaded() ? "loaded" : "KVM is not loaded: waiting for it");
	seq_puts(m, "tracepoints:");
	for (i = 0; (p = vh_probe_at(i)); i++)
		seq_printf(m, " %s=%s", p->name, p->tp ? "attached" : "missing");
	seq_puts(m, "\n");
	mutex_unlock(&vh_probes_lock);
}
