#include "base/hashtable.h"
#include <assert.h>
#include <string.h>

static uint64_t rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static uint64_t load_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = n; i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

static void sip_rounds(uint64_t v[4], unsigned n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[0] = rotl(v[0], 32);
		v[2] += v[3];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[2] = rotl(v[2], 32);
	}
}

/* Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012. */
uint64_t siphash24(const struct hash_key *k, const void *p, size_t len)
{
	const uint8_t *b = p;
	uint64_t v[4] = {
		k->k0 ^ 0x736f6d6570736575,
		k->k1 ^ 0x646f72616e646f6d,
		k->k0 ^ 0x6c7967656e657261,
		k->k1 ^ 0x7465646279746573,
	};
	size_t whole = len & ~(size_t)7;
	uint64_t last;

	for (size_t i = 0; i < whole; i += 8) {
		uint64_t m = load_le(b + i, 8);

		v[3] ^= m;
		sip_rounds(v, 2);
		v[0] ^= m;
	}
	last = (uint64_t)len << 56;
	if (len > whole)
		last |= load_le(b + whole, len - whole);
	v[3] ^= last;
	sip_rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void hashtable_init(struct hashtable *t, uint32_t *cells, uint32_t n_cells,
		    size_t key_len, const struct hash_key *secret,
		    const void *(*key_at)(const void *ctx, uint32_t slot),
		    const void *ctx)
{
	assert(n_cells != 0);
	assert((n_cells & (n_cells - 1)) == 0);
	memset(cells, 0, n_cells * sizeof(*cells));
	*t = (struct hashtable){
		.cells = cells,
		.n_cells = n_cells,
		.key_len = key_len,
		.secret = *secret,
		.key_at = key_at,
		.ctx = ctx,
	};
}

static uint32_t home_of(const struct hashtable *t, const void *key)
{
	return (uint32_t)siphash24(&t->secret, key, t->key_len) & (t->n_cells - 1);
}

static uint32_t next(const struct hashtable *t, uint32_t cell)
{
	return (cell + 1) & (t->n_cells - 1);
}

uint32_t hashtable_find(const struct hashtable *t, const void *key)
{
	for (uint32_t c = home_of(t, key); t->cells[c]; c = next(t, c)) {
		uint32_t slot = t->cells[c] - 1;

		if (memcmp(t->key_at(t->ctx, slot), key, t->key_len) == 0)
			return slot;
	}
	return HASH_NONE;
}

void hashtable_insert(struct hashtable *t, uint32_t slot)
{
	uint32_t c = home_of(t, t->key_at(t->ctx, slot));

	/* an empty cell must be left over, or a search would never end */
	assert(t->len < t->n_cells - 1);
	while (t->cells[c])
		c = next(t, c);
	t->cells[c] = slot + 1;
	t->len++;
}

void hashtable_remove(struct hashtable *t, uint32_t slot)
{
	uint32_t hole = home_of(t, t->key_at(t->ctx, slot));

	while (t->cells[hole] != slot + 1) {
		if (!t->cells[hole])
			return;
		hole = next(t, hole);
	}
	/* Knuth, volume 3, 6.4, algorithm R: move back whatever the hole would
	 * cut off from its home. */
	for (uint32_t c = next(t, hole); t->cells[c]; c = next(t, c)) {
		uint32_t home = home_of(t, t->key_at(t->ctx, t->cells[c] - 1));
		uint32_t mask = t->n_cells - 1;

		if (((c - home) & mask) >= ((c - hole) & mask)) {
			t->cells[hole] = t->cells[c];
			hole = c;
		}
	}
	t->cells[hole] = 0;
	t->len--;
}
