/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between kernel versions, and nowhere else. */
#ifndef VMCOOP_GUEST_COMPAT_H
#define VMCOOP_GUEST_COMPAT_H

#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/version.h>

/* The path a user mapped; overlayfs puts a file of its own behind the mapping. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define vmcoop_user_path(file)	file_user_path(file)
#else
#define vmcoop_user_path(file)	(&(file)->f_path)
#endif

/* The workqueue for work that no CPU need keep. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define vmcoop_unbound_wq	system_unbound_wq
#else
#define vmcoop_unbound_wq	system_dfl_wq
#endif

/* A module's code. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define vmcoop_module_text(mod)		((mod)->mem[MOD_TEXT].base)
#define vmcoop_module_text_size(mod)	((mod)->mem[MOD_TEXT].size)
#else
#define vmcoop_module_text(mod)		((mod)->core_layout.base)
#define vmcoop_module_text_size(mod)	((mod)->core_layout.text_size)
#endif

/* Levels of preempt_count() that a tracepoint adds around its probes. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define VMCOOP_PROBE_PREEMPTS	0
#else
#define VMCOOP_PROBE_PREEMPTS	1
#endif

static inline void vmcoop_timer_setup(struct hrtimer *timer,
				      enum hrtimer_restart (*expired)(struct hrtimer *),
				      clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, expired, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = expired;
#endif
}

#endif /* VMCOOP_GUEST_COMPAT_H */
