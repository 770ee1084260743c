// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scheduler's ticks and switches.
 *
 * A tick is where the kernel's tick calls RCU: rcu_utilization("Start
 * scheduler-tick"), from rcu_sched_clock_irq() in every tick, whatever timer
 * mode drives it (high-resolution, periodic, tickless) and on every
 * architecture. The same tracepoint reports other steps of RCU's, so the
 * string decides.
 */
#include <linux/hardirq.h>
#include <linux/ptrace.h>
#include <asm/irq_regs.h>

#include "guest.h"

static u8 interrupted_mode(struct pt_regs *regs)
{
	if (user_mode(regs))
		return VMCOOP_MODE_USER;
	return is_idle_task(current) ? VMCOOP_MODE_IDLE : VMCOOP_MODE_KERNEL;
}

static void record_tick(struct pt_regs *regs)
{
	struct vmcoop_guest_tick rec = {
		.hdr = VMCOOP_HDR(VMCOOP_GUEST_TICK, 0, rec),
		.pid = current->tgid,
		.tid = current->pid,
		.ip = instruction_pointer(regs),
		.mode = interrupted_mode(regs),
	};

	/* Torn at worst by a rename under way on another CPU, as anybody's reading. */
	memcpy(rec.comm, current->comm, sizeof(rec.comm));
	vmcoop_rings.cpus[smp_processor_id()].ticks++;
	vmcoop_emit(&rec.hdr);
	vmcoop_snapshot_poll();
}

static void probe_rcu_utilization(void *data, const char *s)
{
	static const char *tick_start;
	struct pt_regs *regs;

	/* "Start scheduler-tick", not "Start context switch" and the like. */
	if (s[0] != 'S' || s[6] != 's')
		return;
	/* One string of the kernel's, so one pointer: compare letters once. */
	if (unlikely(s != READ_ONCE(tick_start))) {
		if (strcmp(s, "Start scheduler-tick"))
			return;
		WRITE_ONCE(tick_start, s);
	}
	regs = get_irq_regs();
	if (regs)
		record_tick(regs);
}

static u8 switch_state(bool preempt, unsigned int prev_state)
{
	if (preempt || prev_state == TASK_RUNNING)
		return VMCOOP_SW_PREEMPTED;
	return prev_state & TASK_DEAD ? VMCOOP_SW_EXITS : VMCOOP_SW_SLEEPS;
}

static void probe_sched_switch(void *data, bool preempt, struct task_struct *prev,
			       struct task_struct *next, unsigned int prev_state)
{
	struct vmcoop_guest_switch rec = {
		.hdr = VMCOOP_HDR(VMCOOP_GUEST_SWITCH, 0, rec),
		.prev_tid = prev->pid,
		.next_pid = next->tgid,
		.next_tid = next->pid,
		.prev_state = switch_state(preempt, prev_state),
	};

	vmcoop_emit(&rec.hdr);
}

static struct vmcoop_probe probes[] = {
	{ "rcu_utilization", probe_rcu_utilization },
	{ "sched_switch", probe_sched_switch },
};

int vmcoop_tick_start(void)
{
	return vmcoop_probes_register(probes, ARRAY_SIZE(probes));
}

void vmcoop_tick_stop(void)
{
	vmcoop_probes_unregister(probes, ARRAY_SIZE(probes));
}
