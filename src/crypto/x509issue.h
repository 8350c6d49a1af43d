/* Building certificates of a known profile.
 *
 * A profile is data (struct x509_profile, from the configuration); the values of
 * one certificate are struct x509_values.  Building gives the to-be-signed DER;
 * signing it gives the certificate.  The same input gives the same bytes. */
#ifndef CRYPTO_X509ISSUE_H
#define CRYPTO_X509ISSUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mac.h"

enum { PROFILE_RDN_MAX = 8, X509_TBS_MAX = 4096, X509_CERT_MAX = 4096 };

/* One attribute of a subject, in certificate order: attribute is "C", "O", "OU",
 * "CN", "ST", "L"; text may hold %{mac} %{serial} %{country} %{organization}
 * %{location} %{class}; an RDN whose text expands to nothing is left out. */
struct x509_rdn {
	const char *attribute;
	const char *text;
};

struct x509_profile {
	const char *name;
	struct x509_rdn subject[PROFILE_RDN_MAX]; /* of the device certificate */
	size_t n_subject;
	struct x509_rdn manufacturer[PROFILE_RDN_MAX]; /* of the manufacturer's */
	size_t n_manufacturer;
	const char *digest; /* "sha1", "sha256" */
	bool key_usage;     /* critical digitalSignature, keyEncipherment
			     * (keyAgreement in place of it for EC) */
	bool allow_ec;
	unsigned rsa_bits_min; /* of the device's key */
	unsigned validity_days;
	unsigned manufacturer_validity_days;
	unsigned manufacturer_bits; /* RSA modulus of a manufacturer key made here */
	size_t size_max;            /* of the device certificate, DER; 0: no limit */
};

struct x509_values {
	struct mac mac;
	const char *serial, *country, *organization, *location, *class_name;
	uint8_t cert_serial[16];       /* big-endian, positive, not zero */
	int64_t not_before, not_after; /* Unix seconds; UTCTime before 2050 */
	const uint8_t *spki;           /* SubjectPublicKeyInfo DER */
	size_t spki_len;
};

struct x509_issuer; /* a CA certificate with its private key */

/* From PEM (or DER) bytes; the key must fit the certificate, the certificate be
 * a CA that may sign.  *ret_why names what is wrong (static text). */
int x509_issuer_new(const void *cert, size_t cert_len, const void *key, size_t key_len,
		    struct x509_issuer **ret, const char **ret_why);
void x509_issuer_free(struct x509_issuer *i);
/* DER of its certificate; owned by the issuer. */
const uint8_t *x509_issuer_cert(const struct x509_issuer *i, size_t *ret_len);
int64_t x509_issuer_not_before(const struct x509_issuer *i);
int64_t x509_issuer_not_after(const struct x509_issuer *i);

/* To-be-signed DER of a device certificate. Checks that the values fit the
 * profile (key type and size, dates within the issuer's, lengths, printable
 * characters): FC_EDENIED with *ret_why. */
int x509_build_device(const struct x509_profile *p, const struct x509_values *v,
		      const struct x509_issuer *issuer, uint8_t *ret, size_t cap,
		      size_t *ret_len, const char **ret_why);

/* To-be-signed DER of a manufacturer CA certificate (pathlen 0) under a root. */
int x509_build_manufacturer(const struct x509_profile *p, const struct x509_values *v,
			    const struct x509_issuer *root, uint8_t *ret, size_t cap,
			    size_t *ret_len, const char **ret_why);

/* A self-signed root for `fieldcertctl init`: RSA key and certificate, PEM text in
 * malloc'ed strings (the caller wipes and frees the key).  An empty text leaves its
 * attribute out.  FC_EDENIED: a text, date or serial number that no certificate can
 * have. */
int x509_make_root(const char *country, const char *organization, const char *unit,
		   const char *common_name, unsigned bits,
		   const uint8_t cert_serial[16], int64_t not_before, int64_t not_after,
		   char **ret_key_pem, char **ret_cert_pem);

/* Sign to-be-signed bytes with the algorithm that they name inside.  FC_EBAD: not
 * strict DER; FC_EAUTH: they name another issuer; FC_EUNKNOWN: an algorithm that is
 * none of ours, or not for this kind of key; FC_EFULL. */
int x509_sign(const struct x509_issuer *i, const uint8_t *tbs, size_t tbs_len,
	      uint8_t *ret, size_t cap, size_t *ret_len);

/* An RSA (1024 to 4096 bits) or P-256 (bits == 256) key pair: PKCS#8 DER (caller
 * wipes) and SubjectPublicKeyInfo DER.  FC_EBAD: another size; FC_EFULL; FC_ECRYPTO. */
int keygen(unsigned bits, uint8_t *ret_pkcs8, size_t pkcs8_cap, size_t *ret_pkcs8_len,
	   uint8_t *ret_spki, size_t spki_cap, size_t *ret_spki_len);

#endif
