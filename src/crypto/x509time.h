/* OpenSSL's times as Unix seconds. */
#ifndef CRYPTO_X509TIME_H
#define CRYPTO_X509TIME_H

#include <openssl/asn1.h>
#include <stdint.h>

/* 0, or FC_EBAD: not a time as RFC 5280, 4.1.2.5 wants it. */
int x509_time_of(const ASN1_TIME *t, int64_t *ret);

#endif
