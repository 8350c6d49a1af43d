#include "crypto/keybox.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>
#include "base/crc32.h"
#include "base/cursor.h"
#include "base/errors.h"
#include "base/secret.h"
#include "crypto/hkdf.h"

enum {
	NONCE_LEN = CERTKEY_NONCE_LEN,
	TAG_LEN = CERTKEY_TAG_LEN,
	AAD_MAX = 320,
	STORAGE_VERSION = 1, /* first byte of what is kept at rest */
	STORAGE_OVERHEAD = 1 + NONCE_LEN + TAG_LEN
};
static_assert(HKDF_LEN == 32, "AES-256");

/* p: the plaintext; ret takes as many bytes of ciphertext, then the tag. */
static int gcm_seal(const uint8_t key[HKDF_LEN], const uint8_t nonce[NONCE_LEN],
		    const struct out *aad, const uint8_t *p, size_t len, uint8_t *ret)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n, rc = FC_ECRYPTO;

	if (!c || len > INT32_MAX)
		goto out;
	if (EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
	    EVP_EncryptUpdate(c, NULL, &n, aad->buf, (int)aad->len) != 1 ||
	    EVP_EncryptUpdate(c, ret, &n, p, (int)len) != 1 ||
	    EVP_EncryptFinal_ex(c, ret + n, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_LEN, ret + len) != 1)
		goto out;
	rc = 0;
out:
	EVP_CIPHER_CTX_free(c);
	return rc;
}

/* ret takes len bytes; they are wiped when the tag is wrong. */
static int gcm_open(const uint8_t key[HKDF_LEN], const uint8_t nonce[NONCE_LEN],
		    const struct out *aad, const uint8_t *p, size_t len,
		    const uint8_t tag[TAG_LEN], uint8_t *ret)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t wanted[TAG_LEN];
	int n, rc = FC_ECRYPTO;

	memcpy(wanted, tag, TAG_LEN);
	if (!c || len > INT32_MAX)
		goto out;
	if (EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
	    EVP_DecryptUpdate(c, NULL, &n, aad->buf, (int)aad->len) != 1 ||
	    EVP_DecryptUpdate(c, ret, &n, p, (int)len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_LEN, wanted) != 1)
		goto out;
	rc = EVP_DecryptFinal_ex(c, ret + n, &n) == 1 ? 0 : FC_EAUTH;
out:
	if (rc)
		secret_wipe(ret, len);
	EVP_CIPHER_CTX_free(c);
	return rc;
}

/* The PKEK (F1). */
static int device_key(const struct auth_secret *secret3, const struct mac *mac,
		      const char *serial, size_t serial_len, uint8_t ret[HKDF_LEN])
{
	uint8_t info[HKDF_INFO_MAX];
	struct out o = out_of(info, sizeof(info));

	out_str(&o, "fieldcert pkek 1");
	out_bytes(&o, serial, serial_len);
	if (o.full)
		return FC_EFULL;
	return hkdf_sha256(secret3->s, secret3->len, mac->b, MAC_LEN, info, o.len, ret);
}

static struct out device_aad(uint8_t buf[AAD_MAX], size_t value_len, uint8_t set,
			     const struct mac *mac)
{
	struct out o = out_of(buf, AAD_MAX);

	out_u16(&o, CERTFILE_KEY);
	out_u16(&o, (uint16_t)value_len);
	out_u8(&o, CERTKEY_VERSION);
	out_u8(&o, set);
	out_bytes(&o, mac->b, MAC_LEN);
	return o;
}

int keybox_seal(const struct auth_secret *secret3, const struct mac *mac,
		const char *serial, size_t serial_len, uint8_t set,
		const uint8_t nonce[CERTKEY_NONCE_LEN], const uint8_t *pkcs8,
		size_t len, struct out *o)
{
	uint8_t key[HKDF_LEN], aad[AAD_MAX];
	uint8_t plain[CERTKEY_INNER_CRC_LEN + KEYBOX_PKCS8_MAX];
	uint8_t sealed[sizeof(plain) + TAG_LEN];
	struct out inner = out_of(plain, sizeof(plain));
	struct out a;
	int rc;

	if (len > KEYBOX_PKCS8_MAX)
		return FC_EFULL;
	rc = device_key(secret3, mac, serial, serial_len, key);
	if (rc)
		goto out;
	out_u32(&inner, crc32_of(pkcs8, len));
	out_bytes(&inner, pkcs8, len);
	a = device_aad(aad, inner.len + CERTKEY_OVERHEAD, set, mac);
	rc = gcm_seal(key, nonce, &a, plain, inner.len, sealed);
	if (rc)
		goto out;
	certkey_build(o, &(struct certkey){
				 .version = CERTKEY_VERSION,
				 .set = set,
				 .nonce = nonce,
				 .ciphertext = sealed,
				 .ciphertext_len = inner.len,
				 .tag = sealed + inner.len,
			 });
	rc = o->full ? FC_EFULL : 0;
out:
	secret_wipe(key, sizeof(key));
	secret_wipe(plain, sizeof(plain));
	return rc;
}

int keybox_open(const struct auth_secret *secret3, const struct mac *mac,
		const char *serial, size_t serial_len, const void *value,
		size_t value_len, uint8_t *ret, size_t *ret_len)
{
	uint8_t key[HKDF_LEN], aad[AAD_MAX];
	uint8_t plain[CERTKEY_INNER_CRC_LEN + KEYBOX_PKCS8_MAX];
	struct certkey k;
	struct cur c;
	struct out a;
	size_t len;
	int rc = certkey_parse(value, value_len, &k);

	if (rc)
		return rc;
	if (value_len > UINT16_MAX || k.ciphertext_len < CERTKEY_INNER_CRC_LEN ||
	    k.ciphertext_len > sizeof(plain))
		return FC_EBAD;
	rc = device_key(secret3, mac, serial, serial_len, key);
	if (rc)
		goto out;
	a = device_aad(aad, value_len, k.set, mac);
	rc = gcm_open(key, k.nonce, &a, k.ciphertext, k.ciphertext_len, k.tag, plain);
	if (rc)
		goto out;
	c = cur_of(plain, k.ciphertext_len);
	len = k.ciphertext_len - CERTKEY_INNER_CRC_LEN;
	if (cur_u32(&c) != crc32_of(plain + CERTKEY_INNER_CRC_LEN, len)) {
		rc = FC_ECRC;
		goto out;
	}
	cur_copy(&c, ret, len);
	*ret_len = len;
out:
	secret_wipe(key, sizeof(key));
	secret_wipe(plain, sizeof(plain));
	return rc;
}

static int storage_subkey(const uint8_t key[STORAGE_KEY_LEN], const char *purpose,
			  uint8_t ret[HKDF_LEN])
{
	return hkdf_sha256(key, STORAGE_KEY_LEN, NULL, 0, purpose, strlen(purpose),
			   ret);
}

static struct out storage_aad(uint8_t buf[AAD_MAX], const void *label, size_t label_len)
{
	struct out o = out_of(buf, AAD_MAX);

	out_u8(&o, STORAGE_VERSION);
	out_bytes(&o, label, label_len);
	return o;
}

int storage_wrap(const uint8_t key[STORAGE_KEY_LEN], const void *label,
		 size_t label_len, const uint8_t nonce[12], const uint8_t *p,
		 size_t len, struct out *o)
{
	uint8_t subkey[HKDF_LEN], buf[AAD_MAX];
	struct out aad = storage_aad(buf, label, label_len);
	int rc;

	if (aad.full || len > SIZE_MAX / 2 || o->full ||
	    o->cap - o->len < len + STORAGE_OVERHEAD)
		return FC_EFULL;
	rc = storage_subkey(key, "fieldcert storage wrap 1", subkey);
	if (!rc) {
		struct out before = *o;

		out_u8(o, STORAGE_VERSION);
		out_bytes(o, nonce, NONCE_LEN);
		rc = gcm_seal(subkey, nonce, &aad, p, len, o->buf + o->len);
		o->len += len + TAG_LEN;
		if (rc)
			*o = before;
	}
	secret_wipe(subkey, sizeof(subkey));
	return rc;
}

int storage_unwrap(const uint8_t key[STORAGE_KEY_LEN], const void *label,
		   size_t label_len, const void *wrapped, size_t wrapped_len,
		   uint8_t *ret, size_t ret_cap, size_t *ret_len)
{
	uint8_t subkey[HKDF_LEN], buf[AAD_MAX];
	struct out aad = storage_aad(buf, label, label_len);
	const uint8_t *w = wrapped;
	size_t len;
	int rc;

	if (wrapped_len < STORAGE_OVERHEAD)
		return FC_EBAD;
	if (w[0] != STORAGE_VERSION)
		return FC_EUNKNOWN;
	len = wrapped_len - STORAGE_OVERHEAD;
	if (aad.full || len > ret_cap)
		return FC_EFULL;
	rc = storage_subkey(key, "fieldcert storage wrap 1", subkey);
	if (!rc)
		rc = gcm_open(subkey, w + 1, &aad, w + 1 + NONCE_LEN, len,
			      w + wrapped_len - TAG_LEN, ret);
	if (!rc)
		*ret_len = len;
	secret_wipe(subkey, sizeof(subkey));
	return rc;
}

static bool mac_piece(EVP_MAC_CTX *c, const void *p, size_t len)
{
	uint8_t head[8];
	struct out o = out_of(head, sizeof(head));

	out_u64(&o, len);
	return EVP_MAC_update(c, head, sizeof(head)) == 1 &&
	       (len == 0 || EVP_MAC_update(c, p, len) == 1);
}

int storage_seal(const uint8_t key[STORAGE_KEY_LEN], const char *issuer,
		 size_t issuer_len, const struct mac *mac, const uint8_t *tbs,
		 size_t tbs_len, uint8_t ret[SEAL_LEN])
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("digest", digest, 0),
		OSSL_PARAM_construct_end(),
	};
	uint8_t subkey[HKDF_LEN], seal[SEAL_LEN];
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *c = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	size_t n;
	int rc = storage_subkey(key, "fieldcert storage seal 1", subkey);

	if (!rc && (!c || EVP_MAC_init(c, subkey, sizeof(subkey), params) != 1 ||
		    !mac_piece(c, issuer, issuer_len) ||
		    !mac_piece(c, mac->b, MAC_LEN) || !mac_piece(c, tbs, tbs_len) ||
		    EVP_MAC_final(c, seal, &n, sizeof(seal)) != 1))
		rc = FC_ECRYPTO;
	if (!rc)
		memcpy(ret, seal, sizeof(seal));
	EVP_MAC_CTX_free(c);
	EVP_MAC_free(hmac);
	secret_wipe(subkey, sizeof(subkey));
	return rc;
}
