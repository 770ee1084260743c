// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making, opening and checking shared regions: see region.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "region.h"

bool region_size_ok(u64 size)
{
	return size >= REGION_MIN && size <= REGION_MAX && !(size & (size - 1));
}

/* ---- Truncated files ------------------------------------------------------ */

/* Mapped regions, for the signal handler: a slot is set last, cleared first. */
#define MAX_MAPPED	4096
static struct region *mapped[MAX_MAPPED];

/*
 * The file no longer backs the mapping. Zeros of our own take its place, so
 * whoever was reading goes on, finds nothing sensible and then @gone.
 */
static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	uintptr_t addr = (uintptr_t)info->si_addr;
	int saved = errno;
	size_t i;

	(void)context;
	for (i = 0; i < MAX_MAPPED; i++) {
		struct region *r = __atomic_load_n(&mapped[i], __ATOMIC_ACQUIRE);

		if (!r || addr - (uintptr_t)r->mem >= r->size)
			continue;
		if (mmap(r->mem, r->size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) ==
		    MAP_FAILED)
			break;
		r->gone = true;
		errno = saved;
		return;
	}
	/* Not ours: die of it as if there were no handler. */
	signal(sig, SIG_DFL);
}

static bool region_track(struct region *r)
{
	static bool installed;
	size_t i;

	if (!installed) {
		struct sigaction sa = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };

		sigemptyset(&sa.sa_mask);
		sigaction(SIGBUS, &sa, NULL);
		installed = true;
	}
	for (i = 0; i < MAX_MAPPED; i++) {
		if (!mapped[i]) {
			__atomic_store_n(&mapped[i], r, __ATOMIC_RELEASE);
			return true;
		}
	}
	return false;
}

static void region_untrack(const struct region *r)
{
	size_t i;

	for (i = 0; i < MAX_MAPPED; i++) {
		if (mapped[i] == r) {
			__atomic_store_n(&mapped[i], NULL, __ATOMIC_RELEASE);
			break;
		}
	}
}

/* ---- Making --------------------------------------------------------------- */

static int region_init(int fd, u64 size)
{
	struct vmcoop_region_id *id;
	int err = posix_fallocate(fd, 0, size);

	if (err)
		return err;
	id = mmap(NULL, sizeof(*id), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (id == MAP_FAILED)
		return errno;
	id->version = VMCOOP_ABI_VERSION;
	id->size = size;
	/* Whoever sees the magic sees the rest. */
	vmcoop_store_release(&id->magic, VMCOOP_REGION_MAGIC);
	munmap(id, sizeof(*id));
	return 0;
}

int region_create(const char *path, u64 size, gid_t gid, uid_t uid, mode_t mode)
{
	/* O_EXCL follows no symbolic link, and 0600 lets nobody in early. */
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), err = 0;

	if (fd < 0)
		return fail(EXIT_FAILED, "cannot create '%s': %s%s", path, strerror(errno),
			    errno == EEXIST ? " (--force replaces it)" : "");
	if (fchown(fd, uid, gid) || fchmod(fd, mode))
		err = errno;
	if (!err)
		err = region_init(fd, size);
	close(fd);
	if (!err)
		return 0;
	unlink(path);
	return fail(EXIT_FAILED, "cannot set up '%s' with %llu bytes: %s", path, size,
		    strerror(err));
}

/* ---- Opening -------------------------------------------------------------- */

static enum region_state region_check(struct region *r, int fd, char why[REGION_WHY])
{
	struct vmcoop_region_id id;
	struct stat st;

	if (fstat(fd, &st))
		return REGION_UNREADABLE;
	if (!S_ISREG(st.st_mode) ||
	    pread(fd, &id, sizeof(id), 0) != sizeof(id) || id.magic != VMCOOP_REGION_MAGIC)
		return REGION_FOREIGN;
	if (id.version != VMCOOP_ABI_VERSION) {
		snprintf(why, REGION_WHY, "it is of version %u, this vmcoop-dump knows %u",
			 id.version, VMCOOP_ABI_VERSION);
		return REGION_BAD;
	}
	if (!region_size_ok(id.size) || id.size != (u64)st.st_size) {
		snprintf(why, REGION_WHY, "it says it has %llu bytes, the file has %llu",
			 id.size, (u64)st.st_size);
		return REGION_BAD;
	}
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	r->size = id.size;
	return REGION_OK;
}

enum region_state region_open(struct region *r, const char *path, char why[REGION_WHY])
{
	/* O_NONBLOCK: a FIFO in our place must not hold us up. */
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct region found = { .gone = false };
	enum region_state state;

	if (fd < 0)
		return REGION_UNREADABLE;
	state = region_check(&found, fd, why);
	if (state == REGION_OK) {
		found.mem = mmap(NULL, found.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (found.mem == MAP_FAILED)
			state = REGION_UNREADABLE;
	}
	close(fd);
	if (state != REGION_OK)
		return state;
	*r = found;
	r->path = xstrdup(path);
	if (region_track(r))
		return REGION_OK;
	snprintf(why, REGION_WHY, "it is one too many: %d are mapped", MAX_MAPPED);
	region_close(r);
	return REGION_BAD;
}

/* In words for who runs record in a guest. */
static int no_device(void)
{
	switch (errno) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return fail(EXIT_FAILED, "no " REGION_DEVICE " in this guest: load its module with a region in memory (insmod vmcoop_guest.ko memory=4M)");
	case EACCES:
	case EPERM:
		return fail(EXIT_FAILED, "cannot open " REGION_DEVICE ": %s: be root, and mind kernel lockdown",
			    strerror(errno));
	case EBUSY:
		return fail(EXIT_FAILED, REGION_DEVICE " is in use: another vmcoop-dump records in this guest already");
	default:
		return fail(EXIT_FAILED, "cannot open " REGION_DEVICE ": %s", strerror(errno));
	}
}

/* The size that the region's first page tells, 0 if that is none of ours. */
static u64 device_region_size(int fd)
{
	const struct vmcoop_region_id *id;
	u64 size = 0;

	id = mmap(NULL, VMCOOP_REGION_PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (id == MAP_FAILED)
		return 0;
	if (id->magic == VMCOOP_REGION_MAGIC && id->version == VMCOOP_ABI_VERSION &&
	    region_size_ok(id->size))
		size = id->size;
	munmap((void *)id, VMCOOP_REGION_PAGE);
	return size;
}

int region_open_device(struct region *r)
{
	int fd = open(REGION_DEVICE, O_RDWR | O_CLOEXEC);
	struct region found = { .gone = false };

	if (fd < 0)
		return no_device();
	found.size = device_region_size(fd);
	found.mem = found.size ? mmap(NULL, found.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) :
				 MAP_FAILED;
	/* The mapping keeps the device open. */
	close(fd);
	if (found.mem == MAP_FAILED)
		return fail(EXIT_FAILED, REGION_DEVICE " holds no guest's region of this version: "
			    "--guest-only is for guests, with vmcoop_guest.ko and vmcoop-dump of one release");
	*r = found;
	r->path = xstrdup(REGION_DEVICE);
	return 0;
}

void region_close(struct region *r)
{
	region_untrack(r);
	if (r->mem)
		munmap(r->mem, r->size);
	r->mem = NULL;
	free(r->path);
	r->path = NULL;
}

/* ---- The guest's part ----------------------------------------------------- */

static const char *setup_fault(const struct region *r, const struct vmcoop_region_guest *g)
{
	u64 need = 2ULL * VMCOOP_REGION_PAGE;

	if (g->state != VMCOOP_GUEST_RUNNING && g->state != VMCOOP_GUEST_STOPPED)
		return "no such state";
	if (g->arch != VMCOOP_ARCH_X86_64 && g->arch != VMCOOP_ARCH_ARM64)
		return "no such architecture";
	if (!g->nr_rings || g->nr_rings > VMCOOP_REGION_MAX_RINGS)
		return "impossible number of rings";
	if (g->page_size != VMCOOP_REGION_PAGE)
		return "impossible page size";
	if (!vmcoop_ring_size_ok(g->data_size))
		return "impossible ring size";
	need += g->data_size;
	if (g->ring_off < VMCOOP_REGION_PAGE || g->ring_off % VMCOOP_REGION_PAGE ||
	    g->ring_off > r->size)
		return "first ring at an impossible place";
	if (g->ring_stride < need || g->ring_stride % VMCOOP_REGION_PAGE ||
	    g->ring_stride > r->size)
		return "impossible distance of rings";
	/* Neither factor is above 2^30 here: no overflow. */
	if (g->nr_rings * g->ring_stride > r->size - g->ring_off)
		return "rings behind the region's end";
	return NULL;
}

int region_read_setup(const struct region *r, struct region_setup *s, const char **why)
{
	const struct vmcoop_region_guest *shared = &r->mem->guest;
	struct vmcoop_region_guest g;
	u64 epoch = vmcoop_load_acquire(&shared->epoch);

	memcpy(&g, (const void *)shared, sizeof(g));
	/* The copy is made before the epoch is read again. */
	vmcoop_rmb();
	if (!epoch || vmcoop_load(&shared->epoch) != epoch || g.state == VMCOOP_GUEST_NONE)
		return -EAGAIN;
	*why = setup_fault(r, &g);
	if (*why)
		return -EPROTO;
	*s = (struct region_setup){
		.epoch = epoch,
		.state = g.state,
		.arch = g.arch,
		.nr_rings = g.nr_rings,
		.ring_off = g.ring_off,
		.ring_stride = g.ring_stride,
		.data_size = g.data_size,
		.unread = g.unread,
		.clock_khz = g.clock_khz,
	};
	copy_field(s->release, g.release, sizeof(g.release));
	return 0;
}

void region_ring(const struct region *r, const struct region_setup *s, u32 i,
		 struct vmcoop_ring *ring)
{
	char *base = (char *)r->mem + s->ring_off + i * s->ring_stride;

	memset(ring, 0, sizeof(*ring));
	ring->cons = (struct vmcoop_ring_cons *)base;
	ring->prod = (struct vmcoop_ring_prod *)(base + VMCOOP_REGION_PAGE);
	ring->data = (__u64 *)(base + 2UL * VMCOOP_REGION_PAGE);
	ring->size = s->data_size;
}
