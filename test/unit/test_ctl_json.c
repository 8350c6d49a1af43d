#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cmd/ctl/json.h"
#include "cmd/ctl/moment.h"

static char *text;
static size_t text_len;

static struct json begin(void)
{
	struct json j;
	FILE *f = open_memstream(&text, &text_len);

	assert_non_null(f);
	json_init(&j, f);
	return j;
}

static void assert_written(struct json *j, const char *want)
{
	assert_int_equal(fclose(j->f), 0);
	assert_string_equal(text, want);
	free(text);
}

static void commas_stand_between_and_nowhere_else(void **state)
{
	struct json j = begin();

	(void)state;
	json_object(&j, NULL);
	json_text(&j, "a", "x");
	json_int(&j, "b", -5);
	json_array(&j, "c");
	json_uint(&j, NULL, UINT64_MAX);
	json_bool(&j, NULL, true);
	json_bool(&j, NULL, false);
	json_null(&j, NULL);
	json_end(&j);
	json_array(&j, "empty");
	json_end(&j);
	json_object(&j, "d");
	json_text(&j, "e", "f");
	json_end(&j);
	json_end(&j);
	assert_written(&j, "{\n"
			   "  \"a\": \"x\",\n"
			   "  \"b\": -5,\n"
			   "  \"c\": [\n"
			   "    18446744073709551615,\n"
			   "    true,\n"
			   "    false,\n"
			   "    null\n"
			   "  ],\n"
			   "  \"empty\": [],\n"
			   "  \"d\": {\n"
			   "    \"e\": \"f\"\n"
			   "  }\n"
			   "}\n");
}

static void hostile_text_is_escaped_keys_too(void **state)
{
	struct json j = begin();

	(void)state;
	json_object(&j, NULL);
	json_text(&j, "k\"\n", "q\"b\\n\n\x1b[31m");
	json_bytes(&j, "n", "a\0b", 3);
	json_text(&j, "none", NULL);
	json_end(&j);
	assert_written(&j, "{\n"
			   "  \"k\\\"\\n\": \"q\\\"b\\\\n\\n\\u001b[31m\",\n"
			   "  \"n\": \"a\\u0000b\",\n"
			   "  \"none\": null\n"
			   "}\n");
}

/* Text goes out in pieces of 1024 bytes. */
static void long_text_is_whole_and_its_UTF8_uncut(void **state)
{
	enum { LEN = 3 * 1024 + 3 };
	char in[LEN + 1];
	struct json j;

	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		memset(in, 'x', shift);
		for (size_t i = shift; i + 3 <= LEN; i += 3)
			memcpy(in + i, "\xe2\x82\xac", 3); /* the euro sign */
		in[LEN - (LEN - shift) % 3] = '\0';
		j = begin();
		json_text(&j, NULL, in);
		assert_int_equal(fclose(j.f), 0);
		assert_int_equal(text_len, strlen(in) + 3);
		assert_memory_equal(text + 1, in, strlen(in));
		free(text);
	}
}

static void times_are_RFC_3339_in_UTC_and_never_is_null(void **state)
{
	struct json j = begin();

	(void)state;
	json_array(&j, NULL);
	json_time(&j, NULL, 951782400);
	json_time(&j, NULL, 0);
	json_time(&j, NULL, -1);
	json_time(&j, NULL, INT64_C(2902089600));
	json_end(&j);
	assert_written(&j, "[\n"
			   "  \"2000-02-29T00:00:00Z\",\n"
			   "  null,\n"
			   "  \"1969-12-31T23:59:59Z\",\n"
			   "  \"2061-12-18T00:00:00Z\"\n"
			   "]\n");
}

static void times_for_people(void **state)
{
	static const int64_t now = 1800000000;
	static const struct {
		int64_t at;
		const char *want;
	} cases[] = {
		{ 0, "never" },
		{ now, "now" },
		{ now - 1, "1 second ago" },
		{ now - 59, "59 seconds ago" },
		{ now - 60, "1 minute ago" },
		{ now - 7199, "1 hour ago" },
		{ now - 86400 * 2, "2 days ago" },
		{ now + 86400 * 364, "in 364 days" },
		{ now + INT64_C(86400) * 365 * 20, "in 20 years" },
	};
	char ret[MOMENT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(moment_since(cases[i].at, now, ret), cases[i].want);
	assert_string_equal(moment_text(951782400, ret), "2000-02-29 00:00:00 UTC");
	assert_string_equal(moment_text(0, ret), "never");
	assert_string_equal(moment_date(951782400, ret), "2000-02-29");
	(void)moment_text(INT64_MAX, ret); /* no year of four digits: a number */
	assert_string_equal(ret, "9223372036854775807");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_stand_between_and_nowhere_else),
		cmocka_unit_test(hostile_text_is_escaped_keys_too),
		cmocka_unit_test(long_text_is_whole_and_its_UTF8_uncut),
		cmocka_unit_test(times_are_RFC_3339_in_UTC_and_never_is_null),
		cmocka_unit_test(times_for_people),
	};

	return cmocka_run_group_tests_name("ctl_json", tests, NULL, NULL);
}
