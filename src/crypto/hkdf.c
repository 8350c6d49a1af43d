#include "crypto/hkdf.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include "base/errors.h"
#include "base/secret.h"

static int hmac(const void *key, size_t key_len, const void *p, size_t len,
		uint8_t ret[HKDF_LEN])
{
	unsigned n = HKDF_LEN;

	if (key_len > INT32_MAX ||
	    !HMAC(EVP_sha256(), key, (int)key_len, p, len, ret, &n))
		return FC_ECRYPTO;
	return 0;
}

int hkdf_sha256(const void *ikm, size_t ikm_len, const void *salt, size_t salt_len,
		const void *info, size_t info_len, uint8_t ret[HKDF_LEN])
{
	static const uint8_t zeros[HKDF_LEN]; /* RFC 5869, 2.2: salt not provided */
	uint8_t prk[HKDF_LEN], block[HKDF_INFO_MAX + 1];
	int rc;

	if (info_len > HKDF_INFO_MAX)
		return FC_EFULL;
	if (info_len)
		memcpy(block, info, info_len);
	block[info_len] = 1; /* T(1); one block is all we need */

	rc = hmac(salt_len ? salt : zeros, salt_len ? salt_len : sizeof(zeros), ikm,
		  ikm_len, prk);
	if (!rc)
		rc = hmac(prk, sizeof(prk), block, info_len + 1, ret);
	secret_wipe(prk, sizeof(prk));
	return rc;
}
