// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing and reading vmcoop.data: see datafile.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "../common/abi.h"
#include "datafile.h"

#define WRITE_BUFFER	(1U << 20)

static u32 pad8(u32 len)
{
	return -len & 7;
}

static u32 chunk_crc(struct chunk_hdr hdr, const void *payload, u32 len)
{
	u32 crc;

	hdr.crc = 0;
	crc = crc32(0, (const void *)&hdr, sizeof(hdr));
	/* crc32() takes a NULL buffer as a request to start anew. */
	return len ? crc32(crc, payload, len) : crc;
}

/* ---- Writing ------------------------------------------------------------- */

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		p += done;
		n -= done;
	}
	return 0;
}

/* Where whole chunks end in the @n bytes at @p, which begin with one. */
static size_t whole_chunks(const char *p, size_t n)
{
	size_t at = 0;

	while (n - at >= sizeof(struct chunk_hdr)) {
		struct chunk_hdr hdr;
		size_t size;

		memcpy(&hdr, p + at, sizeof(hdr));
		size = sizeof(hdr) + hdr.len + pad8(hdr.len);
		if (size > n - at)
			break;
		at += size;
	}
	return at;
}

int datafile_flush(struct datafile_writer *w)
{
	struct stat st;
	int err;

	if (w->status || !w->buffered)
		return w->status;
	err = write_all(w->fd, w->buf, w->buffered);
	if (!err) {
		w->good += w->buffered;
		w->buffered = 0;
		return 0;
	}
	/* Keep the chunks that went out whole, cut the one that did not. */
	if (w->good && !fstat(w->fd, &st) && S_ISREG(st.st_mode) &&
	    (u64)st.st_size > w->good) {
		w->good += whole_chunks(w->buf, min_u64(st.st_size - w->good, w->buffered));
		if (ftruncate(w->fd, w->good))
			warn("cannot cut '%s' to its last whole chunk: %s", w->path,
			     strerror(errno));
	}
	w->status = fail(EXIT_FAILED, "cannot write '%s': %s; it is readable up to byte %llu",
			 w->path, strerror(-err), w->good);
	return w->status;
}

static void buffer_add(struct datafile_writer *w, const void *p, size_t n)
{
	if (n)
		memcpy(w->buf + w->buffered, p, n);
	w->buffered += n;
}

int datafile_create_fd(struct datafile_writer *w, int fd, const char *name, u32 arch)
{
	struct datafile_hdr hdr = {
		.magic = DATAFILE_MAGIC,
		.version = DATAFILE_VERSION,
		.hdr_size = sizeof(hdr),
		.abi = VMCOOP_ABI_VERSION,
		.arch = arch,
	};

	memset(w, 0, sizeof(*w));
	w->fd = fd;
	w->path = xstrdup(name);
	w->buf = xcalloc(1, WRITE_BUFFER);
	hdr.crc = crc32(0, (const void *)&hdr, offsetof(struct datafile_hdr, crc));
	buffer_add(w, &hdr, sizeof(hdr));
	/* The header goes out alone: a flush then begins with a chunk. */
	return datafile_flush(w);
}

int datafile_create(struct datafile_writer *w, const char *path, u32 arch)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	memset(w, 0, sizeof(*w));
	w->fd = -1;
	if (fd < 0) {
		w->status = fail(EXIT_FAILED, "cannot create '%s': %s", path, strerror(errno));
		return w->status;
	}
	return datafile_create_fd(w, fd, path, arch);
}

int datafile_chunk(struct datafile_writer *w, enum chunk_type type, u32 source,
		   const void *payload, size_t len)
{
	struct chunk_hdr hdr = {
		.magic = CHUNK_MAGIC,
		.type = type,
		.source = source,
		.len = len,
	};
	size_t size = sizeof(hdr) + len + pad8(len);
	static const char zero[8];

	if (size > WRITE_BUFFER)
		return fail(EXIT_FAILED, "chunk of %zu bytes is too large to write", len);
	if (w->buffered + size > WRITE_BUFFER && datafile_flush(w))
		return w->status;
	if (w->status)
		return w->status;
	hdr.crc = chunk_crc(hdr, payload, len);
	buffer_add(w, &hdr, sizeof(hdr));
	buffer_add(w, payload, len);
	buffer_add(w, zero, pad8(len));
	return 0;
}

int datafile_kv(struct datafile_writer *w, enum chunk_type type, u32 source, struct kv *kv)
{
	int ret = datafile_chunk(w, type, source, kv->text, kv->len);

	kv_free(kv);
	return ret;
}

int datafile_finish(struct datafile_writer *w)
{
	int status = w->status;

	if (w->fd >= 0) {
		if (!datafile_chunk(w, CHUNK_END, 0, NULL, 0))
			datafile_flush(w);
		status = w->status;
		if (close(w->fd) && !status)
			status = fail(EXIT_FAILED, "cannot write '%s': %s", w->path,
				      strerror(errno));
	}
	free(w->buf);
	free(w->path);
	memset(w, 0, sizeof(*w));
	w->fd = -1;
	return status;
}

/* ---- Reading ------------------------------------------------------------- */

static int check_hdr(struct datafile_reader *r)
{
	struct datafile_hdr *hdr = &r->hdr;
	size_t got = fread(hdr, 1, sizeof(*hdr), r->f);

	if (got < sizeof(*hdr) && ferror(r->f))
		return fail(EXIT_BAD, "cannot read '%s': %s", r->path, strerror(errno));
	if (got < sizeof(hdr->magic) || memcmp(hdr->magic, DATAFILE_MAGIC, sizeof(hdr->magic)))
		return fail(EXIT_BAD, "'%s' is not a vmcoop data file", r->path);
	if (got < sizeof(*hdr))
		return fail(EXIT_BAD, "'%s' is cut off inside its header", r->path);
	if (hdr->version > DATAFILE_VERSION || hdr->abi > VMCOOP_ABI_VERSION)
		return fail(EXIT_BAD, "'%s' is of format %u with records of version %u; "
			    "this vmcoop-dump knows them up to %u and %u: use a newer one",
			    r->path, hdr->version, hdr->abi, DATAFILE_VERSION,
			    VMCOOP_ABI_VERSION);
	if (hdr->crc != crc32(0, (const void *)hdr, offsetof(struct datafile_hdr, crc)) ||
	    hdr->hdr_size != sizeof(*hdr))
		return fail(EXIT_BAD, "'%s' has a damaged header", r->path);
	r->offset = sizeof(*hdr);
	return 0;
}

int datafile_open_fd(struct datafile_reader *r, int fd, const char *name)
{
	int ret;

	memset(r, 0, sizeof(*r));
	r->path = xstrdup(name);
	r->f = fdopen(fd, "rb");
	if (!r->f) {
		ret = fail(EXIT_FAILED, "cannot read '%s': %s", name, strerror(errno));
		close(fd);
	} else {
		ret = check_hdr(r);
	}
	if (ret)
		datafile_close(r);
	return ret;
}

int datafile_open(struct datafile_reader *r, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	memset(r, 0, sizeof(*r));
	if (fd < 0)
		return fail(EXIT_BAD, "cannot open '%s': %s", path, strerror(errno));
	if (!fstat(fd, &st) && !S_ISREG(st.st_mode)) {
		close(fd);
		return fail(EXIT_BAD, "'%s' is not a regular file", path);
	}
	return datafile_open_fd(r, fd, path);
}

static bool damaged(struct datafile_reader *r, struct chunk *c, const char *what)
{
	free(c->data);
	c->data = NULL;
	r->damage = xasprintf("the file %s at byte %llu; what stands before was read",
			      what, r->offset);
	return false;
}

static bool cut_off(struct datafile_reader *r, struct chunk *c)
{
	return damaged(r, c, ferror(r->f) ? "cannot be read" : "is cut off");
}

bool datafile_next(struct datafile_reader *r, struct chunk *c)
{
	struct chunk_hdr hdr;
	size_t got, want;

	c->data = NULL;
	if (r->ended || r->damage)
		return false;
	got = fread(&hdr, 1, sizeof(hdr), r->f);
	if (got < sizeof(hdr))
		return cut_off(r, c);
	if (hdr.magic != CHUNK_MAGIC || hdr.len > CHUNK_MAX)
		return damaged(r, c, "is damaged");
	want = hdr.len + pad8(hdr.len);
	c->data = xreallocarray(NULL, want + 1, 1);
	if (fread(c->data, 1, want, r->f) < want)
		return cut_off(r, c);
	if (chunk_crc(hdr, c->data, hdr.len) != hdr.crc)
		return damaged(r, c, "is damaged (wrong checksum)");
	c->data[hdr.len] = '\0';
	c->type = hdr.type;
	c->source = hdr.source;
	c->len = hdr.len;
	r->offset += sizeof(hdr) + want;
	r->ended = hdr.type == CHUNK_END;
	return true;
}

void datafile_close(struct datafile_reader *r)
{
	if (r->f)
		fclose(r->f);
	free(r->path);
	free(r->damage);
	memset(r, 0, sizeof(*r));
}
