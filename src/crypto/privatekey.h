/* A private key as a device or an operator has it in a file. */
#ifndef CRYPTO_PRIVATEKEY_H
#define CRYPTO_PRIVATEKEY_H

#include <stddef.h>
#include <stdint.h>

/* PEM or DER, PKCS#8 or traditional, not encrypted, RSA or P-256: PKCS#8 DER (the
 * caller wipes it) and the SubjectPublicKeyInfo that belongs to it.  FC_EBAD, FC_EFULL.
 * Not checked: size and strength. */
int private_key_read(const void *p, size_t len, uint8_t *ret_pkcs8, size_t pkcs8_cap,
		     size_t *ret_pkcs8_len, uint8_t *ret_spki, size_t spki_cap,
		     size_t *ret_spki_len);

#endif
