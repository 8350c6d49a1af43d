#include "crypto/issuedby.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include "base/errors.h"

static X509 *decode(const void *der, size_t len)
{
	const unsigned char *p = der;
	X509 *x;

	if (len > LONG_MAX)
		return NULL;
	x = d2i_X509(NULL, &p, (long)len);
	if (x && p != (const unsigned char *)der + len) {
		X509_free(x);
		return NULL;
	}
	return x;
}

int x509_issued_by(const void *cert, size_t len, const void *authority,
		   size_t authority_len, const char **ret_why)
{
	X509 *x = decode(cert, len), *ca = decode(authority, authority_len);
	EVP_PKEY *key = ca ? X509_get0_pubkey(ca) : NULL;
	int rc = 0;

	if (!x || !key) {
		*ret_why = "it is not a certificate in DER";
		rc = FC_EBAD;
	} else if (X509_NAME_cmp(X509_get_issuer_name(x), X509_get_subject_name(ca)) !=
		   0) {
		*ret_why = "its issuer is not the subject of the certificate above it";
		rc = FC_EAUTH;
	} else if (X509_verify(x, key) != 1) {
		*ret_why =
			"its signature is not by the key of the certificate above it";
		rc = FC_EAUTH;
	}
	ERR_clear_error();
	X509_free(x);
	X509_free(ca);
	return rc;
}
