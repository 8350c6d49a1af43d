/* The heap of deadlines against a plain array: three bytes of input set, move or
 * disarm one timer. */
#include "base/timerheap.h"
#include "fuzz/fuzz.h"

enum { TIMERS = 48 };

static void check(const struct timerheap *h, const uint64_t model[TIMERS])
{
	uint64_t least = TIMER_NONE, deadline;
	uint32_t armed = 0, id;

	for (uint32_t i = 0; i < TIMERS; i++) {
		least = model[i] < least ? model[i] : least;
		armed += model[i] != TIMER_NONE;
	}
	assert(h->len == armed);
	assert(timerheap_first(h, &deadline, &id) == (armed > 0));
	if (armed > 0)
		assert(deadline == least && id < TIMERS && model[id] == least);
	for (uint32_t i = 0; i < h->len; i++)
		assert(h->place[h->heap[i].id] == i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct timerheap_entry entries[TIMERS];
	uint32_t place[TIMERS];
	uint64_t model[TIMERS];
	struct timerheap h;

	timerheap_init(&h, entries, place, TIMERS);
	for (uint32_t i = 0; i < TIMERS; i++)
		model[i] = TIMER_NONE;
	for (size_t i = 0; i + 3 <= size; i += 3) {
		uint32_t id = data[i] % TIMERS;
		uint64_t deadline = (uint64_t)data[i + 1] << 8 | data[i + 2];

		model[id] = data[i] >= 192 ? TIMER_NONE : deadline;
		timerheap_set(&h, id, model[id]);
		check(&h, model);
	}
	return 0;
}
