// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop-dump record: drains the host's and the guests' rings into a file.
 *
 * First the VMs introduce themselves (settle), then the window opens that
 * reports tell of: as long as a command runs, a duration lasts, or until a
 * signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arch.h"
#include "capture.h"
#include "commands.h"
#include "events.h"
#include "link.h"
#include "listener.h"
#include "output.h"

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

#define MAX_LIST	256
#define UNSET		UINT64_MAX
#define SETTLE_MIN_NS	(300 * 1000000ULL)
#define SETTLE_MAX_NS	(2 * NSEC_PER_SEC)
#define SETTLE_LISTEN_NS (3 * NSEC_PER_SEC)	/* guests may just be trying again */
#define AGAIN_MS	500		/* between two attempts to connect */
#define ROUND_MIN_MS	10
#define ROUND_MAX_MS	50

struct record_options {
	const char *output;
	u64 duration;			/* seconds, 0 without */
	const char *regions[MAX_LIST];
	size_t nr_regions;
	const char *vms[MAX_LIST];
	size_t nr_vms;
	char *events, *counted;		/* lists, NULL without */
	u64 period, freq;		/* 0 without */
	u64 count_us;			/* UNSET without */
	struct names specs;		/* both lists in the module's words */
	bool switches;			/* to new files: */
	u64 switch_bytes, switch_ns;	/* 0 without */
	u32 listen;			/* vsock port, 0 without */
	struct listener_cid cids[LISTENER_CIDS];
	size_t nr_cids;
	bool guest_only;
	u32 host_cid, host_port;	/* where a guest sends to, 0 without */
	bool quiet;
	char **command;
};

/**
 * struct recording - a recording under way
 * @opened: when the first window opened, 0 before
 * @window: the present file's, or connection's, is open
 * @stopped: the host asked the guest to end
 * @child: the command's process, 0 without
 * @base: the events' counts when the file began
 * @file_began: when that was
 * @sent: records of earlier connections and this one
 */
struct recording {
	const struct record_options *o;
	struct hostdev dev;
	struct datafile_writer w;
	struct capture c;
	struct listener l;
	bool window, stopped;
	u64 began, opened, last_second;
	pid_t child;
	struct vmcoop_host_event *base;
	u64 file_began;
	u64 sent;
	int round_ms;
	bool progress;
};

static volatile sig_atomic_t stop, switch_now;

static void on_signal(int sig)
{
	if (sig == SIGUSR2)
		switch_now = 1;
	else if (sig != SIGCHLD)
		stop = 1;
}

static void catch_signals(bool switches)
{
	struct sigaction sa = { .sa_handler = on_signal };
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP, SIGCHLD };
	size_t i;

	sigemptyset(&sa.sa_mask);
	for (i = 0; i < ARRAY_SIZE(sigs); i++)
		sigaction(sigs[i], &sa, NULL);
	if (switches)
		sigaction(SIGUSR2, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- Options -------------------------------------------------------------- */

static int add_vm(struct record_options *o, const char *arg)
{
	u64 pid;

	if (!*arg || (!arg[strspn(arg, "0123456789")] &&
		      !parse_u64(arg, 1, INT32_MAX, &pid)))
		return fail(EXIT_BAD, "--vm wants a VM's name, UUID or pid, not '%s'", arg);
	if (o->nr_vms == MAX_LIST)
		return fail(EXIT_BAD, "more than %d VMs named: leave --vm out", MAX_LIST);
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
	if (o->events || o->counted || o->period || o->freq || o->count_us != UNSET)
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
		return option_u64("duration", optarg, 1, 7 * 24 * 3600, &o->duration) ?
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
		if (o->nr_regions == MAX_LIST)
			return fail(EXIT_BAD, "more than %d regions", MAX_LIST);
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

static int parse(int argc, char **argv, struct record_options *o)
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
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt, status = 0;

	/* "+": options behind the command are the command's. */
	while (!status && (opt = getopt_long(argc, argv, "+o:e:c:F:qh", longopts, NULL)) != -1)
		status = parse_option(opt, o);
	if (!status && optind < argc)
		o->command = argv + optind;
	return status ?: check(o);
}

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
	u32 pids[MAX_LIST];
	size_t nr = vmm_list(pids, MAX_LIST), i, j;
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
	if (!status && o->count_us != UNSET)
		status = hostdev_command(d, "count_us %llu\n", o->count_us);
	return status ?: set_vms(d, o) ?: hostdev_update(d);
}

/* ---- What the file says of itself ----------------------------------------- */

static void put_info(struct recording *rec, int argc, char **argv)
{
	struct utsname u;
	struct kv kv = { 0 };
	char line[1024] = "";
	size_t n = 0;
	int i;

	uname(&u);
	for (i = 0; i < argc && n < sizeof(line); i++)
		n += snprintf(line + n, sizeof(line) - n, "%s%s", i ? " " : "", argv[i]);
	kv_str(&kv, "tool", "vmcoop-dump " VMCOOP_VERSION);
	kv_str(&kv, "command", line);
	kv_str(&kv, "hostname", u.nodename);
	kv_str(&kv, "release", u.release);
	kv_str(&kv, "arch", arch_name(ARCH_SELF));
	kv_u64(&kv, "cpus", sysconf(_SC_NPROCESSORS_ONLN));
	kv_u64(&kv, "clock_khz", rec->dev.info.clock_khz);
	kv_u64(&kv, "start_time", time(NULL));
	kv_u64(&kv, "start_counter", arch_counter());
	/* Reports tell of what lies between the WINDOW chunks' stamps alone. */
	kv_u64(&kv, "window", 1);
	if (rec->o->guest_only)
		kv_u64(&kv, "guest_only", 1);
	datafile_kv(&rec->w, CHUNK_INFO, 0, &kv);
}

static int put_events(struct recording *rec)
{
	u32 i;

	for (i = 0; i < rec->dev.info.nr_events; i++) {
		struct vmcoop_host_event ev;
		struct kv kv = { 0 };
		char name[sizeof(ev.name) + 1];
		const struct vmcoop_host_event *base = &rec->base[i];

		if (hostdev_event(&rec->dev, i, &ev))
			return EXIT_FAILED;
		copy_field(name, ev.name, sizeof(ev.name));
		kv_u64(&kv, "index", i);
		kv_str(&kv, "name", name);
		kv_u64(&kv, "type", ev.type);
		kv_u64(&kv, "config", ev.config);
		kv_u64(&kv, "config1", ev.config1);
		kv_u64(&kv, "config2", ev.config2);
		kv_u64(&kv, "eflags", ev.eflags);
		kv_u64(&kv, "period", ev.period);
		kv_u64(&kv, "freq", ev.freq);
		kv_u64(&kv, "eflags", ev.eflags);
		kv_u64(&kv, "overflows", ev.overflows - base->overflows);
		kv_u64(&kv, "in_guest", ev.in_guest - base->in_guest);
		kv_u64(&kv, "in_vmm", ev.in_vmm - base->in_vmm);
		kv_u64(&kv, "throttled", ev.throttled - base->throttled);
		datafile_kv(&rec->w, CHUNK_EVENT, 0, &kv);
	}
	return 0;
}

/* From here on events are counted from 0. */
static int rebase_events(struct recording *rec)
{
	u32 i;

	if (!rec->base)
		rec->base = xcalloc(rec->dev.info.nr_events, sizeof(*rec->base));
	for (i = 0; i < rec->dev.info.nr_events; i++)
		if (hostdev_event(&rec->dev, i, &rec->base[i]))
			return EXIT_FAILED;
	rec->file_began = now_ns();
	return 0;
}

static void put_window(struct recording *rec, const char *key)
{
	struct kv kv = { 0 };

	kv_u64(&kv, key, arch_counter());
	datafile_kv(&rec->w, CHUNK_WINDOW, 0, &kv);
}

/* ---- The command ---------------------------------------------------------- */

/* Starts the command; what exec says comes back through a close-on-exec pipe. */
static int start_command(struct recording *rec)
{
	int err = 0, fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return fail(EXIT_FAILED, "cannot make a pipe: %s", strerror(errno));
	rec->child = fork();
	if (!rec->child) {
		signal(SIGPIPE, SIG_DFL);
		execvp(rec->o->command[0], rec->o->command);
		err = errno;
		if (write(fds[1], &err, sizeof(err)) < 0)
			_exit(126);
		_exit(127);
	}
	close(fds[1]);
	if (rec->child < 0) {
		rec->child = 0;
		err = errno;
	} else {
		while (read(fds[0], &err, sizeof(err)) < 0 && errno == EINTR)
			;
	}
	close(fds[0]);
	if (!err)
		return 0;
	if (rec->child)
		waitpid(rec->child, NULL, 0);
	rec->child = 0;
	return fail(EXIT_FAILED, "cannot run '%s': %s", rec->o->command[0], strerror(err));
}

static bool command_ended(struct recording *rec)
{
	int wstatus;

	if (!rec->child || waitpid(rec->child, &wstatus, WNOHANG) != rec->child)
		return false;
	rec->child = 0;
	if (WIFSIGNALED(wstatus))
		warn("the command was killed by signal %d", WTERMSIG(wstatus));
	else if (WEXITSTATUS(wstatus))
		warn("the command ended with status %d", WEXITSTATUS(wstatus));
	return true;
}

/* Stopped by a signal or an error: the command has no reason to go on. */
static void end_command(struct recording *rec)
{
	int tries;

	if (!rec->child)
		return;
	kill(rec->child, SIGTERM);
	for (tries = 0; tries < 50 && rec->child; tries++) {
		usleep(20000);
		command_ended(rec);
	}
	if (rec->child)
		warn("the command (pid %d) still runs", rec->child);
}

/* ---- Rounds --------------------------------------------------------------- */

static void show_progress(struct recording *rec, bool last)
{
	const struct capture *c = &rec->c;
	struct winsize ws;
	size_t i, live = 0;
	int width = 79;
	char line[160];

	if (!rec->progress)
		return;
	for (i = 0; i < c->nr_vms; i++)
		live += !c->vms[i]->gone;
	snprintf(line, sizeof(line), "%llu s, %llu records, %.1f MB, %zu VMs, %llu dropped",
		 (now_ns() - rec->began) / NSEC_PER_SEC, c->records, c->bytes / 1e6, live,
		 capture_dropped(c));
	/* A line that wraps would not be overwritten. */
	if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) && ws.ws_col)
		width = ws.ws_col - 1;
	fprintf(stderr, "\r%.*s\033[K%s", width, line, last ? "\n" : "");
	progress_shown = !last;
}

static void pause_round(struct recording *rec)
{
	struct timespec ts;

	/* Rings that fill fast are drained often. */
	if (rec->c.fill > 0.25)
		rec->round_ms /= 2;
	else if (rec->c.fill < 0.1)
		rec->round_ms += 5;
	if (rec->round_ms < ROUND_MIN_MS)
		rec->round_ms = ROUND_MIN_MS;
	if (rec->round_ms > ROUND_MAX_MS)
		rec->round_ms = ROUND_MAX_MS;
	ts = (struct timespec){ .tv_nsec = rec->round_ms * 1000000L };
	nanosleep(&ts, NULL);
}

/* Guests that connect may be trying to, and then have to tell their tasks. */
static bool settled(const struct recording *rec)
{
	return capture_settled(&rec->c) && listener_settled(&rec->l) &&
	       (!rec->o->listen || listener_connected(&rec->l));
}

/* Opens the window once the VMs have told what there is to tell. */
static int maybe_open_window(struct recording *rec)
{
	u64 since = now_ns() - rec->began;
	int status;

	if (since < SETTLE_MIN_NS)
		return 0;
	if (!settled(rec)) {
		if (since < (rec->o->listen ? SETTLE_LISTEN_NS : SETTLE_MAX_NS))
			return 0;
		capture_note(&rec->c, "not every guest has told its tasks yet (module not loaded, or guest idle): the recording begins all the same");
	}
	if (rec->o->command && !rec->opened) {
		status = start_command(rec);
		if (status)
			return status;
	}
	put_window(rec, "begin");
	rec->window = true;
	rec->opened = rec->opened ?: now_ns();
	return 0;
}

static bool window_over(struct recording *rec)
{
	if (stop || rec->stopped || (rec->opened && rec->o->command && command_ended(rec)))
		return true;
	return rec->opened && rec->o->duration &&
	       now_ns() - rec->opened >= rec->o->duration * NSEC_PER_SEC;
}

static bool switch_due(const struct recording *rec)
{
	const struct record_options *o = rec->o;

	if (!rec->window || !o->switches)
		return false;
	return switch_now || (o->switch_bytes && rec->w.good >= o->switch_bytes) ||
	       (o->switch_ns && now_ns() - rec->file_began >= o->switch_ns);
}

/* The file so far goes aside under its time, whole; a new one begins. */
static int switch_file(struct recording *rec)
{
	struct timespec ts;
	char suffix[32];
	struct tm tm;
	size_t n;
	int status;

	switch_now = 0;
	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	n = strftime(suffix, sizeof(suffix), ".%Y%m%d%H%M%S", &tm);
	snprintf(suffix + n, sizeof(suffix) - n, "%02ld", ts.tv_nsec / 10000000);
	put_window(rec, "end");
	status = put_events(rec) ?: capture_switch(&rec->c, suffix);
	if (status)
		return status;
	put_window(rec, "begin");
	/* START has the module tell every vCPU's state anew. */
	return rec->o->guest_only ? 0 : rebase_events(rec) ?: hostdev_start(&rec->dev);
}

static int run_rounds(struct recording *rec)
{
	int status = 0;
	u64 now;

	rec->began = rec->last_second = now_ns();
	rec->round_ms = ROUND_MIN_MS;
	rec->window = rec->stopped = false;
	while (!status && !window_over(rec)) {
		status = capture_round(&rec->c);
		now = now_ns();
		/* While settling VMs are looked for often, later once a second. */
		if (!rec->window || now - rec->last_second >= NSEC_PER_SEC) {
			if (!rec->o->guest_only)
				capture_scan(&rec->c);
			show_progress(rec, false);
			rec->last_second = now;
		}
		if (!status && switch_due(rec))
			status = switch_file(rec);
		if (!status && !rec->window)
			status = maybe_open_window(rec);
		if (rec->o->host_port)
			rec->stopped = link_stopped(rec->w.fd);
		if (!status)
			pause_round(rec);
	}
	return status;
}

static int record(struct recording *rec, int argc, char **argv)
{
	int status;

	put_info(rec, argc, argv);
	status = capture_add_host(&rec->c, rec->dev.rings, rec->dev.info.nr_rings) ?:
		 rebase_events(rec) ?: put_events(rec) ?: hostdev_start(&rec->dev);
	if (status)
		return status;
	status = run_rounds(rec);
	put_window(rec, "end");
	if (hostdev_stop(&rec->dev) && !status)
		status = EXIT_FAILED;
	show_progress(rec, true);
	listener_finish(&rec->l);
	if (capture_finish(&rec->c) || put_events(rec))
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
		catch_signals(o->switches);
		rec.progress = !o->quiet && isatty(STDERR_FILENO);
		capture_init(&rec.c, &rec.w);
		rec.c.only_vms = o->vms;
		rec.c.nr_only_vms = o->nr_vms;
		status = listen_to_guests(&rec) ?: add_regions(&rec) ?: record(&rec, argc, argv);
		end_command(&rec);
		if (!status && !o->quiet)
			fprintf(stderr, "Wrote %llu records (%.1f MB) of %zu VMs to %s\n",
				rec.c.records, rec.c.bytes / 1e6, rec.c.nr_vms, o->output);
		listener_free(&rec.l);
		capture_free(&rec.c);
	}
	free(rec.base);
	ended = datafile_finish(&rec.w);
	hostdev_close(&rec.dev);
	return status ?: ended;
}

/* ---- In a guest ----------------------------------------------------------- */

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
	status = run_rounds(rec);
	put_window(rec, "end");
	show_progress(rec, true);
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
		put_info(rec, argc, argv);
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
	const struct timespec ts = { .tv_nsec = AGAIN_MS * 1000000 };
	const struct record_options *o = rec->o;

	while (!window_over(rec)) {
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
	free(name);
	put_info(rec, argc, argv);
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
	const struct timespec ts = { .tv_nsec = AGAIN_MS * 1000000 };
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

static int record_guest(const struct record_options *o, int argc, char **argv)
{
	struct recording rec = { .o = o, .dev.fd = -1, .w.fd = -1, .l.fd = -1 };
	int status;

	rec.progress = !o->quiet && isatty(STDERR_FILENO);
	catch_signals(o->switches);
	status = o->host_port ? guest_to_host(&rec, argc, argv) :
				guest_to_file(&rec, argc, argv);
	end_command(&rec);
	return status;
}

static int run(int argc, char **argv)
{
	struct record_options o = { .output = DATA_FILE, .count_us = UNSET };
	int status = parse(argc, argv, &o);

	if (!status)
		status = o.guest_only ? record_guest(&o, argc, argv) : record_to_file(&o, argc, argv);

	names_free(&o.specs);
	free(o.events);
	free(o.counted);
	return status;
}

const struct command cmd_record = {
	.name = "record",
	.summary = "record the VMs of this host into a data file",
	.help = help,
	.run = run,
};
