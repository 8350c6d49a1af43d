#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "base/errors.h"
#include "cmd/ctl/args.h"

static bool on;
static const char *text;
static uint64_t number;
static struct arg_list list;
static char why[ARGS_WHY_SIZE];

static const struct option options[] = { { .name = "--on", .on = &on },
					 { .name = "--serial", .text = &text },
					 { .name = "--limit", .number = &number },
					 { .name = "--listen", .list = &list },
					 { 0 } };

static int parse(int argc, const char **words, char **ret_argv)
{
	static char copies[16][64];
	int n = -1, rc;

	on = false;
	text = NULL;
	number = 0;
	list.n = 0;
	why[0] = '\0';
	for (int i = 0; i < argc; i++) {
		(void)snprintf(copies[i], sizeof(copies[i]), "%s", words[i]);
		ret_argv[i] = copies[i];
	}
	rc = args_parse(argc, ret_argv, options, &n, why);
	return rc < 0 ? rc : n;
}

#define PARSE(argv, ...)                                                             \
	parse((int)(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *)), \
	      (const char *[]){ __VA_ARGS__ }, argv)

static void options_and_arguments_stand_in_any_order(void **state)
{
	char *argv[16];

	(void)state;
	assert_int_equal(PARSE(argv, "a", "--serial", "S 1", "b", "--on", "--limit=12",
			       "c", "--listen", "x", "--listen=y"),
			 3);
	assert_string_equal(argv[0], "a");
	assert_string_equal(argv[1], "b");
	assert_string_equal(argv[2], "c");
	assert_true(on);
	assert_string_equal(text, "S 1");
	assert_int_equal(number, 12);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.v[0], "x");
	assert_string_equal(list.v[1], "y");
}

static void a_dash_is_an_argument_and_two_end_the_options(void **state)
{
	char *argv[16];

	(void)state;
	assert_int_equal(PARSE(argv, "-", "--", "--on", "--"), 3);
	assert_string_equal(argv[0], "-");
	assert_string_equal(argv[1], "--on");
	assert_string_equal(argv[2], "--");
	assert_false(on);
}

static void a_value_may_begin_with_a_dash_or_be_empty(void **state)
{
	char *argv[16];

	(void)state;
	assert_int_equal(PARSE(argv, "--serial", "--on"), 0);
	assert_string_equal(text, "--on");
	assert_false(on);
	assert_int_equal(PARSE(argv, "--serial="), 0);
	assert_string_equal(text, "");
}

static void mistakes_are_named(void **state)
{
	char *argv[16];

	(void)state;
	assert_int_equal(PARSE(argv, "--seriall", "x"), FC_EBAD);
	assert_string_equal(why, "unknown option --seriall; did you mean --serial?");
	assert_int_equal(PARSE(argv, "--colour", "x"), FC_EBAD);
	assert_string_equal(why, "unknown option --colour");
	assert_int_equal(PARSE(argv, "-x"), FC_EBAD);
	assert_int_equal(PARSE(argv, "--serial"), FC_EBAD);
	assert_string_equal(why, "--serial wants a value");
	assert_int_equal(PARSE(argv, "--serial", "a", "--serial", "b"), FC_EBAD);
	assert_string_equal(why, "--serial is given twice");
	assert_int_equal(PARSE(argv, "--on=yes"), FC_EBAD);
	assert_string_equal(why, "--on takes no value");
}

static void numbers_are_whole_and_plain(void **state)
{
	static const char *const bad[] = { "",   "x",  "-1",   "+1",
					   " 1", "1x", "0x10", "18446744073709551616" };
	char *argv[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(PARSE(argv, "--limit", bad[i]), FC_EBAD);
		assert_non_null(strstr(why, "--limit wants a number"));
	}
	assert_int_equal(PARSE(argv, "--limit", "18446744073709551615"), 0);
	assert_true(number == UINT64_MAX);
}

static void a_list_has_a_limit(void **state)
{
	char *argv[16];

	(void)state;
	assert_int_equal(PARSE(argv, "--listen=1", "--listen=2", "--listen=3",
			       "--listen=4", "--listen=5", "--listen=6", "--listen=7",
			       "--listen=8"),
			 0);
	assert_int_equal(list.n, 8);
	assert_int_equal(PARSE(argv, "--listen=1", "--listen=2", "--listen=3",
			       "--listen=4", "--listen=5", "--listen=6", "--listen=7",
			       "--listen=8", "--listen=9"),
			 FC_EBAD);
	assert_int_equal(list.n, 8);
}

static void the_nearest_name_is_a_likely_one(void **state)
{
	static const char *const names[] = { "device add", "device list", "status",
					     "init" };
	char longer[64];

	(void)state;
	assert_string_equal(nearest("sttaus", names, 4), "status");
	assert_string_equal(nearest("int", names, 4), "init");
	assert_string_equal(nearest("device lst", names, 4), "device list");
	assert_string_equal(nearest("devise ad", names, 4), "device add");
	assert_null(nearest("colour", names, 4));
	assert_null(nearest("x", names, 4));
	assert_null(nearest("status", names, 0));
	memset(longer, 's', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_null(nearest(longer, names, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_arguments_stand_in_any_order),
		cmocka_unit_test(a_dash_is_an_argument_and_two_end_the_options),
		cmocka_unit_test(a_value_may_begin_with_a_dash_or_be_empty),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(numbers_are_whole_and_plain),
		cmocka_unit_test(a_list_has_a_limit),
		cmocka_unit_test(the_nearest_name_is_a_likely_one),
	};

	return cmocka_run_group_tests_name("ctl_args", tests, NULL, NULL);
}
