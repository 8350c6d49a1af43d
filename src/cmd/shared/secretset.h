/* The secrets of one set and purpose (secret1, secret2 or secret3), however they
 * are kept: one string for all, a master to derive from, or a line a device. */
#ifndef CMD_SHARED_SECRETSET_H
#define CMD_SHARED_SECRETSET_H

#include <stddef.h>
#include "base/mac.h"
#include "conf/conf.h"
#include "crypto/authcode.h"

struct secretset;

/* From a file's bytes. Kind `device`: lines "MAC secret", '#' comments and empty
 * lines skipped, a MAC twice refused. On FC_EBAD *ret_why (static text) and
 * *ret_line say what is wrong where. */
int secretset_new(enum conf_secret_kind kind, const void *text, size_t len,
		  struct secretset **ret, const char **ret_why, unsigned *ret_line);
void secretset_free(struct secretset *s); /* wipes */

/* One device's secret; the caller wipes it. FC_EABSENT: kind `device` and the MAC
 * has no line. */
int secretset_get(const struct secretset *s, const struct mac *mac,
		  struct auth_secret *ret);

/* The weakest strength in it, by secret_bits(). */
unsigned secretset_bits(const struct secretset *s);

#endif
