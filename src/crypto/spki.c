#include "crypto/spki.h"

#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <string.h>
#include "base/errors.h"
#include "crypto/der.h"

enum { POINT_LEN = 65 }; /* uncompressed: 4, x, y */

static const uint8_t rsa_algorithm[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
					 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
static const uint8_t p256_algorithm[] = { 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d,
					  0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
					  0xce, 0x3d, 0x03, 0x01, 0x07 };

static bool is(const struct cur *c, const uint8_t *p, size_t n)
{
	return !c->dead && c->len == n && !memcmp(c->buf, p, n);
}

/* The algorithm's contents and the key's bytes. */
static int split(const void *p, size_t len, struct cur *ret_algorithm,
		 struct cur *ret_key)
{
	struct cur c = cur_of(p, len);
	struct cur spki = der_take(&c, DER_SEQUENCE);
	struct cur algorithm = der_take(&spki, DER_SEQUENCE);
	struct cur bits = der_take(&spki, DER_BIT_STRING);
	uint8_t unused = cur_u8(&bits);
	struct cur key = cur_sub(&bits, cur_left(&bits));

	if (!cur_done(&c) || !cur_done(&spki) || key.dead || algorithm.dead || unused)
		return FC_EBAD;
	*ret_algorithm = algorithm;
	*ret_key = key;
	return 0;
}

static unsigned bits_of(const struct cur *n)
{
	unsigned bits = (unsigned)n->len * 8;

	for (unsigned top = n->buf[0]; !(top & 0x80); top <<= 1)
		bits--;
	return bits;
}

static int parse_rsa(struct cur key, struct spki *ret)
{
	struct cur c = key;
	struct cur seq = der_take(&c, DER_SEQUENCE);
	struct cur n = der_positive(&seq), e = der_positive(&seq);

	if (!cur_done(&c) || !cur_done(&seq) || n.dead || e.dead)
		return FC_EBAD;
	*ret = (struct spki){
		.kind = SPKI_RSA,
		.bits = bits_of(&n),
		.modulus = n.buf,
		.modulus_len = n.len,
		.exponent = e.buf,
		.exponent_len = e.len,
		.key = key.buf,
		.key_len = key.len,
	};
	return 0;
}

int spki_parse(const void *p, size_t len, struct spki *ret)
{
	struct cur algorithm, key;
	int rc = split(p, len, &algorithm, &key);

	if (rc)
		return rc;
	if (is(&algorithm, rsa_algorithm, sizeof(rsa_algorithm)))
		return parse_rsa(key, ret);
	if (!is(&algorithm, p256_algorithm, sizeof(p256_algorithm)))
		return FC_EUNKNOWN;
	if (key.len != POINT_LEN || key.buf[0] != POINT_CONVERSION_UNCOMPRESSED)
		return FC_EBAD;
	*ret = (struct spki){
		.kind = SPKI_P256, .bits = 256, .key = key.buf, .key_len = key.len
	};
	return 0;
}

int spki_key_bits(const void *p, size_t len, const uint8_t **ret, size_t *ret_len)
{
	struct cur algorithm, key;
	int rc = split(p, len, &algorithm, &key);

	if (rc)
		return rc;
	*ret = key.buf;
	*ret_len = key.len;
	return 0;
}

bool spki_equal(const struct spki *a, const struct spki *b)
{
	return a->kind == b->kind && a->key_len == b->key_len &&
	       !memcmp(a->key, b->key, a->key_len);
}

static bool on_curve(const uint8_t *point, size_t len)
{
	EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *p = g ? EC_POINT_new(g) : NULL;
	/* EC_POINT_oct2point refuses what is not on the curve */
	bool ok = p && EC_POINT_oct2point(g, p, point, len, NULL) == 1;

	EC_POINT_free(p);
	EC_GROUP_free(g);
	return ok;
}

const char *spki_fault(const struct spki *k)
{
	if (k->kind == SPKI_P256)
		return on_curve(k->key, k->key_len) ? NULL : "point is not on P-256";
	if (k->bits < 1024)
		return "RSA modulus of less than 1024 bits";
	if (k->bits > 4096)
		return "RSA modulus of more than 4096 bits";
	if (!(k->modulus[k->modulus_len - 1] & 1))
		return "even RSA modulus";
	if (!(k->exponent[k->exponent_len - 1] & 1))
		return "even RSA exponent";
	if (k->exponent_len == 1 && k->exponent[0] < 3)
		return "RSA exponent of 1";
	if (k->exponent_len > 8)
		return "RSA exponent of more than 64 bits";
	return NULL;
}
