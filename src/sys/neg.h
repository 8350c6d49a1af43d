/* Negative codes: a system's errno as one, and all of them in words. */
#ifndef SYS_NEG_H
#define SYS_NEG_H

#include <errno.h>

/* libc's -1 and errno as one negative value. */
static inline int neg(int rc)
{
	return rc < 0 ? -errno : rc;
}

/* For a message: the system's words for a negated errno, error_name's for our own
 * codes and 0.  Good until the next call. */
const char *neg_text(int rc);

#endif
