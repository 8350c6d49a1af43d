#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>
#include <cmocka.h>
#include "base/crc32.h"
#include "base/errors.h"
#include "wire/certfile.h"

/* A file under construction. */
static uint8_t file[CERTFILE_MAX + 64];
static struct out o;

static int start(void **state)
{
	(void)state;
	memset(file, 0, sizeof(file));
	o = out_of(file, sizeof(file));
	return 0;
}

/* An object as it is, of any type, with a CRC that is right or wrong by this
 * much. */
static size_t put_raw(uint16_t type, size_t len, uint32_t crc_fault)
{
	size_t at = o.len;

	out_u16(&o, type);
	out_u16(&o, (uint16_t)len);
	for (size_t i = 0; i < len; i++)
		out_u8(&o, (uint8_t)(type + i));
	out_u32(&o, crc32_of(file + at, o.len - at) ^ crc_fault);
	return at;
}

/* The verdict over the whole file; what a refusal points at. */
static struct certfile_fault fault;

static enum device_error verdict_of(const uint8_t *p, size_t len)
{
	struct certfile got, before;
	enum device_error error;

	memset(&got, 0xee, sizeof(got));
	memcpy(&before, &got, sizeof(got));
	memset(&fault, 0xee, sizeof(fault));
	error = certfile_parse(p, len, &got, &fault);
	if (error != DEVICE_OK) {
		assert_memory_equal(&got, &before, sizeof(got));
		assert_true(fault.offset <= len);
		assert_non_null(fault.what);
	}
	assert_int_equal(certfile_parse(p, len, &got, NULL), error);
	return error;
}

static enum device_error verdict(void)
{
	assert_false(o.full);
	return verdict_of(file, o.len);
}

static void F1_layout_of_an_object(void **state)
{
	static const uint8_t want[] = { 0x00, 0x02, 0x00, 0x03, 'a', 'b',
					'c',  0x08, 0x74, 0x49, 0x4b };

	(void)state;
	certfile_put(&o, CERTFILE_DEVICE, "abc", 3);
	assert_int_equal(o.len, sizeof(want));
	assert_memory_equal(file, want, sizeof(want));
	assert_int_equal(sizeof(want), 3 + CERTFILE_OVERHEAD);
}

static void all_four_objects_in_any_order(void **state)
{
	struct certfile f;

	(void)state;
	certfile_put(&o, CERTFILE_LINK, "link", 4);
	certfile_put(&o, CERTFILE_KEY, "key", 3);
	certfile_put(&o, CERTFILE_DEVICE, "device", 6);
	certfile_put(&o, CERTFILE_MANUFACTURER, "", 0);
	assert_int_equal(certfile_parse(file, o.len, &f, NULL), DEVICE_OK);
	assert_true(f.link.present && f.key.present && f.device.present);
	assert_true(f.manufacturer.present);
	assert_int_equal(f.manufacturer.len, 0);
	assert_int_equal(f.link.len, 4);
	assert_memory_equal(f.link.value, "link", 4);
	assert_memory_equal(f.key.value, "key", 3);
	assert_int_equal(f.device.len, 6);
	assert_memory_equal(f.device.value, "device", 6);
	assert_true(f.device.value == file + 12 + 11 + 4); /* in place */
}

static void a_device_certificate_alone_is_enough(void **state)
{
	struct certfile f;

	(void)state;
	certfile_put(&o, CERTFILE_DEVICE, "x", 1);
	assert_int_equal(certfile_parse(file, o.len, &f, NULL), DEVICE_OK);
	assert_false(f.manufacturer.present || f.key.present || f.link.present);
}

static void error_07_no_device_certificate(void **state)
{
	(void)state;
	assert_int_equal(verdict_of(NULL, 0), DEVICE_ENO_CERT);
	put_raw(CERTFILE_MANUFACTURER, 5, 0);
	put_raw(CERTFILE_KEY, 50, 0);
	put_raw(CERTFILE_LINK, 5, 0);
	assert_int_equal(verdict(), DEVICE_ENO_CERT);
}

/* F2, and section 6: 08 is judged before 07. */
static void F2_error_08_unknown_type(void **state)
{
	static const uint16_t types[] = { 0, 4, 5, 0x0100, 0x0200, 0x7fff };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		start(state);
		put_raw(types[i], 3, 0);
		assert_int_equal(verdict(), DEVICE_EUNKNOWN_TYPE);
		assert_int_equal(fault.type, types[i]);
		put_raw(CERTFILE_DEVICE, 3, 0);
		assert_int_equal(verdict(), DEVICE_EUNKNOWN_TYPE);
		assert_int_equal(fault.offset, 0);
	}
}

static void F2_types_with_the_top_bit_are_skipped(void **state)
{
	struct certfile f;

	(void)state;
	put_raw(0x8000, 9, 0);
	put_raw(0x8002, 0, 0);
	put_raw(CERTFILE_DEVICE, 3, 0);
	put_raw(0xffff, 100, 0);
	assert_int_equal(certfile_parse(file, o.len, &f, NULL), DEVICE_OK);
	assert_true(f.device.present);
	assert_false(f.link.present || f.manufacturer.present || f.key.present);
}

static void F3_error_08_the_same_type_twice(void **state)
{
	static const uint16_t types[] = { CERTFILE_MANUFACTURER, CERTFILE_DEVICE,
					  CERTFILE_KEY, CERTFILE_LINK, 0x8abc };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t second;

		start(state);
		put_raw(types[i], 3, 0);
		put_raw(0x9000, 1, 0);
		second = put_raw(types[i], 4, 0);
		put_raw(0x9001, 1, 0);
		assert_int_equal(verdict(), DEVICE_EUNKNOWN_TYPE);
		assert_int_equal(fault.offset, second);
		assert_int_equal(fault.type, types[i]);
	}
}

static void F3_error_08_over_sixteen_kibibytes(void **state)
{
	(void)state;
	put_raw(CERTFILE_DEVICE, 3, 0);
	put_raw(CERTFILE_LINK, CERTFILE_MAX - o.len - CERTFILE_OVERHEAD, 0);
	assert_int_equal(o.len, CERTFILE_MAX);
	assert_int_equal(verdict(), DEVICE_OK);
	start(state);
	put_raw(CERTFILE_DEVICE, 3, 0);
	put_raw(CERTFILE_LINK, CERTFILE_MAX - o.len - CERTFILE_OVERHEAD + 1, 0);
	assert_int_equal(verdict(), DEVICE_EUNKNOWN_TYPE);
	/* oversize comes before anything that is wrong inside */
	file[4] ^= 1;
	assert_int_equal(verdict(), DEVICE_EUNKNOWN_TYPE);
}

static void error_05_wrong_crc(void **state)
{
	static const uint16_t types[] = { CERTFILE_MANUFACTURER, CERTFILE_DEVICE,
					  CERTFILE_LINK, 0x8abc, 0x0004 };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (unsigned bit = 0; bit < 32; bit++) {
			start(state);
			put_raw(types[i], 20, 1u << bit);
			assert_int_equal(verdict(), DEVICE_ECERT_CRC);
			assert_int_equal(fault.type, types[i]);
		}
	}
}

static void error_06_the_keys_crc(void **state)
{
	size_t at;

	(void)state;
	put_raw(CERTFILE_DEVICE, 3, 0);
	at = put_raw(CERTFILE_KEY, 60, 0x80000000);
	assert_int_equal(verdict(), DEVICE_EKEY_CRC);
	assert_int_equal(fault.offset, at);
	assert_int_equal(fault.type, CERTFILE_KEY);
}

/* F1 to F3: the CRC covers type, length and value, each bit of them. */
static void every_bit_of_a_file_counts(void **state)
{
	size_t key;

	(void)state;
	put_raw(CERTFILE_MANUFACTURER, 30, 0);
	put_raw(CERTFILE_DEVICE, 20, 0);
	key = put_raw(CERTFILE_KEY, 60, 0);
	for (size_t bit = 0; bit < 8 * o.len; bit++) {
		enum device_error error;

		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
		error = verdict();
		assert_true(error == DEVICE_ECERT_CRC || error == DEVICE_EKEY_CRC);
		if (bit / 8 >= key + 4)
			assert_int_equal(error, DEVICE_EKEY_CRC);
		if (error == DEVICE_EKEY_CRC)
			assert_int_equal(fault.type, CERTFILE_KEY);
		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(verdict(), DEVICE_OK);
}

static void F3_error_05_truncated_anywhere(void **state)
{
	size_t ends[4] = { 0 };

	(void)state;
	put_raw(CERTFILE_MANUFACTURER, 30, 0);
	ends[1] = o.len;
	put_raw(CERTFILE_DEVICE, 20, 0);
	ends[2] = o.len;
	put_raw(CERTFILE_KEY, 60, 0);
	ends[3] = o.len;
	for (size_t len = 0; len <= o.len; len++) {
		enum device_error want = DEVICE_ECERT_CRC;

		if (len == ends[0] || len == ends[1])
			want = DEVICE_ENO_CERT;
		if (len == ends[2] || len == ends[3])
			want = DEVICE_OK;
		assert_int_equal(verdict_of(file, len), want);
	}
}

static void F3_error_05_trailing_bytes(void **state)
{
	size_t end;

	(void)state;
	put_raw(CERTFILE_DEVICE, 20, 0);
	end = o.len;
	for (unsigned n = 1; n < CERTFILE_OVERHEAD; n++) {
		out_u8(&o, 0);
		assert_int_equal(verdict(), DEVICE_ECERT_CRC);
		assert_int_equal(fault.offset, end);
	}
	/* eight zeros are an object of type 0 with a wrong CRC */
	out_u8(&o, 0);
	assert_int_equal(verdict(), DEVICE_ECERT_CRC);
}

static void F3_error_05_length_past_the_end(void **state)
{
	static const uint8_t longer[] = { 0, 2, 0xff, 0xff, 1, 2, 3, 4, 5, 6, 7, 8 };

	(void)state;
	assert_int_equal(verdict_of(longer, sizeof(longer)), DEVICE_ECERT_CRC);
	assert_int_equal(fault.type, CERTFILE_DEVICE);
	/* a key's too: what stands there is no object yet */
	start(state);
	put_raw(CERTFILE_DEVICE, 3, 0);
	put_raw(CERTFILE_KEY, 40, 0);
	o.len--;
	assert_int_equal(verdict(), DEVICE_ECERT_CRC);
	assert_int_equal(fault.type, CERTFILE_KEY);
}

/* A5: structure, then CRCs, then types. */
static void the_order_of_judgement(void **state)
{
	/* an unknown type first, a wrong CRC later: 05 */
	put_raw(0x0009, 3, 0);
	put_raw(CERTFILE_DEVICE, 3, 1);
	assert_int_equal(verdict(), DEVICE_ECERT_CRC);
	/* and the file's end cut off: still 05, and it is the end that counts */
	out_u8(&o, 0);
	assert_int_equal(verdict(), DEVICE_ECERT_CRC);
	assert_int_equal(fault.type, 0);
	assert_int_equal(fault.offset, o.len - 1);

	/* a key's CRC before a certificate's: the first counts */
	start(state);
	put_raw(CERTFILE_KEY, 40, 1);
	put_raw(CERTFILE_DEVICE, 3, 1);
	assert_int_equal(verdict(), DEVICE_EKEY_CRC);

	/* a duplicate whose CRC is wrong: 05 */
	start(state);
	put_raw(CERTFILE_DEVICE, 3, 0);
	put_raw(CERTFILE_DEVICE, 3, 1);
	assert_int_equal(verdict(), DEVICE_ECERT_CRC);

	/* a duplicate and no device certificate: 08 before 07 */
	start(state);
	put_raw(CERTFILE_MANUFACTURER, 3, 0);
	put_raw(CERTFILE_MANUFACTURER, 3, 0);
	assert_int_equal(verdict(), DEVICE_EUNKNOWN_TYPE);
}

static void what_does_not_fit_is_not_put(void **state)
{
	uint8_t small[11];
	static const uint8_t big[0x10003];

	(void)state;
	o = out_of(small, sizeof(small));
	certfile_put(&o, CERTFILE_DEVICE, "abcd", 4);
	assert_true(o.full);
	assert_int_equal(o.len, 0);
	o = out_of(small, sizeof(small));
	certfile_put(&o, CERTFILE_DEVICE, "abc", 3);
	assert_false(o.full);
	/* a length that the field cannot hold */
	o = out_of(file, sizeof(file));
	certfile_put(&o, CERTFILE_DEVICE, big, sizeof(big));
	assert_true(o.full);
	o = out_of(file, sizeof(file));
	certfile_put(&o, CERTFILE_DEVICE, big, CERTFILE_MAX - CERTFILE_OVERHEAD + 1);
	assert_true(o.full);
	o = out_of(file, sizeof(file));
	certfile_put(&o, CERTFILE_DEVICE, big, CERTFILE_MAX - CERTFILE_OVERHEAD);
	assert_int_equal(verdict(), DEVICE_OK);
}

static void F1_the_key_objects_value(void **state)
{
	uint8_t value[CERTKEY_OVERHEAD + 9], again[sizeof(value)];
	struct out w = out_of(again, sizeof(again));
	struct certkey k;

	(void)state;
	for (size_t i = 0; i < sizeof(value); i++)
		value[i] = (uint8_t)i;
	value[0] = CERTKEY_VERSION;
	value[1] = 77;
	assert_int_equal(certkey_parse(value, sizeof(value), &k), 0);
	assert_int_equal(k.version, 1);
	assert_int_equal(k.set, 77);
	assert_true(k.nonce == value + 2);
	assert_true(k.ciphertext == value + 14);
	assert_int_equal(k.ciphertext_len, 9);
	assert_true(k.tag == value + 14 + 9);
	certkey_build(&w, &k);
	assert_int_equal(w.len, sizeof(value));
	assert_memory_equal(again, value, sizeof(value));
}

static void F1_values_that_are_none(void **state)
{
	uint8_t value[64] = { CERTKEY_VERSION };
	struct certkey k = { .set = 5 };

	(void)state;
	for (size_t len = 0; len < CERTKEY_OVERHEAD + CERTKEY_INNER_CRC_LEN; len++)
		assert_int_equal(certkey_parse(value, len, &k), FC_EBAD);
	for (int version = 0; version < 256; version++) {
		value[0] = (uint8_t)version;
		if (version != CERTKEY_VERSION)
			assert_int_equal(certkey_parse(value, 64, &k), FC_EUNKNOWN);
	}
	assert_int_equal(k.set, 5);
	value[0] = CERTKEY_VERSION;
	assert_int_equal(
		certkey_parse(value, CERTKEY_OVERHEAD + CERTKEY_INNER_CRC_LEN, &k), 0);
}

static void each_number_has_its_text(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= 14; i++) {
		const char *text = device_error_text(i);

		assert_int_equal(text[0], '0' + (int)i / 10);
		assert_int_equal(text[1], '0' + (int)i % 10);
		assert_int_equal(text[2], ' ');
		assert_true(strlen(text) > 6);
	}
	assert_string_equal(device_error_text(2), "02 MAC mismatch");
	assert_string_equal(device_error_text(6), "06 private key outer CRC");
	assert_string_equal(device_error_text(11), "11 flash write failed");
	assert_non_null(device_error_text(15));
	assert_non_null(device_error_text(UINT32_MAX));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(F1_layout_of_an_object, start),
		cmocka_unit_test_setup(all_four_objects_in_any_order, start),
		cmocka_unit_test_setup(a_device_certificate_alone_is_enough, start),
		cmocka_unit_test_setup(error_07_no_device_certificate, start),
		cmocka_unit_test_setup(F2_error_08_unknown_type, start),
		cmocka_unit_test_setup(F2_types_with_the_top_bit_are_skipped, start),
		cmocka_unit_test_setup(F3_error_08_the_same_type_twice, start),
		cmocka_unit_test_setup(F3_error_08_over_sixteen_kibibytes, start),
		cmocka_unit_test_setup(error_05_wrong_crc, start),
		cmocka_unit_test_setup(error_06_the_keys_crc, start),
		cmocka_unit_test_setup(every_bit_of_a_file_counts, start),
		cmocka_unit_test_setup(F3_error_05_truncated_anywhere, start),
		cmocka_unit_test_setup(F3_error_05_trailing_bytes, start),
		cmocka_unit_test_setup(F3_error_05_length_past_the_end, start),
		cmocka_unit_test_setup(the_order_of_judgement, start),
		cmocka_unit_test_setup(what_does_not_fit_is_not_put, start),
		cmocka_unit_test(F1_the_key_objects_value),
		cmocka_unit_test(F1_values_that_are_none),
		cmocka_unit_test(each_number_has_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
