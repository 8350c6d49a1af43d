/* The database: what is promised to its writer, to its readers, and after a crash. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "scratch.h"
#include "base/errors.h"
#include "store/store.h"
#include "macs.h"

static struct scratch scratch;
static struct store *s;
static char path[128];

static int setup(void **state)
{
	(void)state;
	scratch_make(&scratch);
	(void)snprintf(path, sizeof(path), "%s", scratch_path(&scratch, "t.db"));
	assert_int_equal(store_open(path, STORE_WRITE, &s), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(s);
	s = NULL;
	scratch_remove(&scratch);
	return 0;
}

static struct mac device(uint32_t n)
{
	return mac_from_u64(0x00104b000000u + n);
}

static struct store_device row(uint32_t n)
{
	struct store_device d = { .mac = device(n), .type = "CM" };

	(void)snprintf(d.class_name, sizeof(d.class_name), "default");
	(void)snprintf(d.serial, sizeof(d.serial), "SN%u", n);
	return d;
}

static void add(uint32_t n)
{
	struct store_device d = row(n);

	assert_int_equal(store_device_add(s, &d), 0);
}

static struct store_device get(uint32_t n)
{
	struct store_device d;
	struct mac mac = device(n);

	assert_int_equal(store_device_get(s, &mac, &d), 0);
	return d;
}

/* n: also makes serial number and key of its own */
static struct store_cert plan_of(uint32_t n, uint32_t epoch, uint8_t key[300])
{
	struct store_cert c = { .mac = device(n),
				.epoch = epoch,
				.serial = { 0x40, (uint8_t)n, (uint8_t)epoch },
				.issuer = "acme",
				.not_before = 100,
				.not_after = 200,
				.created = 150,
				.seal = { 9 } };

	memset(key, 0x5a, 300);
	key[250] = (uint8_t)n;
	key[251] = (uint8_t)epoch;
	c.tbs = (const uint8_t *)"to be signed";
	c.tbs_len = 12;
	c.spki = key;
	c.spki_len = 300;
	c.wrapped = (const uint8_t *)"wrapped";
	c.wrapped_len = 7;
	return c;
}

static int64_t plan(uint32_t n, uint32_t epoch)
{
	uint8_t key[300];
	struct store_cert c = plan_of(n, epoch, key);
	int64_t id;

	assert_int_equal(store_cert_plan(s, &c, &id), 0);
	return id;
}

/* As another program sees it. */
static int64_t ask(const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	int64_t v;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), 0);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	v = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
	return v;
}

static void tamper(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
}

/* ---- devices ------------------------------------------------------------ */

static void a_device_is_read_as_it_was_written(void **state)
{
	struct store_device d = row(1), got;
	struct mac absent = device(2);

	(void)state;
	d.spki_len = 4;
	memcpy(d.spki, "\1\0\2\3", 4);
	assert_int_equal(store_device_add(s, &d), 0);
	assert_int_equal(store_device_add(s, &d), FC_EDUP);
	got = get(1);
	assert_string_equal(got.type, "CM");
	assert_string_equal(got.class_name, "default");
	assert_string_equal(got.serial, "SN1");
	assert_int_equal(got.spki_len, 4);
	assert_memory_equal(got.spki, d.spki, 4);
	assert_int_equal(got.state, DEVICE_REGISTERED);
	assert_int_equal(got.epoch, 1);
	assert_int_equal(got.file_epoch, 0);
	assert_false(got.denied);
	assert_int_equal(store_device_get(s, &absent, &got), FC_EABSENT);
	assert_int_equal(got.epoch, 1); /* not touched */
}

static void updates_touch_the_registry_alone(void **state)
{
	struct store_device d = row(1);
	struct mac mac = device(1), absent = device(2);

	(void)state;
	add(1);
	assert_int_equal(store_device_state(s, &mac, DEVICE_FAILED, "why"), 0);
	(void)snprintf(d.serial, sizeof(d.serial), "other");
	d.epoch = 9;
	d.state = DEVICE_CONFIRMED;
	assert_int_equal(store_device_update(s, &d), 0);
	d = get(1);
	assert_string_equal(d.serial, "other");
	assert_int_equal(d.epoch, 1);
	assert_int_equal(d.state, DEVICE_FAILED);
	assert_string_equal(d.waiting, "why");
	d.mac = absent;
	assert_int_equal(store_device_update(s, &d), FC_EABSENT);
	assert_int_equal(store_device_deny(s, &absent, true), FC_EABSENT);
	assert_int_equal(store_device_reset(s, &absent), FC_EABSENT);
	assert_int_equal(store_device_state(s, &absent, DEVICE_ISSUED, NULL),
			 FC_EABSENT);
}

static void sightings_and_deliveries_are_counted(void **state)
{
	struct mac mac = device(1);
	struct store_device d;

	(void)state;
	add(1);
	assert_int_equal(store_device_seen(s, &mac, 100, "192.0.2.1"), 0);
	assert_int_equal(store_device_seen(s, &mac, 200, "192.0.2.2"), 0);
	assert_int_equal(store_device_served(s, &mac, 201, "192.0.2.2"), 0);
	assert_int_equal(store_device_delivered(s, &mac, 3), 0);
	assert_int_equal(store_device_error(s, &mac, 9), 0);
	assert_int_equal(store_device_deny(s, &mac, true), 0);
	d = get(1);
	assert_int_equal(d.requests, 2);
	assert_int_equal(d.first_seen, 100);
	assert_int_equal(d.last_seen, 200);
	assert_string_equal(d.last_peer, "192.0.2.2");
	assert_int_equal(d.served_at, 201);
	assert_string_equal(d.served_to, "192.0.2.2");
	assert_int_equal(d.delivered_epoch, 3);
	assert_int_equal(d.error, 9);
	assert_true(d.denied);
}

static void reset_begins_an_epoch_and_keeps_the_file(void **state)
{
	struct mac mac = device(1);
	const uint8_t *p;
	uint32_t epoch;
	uint8_t set;
	size_t len;

	(void)state;
	add(1);
	assert_int_equal(store_file_put(s, &mac, 1, 2, (const uint8_t *)"file", 4), 0);
	assert_int_equal(store_device_state(s, &mac, DEVICE_CONFIRMED, "its class"), 0);
	assert_int_equal(store_device_error(s, &mac, 9), 0);
	assert_int_equal(store_device_reset(s, &mac), 0);
	assert_int_equal(get(1).epoch, 2);
	assert_int_equal(get(1).error, 0);
	assert_string_equal(get(1).waiting, "");
	assert_int_equal(get(1).file_epoch, 1);
	assert_int_equal(get(1).state, DEVICE_REGISTERED);
	assert_int_equal(store_file_get(s, &mac, &epoch, &set, &p, &len), 0);
	assert_int_equal(epoch, 1);
	assert_int_equal(set, 2);
	assert_int_equal(len, 4);
	assert_memory_equal(p, "file", 4);
	assert_int_equal(store_file_put(s, &mac, 2, 0, (const uint8_t *)"newer", 5), 0);
	assert_int_equal(get(1).file_epoch, 2);
	mac = device(2);
	assert_int_equal(store_file_get(s, &mac, &epoch, &set, &p, &len), FC_EABSENT);
}

static int collect(void *ctx, const struct store_device *d)
{
	char *text = ctx;
	size_t n = strlen(text);

	(void)snprintf(text + n, 64 - n, "%s ", d->serial);
	return 0;
}

static void listings_are_in_order_and_by_state(void **state)
{
	uint64_t n[DEVICE_STATE_COUNT];
	struct mac mac = device(2);
	char text[64] = "";

	(void)state;
	add(3);
	add(1);
	add(2);
	assert_int_equal(store_device_state(s, &mac, DEVICE_ISSUED, NULL), 0);
	assert_int_equal(store_device_each(s, -1, 0, collect, text), 0);
	assert_string_equal(text, "SN1 SN2 SN3 ");
	text[0] = '\0';
	assert_int_equal(store_device_each(s, -1, 2, collect, text), 0);
	assert_string_equal(text, "SN1 SN2 ");
	text[0] = '\0';
	assert_int_equal(store_device_each(s, DEVICE_ISSUED, 0, collect, text), 0);
	assert_string_equal(text, "SN2 ");
	assert_int_equal(store_device_count(s, n), 0);
	assert_int_equal(n[DEVICE_REGISTERED], 2);
	assert_int_equal(n[DEVICE_ISSUED], 1);
	assert_int_equal(n[DEVICE_FAILED], 0);
}

static void a_public_key_has_one_owner(void **state)
{
	struct store_device d = row(1);
	struct mac owner, one = device(1);
	uint8_t key[300];
	struct store_cert c;
	int64_t id;

	(void)state;
	(void)plan_of(1, 1, key);
	memcpy(d.spki, key, 300);
	d.spki_len = 300;
	assert_int_equal(store_device_add(s, &d), 0);
	assert_int_equal(store_key_owner(s, key, 300, NULL, &owner), 0);
	assert_true(mac_equal(&owner, &one));
	assert_int_equal(store_key_owner(s, key, 300, &one, &owner), FC_EABSENT);
	key[0] ^= 1; /* outside the bytes that are indexed */
	assert_int_equal(store_key_owner(s, key, 300, NULL, &owner), FC_EABSENT);
	key[0] ^= 1;
	add(2);
	c = plan_of(2, 1, key);
	key[250] = 1; /* device 1's */
	assert_int_equal(store_cert_plan(s, &c, &id), FC_EDUP);
	key[250] = 2;
	assert_int_equal(store_cert_plan(s, &c, &id), 0);
	assert_int_equal(store_key_owner(s, key, 300, &one, &owner), 0);
	assert_int_equal(store_cert_void(s, id), 0);
	assert_int_equal(store_key_owner(s, key, 300, &one, &owner), FC_EABSENT);
}

/* ---- certificates ------------------------------------------------------- */

static void s4_one_certificate_per_device_and_epoch(void **state)
{
	uint8_t key[300];
	struct store_cert c;
	int64_t id, other;

	(void)state;
	add(1);
	id = plan(1, 1);
	c = plan_of(1, 1, key);
	c.serial[5] = 1;
	assert_int_equal(store_cert_plan(s, &c, &other), FC_EDUP);
	assert_int_equal(store_cert_preloaded(s, &c), FC_EDUP);
	assert_int_equal(store_cert_issued(s, id, (const uint8_t *)"der", 3), 0);
	assert_int_equal(store_cert_plan(s, &c, &other), FC_EDUP);
	assert_int_equal(store_cert_void(s, id), FC_EABSENT); /* it is no plan now */
	(void)plan(1, 2);
}

static void s4_a_voided_plan_makes_room_in_its_epoch(void **state)
{
	uint8_t key[300];
	struct mac mac = device(1);
	struct store_cert c;
	int64_t id;

	(void)state;
	add(1);
	id = plan(1, 1);
	assert_int_equal(store_cert_get(s, &mac, 1, &c), 0);
	assert_int_equal(ask("SELECT count(wrapped_key) FROM certificates"), 1);
	assert_int_equal(store_cert_void(s, id), 0);
	assert_int_equal(ask("SELECT count(wrapped_key) FROM certificates"), 0);
	assert_int_equal(store_cert_get(s, &mac, 1, &c), FC_EABSENT);
	c = plan_of(1, 1, key);
	c.serial[5] = 1;
	assert_int_equal(store_cert_plan(s, &c, &id), 0);
	/* what was void cannot be issued */
	assert_int_equal(store_cert_issued(s, id - 1, (const uint8_t *)"d", 1),
			 FC_EABSENT);
}

static void serial_numbers_are_unique_for_an_issuer(void **state)
{
	uint8_t key[300];
	struct store_cert c;
	int64_t id;

	(void)state;
	add(1);
	add(2);
	(void)plan(1, 1);
	c = plan_of(2, 1, key);
	c.serial[1] = 1;
	assert_int_equal(store_cert_plan(s, &c, &id), FC_EDUP);
	(void)snprintf(c.issuer, sizeof(c.issuer), "other");
	assert_int_equal(store_cert_plan(s, &c, &id), 0);
}

static void certificates_are_for_devices_that_exist(void **state)
{
	uint8_t key[300];
	struct store_cert c = plan_of(7, 1, key);
	int64_t id;

	(void)state;
	assert_int_equal(store_cert_plan(s, &c, &id), FC_EABSENT);
}

static void a_plan_is_read_as_it_was_written_and_gives_way_to_der(void **state)
{
	uint8_t key[300];
	struct store_cert want, got;
	struct mac mac = device(1);
	uint64_t n;
	int64_t id;

	(void)state;
	add(1);
	want = plan_of(1, 1, key);
	assert_int_equal(store_cert_plan(s, &want, &id), 0);
	assert_int_equal(store_cert_get(s, &mac, 1, &got), 0);
	assert_int_equal(got.id, id);
	assert_int_equal(got.state, CERT_PLANNED);
	assert_memory_equal(got.serial, want.serial, sizeof(got.serial));
	assert_memory_equal(got.seal, want.seal, sizeof(got.seal));
	assert_int_equal(got.tbs_len, 12);
	assert_memory_equal(got.tbs, "to be signed", 12);
	assert_int_equal(got.wrapped_len, 7);
	assert_int_equal(got.spki_len, 300);
	assert_int_equal(got.not_before, 100);
	assert_int_equal(got.not_after, 200);
	assert_int_equal(got.created, 150);
	assert_string_equal(got.issuer, "acme");
	assert_int_equal(store_cert_latest(s, &mac, &got), FC_EABSENT);
	assert_int_equal(store_cert_count_since(s, 0, &n), 0);
	assert_int_equal(n, 0); /* planned is not issued */

	assert_int_equal(store_cert_issued(s, id, (const uint8_t *)"der", 3), 0);
	assert_int_equal(store_cert_issued(s, id, (const uint8_t *)"xyz", 3),
			 FC_EABSENT); /* once */
	assert_int_equal(store_cert_latest(s, &mac, &got), 0);
	assert_int_equal(got.state, CERT_ISSUED);
	assert_memory_equal(got.der, "der", 3);
	assert_int_equal(got.tbs_len, 0);
	assert_int_equal(got.wrapped_len, 7);
	assert_int_equal(store_cert_count_since(s, 150, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(store_cert_count_since(s, 151, &n), 0);
	assert_int_equal(n, 0);

	assert_int_equal(store_cert_issued(s, plan(1, 2), (const uint8_t *)"new", 3),
			 0);
	(void)plan(1, 3);
	assert_int_equal(store_cert_latest(s, &mac, &got), 0);
	assert_int_equal(got.epoch, 2);
	assert_memory_equal(got.der, "new", 3);
}

/* ---- queue, issuers, events, numbers ------------------------------------------------
 */

static int collect_queue(void *ctx, const struct mac *mac, uint8_t set)
{
	char *text = ctx;
	size_t n = strlen(text);

	(void)snprintf(text + n, 64 - n, "%u/%u ", mac->b[5], set);
	return 0;
}

static void the_queue_keeps_its_order_and_the_last_set(void **state)
{
	struct mac one = device(1), two = device(2);
	char text[64] = "";
	uint64_t n;

	(void)state;
	add(1);
	add(2);
	assert_int_equal(store_queue_put(s, &two, 1, 10), 0);
	assert_int_equal(store_queue_put(s, &one, 1, 11), 0);
	assert_int_equal(store_queue_put(s, &two, 3, 12), 0);
	assert_int_equal(store_queue_count(s, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(store_queue_each(s, collect_queue, text), 0);
	assert_string_equal(text, "2/3 1/1 ");
	assert_int_equal(store_queue_drop(s, &two), 0);
	assert_int_equal(store_queue_drop(s, &two), 0);
	assert_int_equal(store_queue_count(s, &n), 0);
	assert_int_equal(n, 1);
}

static void issuers_and_numbers_are_replaced(void **state)
{
	const uint8_t *cert, *wrapped;
	size_t cert_len, wrapped_len;
	int64_t v;

	(void)state;
	assert_int_equal(
		store_issuer_get(s, "a", &cert, &cert_len, &wrapped, &wrapped_len),
		FC_EABSENT);
	assert_int_equal(store_issuer_put(s, "a", (const uint8_t *)"c", 1,
					  (const uint8_t *)"k", 1),
			 0);
	assert_int_equal(store_issuer_put(s, "a", (const uint8_t *)"cc", 2,
					  (const uint8_t *)"kkk", 3),
			 0);
	assert_int_equal(
		store_issuer_get(s, "a", &cert, &cert_len, &wrapped, &wrapped_len), 0);
	assert_int_equal(cert_len, 2);
	assert_int_equal(wrapped_len, 3);
	assert_memory_equal(wrapped, "kkk", 3);
	assert_int_equal(store_number_get(s, "n", &v), FC_EABSENT);
	assert_int_equal(store_number_put(s, "n", -5), 0);
	assert_int_equal(store_number_put(s, "n", INT64_MAX), 0);
	assert_int_equal(store_number_get(s, "n", &v), 0);
	assert_int_equal(v, INT64_MAX);
}

static int take_newest(void *ctx, const struct store_event *e)
{
	*(struct store_event *)ctx = *e;
	return 1;
}

static int count_events(void *ctx, const struct store_event *e)
{
	(void)e;
	++*(unsigned *)ctx;
	return 0;
}

/* S11: nobody can fill the disk by repeating what has no code. */
static void s11_a_devices_events_are_limited(void **state)
{
	struct store_event e = { .mac = device(1), .kind = "error", .peer = "p" }, got;
	uint64_t n[15];
	unsigned kept = 0;

	(void)state;
	add(1);
	add(2);
	e.mac = device(2);
	e.number = 2;
	assert_int_equal(store_event_put(s, &e), 0);
	e.mac = device(1);
	for (unsigned i = 0; i < STORE_EVENTS_MAX + 20; i++) {
		e.time = i;
		e.number = i < STORE_EVENTS_MAX ? 9 : 14;
		assert_int_equal(store_event_put(s, &e), 0);
	}
	assert_int_equal(store_event_each(s, &e.mac, 0, count_events, &kept), 0);
	assert_int_equal(kept, STORE_EVENTS_MAX);
	assert_int_equal(store_event_each(s, &e.mac, 1, take_newest, &got), 0);
	assert_int_equal(got.time, STORE_EVENTS_MAX + 19);
	assert_string_equal(got.kind, "error");
	assert_int_equal(store_error_counts(s, NULL, n), 0);
	assert_int_equal(n[14], 20);
	assert_int_equal(n[9], STORE_EVENTS_MAX - 20);
	assert_int_equal(n[2], 1);
	assert_int_equal(store_error_counts(s, "default", n), 0);
	assert_int_equal(n[2], 1);
	assert_int_equal(store_error_counts(s, "other", n), 0);
	assert_int_equal(n[2], 0);
}

/* ---- the file, its lock, its readers ------------------------------------ */

static void s8_readable_by_sqlites_own_tool_also_when_closed(void **state)
{
	static const char names[] =
		"SELECT count(*) FROM (SELECT mac, type, class, serial, public_key, "
		"state, denied, epoch, file_epoch, delivered_epoch, error, requests, "
		"first_seen, last_seen, last_peer, waiting FROM devices) JOIN (SELECT "
		"1 FROM (SELECT count(*) FROM certificates WHERE serial_number = '' "
		"AND "
		"mac = '' AND epoch = 0 AND state = '' AND issuer = '' AND der = '') "
		"JOIN (SELECT count(*) FROM events WHERE time = 0 AND kind = '' AND "
		"number = 0 AND peer = '') JOIN (SELECT count(*) FROM audit WHERE seq "
		"= "
		"0 AND what = '') JOIN (SELECT count(*) FROM queue) JOIN (SELECT "
		"count(*) FROM files))";

	(void)state;
	add(1);
	assert_int_equal(ask(names), 1);
	assert_int_equal(ask("SELECT count(*) FROM devices WHERE mac = "
			     "'00:10:4B:00:00:01' AND state = 'registered'"),
			 1);
	store_close(s);
	s = NULL;
	/* The WAL stays, so that readers without write permission can open it. */
	assert_int_equal(access(scratch_path(&scratch, "t.db-wal"), F_OK), 0);
	assert_int_equal(ask("SELECT count(*) FROM devices"), 1);
}

static void readers_read_while_a_transaction_is_under_way(void **state)
{
	struct store *reader;
	struct store_device d = row(2);
	struct mac two = device(2);

	(void)state;
	add(1);
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_device_add(s, &d), 0);
	assert_int_equal(store_open(path, STORE_READ, &reader), 0);
	assert_int_equal(store_device_get(reader, &two, &d), FC_EABSENT);
	assert_int_equal(store_device_deny(reader, &two, true), -EROFS);
	assert_int_equal(store_commit(s), 0);
	assert_int_equal(store_device_get(reader, &two, &d), 0);
	store_close(reader);
}

static void rollback_leaves_nothing_behind(void **state)
{
	struct store_device d = row(1);

	(void)state;
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_device_add(s, &d), 0);
	store_rollback(s);
	assert_int_equal(store_device_get(s, &d.mac, &d), FC_EABSENT);
	store_rollback(s); /* none under way: harmless */
	assert_int_equal(store_begin(s), 0);
	assert_int_equal(store_commit(s), 0);
}

static void one_writer_at_a_time_and_it_is_named(void **state)
{
	char holder[STORE_HOLDER_SIZE], link[128];
	struct store *other;

	(void)state;
	(void)snprintf(link, sizeof(link), "%s", scratch_path(&scratch, "link"));
	assert_int_equal(symlink("t.db", link), 0);
	assert_int_equal(store_open(path, STORE_WRITE, &other), -EBUSY);
	assert_int_equal(store_open(link, STORE_WRITE, &other), -EBUSY);
	assert_int_equal(store_lock_holder(link, holder), 0);
	assert_non_null(strstr(holder, "test_store, process "));
	store_close(s);
	s = NULL;
	assert_int_equal(store_lock_holder(path, holder), FC_EABSENT);
	assert_int_equal(store_open(link, STORE_WRITE, &s), 0);
}

static void a_newer_schema_is_refused_and_an_empty_file_is_no_database(void **state)
{
	struct store *other;

	(void)state;
	store_close(s);
	s = NULL;
	tamper("UPDATE meta SET value = 2 WHERE name = 'schema'");
	assert_int_equal(store_open(path, STORE_WRITE, &other), FC_EUNKNOWN);
	assert_int_equal(store_open(path, STORE_READ, &other), FC_EUNKNOWN);
	assert_int_equal(truncate(path, 0), 0);
	(void)unlink(scratch_path(&scratch, "t.db-wal"));
	(void)unlink(scratch_path(&scratch, "t.db-shm"));
	assert_int_equal(store_open(path, STORE_READ, &other), FC_EABSENT);
	(void)unlink(path);
	assert_int_equal(store_open(path, STORE_READ, &other), -ENOENT);
}

/* These stand before the C library's, for SQLite too. */
static unsigned n_synced;

int fsync(int fd)
{
	n_synced++;
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	n_synced++;
	return (int)syscall(SYS_fdatasync, fd);
}

/* S4: a certificate costs a fee, also when the power fails after it. */
static void s4_each_commit_reaches_the_disk(void **state)
{
	(void)state;
	for (uint32_t i = 1; i <= 3; i++) {
		unsigned before = n_synced;

		assert_int_equal(store_begin(s), 0);
		add(i);
		assert_int_equal(store_commit(s), 0);
		assert_true(n_synced > before);
	}
}

static void others_may_not_read_the_file(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07, 0);
}

static void values_nobody_wrote_are_an_error_not_a_crash(void **state)
{
	struct store_device d;
	struct mac mac = device(1);

	(void)state;
	add(1);
	tamper("PRAGMA ignore_check_constraints = 1;"
	       "UPDATE devices SET state = 'else'");
	assert_int_equal(store_device_get(s, &mac, &d), FC_ESTORE);
	assert_non_null(strstr(store_error(s), "state"));
	tamper("UPDATE devices SET state = 'issued', mac = 'x'");
	assert_int_equal(store_device_each(s, -1, 0, collect, (char[64]){ "" }),
			 FC_ESTORE);
	tamper("UPDATE devices SET mac = '00:10:4B:00:00:01',"
	       " public_key = zeroblob(2000)");
	assert_int_equal(store_device_get(s, &mac, &d), FC_ESTORE);
}

/* ---- crashes and full disks --------------------------------------------- */

/* In another process, which then ends as by kill -9. */
static void in_a_process_that_dies(void (*fn)(void))
{
	int status;
	pid_t pid;

	store_close(s);
	s = NULL;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (store_open(path, STORE_WRITE, &s) == 0)
			fn();
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(store_open(path, STORE_WRITE, &s), 0);
}

static void plan_committed(void)
{
	uint8_t key[300];
	struct store_cert c = plan_of(1, 1, key);
	struct mac mac = device(1);
	int64_t id;

	(void)store_begin(s);
	(void)store_queue_put(s, &mac, 1, 1);
	(void)store_cert_plan(s, &c, &id);
	(void)store_commit(s);
}

static void issue_not_committed(void)
{
	struct mac mac = device(1);
	struct store_cert c;

	(void)store_begin(s);
	(void)store_cert_get(s, &mac, 1, &c);
	(void)store_cert_issued(s, c.id, (const uint8_t *)"der", 3);
	(void)store_file_put(s, &mac, 1, 1, (const uint8_t *)"file", 4);
	(void)store_device_state(s, &mac, DEVICE_ISSUED, NULL);
	(void)store_queue_drop(s, &mac);
}

static void issue_committed(void)
{
	issue_not_committed();
	(void)store_commit(s);
}

static void s4_what_was_committed_survives_a_kill_and_nothing_else(void **state)
{
	struct mac mac = device(1);
	struct store_cert c;
	uint64_t n;

	(void)state;
	add(1);
	in_a_process_that_dies(plan_committed);
	assert_int_equal(store_cert_get(s, &mac, 1, &c), 0);
	assert_int_equal(c.state, CERT_PLANNED);
	assert_memory_equal(c.tbs, "to be signed", 12);

	in_a_process_that_dies(issue_not_committed);
	assert_int_equal(store_cert_get(s, &mac, 1, &c), 0);
	assert_int_equal(c.state, CERT_PLANNED);
	assert_int_equal(get(1).file_epoch, 0);
	assert_int_equal(get(1).state, DEVICE_REGISTERED);
	assert_int_equal(store_queue_count(s, &n), 0);
	assert_int_equal(n, 1);

	in_a_process_that_dies(issue_committed);
	assert_int_equal(store_cert_get(s, &mac, 1, &c), 0);
	assert_int_equal(c.state, CERT_ISSUED);
	assert_int_equal(get(1).file_epoch, 1);
	assert_int_equal(get(1).state, DEVICE_ISSUED);
	assert_int_equal(store_queue_count(s, &n), 0);
	assert_int_equal(n, 0);
}

static int add_until_failure(void)
{
	int rc = 0;

	for (uint32_t n = 100; n < 20000 && rc == 0; n++) {
		struct store_device d = row(n);

		rc = store_device_add(s, &d);
	}
	return rc;
}

static void a_full_disk_is_told_and_got_over(void **state)
{
	struct rlimit old, small;
	uint64_t n[DEVICE_STATE_COUNT];
	int rc;

	(void)state;
	add(1);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 512 * 1024;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	rc = store_begin(s);
	if (rc == 0)
		rc = add_until_failure();
	if (rc == 0)
		rc = store_commit(s);
	store_rollback(s);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_true(rc == -ENOSPC || rc == -EIO);
	assert_true(strlen(store_error(s)) > 0);
	assert_int_equal(store_device_count(s, n), 0);
	assert_int_equal(n[DEVICE_REGISTERED], 1);
	assert_int_equal(store_begin(s), 0);
	add(2);
	assert_int_equal(store_commit(s), 0);
}

static void what_is_no_database_is_not_opened(void **state)
{
	static const char wal[] = "-wal";
	char log[160], junk[8192];
	struct store *other;
	FILE *f;

	(void)state;
	store_close(s);
	s = NULL;
	(void)snprintf(log, sizeof(log), "%s%s", path, wal);
	(void)remove(log);
	memset(junk, 'j', sizeof(junk));
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(junk, 1, sizeof(junk), f), sizeof(junk));
	assert_int_equal(fclose(f), 0);
	assert_int_equal(store_open(path, STORE_WRITE, &other), FC_EBAD);
	assert_int_equal(store_open(path, STORE_READ, &other), FC_EBAD);
}

static void nothing_is_written_to_a_file_without_its_name(void **state)
{
	char away[160];
	FILE *f;

	(void)state;
	add(1);
	(void)snprintf(away, sizeof(away), "%s.away", path);
	assert_int_equal(rename(path, away), 0);
	assert_int_equal(store_begin(s), FC_ESTORE);
	assert_non_null(strstr(store_error(s), "removed or replaced"));
	store_rollback(s);
	f = fopen(path, "w"); /* another file of that name is not it */
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(store_begin(s), FC_ESTORE);
	store_rollback(s);
	assert_int_equal(rename(away, path), 0);
	assert_int_equal(store_begin(s), 0);
	add(2);
	assert_int_equal(store_commit(s), 0);
	assert_string_equal(get(2).serial, "SN2");
}

/* Root may write to anything: another user tries. 0, or the line that failed. */
static int use_read_only(void)
{
	struct store_device d = row(2);
	struct mac one = device(1);

	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return __LINE__;
	if (store_open(path, STORE_WRITE, &s) < 0)
		return __LINE__;
	if (store_device_get(s, &one, &d) < 0 || strcmp(d.serial, "SN1") != 0)
		return __LINE__;
	if (store_begin(s) < 0 || store_device_deny(s, &one, true) != -EROFS ||
	    strlen(store_error(s)) == 0)
		return __LINE__;
	store_rollback(s);
	store_close(s);
	return 0;
}

static void a_read_only_database_opens_and_says_so_at_each_change(void **state)
{
	static const char *const files[] = { "t.db", "t.db-wal", "t.db-shm",
					     "t.db.lock", "" };
	int status;
	pid_t pid;

	(void)state;
	add(1);
	store_close(s);
	s = NULL;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		const char *file = scratch_path(&scratch, files[i]);

		if (geteuid() == 0)
			assert_int_equal(chown(file, 65534, 65534), 0);
		assert_int_equal(chmod(file, files[i][0] ? 0400 : 0500), 0);
	}
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(use_read_only() & 0xff);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(chmod(scratch_path(&scratch, ""), 0700), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_device_is_read_as_it_was_written),
		T(updates_touch_the_registry_alone),
		T(sightings_and_deliveries_are_counted),
		T(reset_begins_an_epoch_and_keeps_the_file),
		T(listings_are_in_order_and_by_state),
		T(a_public_key_has_one_owner),
		T(s4_one_certificate_per_device_and_epoch),
		T(s4_a_voided_plan_makes_room_in_its_epoch),
		T(serial_numbers_are_unique_for_an_issuer),
		T(certificates_are_for_devices_that_exist),
		T(a_plan_is_read_as_it_was_written_and_gives_way_to_der),
		T(the_queue_keeps_its_order_and_the_last_set),
		T(issuers_and_numbers_are_replaced),
		T(s11_a_devices_events_are_limited),
		T(s8_readable_by_sqlites_own_tool_also_when_closed),
		T(readers_read_while_a_transaction_is_under_way),
		T(rollback_leaves_nothing_behind),
		T(one_writer_at_a_time_and_it_is_named),
		T(a_newer_schema_is_refused_and_an_empty_file_is_no_database),
		T(s4_each_commit_reaches_the_disk),
		T(others_may_not_read_the_file),
		T(values_nobody_wrote_are_an_error_not_a_crash),
		T(s4_what_was_committed_survives_a_kill_and_nothing_else),
		T(a_full_disk_is_told_and_got_over),
		T(nothing_is_written_to_a_file_without_its_name),
		T(what_is_no_database_is_not_opened),
		T(a_read_only_database_opens_and_says_so_at_each_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
