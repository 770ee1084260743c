// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ticks, and what there is to say of them; switch.h has the switches.
 *
 * A tick is where the kernel's tick calls RCU: rcu_utilization("Start
 * scheduler-tick"), from rcu_sched_clock_irq() in every tick, whatever timer
 * mode drives it (high-resolution, periodic, tickless) and on every
 * architecture. The same tracepoint reports other steps of RCU's, so the
 * string decides.
 *
 * A CPU that idles has no tick, nor has a full-tickless one with one task. For
 * those who want more, tick=hz:N has timers of our own (cpus.c) instead, which
 * cost VM exits; for those who want less, tick=sched:N takes a part of the ticks.
 */
#include <linux/hardirq.h>
#include <linux/kstrtox.h>
#include <linux/preempt.h>
#include <linux/ptrace.h>
#include <linux/seq_file.h>
#include <linux/tick.h>
#include <asm/irq_regs.h>

#include "compat.h"
#include "guest.h"

static char *tick = "sched";
module_param(tick, charp, 0444);
MODULE_PARM_DESC(tick, "sched: the scheduler's ticks (default); sched:N: N of them a second; hz:N: a timer of our own, N times a second and CPU, at the price of VM exits");

static bool record_switches = true;
module_param_named(switch, record_switches, bool, 0444);
MODULE_PARM_DESC(switch, "record task switches (default 1)");

static unsigned int callchain;
module_param(callchain, uint, 0444);
MODULE_PARM_DESC(callchain, "record up to so many callers at a tick, of kernel and of user each (default 0: none)");

#define MAX_HZ	10000

static unsigned int own_hz;	/* of tick=hz:N, else 0 */
static unsigned int sched_hz;	/* of tick=sched:N, else HZ */

unsigned int vmcoop_tick_hz(void)
{
	return own_hz;
}

/* Is tick= @prefix and a number from 1 to @max? It goes to @hz. */
static bool tick_rate(const char *prefix, unsigned int max, unsigned int *hz)
{
	size_t len = str_has_prefix(tick, prefix);

	return len && !kstrtouint(tick + len, 10, hz) && *hz && *hz <= max;
}

int vmcoop_tick_check(void)
{
	if (callchain > VMCOOP_CHAIN_MAX) {
		pr_err("callchain=%u: must be a number from 0 to %u\n", callchain,
		       VMCOOP_CHAIN_MAX);
		return -EINVAL;
	}
	own_hz = 0;
	sched_hz = HZ;
	if (!strcmp(tick, "sched") || tick_rate("sched:", HZ, &sched_hz) ||
	    tick_rate("hz:", MAX_HZ, &own_hz))
		return 0;
	pr_err("tick=%s: must be sched, sched:N with N from 1 to %u, or hz:N with N from 1 to %u\n",
	       tick, HZ, MAX_HZ);
	return -EINVAL;
}

size_t vmcoop_tick_size(void)
{
	return sizeof(struct vmcoop_guest_tick) +
	       (callchain ? 2 * callchain + VMCOOP_CHAIN_IRQ : 0) * sizeof(u64);
}

/* CPUs whose tick stops also while a task runs. */
static unsigned int tickless_cpus(void)
{
#ifdef CONFIG_NO_HZ_FULL
	return tick_nohz_full_enabled() ? cpumask_weight(tick_nohz_full_mask) : 0;
#else
	return 0;
#endif
}

void vmcoop_emit_config(void)
{
	struct vmcoop_guest_config rec = {
		.hdr = VMCOOP_HDR(VMCOOP_GUEST_CONFIG, VMCOOP_F_SNAPSHOT, rec),
		.hz = own_hz ?: sched_hz,
		.cflags = (record_switches ? VMCOOP_CF_SWITCH : 0) |
			  (own_hz ? VMCOOP_CF_TIMER : 0) |
			  (READ_ONCE(vmcoop_focused) ? VMCOOP_CF_FOCUS : 0) |
			  (IS_ENABLED(CONFIG_PREEMPT_COUNT) ? VMCOOP_CF_PREEMPT : 0),
		.callchain = callchain,
		.tickless = own_hz ? 0 : tickless_cpus(),
	};

	vmcoop_emit(&rec.hdr);
}

void vmcoop_tick_show(struct seq_file *m)
{
	seq_printf(m, "ticks: source=%s hz=%u callchain=%u preempt_depth=%s\n",
		   own_hz ? "timer" : "scheduler", own_hz ?: sched_hz, callchain,
		   IS_ENABLED(CONFIG_PREEMPT_COUNT) ? "counted" : "unknown");
	seq_printf(m, "switches: %s\n", record_switches ? "recorded" : "off");
	if (own_hz)
		return;
	seq_printf(m, "idle: CPUs that idle have no tick%s\n",
		   record_switches ? "; switches tell when they do" : "");
#ifdef CONFIG_NO_HZ_FULL
	if (tickless_cpus())
		seq_printf(m, "tickless: CPUs %*pbl have next to no tick while one task runs%s; tick=hz:N gives them some\n",
			   cpumask_pr_args(tick_nohz_full_mask),
			   record_switches ? ", switches tell which" : "");
#endif
}

/* ---- Ticks ------------------------------------------------------------------ */

static u8 interrupted_mode(struct pt_regs *regs)
{
	if (user_mode(regs))
		return VMCOOP_MODE_USER;
	return is_idle_task(current) ? VMCOOP_MODE_IDLE : VMCOOP_MODE_KERNEL;
}

void vmcoop_tick(struct pt_regs *regs, unsigned int preempts)
{
	struct vmcoop_guest_cpu *cpu = this_cpu_ptr(&vmcoop_cpu);
	unsigned int count = preempt_count(), size = sizeof(struct vmcoop_guest_tick);
	u8 mode = interrupted_mode(regs);
	struct vmcoop_guest_tick *rec;

	/* How long the chains are is known only when they are written. */
	rec = callchain ? cpu->spare : vmcoop_begin(cpu, size);
	*rec = (struct vmcoop_guest_tick) {
		.hdr = VMCOOP_HDR(VMCOOP_GUEST_TICK, 0, *rec),
		.pid = current->tgid,
		.tid = current->pid,
		.ip = instruction_pointer(regs),
		.mode = mode,
		.softirq = (count & SOFTIRQ_MASK) >> SOFTIRQ_SHIFT,
		.hardirq = ((count & HARDIRQ_MASK) >> HARDIRQ_SHIFT) - 1,
		.preempt = IS_ENABLED(CONFIG_PREEMPT_COUNT) ? (count & PREEMPT_MASK) - preempts : 0,
	};
	if (vmcoop_outside_focus(current)) {
		rec->pid = VMCOOP_PID_OUTSIDE;
		rec->tid = VMCOOP_PID_OUTSIDE;
		rec->ip = 0;
	} else {
		/* Torn at worst by a rename under way elsewhere, as anybody's reading. */
		memcpy(rec->comm, current->comm, sizeof(rec->comm));
		if (callchain && mode != VMCOOP_MODE_IDLE) {
			vmcoop_chain(rec, regs, callchain);
			size = struct_size(rec, chain, rec->nr_kernel + rec->nr_user);
			rec->hdr.size = size;
		}
	}
	cpu->ticks++;
	vmcoop_end(cpu, &rec->hdr, size);
	vmcoop_snapshot_poll();
}

/* Of HZ ticks a second, sched_hz, as evenly as can be. */
static bool tick_is_due(struct vmcoop_guest_cpu *cpu)
{
	cpu->tick_phase += sched_hz;
	if (cpu->tick_phase < HZ)
		return false;
	cpu->tick_phase -= HZ;
	return true;
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
	if (regs && tick_is_due(this_cpu_ptr(&vmcoop_cpu)))
		vmcoop_tick(regs, VMCOOP_PROBE_PREEMPTS);
}

/* ---- Begin and end ----------------------------------------------------------- */

static struct vmcoop_probe tick_probe = { "rcu_utilization", probe_rcu_utilization };
static struct vmcoop_probe switch_probe = { "sched_switch", vmcoop_probe_switch };

int vmcoop_tick_start(void)
{
	int err = record_switches ? vmcoop_probes_register(&switch_probe, 1) : 0;

	if (!err && !own_hz)
		err = vmcoop_probes_register(&tick_probe, 1);
	if (err)
		vmcoop_tick_stop();
	return err;
}

void vmcoop_tick_stop(void)
{
	vmcoop_probes_unregister(&tick_probe, 1);
	vmcoop_probes_unregister(&switch_probe, 1);
}
