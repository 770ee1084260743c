// SPDX-License-Identifier: GPL-2.0-only
/*
 * Call chains of what a tick interrupted: bounded, and without a fault.
 *
 * The kernel's is the kernel's own stack trace from here, less the frames of
 * the tick's interrupt. The user's follows frame pointers, which x86 and arm64
 * lay out alike: the caller's frame pointer, then the return address.
 */
#include <linux/sched/task_stack.h>
#include <linux/stacktrace.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <asm/ptrace.h>

#include "guest.h"

/* Callers of the interrupted instruction at @ip, into @to, of @max + VMCOOP_CHAIN_IRQ. */
static unsigned int kernel_chain(unsigned long ip, u64 *to, unsigned int max, u8 *cflags)
{
	unsigned long *trace = (unsigned long *)to;
	unsigned int n, at = 0;

	BUILD_BUG_ON(sizeof(*trace) != sizeof(*to));
	n = stack_trace_save(trace, max + VMCOOP_CHAIN_IRQ, 0);
	while (at < n && trace[at] != ip)
		at++;
	if (at == n)
		return 0;
	n -= ++at;
	if (n > max) {
		n = max;
		*cflags |= VMCOOP_TC_KERNEL_CUT;
	}
	memmove(to, to + at, n * sizeof(*to));
	return n;
}

/* Return addresses of the frames that begin at @fp. */
static unsigned int user_frames(unsigned long fp, u64 *to, unsigned int max, u8 *cflags)
{
	unsigned long frame[2];
	unsigned int n = 0;

	while (fp && IS_ALIGNED(fp, sizeof(*frame))) {
		if (n == max) {
			*cflags |= VMCOOP_TC_USER_CUT;
			break;
		}
		if (copy_from_user_nofault(frame, (void __user *)fp, sizeof(frame))) {
			*cflags |= VMCOOP_TC_USER_LOST;
			break;
		}
		if (!frame[1])
			break;
		to[n++] = vmcoop_arch_user_address(frame[1]);
		/* Stacks grow down: this ends, whatever lies there. */
		if (frame[0] <= fp)
			break;
		fp = frame[0];
	}
	return n;
}

static unsigned int user_chain(struct pt_regs *regs, u64 *to, unsigned int max, u8 *cflags)
{
	unsigned int n = 0;
	unsigned long fp;

	if (!user_mode(regs)) {
		if (!current->mm || current->flags & PF_KTHREAD)
			return 0;
		regs = task_pt_regs(current);
		/* A worker of the kernel's in a user's process has been nowhere else. */
		if (!user_mode(regs))
			return 0;
		to[n++] = instruction_pointer(regs);
	}
	if (vmcoop_arch_user_frame(regs, &fp))
		n += user_frames(fp, to + n, max - n, cflags);
	return n;
}

void vmcoop_chain(struct vmcoop_guest_tick *rec, struct pt_regs *regs, unsigned int max)
{
	if (!user_mode(regs))
		rec->nr_kernel = kernel_chain(instruction_pointer(regs), rec->chain, max,
					      &rec->cflags);
	rec->nr_user = user_chain(regs, rec->chain + rec->nr_kernel, max, &rec->cflags);
}
