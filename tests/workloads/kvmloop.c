// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvmloop - the smallest VM: each vCPU runs a loop of two instructions at an address
 * that tells its VM and its number.
 *
 * usage: kvmloop [-c VCPUS] [-n ITERATIONS] [-r ROUNDS] [-k] [-m MS] [-e TYPE:CONFIG] [-f FILE]
 *		  [-t FILE]
 *
 *   -c  vCPUs, 1 (default) to 16
 *   -n  iterations of a round, which ends with an exit to this program; 0 (default):
 *       the only round does not end
 *   -r  rounds of a vCPU; 0 (default): until it is killed
 *   -k  a round ends with an exit that the kernel deals with alone
 *   -m  move each vCPU's thread to the next CPU after so many milliseconds
 *   -e  have the kernel's perf count this event for each vCPU's thread while it runs
 *       its rounds, what is no software event in guest mode only
 *   -f  map that file, as a VMM does that gives it to its guest
 *   -t  tell that file, by a 1 and a 0, when the first vCPU begins its rounds and has ended
 *       them: what the VM itself takes to come and to go is not in between
 *
 * vCPU N of the VM of process P is in guest mode at P * 64 KiB + N * 4 KiB, within
 * 32 bytes, and nowhere else: so a sample's address alone tells whether its
 * VM and vCPU are right. Linux is not needed for that, nor firmware, and the VM runs
 * milliseconds after it was started.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_VCPUS	16
#define PAGE		4096UL

static unsigned long vcpus = 1, iterations, rounds, move_ms;
static struct perf_event_attr event = { .size = sizeof(event), .disabled = 1 };
static int event_wanted, kernel_exits, told = -1;

static int kvm, vm;
static char *memory;

static struct vcpu {
	pthread_t	thread;
	unsigned int	number;
	int		fd;
	pid_t		tid;
	struct kvm_run	*run;
	unsigned long	rounds;
	uint64_t	count;
} all[MAX_VCPUS];

static pthread_barrier_t started;

static void die(const char *what)
{
	fprintf(stderr, "kvmloop: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int checked(int ret, const char *what)
{
	if (ret < 0)
		die(what);
	return ret;
}

/* Where vCPU @number is while it is in guest mode. */
static uint64_t loop_address(unsigned int number)
{
	return (uint64_t)getpid() * 16 * PAGE + number * PAGE;
}

static void add_memory(uint64_t guest, unsigned long pages)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = guest,
		.memory_size = pages * PAGE,
	};

	memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die("memory");
	region.userspace_addr = (uintptr_t)memory;
	checked(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
}

#if defined(__x86_64__)

/*
 * Long mode without interrupts. The four page tables come first in memory, then
 * the loops; they are mapped as loop_address() says.
 */
#define TABLES		4
#define PRESENT_WRITE	3
#define END_OF_ROUND	KVM_EXIT_IO

static const unsigned char loop[] = {
	0x4d, 0x89, 0xc1,	/*	mov	%r8, %r9	*/
	0x49, 0x83, 0xe9, 1,	/* 1:	sub	$1, %r9		*/
	0x75, 0xfa,		/*	jnz	1b		*/
	0xe6, 0x10,		/*	out	%al, $0x10	*/
	0xeb, 0xf3,		/*	jmp	the beginning	*/
};

static const unsigned char kernel_loop[] = {
	0x4d, 0x89, 0xc1,	/*	mov	%r8, %r9	*/
	0x49, 0x83, 0xe9, 1,	/* 1:	sub	$1, %r9		*/
	0x75, 0xfa,		/*	jnz	1b		*/
	0x0f, 0xa2,		/*	cpuid			*/
	0x49, 0x83, 0xea, 1,	/*	sub	$1, %r10	*/
	0x75, 0xef,		/*	jnz	the beginning	*/
	0xe6, 0x10,		/*	out	%al, $0x10	*/
	0xeb, 0xeb,		/*	jmp	the beginning	*/
};

static void create_memory(void)
{
	uint64_t address = loop_address(0);
	unsigned int level, i;

	add_memory(0, TABLES + vcpus);
	for (level = 0; level < TABLES - 1; level++) {
		uint64_t *table = (uint64_t *)(memory + level * PAGE);

		table[address >> (39 - 9 * level) & 511] = (level + 1) * PAGE | PRESENT_WRITE;
	}
	for (i = 0; i < vcpus; i++) {
		uint64_t *table = (uint64_t *)(memory + level * PAGE);

		table[loop_address(i) >> 12 & 511] = (TABLES + i) * PAGE | PRESENT_WRITE;
	}
}

/* Without, KVM takes long mode for a feature that the vCPU does not have. */
static void set_cpuid(struct vcpu *v)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entry[256];
	} cpuid = { .head.nent = 256 };

	checked(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid), "KVM_GET_SUPPORTED_CPUID");
	checked(ioctl(v->fd, KVM_SET_CPUID2, &cpuid), "KVM_SET_CPUID2");
}

static void set_registers(struct vcpu *v)
{
	struct kvm_segment code = {
		.limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1,
		.l = 1, .g = 1,
	}, data = {
		.limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .s = 1,
		.db = 1, .g = 1,
	};
	struct kvm_regs regs = {
		.rip = loop_address(v->number),
		.r8 = iterations,
		.r10 = rounds,
		.rflags = 2,
	};
	struct kvm_sregs sregs;

	set_cpuid(v);
	checked(ioctl(v->fd, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr3 = 0;
	sregs.cr4 = 0x20;		/* PAE */
	sregs.cr0 = 0x80000011;		/* PG, ET, PE */
	sregs.efer = 0x500;		/* LMA, LME */
	checked(ioctl(v->fd, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	checked(ioctl(v->fd, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

/* The loops take no interrupt. */
static void create_irqchip(void)
{
}

#elif defined(__aarch64__)

/* EL1 with MMU and interrupts off: guest memory lies where loop_address() says. */
#define END_OF_ROUND	KVM_EXIT_MMIO
#define TABLES		0
#define NO_MEMORY	PAGE		/* a store there is an exit */

static const uint32_t loop[] = {
	0xaa0903ea,		/*	mov	x10, x9		*/
	0xf100054a,		/* 1:	subs	x10, x10, #1	*/
	0x54ffffe1,		/*	b.ne	1b		*/
	0xb900017f,		/*	str	wzr, [x11]	*/
	0x17fffffc,		/*	b	the beginning	*/
};

static const uint32_t kernel_loop[] = {
	0xaa0903ea,		/*	mov	x10, x9		*/
	0xf100054a,		/* 1:	subs	x10, x10, #1	*/
	0x54ffffe1,		/*	b.ne	1b		*/
	0xd4000002,		/*	hvc	#0		*/
	0xf100058c,		/*	subs	x12, x12, #1	*/
	0x54ffff61,		/*	b.ne	the beginning	*/
	0xb900017f,		/*	str	wzr, [x11]	*/
	0x17fffff9,		/*	b	the beginning	*/
};

static void create_memory(void)
{
	add_memory(loop_address(0), vcpus);
}

static void set_register(struct vcpu *v, uint64_t offset, uint64_t value)
{
	struct kvm_one_reg reg = {
		.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | offset / 4,
		.addr = (uintptr_t)&value,
	};

	checked(ioctl(v->fd, KVM_SET_ONE_REG, &reg), "KVM_SET_ONE_REG");
}

#define SET_REGISTER(v, reg, value)	set_register(v, offsetof(struct kvm_regs, regs.reg), value)

static void set_registers(struct vcpu *v)
{
	struct kvm_vcpu_init init;

	checked(ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init), "KVM_ARM_PREFERRED_TARGET");
	checked(ioctl(v->fd, KVM_ARM_VCPU_INIT, &init), "KVM_ARM_VCPU_INIT");
	SET_REGISTER(v, pc, loop_address(v->number));
	SET_REGISTER(v, regs[9], iterations);
	SET_REGISTER(v, regs[11], NO_MEMORY);
	SET_REGISTER(v, regs[12], rounds);
}

static void set_gic(int gic, uint32_t group, uint64_t attr, const uint64_t *value)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)value };

	checked(ioctl(gic, KVM_SET_DEVICE_ATTR, &a), "interrupt controller");
}

/* Without one, KVM does at each exit what it does for no other VM. GICv2 hosts have to. */
static void create_irqchip(void)
{
	static const uint64_t dist = 1ULL << 39, redist = dist + 0x10000;
	struct kvm_create_device gic = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };

	if (ioctl(vm, KVM_CREATE_DEVICE, &gic))
		return;
	set_gic(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &dist);
	set_gic(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &redist);
	set_gic(gic.fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
}

#else
#error "a loop for this architecture is missing"
#endif

static void put_loops(void)
{
	unsigned int i;

	for (i = 0; i < vcpus; i++) {
		char *page = memory + (TABLES + i) * PAGE;

		if (kernel_exits)
			memcpy(page, kernel_loop, sizeof(kernel_loop));
		else
			memcpy(page, loop, sizeof(loop));
		__builtin___clear_cache(page, page + sizeof(kernel_loop));
	}
}

static void create_vcpu(struct vcpu *v)
{
	int size = checked(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");

	v->fd = checked(ioctl(vm, KVM_CREATE_VCPU, (unsigned long)v->number), "KVM_CREATE_VCPU");
	v->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		die("vCPU's shared page");
	set_registers(v);
}

static void run_rounds(struct vcpu *v)
{
	do {
		while (ioctl(v->fd, KVM_RUN, 0) < 0) {
			if (errno != EINTR)
				die("KVM_RUN");
		}
		if (v->run->exit_reason != END_OF_ROUND) {
			fprintf(stderr, "kvmloop: vCPU %u: unexpected exit %u\n", v->number,
				v->run->exit_reason);
			exit(1);
		}
		/* Those that the kernel ends, the vCPU counts itself. */
		v->rounds = kernel_exits ? rounds : v->rounds + 1;
	} while (v->rounds != rounds);
}

static void tell(struct vcpu *v, const char *what)
{
	if (told >= 0 && v == all && write(told, what, 1) != 1)
		die("-t");
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *v = arg;
	int fd = -1;

	v->tid = syscall(SYS_gettid);
	if (event_wanted)
		fd = checked(syscall(SYS_perf_event_open, &event, 0, -1, -1, 0),
			     "perf_event_open");
	pthread_barrier_wait(&started);
	if (fd >= 0)
		ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	tell(v, "1");
	run_rounds(v);
	tell(v, "0");
	if (fd >= 0) {
		ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
		if (read(fd, &v->count, sizeof(v->count)) != sizeof(v->count))
			die("event");
	}
	return NULL;
}

/* One that is offline is passed over. */
static void move(struct vcpu *v, unsigned int cpu, unsigned int cpus)
{
	unsigned int i;

	for (i = 0; i < cpus; i++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((cpu + i) % cpus, &set);
		if (!sched_setaffinity(v->tid, sizeof(set), &set))
			return;
	}
}

static void *mover_thread(void *arg)
{
	unsigned int cpus = sysconf(_SC_NPROCESSORS_CONF), turn, i;

	pthread_barrier_wait(&started);
	for (turn = 0; move_ms; turn++) {
		for (i = 0; i < vcpus; i++)
			move(&all[i], turn + i, cpus);
		usleep(move_ms * 1000);
	}
	return arg;
}

static unsigned long number(const char *arg, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 0);

	if (end == arg || *end || *arg == '-' || n > max) {
		fprintf(stderr, "kvmloop: %s: not a number up to %lu\n", arg, max);
		exit(2);
	}
	return n;
}

static void parse_event(char *arg)
{
	char *config = strchr(arg, ':');

	if (!config) {
		fprintf(stderr, "kvmloop: -e %s: not TYPE:CONFIG\n", arg);
		exit(2);
	}
	*config++ = '\0';
	event.type = number(arg, UINT32_MAX);
	event.config = number(config, UINT64_MAX);
	event.exclude_host = event.type != PERF_TYPE_SOFTWARE;
	event_wanted = 1;
}

static void map_file(const char *path)
{
	int fd = checked(open(path, O_RDWR | O_CLOEXEC), path);

	if (mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED)
		die(path);
	close(fd);
}

static void parse(int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "c:n:r:km:e:f:t:")) != -1) {
		switch (opt) {
		case 'c':
			vcpus = number(optarg, MAX_VCPUS);
			break;
		case 'n':
			iterations = number(optarg, UINT64_MAX);
			break;
		case 'r':
			rounds = number(optarg, UINT64_MAX);
			break;
		case 'k':
			kernel_exits = 1;
			break;
		case 'm':
			move_ms = number(optarg, 1000000);
			break;
		case 'e':
			parse_event(optarg);
			break;
		case 'f':
			map_file(optarg);
			break;
		case 't':
			told = checked(open(optarg, O_WRONLY | O_CLOEXEC), optarg);
			break;
		default:
			exit(2);
		}
	}
}

int main(int argc, char **argv)
{
	pthread_t mover;
	unsigned int i;

	parse(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Always busy, it leaves most of the CPU to whoever else wants it. */
	if (nice(10) == -1)
		die("nice");
	kvm = checked(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm");
	vm = checked(ioctl(kvm, KVM_CREATE_VM, 0UL), "KVM_CREATE_VM");
	create_memory();
	put_loops();
	pthread_barrier_init(&started, NULL, vcpus + 2);
	for (i = 0; i < vcpus; i++) {
		all[i].number = i;
		create_vcpu(&all[i]);
		if (pthread_create(&all[i].thread, NULL, vcpu_thread, &all[i]))
			die("thread");
	}
	create_irqchip();
	if (pthread_create(&mover, NULL, mover_thread, NULL))
		die("thread");
	pthread_barrier_wait(&started);
	for (i = 0; i < vcpus; i++)
		printf("pid %d vcpu %u tid %d loop %#llx\n", getpid(), i, all[i].tid,
		       (unsigned long long)loop_address(i));
	printf("running\n");
	for (i = 0; i < vcpus; i++)
		pthread_join(all[i].thread, NULL);
	for (i = 0; i < vcpus; i++)
		printf("pid %d vcpu %u tid %d rounds %lu count %llu\n", getpid(), i, all[i].tid,
		       all[i].rounds, (unsigned long long)all[i].count);
	return 0;
}
