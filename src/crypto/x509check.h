/* Is this certificate file good for this device?  (SPEC A5, section 6)
 *
 * The agent asks before it installs; the server asks before it stores a
 * preloaded file (S9).  Pure but for OpenSSL: no clock, no files. */
#ifndef CRYPTO_X509CHECK_H
#define CRYPTO_X509CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mac.h"
#include "crypto/authcode.h"
#include "wire/certfile.h"

struct x509_bytes {
	const uint8_t *p;
	size_t len;
};

enum { X509_LIST_MAX = 16 };

/* What the device holds and knows.  Lists may be empty where said so. */
struct x509_trust {
	struct x509_bytes roots[X509_LIST_MAX]; /* DER certificates held as roots */
	size_t n_roots;
	const char *names[X509_LIST_MAX]; /* predetermined manufacturer subjects, as
					   * "C=US, O=Example, CN=…" in the order of
					   * the certificate; empty: not checked */
	size_t n_names;
	struct x509_bytes keys[X509_LIST_MAX]; /* stored manufacturer keys, SPKI DER;
						* empty: not checked (A5) */
	size_t n_keys;
	struct x509_bytes manufacturer; /* installed one, used when the file has none;
					 * empty: the file must bring one */
};

struct x509_device {
	struct mac mac;
	const char *serial; /* for the private key's decryption */
	size_t serial_len;
	const struct auth_secret *secret3; /* NULL: downloaded keys are not opened
					    * and no pair is checked (server side) */
	int64_t now; /* Unix seconds; < 0: time of day is not known, dates
		      * are not judged (A1) */
	struct x509_bytes public_key;  /* installed/stored SPKI DER; empty: none */
	struct x509_bytes private_key; /* installed PKCS#8 DER; empty: none */
	int64_t installed_not_before;  /* of the installed certificate; INT64_MIN:
					* none, or the operator reset the device */
};

struct x509_verdict {
	enum device_error error;
	char what[160];      /* which of the number's cases it was; "" when good */
	uint8_t pkcs8[3072]; /* the downloaded private key, decrypted; caller wipes */
	size_t pkcs8_len;    /* 0: the file had none */
	int64_t not_before, not_after; /* of the device certificate */
	bool link_used; /* good only thanks to the file's link certificate: keep
			 * it with the roots, names and keys (A5) */
};

/* What SPEC section 6 leaves open:
 *   04	no key in the file, and the device has none stored either;
 *   07, 13	a critical extension that is not understood (RFC 5280, 4.2), in the
 *	device's or the manufacturer's certificate; a version that X.509 has not,
 *	or extensions in one that has none;
 *   09	a device certificate that may sign certificates, or whose signature is by a
 *	digest older than SHA-1 (a manufacturer's likewise);
 *   10	the root that the manufacturer certificate names is held but out of date;
 *   13	a manufacturer certificate that is not a CA's.
 * A file without manufacturer certificate is judged by the installed one.  A link
 * certificate that is not a CA's, in date and signed by a root or the manufacturer
 * key held is as good as absent.  A manufacturer certificate that is itself among
 * the roots needs no other.  With a public key stored and neither private key at
 * hand (secure element), the public key alone decides. */

/* All of A5 in its order. ret is always written; ret->error == DEVICE_OK: good.
 * Returns ret->error. */
enum device_error x509_check_file(const void *file, size_t len,
				  const struct x509_trust *trust,
				  const struct x509_device *device,
				  struct x509_verdict *ret);

/* Is what is installed still good at `now`, for `margin_s` more seconds? (A1)
 * device and manufacturer are DER; the same checks as above but for CRCs and
 * rollback. */
enum device_error x509_check_installed(const struct x509_bytes *device_cert,
				       const struct x509_trust *trust,
				       const struct x509_device *device,
				       int64_t margin_s, struct x509_verdict *ret);

/* Facts of one DER certificate, for listings. Texts are NUL-terminated and cut
 * where they do not fit; in names ',' '+' '\' inside a value stand after a
 * backslash.  FC_EBAD: not one whole certificate in strict DER. */
struct x509_facts {
	char subject[256], issuer[256]; /* "C=US, O=…", certificate's order */
	char serial[41];                /* hex, lower case, no leading zero bytes */
	char key[32];                   /* "RSA-2048", "P-256", … */
	char signature[48];             /* "sha256WithRSAEncryption" */
	bool has_mac;
	struct mac mac; /* of the CNs that are one, in colons; they must agree */
	int64_t not_before, not_after;
	uint8_t spki[1024];
	size_t spki_len;
};
int x509_facts_of(const void *der, size_t len, struct x509_facts *ret);

/* DER of the first PEM "CERTIFICATE" that can be read, malloc'ed.  FC_EBAD, FC_EFULL.
 */
int x509_from_pem(const void *pem, size_t len, uint8_t **ret, size_t *ret_len);

/* A public key as the registry takes it: PEM or DER SubjectPublicKeyInfo, or a
 * bare RSAPublicKey (docsBpi2CmPublicKey), both also in base64; result SPKI DER,
 * checked: RSA 1024..4096 with odd exponent >= 3, or P-256.  FC_EBAD: cannot be
 * read; FC_EDENIED: read and refused; FC_EFULL. */
int public_key_parse(const void *p, size_t len, uint8_t *ret, size_t cap,
		     size_t *ret_len, const char **ret_why);

#endif
