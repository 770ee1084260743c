// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump record: drains the host's and the guests' rings into a file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "hostdev.h"
#include "output.h"
#include "record.h"

static const char help[] =
"usage: vmcoop-dump record [OPTION]... [-- COMMAND [ARG]...]\n"
"\n"
"Records samples of all VMs on this host, and what their guests tell, until\n"
"COMMAND ends, the duration is over, or Ctrl-C. Needs vmcoop_host.ko, and root.\n"
"\n"
"  -e, --event LIST    sample these events: cycles, instructions:u, r1a8,\n"
"                      cpu/event=0x2e,umask=0x41/u, cycles/period=1000003/; 'list events'\n"
"                      shows what there is (default: what the module samples)\n"
"  --count LIST        count these events without samples, read as vCPUs run;\n"
"                      without -e nothing is sampled\n"
"  -c, --period N      a sample every N events\n"
"  -F, --freq N        N samples a second and CPU\n"
"  --count-interval US read counters at VM entries at most this often (0: at every)\n"
"  --vm VM             only this VM: its name, a pattern for it, UUID or pid; may be repeated\n"
"  -o, --output FILE   data file (default " DATA_FILE ")\n"
"  --duration SECONDS  stop after that long\n"
"  --switch-output WHEN  go on in a new file after so many bytes (100M, 2G), so long\n"
"                      (30s, 10m, 1h), or whenever SIGUSR2 comes (signal)\n"
"  --region FILE       a guest's region outside " REGION_DIR "; may be repeated\n"
"  --listen PORT       take the records of guests that send them to this vsock port\n"
"  --cid CID=VM        that guest's VM, where its arguments do not tell; may be repeated\n"
"  --guest-only        in a guest whose module has memory=: record its half alone\n"
"  --vsock [CID:]PORT  with --guest-only: send it to the host's record --listen\n"
"  -z, --compress      half the bytes for twice the work\n"
"  -q, --quiet         no progress\n"
"  -h, --help          this\n"
"\n"
"Regions in " REGION_DIR " are found by themselves, also those of VMs that start\n"
"while recording. What a guest has recorded into a file, 'vmcoop-dump join' joins.\n"
"\n"
"Exit status: 0 recorded, 1 it failed, 2 bad usage. What was recorded before a\n"
"failure is readable.\n"
"\n"
"Examples:\n"
"  vmcoop-dump record --duration 10\n"
"  vmcoop-dump record -e cycles,cache-misses -F 997 --vm web1 -- ssh web1 ./benchmark\n"
"  vmcoop-dump record --count cycles,instructions --duration 10\n"
"  vmcoop-dump record --listen 9999 --duration 10\n"
"  vmcoop-dump record --guest-only --vsock 9999     # in the guest, before or after\n";

/* ---- What the module is told ---------------------------------------------- */

static int set_events(struct hostdev *d, const struct record_options *o)
{
	char *list = xstrdup(""), *longer;
	size_t i;
	int status;

	for (i = 0; i < o->specs.nr; i++) {
		longer = xasprintf("%s%s%s", list, i ? "," : "", o->specs.v[i]);
		free(list);
		list = longer;
	}
	status = hostdev_command(d, "events %s\n", list);
	free(list);
	return status;
}

/* Of VMs that are known by pid the module need not write records of others. */
static int set_vms(struct hostdev *d, const struct record_options *o)
{
	char *list = xstrdup(""), *longer;
	bool pids = true;
	int status = 0;
	size_t i;

	for (i = 0; i < o->nr_vms; i++) {
		pids &= !o->vms[i][strspn(o->vms[i], "0123456789")];
		longer = xasprintf("%s%spid=%s", list, i ? "," : "", o->vms[i]);
		free(list);
		list = longer;
	}
	/* Its list is short; what it lets pass is filtered here. */
	if (i && i <= 4 && pids)
		status = hostdev_command(d, "vms %s\n", list);
	free(list);
	return status;
}

/* A name may be a typo, or a VM's that starts later: say which there are. */
static void check_vms(const struct record_options *o)
{
	u32 pids[RECORD_LIST];
	size_t nr = vmm_list(pids, RECORD_LIST), i, j;
	struct vmm_id *ids = xcalloc(nr, sizeof(*ids));
	char there[1024] = "";

	for (j = 0; j < nr; j++) {
		size_t at = strlen(there);
		char name[4 * VMM_NAME_MAX + 1];

		vmm_identify(pids[j], &ids[j]);
		snprintf(there + at, sizeof(there) - at, "%s%s", j ? ", " : "",
			 escape(name, sizeof(name), ids[j].name));
	}
	for (i = 0; i < o->nr_vms; i++) {
		for (j = 0; j < nr && !vmm_matches(&ids[j], pids[j], o->vms[i]); j++)
			;
		if (j == nr)
			warn("no VM '%s' runs yet (there are: %s): it is recorded if it starts",
			     o->vms[i], nr ? there : "none");
	}
	free(ids);
}

static int configure(struct hostdev *d, const struct record_options *o)
{
	int status = 0;

	if (o->nr_vms)
		check_vms(o);
	/* Events that come with no rate of their own have got it in their terms. */
	if (o->specs.nr)
		status = set_events(d, o);
	else if (o->period)
		status = hostdev_command(d, "period %llu\n", o->period);
	else if (o->freq)
		status = hostdev_command(d, "freq %llu\n", o->freq);
	if (!status && o->count_us != RECORD_UNSET)
		status = hostdev_command(d, "count_us %llu\n", o->count_us);
	return status ?: set_vms(d, o) ?: hostdev_update(d);
}

/* ---- Recording ------------------------------------------------------------ */

static int record(struct recording *rec, int argc, char **argv)
{
	int status;

	recording_put_info(rec, argc, argv);
	status = capture_add_host(&rec->c, rec->dev.rings, rec->dev.info.nr_rings) ?:
		 recording_start_counts(rec) ?: recording_put_events(rec) ?: hostdev_start(&rec->dev);
	if (status)
		return status;
	status = recording_run(rec);
	recording_put_window(rec, "end");
	if (hostdev_stop(&rec->dev) && !status)
		status = EXIT_FAILED;
	recording_progress(rec, true);
	listener_finish(&rec->l);
	if (capture_finish(&rec->c) || recording_put_events(rec))
		status = EXIT_FAILED;
	return status;
}

static int add_regions(struct recording *rec)
{
	size_t i;

	for (i = 0; i < rec->o->nr_regions; i++) {
		const char *path = rec->o->regions[i];

		switch (capture_add_region(&rec->c, path)) {
		case REGION_OK:
			break;
		case REGION_FOREIGN:
			return fail(EXIT_BAD, "'%s' is not a vmcoop region", path);
		case REGION_UNREADABLE:
			return fail(EXIT_BAD, "cannot open region '%s': %s", path,
				    strerror(errno));
		case REGION_BAD:
			return EXIT_BAD;
		}
	}
	return 0;
}

static int listen_to_guests(struct recording *rec)
{
	const struct record_options *o = rec->o;

	rec->l.cids = o->cids;
	rec->l.nr_cids = o->nr_cids;
	if (!o->listen)
		return 0;
	rec->c.more = listener_round;
	rec->c.more_ctx = &rec->l;
	return listener_open(&rec->l, o->listen, &rec->c, rec->dev.info.clock_khz);
}

static int record_to_file(const struct record_options *o, int argc, char **argv)
{
	struct recording rec = { .o = o, .dev.fd = -1, .w.fd = -1 };
	int status = hostdev_open(&rec.dev), ended;

	rec.l.fd = -1;
	if (status)
		return status;
	/* With the events at rest their counts and the rings' go together. */
	status = hostdev_stop(&rec.dev) ?: configure(&rec.dev, o) ?:
		 datafile_create(&rec.w, o->output, rec.dev.info.arch);
	if (!status) {
		rec.w.compress = o->compress;
		recording_catch_signals(o->switches);
		rec.progress = !o->quiet && isatty(STDERR_FILENO);
		capture_init(&rec.c, &rec.w);
		rec.c.only_vms = o->vms;
		rec.c.nr_only_vms = o->nr_vms;
		status = listen_to_guests(&rec) ?: add_regions(&rec) ?: record(&rec, argc, argv);
		recording_end_command(&rec);
		if (!status && !o->quiet)
			fprintf(stderr, "Wrote %llu records (%.1f MB) of %zu VMs to %s\n",
				rec.c.records, rec.c.bytes / 1e6, rec.c.nr_vms, o->output);
		listener_free(&rec.l);
		capture_free(&rec.c);
	}
	free(rec.base);
	free(rec.told);
	ended = datafile_finish(&rec.w);
	hostdev_close(&rec.dev);
	return status ?: ended;
}

static int run(int argc, char **argv)
{
	struct record_options o = { .output = DATA_FILE, .count_us = RECORD_UNSET };
	int status = record_options_parse(&o, argc, argv);

	if (!status)
		status = o.guest_only ? record_guest(&o, argc, argv) : record_to_file(&o, argc, argv);
	record_options_free(&o);
	return status;
}

const struct command cmd_record = {
	.name = "record",
	.summary = "record the VMs of this host into a data file",
	.help = help,
	.run = run,
};
