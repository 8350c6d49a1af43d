#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/errors.h"
#include "cmd/ctl/csv.h"

static struct csv_row row;

static struct csv start(const char *text)
{
	struct csv c;

	csv_init(&c, text, strlen(text));
	return c;
}

static void assert_field(size_t i, const char *want)
{
	assert_true(i < row.n);
	assert_int_equal(row.fields[i].len, strlen(want));
	assert_memory_equal(row.fields[i].p, want, strlen(want));
}

static void assert_row(struct csv *c, uint64_t line, size_t n)
{
	assert_int_equal(csv_next(c, &row), 1);
	assert_null(row.why);
	assert_int_equal(row.line, line);
	assert_int_equal(row.n, n);
}

static void assert_bad(struct csv *c, uint64_t line, const char *why)
{
	assert_int_equal(csv_next(c, &row), FC_EBAD);
	assert_int_equal(row.line, line);
	assert_non_null(strstr(row.why, why));
}

static void fields_are_what_stands_between_separators(void **state)
{
	struct csv c = start("mac,serial\n00:10,, a b \n,\nlast");

	(void)state;
	assert_row(&c, 1, 2);
	assert_field(0, "mac");
	assert_field(1, "serial");
	assert_row(&c, 2, 3);
	assert_field(0, "00:10");
	assert_field(1, "");
	assert_field(2, " a b "); /* spaces are part of a field */
	assert_row(&c, 3, 2);
	assert_field(0, "");
	assert_field(1, "");
	assert_row(&c, 4, 1);
	assert_field(0, "last");
	assert_int_equal(csv_next(&c, &row), 0);
	assert_int_equal(csv_next(&c, &row), 0);
}

static void lines_end_with_lf_crlf_or_cr_and_empty_ones_do_not_count(void **state)
{
	struct csv c = start("\n\r\na,1\r\nb,2\rc,3\n\n\nd,4\r\n\r\n");

	(void)state;
	assert_row(&c, 3, 2);
	assert_field(1, "1");
	assert_row(&c, 4, 2);
	assert_field(1, "2");
	assert_row(&c, 5, 2);
	assert_field(1, "3");
	assert_row(&c, 8, 2);
	assert_field(1, "4");
	assert_int_equal(csv_next(&c, &row), 0);
}

static void a_byte_order_mark_is_skipped(void **state)
{
	struct csv c = start("\xef\xbb\xbfmac;x\n");

	(void)state;
	assert_row(&c, 1, 2);
	assert_field(0, "mac");
}

static void the_first_line_decides_the_separator(void **state)
{
	struct csv c = start("mac;serial\n1;2,3\n");
	struct csv t = start("mac\tserial\n1\t2;3,4\n");
	struct csv one = start("mac\n1;2\n");

	(void)state;
	assert_row(&c, 1, 2);
	assert_row(&c, 2, 2);
	assert_field(1, "2,3");
	assert_row(&t, 1, 2);
	assert_row(&t, 2, 2);
	assert_field(1, "2;3,4");
	assert_row(&one, 1, 1);
	assert_row(&one, 2, 1);
	assert_field(0, "1;2");
}

static void quotes_hold_separators_line_ends_and_doubled_quotes(void **state)
{
	struct csv c =
		start("\"a,b\",\"x\"\"y\"\"\"\"\",\"two\r\nlines\",\"\"\nnext,1\n");

	(void)state;
	assert_row(&c, 1, 4);
	assert_field(0, "a,b");
	assert_field(1, "x\"y\"\"");
	assert_field(2, "two\r\nlines");
	assert_field(3, "");
	assert_row(&c, 3, 2); /* the quoted line end counts */
	assert_field(0, "next");
}

static void a_bad_row_costs_its_own_line_only(void **state)
{
	struct csv c =
		start("a\"b,1\ngood,1\n\"x\"y,2\ngood,2\n\"two\nlines\" ,3\ngood,3\n"
		      "\"open,4\ngood,4\n");

	(void)state;
	assert_bad(&c, 1, "not quoted");
	assert_row(&c, 2, 2);
	assert_bad(&c, 3, "behind a closing quote");
	assert_row(&c, 4, 2);
	assert_bad(&c, 5, "behind a closing quote");
	assert_row(&c, 7, 2);
	assert_field(1, "3");
	assert_bad(&c, 8, "never closed");
	assert_row(&c, 9, 2);
	assert_field(1, "4");
	assert_int_equal(csv_next(&c, &row), 0);
}

static void a_NUL_is_refused_wherever_it_stands(void **state)
{
	static const char plain[] = "a\0b,1\nnext\n", quoted[] = "\"a\0b\",1\nnext\n";
	struct csv c;

	(void)state;
	csv_init(&c, plain, sizeof(plain) - 1);
	assert_bad(&c, 1, "NUL");
	assert_row(&c, 2, 1);
	csv_init(&c, quoted, sizeof(quoted) - 1);
	assert_bad(&c, 1, "NUL");
	assert_row(&c, 2, 1);
}

static void thirty_two_fields_and_no_more(void **state)
{
	char text[2 * CSV_FIELDS_MAX + 8];
	struct csv c;

	(void)state;
	memset(text, ',', sizeof(text));
	text[CSV_FIELDS_MAX - 1] = '\0'; /* 31 separators */
	c = start(text);
	assert_row(&c, 1, CSV_FIELDS_MAX);
	text[CSV_FIELDS_MAX - 1] = ',';
	text[CSV_FIELDS_MAX] = '\0';
	c = start(text);
	assert_bad(&c, 1, "32 fields");
	assert_int_equal(csv_next(&c, &row), 0);
}

static void doubled_quotes_have_a_limit(void **state)
{
	size_t len = 2 * CSV_UNQUOTED_MAX + 2;
	char *text = malloc(len + 3);
	struct csv c;

	(void)state;
	assert_non_null(text);
	memset(text, '"', len); /* exactly as many as fit */
	text[len] = '\0';
	c = start(text);
	assert_row(&c, 1, 1);
	assert_int_equal(row.fields[0].len, CSV_UNQUOTED_MAX);
	memset(text, '"', len + 2);
	text[len + 2] = '\0';
	c = start(text);
	assert_bad(&c, 1, "more quoted text");
	free(text);
}

static void nothing_at_all_has_no_rows(void **state)
{
	struct csv c = start("");

	(void)state;
	assert_int_equal(csv_next(&c, &row), 0);
	csv_init(&c, NULL, 0);
	assert_int_equal(csv_next(&c, &row), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_what_stands_between_separators),
		cmocka_unit_test(
			lines_end_with_lf_crlf_or_cr_and_empty_ones_do_not_count),
		cmocka_unit_test(a_byte_order_mark_is_skipped),
		cmocka_unit_test(the_first_line_decides_the_separator),
		cmocka_unit_test(quotes_hold_separators_line_ends_and_doubled_quotes),
		cmocka_unit_test(a_bad_row_costs_its_own_line_only),
		cmocka_unit_test(a_NUL_is_refused_wherever_it_stands),
		cmocka_unit_test(thirty_two_fields_and_no_more),
		cmocka_unit_test(doubled_quotes_have_a_limit),
		cmocka_unit_test(nothing_at_all_has_no_rows),
	};

	return cmocka_run_group_tests_name("ctl_csv", tests, NULL, NULL);
}
