// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump status: the module's own page, and behind it what each guest's
 * region looks like from this side.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "arch.h"
#include "commands.h"
#include "hostfs.h"
#include "output.h"
#include "region.h"
#include "term.h"
#include "vmm.h"

#define STATUS_PATH	"/proc/vmcoop/status"
#define MAX_VMS		1024
#define MAX_RINGS_SHOWN	64

static const char help[] =
"usage: vmcoop-dump status\n"
"\n"
"Shows what the vmcoop module of this machine does, as /proc/vmcoop/status tells\n"
"it: events, VMs, what each ring took and lost. On a host also the regions in\n"
REGION_DIR ": whose each is, and how its guest's rings stand.\n"
"\n"
"  -h, --help   this\n"
"\n"
"Exit status: 0 shown, 1 no module is loaded or it cannot be asked, 2 bad usage.\n"
"\n"
"Examples:\n"
"  vmcoop-dump status\n"
"  watch vmcoop-dump status\n";

static int show_module(void)
{
	char *text = hostfs_read(NULL, STATUS_PATH);

	if (!text)
		return fail(EXIT_FAILED, "cannot read " STATUS_PATH ": %s: %s", strerror(errno),
			    errno == ENOENT ? "no module is loaded (insmod vmcoop_host.ko on a host, vmcoop_guest.ko in a guest)" :
					      "be root");
	puts(text);
	free(text);
	return 0;
}

/* ---- Regions --------------------------------------------------------------- */

static void show_ring(const struct region *r, const struct region_setup *s, u32 i)
{
	struct vmcoop_ring_stats st;
	struct vmcoop_ring ring;
	u64 dropped = 0, from;
	bool attached;
	int t;

	region_ring(r, s, i, &ring);
	if (vmcoop_ring_stats(&ring, &st)) {
		printf("    ring %u: is being written, or says what cannot be\n", i);
		return;
	}
	if (!st.produced)
		return;
	for (t = 0; t < VMCOOP_REC_TYPES; t++)
		dropped += st.dropped[t];
	attached = vmcoop_load(&ring.cons->attached);
	from = attached ? vmcoop_load(&ring.cons->tail) : st.oldest;
	printf("    ring %u: produced %llu dropped %llu overwritten %llu, %llu bytes %s\n", i,
	       st.produced, dropped, st.overwritten, min_u64(st.head - from, ring.size),
	       attached ? "unread" : "held");
}

static void show_rings(const struct region *r)
{
	char release[4 * sizeof(((struct region_setup *)0)->release)];
	struct region_setup s;
	const char *why;
	u32 i;

	switch (region_read_setup(r, &s, &why)) {
	case 0:
		break;
	case -EPROTO:
		printf("    its guest describes its rings wrongly: %s\n", why);
		return;
	default:
		printf("    no guest has set it up: load vmcoop_guest.ko there\n");
		return;
	}
	/* All of it is what the guest claims. */
	printf("    guest %s, %s, kernel %s, set-up %llu, %u rings of %llu KiB\n",
	       s.state == VMCOOP_GUEST_RUNNING ? "running" : "unloaded its module",
	       arch_name(s.arch), escape(release, sizeof(release), s.release), s.epoch,
	       s.nr_rings, s.data_size >> 10);
	for (i = 0; i < s.nr_rings && i < MAX_RINGS_SHOWN; i++)
		show_ring(r, &s, i);
	if (i < s.nr_rings)
		printf("    ... and %u rings more\n", s.nr_rings - i);
}

static void show_owner(const struct region *r, const u32 *pids, size_t nr)
{
	char name[4 * VMM_NAME_MAX + 1];
	struct vmm_id id;
	bool any = false;
	size_t i;

	for (i = 0; i < nr; i++) {
		if (!vmm_maps_file(pids[i], r->dev, r->ino))
			continue;
		vmm_identify(pids[i], &id);
		printf("%s VM %s (pid %u)", any ? " and" : ",",
		       escape(name, sizeof(name), id.name), pids[i]);
		any = true;
	}
	printf("%s\n", any ? "" : ", no VM has it");
}

static void show_region(const char *name, const u32 *pids, size_t nr)
{
	char *path = xasprintf(REGION_DIR "/%s", name);
	char why[REGION_WHY], safe[1024];
	struct region r;

	printf("  %s:", escape(safe, sizeof(safe), name));
	switch (region_open(&r, path, why)) {
	case REGION_OK:
		printf(" %llu KiB", r.size >> 10);
		show_owner(&r, pids, nr);
		show_rings(&r);
		region_close(&r);
		break;
	case REGION_FOREIGN:
		printf(" is no region of vmcoop's\n");
		break;
	case REGION_BAD:
		printf(" cannot be used: %s\n", why);
		break;
	case REGION_UNREADABLE:
		printf(" cannot be opened: %s\n", strerror(errno));
		break;
	}
	free(path);
}

static void show_regions(void)
{
	struct names n = hostfs_list(REGION_DIR);
	u32 *pids = xcalloc(MAX_VMS, sizeof(*pids));
	size_t nr = n.nr ? vmm_list(pids, MAX_VMS) : 0, i;

	if (n.nr)
		printf("regions in " REGION_DIR ":\n");
	for (i = 0; i < n.nr; i++)
		show_region(n.v[i], pids, nr);
	free(pids);
	names_free(&n);
}

static int run(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status;

	while ((opt = getopt_long(argc, argv, "h", longopts, NULL)) != -1) {
		if (opt == 'h')
			return show_help(&cmd_status);
		return bad_usage(&cmd_status);
	}
	if (optind < argc) {
		warn("status takes no argument '%s'", argv[optind]);
		return bad_usage(&cmd_status);
	}
	term_pager();
	status = show_module();
	show_regions();
	return status;
}

const struct command cmd_status = {
	.name = "status",
	.summary = "show what the module of this machine does, and the guests' regions",
	.help = help,
	.run = run,
};
