// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening /dev/vmcoop and mapping its rings: see hostdev.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch.h"
#include "hostdev.h"

static int open_failed(void)
{
	switch (errno) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return fail(EXIT_FAILED, "no " HOSTDEV_PATH ": load the host module "
			    "(insmod vmcoop_host.ko)");
	case EACCES:
	case EPERM:
		return fail(EXIT_FAILED, "cannot open " HOSTDEV_PATH ": %s: be root, and mind "
			    "kernel lockdown (confidentiality)", strerror(errno));
	case EBUSY:
		return fail(EXIT_FAILED, HOSTDEV_PATH " is in use: another vmcoop-dump "
			    "records already");
	default:
		return fail(EXIT_FAILED, "cannot open " HOSTDEV_PATH ": %s", strerror(errno));
	}
}

/* The module is trusted, yet may be of another version than this program. */
static int check_info(const struct vmcoop_host_info *i)
{
	long page = sysconf(_SC_PAGESIZE);

	if (i->abi != VMCOOP_ABI_VERSION)
		return fail(EXIT_FAILED, "vmcoop_host.ko speaks version %u, this vmcoop-dump "
			    "version %u: use both from one build", i->abi, VMCOOP_ABI_VERSION);
	if (i->arch != ARCH_SELF || !vmcoop_ring_size_ok(i->data_size) || !i->clock_khz ||
	    i->prod_off < sizeof(struct vmcoop_ring_cons) || i->prod_off % page ||
	    i->data_off < i->prod_off + sizeof(struct vmcoop_ring_prod) ||
	    i->ring_stride < i->data_off + i->data_size || i->ring_stride % page)
		return fail(EXIT_FAILED, HOSTDEV_PATH " describes impossible rings");
	return 0;
}

static int map_ring(struct hostdev *d, u32 r)
{
	const struct vmcoop_host_info *i = &d->info;
	struct vmcoop_ring *ring = &d->rings[r];
	off_t at = r * i->ring_stride;
	void *cons, *prod;

	cons = mmap(NULL, i->prod_off, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd, at);
	if (cons == MAP_FAILED)
		goto failed;
	ring->cons = cons;
	prod = mmap(NULL, i->data_off - i->prod_off + i->data_size, PROT_READ, MAP_SHARED,
		    d->fd, at + i->prod_off);
	if (prod == MAP_FAILED)
		goto failed;
	ring->prod = prod;
	ring->data = (__u64 *)((char *)prod + (i->data_off - i->prod_off));
	ring->size = i->data_size;
	return 0;
failed:
	return fail(EXIT_FAILED, "cannot map ring %u of " HOSTDEV_PATH ": %s", r,
		    strerror(errno));
}

int hostdev_open(struct hostdev *d)
{
	int status;
	u32 r;

	memset(d, 0, sizeof(*d));
	d->fd = open(HOSTDEV_PATH, O_RDWR | O_CLOEXEC);
	if (d->fd < 0)
		return open_failed();
	if (ioctl(d->fd, VMCOOP_IOC_INFO, &d->info)) {
		status = fail(EXIT_FAILED, errno == ENOTTY ?
			      HOSTDEV_PATH " is a guest's: give --guest-only here, or run this on the host" :
			      HOSTDEV_PATH " is not vmcoop's: %s", strerror(errno));
		hostdev_close(d);
		return status;
	}
	status = check_info(&d->info);
	if (!status)
		d->rings = xcalloc(d->info.nr_rings, sizeof(*d->rings));
	for (r = 0; !status && r < d->info.nr_rings; r++)
		status = map_ring(d, r);
	if (status)
		hostdev_close(d);
	return status;
}

void hostdev_close(struct hostdev *d)
{
	const struct vmcoop_host_info *i = &d->info;
	u32 r;

	for (r = 0; d->rings && r < i->nr_rings; r++) {
		if (d->rings[r].cons)
			munmap(d->rings[r].cons, i->prod_off);
		if (d->rings[r].prod)
			munmap(d->rings[r].prod, i->data_off - i->prod_off + i->data_size);
	}
	free(d->rings);
	d->rings = NULL;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

/* ---- Control -------------------------------------------------------------- */

/* The module's own words for what it refused; its errno is @err. */
static int refused(struct hostdev *d, const char *what, int err)
{
	int status = err == EINVAL ? EXIT_BAD : EXIT_FAILED;
	struct vmcoop_host_message m = { 0 };
	char text[sizeof(m.text) + 1];

	if (!ioctl(d->fd, VMCOOP_IOC_MESSAGE, &m) && *m.text) {
		copy_field(text, m.text, sizeof(m.text));
		return fail(status, "the host module: %s", text);
	}
	return fail(status, "the host module %s: %s", what, strerror(err));
}

static int other_build(void)
{
	return fail(EXIT_FAILED, "the vmcoop_host.ko that is loaded is older than this vmcoop-dump: "
		    "rmmod vmcoop_host, and insmod the one of the same build");
}

int hostdev_command(struct hostdev *d, const char *fmt, ...)
{
	struct vmcoop_host_message m;
	va_list ap;
	char *line;
	int len, err;

	/* Modules without commands have no words about them either. */
	if (ioctl(d->fd, VMCOOP_IOC_MESSAGE, &m))
		return other_build();
	va_start(ap, fmt);
	len = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (len < 0)
		return fail(EXIT_FAILED, "out of memory");
	err = write(d->fd, line, len) == len ? 0 : errno ?: EINVAL;
	free(line);
	return err ? refused(d, "refuses a command", err) : 0;
}

int hostdev_update(struct hostdev *d)
{
	if (!ioctl(d->fd, VMCOOP_IOC_INFO, &d->info))
		return 0;
	return fail(EXIT_FAILED, "the host module does not tell of itself: %s", strerror(errno));
}

int hostdev_start(struct hostdev *d)
{
	if (!ioctl(d->fd, VMCOOP_IOC_START))
		return 0;
	return refused(d, "cannot start its events", errno);
}

int hostdev_stop(struct hostdev *d)
{
	if (!ioctl(d->fd, VMCOOP_IOC_STOP))
		return 0;
	return refused(d, "cannot stop its events", errno);
}

int hostdev_event(struct hostdev *d, u32 index, struct vmcoop_host_event *ev)
{
	memset(ev, 0, sizeof(*ev));
	ev->index = index;
	if (!ioctl(d->fd, VMCOOP_IOC_EVENT, ev))
		return 0;
	if (errno == ENOTTY)
		return other_build();
	return fail(EXIT_FAILED, "the host module does not tell of its event %u: %s", index,
		    strerror(errno));
}
