// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel modules that come and go. Those that were there before are not open to
 * a module's eyes: in the guest, 'vmcoop-dump symbols' reads them from /proc.
 */
#include <linux/module.h>
#include <linux/notifier.h>

#include "compat.h"
#include "guest.h"

static void emit_module(struct module *mod, bool loaded)
{
	struct vmcoop_guest_module rec = {
		.hdr = VMCOOP_HDR(VMCOOP_GUEST_MODULE, 0, rec),
		.addr = (unsigned long)vmcoop_module_text(mod),
		.len = vmcoop_module_text_size(mod),
		.loaded = loaded,
	};

	strscpy(rec.name, mod->name, sizeof(rec.name));
#ifdef CONFIG_STACKTRACE_BUILD_ID
	rec.id_len = sizeof(mod->build_id);
	memcpy(rec.build_id, mod->build_id, sizeof(mod->build_id));
#endif
	vmcoop_emit(&rec.hdr);
}

static int changed(struct notifier_block *nb, unsigned long state, void *data)
{
	if (state == MODULE_STATE_COMING || state == MODULE_STATE_GOING)
		emit_module(data, state == MODULE_STATE_COMING);
	return NOTIFY_OK;
}

static struct notifier_block notifier = { .notifier_call = changed };

void vmcoop_modules_start(void)
{
	/* Fails only for a notifier that is registered already. */
	register_module_notifier(&notifier);
}

void vmcoop_modules_stop(void)
{
	unregister_module_notifier(&notifier);
}

/* Ours is the one that a snapshot can tell of. */
void vmcoop_emit_modules(void)
{
	emit_module(THIS_MODULE, true);
}
