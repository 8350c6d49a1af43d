#include "core/devtable.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include "base/errors.h"

/* The region: header, class names, cells, arena.  A cell is two words:
 *
 *	key	MAC << 16 | 1, or 0: free.  Set once, after the other.
 *	about	arena offset << 32 | class << 24 | flags << 16 | type
 *
 * In the arena a serial number is a length byte and its bytes; they are in place
 * before the word that points at them is stored (release, acquire). */

#define MAGIC 0x4643444556544231u /* "FCDEVTB1" */

struct header {
	uint64_t magic;
	uint32_t n_cells;
	uint32_t pad;
	_Atomic uint64_t arena_used;
	_Atomic uint32_t n_classes;
	_Atomic uint32_t count;
	char classes[DEVTABLE_CLASSES_MAX][DEVTABLE_CLASS_SIZE];
};

struct cell {
	_Atomic uint64_t key, about;
};

enum { CELLS_MIN = 64, ARENA_SPARE = 4096 };

static_assert(sizeof(struct header) % 8 == 0, "cells follow the header, aligned");
static_assert(sizeof(struct cell) == 16, "two words a device");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "words are shared between processes");

static uint32_t cells_for(uint32_t n_devices)
{
	uint64_t n = CELLS_MIN;

	while (n < (uint64_t)n_devices * 2 && n < (UINT64_C(1) << 31))
		n *= 2;
	return (uint32_t)n;
}

static size_t arena_offset(uint32_t n_cells)
{
	return sizeof(struct header) + (size_t)n_cells * sizeof(struct cell);
}

static struct header *header_of(const struct devtable *t)
{
	return t->base;
}

static struct cell *cells_of(const struct devtable *t)
{
	return (void *)((uint8_t *)t->base + sizeof(struct header));
}

static uint64_t key_of(const struct mac *mac)
{
	return mac_u64(mac) << 16 | 1;
}

/* The finalizer of MurmurHash3: devices of one maker differ in few bits. */
static uint64_t mix(uint64_t v)
{
	v ^= v >> 33;
	v *= 0xff51afd7ed558ccdu;
	v ^= v >> 33;
	v *= 0xc4ceb9fe1a85ec53u;
	return v ^ v >> 33;
}

/* The cell of this key, else the free one where it belongs, else NULL. */
static struct cell *probe(const struct devtable *t, uint64_t key)
{
	struct cell *cells = cells_of(t);
	uint32_t at = (uint32_t)mix(key);

	for (uint32_t i = 0; i < DEVTABLE_PROBE_MAX && i < t->n_cells; i++) {
		struct cell *c = &cells[(at + i) & (t->n_cells - 1)];
		uint64_t k = atomic_load_explicit(&c->key, memory_order_acquire);

		if (k == key || k == 0)
			return c;
	}
	return NULL;
}

size_t devtable_size(uint32_t n_devices, size_t serial_bytes)
{
	return arena_offset(cells_for(n_devices)) + 2 * (serial_bytes + n_devices) +
	       ARENA_SPARE;
}

int devtable_format(void *base, size_t size, uint32_t n_devices, struct devtable *ret)
{
	struct header *h = base;
	uint32_t n_cells = cells_for(n_devices);

	if (n_devices > n_cells / 2 || size < arena_offset(n_cells) ||
	    size - arena_offset(n_cells) > UINT32_MAX)
		return FC_EFULL;
	h->magic = MAGIC;
	h->n_cells = n_cells;
	*ret = (struct devtable){ .base = base,
				  .size = size,
				  .n_cells = n_cells,
				  .arena = arena_offset(n_cells) };
	return 0;
}

int devtable_class(struct devtable *t, const char *name)
{
	struct header *h = header_of(t);
	uint32_t n = atomic_load(&h->n_classes);
	size_t len = strlen(name);

	if (len >= DEVTABLE_CLASS_SIZE)
		return FC_EBAD;
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(h->classes[i], name) == 0)
			return (int)i;
	if (n == DEVTABLE_CLASSES_MAX)
		return FC_EFULL;
	memcpy(h->classes[n], name, len + 1);
	atomic_store_explicit(&h->n_classes, n + 1, memory_order_release);
	return (int)n;
}

static bool serial_at(const struct devtable *t, uint64_t about, const char **ret,
		      size_t *ret_len)
{
	const uint8_t *arena = (const uint8_t *)t->base + t->arena;
	size_t off = (size_t)(about >> 32), room = t->size - t->arena, len;

	if (off >= room)
		return false;
	len = arena[off];
	if (len > DEVTABLE_SERIAL_MAX || len > room - off - 1)
		return false;
	*ret = (const char *)arena + off + 1;
	*ret_len = len;
	return true;
}

/* The offset of this serial number, where the device has it already or new. */
static int serial_put(struct devtable *t, const struct cell *c,
		      const struct devtable_device *d, uint64_t *ret)
{
	struct header *h = header_of(t);
	uint8_t *arena = (uint8_t *)t->base + t->arena;
	uint64_t used = atomic_load(&h->arena_used), about = atomic_load(&c->about);
	const char *old;
	size_t old_len;

	if (atomic_load(&c->key) != 0 && serial_at(t, about, &old, &old_len) &&
	    old_len == d->serial_len && memcmp(old, d->serial, old_len) == 0) {
		*ret = about >> 32;
		return 0;
	}
	if (t->size - t->arena - used < d->serial_len + 1)
		return FC_EFULL;
	arena[used] = (uint8_t)d->serial_len;
	if (d->serial_len > 0)
		memcpy(arena + used + 1, d->serial, d->serial_len);
	atomic_store(&h->arena_used, used + d->serial_len + 1);
	*ret = used;
	return 0;
}

int devtable_put(struct devtable *t, const struct mac *mac,
		 const struct devtable_device *d)
{
	struct header *h = header_of(t);
	uint64_t key = key_of(mac), off;
	struct cell *c = probe(t, key);
	int rc;

	if (d->serial_len > DEVTABLE_SERIAL_MAX)
		return FC_EBAD;
	if (!c)
		return FC_EFULL;

	bool fresh = atomic_load(&c->key) == 0;

	if (fresh && devtable_count(t) >= t->n_cells / 2)
		return FC_EFULL;
	if ((rc = serial_put(t, c, d, &off)) < 0)
		return rc;
	atomic_store_explicit(
		&c->about,
		off << 32 | (uint64_t)d->class_index << 24 | (uint64_t)d->flags << 16 |
			(uint64_t)(uint8_t)d->type[0] << 8 | (uint8_t)d->type[1],
		memory_order_release);
	if (fresh) {
		atomic_store_explicit(&c->key, key, memory_order_release);
		atomic_fetch_add(&h->count, 1);
	}
	return 0;
}

int devtable_attach(const void *base, size_t size, struct devtable *ret)
{
	const struct header *h = base;
	uint32_t n_cells;

	if (size < sizeof(*h) || (uintptr_t)base % 8 != 0)
		return FC_EBAD;
	n_cells = h->n_cells;
	if (h->magic != MAGIC || n_cells < CELLS_MIN ||
	    (n_cells & (n_cells - 1)) != 0 ||
	    (size - sizeof(*h)) / sizeof(struct cell) < n_cells)
		return FC_EBAD;
	*ret = (struct devtable){ .base = (void *)(uintptr_t)base,
				  .size = size,
				  .n_cells = n_cells,
				  .arena = arena_offset(n_cells) };
	return 0;
}

bool devtable_find(const struct devtable *t, const struct mac *mac,
		   struct devtable_device *ret)
{
	uint64_t key = key_of(mac), about;
	struct cell *c = probe(t, key);
	const char *serial;
	size_t serial_len;

	if (!c || atomic_load_explicit(&c->key, memory_order_acquire) != key)
		return false;
	about = atomic_load_explicit(&c->about, memory_order_acquire);
	if (!serial_at(t, about, &serial, &serial_len))
		return false;
	*ret = (struct devtable_device){
		.type = { (char)(about >> 8 & 0xff), (char)(about & 0xff), '\0' },
		.class_index = (uint8_t)(about >> 24),
		.flags = (uint8_t)(about >> 16),
		.serial = serial,
		.serial_len = serial_len,
	};
	return true;
}

const char *devtable_class_name(const struct devtable *t, unsigned index)
{
	struct header *h = header_of(t);

	if (index >= DEVTABLE_CLASSES_MAX ||
	    index >= atomic_load_explicit(&h->n_classes, memory_order_acquire) ||
	    !memchr(h->classes[index], '\0', DEVTABLE_CLASS_SIZE))
		return NULL;
	return h->classes[index];
}

uint32_t devtable_count(const struct devtable *t)
{
	return atomic_load(&header_of(t)->count);
}
