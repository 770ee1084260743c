// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files and directories that exports are written to: see export.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "export.h"

FILE *output_open(const char *path, bool force)
{
	int fd;
	FILE *f;

	if (!strcmp(path, "-"))
		return stdout;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (force ? O_TRUNC : O_EXCL), 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w+b");
	if (!f)
		warn("cannot write '%s': %s%s", path, strerror(errno),
		     errno == EEXIST ? "; --force replaces it" : "");
	return f;
}

int output_close(FILE *f, const char *path, int status)
{
	bool bad;

	if (f == stdout)
		return status;	/* main sees to it */
	bad = ferror(f);
	bad |= fclose(f);
	if (bad && !status)
		status = fail(EXIT_FAILED, "cannot write '%s': %s", path, strerror(errno));
	if (status)
		unlink(path);
	return status;
}

static bool dir_empty(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int n = 0;

	while (dir && (d = readdir(dir)))
		n += strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
	if (dir)
		closedir(dir);
	return dir && !n;
}

int output_dir(const char *path, bool force)
{
	if (!mkdir(path, 0700))
		return EXIT_OK;
	if (errno != EEXIST)
		return fail(EXIT_FAILED, "cannot make the directory '%s': %s", path,
			    strerror(errno));
	if (force || dir_empty(path))
		return EXIT_OK;
	return fail(EXIT_FAILED,
		    "'%s' is there and no empty directory; --force replaces files in it", path);
}

char *file_part(char *out, size_t cap, const char *name)
{
	size_t n;

	for (n = 0; name[n] && n < cap - 1; n++) {
		char c = name[n];
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '_' || c == '-' || (c == '.' && n);

		out[n] = good ? c : '_';
	}
	out[n] = '\0';
	return out;
}
