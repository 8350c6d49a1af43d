#include "crypto/x509issue.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include "base/errors.h"
#include "crypto/evpkey.h"

static EVP_PKEY *make_key(unsigned bits)
{
	return bits == 256 ? EVP_EC_gen("P-256") : EVP_RSA_gen(bits);
}

int keygen(unsigned bits, uint8_t *ret_pkcs8, size_t pkcs8_cap, size_t *ret_pkcs8_len,
	   uint8_t *ret_spki, size_t spki_cap, size_t *ret_spki_len)
{
	EVP_PKEY *key;
	int rc = FC_ECRYPTO;

	if (bits != 256 && (bits < 1024 || bits > 4096))
		return FC_EBAD;
	key = make_key(bits);
	if (key)
		rc = evpkey_export(key, ret_pkcs8, pkcs8_cap, ret_pkcs8_len, ret_spki,
				   spki_cap, ret_spki_len);
	EVP_PKEY_free(key);
	return rc;
}
