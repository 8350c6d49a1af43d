/* MAC addresses by number, for tests that need many. */
#ifndef TEST_MACS_H
#define TEST_MACS_H

#include "base/mac.h"

/* The first byte is the highest of the 48 bits: the inverse of mac_u64. */
static inline struct mac mac_from_u64(uint64_t v)
{
	struct mac m;

	for (int i = MAC_LEN; i-- > 0; v >>= 8)
		m.b[i] = (uint8_t)v;
	return m;
}

#endif
