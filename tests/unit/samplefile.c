// SPDX-License-Identifier: GPL-2.0-only
/*
 * samplefile - writes a data file of two VMs whose samples are known, for tests
 * of what the tool makes of it.
 *
 * usage: samplefile DIR
 *
 * DIR gets vmcoop.data, kallsyms, and root/bin/prog, the guests' program, which
 * is this one: samples lie in the functions red and blue. Names of the second
 * VM's guest are hostile. In guest.data is what a guest alone writes.
 *
 *	VM 100 "web": process 5 "prog": 60 red, 30 blue, 20 kernel do_work, 10 mod_fn
 *	VM 200 "db": process 5 HOSTILE: 10 red, 5 in an object with a hostile path
 *	VM 200: 5 before its guest said what it ran
 *
 * Of event instructions there are 40 more in VM 100's red, and of branches, an
 * event that is counted, VM 100 had 10007.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream.h"

#define HOSTILE		"<b>;\"=1+1\n\033[2J&"
#define HOSTILE_PATH	"/bin/</script>\n<i>;\033]0;x\007'"
#define KASLR		0x2000000ULL
#define KERNEL		0xffffffff81000000ULL
#define MODULE		0xffffffffc0000000ULL

/* The guests' program. Calls keep the functions, and give them different code. */
__attribute__((noinline)) int red(int n)
{
	int sum = 0;

	while (n--)
		sum += n * n;
	return sum;
}

__attribute__((noinline)) int blue(int n)
{
	int sum = 1;

	while (n--)
		sum ^= sum << 3 | n;
	return sum;
}

struct segment {
	u64 start, end, pgoff;
};

/* What of this program lies around red. */
static struct segment own_segment(void)
{
	u64 at = (uintptr_t)red;
	struct segment s;
	char line[512];
	FILE *f = fopen("/proc/self/maps", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%llx-%llx %*s %llx", &s.start, &s.end, &s.pgoff) == 3 &&
		    at >= s.start && at < s.end) {
			fclose(f);
			return s;
		}
	abort();
}

static u64 now = MS;

static u64 tick_on(void)
{
	return now += 100 * US;
}

static void samples(struct stream *s, int nr, u64 ip)
{
	while (nr--)
		put_sample(s, 1, tick_on(), 0, s->vm, ip);
}

static void instructions(struct stream *s, int nr, u64 ip)
{
	while (nr--) {
		struct vmcoop_host_sample rec = {
			.hdr = { .type = VMCOOP_HOST_SAMPLE, .size = sizeof(rec), .id = s->vm,
				 .stamp = tick_on() },
			.vm = s->vm,
			.event = 1,
			.mode = VMCOOP_MODE_USER,
			.ip = ip,
			.period = 5000,
		};

		put_raw(s, 1, &rec, sizeof(rec));
	}
}

static void begin_vm(struct stream *s, u32 vm, const char *name)
{
	char *text = xasprintf("pid=%u\nname=%s\n", vm, name);

	s->vm = vm;
	stream_kv(s, CHUNK_VM, 0, text);
	free(text);
	stream_guest(s, vm, vm, 1, 0);
	put_vcpu(s, 1, tick_on(), 0, vm);
	put_clock(s, 1, tick_on(), 0, vm, &s->clock);
	put_in(s, 1, tick_on(), 0, vm);
}

static void end_vm(struct stream *s)
{
	put_out(s, 1, tick_on(), 0, s->vm);
}

static void counter(struct stream *s, u8 where, u64 value)
{
	put_count(s, 1, now, s->vm, where, now, &value, 1);
}

static void web(struct stream *s, const struct segment *seg)
{
	begin_vm(s, 100, "web");
	counter(s, VMCOOP_COUNT_IN, 500);
	put_kernel(s, 100, tick_on(), 0, KERNEL + KASLR, "_text");
	put_comm(s, 100, tick_on(), 0, 5, 5, "prog");
	put_mmap(s, 100, tick_on(), 0, 5, seg->start, seg->end - seg->start, seg->pgoff,
		 "/bin/prog");
	put_switch(s, 100, tick_on(), 0, 5, 5);
	samples(s, 60, (uintptr_t)red + 4);
	counter(s, VMCOOP_COUNT_ENTRY, 500 + 7000);
	put_tick(s, 100, tick_on(), 0, 5, 5, (uintptr_t)red + 8);
	samples(s, 30, (uintptr_t)blue + 4);
	put_tick(s, 100, tick_on(), 0, 5, 5, (uintptr_t)blue + 8);
	samples(s, 20, KERNEL + KASLR + 0x1010);
	samples(s, 10, MODULE + KASLR + 0x20);
	instructions(s, 40, (uintptr_t)red + 4);
	counter(s, VMCOOP_COUNT_OUT, 500 + 10007);
	end_vm(s);
}

static void db(struct stream *s, const struct segment *seg)
{
	begin_vm(s, 200, "db");
	put_kernel(s, 200, tick_on(), 0, KERNEL + KASLR, "_text");
	samples(s, 5, (uintptr_t)red + 4);
	put_comm(s, 200, tick_on(), 0, 5, 5, HOSTILE);
	put_mmap(s, 200, tick_on(), 0, 5, seg->start, seg->end - seg->start, seg->pgoff,
		 "/bin/prog");
	put_mmap(s, 200, tick_on(), 0, 5, 0x10000, 0x1000, 0, HOSTILE_PATH);
	put_switch(s, 200, tick_on(), 0, 5, 5);
	samples(s, 10, (uintptr_t)red + 4);
	samples(s, 5, 0x10234);
	end_vm(s);
}

static int copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = creat(to, 0755);
	off_t at = 0;

	while (in >= 0 && out >= 0 && sendfile(out, in, &at, 1 << 20) > 0)
		;
	close(in);
	return close(out);
}

static void write_kallsyms(void)
{
	FILE *f = fopen("kallsyms", "w");

	if (!f)
		abort();
	fprintf(f, "%llx T _text\n%llx T do_work\n%llx T after\n", KERNEL, KERNEL + 0x1000,
		KERNEL + 0x2000);
	fprintf(f, "%llx t mod_fn\t[virtio_net]\n%llx t mod_end\t[virtio_net]\n", MODULE,
		MODULE + 0x100);
	fclose(f);
}

/* Keeps the stream's file as @name. */
static int keep(struct stream *s, const char *name)
{
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", s->fd);
	ret = copy(path, name);
	stream_free(s);
	return ret;
}

int main(int argc, char **argv)
{
	struct segment seg = own_segment();
	struct stream s;

	if (argc != 2 || chdir(argv[1]) || mkdir("root", 0755) || mkdir("root/bin", 0755) ||
	    copy("/proc/self/exe", "root/bin/prog"))
		return red(argc) + blue(argc) ? 1 : 2;
	write_kallsyms();
	stream_begin(&s);
	stream_kv(&s, CHUNK_EVENT, 0, "index=1\nname=instructions\nperiod=5000\n");
	stream_kv(&s, CHUNK_EVENT, 0, "index=2\nname=branches\neflags=1\n");
	web(&s, &seg);
	db(&s, &seg);
	stream_end(&s);
	if (keep(&s, "vmcoop.data"))
		return 1;
	stream_guest_alone(&s);
	return keep(&s, "guest.data");
}
