/* What the agent keeps in flash: one record, replaced whole (A7).
 *
 *	"FCST" 4, version 1 byte (1), then fields, then crc 4
 *	field: tag 1, length 2, value              -- big-endian
 *	crc: CRC-32 over all before it
 *
 * The CRC tells a platform's torn write from a record; such a one counts as absent. */
#ifndef AGENT_STATE_H
#define AGENT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/writer.h"
#include "core/fetch.h"
#include "crypto/x509check.h"
#include "wire/name.h"

struct agent_state {
	struct x509_bytes device, manufacturer; /* DER certificates; empty: none */
	struct x509_bytes link;                 /* one that trust rests on (A5) */
	struct x509_bytes key; /* PKCS#8, DER, or a secure element's handle */
	bool unconfirmed;      /* the OK was never answered (A8) */
	struct name_code yy;   /* of the request that brought it; digits 0: none */
	uint8_t digest[32];    /* SHA-256 of the file */
	bool has_server;       /* an address other than the configured one (A3) */
	struct fetch_addr server;
};

/* Ask o->full afterwards. */
void agent_state_build(struct out *o, const struct agent_state *s);

/* *ret points into p.  FC_EBAD, FC_ECRC, FC_EUNKNOWN (another version). */
int agent_state_parse(const void *p, size_t len, struct agent_state *ret);

#endif
