// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's own recording, where it shares no memory with its host: to a file, or
 * over vsock to the host's.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "arch.h"
#include "link.h"
#include "output.h"
#include "record.h"

#define AGAIN_NS	500000000L	/* between two attempts to connect */

/* The file's time is the guest's own: its clock is the identity. */
static void put_own_clock(struct recording *rec)
{
	struct kv kv = { 0 };

	kv_u64(&kv, "vm", CAPTURE_SELF);
	kv_str(&kv, "method", "self");
	kv_u64(&kv, "offset", 0);
	kv_u64(&kv, "ratio", 1);
	kv_u64(&kv, "frac_bits", 0);
	datafile_kv(&rec->w, CHUNK_CLOCK, 0, &kv);
}

/* Records until the window is over or the writer fails; @region is the capture's then. */
static int record_own(struct recording *rec, const struct region *region)
{
	struct utsname u;
	int status;

	capture_init(&rec->c, &rec->w);
	uname(&u);
	capture_add_self(&rec->c, region, u.nodename);
	put_own_clock(rec);
	status = recording_run(rec);
	recording_put_window(rec, "end");
	recording_progress(rec, true);
	if (capture_finish(&rec->c))
		status = EXIT_FAILED;
	return status;
}

static int open_own(struct recording *rec, struct region *region)
{
	int status = region_open_device(region);

	if (!status)
		rec->dev.info.clock_khz = region->mem->guest.clock_khz;
	return status;
}

static int guest_to_file(struct recording *rec, int argc, char **argv)
{
	const struct record_options *o = rec->o;
	struct region region;
	int status = open_own(rec, &region), ended;

	if (status)
		return status;
	status = datafile_create(&rec->w, o->output, ARCH_SELF);
	if (status) {
		region_close(&region);
	} else {
		rec->w.compress = o->compress;
		recording_put_info(rec, argc, argv);
		status = record_own(rec, &region);
		if (!status && !o->quiet)
			fprintf(stderr, "Wrote %llu records (%.1f MB) of this guest to %s\n",
				rec->c.records, rec->c.bytes / 1e6, o->output);
		capture_free(&rec->c);
	}
	ended = datafile_finish(&rec->w);
	return status ?: ended;
}

/* Tries until somebody listens. -1: it is time to end. */
static int connect_patiently(struct recording *rec, bool *told)
{
	const struct timespec ts = { .tv_nsec = AGAIN_NS };
	const struct record_options *o = rec->o;

	while (!recording_over(rec)) {
		int fd = link_connect(o->host_cid, o->host_port);

		if (fd >= 0)
			return fd;
		if (!*told)
			warn("nobody answers at vsock %u:%u yet (%s): run 'vmcoop-dump record --listen %u' there; trying again",
			     o->host_cid, o->host_port, strerror(errno), o->host_port);
		*told = true;
		nanosleep(&ts, NULL);
	}
	return -1;
}

/* One connection, from its begin to its end. True: records went through it. */
static bool send_own(struct recording *rec, struct region *region, int fd, int argc,
		     char **argv)
{
	char *name = xasprintf("vsock %u:%u", rec->o->host_cid, rec->o->host_port);
	bool good;

	good = !datafile_create_fd(&rec->w, fd, name, ARCH_SELF);
	rec->w.stream = true;
	rec->w.compress = rec->o->compress;
	free(name);
	recording_put_info(rec, argc, argv);
	good = good && !datafile_flush(&rec->w) && link_answer(fd, &rec->w);
	if (good) {
		if (!rec->o->quiet)
			warn("sending to %s", rec->w.path);
		if (!record_own(rec, region))
			warn(rec->stopped ? "the host has ended its recording" :
			     "this guest's recording has ended");
		else if (rec->w.status)
			warn("the connection to the host is lost, and what it had not taken with it");
		rec->sent += rec->c.records;
		capture_free(&rec->c);
	} else {
		region_close(region);
	}
	return !datafile_finish(&rec->w) && good;
}

/* Whatever the host does: recording goes on until it is over here. */
static int guest_to_host(struct recording *rec, int argc, char **argv)
{
	const struct timespec ts = { .tv_nsec = AGAIN_NS };
	struct region region;
	bool told = false;
	int fd, status = open_own(rec, &region);

	while (!status && (fd = connect_patiently(rec, &told)) >= 0) {
		told = !send_own(rec, &region, fd, argc, argv) && told;
		rec->stopped = false;
		nanosleep(&ts, NULL);
		/* Closed in between: rings that nobody reads keep what is newest. */
		status = open_own(rec, &region);
	}
	if (status)
		return status;
	region_close(&region);
	if (!rec->opened)
		return fail(EXIT_FAILED, "no record was sent: no vmcoop-dump record --listen took them");
	if (!rec->o->quiet)
		fprintf(stderr, "Sent %llu records\n", rec->sent);
	return 0;
}

int record_guest(const struct record_options *o, int argc, char **argv)
{
	struct recording rec = { .o = o, .dev.fd = -1, .w.fd = -1, .l.fd = -1 };
	int status;

	rec.progress = !o->quiet && isatty(STDERR_FILENO);
	recording_catch_signals(o->switches);
	status = o->host_port ? guest_to_host(&rec, argc, argv) :
				guest_to_file(&rec, argc, argv);
	recording_end_command(&rec);
	return status;
}
