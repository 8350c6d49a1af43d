#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/errors.h"
#include "base/hex.h"
#include "cmd/ctl/importrow.h"
#include "crypto/x509issue.h"

static struct csv_row row;
static struct columns columns;
static struct import_fault fault;
static struct import_row device;

static void read_row(const char *text)
{
	struct csv c;

	csv_init(&c, text, strlen(text));
	assert_int_equal(csv_next(&c, &row), 1);
}

static int header(const char *text)
{
	memset(&fault, 0, sizeof(fault));
	read_row(text);
	return columns_read(&row, &columns, &fault);
}

static int take(const char *text)
{
	memset(&fault, 0, sizeof(fault));
	read_row(text);
	return import_row_read(&columns, &row, &device, &fault);
}

static void assert_field(const struct csv_field *f, const char *want)
{
	assert_int_equal(f->len, strlen(want));
	assert_memory_equal(f->p, want, strlen(want));
}

static void columns_stand_in_any_order_and_spelling(void **state)
{
	(void)state;
	assert_int_equal(header("Public Key, SERIAL-number ,type,MAC_address,Class"),
			 0);
	assert_int_equal(columns.n, 5);
	assert_int_equal(columns.at[COLUMN_KEY], 0);
	assert_int_equal(columns.at[COLUMN_SERIAL], 1);
	assert_int_equal(columns.at[COLUMN_TYPE], 2);
	assert_int_equal(columns.at[COLUMN_MAC], 3);
	assert_int_equal(columns.at[COLUMN_CLASS], 4);
	assert_int_equal(header("mac"), 0);
	assert_int_equal(columns.at[COLUMN_SERIAL], -1);
}

static void a_wrong_header_says_what_would_be_right(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "mac,colour",
		  "\"colour\" is no column; there are mac, serial, class" },
		{ "mac,serial,MAC", "mac is there twice" },
		{ "serial,class", "no column is named mac" },
		{ "00:10:4B:AB:CD:EF,J09H7CDEF",
		  "the first line must name the columns" },
		{ "mac,", "\"\" is no column" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(header(cases[i].text), FC_EBAD);
		assert_non_null(strstr(fault.text, cases[i].why));
	}
}

static void a_row_is_taken_with_blanks_trimmed(void **state)
{
	static const struct mac modem = { { 0x00, 0x10, 0x4b, 0xab, 0xcd, 0xef } };

	(void)state;
	assert_int_equal(header("serial,mac,type,class"), 0);
	assert_int_equal(take(" J09 H7 , \t0010.4bab.cdef ,cm,\"a,b\""), 0);
	assert_true(mac_equal(&device.mac, &modem));
	assert_field(&device.serial, "J09 H7");
	assert_field(&device.type, "cm");
	assert_field(&device.class_name, "a,b");
	assert_int_equal(device.spki_len, 0);
	assert_int_equal(take(",00-10-4b-ab-cd-ef,,"), 0);
	assert_int_equal(device.serial.len + device.type.len + device.class_name.len,
			 0);
}

static void assert_bad(const char *text, const char *column, const char *why)
{
	assert_int_equal(take(text), FC_EBAD);
	if (column)
		assert_string_equal(fault.column, column);
	else
		assert_null(fault.column);
	assert_non_null(strstr(fault.text, why));
}

static void a_bad_row_names_its_column(void **state)
{
	char text[128] = "00:10:4B:AB:CD:EF,", longer[96];

	(void)state;
	assert_int_equal(header("mac,serial,class,type"), 0);
	assert_bad("x,y,,", "mac", "\"x\" is not a MAC address");
	assert_bad(",y,,", "mac", "is empty");
	assert_bad("01:00:5E:00:00:01,y,,", "mac", "multicast");
	assert_bad("00:00:00:00:00:00,y,,", "mac", "multicast");
	assert_bad("00:10:4B:AB:CD:EF,y", NULL, "has 2 fields; the first line names 4");
	assert_bad("00:10:4B:AB:CD:EF,y,,,", NULL, "has 5 fields");
	assert_bad("00:10:4B:AB:CD:EF,a\x1b[31m,,", "serial", "\\x1b[31m");
	assert_bad("00:10:4B:AB:CD:EF,y,,CMX", "type", "\"CMX\" is no type");
	assert_bad("00:10:4B:AB:CD:EF,y,,C", "type", "\"C\" is no type");

	memset(longer, 's', 65);
	(void)snprintf(longer + 65, 8, ",,");
	(void)snprintf(text + 18, sizeof(text) - 18, "%s", longer);
	assert_bad(text, "serial", "has 65 characters; 64 are the most");
	(void)snprintf(text + 18, sizeof(text) - 18, "%s", longer + 1);
	assert_int_equal(take(text), 0);
	(void)snprintf(text + 18, sizeof(text) - 18, "s,%.64s,", longer);
	assert_bad(text, "class", "has 64 characters; 63 are the most");
}

static void base64_of(const uint8_t *p, size_t len, char *ret)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16;

		if (i + 1 < len)
			v |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < len)
			v |= p[i + 2];
		for (int k = 0; k < 4; k++)
			*ret++ = digits[v >> (18 - 6 * k) & 63];
		if (i + 2 >= len)
			ret[-1] = '=';
		if (i + 1 >= len)
			ret[-2] = '=';
	}
	*ret = '\0';
}

static void assert_key(const char *field, const uint8_t *spki, size_t len)
{
	char text[4096];

	(void)snprintf(text, sizeof(text), "%s,00:10:4B:AB:CD:EF", field);
	if (take(text) != 0)
		fail_msg("%s: %s", field, fault.text);
	assert_int_equal(device.spki_len, len);
	assert_memory_equal(device.spki, spki, len);
}

/* As registries, SNMP tools and OpenSSL write them. */
static void a_public_key_is_base64_hexadecimal_or_PEM(void **state)
{
	uint8_t pkcs8[3072], spki[1024];
	size_t pkcs8_len, len;
	char hex[2049], base64[1400], text[4096];
	struct out o = out_of(text, sizeof(text));

	(void)state;
	assert_int_equal(keygen(1024, pkcs8, sizeof(pkcs8), &pkcs8_len, spki,
				sizeof(spki), &len),
			 0);
	assert_int_equal(header("key,mac"), 0);
	base64_of(spki, len, base64);
	hex_encode(spki, len, hex);
	assert_key(base64, spki, len);
	assert_key(hex, spki, len);
	(void)snprintf(text, sizeof(text), "0x%s", hex);
	assert_key(text, spki, len);

	for (size_t i = 0; i < len; i++) {
		if (i > 0)
			out_str(&o, ":");
		out_hex(&o, spki + i, 1, true);
	}
	assert_key(out_cstr(&o), spki, len);
	(void)snprintf(
		text, sizeof(text),
		"\"-----BEGIN PUBLIC KEY-----\r\n%s\r\n-----END PUBLIC KEY-----\"",
		base64);
	assert_key(text, spki, len);

	base64[40] = base64[40] == 'A' ? 'B' : 'A';
	base64[20] = '!';
	(void)snprintf(text, sizeof(text), "%s,00:10:4B:AB:CD:EF", base64);
	assert_bad(text, "public key", "wanted is a key in base64, hexadecimal or PEM");
	hex[strlen(hex) - 2] = '\0'; /* cut short */
	(void)snprintf(text, sizeof(text), "%s,00:10:4B:AB:CD:EF", hex);
	assert_int_equal(take(text), FC_EBAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_stand_in_any_order_and_spelling),
		cmocka_unit_test(a_wrong_header_says_what_would_be_right),
		cmocka_unit_test(a_row_is_taken_with_blanks_trimmed),
		cmocka_unit_test(a_bad_row_names_its_column),
		cmocka_unit_test(a_public_key_is_base64_hexadecimal_or_PEM),
	};

	return cmocka_run_group_tests_name("ctl_import", tests, NULL, NULL);
}
