// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records as text for people.
 */
#include <linux/kernel.h>

#include "host.h"

/* A record type's name. */
const char *vh_text_type(unsigned int type)
{
	switch (type) {
	case VMCOOP_HOST_SAMPLE:
		return "sample";
	case VMCOOP_HOST_VCPU:
		return "vcpu";
	case VMCOOP_HOST_IN:
		return "in";
	case VMCOOP_HOST_OUT:
		return "out";
	case VMCOOP_HOST_ENTRY:
		return "entry";
	case VMCOOP_HOST_CLOCK:
		return "clock";
	case VMCOOP_HOST_GONE:
		return "gone";
	case VMCOOP_HOST_VMM:
		return "vmm";
	case VMCOOP_HOST_COUNT:
		return "count";
	case VMCOOP_HOST_EXITS:
		return "exits";
	case VMCOOP_HOST_RESUME:
		return "resume";
	default:
		return "other";
	}
}

static const char *vh_text_mode(const struct vmcoop_host_sample *s)
{
	bool derived = s->sflags & VMCOOP_S_MODE_DERIVED;

	switch (s->mode) {
	case VMCOOP_MODE_USER:
		return derived ? "user*" : "user";
	case VMCOOP_MODE_KERNEL:
		return derived ? "kernel*" : "kernel";
	default:
		return "unknown";
	}
}

/* Names vh_text_sample()'s columns. */
const char vh_text_heading[] =
	"#          stamp pcpu       vm vcpu event            mode     ip                 period\n";

/**
 * vh_text_sample() - a sample as a line
 * @buf: where to
 * @size: of @buf
 * @s: the sample
 * @event: its event's name
 *
 * "*" marks a mode that was inferred from the address.
 *
 * Return: as snprintf().
 */
int vh_text_sample(char *buf, size_t size, const struct vmcoop_host_sample *s, const char *event)
{
	char ip[19];

	if (s->sflags & VMCOOP_S_IP_HIDDEN)
		snprintf(ip, sizeof(ip), "hidden");
	else
		snprintf(ip, sizeof(ip), "0x%016llx", s->ip);
	return snprintf(buf, size, "%16llu %4u %8u %4u %-16s %-8s %-18s %llu\n",
			s->hdr.stamp, s->pcpu, s->vm, s->vcpu, event, vh_text_mode(s), ip,
			s->period);
}
