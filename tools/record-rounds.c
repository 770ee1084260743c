// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording: rounds in which rings are drained into a file, until it is over.
 *
 * First the VMs introduce themselves (settle), then the window opens that reports
 * tell of: as long as a command runs, a duration lasts, or until a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arch.h"
#include "commands.h"
#include "link.h"
#include "output.h"
#include "record.h"

#define SETTLE_MIN_NS	(300 * 1000000ULL)
#define SETTLE_MAX_NS	(2 * NSEC_PER_SEC)
#define SETTLE_LISTEN_NS (3 * NSEC_PER_SEC)	/* guests may just be trying again */

static volatile sig_atomic_t stop, switch_now;

static void on_signal(int sig)
{
	if (sig == SIGUSR2)
		switch_now = 1;
	else if (sig != SIGCHLD)
		stop = 1;
}

void recording_catch_signals(bool switches)
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

/* ---- What the file says of itself ----------------------------------------- */

void recording_put_info(struct recording *rec, int argc, char **argv)
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

int recording_put_events(struct recording *rec)
{
	u32 i;

	for (i = 0; i < rec->dev.info.nr_events; i++) {
		struct vmcoop_host_event ev;
		struct kv kv = { 0 };
		char name[sizeof(ev.name) + 1];
		const struct vmcoop_host_event *base = &rec->base[i];

		if (hostdev_event(&rec->dev, i, &ev))
			return EXIT_FAILED;
		rec->told[i] = ev;
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

int recording_start_counts(struct recording *rec)
{
	u32 nr = rec->dev.info.nr_events, i;

	rec->base = xcalloc(nr, sizeof(*rec->base));
	rec->told = xcalloc(nr, sizeof(*rec->told));
	for (i = 0; i < nr; i++)
		if (hostdev_event(&rec->dev, i, &rec->base[i]))
			return EXIT_FAILED;
	return 0;
}

void recording_put_window(struct recording *rec, const char *key)
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

void recording_end_command(struct recording *rec)
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

void recording_progress(struct recording *rec, bool last)
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
	recording_put_window(rec, "begin");
	rec->window = true;
	rec->opened = rec->opened ?: now_ns();
	return 0;
}

bool recording_over(struct recording *rec)
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
	recording_put_window(rec, "end");
	status = recording_put_events(rec) ?: capture_switch(&rec->c, suffix);
	if (status)
		return status;
	recording_put_window(rec, "begin");
	rec->file_began = now_ns();
	if (rec->o->guest_only)
		return 0;
	/* What the last file has told of is not this one's. */
	memcpy(rec->base, rec->told, rec->dev.info.nr_events * sizeof(*rec->base));
	/* START has the module tell every vCPU's state anew. */
	return hostdev_start(&rec->dev);
}

int recording_run(struct recording *rec)
{
	int status = 0;
	u64 now;

	rec->began = rec->last_second = rec->file_began = now_ns();
	rec->pause_ms = CAPTURE_PAUSE_MIN_MS;
	rec->window = rec->stopped = false;
	while (!status && !recording_over(rec)) {
		status = capture_round(&rec->c);
		now = now_ns();
		/* While settling VMs are looked for often, later once a second. */
		if (!rec->window || now - rec->last_second >= NSEC_PER_SEC) {
			if (!rec->o->guest_only)
				capture_scan(&rec->c);
			recording_progress(rec, false);
			rec->last_second = now;
		}
		if (!status && switch_due(rec))
			status = switch_file(rec);
		if (!status && !rec->window)
			status = maybe_open_window(rec);
		if (rec->o->host_port)
			rec->stopped = link_stopped(rec->w.fd);
		if (!status)
			rec->pause_ms = capture_pause(&rec->c, rec->pause_ms);
	}
	return status;
}
