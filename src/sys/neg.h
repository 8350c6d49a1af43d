/* libc's -1 and errno as one negative value. */
#ifndef SYS_NEG_H
#define SYS_NEG_H

#include <errno.h>

static inline int neg(int rc)
{
	return rc < 0 ? -errno : rc;
}

#endif
