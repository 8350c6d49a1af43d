/* The agent: a modem's way to its certificate, driven through a table of platform calls
 * (SPEC section 4, A11).
 *
 * It joins the machines (core/enrol, core/fetch), the formats (wire) and the checks
 * (crypto) and needs nothing else: no socket, file, thread or clock of its own, no
 * allocation but OpenSSL's.  The caller owns struct agent (some 80 KB, best static),
 * and from one thread
 *
 *	agent_start();
 *	then, for ever: wait until agent_deadline() or a datagram,
 *		agent_datagram() for each datagram, agent_turn() after each wait.
 *
 * What it did comes out as events. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "agent/platform.h"
#include "agent/state.h"
#include "base/mac.h"
#include "core/enrol.h"
#include "core/fetch.h"
#include "crypto/authcode.h"
#include "crypto/x509check.h"
#include "wire/certfile.h"

enum { AGENT_SPKI_MAX = 1024 };

/* All pointers must live as long as the agent. */
struct agent_config {
	char type[NAME_TYPE_SIZE];
	struct mac mac;
	const char *serial;
	size_t serial_len;

	struct auth_spec codes;
	const struct auth_secret *secret1,
		*secret2;                  /* NULL: the platform's keys do it */
	const struct auth_secret *secret3; /* NULL: a downloaded key is refused, 12 */

	struct x509_trust trust; /* roots, names, keys; its manufacturer is not used */
	struct x509_bytes key;   /* PKCS#8 that the device was born with, or empty */
	struct x509_bytes public_key; /* and its SPKI, or empty: computed */

	struct fetch_addr server; /* unless flash holds another */
	struct fetch_config transfer;
	struct enrol_config schedule;
	int64_t renew_before_s; /* A1 */
};

enum agent_event_kind {
	AGENT_EXAMINED,    /* error: DEVICE_OK: good; what; not_after */
	AGENT_FLASH_EMPTY, /* rc: FC_EABSENT, or why the record does not count */
	AGENT_ASKING,      /* name, n: attempt */
	AGENT_ANSWERED,    /* result, text: the server's words; what */
	AGENT_INVALID,     /* error, what */
	AGENT_INSTALLED,   /* not_after */
	AGENT_REPORTING,   /* name, error */
	AGENT_REPORTED,    /* result */
	AGENT_CONFIRMING,  /* name, n: of how often */
	AGENT_CONFIRMED,
	AGENT_NOT_CONFIRMED, /* result; text */
	AGENT_WAITING,       /* in_ms, error of the last failure or 0; long_wait */
	AGENT_RESTING,       /* in_ms: until examined again */
	AGENT_TROUBLE,       /* what, rc: a platform call that failed */
	AGENT_EVENT_COUNT
};

struct agent_event {
	enum agent_event_kind kind;
	const char *name; /* of a TFTP file */
	const char *what; /* never NULL */
	const char *text; /* untrusted, text_len bytes */
	size_t text_len;
	enum fetch_result result;
	unsigned error, n;
	int rc;
	bool long_wait;
	uint64_t in_ms;
	int64_t not_after;
};

enum agent_purpose { AGENT_FOR_FILE, AGENT_FOR_REPORT, AGENT_FOR_CONFIRM };

struct agent {
	struct agent_config cfg;
	struct agent_platform platform;
	struct authcode *authcode;
	struct enrol enrol;
	struct fetch fetch[AGENT_CHANNELS];
	bool open[AGENT_CHANNELS];
	unsigned channel; /* of the present or last transfer */
	enum agent_purpose purpose;
	char name[NAME_TEXT_SIZE];
	struct name_code yy; /* of the present request */
	struct agent_state state;
	unsigned record_at; /* which of the records `state` points into */
	uint8_t record[2][AGENT_STATE_MAX];
	uint8_t file[CERTFILE_MAX];
	uint8_t scrap[TFTP_BLKSIZE_DEFAULT]; /* what comes with an acknowledgement */
	uint8_t last_error; /* SPEC section 6; 0: none since the last success */
	enum fetch_result last_result;
	int64_t not_after;            /* of the installed certificate; 0: none */
	struct x509_trust trust;      /* the configured one and what flash adds */
	struct x509_facts link;       /* of state.link, to which `trust` points */
	uint8_t spki[AGENT_SPKI_MAX]; /* of the private key in use */
	size_t spki_len;
	struct x509_verdict verdict;
};

/* For `status` and MIB objects (A10). */
struct agent_status {
	const char *state;
	unsigned last_error;
	enum fetch_result last_result;
	uint32_t attempts;
	uint64_t next_in_ms; /* TIMER_NONE: nothing is planned */
	int64_t not_after;   /* 0: no certificate */
	bool certified, confirmed, long_wait;
	struct fetch_addr server;
};

/* Read flash, examine it, plan the first step. 0, or FC_ECRYPTO: the crypto library
 * lacks what the codes need.  agent_release() is due in either case. */
int agent_start(struct agent *a, const struct agent_config *cfg,
		const struct agent_platform *platform);

/* Close the channels and wipe everything. */
void agent_release(struct agent *a);

/* When agent_turn is due, ms; TIMER_NONE: never. */
uint64_t agent_deadline(const struct agent *a);
void agent_turn(struct agent *a);

void agent_datagram(struct agent *a, unsigned channel, const struct fetch_addr *from,
		    const void *p, size_t len);
/* The network says so (ICMP), of what was sent on this channel. */
void agent_unreachable(struct agent *a, unsigned channel);

/* Ask for a certificate now, whatever the plan was (A10); not during a transfer. */
void agent_ask_now(struct agent *a);

/* Another server, kept in flash (A3); NULL: the configured one again. */
int agent_set_server(struct agent *a, const struct fetch_addr *server);

/* The operator's reset: forget the certificate, and with it that an older one is
 * refused (A5).  The device's own key and the server's address stay. */
int agent_forget(struct agent *a);

void agent_get_status(const struct agent *a, struct agent_status *ret);

#endif
