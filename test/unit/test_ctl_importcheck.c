#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "cmd/ctl/importcheck.h"

static const char conf_text[] = "secrets \"s\" {\n"
				"	set = 1\n"
				"	kind = derived\n"
				"	request = \"r\"\n"
				"	confirm = \"c\"\n"
				"	keybox = \"k\"\n"
				"}\n"
				"issuer \"i\" {\n"
				"	certificate = \"m\"\n"
				"	key = \"n\"\n"
				"}\n"
				"class \"default\" {\n"
				"	types = {\"CM\", \"EM\"}\n"
				"}\n"
				"class \"old\" {\n"
				"	types = {\"EM\"}\n"
				"	request-serial = no\n"
				"}\n";

static struct ctl ctl;
static struct import im;
static unsigned ticks;

static void tick(void *ctx, const struct csv *at)
{
	assert_ptr_equal(ctx, &ticks);
	assert_true(at->pos <= at->len);
	ticks++;
}

static int check(const char *text)
{
	memset(&im, 0, sizeof(im));
	im.c = &ctl;
	im.path = "rows.csv";
	im.text = text;
	im.len = strlen(text);
	ticks = 0;
	return import_check(&im, tick, &ticks);
}

static void assert_finding(size_t i, uint64_t line, const char *column, const char *why)
{
	const struct finding *f = &im.findings.at[i];

	assert_true(i < im.findings.kept);
	assert_int_equal(f->line, line);
	if (column)
		assert_string_equal(f->fault.column, column);
	else
		assert_null(f->fault.column);
	if (!strstr(f->fault.text, why))
		fail_msg("\"%s\" says nothing of \"%s\"", f->fault.text, why);
}

static void assert_next(uint64_t mac, uint64_t line, const char *serial)
{
	struct import_row r;

	assert_true(import_next(&im, &r));
	assert_true(mac_u64(&r.mac) == mac);
	assert_int_equal(im.row.line, line);
	assert_int_equal(r.serial.len, strlen(serial));
	assert_memory_equal(r.serial.p, serial, r.serial.len);
}

static void assert_no_more(void)
{
	struct import_row r;

	assert_false(import_next(&im, &r));
	import_release(&im);
}

static void good_rows_come_in_order_of_their_addresses(void **state)
{
	(void)state;
	assert_int_equal(check("serial;mac\n\"S;3\";00:10:4B:00:00:03\n"
			       "\"S\"\"1\";00:10:4B:00:00:01\n\nS2;00:10:4B:00:00:02"),
			 CTL_DONE);
	assert_int_equal(im.rows, 3);
	assert_int_equal(im.findings.n, 0);
	assert_true(ticks > 0);
	assert_next(UINT64_C(0x00104b000001), 3, "S\"1");
	assert_next(UINT64_C(0x00104b000002), 5, "S2");
	assert_next(UINT64_C(0x00104b000003), 2, "S;3");
	assert_no_more();
}

static void of_several_rows_for_one_device_the_first_is_good(void **state)
{
	(void)state;
	assert_int_equal(check("mac,serial\n00:10:4B:00:00:02,a\n00:10:4B:00:00:01,b\n"
			       "00-10-4b-00-00-02,c\n0010.4b00.0002,d\n"),
			 CTL_DONE);
	assert_int_equal(im.findings.n, 2);
	assert_finding(0, 4, "mac", "stands in line 2 already");
	assert_finding(1, 5, "mac", "stands in line 2 already");
	assert_next(UINT64_C(0x00104b000001), 3, "b");
	assert_next(UINT64_C(0x00104b000002), 2, "a");
	assert_no_more();
}

/* A bad row claims nothing: the good one behind it is the first. */
static void a_bad_row_is_nobodys_double(void **state)
{
	(void)state;
	assert_int_equal(check("mac,serial\n00:10:4B:00:00:02,\n00:10:4B:00:00:02,b\n"),
			 CTL_DONE);
	assert_int_equal(im.findings.n, 1);
	assert_finding(0, 2, "serial", "class \"default\" has it in its codes");
	assert_next(UINT64_C(0x00104b000002), 3, "b");
	assert_no_more();
}

static void rows_must_fit_the_configuration(void **state)
{
	(void)state;
	assert_int_equal(check("mac,serial,class,type\n"
			       "00:10:4B:00:00:01,s,nobody,\n"
			       "00:10:4B:00:00:02,s,old,CM\n"
			       "00:10:4B:00:00:03,,old,em\n"
			       "00:10:4B:00:00:04,s,,MT\n"
			       "00:10:4B:00:00:05,,default,CM\n"
			       "\"00:10:4B:00:00:06\n"),
			 CTL_DONE);
	assert_int_equal(im.rows, 6);
	assert_int_equal(im.findings.n, 5);
	assert_finding(0, 2, "class", "no such class");
	assert_finding(1, 3, "type", "class \"old\" has no such type; its first is EM");
	assert_finding(2, 5, "type", "class \"default\" has no such type");
	assert_finding(3, 6, "serial", "is empty");
	assert_finding(4, 7, NULL, "never closed");
	assert_next(UINT64_C(0x00104b000003), 4, "");
	assert_no_more();
}

/* RSA of 1024 bits: profile docsis-3.1 of CM asks for 2048, eurodocsis of EM not. */
static const char rsa_1024[] =
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC7tIj1L5yL8xtR8y0omQndFuSXBQX5h/gxBX0R"
	"/8tM8oFOhzIwQuLoF7f8bFBkXhst70mBRWGpe/UVBq3CKrjh14+dfCtiqd/yOu8IRraQpka+KEtg"
	"PzZ7Wue5B5JppTBVfYx0ozat1eB1EdgkssiWsUEYweaseaymUpqouCCYPwIDAQAB";

static void keys_fit_the_profile_and_are_nobody_elses(void **state)
{
	char text[2048];

	(void)state;
	(void)snprintf(text, sizeof(text),
		       "mac,serial,type,key\n00:10:4B:00:00:01,s,CM,%s\n"
		       "00:10:4B:00:00:02,s,EM,%s\n00:10:4B:00:00:03,s,EM,\n"
		       "00:10:4B:00:00:04,s,EM,%s\n00:10:4B:00:00:05,s,EM,\n",
		       rsa_1024, rsa_1024, rsa_1024);
	assert_int_equal(check(text), CTL_DONE);
	assert_int_equal(im.findings.n, 2);
	assert_finding(0, 2, "public key", "docsis-3.1");
	assert_finding(1, 5, "public key", "stands in line 3 already");
	assert_next(UINT64_C(0x00104b000002), 3, "s");
	assert_next(UINT64_C(0x00104b000003), 4, "s");
	assert_next(UINT64_C(0x00104b000005), 6, "s");
	assert_no_more();
}

/* Doubles are found last, and some of them stand before what was found first. */
static void the_first_twenty_findings_are_shown_and_all_counted(void **state)
{
	char text[4096];
	size_t len = (size_t)snprintf(text, sizeof(text),
				      "mac,serial\n00:10:4B:00:00:01,a\n"
				      "00:10:4B:00:00:01,b\n");

	(void)state;
	for (int i = 0; i < 25; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "bad,%d\n", i);
	assert_int_equal(check(text), CTL_DONE);
	assert_int_equal(im.findings.n, 26);
	assert_int_equal(im.findings.kept, FINDINGS_SHOWN);
	assert_finding(0, 3, "mac", "stands in line 2 already");
	for (size_t i = 1; i < FINDINGS_SHOWN; i++)
		assert_finding(i, 3 + i, "mac", "is not a MAC address");
	assert_next(UINT64_C(0x00104b000001), 2, "a");
	assert_no_more();
}

static int read_conf(void **state)
{
	char *errors = NULL;

	(void)state;
	if (conf_parse("t.conf", conf_text, sizeof(conf_text) - 1, &ctl.conf, &errors) <
	    0)
		fail_msg("%s", errors);
	return 0;
}

static int free_conf(void **state)
{
	(void)state;
	conf_free(ctl.conf);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_rows_come_in_order_of_their_addresses),
		cmocka_unit_test(of_several_rows_for_one_device_the_first_is_good),
		cmocka_unit_test(a_bad_row_is_nobodys_double),
		cmocka_unit_test(rows_must_fit_the_configuration),
		cmocka_unit_test(keys_fit_the_profile_and_are_nobody_elses),
		cmocka_unit_test(the_first_twenty_findings_are_shown_and_all_counted),
	};

	return cmocka_run_group_tests_name("ctl_importcheck", tests, read_conf,
					   free_conf);
}
