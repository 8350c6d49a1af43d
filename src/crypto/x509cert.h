/* One certificate, read once: what x509check.c and x509facts.c share.  Not for
 * other folders. */
#ifndef CRYPTO_X509CERT_H
#define CRYPTO_X509CERT_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mac.h"
#include "base/writer.h"

enum { X509_SUBJECT_TEXT_MAX = 2048 };

struct x509_cert {
	X509 *x;
	const uint8_t *der; /* the caller's bytes */
	size_t der_len;
	const uint8_t *serial; /* contents of the INTEGER, in der */
	size_t serial_len;
	const uint8_t *spki; /* SubjectPublicKeyInfo, in der */
	size_t spki_len;
	int64_t not_before, not_after;
};

/* FC_EBAD: not one whole certificate in strict DER with RFC 5280's dates and
 * versions.  ret->x is NULL then, so that x509_cert_close is safe either way. */
int x509_cert_open(const void *der, size_t len, struct x509_cert *ret);
void x509_cert_close(struct x509_cert *c);

/* "C=US, O=Example" in the certificate's order; "+" between attributes of one set;
 * ',' '+' '\' inside a value after a backslash, control characters as \xNN. */
void x509_name_text(const X509_NAME *n, struct out *o);

/* How many CNs of the subject are a MAC address, six pairs with colons; *ret is the
 * last of them. */
int x509_cert_macs(const struct x509_cert *c, struct mac *ret);

/* Is it the same in all of them? */
bool x509_cert_is_for(const struct x509_cert *c, const struct mac *mac);

#endif
