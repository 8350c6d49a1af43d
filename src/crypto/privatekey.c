#include "crypto/privatekey.h"

#include <limits.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include "base/errors.h"
#include "crypto/evpkey.h"

static EVP_PKEY *decode(const void *p, size_t len)
{
	static const char *const formats[] = { "PEM", "DER" };
	EVP_PKEY *key = NULL;

	for (size_t i = 0; i < 2 && key == NULL; i++) {
		const unsigned char *at = p;
		size_t left = len;
		OSSL_DECODER_CTX *d = OSSL_DECODER_CTX_new_for_pkey(
			&key, formats[i], NULL, NULL, EVP_PKEY_KEYPAIR, NULL, NULL);

		if (d == NULL)
			break;
		/* never ask a terminal for a passphrase */
		(void)OSSL_DECODER_CTX_set_passphrase(d, (const unsigned char *)"", 0);
		if (OSSL_DECODER_from_data(d, &at, &left) != 1) {
			EVP_PKEY_free(key);
			key = NULL;
		}
		OSSL_DECODER_CTX_free(d);
	}
	ERR_clear_error();
	return key;
}

int private_key_read(const void *p, size_t len, uint8_t *ret_pkcs8, size_t pkcs8_cap,
		     size_t *ret_pkcs8_len, uint8_t *ret_spki, size_t spki_cap,
		     size_t *ret_spki_len)
{
	EVP_PKEY *key = len > 0 && len <= INT_MAX ? decode(p, len) : NULL;
	int rc = FC_EBAD;

	if (key != NULL && (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ||
			    EVP_PKEY_get_base_id(key) == EVP_PKEY_EC))
		rc = evpkey_export(key, ret_pkcs8, pkcs8_cap, ret_pkcs8_len, ret_spki,
				   spki_cap, ret_spki_len);
	EVP_PKEY_free(key);
	return rc == FC_ECRYPTO ? FC_EBAD : rc;
}
