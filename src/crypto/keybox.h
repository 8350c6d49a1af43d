/* Private keys in boxes: at rest on the server, and on the way to a device (F1).
 *
 * For the device: AES-256-GCM; key = HKDF-SHA-256(ikm = secret3, salt = MAC in 6
 * bytes, info = "fieldcert pkek 1" | serial); additional data = type (0x0003),
 * length (of the value), version, set, MAC; plaintext = CRC-32 of the PKCS#8 DER,
 * then the DER.
 * At rest: AES-256-GCM under a key derived from the storage key, a fresh nonce
 * each, the MAC (or another label) as additional data. */
#ifndef CRYPTO_KEYBOX_H
#define CRYPTO_KEYBOX_H

#include <stddef.h>
#include <stdint.h>
#include "base/mac.h"
#include "base/writer.h"
#include "crypto/authcode.h"
#include "wire/certfile.h"

enum { STORAGE_KEY_LEN = 32, KEYBOX_PKCS8_MAX = 3072, SEAL_LEN = 32 };

/* The value of a CERTFILE_KEY object, appended to o.  nonce is the caller's, 12
 * random bytes. */
int keybox_seal(const struct auth_secret *secret3, const struct mac *mac,
		const char *serial, size_t serial_len, uint8_t set,
		const uint8_t nonce[CERTKEY_NONCE_LEN], const uint8_t *pkcs8,
		size_t len, struct out *o);

/* The PKCS#8 DER out of a value (ret: KEYBOX_PKCS8_MAX bytes).  FC_EBAD: not a
 * key object; FC_EUNKNOWN: version; FC_EAUTH: decryption failed; FC_ECRC: inner
 * CRC wrong.  The caller wipes ret. */
int keybox_open(const struct auth_secret *secret3, const struct mac *mac,
		const char *serial, size_t serial_len, const void *value,
		size_t value_len, uint8_t *ret, size_t *ret_len);

/* At rest. label tells what it is for: the same is needed to open it. */
int storage_wrap(const uint8_t key[STORAGE_KEY_LEN], const void *label,
		 size_t label_len, const uint8_t nonce[12], const uint8_t *p,
		 size_t len, struct out *o);
int storage_unwrap(const uint8_t key[STORAGE_KEY_LEN], const void *label,
		   size_t label_len, const void *wrapped, size_t wrapped_len,
		   uint8_t *ret, size_t ret_cap, size_t *ret_len);

/* The signer's seal over a plan: HMAC-SHA-256 under a key derived from the
 * storage key, over issuer name, MAC and to-be-signed bytes, each with its
 * length before it. */
int storage_seal(const uint8_t key[STORAGE_KEY_LEN], const char *issuer,
		 size_t issuer_len, const struct mac *mac, const uint8_t *tbs,
		 size_t tbs_len, uint8_t ret[SEAL_LEN]);

#endif
