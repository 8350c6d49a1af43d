/* The demonstration PKI of `init`: a root, and a manufacturer certificate under it
 * that signs device certificates. */
#ifndef CMD_CTL_INITPKI_H
#define CMD_CTL_INITPKI_H

#include "conf/conf.h"

struct init_pki { /* PEM, malloc'ed */
	char *root_key, *root_cert;
	char *manufacturer_key, *manufacturer_cert;
};

/* By the profile of the configuration's first type, and under the name of its first
 * issuer.  CTL_DONE, or CTL_FAILED after a complaint. */
int init_pki_make(struct init_pki *ret, const struct conf *conf);
void init_pki_release(struct init_pki *p); /* wipes the keys */

#endif
