#include "core/deskslot.h"

#include <assert.h>
#include <string.h>

static const void *key_at(const void *ctx, uint32_t slot)
{
	const struct desk *d = ctx;

	return d->slots[slot].key;
}

static const void *mac_at(const void *ctx, uint32_t slot)
{
	const struct desk *d = ctx;

	return d->slots[slot].name.mac.b;
}

static uint32_t cells_for(uint32_t n_slots)
{
	uint32_t n = 2;

	while (n < n_slots * 2)
		n *= 2;
	return n;
}

/* One region: payload (first: whole pages), slots, and the indexes. */
struct layout {
	size_t slots, heap, place, by_key, by_mac, end;
};

static size_t take(size_t *at, size_t n, size_t size)
{
	size_t here = (*at + 15) & ~(size_t)15;

	*at = here + n * size;
	return here;
}

static struct layout layout_of(uint32_t n)
{
	size_t at = (size_t)n * DESK_PAYLOAD_MAX, cells = cells_for(n);
	struct layout l;

	l.slots = take(&at, n, sizeof(struct desk_slot));
	l.heap = take(&at, n, sizeof(struct timerheap_entry));
	l.place = take(&at, n, sizeof(uint32_t));
	l.by_key = take(&at, cells, sizeof(uint32_t));
	l.by_mac = take(&at, cells, sizeof(uint32_t));
	l.end = at;
	return l;
}

size_t deskslot_size(uint32_t n)
{
	return layout_of(n).end;
}

void deskslot_init(struct desk *d, void *memory, uint32_t n)
{
	struct layout l = layout_of(n);
	uint8_t *m = memory;

	assert(n >= 1);
	assert(n <= DESK_SLOTS_MAX);

	d->payload = m;
	d->slots = (void *)(m + l.slots);
	d->n_slots = n;
	timerheap_init(&d->timers, (void *)(m + l.heap), (void *)(m + l.place), n);
	hashtable_init(&d->by_key, (void *)(m + l.by_key), cells_for(n), DESK_KEY_LEN,
		       &d->secret, key_at, d);
	hashtable_init(&d->by_mac, (void *)(m + l.by_mac), cells_for(n), MAC_LEN,
		       &d->secret, mac_at, d);
	for (uint32_t i = 0; i < n; i++)
		d->slots[i].next_free = i + 1 < n ? i + 1 : DESK_NO_SLOT;
}

static void key_build(const struct desk_way *w, uint8_t ret[DESK_KEY_LEN])
{
	struct out o = out_of(ret, DESK_KEY_LEN);

	out_bytes(&o, w->peer.ip, sizeof(w->peer.ip));
	out_u16(&o, w->peer.port);
	out_u32(&o, w->peer.scope);
	out_bytes(&o, w->local.ip, sizeof(w->local.ip));
	out_u16(&o, w->listener);
	assert(!o.full);
}

uint32_t deskslot_find(const struct desk *d, const struct desk_way *w)
{
	uint8_t key[DESK_KEY_LEN];

	key_build(w, key);
	return hashtable_find(&d->by_key, key);
}

uint32_t deskslot_of_mac(const struct desk *d, const struct mac *mac)
{
	return hashtable_find(&d->by_mac, mac->b);
}

uint32_t deskslot_of_ref(const struct desk *d, uint64_t ref, enum deskslot_state state)
{
	uint32_t i = (uint32_t)ref;

	return i < d->n_slots && d->slots[i].generation == ref >> 32 &&
			       d->slots[i].state == state
		       ? i
		       : DESK_NO_SLOT;
}

uint32_t deskslot_take(struct desk *d, const struct desk_todo *t, uint64_t now)
{
	uint32_t i = d->free;
	struct desk_slot *s;

	if (i == DESK_NO_SLOT)
		return i;
	s = &d->slots[i];
	d->free = s->next_free;
	d->n_busy++;
	key_build(&t->way, s->key);
	s->way = t->way;
	s->fingerprint = t->fingerprint;
	s->name = t->name;
	s->options = t->options;
	s->octet = t->octet;
	s->since = now;
	hashtable_insert(&d->by_key, i);
	return i;
}

static void forget_mac(struct desk *d, uint32_t i)
{
	if (d->slots[i].in_mac)
		hashtable_remove(&d->by_mac, i);
	d->slots[i].in_mac = false;
}

void deskslot_free(struct desk *d, uint32_t i)
{
	struct desk_slot *s = &d->slots[i];
	uint32_t generation = s->generation + 1;

	forget_mac(d, i);
	hashtable_remove(&d->by_key, i);
	timerheap_set(&d->timers, i, TIMER_NONE);
	if (s->state == DESKSLOT_DIGEST)
		d->n_digests--;
	memset(s, 0, sizeof(*s));
	s->generation = generation;
	s->next_free = d->free;
	d->free = i;
	d->n_busy--;
}

uint64_t deskslot_ref(const struct desk *d, uint32_t i)
{
	return (uint64_t)d->slots[i].generation << 32 | i;
}

uint8_t *deskslot_payload(const struct desk *d, uint32_t i)
{
	return d->payload + (size_t)i * DESK_PAYLOAD_MAX;
}

void deskslot_arm(struct desk *d, uint32_t i)
{
	const struct desk_slot *s = &d->slots[i];

	timerheap_set(&d->timers, i,
		      s->state == DESKSLOT_XFER ? s->xfer.deadline : s->deadline);
}

void deskslot_index_mac(struct desk *d, uint32_t i)
{
	uint32_t old = deskslot_of_mac(d, &d->slots[i].name.mac);

	if (old != DESK_NO_SLOT)
		forget_mac(d, old);
	hashtable_insert(&d->by_mac, i);
	d->slots[i].in_mac = true;
}
