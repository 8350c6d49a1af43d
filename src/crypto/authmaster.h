/* Devices' secrets from a master, many times (N6): as auth_secret_derive, with what
 * does not change from device to device kept, some ten times faster.  A front
 * derives for each name that strangers send.
 *
 * Used from one thread. */
#ifndef CRYPTO_AUTHMASTER_H
#define CRYPTO_AUTHMASTER_H

#include "base/mac.h"
#include "crypto/authcode.h"

struct auth_master;

/* NULL when memory or OpenSSL fails. */
struct auth_master *auth_master_new(const struct auth_secret *master);
void auth_master_free(struct auth_master *m); /* wipes */

/* 0 or FC_ECRYPTO; the caller wipes ret. */
int auth_master_derive(struct auth_master *m, const struct mac *mac,
		       struct auth_secret *ret);

#endif
