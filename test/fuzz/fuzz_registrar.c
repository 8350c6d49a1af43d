/* The registrar, with fronts, signers and fieldcertctl in an attacker's hands.
 *
 * The input is a script: a byte says who speaks next, more bytes what.  Signers answer
 * what they were asked, honestly or spoilt; a raw message is any bytes.  A turn is
 * the registrar's own, over a database in a folder of its own, whose disk may be full
 * when it is to be committed.  The oracle looks at
 * what is committed, through a second handle, and at all that leaves:
 *
 *	a device has one certificate an epoch that is not void
 *	what a signer is to sign was committed before, and what is issued contains it
 *	a file that a front gets was committed
 *	every message is one that the other end's parser takes, and its to hear */
#include "fuzz/fuzz.h"
#include "pki.h"
#include <errno.h>
#include "scratch.h"

#include "base/cursor.h"
#include "crypto/authcode.h"
#include "wire/certfile.h"

#include "crypto/issuedby.h"
#include "store/store.h"

static bool disk_full;

static int commit_or_not(struct store *s)
{
	return disk_full ? -ENOSPC : store_commit(s);
}

#define store_commit commit_or_not
#include "cmd/fieldcertd/registrar.c"
#undef store_commit

#define SECRETS                                                                        \
	"secrets \"one\" { set = 1 kind = derived request = r confirm = c keybox = k " \
	"}\n"
static const char *const conf_texts[] = {
	SECRETS "issuer \"ca\" { certificate = ca.pem key = ca.key }\n"
		"class \"keyless\" { key-source = registry }\n",
	SECRETS "issuer \"ca\" { root-certificate = r.pem root-key = r.key "
		"organization = x }\n",
};

enum {
	STEPS_MAX = 64,
	FRONTS = 2,
	SIGNERS = 2,
	CALLERS = FRONTS + SIGNERS,
	MACS = 4,
	ASKED_MAX = 4,
	SEEN_MAX = 256,
	QUEUE_MAX = 1 << 20
};

/* What a signer was asked for, and by which number. */
struct asked {
	uint64_t job;
	struct ipc_plan plan;
	uint8_t bytes[IPC_CERT_MAX], seal[IPC_SEAL_LEN];
	size_t len;
	bool key;
};

struct row {
	int64_t id;
	struct mac mac;
	uint32_t epoch;
	enum cert_state state;
	uint8_t tbs[IPC_CERT_MAX];
	size_t tbs_len;
};

struct file_seen {
	uint32_t epoch;
	uint8_t digest[IPC_DIGEST_LEN];
};

static struct pki pki;
static struct pki_key keys[MACS];
static struct scratch scratch;
static struct conf *confs[2];
static struct registrar reg;
static struct child child = { .who = "registrar" };
static struct store *reader;

static struct chan *callers[CALLERS];
static struct asked plans[ASKED_MAX], signs[ASKED_MAX], wraps[ASKED_MAX];
static unsigned n_plans, n_signs, n_wraps;
static struct row rows[SEEN_MAX];
static size_t n_rows;
static struct file_seen seen_files[SEEN_MAX];
static size_t n_files;
static struct mac macs[SEEN_MAX];
static size_t n_macs;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static enum ipc_role role_of(size_t caller)
{
	return caller < FRONTS ? IPC_ROLE_FRONT : IPC_ROLE_SIGNER;
}

static uint16_t number_of(size_t caller)
{
	return (uint16_t)(caller < FRONTS ? caller : caller - FRONTS);
}

/* ---- what is committed ------------------------------------------------------------
 */

static void check_issued(const struct row *row, const struct store_cert *c)
{
	const char *why;

	require(row->tbs_len > 0 &&
		memmem(c->der, c->der_len, row->tbs, row->tbs_len) != NULL);
	require(x509_issued_by(c->der, c->der_len, pki.manufacturer_cert.der,
			       pki.manufacturer_cert.len, &why) == 0);
}

static int see_cert(void *ctx, const struct store_cert *c)
{
	struct row *row = NULL;

	(void)ctx;
	for (size_t i = 0; i < n_rows; i++) {
		if (rows[i].id == c->id)
			row = &rows[i];
		else if (c->state != CERT_VOID && rows[i].state != CERT_VOID)
			require(rows[i].epoch != c->epoch ||
				!mac_equal(&rows[i].mac, &c->mac));
	}
	if (!row) {
		require(c->state == CERT_PLANNED || c->state == CERT_PRELOADED ||
			c->state == CERT_VOID);
		if (n_rows == SEEN_MAX)
			return 1;
		row = &rows[n_rows++];
		*row = (struct row){ .id = c->id, .mac = c->mac, .epoch = c->epoch };
	}
	if (c->state == CERT_ISSUED && row->state != CERT_ISSUED)
		check_issued(row, c);
	require(mac_equal(&row->mac, &c->mac) && row->epoch == c->epoch);
	row->state = c->state;
	if (c->state == CERT_PLANNED) {
		require(c->tbs_len > 0 && c->tbs_len <= sizeof(row->tbs));
		memcpy(row->tbs, c->tbs, c->tbs_len);
		row->tbs_len = c->tbs_len;
	}
	return 0;
}

/* Those that end first: what takes a row's place is seen after. */
static int see_void(void *ctx, const struct store_cert *c)
{
	(void)ctx;
	for (size_t i = 0; i < n_rows; i++)
		if (rows[i].id == c->id)
			rows[i].state = CERT_VOID;
	return 0;
}

static int see_device(void *ctx, const struct store_device *d)
{
	(void)ctx;
	if (d->file_epoch > 0 && n_macs < SEEN_MAX)
		macs[n_macs++] = d->mac;
	return 0;
}

static void see_file(const struct mac *mac)
{
	struct file_seen f;
	const uint8_t *p;
	size_t len;
	uint8_t set;

	if (store_file_get(reader, mac, &f.epoch, &set, &p, &len) < 0)
		return;
	require(sha256_of(p, len, f.digest) == 0);
	for (size_t i = 0; i < n_files; i++)
		if (seen_files[i].epoch == f.epoch &&
		    memcmp(seen_files[i].digest, f.digest, sizeof(f.digest)) == 0)
			return;
	if (n_files < SEEN_MAX)
		seen_files[n_files++] = f;
}

static void look(void)
{
	require(store_cert_each(reader, CERT_VOID, see_void, NULL) == 0);
	require(store_cert_each(reader, -1, see_cert, NULL) == 0);
	n_macs = 0;
	require(store_device_each(reader, -1, 0, see_device, NULL) == 0);
	for (size_t i = 0; i < n_macs; i++)
		see_file(&macs[i]);
}

/* ---- what leaves ------------------------------------------------------------------
 */

static void check_answer(const struct ipc_answer *a)
{
	struct file_seen f = { .epoch = a->epoch };
	bool known = false;

	if (a->verdict != IPC_VERDICT_FILE) {
		require(a->file.len == 0);
		return;
	}
	require(sha256_of(a->file.p, a->file.len, f.digest) == 0);
	for (size_t i = 0; i < n_files && !known; i++)
		known = seen_files[i].epoch == f.epoch &&
			memcmp(seen_files[i].digest, f.digest, sizeof(f.digest)) == 0;
	require(known || n_files == SEEN_MAX);
}

static void check_sign(const struct ipc_sign *m)
{
	bool known = n_rows == SEEN_MAX;

	for (size_t i = 0; i < n_rows && !known; i++)
		known = mac_equal(&rows[i].mac, &m->mac) &&
			rows[i].tbs_len == m->tbs.len &&
			memcmp(rows[i].tbs, m->tbs.p, m->tbs.len) == 0;
	require(known);
}

static void keep_bytes(struct asked *a, uint64_t job, const struct ipc_blob *b)
{
	a->job = job;
	a->len = b->len <= sizeof(a->bytes) ? b->len : 0;
	if (a->len > 0)
		memcpy(a->bytes, b->p, a->len);
}

static void take_for_signer(const struct ipc_message *m)
{
	struct asked *a;

	if (m->type == IPC_PLAN) {
		a = &plans[n_plans++ % ASKED_MAX];
		keep_bytes(a, m->u.plan.job, &m->u.plan.spki);
		a->plan = m->u.plan;
	} else if (m->type == IPC_SIGN) {
		check_sign(&m->u.sign);
		a = &signs[n_signs++ % ASKED_MAX];
		keep_bytes(a, m->u.sign.job, &m->u.sign.tbs);
		a->key = m->u.sign.wrapped.len > 0;
	} else if (m->type == IPC_WRAP) {
		a = &wraps[n_wraps++ % ASKED_MAX];
		keep_bytes(a, m->u.wrap.job, &m->u.wrap.wrapped);
	} else {
		require(m->type == IPC_ISSUER_LOAD || m->type == IPC_ISSUER_MAKE);
	}
}

static void take_for_front(const struct ipc_message *m)
{
	if (m->type == IPC_ANSWER)
		check_answer(&m->u.answer);
	else
		require(m->type == IPC_DIGEST_IS || m->type == IPC_TABLE);
}

static void take_from_registrar(size_t caller)
{
	static uint8_t buf[IPC_MESSAGE_MAX];
	struct ipc_message m;
	int64_t n;
	int fd = -1;

	while ((n = chan_recv(callers[caller], buf, sizeof(buf), &fd)) > 0) {
		require(ipc_parse(buf, (size_t)n, &m) == 0);
		require((m.type == IPC_TABLE) == (fd >= 0));
		if (fd >= 0)
			(void)close(fd);
		if (role_of(caller) == IPC_ROLE_FRONT)
			take_for_front(&m);
		else
			take_for_signer(&m);
	}
}

static void take_all(void)
{
	look();
	for (size_t i = 0; i < CALLERS; i++)
		if (callers[i])
			take_from_registrar(i);
}

/* ---- what is said to it ------------------------------------------------------------
 */

static struct peer *peer_of(size_t caller)
{
	for (size_t i = 0; i < PEERS_MAX; i++) {
		struct peer *p = &reg.peers[i];

		if (p->chan && p->role == role_of(caller) &&
		    p->number == number_of(caller))
			return p;
	}
	return NULL;
}

static void call(size_t caller)
{
	struct ipc_peer m = { .role = (uint8_t)role_of(caller),
			      .number = number_of(caller) };
	int fd[2];

	chan_free(callers[caller]);
	require(chan_pair(fd) == 0);
	callers[caller] = chan_new(fd[0], QUEUE_MAX);
	require(callers[caller] && take_peer(&reg, &m, fd[1]) == 0);
}

static void say_bytes(size_t caller, const uint8_t *p, size_t len)
{
	struct peer *peer = peer_of(caller);

	if (!peer) { /* it broke the contract: the parent starts another */
		call(caller);
		peer = peer_of(caller);
	}
	require(peer && chan_send(callers[caller], p, len, -1) == 0);
	on_peer(peer, chan_fd(peer->chan), EPOLLIN);
}

static void say(size_t caller, const struct ipc_message *m)
{
	static uint8_t bytes[IPC_MESSAGE_MAX];
	struct out o = out_of(bytes, sizeof(bytes));

	ipc_build(&o, m);
	require(!o.full);
	say_bytes(caller, bytes, o.len);
}

static struct ipc_blob spoil(struct cur *c, const void *p, size_t len,
			     uint8_t buf[IPC_CERT_MAX])
{
	uint8_t how = cur_u8(c);
	uint16_t where = cur_u16(c);

	if (len > 0)
		memcpy(buf, p, len);
	if (len > 0 && how == 1)
		buf[where % len] ^= (uint8_t)(1 << (where >> 13));
	if (len > 0 && how == 2)
		len = where % len;
	return (struct ipc_blob){ len ? buf : NULL, len };
}

static struct mac mac_of(uint8_t n)
{
	struct mac m = pki_mac;

	m.b[5] = (uint8_t)(m.b[5] - n % MACS);
	return m;
}

static struct ipc_addr addr_of(uint8_t n)
{
	return (struct ipc_addr){ .ip = { [10] = 0xff, 0xff, 192, 0, 2, n & 1 },
				  .port = 1069 };
}

static void front_speaks(struct cur *c)
{
	static uint64_t ref;
	uint8_t what = cur_u8(c), who = cur_u8(c), n = cur_u8(c);
	struct ipc_message m = { .type = IPC_ASK };

	ref++;
	switch (what % 6) {
	case 0:
		m.u.ask = (struct ipc_ask){ ref, mac_of(who), "CM", n, addr_of(n) };
		memcpy(m.u.ask.type, "CM", 2);
		break;
	case 1:
		m.type = IPC_DIGEST;
		m.u.digest = (struct ipc_digest){ ref, mac_of(who) };
		break;
	case 2:
		m.type = IPC_CONFIRM;
		m.u.confirm =
			(struct ipc_confirm){ ref, mac_of(who), n & 1, addr_of(n) };
		break;
	case 3:
		m.type = IPC_REPORT;
		m.u.report = (struct ipc_report){ ref, mac_of(who),
						  (uint8_t)(1 + n % 14), addr_of(n) };
		break;
	case 4:
		m.type = IPC_DELIVERED;
		m.u.delivered = (struct ipc_delivered){ mac_of(who), n, addr_of(n) };
		break;
	default:
		m.type = IPC_COUNTERS;
		m.u.counters.n = n % (IPC_COUNTERS_MAX + 1);
		memset(m.u.counters.v, n, sizeof(m.u.counters.v));
	}
	say(what >= 128, &m);
}

static void answer_plan(struct cur *c, size_t signer, const struct asked *a)
{
	uint8_t how = cur_u8(c), tbs[IPC_CERT_MAX], buf[3][IPC_CERT_MAX];
	struct ipc_message m = { .type = IPC_PLANNED };
	struct pki_key key = keys[how % MACS];
	const char *why;
	struct x509_values v;
	size_t len = 0;

	if (a->len > 0 && a->len <= sizeof(key.spki)) {
		memcpy(key.spki, a->bytes, a->len);
		key.spki_len = a->len;
	}
	v = pki_values(&pki, &key);
	v.mac = how & 8 ? mac_of(how) : a->plan.mac;
	v.not_before = a->plan.not_before;
	v.not_after = a->plan.not_after;
	memcpy(v.cert_serial, a->plan.cert_serial, sizeof(v.cert_serial));
	if (x509_build_device(&pki_profile, &v, pki.manufacturer, tbs, sizeof(tbs),
			      &len, &why))
		len = 0;
	m.u.planned.job = a->job + (how >> 7);
	m.u.planned.rc = how & 16 ? -1000 - (how & 7) : 0;
	m.u.planned.tbs = spoil(c, tbs, len, buf[0]);
	memset(m.u.planned.seal, 7, sizeof(m.u.planned.seal));
	m.u.planned.spki = spoil(c, key.spki, key.spki_len, buf[1]);
	if (a->len > 0 ? how & 32 : !(how & 32))
		m.u.planned.wrapped = spoil(c, "wrapped", 7, buf[2]);
	m.u.planned.issuer =
		(struct ipc_blob){ (const uint8_t *)(how & 64 ? "cb" : "ca"), 2 };
	say(signer, &m);
}

static void answer_sign(struct cur *c, size_t signer, const struct asked *a)
{
	static const uint8_t keybox[100] = { CERTKEY_VERSION, 1 };
	uint8_t how = cur_u8(c), tbs[IPC_CERT_MAX], cert[IPC_CERT_MAX],
		spoilt[IPC_CERT_MAX];
	struct ipc_blob what = spoil(c, a->bytes, a->len, tbs);
	struct ipc_message m = { .type = IPC_SIGNED };
	size_t len = 0;

	if (how & 1) /* what another one asked for */
		what = (struct ipc_blob){ signs[0].bytes, signs[0].len };
	if (what.len > 0 &&
	    x509_sign(pki.manufacturer, what.p, what.len, cert, sizeof(cert), &len))
		len = 0;
	m.u.signed_.job = a->job + (how >> 7);
	m.u.signed_.rc = how & 16 ? -1006 : how & 8 ? -1001 : 0;
	m.u.signed_.cert = spoil(c, cert, len, spoilt);
	if (how & 32 ? !a->key : a->key)
		m.u.signed_.keybox = (struct ipc_blob){ keybox, sizeof(keybox) };
	say(signer, &m);
}

static void answer_wrap(struct cur *c, size_t signer, const struct asked *a)
{
	static const uint8_t keybox[90] = { CERTKEY_VERSION, 7 };
	uint8_t how = cur_u8(c), buf[IPC_CERT_MAX];
	struct ipc_message m = { .type = IPC_WRAPPED };

	m.u.wrapped.job = a->job + (how >> 7);
	m.u.wrapped.rc = how & 16 ? -1006 : 0;
	m.u.wrapped.keybox = spoil(c, keybox, sizeof(keybox), buf);
	say(signer, &m);
}

static void tell_issuer(struct cur *c, size_t signer, bool made)
{
	uint8_t how = cur_u8(c), cert[IPC_CERT_MAX], wrapped[IPC_CERT_MAX];
	struct ipc_message m = { .type = made ? IPC_ISSUER_MADE : IPC_ISSUER_IS };
	const struct pki_cert *which =
		how & 1 ? &pki.root_cert : &pki.manufacturer_cert;
	struct ipc_blob is = spoil(c, which->der, how & 2 ? 0 : which->len, cert);
	struct ipc_blob name = { (const uint8_t *)(how & 64 ? "cb" : "ca"), 2 };

	if (!made) {
		m.u.issuer_is = (struct ipc_issuer_is){ name, is };
	} else {
		m.u.issuer_made.name = name;
		m.u.issuer_made.rc = how & 16 ? -1001 : 0;
		m.u.issuer_made.cert = is;
		m.u.issuer_made.wrapped = spoil(c, "wrapped", 7, wrapped);
	}
	say(signer, &m);
}

static void signer_speaks(struct cur *c)
{
	uint8_t what = cur_u8(c), which = cur_u8(c);
	size_t signer = FRONTS + (what >= 128);

	switch (what % 5) {
	case 0:
		if (n_plans > 0)
			answer_plan(c, signer,
				    &plans[(n_plans - 1 - which) % ASKED_MAX]);
		break;
	case 1:
		if (n_signs > 0)
			answer_sign(c, signer,
				    &signs[(n_signs - 1 - which) % ASKED_MAX]);
		break;
	case 2:
		if (n_wraps > 0)
			answer_wrap(c, signer,
				    &wraps[(n_wraps - 1 - which) % ASKED_MAX]);
		break;
	default:
		tell_issuer(c, signer, what % 5 == 4);
	}
}

/* ---- turns and fieldcertctl
 * ---------------------------------------------------------- */

static void take_turn(bool late, bool fails)
{
	for (size_t i = 0; late && i < reg.n_late; i++)
		reg.late[i].until = 0;
	reg.refill_at = 0;
	disk_full = fails;
	turn(&reg, 0);
	disk_full = false;
	take_all();
}

static void control_bytes(const uint8_t *p, size_t len)
{
	static uint8_t buf[CONTROL_MESSAGE_MAX];
	static struct control_message reply;
	struct control_conn *conn = &reg.conns[0];
	int fd[2], passed = -1;
	struct chan *mine;
	int64_t n;

	take_turn(false, false);
	require(chan_pair(fd) == 0);
	mine = chan_new(fd[0], QUEUE_MAX);
	conn->r = &reg;
	conn->chan = chan_new(fd[1], CONTROL_MESSAGE_MAX);
	require(mine && conn->chan && len <= sizeof(conn->request));
	memcpy(conn->request, p, len);
	conn->len = len;
	conn->ready = true;
	ctlsocket_run(&reg);
	n = chan_recv(mine, buf, sizeof(buf), &passed);
	if (n > 0) {
		require(control_parse(buf, (size_t)n, &reply) == 0);
		require(reply.type == CONTROL_DONE || reply.type == CONTROL_STATUS_IS);
	}
	chan_free(mine);
	chan_free(conn->chan);
	conn->chan = NULL;
	take_all();
}

static void control(const struct control_message *m)
{
	static uint8_t bytes[CONTROL_MESSAGE_MAX];
	struct out o = out_of(bytes, sizeof(bytes));

	control_build(&o, m);
	require(!o.full);
	control_bytes(bytes, o.len);
}

/* What an operator brings from elsewhere: it may be the device's or not. */
static void build_preload(uint8_t who, const struct pki_key *key, struct out *o)
{
	struct x509_values v = pki_values(&pki, key);
	struct pki_cert cert;

	v.mac = mac_of((uint8_t)(who & 64 ? who + 1 : who));
	pki_device(&pki_profile, &v, pki.manufacturer, &cert);
	certfile_put(o, CERTFILE_MANUFACTURER, pki.manufacturer_cert.der,
		     pki.manufacturer_cert.len);
	certfile_put(o, CERTFILE_DEVICE,
		     who & 32 ? pki.manufacturer_cert.der : cert.der,
		     who & 32 ? pki.manufacturer_cert.len : cert.len);
	require(!o->full);
}

static void ctl_speaks(struct cur *c)
{
	static struct control_message m;
	uint8_t what = cur_u8(c), who = cur_u8(c), file[2 * IPC_CERT_MAX];
	struct out o = out_of(file, sizeof(file));
	const struct pki_key *key = &keys[(what >> 5) % MACS];

	memset(&m, 0, sizeof(m));
	switch (what % 5) {
	case 0:
		m.type = CONTROL_DEVICES;
		m.u.devices.n = 1;
		m.u.devices.update = who >> 7;
		m.u.devices.rows[0].mac = mac_of(who);
		m.u.devices.rows[0].serial =
			(struct ipc_blob){ (const uint8_t *)"J09", 3 };
		if (who & 64)
			m.u.devices.rows[0].spki =
				(struct ipc_blob){ key->spki, key->spki_len };
		break;
	case 1:
		m.type = CONTROL_ACCESS;
		m.u.access.mac = mac_of(who);
		m.u.access.deny = who >> 7;
		break;
	case 2:
		m.type = CONTROL_RESET;
		m.u.reset.mac = mac_of(who);
		break;
	case 3:
		build_preload(who, key, &o);
		m.type = CONTROL_PRELOAD;
		m.u.preload.mac = mac_of(who);
		m.u.preload.file = (struct ipc_blob){ file, o.len };
		break;
	default:
		m.type = CONTROL_STATUS;
	}
	control(&m);
}

static void raw(struct cur *c)
{
	uint8_t who = cur_u8(c);
	size_t len = cur_u16(c);
	struct cur bytes = cur_sub(c, len < cur_left(c) ? len : cur_left(c));

	if (bytes.len == 0)
		return;
	if (who & 8)
		control_bytes(bytes.buf, bytes.len);
	else
		say_bytes(who % CALLERS, bytes.buf, bytes.len);
}

/* ---- the script
 * ---------------------------------------------------------------------- */

static void prepare(void)
{
	if (pki.root)
		return;
	/* no lines but errors, and of those a fuzzer makes many */
	log_init("fuzz", LOG_LEVEL_ERROR, 0);
	pki_init(&pki);
	for (size_t i = 0; i < MACS; i++)
		pki_make_key(1024, &keys[i]);
	for (size_t i = 0; i < 2; i++) {
		char *errors = NULL;

		require(conf_parse("/t/f.conf", conf_texts[i], strlen(conf_texts[i]),
				   &confs[i], &errors) == 0);
	}
}

static void begin(size_t which)
{
	struct store_device d = {
		.type = "CM", .class_name = "default", .serial = "J09", .epoch = 1
	};
	const char *path;

	prepare();
	/* in memory where there is some: a disk's syncs take most of the time */
	(void)snprintf(scratch.dir, sizeof(scratch.dir), "/dev/shm/fieldcert.XXXXXX");
	if (!mkdtemp(scratch.dir))
		scratch_make(&scratch);
	path = scratch_path(&scratch, "t.db");
	memset(&reg, 0, sizeof(reg));
	n_plans = n_signs = n_wraps = 0;
	n_rows = n_files = 0;
	reg.control_fd = -1;
	reg.table.fd = -1;
	reg.child = &child;
	reg.conf = confs[which];
	reg.loop = loop_new();
	require(reg.loop && store_open(path, STORE_WRITE, &reg.store) == 0);
	for (uint8_t i = 0; i < MACS - 1; i++) {
		d.mac = mac_of(i);
		require(store_begin(reg.store) == 0 &&
			store_device_add(reg.store, &d) == 0 &&
			store_commit(reg.store) == 0);
	}
	require(store_open(path, STORE_READ, &reader) == 0);
	making_reset_jobs(&reg);
	issuers_configure(&reg);
	require(table_build(&reg) == 0);
	for (size_t i = 0; i < CALLERS; i++)
		call(i);
	reg.backlog = true;
}

static void end(void)
{
	for (size_t i = 0; i < PEERS_MAX; i++)
		if (reg.peers[i].chan)
			peer_gone(&reg.peers[i]);
	for (size_t i = 0; i < CALLERS; i++) {
		chan_free(callers[i]);
		callers[i] = NULL;
	}
	table_release(&reg.table);
	outbox_release(&reg.outbox);
	store_close(reader);
	store_close(reg.store);
	loop_free(reg.loop);
	scratch_remove(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur c = cur_of(data, size);

	if (size == 0)
		return 0;
	begin(cur_u8(&c) & 1);
	for (int i = 0; i < STEPS_MAX && cur_left(&c) > 0; i++) {
		uint8_t what = cur_u8(&c);

		if (what % 8 < 2)
			front_speaks(&c);
		else if (what % 8 < 4)
			signer_speaks(&c);
		else if (what % 8 == 4)
			ctl_speaks(&c);
		else if (what % 8 == 5)
			raw(&c);
		else if (what % 8 == 6 && what >= 128)
			call(what / 8 % CALLERS);
		else
			take_turn(what >= 128, what & 64);
	}
	take_turn(true, false);
	end();
	return 0;
}
