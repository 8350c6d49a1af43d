/* The signer, and a registrar in an attacker's hands.
 *
 * The input is a script: a byte says which message comes next, more bytes with what.
 * Messages are built from what the signer said before, then spoilt; a raw one is any
 * bytes.  The oracle: it signs what it built and sealed in this very script, for the
 * same device and issuer, and nothing else; a device's key leaves for that device
 * alone; an issuer is one that was made here; every answer is one that the registrar's
 * parser takes; and what is not the registrar's to say is refused. */
#include "fuzz/fuzz.h"
#include "pki.h"

#include <stdio.h>
#include "base/cursor.h"
#include "base/errors.h"
#include "crypto/x509check.h"
#include "sys/log.h"

#include "cmd/fieldcertd/signjobs.c"
#include "cmd/fieldcertd/signstate.c"

#define CONF                                                                           \
	"profile \"t\" { subject = {\"C=%{country}\", \"O=%{organization}\", "         \
	"\"CN=%{mac}\"}\n manufacturer = {\"C=%{country}\", \"O=%{organization}\", "   \
	"\"CN=A CA\"}\n digest = sha256\n allow-ec = yes\n rsa-bits-min = 1024\n"      \
	"validity-days = 7305\n manufacturer-validity-days = 7305\n"                   \
	"manufacturer-bits = 1024 }\n"                                                 \
	"secrets \"one\" { set = 1 kind = shared request = r1 confirm = c1 "           \
	"keybox = k1 }\n"                                                              \
	"secrets \"two\" { set = 7 kind = derived request = r2 confirm = c2 "          \
	"keybox = k2 }\n"                                                              \
	"issuer \"file\" { certificate = m.pem key = m.key }\n"                        \
	"issuer \"made\" { root-certificate = r.pem root-key = r.key profile = \"t\" " \
	"country = \"US\" organization = \"Made\" }\n"                                 \
	"class \"default\" { secrets = {\"one\"} issuer = \"file\" profile = \"t\" "   \
	"types = {\"MT\"} key-bits = 256 country = \"US\" organization = \"Example\" " \
	"}\n"                                                                          \
	"class \"made\" { secrets = {\"two\"} issuer = \"made\" profile = \"t\" "      \
	"types = {\"MT\"} key-bits = 256 country = \"US\" organization = \"Made\" }\n"

enum { STEPS_MAX = 48, MADE_MAX = 2, NAMES = 4 };

/* What the signer said in this script. */
struct said {
	struct mac mac;
	uint8_t tbs[IPC_CERT_MAX], seal[IPC_SEAL_LEN], wrapped[IPC_KEY_MAX];
	size_t tbs_len, wrapped_len;
	char issuer[IPC_NAME_MAX + 1];
};

struct made {
	uint8_t cert[IPC_CERT_MAX], wrapped[IPC_KEY_MAX];
	size_t cert_len, wrapped_len;
};

static struct pki pki;
static struct x509_issuer *namesake; /* a root of the same name, with another key */
static struct signfiles files;
static struct signstate *state;
static struct said said[STEPS_MAX];
static struct made made[MADE_MAX];
static size_t n_said, n_made;

static const char *const names[NAMES] = { "file", "made", "default", "" };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void put_file(enum ipc_secret_kind kind, const char *name, const void *p,
		     size_t len)
{
	const struct ipc_secret s = { .kind = (uint8_t)kind };
	char why[CHILD_WHY_SIZE];

	require(signfiles_put(&files, &s, name, p, len, why) == 0);
}

static void put_text(enum ipc_secret_kind kind, const char *name, const char *text)
{
	put_file(kind, name, text, strlen(text));
}

/* Once: keys and files. */
static void prepare(void)
{
	static const char keybox_line[] = "0123456789abcdef0123456789abcdef\n";
	struct pki_cert unused;
	uint8_t *der = NULL;
	int n;

	if (pki.root)
		return;
	log_init("fuzz", LOG_LEVEL_ERROR, 0);
	pki_init(&pki);
	namesake = pki_root("Test Root", PKI_2026 - PKI_YEAR, PKI_2026 + 30 * PKI_YEAR,
			    &unused);
	put_text(IPC_SECRET_STORAGE, "",
		 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
	put_text(IPC_SECRET_KEYBOX, "one", keybox_line);
	put_text(IPC_SECRET_KEYBOX, "two", keybox_line);
	put_file(IPC_SECRET_ISSUER_CERT, "file", pki.manufacturer_cert.der,
		 pki.manufacturer_cert.len);
	put_file(IPC_SECRET_ISSUER_KEY, "file", pki.manufacturer_key.pkcs8,
		 pki.manufacturer_key.pkcs8_len);
	n = i2d_PrivateKey(pki.root->key, &der);
	put_file(IPC_SECRET_ROOT_CERT, "made", pki.root_cert.der, pki.root_cert.len);
	put_file(IPC_SECRET_ROOT_KEY, "made", der, (size_t)n);
	OPENSSL_clear_free(der, (size_t)n);
}

static void begin(void)
{
	struct conf *c = NULL;
	char *errors = NULL, why[CHILD_WHY_SIZE];

	prepare();
	n_said = n_made = 0;
	require(conf_parse("/t/f.conf", CONF, strlen(CONF), &c, &errors) == 0);
	require(signstate_new(c, &files, &state, why) == 0);
}

/* ---- the oracle ------------------------------------------------------------------ */

static bool same(const struct ipc_blob *b, const void *p, size_t len)
{
	return b->len == len && (len == 0 || memcmp(b->p, p, len) == 0);
}

static void keep(uint8_t *ret, size_t *ret_len, const struct ipc_blob *b)
{
	*ret_len = b->len;
	if (b->len)
		memcpy(ret, b->p, b->len);
}

static void check_planned(const struct ipc_plan *q, const struct ipc_planned *a)
{
	struct said *s = &said[n_said];

	require(a->job == q->job);
	require((a->rc == 0) == (a->tbs.len > 0));
	require((a->rc == 0) == (a->spki.len > 0));
	if (a->rc)
		return;
	require((q->spki.len == 0) == (a->wrapped.len > 0));
	require(a->issuer.len > 0 && signstate_issuer(state, &a->issuer)->ready);
	require(n_said++ < STEPS_MAX);
	s->mac = q->mac;
	memcpy(s->seal, a->seal, sizeof(s->seal));
	keep(s->tbs, &s->tbs_len, &a->tbs);
	keep(s->wrapped, &s->wrapped_len, &a->wrapped);
	(void)snprintf(s->issuer, sizeof(s->issuer), "%.*s", (int)a->issuer.len,
		       (const char *)a->issuer.p);
}

/* A key that it made for that device. */
static bool is_its_key(const struct mac *mac, const struct ipc_blob *wrapped)
{
	for (size_t i = 0; i < n_said; i++)
		if (mac_equal(mac, &said[i].mac) && said[i].wrapped_len > 0 &&
		    same(wrapped, said[i].wrapped, said[i].wrapped_len))
			return true;
	return false;
}

static void check_signed(const struct ipc_sign *q, const struct ipc_signed *a)
{
	bool own = false;

	require(a->job == q->job);
	require((a->rc == 0) == (a->cert.len > 0));
	if (a->rc) {
		require(a->keybox.len == 0);
		return;
	}
	for (size_t i = 0; i < n_said && !own; i++)
		own = mac_equal(&q->mac, &said[i].mac) &&
		      same(&q->tbs, said[i].tbs, said[i].tbs_len) &&
		      memcmp(q->seal, said[i].seal, sizeof(q->seal)) == 0 &&
		      same(&q->issuer, said[i].issuer, strlen(said[i].issuer));
	require(own);
	require(memmem(a->cert.p, a->cert.len, q->tbs.p, q->tbs.len) != NULL);
	require((q->wrapped.len > 0) == (a->keybox.len > 0));
	require(q->wrapped.len == 0 || is_its_key(&q->mac, &q->wrapped));
}

static void check_made(const struct ipc_issuer_make *q, const struct ipc_issuer_made *a)
{
	require(same(&a->name, q->name.p, q->name.len));
	require((a->rc == 0) == (a->cert.len > 0));
	require((a->rc == 0) == (a->wrapped.len > 0));
	if (a->rc)
		return;
	require(n_made < MADE_MAX);
	keep(made[n_made].cert, &made[n_made].cert_len, &a->cert);
	keep(made[n_made].wrapped, &made[n_made].wrapped_len, &a->wrapped);
	n_made++;
}

static void check_is(const struct ipc_issuer_load *q, const struct ipc_issuer_is *a)
{
	bool known = a->cert.len == 0 || same(&a->name, "file", 4);

	require(same(&a->name, q->name.p, q->name.len));
	for (size_t i = 0; i < n_made && !known; i++)
		known = same(&a->cert, made[i].cert, made[i].cert_len);
	require(known);
}

static void check_answer(const struct ipc_message *q, const uint8_t *p, size_t len)
{
	struct ipc_message a;

	if (q->type == IPC_ISSUER_LOAD && len == 0) {
		require(!signstate_issuer(state, &q->u.issuer_load.name));
		return;
	}
	require(ipc_parse(p, len, &a) == 0);
	if (q->type == IPC_PLAN && a.type == IPC_PLANNED) {
		check_planned(&q->u.plan, &a.u.planned);
	} else if (q->type == IPC_SIGN && a.type == IPC_SIGNED) {
		check_signed(&q->u.sign, &a.u.signed_);
	} else if (q->type == IPC_WRAP && a.type == IPC_WRAPPED) {
		require(a.u.wrapped.job == q->u.wrap.job);
		require((a.u.wrapped.rc == 0) == (a.u.wrapped.keybox.len > 0));
		require(a.u.wrapped.rc != 0 ||
			is_its_key(&q->u.wrap.mac, &q->u.wrap.wrapped));
	} else if (q->type == IPC_ISSUER_MAKE && a.type == IPC_ISSUER_MADE) {
		check_made(&q->u.issuer_make, &a.u.issuer_made);
	} else {
		require(q->type == IPC_ISSUER_LOAD && a.type == IPC_ISSUER_IS);
		check_is(&q->u.issuer_load, &a.u.issuer_is);
	}
}

/* As signer.c does it with what comes over the channel. */
static void receive(const uint8_t *bytes, size_t len)
{
	static uint8_t buf[IPC_MESSAGE_MAX];
	struct out o = out_of(buf, sizeof(buf));
	struct ipc_message m;
	int rc;

	if (ipc_parse(bytes, len, &m) < 0)
		return;
	if (m.type == IPC_ISSUER_MAKE && n_made == MADE_MAX)
		return; /* each takes a tenth of a second */
	rc = signjobs_handle(state, &m, &o);
	require(!o.full);
	if (m.type < IPC_PLAN || m.type > IPC_ISSUER_MAKE) {
		require(rc == FC_EPROTO && o.len == 0);
		return;
	}
	require(rc == 0);
	check_answer(&m, buf, o.len);
}

static void tell(const struct ipc_message *m)
{
	static uint8_t bytes[IPC_MESSAGE_MAX];
	struct out o = out_of(bytes, sizeof(bytes));
	uint8_t *exact;

	ipc_build(&o, m);
	require(!o.full);
	exact = malloc(o.len);
	require(exact != NULL);
	memcpy(exact, bytes, o.len);
	receive(exact, o.len);
	free(exact);
}

/* ---- the script -------------------------------------------------------------------
 */

/* A copy with one bit wrong, or cut, or as it is. */
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

	m.b[5] = (uint8_t)(m.b[5] + n % 3);
	return m;
}

static void play_plan(struct cur *c)
{
	static const int64_t dates[] = { PKI_2026,  PKI_2026 + PKI_YEAR,
					 0,         INT64_MIN,
					 INT64_MAX, PKI_2026 + 40 * PKI_YEAR,
					 -1,        1 };
	struct ipc_message m = { .type = IPC_PLAN };
	uint8_t who = cur_u8(c), when = cur_u8(c), key = cur_u8(c), buf[IPC_CERT_MAX];
	struct cur serial = cur_sub(c, key % 8 <= cur_left(c) ? key % 8 : 0);

	m.u.plan = (struct ipc_plan){ .job = who,
				      .mac = mac_of(who),
				      .type = { 'M', who & 128 ? 'X' : 'T' },
				      .class_name = text_blob(names[(who >> 2) % 4]),
				      .serial = blob(serial.buf, serial.len),
				      .cert_serial = { 0x40, when, key },
				      .not_before = dates[when % 8],
				      .not_after = dates[(when >> 3) % 8] };
	if (key & 128)
		m.u.plan.spki = spoil(c, pki.manufacturer_key.spki,
				      pki.manufacturer_key.spki_len, buf);
	tell(&m);
}

static void play_sign(struct cur *c, bool sign)
{
	static const struct said none;
	struct ipc_message m = { .type = sign ? IPC_SIGN : IPC_WRAP };
	uint8_t which = cur_u8(c), who = cur_u8(c), set = cur_u8(c);
	const struct said *s = n_said ? &said[which % n_said] : &none;
	struct mac mac = who < 3 ? mac_of(who) : s->mac;
	uint8_t tbs[IPC_CERT_MAX], key[IPC_CERT_MAX], seal[IPC_CERT_MAX];
	struct ipc_blob wrapped = spoil(c, s->wrapped, s->wrapped_len, key), bits;

	if (!sign) {
		if (who & 64 && n_made > 0) /* the issuer's, as if it were a device's */
			wrapped = blob(made[0].wrapped, made[0].wrapped_len);
		m.u.wrap = (struct ipc_wrap){ .job = which,
					      .mac = mac,
					      .serial = text_blob("J09"),
					      .set = set,
					      .wrapped = wrapped };
		tell(&m);
		return;
	}
	m.u.sign = (struct ipc_sign){
		.job = which,
		.mac = mac,
		.issuer = text_blob(who & 128 ? names[(who >> 4) % 4] : s->issuer),
		.serial = text_blob("J09"),
		.tbs = spoil(c, s->tbs, s->tbs_len, tbs),
		.set = set,
		.wrapped = wrapped,
	};
	bits = spoil(c, s->seal, sizeof(s->seal), seal);
	memcpy(m.u.sign.seal, bits.p ? bits.p : seal, sizeof(m.u.sign.seal));
	tell(&m);
}

static void play_make(struct cur *c)
{
	struct ipc_message m = { .type = IPC_ISSUER_MAKE };
	uint8_t which = cur_u8(c);

	m.u.issuer_make = (struct ipc_issuer_make){
		.name = text_blob(names[which % NAMES]),
		.cert_serial = { 0x40, which },
		.not_before = which & 4 ? INT64_MIN : PKI_2026,
		.not_after = which & 8 ? INT64_MAX : PKI_2026 + PKI_YEAR,
	};
	tell(&m);
}

/* The made issuer's own key under a name that the root never gave it. */
static size_t self_made(const struct made *k, uint8_t ret[IPC_CERT_MAX])
{
	struct x509_facts facts;
	struct pki_key key;
	struct x509_values v;
	static struct pki_cert cert;

	if (x509_facts_of(k->cert, k->cert_len, &facts) < 0 ||
	    facts.spki_len > sizeof(key.spki))
		return 0;
	memcpy(key.spki, facts.spki, facts.spki_len);
	key.spki_len = facts.spki_len;
	v = pki_values(&pki, &key);
	pki_manufacturer(&pki_profile, &v, namesake, &cert);
	memcpy(ret, cert.der, cert.len);
	return cert.len;
}

static void play_load(struct cur *c)
{
	static const struct made none;
	struct ipc_message m = { .type = IPC_ISSUER_LOAD };
	uint8_t which = cur_u8(c), cert[IPC_CERT_MAX], key[IPC_CERT_MAX];
	const struct made *k = n_made ? &made[(which >> 4) % n_made] : &none;
	struct ipc_issuer_load *l = &m.u.issuer_load;

	l->name = text_blob(names[which % NAMES]);
	l->cert = spoil(c, k->cert, k->cert_len, cert);
	l->wrapped = spoil(c, k->wrapped, k->wrapped_len, key);
	if (which & 4 && n_made > 0)
		l->cert = blob(cert, self_made(k, cert));
	else if (which & 8) /* a device's key and somebody's certificate */
		*l = (struct ipc_issuer_load){
			.name = l->name,
			.cert = blob(pki.root_cert.der, pki.root_cert.len),
			.wrapped =
				blob(said[0].wrapped, n_said ? said[0].wrapped_len : 0)
		};
	tell(&m);
}

static void play_raw(struct cur *c)
{
	size_t len = cur_u16(c);
	struct cur bytes = cur_sub(c, len < cur_left(c) ? len : cur_left(c));

	receive(bytes.buf, bytes.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cur c = cur_of(data, size);

	begin();
	for (int i = 0; i < STEPS_MAX && cur_left(&c) > 0; i++) {
		uint8_t what = cur_u8(&c) % 8;

		if (what < 2)
			play_plan(&c);
		else if (what < 4)
			play_sign(&c, true);
		else if (what == 4)
			play_sign(&c, false);
		else if (what == 5)
			play_make(&c);
		else if (what == 6)
			play_load(&c);
		else
			play_raw(&c);
	}
	signstate_free(state);
	state = NULL;
	return 0;
}
