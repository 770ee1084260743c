/* SPDX-License-Identifier: GPL-2.0-only */
/* What the fuzzers share: inputs as files, checksums made right, and silence. */
#ifndef FUZZ_H
#define FUZZ_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "../../tools/datafile.h"
#include "../../tools/util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* An anonymous file that holds @data; its path, for who wants one, in @path. */
static inline int fuzz_file(const void *data, size_t size, char path[64])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	lseek(fd, 0, SEEK_SET);
	if (path)
		snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

/*
 * Makes chunks of a data file what the reader's first checks let pass: what is behind
 * them is to be reached. Each eighth input stays as it is.
 */
static inline void fuzz_fix_chunks(char *file, size_t size)
{
	size_t at = sizeof(struct datafile_hdr), len;

	if (size && !(file[size - 1] & 7))
		return;
	for (; at + sizeof(struct chunk_hdr) <= size;
	     at += sizeof(struct chunk_hdr) + (len + 7) / 8 * 8) {
		struct chunk_hdr hdr;

		memcpy(&hdr, file + at, sizeof(hdr));
		hdr.magic = CHUNK_MAGIC;
		hdr.crc = 0;
		if (hdr.len > size - at - sizeof(hdr))
			hdr.len = (size - at - sizeof(hdr)) & ~7U;
		len = hdr.len;
		hdr.crc = crc32(crc32(0, (void *)&hdr, sizeof(hdr)),
				(void *)(file + at + sizeof(hdr)), len);
		memcpy(file + at, &hdr, sizeof(hdr));
	}
}

#endif /* FUZZ_H */
