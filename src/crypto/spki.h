/* SubjectPublicKeyInfo, taken apart without OpenSSL: RSA (RFC 3279, 2.3.1) and
 * P-256 (RFC 5480).
 *
 * Carrying a key as its own bytes costs nothing; letting OpenSSL decode and encode
 * it again costs more than a tenth of a millisecond. */
#ifndef CRYPTO_SPKI_H
#define CRYPTO_SPKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spki_kind { SPKI_RSA, SPKI_P256 };

struct spki {
	enum spki_kind kind;
	unsigned bits;          /* of the modulus; 256 */
	const uint8_t *modulus; /* RSA: big-endian, first byte not zero */
	size_t modulus_len;
	const uint8_t *exponent; /* likewise */
	size_t exponent_len;
	const uint8_t *key; /* contents of the BIT STRING: an RSAPublicKey, or a
			     * point */
	size_t key_len;
};

/* FC_EBAD: not one whole SubjectPublicKeyInfo in strict DER; FC_EUNKNOWN: another
 * kind of key.  *ret points into p.  Not checked: that a point is on the curve. */
int spki_parse(const void *p, size_t len, struct spki *ret);

/* The contents of its BIT STRING, whatever kind of key it is: what key identifiers
 * are digests of (RFC 5280, 4.2.1.2).  FC_EBAD as above. */
int spki_key_bits(const void *p, size_t len, const uint8_t **ret, size_t *ret_len);

/* The same key?  RSA by modulus and exponent, P-256 by point. */
bool spki_equal(const struct spki *a, const struct spki *b);

/* Fit to be certified: RSA of 1024 to 4096 bits with odd modulus and odd exponent
 * of 3 or more; P-256 with its point on the curve.  NULL, or what is wrong. */
const char *spki_fault(const struct spki *k);

#endif
