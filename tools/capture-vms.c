// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which VMs there are, which region each maps, and when a guest's rings begin
 * and end: the part of capture that watches rather than drains.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "capture-internal.h"

#define MAX_REGIONS	1024
#define MAX_RESTARTS	256
#define RETRY_NS	NSEC_PER_SEC

/* ---- VMs ------------------------------------------------------------------ */

static void put_vm(struct capture *c, const struct capture_vm *vm)
{
	struct kv kv = { 0 };

	kv_u64(&kv, "pid", vm->pid);
	kv_str(&kv, "name", vm->id.name);
	if (*vm->id.uuid)
		kv_str(&kv, "uuid", vm->id.uuid);
	if (vm->region)
		kv_str(&kv, "region", vm->region->r.path);
	datafile_kv(c->w, CHUNK_VM, 0, &kv);
}

static struct capture_vm *new_vm(struct capture *c, u32 pid)
{
	struct capture_vm *vm = xcalloc(1, sizeof(*vm));

	vm->pid = pid;
	c->vms = xreallocarray(c->vms, c->nr_vms + 1, sizeof(*c->vms));
	c->vms[c->nr_vms++] = vm;
	map_put(&c->vm_by_pid, pid, vm);
	return vm;
}

static void vm_died(struct capture *c, struct capture_vm *vm)
{
	vm->gone = true;
	capture_note(c, "VM %s (pid %u) ended while recording", vm->id.name, vm->pid);
	if (vm->region) {
		region_end(c, vm->region, NULL);
		/* Another VM may be started with the same region. */
		vm->region->vm = NULL;
		vm->region = NULL;
	}
	/* Should the pid come back, it is another VM. */
	map_del(&c->vm_by_pid, vm->pid);
	c->last_pid = 0;
}

/* ---- Regions and the VMs that map them ------------------------------------ */

static bool knows_region(const struct capture *c, dev_t dev, ino_t ino)
{
	size_t i;

	for (i = 0; i < c->nr_regions; i++)
		if (c->regions[i]->r.dev == dev && c->regions[i]->r.ino == ino)
			return true;
	return false;
}

enum region_state capture_add_region(struct capture *c, const char *path)
{
	char why[REGION_WHY] = "there are too many";
	enum region_state state = REGION_BAD;
	struct capture_region *reg;
	struct stat st;

	/* Mostly so: regions are looked for over and over. */
	if (!stat(path, &st) && knows_region(c, st.st_dev, st.st_ino))
		return REGION_OK;
	reg = xcalloc(1, sizeof(*reg));
	if (c->nr_regions < MAX_REGIONS)
		state = region_open(&reg->r, path, why);
	if (state == REGION_BAD && !map_put(&c->bad_files, hash_bytes(path, strlen(path)), c))
		capture_note(c, "region '%s' cannot be used: %s", path, why);
	if (state != REGION_OK) {
		free(reg);
		return state;
	}
	/* The path may lead elsewhere by now. */
	if (knows_region(c, reg->r.dev, reg->r.ino)) {
		region_close(&reg->r);
		free(reg);
		return REGION_OK;
	}
	c->regions = xreallocarray(c->regions, c->nr_regions + 1, sizeof(*c->regions));
	c->regions[c->nr_regions++] = reg;
	return REGION_OK;
}

void capture_add_self(struct capture *c, const struct region *r, const char *name)
{
	struct capture_region *reg = xcalloc(1, sizeof(*reg));
	struct capture_vm *vm = new_vm(c, CAPTURE_SELF);

	snprintf(vm->id.name, sizeof(vm->id.name), "%s", name);
	reg->r = *r;
	c->regions = xreallocarray(c->regions, c->nr_regions + 1, sizeof(*c->regions));
	c->regions[c->nr_regions++] = reg;
	capture_match(c, reg, vm);
}

static void look_for_regions(struct capture *c)
{
	DIR *dir = opendir(c->region_dir);
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		char *path = xasprintf("%s/%s", c->region_dir, e->d_name);

		if (e->d_name[0] != '.')
			capture_add_region(c, path);
		free(path);
	}
	closedir(dir);
}

void capture_match(struct capture *c, struct capture_region *reg, struct capture_vm *vm)
{
	if (reg->vm && reg->vm != vm) {
		if (!vm->refused)
			capture_note(c, "VM %s (pid %u) maps the region of VM %s, '%s': its guest is left out",
				     vm->id.name, vm->pid, reg->vm->id.name, reg->r.path);
		vm->refused = true;
		return;
	}
	reg->vm = vm;
	reg->closed = false;
	reg->restarts = 0;
	vm->region = reg;
	put_vm(c, vm);
}

static void match_vm(struct capture *c, struct capture_vm *vm)
{
	size_t i;

	for (i = 0; i < c->nr_regions && !vm->region; i++) {
		struct capture_region *reg = c->regions[i];

		if (!reg->r.gone && vmm_maps_file(vm->pid, reg->r.dev, reg->r.ino))
			capture_match(c, reg, vm);
	}
}

struct capture_vm *capture_vm(struct capture *c, u32 pid)
{
	struct capture_vm *vm = map_get(&c->vm_by_pid, pid);

	if (vm)
		return vm;
	vm = new_vm(c, pid);
	vm->start_time = vmm_start_time(pid);
	vmm_identify(pid, &vm->id);
	put_vm(c, vm);
	/* An idle VM is first heard of when it wakes up: what it runs then must not be missed. */
	match_vm(c, vm);
	return vm;
}

void capture_scan(struct capture *c)
{
	size_t i;

	look_for_regions(c);
	/* A pid may have become another VM's. */
	map_free(&c->unwanted);
	for (i = 0; i < c->nr_vms; i++) {
		struct capture_vm *vm = c->vms[i];

		if (vm->gone)
			continue;
		if (vm->start_time && vmm_start_time(vm->pid) != vm->start_time)
			vm_died(c, vm);
		else if (!vm->region)
			match_vm(c, vm);
	}
}

/* ---- A guest's rings ------------------------------------------------------ */

static void put_source(struct capture *c, const struct capture_region *reg, u32 i)
{
	const struct region_setup *s = &reg->setup;
	struct kv kv = { 0 };

	kv_str(&kv, "side", "guest");
	kv_u64(&kv, "vm", reg->vm->pid);
	kv_str(&kv, "vm_name", reg->vm->id.name);
	kv_str(&kv, "region", reg->r.path);
	kv_u64(&kv, "ring", i);
	kv_u64(&kv, "epoch", s->epoch);
	/* Tells set-ups apart even where a guest repeats its epoch. */
	kv_u64(&kv, "generation", reg->sources[0].id);
	kv_u64(&kv, "arch", s->arch);
	kv_str(&kv, "release", s->release);
	kv_u64(&kv, "ring_size", s->data_size);
	kv_u64(&kv, "first_produced", reg->sources[i].first.produced);
	datafile_kv(c->w, CHUNK_SOURCE, reg->sources[i].id, &kv);
}

void region_ask(struct capture_region *reg)
{
	reg->snap_request = vmcoop_load(&reg->r.mem->host.snap_request) + 1;
	reg->snap_done = false;
	vmcoop_store_release(&reg->r.mem->host.snap_request, reg->snap_request);
}

static void region_begin(struct capture *c, struct capture_region *reg)
{
	u32 i;

	capture_patience(c);
	reg->nr_sources = reg->setup.nr_rings;
	reg->sources = xcalloc(reg->nr_sources, sizeof(*reg->sources));
	for (i = 0; i < reg->nr_sources; i++) {
		region_ring(&reg->r, &reg->setup, i, &reg->sources[i].ring);
		source_attach(c, &reg->sources[i]);
		put_source(c, reg, i);
	}
	region_ask(reg);
	if (reg->setup.unread)
		capture_note(c, "the guest of VM %s says that %llu bytes of earlier records were never read",
			     reg->vm->id.name, reg->setup.unread);
}

void region_end(struct capture *c, struct capture_region *reg, const char *why)
{
	u32 i;

	capture_patience(c);
	for (i = 0; i < reg->nr_sources; i++)
		source_close(c, &reg->sources[i], why);
	free(reg->sources);
	reg->sources = NULL;
	reg->nr_sources = 0;
}

/* A consumer page that says something else than we wrote was put back in time. */
static bool region_rewound(const struct capture_region *reg)
{
	u32 i;

	for (i = 0; i < reg->nr_sources; i++) {
		const struct capture_source *s = &reg->sources[i];

		if (vmcoop_load(&s->ring.cons->tail) != s->pos ||
		    !vmcoop_load(&s->ring.cons->attached))
			return true;
	}
	return false;
}

/* What the guest's set-up has become since its rings were attached; NULL: nothing. */
static const char *region_changed(const struct capture_region *reg)
{
	if (!reg->nr_sources)
		return NULL;
	if (vmcoop_load_acquire(&reg->r.mem->guest.epoch) != reg->setup.epoch)
		return "set up anew";
	return region_rewound(reg) ? "put back in time" : NULL;
}

/* Ends the sources of a region that is not what it was. */
static bool region_lost(struct capture *c, struct capture_region *reg)
{
	const char *change = region_changed(reg);

	/* Asked behind the look, which may have been what found out. */
	if (reg->r.gone) {
		capture_note(c, "the region of VM %s, '%s', was truncated or has no memory: its guest is left out from here",
			     reg->vm->id.name, reg->r.path);
		region_end(c, reg, "region gone");
		reg->closed = true;
		return true;
	}
	if (!change)
		return false;
	/* A guest that reboots over and over fills neither the file nor the screen. */
	if (reg->restarts < 3)
		capture_note(c, "the region of VM %s was %s (%s)", reg->vm->id.name, change,
			     *change == 's' ? "guest rebooted, or module loaded again" :
					      "snapshot restored?");
	region_end(c, reg, change);
	reg->next_try = reg->restarts++ ? now_ns() + RETRY_NS : 0;
	if (reg->restarts > MAX_RESTARTS) {
		capture_note(c, "the guest of VM %s starts anew all the time: left out from here",
			     reg->vm->id.name);
		reg->closed = true;
	}
	return true;
}

void region_poll(struct capture *c, struct capture_region *reg)
{
	const char *why;
	int err;

	if (!reg->vm || reg->closed)
		return;
	if (!region_lost(c, reg) && reg->nr_sources) {
		u64 done = vmcoop_load_acquire(&reg->r.mem->guest.snap_done);

		reg->snap_done |= (s64)(done - reg->snap_request) >= 0;
		return;
	}
	if (reg->closed || (reg->next_try && now_ns() < reg->next_try))
		return;
	err = region_read_setup(&reg->r, &reg->setup, &why);
	if (!err) {
		region_begin(c, reg);
	} else if (err == -EPROTO) {
		if (!reg->complained)
			capture_note(c, "the guest of VM %s describes its rings wrongly: %s",
				     reg->vm->id.name, why);
		reg->complained = true;
		reg->next_try = now_ns() + RETRY_NS;
	}
}

bool capture_settled(const struct capture *c)
{
	size_t i;

	for (i = 0; i < c->nr_vms; i++) {
		const struct capture_region *reg = c->vms[i]->region;

		if (reg && !reg->closed && !reg->snap_done)
			return false;
	}
	return true;
}
