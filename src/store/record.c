/* The queue, issuers made here, events, the audit chain, and named numbers. */
#include <string.h>
#include "base/errors.h"
#include "store/internal.h"

enum { ERROR_LAST = 14 };

/* ---- queue -------------------------------------------------------------- */

int store_queue_put(struct store *s, const struct mac *mac, uint8_t set, int64_t now)
{
	sqlite3_stmt *st = store_use(s, SQL_QUEUE_PUT);

	bind_mac(st, 1, mac);
	(void)sqlite3_bind_int(st, 2, set);
	(void)sqlite3_bind_int64(st, 3, now);
	return store_run(s, st);
}

int store_queue_drop(struct store *s, const struct mac *mac)
{
	sqlite3_stmt *st = store_use(s, SQL_QUEUE_DROP);

	bind_mac(st, 1, mac);
	return store_run(s, st);
}

int store_queue_count(struct store *s, uint64_t *ret)
{
	sqlite3_stmt *st = store_use(s, SQL_QUEUE_COUNT);
	int rc = store_row(s, st);

	if (rc < 0)
		return rc;
	*ret = (uint64_t)sqlite3_column_int64(st, 0);
	return 0;
}

int store_queue_each(struct store *s,
		     int (*fn)(void *ctx, const struct mac *mac, uint8_t set),
		     void *ctx)
{
	sqlite3_stmt *st = store_use(s, SQL_QUEUE_ALL);
	struct mac mac;
	int rc;

	while ((rc = store_next(s, st)) == 0) {
		if ((rc = column_mac(s, st, 0, &mac)) < 0 ||
		    fn(ctx, &mac, (uint8_t)sqlite3_column_int(st, 1)) != 0)
			break;
	}
	(void)sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

/* ---- issuers ------------------------------------------------------------ */

int store_issuer_put(struct store *s, const char *name, const uint8_t *cert,
		     size_t cert_len, const uint8_t *wrapped, size_t wrapped_len)
{
	sqlite3_stmt *st = store_use(s, SQL_ISSUER_PUT);

	bind_text(st, 1, name);
	bind_blob(st, 2, cert, cert_len);
	bind_blob(st, 3, wrapped, wrapped_len);
	return store_run(s, st);
}

int store_issuer_get(struct store *s, const char *name, const uint8_t **ret_cert,
		     size_t *ret_cert_len, const uint8_t **ret_wrapped,
		     size_t *ret_wrapped_len)
{
	sqlite3_stmt *st = store_use(s, SQL_ISSUER_GET);
	int rc;

	bind_text(st, 1, name);
	if ((rc = store_row(s, st)) < 0)
		return rc;
	*ret_cert = column_blob(st, 0, ret_cert_len);
	*ret_wrapped = column_blob(st, 1, ret_wrapped_len);
	return 0;
}

/* ---- events ------------------------------------------------------------- */

int store_event_put(struct store *s, const struct store_event *e)
{
	sqlite3_stmt *st = store_use(s, SQL_EVENT_PUT);
	int rc;

	(void)sqlite3_bind_int64(st, 1, e->time);
	bind_mac(st, 2, &e->mac);
	bind_text(st, 3, e->kind);
	(void)sqlite3_bind_int64(st, 4, e->number);
	bind_text(st, 5, e->peer);
	if ((rc = store_run(s, st)) < 0)
		return rc;
	st = store_use(s, SQL_EVENT_PRUNE);
	bind_mac(st, 1, &e->mac);
	(void)sqlite3_bind_int(st, 2, STORE_EVENTS_MAX);
	return store_run(s, st);
}

int store_event_each(struct store *s, const struct mac *mac, uint32_t limit,
		     int (*fn)(void *ctx, const struct store_event *e), void *ctx)
{
	sqlite3_stmt *st = store_use(s, SQL_EVENT_OF);
	struct store_event e;
	int rc;

	bind_mac(st, 1, mac);
	(void)sqlite3_bind_int64(st, 2, limit == 0 ? -1 : (int64_t)limit);
	while ((rc = store_next(s, st)) == 0) {
		memset(&e, 0, sizeof(e));
		e.id = sqlite3_column_int64(st, 0);
		e.time = sqlite3_column_int64(st, 1);
		if ((rc = column_mac(s, st, 2, &e.mac)) < 0)
			break;
		column_text(st, 3, e.kind, sizeof(e.kind));
		e.number = (uint32_t)sqlite3_column_int64(st, 4);
		column_text(st, 5, e.peer, sizeof(e.peer));
		if (fn(ctx, &e) != 0)
			break;
	}
	(void)sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

int store_error_counts(struct store *s, const char *class_name, uint64_t ret[15])
{
	sqlite3_stmt *st =
		store_use(s, class_name ? SQL_ERROR_COUNT_CLASS : SQL_ERROR_COUNT);
	uint64_t n[ERROR_LAST + 1] = { 0 };
	int rc;

	if (class_name)
		bind_text(st, 1, class_name);
	while ((rc = store_next(s, st)) == 0) {
		int64_t number = sqlite3_column_int64(st, 0);

		if (number >= 1 && number <= ERROR_LAST)
			n[number] = (uint64_t)sqlite3_column_int64(st, 1);
	}
	if (st)
		(void)sqlite3_reset(st);
	if (rc < 0)
		return rc;
	memcpy(ret, n, sizeof(n));
	return 0;
}

/* ---- audit -------------------------------------------------------------- */

/* A text that somebody made longer than it can have been, or hid something in
 * behind a NUL, is read as empty, which no entry's is: its hash will not match. */
static int read_audit(struct store *s, sqlite3_stmt *st, struct store_audit *a)
{
	int rc;

	memset(a, 0, sizeof(*a));
	a->seq = sqlite3_column_int64(st, 0);
	a->time = sqlite3_column_int64(st, 1);
	column_text(st, 2, a->what, sizeof(a->what));
	if ((size_t)sqlite3_column_bytes(st, 2) != strlen(a->what))
		a->what[0] = '\0';
	if ((rc = column_fixed(s, st, 3, a->prev, sizeof(a->prev))) < 0)
		return rc;
	return column_fixed(s, st, 4, a->hash, sizeof(a->hash));
}

int store_audit_last(struct store *s, struct store_audit *ret)
{
	sqlite3_stmt *st = store_use(s, SQL_AUDIT_LAST);
	struct store_audit a;
	int rc;

	if ((rc = store_row(s, st)) < 0 || (rc = read_audit(s, st, &a)) < 0)
		return rc;
	*ret = a;
	return 0;
}

int store_audit_put(struct store *s, const struct store_audit *a)
{
	sqlite3_stmt *st = store_use(s, SQL_AUDIT_PUT);

	(void)sqlite3_bind_int64(st, 1, a->seq);
	(void)sqlite3_bind_int64(st, 2, a->time);
	bind_text(st, 3, a->what);
	bind_blob(st, 4, a->prev, sizeof(a->prev));
	bind_blob(st, 5, a->hash, sizeof(a->hash));
	return store_run(s, st);
}

int store_audit_each(struct store *s, int (*fn)(void *ctx, const struct store_audit *a),
		     void *ctx)
{
	sqlite3_stmt *st = store_use(s, SQL_AUDIT_ALL);
	struct store_audit a;
	int rc;

	while ((rc = store_next(s, st)) == 0) {
		if ((rc = read_audit(s, st, &a)) < 0 || fn(ctx, &a) != 0)
			break;
	}
	(void)sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

/* ---- numbers with a name ------------------------------------------------ */

int store_number_get(struct store *s, const char *name, int64_t *ret)
{
	sqlite3_stmt *st = store_use(s, SQL_NUMBER_GET);
	int rc;

	bind_text(st, 1, name);
	if ((rc = store_row(s, st)) < 0)
		return rc;
	*ret = sqlite3_column_int64(st, 0);
	return 0;
}

int store_number_put(struct store *s, const char *name, int64_t value)
{
	sqlite3_stmt *st = store_use(s, SQL_NUMBER_PUT);

	bind_text(st, 1, name);
	(void)sqlite3_bind_int64(st, 2, value);
	return store_run(s, st);
}
