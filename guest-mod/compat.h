/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between kernel versions, and nowhere else. */
#ifndef VMCOOP_GUEST_COMPAT_H
#define VMCOOP_GUEST_COMPAT_H

#include <linux/fs.h>
#include <linux/version.h>

/* The path a user mapped; overlayfs puts a file of its own behind the mapping. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define vmcoop_user_path(file)	file_user_path(file)
#else
#define vmcoop_user_path(file)	(&(file)->f_path)
#endif

#endif /* VMCOOP_GUEST_COMPAT_H */
