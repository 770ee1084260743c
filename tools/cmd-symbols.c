// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump symbols: in a guest, sends what names its code to whoever records
 * on the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collect.h"
#include "commands.h"

#define SYMBOLS_PATH	"/proc/vmcoop/symbols"
#define KEEP_MAX	(64ULL << 20)	/* bytes of bundles held for the next recording */

static const char help[] =
"usage: vmcoop-dump symbols [OPTION]...\n"
"\n"
"Run in a guest, as root: collects the symbols of its kernel, of all programs and\n"
"libraries that its processes have mapped, in containers, too, and what run-time\n"
"compilers wrote to /tmp/perf-PID.map. Sends them to the host through\n"
"vmcoop_guest.ko, into the recording that is under way or, if there is none, the\n"
"next one: there, report names the guest's functions by them. Nothing is copied by\n"
"hand.\n"
"\n"
"  --follow             go on: send at the beginning of each recording, and during it\n"
"                       what is new\n"
"  --interval SECONDS   with --follow: look for what is new this often (default 5)\n"
"  --timeout SECONDS    give up waiting for a recording; 0: do not wait\n"
"  -o, --output FILE    write a file instead, for report --symbols FILE; needs no module\n"
"  -q, --quiet          only say what went wrong\n"
"  -h, --help           this\n"
"\n"
"Exit status: 0 sent or written, 1 it failed or nobody recorded in time, 2 bad usage.\n"
"\n"
"Examples:\n"
"  vmcoop-dump symbols                    # while, or before, the host records\n"
"  vmcoop-dump symbols --follow --quiet   # as a service\n"
"  vmcoop-dump symbols -o web1.symbols    # to be copied by any means\n";

struct symbols_options {
	const char *output;
	u64 interval, timeout;
	bool follow, limited, quiet;
};

/**
 * struct sender - where symbols go
 * @fd: waits for recordings
 * @recording: the one that was sent to
 * @sent: bytes
 */
struct sender {
	const struct symbols_options *o;
	struct collector c;
	int fd;
	u64 recording;
	bool sent_any;
	u64 sent;
};

static volatile sig_atomic_t timed_out;

static void on_alarm(int sig)
{
	(void)sig;
	timed_out = 1;
}

/* ---- The module ------------------------------------------------------------------ */

static int open_module(int flags)
{
	int fd = open(SYMBOLS_PATH, flags | O_CLOEXEC);

	if (fd < 0)
		warn("cannot open " SYMBOLS_PATH ": %s: %s", strerror(errno),
		     errno == ENOENT ? "run this in a guest, with vmcoop_guest.ko loaded (insmod vmcoop_guest.ko)" :
				       "be root");
	return fd;
}

/* Number of the recording under way, or of the last one; @reader: somebody reads. */
static int read_state(int fd, u64 *recording, bool *reader)
{
	char text[64];
	unsigned int attached;
	ssize_t n = read(fd, text, sizeof(text) - 1);

	if (n < 0 && errno == EINTR && timed_out)
		return fail(EXIT_FAILED, "nobody has recorded on the host: start 'vmcoop-dump record' there");
	if (n < 0)
		return fail(EXIT_FAILED, "cannot ask vmcoop_guest.ko for recordings: %s%s",
			    strerror(errno), errno == ENODEV || errno == EIO ? ": it was unloaded" : "");
	text[n] = '\0';
	if (sscanf(text, "recording %llu reader %u", recording, &attached) != 2)
		return fail(EXIT_FAILED, "vmcoop_guest.ko says '%s': use vmcoop-dump and modules of one release",
			    text);
	*reader = attached;
	return EXIT_OK;
}

/* The state as it is now, where another file's waits for a change. */
static int ask(u64 *recording, bool *reader)
{
	int fd = open(SYMBOLS_PATH, O_RDONLY | O_CLOEXEC), status;

	/* It was there when we began. */
	if (fd < 0)
		return fail(EXIT_FAILED, "vmcoop_guest.ko was unloaded");
	status = read_state(fd, recording, reader);
	close(fd);
	return status;
}

/* ---- Sending --------------------------------------------------------------------- */

/* Each bundle through an open file of its own. 0, or the error number. */
static int send_blob(const struct blob *b)
{
	int fd = open_module(O_WRONLY), err = 0;
	size_t done = 0;

	if (fd < 0)
		return errno;
	while (done < b->len && !err) {
		ssize_t n = write(fd, (const char *)b->buf + done, b->len - done);

		if (n < 0)
			err = errno;
		else
			done += n;
	}
	close(fd);
	return err;
}

static int send_blobs(struct sender *s, const struct blobs *b, size_t from)
{
	int err = 0;
	size_t i;

	for (i = from; i < b->nr && !err; i++) {
		err = send_blob(&b->v[i]);
		s->sent += err ? 0 : b->v[i].len;
	}
	return err;
}

static const char *send_error(int err)
{
	switch (err) {
	case ENOTCONN:
		return "the recording ended before all symbols were sent";
	case ETIMEDOUT:
		return "the recorder on the host does not read";
	case ENODEV:
	case EIO:
		return "vmcoop_guest.ko was unloaded";
	default:
		return strerror(err);
	}
}

/* Sends all there is, or with @news what came since the last time. */
static int send_symbols(struct sender *s, bool news)
{
	struct collector *c = &s->c;
	size_t objects = c->objects.nr;
	void *kernel = c->kernel.nr ? c->kernel.v[0].buf : NULL;
	int err = 0;

	if (!news && c->objects.bytes > KEEP_MAX)
		collector_free(c);
	if (!news)
		collect_jit_anew(c);
	collect(c);
	if (!news || (c->kernel.nr && c->kernel.v[0].buf != kernel))
		err = send_blobs(s, &c->kernel, 0);
	if (!err)
		err = send_blobs(s, &c->objects, news ? objects : 0);
	if (!err)
		err = send_blobs(s, &c->jit, 0);
	blobs_free(&c->jit);
	return err;
}

/* ---- Recordings ------------------------------------------------------------------- */

static void say_sent(const struct sender *s)
{
	const struct collector *c = &s->c;

	if (s->o->quiet)
		return;
	printf("sent the symbols of %s%u files and %u processes with code of their own: %llu KiB\n",
	       c->kernel.nr ? "the kernel, " : "", c->nr_objects, c->nr_jit,
	       (s->sent + 1023) >> 10);
	if (c->unreadable)
		printf("%u files could not be read\n", c->unreadable);
	fflush(stdout);
}

static int wait_for_recording(struct sender *s)
{
	u64 recording;
	bool reader;
	int status = ask(&recording, &reader);

	if (status)
		return status;
	if (reader && !(s->sent_any && recording == s->recording)) {
		s->recording = recording;
		return EXIT_OK;
	}
	if (s->o->limited && !s->o->timeout)
		return fail(EXIT_FAILED, "nobody records on the host: start 'vmcoop-dump record' there");
	if (!s->o->quiet && !s->sent_any)
		fprintf(stderr, "vmcoop-dump: waiting for 'vmcoop-dump record' on the host\n");
	do {
		status = read_state(s->fd, &s->recording, &reader);
	} while (!status && !reader);
	return status;
}

/* Until the recording ends: what is new every few seconds. */
static int follow_recording(struct sender *s)
{
	struct timespec interval = { .tv_sec = s->o->interval };
	u64 recording;
	bool reader;
	int status, err = 0;

	while (!err) {
		nanosleep(&interval, NULL);
		status = ask(&recording, &reader);
		if (status)
			return status;
		if (!reader || recording != s->recording)
			return EXIT_OK;
		err = send_symbols(s, true);
	}
	return err == ENOTCONN ? EXIT_OK :
	       fail(EXIT_FAILED, "cannot send symbols: %s", send_error(err));
}

static int send_to_recordings(struct sender *s)
{
	int status, err;

	do {
		status = wait_for_recording(s);
		if (status)
			return status;
		alarm(0);
		s->sent = 0;
		err = send_symbols(s, false);
		s->sent_any = true;
		if (err && !(s->o->follow && (err == ENOTCONN || err == ETIMEDOUT)))
			return fail(EXIT_FAILED, "cannot send symbols: %s", send_error(err));
		if (!err)
			say_sent(s);
		if (!err && s->o->follow)
			status = follow_recording(s);
	} while (s->o->follow && !status);
	return status;
}

static int send_all(const struct symbols_options *o)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct sender s = { .o = o };
	int status;

	s.fd = open_module(O_RDONLY);
	if (s.fd < 0)
		return EXIT_FAILED;
	/* Before a recording begins there is time for it. */
	collect(&s.c);
	if (o->limited && o->timeout) {
		sigaction(SIGALRM, &sa, NULL);
		alarm(o->timeout);
	}
	status = send_to_recordings(&s);
	collector_free(&s.c);
	close(s.fd);
	return status;
}

/* ---- A file ------------------------------------------------------------------------ */

static bool put_blobs(FILE *f, const struct blobs *b)
{
	size_t i;

	for (i = 0; i < b->nr; i++)
		if (fwrite(b->v[i].buf, 1, b->v[i].len, f) != b->v[i].len)
			return false;
	return true;
}

static int write_file(const struct symbols_options *o)
{
	int fd = open(o->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), status = EXIT_OK;
	struct sender s = { .o = o };
	bool good;
	FILE *f;

	if (fd < 0)
		return fail(EXIT_FAILED, "cannot create '%s': %s", o->output, strerror(errno));
	f = fdopen(fd, "w");
	collect(&s.c);
	good = put_blobs(f, &s.c.kernel) && put_blobs(f, &s.c.objects) && put_blobs(f, &s.c.jit);
	if (fclose(f) || !good)
		status = fail(EXIT_FAILED, "cannot write '%s': %s", o->output, strerror(errno));
	else if (!s.c.kernel.nr && !s.c.objects.nr)
		status = fail(EXIT_FAILED, "no symbols were found: be root");
	else if (!o->quiet)
		printf("wrote the symbols of %s%u files and %u processes with code of their own to %s\n",
		       s.c.kernel.nr ? "the kernel, " : "", s.c.nr_objects, s.c.nr_jit, o->output);
	collector_free(&s.c);
	return status;
}

/* ---- Options ------------------------------------------------------------------------ */

enum { OPT_FOLLOW = 256, OPT_INTERVAL, OPT_TIMEOUT };

static int set_option(struct symbols_options *o, int opt)
{
	switch (opt) {
	case 'o':
		o->output = optarg;
		return 0;
	case 'q':
		o->quiet = true;
		return 0;
	case OPT_FOLLOW:
		o->follow = true;
		return 0;
	case OPT_INTERVAL:
		return option_u64("interval", optarg, 1, 86400, &o->interval) ? 0 : EXIT_BAD;
	case OPT_TIMEOUT:
		o->limited = true;
		return option_u64("timeout", optarg, 0, 7 * 86400ULL, &o->timeout) ? 0 : EXIT_BAD;
	case 'h':
		show_help(&cmd_symbols);
		exit(EXIT_OK);
	default:
		return bad_usage(&cmd_symbols);
	}
}

static int run(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "follow", no_argument, NULL, OPT_FOLLOW },
		{ "interval", required_argument, NULL, OPT_INTERVAL },
		{ "timeout", required_argument, NULL, OPT_TIMEOUT },
		{ "output", required_argument, NULL, 'o' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct symbols_options o = { .interval = 5 };
	int opt, status = 0;

	while (!status && (opt = getopt_long(argc, argv, "o:qh", longopts, NULL)) != -1)
		status = set_option(&o, opt);
	if (!status && optind < argc) {
		warn("symbols takes no argument '%s'", argv[optind]);
		return bad_usage(&cmd_symbols);
	}
	if (!status && o.output && (o.follow || o.limited))
		status = fail(EXIT_BAD, "--output writes at once: it goes with neither --follow nor --timeout");
	if (!status && o.follow && o.limited)
		status = fail(EXIT_BAD, "--follow waits for ever: it does not go with --timeout");
	if (status)
		return status;
	return o.output ? write_file(&o) : send_all(&o);
}

const struct command cmd_symbols = {
	.name = "symbols",
	.summary = "in a guest: send what names its functions to the recording host",
	.help = help,
	.run = run,
};
