/* What the signer holds: storage key, issuers, secret3 of each set (I4: here and
 * nowhere else).
 *
 * Files come one by one, are kept as they are, and count when the state is built
 * from all of them; so a reload takes effect whole or not at all. */
#ifndef CMD_FIELDCERTD_SIGNSTATE_H
#define CMD_FIELDCERTD_SIGNSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cmd/fieldcertd/child.h"
#include "cmd/shared/secretset.h"
#include "conf/conf.h"
#include "crypto/keybox.h"
#include "crypto/x509issue.h"
#include "wire/ipc.h"

enum {
	SIGNFILES_MAX = 1 + CONF_SECRETS_MAX + 4 * CONF_ISSUERS_MAX,
	SIGNSTATE_SET_COUNT = 256
};

struct signfile {
	enum ipc_secret_kind kind;
	char name[IPC_NAME_MAX + 1];
	uint8_t *bytes;
	size_t len;
};

struct signfiles {
	struct signfile file[SIGNFILES_MAX];
	size_t n;
};

/* A copy of these bytes, in place of an earlier one of the same kind and name. */
int signfiles_put(struct signfiles *f, const struct ipc_secret *s, const char *name,
		  const uint8_t *bytes, size_t len, char why[CHILD_WHY_SIZE]);
void signfiles_clear(struct signfiles *f); /* wipes */

struct signissuer {
	const struct conf_issuer *conf;
	struct x509_issuer *ready; /* signs devices' certificates; NULL: not yet */
	struct x509_issuer *root;  /* for one whose `ready` is made here; or NULL */
};

struct signstate {
	struct conf *conf; /* owned */
	uint8_t storage[STORAGE_KEY_LEN];
	struct secretset *keybox[SIGNSTATE_SET_COUNT]; /* by number; NULL: none */
	struct signissuer issuers[CONF_ISSUERS_MAX];   /* as in conf */
};

/* Takes conf on success.  Warns in the log of secrets of less than 128 bits (N6). */
int signstate_new(struct conf *conf, const struct signfiles *f, struct signstate **ret,
		  char why[CHILD_WHY_SIZE]);
void signstate_free(struct signstate *s); /* wipes */

/* Issuers that were made or loaded since `old` began live on where the root is
 * still the same. */
void signstate_inherit(struct signstate *s, struct signstate *old);

/* Those that were made or loaded are to be loaded again: a new registrar may not
 * know of one whose making was not committed. */
void signstate_forget_made(struct signstate *s);

struct signissuer *signstate_issuer(struct signstate *s, const struct ipc_blob *name);

#endif
