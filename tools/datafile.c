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
#include <zstd.h>

#include "../common/ring.h"
#include "datafile.h"
#include "delta.h"

#define WRITE_BUFFER	(CHUNK_MAX + 4096)
#define READ_BUFFER	(128 << 10)
#define LOOK_AHEAD	(64 << 10)
#define COMPRESS_MIN	256	/* smaller payloads are left alone */
#define COMPRESS_LEVEL	(-1)	/* no entropy coding: reading is what has to be fast */

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
	if (w->stream) {
		w->status = EXIT_FAILED;
		return w->status;
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

static int put_header(struct datafile_writer *w)
{
	struct datafile_hdr hdr = {
		.magic = DATAFILE_MAGIC,
		.version = DATAFILE_VERSION,
		.hdr_size = sizeof(hdr),
		.abi = VMCOOP_ABI_VERSION,
		.arch = w->arch,
	};

	hdr.crc = crc32(0, (const void *)&hdr, offsetof(struct datafile_hdr, crc));
	buffer_add(w, &hdr, sizeof(hdr));
	/* The header goes out alone: a flush then begins with a chunk. */
	return datafile_flush(w);
}

int datafile_create_fd(struct datafile_writer *w, int fd, const char *name, u32 arch)
{
	memset(w, 0, sizeof(*w));
	w->fd = fd;
	w->path = xstrdup(name);
	w->arch = arch;
	w->buf = xcalloc(1, WRITE_BUFFER);
	w->delta = xcalloc(1, DELTA_MAX(RECORDS_MAX));
	w->packed = xcalloc(1, CHUNK_MAX);
	w->zstd = ZSTD_createCCtx();
	return put_header(w);
}

static int open_new(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		warn("cannot create '%s': %s", path, strerror(errno));
	return fd;
}

int datafile_create(struct datafile_writer *w, const char *path, u32 arch)
{
	int fd = open_new(path);

	if (fd >= 0)
		return datafile_create_fd(w, fd, path, arch);
	memset(w, 0, sizeof(*w));
	w->fd = -1;
	w->status = EXIT_FAILED;
	return w->status;
}

static int put_chunk(struct datafile_writer *w, struct chunk_hdr hdr, const void *payload)
{
	static const char zero[8];
	size_t size = sizeof(hdr) + hdr.len + pad8(hdr.len);

	if (w->buffered + size > WRITE_BUFFER && datafile_flush(w))
		return w->status;
	if (w->status)
		return w->status;
	hdr.crc = chunk_crc(hdr, payload, hdr.len);
	buffer_add(w, &hdr, sizeof(hdr));
	buffer_add(w, payload, hdr.len);
	buffer_add(w, zero, pad8(hdr.len));
	if (hdr.type == CHUNK_SYMBOLS)
		w->symbols_end = w->good + w->buffered;
	return 0;
}

/*
 * Puts the payload packed, compressed, or both, if that makes it smaller. To compress packed
 * records takes as much again as all else that is done with them, so they are on demand only.
 */
static int put_packed(struct datafile_writer *w, struct chunk_hdr hdr, const void *payload)
{
	const void *from = payload;
	u32 raw = hdr.len, packed;
	size_t n;

	if (w->plain || raw < COMPRESS_MIN)
		return put_chunk(w, hdr, payload);
	if (hdr.type == CHUNK_RECORDS && raw <= RECORDS_MAX) {
		packed = delta_encode(w->delta, payload, raw);
		if (packed && packed < raw) {
			hdr.flags = CHUNK_F_DELTA;
			hdr.raw = raw;
			hdr.len = packed;
			from = w->delta;
		}
	}
	if (w->zstd && (w->compress || from == payload)) {
		/* A frame that is no smaller does not fit, and is an error. */
		n = ZSTD_compressCCtx(w->zstd, w->packed, hdr.len - 1, from, hdr.len,
				      COMPRESS_LEVEL);
		if (!ZSTD_isError(n)) {
			hdr.flags |= CHUNK_F_ZSTD;
			hdr.raw = raw;
			hdr.len = n;
			from = w->packed;
		}
	}
	return put_chunk(w, hdr, from);
}

/* Bytes of whole records, RECORDS_MAX at most, that the @len at @p begin with; 0 if none. */
static size_t records_upto_max(const char *p, size_t len)
{
	size_t at = 0;
	int size;

	while ((size = vmcoop_rec_next(p, len, at)) > 0 && at + size <= RECORDS_MAX)
		at += size;
	return at;
}

/* Chunks of records are small: a reader has one of each source in memory. */
static int put_records(struct datafile_writer *w, struct chunk_hdr hdr, const char *p, size_t len)
{
	int status = 0;

	while (len && !status) {
		hdr.len = len <= RECORDS_MAX ? len : records_upto_max(p, len) ?: len;
		status = put_packed(w, hdr, p);
		p += hdr.len;
		len -= hdr.len;
	}
	return status;
}

static bool in_preamble(enum chunk_type type)
{
	return type == CHUNK_INFO || type == CHUNK_EVENT || type == CHUNK_VM ||
	       type == CHUNK_SOURCE || type == CHUNK_CLOCK;
}

static void remember(struct datafile_writer *w, const struct chunk_hdr *hdr, const void *payload)
{
	size_t len = w->preamble_len, need = len + sizeof(*hdr) + hdr->len;

	if (need > w->preamble_cap) {
		w->preamble_cap = 2 * need;
		w->preamble = xreallocarray(w->preamble, w->preamble_cap, 1);
	}
	memcpy(w->preamble + len, hdr, sizeof(*hdr));
	memcpy(w->preamble + len + sizeof(*hdr), payload, hdr->len);
	w->preamble_len += sizeof(*hdr) + hdr->len;
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

	if (len > CHUNK_MAX)
		return fail(EXIT_FAILED, "chunk of %zu bytes is too large to write", len);
	if (in_preamble(type))
		remember(w, &hdr, payload);
	return type == CHUNK_RECORDS ? put_records(w, hdr, payload, len) :
				       put_packed(w, hdr, payload);
}

int datafile_kv(struct datafile_writer *w, enum chunk_type type, u32 source, struct kv *kv)
{
	int ret = datafile_chunk(w, type, source, kv->text, kv->len);

	kv_free(kv);
	return ret;
}

/* Ends the file and closes it. */
static int end_file(struct datafile_writer *w)
{
	int status;

	if (!datafile_chunk(w, CHUNK_END, 0, &w->symbols_end, sizeof(w->symbols_end)))
		datafile_flush(w);
	status = w->status;
	if (close(w->fd) && !status && !w->stream)
		status = fail(EXIT_FAILED, "cannot write '%s': %s", w->path, strerror(errno));
	w->fd = -1;
	return status;
}

int datafile_finish(struct datafile_writer *w)
{
	int status = w->status;

	if (w->fd >= 0)
		status = end_file(w);
	free(w->buf);
	free(w->delta);
	free(w->packed);
	free(w->preamble);
	free(w->path);
	ZSTD_freeCCtx(w->zstd);
	memset(w, 0, sizeof(*w));
	w->fd = -1;
	return status;
}

static int put_preamble(struct datafile_writer *w)
{
	struct chunk_hdr hdr;
	size_t at;
	int status = 0;

	for (at = 0; at < w->preamble_len && !status; at += sizeof(hdr) + hdr.len) {
		memcpy(&hdr, w->preamble + at, sizeof(hdr));
		status = put_packed(w, hdr, w->preamble + at + sizeof(hdr));
	}
	return status;
}

int datafile_switch(struct datafile_writer *w, const char *suffix)
{
	char *aside = xasprintf("%s%s", w->path, suffix);
	int status = end_file(w);

	if (!status && rename(w->path, aside))
		status = fail(EXIT_FAILED, "cannot rename '%s' to '%s': %s", w->path, aside,
			      strerror(errno));
	free(aside);
	if (!status) {
		w->fd = open_new(w->path);
		w->good = 0;
		w->symbols_end = 0;
		status = w->fd < 0 ? EXIT_FAILED : put_header(w) ?: put_preamble(w);
	}
	w->status = w->status ?: status;
	return status;
}

/* ---- Reading ------------------------------------------------------------- */

static bool hdr_sound(const struct datafile_hdr *hdr)
{
	return hdr->crc == crc32(0, (const void *)hdr, offsetof(struct datafile_hdr, crc)) &&
	       hdr->hdr_size == sizeof(*hdr);
}

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
	if (!hdr_sound(hdr))
		return fail(EXIT_BAD, "'%s' has a damaged header", r->path);
	r->offset = sizeof(*hdr);
	return 0;
}

void datafile_begin(struct datafile_reader *r)
{
	memset(r, 0, sizeof(*r));
	r->stored = xcalloc(1, CHUNK_MAX + DELTA_SLACK);
	r->packed = xcalloc(1, DELTA_MAX(CHUNK_MAX) + DELTA_SLACK);
	r->zstd = ZSTD_createDCtx();
}

int datafile_open_fd(struct datafile_reader *r, int fd, const char *name)
{
	struct stat st;
	int ret;

	datafile_begin(r);
	r->path = xstrdup(name);
	r->size = fstat(fd, &st) ? 0 : st.st_size;
	r->f = fdopen(fd, "rb");
	if (r->f)
		setvbuf(r->f, NULL, _IOFBF, READ_BUFFER);
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

static bool header_good(const struct chunk_hdr *hdr)
{
	return hdr->magic == CHUNK_MAGIC && hdr->type &&
	       hdr->len <= CHUNK_MAX && hdr->raw <= CHUNK_MAX &&
	       (hdr->flags ? !(hdr->flags & ~(CHUNK_F_ZSTD | CHUNK_F_DELTA)) : !hdr->raw);
}

/* The payload at @stored, decompressed to @out, which has room for @c->len bytes. */
static bool unpack(struct datafile_reader *r, const struct chunk *c, const char *stored, void *out)
{
	bool delta = c->flags & CHUNK_F_DELTA;
	size_t cap = delta ? DELTA_MAX(c->len) : c->len, n = c->stored;

	if (!c->flags) {
		memcpy(out, stored, c->len);
		return true;
	}
	if (c->flags & CHUNK_F_ZSTD) {
		n = ZSTD_decompressDCtx(r->zstd, delta ? r->packed : out, cap, stored, n);
		stored = r->packed;
	}
	if (ZSTD_isError(n))
		return false;
	return delta ? delta_decode(out, c->len, stored, n) : n == c->len;
}

static bool read_at(const struct datafile_reader *r, void *buf, size_t len, u64 at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(fileno(r->f), (char *)buf + done, len - done, at + done);

		if (n <= 0 && !(n < 0 && errno == EINTR))
			return false;
		done += n > 0 ? n : 0;
	}
	return true;
}

static void take_header(struct datafile_reader *r, struct chunk *c, const struct chunk_hdr *hdr)
{
	c->type = hdr->type;
	c->flags = hdr->flags;
	c->source = hdr->source;
	c->stored = hdr->len;
	c->len = hdr->flags ? hdr->raw : hdr->len;
	c->at = r->stored_at = r->offset + sizeof(*hdr);
	r->offset += sizeof(*hdr) + hdr->len + pad8(hdr->len);
	r->ended = hdr->type == CHUNK_END;
}

static long parse_hdr(struct datafile_reader *r, const void *buf, size_t len)
{
	struct datafile_hdr *hdr = &r->hdr;

	if (len < sizeof(*hdr))
		return 0;
	memcpy(hdr, buf, sizeof(*hdr));
	if (memcmp(hdr->magic, DATAFILE_MAGIC, sizeof(hdr->magic)) || !hdr_sound(hdr) ||
	    hdr->version > DATAFILE_VERSION || hdr->abi > VMCOOP_ABI_VERSION)
		return -EBADMSG;
	r->offset = sizeof(*hdr);
	return sizeof(*hdr);
}

long datafile_parse(struct datafile_reader *r, const void *buf, size_t len, struct chunk *c)
{
	static const char zero[8];
	struct chunk_hdr hdr;
	size_t want;

	memset(c, 0, sizeof(*c));
	if (!r->offset)
		return parse_hdr(r, buf, len);
	if (len < sizeof(hdr))
		return 0;
	memcpy(&hdr, buf, sizeof(hdr));
	if (r->ended || !header_good(&hdr))
		return -EBADMSG;
	want = sizeof(hdr) + hdr.len + pad8(hdr.len);
	if (len < want)
		return 0;
	/* Looked at in memory of our own: whoever fills @buf is not trusted. */
	memcpy(r->stored, (const char *)buf + sizeof(hdr), hdr.len);
	if (chunk_crc(hdr, r->stored, hdr.len) != hdr.crc ||
	    memcmp((const char *)buf + sizeof(hdr) + hdr.len, zero, pad8(hdr.len)))
		return -EBADMSG;
	take_header(r, c, &hdr);
	c->data = xcalloc(1, c->len + 1);
	if (unpack(r, c, r->stored, c->data))
		return want;
	free(c->data);
	c->data = NULL;
	return -EBADMSG;
}

bool datafile_next(struct datafile_reader *r, struct chunk *c)
{
	struct chunk_hdr hdr;
	size_t got, want;

	c->data = c->held = NULL;
	if (r->ended || r->damage)
		return false;
	got = fread(&hdr, 1, sizeof(hdr), r->f);
	if (got < sizeof(hdr))
		return cut_off(r, c);
	if (!header_good(&hdr))
		return damaged(r, c, "is damaged");
	want = hdr.len + pad8(hdr.len);
	if (fread(r->stored, 1, want, r->f) < want)
		return cut_off(r, c);
	if (chunk_crc(hdr, r->stored, hdr.len) != hdr.crc)
		return damaged(r, c, "is damaged (wrong checksum)");
	take_header(r, c, &hdr);
	if (c->type == CHUNK_RECORDS)
		return true;
	c->data = xcalloc(1, c->len + 1);
	return unpack(r, c, r->stored, c->data) || damaged(r, c, "is damaged (cannot be decompressed)");
}

/* Bytes of the file at @at, up to LOOK_AHEAD, in @r->stored. */
static size_t look_ahead(struct datafile_reader *r, u64 at)
{
	ssize_t n;

	r->stored_at = 0;
	do
		n = pread(fileno(r->f), r->stored, LOOK_AHEAD, at);
	while (n < 0 && errno == EINTR);
	return n > 0 ? n : 0;
}

/* The header of the first chunk at *@at or behind it of type @a or @b; *@at is its. */
static bool find_header(struct datafile_reader *r, u64 *at, enum chunk_type a, enum chunk_type b,
			struct chunk_hdr *hdr)
{
	size_t have = 0;
	u64 from = *at;

	for (;;) {
		if (*at - from + sizeof(*hdr) > have) {
			from = *at;
			have = look_ahead(r, from);
			if (have < sizeof(*hdr))
				return false;
		}
		memcpy(hdr, r->stored + (*at - from), sizeof(*hdr));
		if (!header_good(hdr))
			return false;
		if (hdr->type == a || hdr->type == b)
			return true;
		*at += sizeof(*hdr) + hdr->len + pad8(hdr->len);
	}
}

u64 datafile_symbols_end(const struct datafile_reader *r)
{
	struct {
		struct chunk_hdr hdr;
		u64 at;
	} end;

	if (r->size < sizeof(end) || !read_at(r, &end, sizeof(end), r->size - sizeof(end)) ||
	    !header_good(&end.hdr) || end.hdr.type != CHUNK_END || end.hdr.len != sizeof(end.at) ||
	    chunk_crc(end.hdr, &end.at, sizeof(end.at)) != end.hdr.crc)
		return UINT64_MAX;
	return end.at;
}

bool datafile_find(struct datafile_reader *r, u64 *at, enum chunk_type a, enum chunk_type b,
		   struct chunk *c)
{
	struct chunk_hdr hdr;

	*at = *at ?: sizeof(r->hdr);
	if (!find_header(r, at, a, b, &hdr))
		return false;
	c->at = *at + sizeof(hdr);
	*at = c->at + hdr.len + pad8(hdr.len);
	if (!read_at(r, r->stored, hdr.len, c->at) ||
	    chunk_crc(hdr, r->stored, hdr.len) != hdr.crc)
		return false;
	c->type = hdr.type;
	c->flags = hdr.flags;
	c->source = hdr.source;
	c->stored = hdr.len;
	c->len = hdr.flags ? hdr.raw : hdr.len;
	c->held = NULL;
	c->data = xcalloc(1, c->len + 1);
	if (unpack(r, c, r->stored, c->data))
		return true;
	free(c->data);
	return false;
}

bool datafile_ready(const struct datafile_reader *r)
{
	struct chunk_hdr hdr;
	struct stat st;

	if (pread(fileno(r->f), &hdr, sizeof(hdr), r->offset) != sizeof(hdr) ||
	    fstat(fileno(r->f), &st))
		return false;
	/* What is no chunk is ready to be refused. */
	return !header_good(&hdr) ||
	       (u64)st.st_size - r->offset - sizeof(hdr) >= hdr.len + (u64)pad8(hdr.len);
}

void datafile_hold(const struct datafile_reader *r, struct chunk *c)
{
	c->held = xcalloc(1, c->stored + DELTA_SLACK);
	memcpy(c->held, r->stored, c->stored);
}

/* Makes the bytes of @c stand at @r->stored. */
static bool read_again(struct datafile_reader *r, const struct chunk *c)
{
	if (r->stored_at == c->at)
		return true;
	r->stored_at = read_at(r, r->stored, c->stored, c->at) ? c->at : 0;
	return r->stored_at;
}

bool datafile_load(struct datafile_reader *r, const struct chunk *c, void *buf)
{
	if (!c->held && !read_again(r, c))
		return false;
	return unpack(r, c, c->held ?: r->stored, buf);
}

void datafile_close(struct datafile_reader *r)
{
	if (r->f)
		fclose(r->f);
	free(r->path);
	free(r->stored);
	free(r->packed);
	free(r->damage);
	ZSTD_freeDCtx(r->zstd);
	memset(r, 0, sizeof(*r));
}
