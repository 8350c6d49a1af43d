/* The registrar as a whole: what it answers, what it commits before what, and what is
 * left of an issue when a process is killed in the middle of it. */
#include "registrar.h"
#include <sys/resource.h>
#include "base/errors.h"
#include "macs.h"

#define SECRETS                                                                        \
	"secrets \"one\" { set = 1 kind = derived request = r confirm = c keybox = k " \
	"}\n"
static const char with_certificate[] =
	SECRETS "issuer \"ca\" { certificate = ca.pem key = ca.key }\n"
		"class \"keyless\" { key-source = registry }\n"
		"class \"bare\" { validity-days = 7 send-manufacturer = no }\n";
static const char with_root[] =
	SECRETS "issuer \"ca\" { root-certificate = r.pem root-key = r.key "
		"organization = x }\n";

static int setup_all(void **state)
{
	(void)state;
	pki_init(&w.pki);
	pki_make_key(1024, &made_key);
	return 0;
}

static int teardown_all(void **state)
{
	(void)state;
	pki_release(&w.pki);
	return 0;
}

static void prepare(const char *conf_text)
{
	scratch_make(&w.scratch);
	(void)snprintf(w.db, sizeof(w.db), "%s", scratch_path(&w.scratch, "t.db"));
	(void)snprintf(w.control, sizeof(w.control), "%s",
		       scratch_path(&w.scratch, "control"));
	w.conf_text = conf_text;
}

static int setup(void **state)
{
	(void)state;
	prepare(with_certificate);
	start();
	add_device(&pki_mac);
	return 0;
}

static int setup_root(void **state)
{
	(void)state;
	prepare(with_root);
	start_silent();
	add_device(&pki_mac);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (w.pid > 0)
		end_it();
	scratch_remove(&w.scratch);
	return 0;
}

/* ---- the table ----------------------------------------------------------------------
 */

static void added_is_in_the_table_when_the_reply_comes(void **state)
{
	struct devtable_device d;
	struct mac mac = pki_mac;

	(void)state;
	assert_true(devtable_find(&w.table, &pki_mac, &d));
	assert_string_equal(d.type, "CM");
	assert_int_equal(d.serial_len, 3);
	assert_memory_equal(d.serial, "J09", 3);
	assert_string_equal(devtable_class_name(&w.table, d.class_index), "default");
	assert_int_equal(d.flags, 0);
	deny_device(true);
	assert_true(devtable_find(&w.table, &pki_mac, &d));
	assert_int_equal(d.flags, DEVTABLE_DENIED);
	deny_device(false);
	assert_true(devtable_find(&w.table, &pki_mac, &d));
	assert_int_equal(d.flags, 0);
	mac.b[5] ^= 1;
	assert_false(devtable_find(&w.table, &mac, &d));
}

static void the_table_is_there_again_after_a_restart(void **state)
{
	struct devtable_device d;

	(void)state;
	deny_device(true);
	kill_it();
	start();
	assert_true(devtable_find(&w.table, &pki_mac, &d));
	assert_int_equal(d.flags, DEVTABLE_DENIED);
}

static void a_full_table_grows(void **state)
{
	static struct control_message m;
	struct devtable_device d;
	uint32_t n = 0;

	(void)state;
	for (int k = 0; k < 40; k++) {
		memset(&m, 0, sizeof(m));
		m.type = CONTROL_DEVICES;
		m.u.devices.n = CONTROL_ROWS_MAX;
		for (int i = 0; i < CONTROL_ROWS_MAX; i++) {
			m.u.devices.rows[i].mac = mac_from_u64(0x00204b000000u + n++);
			m.u.devices.rows[i].serial =
				(struct ipc_blob){ (const uint8_t *)"S", 1 };
		}
		control_change(&m);
	}
	take_table();
	while (next_from(w.front, 0, NULL))
		fail_msg("more than one larger table");
	assert_int_equal(devtable_count(&w.table), n + 1);
	assert_true(devtable_find(&w.table, &pki_mac, &d));
}

/* ---- a request ---------------------------------------------------------- */

static void s3_not_found_first_and_the_file_later(void **state)
{
	struct certfile f;
	struct planned p;
	struct to_sign t;

	(void)state;
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
	assert_int_equal(device().state, DEVICE_REQUESTED);
	assert_int_equal(device().requests, 1);
	assert_string_equal(device().last_peer, "192.0.2.1");
	expect_plan(&p);
	assert_memory_equal(p.plan.type, "CM", 2);
	assert_true(mac_equal(&p.plan.mac, &pki_mac));
	assert_int_equal(p.plan.cert_serial[0] & 0x80, 0);
	assert_int_not_equal(p.plan.cert_serial[0], 0);
	assert_true(p.plan.not_before < time(NULL));
	send_planned(&p);
	expect_sign(&t);
	assert_int_equal(t.tbs_len, p.tbs_len);
	assert_memory_equal(t.tbs, p.tbs, p.tbs_len);
	assert_int_equal(t.sign.seal[0], 7);
	assert_int_equal(t.sign.set, 1);
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND); /* not yet */
	send_signed(&t, t.tbs, t.tbs_len);
	wait_for_state(DEVICE_ISSUED);
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	assert_int_equal(w.got.u.answer.epoch, 1);
	assert_int_equal(certfile_parse(w.got.u.answer.file.p, w.got.u.answer.file.len,
					&f, NULL),
			 DEVICE_OK);
	assert_true(f.manufacturer.present);
	assert_int_equal(f.manufacturer.len, w.pki.manufacturer_cert.len);
	assert_non_null(memmem(f.device.value, f.device.len, p.tbs, p.tbs_len));
	assert_true(f.key.present);
	assert_int_equal(queued(), 0);
	assert_int_equal(certs(CERT_ISSUED), 1);
	expect_quiet(w.signer);
}

/* S14: what was issued stands in the audit chain and in the device's events, once; and
 * the clock may not go back behind it. */
static void s14_what_is_issued_is_on_record(void **state)
{
	struct store_audit last;
	struct store *s;
	int64_t floor;

	(void)state;
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
	issue_one(); /* which asks once more */
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	assert_string_equal(events(), "issued request registered ");
	assert_int_equal(store_open(w.db, STORE_READ, &s), 0);
	assert_int_equal(store_audit_last(s, &last), 0);
	assert_int_equal(store_number_get(s, "clock_floor", &floor), 0);
	store_close(s);
	assert_non_null(strstr(last.what, "issued mac=00:10:4B:AB:CD:EF epoch=1 "));
	assert_in_range(floor, time(NULL) - 60, time(NULL));
}

/* What is asked of a signer was committed before, and no answer goes ahead of it. */
static void s4_nothing_leaves_before_it_is_committed(void **state)
{
	struct planned p;
	struct to_sign t;

	(void)state;
	(void)ask();
	expect_plan(&p);
	assert_int_equal(queued(), 1);
	assert_int_equal(certs(CERT_PLANNED), 0);
	send_planned(&p);
	expect_sign(&t);
	assert_int_equal(certs(CERT_PLANNED), 1);
	assert_int_equal(queued(), 1);
	send_signed(&t, t.tbs, t.tbs_len);
	wait_for_state(DEVICE_ISSUED);
	assert_int_equal(certs(CERT_PLANNED), 0);
	assert_int_equal(certs(CERT_ISSUED), 1);
	assert_int_equal(device().file_epoch, 1);
	assert_int_equal(queued(), 0);
}

static void s4_many_requests_one_certificate(void **state)
{
	struct planned p;
	struct to_sign t;

	(void)state;
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
	expect_plan(&p);
	expect_quiet(w.signer);
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
	send_planned(&p);
	expect_sign(&t);
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
	expect_quiet(w.signer);
	send_signed(&t, t.tbs, t.tbs_len);
	send_signed(&t, t.tbs, t.tbs_len); /* a signer that stutters */
	wait_for_state(DEVICE_ISSUED);
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	expect_quiet(w.signer);
	assert_int_equal(certs(CERT_ISSUED), 1);
}

static void s3_denied(void **state)
{
	(void)state;
	issue_one();
	deny_device(true);
	assert_int_equal(ask(), IPC_VERDICT_DENIED);
	deny_device(false);
	assert_int_equal(ask(), IPC_VERDICT_FILE);
}

static void an_unknown_device_is_not_found_and_costs_nothing(void **state)
{
	struct mac mac = pki_mac;

	(void)state;
	mac.b[5] ^= 1;
	send_ask(&mac, 1);
	assert_int_equal(verdict(), IPC_VERDICT_NOT_FOUND);
	expect_quiet(w.signer);
}

static void s4_the_old_file_is_served_while_the_new_one_is_made(void **state)
{
	struct planned p;
	struct to_sign t;

	(void)state;
	issue_one();
	reset_device();
	/* the same key again would be refused for another device, not for this one */
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	assert_int_equal(w.got.u.answer.epoch, 1);
	expect_plan(&p);
	send_planned(&p);
	expect_sign(&t);
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	assert_int_equal(w.got.u.answer.epoch, 1);
	send_signed(&t, t.tbs, t.tbs_len);
	wait_for_state(DEVICE_ISSUED);
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	assert_int_equal(w.got.u.answer.epoch, 2);
	assert_int_equal(certs(CERT_ISSUED), 2);
}

static void s4_a_reset_in_the_middle_voids_the_plan(void **state)
{
	struct planned p, q;
	struct to_sign t;

	(void)state;
	(void)ask();
	expect_plan(&p);
	send_planned(&p);
	expect_sign(&t);
	reset_device();
	send_signed(&t, t.tbs, t.tbs_len);
	expect_quiet(w.signer);
	assert_int_equal(certs(CERT_ISSUED), 0);
	assert_int_equal(certs(CERT_VOID), 1);
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
	expect_plan(&q);
	assert_memory_not_equal(p.plan.cert_serial, q.plan.cert_serial,
				IPC_CERT_SERIAL_LEN);
}

/* The signer may take its time over the old one. */
static void s4_a_reset_in_the_middle_is_planned_for_at_once(void **state)
{
	struct planned p;
	struct to_sign t;

	(void)state;
	(void)ask();
	expect_plan(&p);
	send_planned(&p);
	expect_sign(&t);
	reset_device();
	(void)ask();
	expect_plan(&p);
}

static void s3_denied_in_the_middle_nothing_is_issued(void **state)
{
	struct planned p;
	struct to_sign t;

	(void)state;
	(void)ask();
	expect_plan(&p);
	send_planned(&p);
	expect_sign(&t);
	deny_device(true);
	send_signed(&t, t.tbs, t.tbs_len);
	assert_int_equal(ask(), IPC_VERDICT_DENIED);
	assert_int_equal(certs(CERT_ISSUED), 0);
	expect_quiet(w.signer);
	deny_device(false);
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
	expect_sign(&t); /* the plan was kept */
	assert_memory_equal(t.tbs, p.tbs, p.tbs_len);
}

/* ---- kill -9 ------------------------------------------------------------ */

static void s4_killed_before_the_plan_it_is_planned_after(void **state)
{
	struct planned p;
	struct to_sign t;

	(void)state;
	(void)ask();
	expect_plan(&p);
	kill_it();
	start();
	expect_plan(&p); /* nobody asked again */
	send_planned(&p);
	expect_sign(&t);
	send_signed(&t, t.tbs, t.tbs_len);
	wait_for_state(DEVICE_ISSUED);
	assert_int_equal(certs(CERT_ISSUED), 1);
}

static void s4_killed_after_the_plan_the_same_bytes_are_signed(void **state)
{
	struct planned p;
	struct to_sign before, after;

	(void)state;
	(void)ask();
	expect_plan(&p);
	send_planned(&p);
	expect_sign(&before);
	kill_it();
	start();
	expect_sign(&after); /* no second plan */
	assert_int_equal(after.tbs_len, before.tbs_len);
	assert_memory_equal(after.tbs, before.tbs, before.tbs_len);
	assert_int_equal(after.sign.wrapped.len, 17);
	kill_it();
	start();
	expect_sign(&after);
	assert_memory_equal(after.tbs, before.tbs, before.tbs_len);
	send_signed(&after, after.tbs, after.tbs_len);
	wait_for_state(DEVICE_ISSUED);
	assert_int_equal(certs(CERT_ISSUED), 1);
	assert_int_equal(certs(CERT_PLANNED), 0);
	kill_it();
	start();
	expect_quiet(w.signer);
	assert_int_equal(ask(), IPC_VERDICT_FILE);
}

/* SIGNED is on its way: it is committed or not, and either way there is one. */
static void s4_killed_while_signed_comes_there_is_one(void **state)
{
	struct planned p;
	struct to_sign t;

	(void)state;
	(void)ask();
	expect_plan(&p);
	send_planned(&p);
	expect_sign(&t);
	send_signed(&t, t.tbs, t.tbs_len);
	kill_it();
	start();
	if (device().state != DEVICE_ISSUED) {
		expect_sign(&t);
		send_signed(&t, t.tbs, t.tbs_len);
		wait_for_state(DEVICE_ISSUED);
	}
	assert_int_equal(certs(CERT_ISSUED), 1);
	assert_int_equal(certs(CERT_PLANNED), 0);
	assert_int_equal(certs(CERT_VOID), 0);
	assert_int_equal(ask(), IPC_VERDICT_FILE);
}

static void new_signer(void)
{
	chan_free(w.signer);
	w.signer = send_peer(IPC_ROLE_SIGNER, 0);
	announce(true);
}

static void s4_a_killed_signers_jobs_go_to_the_next(void **state)
{
	struct planned p;
	struct to_sign before, after;

	(void)state;
	(void)ask();
	expect_plan(&p);
	new_signer();
	expect_plan(&p);
	send_planned(&p);
	expect_sign(&before);
	new_signer();
	expect_sign(&after);
	assert_memory_equal(after.tbs, before.tbs, before.tbs_len);
	send_signed(&after, after.tbs, after.tbs_len);
	wait_for_state(DEVICE_ISSUED);
	assert_int_equal(certs(CERT_ISSUED), 1);
}

static void what_ends_three_signers_is_not_given_to_a_fourth(void **state)
{
	struct planned p;

	(void)state;
	(void)ask();
	for (int i = 0; i < ISSUE_TRIES_MAX; i++) {
		expect_plan(&p);
		new_signer();
	}
	expect_quiet(w.signer);
	wait_for_reason("ended three times");
	(void)ask(); /* the next request tries again */
	expect_plan(&p);
}

/* ---- what signers refuse ------------------------------------------------ */

static void s3_a_refusal_is_told_to_the_operator_and_not_repeated(void **state)
{
	struct planned p;

	(void)state;
	(void)ask();
	expect_plan(&p);
	refuse_plan(p.plan.job, FC_EDENIED, "profile \"x\": no such country");
	wait_for_reason("no such country");
	expect_quiet(w.signer);
	assert_int_equal(queued(), 0);
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
	expect_plan(&p);
	send_planned(&p);
	expect(w.signer, IPC_SIGN);
	refuse_sign(w.got.u.sign.job, FC_ECRYPTO, "the HSM is away");
	wait_for_reason("the HSM is away");
	assert_int_equal(certs(CERT_PLANNED), 1); /* signed next time */
	(void)ask();
	expect(w.signer, IPC_SIGN);
}

static void s4_an_issuer_that_changed_is_planned_for_again(void **state)
{
	struct planned p, q;
	struct to_sign t;

	(void)state;
	(void)ask();
	expect_plan(&p);
	send_planned(&p);
	expect_sign(&t);
	refuse_sign(t.sign.job, FC_EAUTH, "");
	expect_plan(&q);
	assert_memory_not_equal(p.plan.cert_serial, q.plan.cert_serial,
				IPC_CERT_SERIAL_LEN);
	assert_int_equal(certs(CERT_VOID), 1);
	send_planned(&q);
	expect_sign(&t);
	assert_memory_equal(t.tbs, q.tbs, q.tbs_len);
	send_signed(&t, t.tbs, t.tbs_len);
	wait_for_state(DEVICE_ISSUED);
	assert_int_equal(device().epoch, 1);
}

static void a_signer_that_always_changes_its_mind_ends_somewhere(void **state)
{
	struct planned p;
	struct to_sign t;

	(void)state;
	(void)ask();
	for (int i = 0; i <= ISSUE_REPLANS_MAX; i++) {
		expect_plan(&p);
		send_planned(&p);
		expect_sign(&t);
		refuse_sign(t.sign.job, FC_EAUTH, "");
	}
	wait_for_reason("refuses its own plans");
	expect_quiet(w.signer);
}

static void sign_something_else(const uint8_t *tbs, size_t len, const char *reason)
{
	struct planned p;
	struct to_sign t;

	(void)ask();
	expect_plan(&p);
	send_planned(&p);
	expect_sign(&t);
	send_signed(&t, tbs, len);
	wait_for_reason(reason);
	assert_int_equal(certs(CERT_ISSUED), 0);
	assert_int_equal(device().file_epoch, 0);
}

static void a_certificate_that_was_not_planned_is_not_served(void **state)
{
	struct x509_values v = pki_values(&w.pki, &made_key);
	uint8_t tbs[X509_TBS_MAX];
	const char *why;
	size_t len;

	(void)state;
	assert_int_equal(x509_build_device(&pki_profile, &v, w.pki.manufacturer, tbs,
					   sizeof(tbs), &len, &why),
			 0);
	sign_something_else(tbs, len, "not the planned one");
}

static void a_signer_that_lost_the_private_key_is_noticed(void **state)
{
	struct planned p;
	struct to_sign t;

	(void)state;
	(void)ask();
	expect_plan(&p);
	send_planned(&p);
	expect_sign(&t);
	t.sign.wrapped.len = 0; /* no key in the answer */
	send_signed(&t, t.tbs, t.tbs_len);
	wait_for_reason("lost the private key");
	assert_int_equal(certs(CERT_ISSUED), 0);
}

/* A broken HSM: the right bytes, the wrong signature. */
static void a_signature_that_does_not_hold_is_not_served(void **state)
{
	struct ipc_message m = { .type = IPC_SIGNED };
	struct planned p;
	struct pki_cert cert;
	struct to_sign t;
	uint8_t keybox[64] = { 1, 1 };

	(void)state;
	(void)ask();
	expect_plan(&p);
	send_planned(&p);
	expect_sign(&t);
	pki_sign(w.pki.manufacturer, t.tbs, t.tbs_len, &cert);
	cert.der[cert.len - 1] ^= 1;
	m.u.signed_.job = t.sign.job;
	m.u.signed_.cert = (struct ipc_blob){ cert.der, cert.len };
	m.u.signed_.keybox = (struct ipc_blob){ keybox, sizeof(keybox) };
	send_to(w.signer, &m, -1);
	wait_for_reason("signature does not hold");
	assert_int_equal(certs(CERT_ISSUED), 0);
}

static void s5_registered_keys_are_certified_and_missing_ones_waited_for(void **state)
{
	static struct control_message m;
	struct planned p;
	struct to_sign t;
	struct pki_key key;

	(void)state;
	memset(&m, 0, sizeof(m));
	m.type = CONTROL_DEVICES;
	m.u.devices.update = 1;
	m.u.devices.n = 1;
	m.u.devices.rows[0].mac = pki_mac;
	m.u.devices.rows[0].class_name =
		(struct ipc_blob){ (const uint8_t *)"keyless", 7 };
	control_change(&m);
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
	expect_quiet(w.signer);
	assert_non_null(strstr(device().waiting, "no public key registered"));

	pki_make_key(2048, &key);
	m.u.devices.rows[0].spki = (struct ipc_blob){ key.spki, key.spki_len };
	control_change(&m);
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
	expect_plan(&p);
	assert_false(p.made_key);
	assert_int_equal(p.spki_len, key.spki_len);
	assert_memory_equal(p.spki, key.spki, key.spki_len);
	send_planned(&p);
	expect_sign(&t);
	send_signed(&t, t.tbs, t.tbs_len);
	wait_for_state(DEVICE_ISSUED);
	assert_string_equal(device().waiting, "");
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	/* without a private key in it, it is for every secret set */
	send_ask(&pki_mac, 2);
	assert_int_equal(verdict(), IPC_VERDICT_FILE);
}

static void s7_a_classes_own_dates_and_contents(void **state)
{
	static struct control_message m;
	struct certfile f;
	struct planned p;
	struct to_sign t;

	(void)state;
	memset(&m, 0, sizeof(m));
	m.type = CONTROL_DEVICES;
	m.u.devices.update = 1;
	m.u.devices.n = 1;
	m.u.devices.rows[0].mac = pki_mac;
	m.u.devices.rows[0].class_name =
		(struct ipc_blob){ (const uint8_t *)"bare", 4 };
	control_change(&m);
	(void)ask();
	expect_plan(&p);
	assert_int_equal(p.plan.not_after - p.plan.not_before, 7 * PKI_DAY);
	send_planned(&p);
	expect_sign(&t);
	send_signed(&t, t.tbs, t.tbs_len);
	wait_for_state(DEVICE_ISSUED);
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	assert_int_equal(certfile_parse(w.got.u.answer.file.p, w.got.u.answer.file.len,
					&f, NULL),
			 DEVICE_OK);
	assert_false(f.manufacturer.present);
}

static void n6_a_device_of_another_secret_set_gets_its_key_wrapped_again(void **state)
{
	static const uint8_t keybox[80] = { CERTKEY_VERSION, 2 };
	struct ipc_message m = { .type = IPC_WRAPPED };
	struct certfile f;

	(void)state;
	issue_one();
	send_ask(&pki_mac, 2);
	assert_int_equal(verdict(), IPC_VERDICT_NOT_FOUND);
	expect(w.signer, IPC_WRAP);
	assert_int_equal(w.got.u.wrap.set, 2);
	assert_int_equal(w.got.u.wrap.wrapped.len, 17);
	m.u.wrapped.job = w.got.u.wrap.job;
	m.u.wrapped.keybox = (struct ipc_blob){ keybox, sizeof(keybox) };
	send_to(w.signer, &m, -1);
	expect_quiet(w.signer);
	send_ask(&pki_mac, 2);
	assert_int_equal(verdict(), IPC_VERDICT_FILE);
	assert_int_equal(certfile_parse(w.got.u.answer.file.p, w.got.u.answer.file.len,
					&f, NULL),
			 DEVICE_OK);
	assert_int_equal(f.key.value[1], 2);
	assert_true(f.manufacturer.present && f.device.present);
	assert_int_equal(certs(CERT_ISSUED), 1);
}

/* ---- afterwards --------------------------------------------------------- */

static void n4_an_early_confirmation_is_noted_but_does_not_count(void **state)
{
	(void)state;
	assert_int_equal(confirm(false), IPC_VERDICT_NOTED);
	assert_int_equal(device().state, DEVICE_REGISTERED);
	issue_one();
	assert_int_equal(confirm(false), IPC_VERDICT_NOTED);
	assert_int_equal(device().state, DEVICE_ISSUED);
	delivered(1);
	assert_int_equal(confirm(false), IPC_VERDICT_NOTED);
	assert_int_equal(device().state, DEVICE_CONFIRMED);
	assert_int_equal(confirm(false), IPC_VERDICT_NOTED); /* S10: harmless */
	assert_int_equal(device().state, DEVICE_CONFIRMED);
	reset_device();
	assert_int_equal(confirm(false), IPC_VERDICT_NOTED); /* replayed */
	assert_int_equal(device().state, DEVICE_REGISTERED);
}

/* Another front has the confirmation, and is faster. */
static void n4_a_confirmation_waits_for_word_of_the_delivery(void **state)
{
	struct ipc_message m = { .type = IPC_CONFIRM };

	(void)state;
	issue_one();
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	m.u.confirm.ref = ++w.ref;
	m.u.confirm.mac = pki_mac;
	m.u.confirm.peer = here;
	send_to(w.front, &m, -1);
	(void)usleep(100 * 1000); /* several turns */
	delivered(1);
	assert_int_equal(verdict(), IPC_VERDICT_NOTED);
	assert_int_equal(device().state, DEVICE_CONFIRMED);
}

static void n4_a_bound_confirmation_counts_at_once(void **state)
{
	(void)state;
	issue_one();
	assert_int_equal(confirm(true), IPC_VERDICT_NOTED);
	assert_int_equal(device().state, DEVICE_CONFIRMED);
	assert_int_equal(device().delivered_epoch, 1);
}

static void a_delivery_is_of_the_file_that_is_there(void **state)
{
	(void)state;
	issue_one();
	delivered(2);
	(void)ask();
	assert_int_equal(device().state, DEVICE_ISSUED);
	assert_int_equal(device().delivered_epoch, 0);
	delivered(1);
	wait_for_state(DEVICE_DELIVERED);
	assert_int_equal(device().delivered_epoch, 1);
}

static void s11_a_report_is_recorded_for_who_was_served(void **state)
{
	(void)state;
	assert_int_equal(report(2, &here), IPC_VERDICT_NOTED);
	issue_one();
	assert_int_equal(report(2, &here), IPC_VERDICT_NOTED); /* never served */
	assert_int_equal(errors_of(2), 0);
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	assert_int_equal(report(2, &elsewhere), IPC_VERDICT_NOTED);
	assert_int_equal(errors_of(2), 0);
	assert_int_equal(device().state, DEVICE_ISSUED);
	assert_int_equal(report(9, &here), IPC_VERDICT_NOTED);
	assert_int_equal(errors_of(9), 1);
	assert_int_equal(device().state, DEVICE_FAILED);
	assert_int_equal(device().error, 9);
	assert_int_equal(report(9, &here),
			 IPC_VERDICT_NOTED); /* a repeat is one error */
	assert_int_equal(errors_of(9), 1);
	delivered(1); /* it comes again, and all is well */
	wait_for_state(DEVICE_DELIVERED);
}

static void s11_a_report_after_a_reset_is_of_the_old_file(void **state)
{
	(void)state;
	issue_one();
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	reset_device();
	assert_int_equal(report(9, &here), IPC_VERDICT_NOTED);
	assert_int_equal(errors_of(9), 1);
	assert_int_equal(device().state, DEVICE_REGISTERED);
}

/* The same error of a file that was fetched anew is another one. */
static void s11_each_transfer_has_its_own_error(void **state)
{
	time_t first;

	(void)state;
	issue_one();
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	assert_int_equal(report(9, &here), IPC_VERDICT_NOTED);
	for (first = time(NULL); time(NULL) <= first + 1;)
		(void)poll(NULL, 0, 20);
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	assert_int_equal(report(9, &here), IPC_VERDICT_NOTED);
	assert_int_equal(errors_of(9), 2);
}

/* S10: fetched once more, it stays confirmed. */
static void s10_a_late_word_of_a_delivery_undoes_nothing(void **state)
{
	(void)state;
	issue_one();
	delivered(1);
	assert_int_equal(confirm(false), IPC_VERDICT_NOTED);
	delivered(1);
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	assert_int_equal(device().state, DEVICE_CONFIRMED);
}

static void the_digest_of_the_present_file(void **state)
{
	struct ipc_message m = { .type = IPC_DIGEST };
	uint8_t want[32];

	(void)state;
	m.u.digest.ref = 77;
	m.u.digest.mac = pki_mac;
	send_to(w.front, &m, -1);
	expect(w.front, IPC_DIGEST_IS);
	assert_int_equal(w.got.u.digest_is.ref, 77);
	assert_int_equal(w.got.u.digest_is.found, 0);
	issue_one();
	assert_int_equal(ask(), IPC_VERDICT_FILE);
	assert_int_equal(
		sha256_of(w.got.u.answer.file.p, w.got.u.answer.file.len, want), 0);
	send_to(w.front, &m, -1);
	expect(w.front, IPC_DIGEST_IS);
	assert_int_equal(w.got.u.digest_is.found, 1);
	assert_memory_equal(w.got.u.digest_is.digest, want, sizeof(want));
}

/* ---- issuers made here -------------------------------------------------- */

static void send_made(void)
{
	struct ipc_message m = { .type = IPC_ISSUER_MADE };

	m.u.issuer_made.name = (struct ipc_blob){ (const uint8_t *)"ca", 2 };
	m.u.issuer_made.cert = (struct ipc_blob){ w.pki.manufacturer_cert.der,
						  w.pki.manufacturer_cert.len };
	m.u.issuer_made.wrapped = (struct ipc_blob){ (const uint8_t *)"wrapped", 7 };
	send_to(w.signer, &m, -1);
}

static void expect_load(void)
{
	expect(w.signer, IPC_ISSUER_LOAD);
	assert_int_equal(w.got.u.issuer_load.cert.len, w.pki.manufacturer_cert.len);
	assert_memory_equal(w.got.u.issuer_load.cert.p, w.pki.manufacturer_cert.der,
			    w.pki.manufacturer_cert.len);
	assert_int_equal(w.got.u.issuer_load.wrapped.len, 7);
}

/* S14, too: it is on record. */
static void s4_a_manufacturer_certificate_is_made_once(void **state)
{
	struct store_audit last;
	struct planned p;
	struct store *s;

	(void)state;
	(void)ask();
	announce(false);
	expect(w.signer, IPC_ISSUER_MAKE);
	assert_int_equal(w.got.u.issuer_make.cert_serial[0] & 0x80, 0);
	announce(false); /* it says so again: nothing is made twice */
	expect_quiet(w.signer);
	send_made();
	expect_load();
	announce(true);
	expect_plan(&p); /* only now */
	assert_int_equal(store_open(w.db, STORE_READ, &s), 0);
	assert_int_equal(store_audit_last(s, &last), 0);
	store_close(s);
	assert_string_equal(last.what, "issuer-made issuer=ca");
	kill_it();
	start_silent();
	announce(false);
	expect_load();
	expect_plan(&p);
	new_signer(); /* has it at once */
	expect_plan(&p);
}

static void s4_a_maker_that_ends_is_replaced(void **state)
{
	(void)state;
	announce(false);
	expect(w.signer, IPC_ISSUER_MAKE);
	chan_free(w.signer);
	w.signer = send_peer(IPC_ROLE_SIGNER, 0);
	announce(false);
	expect(w.signer, IPC_ISSUER_MAKE);
	send_made();
	expect_load();
}

static void an_issuer_that_cannot_be_made_is_told(void **state)
{
	struct ipc_message m = { .type = IPC_ISSUER_MADE };

	(void)state;
	announce(false);
	expect(w.signer, IPC_ISSUER_MAKE);
	m.u.issuer_made.name = (struct ipc_blob){ (const uint8_t *)"ca", 2 };
	m.u.issuer_made.rc = FC_EDENIED;
	m.u.issuer_made.text = (struct ipc_blob){ (const uint8_t *)"root ran out", 12 };
	send_to(w.signer, &m, -1);
	(void)ask();
	wait_for_reason("root ran out");
}

/* ---- a database that fails ---------------------------------------------- */

static void limit_file_size(rlim_t bytes)
{
	struct rlimit r = { bytes, RLIM_INFINITY };

	assert_int_equal(prlimit(w.pid, RLIMIT_FSIZE, &r, NULL), 0);
}

static bool status_says(const char *what)
{
	struct control_message m = { .type = CONTROL_STATUS };

	control(&m);
	assert_int_equal(control_reply.type, CONTROL_STATUS_IS);
	for (size_t i = 0; i < control_reply.u.status_is.n; i++) {
		const struct control_fact *f = &control_reply.u.status_is.facts[i];

		if (f->value.len &&
		    memmem(f->value.p, f->value.len, what, strlen(what)))
			return true;
	}
	return false;
}

/* The modem is told 'not found', the operator sees why, and it gets over it. */
static void a_full_disk_is_not_found_and_seen_in_the_status(void **state)
{
	struct planned p;
	struct to_sign t;

	(void)state;
	limit_file_size(1);
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
	expect_quiet(w.signer); /* what is not committed is not asked for */
	assert_int_equal(confirm(true), IPC_VERDICT_NOT_FOUND);
	assert_false(status_says("good"));
	assert_int_equal(device().requests, 0);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
	assert_true(status_says("good"));
	expect_plan(&p);

	limit_file_size(1); /* the plan cannot be kept: it is not signed */
	send_planned(&p);
	expect_quiet(w.signer);
	limit_file_size(RLIM_INFINITY);
	(void)ask();
	expect_plan(&p);
	send_planned(&p);
	expect_sign(&t);
	limit_file_size(1); /* the certificate cannot be kept: it is not served */
	send_signed(&t, t.tbs, t.tbs_len);
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
	limit_file_size(RLIM_INFINITY);
	(void)ask();
	expect_sign(&t);
	send_signed(&t, t.tbs, t.tbs_len);
	wait_for_state(DEVICE_ISSUED);
	assert_int_equal(certs(CERT_ISSUED), 1);
}

/* Nobody has to ask again. */
static void the_queue_is_taken_up_again_when_the_disk_has_room(void **state)
{
	struct planned p;

	(void)state;
	(void)ask();
	expect_plan(&p);
	limit_file_size(1);
	send_planned(&p);
	expect_quiet(w.signer);
	limit_file_size(RLIM_INFINITY);
	expect_plan(&p);
	send_planned(&p);
	expect(w.signer, IPC_SIGN);
	assert_int_equal(certs(CERT_PLANNED), 1);
}

/* ---- who may say what --------------------------------------------------- */

static void a_front_that_speaks_as_a_signer_is_cut_off(void **state)
{
	struct ipc_message m = { .type = IPC_SIGNED };
	struct pollfd p = { .events = POLLIN };
	int fd;

	(void)state;
	send_to(w.front, &m, -1);
	p.fd = chan_fd(w.front);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(chan_recv(w.front, w.in, sizeof(w.in), &fd), 0);
	chan_free(w.front);
	w.front = send_peer(IPC_ROLE_FRONT, 0);
	take_table();
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
}

static void a_second_registrar_is_refused(void **state)
{
	struct world first = w;
	int fd[2], status;

	(void)state;
	assert_int_equal(chan_pair(fd), 0);
	w.pid = fork();
	assert_true(w.pid >= 0);
	if (w.pid == 0) {
		(void)close(fd[0]);
		run_registrar(fd[1]);
	}
	(void)close(fd[1]);
	w.parent = chan_new(fd[0], QUEUE_MAX);
	(void)snprintf(w.control, sizeof(w.control), "%s",
		       scratch_path(&w.scratch, "control2"));
	send_conf();
	expect(w.parent, IPC_FAILED);
	assert_non_null(memmem(w.got.u.failed.text.p, w.got.u.failed.text.len,
			       "is writing to it", 16));
	assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
	chan_free(w.parent);
	w = first;
	assert_int_equal(ask(), IPC_VERDICT_NOT_FOUND);
}

static void a_reload_takes_the_new_configuration(void **state)
{
	struct planned p;

	(void)state;
	w.conf_text = SECRETS "issuer \"ca\" { certificate = ca.pem key = ca.key }\n"
			      "class \"default\" { key-source = registry }\n";
	send_conf();
	expect(w.parent, IPC_READY);
	(void)ask();
	assert_non_null(strstr(device().waiting, "no public key registered"));
	w.conf_text = with_certificate;
	send_conf();
	expect(w.parent, IPC_READY);
	(void)ask();
	expect_plan(&p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define T_ROOT(f) cmocka_unit_test_setup_teardown(f, setup_root, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(added_is_in_the_table_when_the_reply_comes),
		T(the_table_is_there_again_after_a_restart),
		T(a_full_table_grows),
		T(s3_not_found_first_and_the_file_later),
		T(s14_what_is_issued_is_on_record),
		T(s4_nothing_leaves_before_it_is_committed),
		T(s4_many_requests_one_certificate),
		T(s3_denied),
		T(an_unknown_device_is_not_found_and_costs_nothing),
		T(s4_the_old_file_is_served_while_the_new_one_is_made),
		T(s4_a_reset_in_the_middle_voids_the_plan),
		T(s3_denied_in_the_middle_nothing_is_issued),
		T(s4_a_reset_in_the_middle_is_planned_for_at_once),
		T(s4_killed_before_the_plan_it_is_planned_after),
		T(s4_killed_after_the_plan_the_same_bytes_are_signed),
		T(s4_killed_while_signed_comes_there_is_one),
		T(s4_a_killed_signers_jobs_go_to_the_next),
		T(what_ends_three_signers_is_not_given_to_a_fourth),
		T(s3_a_refusal_is_told_to_the_operator_and_not_repeated),
		T(s4_an_issuer_that_changed_is_planned_for_again),
		T(a_signer_that_always_changes_its_mind_ends_somewhere),
		T(a_certificate_that_was_not_planned_is_not_served),
		T(a_signer_that_lost_the_private_key_is_noticed),
		T(a_signature_that_does_not_hold_is_not_served),
		T(s5_registered_keys_are_certified_and_missing_ones_waited_for),
		T(s7_a_classes_own_dates_and_contents),
		T(n6_a_device_of_another_secret_set_gets_its_key_wrapped_again),
		T(n4_an_early_confirmation_is_noted_but_does_not_count),
		T(n4_a_confirmation_waits_for_word_of_the_delivery),
		T(n4_a_bound_confirmation_counts_at_once),
		T(a_delivery_is_of_the_file_that_is_there),
		T(s11_a_report_is_recorded_for_who_was_served),
		T(s11_a_report_after_a_reset_is_of_the_old_file),
		T(s11_each_transfer_has_its_own_error),
		T(s10_a_late_word_of_a_delivery_undoes_nothing),
		T(the_digest_of_the_present_file),
		T_ROOT(s4_a_manufacturer_certificate_is_made_once),
		T_ROOT(s4_a_maker_that_ends_is_replaced),
		T_ROOT(an_issuer_that_cannot_be_made_is_told),
		T(a_full_disk_is_not_found_and_seen_in_the_status),
		T(the_queue_is_taken_up_again_when_the_disk_has_room),
		T(a_front_that_speaks_as_a_signer_is_cut_off),
		T(a_second_registrar_is_refused),
		T(a_reload_takes_the_new_configuration),
	};

	return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
