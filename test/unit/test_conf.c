#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/errors.h"
#include "conf/conf.h"
#include "conf/confutil.h"
#include "crypto/authcode.h"

/* What every good configuration needs; one line. */
#define SECRETS                                                                 \
	"secrets \"one\" { set = 1 kind = derived request = s/r confirm = s/c " \
	"keybox = s/k }\n"
#define ISSUER "issuer \"ca\" { certificate = ca.pem key = ca.key }\n"
#define GOOD SECRETS ISSUER

static struct conf *good(const char *text)
{
	struct conf *c = NULL;
	char *errors = NULL;
	int rc = conf_parse("/etc/x/f.conf", text, strlen(text), &c, &errors);

	if (rc < 0)
		print_error("%s", errors);
	assert_int_equal(rc, 0);
	return c;
}

/* The complaints, to be freed. */
static char *bad(const char *text)
{
	struct conf *c = NULL;
	char *errors = NULL;

	if (conf_parse("f.conf", text, strlen(text), &c, &errors) == 0)
		fail_msg("taken for good:\n%s", text);
	assert_null(c);
	assert_non_null(errors);
	return errors;
}

static void test_defaults_fit_a_real_server(void **state)
{
	struct conf *c = good(GOOD);
	const struct conf_class *k = c->default_class;

	(void)state;
	assert_int_equal(c->n_listen, 2);
	assert_string_equal(c->listen[0].host, "0.0.0.0");
	assert_string_equal(c->listen[1].host, "::");
	assert_int_equal(c->listen[0].port, 69);
	assert_int_equal(c->listen[1].port, 69);
	assert_false(c->single_port);
	assert_int_equal(c->transfer_port_min, 0);
	assert_string_equal(c->path, "/etc/x/f.conf");
	assert_string_equal(c->dir, "/etc/x");
	assert_string_equal(c->database, "/var/lib/fieldcert/fieldcert.db");
	assert_string_equal(c->storage_key, "/etc/x/secrets/storage");
	assert_string_equal(c->secrets[0].request, "/etc/x/s/r");
	assert_string_equal(c->issuers[0].key, "/etc/x/ca.key");
	assert_true(c->retry_ms >= 500);
	/* Class "default" is there though nobody wrote it. */
	assert_non_null(k);
	assert_string_equal(k->name, "default");
	assert_string_equal(k->hash, "sha1");
	assert_int_equal(k->code_bits, 24);
	assert_true(k->request_serial);
	assert_true(k->confirm_code);
	assert_false(k->bound);
	assert_int_equal(k->n_secrets, 1);
	assert_ptr_equal(k->secrets[0], &c->secrets[0]);
	assert_ptr_equal(k->issuer, &c->issuers[0]);
	assert_int_equal(k->key_source, CONF_KEY_EITHER);
	assert_int_equal(k->key_bits, 2048);
	assert_null(k->profile);
	assert_true(k->send_manufacturer);
	assert_string_equal(k->types[0], "CM");
	conf_free(c);
}

static void test_N1_types_are_data_and_can_be_added(void **state)
{
	struct conf *c = good(GOOD "type \"GW\" { profile = \"docsis-3.1\" }\n"
				   "type \"EM\" { profile = \"docsis-legacy\" }\n");

	(void)state;
	assert_int_equal(c->n_types, 4);
	assert_string_equal(conf_type_by_name(c, "CM")->profile->name, "docsis-3.1");
	assert_string_equal(conf_type_by_name(c, "EM")->profile->name, "docsis-legacy");
	assert_string_equal(conf_type_by_name(c, "MT")->profile->name, "packetcable");
	assert_string_equal(conf_type_by_name(c, "GW")->profile->name, "docsis-3.1");
	assert_null(conf_type_by_name(c, "XX"));
	conf_free(c);
	c = good(GOOD);
	assert_string_equal(conf_type_by_name(c, "EM")->profile->name, "eurodocsis");
	conf_free(c);
}

static const struct conf_profile *profile(const struct conf *c, const char *name)
{
	size_t i = 0;

	while (i < c->n_profiles && strcmp(c->profiles[i].name, name) != 0)
		i++;
	assert_true(i < c->n_profiles);
	return &c->profiles[i];
}

static void test_built_in_profiles(void **state)
{
	struct conf *c = good(GOOD);
	const struct conf_profile *old = profile(c, "docsis-legacy");
	const struct conf_profile *euro = profile(c, "eurodocsis");
	const struct conf_profile *new = profile(c, "docsis-3.1");

	(void)state;
	assert_string_equal(old->digest, "sha1");
	assert_int_equal(old->rsa_bits_min, 1024);
	assert_int_equal(old->size_max, 1400);
	assert_false(old->allow_ec);
	assert_int_equal(old->validity_days, 7305);
	assert_string_equal(euro->manufacturer[2].text, "Euro-DOCSIS");
	assert_string_equal(old->manufacturer[2].text, "DOCSIS");
	assert_string_equal(new->digest, "sha256");
	assert_int_equal(new->rsa_bits_min, 2048);
	assert_int_equal(new->manufacturer_bits, 3072);
	assert_true(new->key_usage);
	assert_false(new->allow_ec);
	assert_int_equal(new->n_subject, 4);
	assert_string_equal(new->subject[0].attribute, "C");
	assert_string_equal(new->subject[3].attribute, "CN");
	assert_string_equal(new->subject[3].text, "%{mac}");
	conf_free(c);
}

static void test_a_profile_of_the_operators_own(void **state)
{
	struct conf *c = good(GOOD "profile \"p\" {\n"
				   "	subject = {\"O=Acme, Inc.\", \"CN=%{mac}\"}\n"
				   "	manufacturer = {\"CN=%{organization} CA\"}\n"
				   "	digest = sha384\n	allow-ec = yes\n}\n"
				   "type \"GW\" { profile = p }\n"
				   "class \"gw\" { types = {GW} key-bits = 256 }\n");
	const struct conf_profile *p = profile(c, "p");

	(void)state;
	assert_int_equal(p->n_subject, 2);
	assert_string_equal(p->subject[0].text, "Acme, Inc.");
	assert_string_equal(p->digest, "sha384");
	assert_true(p->allow_ec);
	assert_true(p->key_usage);
	assert_int_equal(conf_class_by_name(c, "gw")->key_bits, 256);
	conf_free(c);
}

static void test_N3_code_bits_and_inputs_by_class(void **state)
{
	struct conf *c =
		good(GOOD "class \"a\" { code-bits = 12 request-serial = no }\n"
			  "class \"b\" { code-bits = 160 confirm-code = no }\n"
			  "class \"c\" { hash = sha512 code-bits = 512 "
			  "confirm = bound }\n");
	const struct conf_class *a = conf_class_by_name(c, "a");
	const struct conf_class *b = conf_class_by_name(c, "b");
	const struct conf_class *k = conf_class_by_name(c, "c");

	(void)state;
	assert_int_equal(a->code_bits, 12);
	assert_false(a->request_serial);
	assert_true(a->confirm_code);
	assert_int_equal(b->code_bits, 160);
	assert_true(b->request_serial);
	assert_false(b->confirm_code);
	assert_false(b->bound);
	assert_int_equal(k->code_bits, 512);
	assert_true(k->bound);
	conf_free(c);
}

/* conf and crypto do not know each other; here is where they must agree. */
static void test_N5_every_hash_of_crypto_with_its_longest_code(void **state)
{
	(void)state;
	for (int h = 0; h < AUTH_HASH_COUNT; h++) {
		const char *name = auth_hash_name((enum auth_hash)h);
		unsigned bits = auth_hash_bits((enum auth_hash)h);
		char text[600], *errors;
		struct conf *c;

		(void)snprintf(text, sizeof(text),
			       GOOD "class \"x\" { hash = %s code-bits = %u }\n", name,
			       bits);
		c = good(text);
		assert_int_equal(conf_class_by_name(c, "x")->code_bits, bits);
		assert_int_equal(auth_hash_by_name(conf_class_by_name(c, "x")->hash),
				 h);
		conf_free(c);
		(void)snprintf(text, sizeof(text),
			       GOOD "class \"x\" { hash = %s code-bits = %u }\n", name,
			       bits + 4);
		errors = bad(text);
		assert_non_null(strstr(errors, "f.conf:3: class 'x': code-bits"));
		free(errors);
	}
}

static void test_N6_secrets_of_each_kind_and_two_sets_at_once(void **state)
{
	struct conf *c = good(
		ISSUER
		"secrets \"2025\" { set = 7 kind = shared request = a confirm = b "
		"keybox = c }\n"
		"secrets \"2026\" { set = 255 kind = device request = /s/d confirm = e "
		"keybox = f }\n"
		"class \"default\" { secrets = {\"2026\", \"2025\"} }\n");

	(void)state;
	assert_int_equal(c->default_class->n_secrets, 2);
	assert_int_equal(c->default_class->secrets[0]->set, 255);
	assert_int_equal(c->default_class->secrets[0]->kind, CONF_SECRET_DEVICE);
	assert_string_equal(c->default_class->secrets[0]->request, "/s/d");
	assert_int_equal(c->default_class->secrets[1]->kind, CONF_SECRET_SHARED);
	assert_string_equal(conf_secrets_by_set(c, 7)->name, "2025");
	assert_null(conf_secrets_by_set(c, 1));
	conf_free(c);
}

static void test_S6_settings_by_class(void **state)
{
	struct conf *c = good(
		GOOD "issuer \"acme\" { root-certificate = r root-key = k profile = "
		     "\"docsis-legacy\" country = US organization = Acme }\n"
		     "class \"default\" { issuer = ca }\n"
		     "class \"sb5100\" {\n"
		     "	types = {EM, CM}\n	hash = \"hmac-sha256\"\n	"
		     "code-bits = 64\n"
		     "	secrets = \"one\"\n	key-source = server\n	key-bits = "
		     "1024\n"
		     "	profile = \"docsis-legacy\"\n	issuer = 'acme'\n"
		     "	validity-days = 100\n	send-manufacturer = off\n"
		     "	country = BE\n	organization = \"Acme \\\"A\\\"\"\n	"
		     "location = here\n"
		     "}\n");
	const struct conf_class *k = conf_class_by_name(c, "sb5100");

	(void)state;
	assert_non_null(k);
	assert_int_equal(k->n_types, 2);
	assert_string_equal(k->types[0], "EM");
	assert_string_equal(k->hash, "hmac-sha256");
	assert_int_equal(k->code_bits, 64);
	assert_int_equal(k->key_source, CONF_KEY_SERVER);
	assert_int_equal(k->key_bits, 1024);
	assert_string_equal(k->profile->name, "docsis-legacy");
	assert_string_equal(k->issuer->name, "acme");
	assert_string_equal(k->issuer->root_key, "/etc/x/k");
	assert_null(k->issuer->key);
	assert_string_equal(k->issuer->profile->name, "docsis-legacy");
	assert_int_equal(k->validity_days, 100);
	assert_false(k->send_manufacturer);
	assert_string_equal(k->country, "BE");
	assert_string_equal(k->organization, "Acme \"A\"");
	assert_string_equal(k->location, "here");
	assert_string_equal(c->default_class->issuer->name, "ca");
	conf_free(c);
}

static void test_settings_of_the_server(void **state)
{
	struct conf *c = good(
		GOOD
		"listen = {\"127.0.0.1:6969\", \"[::1]:70\", \"10.0.0.1\", "
		"\"[fe80::1%eth0]:0\"}\n"
		"single-port = true\ntransfer-ports = \"40000-40015\"\n"
		"transfer-sockets = 4\ntransfers-max = 100\nblksize-max = 1024\n"
		"windowsize-max = 8\nretry-ms = 700\ntries = 3\ndatabase = d/f.db\n"
		"control = /run/c\nuid-base = 1000\nfronts = 2\nsigners = 3\n");

	(void)state;
	assert_int_equal(c->n_listen, 4);
	assert_string_equal(c->listen[0].host, "127.0.0.1");
	assert_int_equal(c->listen[0].port, 6969);
	assert_string_equal(c->listen[1].host, "::1");
	assert_int_equal(c->listen[1].port, 70);
	assert_int_equal(c->listen[2].port, 69);
	assert_string_equal(c->listen[3].host, "fe80::1%eth0");
	assert_true(c->single_port);
	assert_int_equal(c->transfer_port_min, 40000);
	assert_int_equal(c->transfer_port_max, 40015);
	assert_int_equal(c->transfer_sockets, 4);
	assert_int_equal(c->transfers_max, 100);
	assert_int_equal(c->blksize_max, 1024);
	assert_int_equal(c->windowsize_max, 8);
	assert_int_equal(c->retry_ms, 700);
	assert_int_equal(c->tries, 3);
	assert_string_equal(c->database, "/etc/x/d/f.db");
	assert_string_equal(c->control, "/run/c");
	assert_int_equal(c->uid_base, 1000);
	assert_int_equal(c->fronts, 2);
	assert_int_equal(c->signers, 3);
	conf_free(c);
}

/* A mistake, its line, and words that the complaint must have. */
static const struct {
	const char *text;
	unsigned line;
	const char *words[3];
} mistakes[] = {
	/* values */
	{ GOOD "class \"s\" { code-bits = 25 }",
	  3,
	  { "class 's': code-bits = 25", "multiple of 4 from 12 to 160 (sha1)",
	    "write 24" } },
	{ GOOD "class \"s\" {\n\ncode-bits = 8 }", 5, { "code-bits = 8", "write 12" } },
	{ GOOD "class \"s\" { code-bits = 164 }",
	  3,
	  { "code-bits = 164", "write 160" } },
	{ GOOD "class \"s\" { code-bits = 26 }", 3, { "code-bits = 26", "write 24" } },
	{ GOOD "class \"s\" { code-bits = many }", 3, { "code-bits = many" } },
	{ GOOD "class \"s\" { hash = md2 }", 3, { "OpenSSL no longer has MD2" } },
	{ GOOD "class \"s\" { hash = crc32 }",
	  3,
	  { "hash = crc32", "sha1", "hmac-sha256" } },
	{ GOOD "retry-ms = 499", 3, { "retry-ms = 499", "from 500 to 10000" } },
	{ GOOD "retry-ms = 1000ms", 3, { "retry-ms = 1000ms" } },
	{ GOOD "retry-ms = -1000", 3, { "retry-ms = -1000" } },
	{ GOOD "tries = 99999999999999999999", 3, { "tries", "from 1 to 10" } },
	{ GOOD "transfers-max = 0x100", 3, { "transfers-max = 0x100" } },
	{ GOOD "single-port = maybe",
	  3,
	  { "single-port = maybe", "neither yes nor no" } },
	{ GOOD "listen = \"localhost:69\"", 3, { "localhost:69", "numeric" } },
	{ GOOD "listen = {\"127.0.0.1:1\",\n\"127.0.0.1:70000\"}", 4, { "70000" } },
	{ GOOD "listen = {\"127.0.0.1:65536\"}", 3, { "'127.0.0.1:65536'" } },
	{ GOOD "listen = {\"::1:69\"}", 3, { "'::1:69'" } },
	{ GOOD "listen = {\"[::1:69\"}", 3, { "'[::1:69'" } },
	{ GOOD "listen = {\"[::1]69\"}", 3, { "'[::1]69'" } },
	{ GOOD "listen = {\"127.0.0.1:6\", \"127.0.0.1:6\"}", 3, { "twice" } },
	{ GOOD "listen = {\"127.0.0.1:\"}", 3, { "'127.0.0.1:'" } },
	{ GOOD "transfer-ports = 40000", 3, { "not a range of ports" } },
	{ GOOD "transfer-ports = \"40015-40000\"", 3, { "not a range of ports" } },
	{ GOOD "transfer-ports = \"0-10\"", 3, { "not a range of ports" } },
	{ GOOD "transfer-ports = \"400000-400001\"", 3, { "not a range of ports" } },
	{ GOOD "transfer-ports = \"40000-40003\"\ntransfer-sockets = 3\nfronts = 2",
	  3,
	  { "are 4 ports", "need 6" } },
	{ GOOD "transfer-ports = \"40000-40000\"\nfronts = 2", 3, { "are 1 ports" } },
	{ GOOD
	  "control = \"/0123456789012345678901234567890123456789012345678901234567890"
	  "123456789012345678901234567890123456789012345678901234567890\"",
	  3,
	  { "at most 107 bytes" } },
	/* references */
	{ SECRETS "issuer \"acme\" { certificate = c key = k }\n"
		  "class \"s\" {\nissuer = acmee }",
	  4,
	  { "class 's': issuer 'acmee' does not exist", "'acme', perhaps" } },
	{ GOOD "class \"s\" {\n\nprofile = \"docsis-3.0\" }",
	  5,
	  { "profile 'docsis-3.0' does not exist", "'docsis-legacy'",
	    "'docsis-3.1'" } },
	{ GOOD "class \"s\" { types = {CM,\nXX} }",
	  4,
	  { "types 'XX'", "'CM', 'EM', 'MT'" } },
	{ GOOD "class \"s\" { secrets = {two} }", 3, { "secrets 'two'", "'one'" } },
	{ GOOD "type \"GW\" { profile = none }", 3, { "type 'GW'", "'none'" } },
	{ GOOD "issuer \"b\" { root-certificate = a root-key = b organization = o\n"
	       "profile = p }\nclass \"default\" { issuer = b }",
	  4,
	  { "issuer 'b': profile 'p'" } },
	/* sections */
	{ ISSUER, 1, { "no secrets" } },
	{ SECRETS, 1, { "no issuer" } },
	{ GOOD "class \"a\" { }\nclass \"b\" { }\nclass \"a\" { }",
	  5,
	  { "class 'a' stands here a second time", "line 3" } },
	{ GOOD "secrets \"two\" { set = 1 kind = shared request = a confirm = b keybox "
	       "= c }\n"
	       "class \"default\" { secrets = one }",
	  3,
	  { "secrets 'two': set = 1", "'one'" } },
	{ GOOD "secrets \"two\" { set = 2 kind = shared request = a confirm = b }\n"
	       "class \"default\" { secrets = one }",
	  3,
	  { "secrets 'two': keybox is missing" } },
	{ ISSUER
	  "secrets \"one\" { set = 256 kind = shared request = a confirm = b keybox = "
	  "c }",
	  2,
	  { "set = 256", "1 to 255" } },
	{ ISSUER "secrets \"one\" { kind = shared request = a confirm = b keybox = c }",
	  2,
	  { "set is missing" } },
	{ ISSUER "secrets \"one\" { set = 1 request = a confirm = b keybox = c }",
	  2,
	  { "kind is missing", "shared, derived or device" } },
	{ ISSUER
	  "secrets \"one\" { set = 1 kind = own request = a confirm = b keybox = c }",
	  2,
	  { "kind = own", "shared, derived or device" } },
	{ ISSUER "secrets \"one\" { set = 1 kind = shared request = a confirm = a "
		 "keybox = c }",
	  2,
	  { "different secrets" } },
	{ ISSUER "secrets \"one\" { set = 1 kind = shared request = a confirm = b "
		 "keybox = b }",
	  2,
	  { "different secrets" } },
	{ ISSUER "secrets \"one\" { set = 1 kind = shared request = a confirm = b "
		 "keybox = a }",
	  2,
	  { "different secrets" } },
	{ GOOD "secrets \"two\" { set = 2 kind = shared request = a confirm = b keybox "
	       "= c }\n"
	       "class \"s\" { }\nclass \"default\" { secrets = one }",
	  4,
	  { "class 's': secrets is missing", "'one', 'two'" } },
	{ GOOD "secrets \"two\" { set = 2 kind = shared request = a confirm = b keybox "
	       "= c }",
	  1,
	  { "class 'default' (not written", "secrets is missing" } },
	{ GOOD "class \"s\" { secrets = {one, one} }", 3, { "'one' twice" } },
	{ GOOD
	  "secrets \"b\" { set = 2 kind = shared request = a confirm = b keybox = c }\n"
	  "secrets \"c\" { set = 3 kind = shared request = a confirm = b keybox = c }\n"
	  "class \"default\" { secrets = {one, b, c} }",
	  5,
	  { "3 secrets", "at most 2" } },
	{ SECRETS "issuer \"i\" { certificate = a }", 2, { "certificate needs key" } },
	{ SECRETS "issuer \"i\" { key = a }", 2, { "key needs certificate" } },
	{ SECRETS "issuer \"i\" { root-key = a organization = o }",
	  2,
	  { "root-key needs root-certificate" } },
	{ SECRETS "issuer \"i\" { }", 2, { "certificate and key are missing" } },
	{ SECRETS
	  "issuer \"i\" { certificate = a key = b root-certificate = c root-key = d }",
	  2,
	  { "not both" } },
	{ SECRETS "issuer \"i\" { root-certificate = c root-key = d }",
	  2,
	  { "organization is missing" } },
	{ SECRETS "issuer \"i\" { certificate = c key = d country = USA }",
	  2,
	  { "country = USA", "US, for instance" } },
	{ GOOD "class \"s\" { location = "
	       "\"01234567890123456789012345678901234567890123456789"
	       "012345678901234\" }",
	  3,
	  { "65 characters", "64" } },
	{ GOOD "type \"cm\" { profile = \"docsis-3.1\" }",
	  3,
	  { "two capital letters" } },
	{ GOOD "type \"CMX\" { profile = \"docsis-3.1\" }",
	  3,
	  { "two capital letters" } },
	{ GOOD "type \"OK\" { profile = \"docsis-3.1\" }", 3, { "confirmations" } },
	{ GOOD "type \"GW\" { }", 3, { "type 'GW': profile is missing" } },
	{ GOOD "class \"two words\" { }", 3, { "no spaces" } },
	{ GOOD "class \"\" { }", 3, { "1 to 63 characters" } },
	/* keys: S5 */
	{ GOOD "class \"s\" { key-bits = 256 }", 3, { "P-256", "BPI+", "2048" } },
	{ GOOD "class \"s\" { types = {EM} profile = packetcable key-bits = 256 }",
	  3,
	  { "type EM", "RSA" } },
	{ GOOD "type \"GW\" { profile = \"docsis-3.1\" }\n"
	       "class \"s\" { types = {GW} key-bits = 256 }",
	  4,
	  { "does not allow EC" } },
	{ GOOD "class \"s\" { types = {CM} key-bits = 1024 }",
	  3,
	  { "key-bits = 1024", "docsis-3.1", "2048 or more" } },
	{ GOOD "class \"s\" { key-bits = 2000 }", 3, { "key-bits = 2000", "2048" } },
	{ GOOD "class \"s\" { key-source = tpm }",
	  3,
	  { "registry, server or either" } },
	/* profiles */
	{ GOOD "profile \"p\" { manufacturer = {\"CN=x\"} }",
	  3,
	  { "subject has 0 parts" } },
	{ GOOD "profile \"p\" { subject = {\"CN=%{mac}\"} }",
	  3,
	  { "manufacturer has 0" } },
	{ GOOD
	  "profile \"p\" { subject = {\"CN=%{serial}\"} manufacturer = {\"CN=x\"} }",
	  3,
	  { "no CN=%{mac}" } },
	{ GOOD "profile \"p\" { subject = {\"O=%{mac}\", \"CN=x\"} manufacturer = "
	       "{\"CN=x\"} }",
	  3,
	  { "no CN=%{mac}" } },
	{ GOOD
	  "profile \"p\" { subject = {\"CN=%{mac}\"} manufacturer = {\"CN=%{name}\"} }",
	  3,
	  { "%{name}", "%{organization}" } },
	{ GOOD "profile \"p\" { subject = {\"CN=%{mac}\",\n\"DC=x\"} manufacturer = "
	       "{\"CN=x\"} }",
	  4,
	  { "'DC=x'", "ATTRIBUTE=text" } },
	{ GOOD "profile \"p\" { subject = {\"CN=%{mac}\", \"OU\"} manufacturer = "
	       "{\"CN=x\"} }",
	  3,
	  { "'OU'" } },
	{ GOOD "profile \"p\" { subject = {\"CN=%{mac}\"} manufacturer = {\"CN=x\"} "
	       "digest = "
	       "md5 }",
	  3,
	  { "digest = md5", "sha256" } },
	{ GOOD "profile \"p\" { subject = {\"CN=%{mac}\"} manufacturer = {\"CN=x\"}\n"
	       "rsa-bits-min = 512 }",
	  4,
	  { "rsa-bits-min = 512" } },
	/* structure */
	{ GOOD "single-prot = yes",
	  3,
	  { "no setting 'single-prot'", "'single-port'" } },
	{ GOOD "class \"s\" {\ncodebits = 24 }",
	  4,
	  { "class 's': there is no setting 'codebits'", "'code-bits'" } },
	{ GOOD "qwertz = {a, b}", 3, { "no setting 'qwertz'" } },
	{ GOOD "klass \"x\" { a = b }", 3, { "no setting 'klass'", "'class'" } },
	{ GOOD "tries = 3\n\ntries = 4",
	  5,
	  { "tries stands here a second time", "line 3" } },
	{ GOOD "class \"s\" { hash = md5\nhash = sha1 }", 4, { "hash stands here" } },
	{ GOOD "include(\"other.conf\")", 3, { "include is not supported" } },
	{ GOOD "include = other", 3, { "include is not supported" } },
	{ GOOD "database = \"abc\n\n", 3, { "a string begins here" } },
	{ GOOD "database = 'abc\n\n", 3, { "a string begins here" } },
	{ GOOD "database = \"abc\\", 3, { "a string begins here" } },
	{ GOOD "/* abc\n\n", 3, { "comment begins here" } },
	{ GOOD "database = \"\\101\"", 3, { "octal" } },
	{ GOOD "database = \"${HOME}/x\"", 3, { "environment variables" } },
	{ GOOD "tries 3", 3, { "equal sign", "tries" } },
	{ GOOD "tries = \n}\n", 4, { "}" } },
	{ GOOD "}", 3, { "closing brace" } },
	{ GOOD "class \"s\" {\n", 3, { "end of file" } },
	{ GOOD "class { }", 3, { "title" } },
	{ GOOD "tries += 3", 3, { "tries" } },
	{ GOOD "tries = {1, 2}", 3, { "{" } },
	{ GOOD "database = a*b", 3, { "'*'", "quotes" } },
	{ GOOD "database = a+b", 3, { "'+'", "quotes" } },
};

static void test_each_mistake_is_named_with_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		char *errors = bad(mistakes[i].text), where[32];
		const char *line;
		bool found = false;

		(void)snprintf(where, sizeof(where), "f.conf:%u: ", mistakes[i].line);
		for (line = errors; line != NULL && !found; line = strchr(line, '\n')) {
			char one[700];

			line += *line == '\n';
			(void)snprintf(one, sizeof(one), "%.*s",
				       (int)strcspn(line, "\n"), line);
			found = strncmp(one, where, strlen(where)) == 0;
			for (int k = 0; k < 3 && mistakes[i].words[k] != NULL; k++)
				found = found &&
					strstr(one, mistakes[i].words[k]) != NULL;
		}
		if (!found)
			print_error("for\n%s\nexpected %s%s, got\n%s", mistakes[i].text,
				    where, mistakes[i].words[0], errors);
		assert_true(found);
		free(errors);
	}
}

/* A complaint must not be about something that is right. */
static void test_one_mistake_is_one_line(void **state)
{
	static const char *const texts[] = {
		GOOD "class \"s\" { code-bits = 25 }",
		GOOD "class \"s\" { hash = md2 }",
		GOOD "class \"s\" { issuer = x }",
		GOOD "type \"GW\" { profile = none }\nclass \"g\" { types = GW }",
		GOOD "single-prot = yes",
		GOOD "class \"a\" { }\nclass \"a\" { issuer = nonsense }",
		GOOD "database = \"abc",
		ISSUER "secrets \"one\" { set = 1 kind = own request = a confirm = b "
		       "keybox = c }",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *errors = bad(texts[i]);

		if (strchr(errors, '\n') != strrchr(errors, '\n'))
			print_error("%s\n%s", texts[i], errors);
		assert_ptr_equal(strchr(errors, '\n'), strrchr(errors, '\n'));
		free(errors);
	}
}

static void test_all_mistakes_are_reported_at_once(void **state)
{
	char *errors = bad("retry-ms = 1\nfoo = 2\n" SECRETS
			   "class \"a\" { hash = md2 code-bits = 3 }\n"
			   "class \"b\" { issuer = x profile = y }\n");
	unsigned lines = 0;

	(void)state;
	for (const char *p = errors; *p != '\0'; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 7); /* and that there is no issuer */
	free(errors);
}

static void test_comments_do_not_shift_lines(void **state)
{
	char *errors = bad("# one\n// two\n/* three\nfour */ # five\n" SECRETS ISSUER
			   "/**/ tries = /* x */ 99 // y\n"
			   "database = \"# no /* comment // at all\"\n"
			   "signers = 99\n");

	(void)state;
	assert_non_null(strstr(errors, "f.conf:7: tries"));
	assert_non_null(strstr(errors, "f.conf:9: signers"));
	free(errors);
}

/* libconfuse's scanner must not stay inside a string for ever after. */
static void test_a_good_file_after_a_bad_one(void **state)
{
	static const char *const broken[] = {
		"x = \"abc",     "x = 'abc",      "/* abc",
		"x = \"\\8\"",   "x = \"\\777\"", "x = {a",
		"class \"a\" {", "x = \"\\",      "'"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		free(bad(broken[i]));
		conf_free(good(GOOD));
	}
}

static void test_bytes_that_are_no_text(void **state)
{
	static const char zero[] = GOOD "tries\0= 3";
	struct conf *c;
	char *errors;

	(void)state;
	assert_int_equal(conf_parse("f", zero, sizeof(zero) - 1, &c, &errors),
			 FC_ECONF);
	assert_non_null(strstr(errors, "f:3: a zero byte"));
	free(errors);
	assert_int_equal(conf_parse("f", "", 0, &c, &errors), FC_ECONF);
	free(errors);
	conf_free(good("\xef\xbb\xbf" GOOD)); /* as Windows' editors begin */
	/* A message cannot forge another line. */
	errors = bad(GOOD "tries = \"x\nf.conf:1: forged\"\n");
	assert_null(strstr(errors, "\nf.conf:1: forged"));
	free(errors);
}

static void test_relative_paths_begin_at_the_file(void **state)
{
	struct conf *c;
	char *errors, cwd[4096], expected[5000];

	(void)state;
	assert_int_equal(conf_parse("/f.conf", GOOD, strlen(GOOD), &c, &errors), 0);
	assert_string_equal(c->dir, "/");
	assert_string_equal(c->issuers[0].key, "/ca.key");
	conf_free(c);
	assert_int_equal(conf_parse("a/f.conf", GOOD, strlen(GOOD), &c, &errors), 0);
	assert_non_null(realpath(".", cwd));
	(void)snprintf(expected, sizeof(expected), "%s/a/ca.key", cwd);
	assert_string_equal(c->issuers[0].key, expected);
	(void)snprintf(expected, sizeof(expected), "%s/a/f.conf", cwd);
	assert_string_equal(c->path, expected);
	conf_free(c);
}

static void test_more_than_fits_is_said(void **state)
{
	char *text = calloc(1, 100000);
	size_t len = 0;
	char *errors;

	(void)state;
	assert_non_null(text);
	len += (size_t)snprintf(text, 100000, "%s", GOOD);
	for (unsigned i = 0; i < CONF_CLASSES_MAX + 1; i++)
		len += (size_t)snprintf(text + len, 100000 - len, "class \"c%u\" { }\n",
					i);
	errors = bad(text);
	assert_non_null(strstr(errors, "more than 256 sections 'class'"));
	free(errors);
	free(text);
}

static void test_nearest_name(void **state)
{
	static const char *const names[] = { "hash", "code-bits", "issuer" };

	(void)state;
	assert_string_equal(confutil_nearest("hsah", names, 3), "hash");
	assert_string_equal(confutil_nearest("isuer", names, 3), "issuer");
	assert_string_equal(confutil_nearest("codebits", names, 3), "code-bits");
	assert_null(confutil_nearest("listen", names, 1));
	assert_null(confutil_nearest("x", names, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_fit_a_real_server),
		cmocka_unit_test(test_N1_types_are_data_and_can_be_added),
		cmocka_unit_test(test_built_in_profiles),
		cmocka_unit_test(test_a_profile_of_the_operators_own),
		cmocka_unit_test(test_N3_code_bits_and_inputs_by_class),
		cmocka_unit_test(test_N5_every_hash_of_crypto_with_its_longest_code),
		cmocka_unit_test(test_N6_secrets_of_each_kind_and_two_sets_at_once),
		cmocka_unit_test(test_S6_settings_by_class),
		cmocka_unit_test(test_settings_of_the_server),
		cmocka_unit_test(test_each_mistake_is_named_with_its_line),
		cmocka_unit_test(test_one_mistake_is_one_line),
		cmocka_unit_test(test_all_mistakes_are_reported_at_once),
		cmocka_unit_test(test_comments_do_not_shift_lines),
		cmocka_unit_test(test_a_good_file_after_a_bad_one),
		cmocka_unit_test(test_bytes_that_are_no_text),
		cmocka_unit_test(test_relative_paths_begin_at_the_file),
		cmocka_unit_test(test_more_than_fits_is_said),
		cmocka_unit_test(test_nearest_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
