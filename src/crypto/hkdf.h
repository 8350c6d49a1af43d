/* HKDF with SHA-256 (RFC 5869), as this project uses it: 32 bytes of key.
 *
 * Written out on HMAC rather than fetched as EVP_KDF, which takes longer to set up
 * than to compute. */
#ifndef CRYPTO_HKDF_H
#define CRYPTO_HKDF_H

#include <stddef.h>
#include <stdint.h>

enum { HKDF_LEN = 32, HKDF_INFO_MAX = 256 };

/* salt may be empty. 0, FC_EFULL (info longer than HKDF_INFO_MAX), FC_ECRYPTO.
 * The caller wipes ret. */
int hkdf_sha256(const void *ikm, size_t ikm_len, const void *salt, size_t salt_len,
		const void *info, size_t info_len, uint8_t ret[HKDF_LEN]);

#endif
