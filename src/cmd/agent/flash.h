/* Flash as a directory: one file `state`, replaced whole, so that a power cut at any
 * instant leaves the old record or the new one (A7).  It holds the private key: mode
 * 0600, and nobody else's agent may use the directory meanwhile. */
#ifndef CMD_AGENT_FLASH_H
#define CMD_AGENT_FLASH_H

#include <stdbool.h>
#include <stddef.h>

/* The directory, made (mode 0700) when it is not there.  lock: -EBUSY when another
 * process holds it.  A descriptor, or -errno.  A read-only file system is no failure:
 * what is installed counts, and flash_write will tell (error 11). */
int flash_open(const char *path, bool lock);

/* The record: 0, FC_EABSENT, -EFBIG, -errno. */
int flash_read(int dirfd, void *ret, size_t cap, size_t *ret_len);
int flash_write(int dirfd, const void *p, size_t len);

#endif
