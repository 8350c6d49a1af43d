#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <stdbool.h>
#include <cmocka.h>
#include "base/errors.h"
#include "wire/tftp.h"

/* A literal with its last NUL, and without it. */
#define WITH_NUL(s) s, sizeof(s)
#define BARE(s) s, sizeof(s) - 1

static int request(const char *p, size_t len, struct tftp_request *ret)
{
	memset(ret, 0xee, sizeof(*ret));
	return tftp_parse_request(p, len, ret);
}

static void opcodes(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 16; i++) {
		uint8_t p[2] = { 0, i };

		assert_int_equal(tftp_opcode(p, 2), i >= 1 && i <= 6 ? i : FC_EBAD);
	}
	assert_int_equal(tftp_opcode("\1\1", 2), FC_EBAD);
	assert_int_equal(tftp_opcode("\0", 1), FC_EBAD);
	assert_int_equal(tftp_opcode(NULL, 0), FC_EBAD);
}

static void a_plain_read_request(void **state)
{
	struct tftp_request r;

	(void)state;
	assert_int_equal(request(WITH_NUL("\0\1name.509\0octet"), &r), 0);
	assert_int_equal(r.opcode, TFTP_RRQ);
	assert_int_equal(r.name_len, 8);
	assert_memory_equal(r.name, "name.509", 8);
	assert_true(r.octet);
	assert_false(r.options.has_blksize || r.options.has_timeout ||
		     r.options.has_tsize || r.options.has_windowsize);
	assert_int_equal(request(WITH_NUL("\0\2n\0NetASCII"), &r), 0);
	assert_int_equal(r.opcode, TFTP_WRQ);
	assert_false(r.octet);
	assert_int_equal(request(WITH_NUL("\0\1n\0OcTeT"), &r), 0);
	assert_true(r.octet);
}

static void all_options_in_any_case(void **state)
{
	struct tftp_request r;

	(void)state;
	assert_int_equal(request(WITH_NUL("\0\1n\0octet\0BLKSIZE\0"
					  "1428\0tsize\0"
					  "0\0TimeOut\0"
					  "3\0windowsize\0"
					  "16"),
				 &r),
			 0);
	assert_true(r.options.has_blksize);
	assert_int_equal(r.options.blksize, 1428);
	assert_true(r.options.has_tsize);
	assert_true(r.options.tsize == 0);
	assert_true(r.options.has_timeout);
	assert_int_equal(r.options.timeout_s, 3);
	assert_true(r.options.has_windowsize);
	assert_int_equal(r.options.windowsize, 16);
}

/* One option and its value, in a request and in an OACK; what becomes of it. */
static int with_option(const char *name, const char *value, struct tftp_options *ret)
{
	uint8_t buf[TFTP_REQUEST_MAX];
	struct out o = out_of(buf, sizeof(buf));
	struct tftp_request r;
	struct tftp_options strict;

	out_bytes(&o, "\0\1n\0octet", 10);
	out_bytes(&o, name, strlen(name) + 1);
	out_bytes(&o, value, strlen(value) + 1);
	assert_false(o.full);
	assert_int_equal(tftp_parse_request(buf, o.len, &r), 0);
	*ret = r.options;

	o = out_of(buf, sizeof(buf));
	out_u16(&o, TFTP_OACK);
	out_bytes(&o, name, strlen(name) + 1);
	out_bytes(&o, value, strlen(value) + 1);
	return tftp_parse_oack(buf, o.len, &strict);
}

/* S1: what RFC 2348, 2349 and 7440 allow, at their limits.  What they do not
 * counts as not given in a request, and makes an OACK malformed. */
static void ranges_of_options(void **state)
{
	static const struct {
		const char *name, *value;
		bool good;
	} cases[] = {
		{ "blksize", "7", false },
		{ "blksize", "8", true },
		{ "blksize", "65464", true },
		{ "blksize", "65465", false },
		{ "blksize", "65544", false },
		{ "blksize", "4294967304", false },
		{ "timeout", "0", false },
		{ "timeout", "1", true },
		{ "timeout", "255", true },
		{ "timeout", "256", false },
		{ "timeout", "257", false },
		{ "windowsize", "0", false },
		{ "windowsize", "1", true },
		{ "windowsize", "65535", true },
		{ "windowsize", "65536", false },
		{ "windowsize", "65537", false },
		{ "tsize", "0", true },
		{ "tsize", "18446744073709551615", true },
		{ "tsize", "18446744073709551616", false },
		{ "tsize", "99999999999999999999", false },
		{ "tsize", "184467440737095516160", false },
		{ "tsize", "", false },
		{ "tsize", "-1", false },
		{ "tsize", "+1", false },
		{ "tsize", " 1", false },
		{ "tsize", "1 ", false },
		{ "tsize", "0x10", false },
		{ "tsize", "1e3", false },
		{ "blksize", "0000512", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tftp_options o;
		int rc = with_option(cases[i].name, cases[i].value, &o);

		assert_int_equal(rc, cases[i].good ? 0 : FC_EBAD);
		assert_int_equal(o.has_blksize + o.has_timeout + o.has_tsize +
					 o.has_windowsize,
				 cases[i].good);
	}
}

static void an_unknown_option_is_skipped_or_refused(void **state)
{
	struct tftp_options o;
	struct tftp_request r;

	(void)state;
	assert_int_equal(with_option("blksize2", "512", &o), FC_EUNKNOWN);
	assert_int_equal(with_option("blksiz", "512", &o), FC_EUNKNOWN);
	assert_int_equal(with_option("", "512", &o), FC_EUNKNOWN);
	assert_int_equal(request(WITH_NUL("\0\1n\0octet\0multicast\0\0blksize\0"
					  "1024"),
				 &r),
			 0);
	assert_int_equal(r.options.blksize, 1024);
}

static void an_option_given_twice(void **state)
{
	struct tftp_request r;
	struct tftp_options o;

	(void)state;
	assert_int_equal(request(WITH_NUL("\0\1n\0octet\0blksize\0"
					  "600\0BlkSize\0"
					  "700"),
				 &r),
			 0);
	assert_int_equal(r.options.blksize, 600);
	assert_int_equal(request(WITH_NUL("\0\1n\0octet\0blksize\0"
					  "1\0blksize\0"
					  "700"),
				 &r),
			 0);
	assert_false(r.options.has_blksize);
	assert_int_equal(tftp_parse_oack(WITH_NUL("\0\6tsize\0"
						  "9\0tsize\0"
						  "9"),
					 &o),
			 FC_EBAD);
}

static void malformed_requests(void **state)
{
	struct tftp_request r;
	static const struct {
		const char *p;
		size_t len;
	} bad[] = {
		{ BARE("\0\1name\0octet") }, /* no final NUL */
		{ BARE("\0\1name") },
		{ BARE("\0\1") },
		{ BARE("\0") },
		{ BARE("") },
		{ BARE("\0\1name\0") },      /* no mode */
		{ WITH_NUL("\0\1\0octet") }, /* no name */
		{ WITH_NUL("\0\3name\0octet") },
		{ WITH_NUL("\1\1name\0octet") },
		{ WITH_NUL("\0\1n\0octet\0blksize") }, /* no value */
		{ BARE("\0\1n\0octet\0blksize\0"
		       "512") },
		{ BARE("\0\1n\0octet\0x") },
		{ BARE("\0\1n\0octet\0\0") }, /* an empty name, no value */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(request(bad[i].p, bad[i].len, &r), FC_EBAD);
	memset(&r, 0x11, sizeof(r));
	(void)tftp_parse_request(BARE("\0\1name"), &r);
	assert_int_equal(r.name_len, 0x1111111111111111); /* untouched */
}

static void modes_that_are_none(void **state)
{
	struct tftp_request r;

	(void)state;
	assert_int_equal(request(WITH_NUL("\0\1n\0MAIL"), &r), FC_EUNKNOWN);
	assert_int_equal(request(WITH_NUL("\0\1n\0"), &r), FC_EUNKNOWN);
	assert_int_equal(request(WITH_NUL("\0\1n\0octe"), &r), FC_EUNKNOWN);
	assert_int_equal(request(WITH_NUL("\0\1n\0octets"), &r), FC_EUNKNOWN);
	assert_int_equal(request(WITH_NUL("\0\1n\0 octet"), &r), FC_EUNKNOWN);
}

static void a_request_has_at_most_512_bytes(void **state)
{
	char buf[TFTP_REQUEST_MAX + 1];
	struct tftp_request r;
	size_t tail = sizeof("\0octet");

	(void)state;
	for (size_t len = TFTP_REQUEST_MAX; len <= TFTP_REQUEST_MAX + 1; len++) {
		memset(buf, 'a', sizeof(buf));
		buf[0] = 0;
		buf[1] = 1;
		memcpy(buf + len - tail, "\0octet", tail);
		assert_int_equal(request(buf, len, &r),
				 len == TFTP_REQUEST_MAX ? 0 : FC_EFULL);
	}
	assert_int_equal(r.name_len, 0xeeeeeeeeeeeeeeee);
}

static void acknowledgements_have_four_bytes(void **state)
{
	uint16_t block = 7;

	(void)state;
	assert_int_equal(tftp_parse_ack("\0\4\x12\x34", 4, &block), 0);
	assert_int_equal(block, 0x1234);
	assert_int_equal(tftp_parse_ack("\0\4\x1", 3, &block), FC_EBAD);
	assert_int_equal(tftp_parse_ack("\0\4\x1\x2\x3", 5, &block), FC_EBAD);
	assert_int_equal(tftp_parse_ack("\0\3\x1\x2", 4, &block), FC_EBAD);
	assert_int_equal(block, 0x1234);
}

static void data_with_and_without_bytes(void **state)
{
	uint16_t block = 7;
	struct cur payload;

	(void)state;
	assert_int_equal(tftp_parse_data("\0\3\xff\xfe"
					 "abc",
					 7, &block, &payload),
			 0);
	assert_int_equal(block, 0xfffe);
	assert_int_equal(payload.len, 3);
	assert_memory_equal(payload.buf, "abc", 3);
	assert_int_equal(tftp_parse_data("\0\3\0\1", 4, &block, &payload), 0);
	assert_int_equal(payload.len, 0);
	assert_true(cur_done(&payload));
	assert_int_equal(tftp_parse_data("\0\3\0", 3, &block, &payload), FC_EBAD);
	assert_int_equal(tftp_parse_data("\0\4\0\1", 4, &block, &payload), FC_EBAD);
	assert_int_equal(block, 1);
}

static void errors_may_lack_their_nul(void **state)
{
	char flood[300] = { 0, 5, 0, 2 };
	uint16_t code = 7;
	struct cur text;

	(void)state;
	assert_int_equal(tftp_parse_error(WITH_NUL("\0\5\0\1gone"), &code, &text), 0);
	assert_int_equal(code, TFTP_ENOTFOUND);
	assert_int_equal(text.len, 4);
	assert_memory_equal(text.buf, "gone", 4);
	assert_int_equal(tftp_parse_error(BARE("\0\5\0\1gone"), &code, &text), 0);
	assert_int_equal(text.len, 4);
	assert_int_equal(tftp_parse_error("\0\5\0\1gone on", 8, &code, &text), 0);
	assert_int_equal(text.len, 4);
	assert_int_equal(tftp_parse_error("\0\5\0\2", 4, &code, &text), 0);
	assert_int_equal(text.len, 0);
	assert_int_equal(tftp_parse_error("\0\5\0", 3, &code, &text), FC_EBAD);
	assert_int_equal(tftp_parse_error("\0\4\0\1", 4, &code, &text), FC_EBAD);
	assert_int_equal(code, TFTP_EACCESS);
	memset(flood + 4, 'x', sizeof(flood) - 4);
	assert_int_equal(tftp_parse_error(flood, sizeof(flood), &code, &text), 0);
	assert_int_equal(text.len, TFTP_MESSAGE_MAX);
}

static void malformed_option_acknowledgements(void **state)
{
	struct tftp_options o = { .blksize = 77 };

	(void)state;
	assert_int_equal(tftp_parse_oack(BARE("\0\6blksize\0"
					      "512"),
					 &o),
			 FC_EBAD);
	assert_int_equal(tftp_parse_oack(WITH_NUL("\0\6blksize"), &o), FC_EBAD);
	assert_int_equal(tftp_parse_oack(WITH_NUL("\0\4blksize\0"
						  "512"),
					 &o),
			 FC_EBAD);
	assert_int_equal(tftp_parse_oack("\0", 1, &o), FC_EBAD);
	assert_int_equal(o.blksize, 77);
	assert_int_equal(tftp_parse_oack(WITH_NUL("\0\6blksize\0"
						  "512"),
					 &o),
			 0);
	assert_int_equal(o.blksize, 512);
}

static void what_is_built_is_what_the_rfc_says(void **state)
{
	const struct tftp_options options = {
		.has_blksize = true, .blksize = 1428, .has_tsize = true, .tsize = 0
	};
	uint8_t buf[600];
	struct out o = out_of(buf, sizeof(buf));

	(void)state;
	tftp_build_request(&o, TFTP_RRQ, "a.509", &options);
	assert_int_equal(o.len, sizeof("\0\1a.509\0octet\0blksize\0"
				       "1428\0tsize\0"
				       "0"));
	assert_memory_equal(buf,
			    "\0\1a.509\0octet\0blksize\0"
			    "1428\0tsize\0"
			    "0",
			    o.len);

	o = out_of(buf, sizeof(buf));
	tftp_build_data(&o, 0x0102, "xyz", 3);
	assert_int_equal(o.len, 7);
	assert_memory_equal(buf, "\0\3\1\2xyz", 7);

	o = out_of(buf, sizeof(buf));
	tftp_build_data(&o, 1, NULL, 0);
	assert_int_equal(o.len, 4);

	o = out_of(buf, sizeof(buf));
	tftp_build_ack(&o, 0xfffe);
	assert_int_equal(o.len, 4);
	assert_memory_equal(buf, "\0\4\xff\xfe", 4);

	o = out_of(buf, sizeof(buf));
	tftp_build_error(&o, TFTP_EACCESS, "Authentication_Failed");
	assert_int_equal(o.len, 4 + sizeof("Authentication_Failed"));
	assert_memory_equal(buf,
			    "\0\5\0\2"
			    "Authentication_Failed",
			    o.len);

	o = out_of(buf, sizeof(buf));
	tftp_build_oack(&o, &options);
	assert_int_equal(o.len, sizeof("\0\6blksize\0"
				       "1428\0tsize\0"
				       "0"));
	assert_memory_equal(buf,
			    "\0\6blksize\0"
			    "1428\0tsize\0"
			    "0",
			    o.len);

	o = out_of(buf, 6);
	tftp_build_oack(&o, &options);
	assert_true(o.full);
}

static void options_survive_a_round_trip(void **state)
{
	const struct tftp_options all = { .has_blksize = true,
					  .has_timeout = true,
					  .has_tsize = true,
					  .has_windowsize = true,
					  .blksize = TFTP_BLKSIZE_MAX,
					  .timeout_s = TFTP_TIMEOUT_MAX_S,
					  .tsize = UINT64_MAX,
					  .windowsize = TFTP_WINDOW_MAX };
	struct tftp_options got;
	struct tftp_request r;
	uint8_t buf[600];
	struct out o = out_of(buf, sizeof(buf));

	(void)state;
	tftp_build_oack(&o, &all);
	assert_int_equal(tftp_parse_oack(buf, o.len, &got), 0);
	assert_memory_equal(&got, &all, sizeof(all));
	o = out_of(buf, sizeof(buf));
	tftp_build_request(&o, TFTP_WRQ, "n", &all);
	assert_int_equal(tftp_parse_request(buf, o.len, &r), 0);
	assert_int_equal(r.opcode, TFTP_WRQ);
	assert_memory_equal(&r.options, &all, sizeof(all));
}

static void a_long_message_is_cut(void **state)
{
	char text[400];
	uint8_t buf[600];
	struct out o = out_of(buf, sizeof(buf));

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	tftp_build_error(&o, TFTP_EUNDEF, text);
	assert_int_equal(o.len, 4 + TFTP_MESSAGE_MAX + 1);
	assert_int_equal(buf[o.len - 1], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opcodes),
		cmocka_unit_test(a_plain_read_request),
		cmocka_unit_test(all_options_in_any_case),
		cmocka_unit_test(ranges_of_options),
		cmocka_unit_test(an_unknown_option_is_skipped_or_refused),
		cmocka_unit_test(an_option_given_twice),
		cmocka_unit_test(malformed_requests),
		cmocka_unit_test(modes_that_are_none),
		cmocka_unit_test(a_request_has_at_most_512_bytes),
		cmocka_unit_test(acknowledgements_have_four_bytes),
		cmocka_unit_test(data_with_and_without_bytes),
		cmocka_unit_test(errors_may_lack_their_nul),
		cmocka_unit_test(malformed_option_acknowledgements),
		cmocka_unit_test(what_is_built_is_what_the_rfc_says),
		cmocka_unit_test(options_survive_a_round_trip),
		cmocka_unit_test(a_long_message_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
