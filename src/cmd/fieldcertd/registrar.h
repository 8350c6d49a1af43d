/* The registrar: database, policy, control socket; what its files share.
 *
 *	registrar.c	the process, its channels, its turn
 *	outbox.c	what leaves when the turn is committed, and not before
 *	request.c	what fronts ask and tell
 *	making.c	queue -> plan -> sign -> file
 *	issuers.c	which manufacturer certificates the signers have
 *	table.c		the device table's memory
 *	ctlsocket.c	fieldcertctl's requests
 *	status.c	what CONTROL_STATUS answers
 *
 * A turn of the loop is one transaction: messages are taken from all channels,
 * all they need is read and written, the transaction is committed, and only then
 * does anything leave (group commit: one sync for a whole storm).  Whatever goes
 * wrong in the database undoes the whole turn: fronts are told NOT_FOUND, so that
 * modems come back, and the work at hand is forgotten and read again from the
 * queue RETRY_MS later.  Requests of the control socket come after it, each in a
 * transaction of its own. */
#ifndef CMD_FIELDCERTD_REGISTRAR_H
#define CMD_FIELDCERTD_REGISTRAR_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "cmd/fieldcertd/child.h"
#include "conf/conf.h"
#include "core/devtable.h"
#include "core/issue.h"
#include "core/policy.h"
#include "store/store.h"
#include "sys/chan.h"
#include "sys/loop.h"
#include "wire/control.h"
#include "wire/ipc.h"

enum {
	PEERS_MAX = 2 * ISSUE_SIGNERS_MAX,
	JOBS_MAX = 4096, /* certificates being made at once; 0.5 MiB */
	JOB_CELLS = 2 * JOBS_MAX,
	LATER_MAX = 1024, /* confirmations and reports put off in one turn */
	LATE_MS = 500,    /* a front that is busy says so late what it delivered */
	CONTROL_CONNS_MAX = 16,
	REGISTRAR_RETRY_MS = 5000,
	TURN_LOG_MAX = 64 * 1024 /* what is more is said at once */
};

struct registrar;

/* A front or signer at the other end of a channel. */
struct peer {
	struct registrar *r;
	struct chan *chan; /* NULL: free */
	enum ipc_role role;
	uint16_t number;
	uint32_t generation; /* of this place; messages for an earlier one die */
	bool watched;        /* by the loop */
	uint16_t n_counters;
	uint64_t counters[IPC_COUNTERS_MAX];
};

/* ---- outbox.c ----------------------------------------------------------- */

struct outbox_entry {
	uint16_t peer;
	bool answer; /* of a front's question, by ref: NOT_FOUND when all fails */
	uint32_t generation;
	uint64_t ref;
	size_t at, len; /* of the message, in bytes */
};

struct outbox {
	struct outbox_entry *entries;
	size_t n, cap;
	uint8_t *bytes;
	size_t len, bytes_cap;
	uint8_t scratch[IPC_MESSAGE_MAX];
};

/* Keep a message for this peer until outbox_flush. */
void outbox_put(struct registrar *r, const struct peer *p, const struct ipc_message *m);
/* The turn is committed: all of it leaves. */
void outbox_flush(struct registrar *r);
/* It is not: answers become NOT_FOUND, the rest is dropped. */
void outbox_fail(struct registrar *r);
void outbox_release(struct outbox *o);
/* A message that depends on no commit. */
int peer_send(struct peer *p, const struct ipc_message *m, int fd);

/* ---- issuers.c ---------------------------------------------------------- */

struct issuer {
	char name[IPC_NAME_MAX + 1];
	uint8_t cert[IPC_CERT_MAX]; /* DER */
	size_t cert_len;            /* 0: none yet */
	int64_t not_before, not_after;
	char subject[256];
	uint64_t heard;   /* signers (a bit each) that said how they stand with it */
	uint64_t loaded;  /* signers that can use it, or will before our next word */
	uint64_t lacking; /* signers that said they have none */
	uint64_t asked_ms[ISSUE_SIGNERS_MAX]; /* when they were sent ISSUER_LOAD; 0 */
	bool making;                          /* ISSUER_MAKE is at a signer */
	uint16_t maker;
	uint8_t wrapped[IPC_KEY_MAX]; /* made, and not committed yet */
	size_t wrapped_len;           /* 0: nothing that waits for that */
	char failed[160];             /* why it cannot be made or used; "" */
};

enum issuer_state { ISSUER_READY, ISSUER_COMING, ISSUER_FAILED };

/* Those of the configuration; what is known of them is kept. */
void issuers_configure(struct registrar *r);
void issuers_signer_gone(struct registrar *r, uint16_t signer);
void issuers_is(struct registrar *r, struct peer *p, const struct ipc_issuer_is *m);
void issuers_made(struct registrar *r, struct peer *p, const struct ipc_issuer_made *m);
/* The turn failed, and what it was to hand out with it; later, again. */
void issuers_forget(struct registrar *r);
void issuers_retry(struct registrar *r);
/* Can that signer use it? */
enum issuer_state issuers_state(const struct registrar *r, const char *name,
				uint16_t signer, const struct issuer **ret);
const struct issuer *issuers_find(const struct registrar *r, const char *name,
				  size_t len);

/* ---- table.c ------------------------------------------------------------ */

struct table {
	int fd; /* sealed memfd; -1: none */
	void *map;
	size_t size;
	struct devtable t;
};

/* From the database, with room to grow; the fronts get it. 0 or negative. */
int table_build(struct registrar *r);
int table_send(struct registrar *r, struct peer *p);
/* One device, after the commit of its change. */
void table_update(struct registrar *r, const struct store_device *d);
void table_release(struct table *t);

/* ---- ctlsocket.c -------------------------------------------------------------------
 */

struct control_conn {
	struct registrar *r;
	struct chan *chan; /* NULL: free */
	bool ready;        /* request holds one */
	size_t len;
	uint8_t request[CONTROL_MESSAGE_MAX];
};

/* Bound before the jail, while the path can be reached. */
int ctlsocket_bind(struct registrar *r, const char *path, char why[CHILD_WHY_SIZE]);
int ctlsocket_listen(struct registrar *r);
/* Requests that have come; outside any transaction. */
void ctlsocket_run(struct registrar *r);
void ctlsocket_release(struct registrar *r);

/* ---- status.c ----------------------------------------------------------- */

void status_build(struct registrar *r, struct out *reply);

/* ---- request.c ---------------------------------------------------------- */

void request_ask(struct registrar *r, struct peer *p, const struct ipc_ask *m);
void request_digest(struct registrar *r, struct peer *p, const struct ipc_digest *m);
void request_delivered(struct registrar *r, const struct ipc_delivered *m);
/* Put off to the end of the turn, so that a DELIVERED of another front counts; a
 * confirmation of a file that is out, but not known to have arrived, LATE_MS longer. */
void request_confirm(struct registrar *r, struct peer *p, const struct ipc_confirm *m);
void request_report(struct registrar *r, struct peer *p, const struct ipc_report *m);
void request_late(struct registrar *r);
/* When to come back for what waits still, or UINT64_MAX. */
uint64_t request_deadline(const struct registrar *r);
/* Of a device in the present configuration. */
struct policy registrar_policy(const struct registrar *r, const struct store_device *d,
			       uint8_t file_set, uint8_t asked_set);

struct late {
	enum ipc_type type; /* CONFIRM or REPORT */
	uint16_t peer;
	uint32_t generation;
	uint64_t until; /* ms; then it is judged in any case */
	union {
		struct ipc_confirm confirm;
		struct ipc_report report;
	} u;
};

/* Its registered public key is certified, none is made here. */
bool registrar_takes_registered(const struct conf_class *class,
				const struct store_device *d);

/* ---- making.c ----------------------------------------------------------- */

/* Have it made; its queue row is in this turn's transaction already. */
void making_want(struct registrar *r, const struct mac *mac, uint8_t set,
		 enum issue_state state);
void making_planned(struct registrar *r, struct peer *p, const struct ipc_planned *m);
void making_signed(struct registrar *r, struct peer *p, const struct ipc_signed *m);
void making_wrapped(struct registrar *r, struct peer *p, const struct ipc_wrapped *m);
/* Take from the queue what there is room for, send what can be sent. */
void making_pump(struct registrar *r);
/* The turn failed: forget all, and read the queue again later. */
void making_forget(struct registrar *r);
/* A device was changed by the operator: does its job still hold? */
void making_changed(struct registrar *r, const struct store_device *d);
void making_reset_jobs(struct registrar *r);

/* ---- registrar.c -------------------------------------------------------- */

struct registrar {
	struct child *child;
	struct loop *loop;
	struct conf *conf; /* NULL before the first START */
	struct store *store;
	char database[PATH_MAX]; /* as the operator knows it */
	uid_t owner;             /* who may use the control socket, besides root */
	uint64_t started_ms;

	struct peer peers[PEERS_MAX];
	struct outbox outbox;

	bool turn_open;          /* a transaction is under way */
	int turn_rc;             /* what went wrong in it; 0 */
	char said[TURN_LOG_MAX]; /* lines for the log, each with its NUL */
	size_t said_len;
	unsigned turn_issued;
	char trouble[256]; /* the database's present state, ""; for log and status */
	uint64_t trouble_at, trouble_said_at; /* ms; its last failure, its last line */
	bool trouble_said;                    /* and not taken back in the log */

	struct issue issue;
	struct issue_job jobs[JOBS_MAX];
	uint32_t job_cells[JOB_CELLS];
	bool backlog;       /* the queue has devices that have no job */
	uint64_t refill_at; /* ms; not before then; 0: at once */

	struct issuer issuers[CONF_ISSUERS_MAX];
	size_t n_issuers;

	struct late late[LATER_MAX];
	size_t n_late;

	struct table table;
	int control_fd; /* -1 */
	struct control_conn conns[CONTROL_CONNS_MAX];

	uint64_t gone_counters[IPC_COUNTERS_MAX]; /* of fronts that ended */
	uint64_t n_issued;                        /* since the start */
	char last_failure[192];
};

/* Begin the turn's transaction where it has not begun; false: it has failed, do
 * nothing that needs it. */
bool turn_begin(struct registrar *r);
/* A result of the store in this turn; "no such row" and "exists" are the caller's
 * matter, everything else fails the turn. Returns rc. */
int turn_check(struct registrar *r, int rc);
/* An event of a device in this turn. */
void turn_event(struct registrar *r, const struct mac *mac, const char *kind,
		uint32_t number, const char *peer);
/* The same, but not if it is the device's last event already, since `since`: false.
 * What can be replayed costs one row and one line, not one each time. */
bool turn_event_once(struct registrar *r, const struct mac *mac, const char *kind,
		     uint32_t number, const char *peer, int64_t since);
void turn_audit(struct registrar *r, const char *what);
/* One line for the log, at level info, when it has become true. */
void turn_say(struct registrar *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "192.0.2.1" or "2001:db8::1" */
enum { PEER_TEXT_SIZE = 64 };
const char *peer_text(const struct ipc_addr *a, char ret[PEER_TEXT_SIZE]);

#endif
