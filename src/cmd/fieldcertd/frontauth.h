/* Who is it, and is the code right (SPEC S2, N3 to N6): configuration, secrets and
 * device table brought together for the front.
 *
 * A judgement costs the same hashes whether the MAC is known or not, and one round
 * of them for each secret set of the class, right or wrong. */
#ifndef CMD_FIELDCERTD_FRONTAUTH_H
#define CMD_FIELDCERTD_FRONTAUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "conf/conf.h"
#include "core/desk.h"
#include "core/devtable.h"
#include "wire/ipc.h"
#include "wire/name.h"

enum { FRONTAUTH_WHY_SIZE = 512 };

struct frontauth;

struct frontauth *frontauth_new(void); /* NULL: no memory, or OpenSSL failed */
void frontauth_free(struct frontauth *a);

/* A secret for the next frontauth_start: of a set of conf, kind REQUEST or CONFIRM.
 * FC_ECONF, with a sentence in why. *ret_bits: its strength. */
int frontauth_secret(struct frontauth *a, const struct conf *conf,
		     const struct ipc_secret *s, const char *name, const uint8_t *bytes,
		     size_t len, char why[FRONTAUTH_WHY_SIZE], unsigned *ret_bits);

/* Change over to conf (which stays until the next) and the secrets that came for
 * it, as a whole; or FC_ECONF, the old ones stay and those that came are dropped. */
int frontauth_start(struct frontauth *a, const struct conf *conf,
		    char why[FRONTAUTH_WHY_SIZE]);

/* The table that counts from now on; NULL: none, nothing can be judged. */
void frontauth_table(struct frontauth *a, const struct devtable *table);

/* digest: of the device's file, for a confirmation in a class with confirm = bound;
 * NULL while it was not asked for. missing: it was, and there is no file.
 * *ret_set: the number of the secret set that matched. */
enum desk_judgement frontauth_judge(struct frontauth *a, const struct name *name,
				    const uint8_t *digest, bool missing,
				    uint8_t *ret_set);

#endif
