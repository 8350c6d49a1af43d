#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cmd/ctl/initconf.h"
#include "crypto/pem.h"
#include "conf/agentconf.h"
#include "conf/conf.h"
#include "crypto/x509check.h"
#include "crypto/x509issue.h"

static char server_text[16 * 1024], agent_text[16 * 1024];

static struct conf *server_of(const struct init_choice *choice)
{
	struct out o = out_of(server_text, sizeof(server_text));
	struct conf *conf = NULL;
	char *errors = NULL;

	init_server_conf(&o, choice);
	assert_non_null(out_cstr(&o));
	if (conf_parse("trial/fieldcertd.conf", server_text, o.len, &conf, &errors) < 0)
		fail_msg("%s", errors);
	return conf;
}

static struct agentconf *agent_of(const struct init_choice *choice,
				  const struct conf_listen *listen)
{
	struct out o = out_of(agent_text, sizeof(agent_text));
	struct agentconf *conf = NULL;
	char *errors = NULL;

	init_agent_conf(&o, choice, listen);
	assert_non_null(out_cstr(&o));
	if (agentconf_parse("trial/agent.conf", agent_text, o.len, &conf, &errors) < 0)
		fail_msg("%s", errors);
	return conf;
}

/* Server and modem must agree about everything that goes into a code. */
static void both_configurations_are_good_and_agree(void **state)
{
	(void)state;
	for (int derived = 0; derived < 2; derived++) {
		const struct init_choice choice = {
			.listen = { .v = { "127.0.0.1:6969", "[::1]:6970" }, .n = 2 },
			.derived = derived == 1,
		};
		struct conf *s = server_of(&choice);
		struct agentconf *a = agent_of(&choice, &s->listen[0]);
		const struct conf_class *k = s->default_class;

		assert_int_equal(s->n_listen, 2);
		assert_string_equal(s->listen[1].host, "::1");
		assert_int_equal(s->listen[1].port, 6970);
		assert_string_equal(a->server_host, "127.0.0.1");
		assert_int_equal(a->server_port, 6969);

		assert_non_null(k);
		assert_string_equal(k->hash, a->hash);
		assert_int_equal(k->code_bits, a->code_bits);
		assert_int_equal(k->request_serial, a->request_serial);
		assert_int_equal(k->confirm_code, a->confirm_code);
		assert_int_equal(k->bound, a->bound);
		assert_int_equal(k->secrets[0]->kind == CONF_SECRET_DERIVED,
				 a->secrets_derived);
		assert_int_equal(a->secrets_derived, derived == 1);
		assert_string_equal(k->issuer->name, "demonstration");
		assert_string_equal(s->types[0].profile->name, "docsis-3.1");
		agentconf_free(a);
		conf_free(s);
	}
}

/* A setting that stands in a comment must be right, too, when it is taken out. */
static void what_stands_in_comments_is_good(void **state)
{
	static const struct init_choice choice = {
		.listen = { .v = { "127.0.0.1:6969" }, .n = 1 },
		.derived = true,
	};
	struct conf *conf = server_of(&choice);
	char *errors = NULL, *p = server_text;
	size_t taken = 0;

	(void)state;
	assert_int_equal(conf->n_classes, 1);
	conf_free(conf);
	while ((p = strchr(p, '\n'))) {
		p++;
		if (p[0] == '#' && p[1] != ' ' && p[1] != '\n') {
			p[0] = ' ';
			taken++;
		}
	}
	assert_true(taken >= 8);
	if (conf_parse("t.conf", server_text, strlen(server_text), &conf, &errors) < 0)
		fail_msg("%s", errors);
	assert_int_equal(conf->n_classes, 2);
	assert_true(conf->single_port);
	assert_int_equal(conf->transfer_port_min, 40000);
	conf_free(conf);
}

static void the_modem_asks_where_it_can_reach_the_server(void **state)
{
	static const struct {
		const char *listen, *host;
	} cases[] = {
		{ "0.0.0.0", "127.0.0.1" },
		{ "::", "::1" },
		{ "192.0.2.1", "192.0.2.1" },
		{ "2001:db8::1", "2001:db8::1" },
	};
	static const struct init_choice choice = { .derived = true };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct conf_listen l = { .port = 69 };
		struct agentconf *a;

		(void)snprintf(l.host, sizeof(l.host), "%s", cases[i].listen);
		a = agent_of(&choice, &l);
		assert_string_equal(a->server_host, cases[i].host);
		assert_int_equal(a->server_port, 69);
		agentconf_free(a);
	}
}

/* What stands in a configuration between quotes must not end them. */
static void an_address_cannot_break_out_of_its_quotes(void **state)
{
	static const char *const bad[] = { "",
					   "127.0.0.1",
					   "127.0.0.1:",
					   ":69",
					   "1.2.3.4:69\"}",
					   "1.2.3.4:69\n",
					   "1.2.3.4:69 x",
					   "1.2.3.4:6x",
					   "a\\b:1",
					   "${HOME}:69",
					   "1.2.3.4:69}\n#" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(init_listen_ok(bad[i]));
	assert_true(init_listen_ok("127.0.0.1:6969"));
	assert_true(init_listen_ok("[2001:db8::1]:69"));
	assert_true(init_listen_ok("[fe80::1%eth0]:69"));
}

/* RFC 4648, section 10. */
static void a_key_as_PEM_is_read_again(void **state)
{
	uint8_t pkcs8[3072], spki[1024], again[1024];
	size_t pkcs8_len, len, again_len;
	const char *why = "";
	char *pem;

	(void)state;
	assert_int_equal(
		keygen(256, pkcs8, sizeof(pkcs8), &pkcs8_len, spki, sizeof(spki), &len),
		0);
	assert_int_equal(pem_of("PUBLIC KEY", spki, len, &pem), 0);
	assert_int_equal(public_key_parse(pem, strlen(pem), again, sizeof(again),
					  &again_len, &why),
			 0);
	free(pem);
	assert_int_equal(again_len, len);
	assert_memory_equal(again, spki, len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_configurations_are_good_and_agree),
		cmocka_unit_test(what_stands_in_comments_is_good),
		cmocka_unit_test(the_modem_asks_where_it_can_reach_the_server),
		cmocka_unit_test(an_address_cannot_break_out_of_its_quotes),
		cmocka_unit_test(a_key_as_PEM_is_read_again),
	};

	return cmocka_run_group_tests_name("ctl_init", tests, NULL, NULL);
}
