#include "crypto/x509cert.h"

#include <limits.h>
#include <string.h>
#include "base/cursor.h"
#include "base/errors.h"
#include "crypto/der.h"
#include "crypto/x509time.h"

/* Version 1 is left out in DER; 2 and 3 are written as 1 and 2. */
static unsigned take_version(struct cur *tbs)
{
	struct cur outer, version;

	if (cur_left(tbs) == 0 || tbs->buf[tbs->pos] != DER_CONTEXT_0_CONSTRUCTED)
		return 1;
	outer = der_take(tbs, DER_CONTEXT_0_CONSTRUCTED);
	version = der_take(&outer, DER_INTEGER);
	if (!cur_done(&outer) || version.len != 1 || version.buf[0] < 1 ||
	    version.buf[0] > 2) {
		tbs->dead = true;
		return 0;
	}
	return version.buf[0] + 1U;
}

/* Behind the key: unique identifiers since version 2, extensions since version 3. */
static void take_rest(struct cur *tbs, unsigned version)
{
	while (cur_left(tbs) > 0) {
		uint8_t tag = tbs->buf[tbs->pos];

		(void)der_take(tbs, tag);
		if (version < (tag == DER_CONTEXT_3_CONSTRUCTED ? 3 : 2))
			tbs->dead = true;
	}
}

/* Where serial number and key are: RFC 5280, 4.1. */
static int locate(struct x509_cert *c)
{
	struct cur whole = cur_of(c->der, c->der_len);
	struct cur cert = der_take(&whole, DER_SEQUENCE);
	struct cur tbs = der_take(&cert, DER_SEQUENCE);
	struct cur serial, spki;
	unsigned version = take_version(&tbs);

	serial = der_take(&tbs, DER_INTEGER);
	(void)der_take(&tbs, DER_SEQUENCE); /* signature */
	(void)der_take(&tbs, DER_SEQUENCE); /* issuer */
	(void)der_take(&tbs, DER_SEQUENCE); /* validity */
	(void)der_take(&tbs, DER_SEQUENCE); /* subject */
	spki = der_whole(&tbs, DER_SEQUENCE);
	take_rest(&tbs, version);
	if (tbs.dead)
		return FC_EBAD;
	c->serial = serial.buf;
	c->serial_len = serial.len;
	c->spki = spki.buf;
	c->spki_len = spki.len;
	return 0;
}

int x509_cert_open(const void *der, size_t len, struct x509_cert *ret)
{
	const uint8_t *p = der;

	*ret = (struct x509_cert){ .der = der, .der_len = len };
	if (len > LONG_MAX || !der_is_strict(der, len) || locate(ret))
		return FC_EBAD;
	ret->x = d2i_X509(NULL, &p, (long)len);
	if (!ret->x || p != ret->der + len ||
	    x509_time_of(X509_get0_notBefore(ret->x), &ret->not_before) ||
	    x509_time_of(X509_get0_notAfter(ret->x), &ret->not_after)) {
		x509_cert_close(ret);
		return FC_EBAD;
	}
	return 0;
}

void x509_cert_close(struct x509_cert *c)
{
	X509_free(c->x);
	c->x = NULL;
}

static void put_value(struct out *o, const ASN1_STRING *s)
{
	uint8_t *utf8 = NULL;
	int n = ASN1_STRING_to_UTF8(&utf8, s);

	for (int i = 0; i < n; i++) {
		uint8_t c = utf8[i];

		if (c < 0x20 || c == 0x7f) {
			out_str(o, "\\x");
			out_hex(o, &c, 1, false);
			continue;
		}
		if (c == ',' || c == '+' || c == '\\')
			out_u8(o, '\\');
		out_u8(o, c);
	}
	if (n < 0)
		out_u8(o, '?');
	OPENSSL_free(utf8);
}

void x509_name_text(const X509_NAME *n, struct out *o)
{
	int set = -1;

	for (int i = 0; i < X509_NAME_entry_count(n); i++) {
		const X509_NAME_ENTRY *e = X509_NAME_get_entry(n, i);
		const ASN1_OBJECT *type = X509_NAME_ENTRY_get_object(e);
		int nid = OBJ_obj2nid(type);
		char oid[80];

		if (i > 0)
			out_str(o, X509_NAME_ENTRY_set(e) == set ? "+" : ", ");
		set = X509_NAME_ENTRY_set(e);
		if (nid == NID_undef)
			(void)OBJ_obj2txt(oid, sizeof(oid), type, 1);
		out_str(o, nid == NID_undef ? oid : OBJ_nid2sn(nid));
		out_u8(o, '=');
		put_value(o, X509_NAME_ENTRY_get_data(e));
	}
}

/* Twelve digits alone are more likely a serial number, so colons it must have. */
static bool mac_of_entry(const X509_NAME_ENTRY *e, struct mac *ret)
{
	const ASN1_STRING *s = X509_NAME_ENTRY_get_data(e);
	const char *text = (const char *)ASN1_STRING_get0_data(s);
	int n = ASN1_STRING_length(s);

	return n == MAC_TEXT_SIZE - 1 && text[2] == ':' &&
	       mac_parse(text, (size_t)n, ret) == 0;
}

static const X509_NAME_ENTRY *next_cn(const X509_NAME *n, int *at)
{
	*at = X509_NAME_get_index_by_NID(n, NID_commonName, *at);
	return *at < 0 ? NULL : X509_NAME_get_entry(n, *at);
}

int x509_cert_macs(const struct x509_cert *c, struct mac *ret)
{
	const X509_NAME *n = X509_get_subject_name(c->x);
	const X509_NAME_ENTRY *e;
	int at = -1, found = 0;

	while ((e = next_cn(n, &at)))
		found += mac_of_entry(e, ret);
	return found;
}

bool x509_cert_is_for(const struct x509_cert *c, const struct mac *mac)
{
	const X509_NAME *n = X509_get_subject_name(c->x);
	const X509_NAME_ENTRY *e;
	bool found = false;
	struct mac other;
	int at = -1;

	while ((e = next_cn(n, &at))) {
		if (!mac_of_entry(e, &other))
			continue;
		if (!mac_equal(&other, mac))
			return false;
		found = true;
	}
	return found;
}
