/* A modem in memory, and a world around it in virtual time: the agent library with a
 * memory platform (SPEC A11), a link that loses, repeats and delays, and a small TFTP
 * server that does what the test says.
 *
 * A day passes in milliseconds. One seed decides everything. */
#ifndef TEST_DEVICE_H
#define TEST_DEVICE_H

#include "pki.h"
#include "agent/agent.h"
#include "base/errors.h"
#include "base/writer.h"
#include "crypto/keybox.h"

enum {
	WORLD_MAIL_MAX = 256,
	WORLD_TRANSFERS = 8,
	WORLD_NOTES_MAX = 512,
	WORLD_SECOND = 1000,
	WORLD_MINUTE = 60 * WORLD_SECOND,
	WORLD_HOUR = 60 * WORLD_MINUTE,
	WORLD_FILE_MAX = 20 * 1024
};
#define WORLD_DAY (UINT64_C(24) * WORLD_HOUR)

/* How the server answers one kind of name. */
enum mood {
	MOOD_FILE, /* the file; or, for ERR and OK, an empty one */
	MOOD_NOT_FOUND,
	MOOD_ANNOUNCE, /* not found; retry after 1500 s */
	MOOD_REJECT,
	MOOD_SILENT,
	MOOD_STOP, /* one block, and no more */
	MOOD_ENDLESS,
	MOOD_STRANGE_OACK,
	MOOD_COUNT
};

struct mail {
	bool used, to_server;
	uint64_t due;
	uint16_t client_port, server_port;
	size_t len;
	uint8_t p[1500];
};

struct served {
	bool used;
	uint16_t client_port, server_port;
	enum mood mood;
	const uint8_t *p;
	size_t len;
	size_t blksize;
	uint16_t block; /* in flight */
	uint8_t tries;
	uint64_t resend;
};

enum note_kind { NOTE_REQUEST, NOTE_REPORT, NOTE_CONFIRM };

/* A name that reached the server. */
struct note {
	enum note_kind kind;
	uint64_t at;
	unsigned error;
	struct name_code code;
};

struct world {
	struct agent agent;
	struct agent_config config;
	struct agent_platform platform;
	bool on;

	uint64_t now;
	int64_t epoch; /* Unix seconds at now == 0; < 0: the modem has no clock */
	uint32_t seed;
	unsigned loss, repeat; /* of 100 */

	uint8_t flash[AGENT_STATE_MAX];
	size_t flash_len;
	unsigned flash_writes;
	int flash_fails; /* what a write returns; 0: it works */

	uint16_t port[AGENT_CHANNELS], next_port;
	struct mail mail[WORLD_MAIL_MAX];
	unsigned mails; /* sent by the modem */

	bool server_options;
	enum mood on_request, on_report, on_confirm;
	const uint8_t *file;
	size_t file_len;
	struct served served[WORLD_TRANSFERS];
	uint16_t next_server_port;
	struct note notes[WORLD_NOTES_MAX];
	size_t n_notes;

	unsigned events[AGENT_EVENT_COUNT];
	char what[200]; /* of the last AGENT_INVALID */
	unsigned restarts;
};

static struct world world;

__attribute__((unused)) static uint32_t world_roll(void)
{
	world.seed = world.seed * 1664525u + 1013904223u;
	return world.seed >> 8;
}

/* ------------------------------------------------------------------------- the link */

__attribute__((unused)) static void world_post(bool to_server, uint16_t client_port,
					       uint16_t server_port, const void *p,
					       size_t len)
{
	unsigned copies = world_roll() % 100 < world.loss ? 0 : 1;

	copies += world_roll() % 100 < world.repeat;
	for (size_t i = 0; i < WORLD_MAIL_MAX && copies > 0; i++) {
		struct mail *m = &world.mail[i];

		if (m->used)
			continue;
		assert_true(len <= sizeof(m->p));
		*m = (struct mail){ .used = true,
				    .to_server = to_server,
				    .due = world.now + 1 + world_roll() % 40,
				    .client_port = client_port,
				    .server_port = server_port,
				    .len = len };
		memcpy(m->p, p, len);
		copies--;
	}
}

/* ---------------------------------------------------------------------- the platform
 */

static uint64_t device_clock(void *ctx)
{
	(void)ctx;
	return world.now;
}

static int64_t device_time(void *ctx)
{
	(void)ctx;
	return world.epoch < 0 ? -1 : world.epoch + (int64_t)(world.now / 1000);
}

static void device_random(void *ctx, void *ret, size_t n)
{
	uint8_t *p = ret;

	(void)ctx;
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)world_roll();
}

static int device_open(void *ctx, unsigned channel)
{
	(void)ctx;
	assert_true(channel < AGENT_CHANNELS);
	world.port[channel] = ++world.next_port;
	if (world.next_port < 1024)
		world.port[channel] = world.next_port = 1024;
	return 0;
}

static int device_send(void *ctx, unsigned channel, const struct fetch_addr *to,
		       const void *p, size_t len)
{
	(void)ctx;
	assert_int_not_equal(world.port[channel], 0);
	assert_memory_equal(to->ip, world.config.server.ip, 16);
	world.mails++;
	world_post(true, world.port[channel], to->port, p, len);
	return 0;
}

static void device_close(void *ctx, unsigned channel)
{
	(void)ctx;
	assert_int_not_equal(world.port[channel], 0);
	world.port[channel] = 0;
}

static int device_flash_read(void *ctx, void *ret, size_t cap, size_t *ret_len)
{
	(void)ctx;
	if (world.flash_len == 0)
		return FC_EABSENT;
	assert_true(world.flash_len <= cap);
	memcpy(ret, world.flash, world.flash_len);
	*ret_len = world.flash_len;
	return 0;
}

static int device_flash_write(void *ctx, const void *p, size_t len)
{
	(void)ctx;
	assert_true(len <= sizeof(world.flash));
	world.flash_writes++;
	if (world.flash_fails != 0)
		return world.flash_fails;
	memcpy(world.flash, p, len);
	world.flash_len = len;
	return 0;
}

static void device_event(void *ctx, const struct agent_event *e)
{
	(void)ctx;
	assert_true(e->kind < AGENT_EVENT_COUNT);
	assert_non_null(e->what);
	world.events[e->kind]++;
	if (e->kind == AGENT_INVALID)
		(void)snprintf(world.what, sizeof(world.what), "%s", e->what);
}

static void device_restart(void *ctx)
{
	(void)ctx;
	world.restarts++;
}

/* ------------------------------------------------------------------------ the server
 */

static struct served *world_transfer(uint16_t client_port, uint16_t server_port)
{
	for (size_t i = 0; i < WORLD_TRANSFERS; i++)
		if (world.served[i].used &&
		    world.served[i].client_port == client_port &&
		    (server_port == 0 || world.served[i].server_port == server_port))
			return &world.served[i];
	return NULL;
}

static void world_send_block(struct served *s)
{
	uint8_t packet[1500], zeros[1500] = { 0 };
	struct out o = out_of(packet, sizeof(packet));
	size_t off = (size_t)(s->block - 1) * s->blksize;
	size_t n = s->len - off < s->blksize ? s->len - off : s->blksize;

	if (s->mood == MOOD_ENDLESS)
		tftp_build_data(&o, s->block, zeros, s->blksize);
	else
		tftp_build_data(&o, s->block, n > 0 ? s->p + off : NULL, n);
	world_post(false, s->client_port, s->server_port, packet, o.len);
	s->resend = world.now + 700;
}

static void world_send_error(uint16_t client_port, enum tftp_error code,
			     const char *text)
{
	uint8_t packet[200];
	struct out o = out_of(packet, sizeof(packet));

	tftp_build_error(&o, code, text);
	world_post(false, client_port, ++world.next_server_port, packet, o.len);
}

static void world_note(const struct name *n)
{
	struct note *note = &world.notes[world.n_notes % WORLD_NOTES_MAX];

	world.n_notes++;
	*note = (struct note){ .kind = n->kind == NAME_REQUEST  ? NOTE_REQUEST
				       : n->kind == NAME_REPORT ? NOTE_REPORT
								: NOTE_CONFIRM,
			       .at = world.now,
			       .error = n->error,
			       .code = n->code };
}

static void world_begin(const struct mail *m, const struct tftp_request *r,
			const struct name *n)
{
	enum mood mood = n->kind == NAME_REQUEST  ? world.on_request
			 : n->kind == NAME_REPORT ? world.on_report
						  : world.on_confirm;
	struct served *s = world_transfer(m->client_port, 0);
	uint8_t packet[200];
	struct out o = out_of(packet, sizeof(packet));
	struct tftp_options accepted = { .has_blksize = false };

	/* a report and a confirmation are plain RFC 1350: nothing to acknowledge */
	if (n->kind != NAME_REQUEST)
		assert_false(r->options.has_blksize || r->options.has_windowsize ||
			     r->options.has_tsize || r->options.has_timeout);
	if (s != NULL)
		return; /* a repeated request */
	for (size_t i = 0; i < WORLD_TRANSFERS && s == NULL; i++)
		s = world.served[i].used ? NULL : &world.served[i];
	if (mood == MOOD_SILENT || s == NULL)
		return;
	if (mood == MOOD_NOT_FOUND || mood == MOOD_ANNOUNCE) {
		world_send_error(m->client_port, TFTP_ENOTFOUND,
				 mood == MOOD_ANNOUNCE
					 ? "File_Name_Not_Found; retry after 1500 s"
					 : "File_Name_Not_Found");
		return;
	}
	if (mood == MOOD_REJECT) {
		world_send_error(m->client_port, TFTP_EACCESS, "Authentication_Failed");
		return;
	}
	*s = (struct served){ .used = true,
			      .client_port = m->client_port,
			      .server_port = ++world.next_server_port,
			      .mood = mood,
			      .p = world.file,
			      .len = n->kind == NAME_REQUEST ? world.file_len : 0,
			      .blksize = 512,
			      .block = 1 };
	if (mood == MOOD_STRANGE_OACK) {
		accepted.has_timeout = true;
		accepted.timeout_s = 9;
	} else if (world.server_options && r->options.has_blksize) {
		accepted.has_blksize = true;
		accepted.blksize = r->options.blksize;
		s->blksize = r->options.blksize;
		s->block = 0;
	}
	if (!accepted.has_blksize && !accepted.has_timeout) {
		world_send_block(s);
		return;
	}
	tftp_build_oack(&o, &accepted);
	world_post(false, s->client_port, s->server_port, packet, o.len);
	s->resend = world.now + 700;
}

static void world_serve(const struct mail *m)
{
	struct tftp_request r;
	struct served *s;
	struct name n;
	uint16_t block;

	if (m->server_port == 69) {
		assert_int_equal(tftp_parse_request(m->p, m->len, &r), 0);
		assert_int_equal(name_parse(r.name, r.name_len, &n), 0);
		assert_true(mac_equal(&n.mac, &pki_mac));
		world_note(&n);
		world_begin(m, &r, &n);
		return;
	}
	s = world_transfer(m->client_port, m->server_port);
	if (s == NULL)
		return;
	if (tftp_parse_ack(m->p, m->len, &block) < 0) {
		s->used = false; /* an ERROR */
		return;
	}
	if (block != s->block)
		return;
	if (s->mood != MOOD_ENDLESS && s->block > 0 &&
	    (size_t)s->block * s->blksize > s->len) {
		s->used = false; /* the last block was a short one */
		return;
	}
	s->tries = 0;
	s->block++;
	if (s->mood != MOOD_STOP || s->block < 2)
		world_send_block(s);
	else
		s->used = false;
}

static void world_server_timers(void)
{
	for (size_t i = 0; i < WORLD_TRANSFERS; i++) {
		struct served *s = &world.served[i];

		if (!s->used || s->resend > world.now)
			continue;
		if (++s->tries > 5 || s->block == 0)
			s->used = false;
		else
			world_send_block(s);
	}
}

/* --------------------------------------------------------------------------- running
 */

static const struct auth_secret world_secrets[] = {
	{ 34, "This is a secret string number one" },
	{ 34, "This is a secret string number two" },
	{ 36, "This is a secret string number three" },
};

/* A world with a modem that is off, its flash empty; the server knows nothing. */
__attribute__((unused)) static void world_init(const struct pki *pki, uint32_t seed)
{
	memset(&world, 0, sizeof(world));
	world.seed = seed;
	world.epoch = PKI_2026 + PKI_DAY;
	world.on_request = MOOD_NOT_FOUND;
	world.next_port = 2000;
	world.next_server_port = 40000;
	world.server_options = true;
	world.config = (struct agent_config){
		.type = "CM",
		.mac = pki_mac,
		.serial = "J09H7CDEF",
		.serial_len = 9,
		.codes = { .hash = AUTH_SHA1,
			   .bits = 24,
			   .request_serial = true,
			   .confirm_code = true },
		.secret1 = &world_secrets[0],
		.secret2 = &world_secrets[1],
		.secret3 = &world_secrets[2],
		.trust = { .roots = { { pki->root_cert.der, pki->root_cert.len } },
			   .n_roots = 1 },
		.server = { .ip = { [10] = 0xff, 0xff, 192, 0, 2, 1 }, .port = 69 },
		.transfer = { .blksize = 1428,
			      .windowsize = 4,
			      .tsize = true,
			      .rto_ms = 1000,
			      .rto_max_ms = 4000,
			      .request_tries = 4,
			      .tries = 4,
			      .restarts = 1,
			      .total_ms = 120000,
			      .dally_ms = 5000 },
		.schedule = { .retry_ms = { 10 * WORLD_MINUTE, 20 * WORLD_MINUTE,
					    40 * WORLD_MINUTE },
			      .n_retry = 3,
			      .long_wait_ms = 4 * WORLD_HOUR,
			      .announced_min_ms = WORLD_MINUTE,
			      .confirm_ms = { 10 * WORLD_SECOND, 20 * WORLD_SECOND,
					      40 * WORLD_SECOND },
			      .n_confirm = 3,
			      .examine_ms = WORLD_DAY,
			      .guard_ms = 5 * WORLD_MINUTE },
		.renew_before_s = 30 * PKI_DAY,
	};
	world.platform = (struct agent_platform){
		.clock_ms = device_clock,
		.time_s = device_time,
		.random = device_random,
		.open = device_open,
		.send = device_send,
		.close = device_close,
		.flash_read = device_flash_read,
		.flash_write = device_flash_write,
		.event = device_event,
		.restart = device_restart,
	};
}

__attribute__((unused)) static void world_power_on(void)
{
	memset(world.port, 0, sizeof(world.port));
	assert_int_equal(agent_start(&world.agent, &world.config, &world.platform), 0);
	world.on = true;
}

/* As a power cut does: nothing is closed, nothing said goodbye to. */
__attribute__((unused)) static void world_power_off(void)
{
	if (!world.on)
		return;
	authcode_free(world.agent.authcode); /* not the modem's matter: memory */
	memset(&world.agent, 0xa5, sizeof(world.agent));
	memset(world.port, 0, sizeof(world.port));
	world.on = false;
}

static uint64_t world_next(void)
{
	uint64_t next = world.on ? agent_deadline(&world.agent) : UINT64_MAX;

	for (size_t i = 0; i < WORLD_MAIL_MAX; i++)
		if (world.mail[i].used && world.mail[i].due < next)
			next = world.mail[i].due;
	for (size_t i = 0; i < WORLD_TRANSFERS; i++)
		if (world.served[i].used && world.served[i].resend < next)
			next = world.served[i].resend;
	return next;
}

static void world_deliver(const struct mail *m)
{
	struct fetch_addr from = world.config.server;

	if (m->to_server) {
		world_serve(m);
		return;
	}
	from.port = m->server_port;
	for (unsigned i = 0; i < AGENT_CHANNELS && world.on; i++)
		if (world.port[i] != 0 && world.port[i] == m->client_port)
			agent_datagram(&world.agent, i, &from, m->p, m->len);
}

/* Let time pass until then; everything due on the way happens. */
__attribute__((unused)) static void world_run_until(uint64_t end)
{
	while (world_next() <= end) {
		if (world_next() > world.now)
			world.now = world_next();
		for (size_t i = 0; i < WORLD_MAIL_MAX; i++) {
			struct mail m = world.mail[i];

			if (!m.used || m.due > world.now)
				continue;
			world.mail[i].used = false;
			world_deliver(&m);
		}
		world_server_timers();
		if (world.on)
			agent_turn(&world.agent);
	}
	if (end > world.now)
		world.now = end;
}

__attribute__((unused)) static void world_run(uint64_t how_long)
{
	world_run_until(world.now + how_long);
}

/* How many names of a kind came in, and the n-th of them. */
__attribute__((unused)) static size_t world_count(enum note_kind kind)
{
	size_t n = 0;

	assert_true(world.n_notes <= WORLD_NOTES_MAX);
	for (size_t i = 0; i < world.n_notes; i++)
		n += world.notes[i].kind == kind;
	return n;
}

__attribute__((unused)) static const struct note *world_nth(enum note_kind kind,
							    size_t n)
{
	for (size_t i = 0; i < world.n_notes; i++)
		if (world.notes[i].kind == kind && n-- == 0)
			return &world.notes[i];
	fail_msg("no such note");
	return &world.notes[0]; /* not reached */
}

/* What flash holds. */
__attribute__((unused)) static struct agent_state world_flash(void)
{
	struct agent_state s = { .unconfirmed = false };

	if (world.flash_len > 0)
		assert_int_equal(agent_state_parse(world.flash, world.flash_len, &s),
				 0);
	return s;
}

/* ----------------------------------------------------------------- certificate files
 */

/* A good file for this modem and its parts, from which tests make bad ones. */
struct material {
	struct pki_key device_key;
	struct pki_cert device;
	uint8_t file[WORLD_FILE_MAX];
	size_t file_len;
};

/* The key object's value, sealed for this modem. */
__attribute__((unused)) static void material_key(struct out *o,
						 const struct pki_key *key)
{
	static const uint8_t nonce[CERTKEY_NONCE_LEN] = { 7, 7, 7 };
	uint8_t value[4096];
	struct out v = out_of(value, sizeof(value));

	assert_int_equal(keybox_seal(&world_secrets[2], &pki_mac, "J09H7CDEF", 9, 1,
				     nonce, key->pkcs8, key->pkcs8_len, &v),
			 0);
	certfile_put(o, CERTFILE_KEY, v.buf, v.len);
}

/* manufacturer, device, key: any may be NULL */
__attribute__((unused)) static size_t material_file(uint8_t *ret, size_t cap,
						    const struct pki_cert *manufacturer,
						    const struct pki_cert *device,
						    const struct pki_key *key)
{
	struct out o = out_of(ret, cap);

	if (manufacturer != NULL)
		certfile_put(&o, CERTFILE_MANUFACTURER, manufacturer->der,
			     manufacturer->len);
	if (device != NULL)
		certfile_put(&o, CERTFILE_DEVICE, device->der, device->len);
	if (key != NULL)
		material_key(&o, key);
	assert_false(o.full);
	return o.len;
}

__attribute__((unused)) static void material_init(struct pki *pki, struct material *m)
{
	struct x509_values v;

	pki_make_key(1024, &m->device_key);
	v = pki_values(pki, &m->device_key);
	pki_device(&pki_profile, &v, pki->manufacturer, &m->device);
	m->file_len = material_file(m->file, sizeof(m->file), &pki->manufacturer_cert,
				    &m->device, &m->device_key);
}

__attribute__((unused)) static void world_serve_file(const uint8_t *p, size_t len)
{
	world.file = p;
	world.file_len = len;
	world.on_request = MOOD_FILE;
}

#endif
