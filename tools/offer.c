// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trying events: see offer.h.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "offer.h"

bool kvm_mediates_pmu(void)
{
	static const char *const modules[] = { "kvm", "kvm_intel", "kvm_amd" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modules); i++)
		if (hostfs_says("Y", "/sys/module/%s/parameters/enable_mediated_pmu", modules[i]))
			return true;
	return false;
}

/* Return: 0, or the errno. */
static int try_event(u32 type, const struct pmu_config *c, u64 period, bool guest_only)
{
	struct perf_event_attr attr = {
		.type = type,
		.size = sizeof(attr),
		.config = c->config[0],
		.config1 = c->config[1],
		.config2 = c->config[2],
		.sample_period = period,
		.disabled = 1,
		.exclude_host = guest_only,
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static const char *why_not(int err)
{
	switch (err) {
	case EACCES:
	case EPERM:
		return "not tried: be root";
	case ENOENT:
	case ENODEV:
	case EOPNOTSUPP:
		return "not on this machine";
	case EBUSY:
	case ENOSPC:
		return "all counters are taken";
	case EINVAL:
		return "refused by the PMU";
	default:
		return strerror(err);
	}
}

struct offer offer_event(u32 type, const struct pmu_config *c)
{
	const u64 period = 1000000007;
	bool software = type == PERF_TYPE_SOFTWARE;
	struct offer o = { 0 };
	int err;

	if (!software && kvm_mediates_pmu()) {
		o.why = "not tried: KVM's mediated vPMU is on";
		return o;
	}
	/* Software events take the wish and ignore it. */
	o.guest_only = !software && !try_event(type, c, period, true);
	o.sample = o.guest_only || !try_event(type, c, period, false);
	err = o.sample ? 0 : try_event(type, c, 0, false);
	o.count = !err;
	o.absent = err == ENOENT || err == ENODEV || err == EOPNOTSUPP;
	o.why = err ? why_not(err) : NULL;
	return o;
}
