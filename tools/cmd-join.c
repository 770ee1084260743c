// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump join: a host's recording and those that its guests made of
 * themselves (record --guest-only) as one file.
 *
 * The host's file is copied chunk by chunk. Before each of its rounds stands what
 * its guests recorded up to then, by the clocks that the host recorded, so that
 * readers merge it like any other file.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/ring.h"
#include "commands.h"
#include "guestdata.h"
#include "map.h"

static const char help[] =
"usage: vmcoop-dump join [OPTION]... --guest-data [VM=]FILE\n"
"\n"
"Makes one file of a host's recording and of what guests recorded meanwhile with\n"
"'record --guest-only', for report and all other commands.\n"
"\n"
"  -i, --input FILE          the host's data file (default " DATA_FILE ")\n"
"  --guest-data [VM=]FILE    a guest's data file, and its VM, a name or pid, if the\n"
"                            host's file has more than one; may be repeated\n"
"  -o, --output FILE         the joined file (default vmcoop.joined)\n"
"  -h, --help                this\n"
"\n"
"Exit status: 0 done (of a file that was cut off what was whole), 1 it failed,\n"
"2 bad usage, or files that do not go together.\n"
"\n"
"Example:\n"
"  vmcoop-dump join -i host.data --guest-data web1=guest.data -o web1.data\n"
"  vmcoop-dump report -i web1.data --guest-root /mnt/guest\n";

#define MAX_GUESTS	64
#define MAX_VMS		4096

/** struct host_vm - a VM of the host's file */
struct host_vm {
	u32 pid;
	char name[128];
	char uuid[37];
	struct vmcoop_clock clock;	/* the first one told, all 0 before */
	bool has_source;
};

/** struct joined_guest - a guest's file and its VM */
struct joined_guest {
	const char *path, *vm_name;
	struct host_vm *vm;
	struct datafile_reader r;
	struct guestdata data;
	bool over;
};

struct join_files {
	const char *input, *output;
	struct joined_guest guests[MAX_GUESTS];
	size_t nr_guests;
	struct host_vm **vms;
	size_t nr_vms;
	struct u64map host_sources;
	u32 next_source;
	u64 start;			/* the host's counter when it began */
	u64 last;			/* when it ended */
	struct datafile_writer w;
	char *buf;			/* CHUNK_MAX */
};

/* ---- Options --------------------------------------------------------------- */

static int add_guest(struct join_files *f, char *arg)
{
	struct joined_guest *g = &f->guests[f->nr_guests];
	char *eq = strchr(arg, '=');

	if (f->nr_guests == MAX_GUESTS)
		return fail(EXIT_BAD, "more than %d guests", MAX_GUESTS);
	if (eq)
		*eq = '\0';
	g->vm_name = eq ? arg : NULL;
	g->path = eq ? eq + 1 : arg;
	if (!*g->path || (eq && !*arg))
		return fail(EXIT_BAD, "--guest-data wants [VM=]FILE");
	f->nr_guests++;
	return 0;
}

static int parse(int argc, char **argv, struct join_files *f)
{
	static const struct option longopts[] = {
		{ "input", required_argument, NULL, 'i' },
		{ "guest-data", required_argument, NULL, 'g' },
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = 0;

	while (!status && (opt = getopt_long(argc, argv, "i:o:h", longopts, NULL)) != -1) {
		switch (opt) {
		case 'i':
			f->input = optarg;
			break;
		case 'o':
			f->output = optarg;
			break;
		case 'g':
			status = add_guest(f, optarg);
			break;
		case 'h':
			show_help(&cmd_join);
			exit(EXIT_OK);
		default:
			return bad_usage(&cmd_join);
		}
	}
	if (!status && optind < argc) {
		warn("join takes no argument '%s': guests' files go behind --guest-data",
		     argv[optind]);
		return bad_usage(&cmd_join);
	}
	if (!status && !f->nr_guests)
		status = fail(EXIT_BAD, "nothing to join: name a guest's file with --guest-data");
	return status;
}

/* ---- The host's file, seen once before it is copied ------------------------- */

static struct host_vm *host_vm(struct join_files *f, u32 pid)
{
	size_t i;

	for (i = 0; i < f->nr_vms; i++)
		if (f->vms[i]->pid == pid)
			return f->vms[i];
	if (f->nr_vms == MAX_VMS)
		return NULL;
	f->vms = xreallocarray(f->vms, f->nr_vms + 1, sizeof(*f->vms));
	f->vms[f->nr_vms] = xcalloc(1, sizeof(*f->vms[0]));
	f->vms[f->nr_vms]->pid = pid;
	return f->vms[f->nr_vms++];
}

static void see_vm(struct join_files *f, const struct chunk *c)
{
	struct host_vm *vm = host_vm(f, kv_get_u64(c->data, c->len, "pid", 0));

	if (!vm)
		return;
	kv_get_str(c->data, c->len, "name", vm->name, sizeof(vm->name));
	kv_get_str(c->data, c->len, "uuid", vm->uuid, sizeof(vm->uuid));
}

static void see_source(struct join_files *f, const struct chunk *c)
{
	struct host_vm *vm;
	char side[8] = "";

	f->next_source = max_u64(f->next_source, (u64)c->source + 1);
	kv_get_str(c->data, c->len, "side", side, sizeof(side));
	if (!strcmp(side, "host")) {
		map_put(&f->host_sources, c->source, f);
		return;
	}
	vm = host_vm(f, kv_get_u64(c->data, c->len, "vm", 0));
	if (vm)
		vm->has_source = true;
}

/* Calls @clock for each of the host's records of a guest's clock in @c. */
static void see_clocks(struct join_files *f, struct datafile_reader *r, const struct chunk *c,
		       void (*clock)(struct join_files *f, const struct vmcoop_host_clock *rec))
{
	size_t at;
	int size;

	if (!map_get(&f->host_sources, c->source) || !datafile_load(r, c, f->buf))
		return;
	for (at = 0; (size = vmcoop_rec_next(f->buf, c->len, at)) > 0; at += size) {
		const struct vmcoop_host_clock *rec = (const void *)(f->buf + at);

		if (rec->hdr.type == VMCOOP_HOST_CLOCK && rec->hdr.size >= sizeof(*rec))
			clock(f, rec);
	}
}

static struct vmcoop_clock clock_of(const struct vmcoop_host_clock *rec)
{
	return (struct vmcoop_clock){
		.offset = rec->offset, .ratio = rec->ratio, .frac_bits = rec->frac_bits,
	};
}

static void first_clock(struct join_files *f, const struct vmcoop_host_clock *rec)
{
	struct vmcoop_clock clock = clock_of(rec);
	struct host_vm *vm = host_vm(f, rec->vm);

	if (vm && !vmcoop_clock_valid(&vm->clock) && vmcoop_clock_valid(&clock))
		vm->clock = clock;
}

/* The same of a VM whose clock was found by asking: no record may tell of it. */
static void exchanged_clock(struct join_files *f, const struct chunk *c)
{
	struct host_vm *vm = host_vm(f, kv_get_u64(c->data, c->len, "vm", 0));

	if (!vm || vmcoop_clock_valid(&vm->clock))
		return;
	vm->clock.offset = kv_get_u64(c->data, c->len, "offset", 0);
	vm->clock.ratio = kv_get_u64(c->data, c->len, "ratio", 0);
	vm->clock.frac_bits = kv_get_u64(c->data, c->len, "frac_bits", 0);
}

static void see_round(struct join_files *f, const struct chunk *c)
{
	struct chunk_round round;

	if (c->len < sizeof(round))
		return;
	memcpy(&round, c->data, sizeof(round));
	f->last = max_u64(f->last, round.now);
}

static int see_host(struct join_files *f)
{
	struct datafile_reader r;
	struct chunk c;
	int status = datafile_open(&r, f->input);

	if (status)
		return status;
	while (!status && datafile_next(&r, &c)) {
		switch (c.type) {
		case CHUNK_INFO:
			f->start = kv_get_u64(c.data, c.len, "start_counter", 0);
			if (kv_get_u64(c.data, c.len, "guest_only", 0))
				status = fail(EXIT_BAD, "'%s' is a guest's recording: -i wants the host's",
					      f->input);
			break;
		case CHUNK_VM:
			see_vm(f, &c);
			break;
		case CHUNK_SOURCE:
			see_source(f, &c);
			break;
		case CHUNK_CLOCK:
			exchanged_clock(f, &c);
			break;
		case CHUNK_RECORDS:
			see_clocks(f, &r, &c, first_clock);
			break;
		case CHUNK_ROUND:
			see_round(f, &c);
			break;
		}
		free(c.data);
	}
	datafile_close(&r);
	return status;
}

/* ---- Which file is which VM's ---------------------------------------------- */

static bool is_called(const struct host_vm *vm, const char *name)
{
	u64 pid;

	return !strcmp(vm->name, name) || (*vm->uuid && !strcasecmp(vm->uuid, name)) ||
	       (parse_u64(name, 1, UINT32_MAX, &pid) && pid == vm->pid);
}

static int find_vm(struct join_files *f, struct joined_guest *g)
{
	size_t i;

	if (!g->vm_name && f->nr_vms > 1)
		return fail(EXIT_BAD, "'%s' has %zu VMs: say whose '%s' is, with --guest-data VM=FILE",
			    f->input, f->nr_vms, g->path);
	for (i = 0; i < f->nr_vms; i++)
		if (!g->vm_name || is_called(f->vms[i], g->vm_name))
			g->vm = f->vms[i];
	if (!g->vm)
		return fail(EXIT_BAD, "'%s' has no VM%s%s", f->input, g->vm_name ? " called " : "",
			    g->vm_name ?: "");
	if (g->vm->has_source)
		return fail(EXIT_BAD, "'%s' has a guest's records of VM %s already", f->input,
			    g->vm->name);
	if (!vmcoop_clock_valid(&g->vm->clock))
		return fail(EXIT_BAD, "'%s' does not tell the clock of VM %s: it did not run while the host recorded",
			    f->input, g->vm->name);
	g->vm->has_source = true;
	return 0;
}

/* The output is written while the inputs are read. */
static int check_output(const struct join_files *f, const char *input)
{
	struct stat in, out;

	if (stat(input, &in) || stat(f->output, &out) || in.st_dev != out.st_dev ||
	    in.st_ino != out.st_ino)
		return 0;
	return fail(EXIT_BAD, "'%s' is to be read, it cannot be the output, too: name another with -o",
		    input);
}

static int open_guest(struct join_files *f, struct joined_guest *g, u32 host_arch)
{
	struct chunk c;
	int status = check_output(f, g->path) ?: datafile_open(&g->r, g->path);

	if (status)
		return status;
	if (g->r.hdr.arch != host_arch)
		return fail(EXIT_BAD, "'%s' is of another architecture than '%s'", g->path, f->input);
	if (!datafile_next(&g->r, &c) || c.type != CHUNK_INFO ||
	    !kv_get_u64(c.data, c.len, "guest_only", 0))
		status = fail(EXIT_BAD, "'%s' is no guest's own recording (record --guest-only)",
			      g->path);
	free(c.data);
	if (status)
		return status;
	guestdata_init(&g->data, &f->w, &f->next_source, g->vm->pid, g->vm->name, g->path);
	g->data.clock = g->vm->clock;
	g->data.from = f->start;
	g->data.until = f->last;
	return 0;
}

/* ---- Copying ---------------------------------------------------------------- */

/* Name and clock in force from the start, for what the guest tells of the time before. */
static void put_vm(struct join_files *f, const struct host_vm *vm)
{
	struct kv kv = { 0 };

	kv_u64(&kv, "pid", vm->pid);
	kv_str(&kv, "name", vm->name);
	datafile_kv(&f->w, CHUNK_VM, 0, &kv);
	kv_u64(&kv, "vm", vm->pid);
	kv_str(&kv, "method", "host");
	kv_u64(&kv, "offset", vm->clock.offset);
	kv_u64(&kv, "ratio", vm->clock.ratio);
	kv_u64(&kv, "frac_bits", vm->clock.frac_bits);
	datafile_kv(&f->w, CHUNK_CLOCK, 0, &kv);
}

static void next_clock(struct join_files *f, const struct vmcoop_host_clock *rec)
{
	struct vmcoop_clock clock = clock_of(rec);
	size_t i;

	for (i = 0; i < f->nr_guests; i++)
		if (f->guests[i].vm->pid == rec->vm && vmcoop_clock_valid(&clock))
			f->guests[i].data.clock = clock;
}

/* The next chunk, with its data. */
static bool next_of_guest(struct joined_guest *g, struct chunk *c)
{
	if (!datafile_next(&g->r, c))
		return false;
	if (c->type != CHUNK_RECORDS)
		return true;
	c->data = xcalloc(1, c->len + 1);
	if (datafile_load(&g->r, c, c->data))
		return true;
	free(c->data);
	return false;
}

/* What the guest recorded until all before host time @watermark is there. */
static void copy_guest(struct joined_guest *g, u64 watermark)
{
	struct chunk c;

	while (!g->over && g->data.watermark < watermark)
		g->over = !next_of_guest(g, &c) || !guestdata_chunk(&g->data, &c);
}

static void copy_round(struct join_files *f, const struct chunk *c)
{
	struct chunk_round round;
	size_t i;

	if (c->len < sizeof(round))
		return;
	memcpy(&round, c->data, sizeof(round));
	for (i = 0; i < f->nr_guests; i++)
		copy_guest(&f->guests[i], round.watermark);
	datafile_chunk(&f->w, CHUNK_ROUND, 0, &round, sizeof(round));
}

static void copy_chunk(struct join_files *f, struct datafile_reader *r, const struct chunk *c)
{
	switch (c->type) {
	case CHUNK_END:
		break;
	case CHUNK_ROUND:
		copy_round(f, c);
		break;
	case CHUNK_RECORDS:
		see_clocks(f, r, c, next_clock);
		if (datafile_load(r, c, f->buf))
			datafile_chunk(&f->w, CHUNK_RECORDS, c->source, f->buf, c->len);
		break;
	default:
		datafile_chunk(&f->w, c->type, c->source, c->data, c->len);
		break;
	}
}

static void note(struct join_files *f, const char *text)
{
	struct kv kv = { 0 };

	warn("%s", text);
	kv_str(&kv, "text", text);
	datafile_kv(&f->w, CHUNK_NOTE, 0, &kv);
}

static void finish_guest(struct join_files *f, struct joined_guest *g)
{
	char *text;

	copy_guest(g, UINT64_MAX);
	guestdata_close(&g->data, "the guest's file ends before");
	if (!g->r.damage)
		return;
	text = xasprintf("'%s': %s", g->path, g->r.damage);
	note(f, text);
	free(text);
}

static int copy_host(struct join_files *f, struct datafile_reader *r)
{
	struct chunk c;
	size_t i;

	while (!f->w.status && datafile_next(r, &c)) {
		copy_chunk(f, r, &c);
		free(c.data);
		if (c.type != CHUNK_INFO)
			continue;
		for (i = 0; i < f->nr_guests; i++)
			put_vm(f, f->guests[i].vm);
	}
	for (i = 0; i < f->nr_guests; i++)
		finish_guest(f, &f->guests[i]);
	if (r->damage)
		note(f, r->damage);
	return f->w.status;
}

static void tell(const struct join_files *f)
{
	size_t i;

	for (i = 0; i < f->nr_guests; i++) {
		const struct joined_guest *g = &f->guests[i];

		if (!g->data.records)
			warn("'%s' has no record of the time of '%s': were they recorded together, and is it VM %s's?",
			     g->path, f->input, g->vm->name);
		fprintf(stderr, "Joined %llu records of VM %s into %s\n", g->data.records,
			g->vm->name, f->output);
	}
}

static int join_files(struct join_files *f)
{
	struct datafile_reader r;
	int status = check_output(f, f->input) ?: see_host(f), ended;
	size_t i;

	for (i = 0; !status && i < f->nr_guests; i++)
		status = find_vm(f, &f->guests[i]);
	status = status ?: datafile_open(&r, f->input);
	if (status)
		return status;
	for (i = 0; !status && i < f->nr_guests; i++)
		status = open_guest(f, &f->guests[i], r.hdr.arch);
	if (!status) {
		status = datafile_create(&f->w, f->output, r.hdr.arch) ?: copy_host(f, &r);
		ended = datafile_finish(&f->w);
		status = status ?: ended;
	}
	datafile_close(&r);
	if (!status)
		tell(f);
	return status;
}

static int run(int argc, char **argv)
{
	struct join_files *f = xcalloc(1, sizeof(*f));
	int status;
	size_t i;

	f->input = DATA_FILE;
	f->output = "vmcoop.joined";
	f->w.fd = -1;
	f->next_source = 1;
	f->buf = xcalloc(1, CHUNK_MAX);
	status = parse(argc, argv, f) ?: join_files(f);
	for (i = 0; i < f->nr_guests; i++) {
		datafile_close(&f->guests[i].r);
		guestdata_free(&f->guests[i].data);
	}
	for (i = 0; i < f->nr_vms; i++)
		free(f->vms[i]);
	free(f->vms);
	free(f->buf);
	map_free(&f->host_sources);
	free(f);
	return status;
}

const struct command cmd_join = {
	.name = "join",
	.summary = "join a host's recording and its guests' own into one file",
	.help = help,
	.run = run,
};
