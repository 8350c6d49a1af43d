#include "crypto/x509issue.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>
#include "base/errors.h"

static EVP_PKEY *make_key(unsigned bits)
{
	return bits == 256 ? EVP_EC_gen("P-256") : EVP_RSA_gen(bits);
}

int keygen(unsigned bits, uint8_t *ret_pkcs8, size_t pkcs8_cap, size_t *ret_pkcs8_len,
	   uint8_t *ret_spki, size_t spki_cap, size_t *ret_spki_len)
{
	PKCS8_PRIV_KEY_INFO *info = NULL;
	EVP_PKEY *key = NULL;
	uint8_t *pkcs8 = NULL, *spki = NULL;
	int pkcs8_len = 0, spki_len = 0, rc = FC_ECRYPTO;

	if (bits != 256 && (bits < 1024 || bits > 4096))
		return FC_EBAD;
	key = make_key(bits);
	info = key ? EVP_PKEY2PKCS8(key) : NULL;
	if (!info)
		goto out;
	pkcs8_len = i2d_PKCS8_PRIV_KEY_INFO(info, &pkcs8);
	spki_len = i2d_PUBKEY(key, &spki);
	if (pkcs8_len <= 0 || spki_len <= 0)
		goto out;
	rc = FC_EFULL;
	if ((size_t)pkcs8_len > pkcs8_cap || (size_t)spki_len > spki_cap)
		goto out;
	memcpy(ret_pkcs8, pkcs8, (size_t)pkcs8_len);
	memcpy(ret_spki, spki, (size_t)spki_len);
	*ret_pkcs8_len = (size_t)pkcs8_len;
	*ret_spki_len = (size_t)spki_len;
	rc = 0;
out:
	OPENSSL_clear_free(pkcs8, pkcs8_len > 0 ? (size_t)pkcs8_len : 0);
	OPENSSL_free(spki);
	PKCS8_PRIV_KEY_INFO_free(info); /* wipes the key that it holds */
	EVP_PKEY_free(key);
	return rc;
}
