// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions and their capture: made, opened, checked, drained, truncated while
 * mapped, scribbled on, begun anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../tools/capture.h"
#include "../setup.h"
#include "stream.h"
#include "tap.h"

#define SIZE	(1ULL << 20)
#define RINGS	2
#define DATA	VMCOOP_RING_MIN
#define TICK	sizeof(struct vmcoop_guest_tick)
#define STRIDE	SETUP_STRIDE(DATA)

static char dir[64], path[96];

/* The guest's side of a region, as vmcoop_guest.ko plays it. */
static struct vmcoop_region *guest;
static struct vmcoop_ring rings[RINGS];

static void guest_rings(void)
{
	int i;

	for (i = 0; i < RINGS; i++)
		rings[i] = setup_ring(guest, i, DATA);
}

static void guest_setup(u64 epoch)
{
	guest->guest.epoch = 0;
	guest_rings();
	guest->guest = setup_guest(RINGS, DATA);
	strcpy(guest->guest.release, "6.1.0-test");
	guest->guest.epoch = epoch;
}

static void guest_write(int ring, u64 stamp)
{
	struct vmcoop_guest_tick rec = {
		.hdr = { .type = VMCOOP_GUEST_TICK, .size = sizeof(rec), .id = ring,
			 .stamp = stamp },
		.pid = 7, .tid = 7, .mode = VMCOOP_MODE_KERNEL,
	};

	vmcoop_ring_write(&rings[ring], &rec);
}

static void make_region(void)
{
	int fd;

	if (!*dir) {
		strcpy(dir, "/dev/shm/vmcoop-test-XXXXXX");
		if (!mkdtemp(dir)) {
			strcpy(dir, "/tmp/vmcoop-test-XXXXXX");
			if (!mkdtemp(dir))
				abort();
		}
	}
	snprintf(path, sizeof(path), "%s/region", dir);
	unlink(path);
	quiet = true;
	EQ(region_create(path, SIZE, -1, -1, 0600), 0);
	fd = open(path, O_RDWR);
	guest = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
}

static void drop_region(void)
{
	munmap(guest, SIZE);
	unlink(path);
	rmdir(dir);
	*dir = '\0';
	quiet = false;
}

/* A recording into memory. */
static int file;
static struct datafile_writer writer;
static struct capture cap;

static void begin(void)
{
	make_region();
	file = memfd_create("capture", 0);
	datafile_create_fd(&writer, dup(file), "capture", VMCOOP_ARCH_X86_64);
	capture_init(&cap, &writer);
	cap.region_dir = dir;
	datafile_chunk(&writer, CHUNK_INFO, 0, "clock_khz=1000000\n", 18);
}

/* The region, with VM @pid mapping it. */
static struct capture_region *attach(u32 pid)
{
	EQ(capture_add_region(&cap, path), REGION_OK);
	if (cap.nr_regions)
		capture_match(&cap, cap.regions[0], capture_vm(&cap, pid));
	return cap.regions[0];
}

static struct session session;
static u64 ticks_read;

static void count(void *ctx, const struct joined *j)
{
	(void)ctx;
	ticks_read += j->method == METHOD_TICK;
}

static void finish(void)
{
	struct datafile_reader r;

	EQ(capture_finish(&cap), 0);
	capture_free(&cap);
	EQ(datafile_finish(&writer), 0);
	lseek(file, 0, SEEK_SET);
	if (datafile_open_fd(&r, file, "capture"))
		abort();
	ticks_read = 0;
	session_read_from(&session, &r, count, NULL);
	CHECK(r.ended && !r.damage);
	datafile_close(&r);
	drop_region();
}

static bool has_note(const char *part)
{
	size_t i;

	for (i = 0; i < session.nr_notes; i++)
		if (strstr(session.notes[i], part))
			return true;
	return false;
}

static u64 sum_read(void)
{
	u64 sum = 0;
	size_t i;

	for (i = 0; i < session.nr_rings; i++)
		sum += session.rings[i].read;
	return sum;
}

/* ---- Files -------------------------------------------------------------------------- */

TEST(a_created_region_is_private_and_whole)
{
	struct stat st;

	make_region();
	EQ(stat(path, &st), 0);
	EQ(st.st_mode & 07777, 0600);
	EQ(st.st_size, SIZE);
	CHECK(st.st_blocks * 512ULL >= SIZE);
	EQ(guest->id.magic, VMCOOP_REGION_MAGIC);
	EQ(guest->id.version, VMCOOP_ABI_VERSION);
	EQ(guest->id.size, SIZE);
	EQ(guest->guest.epoch, 0);
	/* A second one does not take its place. */
	EQ(region_create(path, SIZE, -1, -1, 0600), EXIT_FAILED);
	drop_region();
}

TEST(a_link_in_its_place_is_not_followed)
{
	char target[96];
	struct region r;
	char why[REGION_WHY];

	make_region();
	snprintf(target, sizeof(target), "%s/elsewhere", dir);
	unlink(path);
	EQ(symlink(target, path), 0);
	EQ(region_create(path, SIZE, -1, -1, 0600), EXIT_FAILED);
	EQ(access(target, F_OK), -1);
	EQ(region_create(target, SIZE, -1, -1, 0600), 0);
	EQ(region_open(&r, path, why), REGION_UNREADABLE);
	EQ(region_open(&r, target, why), REGION_OK);
	region_close(&r);
	unlink(target);
	drop_region();
}

TEST(other_files_are_not_regions)
{
	char why[REGION_WHY] = "", fifo[96];
	struct region r;

	make_region();
	EQ(region_open(&r, "/proc/self/exe", why), REGION_UNREADABLE);
	EQ(region_open(&r, "/dev/null", why), REGION_FOREIGN);
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	EQ(mkfifo(fifo, 0600), 0);
	EQ(region_open(&r, fifo, why), REGION_FOREIGN);
	unlink(fifo);
	guest->id.magic++;
	EQ(region_open(&r, path, why), REGION_FOREIGN);
	guest->id.magic--;
	guest->id.version++;
	EQ(region_open(&r, path, why), REGION_BAD);
	CHECK(strstr(why, "version"));
	guest->id.version--;
	guest->id.size *= 2;
	EQ(region_open(&r, path, why), REGION_BAD);
	guest->id.size /= 2;
	EQ(truncate(path, SIZE / 2), 0);
	EQ(region_open(&r, path, why), REGION_BAD);
	EQ(truncate(path, 0), 0);
	EQ(region_open(&r, path, why), REGION_FOREIGN);
	drop_region();
}

TEST(region_sizes)
{
	CHECK(region_size_ok(256 << 10));
	CHECK(region_size_ok(4 << 20));
	CHECK(region_size_ok(1 << 30));
	CHECK(!region_size_ok(128 << 10));
	CHECK(!region_size_ok(3 << 20));
	CHECK(!region_size_ok(2ULL << 30));
	CHECK(!region_size_ok(0));
}

/* ---- Set-up -------------------------------------------------------------------------- */

static int read_setup(const struct region *r, struct region_setup *s)
{
	const char *why = NULL;
	int err = region_read_setup(r, s, &why);

	CHECK((err == -EPROTO) == (why != NULL));
	return err;
}

#define HOSTILE(field, value)						\
do {									\
	typeof(guest->guest.field) tap_was = guest->guest.field;	\
									\
	guest->guest.field = (value);					\
	if (!EQ(read_setup(&r, &s), -EPROTO))				\
		printf("#   with %s = %#llx\n", #field, (u64)(value));	\
	guest->guest.field = tap_was;					\
} while (0)

TEST(hostile_set_ups_are_refused)
{
	struct region_setup s;
	struct region r;
	char why[REGION_WHY];

	make_region();
	EQ(region_open(&r, path, why), REGION_OK);
	EQ(read_setup(&r, &s), -EAGAIN);
	guest_setup(1);
	memset(guest->guest.release, 'A', sizeof(guest->guest.release));
	EQ(read_setup(&r, &s), 0);
	EQ(s.nr_rings, RINGS);
	EQ(strlen(s.release), 64);
	HOSTILE(state, 3);
	HOSTILE(arch, 0);
	HOSTILE(arch, 99);
	HOSTILE(nr_rings, 0);
	HOSTILE(nr_rings, VMCOOP_REGION_MAX_RINGS + 1);
	HOSTILE(nr_rings, UINT32_MAX);
	HOSTILE(nr_rings, SIZE / STRIDE + 1);
	HOSTILE(page_size, 0);
	HOSTILE(page_size, 65536);
	HOSTILE(ring_off, 0);
	HOSTILE(ring_off, 4095);
	HOSTILE(ring_off, VMCOOP_REGION_PAGE + 8);
	HOSTILE(ring_off, SIZE);
	HOSTILE(ring_off, -(u64)VMCOOP_REGION_PAGE);
	HOSTILE(ring_stride, 0);
	HOSTILE(ring_stride, DATA);
	HOSTILE(ring_stride, STRIDE + 8);
	HOSTILE(ring_stride, 1ULL << 63);
	HOSTILE(ring_stride, -(u64)VMCOOP_REGION_PAGE);
	HOSTILE(data_size, 0);
	HOSTILE(data_size, DATA + 8);
	HOSTILE(data_size, 2 * DATA);
	HOSTILE(data_size, 1ULL << 63);
	HOSTILE(data_size, 3 * DATA);
	guest->guest.epoch = 0;
	EQ(read_setup(&r, &s), -EAGAIN);
	guest->guest.epoch = 2;
	guest->guest.state = VMCOOP_GUEST_STOPPED;
	EQ(read_setup(&r, &s), 0);
	guest->guest.state = VMCOOP_GUEST_NONE;
	EQ(read_setup(&r, &s), -EAGAIN);
	region_close(&r);
	drop_region();
}

/* ---- Capture -------------------------------------------------------------------------- */

TEST(what_a_guest_writes_is_in_the_file_and_adds_up)
{
	u64 i, n = 0;
	size_t k;

	begin();
	guest_setup(1);
	for (i = 0; i < 2000; i++)
		guest_write(i % 2, i);		/* before anybody reads */
	attach(100);
	capture_round(&cap);
	for (i = 0; i < 500; i++) {
		guest_write(i % 2, 10000 + i);
		n++;
		if (i % 100 == 99)
			EQ(capture_round(&cap), 0);
	}
	/* More than fits: dropped, and counted. */
	for (i = 0; i < 5000; i++)
		guest_write(0, 20000 + i);
	n += 5000;
	finish();
	EQ(session.nr_rings, 2);
	for (k = 0; k < session.nr_rings; k++) {
		CHECK(ring_balanced(&session.rings[k]));
		CHECK(session.rings[k].guest);
	}
	EQ(session.rings[0].produced, 250 + 5000);
	CHECK(session.rings[0].dropped > 0);
	EQ(session.rings[1].produced, 250);
	EQ(session.rings[1].dropped, 0);
	EQ(sum_read() + session.rings[0].dropped, n);
	STREQ(session.join.vms[0]->region, path);
	STREQ(session.join.vms[0]->guest ? session.join.vms[0]->release : "", "6.1.0-test");
	session_free(&session);
}

/* What a producer does that has not seen yet that somebody is attached. */
static void unseen_writes(int ring, u64 stamp, u64 n)
{
	rings[ring].cons->attached = 0;
	while (n--)
		guest_write(ring, stamp++);
	rings[ring].cons->attached = 1;
}

TEST(what_is_overwritten_before_the_reader_is_seen_adds_up)
{
	u64 fits = DATA / TICK, i;

	begin();
	guest_setup(1);
	for (i = 0; i < 2 * fits; i++)
		guest_write(i % 2, i);
	for (i = 0; i < fits; i++)
		guest_write(i % 2, 10000 + i);
	attach(100);
	capture_round(&cap);
	/* Only what is older than the reader; and what it was to read, too. */
	unseen_writes(0, 20000, 10);
	unseen_writes(1, 20000, fits + 10);
	CHECK(rings[0].prod->overwritten > 0);
	finish();
	EQ(session.nr_rings, 2);
	CHECK(ring_balanced(&session.rings[0]));
	EQ(session.rings[0].overwritten, 0);
	EQ(session.rings[0].consumed, 10);
	CHECK(ring_balanced(&session.rings[1]));
	CHECK(session.rings[1].overwritten >= 10);
	EQ(session.rings[1].consumed + session.rings[1].overwritten, fits + 10);
	session_free(&session);
}

TEST(attaching_asks_for_a_snapshot)
{
	struct capture_region *reg;

	begin();
	guest->host.snap_request = 41;
	guest_setup(1);
	reg = attach(100);
	CHECK(!capture_settled(&cap));
	capture_round(&cap);
	EQ(guest->host.snap_request, 42);
	EQ(rings[0].cons->attached, 1);
	CHECK(!capture_settled(&cap));
	guest->guest.snap_done = 42;
	capture_round(&cap);
	CHECK(capture_settled(&cap));
	EQ(reg->restarts, 0);
	finish();
	session_free(&session);
}

TEST(detached_at_the_end)
{
	struct vmcoop_region *mem;
	int fd;

	begin();
	guest_setup(1);
	attach(100);
	capture_round(&cap);
	EQ(rings[0].cons->attached, 1);
	fd = open(path, O_RDWR);
	mem = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	finish();
	EQ(((struct vmcoop_ring_cons *)((char *)mem + VMCOOP_REGION_PAGE))->attached, 0);
	munmap(mem, SIZE);
	session_free(&session);
}

TEST(a_file_truncated_while_mapped_ends_that_guest_only)
{
	static const off_t sizes[] = { 0, 4096, 8192, 12288, 45056 };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin();
		guest_setup(1);
		attach(100);
		capture_round(&cap);
		guest_write(0, 1);
		guest_write(1, 1);
		capture_round(&cap);
		guest_write(1, 2);
		EQ(truncate(path, sizes[i]), 0);
		EQ(capture_round(&cap), 0);
		EQ(capture_round(&cap), 0);
		CHECK(cap.regions[0]->r.gone);
		CHECK(cap.regions[0]->closed);
		finish();
		CHECK(has_note("truncated"));
		CHECK(!has_note("anew"));
		CHECK(sum_read() >= 2);
		session_free(&session);
	}
}

static void *truncate_soon(void *arg)
{
	usleep(20000);
	EQ(truncate(path, 0), 0);
	return arg;
}

TEST(a_file_truncated_in_the_midst_of_reading)
{
	pthread_t t;
	int i;

	for (i = 0; i < 10; i++) {
		begin();
		guest_setup(1);
		attach(100);
		capture_round(&cap);
		pthread_create(&t, NULL, truncate_soon, NULL);
		while (!cap.regions[0]->r.gone)
			capture_round(&cap);
		pthread_join(t, NULL);
		capture_round(&cap);
		finish();
		CHECK(has_note("truncated"));
		session_free(&session);
	}
}

TEST(corrupt_records_are_counted_and_passed_over)
{
	int i;

	begin();
	guest_setup(1);
	attach(100);
	capture_round(&cap);
	for (i = 0; i < 10; i++)
		guest_write(0, i);
	/* The fifth record's size: none can have it. */
	((struct vmcoop_hdr *)((char *)rings[0].data + 4 * TICK))->size = 12;
	capture_round(&cap);
	for (i = 0; i < 10; i++)
		guest_write(0, 100 + i);
	finish();
	EQ(session.rings[0].read, 14);
	EQ(session.rings[0].bad_bytes, 6 * TICK);
	EQ(session.rings[0].resyncs, 1);
	CHECK(!ring_balanced(&session.rings[0]));
	CHECK(has_note("no records"));
	session_free(&session);
}

TEST(a_record_longer_than_what_is_there_is_corrupt)
{
	begin();
	guest_setup(1);
	attach(100);
	capture_round(&cap);
	guest_write(0, 1);
	((struct vmcoop_hdr *)rings[0].data)->size = 4096;
	capture_round(&cap);
	guest_write(0, 2);
	finish();
	EQ(session.rings[0].read, 1);
	EQ(session.rings[0].bad_bytes, TICK);
	session_free(&session);
}

TEST(heads_that_jump_do_no_harm)
{
	static const u64 heads[] = { 0, 4, 1ULL << 40, ~0ULL, ~7ULL, 80 };
	size_t i;

	begin();
	guest_setup(1);
	attach(100);
	capture_round(&cap);
	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		rings[0].prod->head = heads[i];
		rings[0].prod->oldest = heads[(i + 2) % 6];
		EQ(capture_round(&cap), 0);
	}
	guest_write(1, 5);
	finish();
	EQ(session.rings[1].read, 1);
	session_free(&session);
}

TEST(a_set_up_anew_is_a_new_source)
{
	begin();
	guest_setup(1);
	attach(100);
	capture_round(&cap);
	guest_write(0, 1);
	capture_round(&cap);
	guest->guest.epoch = 0;			/* under way */
	capture_round(&cap);
	guest_setup(2);
	capture_round(&cap);
	guest_write(0, 2);
	guest_write(1, 3);
	finish();
	EQ(session.nr_rings, 4);
	EQ(sum_read(), 3);
	CHECK(has_note("anew"));
	CHECK(!ring_balanced(&session.rings[0]));
	STREQ(session.rings[0].lost, "set up anew");
	CHECK(ring_balanced(&session.rings[2]));
	session_free(&session);
}

TEST(a_region_put_back_in_time_is_noticed)
{
	char *saved = malloc(SIZE);

	begin();
	guest_setup(1);
	attach(100);
	capture_round(&cap);
	guest_write(0, 1);
	capture_round(&cap);
	memcpy(saved, guest, SIZE);
	guest_write(0, 2);
	guest_write(0, 3);
	capture_round(&cap);
	memcpy(guest, saved, SIZE);		/* loadvm */
	rings[0].own.head = rings[0].prod->head;
	rings[0].own.oldest = rings[0].prod->oldest;
	rings[0].own.produced = rings[0].prod->produced;
	capture_round(&cap);
	guest_write(0, 4);
	finish();
	EQ(sum_read(), 4);
	CHECK(has_note("back in time"));
	EQ(session.nr_rings, 4);
	CHECK(ring_balanced(&session.rings[2]));
	session_free(&session);
	free(saved);
}

TEST(a_guest_that_starts_anew_all_the_time_is_left_out)
{
	u64 i;

	begin();
	attach(100);
	for (i = 1; i < 3000; i++) {
		guest_setup(i);
		cap.regions[0]->next_try = 0;
		capture_round(&cap);
	}
	CHECK(cap.regions[0]->closed);
	finish();
	CHECK(session.nr_rings < 1000);
	CHECK(has_note("starts anew all the time"));
	session_free(&session);
}

TEST(a_region_of_two_vms_is_the_firsts)
{
	struct capture_region *reg;

	begin();
	guest_setup(1);
	reg = attach(100);
	capture_match(&cap, reg, capture_vm(&cap, 200));
	CHECK(reg->vm->pid == 100);
	CHECK(!capture_vm(&cap, 200)->region);
	finish();
	CHECK(has_note("left out"));
	session_free(&session);
}

TEST(regions_are_found_by_who_maps_them)
{
	char other[96];
	struct capture_vm *vm;

	begin();
	guest_setup(1);
	snprintf(other, sizeof(other), "%s/foreign", dir);
	close(open(other, O_CREAT | O_RDWR, 0600));
	/* This very process maps the region, as QEMU would. */
	vm = capture_vm(&cap, getpid());
	capture_scan(&cap);
	EQ(cap.nr_regions, 1);
	CHECK(vm->region == cap.regions[0]);
	capture_scan(&cap);
	EQ(cap.nr_regions, 1);
	CHECK(!vm->gone);
	unlink(other);
	finish();
	session_free(&session);
}

TEST(a_vm_that_wakes_up_is_read_at_once)
{
	struct capture_vm *vm;

	begin();
	guest_setup(1);
	capture_scan(&cap);
	vm = capture_vm(&cap, getpid());
	CHECK(vm->region && vm->region == cap.regions[0]);
	capture_round(&cap);
	EQ(rings[0].cons->attached, 1);
	finish();
	session_free(&session);
}

TEST(a_vm_that_dies_leaves_what_was_recorded)
{
	struct capture_vm *vm;
	pid_t pid;
	int i;

	begin();
	guest_setup(1);
	pid = fork();
	if (!pid) {
		pause();		/* the mapping is inherited */
		_exit(0);
	}
	vm = capture_vm(&cap, pid);
	capture_scan(&cap);
	CHECK(vm->region != NULL);
	capture_round(&cap);
	for (i = 0; i < 50; i++)
		guest_write(0, i);
	capture_round(&cap);
	for (i = 0; i < 50; i++)
		guest_write(1, i);
	kill(pid, SIGKILL);
	EQ(waitpid(pid, NULL, 0), pid);
	capture_scan(&cap);
	CHECK(vm->gone);
	EQ(rings[0].cons->attached, 0);
	/* Its region is free for the next VM, which is not the dead one. */
	capture_match(&cap, cap.regions[0], capture_vm(&cap, getpid()));
	capture_round(&cap);
	guest_write(0, 100);
	finish();
	CHECK(has_note("ended while recording"));
	EQ(sum_read(), 101);
	EQ(session.nr_rings, 4);
	CHECK(ring_balanced(&session.rings[0]) && ring_balanced(&session.rings[2]));
	session_free(&session);
}

/* ---- Host rings -------------------------------------------------------------------------- */

static u64 host_mem[2][2 * VMCOOP_REGION_PAGE / 8 + DATA / 8];

static void host_rings(struct vmcoop_ring *r)
{
	int i;

	for (i = 0; i < 2; i++) {
		r[i] = (struct vmcoop_ring){
			.cons = (void *)host_mem[i],
			.prod = (void *)(host_mem[i] + VMCOOP_REGION_PAGE / 8),
			.data = host_mem[i] + 2 * VMCOOP_REGION_PAGE / 8,
			.size = DATA,
		};
		vmcoop_ring_init(&r[i]);
	}
}

static void host_sample(struct vmcoop_ring *r, u32 vm, u64 stamp)
{
	struct vmcoop_host_sample rec = {
		.hdr = { .type = VMCOOP_HOST_SAMPLE, .size = sizeof(rec), .stamp = stamp,
			 .id = vm + 1 },
		.vm = vm, .mode = VMCOOP_MODE_USER, .period = 1,
	};
	struct vmcoop_hdr entry = {
		.type = VMCOOP_HOST_ENTRY, .size = sizeof(entry), .stamp = stamp, .id = vm + 1,
	};

	vmcoop_ring_write(r, &rec);
	vmcoop_ring_write(r, &entry);
}

TEST(a_round_promises_what_the_one_before_began_with)
{
	struct chunk_round round, before = { 0 };
	struct vmcoop_ring host[2];
	struct datafile_reader r;
	struct chunk c;
	int i, rounds = 0;

	begin();
	host_rings(host);
	EQ(capture_add_host(&cap, host, 2), 0);
	for (i = 0; i < 5; i++)
		capture_round(&cap);
	EQ(capture_finish(&cap), 0);
	capture_free(&cap);
	EQ(datafile_finish(&writer), 0);
	lseek(file, 0, SEEK_SET);
	EQ(datafile_open_fd(&r, file, "rounds"), 0);
	while (datafile_next(&r, &c)) {
		if (c.type == CHUNK_ROUND) {
			memcpy(&round, c.data, sizeof(round));
			EQ(round.watermark, before.now);
			CHECK(round.now > before.now);
			before = round;
			rounds++;
		}
		free(c.data);
	}
	EQ(rounds, 6);
	datafile_close(&r);
	drop_region();
}

TEST(only_the_vms_asked_for_are_kept)
{
	static const char *const wanted[] = { "111" };
	struct vmcoop_ring host[2];
	u64 i;

	begin();
	cap.only_vms = wanted;
	cap.nr_only_vms = 1;
	host_rings(host);
	EQ(capture_add_host(&cap, host, 2), 0);
	for (i = 0; i < 200; i++) {
		host_sample(&host[0], i % 4 ? 222 : 111, i);
		if (i % 50 == 49)
			capture_round(&cap);
	}
	EQ(cap.nr_vms, 1);
	finish();
	EQ(session.join.samples, 50);
	EQ(session.rings[0].consumed, 400);
	EQ(session.rings[0].filtered, 300);
	EQ(session.rings[0].read, 100);
	CHECK(ring_balanced(&session.rings[0]));
	CHECK(ring_balanced(&session.rings[1]));
	STREQ(session.rings[1].name, "cpu 0 nmi");
	session_free(&session);
}

TEST(each_of_several_files_can_be_read_alone_and_adds_up)
{
	char path[] = "/tmp/vmcoop-switch-XXXXXX", aside[64];
	struct vmcoop_ring host[2];
	u64 i;

	close(mkstemp(path));
	snprintf(aside, sizeof(aside), "%s.old", path);
	EQ(datafile_create(&writer, path, VMCOOP_ARCH_X86_64), 0);
	capture_init(&cap, &writer);
	cap.region_dir = "/nonexistent";
	datafile_chunk(&writer, CHUNK_INFO, 0, "clock_khz=1000000\n", 18);
	host_rings(host);
	EQ(capture_add_host(&cap, host, 2), 0);
	for (i = 0; i < 30; i++)
		host_sample(&host[0], 111, i);
	capture_round(&cap);
	for (; i < 40; i++)
		host_sample(&host[0], 111, i);
	EQ(capture_switch(&cap, ".old"), 0);
	for (; i < 47; i++)
		host_sample(&host[0], 111, i);
	EQ(capture_finish(&cap), 0);
	capture_free(&cap);
	EQ(datafile_finish(&writer), 0);

	EQ(session_read(&session, aside, count, NULL), 0);
	EQ(session.rings[0].consumed, 80);
	EQ(session.join.samples, 40);
	CHECK(ring_balanced(&session.rings[0]));
	session_free(&session);
	EQ(session_read(&session, path, count, NULL), 0);
	EQ(session.rings[0].consumed, 14);
	EQ(session.join.samples, 7);
	CHECK(ring_balanced(&session.rings[0]));
	session_free(&session);
	unlink(path);
	unlink(aside);
}

/* ---- Names -------------------------------------------------------------------------------- */

static const char *name_of(const char *cmdline, size_t len)
{
	static struct vmm_id id;

	vmm_id_from_cmdline(cmdline, len, &id);
	return id.name;
}

#define NAME(s)	name_of(s, sizeof(s))

TEST(vms_are_named_as_people_name_them)
{
	struct vmm_id id;

	STREQ(NAME("qemu\0-name\0web1\0-m\0" "2048"), "web1");
	STREQ(NAME("qemu\0-name\0guest=web2,debug-threads=on\0"), "web2");
	STREQ(NAME("qemu\0-name\0guest=a,,b,process=x"), "a,b");
	STREQ(NAME("firecracker\0--id\0vm-7"), "vm-7");
	STREQ(NAME("qemu\0-name\0process=x,debug-threads=on,guest=web3\0"), "web3");
	STREQ(NAME("qemu\0-name\0process=x\0"), "");
	STREQ(NAME("qemu\0-name\0a\0-name\0b\0"), "b");
	STREQ(NAME("qemu\0-m\0" "2048"), "");
	STREQ(NAME("qemu\0-name"), "");
	STREQ(NAME("qemu\0-name\0"), "");
	/* Not an option, but a kernel's argument. */
	STREQ(NAME("qemu\0-append\0root=/dev/vda -name x\0"), "");
	vmm_identify(getpid(), &id);
	CHECK(!strncmp(id.name, "test_region", 11));
	STREQ(id.uuid, "");
	vmm_identify(0x7ffffff0, &id);
	STREQ(id.name, "pid-2147483632");
	CHECK(vmm_start_time(getpid()) > 0);
	EQ(vmm_start_time(0x7ffffff0), 0);
}

#define UUID	"C7A5FDBD-EDAF-9455-926A-D65C16DB1809"

TEST(libvirts_uuid_names_a_vm_too)
{
	static const char cmdline[] = "/usr/bin/qemu-system-x86_64\0-name\0guest=web1,debug-threads=on\0"
				      "-uuid\0" UUID "\0-m\0" "2048";
	struct vmm_id id;

	vmm_id_from_cmdline(cmdline, sizeof(cmdline), &id);
	STREQ(id.name, "web1");
	STREQ(id.uuid, "c7a5fdbd-edaf-9455-926a-d65c16db1809");
	CHECK(vmm_matches(&id, 7, UUID));
	CHECK(vmm_matches(&id, 7, "web1"));
	CHECK(vmm_matches(&id, 7, "web*"));
	CHECK(vmm_matches(&id, 7, "7"));
	CHECK(!vmm_matches(&id, 7, "web"));
	CHECK(!vmm_matches(&id, 7, "8"));
	CHECK(!vmm_matches(&id, 7, ""));
	vmm_id_from_cmdline("q\0-uuid\0\033[2Jxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 45, &id);
	STREQ(id.uuid, "");
	/* A VM that is called by a number. */
	snprintf(id.name, sizeof(id.name), "42");
	CHECK(vmm_matches(&id, 7, "42"));
	snprintf(id.name, sizeof(id.name), "a[b]");
	CHECK(vmm_matches(&id, 7, "a[b]"));
}

TESTS(
	RUN(a_created_region_is_private_and_whole),
	RUN(a_link_in_its_place_is_not_followed),
	RUN(other_files_are_not_regions),
	RUN(region_sizes),
	RUN(hostile_set_ups_are_refused),
	RUN(what_a_guest_writes_is_in_the_file_and_adds_up),
	RUN(what_is_overwritten_before_the_reader_is_seen_adds_up),
	RUN(attaching_asks_for_a_snapshot),
	RUN(detached_at_the_end),
	RUN(a_file_truncated_while_mapped_ends_that_guest_only),
	RUN(a_file_truncated_in_the_midst_of_reading),
	RUN(corrupt_records_are_counted_and_passed_over),
	RUN(a_record_longer_than_what_is_there_is_corrupt),
	RUN(heads_that_jump_do_no_harm),
	RUN(a_set_up_anew_is_a_new_source),
	RUN(a_region_put_back_in_time_is_noticed),
	RUN(a_guest_that_starts_anew_all_the_time_is_left_out),
	RUN(a_region_of_two_vms_is_the_firsts),
	RUN(regions_are_found_by_who_maps_them),
	RUN(a_vm_that_wakes_up_is_read_at_once),
	RUN(a_vm_that_dies_leaves_what_was_recorded),
	RUN(a_round_promises_what_the_one_before_began_with),
	RUN(only_the_vms_asked_for_are_kept),
	RUN(each_of_several_files_can_be_read_alone_and_adds_up),
	RUN(vms_are_named_as_people_name_them),
	RUN(libvirts_uuid_names_a_vm_too),
)
