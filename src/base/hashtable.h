/* An index from fixed-size keys to slot numbers: open addressing with linear
 * probing and backward-shift deletion over an array that the caller owns.
 *
 * The keys themselves stay in the caller's slots: the table asks for them
 * through `key_at`.  Hashing is SipHash-2-4 under a key that the caller draws
 * at random, so that strangers cannot choose keys that collide. */
#ifndef BASE_HASHTABLE_H
#define BASE_HASHTABLE_H

#include <stdint.h>
#include <stddef.h>

#define HASH_NONE UINT32_MAX

struct hash_key {
	uint64_t k0, k1;
};

struct hashtable {
	uint32_t *cells;  /* n_cells: slot + 1, or 0 */
	uint32_t n_cells; /* a power of two, at least twice the slots */
	uint32_t len;
	size_t key_len;
	struct hash_key secret;
	const void *(*key_at)(const void *ctx, uint32_t slot);
	const void *ctx;
};

uint64_t siphash24(const struct hash_key *k, const void *p, size_t len);

/* n_cells must be a power of two; cells is cleared. */
void hashtable_init(struct hashtable *t, uint32_t *cells, uint32_t n_cells,
		    size_t key_len, const struct hash_key *secret,
		    const void *(*key_at)(const void *ctx, uint32_t slot),
		    const void *ctx);

/* The slot whose key equals key, or HASH_NONE. */
uint32_t hashtable_find(const struct hashtable *t, const void *key);

/* The slot's key must be in place already and not in the table. */
void hashtable_insert(struct hashtable *t, uint32_t slot);

/* The slot's key must still be in place.  Nothing happens if it is absent. */
void hashtable_remove(struct hashtable *t, uint32_t slot);

#endif
