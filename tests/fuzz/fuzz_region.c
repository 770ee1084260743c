// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile guest's region, read as vmcoop-dump record does: a region of two rings with
 * records is attached to, and the input scribbles on it between the rounds.
 *
 * The input is a row of pokes: 4 bytes say where (bits 0..21; values on the pages of the
 * header and the rings are likelier: bit 30), 1 byte how many bytes follow (0..15; bit 4:
 * a round of reading before them; bit 5: the file is truncated), then these.
 */
#include <time.h>

#include "fuzz.h"
#include "../../tools/capture.h"
#include "../setup.h"

#define SIZE	REGION_MIN

/* No waiting for a guest that is in the middle of a write: time flies. */
u64 __wrap_now_ns(void);
u64 __wrap_now_ns(void)
{
	static u64 now;

	return now += 20000000;
}

int __wrap_nanosleep(const struct timespec *req, struct timespec *rem);
int __wrap_nanosleep(const struct timespec *req, struct timespec *rem)
{
	(void)req;
	(void)rem;
	return 0;
}

static void write_region(char *mem)
{
	struct vmcoop_region *region = (void *)mem;
	u32 i, k;

	region->id.version = VMCOOP_ABI_VERSION;
	region->id.size = SIZE;
	region->id.magic = VMCOOP_REGION_MAGIC;
	region->guest = setup_guest(2, VMCOOP_RING_MIN);
	region->guest.epoch = 1;
	for (i = 0; i < 2; i++) {
		struct vmcoop_ring ring = setup_ring(mem, i, VMCOOP_RING_MIN);

		for (k = 0; k < 50; k++) {
			struct vmcoop_guest_switch rec = {
				.hdr = { .type = VMCOOP_GUEST_SWITCH, .size = sizeof(rec),
					 .id = i, .stamp = k },
			};

			vmcoop_ring_write(&ring, &rec);
		}
	}
}

/* Carries out one poke; returns the bytes of input it took. */
static size_t poke(struct capture *c, int fd, char *mem, const uint8_t *data, size_t size)
{
	u32 at, n = data[4] & 15;

	memcpy(&at, data, sizeof(at));
	at = at & 1U << 30 ? at % 24 * 512 + (at >> 8) % 512 : at % SIZE;
	if (data[4] & 16)
		capture_round(c);
	if (data[4] & 32 && ftruncate(fd, at & ~4095U))
		abort();
	n = min_u64(n, size - 5);
	if (data[4] & 32)
		return size;
	memcpy(mem + at, data + 5, min_u64(n, SIZE - at));
	return 5 + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[] = "/dev/shm/vmcoop-fuzz-XXXXXX";
	struct datafile_writer w;
	struct capture c;
	int fd, out;
	char *mem;

	quiet = true;
	fd = mkstemp(path);
	if (fd < 0 || ftruncate(fd, SIZE))
		abort();
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	write_region(mem);
	out = memfd_create("out", 0);
	if (datafile_create_fd(&w, out, "out", VMCOOP_ARCH_X86_64))
		abort();
	capture_init(&c, &w);
	capture_add_region(&c, path);
	unlink(path);
	capture_match(&c, c.regions[0], capture_vm(&c, 100));
	capture_round(&c);
	while (size > 5) {
		size_t n = poke(&c, fd, mem, data, size);

		data += n;
		size -= n;
	}
	capture_round(&c);
	capture_finish(&c);
	capture_free(&c);
	datafile_finish(&w);
	munmap(mem, SIZE);
	close(fd);
	return 0;
}
