#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <stdbool.h>
#include <cmocka.h>
#include "base/crc32.h"
#include "base/hashtable.h"
#include "base/timerheap.h"

/* The check value of ISO-HDLC in every catalogue of CRCs. */
static void crc32_of_the_nine_digits(void **state)
{
	(void)state;
	assert_int_equal(crc32_of("123456789", 9), 0xcbf43926);
	assert_int_equal(crc32_of("", 0), 0);
	assert_int_equal(crc32_of("\0", 1), 0xd202ef8d);
	assert_int_equal(crc32_of("\xff\xff\xff\xff", 4), 0xffffffff);
	/* F1 to F3: type 1, length 3, "abc", as zlib's crc32() has it */
	assert_int_equal(crc32_of("\0\1\0\3abc", 7), 0x8ee03be5);
}

static void crc32_of_every_byte(void **state)
{
	uint8_t all[256];

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	assert_int_equal(crc32_of(all, 256), 0x29058c73);
}

/* The vectors of the reference implementation: key 00 .. 0f, message 00 .. n-1. */
static void siphash_as_its_authors_have_it(void **state)
{
	const struct hash_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	uint8_t m[16];

	(void)state;
	for (int i = 0; i < 16; i++)
		m[i] = (uint8_t)i;
	assert_true(siphash24(&key, m, 0) == 0x726fdb47dd0e0e31);
	assert_true(siphash24(&key, m, 1) == 0x74f839c593dc67fd);
	assert_true(siphash24(&key, m, 7) == 0xab0200f58b01d137);
	assert_true(siphash24(&key, m, 8) == 0x93f5f5799a932462);
	assert_true(siphash24(&key, m, 15) == 0xa129ca6149be45e5);
}

enum { SLOTS = 64, CELLS = 128 };

struct slots {
	uint32_t key[SLOTS];
	bool used[SLOTS];
};

static const void *key_at(const void *ctx, uint32_t slot)
{
	return &((const struct slots *)ctx)->key[slot];
}

static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static uint32_t naive_find(const struct slots *s, uint32_t key)
{
	for (uint32_t i = 0; i < SLOTS; i++)
		if (s->used[i] && s->key[i] == key)
			return i;
	return HASH_NONE;
}

static void index_agrees_with_a_plain_array(void **state)
{
	const struct hash_key secret = { 1, 2 };
	struct slots s = { 0 };
	struct hashtable t;
	uint32_t cells[CELLS], seed = 7, n = 0;

	(void)state;
	memset(cells, 0xff, sizeof(cells)); /* must be cleared */
	hashtable_init(&t, cells, CELLS, sizeof(uint32_t), &secret, key_at, &s);
	for (int step = 0; step < 20000; step++) {
		uint32_t key = draw(&seed) % 96, slot = draw(&seed) % SLOTS;

		assert_int_equal(hashtable_find(&t, &key), naive_find(&s, key));
		if (s.used[slot]) {
			hashtable_remove(&t, slot);
			s.used[slot] = false;
			n--;
		} else if (naive_find(&s, key) == HASH_NONE) {
			hashtable_remove(&t, slot); /* absent: nothing happens */
			s.key[slot] = key;
			s.used[slot] = true;
			hashtable_insert(&t, slot);
			n++;
		}
		assert_int_equal(t.len, n);
		for (uint32_t k = 0; k < 96; k++)
			assert_int_equal(hashtable_find(&t, &k), naive_find(&s, k));
	}
}

static void index_holds_as_many_as_half_its_cells(void **state)
{
	const struct hash_key secret = { 3, 4 };
	struct slots s = { 0 };
	struct hashtable t;
	uint32_t cells[CELLS];

	(void)state;
	hashtable_init(&t, cells, CELLS, sizeof(uint32_t), &secret, key_at, &s);
	for (uint32_t i = 0; i < SLOTS; i++) {
		s.key[i] = i * 3;
		hashtable_insert(&t, i);
	}
	for (uint32_t k = 0; k < 3 * SLOTS; k++)
		assert_int_equal(hashtable_find(&t, &k), k % 3 ? HASH_NONE : k / 3);
	for (uint32_t i = 0; i < SLOTS; i++)
		hashtable_remove(&t, i);
	assert_int_equal(t.len, 0);
	for (uint32_t i = 0; i < CELLS; i++)
		assert_int_equal(cells[i], 0);
}

static void heap_agrees_with_a_plain_array(void **state)
{
	struct timerheap_entry entries[SLOTS];
	uint32_t place[SLOTS], seed = 11, id;
	uint64_t model[SLOTS], deadline;
	struct timerheap h;

	(void)state;
	timerheap_init(&h, entries, place, SLOTS);
	for (int i = 0; i < SLOTS; i++)
		model[i] = TIMER_NONE;
	for (int step = 0; step < 50000; step++) {
		uint32_t which = draw(&seed) % SLOTS;
		uint64_t least = TIMER_NONE;
		uint32_t armed = 0;

		model[which] = draw(&seed) % 3 ? draw(&seed) % 100 : TIMER_NONE;
		timerheap_set(&h, which, model[which]);
		for (int i = 0; i < SLOTS; i++) {
			least = model[i] < least ? model[i] : least;
			armed += model[i] != TIMER_NONE;
		}
		assert_int_equal(h.len, armed);
		assert_int_equal(timerheap_first(&h, &deadline, &id), armed > 0);
		if (armed > 0) {
			assert_true(deadline == least);
			assert_true(model[id] == least);
		}
	}
}

static void timers_come_in_order(void **state)
{
	struct timerheap_entry entries[SLOTS];
	uint32_t place[SLOTS], seed = 5, id = 99;
	uint64_t before = 0, deadline = 99;
	struct timerheap h;

	(void)state;
	timerheap_init(&h, entries, place, SLOTS);
	assert_false(timerheap_first(&h, &deadline, &id));
	assert_true(deadline == 99 && id == 99);
	timerheap_set(&h, 3, TIMER_NONE); /* disarming what is not armed */
	assert_int_equal(h.len, 0);
	for (uint32_t i = 0; i < SLOTS; i++)
		timerheap_set(&h, i, draw(&seed));
	for (uint32_t i = 0; i < SLOTS; i++) {
		assert_true(timerheap_first(&h, &deadline, &id));
		assert_true(deadline >= before);
		before = deadline;
		timerheap_set(&h, id, TIMER_NONE);
	}
	assert_false(timerheap_first(&h, &deadline, &id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32_of_the_nine_digits),
		cmocka_unit_test(crc32_of_every_byte),
		cmocka_unit_test(siphash_as_its_authors_have_it),
		cmocka_unit_test(index_agrees_with_a_plain_array),
		cmocka_unit_test(index_holds_as_many_as_half_its_cells),
		cmocka_unit_test(heap_agrees_with_a_plain_array),
		cmocka_unit_test(timers_come_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
