// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmcoop.data: what is written is read; a file cut or damaged anywhere is read
 * up to there; foreign and future files are told.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../tools/delta.h"
#include "../../tools/kv.h"
#include "../../tools/map.h"
#include "stream.h"
#include "tap.h"

/* A copy of @len bytes of @from as a file of its own. */
static int copy_fd(const void *from, size_t len)
{
	int fd = memfd_create("copy", 0);

	if (len && write(fd, from, len) != (ssize_t)len)
		abort();
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void ignore(void *ctx, const struct joined *j)
{
	++*(int *)ctx;
	(void)j;
}

/* A small file with a chunk of most types, and 8 samples. */
static char *make_file(size_t *len, bool plain)
{
	struct stream s;
	char *bytes;
	int i;

	stream_begin(&s);
	s.w.plain = plain;
	stream_guest(&s, 10, 100, 1, 0);
	stream_kv(&s, CHUNK_VM, 0, "pid=100\nname=demo\n");
	put_vcpu(&s, 1, 1, 0, 5);
	put_clock(&s, 1, 1, 0, 5, &s.clock);
	put_switch(&s, 10, 2, 0, 7, 7);
	for (i = 0; i < 8; i++) {
		put_sample(&s, 1, 10 + i, 0, 5, 0x1000);
		if (i % 2)
			stream_round(&s, 10 + i);
	}
	stream_kv(&s, CHUNK_NOTE, 0, "text=something happened\n");
	stream_kv(&s, CHUNK_STATS, 1, "produced=10\nconsumed=10\nexact=1\n");
	stream_end(&s);
	bytes = stream_slurp(s.fd, len);
	stream_free(&s);
	return bytes;
}

static char *small_file(size_t *len)
{
	return make_file(len, false);
}

TEST(chunks_come_back_as_written)
{
	static const size_t sizes[] = { 0, 1, 7, 8, 9, 4096, 100001, 1000000 };
	struct datafile_writer w;
	struct datafile_reader r;
	struct chunk c;
	int fd = memfd_create("t", 0);
	char *data = malloc(1000000);
	size_t i, k;

	for (k = 0; k < 1000000; k++)
		data[k] = k * 7;
	EQ(datafile_create_fd(&w, dup(fd), "t", VMCOOP_ARCH_ARM64), 0);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		EQ(datafile_chunk(&w, 100 + i, i, data, sizes[i]), 0);
	EQ(datafile_finish(&w), 0);
	lseek(fd, 0, SEEK_SET);
	EQ(datafile_open_fd(&r, fd, "t"), 0);
	EQ(r.hdr.arch, VMCOOP_ARCH_ARM64);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		CHECK(datafile_next(&r, &c));
		EQ(c.type, 100 + i);
		EQ(c.source, i);
		EQ(c.len, sizes[i]);
		CHECK(!memcmp(c.data, data, sizes[i]));
		free(c.data);
	}
	CHECK(datafile_next(&r, &c));
	EQ(c.type, CHUNK_END);
	free(c.data);
	CHECK(!datafile_next(&r, &c));
	CHECK(r.ended && !r.damage);
	datafile_close(&r);
	free(data);
}

TEST(a_file_cut_at_any_byte_is_read_up_to_there)
{
	int samples, last = 0;
	size_t len, cut;
	char *bytes = small_file(&len);

	quiet = true;
	for (cut = 0; cut <= len; cut++) {
		struct session *s = calloc(1, sizeof(*s));
		struct datafile_reader r;
		int fd = copy_fd(bytes, cut), status = datafile_open_fd(&r, fd, "cut");

		if (cut < sizeof(struct datafile_hdr)) {
			EQ(status, EXIT_BAD);
			free(s);
			continue;
		}
		if (!EQ(status, 0))
			continue;
		samples = 0;
		EQ(session_read_from(s, &r, ignore, &samples), 0);
		CHECK(samples >= last && samples <= 8);
		last = samples;
		if (cut < len) {
			CHECK(!r.ended && r.damage);
			CHECK(s->nr_notes > 0);
		} else {
			CHECK(r.ended && !r.damage);
			EQ(s->nr_notes, 1);
		}
		datafile_close(&r);
		session_free(s);
		free(s);
	}
	EQ(last, 8);
	quiet = false;
	free(bytes);
}

TEST(a_cut_file_tells_of_whole_rounds_only)
{
	struct session *ses = calloc(1, sizeof(*ses));
	struct datafile_reader r;
	struct stream s;
	size_t len;
	char *bytes;
	int n = 0;

	stream_begin(&s);
	put_sample(&s, 1, 100, 0, 5, 0x1000);
	stream_round(&s, 150);
	/* Of this round the guest's records did not reach the file. */
	put_sample(&s, 1, 200, 0, 5, 0x1000);
	stream_end(&s);
	bytes = stream_slurp(s.fd, &len);
	EQ(datafile_open_fd(&r, copy_fd(bytes, len - sizeof(struct chunk_hdr)), "cut"), 0);
	session_read_from(ses, &r, ignore, &n);
	EQ(ses->join.samples, 1);
	EQ(ses->join.outside, 1);
	datafile_close(&r);
	session_free(ses);
	free(ses);
	free(bytes);
	stream_free(&s);
}

TEST(any_flipped_bit_is_noticed)
{
	size_t len, at;
	char *bytes = small_file(&len);
	int samples;

	quiet = true;
	for (at = 0; at < len; at++) {
		struct session *s = calloc(1, sizeof(*s));
		struct datafile_reader r;
		int status;

		bytes[at] ^= 1 << at % 8;
		status = datafile_open_fd(&r, copy_fd(bytes, len), "flipped");
		samples = 0;
		if (at < sizeof(struct datafile_hdr))
			EQ(status, EXIT_BAD);
		if (!status) {
			session_read_from(s, &r, ignore, &samples);
			/* But for padding, which means nothing. */
			CHECK(r.damage || samples == 8);
			datafile_close(&r);
		}
		session_free(s);
		free(s);
		bytes[at] ^= 1 << at % 8;
	}
	quiet = false;
	free(bytes);
}

TEST(random_bytes_behind_a_good_header_do_no_harm)
{
	size_t len, i;
	char *bytes = small_file(&len);
	u64 x = 1;
	int round, samples;

	quiet = true;
	for (round = 0; round < 2000; round++) {
		struct session *s = calloc(1, sizeof(*s));
		struct datafile_reader r;
		char *copy = malloc(len);

		memcpy(copy, bytes, len);
		for (i = 0; i < 1U + round % 20; i++) {
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
			copy[32 + (x >> 33) % (len - 32)] = x >> 20;
		}
		EQ(datafile_open_fd(&r, copy_fd(copy, len), "random"), 0);
		session_read_from(s, &r, ignore, &samples);
		datafile_close(&r);
		session_free(s);
		free(s);
		free(copy);
	}
	quiet = false;
	free(bytes);
}

static void set_chunk_crc(char *chunk);

TEST(records_with_good_checksums_and_bad_content_do_no_harm)
{
	u64 x = 7;
	int round, samples;
	size_t len, i;

	for (round = 0; round < 4000; round++) {
		struct session *s = calloc(1, sizeof(*s));
		char *bytes = make_file(&len, round % 2), *copy = malloc(len);
		size_t at = sizeof(struct datafile_hdr);
		struct datafile_reader r;

		memcpy(copy, bytes, len);
		while (at < len) {
			struct chunk_hdr *hdr = (void *)(copy + at);

			for (i = 0; i < 4 && hdr->len; i++) {
				x = x * 6364136223846793005ULL + 1442695040888963407ULL;
				if (x >> 62 == 0)
					copy[at + sizeof(*hdr) + (x >> 33) % hdr->len] = x >> 20;
			}
			set_chunk_crc(copy + at);
			at += sizeof(*hdr) + ((hdr->len + 7) & ~7U);
		}
		EQ(datafile_open_fd(&r, copy_fd(copy, len), "content"), 0);
		session_read_from(s, &r, ignore, &samples);
		/* What no longer decompresses is damage, too. */
		CHECK(r.ended || r.damage);
		datafile_close(&r);
		session_free(s);
		free(s);
		free(copy);
		free(bytes);
	}
}

#include <zlib.h>

static void set_chunk_crc(char *chunk)
{
	struct chunk_hdr *hdr = (void *)chunk;

	hdr->crc = 0;
	hdr->crc = crc32(crc32(0, (void *)hdr, sizeof(*hdr)), (void *)(hdr + 1), hdr->len);
}

static int open_with(const struct datafile_hdr *hdr, size_t len)
{
	struct datafile_reader r;
	int status;

	quiet = true;
	status = datafile_open_fd(&r, copy_fd(hdr, len), "made");
	quiet = false;
	if (!status)
		datafile_close(&r);
	return status;
}

TEST(foreign_and_future_files_are_told)
{
	struct datafile_hdr hdr = {
		.magic = DATAFILE_MAGIC, .version = DATAFILE_VERSION,
		.hdr_size = sizeof(hdr), .abi = VMCOOP_ABI_VERSION,
	}, good = hdr;

	good.crc = crc32(0, (void *)&good, offsetof(struct datafile_hdr, crc));
	EQ(open_with(&good, sizeof(good)), 0);
	hdr = good;
	hdr.version++;
	EQ(open_with(&hdr, sizeof(hdr)), EXIT_BAD);
	hdr = good;
	hdr.abi++;
	EQ(open_with(&hdr, sizeof(hdr)), EXIT_BAD);
	hdr = good;
	hdr.crc++;
	EQ(open_with(&hdr, sizeof(hdr)), EXIT_BAD);
	EQ(open_with(&good, 0), EXIT_BAD);
	EQ(open_with(&good, 8), EXIT_BAD);
	EQ(open_with((void *)"PERFILE2 and so on, for more than a header's length", 48), EXIT_BAD);
	quiet = true;
	EQ(datafile_open(&(struct datafile_reader){ 0 }, "/nonexistent"), EXIT_BAD);
	EQ(datafile_open(&(struct datafile_reader){ 0 }, "/dev/null"), EXIT_BAD);
	EQ(datafile_open(&(struct datafile_reader){ 0 }, "/tmp"), EXIT_BAD);
	quiet = false;
}

TEST(unknown_chunks_are_skipped)
{
	struct session *ses = calloc(1, sizeof(*ses));
	struct stream s;
	int n = 0;

	stream_begin(&s);
	put_sample(&s, 1, 10, 0, 5, 0x1000);
	stream_flush(&s);
	stream_kv(&s, 999, 77, "what a later version writes");
	put_sample(&s, 1, 11, 0, 5, 0x1000);
	stream_read(&s, ses, ignore, &n);
	EQ(n, 2);
	EQ(ses->nr_notes, 0);
	session_free(ses);
	free(ses);
	stream_free(&s);
}

TEST(a_huge_length_is_damage_not_memory)
{
	struct chunk_hdr hdr = { .magic = CHUNK_MAGIC, .type = 5, .len = 0xfffffff0 };
	size_t len;
	char *bytes = small_file(&len);
	struct datafile_reader r;
	struct chunk c;
	int fd;

	memcpy(bytes + sizeof(struct datafile_hdr), &hdr, sizeof(hdr));
	fd = copy_fd(bytes, len);
	EQ(datafile_open_fd(&r, fd, "huge"), 0);
	CHECK(!datafile_next(&r, &c));
	CHECK(r.damage != NULL);
	datafile_close(&r);
	free(bytes);
}

/* Records of all sizes that look like what comes: much is as it was before. */
static size_t make_records(char *buf, size_t cap, u32 seed)
{
	size_t at = 0, size;
	u64 x = seed, t = 0;

	for (;;) {
		u64 *rec = (void *)(buf + at), i;

		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		size = 16 + 8 * (x >> 40) % 64;
		if (x >> 60 == 0)
			size = VMCOOP_REC_MAX;
		if (at + size > cap)
			return at;
		t += x >> 50;
		*(struct vmcoop_hdr *)rec = (struct vmcoop_hdr){
			.type = x >> 33 & 7, .size = size, .id = x >> 55, .stamp = t,
		};
		for (i = 2; i < size / 8; i++)
			rec[i] = x >> 61 ? i << 40 : x * i;
		at += size;
	}
}

TEST(packed_records_come_back)
{
	static u64 in[8192], packed[16384], out[8192];
	u32 seed, n, k;
	size_t len;

	for (seed = 1; seed < 200; seed++) {
		len = make_records((char *)in, VMCOOP_REC_MAX + seed * 280, seed);
		n = delta_encode(packed, in, len);
		CHECK(n > 0 && n <= DELTA_MAX(len));
		memset(out, 0xaa, sizeof(out));
		CHECK(delta_decode(out, len, packed, n));
		CHECK(!memcmp(in, out, len));
		/* Neither more nor less may stand there. */
		CHECK(!delta_decode(out, len, packed, n - 1));
		CHECK(!delta_decode(out, len, packed, n + 1));
		CHECK(!delta_decode(out, len + 8, packed, n));
		for (k = 0; k < 50; k++) {
			u8 *p = (u8 *)packed + (k * 7919 + seed) % n, old = *p;

			*p ^= 1 << k % 8;
			delta_decode(out, len, packed, n);
			*p = old;
		}
	}
	memset(in, 0, sizeof(in));
	EQ(delta_encode(packed, in, 64), 0);
}

/* Whether records that were written come back; the bytes of their file. */
static size_t records_come_back(bool compress)
{
	size_t cap = 500000, len, at = 0, size;
	char *in = calloc(1, cap), *out = calloc(1, cap);
	int fd = memfd_create("t", 0), chunks = 0;
	struct datafile_writer w;
	struct datafile_reader r;
	struct chunk c;

	len = make_records(in, cap, 5);
	datafile_create_fd(&w, dup(fd), "t", 1);
	w.compress = compress;
	EQ(datafile_chunk(&w, CHUNK_RECORDS, 3, in, len), 0);
	/* No records at all: kept as they are. */
	EQ(datafile_chunk(&w, CHUNK_RECORDS, 4, "some text, and not little", 24), 0);
	datafile_finish(&w);
	lseek(fd, 0, SEEK_SET);
	datafile_open_fd(&r, fd, "t");
	while (datafile_next(&r, &c) && c.source == 3) {
		EQ(c.type, CHUNK_RECORDS);
		CHECK(c.len <= RECORDS_MAX && at + c.len <= len && !c.data);
		CHECK(datafile_load(&r, &c, out + at));
		at += c.len;
		chunks++;
	}
	EQ(at, len);
	CHECK(chunks >= (int)(len / RECORDS_MAX));
	CHECK(!memcmp(in, out, len));
	EQ(c.source, 4);
	CHECK(datafile_load(&r, &c, out));
	CHECK(!memcmp(out, "some text, and not little", 24));
	CHECK(datafile_next(&r, &c) && r.ended);
	free(c.data);
	size = r.size;
	CHECK(size < len);
	datafile_close(&r);
	free(in);
	free(out);
	return size;
}

TEST(records_are_cut_into_chunks_and_come_back)
{
	CHECK(records_come_back(true) < records_come_back(false));
}

TEST(files_switched_to_can_be_read_alone)
{
	char dir[] = "/tmp/vmcoop-test-XXXXXX", path[64], aside[80];
	struct vmcoop_host_sample rec = {
		.hdr = { VMCOOP_HOST_SAMPLE, 0, sizeof(rec), 5, 100 }, .vm = 7, .period = 1,
	};
	struct session *s = calloc(1, sizeof(*s));
	struct datafile_writer w;
	struct stat st;
	int i, n;

	if (!mkdtemp(dir))
		abort();
	snprintf(path, sizeof(path), "%s/d", dir);
	umask(0);
	EQ(datafile_create(&w, path, 1), 0);
	datafile_chunk(&w, CHUNK_INFO, 0, "clock_khz=1000\n", 15);
	datafile_chunk(&w, CHUNK_SOURCE, 1, "side=host\npcpu=0\n", 17);
	datafile_chunk(&w, CHUNK_VM, 0, "pid=7\nname=seven\n", 17);
	for (i = 0; i < 3; i++) {
		rec.hdr.stamp += 100;
		datafile_chunk(&w, CHUNK_RECORDS, 1, &rec, sizeof(rec));
		snprintf(aside, sizeof(aside), ".%d", i);
		if (i < 2)
			EQ(datafile_switch(&w, aside), 0);
	}
	EQ(datafile_finish(&w), 0);
	for (i = 0; i < 3; i++) {
		n = 0;
		snprintf(aside, sizeof(aside), i < 2 ? "%s.%d" : "%s", path, i);
		EQ(session_read(s, aside, ignore, &n), 0);
		EQ(n, 1);
		EQ(s->nr_notes, 0);
		STREQ(s->join.vms[0]->name, "seven");
		EQ(s->first, 200 + 100 * i);
		/* Its owner's alone. */
		EQ(stat(aside, &st), 0);
		EQ(st.st_mode, S_IFREG | 0600);
		session_free(s);
		unlink(aside);
	}
	rmdir(dir);
	free(s);
}

/* A file-size limit stands for a full disk: the write that passes it fails. */
TEST(a_full_disk_leaves_whole_chunks)
{
	struct rlimit old, small;
	char path[] = "/tmp/vmcoop-test-XXXXXX";
	int fd = mkstemp(path), chunks = 0, status = 0, i;
	char data[1000] = "x";
	struct datafile_writer w;
	struct datafile_reader r;
	struct chunk c;

	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 1500000;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	quiet = true;
	EQ(datafile_create_fd(&w, fd, path, 1), 0);
	w.plain = true;
	for (i = 0; i < 5000 && !status; i++)
		status = datafile_chunk(&w, CHUNK_NOTE, 0, data, sizeof(data));
	EQ(status, EXIT_FAILED);
	EQ(datafile_chunk(&w, CHUNK_NOTE, 0, data, sizeof(data)), EXIT_FAILED);
	EQ(datafile_finish(&w), EXIT_FAILED);
	setrlimit(RLIMIT_FSIZE, &old);
	EQ(datafile_open(&r, path), 0);
	while (datafile_next(&r, &c)) {
		EQ(c.len, sizeof(data));
		chunks++;
		free(c.data);
	}
	quiet = false;
	CHECK(r.damage && !r.ended);
	/* Nothing is lost but the chunk that did not fit. */
	EQ(chunks, (1500000 - 32) / 1024);
	datafile_close(&r);
	unlink(path);
}

TEST(text_values_may_hold_anything)
{
	static const char *const values[] = {
		"", "plain", "with = sign", "line\nbreak", "back\\slash \\x41", "\x1b[31m",
		"tab\t", "\xff\xfe", "del\x7f",
	};
	struct kv kv = { 0 };
	char key[16], out[64];
	size_t i, n = sizeof(values) / sizeof(values[0]);

	for (i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "k%zu", i);
		kv_str(&kv, key, values[i]);
	}
	kv_u64(&kv, "number", UINT64_MAX);
	for (i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "k%zu", i);
		CHECK(kv_get_str(kv.text, kv.len, key, out, sizeof(out)));
		STREQ(out, values[i]);
	}
	EQ(kv_get_u64(kv.text, kv.len, "number", 1), UINT64_MAX);
	EQ(kv_get_u64(kv.text, kv.len, "k1", 42), 42);
	EQ(kv_get_u64(kv.text, kv.len, "umber", 42), 42);
	CHECK(!kv_get_str(kv.text, kv.len, "k", out, sizeof(out)));
	CHECK(kv_get_str(kv.text, kv.len, "k2", out, 5));
	STREQ(out, "with");
	kv_free(&kv);
	CHECK(!kv_get_str("nonsense", 8, "nonsense", out, sizeof(out)));
	CHECK(kv_get_str("a=1", 3, "a", out, sizeof(out)));
	STREQ(out, "1");
	/* An escape cut off at the end stays what it is. */
	CHECK(kv_get_str("a=\\x4", 5, "a", out, sizeof(out)));
	STREQ(out, "\\x4");
}

TEST(maps_hold_what_was_put)
{
	static char v[2000];
	struct u64map m = { 0 };
	u64 i;

	for (i = 0; i < 2000; i++)
		CHECK(!map_put(&m, i * i, &v[i]));
	for (i = 0; i < 2000; i += 2)
		CHECK(map_del(&m, i * i) == &v[i]);
	for (i = 0; i < 2000; i++)
		CHECK(map_get(&m, i * i) == (i % 2 ? &v[i] : NULL));
	EQ(m.used, 1000);
	/* Coming and going fills no memory. */
	for (i = 0; i < 100000; i++) {
		map_put(&m, 10000000 + i, v);
		map_del(&m, 10000000 + i);
	}
	CHECK(m.cap <= 8192);
	CHECK(map_put(&m, 1, &v[5]) == &v[1]);
	CHECK(!map_del(&m, 3));
	map_free(&m);
	CHECK(!map_get(&m, 1));
	CHECK(intern_str("same") == intern("same!", 4));
	CHECK(intern_str("same") != intern_str("other"));
}

TESTS(
	RUN(chunks_come_back_as_written),
	RUN(a_file_cut_at_any_byte_is_read_up_to_there),
	RUN(a_cut_file_tells_of_whole_rounds_only),
	RUN(any_flipped_bit_is_noticed),
	RUN(random_bytes_behind_a_good_header_do_no_harm),
	RUN(records_with_good_checksums_and_bad_content_do_no_harm),
	RUN(foreign_and_future_files_are_told),
	RUN(unknown_chunks_are_skipped),
	RUN(a_huge_length_is_damage_not_memory),
	RUN(packed_records_come_back),
	RUN(records_are_cut_into_chunks_and_come_back),
	RUN(files_switched_to_can_be_read_alone),
	RUN(a_full_disk_leaves_whole_chunks),
	RUN(text_values_may_hold_anything),
	RUN(maps_hold_what_was_put),
)
