/* Where the configuration's words become the crypto folder's values: conf and
 * crypto do not know each other. Results point into the configuration. */
#ifndef CMD_SHARED_FROMCONF_H
#define CMD_SHARED_FROMCONF_H

#include "conf/conf.h"
#include "crypto/authcode.h"
#include "crypto/x509issue.h"

/* FC_ECONF with *ret_why (static text): unknown hash, too many bits for it. */
int fromconf_auth(const struct conf_class *c, struct auth_spec *ret,
		  const char **ret_why);

void fromconf_profile(const struct conf_profile *p, struct x509_profile *ret);

#endif
