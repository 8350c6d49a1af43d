/* The authentication codes in names (SPEC N3 to N6).
 *
 *	yy = leftmost bits of H(secret1 | serial | MAC)   or H(secret1 | MAC)
 *	zz = leftmost bits of H(secret2 | MAC | YY)       or H(secret2 | MAC)
 *
 * MAC as "00:10:4B:AB:CD:EF", YY as upper-case hex digits without separator.
 * With AUTH_HMAC_SHA256 the secret is the key and not part of the message.
 * `bound` appends the SHA-256 (32 bytes) of the installed file to zz's input.
 *
 * Digests are fetched once (authcode_new) and used from one thread.  Asserted, not
 * reported: a spec that auth_spec_check would refuse. */
#ifndef CRYPTO_AUTHCODE_H
#define CRYPTO_AUTHCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mac.h"
#include "base/secret.h"
#include "wire/name.h"

enum auth_hash {
	AUTH_MD4, /* in OpenSSL's legacy provider, where that is installed */
	AUTH_MD5,
	AUTH_SHA1,
	AUTH_SHA256,
	AUTH_SHA384,
	AUTH_SHA512,
	AUTH_SHA3_256,
	AUTH_SHA3_384,
	AUTH_SHA3_512,
	AUTH_HMAC_SHA256,
	AUTH_HASH_COUNT
};

struct auth_spec {
	enum auth_hash hash;
	uint16_t bits;       /* multiple of 4, 12 .. auth_hash_bits() */
	bool request_serial; /* serial number is part of yy's input (default) */
	bool confirm_code;   /* YY is part of zz's input (default) */
	bool bound;          /* the file's digest is part of zz's input */
};

/* A secret string, as hashed. Wipe with secret_wipe(). */
struct auth_secret {
	size_t len;
	char s[SECRET_MAX];
};

struct authcode; /* fetched digests */

/* 0, or FC_EBAD and *ret_why (static text): a length that is no multiple of 4 or
 * not within 12 .. auth_hash_bits(). */
int auth_spec_check(const struct auth_spec *spec, const char **ret_why);

/* By the name used in configurations ("sha1", "hmac-sha256", …): the hash or
 * FC_EABSENT.  "md2" is FC_EUNKNOWN: OpenSSL no longer has it. */
int auth_hash_by_name(const char *name);
const char *auth_hash_name(enum auth_hash h);
unsigned auth_hash_bits(enum auth_hash h);

/* NULL when memory or OpenSSL fails.  Loads the legacy provider too, in a
 * library context of its own, if it is there: that reads files, so it belongs
 * before a process jails itself. */
struct authcode *authcode_new(void);
void authcode_free(struct authcode *a);

/* Can this OpenSSL do it?  false for MD4 without the legacy provider. */
bool authcode_has(const struct authcode *a, enum auth_hash h);

/* yy.  0, or FC_ECRYPTO (OpenSSL failed, or !authcode_has(a, spec->hash)). */
int authcode_request(struct authcode *a, const struct auth_spec *spec,
		     const struct auth_secret *secret, const char *serial,
		     size_t serial_len, const struct mac *mac, struct name_code *ret);

/* zz.  yy is the request's code; file_digest the SHA-256 of the installed file,
 * used (and needed) only when spec->bound. */
int authcode_confirm(struct authcode *a, const struct auth_spec *spec,
		     const struct auth_secret *secret, const struct mac *mac,
		     const struct name_code *yy, const uint8_t file_digest[32],
		     struct name_code *ret);

/* In constant time for a given number of digits. */
bool authcode_equal(const struct name_code *a, const struct name_code *b);

/* A device's own secret from a master (N6, kind `derived`): 64 lower-case hex
 * digits of HKDF-SHA-256(ikm = master, no salt, info = the 6 bytes of the MAC). */
int auth_secret_derive(const struct auth_secret *master, const struct mac *mac,
		       struct auth_secret *ret);

/* A secret as it stands in a file: the first line without its line end; at least
 * one byte, no NUL.  FC_EBAD, FC_EFULL (over SECRET_MAX). */
int auth_secret_from_line(const void *p, size_t len, struct auth_secret *ret);

/* SHA-256 of bytes, for `bound`, digests and chains. */
int sha256_of(const void *p, size_t len, uint8_t ret[32]);

#endif
