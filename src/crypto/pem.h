/* DER in PEM's clothes (RFC 7468). */
#ifndef CRYPTO_PEM_H
#define CRYPTO_PEM_H

#include <stddef.h>

/* malloc'ed text of these bytes, which are not looked at, under a label
 * ("CERTIFICATE"). Of a private key nothing is left elsewhere; the caller wipes and
 * frees the text. FC_ECRYPTO. */
int pem_of(const char *label, const void *der, size_t len, char **ret);

#endif
