/* The schema, version 1.  Names of tables and columns are a promise to operators:
 * add, do not rename.
 *
 * A device is named by its MAC everywhere ("00:10:4B:AB:CD:EF").  Public keys are
 * found again by sixteen bytes out of the key itself (the last 64 bytes of an RSA
 * or P-256 SubjectPublicKeyInfo begin inside modulus or point): an index of whole
 * keys would be as large as the registry. */
#include "store/internal.h"

const char *const store_schema =
	"CREATE TABLE meta ("
	" name TEXT PRIMARY KEY,"
	" value INTEGER NOT NULL"
	") WITHOUT ROWID;"
	"INSERT INTO meta VALUES ('schema', 1);"

	"CREATE TABLE devices ("
	" mac TEXT PRIMARY KEY,"
	" type TEXT NOT NULL,"
	" class TEXT NOT NULL,"
	" serial TEXT NOT NULL,"
	" public_key BLOB,"
	" state TEXT NOT NULL DEFAULT 'registered' CHECK (state IN ('registered',"
	"  'requested', 'issued', 'delivered', 'confirmed', 'failed')),"
	" denied INTEGER NOT NULL DEFAULT 0,"
	" epoch INTEGER NOT NULL DEFAULT 1,"
	" file_epoch INTEGER NOT NULL DEFAULT 0,"
	" delivered_epoch INTEGER NOT NULL DEFAULT 0,"
	" error INTEGER NOT NULL DEFAULT 0,"
	" requests INTEGER NOT NULL DEFAULT 0,"
	" first_seen INTEGER NOT NULL DEFAULT 0,"
	" last_seen INTEGER NOT NULL DEFAULT 0,"
	" last_peer TEXT NOT NULL DEFAULT '',"
	" waiting TEXT NOT NULL DEFAULT '',"
	" served_at INTEGER NOT NULL DEFAULT 0,"
	" served_to TEXT NOT NULL DEFAULT ''"
	") WITHOUT ROWID;"
	"CREATE INDEX devices_state ON devices (state);"
	"CREATE INDEX devices_waiting ON devices (waiting) WHERE waiting <> '';"
	"CREATE INDEX devices_key ON devices (substr(public_key, -64, 16))"
	" WHERE public_key IS NOT NULL;"

	"CREATE TABLE certificates ("
	" id INTEGER PRIMARY KEY,"
	" serial_number TEXT NOT NULL,"
	" mac TEXT NOT NULL REFERENCES devices (mac),"
	" epoch INTEGER NOT NULL,"
	" state TEXT NOT NULL CHECK (state IN ('planned', 'issued', 'void',"
	"  'revoked', 'preloaded')),"
	" issuer TEXT NOT NULL,"
	" not_before INTEGER NOT NULL,"
	" not_after INTEGER NOT NULL,"
	" created INTEGER NOT NULL,"
	" tbs BLOB,"
	" seal BLOB,"
	" der BLOB,"
	" public_key BLOB,"
	" wrapped_key BLOB"
	");"
	/* One certificate per device and epoch (S4). */
	"CREATE UNIQUE INDEX certificates_epoch ON certificates (mac, epoch)"
	" WHERE state <> 'void';"
	/* Serial numbers are unique for each issuer; imported ones are not ours. */
	"CREATE UNIQUE INDEX certificates_serial"
	" ON certificates (serial_number, issuer);"
	"CREATE INDEX certificates_created ON certificates (created)"
	" WHERE state = 'issued';"
	"CREATE INDEX certificates_key ON certificates (substr(public_key, -64, 16))"
	" WHERE state <> 'void';"

	"CREATE TABLE files ("
	" mac TEXT PRIMARY KEY REFERENCES devices (mac),"
	" epoch INTEGER NOT NULL,"
	" secret_set INTEGER NOT NULL,"
	" bytes BLOB NOT NULL"
	");"

	"CREATE TABLE queue ("
	" id INTEGER PRIMARY KEY,"
	" mac TEXT NOT NULL UNIQUE REFERENCES devices (mac),"
	" secret_set INTEGER NOT NULL,"
	" since INTEGER NOT NULL"
	");"

	"CREATE TABLE issuers ("
	" name TEXT PRIMARY KEY,"
	" certificate BLOB NOT NULL,"
	" wrapped_key BLOB NOT NULL"
	");"

	"CREATE TABLE events ("
	" id INTEGER PRIMARY KEY,"
	" time INTEGER NOT NULL,"
	" mac TEXT NOT NULL,"
	" kind TEXT NOT NULL,"
	" number INTEGER NOT NULL,"
	" peer TEXT NOT NULL"
	");"
	"CREATE INDEX events_mac ON events (mac, id);"
	"CREATE INDEX events_error ON events (number, mac) WHERE kind = 'error';"

	"CREATE TABLE audit ("
	" seq INTEGER PRIMARY KEY,"
	" time INTEGER NOT NULL,"
	" what TEXT NOT NULL,"
	" prev BLOB NOT NULL,"
	" hash BLOB NOT NULL"
	");";

#define DEVICE_COLUMNS                                                             \
	"mac, type, class, serial, public_key, denied, state, epoch, file_epoch, " \
	"delivered_epoch, error, requests, first_seen, last_seen, last_peer, "     \
	"waiting, "                                                                \
	"served_at, served_to"
#define CERT_COLUMNS                                                            \
	"id, mac, epoch, state, serial_number, issuer, not_before, not_after, " \
	"created, tbs, der, public_key, wrapped_key, seal"

const char *const store_sql[SQL_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",

	[SQL_DEVICE_ADD] =
		"INSERT INTO devices (mac, type, class, serial, public_key, denied)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_DEVICE_UPDATE] = "UPDATE devices SET type = ?2, class = ?3, serial = ?4,"
			      " public_key = ?5 WHERE mac = ?1",
	[SQL_DEVICE_GET] = "SELECT " DEVICE_COLUMNS " FROM devices WHERE mac = ?1",
	[SQL_DEVICE_DENY] = "UPDATE devices SET denied = ?2 WHERE mac = ?1",
	[SQL_DEVICE_RESET] =
		"UPDATE devices SET epoch = epoch + 1, state = 'registered',"
		" waiting = '', error = 0 WHERE mac = ?1",
	[SQL_DEVICE_STATE] =
		"UPDATE devices SET state = ?2, waiting = ?3 WHERE mac = ?1",
	[SQL_DEVICE_SEEN] =
		"UPDATE devices SET requests = requests + 1, last_seen = ?2,"
		" first_seen = CASE first_seen WHEN 0 THEN ?2 ELSE first_seen END,"
		" last_peer = ?3 WHERE mac = ?1",
	[SQL_DEVICE_SERVED] =
		"UPDATE devices SET served_at = ?2, served_to = ?3 WHERE mac = ?1",
	[SQL_DEVICE_DELIVERED] =
		"UPDATE devices SET delivered_epoch = ?2 WHERE mac = ?1",
	[SQL_DEVICE_ERROR] = "UPDATE devices SET error = ?2 WHERE mac = ?1",
	[SQL_DEVICE_ALL] =
		"SELECT " DEVICE_COLUMNS " FROM devices ORDER BY mac LIMIT ?1",
	[SQL_DEVICE_BY_STATE] = "SELECT " DEVICE_COLUMNS
				" FROM devices WHERE state = ?2 ORDER BY mac LIMIT ?1",
	[SQL_DEVICE_COUNT] = "SELECT state, count(*) FROM devices GROUP BY state",
	[SQL_WAITING] =
		"SELECT waiting, count(*) AS n FROM devices"
		" WHERE waiting <> '' GROUP BY waiting ORDER BY n DESC LIMIT ?1",
	[SQL_BRIEF] = "SELECT mac, type, class, serial, denied FROM devices",
	[SQL_KEY_OF_DEVICE] = "SELECT mac FROM devices WHERE public_key IS NOT NULL"
			      " AND substr(public_key, -64, 16) = substr(?1, -64, 16)"
			      " AND public_key = ?1 AND mac <> ?2 LIMIT 1",
	[SQL_KEY_OF_CERT] = "SELECT mac FROM certificates WHERE state <> 'void'"
			    " AND substr(public_key, -64, 16) = substr(?1, -64, 16)"
			    " AND public_key = ?1 AND mac <> ?2 LIMIT 1",

	[SQL_CERT_ADD] =
		"INSERT INTO certificates (mac, epoch, state, serial_number, issuer,"
		" not_before, not_after, created, tbs, der, public_key, wrapped_key,"
		" seal) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
		"?13)",
	[SQL_CERT_ISSUED] =
		"UPDATE certificates SET state = 'issued', der = ?2, tbs = NULL,"
		" seal = NULL WHERE id = ?1 AND state = 'planned'",
	[SQL_CERT_VOID] = "UPDATE certificates SET state = 'void', wrapped_key = NULL"
			  " WHERE id = ?1 AND state = 'planned'",
	[SQL_CERT_GET] = "SELECT " CERT_COLUMNS " FROM certificates"
			 " WHERE mac = ?1 AND epoch = ?2 AND state <> 'void'",
	[SQL_CERT_LATEST] = "SELECT " CERT_COLUMNS " FROM certificates"
			    " WHERE mac = ?1 AND state <> 'void' AND der IS NOT NULL"
			    " ORDER BY epoch DESC LIMIT 1",
	[SQL_CERT_ALL] = "SELECT " CERT_COLUMNS " FROM certificates ORDER BY id",
	[SQL_CERT_BY_STATE] = "SELECT " CERT_COLUMNS
			      " FROM certificates WHERE state = ?1 ORDER BY id",
	[SQL_CERT_COUNT] = "SELECT count(*) FROM certificates"
			   " WHERE state = 'issued' AND created >= ?1",

	[SQL_FILE_PUT] = "INSERT INTO files (mac, epoch, secret_set, bytes)"
			 " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (mac) DO UPDATE SET"
			 " epoch = ?2, secret_set = ?3, bytes = ?4",
	[SQL_FILE_EPOCH] = "UPDATE devices SET file_epoch = ?2 WHERE mac = ?1",
	[SQL_FILE_GET] = "SELECT epoch, secret_set, bytes FROM files WHERE mac = ?1",

	[SQL_QUEUE_PUT] = "INSERT INTO queue (mac, secret_set, since)"
			  " VALUES (?1, ?2, ?3)"
			  " ON CONFLICT (mac) DO UPDATE SET secret_set = ?2",
	[SQL_QUEUE_DROP] = "DELETE FROM queue WHERE mac = ?1",
	[SQL_QUEUE_COUNT] = "SELECT count(*) FROM queue",
	[SQL_QUEUE_ALL] = "SELECT mac, secret_set FROM queue ORDER BY id",

	[SQL_ISSUER_PUT] = "INSERT INTO issuers (name, certificate, wrapped_key)"
			   " VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET"
			   " certificate = ?2, wrapped_key = ?3",
	[SQL_ISSUER_GET] =
		"SELECT certificate, wrapped_key FROM issuers WHERE name = ?1",

	[SQL_EVENT_PUT] = "INSERT INTO events (time, mac, kind, number, peer)"
			  " VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_EVENT_PRUNE] = "DELETE FROM events WHERE mac = ?1 AND id <= (SELECT id"
			    " FROM events WHERE mac = ?1 ORDER BY id DESC LIMIT 1"
			    " OFFSET ?2)",
	[SQL_EVENT_OF] = "SELECT id, time, mac, kind, number, peer FROM events"
			 " WHERE mac = ?1 ORDER BY id DESC LIMIT ?2",
	[SQL_ERROR_COUNT] = "SELECT number, count(*) FROM events WHERE kind = 'error'"
			    " GROUP BY number",
	[SQL_ERROR_COUNT_CLASS] =
		"SELECT number, count(*) FROM events JOIN devices USING (mac)"
		" WHERE kind = 'error' AND class = ?1 GROUP BY number",

	[SQL_AUDIT_LAST] = "SELECT seq, time, what, prev, hash FROM audit"
			   " ORDER BY seq DESC LIMIT 1",
	[SQL_AUDIT_PUT] = "INSERT INTO audit (seq, time, what, prev, hash)"
			  " VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_AUDIT_ALL] = "SELECT seq, time, what, prev, hash FROM audit ORDER BY seq",

	[SQL_NUMBER_GET] = "SELECT value FROM meta WHERE name = ?1",
	[SQL_NUMBER_PUT] = "INSERT INTO meta (name, value) VALUES (?1, ?2)"
			   " ON CONFLICT (name) DO UPDATE SET value = ?2",
};
