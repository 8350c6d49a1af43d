/* fieldcertctl and the registrar's control socket: SOCK_SEQPACKET, one request,
 * one reply, then the next; peer's uid checked by the registrar (SO_PEERCRED).
 *
 * The same bytes drive a change when the daemon is down: fieldcertctl then takes
 * the database's lock and executes them itself (cmd/shared/control). Coding as
 * in wire/ipc.h. */
#ifndef WIRE_CONTROL_H
#define WIRE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mac.h"
#include "base/writer.h"
#include "wire/ipc.h"

enum control_type {
	CONTROL_DEVICES = 1, /* add or update up to CONTROL_ROWS_MAX devices */
	CONTROL_ACCESS,      /* allow or deny one */
	CONTROL_RESET,   /* new epoch: certificate is made anew at its next request */
	CONTROL_PRELOAD, /* a certificate file for one device (S9) */
	CONTROL_STATUS,  /* counters and facts */

	CONTROL_DONE = 64, /* reply to a change */
	CONTROL_STATUS_IS  /* reply to STATUS */
};

enum {
	CONTROL_ROWS_MAX = 200,
	CONTROL_MESSAGE_MAX = 64 * 1024,
	CONTROL_FACTS_MAX = 128,
	CONTROL_TYPE_LEN = 2 /* letters of a device type */
};

struct control_device {
	struct mac mac;
	struct ipc_blob type;       /* two letters; empty: the class's first */
	struct ipc_blob class_name; /* empty: the default class */
	struct ipc_blob serial;     /* may be empty where the class does not hash it */
	struct ipc_blob spki;       /* DER SubjectPublicKeyInfo, or empty: unknown */
};

struct control_devices {
	uint8_t update; /* 0: a device that exists already is an error */
	uint16_t n;
	struct control_device rows[CONTROL_ROWS_MAX];
};

struct control_access {
	struct mac mac;
	uint8_t deny;
};

struct control_reset {
	struct mac mac;
};

struct control_preload {
	struct mac mac;
	struct ipc_blob file;
};

struct control_done {
	int32_t rc;           /* 0: all of it is committed; else none of it */
	uint32_t row;         /* CONTROL_DEVICES: the row at fault, from 0 */
	struct ipc_blob text; /* what is wrong and what would be right */
};

/* Named numbers and texts, in the order they are to be shown. */
struct control_fact {
	struct ipc_blob name;
	struct ipc_blob value; /* text */
};

struct control_status_is {
	uint16_t n;
	struct control_fact facts[CONTROL_FACTS_MAX];
};

struct control_message {
	enum control_type type;
	union {
		struct control_devices devices;
		struct control_access access;
		struct control_reset reset;
		struct control_preload preload;
		struct control_done done;
		struct control_status_is status_is;
	} u;
};

/* As ipc_parse and ipc_build. */
int control_parse(const void *p, size_t len, struct control_message *ret);
void control_build(struct out *o, const struct control_message *m);

#endif
