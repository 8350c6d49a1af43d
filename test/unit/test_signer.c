/* The signer's jobs (S4, S5, S7) and what it holds (N6), without its process. */
#include "pki.h"

#include <stdio.h>
#include "base/errors.h"
#include "base/hex.h"
#include "crypto/x509check.h"
#include "wire/certfile.h"

#include "cmd/fieldcertd/signjobs.c"
#include "cmd/fieldcertd/signstate.c"

#define PROFILE                                                                      \
	"subject = {\"C=%{country}\", \"O=%{organization}\", \"CN=%{mac}\"}\n"       \
	"manufacturer = {\"C=%{country}\", \"O=%{organization}\", \"CN=A CA\"}\n"    \
	"digest = sha256\n key-usage = yes\n allow-ec = yes\n rsa-bits-min = 2048\n" \
	"validity-days = 7305\n manufacturer-validity-days = 7305\n"                 \
	"manufacturer-bits = 2048\n"
#define CONF                                                                           \
	"profile \"t\" {\n" PROFILE "}\n"                                              \
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

static const char storage_line[] =
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n";
static const char keybox_line[] = "0123456789abcdef0123456789abcdef\n";

static struct pki pki;
static struct pki_key root_key_stands_in, stray_key;
static struct pki_cert stray; /* another manufacturer under the root */
static struct signfiles files;
static struct signstate *state;
static uint8_t reply_buf[IPC_MESSAGE_MAX];

static void put_file(enum ipc_secret_kind kind, const char *name, const void *p,
		     size_t len)
{
	const struct ipc_secret s = { .kind = (uint8_t)kind };
	char why[CHILD_WHY_SIZE];

	assert_int_equal(signfiles_put(&files, &s, name, p, len, why), 0);
}

static void put_text(enum ipc_secret_kind kind, const char *name, const char *text)
{
	put_file(kind, name, text, strlen(text));
}

static struct conf *conf_of(const char *text)
{
	struct conf *c = NULL;
	char *errors = NULL;

	if (conf_parse("/t/f.conf", text, strlen(text), &c, &errors))
		fail_msg("%s", errors);
	return c;
}

static int new_state(struct signstate **ret, char why[CHILD_WHY_SIZE])
{
	struct conf *c = conf_of(CONF);
	int rc = signstate_new(c, &files, ret, why);

	if (rc)
		conf_free(c);
	return rc;
}

static int group_setup(void **unused)
{
	struct x509_values v;

	(void)unused;
	pki_init(&pki);
	pki_make_key(1024, &root_key_stands_in);
	pki_make_key(1024, &stray_key);
	v = pki_values(&pki, &stray_key);
	v.organization = "A rather longer name";
	pki_manufacturer(&pki_profile, &v, pki.root, &stray);
	return 0;
}

static int group_teardown(void **unused)
{
	(void)unused;
	pki_release(&pki);
	return 0;
}

static void put_root(void)
{
	EVP_PKEY *key = pki.root->key;
	uint8_t *der = NULL;
	int n = i2d_PrivateKey(key, &der);

	put_file(IPC_SECRET_ROOT_CERT, "made", pki.root_cert.der, pki.root_cert.len);
	put_file(IPC_SECRET_ROOT_KEY, "made", der, (size_t)n);
	OPENSSL_clear_free(der, (size_t)n);
}

static int setup(void **unused)
{
	char why[CHILD_WHY_SIZE] = "";

	(void)unused;
	put_text(IPC_SECRET_STORAGE, "", storage_line);
	put_text(IPC_SECRET_KEYBOX, "one", keybox_line);
	put_text(IPC_SECRET_KEYBOX, "two", keybox_line);
	put_file(IPC_SECRET_ISSUER_CERT, "file", pki.manufacturer_cert.der,
		 pki.manufacturer_cert.len);
	put_file(IPC_SECRET_ISSUER_KEY, "file", pki.manufacturer_key.pkcs8,
		 pki.manufacturer_key.pkcs8_len);
	put_root();
	if (new_state(&state, why))
		fail_msg("%s", why);
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	signfiles_clear(&files);
	signstate_free(state);
	state = NULL;
	return 0;
}

/* One message there and its answer back; the answer points into reply_buf. */
static struct ipc_message ask(const struct ipc_message *m)
{
	struct out o = out_of(reply_buf, sizeof(reply_buf));
	struct ipc_message answer;

	assert_int_equal(signjobs_handle(state, m, &o), 0);
	assert_false(o.full);
	assert_int_equal(ipc_parse(reply_buf, o.len, &answer), 0);
	return answer;
}

/* An answer's blobs, kept beyond the next answer. */
struct kept {
	uint8_t tbs[IPC_CERT_MAX], seal[IPC_SEAL_LEN], wrapped[IPC_KEY_MAX];
	uint8_t spki[IPC_SPKI_MAX], cert[IPC_CERT_MAX], keybox[IPC_KEY_MAX];
	char issuer[IPC_NAME_MAX + 1];
	size_t tbs_len, wrapped_len, spki_len, cert_len, keybox_len;
};

static size_t keep(uint8_t *ret, const struct ipc_blob *b)
{
	if (b->len)
		memcpy(ret, b->p, b->len);
	return b->len;
}

static struct ipc_message plan_of(const char *class)
{
	struct ipc_message m = { .type = IPC_PLAN };

	m.u.plan = (struct ipc_plan){
		.job = 42,
		.mac = pki_mac,
		.type = { 'M', 'T' },
		.class_name = text_blob(class),
		.serial = text_blob("J09H7CDEF"),
		.cert_serial = { 0x40, 1, 2, 3 },
		.not_before = PKI_2026,
		.not_after = PKI_2026 + PKI_YEAR,
	};
	return m;
}

static struct kept planned(const struct ipc_message *m)
{
	struct ipc_message a = ask(m);
	const struct ipc_planned *p = &a.u.planned;
	struct kept k = { 0 };

	assert_int_equal(a.type, IPC_PLANNED);
	assert_int_equal(p->job, 42);
	if (p->rc)
		fail_msg("%.*s", (int)p->text.len, (const char *)p->text.p);
	k.tbs_len = keep(k.tbs, &p->tbs);
	k.wrapped_len = keep(k.wrapped, &p->wrapped);
	k.spki_len = keep(k.spki, &p->spki);
	memcpy(k.seal, p->seal, sizeof(k.seal));
	(void)snprintf(k.issuer, sizeof(k.issuer), "%.*s", (int)p->issuer.len,
		       (const char *)p->issuer.p);
	return k;
}

static void assert_plan_refused(const struct ipc_message *m, int rc, const char *what)
{
	struct ipc_message a = ask(m);
	const struct ipc_planned *p = &a.u.planned;
	char text[IPC_TEXT_MAX + 1];

	assert_int_equal(a.type, IPC_PLANNED);
	assert_int_equal(p->rc, rc);
	assert_int_equal(p->tbs.len + p->spki.len + p->wrapped.len + p->issuer.len, 0);
	(void)snprintf(text, sizeof(text), "%.*s", (int)p->text.len,
		       (const char *)p->text.p);
	if (!strstr(text, what))
		fail_msg("'%s' does not speak of '%s'", text, what);
}

static struct ipc_message sign_of(const struct kept *k)
{
	struct ipc_message m = { .type = IPC_SIGN };

	m.u.sign = (struct ipc_sign){
		.job = 43,
		.mac = pki_mac,
		.issuer = text_blob(k->issuer),
		.serial = text_blob("J09H7CDEF"),
		.tbs = blob(k->tbs, k->tbs_len),
		.set = 1,
		.wrapped = blob(k->wrapped, k->wrapped_len),
	};
	memcpy(m.u.sign.seal, k->seal, sizeof(k->seal));
	return m;
}

static void signed_(const struct ipc_message *m, struct kept *k)
{
	struct ipc_message a = ask(m);
	const struct ipc_signed *s = &a.u.signed_;

	assert_int_equal(a.type, IPC_SIGNED);
	assert_int_equal(s->job, 43);
	if (s->rc)
		fail_msg("%.*s", (int)s->text.len, (const char *)s->text.p);
	k->cert_len = keep(k->cert, &s->cert);
	k->keybox_len = keep(k->keybox, &s->keybox);
}

static void assert_sign_refused(const struct ipc_message *m, int rc)
{
	struct ipc_message a = ask(m);

	assert_int_equal(a.type, IPC_SIGNED);
	assert_int_equal(a.u.signed_.rc, rc);
	assert_int_equal(a.u.signed_.cert.len, 0);
	assert_int_equal(a.u.signed_.keybox.len, 0);
	assert_true(a.u.signed_.text.len > 0);
}

/* As the device judges it. */
static void assert_device_takes(const struct kept *k,
				const struct pki_cert *manufacturer,
				const struct auth_secret *secret3)
{
	uint8_t file[CERTFILE_MAX];
	struct out o = out_of(file, sizeof(file));
	struct x509_trust t = { .roots = { { pki.root_cert.der, pki.root_cert.len } },
				.n_roots = 1 };
	struct x509_device d = { .mac = pki_mac,
				 .serial = "J09H7CDEF",
				 .serial_len = 9,
				 .secret3 = secret3,
				 .now = PKI_2026 + PKI_DAY,
				 .installed_not_before = INT64_MIN };
	struct x509_verdict v;

	certfile_put(&o, CERTFILE_MANUFACTURER, manufacturer->der, manufacturer->len);
	certfile_put(&o, CERTFILE_DEVICE, k->cert, k->cert_len);
	certfile_put(&o, CERTFILE_KEY, k->keybox, k->keybox_len);
	if (x509_check_file(file, o.len, &t, &d, &v))
		fail_msg("error %02d: %s", (int)v.error, v.what);
}

static struct auth_secret shared(void)
{
	struct auth_secret s = { .len = strlen(keybox_line) - 1 };

	memcpy(s.s, keybox_line, s.len);
	return s;
}

static void S4_planned_signed_and_taken_by_the_device(void **unused)
{
	struct ipc_message m = plan_of("default");
	struct auth_secret secret3 = shared();
	struct kept k = planned(&m);

	(void)unused;
	assert_string_equal(k.issuer, "file");
	assert_true(k.wrapped_len > 0);
	m = sign_of(&k);
	signed_(&m, &k);
	assert_device_takes(&k, &pki.manufacturer_cert, &secret3);
}

static void S4_a_plan_signed_again_gives_the_same_certificate(void **unused)
{
	struct ipc_message m = plan_of("default");
	struct kept k = planned(&m), again;

	(void)unused;
	m = sign_of(&k);
	again = k;
	signed_(&m, &k);
	signed_(&m, &again);
	assert_int_equal(k.cert_len, again.cert_len);
	assert_memory_equal(k.cert, again.cert, k.cert_len);
	/* but the key goes under a new nonce */
	assert_memory_not_equal(k.keybox, again.keybox, k.keybox_len);
}

static void S4_nothing_is_signed_without_the_signers_seal(void **unused)
{
	struct ipc_message m = plan_of("default");
	struct kept k = planned(&m), bad;

	(void)unused;
	for (size_t i = 0; i < IPC_SEAL_LEN; i++) {
		bad = k;
		bad.seal[i] ^= 1;
		m = sign_of(&bad);
		assert_sign_refused(&m, FC_EAUTH);
	}
	for (size_t i = 0; i < k.tbs_len; i++) {
		bad = k;
		bad.tbs[i] ^= 1;
		m = sign_of(&bad);
		assert_sign_refused(&m, FC_EAUTH);
	}
	m = sign_of(&k);
	m.u.sign.mac.b[5] ^= 1;
	assert_sign_refused(&m, FC_EAUTH);
	m = sign_of(&k);
	m.u.sign.issuer = text_blob("made");
	assert_sign_refused(&m, FC_EAUTH);
}

static void S4_a_plan_of_another_issuer_of_the_same_name(void **unused)
{
	struct ipc_message m = plan_of("default");
	struct kept k = planned(&m);
	struct x509_issuer *mine = state->issuers[0].ready;

	(void)unused;
	state->issuers[0].ready = pki.root;
	m = sign_of(&k);
	assert_sign_refused(&m, FC_EAUTH);
	state->issuers[0].ready = mine;
	signed_(&m, &k);
}

static void S5_a_registered_key(void **unused)
{
	struct ipc_message m = plan_of("default");
	struct x509_facts f;
	struct pki_key key;
	struct kept k;

	(void)unused;
	pki_make_key(2048, &key);
	m.u.plan.spki = blob(key.spki, key.spki_len);
	k = planned(&m);
	assert_int_equal(k.wrapped_len, 0);
	assert_int_equal(k.spki_len, key.spki_len);
	m = sign_of(&k);
	signed_(&m, &k);
	assert_int_equal(k.keybox_len, 0);
	assert_int_equal(x509_facts_of(k.cert, k.cert_len, &f), 0);
	assert_memory_equal(f.spki, key.spki, key.spki_len);
	assert_string_equal(f.serial, "40010203000000000000000000000000");
	pki_make_key(1024, &key);
	m = plan_of("default");
	m.u.plan.spki = blob(key.spki, key.spki_len);
	assert_plan_refused(&m, FC_EDENIED, "shorter than the profile allows");
	m.u.plan.spki = blob("junk", 4);
	assert_plan_refused(&m, FC_EDENIED, "neither RSA nor P-256");
}

static void S4_dates_are_cut_to_the_issuers(void **unused)
{
	struct ipc_message m = plan_of("default");
	struct x509_facts f;
	struct kept k;

	(void)unused;
	m.u.plan.not_before = PKI_2026 - 5 * PKI_YEAR;
	m.u.plan.not_after = PKI_2026 + 50 * PKI_YEAR;
	k = planned(&m);
	m = sign_of(&k);
	signed_(&m, &k);
	assert_int_equal(x509_facts_of(k.cert, k.cert_len, &f), 0);
	assert_int_equal(f.not_before, PKI_2026 - PKI_YEAR);
	assert_int_equal(f.not_after, PKI_2026 + 20 * PKI_YEAR);
}

static void S4_what_cannot_be_planned(void **unused)
{
	struct ipc_message m = plan_of("unheard");

	(void)unused;
	assert_plan_refused(&m, FC_EABSENT, "no class \"unheard\"");
	m = plan_of("made");
	assert_plan_refused(&m, FC_ESTATE, "issuer \"made\"");
	m = plan_of("default");
	m.u.plan.not_before = PKI_2026 + 2 * PKI_YEAR;
	assert_plan_refused(&m, FC_EDENIED, "profile \"t\"");
}

static void N6_the_key_for_another_secret_set(void **unused)
{
	struct ipc_message m = plan_of("default"), a;
	struct kept k = planned(&m);
	struct auth_secret master = shared(), derived;
	uint8_t pkcs8[KEYBOX_PKCS8_MAX];
	size_t len;

	(void)unused;
	m = (struct ipc_message){ .type = IPC_WRAP };
	m.u.wrap = (struct ipc_wrap){ .job = 44,
				      .mac = pki_mac,
				      .serial = text_blob("J09H7CDEF"),
				      .set = 7,
				      .wrapped = blob(k.wrapped, k.wrapped_len) };
	a = ask(&m);
	assert_int_equal(a.type, IPC_WRAPPED);
	assert_int_equal(a.u.wrapped.rc, 0);
	assert_int_equal(a.u.wrapped.job, 44);
	assert_int_equal(auth_secret_derive(&master, &pki_mac, &derived), 0);
	assert_int_equal(keybox_open(&derived, &pki_mac, "J09H7CDEF", 9,
				     a.u.wrapped.keybox.p, a.u.wrapped.keybox.len,
				     pkcs8, &len),
			 0);
	m.u.wrap.set = 2;
	a = ask(&m);
	assert_int_equal(a.u.wrapped.rc, FC_ESTATE);
	assert_int_equal(a.u.wrapped.keybox.len, 0);
	/* a key does not open for another device */
	m.u.wrap.set = 1;
	m.u.wrap.mac.b[5] ^= 1;
	a = ask(&m);
	assert_int_equal(a.u.wrapped.rc, FC_EAUTH);
	assert_int_equal(a.u.wrapped.keybox.len, 0);
}

static void S4_a_fresh_nonce_for_each_key_at_rest(void **unused)
{
	struct ipc_message m = plan_of("default");
	struct kept a = planned(&m), b = planned(&m);

	(void)unused;
	/* a byte of version, then the nonce */
	assert_memory_not_equal(a.wrapped + 1, b.wrapped + 1, NONCE_LEN);
}

/* Whoever writes to the database could offer this for the issuer with a file. */
static struct ipc_message load_over_file(void)
{
	static uint8_t wrapped[IPC_KEY_MAX];
	struct out o = out_of(wrapped, sizeof(wrapped));
	struct ipc_message m = { .type = IPC_ISSUER_LOAD };

	assert_int_equal(wrap(state, "issuer file", 11, stray_key.pkcs8,
			      stray_key.pkcs8_len, &o),
			 0);
	m.u.issuer_load.name = text_blob("file");
	m.u.issuer_load.cert = blob(stray.der, stray.len);
	m.u.issuer_load.wrapped = blob(wrapped, o.len);
	return m;
}

static void S7_an_issuer_with_a_file_is_not_loaded_over(void **unused)
{
	struct ipc_message m = load_over_file(), a = ask(&m);
	size_t len;

	(void)unused;
	assert_int_equal(a.type, IPC_ISSUER_IS);
	assert_int_equal(a.u.issuer_is.cert.len, pki.manufacturer_cert.len);
	(void)x509_issuer_cert(state->issuers[0].ready, &len);
	assert_int_equal(len, pki.manufacturer_cert.len);
}

static struct ipc_message make_of(const char *name)
{
	struct ipc_message m = { .type = IPC_ISSUER_MAKE };

	m.u.issuer_make = (struct ipc_issuer_make){
		.name = text_blob(name),
		.cert_serial = { 0x41 },
		.not_before = PKI_2026 - 20 * PKI_YEAR,
		.not_after = PKI_2026 + 10 * PKI_YEAR,
	};
	return m;
}

static void assert_not_made(const char *name)
{
	struct ipc_message m = make_of(name), a = ask(&m);

	assert_int_equal(a.type, IPC_ISSUER_MADE);
	assert_int_equal(a.u.issuer_made.rc, FC_ESTATE);
	assert_int_equal(a.u.issuer_made.cert.len + a.u.issuer_made.wrapped.len, 0);
}

static void S4_a_manufacturer_certificate_is_made_once(void **unused)
{
	struct ipc_message m = make_of("made"), a = ask(&m);
	struct auth_secret master = shared(), derived;
	struct pki_cert cert;
	struct kept k, made = { 0 };

	(void)unused;
	assert_int_equal(a.type, IPC_ISSUER_MADE);
	assert_int_equal(a.u.issuer_made.rc, 0);
	cert.len = keep(cert.der, &a.u.issuer_made.cert);
	made.wrapped_len = keep(made.wrapped, &a.u.issuer_made.wrapped);
	assert_not_made("made");
	assert_not_made("file");
	assert_not_made("unheard");

	/* a new registrar has to say what it knows of it */
	signstate_forget_made(state);
	assert_non_null(state->issuers[0].ready); /* its key is in a file */
	m = plan_of("made");
	assert_plan_refused(&m, FC_ESTATE, "issuer \"made\"");
	m = (struct ipc_message){ .type = IPC_ISSUER_LOAD };
	m.u.issuer_load.name = text_blob("made");
	m.u.issuer_load.cert = blob(cert.der, cert.len);
	m.u.issuer_load.wrapped = blob(made.wrapped, made.wrapped_len - 1);
	a = ask(&m);
	assert_int_equal(a.type, IPC_ISSUER_IS);
	assert_int_equal(a.u.issuer_is.cert.len, 0);
	m.u.issuer_load.wrapped.len++;
	a = ask(&m);
	assert_int_equal(a.type, IPC_ISSUER_IS);
	assert_int_equal(a.u.issuer_is.cert.len, cert.len);

	m = plan_of("made");
	k = planned(&m);
	assert_string_equal(k.issuer, "made");
	m = sign_of(&k);
	m.u.sign.set = 7;
	signed_(&m, &k);
	assert_int_equal(auth_secret_derive(&master, &pki_mac, &derived), 0);
	assert_device_takes(&k, &cert, &derived);
}

static void S4_a_loaded_issuer_is_of_the_configured_root(void **unused)
{
	struct ipc_message m = load_over_file(), a;
	uint8_t wrapped[IPC_KEY_MAX];
	struct out o = out_of(wrapped, sizeof(wrapped));
	struct x509_values v = pki_values(&pki, &stray_key);
	struct pki_cert root, cert;
	struct x509_issuer *namesake =
		pki_root("Test Root", PKI_2026, PKI_2026 + 10 * PKI_YEAR, &root);

	(void)unused;
	pki_manufacturer(&pki_profile, &v, namesake, &cert);
	assert_int_equal(wrap(state, "issuer made", 11, stray_key.pkcs8,
			      stray_key.pkcs8_len, &o),
			 0);
	m.u.issuer_load.name = text_blob("made");
	m.u.issuer_load.wrapped = blob(wrapped, o.len);
	m.u.issuer_load.cert = blob(cert.der, cert.len);
	a = ask(&m);
	assert_int_equal(a.u.issuer_is.cert.len, 0);
	assert_null(state->issuers[1].ready);
	m.u.issuer_load.cert = blob(stray.der, stray.len);
	a = ask(&m);
	assert_int_equal(a.u.issuer_is.cert.len, stray.len);
	x509_issuer_free(namesake);
}

static void S4_a_reload_keeps_what_was_made(void **unused)
{
	struct ipc_message m = make_of("made"), a = ask(&m);
	struct signstate *next = NULL;
	char why[CHILD_WHY_SIZE];

	(void)unused;
	assert_int_equal(a.u.issuer_made.rc, 0);
	assert_int_equal(new_state(&next, why), 0);
	assert_null(next->issuers[1].ready);
	signstate_inherit(next, state);
	assert_non_null(next->issuers[1].ready);
	assert_null(state->issuers[1].ready);
	signstate_free(state);
	state = next;
	m = plan_of("made");
	(void)planned(&m);

	/* but not under another root */
	put_file(IPC_SECRET_ROOT_CERT, "made", pki.manufacturer_cert.der,
		 pki.manufacturer_cert.len);
	put_file(IPC_SECRET_ROOT_KEY, "made", pki.manufacturer_key.pkcs8,
		 pki.manufacturer_key.pkcs8_len);
	assert_int_equal(new_state(&next, why), 0);
	signstate_inherit(next, state);
	assert_null(next->issuers[1].ready);
	signstate_free(next);
}

static void assert_no_state(const char *what)
{
	struct signstate *s = NULL;
	char why[CHILD_WHY_SIZE] = "";

	assert_int_equal(new_state(&s, why), FC_ECONF);
	assert_null(s);
	if (!strstr(why, what))
		fail_msg("'%s' does not speak of '%s'", why, what);
}

static void S7_bad_files_are_named(void **unused)
{
	struct signstate *s = NULL;
	char why[CHILD_WHY_SIZE];

	(void)unused;
	put_file(IPC_SECRET_ISSUER_KEY, "file", root_key_stands_in.pkcs8,
		 root_key_stands_in.pkcs8_len);
	assert_no_state("issuer 'file': the key does not fit the certificate "
			"(/t/m.pem, /t/m.key)");
	put_text(IPC_SECRET_ISSUER_KEY, "file", "junk");
	assert_no_state("/t/m.key");
	put_file(IPC_SECRET_ISSUER_KEY, "file", pki.manufacturer_key.pkcs8,
		 pki.manufacturer_key.pkcs8_len);
	put_text(IPC_SECRET_KEYBOX, "two", "\n");
	assert_no_state("secrets 'two', /t/k2 line 1");
	put_text(IPC_SECRET_KEYBOX, "two", keybox_line);
	put_text(IPC_SECRET_STORAGE, "", "short\n");
	assert_int_equal(new_state(&s, why), FC_EBAD);
	assert_non_null(strstr(why, "/t/secrets/storage"));
	signfiles_clear(&files);
	assert_no_state("was not handed over");
}

static void I4_only_the_registrars_messages(void **unused)
{
	struct out o = out_of(reply_buf, sizeof(reply_buf));
	static const enum ipc_type others[] = { IPC_START, IPC_ASK, IPC_ANSWER,
						IPC_PLANNED, IPC_SIGNED };

	(void)unused;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct ipc_message m = { .type = others[i] };

		assert_int_equal(signjobs_handle(state, &m, &o), FC_EPROTO);
		assert_int_equal(o.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			S4_planned_signed_and_taken_by_the_device, setup, teardown),
		cmocka_unit_test_setup_teardown(
			S4_a_plan_signed_again_gives_the_same_certificate, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			S4_nothing_is_signed_without_the_signers_seal, setup, teardown),
		cmocka_unit_test_setup_teardown(
			S4_a_plan_of_another_issuer_of_the_same_name, setup, teardown),
		cmocka_unit_test_setup_teardown(S4_dates_are_cut_to_the_issuers, setup,
						teardown),
		cmocka_unit_test_setup_teardown(S4_what_cannot_be_planned, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			S4_a_manufacturer_certificate_is_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			S4_a_loaded_issuer_is_of_the_configured_root, setup, teardown),
		cmocka_unit_test_setup_teardown(S4_a_reload_keeps_what_was_made, setup,
						teardown),
		cmocka_unit_test_setup_teardown(S5_a_registered_key, setup, teardown),
		cmocka_unit_test_setup_teardown(N6_the_key_for_another_secret_set,
						setup, teardown),
		cmocka_unit_test_setup_teardown(S7_bad_files_are_named, setup,
						teardown),
		cmocka_unit_test_setup_teardown(S4_a_fresh_nonce_for_each_key_at_rest,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			S7_an_issuer_with_a_file_is_not_loaded_over, setup, teardown),
		cmocka_unit_test_setup_teardown(I4_only_the_registrars_messages, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
