// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump list: the VMs that the host module sees, or a file tells of.
 * What "list events" shows is in list-events.c.
 *
 * The host module's part comes from the "vcpus:" lines of
 * /proc/vmcoop/status, which host-mod/vcpu.c writes:
 *
 *   vm PID vcpu ID tid TID (COMM) handle N: STATE cpu N, clock offset O ratio R/2^F
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "output.h"
#include "region.h"
#include "session.h"
#include "vmm.h"

#define STATUS_PATH	"/proc/vmcoop/status"

static const char help[] =
"usage: vmcoop-dump list [vms] [-i FILE] [--json]\n"
"       vmcoop-dump list events [--json]\n"
"\n"
"Lists the virtual machines that vmcoop_host.ko has seen run: name, pid, region,\n"
"and each vCPU with its thread and its clock (guest = host x ratio + offset).\n"
"With 'events' what 'record -e' takes: the names that perf knows, and what the\n"
"PMUs of this host offer; each is tried.\n"
"\n"
"  -i, --input FILE   of a data file instead\n"
"  --json             for programs\n"
"  -h, --help         this\n"
"\n"
"Exit status: 0 done, 1 it failed, 2 bad usage or not a data file.\n"
"\n"
"Examples:\n"
"  vmcoop-dump list\n"
"  vmcoop-dump list events | grep cache\n";

/** struct listed - a vCPU to be shown, with its VM */
struct listed {
	u32 vm, vcpu, tid;
	struct vmm_id id;
	char region[320];
	char state[32];
	bool has_clock;
	s64 offset;
	u64 ratio;
	u32 frac_bits;
};

struct listing {
	struct listed *v;
	size_t nr;
};

static struct listed *listing_add(struct listing *l)
{
	l->v = xreallocarray(l->v, l->nr + 1, sizeof(*l->v));
	memset(&l->v[l->nr], 0, sizeof(*l->v));
	return &l->v[l->nr++];
}

static int by_vm(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	if (x->vm != y->vm)
		return x->vm < y->vm ? -1 : 1;
	return x->vcpu < y->vcpu ? -1 : x->vcpu > y->vcpu;
}

static void listing_sort(struct listing *l)
{
	if (l->nr)
		qsort(l->v, l->nr, sizeof(*l->v), by_vm);
}

/* ---- From the host module ------------------------------------------------------------ */

static bool parse_status_line(const char *line, struct listed *v)
{
	const char *rest = NULL, *next = line;
	int cpu, n;

	/* The last one: a thread may be called anything. */
	while ((next = strstr(next, ") handle ")))
		rest = next++;
	if (!rest || sscanf(line, " vm %u vcpu %u tid %u (", &v->vm, &v->vcpu, &v->tid) != 3)
		return false;
	if (sscanf(rest, ") handle %*u: %15s cpu %d, clock offset %lld ratio %llu/2^%u",
		   v->state, &cpu, &v->offset, &v->ratio, &v->frac_bits) != 5)
		return false;
	n = strlen(v->state);
	snprintf(v->state + n, sizeof(v->state) - n, " cpu %d", cpu);
	v->has_clock = v->ratio != 0;
	return true;
}

/* The path of the region that a VM maps, "" if none. */
static void find_region(u32 pid, char *out, size_t cap)
{
	DIR *dir = opendir(REGION_DIR);
	struct dirent *e;
	struct stat st;

	*out = '\0';
	while (dir && !*out && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || fstatat(dirfd(dir), e->d_name, &st,
						   AT_SYMLINK_NOFOLLOW))
			continue;
		if (S_ISREG(st.st_mode) && vmm_maps_file(pid, st.st_dev, st.st_ino))
			snprintf(out, cap, REGION_DIR "/%s", e->d_name);
	}
	if (dir)
		closedir(dir);
}

static int list_status(struct listing *l)
{
	FILE *f = fopen(STATUS_PATH, "re");
	char *line = NULL;
	size_t cap = 0, i;

	if (!f)
		return fail(EXIT_FAILED, "cannot open " STATUS_PATH ": %s%s", strerror(errno),
			    errno == ENOENT ? ": load the host module (insmod vmcoop_host.ko)" :
			    errno == EACCES ? ": be root" : "");
	while (getline(&line, &cap, f) > 0) {
		struct listed v = { 0 };

		if (parse_status_line(line, &v))
			*listing_add(l) = v;
	}
	free(line);
	fclose(f);
	listing_sort(l);
	for (i = 0; i < l->nr; i++) {
		if (i && l->v[i].vm == l->v[i - 1].vm) {
			l->v[i].id = l->v[i - 1].id;
			memcpy(l->v[i].region, l->v[i - 1].region, sizeof(l->v[i].region));
			continue;
		}
		vmm_identify(l->v[i].vm, &l->v[i].id);
		find_region(l->v[i].vm, l->v[i].region, sizeof(l->v[i].region));
	}
	return EXIT_OK;
}

/* ---- From a file ------------------------------------------------------------------------ */

static void ignore_sample(void *ctx, const struct joined *j)
{
	(void)ctx;
	(void)j;
}

static int list_file(struct listing *l, const char *path)
{
	struct session *s = xcalloc(1, sizeof(*s));
	int status = session_read(s, path, ignore_sample, NULL);
	size_t i;

	for (i = 0; i < s->join.nr_vcpus; i++) {
		const struct vcpu *vcpu = s->join.vcpus[i];
		struct listed *v = listing_add(l);

		v->vm = vcpu->vm->pid;
		v->vcpu = vcpu->id;
		v->tid = vcpu->tid_host;
		snprintf(v->id.name, sizeof(v->id.name), "%s", vcpu->vm->name);
		snprintf(v->id.uuid, sizeof(v->id.uuid), "%s", vcpu->vm->uuid);
		snprintf(v->region, sizeof(v->region), "%s", vcpu->vm->region);
		v->has_clock = vcpu->has_clock;
		v->offset = vcpu->clock.offset;
		v->ratio = vcpu->clock.ratio;
		v->frac_bits = vcpu->clock.frac_bits;
	}
	listing_sort(l);
	session_free(s);
	free(s);
	return status;
}

/* ---- Showing ------------------------------------------------------------------------------ */

static void show_text(const struct listing *l)
{
	char name[4 * VMM_NAME_MAX + 1], uuid[4 * VMM_UUID_MAX], region[1024];
	size_t i;

	for (i = 0; i < l->nr; i++) {
		const struct listed *v = &l->v[i];

		if (!i || v->vm != v[-1].vm)
			printf("%s  pid %u%s%s  region %s\n", escape(name, sizeof(name), v->id.name),
			       v->vm, *v->id.uuid ? "  uuid " : "",
			       escape(uuid, sizeof(uuid), v->id.uuid), *v->region ? escape(region, sizeof(region), v->region) : "none");
		printf("  vCPU %-3u  tid %-8u", v->vcpu, v->tid);
		if (v->has_clock)
			printf("  clock offset %lld ratio %llu/2^%u", v->offset, v->ratio,
			       v->frac_bits);
		else
			printf("  clock not known");
		printf("%s%s\n", *v->state ? "  " : "", v->state);
	}
	if (!l->nr)
		printf("no VM has been seen to run\n");
}

static void show_json(const struct listing *l)
{
	struct json j = { .f = stdout };
	size_t i;

	json_open(&j, NULL, '[');
	for (i = 0; i < l->nr; i++) {
		const struct listed *v = &l->v[i];

		if (!i || v->vm != v[-1].vm) {
			json_open(&j, NULL, '{');
			json_u64(&j, "pid", v->vm);
			json_str(&j, "name", v->id.name);
			json_str(&j, "uuid", *v->id.uuid ? v->id.uuid : NULL);
			json_str(&j, "region", *v->region ? v->region : NULL);
			json_open(&j, "vcpus", '[');
		}
		json_open(&j, NULL, '{');
		json_u64(&j, "id", v->vcpu);
		json_u64(&j, "tid", v->tid);
		json_s64(&j, "offset", v->offset);
		json_u64(&j, "ratio", v->ratio);
		json_u64(&j, "frac_bits", v->frac_bits);
		json_close(&j, '}');
		if (i + 1 == l->nr || v[1].vm != v->vm) {
			json_close(&j, ']');
			json_close(&j, '}');
		}
	}
	json_close(&j, ']');
}

static int run(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "input", required_argument, NULL, 'i' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *input = NULL;
	struct listing l = { 0 };
	bool json = false, events = false;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "i:h", longopts, NULL)) != -1) {
		switch (opt) {
		case 'i':
			input = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			return show_help(&cmd_list);
		default:
			return bad_usage(&cmd_list);
		}
	}
	if (optind < argc && (!strcmp(argv[optind], "vms") || !strcmp(argv[optind], "events")))
		events = *argv[optind++] == 'e';
	if (optind < argc) {
		warn("list takes no argument '%s': events or vms", argv[optind]);
		return bad_usage(&cmd_list);
	}
	if (events && input) {
		warn("the events of a data file: see vmcoop-dump report");
		return bad_usage(&cmd_list);
	}
	if (events)
		return list_events(json);
	status = input ? list_file(&l, input) : list_status(&l);
	if (!status && json)
		show_json(&l);
	else if (!status)
		show_text(&l);
	free(l.v);
	return status;
}

const struct command cmd_list = {
	.name = "list",
	.summary = "list the VMs that run or a data file tells of, or this host's events",
	.help = help,
	.run = run,
};
