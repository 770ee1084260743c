// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostilefile - what a hostile VMM does to its region's file, which others have mapped:
 * truncates, grows, overwrites and replaces it, in any order, ROUNDS times.
 *
 * usage: hostilefile FILE ROUNDS SEED
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../common/ring.h"
#include "../setup.h"

static const char *path;
static char was[4096];		/* the first page as it began */
static off_t size;
static int mapped;		/* the file as it was, which a reader has mapped */
static int placed = -1;		/* what is in its place now, if that is a file */
static uint64_t state;

static uint32_t any(uint32_t below)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % below;
}

/* The one or the other. */
static int either(void)
{
	return placed >= 0 && any(2) ? placed : mapped;
}

/* Rings as a guest sets them up, so that a reader goes on to read them. */
static void set_up(void)
{
	struct vmcoop_region *region = (struct vmcoop_region *)was;

	region->guest = setup_guest(8, VMCOOP_RING_MIN);
	region->guest.epoch = 1;
}

/* A whole one again, so that there is something to spoil. */
static void restore(int fd)
{
	if (ftruncate(fd, 0) || ftruncate(fd, size) ||
	    pwrite(fd, was, sizeof(was), 0) != sizeof(was))
		perror(path);
}

static void resize(void)
{
	static const int32_t eighths[] = { 0, 1, 4, 7, 9, 16, 80 };
	off_t to = size * eighths[any(7)] / 8 + any(3) - 1;

	if (ftruncate(either(), to < 0 ? 0 : to))
		perror("ftruncate");
}

static void overwrite(void)
{
	unsigned char bytes[64];
	unsigned int n = any(sizeof(bytes)) + 1, i;

	for (i = 0; i < n; i++)
		bytes[i] = any(4) ? any(256) : 0;
	if (pwrite(either(), bytes, n, any(2) ? any(4096) : any(size)) < 0)
		perror("pwrite");
}

/* Something else in its place; what was mapped stays mapped. */
static void replace(void)
{
	int again = -1;

	unlink(path);
	rmdir(path);
	switch (any(5)) {
	case 0:
		again = symlink("/etc/passwd", path);
		break;
	case 1:
		again = mkfifo(path, 0600);
		break;
	case 2:
		again = mkdir(path, 0700);
		break;
	case 3:
		again = symlink(path, path);
		break;
	default:
		again = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (again >= 0) {
			if (placed >= 0)
				close(placed);
			placed = again;
			restore(placed);
		}
	}
	if (again < 0)
		perror(path);
}

int main(int argc, char **argv)
{
	unsigned long rounds, i;
	struct stat st;

	if (argc != 4) {
		fprintf(stderr, "usage: hostilefile FILE ROUNDS SEED\n");
		return 2;
	}
	path = argv[1];
	rounds = strtoul(argv[2], NULL, 0);
	state = strtoul(argv[3], NULL, 0);
	mapped = open(path, O_RDWR);
	if (mapped < 0 || fstat(mapped, &st) || pread(mapped, was, sizeof(was), 0) != sizeof(was)) {
		perror(path);
		return 1;
	}
	size = st.st_size;
	set_up();
	restore(mapped);
	for (i = 0; i < rounds; i++) {
		/* Time for a reader to look. */
		if (i % 200 == 0)
			usleep(5000);
		switch (any(64)) {
		case 0:
			replace();
			break;
		case 1:
			restore(either());
			break;
		case 2 ... 15:
			resize();
			break;
		default:
			overwrite();
		}
	}
	printf("%lu rounds\n", i);
	return 0;
}
