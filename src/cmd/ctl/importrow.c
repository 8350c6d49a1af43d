#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/errors.h"
#include "base/escape.h"
#include "base/hex.h"
#include "cmd/ctl/importrow.h"
#include "crypto/x509check.h"

enum { SHOWN_MAX = 40, SHOWN_SIZE = 4 * SHOWN_MAX + 8 };

static const char *const column_names[] = {
	[COLUMN_MAC] = "mac",   [COLUMN_SERIAL] = "serial",  [COLUMN_CLASS] = "class",
	[COLUMN_TYPE] = "type", [COLUMN_KEY] = "public key",
};
static_assert(sizeof(column_names) / sizeof(column_names[0]) == COLUMN_COUNT,
	      "every column has its name");

const char *column_name_of(enum column c)
{
	return column_names[c];
}

int import_refuse(struct import_fault *ret, const char *column, const char *fmt, ...)
{
	va_list ap;

	ret->column = column;
	va_start(ap, fmt);
	(void)vsnprintf(ret->text, sizeof(ret->text), fmt, ap);
	va_end(ap);
	return FC_EBAD;
}

static const char *shown(const struct csv_field *f, char ret[SHOWN_SIZE])
{
	struct out o = out_of(ret, SHOWN_SIZE);

	escape_log(&o, f->p, f->len, SHOWN_MAX);
	return out_cstr(&o) ? ret : "";
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct csv_field trimmed(struct csv_field f)
{
	while (f.len > 0 && is_blank(f.p[0]))
		f.p++, f.len--;
	while (f.len > 0 && is_blank(f.p[f.len - 1]))
		f.len--;
	return f;
}

/* ---- the header ----------------------------------------------------------------- */

/* Letters alone and small: "Serial Number" and "serial_number" are one name. */
static void plain(const struct csv_field *f, char *ret, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < f->len && n + 1 < size; i++) {
		char c = f->p[i];
		if (c == ' ' || c == '-' || c == '_')
			continue;
		ret[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	ret[n] = '\0';
}

static int column_by_name(const struct csv_field *f)
{
	static const struct {
		const char *name;
		enum column column;
	} known[] = {
		{ "mac", COLUMN_MAC },       { "macaddress", COLUMN_MAC },
		{ "serial", COLUMN_SERIAL }, { "serialnumber", COLUMN_SERIAL },
		{ "class", COLUMN_CLASS },   { "type", COLUMN_TYPE },
		{ "publickey", COLUMN_KEY }, { "key", COLUMN_KEY },
	};
	char name[24];

	plain(f, name, sizeof(name));
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].name, name) == 0)
			return (int)known[i].column;
	}
	return -1;
}

int columns_read(const struct csv_row *header, struct columns *ret,
		 struct import_fault *ret_fault)
{
	struct columns c = { .n = header->n };
	char text[SHOWN_SIZE];
	struct mac mac;

	for (int i = 0; i < COLUMN_COUNT; i++)
		c.at[i] = -1;
	for (size_t i = 0; i < header->n; i++) {
		struct csv_field f = trimmed(header->fields[i]);
		int at = column_by_name(&f);

		if (at < 0 && mac_parse(f.p, f.len, &mac) == 0)
			return import_refuse(
				ret_fault, NULL,
				"the first line must name the columns, like "
				"mac,serial,class,type,public key");
		if (at < 0)
			return import_refuse(
				ret_fault, NULL,
				"\"%s\" is no column; there are mac, serial, class, "
				"type and public key",
				shown(&f, text));
		if (c.at[at] >= 0)
			return import_refuse(ret_fault, NULL,
					     "the column %s is there twice",
					     column_names[at]);
		c.at[at] = (int)i;
	}
	if (c.at[COLUMN_MAC] < 0)
		return import_refuse(
			ret_fault, NULL,
			"no column is named mac; the first line must name the "
			"columns");
	*ret = c;
	return 0;
}

/* ---- a row ------------------------------------------------------------------------
 */

static struct csv_field field_of(const struct columns *c, const struct csv_row *row,
				 enum column column)
{
	if (c->at[column] < 0)
		return (struct csv_field){ 0 };
	return trimmed(row->fields[c->at[column]]);
}

static int read_mac(const struct csv_field *f, struct mac *ret,
		    struct import_fault *why)
{
	char text[SHOWN_SIZE];
	struct mac mac;

	if (f->len == 0)
		return import_refuse(
			why, column_names[COLUMN_MAC],
			"is empty; a MAC address is written like 00:10:4B:AB:CD:EF");
	if (mac_parse(f->p, f->len, &mac) < 0)
		return import_refuse(why, column_names[COLUMN_MAC],
				     "\"%s\" is not a MAC address; write it like "
				     "00:10:4B:AB:CD:EF",
				     shown(f, text));
	if (!mac_is_device(&mac))
		return import_refuse(
			why, column_names[COLUMN_MAC],
			"%s is a multicast address or all zero; a device has neither",
			shown(f, text));
	*ret = mac;
	return 0;
}

static int check_serial(const struct csv_field *f, struct import_fault *why)
{
	char text[SHOWN_SIZE];

	if (f->len > IPC_SERIAL_MAX)
		return import_refuse(why, column_names[COLUMN_SERIAL],
				     "has %zu characters; %d are the most", f->len,
				     IPC_SERIAL_MAX);
	for (size_t i = 0; i < f->len; i++) {
		if (f->p[i] < 0x20 || f->p[i] > 0x7e)
			return import_refuse(
				why, column_names[COLUMN_SERIAL],
				"\"%s\" has a character that is not printable "
				"ASCII",
				shown(f, text));
	}
	return 0;
}

static int check_type(const struct csv_field *f, struct import_fault *why)
{
	char text[SHOWN_SIZE];

	if (f->len == 0 || f->len == 2)
		return 0;
	return import_refuse(why, column_names[COLUMN_TYPE],
			     "\"%s\" is no type; one has two letters, CM for instance",
			     shown(f, text));
}

static int check_class(const struct csv_field *f, struct import_fault *why)
{
	if (f->len <= IPC_NAME_MAX)
		return 0;
	return import_refuse(why, column_names[COLUMN_CLASS],
			     "has %zu characters; %d are the most", f->len,
			     IPC_NAME_MAX);
}

/* As SNMP tools print octets: "30 81 89 …", "0x308189…", "30:81:89:…". 0: it is
 * none of these, and will be PEM or base64. */
static size_t from_hex(const struct csv_field *f, uint8_t *ret, size_t cap)
{
	size_t digits = 0,
	       i = f->len > 2 && f->p[0] == '0' && (f->p[1] | 32) == 'x' ? 2 : 0;
	int high = 0;

	for (; i < f->len; i++) {
		int v = hex_digit((uint8_t)f->p[i]);

		if (f->p[i] == ' ' || f->p[i] == ':')
			continue;
		if (v < 0 || digits / 2 == cap)
			return 0;
		if (digits % 2 == 1)
			ret[digits / 2] = (uint8_t)(high << 4 | v);
		high = v;
		digits++;
	}
	/* 0x30 begins every key in DER; in base64 it would be M */
	return digits >= 2 && digits % 2 == 0 && ret[0] == 0x30 ? digits / 2 : 0;
}

static int read_key(const struct csv_field *f, struct import_row *ret,
		    struct import_fault *why)
{
	const char *what = "cannot be read";
	uint8_t der[IPC_SPKI_MAX];
	size_t len;
	int rc;

	if (f->len == 0)
		return 0;
	len = from_hex(f, der, sizeof(der));
	rc = public_key_parse(len > 0 ? (const void *)der : f->p,
			      len > 0 ? len : f->len, ret->spki, sizeof(ret->spki),
			      &ret->spki_len, &what);
	if (rc == 0)
		return 0;
	return import_refuse(
		why, column_names[COLUMN_KEY],
		"%s; wanted is a key in base64, hexadecimal or PEM, RSA of 1024 to "
		"4096 bits or P-256",
		what);
}

int import_row_read(const struct columns *columns, const struct csv_row *row,
		    struct import_row *ret, struct import_fault *ret_fault)
{
	struct csv_field mac, key;

	if (row->n != columns->n)
		return import_refuse(ret_fault, NULL,
				     "has %zu fields; the first line names %zu", row->n,
				     columns->n);
	ret->spki_len = 0;
	mac = field_of(columns, row, COLUMN_MAC);
	key = field_of(columns, row, COLUMN_KEY);
	ret->serial = field_of(columns, row, COLUMN_SERIAL);
	ret->class_name = field_of(columns, row, COLUMN_CLASS);
	ret->type = field_of(columns, row, COLUMN_TYPE);
	if (read_mac(&mac, &ret->mac, ret_fault) < 0 ||
	    check_serial(&ret->serial, ret_fault) < 0 ||
	    check_class(&ret->class_name, ret_fault) < 0 ||
	    check_type(&ret->type, ret_fault) < 0 || read_key(&key, ret, ret_fault) < 0)
		return FC_EBAD;
	return 0;
}
