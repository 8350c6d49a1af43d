/* The agent's configuration: what it says, and what it says about what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "base/errors.h"
#include "conf/agentconf.h"

static const char least[] = "server = \"192.0.2.1:6969\"\n"
			    "flash = \"flash\"\n"
			    "roots = {\"pki/root.pem\"}\n"
			    "secrets {\n"
			    "\trequest = \"secrets/request\"\n"
			    "\tconfirm = \"secrets/confirm\"\n"
			    "}\n";
enum { FIRST_FREE_LINE = 8 };

static struct agentconf *conf;
static char *errors;

static int parse(const char *text)
{
	return agentconf_parse("/etc/fieldcert/agent.conf", text, strlen(text), &conf,
			       &errors);
}

static int parse_with(const char *more)
{
	char text[4096];

	(void)snprintf(text, sizeof(text), "%s%s", least, more);
	return parse(text);
}

static int drop(void **state)
{
	(void)state;
	agentconf_free(conf);
	free(errors);
	conf = NULL;
	errors = NULL;
	return 0;
}

static void test_defaults_are_those_of_the_source(void **state)
{
	(void)state;
	assert_int_equal(parse(least), 0);
	assert_string_equal(conf->server_host, "192.0.2.1");
	assert_int_equal(conf->server_port, 6969);
	assert_string_equal(conf->type, "CM");
	assert_false(conf->has_mac);
	assert_null(conf->serial);
	assert_string_equal(conf->flash, "/etc/fieldcert/flash");
	assert_int_equal(conf->roots.n, 1);
	assert_string_equal(conf->roots.v[0], "/etc/fieldcert/pki/root.pem");
	assert_string_equal(conf->request, "/etc/fieldcert/secrets/request");
	assert_string_equal(conf->confirm, "/etc/fieldcert/secrets/confirm");
	assert_null(conf->keybox);
	assert_null(conf->export_dir);
	assert_false(conf->secrets_derived);
	assert_string_equal(conf->hash, "sha1");
	assert_int_equal(conf->code_bits, 24);
	assert_true(conf->request_serial);
	assert_true(conf->confirm_code);
	assert_false(conf->bound);
	assert_int_equal(conf->retry.n, 3); /* A4 */
	assert_int_equal(conf->retry.ms[0], 600000);
	assert_int_equal(conf->retry.ms[1], 1200000);
	assert_int_equal(conf->retry.ms[2], 2400000);
	assert_int_equal(conf->long_wait_ms, 4 * 3600 * 1000);
	assert_int_equal(conf->confirm_timeouts.n, 3); /* A8 */
	assert_int_equal(conf->confirm_timeouts.ms[0], 10000);
	assert_int_equal(conf->confirm_timeouts.ms[1], 20000);
	assert_int_equal(conf->confirm_timeouts.ms[2], 40000);
	assert_int_equal(conf->renew_before_days, 30);
	assert_int_equal(conf->jitter_percent, 20);
	assert_int_equal(conf->start_spread_ms, 30000);
	assert_int_equal(conf->examine_ms, 86400000);
	assert_int_equal(conf->blksize, 1428);
	assert_int_equal(conf->windowsize, 4);
	assert_false(conf->restart); /* A9 */
}

static const char every[] = "server = \"[2001:db8::1]:70\"\n"
			    "source = \"2001:db8::2\"\n"
			    "type = \"em\"\n"
			    "mac = \"0010.4bab.cdef\"\n"
			    "serial = \"J09H7CDEF\"\n"
			    "flash = \"/nvram/f\"\n"
			    "export = \"five\"\n"
			    "key = \"k\"\n"
			    "public-key = \"p\"\n"
			    "roots = {\"a\", \"/b\"}\n"
			    "manufacturer-names = {\"C=US, O=Example\", \"O=B\"}\n"
			    "manufacturer-keys = {\"mk\"}\n"
			    "hash = hmac-sha256\n"
			    "code-bits = 128\n"
			    "request-input = mac\n"
			    "confirm-input = mac\n"
			    "confirm = bound\n"
			    "retry = {0.25}\n"
			    "long-wait = 1.5\n"
			    "announced-min = 2\n"
			    "start-spread = 0\n"
			    "examine = 60\n"
			    "confirm-timeouts = {0.1, 0.2}\n"
			    "jitter-percent = 0\n"
			    "renew-before-days = 7\n"
			    "blksize = 0\n"
			    "windowsize = 0\n"
			    "after-install = restart\n"
			    "restart-command = {\"/sbin/reboot\", \"-f\"}\n"
			    "secrets { kind = derived request = \"r\"\n"
			    "confirm = \"c\" keybox = \"x\" }\n";

static void test_all_settings(void **state)
{
	(void)state;
	assert_int_equal(parse(every), 0);
	assert_string_equal(conf->server_host, "2001:db8::1");
	assert_int_equal(conf->server_port, 70);
	assert_string_equal(conf->source, "2001:db8::2");
	assert_string_equal(conf->type, "EM");
	assert_true(conf->has_mac);
	assert_int_equal(mac_u64(&conf->mac), 0x00104babcdef);
	assert_string_equal(conf->serial, "J09H7CDEF");
	assert_string_equal(conf->flash, "/nvram/f");
	assert_string_equal(conf->export_dir, "/etc/fieldcert/five");
	assert_string_equal(conf->key, "/etc/fieldcert/k");
	assert_string_equal(conf->public_key, "/etc/fieldcert/p");
	assert_int_equal(conf->roots.n, 2);
	assert_string_equal(conf->roots.v[1], "/b");
	assert_int_equal(conf->manufacturer_names.n, 2);
	assert_string_equal(conf->manufacturer_names.v[0], "C=US, O=Example");
	assert_int_equal(conf->manufacturer_keys.n, 1);
}

static void test_all_settings_of_codes_and_times(void **state)
{
	(void)state;
	assert_int_equal(parse(every), 0);
	assert_string_equal(conf->hash, "hmac-sha256");
	assert_int_equal(conf->hash_line, 13);
	assert_int_equal(conf->code_bits, 128);
	assert_int_equal(conf->code_bits_line, 14);
	assert_false(conf->request_serial);
	assert_false(conf->confirm_code);
	assert_true(conf->bound);
	assert_int_equal(conf->retry.n, 1);
	assert_int_equal(conf->retry.ms[0], 250);
	assert_int_equal(conf->long_wait_ms, 1500);
	assert_int_equal(conf->announced_min_ms, 2000);
	assert_int_equal(conf->start_spread_ms, 0);
	assert_int_equal(conf->examine_ms, 60000);
	assert_int_equal(conf->confirm_timeouts.n, 2);
	assert_int_equal(conf->confirm_timeouts.ms[1], 200);
	assert_int_equal(conf->jitter_percent, 0);
	assert_int_equal(conf->renew_before_days, 7);
	assert_int_equal(conf->blksize, 0);
	assert_int_equal(conf->windowsize, 0);
	assert_true(conf->restart);
	assert_string_equal(conf->restart_command[0], "/sbin/reboot");
	assert_string_equal(conf->restart_command[1], "-f");
	assert_null(conf->restart_command[2]);
	assert_true(conf->secrets_derived);
	assert_string_equal(conf->keybox, "/etc/fieldcert/x");
}

/* Each is refused, named with its line and with what would be right. */
static const struct {
	const char *line, *says;
} wrong[] = {
	{ "servre = \"192.0.2.1\"", "server" },
	{ "type = \"C\"", "\"CM\"" },
	{ "type = \"C1\"", "\"CM\"" },
	{ "mac = \"00:10\"", "00:10:4B:AB:CD:EF" },
	{ "mac = \"01:10:4B:AB:CD:EF\"", "00:10:4B:AB:CD:EF" },
	{ "serial = \"\"", "1 to 64" },
	{ "source = \"eth0\"", "numeric" },
	{ "export = \"\"", "path" },
	{ "key = \"\"", "path" },
	{ "code-bits = 26", "multiple of 4" },
	{ "code-bits = 8", "12" },
	{ "code-bits = 516", "512" },
	{ "request-input = serial", "serial-mac" },
	{ "confirm-input = code", "mac-code" },
	{ "confirm = tight", "bound" },
	{ "retry = {1, 2, x}", "seconds" },
	{ "retry = {0}", "0.01" },
	{ "retry = {1,2,3,4,5,6,7,8,9}", "1 to 8" },
	{ "retry = {inf}", "seconds" },
	{ "retry = {nan}", "seconds" },
	{ "retry = {1e300}", "2678400" },
	{ "long-wait = -1", "seconds" },
	{ "long-wait = 4h", "seconds" },
	{ "start-spread = -0.5", "from 0" },
	{ "confirm-timeouts = {0.001}", "0.01" },
	{ "jitter-percent = 101", "100" },
	{ "jitter-percent = some", "number" },
	{ "renew-before-days = -1", "number" },
	{ "blksize = 7", "8 to 1428" },
	{ "blksize = 1429", "1428" },
	{ "windowsize = 65", "64" },
	{ "after-install = reboot", "restart" },
	{ "after-install = restart", "restart-command" },
	{ "restart-command = {\"reboot\"}", "absolute" },
	{ "flash = \"again\"", "second time" },
	{ "manufacturer-names = {\"\"}", "empty" },
};

static void test_what_is_wrong_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const char *at = "/etc/fieldcert/agent.conf:8: ";

		assert_int_equal(parse_with(wrong[i].line), FC_ECONF);
		assert_non_null(errors);
		if (strncmp(errors, at, strlen(at)) != 0 ||
		    strstr(errors, wrong[i].says) == NULL)
			fail_msg("%s: %s", wrong[i].line, errors);
		assert_null(conf);
		(void)drop(state);
	}
	assert_int_equal(FIRST_FREE_LINE, 8);
}

static void expect_missing(const char *text, const char *says)
{
	assert_int_equal(parse(text), FC_ECONF);
	assert_non_null(errors);
	if (strstr(errors, says) == NULL)
		fail_msg("%s: %s", says, errors);
	free(errors);
	errors = NULL;
}

static void test_what_is_missing_is_named(void **state)
{
	(void)state;
	expect_missing("", "server is missing");
	expect_missing("", "flash is missing");
	expect_missing("", "roots is missing");
	expect_missing("", "secrets are missing");
	expect_missing("secrets { request = \"a\" }", "confirm is missing");
	expect_missing("secrets { confirm = \"a\" }", "request is missing");
}

static void test_secrets_section(void **state)
{
	(void)state;
	expect_missing("secrets { kind = device }", "shared or derived");
	expect_missing("secrets { keybx = \"a\" }", "keybox");
	assert_int_equal(parse_with("secrets { request = \"a\" confirm = \"b\" }\n"),
			 FC_ECONF);
	assert_non_null(strstr(errors, "second time"));
}

static void test_servers_address(void **state)
{
	static const char *const good[] = { "192.0.2.1",       "192.0.2.1:1",
					    "192.0.2.1:65535", "2001:db8::1",
					    "[2001:db8::1]",   "[::1]:69" };
	static const char *const bad[] = { "",
					   "server",
					   "192.0.2.1:",
					   "192.0.2.1:0",
					   "192.0.2.1:65536",
					   "192.0.2.1:69x",
					   "192.0.2",
					   "[::1",
					   "[::1]69",
					   "[::1]:",
					   ":69",
					   "192.0.2.1: 69",
					   "[192.0.2.1",
					   "::1:x" };
	char host[64];
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(agentconf_server(good[i], host, &port));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (agentconf_server(bad[i], host, &port))
			fail_msg("'%s' accepted", bad[i]);
	assert_true(agentconf_server("2001:db8::1", host, &port));
	assert_string_equal(host, "2001:db8::1");
	assert_int_equal(port, 69);
}

static void test_any_bytes_are_survived(void **state)
{
	uint32_t seed = 7;
	char text[400];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		size_t len = sizeof(least) - 1;

		memcpy(text, least, len);
		for (int k = 0; k < 3; k++) {
			seed = seed * 1664525u + 1013904223u;
			text[(seed >> 8) % len] = (char)(seed >> 24);
		}
		if (agentconf_parse("a", text, len, &conf, &errors) < 0)
			assert_non_null(errors);
		(void)drop(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_defaults_are_those_of_the_source, drop),
		cmocka_unit_test_teardown(test_all_settings, drop),
		cmocka_unit_test_teardown(test_all_settings_of_codes_and_times, drop),
		cmocka_unit_test_teardown(test_what_is_wrong_is_named, drop),
		cmocka_unit_test_teardown(test_what_is_missing_is_named, drop),
		cmocka_unit_test_teardown(test_secrets_section, drop),
		cmocka_unit_test_teardown(test_servers_address, drop),
		cmocka_unit_test_teardown(test_any_bytes_are_survived, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
