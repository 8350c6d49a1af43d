/* The database of devices, certificates, files, events and the audit chain.
 *
 * One interface; SQLite behind it (WAL, synchronous=FULL).  One process writes
 * (the registrar, or fieldcertctl under the database's lock while the daemon is
 * down), any number read.  Changes happen inside store_begin/store_commit, and
 * nothing is promised to anyone before commit has returned 0.
 *
 * Functions return 0 or a negative code: FC_EABSENT (no such row), FC_EDUP
 * (exists), -ENOSPC (disk or database full), -EROFS (read-only), -EIO (the disk
 * failed), -EBUSY (locked by another writer), FC_ESTORE (anything else;
 * store_error() says what).  Texts and blobs handed out live until the next call
 * on the same store.
 *
 * Names of tables and columns are a promise to operators, who query them with any
 * SQLite tool, also while the daemon is down: schema.c. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mac.h"

struct store;

enum store_mode { STORE_READ, STORE_WRITE };

/* The path may be a symbolic link; WAL and lock lie beside the real file.
 *
 * STORE_WRITE creates the file and the schema where there is none, and holds
 * a lock on "<real path>.lock" until store_close: -EBUSY when another has it (see
 * store_lock_holder).  Its directory must exist.  A database that is there but can't
 * be written opens all the same; each change then fails.  STORE_READ of a file without
 * a schema is FC_EABSENT.  Both refuse a schema that is newer than this program:
 * FC_EUNKNOWN.  FC_EBAD: the file is no database, or a damaged one. */
int store_open(const char *path, enum store_mode mode, struct store **ret);
void store_close(struct store *s);

/* Who holds the writer's lock, as it wrote itself there: "fieldcertd, process
 * 1234". FC_EABSENT: nobody. */
enum { STORE_HOLDER_SIZE = 64 };
int store_lock_holder(const char *path, char ret[STORE_HOLDER_SIZE]);

const char *store_error(const struct store *s);

/* FC_ESTORE also when the file was removed, or another is in its place: until it is
 * back nothing is written. */
int store_begin(struct store *s);
int store_commit(struct store *s);
void store_rollback(struct store *s);

/* ---- devices -------------------------------------------------------------- */

/* Where a device stands; the text in the database's `state` column. */
enum device_state {
	DEVICE_REGISTERED, /* known, has never asked */
	DEVICE_REQUESTED,  /* asked; its certificate is being made */
	DEVICE_ISSUED,     /* certificate committed, not yet fetched */
	DEVICE_DELIVERED,  /* file fetched whole in this epoch */
	DEVICE_CONFIRMED,  /* said OK in this epoch */
	DEVICE_FAILED,     /* reported an error in this epoch */
	DEVICE_STATE_COUNT
};
const char *device_state_name(enum device_state s);

struct store_device {
	struct mac mac;
	char type[3];
	char class_name[64];
	char serial[65];
	size_t spki_len;
	uint8_t spki[1024]; /* registry's public key; spki_len 0: unknown */
	bool denied;
	enum device_state state;
	uint32_t epoch;           /* counts up at renewal, re-issue, reset; from 1 */
	uint32_t file_epoch;      /* of the file that is served; 0: none */
	uint32_t delivered_epoch; /* of the last completed transfer; 0: none */
	uint32_t error;           /* last reported error number; 0: none */
	uint64_t requests;        /* authenticated requests */
	int64_t first_seen, last_seen; /* Unix seconds; 0: never */
	char last_peer[64];
	char waiting[128];  /* why there is no certificate yet, for operators */
	int64_t served_at;  /* when a file was last sent; 0: never (S11) */
	char served_to[64]; /* and to which address */
};

/* Insert. FC_EDUP. */
int store_device_add(struct store *s, const struct store_device *d);
/* Registry fields only: type, class, serial, spki. FC_EABSENT. */
int store_device_update(struct store *s, const struct store_device *d);
int store_device_get(struct store *s, const struct mac *mac, struct store_device *ret);
int store_device_deny(struct store *s, const struct mac *mac, bool denied);
/* epoch + 1, state REGISTERED; the old file is served until the new one is there. */
int store_device_reset(struct store *s, const struct mac *mac);
int store_device_state(struct store *s, const struct mac *mac, enum device_state state,
		       const char *waiting);
/* An authenticated request came: counts, first/last seen, peer. */
int store_device_seen(struct store *s, const struct mac *mac, int64_t now,
		      const char *peer);
/* Its file was handed to a front for that peer (S11). */
int store_device_served(struct store *s, const struct mac *mac, int64_t now,
			const char *peer);
/* delivered_epoch alone; the state is the caller's matter, here and below. */
int store_device_delivered(struct store *s, const struct mac *mac, uint32_t epoch);
int store_device_error(struct store *s, const struct mac *mac, uint32_t number);
/* Whose public key is this, in the registry or in a certificate that is not void?
 * FC_EABSENT: nobody's. Several: any one that is not `except` (NULL: none is). */
int store_key_owner(struct store *s, const uint8_t *spki, size_t len,
		    const struct mac *except, struct mac *ret);

/* All devices in order of MAC, optionally of one state (-1: all); the callback
 * returns 0 to go on. `limit` 0: no limit. Reads without holding a transaction
 * over the callback's lifetime is not promised: do not write in it. */
int store_device_each(struct store *s, int state, uint64_t limit,
		      int (*fn)(void *ctx, const struct store_device *d), void *ctx);
int store_device_count(struct store *s, uint64_t ret_by_state[DEVICE_STATE_COUNT]);
/* The reasons for waiting and how many devices wait for each, most first. */
int store_waiting_each(struct store *s, uint64_t limit,
		       int (*fn)(void *ctx, const char *waiting, uint64_t n),
		       void *ctx);
/* What the device table is made of, nothing more: a million in about a second. */
struct store_brief {
	struct mac mac;
	const char *type, *class_name, *serial;
	size_t serial_len;
	bool denied;
};
int store_brief_each(struct store *s, int (*fn)(void *ctx, const struct store_brief *b),
		     void *ctx);

/* ---- certificates ----------------------------------------------------------- */

enum cert_state { CERT_PLANNED, CERT_ISSUED, CERT_VOID, CERT_REVOKED, CERT_PRELOADED };
const char *cert_state_name(enum cert_state s);

struct store_cert {
	int64_t id;
	struct mac mac;
	uint32_t epoch;
	enum cert_state state;
	uint8_t serial[16];
	char issuer[64];
	int64_t not_before, not_after, created;
	const uint8_t *tbs, *der, *spki, *wrapped;
	size_t tbs_len, der_len, spki_len, wrapped_len;
	uint8_t seal[32];
};

/* The plan. FC_EDUP: this device and epoch has one that is not void, or the
 * serial number or (another device's) public key is taken already. */
int store_cert_plan(struct store *s, const struct store_cert *c, int64_t *ret_id);
/* planned -> issued, with its DER, which takes the place of tbs and seal.
 * FC_EABSENT: no such plan. */
int store_cert_issued(struct store *s, int64_t id, const uint8_t *der, size_t len);
int store_cert_void(struct store *s, int64_t id);
/* A certificate that came from outside (S9). */
int store_cert_preloaded(struct store *s, const struct store_cert *c);
/* The one of this device and epoch that is not void. FC_EABSENT. */
int store_cert_get(struct store *s, const struct mac *mac, uint32_t epoch,
		   struct store_cert *ret);
/* The newest with DER, of any epoch. */
int store_cert_latest(struct store *s, const struct mac *mac, struct store_cert *ret);
int store_cert_each(struct store *s, int state,
		    int (*fn)(void *ctx, const struct store_cert *c), void *ctx);

/* ---- files ------------------------------------------------------------------ */

/* `set`: the secret set that its key object is encrypted under; 0: has none. */
int store_file_put(struct store *s, const struct mac *mac, uint32_t epoch, uint8_t set,
		   const uint8_t *p, size_t len);
int store_file_get(struct store *s, const struct mac *mac, uint32_t *ret_epoch,
		   uint8_t *ret_set, const uint8_t **ret, size_t *ret_len);

/* ---- queue: devices that wait for a certificate --------------------------------- */

int store_queue_put(struct store *s, const struct mac *mac, uint8_t set, int64_t now);
int store_queue_drop(struct store *s, const struct mac *mac); /* absent: 0 */
int store_queue_count(struct store *s, uint64_t *ret);
/* Longest waiting first; until fn returns something else than 0. */
int store_queue_each(struct store *s,
		     int (*fn)(void *ctx, const struct mac *mac, uint8_t set),
		     void *ctx);

/* ---- issuers made here -------------------------------------------------------- */

int store_issuer_put(struct store *s, const char *name, const uint8_t *cert,
		     size_t cert_len, const uint8_t *wrapped, size_t wrapped_len);
int store_issuer_get(struct store *s, const char *name, const uint8_t **ret_cert,
		     size_t *ret_cert_len, const uint8_t **ret_wrapped,
		     size_t *ret_wrapped_len);

/* ---- events and audit ------------------------------------------------------------ */

struct store_event {
	int64_t id, time;
	struct mac mac;
	char kind[24];   /* request, issued, delivered, confirmed, error, reset, … */
	uint32_t number; /* error number, epoch, … by kind */
	char peer[64];
};
/* Keeps a device's last STORE_EVENTS_MAX: messages without a code (S11) or
 * replayed ones cannot fill the disk. */
enum { STORE_EVENTS_MAX = 100 };
int store_event_put(struct store *s, const struct store_event *e);
/* A device's last events, newest first. */
int store_event_each(struct store *s, const struct mac *mac, uint32_t limit,
		     int (*fn)(void *ctx, const struct store_event *e), void *ctx);
/* How often each error number 1..14 was recorded, for one class (NULL: all). */
int store_error_counts(struct store *s, const char *class_name, uint64_t ret[15]);

/* The audit chain (S14): every entry carries the SHA-256 over the one before and
 * itself; the caller computes it (crypto/authcode's sha256_of), the store keeps
 * it.  `what` is one line of key=value text. */
struct store_audit {
	int64_t seq, time;
	char what[512];
	uint8_t prev[32], hash[32];
};
int store_audit_last(struct store *s, struct store_audit *ret); /* FC_EABSENT: empty */
int store_audit_put(struct store *s, const struct store_audit *a);
int store_audit_each(struct store *s, int (*fn)(void *ctx, const struct store_audit *a),
		     void *ctx);

/* Certificates issued since a time, for status and budgets. */
int store_cert_count_since(struct store *s, int64_t since, uint64_t *ret);

/* ---- numbers with a name ----------------------------------------------------------
 */

int store_number_get(struct store *s, const char *name, int64_t *ret); /* FC_EABSENT */
int store_number_put(struct store *s, const char *name, int64_t value);

#endif
