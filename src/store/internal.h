/* What the files of this folder share: statements prepared once, and the few
 * verbs that bind, run and read them. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <sqlite3.h>
#include "store/store.h"

enum sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_DEVICE_ADD,
	SQL_DEVICE_UPDATE,
	SQL_DEVICE_GET,
	SQL_DEVICE_DENY,
	SQL_DEVICE_RESET,
	SQL_DEVICE_STATE,
	SQL_DEVICE_SEEN,
	SQL_DEVICE_SERVED,
	SQL_DEVICE_DELIVERED,
	SQL_DEVICE_ERROR,
	SQL_DEVICE_ALL,
	SQL_DEVICE_BY_STATE,
	SQL_DEVICE_COUNT,
	SQL_WAITING,
	SQL_BRIEF,
	SQL_KEY_OF_DEVICE,
	SQL_KEY_OF_CERT,
	SQL_CERT_ADD,
	SQL_CERT_ISSUED,
	SQL_CERT_VOID,
	SQL_CERT_GET,
	SQL_CERT_LATEST,
	SQL_CERT_ALL,
	SQL_CERT_BY_STATE,
	SQL_CERT_COUNT,
	SQL_FILE_PUT,
	SQL_FILE_EPOCH,
	SQL_FILE_GET,
	SQL_QUEUE_PUT,
	SQL_QUEUE_DROP,
	SQL_QUEUE_COUNT,
	SQL_QUEUE_ALL,
	SQL_ISSUER_PUT,
	SQL_ISSUER_GET,
	SQL_EVENT_PUT,
	SQL_EVENT_PRUNE,
	SQL_EVENT_OF,
	SQL_ERROR_COUNT,
	SQL_ERROR_COUNT_CLASS,
	SQL_AUDIT_LAST,
	SQL_AUDIT_PUT,
	SQL_AUDIT_ALL,
	SQL_NUMBER_GET,
	SQL_NUMBER_PUT,
	SQL_COUNT
};

enum { STORE_SCHEMA = 1, STORE_ERROR_SIZE = 256 };

struct store {
	sqlite3 *db;
	sqlite3_stmt *stmt[SQL_COUNT];
	sqlite3_stmt *active; /* its row is in the caller's hands */
	int lock_fd;          /* -1: none */
	char error[STORE_ERROR_SIZE];
};

extern const char *const store_schema;
extern const char *const store_sql[SQL_COUNT];

/* SQLite's code as ours; keeps its text for store_error(). */
int store_fail(struct store *s, int sqlite_code);
/* A value in the database that this program cannot have written. */
int store_corrupt(struct store *s, const char *what);

/* The statement, ready to be bound; NULL when it cannot be prepared, which the
 * binding calls take and store_run and store_row then report. */
sqlite3_stmt *store_use(struct store *s, enum sql which);
void bind_mac(sqlite3_stmt *st, int i, const struct mac *mac);
void bind_text(sqlite3_stmt *st, int i, const char *text);
void bind_blob(sqlite3_stmt *st, int i, const uint8_t *p, size_t len);

/* Run to its end. */
int store_run(struct store *s, sqlite3_stmt *st);
/* The same; FC_EABSENT when no row was changed. */
int store_run_one(struct store *s, sqlite3_stmt *st);
/* One row: 0, its columns live until the next call; FC_EABSENT. */
int store_row(struct store *s, sqlite3_stmt *st);
/* Row after row: 0 while there is one, then 1; negative on failure. End with
 * sqlite3_reset. */
int store_next(struct store *s, sqlite3_stmt *st);

/* Columns. Text too long for its place is cut; a blob over cap is corrupt. */
int column_mac(struct store *s, sqlite3_stmt *st, int i, struct mac *ret);
void column_text(sqlite3_stmt *st, int i, char *ret, size_t size);
int column_name(struct store *s, sqlite3_stmt *st, int i, const char *const *names,
		int n, int *ret);
const uint8_t *column_blob(sqlite3_stmt *st, int i, size_t *ret_len);
int column_fixed(struct store *s, sqlite3_stmt *st, int i, uint8_t *ret, size_t len);

#endif
