/* The agent library through its platform calls (A11): the flash record, the key that
 * the device was born with, a secure element, link certificates, the server's address
 * (A3), what a damaged flash means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "base/crc32.h"
#include "crypto/privatekey.h"
#include "certified.h"

static void certify(void)
{
	world_init(&pki, 1);
	world_serve_file(good.file, good.file_len);
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_int_equal(world_flash().device.len, good.device.len);
}

static unsigned last_report(void)
{
	size_t n = world_count(NOTE_REPORT);

	return n > 0 ? world_nth(NOTE_REPORT, n - 1)->error : 0;
}

/* ----------------------------------------------------------------------- the record */

static const struct agent_state sample = {
	.device = { (const uint8_t *)"device", 6 },
	.manufacturer = { (const uint8_t *)"manufacturer", 12 },
	.link = { (const uint8_t *)"link", 4 },
	.key = { (const uint8_t *)"key", 3 },
	.unconfirmed = true,
	.yy = { .digits = 6, .b = { 0x86, 0xe5, 0x46 } },
	.digest = { 1, 2, 3 },
	.has_server = true,
	.server = { .ip = { [10] = 0xff, 0xff, 192, 0, 2, 9 },
		    .scope = 3,
		    .port = 6969 },
};

static void expect_bytes(const struct x509_bytes *a, const struct x509_bytes *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->p, b->p, b->len);
}

static void test_record_comes_back(void **state)
{
	uint8_t buf[600];
	struct out o = out_of(buf, sizeof(buf));
	struct agent_state s;

	(void)state;
	agent_state_build(&o, &sample);
	assert_false(o.full);
	assert_int_equal(agent_state_parse(o.buf, o.len, &s), 0);
	expect_bytes(&s.device, &sample.device);
	expect_bytes(&s.manufacturer, &sample.manufacturer);
	expect_bytes(&s.link, &sample.link);
	expect_bytes(&s.key, &sample.key);
	assert_true(s.unconfirmed);
	assert_true(authcode_equal(&s.yy, &sample.yy));
	assert_memory_equal(s.digest, sample.digest, 32);
	assert_true(s.has_server);
	assert_memory_equal(s.server.ip, sample.server.ip, 16);
	assert_int_equal(s.server.scope, 3);
	assert_int_equal(s.server.port, 6969);
}

/* A7: whatever is torn or worn is not taken for a record */
static void test_every_flipped_bit_is_noticed(void **state)
{
	uint8_t buf[600];
	struct out o = out_of(buf, sizeof(buf));
	struct agent_state s;

	(void)state;
	agent_state_build(&o, &sample);
	for (size_t bit = 0; bit < o.len * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(agent_state_parse(buf, o.len, &s) < 0);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t len = 0; len < o.len; len++)
		assert_true(agent_state_parse(buf, len, &s) < 0);
	assert_int_equal(agent_state_parse(buf, o.len, &s), 0);
}

static void test_record_of_another_version(void **state)
{
	uint8_t buf[600];
	struct out o = out_of(buf, sizeof(buf));
	struct agent_state s;

	(void)state;
	agent_state_build(&o, &sample);
	buf[4]++;
	o.len -= 4;
	out_u32(&o, crc32_of(buf, o.len));
	assert_int_equal(agent_state_parse(o.buf, o.len, &s), FC_EUNKNOWN);
}

static void test_record_that_does_not_fit(void **state)
{
	uint8_t buf[600];

	(void)state;
	for (size_t cap = 0; cap < 120; cap++) {
		struct out o = out_of(buf, cap);

		agent_state_build(&o, &sample);
		assert_true(o.full);
	}
}

/* ---------------------------------------------------------------------------- flash */

static void test_damaged_flash_counts_as_empty(void **state)
{
	(void)state;
	certify();
	world_power_off();
	world.flash[world.flash_len / 2] ^= 1;
	world_power_on();
	assert_int_equal(world.events[AGENT_FLASH_EMPTY], 2);
	world_run(WORLD_MINUTE);
	assert_int_equal(world_flash().device.len, good.device.len);
	assert_int_equal(world_count(NOTE_REQUEST), 2);
}

static int refuse_to_read(void *ctx, void *ret, size_t cap, size_t *ret_len)
{
	(void)ctx;
	(void)ret;
	(void)cap;
	(void)ret_len;
	return -5;
}

static void test_flash_that_cannot_be_read(void **state)
{
	(void)state;
	world_init(&pki, 2);
	world.platform.flash_read = refuse_to_read;
	world_serve_file(good.file, good.file_len);
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_int_equal(world.events[AGENT_INSTALLED], 1);
}

/* A8: the note that it is confirmed cannot be written: confirmed once more next time */
static void test_confirmation_that_cannot_be_noted(void **state)
{
	(void)state;
	world_init(&pki, 3);
	world.on_confirm = MOOD_SILENT;
	world_serve_file(good.file, good.file_len);
	world_power_on();
	while (world.events[AGENT_INSTALLED] == 0)
		world_run(1);
	world.on_confirm = MOOD_FILE;
	world.flash_fails = -28;
	world_run(WORLD_HOUR);
	assert_int_equal(world.events[AGENT_CONFIRMED], 1);
	assert_true(world_flash().unconfirmed);
	world.flash_fails = 0;
	world_power_off();
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_false(world_flash().unconfirmed);
	assert_int_equal(world_count(NOTE_REQUEST), 1);
}

/* A1: another device's flash is no certificate of ours */
static void test_certificate_of_another_mac_in_flash(void **state)
{
	(void)state;
	certify();
	world_power_off();
	world.config.mac.b[5] ^= 1;
	assert_int_equal(agent_start(&world.agent, &world.config, &world.platform), 0);
	world.on = true;
	assert_int_equal(world.agent.enrol.state, ENROL_START);
}

/* ----------------------------------------------------------------------------- keys */

static uint8_t file[WORLD_FILE_MAX];

static size_t without_key(void)
{
	return material_file(file, sizeof(file), &pki.manufacturer_cert, &good.device,
			     NULL);
}

/* A5: no key in the file: the public key is the stored one and fits the private one */
static void test_key_from_birth(void **state)
{
	(void)state;
	world_init(&pki, 4);
	world.config.key =
		(struct x509_bytes){ good.device_key.pkcs8, good.device_key.pkcs8_len };
	world_serve_file(file, without_key());
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_int_equal(world.events[AGENT_CONFIRMED], 1);
	assert_int_equal(world_flash().key.len, 0);
	world_power_off();
	world_power_on();
	assert_int_equal(world.agent.enrol.state, ENROL_REST);
}

/* error 04: neither sent nor stored */
static void test_no_key_at_all(void **state)
{
	(void)state;
	world_init(&pki, 5);
	world_serve_file(file, without_key());
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_int_equal(last_report(), 4);
}

/* error 12: no secret to open it with */
static void test_downloaded_key_without_a_secret(void **state)
{
	(void)state;
	world_init(&pki, 6);
	world.config.secret3 = NULL;
	world_serve_file(good.file, good.file_len);
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_int_equal(last_report(), 12);
	assert_int_equal(world.flash_len, 0);
}

/* A7: a later file without a key must fit the one that was downloaded */
static void test_renewal_under_the_downloaded_key(void **state)
{
	(void)state;
	certify();
	world_serve_file(file, without_key());
	agent_ask_now(&world.agent);
	world_run(WORLD_MINUTE);
	assert_int_equal(world.events[AGENT_INSTALLED], 2);
	assert_int_equal(world_flash().key.len, good.device_key.pkcs8_len);
	world_power_off();
	world_power_on();
	assert_int_equal(world.agent.enrol.state, ENROL_REST);
}

/* A secure element with two places: what came with handle "k1" or "k2". */
static struct element {
	struct pki_key slot[2];
	bool used[2], import_fails;
	unsigned imports;
	uint8_t kept[AGENT_HANDLE_MAX];
	size_t kept_len;
} element;

static int element_public_key(void *ctx, const uint8_t *handle, size_t len,
			      uint8_t *ret, size_t cap, size_t *ret_len)
{
	(void)ctx;
	for (int i = 0; i < 2; i++)
		if (len == 2 && handle[1] == '1' + i && element.used[i]) {
			assert_true(cap >= element.slot[i].spki_len);
			memcpy(ret, element.slot[i].spki, element.slot[i].spki_len);
			*ret_len = element.slot[i].spki_len;
			return 0;
		}
	return FC_EABSENT;
}

static int element_import(void *ctx, const uint8_t *pkcs8, size_t len, uint8_t *ret,
			  size_t *ret_len)
{
	int i = element.used[0];
	struct pki_key *k = &element.slot[i];

	(void)ctx;
	if (element.import_fails || element.used[i])
		return FC_EFULL;
	assert_int_equal(private_key_read(pkcs8, len, k->pkcs8, sizeof(k->pkcs8),
					  &k->pkcs8_len, k->spki, sizeof(k->spki),
					  &k->spki_len),
			 0);
	element.used[i] = true;
	element.imports++;
	memcpy(ret, i == 0 ? "k1" : "k2", 2);
	*ret_len = 2;
	return 0;
}

static void element_keep(void *ctx, const uint8_t *handle, size_t len)
{
	(void)ctx;
	for (int i = 0; i < 2; i++)
		if (len != 2 || handle[1] != '1' + i)
			element.used[i] = false;
	if (len > 0)
		memcpy(element.kept, handle, len);
	element.kept_len = len;
}

static int element_request_code(void *ctx, struct name_code *ret)
{
	(void)ctx;
	*ret = (struct name_code){ .digits = 6, .b = { 1, 2, 3 } };
	return 0;
}

static int element_confirm_code(void *ctx, const struct name_code *yy,
				const uint8_t file_digest[32], struct name_code *ret)
{
	uint8_t digest[32];

	(void)ctx;
	assert_int_equal(yy->b[2], 3);
	assert_int_equal(sha256_of(good.file, good.file_len, digest), 0);
	assert_memory_equal(file_digest, digest, 32);
	*ret = (struct name_code){ .digits = 6, .b = { 4, 5, 6 } };
	return 0;
}

/* The end of the PKCS#8: RFC 8017's coefficient, in no certificate. */
enum { PRIVATE_PART = 48 };

static const uint8_t *private_part(void)
{
	return good.device_key.pkcs8 + good.device_key.pkcs8_len - PRIVATE_PART;
}

static const struct agent_keys element_keys = {
	.request_code = element_request_code,
	.confirm_code = element_confirm_code,
	.public_key = element_public_key,
	.import = element_import,
	.keep = element_keep,
};

static void with_element(void)
{
	memset(&element, 0, sizeof(element));
	world_init(&pki, 7);
	world.platform.keys = &element_keys;
	world.config.secret1 = world.config.secret2 = NULL;
	world_serve_file(good.file, good.file_len);
}

static bool flash_has(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i + len <= world.flash_len; i++)
		if (memcmp(world.flash + i, p, len) == 0)
			return true;
	return false;
}

/* A11: codes by the element, the key in the element, no secret in flash */
static void test_secure_element(void **state)
{
	(void)state;
	with_element();
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_int_equal(world.events[AGENT_CONFIRMED], 1);
	assert_memory_equal(world_nth(NOTE_REQUEST, 0)->code.b, "\1\2\3", 3);
	assert_memory_equal(world_nth(NOTE_CONFIRM, 0)->code.b, "\4\5\6", 3);
	assert_int_equal(world_flash().key.len, 2);
	assert_memory_equal(element.kept, "k1", 2);
	assert_true(element.used[0]);
	assert_false(flash_has(private_part(), PRIVATE_PART));
	world_power_off();
	world_power_on();
	assert_int_equal(world.agent.enrol.state, ENROL_REST);
	assert_true(element.used[0]);
}

/* A7 with an element: power fails between import and the record, or the record cannot
 * be written: the old key stays, the other is erased */
static void test_secure_element_and_flash_failure(void **state)
{
	(void)state;
	with_element();
	world_power_on();
	world_run(WORLD_MINUTE);
	world.flash_fails = -5;
	agent_ask_now(&world.agent);
	world_run(WORLD_MINUTE);
	assert_int_equal(last_report(), 11);
	assert_int_equal(element.imports, 2);
	assert_true(element.used[0]);
	assert_false(element.used[1]);
	assert_int_equal(world_flash().key.len, 2);
	world.flash_fails = 0;
	world_power_off();
	world_power_on();
	assert_int_equal(world.agent.enrol.state, ENROL_REST);
}

/* error 11 */
static void test_secure_element_that_takes_no_key(void **state)
{
	(void)state;
	with_element();
	element.import_fails = true;
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_int_equal(last_report(), 11);
	assert_int_equal(world.flash_len, 0);
}

/* ------------------------------------------------------------------ link certificates
 */

struct other {
	struct pki_cert root, link, manufacturer, device;
	struct pki_key root_key, manufacturer_key;
	size_t file_len;
};

/* A new root's key under a certificate by the old root; below it a new manufacturer. */
static void make_other(struct other *o, bool with_link)
{
	struct x509_values v;
	struct x509_issuer *i;
	struct out out = out_of(file, sizeof(file));

	pki_make_key(1024, &o->root_key);
	v = pki_values(&pki, &o->root_key);
	v.organization = "New Root";
	pki_manufacturer(&pki_profile, &v, pki.root, &o->link);

	pki_make_key(1024, &o->manufacturer_key);
	v = pki_values(&pki, &o->manufacturer_key);
	v.organization = "New Maker";
	i = pki_issuer(&o->link, &o->root_key);
	i->pathlen = -1; /* as the new root itself would sign */
	pki_manufacturer(&pki_profile, &v, i, &o->manufacturer);
	x509_issuer_free(i);

	v = pki_values(&pki, &good.device_key);
	i = pki_issuer(&o->manufacturer, &o->manufacturer_key);
	pki_device(&pki_profile, &v, i, &o->device);
	x509_issuer_free(i);
	out.len = material_file(file, sizeof(file), &o->manufacturer, &o->device,
				&good.device_key);
	if (with_link)
		certfile_put(&out, CERTFILE_LINK, o->link.der, o->link.len);
	assert_false(out.full);
	o->file_len = out.len;
}

/* A5: what the link added is held after a restart, too, and serves a later file */
static void test_link_certificate_is_kept(void **state)
{
	static struct other o;

	(void)state;
	make_other(&o, true);
	world_init(&pki, 8);
	world_serve_file(file, o.file_len);
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_int_equal(world.events[AGENT_CONFIRMED], 1);
	assert_int_equal(world_flash().link.len, o.link.len);
	world_power_off();
	world_power_on();
	assert_int_equal(world.agent.enrol.state, ENROL_REST);
	world_serve_file(file, material_file(file, sizeof(file), &o.manufacturer,
					     &o.device, &good.device_key));
	agent_ask_now(&world.agent);
	world_run(WORLD_MINUTE);
	assert_int_equal(world_count(NOTE_REPORT), 0);
	assert_int_equal(world.events[AGENT_INSTALLED], 2);
	assert_int_equal(world_flash().link.len, o.link.len);
}

/* A5: where names and keys are predetermined, those of a stored link are, too: what
 * came with it is good at the next start. */
static void test_stored_link_adds_its_name_and_key(void **state)
{
	static struct pki_cert successor, device;
	struct pki_key key;
	struct x509_values v;
	struct x509_issuer *i;
	struct out out = out_of(file, sizeof(file));

	(void)state;
	pki_make_key(1024, &key);
	v = pki_values(&pki, &key);
	v.organization = "Successor";
	pki_manufacturer(&pki_profile, &v, pki.root, &successor);
	v = pki_values(&pki, &good.device_key);
	i = pki_issuer(&successor, &key);
	pki_device(&pki_profile, &v, i, &device);
	x509_issuer_free(i);
	out.len = material_file(file, sizeof(file), &successor, &device,
				&good.device_key);
	certfile_put(&out, CERTFILE_LINK, successor.der, successor.len);
	assert_false(out.full);

	world_init(&pki, 12);
	world.config.trust.names[0] = "C=US, O=Example, OU=DOCSIS, CN=Example CA";
	world.config.trust.n_names = 1;
	world.config.trust.keys[0] =
		(struct x509_bytes){ pki.manufacturer_key.spki,
				     pki.manufacturer_key.spki_len };
	world.config.trust.n_keys = 1;
	world_serve_file(file, out.len);
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_int_equal(world.events[AGENT_CONFIRMED], 1);
	world_power_off();
	world_power_on();
	assert_int_equal(world.agent.enrol.state, ENROL_REST);
}

/* error 10: without the link nobody vouches for the new root */
static void test_without_the_link(void **state)
{
	static struct other o;

	(void)state;
	make_other(&o, false);
	world_init(&pki, 9);
	world_serve_file(file, o.file_len);
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_int_equal(last_report(), 10);
}

/* A link that was not needed is not kept: trust grows only by what rests on it. */
static void test_idle_link_is_not_kept(void **state)
{
	static struct other o;
	struct out out = out_of(file, sizeof(file));

	(void)state;
	make_other(&o, false);
	out.len = material_file(file, sizeof(file), &pki.manufacturer_cert,
				&good.device, &good.device_key);
	certfile_put(&out, CERTFILE_LINK, o.link.der, o.link.len);
	world_init(&pki, 10);
	world_serve_file(file, out.len);
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_int_equal(world.events[AGENT_CONFIRMED], 1);
	assert_int_equal(world_flash().link.len, 0);
}

/* --------------------------------------------------------------- operator's hand (A10)
 */

static void test_server_address_is_kept_in_flash(void **state)
{
	struct fetch_addr other;
	struct agent_status s;

	(void)state;
	world_init(&pki, 11);
	other = world.config.server;
	other.port = 1069;
	world_power_on();
	assert_int_equal(agent_set_server(&world.agent, &other), 0);
	world_power_off();
	world_power_on();
	agent_get_status(&world.agent, &s);
	assert_int_equal(s.server.port, 1069);
	assert_false(s.certified);
	assert_string_equal(s.state, "start");
	assert_int_equal(agent_forget(&world.agent), 0);
	agent_get_status(&world.agent, &s);
	assert_int_equal(s.server.port, 1069);
	assert_int_equal(agent_set_server(&world.agent, NULL), 0);
	agent_get_status(&world.agent, &s);
	assert_int_equal(s.server.port, 69);
}

static void test_status(void **state)
{
	struct agent_status s;

	(void)state;
	world_init(&pki, 12);
	world_power_on();
	world_run(11 * WORLD_MINUTE);
	agent_get_status(&world.agent, &s);
	assert_string_equal(s.state, "wait");
	assert_int_equal(s.attempts, 2);
	assert_int_equal(s.last_result, FETCH_NOT_FOUND);
	assert_in_range(s.next_in_ms, 18 * WORLD_MINUTE, 20 * WORLD_MINUTE);
	assert_int_equal(s.not_after, 0);
	world_serve_file(good.file, good.file_len);
	agent_ask_now(&world.agent);
	world_run(WORLD_MINUTE);
	agent_get_status(&world.agent, &s);
	assert_string_equal(s.state, "rest");
	assert_true(s.certified);
	assert_true(s.confirmed);
	assert_int_equal(s.not_after, PKI_2026 + 10 * PKI_YEAR);
	assert_int_equal(s.last_error, 0);
}

/* The network is down: what cannot be sent counts as lost, and time goes on. */
static int no_network(void *ctx, unsigned channel, const struct fetch_addr *to,
		      const void *p, size_t len)
{
	(void)ctx;
	(void)channel;
	(void)to;
	(void)p;
	(void)len;
	return -101;
}

static void test_no_network(void **state)
{
	(void)state;
	world_init(&pki, 13);
	world.platform.send = no_network;
	world_power_on();
	world_run(WORLD_DAY);
	assert_in_range(world.events[AGENT_ASKING], 12, 25);
	assert_in_range(world.events[AGENT_TROUBLE], 48, 100);
}

/* Datagrams of strangers at any time, on any channel, change nothing. */
static void test_stray_datagrams(void **state)
{
	struct fetch_addr from;

	(void)state;
	world_init(&pki, 14);
	from = world.config.server;
	world_power_on();
	for (unsigned channel = 0; channel < 5; channel++) {
		agent_datagram(&world.agent, channel, &from, "\0\3\0\1x", 5);
		agent_unreachable(&world.agent, channel);
	}
	world_power_off();
	certify();
	for (unsigned channel = 0; channel < 5; channel++)
		agent_datagram(&world.agent, channel, &from, "\0\3\0\1x", 5);
	assert_int_equal(world.agent.enrol.state, ENROL_REST);
}

/* Everything that was secret is gone. */
static void test_release_wipes(void **state)
{
	const uint8_t *p = (const uint8_t *)&world.agent;

	(void)state;
	certify();
	agent_release(&world.agent);
	world.on = false;
	for (size_t i = 0; i < sizeof(world.agent); i++)
		assert_int_equal(p[i], 0);
}

static void test_downloaded_key_does_not_linger(void **state)
{
	const uint8_t *p;
	unsigned copies = 0;

	(void)state;
	certify();
	p = (const uint8_t *)&world.agent;
	for (size_t i = 0; i + PRIVATE_PART <= sizeof(world.agent); i++)
		copies += memcmp(p + i, private_part(), PRIVATE_PART) == 0;
	assert_int_equal(copies, 1); /* the record's */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record_comes_back),
		cmocka_unit_test(test_every_flipped_bit_is_noticed),
		cmocka_unit_test(test_record_of_another_version),
		cmocka_unit_test(test_record_that_does_not_fit),
		cmocka_unit_test_teardown(test_damaged_flash_counts_as_empty, stop),
		cmocka_unit_test_teardown(test_flash_that_cannot_be_read, stop),
		cmocka_unit_test_teardown(test_confirmation_that_cannot_be_noted, stop),
		cmocka_unit_test_teardown(test_certificate_of_another_mac_in_flash,
					  stop),
		cmocka_unit_test_teardown(test_key_from_birth, stop),
		cmocka_unit_test_teardown(test_no_key_at_all, stop),
		cmocka_unit_test_teardown(test_downloaded_key_without_a_secret, stop),
		cmocka_unit_test_teardown(test_renewal_under_the_downloaded_key, stop),
		cmocka_unit_test_teardown(test_secure_element, stop),
		cmocka_unit_test_teardown(test_secure_element_and_flash_failure, stop),
		cmocka_unit_test_teardown(test_secure_element_that_takes_no_key, stop),
		cmocka_unit_test_teardown(test_link_certificate_is_kept, stop),
		cmocka_unit_test_teardown(test_stored_link_adds_its_name_and_key, stop),
		cmocka_unit_test_teardown(test_without_the_link, stop),
		cmocka_unit_test_teardown(test_idle_link_is_not_kept, stop),
		cmocka_unit_test_teardown(test_server_address_is_kept_in_flash, stop),
		cmocka_unit_test_teardown(test_status, stop),
		cmocka_unit_test_teardown(test_no_network, stop),
		cmocka_unit_test_teardown(test_stray_datagrams, stop),
		cmocka_unit_test_teardown(test_release_wipes, stop),
		cmocka_unit_test_teardown(test_downloaded_key_does_not_linger, stop),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
