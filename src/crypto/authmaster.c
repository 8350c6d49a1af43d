#include "crypto/authmaster.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include "base/errors.h"
#include "base/hex.h"
#include "base/secret.h"
#include "crypto/hkdf.h"

struct auth_master {
	EVP_MAC *hmac;
	EVP_MAC_CTX *expand; /* keyed with the pseudorandom key of RFC 5869, 2.2 */
};

struct auth_master *auth_master_new(const struct auth_secret *master)
{
	static const uint8_t no_salt[HKDF_LEN];
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	struct auth_master *m = calloc(1, sizeof(*m));
	uint8_t prk[HKDF_LEN];
	unsigned n = sizeof(prk);
	bool ok = false;

	if (!m)
		return NULL;
	m->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	m->expand = m->hmac ? EVP_MAC_CTX_new(m->hmac) : NULL;
	if (m->expand && HMAC(EVP_sha256(), no_salt, sizeof(no_salt),
			      (const uint8_t *)master->s, master->len, prk, &n))
		ok = EVP_MAC_init(m->expand, prk, sizeof(prk), params) == 1;
	secret_wipe(prk, sizeof(prk));
	if (!ok) {
		auth_master_free(m);
		return NULL;
	}
	return m;
}

void auth_master_free(struct auth_master *m)
{
	if (!m)
		return;
	EVP_MAC_CTX_free(m->expand); /* OpenSSL wipes the key in it */
	EVP_MAC_free(m->hmac);
	free(m);
}

int auth_master_derive(struct auth_master *m, const struct mac *mac,
		       struct auth_secret *ret)
{
	uint8_t block[MAC_LEN + 1], key[HKDF_LEN];
	char digits[2 * HKDF_LEN + 1];
	size_t n;
	int rc = FC_ECRYPTO;

	memcpy(block, mac->b, MAC_LEN);
	block[MAC_LEN] = 1; /* RFC 5869, 2.3: T(1) */
	if (EVP_MAC_init(m->expand, NULL, 0, NULL) == 1 &&
	    EVP_MAC_update(m->expand, block, sizeof(block)) == 1 &&
	    EVP_MAC_final(m->expand, key, &n, sizeof(key)) == 1) {
		hex_encode(key, sizeof(key), digits);
		ret->len = 2 * sizeof(key);
		memcpy(ret->s, digits, ret->len);
		rc = 0;
	}
	secret_wipe(key, sizeof(key));
	secret_wipe(digits, sizeof(digits));
	return rc;
}
