/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What runs at every task switch. The file that includes this, arch-*.c, has
 * defined vmcoop_arch_clock(): inline, it leaves nothing to be saved.
 */
#ifndef VMCOOP_GUEST_SWITCH_H
#define VMCOOP_GUEST_SWITCH_H

#include "guest.h"

static __always_inline u32 vmcoop_switch_state(bool preempt, unsigned int prev_state)
{
	if (preempt || prev_state == TASK_RUNNING)
		return VMCOOP_SW_PREEMPTED;
	return prev_state & TASK_DEAD ? VMCOOP_SW_EXITS : VMCOOP_SW_SLEEPS;
}

static __always_inline void vmcoop_switch(struct vmcoop_guest_cpu *cpu, u32 prev_tid,
					  u32 next_pid, u32 next_tid, u32 state)
{
	struct vmcoop_guest_switch *rec = vmcoop_begin(cpu, sizeof(*rec));

	/* One by one: what vmcoop_end() sets need not be cleared before. */
	rec->hdr.type = VMCOOP_GUEST_SWITCH;
	rec->hdr.flags = 0;
	rec->hdr.size = sizeof(*rec);
	rec->prev_tid = prev_tid;
	rec->next_pid = next_pid;
	rec->next_tid = next_tid;
	rec->prev_state = state;
	vmcoop_end(cpu, &rec->hdr, sizeof(*rec));
}

/* Where one of the two may be outside the focus. */
static noinline void vmcoop_switch_focused(struct task_struct *prev, struct task_struct *next,
					   u32 state)
{
	struct vmcoop_guest_cpu *cpu = this_cpu_ptr(&vmcoop_cpu);
	u32 prev_tid = cpu->outside ? VMCOOP_PID_OUTSIDE : prev->pid;

	if (!vmcoop_outside_focus(next)) {
		cpu->outside = false;
		vmcoop_switch(cpu, prev_tid, next->tgid, next->pid, state);
	} else if (!cpu->outside) {
		/* From one to the next out there is nothing to tell. */
		cpu->outside = true;
		vmcoop_switch(cpu, prev_tid, VMCOOP_PID_OUTSIDE, VMCOOP_PID_OUTSIDE, state);
	}
}

void vmcoop_probe_switch(void *data, bool preempt, struct task_struct *prev,
			 struct task_struct *next, unsigned int prev_state)
{
	struct vmcoop_guest_cpu *cpu = this_cpu_ptr(&vmcoop_cpu);
	u32 state = vmcoop_switch_state(preempt, prev_state);

	if (unlikely(READ_ONCE(vmcoop_focused) || cpu->outside))
		vmcoop_switch_focused(prev, next, state);
	else
		vmcoop_switch(cpu, prev->pid, next->tgid, next->pid, state);
}

#endif /* VMCOOP_GUEST_SWITCH_H */
