#include "crypto/x509issue.h"

#include <assert.h>
#include <string.h>
#include <time.h>
#include "base/cursor.h"
#include "base/errors.h"
#include "base/writer.h"
#include "crypto/der.h"
#include "crypto/spki.h"
#include "crypto/x509issuer.h"

enum {
	SERIAL_LEN = 16,
	RDN_TEXT_MAX = 256,
	CERT_OVERHEAD = 4 + 5 /* heads of the certificate and of its signature */
};

enum x509_role { ROLE_DEVICE, ROLE_MANUFACTURER, ROLE_ROOT };

/* Everything of a to-be-signed certificate. */
struct tbs {
	enum x509_role role;
	const struct x509_algorithm *algorithm;
	const uint8_t *serial; /* SERIAL_LEN */
	const uint8_t *issuer; /* Name */
	size_t issuer_len;
	int64_t not_before, not_after;
	const uint8_t *subject; /* Name */
	size_t subject_len;
	const uint8_t *spki;
	size_t spki_len;
	bool key_usage, ec;
	uint8_t keyid[X509_KEYID_LEN];
	const uint8_t *authority; /* key identifier */
	size_t authority_len;
};

/* ---- names ------------------------------------------------------------- */

/* RFC 5280, appendix A: the upper bounds of X.520. */
static const struct attribute {
	char name[3];
	uint8_t last; /* of OID 2.5.4.x */
	uint8_t max;  /* characters */
} attributes[] = {
	{ "C", 6, 2 },   { "O", 10, 64 },  { "OU", 11, 64 },
	{ "CN", 3, 64 }, { "ST", 8, 128 }, { "L", 7, 128 },
};

static const struct attribute *attribute_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		if (!strcmp(attributes[i].name, name))
			return &attributes[i];
	return NULL;
}

static const char *value_of(const struct x509_values *v, const char *name, size_t len,
			    const char *mac)
{
	const struct {
		const char *name, *value;
	} known[] = {
		{ "mac", mac },
		{ "serial", v->serial },
		{ "country", v->country },
		{ "organization", v->organization },
		{ "location", v->location },
		{ "class", v->class_name },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == len && !memcmp(known[i].name, name, len))
			return known[i].value ? known[i].value : "";
	return NULL;
}

/* %{name} replaced, blanks at both ends dropped. NULL, or what is wrong. */
static const char *expand(const char *text, const struct x509_values *v, struct out *o)
{
	char mac[MAC_TEXT_SIZE];

	mac_text(&v->mac, mac);
	while (*text) {
		const char *end, *value;

		if (text[0] != '%' || text[1] != '{') {
			out_u8(o, (uint8_t)*text++);
			continue;
		}
		end = strchr(text, '}');
		value = end ? value_of(v, text + 2, (size_t)(end - text) - 2, mac)
			    : NULL;
		if (!value)
			return "unknown %{…} in the profile's name";
		out_str(o, value);
		text = end + 1;
	}
	while (o->len && o->buf[o->len - 1] == ' ')
		o->len--;
	while (o->len && o->buf[0] == ' ')
		memmove(o->buf, o->buf + 1, --o->len);
	return o->full ? "text too long in the subject" : NULL;
}

static bool is_printable_string(const struct out *o)
{
	for (size_t i = 0; i < o->len; i++) {
		uint8_t c = o->buf[i];

		if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z') &&
		    (c < '0' || c > '9') && (!c || !strchr(" '()+,-./:=?", c)))
			return false;
	}
	return true;
}

/* Bytes that follow the first of a UTF-8 sequence; -1: it cannot be a first one. */
static int utf8_more(uint8_t first)
{
	if (first < 0x80)
		return 0;
	if (first >= 0xc2 && first <= 0xdf)
		return 1;
	if (first >= 0xe0 && first <= 0xef)
		return 2;
	return first >= 0xf0 && first <= 0xf4 ? 3 : -1;
}

/* Shortest form, no surrogates, at most U+10FFFF (RFC 3629). */
static bool utf8_second_fits(uint8_t first, uint8_t second)
{
	return !(first == 0xe0 && second < 0xa0) && !(first == 0xed && second > 0x9f) &&
	       !(first == 0xf0 && second < 0x90) && !(first == 0xf4 && second > 0x8f);
}

/* Characters of UTF-8 text, or -1: malformed, or control characters. */
static int utf8_count(const struct out *o)
{
	int n = 0;

	for (size_t i = 0; i < o->len; n++) {
		uint8_t first = o->buf[i++];
		int more = utf8_more(first);

		if (more < 0 || first < 0x20 || first == 0x7f)
			return -1;
		if (more > 0 && i < o->len && !utf8_second_fits(first, o->buf[i]))
			return -1;
		if (first == 0xc2 && i < o->len && o->buf[i] < 0xa0)
			return -1;
		for (; more > 0; more--, i++)
			if (i == o->len || (o->buf[i] & 0xc0) != 0x80)
				return -1;
	}
	return n;
}

static const char *put_rdn(struct out *o, const char *attribute, const struct out *text)
{
	const struct attribute *a = attribute_by_name(attribute);
	const uint8_t oid[] = { 2 * 40 + 5, 4, a ? a->last : 0 };
	bool printable = is_printable_string(text);
	int n = utf8_count(text);
	size_t set, seq;

	if (!a)
		return "unknown attribute in the profile's name";
	if (n < 0)
		return "text in the subject is not UTF-8, or has control characters";
	if (n > a->max)
		return "text in the subject is longer than X.520 allows";
	if (a->max == 2 && (n != 2 || !printable))
		return "a country must be two letters";
	set = der_open(o, DER_SET);
	seq = der_open(o, DER_SEQUENCE);
	der_put(o, DER_OID, oid, sizeof(oid));
	der_put(o, printable ? DER_PRINTABLE : DER_UTF8, text->buf, text->len);
	der_close(o, seq);
	der_close(o, set);
	return NULL;
}

/* A Name; *ret_has_mac: one CN is the MAC alone. NULL, or what is wrong. */
static const char *put_name(struct out *o, const struct x509_rdn *rdns, size_t n,
			    const struct x509_values *v, bool *ret_has_mac)
{
	size_t mark = der_open(o, DER_SEQUENCE), empty = o->len;
	char mac[MAC_TEXT_SIZE];

	mac_text(&v->mac, mac);
	*ret_has_mac = false;
	for (size_t i = 0; i < n; i++) {
		uint8_t buf[RDN_TEXT_MAX];
		struct out text = out_of(buf, sizeof(buf));
		const char *why = expand(rdns[i].text, v, &text);

		if (!why && text.len)
			why = put_rdn(o, rdns[i].attribute, &text);
		if (why)
			return why;
		if (!strcmp(rdns[i].attribute, "CN") && text.len == MAC_TEXT_SIZE - 1 &&
		    !memcmp(text.buf, mac, text.len))
			*ret_has_mac = true;
	}
	if (o->len == empty)
		return "the subject is empty";
	der_close(o, mark);
	return o->full ? "the subject is too long" : NULL;
}

/* ---- the rest of it ------------------------------------------------------ */

static void put_digits(struct out *o, int v, int n)
{
	for (int i = 0, unit = n == 4 ? 1000 : 10; i < n; i++, unit /= 10)
		out_u8(o, (uint8_t)('0' + v / unit % 10));
}

/* RFC 5280, 4.1.2.5: UTCTime through 2049. */
static bool put_time(struct out *o, int64_t unix_s)
{
	time_t t = (time_t)unix_s;
	struct tm tm;
	bool utc;
	size_t mark;

	if (!gmtime_r(&t, &tm) || tm.tm_year < 50 || tm.tm_year > 9999 - 1900)
		return false;
	utc = tm.tm_year < 150;
	mark = der_open(o, utc ? DER_UTC_TIME : DER_TIME);
	put_digits(o, utc ? tm.tm_year % 100 : tm.tm_year + 1900, utc ? 2 : 4);
	put_digits(o, tm.tm_mon + 1, 2);
	put_digits(o, tm.tm_mday, 2);
	put_digits(o, tm.tm_hour, 2);
	put_digits(o, tm.tm_min, 2);
	put_digits(o, tm.tm_sec, 2);
	out_u8(o, 'Z');
	der_close(o, mark);
	return true;
}

/* id-ce-<last>, its value already DER. */
static void put_extension(struct out *o, uint8_t last, bool critical, const void *value,
			  size_t len)
{
	const uint8_t oid[] = { 2 * 40 + 5, 29, last };
	size_t mark = der_open(o, DER_SEQUENCE);

	der_put(o, DER_OID, oid, sizeof(oid));
	if (critical)
		der_put(o, DER_BOOLEAN, "\xff", 1);
	der_put(o, DER_OCTET_STRING, value, len);
	der_close(o, mark);
}

static void put_ca_extensions(struct out *o, enum x509_role role)
{
	/* SEQUENCE { BOOLEAN TRUE, INTEGER 0 } */
	static const uint8_t ca[] = { 0x30, 3, 1, 1, 0xff };
	static const uint8_t ca_pathlen_0[] = { 0x30, 6, 1, 1, 0xff, 2, 1, 0 };
	static const uint8_t sign_certs_and_crls[] = { 3, 2, 1, 0x06 };

	if (role == ROLE_ROOT)
		put_extension(o, 19, true, ca, sizeof(ca));
	else
		put_extension(o, 19, true, ca_pathlen_0, sizeof(ca_pathlen_0));
	put_extension(o, 15, true, sign_certs_and_crls, sizeof(sign_certs_and_crls));
}

static void put_device_usage(struct out *o, bool ec)
{
	static const uint8_t signature_and_encipherment[] = { 3, 2, 5, 0xa0 };
	static const uint8_t signature_and_agreement[] = { 3, 2, 3, 0x88 };

	put_extension(o, 15, true,
		      ec ? signature_and_agreement : signature_and_encipherment, 4);
}

static void put_key_identifiers(struct out *o, const struct tbs *t)
{
	uint8_t buf[X509_KEYID_MAX + 8];
	struct out id = out_of(buf, sizeof(buf));
	size_t mark;

	der_put(&id, DER_OCTET_STRING, t->keyid, sizeof(t->keyid));
	put_extension(o, 14, false, id.buf, id.len);

	id = out_of(buf, sizeof(buf));
	mark = der_open(&id, DER_SEQUENCE);
	der_put(&id, DER_CONTEXT_0, t->authority, t->authority_len);
	der_close(&id, mark);
	put_extension(o, 35, false, id.buf, id.len);
}

static void put_extensions(struct out *o, const struct tbs *t)
{
	size_t context = der_open(o, DER_CONTEXT_3_CONSTRUCTED);
	size_t seq = der_open(o, DER_SEQUENCE);

	if (t->role != ROLE_DEVICE)
		put_ca_extensions(o, t->role);
	else if (t->key_usage)
		put_device_usage(o, t->ec);
	put_key_identifiers(o, t);
	der_close(o, seq);
	der_close(o, context);
}

/* NULL, or what is wrong. */
static const char *put_tbs(struct out *o, const struct tbs *t)
{
	static const uint8_t version_3[] = { DER_CONTEXT_0_CONSTRUCTED, 3, 2, 1, 2 };
	size_t tbs = der_open(o, DER_SEQUENCE), validity;

	out_bytes(o, version_3, sizeof(version_3));
	der_put_positive(o, t->serial, SERIAL_LEN);
	out_bytes(o, t->algorithm->der, t->algorithm->der_len);
	out_bytes(o, t->issuer, t->issuer_len);
	validity = der_open(o, DER_SEQUENCE);
	if (!put_time(o, t->not_before) || !put_time(o, t->not_after))
		return "a date outside the years 1950 to 9999";
	der_close(o, validity);
	out_bytes(o, t->subject, t->subject_len);
	out_bytes(o, t->spki, t->spki_len);
	put_extensions(o, t);
	der_close(o, tbs);
	return o->full ? "the certificate is too long" : NULL;
}

/* ---- what fits what -------------------------------------------------------- */

static const char *serial_fault(const uint8_t serial[SERIAL_LEN])
{
	static const uint8_t zeros[SERIAL_LEN];

	if (serial[0] & 0x80)
		return "the certificate's serial number is negative";
	if (!memcmp(serial, zeros, SERIAL_LEN))
		return "the certificate's serial number is zero";
	return NULL;
}

static const char *dates_fault(const struct x509_values *v,
			       const struct x509_issuer *issuer)
{
	if (v->not_before >= v->not_after)
		return "the certificate would end before it begins";
	if (v->not_before < issuer->not_before)
		return "the certificate would begin before its issuer's";
	if (v->not_after > issuer->not_after)
		return "the certificate would outlive its issuer's";
	return NULL;
}

/* bits_min: of an RSA modulus. */
static const char *key_fault(const struct x509_values *v, bool allow_ec,
			     unsigned bits_min, struct spki *ret)
{
	if (spki_parse(v->spki, v->spki_len, ret))
		return "the public key is neither RSA nor P-256";
	if (ret->kind == SPKI_P256 && !allow_ec)
		return "the profile allows no elliptic-curve key";
	if (ret->kind == SPKI_RSA && ret->bits < bits_min)
		return "the public key is shorter than the profile allows";
	return spki_fault(ret);
}

/* One certificate under an issuer: what devices and manufacturers have in common.
 * NULL, or what is wrong. */
static const char *build(struct tbs *t, const struct x509_profile *p,
			 const struct x509_values *v, const struct x509_issuer *issuer,
			 const uint8_t *subject, size_t subject_len, struct out *o)
{
	const char *why = serial_fault(v->cert_serial);

	if (!why)
		why = dates_fault(v, issuer);
	if (why)
		return why;
	t->algorithm = x509_algorithm_by_digest(p->digest, issuer->ec);
	if (!t->algorithm)
		return "the profile's digest is unknown";
	if (x509_keyid_of(v->spki, v->spki_len, t->keyid))
		return "the public key cannot be read";
	t->serial = v->cert_serial;
	t->issuer = issuer->subject;
	t->issuer_len = issuer->subject_len;
	t->not_before = v->not_before;
	t->not_after = v->not_after;
	t->subject = subject;
	t->subject_len = subject_len;
	t->spki = v->spki;
	t->spki_len = v->spki_len;
	t->authority = issuer->keyid;
	t->authority_len = issuer->keyid_len;
	return put_tbs(o, t);
}

/* At most so long once signed. */
static size_t signed_len(size_t tbs_len, const char *digest,
			 const struct x509_issuer *issuer)
{
	return tbs_len + x509_algorithm_by_digest(digest, issuer->ec)->der_len +
	       (size_t)EVP_PKEY_get_size(issuer->key) + CERT_OVERHEAD;
}

int x509_build_device(const struct x509_profile *p, const struct x509_values *v,
		      const struct x509_issuer *issuer, uint8_t *ret, size_t cap,
		      size_t *ret_len, const char **ret_why)
{
	uint8_t name_buf[X509_NAME_MAX];
	struct out name = out_of(name_buf, sizeof(name_buf));
	struct out o = out_of(ret, cap);
	struct spki key;
	bool has_mac;
	const char *why = key_fault(v, p->allow_ec, p->rsa_bits_min, &key);

	if (!why)
		why = put_name(&name, p->subject, p->n_subject, v, &has_mac);
	if (!why && !has_mac)
		why = "no CN of the profile's subject is the MAC address";
	if (!why) {
		struct tbs t = {
			.role = ROLE_DEVICE,
			.key_usage = p->key_usage,
			.ec = key.kind == SPKI_P256,
		};

		why = build(&t, p, v, issuer, name.buf, name.len, &o);
	}
	if (!why && p->size_max && signed_len(o.len, p->digest, issuer) > p->size_max)
		why = "the certificate is longer than the profile allows";
	if (why)
		return *ret_why = why, FC_EDENIED;
	*ret_len = o.len;
	return 0;
}

int x509_build_manufacturer(const struct x509_profile *p, const struct x509_values *v,
			    const struct x509_issuer *root, uint8_t *ret, size_t cap,
			    size_t *ret_len, const char **ret_why)
{
	uint8_t name_buf[X509_NAME_MAX];
	struct out name = out_of(name_buf, sizeof(name_buf));
	struct out o = out_of(ret, cap);
	struct tbs t = { .role = ROLE_MANUFACTURER };
	struct spki key;
	bool has_mac;
	const char *why = key_fault(v, true, p->manufacturer_bits, &key);

	if (!why && root->pathlen == 0)
		why = "the root's certificate allows no other CA below it (pathlen 0)";
	if (!why)
		why = put_name(&name, p->manufacturer, p->n_manufacturer, v, &has_mac);
	if (!why && name.len == root->subject_len &&
	    !memcmp(name.buf, root->subject, name.len))
		why = "the manufacturer's subject is the root's";
	if (!why)
		why = build(&t, p, v, root, name.buf, name.len, &o);
	if (why)
		return *ret_why = why, FC_EDENIED;
	*ret_len = o.len;
	return 0;
}

int x509_build_root(const struct x509_root_values *v, uint8_t *ret, size_t cap,
		    size_t *ret_len)
{
	const struct x509_rdn rdns[] = {
		{ "C", "%{country}" },
		{ "O", "%{organization}" },
		{ "OU", "%{class}" },
		{ "CN", "%{serial}" },
	};
	/* any text may stand for itself: placeholders are not looked for in it */
	const struct x509_values values = {
		.country = v->country,
		.organization = v->organization,
		.class_name = v->unit,
		.serial = v->common_name,
	};
	uint8_t name_buf[X509_NAME_MAX];
	struct out name = out_of(name_buf, sizeof(name_buf));
	struct out o = out_of(ret, cap);
	struct tbs t = {
		.role = ROLE_ROOT,
		.algorithm = x509_algorithm_by_digest("sha256", false),
		.serial = v->cert_serial,
		.not_before = v->not_before,
		.not_after = v->not_after,
		.spki = v->spki,
		.spki_len = v->spki_len,
	};
	bool has_mac;

	if (v->not_before >= v->not_after || serial_fault(v->cert_serial) ||
	    put_name(&name, rdns, sizeof(rdns) / sizeof(rdns[0]), &values, &has_mac) ||
	    x509_keyid_of(v->spki, v->spki_len, t.keyid))
		return FC_EDENIED;
	t.issuer = t.subject = name.buf;
	t.issuer_len = t.subject_len = name.len;
	t.authority = t.keyid;
	t.authority_len = sizeof(t.keyid);
	if (put_tbs(&o, &t))
		return FC_EDENIED;
	*ret_len = o.len;
	return 0;
}
