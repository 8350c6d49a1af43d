/* Deadlines of many things, the earliest first: a binary heap over two arrays
 * that the caller owns.  Things are numbered 0 … cap-1.
 *
 * All operations are O(log n) but timerheap_first (O(1)); none allocates. */
#ifndef BASE_TIMERHEAP_H
#define BASE_TIMERHEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMER_NONE UINT64_MAX /* no deadline */

struct timerheap_entry {
	uint64_t deadline; /* ms */
	uint32_t id;
};

struct timerheap {
	struct timerheap_entry *heap; /* cap entries */
	uint32_t *place;              /* cap entries: where in heap id is, or none */
	uint32_t cap, len;
};

void timerheap_init(struct timerheap *h, struct timerheap_entry *heap, uint32_t *place,
		    uint32_t cap);

/* Arm, move or (deadline == TIMER_NONE) disarm the timer of id (id < cap). */
void timerheap_set(struct timerheap *h, uint32_t id, uint64_t deadline);

/* The earliest deadline and its id, or false when nothing is armed. */
bool timerheap_first(const struct timerheap *h, uint64_t *ret_deadline,
		     uint32_t *ret_id);

#endif
