// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump record's command line.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "link.h"
#include "output.h"
#include "record.h"

static int add_vm(struct record_options *o, const char *arg)
{
	u64 pid;

	if (!*arg || (!arg[strspn(arg, "0123456789")] &&
		      !parse_u64(arg, 1, INT32_MAX, &pid)))
		return fail(EXIT_BAD, "--vm wants a VM's name, UUID or pid, not '%s'", arg);
	if (o->nr_vms == RECORD_LIST)
		return fail(EXIT_BAD, "more than %d VMs named: leave --vm out", RECORD_LIST);
	o->vms[o->nr_vms++] = arg;
	return 0;
}

/* Several -e make one list. */
static void add_events(char **list, const char *arg)
{
	char *longer = xasprintf("%s%s%s", *list ?: "", *list ? "," : "", arg);

	free(*list);
	*list = longer;
}

/* What is the host's to do has no place in a guest. */
static int check_guest(const struct record_options *o)
{
	if (!o->guest_only)
		return o->host_port ? fail(EXIT_BAD, "--vsock is for guests: give --guest-only, too; the host's option is --listen") : 0;
	if (o->events || o->counted || o->period || o->freq || o->count_us != RECORD_UNSET)
		return fail(EXIT_BAD, "a guest has no events: leave -e, --count, -c, -F and --count-interval out with --guest-only");
	if (o->nr_vms || o->nr_regions || o->listen)
		return fail(EXIT_BAD, "--vm, --region and --listen are the host's: leave them out with --guest-only");
	if (o->host_port && (strcmp(o->output, DATA_FILE) || o->switches))
		return fail(EXIT_BAD, "with --vsock the host writes the file: leave --output and --switch-output out");
	return 0;
}

static int check(struct record_options *o)
{
	struct event_options sampled = { .period = o->period, .freq = o->freq };
	struct event_options counted = { .count = true };
	int status = check_guest(o);

	if (status)
		return status;
	if (o->listen && o->switches)
		return fail(EXIT_BAD, "--listen and --switch-output do not go together: a guest tells its tasks once a connection");
	if (o->nr_cids && !o->listen)
		return fail(EXIT_BAD, "--cid is for guests that connect: give --listen, too");
	if (o->period && o->freq)
		return fail(EXIT_BAD, "give --period or --freq, not both");
	if (o->counted && !o->events && (o->period || o->freq))
		return fail(EXIT_BAD, "--period and --freq are for events that are sampled: name some with -e");
	if (o->events)
		status = events_resolve(o->events, &sampled, &o->specs);
	if (!status && o->counted)
		status = events_resolve(o->counted, &counted, &o->specs);
	return status;
}

/* "100M", "30s", or "signal". */
static int set_switch(struct record_options *o, const char *arg)
{
	static const struct {
		char unit;
		u64 bytes, seconds;
	} units[] = {
		{ 'M', 1 << 20, 0 }, { 'G', 1 << 30, 0 }, { 's', 0, 1 }, { 'm', 0, 60 },
		{ 'h', 0, 3600 },
	};
	size_t digits = strspn(arg, "0123456789"), i;
	char *text = xstrndup(arg, digits);
	u64 n;

	o->switches = !strcmp(arg, "signal");
	for (i = 0; i < ARRAY_SIZE(units) && !o->switches; i++) {
		if (arg[digits] != units[i].unit || arg[digits + 1] ||
		    !parse_u64(text, 1, 1000000, &n))
			continue;
		o->switches = true;
		o->switch_bytes = n * units[i].bytes;
		o->switch_ns = n * units[i].seconds * NSEC_PER_SEC;
	}
	free(text);
	if (o->switches)
		return 0;
	return fail(EXIT_BAD, "--switch-output wants a size (100M, 2G), a time (30s, 10m, 1h) or signal, not '%s'",
		    arg);
}

static int parse_option(int opt, struct record_options *o)
{
	switch (opt) {
	case 'o':
		o->output = optarg;
		return 0;
	case 'd':
		return option_u64("duration", optarg, 1, 7 * 86400ULL, &o->duration) ?
		       0 : EXIT_BAD;
	case 'e':
		add_events(&o->events, optarg);
		return 0;
	case 'C':
		add_events(&o->counted, optarg);
		return 0;
	case 'c':
		return option_u64("period", optarg, 1, 1ULL << 62, &o->period) ? 0 : EXIT_BAD;
	case 'F':
		return option_u64("freq", optarg, 1, 1000000, &o->freq) ? 0 : EXIT_BAD;
	case 'i':
		return option_u64("count-interval", optarg, 0, 10000000, &o->count_us) ?
		       0 : EXIT_BAD;
	case 'r':
		if (o->nr_regions == RECORD_LIST)
			return fail(EXIT_BAD, "more than %d regions", RECORD_LIST);
		o->regions[o->nr_regions++] = optarg;
		return 0;
	case 's':
		return set_switch(o, optarg);
	case 'L':
		return link_parse("listen", optarg, NULL, &o->listen);
	case 'I':
		if (o->nr_cids == LISTENER_CIDS)
			return fail(EXIT_BAD, "more than %d CIDs", LISTENER_CIDS);
		return listener_parse_cid(optarg, &o->cids[o->nr_cids++]);
	case 'g':
		o->guest_only = true;
		return 0;
	case 'V':
		return link_parse("vsock", optarg, &o->host_cid, &o->host_port);
	case 'v':
		return add_vm(o, optarg);
	case 'z':
		o->compress = true;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case 'h':
		show_help(&cmd_record);
		exit(EXIT_OK);
	default:
		return bad_usage(&cmd_record);
	}
}

int record_options_parse(struct record_options *o, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "duration", required_argument, NULL, 'd' },
		{ "event", required_argument, NULL, 'e' },
		{ "count", required_argument, NULL, 'C' },
		{ "period", required_argument, NULL, 'c' },
		{ "freq", required_argument, NULL, 'F' },
		{ "count-interval", required_argument, NULL, 'i' },
		{ "region", required_argument, NULL, 'r' },
		{ "switch-output", required_argument, NULL, 's' },
		{ "vm", required_argument, NULL, 'v' },
		{ "listen", required_argument, NULL, 'L' },
		{ "cid", required_argument, NULL, 'I' },
		{ "guest-only", no_argument, NULL, 'g' },
		{ "vsock", required_argument, NULL, 'V' },
		{ "compress", no_argument, NULL, 'z' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = 0;

	/* "+": options behind the command are the command's. */
	while (!status && (opt = getopt_long(argc, argv, "+o:e:c:F:zqh", longopts, NULL)) != -1)
		status = parse_option(opt, o);
	if (!status && optind < argc)
		o->command = argv + optind;
	return status ?: check(o);
}

void record_options_free(struct record_options *o)
{
	names_free(&o->specs);
	free(o->events);
	free(o->counted);
}
