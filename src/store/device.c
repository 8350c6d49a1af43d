/* The registry, and where each device stands. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/errors.h"
#include "store/internal.h"

static const char *const state_names[] = {
	[DEVICE_REGISTERED] = "registered", [DEVICE_REQUESTED] = "requested",
	[DEVICE_ISSUED] = "issued",         [DEVICE_DELIVERED] = "delivered",
	[DEVICE_CONFIRMED] = "confirmed",   [DEVICE_FAILED] = "failed",
};
_Static_assert(sizeof(state_names) / sizeof(*state_names) == DEVICE_STATE_COUNT,
	       "a name for each state");

const char *device_state_name(enum device_state s)
{
	return (unsigned)s < DEVICE_STATE_COUNT ? state_names[s] : "unknown";
}

/* In the order of DEVICE_COLUMNS. */
static int read_device(struct store *s, sqlite3_stmt *st, struct store_device *d)
{
	const uint8_t *spki;
	int state, rc;

	memset(d, 0, sizeof(*d));
	if ((rc = column_mac(s, st, 0, &d->mac)) < 0 ||
	    (rc = column_name(s, st, 6, state_names, DEVICE_STATE_COUNT, &state)) < 0)
		return rc;
	column_text(st, 1, d->type, sizeof(d->type));
	column_text(st, 2, d->class_name, sizeof(d->class_name));
	column_text(st, 3, d->serial, sizeof(d->serial));
	spki = column_blob(st, 4, &d->spki_len);
	if (d->spki_len > sizeof(d->spki))
		return store_corrupt(s, "devices.public_key");
	if (spki)
		memcpy(d->spki, spki, d->spki_len);
	d->denied = sqlite3_column_int(st, 5) != 0;
	d->state = (enum device_state)state;
	d->epoch = (uint32_t)sqlite3_column_int64(st, 7);
	d->file_epoch = (uint32_t)sqlite3_column_int64(st, 8);
	d->delivered_epoch = (uint32_t)sqlite3_column_int64(st, 9);
	d->error = (uint32_t)sqlite3_column_int64(st, 10);
	d->requests = (uint64_t)sqlite3_column_int64(st, 11);
	d->first_seen = sqlite3_column_int64(st, 12);
	d->last_seen = sqlite3_column_int64(st, 13);
	column_text(st, 14, d->last_peer, sizeof(d->last_peer));
	column_text(st, 15, d->waiting, sizeof(d->waiting));
	d->served_at = sqlite3_column_int64(st, 16);
	column_text(st, 17, d->served_to, sizeof(d->served_to));
	return 0;
}

static sqlite3_stmt *bind_registry(struct store *s, enum sql which,
				   const struct store_device *d)
{
	sqlite3_stmt *st = store_use(s, which);

	bind_mac(st, 1, &d->mac);
	bind_text(st, 2, d->type);
	bind_text(st, 3, d->class_name);
	bind_text(st, 4, d->serial);
	bind_blob(st, 5, d->spki, d->spki_len);
	return st;
}

int store_device_add(struct store *s, const struct store_device *d)
{
	sqlite3_stmt *st = bind_registry(s, SQL_DEVICE_ADD, d);

	(void)sqlite3_bind_int(st, 6, d->denied);
	return store_run(s, st);
}

int store_device_update(struct store *s, const struct store_device *d)
{
	return store_run_one(s, bind_registry(s, SQL_DEVICE_UPDATE, d));
}

int store_device_get(struct store *s, const struct mac *mac, struct store_device *ret)
{
	struct store_device d;
	sqlite3_stmt *st = store_use(s, SQL_DEVICE_GET);
	int rc;

	bind_mac(st, 1, mac);
	if ((rc = store_row(s, st)) < 0 || (rc = read_device(s, st, &d)) < 0)
		return rc;
	*ret = d;
	return 0;
}

int store_device_deny(struct store *s, const struct mac *mac, bool denied)
{
	sqlite3_stmt *st = store_use(s, SQL_DEVICE_DENY);

	bind_mac(st, 1, mac);
	(void)sqlite3_bind_int(st, 2, denied);
	return store_run_one(s, st);
}

int store_device_reset(struct store *s, const struct mac *mac)
{
	sqlite3_stmt *st = store_use(s, SQL_DEVICE_RESET);

	bind_mac(st, 1, mac);
	return store_run_one(s, st);
}

int store_device_state(struct store *s, const struct mac *mac, enum device_state state,
		       const char *waiting)
{
	sqlite3_stmt *st = store_use(s, SQL_DEVICE_STATE);

	bind_mac(st, 1, mac);
	bind_text(st, 2, device_state_name(state));
	bind_text(st, 3, waiting ? waiting : "");
	return store_run_one(s, st);
}

static int note_peer(struct store *s, enum sql which, const struct mac *mac,
		     int64_t now, const char *peer)
{
	sqlite3_stmt *st = store_use(s, which);

	bind_mac(st, 1, mac);
	(void)sqlite3_bind_int64(st, 2, now);
	bind_text(st, 3, peer);
	return store_run_one(s, st);
}

int store_device_seen(struct store *s, const struct mac *mac, int64_t now,
		      const char *peer)
{
	return note_peer(s, SQL_DEVICE_SEEN, mac, now, peer);
}

int store_device_served(struct store *s, const struct mac *mac, int64_t now,
			const char *peer)
{
	return note_peer(s, SQL_DEVICE_SERVED, mac, now, peer);
}

static int note_number(struct store *s, enum sql which, const struct mac *mac,
		       uint32_t number)
{
	sqlite3_stmt *st = store_use(s, which);

	bind_mac(st, 1, mac);
	(void)sqlite3_bind_int64(st, 2, number);
	return store_run_one(s, st);
}

int store_device_delivered(struct store *s, const struct mac *mac, uint32_t epoch)
{
	return note_number(s, SQL_DEVICE_DELIVERED, mac, epoch);
}

int store_device_error(struct store *s, const struct mac *mac, uint32_t number)
{
	return note_number(s, SQL_DEVICE_ERROR, mac, number);
}

int store_key_owner(struct store *s, const uint8_t *spki, size_t len,
		    const struct mac *except, struct mac *ret)
{
	static const enum sql tables[] = { SQL_KEY_OF_DEVICE, SQL_KEY_OF_CERT };
	int rc = FC_EABSENT;

	if (len == 0)
		return FC_EABSENT;
	for (size_t i = 0; i < 2 && rc == FC_EABSENT; i++) {
		sqlite3_stmt *st = store_use(s, tables[i]);

		bind_blob(st, 1, spki, len);
		if (except)
			bind_mac(st, 2, except);
		else
			bind_text(st, 2, "");
		rc = store_row(s, st);
		if (rc == 0)
			return column_mac(s, st, 0, ret);
	}
	return rc;
}

int store_device_each(struct store *s, int state, uint64_t limit,
		      int (*fn)(void *ctx, const struct store_device *d), void *ctx)
{
	sqlite3_stmt *st =
		store_use(s, state < 0 ? SQL_DEVICE_ALL : SQL_DEVICE_BY_STATE);
	struct store_device d;
	int rc;

	(void)sqlite3_bind_int64(st, 1,
				 limit == 0 || limit > INT64_MAX ? -1 : (int64_t)limit);
	if (state >= 0)
		bind_text(st, 2, device_state_name((enum device_state)state));
	while ((rc = store_next(s, st)) == 0) {
		if ((rc = read_device(s, st, &d)) < 0 || fn(ctx, &d) != 0)
			break;
	}
	(void)sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

int store_device_count(struct store *s, uint64_t ret_by_state[DEVICE_STATE_COUNT])
{
	sqlite3_stmt *st = store_use(s, SQL_DEVICE_COUNT);
	uint64_t n[DEVICE_STATE_COUNT] = { 0 };
	int rc, state;

	while ((rc = store_next(s, st)) == 0) {
		rc = column_name(s, st, 0, state_names, DEVICE_STATE_COUNT, &state);
		if (rc < 0)
			break;
		n[state] = (uint64_t)sqlite3_column_int64(st, 1);
	}
	(void)sqlite3_reset(st);
	if (rc < 0)
		return rc;
	memcpy(ret_by_state, n, sizeof(n));
	return 0;
}

int store_waiting_each(struct store *s, uint64_t limit,
		       int (*fn)(void *ctx, const char *waiting, uint64_t n), void *ctx)
{
	sqlite3_stmt *st = store_use(s, SQL_WAITING);
	char waiting[128];
	int rc;

	(void)sqlite3_bind_int64(st, 1, limit > INT64_MAX ? -1 : (int64_t)limit);
	while ((rc = store_next(s, st)) == 0) {
		column_text(st, 0, waiting, sizeof(waiting));
		if (fn(ctx, waiting, (uint64_t)sqlite3_column_int64(st, 1)) != 0)
			break;
	}
	(void)sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}

int store_brief_each(struct store *s, int (*fn)(void *ctx, const struct store_brief *b),
		     void *ctx)
{
	sqlite3_stmt *st = store_use(s, SQL_BRIEF);
	struct store_brief b;
	int rc;

	while ((rc = store_next(s, st)) == 0) {
		if ((rc = column_mac(s, st, 0, &b.mac)) < 0)
			break;
		b.type = (const char *)sqlite3_column_text(st, 1);
		b.class_name = (const char *)sqlite3_column_text(st, 2);
		b.serial = (const char *)sqlite3_column_text(st, 3);
		b.serial_len = (size_t)sqlite3_column_bytes(st, 3);
		b.denied = sqlite3_column_int(st, 4) != 0;
		if (!b.type || !b.class_name || !b.serial) {
			rc = store_corrupt(s, "devices");
			break;
		}
		if (fn(ctx, &b) != 0)
			break;
	}
	(void)sqlite3_reset(st);
	return rc < 0 ? rc : 0;
}
