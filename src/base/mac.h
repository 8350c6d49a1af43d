/* A 48-bit MAC address and its spellings. */
#ifndef BASE_MAC_H
#define BASE_MAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAC_LEN = 6, MAC_TEXT_SIZE = 18 };

struct mac {
	uint8_t b[MAC_LEN];
};

/* From "00:10:4B:AB:CD:EF", with ':' '-' '_' or nothing between the pairs, and
 * Cisco's "0010.4bab.cdef"; one kind of separator throughout, any case.
 * FC_EBAD for anything else; ret is written on success only. */
int mac_parse(const char *s, size_t len, struct mac *ret);

/* "00:10:4B:AB:CD:EF" (upper case, colons: the spelling that is hashed and that
 * stands in certificates: SPEC N3) into ret[MAC_TEXT_SIZE]; returns ret. */
const char *mac_text(const struct mac *m, char ret[MAC_TEXT_SIZE]);

bool mac_equal(const struct mac *a, const struct mac *b);

/* A device's own address: not multicast, not all zero. */
bool mac_is_device(const struct mac *m);

/* As a number of 48 bits, the first byte the highest. */
uint64_t mac_u64(const struct mac *m);

#endif
