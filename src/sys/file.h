/* Files: read whole, replaced whole. */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Opened for reading, without waiting for anybody.  -EISDIR, -ESPIPE: a directory, or
 * a pipe that somebody put in a file's place. */
int file_open(const char *path);

/* All of an open descriptor, from its start, into malloc'ed memory with a NUL
 * behind it. -EFBIG over max. */
int file_read_fd(int fd, size_t max, uint8_t **ret, size_t *ret_len);
int file_read(const char *path, size_t max, uint8_t **ret, size_t *ret_len);

/* Replace `name` under dirfd by these bytes, all or nothing: after a crash the
 * old file or the new one is there, whole. 0 or -errno. */
int file_replace(int dirfd, const char *name, const void *p, size_t len, unsigned mode);

/* A new file; -EEXIST when there is one. */
int file_create(int dirfd, const char *name, const void *p, size_t len, unsigned mode);

/* May only its owner (and root) read it?  0, -EACCES (others may), or -errno. */
int file_is_private(int fd);
#endif
