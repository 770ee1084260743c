// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUs that come and go, and the timers of tick=hz:N, one on each.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/hrtimer.h>
#include <linux/percpu.h>
#include <asm/irq_regs.h>

#include "compat.h"
#include "guest.h"

static DEFINE_PER_CPU(struct hrtimer, timer);
static int hp_state;

static enum hrtimer_restart expired(struct hrtimer *t)
{
	struct pt_regs *regs = get_irq_regs();

	if (regs)
		vmcoop_tick(regs, 0);
	hrtimer_forward_now(t, NSEC_PER_SEC / vmcoop_tick_hz());
	return HRTIMER_RESTART;
}

static void emit_cpu(unsigned int cpu, u32 vcpu, bool online, u8 flags)
{
	struct vmcoop_guest_cpu_state rec = {
		.hdr = VMCOOP_HDR(VMCOOP_GUEST_CPU, flags, rec),
		.cpu = cpu,
		.vcpu = vcpu,
		.online = online,
	};

	vmcoop_emit(&rec.hdr);
}

void vmcoop_emit_cpus(void)
{
	unsigned int cpu;

	for_each_online_cpu(cpu)
		emit_cpu(cpu, per_cpu(vmcoop_cpu, cpu).vcpu, true, VMCOOP_F_SNAPSHOT);
}

/* Both run on the CPU in question; at start and end, once on each that is online. */
static int cpu_up(unsigned int cpu)
{
	struct hrtimer *t = this_cpu_ptr(&timer);

	emit_cpu(cpu, vmcoop_arch_vcpu_id(), true, 0);
	if (!vmcoop_tick_hz())
		return 0;
	vmcoop_timer_setup(t, expired, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	hrtimer_start(t, NSEC_PER_SEC / vmcoop_tick_hz(), HRTIMER_MODE_REL_PINNED_HARD);
	return 0;
}

static int cpu_down(unsigned int cpu)
{
	if (vmcoop_tick_hz())
		hrtimer_cancel(this_cpu_ptr(&timer));
	emit_cpu(cpu, vmcoop_arch_vcpu_id(), false, 0);
	return 0;
}

int vmcoop_cpus_start(void)
{
	int state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "vmcoop/guest:online", cpu_up,
				      cpu_down);

	if (state < 0) {
		pr_err("cannot watch CPUs come and go (%d)\n", state);
		return state;
	}
	hp_state = state;
	return 0;
}

void vmcoop_cpus_stop(void)
{
	cpuhp_remove_state(hp_state);
}
