/* Certificates: planned before they are signed (S4), and the files made of them. */
#include <string.h>
#include "base/errors.h"
#include "base/hex.h"
#include "store/internal.h"

enum { SERIAL_LEN = sizeof(((struct store_cert *)0)->serial) };

static const char *const state_names[] = {
	[CERT_PLANNED] = "planned",     [CERT_ISSUED] = "issued",
	[CERT_VOID] = "void",           [CERT_REVOKED] = "revoked",
	[CERT_PRELOADED] = "preloaded",
};
enum { STATE_COUNT = sizeof(state_names) / sizeof(*state_names) };

const char *cert_state_name(enum cert_state s)
{
	return (unsigned)s < STATE_COUNT ? state_names[s] : "unknown";
}

/* In the order of CERT_COLUMNS. Serial numbers from outside may be longer or
 * shorter than ours (S9): the last 16 bytes, with zeros before them. */
static int read_cert(struct store *s, sqlite3_stmt *st, struct store_cert *c)
{
	const char *serial;
	const uint8_t *seal;
	size_t n;
	int state, rc;

	memset(c, 0, sizeof(*c));
	c->id = sqlite3_column_int64(st, 0);
	if ((rc = column_mac(s, st, 1, &c->mac)) < 0 ||
	    (rc = column_name(s, st, 3, state_names, STATE_COUNT, &state)) < 0)
		return rc;
	c->epoch = (uint32_t)sqlite3_column_int64(st, 2);
	c->state = (enum cert_state)state;
	serial = (const char *)sqlite3_column_text(st, 4);
	if (!serial || hex_decode(serial, strlen(serial), c->serial, SERIAL_LEN) < 0)
		return store_corrupt(s, "certificates.serial_number");
	column_text(st, 5, c->issuer, sizeof(c->issuer));
	c->not_before = sqlite3_column_int64(st, 6);
	c->not_after = sqlite3_column_int64(st, 7);
	c->created = sqlite3_column_int64(st, 8);
	c->tbs = column_blob(st, 9, &c->tbs_len);
	c->der = column_blob(st, 10, &c->der_len);
	c->spki = column_blob(st, 11, &c->spki_len);
	c->wrapped = column_blob(st, 12, &c->wrapped_len);
	seal = column_blob(st, 13, &n);
	if (seal && n == sizeof(c->seal))
		memcpy(c->seal, seal, n);
	return 0;
}

static int add(struct store *s, const struct store_cert *c, enum cert_state state)
{
	static const uint8_t no_seal[sizeof(c->seal)];
	char serial[2 * SERIAL_LEN + 1];
	sqlite3_stmt *st;
	struct mac other;
	int rc = store_key_owner(s, c->spki, c->spki_len, &c->mac, &other);

	if (rc != FC_EABSENT)
		return rc == 0 ? FC_EDUP : rc;
	hex_encode(c->serial, SERIAL_LEN, serial);
	st = store_use(s, SQL_CERT_ADD);
	bind_mac(st, 1, &c->mac);
	(void)sqlite3_bind_int64(st, 2, c->epoch);
	bind_text(st, 3, cert_state_name(state));
	bind_text(st, 4, serial);
	bind_text(st, 5, c->issuer);
	(void)sqlite3_bind_int64(st, 6, c->not_before);
	(void)sqlite3_bind_int64(st, 7, c->not_after);
	(void)sqlite3_bind_int64(st, 8, c->created);
	bind_blob(st, 9, c->tbs, c->tbs_len);
	bind_blob(st, 10, c->der, c->der_len);
	bind_blob(st, 11, c->spki, c->spki_len);
	bind_blob(st, 12, c->wrapped, c->wrapped_len);
	if (memcmp(c->seal, no_seal, sizeof(no_seal)) != 0)
		bind_blob(st, 13, c->seal, sizeof(c->seal));
	return store_run(s, st);
}

int store_cert_plan(struct store *s, const struct store_cert *c, int64_t *ret_id)
{
	int rc = add(s, c, CERT_PLANNED);

	if (rc == 0)
		*ret_id = sqlite3_last_insert_rowid(s->db);
	return rc;
}

int store_cert_preloaded(struct store *s, const struct store_cert *c)
{
	return add(s, c, CERT_PRELOADED);
}

int store_cert_issued(struct store *s, int64_t id, const uint8_t *der, size_t len)
{
	sqlite3_stmt *st = store_use(s, SQL_CERT_ISSUED);

	(void)sqlite3_bind_int64(st, 1, id);
	bind_blob(st, 2, der, len);
	return store_run_one(s, st);
}

int store_cert_void(struct store *s, int64_t id)
{
	sqlite3_stmt *st = store_use(s, SQL_CERT_VOID);

	(void)sqlite3_bind_int64(st, 1, id);
	return store_run_one(s, st);
}

static int read_one(struct store *s, sqlite3_stmt *st, struct store_cert *ret)
{
	struct store_cert c;
	int rc;

	if ((rc = store_row(s, st)) < 0 || (rc = read_cert(s, st, &c)) < 0)
		return rc;
	*ret = c;
	return 0;
}

int store_cert_get(struct store *s, const struct mac *mac, uint32_t epoch,
		   struct store_cert *ret)
{
	sqlite3_stmt *st = store_use(s, SQL_CERT_GET);

	bind_mac(st, 1, mac);
	(void)sqlite3_bind_int64(st, 2, epoch);
	return read_one(s, st, ret);
}

int store_cert_latest(struct store *s, const struct mac *mac, struct store_cert *ret)
{
	sqlite3_stmt *st = store_use(s, SQL_CERT_LATEST);

	bind_mac(st, 1, mac);
	return read_one(s, st, ret);
}

int store_cert_each(struct store *s, int state,
		    int (*fn)(void *ctx, const struct store_cert *c), void *ctx)
{
	sqlite3_stmt *st = store_use(s, state < 0 ? SQL_CERT_ALL : SQL_CERT_BY_STATE);
	struct store_cert c;
	int rc;

	if (state >= 0)
		bind_text(st, 1, cert_state_name((enum cert_state)state));
	while ((rc = store_next(s, st)) == 0) {
		if ((rc = read_cert(s, st, &c)) < 0 || fn(ctx, &c) != 0)
			break;
	}
	(void)sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

int store_cert_count_since(struct store *s, int64_t since, uint64_t *ret)
{
	sqlite3_stmt *st = store_use(s, SQL_CERT_COUNT);
	int rc;

	(void)sqlite3_bind_int64(st, 1, since);
	if ((rc = store_row(s, st)) < 0)
		return rc;
	*ret = (uint64_t)sqlite3_column_int64(st, 0);
	return 0;
}

/* ---- files -------------------------------------------------------------- */

int store_file_put(struct store *s, const struct mac *mac, uint32_t epoch, uint8_t set,
		   const uint8_t *p, size_t len)
{
	sqlite3_stmt *st = store_use(s, SQL_FILE_EPOCH);
	int rc;

	bind_mac(st, 1, mac);
	(void)sqlite3_bind_int64(st, 2, epoch);
	if ((rc = store_run_one(s, st)) < 0)
		return rc;
	st = store_use(s, SQL_FILE_PUT);
	bind_mac(st, 1, mac);
	(void)sqlite3_bind_int64(st, 2, epoch);
	(void)sqlite3_bind_int(st, 3, set);
	bind_blob(st, 4, p, len);
	return store_run(s, st);
}

int store_file_get(struct store *s, const struct mac *mac, uint32_t *ret_epoch,
		   uint8_t *ret_set, const uint8_t **ret, size_t *ret_len)
{
	sqlite3_stmt *st = store_use(s, SQL_FILE_GET);
	int rc;

	bind_mac(st, 1, mac);
	if ((rc = store_row(s, st)) < 0)
		return rc;
	*ret_epoch = (uint32_t)sqlite3_column_int64(st, 0);
	*ret_set = (uint8_t)sqlite3_column_int(st, 1);
	*ret = column_blob(st, 2, ret_len);
	return 0;
}
