/* The index against a plain array: two bytes of input insert, remove or look up.
 * The secret is the input's too, so that the search can find collisions. */
#include "base/hashtable.h"
#include "fuzz/fuzz.h"

enum { SLOTS = 16, CELLS = 32, KEYS = 24, STEPS_MAX = 256 };

struct slots {
	uint8_t key[SLOTS];
	bool used[SLOTS];
};

static const void *key_at(const void *ctx, uint32_t slot)
{
	assert(slot < SLOTS);
	return &((const struct slots *)ctx)->key[slot];
}

static uint32_t model_find(const struct slots *s, uint8_t key)
{
	for (uint32_t i = 0; i < SLOTS; i++)
		if (s->used[i] && s->key[i] == key)
			return i;
	return HASH_NONE;
}

static void check(const struct hashtable *t, const struct slots *s)
{
	uint32_t n = 0;

	for (uint8_t key = 0; key < KEYS; key++)
		assert(hashtable_find(t, &key) == model_find(s, key));
	for (uint32_t i = 0; i < SLOTS; i++)
		n += s->used[i];
	assert(t->len == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hash_key secret = { size > 0 ? data[0] : 0, 0 };
	struct slots s = { 0 };
	uint32_t cells[CELLS];
	struct hashtable t;

	hashtable_init(&t, cells, CELLS, 1, &secret, key_at, &s);
	for (size_t i = 1; i + 2 <= size && i < 2 * STEPS_MAX; i += 2) {
		uint32_t slot = data[i] % SLOTS;
		uint8_t key = data[i + 1] % KEYS;

		if (s.used[slot]) {
			hashtable_remove(&t, slot);
			s.used[slot] = false;
		} else if (model_find(&s, key) == HASH_NONE) {
			s.key[slot] = key;
			s.used[slot] = true;
			hashtable_insert(&t, slot);
		} else {
			s.key[slot] = key; /* another slot's: not in the table */
			hashtable_remove(&t, slot);
		}
		check(&t, &s);
	}
	return 0;
}
