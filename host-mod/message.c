// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why something was refused: in the kernel's log for who loads a module, and
 * kept for who gave a command and asks.
 */
#include <linux/kernel.h>

#include "host.h"

static char vh_last[sizeof_field(struct vmcoop_host_message, text)];

/**
 * vh_err() - say why something is not done
 * @fmt: as printk(), without level and newline
 *
 * Context: task; under vh_control_lock once the module is loaded.
 */
void vh_err(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(vh_last, sizeof(vh_last), fmt, args);
	va_end(args);
	pr_err(KBUILD_MODNAME ": %s\n", vh_last);
}

/* A new command: nothing has been refused yet. Under vh_control_lock. */
void vh_message_clear(void)
{
	vh_last[0] = '\0';
}

/* What was refused last, empty if nothing was. Under vh_control_lock. */
const char *vh_message(void)
{
	return vh_last;
}
