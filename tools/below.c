// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening files below a directory: see below.h.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "below.h"

int open_below(int root, const char *path, u64 max)
{
	struct open_how how = {
		/* O_NONBLOCK: no FIFO may hold us up. */
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	struct stat st;
	int fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (u64)st.st_size > max) {
		close(fd);
		return -1;
	}
	return fd;
}
