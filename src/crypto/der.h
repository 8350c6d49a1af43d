/* DER (X.690, section 10) in small: reading on base/cursor, building on base/writer.
 *
 * Strict: definite, minimal lengths and one-byte tags only, which is all that a
 * certificate needs.  Reading what is not there, or not so, kills the cursor. */
#ifndef CRYPTO_DER_H
#define CRYPTO_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cursor.h"
#include "base/writer.h"

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_OID = 0x06,
	DER_UTF8 = 0x0c,
	DER_PRINTABLE = 0x13,
	DER_UTC_TIME = 0x17,
	DER_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_CONTEXT_0 = 0x80,             /* [0], primitive */
	DER_CONTEXT_0_CONSTRUCTED = 0xa0, /* [0], constructed */
	DER_CONTEXT_3_CONSTRUCTED = 0xa3
};

enum { DER_DEPTH_MAX = 24 };

/* The contents of the next element, which must have this tag. */
struct cur der_take(struct cur *c, uint8_t tag);

/* The same with its tag and length: the element's own bytes. */
struct cur der_whole(struct cur *c, uint8_t tag);

/* The magnitude of the next element, a positive INTEGER in minimal form: without
 * the zero byte that keeps the sign bit clear. */
struct cur der_positive(struct cur *c);

/* Exactly one element, strict all the way down (but for what hides in OCTET and
 * BIT STRINGs), nested DER_DEPTH_MAX deep at most. */
bool der_is_strict(const void *p, size_t len);

/* Open an element; der_close puts its length in, and moves its contents up. */
size_t der_open(struct out *o, uint8_t tag);
void der_close(struct out *o, size_t mark);

/* A whole element at once. */
void der_put(struct out *o, uint8_t tag, const void *p, size_t n);

/* A positive INTEGER from big-endian bytes, in minimal form. */
void der_put_positive(struct out *o, const uint8_t *p, size_t n);

#endif
