/* Inside crypto: a key pair out of OpenSSL's hands, into the caller's bytes. */
#ifndef CRYPTO_EVPKEY_H
#define CRYPTO_EVPKEY_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

/* PKCS#8 DER (the caller wipes it) and SubjectPublicKeyInfo DER.  FC_ECRYPTO; FC_EFULL:
 * one of them is longer than its cap, and neither was written. */
int evpkey_export(const EVP_PKEY *key, uint8_t *ret_pkcs8, size_t pkcs8_cap,
		  size_t *ret_pkcs8_len, uint8_t *ret_spki, size_t spki_cap,
		  size_t *ret_spki_len);

#endif
