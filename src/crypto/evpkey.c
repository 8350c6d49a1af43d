#include "crypto/evpkey.h"

#include <openssl/x509.h>
#include <string.h>
#include "base/errors.h"

int evpkey_export(const EVP_PKEY *key, uint8_t *ret_pkcs8, size_t pkcs8_cap,
		  size_t *ret_pkcs8_len, uint8_t *ret_spki, size_t spki_cap,
		  size_t *ret_spki_len)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	uint8_t *pkcs8 = NULL, *spki = NULL;
	int pkcs8_len = 0, spki_len = 0, rc = FC_ECRYPTO;

	if (!info)
		return rc;
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
	return rc;
}
