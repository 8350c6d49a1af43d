/* The signer's work: one message of the registrar's in, one answer out.
 *
 * It signs nothing but what its own seal covers (SIGN), and seals nothing but what
 * it built itself from a class and its profile (PLAN). */
#ifndef CMD_FIELDCERTD_SIGNJOBS_H
#define CMD_FIELDCERTD_SIGNJOBS_H

#include <stdbool.h>
#include "base/writer.h"
#include "cmd/fieldcertd/signstate.h"
#include "wire/ipc.h"

/* Builds the answer into reply; leaves it empty where there is none to give.
 * FC_EPROTO: a message that is not the registrar's to send. */
int signjobs_handle(struct signstate *s, const struct ipc_message *m,
		    struct out *reply);

/* ISSUER_IS for one issuer. */
void signjobs_announce(const struct signissuer *i, struct out *reply);

#endif
