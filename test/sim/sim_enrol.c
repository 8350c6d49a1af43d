/* The whole of a modem's life in virtual time: schedules over days (A4, A8), each error
 * number by a real file (A5, A6), power cuts at any time (A7), a link that loses and
 * repeats, and servers that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "certified.h"

static void expect_gap(size_t n, uint64_t wanted, uint64_t slack)
{
	uint64_t gap =
		world_nth(NOTE_REQUEST, n + 1)->at - world_nth(NOTE_REQUEST, n)->at;

	if (gap + 200 < wanted || gap > wanted + slack)
		fail_msg("gap %zu is %llu ms, not %llu", n, (unsigned long long)gap,
			 (unsigned long long)wanted);
}

static bool is_certified(void)
{
	struct agent_state s = world_flash();

	return s.device.len == good.device.len &&
	       memcmp(s.device.p, good.device.der, s.device.len) == 0;
}

/* ------------------------------------------------------------------------- schedules
 */

/* A4: not found: after 10, 20 and 40 minutes, then after 4 hours, and so on */
static void test_not_found_for_a_week(void **state)
{
	static const uint64_t gaps[] = { 10 * WORLD_MINUTE, 20 * WORLD_MINUTE,
					 40 * WORLD_MINUTE, 4 * WORLD_HOUR };

	(void)state;
	world_init(&pki, 1);
	world_power_on();
	world_run(7 * WORLD_DAY);
	assert_true(world_count(NOTE_REQUEST) > 100);
	for (size_t i = 0; i + 1 < world_count(NOTE_REQUEST); i++)
		expect_gap(i, gaps[i % 4], 200);
	assert_int_equal(world_count(NOTE_REPORT), 0);
	assert_int_equal(world.flash_writes, 0);
}

/* A4: each wait is lengthened by up to a fifth, not always the same */
static void test_jitter_over_a_week(void **state)
{
	uint64_t least = UINT64_MAX, most = 0;

	(void)state;
	world_init(&pki, 2);
	world.config.schedule.jitter_percent = 20;
	world_power_on();
	world_run(7 * WORLD_DAY);
	for (size_t i = 3; i + 1 < world_count(NOTE_REQUEST); i += 4) {
		uint64_t gap = world_nth(NOTE_REQUEST, i + 1)->at -
			       world_nth(NOTE_REQUEST, i)->at;

		expect_gap(i, 4 * WORLD_HOUR, 48 * WORLD_MINUTE + 200);
		least = gap < least ? gap : least;
		most = gap > most ? gap : most;
	}
	assert_true(most - least > 30 * WORLD_MINUTE);
}

/* A4: a fleet that comes back at once asks over the whole of the spread */
static void test_fleet_after_a_power_cut(void **state)
{
	unsigned tenths[10] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 500; i++) {
		world_init(&pki, i * 2654435761u);
		world.config.schedule.start_spread_ms = 30 * WORLD_SECOND;
		world_power_on();
		assert_true(agent_deadline(&world.agent) < 30 * WORLD_SECOND);
		tenths[agent_deadline(&world.agent) / (3 * WORLD_SECOND)]++;
		world_power_off();
	}
	for (size_t i = 0; i < 10; i++)
		assert_in_range(tenths[i], 20, 90);
}

/* A4: no answer: four requests an attempt, then the same schedule */
static void test_silence(void **state)
{
	(void)state;
	world_init(&pki, 3);
	world.on_request = MOOD_SILENT;
	world_power_on();
	world_run(12 * WORLD_HOUR);
	/* 4 names each; attempts at 0, 10 m, 30 m, 70 m, 5 h 10 m, … */
	assert_in_range(world_count(NOTE_REQUEST), 9 * 4, 13 * 4);
	for (size_t i = 0; i + 4 < world_count(NOTE_REQUEST); i += 4) {
		uint64_t burst = world_nth(NOTE_REQUEST, i + 3)->at -
				 world_nth(NOTE_REQUEST, i)->at;

		assert_in_range(burst, 6900, 7100);
	}
	assert_in_range(world_nth(NOTE_REQUEST, 4)->at,
			10 * WORLD_MINUTE + 10 * WORLD_SECOND,
			10 * WORLD_MINUTE + 12 * WORLD_SECOND);
	assert_int_equal(world_count(NOTE_REPORT), 0);
}

/* A4: rejected: the long wait, each time */
static void test_rejected(void **state)
{
	(void)state;
	world_init(&pki, 4);
	world.on_request = MOOD_REJECT;
	world_power_on();
	world_run(WORLD_DAY - WORLD_MINUTE);
	assert_int_equal(world_count(NOTE_REQUEST), 6);
	for (size_t i = 0; i < 5; i++)
		expect_gap(i, 4 * WORLD_HOUR, 200);
}

/* A4: a server's announced wait is honoured */
static void test_announced(void **state)
{
	(void)state;
	world_init(&pki, 5);
	world.on_request = MOOD_ANNOUNCE;
	world_power_on();
	world_run(6 * WORLD_HOUR);
	for (size_t i = 0; i < 3; i++)
		expect_gap(i, 1500 * WORLD_SECOND, 200);
	expect_gap(3, 4 * WORLD_HOUR, 200);
}

/* ------------------------------------------------------------------- the whole way */

/* A1 to A8: refused once, then served; confirmed; rests, also after a restart */
static void test_whole_life(void **state)
{
	struct agent_state s;

	(void)state;
	world_init(&pki, 6);
	world_power_on();
	world_run(5 * WORLD_MINUTE);
	assert_int_equal(world_count(NOTE_REQUEST), 1);
	world_serve_file(good.file, good.file_len);
	world_run(10 * WORLD_MINUTE);
	assert_int_equal(world_count(NOTE_REQUEST), 2);
	assert_int_equal(world_count(NOTE_CONFIRM), 1);
	s = world_flash();
	assert_true(is_certified());
	assert_int_equal(s.manufacturer.len, pki.manufacturer_cert.len);
	assert_memory_equal(s.manufacturer.p, pki.manufacturer_cert.der,
			    s.manufacturer.len);
	assert_int_equal(s.key.len, good.device_key.pkcs8_len);
	assert_memory_equal(s.key.p, good.device_key.pkcs8, s.key.len);
	assert_false(s.unconfirmed);
	assert_int_equal(world.restarts, 0);

	world_run(7 * WORLD_DAY);
	world_power_off();
	world_power_on();
	world_run(7 * WORLD_DAY);
	assert_int_equal(world.n_notes, 3);
}

/* N3, N4: the names are those of the tables of the source, by SHA-1 */
static void test_names(void **state)
{
	struct name_code zz;
	struct authcode *a = authcode_new();

	(void)state;
	world_init(&pki, 7);
	world_serve_file(good.file, good.file_len);
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_int_equal(world_nth(NOTE_REQUEST, 0)->code.digits, 6);
	assert_memory_equal(world_nth(NOTE_REQUEST, 0)->code.b, "\x86\xe5\x46", 3);
	assert_int_equal(authcode_confirm(a, &world.config.codes, &world_secrets[1],
					  &pki_mac, &world_nth(NOTE_REQUEST, 0)->code,
					  NULL, &zz),
			 0);
	assert_true(authcode_equal(&zz, &world_nth(NOTE_CONFIRM, 0)->code));
	authcode_free(a);
}

/* N4: bound to the file that was installed, also after a restart */
static void test_bound_confirmation(void **state)
{
	struct authcode *a = authcode_new();
	struct name_code zz;
	uint8_t digest[32];

	(void)state;
	world_init(&pki, 8);
	world.config.codes.bound = true;
	world.on_confirm = MOOD_SILENT;
	world_serve_file(good.file, good.file_len);
	world_power_on();
	world_run(2 * WORLD_SECOND);
	world_power_off();
	world_power_on();
	world_run(2 * WORLD_SECOND);
	assert_int_equal(sha256_of(good.file, good.file_len, digest), 0);
	assert_int_equal(authcode_confirm(a, &world.config.codes, &world_secrets[1],
					  &pki_mac, &world_nth(NOTE_REQUEST, 0)->code,
					  digest, &zz),
			 0);
	assert_int_equal(world_count(NOTE_CONFIRM), 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(authcode_equal(&zz, &world_nth(NOTE_CONFIRM, i)->code));
	authcode_free(a);
}

/* A8: four times, with 10, 20 and 40 seconds between; again after the next start */
static void test_confirmation_unanswered(void **state)
{
	static const uint64_t gaps[] = { 10, 20, 40 };

	(void)state;
	world_init(&pki, 9);
	world.on_confirm = MOOD_SILENT;
	world_serve_file(good.file, good.file_len);
	world_power_on();
	world_run(3 * WORLD_DAY);
	assert_int_equal(world_count(NOTE_REQUEST), 1);
	assert_int_equal(world_count(NOTE_CONFIRM), 4);
	for (size_t i = 0; i < 3; i++)
		assert_in_range(world_nth(NOTE_CONFIRM, i + 1)->at -
					world_nth(NOTE_CONFIRM, i)->at,
				gaps[i] * 1000 - 50, gaps[i] * 1000 + 50);
	assert_true(world_flash().unconfirmed);

	world.on_confirm = MOOD_FILE;
	world_power_off();
	world_power_on();
	world_run(WORLD_DAY);
	assert_int_equal(world_count(NOTE_REQUEST), 1);
	assert_int_equal(world_count(NOTE_CONFIRM), 5);
	assert_false(world_flash().unconfirmed);
	world_power_off();
	world_power_on();
	world_run(WORLD_DAY);
	assert_int_equal(world_count(NOTE_CONFIRM), 5);
}

/* A8: an answer that refuses ends the sending, but confirms nothing */
static void test_confirmation_refused(void **state)
{
	(void)state;
	world_init(&pki, 10);
	world.on_confirm = MOOD_REJECT;
	world_serve_file(good.file, good.file_len);
	world_power_on();
	world_run(WORLD_DAY);
	assert_int_equal(world_count(NOTE_CONFIRM), 1);
	assert_true(world_flash().unconfirmed);
	assert_int_equal(world.events[AGENT_NOT_CONFIRMED], 1);
}

/* A9 */
static void test_restart_after_install(void **state)
{
	(void)state;
	world_init(&pki, 11);
	world.config.schedule.restart = true;
	world_serve_file(good.file, good.file_len);
	world_power_on();
	world_run(WORLD_DAY);
	assert_int_equal(world.restarts, 1);
}

/* ------------------------------------------------------------- every error number */

enum { CASE_MAX = 20 * 1024 };

struct bad {
	uint8_t p[CASE_MAX];
	size_t len;
};

static void put_file(struct bad *b, const struct pki_cert *manufacturer,
		     const struct pki_cert *device, const struct pki_key *key)
{
	b->len = material_file(b->p, sizeof(b->p), manufacturer, device, key);
}

static struct pki_cert device_for(struct x509_values *v,
				  const struct x509_issuer *issuer)
{
	struct pki_cert c;

	pki_device(&pki_profile, v, issuer, &c);
	return c;
}

/* The last bit of the n-th object's CRC, turned over. */
static void break_crc(struct bad *b, unsigned n)
{
	size_t at = 0;

	for (;; n--) {
		at += 4 + ((size_t)b->p[at + 2] << 8 | b->p[at + 3]) + 4;
		if (n == 0)
			break;
	}
	b->p[at - 1] ^= 1;
}

static void bad_mac(struct bad *b)
{
	struct x509_values v = pki_values(&pki, &good.device_key);
	struct pki_cert c;

	v.mac.b[5] ^= 1;
	c = device_for(&v, pki.manufacturer);
	put_file(b, &pki.manufacturer_cert, &c, &good.device_key);
}

static struct pki_key stored_key;

static void bad_public_key(struct bad *b)
{
	pki_make_key(1024, &stored_key);
	world.config.key =
		(struct x509_bytes){ stored_key.pkcs8, stored_key.pkcs8_len };
	put_file(b, &pki.manufacturer_cert, &good.device, NULL);
}

static void bad_pair(struct bad *b)
{
	struct pki_key other;

	pki_make_key(1024, &other);
	put_file(b, &pki.manufacturer_cert, &good.device, &other);
}

static void bad_certificate_crc(struct bad *b)
{
	put_file(b, &pki.manufacturer_cert, &good.device, &good.device_key);
	break_crc(b, 1);
}

static void bad_truncated(struct bad *b)
{
	put_file(b, &pki.manufacturer_cert, &good.device, &good.device_key);
	b->len -= 5;
}

static void bad_key_crc(struct bad *b)
{
	put_file(b, &pki.manufacturer_cert, &good.device, &good.device_key);
	break_crc(b, 2);
}

static void bad_no_certificate(struct bad *b)
{
	put_file(b, &pki.manufacturer_cert, NULL, &good.device_key);
}

static void bad_empty(struct bad *b)
{
	b->len = 0;
}

static void bad_type(struct bad *b)
{
	struct out o = out_of(b->p, sizeof(b->p));

	put_file(b, &pki.manufacturer_cert, &good.device, &good.device_key);
	o.len = b->len;
	certfile_put(&o, (enum certfile_type)0x0009, "x", 1);
	b->len = o.len;
}

static void bad_size(struct bad *b)
{
	static uint8_t filler[8 * 1024];
	struct out o = out_of(b->p, sizeof(b->p));

	put_file(b, &pki.manufacturer_cert, &good.device, &good.device_key);
	o.len = b->len;
	certfile_put(&o, (enum certfile_type)0x8ffe, filler, sizeof(filler));
	certfile_put(&o, (enum certfile_type)0x8fff, filler, sizeof(filler));
	b->len = o.len;
	assert_true(b->len > CERTFILE_MAX);
}

static void bad_signature(struct bad *b)
{
	struct pki_key stranger;
	struct x509_issuer *forger;
	struct x509_values v = pki_values(&pki, &good.device_key);
	struct x509_values m = pki_values(&pki, &stranger);
	struct pki_cert forged, c;

	pki_make_key(1024, &stranger);
	m.spki = stranger.spki;
	m.spki_len = stranger.spki_len;
	pki_manufacturer(&pki_profile, &m, pki.root, &forged);
	forger = pki_issuer(&forged, &stranger); /* the right name, another key */
	c = device_for(&v, forger);
	x509_issuer_free(forger);
	put_file(b, &pki.manufacturer_cert, &c, &good.device_key);
}

static void bad_issuer(struct bad *b)
{
	struct pki_cert other_root;
	struct x509_issuer *root = pki_root("Another Root", PKI_2026 - PKI_YEAR,
					    PKI_2026 + 30 * PKI_YEAR, &other_root);
	struct x509_values m = pki_values(&pki, &pki.manufacturer_key);
	struct pki_cert manufacturer;

	pki_manufacturer(&pki_profile, &m, root, &manufacturer);
	x509_issuer_free(root);
	put_file(b, &manufacturer, &good.device, &good.device_key);
}

static void bad_flash(struct bad *b)
{
	world.flash_fails = -5;
	put_file(b, &pki.manufacturer_cert, &good.device, &good.device_key);
}

static void bad_inner(struct bad *b)
{
	put_file(b, &pki.manufacturer_cert, &good.device, &good.device_key);
	world.config.secret3 = &world_secrets[0];
}

static void bad_name(struct bad *b)
{
	world.config.trust.names[0] = "C=US, O=Somebody";
	world.config.trust.n_names = 1;
	put_file(b, &pki.manufacturer_cert, &good.device, &good.device_key);
}

static void bad_no_manufacturer(struct bad *b)
{
	put_file(b, NULL, &good.device, &good.device_key);
}

static void bad_manufacturer_key(struct bad *b)
{
	world.config.trust.keys[0] =
		(struct x509_bytes){ good.device_key.spki, good.device_key.spki_len };
	world.config.trust.n_keys = 1;
	put_file(b, &pki.manufacturer_cert, &good.device, &good.device_key);
}

static const struct {
	unsigned error;
	void (*make)(struct bad *b);
} cases[] = {
	{ 2, bad_mac },
	{ 3, bad_public_key },
	{ 4, bad_pair },
	{ 5, bad_certificate_crc },
	{ 5, bad_truncated },
	{ 6, bad_key_crc },
	{ 7, bad_no_certificate },
	{ 7, bad_empty },
	{ 8, bad_type },
	{ 8, bad_size },
	{ 9, bad_signature },
	{ 10, bad_issuer },
	{ 11, bad_flash },
	{ 12, bad_inner },
	{ 13, bad_name },
	{ 13, bad_no_manufacturer },
	{ 14, bad_manufacturer_key },
};

/* error 02 to 14: ERRnn once, no OK, flash untouched, the long wait; and then, given a
 * good file, all is well */
static void expect_error_number(size_t i, uint32_t seed)
{
	static struct bad b;
	struct agent_config usual;

	world_init(&pki, seed);
	usual = world.config;
	cases[i].make(&b);
	world_serve_file(b.p, b.len);
	world_power_on();
	world_run(3 * WORLD_HOUR);
	if (world_count(NOTE_REPORT) != 1 ||
	    world_nth(NOTE_REPORT, 0)->error != cases[i].error)
		fail_msg("case %zu: %zu reports, the first %02u (%s), not %02u", i,
			 world_count(NOTE_REPORT),
			 world_count(NOTE_REPORT) ? world_nth(NOTE_REPORT, 0)->error
						  : 0,
			 world.what, cases[i].error);
	assert_int_equal(world_count(NOTE_CONFIRM), 0);
	assert_int_equal(world.flash_len, 0);
	assert_int_equal(world.events[AGENT_INVALID], 1);

	world_run(2 * WORLD_HOUR); /* the same again, after four hours */
	assert_int_equal(world_count(NOTE_REQUEST), 2);
	expect_gap(0, 4 * WORLD_HOUR, 2 * WORLD_SECOND);
	world_power_off();
	world.config = usual;
	world.flash_fails = 0;
	world_serve_file(good.file, good.file_len);
	world_power_on();
	world_run(WORLD_MINUTE);
	assert_true(is_certified());
}

static void test_every_error(void **state)
{
	unsigned seen = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expect_error_number(i, (uint32_t)i + 100);
		world_power_off();
		seen |= 1u << cases[i].error;
	}
	assert_int_equal(seen, 0x7ffc); /* 02 to 14 */
}

/* A7: with a certificate installed each failure leaves it, byte for byte */
static void test_every_error_leaves_the_old_state(void **state)
{
	static struct bad b;
	uint8_t before[AGENT_STATE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].make == bad_public_key ||
		    cases[i].make == bad_no_manufacturer)
			continue; /* with what is installed those files are good */
		world_init(&pki, (uint32_t)i + 200);
		world_serve_file(good.file, good.file_len);
		world_power_on();
		world_run(WORLD_MINUTE);
		assert_true(is_certified());
		memcpy(before, world.flash, world.flash_len);
		world_power_off();
		cases[i].make(&b);
		world_serve_file(b.p, b.len);
		world_power_on();
		agent_ask_now(&world.agent);
		world_run(WORLD_MINUTE);
		assert_int_equal(world_nth(NOTE_REPORT, 0)->error, cases[i].error);
		assert_memory_equal(before, world.flash, world.flash_len);
		world_power_off();
	}
}

/* error 09: an older certificate than the installed one, unless the operator reset */
static void test_rollback(void **state)
{
	static struct bad b;
	struct x509_values v = pki_values(&pki, &good.device_key);
	struct pki_cert older;

	(void)state;
	v.not_before -= PKI_DAY;
	older = device_for(&v, pki.manufacturer);
	put_file(&b, &pki.manufacturer_cert, &older, &good.device_key);
	world_init(&pki, 12);
	world_serve_file(good.file, good.file_len);
	world_power_on();
	world_run(WORLD_MINUTE);
	world_serve_file(b.p, b.len);
	agent_ask_now(&world.agent);
	world_run(WORLD_MINUTE);
	assert_int_equal(world_nth(NOTE_REPORT, 0)->error, 9);
	assert_true(is_certified());
	assert_int_equal(agent_forget(&world.agent), 0);
	world_run(WORLD_MINUTE);
	assert_int_equal(world_flash().device.len, older.len);
	assert_memory_equal(world_flash().device.p, older.der, older.len);
}

/* ---------------------------------------------------------------- servers that lie */

/* error 01: begun and not ended; counted as a failed attempt */
static void test_cut_off(void **state)
{
	(void)state;
	world_init(&pki, 13);
	world_serve_file(good.file, good.file_len);
	world.server_options = false;
	world.on_request = MOOD_STOP;
	world_power_on();
	world_run(9 * WORLD_MINUTE);
	assert_int_equal(world_count(NOTE_REPORT), 1);
	assert_int_equal(world_nth(NOTE_REPORT, 0)->error, 1);
	world_run(4 * WORLD_MINUTE);
	assert_int_equal(world_count(NOTE_REPORT), 2); /* after ten minutes */
	world.on_request = MOOD_FILE;
	world_run(WORLD_HOUR);
	assert_true(is_certified());
}

/* error 08: no end of blocks; never more than 16 KiB and a bit are taken */
static void test_endless(void **state)
{
	(void)state;
	world_init(&pki, 14);
	world.on_request = MOOD_ENDLESS;
	world_power_on();
	world_run(WORLD_HOUR);
	assert_int_equal(world_count(NOTE_REQUEST), 1);
	assert_int_equal(world_count(NOTE_REPORT), 1);
	assert_int_equal(world_nth(NOTE_REPORT, 0)->error, 8);
	assert_true(world.mails < 60);
}

static void test_strange_oack(void **state)
{
	(void)state;
	world_init(&pki, 15);
	world.on_request = MOOD_STRANGE_OACK;
	world_power_on();
	world_run(WORLD_HOUR);
	assert_int_equal(world_count(NOTE_REQUEST), 3); /* as a failed attempt */
	assert_int_equal(world.flash_writes, 0);
	assert_true(world.mails < 20);
}

/* ----------------------------------------------------------------------- any weather
 */

static void shake(struct bad *b)
{
	static const unsigned harmless[] = { 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
	unsigned roll = world_roll() % 20;

	world.on_request = (enum mood)(world_roll() % MOOD_COUNT);
	world.on_report = (enum mood)(world_roll() % MOOD_COUNT);
	world.on_confirm = (enum mood)(world_roll() % MOOD_COUNT);
	world.server_options = world_roll() % 2;
	world.loss = world_roll() % 40;
	world.repeat = world_roll() % 40;
	world.flash_fails = world_roll() % 8 == 0 ? -28 : 0;
	world.file = good.file;
	world.file_len = good.file_len;
	if (roll < sizeof(harmless) / sizeof(harmless[0])) {
		cases[harmless[roll]].make(b);
		world.file = b->p;
		world.file_len = b->len;
	}
}

/* Moods, losses and power cuts at random: what is in flash is always whole, and always
 * either nothing or the good certificate; the modem never storms; and once the server
 * is well, every modem gets there within the longest wait. */
static void test_any_weather(void **state)
{
	static struct bad b;

	(void)state;
	for (uint32_t seed = 1; seed <= 40; seed++) {
		unsigned mails;

		world_init(&pki, seed);
		world.config.schedule.jitter_percent = 20;
		world.config.schedule.start_spread_ms = 30 * WORLD_SECOND;
		for (int spell = 0; spell < 12; spell++) {
			shake(&b);
			mails = world.mails;
			world_power_off();
			world_power_on();
			world_run(world_roll() % (10 * WORLD_SECOND));
			if (world_roll() % 2)
				world_run(world_roll() % (2 * WORLD_HOUR));
			if (world_flash().device.len > 0)
				assert_true(is_certified());
			if (world.mails - mails > 600)
				fail_msg("seed %u: a storm of %u datagrams", seed,
					 world.mails - mails);
			world.n_notes = 0;
		}
		world.loss = world.repeat = 0;
		world.flash_fails = 0;
		world.on_request = world.on_report = world.on_confirm = MOOD_FILE;
		world.file = good.file;
		world.file_len = good.file_len;
		world_run(6 * WORLD_HOUR);
		if (!is_certified())
			fail_msg("seed %u: not certified in the end", seed);
		world_power_off();
		world_power_on();
		world_run(WORLD_HOUR);
		if (world_flash().unconfirmed)
			fail_msg("seed %u: not confirmed in the end", seed);
		world_power_off();
	}
}

/* A7: power cuts at each millisecond of the exchange */
static void test_power_cut_at_each_instant(void **state)
{
	uint64_t whole;

	(void)state;
	world_init(&pki, 16);
	world_serve_file(good.file, good.file_len);
	world_power_on();
	while (world.events[AGENT_CONFIRMED] == 0)
		world_run(1);
	whole = world.now;
	world_power_off();
	assert_in_range(whole, 20, 1000);
	for (uint64_t cut = 0; cut <= whole; cut++) {
		world_init(&pki, 16);
		world_serve_file(good.file, good.file_len);
		world_power_on();
		world_run(cut);
		world_power_off();
		if (world_flash().device.len > 0)
			assert_true(is_certified());
		world_power_on();
		world_run(WORLD_MINUTE);
		assert_true(is_certified());
		assert_false(world_flash().unconfirmed);
		world_power_off();
	}
}

/* ------------------------------------------------------------------------- years */

/* A1: renewed thirty days before the end; a server that has nothing newer is asked at
 * each examination, and no more often */
static void test_renewal(void **state)
{
	static struct bad b;
	struct x509_values v = pki_values(&pki, &good.device_key);
	struct pki_cert newer;
	size_t asked;

	(void)state;
	world_init(&pki, 17);
	world_serve_file(good.file, good.file_len);
	world.config.schedule.examine_ms = 20 * WORLD_DAY;
	world_power_on();
	world_run((10 * 365 - 32) * WORLD_DAY);
	assert_int_equal(world_count(NOTE_REQUEST), 1);
	world_run(2 * WORLD_DAY);
	assert_int_equal(world_count(NOTE_REQUEST), 2); /* not before, and on the day */
	world_run(25 * WORLD_DAY);
	assert_int_equal(world_count(NOTE_REQUEST), 3);
	v.not_before += 9 * PKI_YEAR;
	v.not_after += 9 * PKI_YEAR;
	newer = device_for(&v, pki.manufacturer);
	put_file(&b, &pki.manufacturer_cert, &newer, &good.device_key);
	world_serve_file(b.p, b.len);
	world_run(20 * WORLD_DAY);
	assert_memory_equal(world_flash().device.p, newer.der, newer.len);
	asked = world_count(NOTE_REQUEST);
	world_run(300 * WORLD_DAY);
	assert_int_equal(world_count(NOTE_REQUEST), asked);
}

/* A1: without the time of day, expiry is not judged */
static void test_without_a_clock(void **state)
{
	(void)state;
	world_init(&pki, 18);
	world.epoch = -1;
	world.config.schedule.examine_ms = 30 * WORLD_DAY;
	world_serve_file(good.file, good.file_len);
	world_power_on();
	world_run(30 * 365 * WORLD_DAY);
	assert_int_equal(world_count(NOTE_REQUEST), 1);
	assert_true(is_certified());
}

/* A1: a clock that was set only later */
static void test_clock_set_later(void **state)
{
	(void)state;
	world_init(&pki, 19);
	world.epoch = -1;
	world_serve_file(good.file, good.file_len);
	world_power_on();
	world_run(WORLD_DAY);
	world.epoch = PKI_2026 + 10 * PKI_YEAR - 29 * PKI_DAY;
	world_run(2 * WORLD_DAY);
	assert_true(world_count(NOTE_REQUEST) > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_not_found_for_a_week, stop),
		cmocka_unit_test_teardown(test_jitter_over_a_week, stop),
		cmocka_unit_test_teardown(test_fleet_after_a_power_cut, stop),
		cmocka_unit_test_teardown(test_silence, stop),
		cmocka_unit_test_teardown(test_rejected, stop),
		cmocka_unit_test_teardown(test_announced, stop),
		cmocka_unit_test_teardown(test_whole_life, stop),
		cmocka_unit_test_teardown(test_names, stop),
		cmocka_unit_test_teardown(test_bound_confirmation, stop),
		cmocka_unit_test_teardown(test_confirmation_unanswered, stop),
		cmocka_unit_test_teardown(test_confirmation_refused, stop),
		cmocka_unit_test_teardown(test_restart_after_install, stop),
		cmocka_unit_test_teardown(test_every_error, stop),
		cmocka_unit_test_teardown(test_every_error_leaves_the_old_state, stop),
		cmocka_unit_test_teardown(test_rollback, stop),
		cmocka_unit_test_teardown(test_cut_off, stop),
		cmocka_unit_test_teardown(test_endless, stop),
		cmocka_unit_test_teardown(test_strange_oack, stop),
		cmocka_unit_test_teardown(test_any_weather, stop),
		cmocka_unit_test_teardown(test_power_cut_at_each_instant, stop),
		cmocka_unit_test_teardown(test_renewal, stop),
		cmocka_unit_test_teardown(test_without_a_clock, stop),
		cmocka_unit_test_teardown(test_clock_set_later, stop),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
