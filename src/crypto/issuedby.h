/* Did this authority issue this certificate? */
#ifndef CRYPTO_ISSUEDBY_H
#define CRYPTO_ISSUEDBY_H

#include <stddef.h>

/* The certificate's issuer is byte for byte the authority's subject, and its
 * signature is by the authority's key: 0.  FC_EAUTH with *ret_why (static text)
 * where not, FC_EBAD where one of them is not a DER certificate.  Dates and
 * extensions are not judged. */
int x509_issued_by(const void *cert, size_t len, const void *authority,
		   size_t authority_len, const char **ret_why);

#endif
