/* The registry's changes (cmd/shared/control), as fieldcertctl and the registrar make
 * them: all of a request or nothing, each refusal with its sentence, each change in
 * the record. */
#include "pki.h"
#include "scratch.h"
#include "base/errors.h"
#include "cmd/shared/control.h"
#include "crypto/spki.h"
#include "wire/certfile.h"

static const char conf_text[] =
	"secrets \"one\" { set = 1 kind = derived request = r confirm = c keybox = k "
	"}\n"
	"issuer \"ca\" { certificate = ca.pem key = ca.key }\n"
	"profile \"small\" { subject = { \"CN=%{mac}\" } manufacturer = { \"CN=x\" } "
	"rsa-bits-min = 1024 }\n"
	"profile \"curve\" { subject = { \"CN=%{mac}\" } manufacturer = { \"CN=x\" } "
	"allow-ec = true }\n"
	"class \"old\" { types = { \"EM\", \"CM\" } profile = small }\n"
	"class \"plain\" { request-serial = false profile = small }\n"
	"class \"curve\" { types = { \"MT\" } profile = curve }\n"
	"class \"strict\" { }\n";

static struct scratch scratch;
static struct store *s;
static struct conf *conf;
static struct control_env env;
static unsigned n_changed;
static struct mac last_changed;
static uint8_t reply_bytes[CONTROL_MESSAGE_MAX];
static struct control_message reply;
static struct pki pki;
static struct pki_key device_key, other_key, ec_key;

static int setup_all(void **state)
{
	char *errors = NULL;

	(void)state;
	if (conf_parse("/etc/f.conf", conf_text, sizeof(conf_text) - 1, &conf, &errors))
		fail_msg("%s", errors);
	pki_init(&pki);
	pki_make_key(1024, &device_key);
	pki_make_key(1024, &other_key);
	pki_make_key(256, &ec_key);
	return 0;
}

static int teardown_all(void **state)
{
	(void)state;
	pki_release(&pki);
	conf_free(conf);
	return 0;
}

static void changed(void *ctx, const struct mac *mac)
{
	struct store_device d;

	assert_ptr_equal(ctx, &n_changed);
	/* after the commit: what it reads is what everybody reads */
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_device_get(s, mac, &d), 0);
	assert_int_equal(store_commit(s), 0);
	last_changed = *mac;
	n_changed++;
}

static int setup(void **state)
{
	(void)state;
	scratch_make(&scratch);
	assert_int_equal(store_open(scratch_path(&scratch, "t.db"), STORE_WRITE, &s),
			 0);
	env = (struct control_env){ .store = s,
				    .conf = conf,
				    .now = PKI_2026 + PKI_DAY,
				    .changed = changed,
				    .ctx = &n_changed };
	n_changed = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(s);
	scratch_remove(&scratch);
	return 0;
}

static void execute(const struct control_message *m)
{
	struct out o = out_of(reply_bytes, sizeof(reply_bytes));

	control_execute(&env, m, &o);
	assert_int_equal(control_parse(reply_bytes, o.len, &reply), 0);
	assert_int_equal(reply.type, CONTROL_DONE);
}

static void assert_done(void)
{
	if (reply.u.done.rc != 0)
		fail_msg("refused: %.*s", (int)reply.u.done.text.len,
			 (const char *)reply.u.done.text.p);
}

static void assert_refused(const char *sentence)
{
	char text[IPC_TEXT_MAX + 1];

	assert_true(reply.u.done.rc < 0);
	(void)snprintf(text, sizeof(text), "%.*s", (int)reply.u.done.text.len,
		       reply.u.done.text.len ? (const char *)reply.u.done.text.p : "");
	if (!strstr(text, sentence))
		fail_msg("\"%s\" is not in \"%s\"", sentence, text);
}

static struct ipc_blob text(const char *p)
{
	return (struct ipc_blob){ *p ? (const uint8_t *)p : NULL, strlen(p) };
}

static struct ipc_blob key(const struct pki_key *k)
{
	return (struct ipc_blob){ k->spki, k->spki_len };
}

static struct control_message m; /* large */

static struct control_device *rows(uint16_t n, bool update)
{
	memset(&m, 0, sizeof(m));
	m.type = CONTROL_DEVICES;
	m.u.devices.n = n;
	m.u.devices.update = update;
	for (uint16_t i = 0; i < n; i++) {
		m.u.devices.rows[i].mac = pki_mac;
		m.u.devices.rows[i].mac.b[5] = (uint8_t)(pki_mac.b[5] + i);
		m.u.devices.rows[i].serial = text("J09H7CDEF");
	}
	return m.u.devices.rows;
}

static struct store_device device(void)
{
	struct store_device d;

	assert_int_equal(store_device_get(s, &pki_mac, &d), 0);
	return d;
}

static void assert_absent(void)
{
	struct store_device d;

	assert_int_equal(store_device_get(s, &pki_mac, &d), FC_EABSENT);
}

static void add(const char *class, const struct pki_key *k)
{
	struct control_device *row = rows(1, false);

	row->class_name = text(class);
	if (k)
		row->spki = key(k);
	execute(&m);
	assert_done();
}

static char *last_audit(void)
{
	static struct store_audit a;

	assert_int_equal(store_audit_last(s, &a), 0);
	return a.what;
}

static int take_event(void *ctx, const struct store_event *e)
{
	*(struct store_event *)ctx = *e;
	return 1;
}

static void assert_recorded(const char *kind)
{
	struct store_event e = { .id = 0 };
	int64_t entries, fault;

	assert_int_equal(store_event_each(s, &pki_mac, 1, take_event, &e), 0);
	assert_string_equal(e.kind, kind);
	assert_int_equal(e.time, env.now);
	assert_ptr_equal(strstr(last_audit(), kind), last_audit());
	assert_non_null(strstr(last_audit(), "mac=00:10:4B:AB:CD:EF"));
	assert_int_equal(audit_verify(s, &entries, &fault), 0);
}

/* ---- add and update ----------------------------------------------------------------
 */

static void what_is_left_out_is_filled_in(void **state)
{
	struct store_device d;

	(void)state;
	(void)rows(1, false);
	execute(&m);
	assert_done();
	d = device();
	assert_string_equal(d.class_name, "default");
	assert_string_equal(d.type, "CM");
	assert_string_equal(d.serial, "J09H7CDEF");
	assert_int_equal(d.spki_len, 0);
	assert_int_equal(n_changed, 1);
	assert_true(mac_equal(&last_changed, &pki_mac));
	assert_recorded("registered");
	assert_non_null(strstr(last_audit(), "serial=J09H7CDEF"));
}

static void s14_every_row_is_in_the_record(void **state)
{
	int64_t entries, fault;

	(void)state;
	(void)rows(CONTROL_ROWS_MAX, false);
	execute(&m);
	assert_done();
	assert_int_equal(audit_verify(s, &entries, &fault), 0);
	assert_int_equal(entries, CONTROL_ROWS_MAX);
	assert_int_equal(n_changed, CONTROL_ROWS_MAX);
}

static void one_bad_row_and_nothing_is_done(void **state)
{
	struct control_device *r = rows(3, false);
	int64_t entries, fault;

	(void)state;
	r[2].class_name = text("nosuch");
	execute(&m);
	assert_refused("no class \"nosuch\"");
	assert_int_equal(reply.u.done.row, 2);
	assert_absent();
	assert_int_equal(n_changed, 0);
	assert_int_equal(audit_verify(s, &entries, &fault), 0);
	assert_int_equal(entries, 0);
}

static void a_device_is_added_once(void **state)
{
	struct control_device *r;

	(void)state;
	add("default", NULL);
	(void)rows(1, false);
	execute(&m);
	assert_refused("registered already");
	r = rows(2, false); /* twice in one request */
	r[0].mac.b[4] = r[1].mac.b[4] = 1;
	r[1].mac = r[0].mac;
	execute(&m);
	assert_refused("registered already");
	assert_int_equal(reply.u.done.row, 1);
}

static void rows_that_make_no_sense_are_refused(void **state)
{
	static const char *const bad[] = { " x", "x ", "a\tb", "\xc3\xa4", "" };
	char longest[IPC_SERIAL_MAX + 1];
	struct control_device *r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		rows(1, false)->serial = text(bad[i]);
		execute(&m);
		assert_refused("serial number");
	}
	r = rows(1, false);
	r->mac.b[0] = 1;
	execute(&m);
	assert_refused("not a device's address");
	r = rows(1, false);
	r->type = text("XX");
	execute(&m);
	assert_refused("no such type");
	r = rows(1, false);
	r->type = text("MT"); /* there is one, but not in this class */
	r->class_name = text("old");
	execute(&m);
	assert_refused("no such type");
	r = rows(1, false);
	r->spki = text("no key");
	execute(&m);
	assert_refused("public key");
	assert_absent();

	memset(longest, 'S', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	rows(1, false)->serial = text(longest);
	execute(&m);
	assert_done();
	assert_string_equal(device().serial, longest);
}

static void a_serial_number_is_needed_where_it_is_hashed(void **state)
{
	struct control_device *r = rows(1, false);

	(void)state;
	r->class_name = text("plain");
	r->serial = text("");
	execute(&m);
	assert_done();
}

static void n1_types_of_a_class_in_any_case_and_its_first_without(void **state)
{
	struct control_device *r = rows(2, false);

	(void)state;
	r[0].class_name = r[1].class_name = text("old");
	r[1].type = text("cm");
	execute(&m);
	assert_done();
	assert_string_equal(device().type, "EM");
	assert_int_equal(store_device_get(s, &m.u.devices.rows[1].mac,
					  &(struct store_device){ .epoch = 0 }),
			 0);
}

static void s5_keys_that_the_profile_takes(void **state)
{
	struct control_device *r;
	struct spki parsed;

	(void)state;
	r = rows(1, false);
	r->class_name = text("strict");
	r->spki = key(&device_key);
	execute(&m);
	assert_refused("RSA key of 1024 bits");
	r->spki = key(&ec_key);
	execute(&m);
	assert_refused("RSA keys only");
	r->class_name = text("old");
	execute(&m);
	assert_refused("RSA keys only");
	r->class_name = text("curve");
	execute(&m);
	assert_done();
	assert_int_equal(spki_parse(device().spki, device().spki_len, &parsed), 0);
	assert_int_equal(parsed.kind, SPKI_P256);
}

static void one_key_one_device(void **state)
{
	struct control_device *r;

	(void)state;
	add("old", &device_key);
	r = rows(2, false);
	r[0] = r[1];
	m.u.devices.n = 1;
	r[0].class_name = text("old");
	r[0].spki = key(&device_key);
	execute(&m);
	assert_refused("that of 00:10:4B:AB:CD:EF already");
	r[0].spki = key(&other_key);
	execute(&m);
	assert_done();
	/* nor by an update */
	r = rows(1, true);
	r->spki = key(&other_key);
	execute(&m);
	assert_refused("already");
	r->spki = key(&device_key); /* its own again */
	execute(&m);
	assert_done();
}

static void updates_keep_what_is_left_out(void **state)
{
	struct control_device *r;
	struct store_device d;

	(void)state;
	add("old", &device_key);
	assert_int_equal(store_device_state(s, &pki_mac, DEVICE_CONFIRMED, ""), 0);
	r = rows(1, true);
	r->serial = text("NEW");
	execute(&m);
	assert_done();
	d = device();
	assert_string_equal(d.serial, "NEW");
	assert_string_equal(d.class_name, "old");
	assert_string_equal(d.type, "EM");
	assert_int_equal(d.spki_len, device_key.spki_len);
	assert_int_equal(d.state, DEVICE_CONFIRMED);
	assert_recorded("updated");
	/* update adds what is not there */
	r = rows(1, true);
	r->mac.b[5] = 1;
	execute(&m);
	assert_done();
	assert_non_null(strstr(last_audit(), "registered"));
}

/* ---- allow, deny, reset ------------------------------------------------- */

static void execute_access(bool deny)
{
	memset(&m, 0, sizeof(m));
	m.type = CONTROL_ACCESS;
	m.u.access.mac = pki_mac;
	m.u.access.deny = deny;
	execute(&m);
}

static void deny_and_allow(void **state)
{
	uint64_t n;

	(void)state;
	execute_access(true);
	assert_refused("not registered");
	add("default", NULL);
	assert_int_equal(store_queue_put(s, &pki_mac, 1, 1), 0);
	execute_access(true);
	assert_done();
	assert_true(device().denied);
	assert_recorded("denied");
	assert_int_equal(store_queue_count(s, &n), 0);
	assert_int_equal(n, 0); /* nothing is made for it any more */
	execute_access(false);
	assert_done();
	assert_false(device().denied);
	assert_recorded("allowed");
	assert_int_equal(n_changed, 3);
}

static int64_t plan(uint32_t epoch)
{
	struct store_cert c = { .mac = pki_mac,
				.epoch = epoch,
				.serial = { 0x40, (uint8_t)epoch },
				.issuer = "ca" };
	int64_t id;

	assert_int_equal(store_cert_plan(s, &c, &id), 0);
	return id;
}

static void execute_reset(void)
{
	memset(&m, 0, sizeof(m));
	m.type = CONTROL_RESET;
	m.u.reset.mac = pki_mac;
	execute(&m);
}

static void s4_reset_begins_an_epoch(void **state)
{
	struct store_cert c;
	uint64_t n;

	(void)state;
	execute_reset();
	assert_refused("not registered");
	add("default", NULL);
	assert_int_equal(store_queue_put(s, &pki_mac, 1, 1), 0);
	(void)plan(1);
	execute_reset();
	assert_done();
	assert_int_equal(device().epoch, 2);
	assert_recorded("reset");
	assert_int_equal(store_queue_count(s, &n), 0);
	assert_int_equal(n, 0);
	/* the unsigned plan ends with its epoch … */
	assert_int_equal(store_cert_get(s, &pki_mac, 1, &c), FC_EABSENT);
	/* … an issued certificate stays */
	assert_int_equal(store_cert_issued(s, plan(2), (const uint8_t *)"d", 1), 0);
	execute_reset();
	assert_done();
	assert_int_equal(store_cert_get(s, &pki_mac, 2, &c), 0);
	assert_int_equal(device().epoch, 3);
}

/* ---- preload (S9) ------------------------------------------------------- */

static uint8_t file[CERTFILE_MAX];
static struct out file_out;
static struct pki_cert device_cert;

static void make_cert(const struct mac *mac, const struct pki_key *k)
{
	struct x509_values v = pki_values(&pki, k);

	v.mac = *mac;
	pki_device(&pki_profile, &v, pki.manufacturer, &device_cert);
}

static void make_file(bool manufacturer, bool key_object, uint8_t set)
{
	uint8_t value[100] = { CERTKEY_VERSION, set };

	file_out = out_of(file, sizeof(file));
	if (manufacturer)
		certfile_put(&file_out, CERTFILE_MANUFACTURER,
			     pki.manufacturer_cert.der, pki.manufacturer_cert.len);
	certfile_put(&file_out, CERTFILE_DEVICE, device_cert.der, device_cert.len);
	if (key_object)
		certfile_put(&file_out, CERTFILE_KEY, value, sizeof(value));
	assert_false(file_out.full);
}

static void execute_preload(void)
{
	memset(&m, 0, sizeof(m));
	m.type = CONTROL_PRELOAD;
	m.u.preload.mac = pki_mac;
	m.u.preload.file = (struct ipc_blob){ file, file_out.len };
	execute(&m);
}

static void assert_nothing_stored(void)
{
	struct store_cert c;

	assert_int_equal(store_cert_get(s, &pki_mac, device().epoch, &c), FC_EABSENT);
	assert_int_equal(device().file_epoch, 0);
}

static void s9_a_devices_own_file_is_stored_and_served(void **state)
{
	const uint8_t *p;
	struct store_cert c;
	uint32_t epoch;
	uint8_t set;
	size_t len;
	uint64_t n;

	(void)state;
	add("old", &device_key);
	assert_int_equal(store_queue_put(s, &pki_mac, 1, 1), 0);
	make_cert(&pki_mac, &device_key);
	make_file(true, true, 1);
	execute_preload();
	assert_done();
	assert_int_equal(store_file_get(s, &pki_mac, &epoch, &set, &p, &len), 0);
	assert_int_equal(epoch, 1);
	assert_int_equal(set, 1);
	assert_int_equal(len, file_out.len);
	assert_memory_equal(p, file, len);
	assert_int_equal(store_cert_get(s, &pki_mac, 1, &c), 0);
	assert_int_equal(c.state, CERT_PRELOADED);
	assert_int_equal(c.der_len, device_cert.len);
	assert_memory_equal(c.der, device_cert.der, c.der_len);
	assert_int_equal(c.serial[0], 0x41);
	assert_int_equal(c.serial[15], pki.next_serial);
	assert_int_equal(device().state, DEVICE_ISSUED);
	assert_int_equal(store_queue_count(s, &n), 0);
	assert_int_equal(n, 0);
	assert_recorded("preloaded");

	execute_preload();
	assert_refused("certificate in this epoch already");
	execute_reset();
	make_cert(&pki_mac, &device_key); /* another serial number */
	make_file(false, false, 0);
	execute_preload();
	assert_done();
	assert_int_equal(device().file_epoch, 2);
}

static void s9_another_devices_file_is_refused(void **state)
{
	struct mac other = pki_mac;

	(void)state;
	add("old", NULL);
	other.b[5] ^= 1;
	make_cert(&other, &device_key);
	make_file(true, false, 0);
	execute_preload();
	assert_refused("not that device's");
	assert_nothing_stored();
}

static void s9_another_public_key_is_refused(void **state)
{
	(void)state;
	add("old", &other_key);
	make_cert(&pki_mac, &device_key);
	make_file(true, false, 0);
	execute_preload();
	assert_refused("not the one that is registered");
	assert_nothing_stored();
}

static void s9_a_wrong_signature_is_refused(void **state)
{
	(void)state;
	add("old", NULL);
	make_cert(&pki_mac, &device_key);
	device_cert.der[device_cert.len - 1] ^= 1;
	make_file(true, false, 0);
	execute_preload();
	assert_refused("signature");
	assert_nothing_stored();
}

static void s9_another_manufacturers_certificate_is_refused(void **state)
{
	struct pki_cert right = pki.manufacturer_cert;

	(void)state;
	add("old", NULL);
	make_cert(&pki_mac, &device_key);
	pki.manufacturer_cert = pki.root_cert;
	make_file(true, false, 0);
	pki.manufacturer_cert = right;
	execute_preload();
	assert_refused("issuer");
	assert_nothing_stored();
}

static void s9_a_damaged_file_is_refused(void **state)
{
	(void)state;
	add("old", NULL);
	make_cert(&pki_mac, &device_key);
	make_file(true, false, 0);
	file[20] ^= 1; /* CRC */
	execute_preload();
	assert_refused("not a certificate file");
	assert_refused("05");
	make_file(true, false, 0);
	file_out.len--;
	execute_preload();
	assert_refused("not a certificate file");
	assert_nothing_stored();
}

static void s9_what_the_device_would_refuse_is_refused(void **state)
{
	struct x509_profile p = pki_profile;
	struct x509_values v = pki_values(&pki, &device_key);

	(void)state;
	add("old", NULL);
	p.manufacturer[0] = (struct x509_rdn){ "CN", "%{mac}" };
	p.n_manufacturer = 1;
	pki_manufacturer(&p, &v, pki.root, &device_cert);
	file_out = out_of(file, sizeof(file));
	certfile_put(&file_out, CERTFILE_MANUFACTURER, pki.root_cert.der,
		     pki.root_cert.len);
	certfile_put(&file_out, CERTFILE_DEVICE, device_cert.der, device_cert.len);
	execute_preload();
	assert_refused("error 09");
	assert_nothing_stored();

	p = pki_profile;
	p.subject[2] = (struct x509_rdn){ "CN", "00:10:4B:00:00:01" };
	v = pki_values(&pki, &device_key);
	pki_device(&p, &v, pki.manufacturer, &device_cert);
	make_file(true, false, 0);
	execute_preload();
	assert_refused("for no MAC address");
	assert_nothing_stored();
}

static void s9_dates_are_judged(void **state)
{
	(void)state;
	add("old", NULL);
	make_cert(&pki_mac, &device_key);
	make_file(true, false, 0);
	env.now = PKI_2026 + 11 * PKI_YEAR;
	execute_preload();
	assert_refused("device certificate has run out");
	env.now = PKI_2026 - 1;
	execute_preload();
	assert_refused("not valid yet");
	assert_nothing_stored();
}

static void s9_keys_and_sets_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	add("strict", NULL);
	make_cert(&pki_mac, &device_key);
	make_file(true, false, 0);
	execute_preload();
	assert_refused("1024 bits");
	rows(1, true)->class_name = text("old");
	execute(&m);
	assert_done();
	make_file(true, true, 2);
	execute_preload();
	assert_refused("secret set 2");
	assert_nothing_stored();
}

static void s9_a_key_that_another_device_has_is_refused(void **state)
{
	struct control_device *r;

	(void)state;
	add("old", NULL);
	r = rows(1, false);
	r->mac.b[5] = 1;
	r->class_name = text("old");
	r->spki = key(&device_key);
	execute(&m);
	assert_done();
	make_cert(&pki_mac, &device_key);
	make_file(true, false, 0);
	execute_preload();
	assert_refused("another device has this key");
	assert_nothing_stored();
}

static void s9_an_unknown_device_is_refused(void **state)
{
	(void)state;
	make_cert(&pki_mac, &device_key);
	make_file(true, false, 0);
	execute_preload();
	assert_refused("not registered");
}

static void what_is_no_change_is_refused(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	m.type = CONTROL_STATUS;
	execute(&m);
	assert_refused("not a change");
}

static void a_database_that_fails_is_told(void **state)
{
	(void)state;
	store_close(s);
	assert_int_equal(store_open(scratch_path(&scratch, "t.db"), STORE_READ, &s), 0);
	env.store = s;
	(void)rows(1, false);
	execute(&m);
	assert_refused("the database");
	assert_int_equal(n_changed, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_left_out_is_filled_in),
		T(s14_every_row_is_in_the_record),
		T(one_bad_row_and_nothing_is_done),
		T(a_device_is_added_once),
		T(rows_that_make_no_sense_are_refused),
		T(a_serial_number_is_needed_where_it_is_hashed),
		T(n1_types_of_a_class_in_any_case_and_its_first_without),
		T(s5_keys_that_the_profile_takes),
		T(one_key_one_device),
		T(updates_keep_what_is_left_out),
		T(deny_and_allow),
		T(s4_reset_begins_an_epoch),
		T(s9_a_devices_own_file_is_stored_and_served),
		T(s9_another_devices_file_is_refused),
		T(s9_another_public_key_is_refused),
		T(s9_a_wrong_signature_is_refused),
		T(s9_another_manufacturers_certificate_is_refused),
		T(s9_a_damaged_file_is_refused),
		T(s9_what_the_device_would_refuse_is_refused),
		T(s9_dates_are_judged),
		T(s9_keys_and_sets_that_do_not_fit_are_refused),
		T(s9_a_key_that_another_device_has_is_refused),
		T(s9_an_unknown_device_is_refused),
		T(what_is_no_change_is_refused),
		T(a_database_that_fails_is_told),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
