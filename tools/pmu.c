// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading /sys/bus/event_source/devices: see pmu.h.
 */
#include <stdlib.h>
#include <string.h>

#include "pmu.h"

#define DEVICES	"/sys/bus/event_source/devices"

/* One name of a path below DEVICES: what a user typed must not lead elsewhere. */
static bool name_ok(const char *name)
{
	return *name && *name != '.' && strlen(name) < PMU_NAME_MAX && !strchr(name, '/');
}

bool pmu_find(const char *name, struct pmu *pmu)
{
	char *type;
	bool found;
	u64 v;

	if (!name_ok(name))
		return false;
	type = hostfs_read(NULL, DEVICES "/%s/type", name);
	found = type && parse_u64(type, 0, UINT32_MAX, &v);
	free(type);
	if (!found)
		return false;
	snprintf(pmu->name, sizeof(pmu->name), "%s", name);
	pmu->type = v;
	/* One CPU of a package reads for all of it. */
	pmu->shared = hostfs_exists(DEVICES "/%s/cpumask", name);
	return true;
}

struct names pmu_list(void)
{
	return hostfs_list(DEVICES);
}

struct names pmu_events(const struct pmu *pmu)
{
	static const char *const about[] = { ".scale", ".unit", ".per-pkg", ".snapshot" };
	struct names all = hostfs_list(DEVICES "/%s/events", pmu->name);
	size_t i, j, nr = 0;

	for (i = 0; i < all.nr; i++) {
		const char *dot = strrchr(all.v[i], '.');
		bool event = true;

		for (j = 0; dot && j < ARRAY_SIZE(about); j++)
			event &= strcmp(dot, about[j]) != 0;
		if (event)
			all.v[nr++] = all.v[i];
		else
			free(all.v[i]);
	}
	all.nr = nr;
	return all;
}

struct names pmu_terms(const struct pmu *pmu)
{
	return hostfs_list(DEVICES "/%s/format", pmu->name);
}

char *pmu_event(const struct pmu *pmu, const char *name)
{
	return name_ok(name) ? hostfs_read(NULL, DEVICES "/%s/events/%s", pmu->name, name) : NULL;
}

/* "0-7,32-35" or "63": the next range of bits; what follows it, NULL if it is none. */
static const char *next_range(const char *s, unsigned int *low, unsigned int *high)
{
	unsigned long from, to;
	char *end;

	from = to = strtoul(s, &end, 10);
	if (end == s)
		return NULL;
	if (*end == '-') {
		s = end + 1;
		to = strtoul(s, &end, 10);
		if (end == s)
			return NULL;
	}
	if ((*end && *end != ',') || from > to || to > 63)
		return NULL;
	*low = from;
	*high = to;
	return *end ? end + 1 : end;
}

/* Lays @value's bits, the lowest first, into the ranges of a format. */
static enum pmu_set deposit(const char *ranges, u64 value, u64 *field, unsigned int *bits)
{
	u64 result = *field;

	*bits = 0;
	do {
		unsigned int low, high, width;
		u64 mask;

		ranges = next_range(ranges, &low, &high);
		if (!ranges)
			return PMU_SET_FORMAT;
		width = high - low + 1;
		mask = width == 64 ? ~0ULL : (1ULL << width) - 1;
		result = (result & ~(mask << low)) | (value & mask) << low;
		value = width == 64 ? 0 : value >> width;
		*bits += width;
	} while (*ranges);
	if (value)
		return PMU_SET_TOO_LARGE;
	*field = result;
	return PMU_SET_OK;
}

/* The field that a format's part before the colon names; NULL: none we hand on. */
static u64 *config_field(struct pmu_config *c, const char *name, size_t len)
{
	static const char *const fields[] = { "config", "config1", "config2" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (strlen(fields[i]) == len && !memcmp(fields[i], name, len))
			return &c->config[i];
	return NULL;
}

enum pmu_set pmu_set(const struct pmu *pmu, const char *term, u64 value,
		     struct pmu_config *c, unsigned int *bits)
{
	enum pmu_set result = PMU_SET_FORMAT;
	u64 *field = config_field(c, term, strlen(term));
	char *format = NULL, *colon;

	if (name_ok(term))
		format = hostfs_read(NULL, DEVICES "/%s/format/%s", pmu->name, term);
	if (!format) {
		if (!field)
			return PMU_SET_UNKNOWN;
		*field = value;
		return PMU_SET_OK;
	}
	colon = strchr(format, ':');
	field = colon ? config_field(c, format, colon - format) : NULL;
	if (field)
		result = deposit(colon + 1, value, field, bits);
	free(format);
	return result;
}
