// SPDX-License-Identifier: GPL-2.0-only
/* Tracepoints are not exported by name to modules, but can be walked. */
#include <linux/tracepoint.h>

#include "guest.h"

struct wanted {
	struct vmcoop_probe	*probes;
	unsigned int		n;
};

static void match(struct tracepoint *tp, void *priv)
{
	struct wanted *wanted = priv;
	unsigned int i;

	for (i = 0; i < wanted->n; i++)
		if (!strcmp(tp->name, wanted->probes[i].name))
			wanted->probes[i].tp = tp;
}

int vmcoop_probes_register(struct vmcoop_probe *probes, unsigned int n)
{
	struct wanted wanted = { .probes = probes, .n = n };
	unsigned int i;
	int err;

	for_each_kernel_tracepoint(match, &wanted);
	for (i = 0; i < n; i++) {
		err = probes[i].tp ? tracepoint_probe_register(probes[i].tp, probes[i].func, NULL)
				   : -ENOENT;
		if (err) {
			probes[i].tp = NULL;
			pr_err("tracepoint %s: %s\n", probes[i].name,
			       err == -ENOENT ? "this kernel has none" : "cannot attach");
			vmcoop_probes_unregister(probes, i);
			return err;
		}
	}
	return 0;
}

void vmcoop_probes_unregister(struct vmcoop_probe *probes, unsigned int n)
{
	while (n--) {
		if (probes[n].tp)
			tracepoint_probe_unregister(probes[n].tp, probes[n].func, NULL);
		probes[n].tp = NULL;
	}
}

void vmcoop_probes_sync(void)
{
	tracepoint_synchronize_unregister();
}
