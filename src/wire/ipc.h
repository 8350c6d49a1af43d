/* What the processes of fieldcertd say to each other: a closed list of messages
 * on SOCK_SEQPACKET pairs (invariant I4).
 *
 * One datagram is one message: type (u16), then its fields in the order of the
 * struct, big-endian; a string or blob is a u32 length and its bytes.  Both ends
 * check type, length and range: a parser ends exactly at the last byte.
 * Descriptors travel beside a message as SCM_RIGHTS (sys/chan), at most one.
 *
 * Who may send what:
 *
 *	parent -> all		CONF SECRET START
 *	parent -> front		SOCKET
 *	parent -> front, registrar, signer	PEER
 *	all -> parent		READY FAILED
 *	front -> registrar	ASK DIGEST CONFIRM REPORT DELIVERED COUNTERS
 *	registrar -> front	ANSWER DIGEST_IS TABLE
 *	registrar -> signer	PLAN SIGN WRAP ISSUER_LOAD ISSUER_MAKE
 *	signer -> registrar	PLANNED SIGNED WRAPPED ISSUER_IS ISSUER_MADE
 *
 * Parsed structs point into the message's bytes. */
#ifndef WIRE_IPC_H
#define WIRE_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cursor.h"
#include "base/mac.h"
#include "base/writer.h"

enum ipc_type {
	IPC_CONF = 1, /* fd: sealed memfd with the configuration's text */
	IPC_SECRET,   /* fd: a file to read a secret, key or certificate from */
	IPC_SOCKET,   /* fd: a bound UDP socket */
	IPC_PEER,     /* fd: one end of a channel to another process */
	IPC_START,    /* all of the above is there: use it */
	IPC_READY,    /* the state of the last START is in force */
	IPC_FAILED,   /* it is not, and why; at first start the sender exits */

	IPC_ASK = 32,
	IPC_DIGEST,
	IPC_CONFIRM,
	IPC_REPORT,
	IPC_DELIVERED,
	IPC_COUNTERS,

	IPC_ANSWER = 64,
	IPC_DIGEST_IS,
	IPC_TABLE, /* fd: the device table's memfd (core/devtable) */

	IPC_PLAN = 96,
	IPC_SIGN,
	IPC_WRAP,
	IPC_ISSUER_LOAD,
	IPC_ISSUER_MAKE,

	IPC_PLANNED = 128,
	IPC_SIGNED,
	IPC_WRAPPED,
	IPC_ISSUER_IS,
	IPC_ISSUER_MADE
};

enum {
	IPC_MESSAGE_MAX = 64 * 1024, /* any message; a socket buffer must hold it */
	IPC_NAME_MAX = 63,           /* names of classes, issuers, secret sets */
	IPC_SERIAL_MAX = 64,         /* a device's serial number, bytes */
	IPC_CERT_MAX = 4096,         /* one DER certificate or to-be-signed part */
	IPC_SPKI_MAX = 1024,         /* SubjectPublicKeyInfo DER (RSA-4096: 550) */
	IPC_KEY_MAX = 4096,          /* a wrapped or encrypted private key */
	IPC_FILE_MAX = 16 * 1024,    /* a certificate file (F3) */
	IPC_TEXT_MAX = 512,          /* an explanation for the operator */
	IPC_PATH_MAX = 4096,         /* a file name, for messages */
	IPC_CERT_SERIAL_LEN = 16,    /* a certificate's serial number */
	IPC_SEAL_LEN = 32,
	IPC_DIGEST_LEN = 32 /* SHA-256 */
};

/* A string or blob inside a message; p is NULL only when len is 0. */
struct ipc_blob {
	const uint8_t *p;
	size_t len;
};

/* An address and port as sockets have them; IPv4 as ::ffff:a.b.c.d. */
struct ipc_addr {
	uint8_t ip[16];
	uint16_t port;
};

/* ---- parent and child ------------------------------------------------- */

struct ipc_conf {
	struct ipc_blob path; /* the file's name, for messages */
};

enum ipc_secret_kind {
	IPC_SECRET_REQUEST,     /* secret1 of a set: front */
	IPC_SECRET_CONFIRM,     /* secret2 of a set: front */
	IPC_SECRET_KEYBOX,      /* secret3 of a set: signer */
	IPC_SECRET_STORAGE,     /* the storage key: signer */
	IPC_SECRET_ISSUER_CERT, /* manufacturer certificate, PEM: signer */
	IPC_SECRET_ISSUER_KEY,  /* its private key, PEM: signer */
	IPC_SECRET_ROOT_CERT,   /* the root to make it under, PEM: signer */
	IPC_SECRET_ROOT_KEY,    /* its private key, PEM: signer */
	IPC_SECRET_KIND_LAST = IPC_SECRET_ROOT_KEY
};

struct ipc_secret {
	uint8_t kind;         /* enum ipc_secret_kind */
	struct ipc_blob name; /* of the set or issuer; empty for the storage key */
};

struct ipc_socket {
	uint8_t transfer;  /* 0: requests arrive here; 1: transfers leave from here */
	uint16_t listener; /* index of the `listen` address that it belongs to */
};

enum ipc_role { IPC_ROLE_FRONT, IPC_ROLE_REGISTRAR, IPC_ROLE_SIGNER };

struct ipc_peer {
	uint8_t role;    /* enum ipc_role of the process at the other end */
	uint16_t number; /* which front or signer, from 0 */
};

struct ipc_failed {
	struct ipc_blob text;
};

/* ---- front and registrar ------------------------------------------------- */

/* A device's authenticated request for its file. `ref` comes back in ANSWER and
 * means something to the front alone. */
struct ipc_ask {
	uint64_t ref;
	struct mac mac;
	char type[2]; /* tt of the request, upper case */
	uint8_t set;  /* number of the secret set that its code matched */
	struct ipc_addr peer;
};

/* The SHA-256 of the device's present file is wanted (confirm = bound). */
struct ipc_digest {
	uint64_t ref;
	struct mac mac;
};

/* A verified confirmation. Answered by an ANSWER without bytes. */
struct ipc_confirm {
	uint64_t ref;
	struct mac mac;
	uint8_t bound; /* its code covered the file's digest */
	struct ipc_addr peer;
};

/* An error report that no code protects (S11). Answered as above. */
struct ipc_report {
	uint64_t ref;
	struct mac mac;
	uint8_t number; /* 1..14 */
	struct ipc_addr peer;
};

/* The last block of a file was acknowledged, or a confirmation came while it
 * was on its way. */
struct ipc_delivered {
	struct mac mac;
	uint32_t epoch;
	struct ipc_addr peer;
};

/* The front's counters since it started, in the order of enum desk_counter. */
enum { IPC_COUNTERS_MAX = 64 };
struct ipc_counters {
	uint16_t n;
	uint64_t v[IPC_COUNTERS_MAX];
};

enum ipc_verdict {
	IPC_VERDICT_FILE,      /* send these bytes */
	IPC_VERDICT_NOT_FOUND, /* ERROR 1 */
	IPC_VERDICT_DENIED,    /* ERROR 2 */
	IPC_VERDICT_NOTED,     /* confirmation or report taken: empty DATA 1 */
	IPC_VERDICT_LAST = IPC_VERDICT_NOTED
};

struct ipc_answer {
	uint64_t ref;
	uint8_t verdict;      /* enum ipc_verdict */
	uint32_t epoch;       /* with FILE */
	struct ipc_blob file; /* with FILE, else empty */
};

struct ipc_digest_is {
	uint64_t ref;
	uint8_t found;
	uint8_t digest[IPC_DIGEST_LEN];
};

/* ---- registrar and signer ------------------------------------------------ */

/* Make everything of one device certificate but its signature.  Dates beyond the
 * issuer's are cut to those. */
struct ipc_plan {
	uint64_t job;
	struct mac mac;
	char type[2]; /* of the device, upper case */
	struct ipc_blob class_name;
	struct ipc_blob serial;                   /* the device's */
	uint8_t cert_serial[IPC_CERT_SERIAL_LEN]; /* top bit clear, not zero */
	int64_t not_before, not_after;            /* Unix seconds */
	struct ipc_blob spki;                     /* empty: make a key pair */
};

/* `seal` is the signer's own code over what it built: SIGN signs nothing else. */
struct ipc_planned {
	uint64_t job;
	int32_t rc;           /* 0 or FC_E…; then the blobs are empty */
	struct ipc_blob text; /* what was wrong, for the operator */
	struct ipc_blob tbs;
	uint8_t seal[IPC_SEAL_LEN];
	struct ipc_blob spki;    /* the certificate's key */
	struct ipc_blob wrapped; /* key made here, under the storage key; or empty */
	struct ipc_blob issuer;  /* name of the issuer that the plan is for */
};

struct ipc_sign {
	uint64_t job;
	struct mac mac;
	struct ipc_blob issuer;
	struct ipc_blob serial; /* the device's */
	struct ipc_blob tbs;
	uint8_t seal[IPC_SEAL_LEN];
	uint8_t set;             /* secret set to encrypt the key under */
	struct ipc_blob wrapped; /* empty: the file has no key object */
};

struct ipc_signed {
	uint64_t job;
	int32_t rc; /* FC_EAUTH: not my seal, or not the issuer it was made for */
	struct ipc_blob text;
	struct ipc_blob cert;   /* DER */
	struct ipc_blob keybox; /* value of the key object, or empty */
};

/* Encrypt a stored key again, for another secret set. */
struct ipc_wrap {
	uint64_t job;
	struct mac mac;
	struct ipc_blob serial;
	uint8_t set;
	struct ipc_blob wrapped;
};

struct ipc_wrapped {
	uint64_t job;
	int32_t rc;
	struct ipc_blob text;
	struct ipc_blob keybox;
};

/* An issuer that was made here before: certificate and wrapped key. */
struct ipc_issuer_load {
	struct ipc_blob name;
	struct ipc_blob cert;
	struct ipc_blob wrapped;
};

/* Make the manufacturer key and certificate of an issuer that has a root only. */
struct ipc_issuer_make {
	struct ipc_blob name;
	uint8_t cert_serial[IPC_CERT_SERIAL_LEN];
	int64_t not_before, not_after;
};

/* At START, to a new registrar, and once for an ISSUER_LOAD: usable with this
 * certificate, or (empty cert) still to be loaded or made. */
struct ipc_issuer_is {
	struct ipc_blob name;
	struct ipc_blob cert; /* DER */
};

struct ipc_issuer_made {
	struct ipc_blob name;
	int32_t rc;
	struct ipc_blob text;
	struct ipc_blob cert;
	struct ipc_blob wrapped;
};

struct ipc_message {
	enum ipc_type type;
	union {
		struct ipc_conf conf;
		struct ipc_secret secret;
		struct ipc_socket socket;
		struct ipc_peer peer;
		struct ipc_failed failed;
		struct ipc_ask ask;
		struct ipc_digest digest;
		struct ipc_confirm confirm;
		struct ipc_report report;
		struct ipc_delivered delivered;
		struct ipc_counters counters;
		struct ipc_answer answer;
		struct ipc_digest_is digest_is;
		struct ipc_plan plan;
		struct ipc_planned planned;
		struct ipc_sign sign;
		struct ipc_signed signed_;
		struct ipc_wrap wrap;
		struct ipc_wrapped wrapped;
		struct ipc_issuer_load issuer_load;
		struct ipc_issuer_make issuer_make;
		struct ipc_issuer_is issuer_is;
		struct ipc_issuer_made issuer_made;
	} u;
};

/* 0, FC_EUNKNOWN (type), FC_EBAD (truncated, trailing bytes, value out of
 * range) or FC_EFULL (a blob or list over its limit). */
int ipc_parse(const void *p, size_t len, struct ipc_message *ret);

/* The whole datagram; ask o->full.  Asserts the ranges that ipc_parse checks. */
void ipc_build(struct out *o, const struct ipc_message *m);

#endif
