#include "base/timerheap.h"
#include <assert.h>

#define NOWHERE UINT32_MAX

void timerheap_init(struct timerheap *h, struct timerheap_entry *heap, uint32_t *place,
		    uint32_t cap)
{
	*h = (struct timerheap){ .heap = heap, .place = place, .cap = cap };
	for (uint32_t i = 0; i < cap; i++)
		place[i] = NOWHERE;
}

static void put(struct timerheap *h, uint32_t at, struct timerheap_entry e)
{
	h->heap[at] = e;
	h->place[e.id] = at;
}

static void up(struct timerheap *h, uint32_t at, struct timerheap_entry e)
{
	while (at > 0) {
		uint32_t parent = (at - 1) / 2;

		if (h->heap[parent].deadline <= e.deadline)
			break;
		put(h, at, h->heap[parent]);
		at = parent;
	}
	put(h, at, e);
}

static void down(struct timerheap *h, uint32_t at, struct timerheap_entry e)
{
	while (at < h->len / 2) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < h->len &&
		    h->heap[child + 1].deadline < h->heap[child].deadline)
			child++;
		if (e.deadline <= h->heap[child].deadline)
			break;
		put(h, at, h->heap[child]);
		at = child;
	}
	put(h, at, e);
}

/* Put e where it belongs, starting from a free place. */
static void settle(struct timerheap *h, uint32_t at, struct timerheap_entry e)
{
	if (at > 0 && e.deadline < h->heap[(at - 1) / 2].deadline)
		up(h, at, e);
	else
		down(h, at, e);
}

void timerheap_set(struct timerheap *h, uint32_t id, uint64_t deadline)
{
	uint32_t at;

	assert(id < h->cap);
	at = h->place[id];
	if (deadline != TIMER_NONE) {
		if (at == NOWHERE)
			at = h->len++;
		settle(h, at, (struct timerheap_entry){ deadline, id });
	} else if (at != NOWHERE) {
		struct timerheap_entry last = h->heap[--h->len];

		h->place[id] = NOWHERE;
		if (at < h->len)
			settle(h, at, last);
	}
}

bool timerheap_first(const struct timerheap *h, uint64_t *ret_deadline,
		     uint32_t *ret_id)
{
	if (h->len == 0)
		return false;
	*ret_deadline = h->heap[0].deadline;
	*ret_id = h->heap[0].id;
	return true;
}
