#include "sys/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sys/neg.h"

enum { READ_FIRST = 4096 };

/* realloc would leave a copy of a secret behind. */
static uint8_t *grow(uint8_t *old, size_t len, size_t cap)
{
	uint8_t *p = malloc(cap);

	if (p != NULL && old != NULL)
		memcpy(p, old, len);
	if (old != NULL)
		explicit_bzero(old, len);
	free(old);
	return p;
}

int file_read_fd(int fd, size_t max, uint8_t **ret, size_t *ret_len)
{
	struct stat st;
	size_t cap = READ_FIRST, len = 0;
	uint8_t *buf;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (st.st_size > 0 && (uintmax_t)st.st_size <= max)
		cap = (size_t)st.st_size + 1; /* one more, to see the end */
	if ((buf = grow(NULL, 0, cap + 1)) == NULL)
		return -ENOMEM;
	for (;;) {
		ssize_t n = pread(fd, buf + len, cap - len, (off_t)len);
		int rc = n < 0 ? -errno : 0;

		if (rc == -EINTR)
			continue;
		len += n > 0 ? (size_t)n : 0;
		if (rc == 0 && len > max)
			rc = -EFBIG;
		if (rc < 0) {
			explicit_bzero(buf, len);
			free(buf);
			return rc;
		}
		if (n == 0)
			break;
		if (len == cap && (buf = grow(buf, len, (cap *= 2) + 1)) == NULL)
			return -ENOMEM;
	}
	buf[len] = 0;
	*ret = buf;
	*ret_len = len;
	return 0;
}

int file_open(const char *path)
{
	int fd = neg(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)), rc;
	struct stat st;

	if (fd < 0)
		return fd;
	rc = neg(fstat(fd, &st));
	if (rc == 0 && S_ISDIR(st.st_mode))
		rc = -EISDIR;
	if (rc == 0 && S_ISFIFO(st.st_mode))
		rc = -ESPIPE;
	if (rc == 0)
		return fd;
	(void)close(fd);
	return rc;
}

int file_read(const char *path, size_t max, uint8_t **ret, size_t *ret_len)
{
	int fd = file_open(path);
	int rc;

	if (fd < 0)
		return fd;
	rc = file_read_fd(fd, max, ret, ret_len);
	(void)close(fd);
	return rc;
}

static int write_all(int fd, const void *p, size_t len)
{
	const uint8_t *at = p;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int file_replace(int dirfd, const char *name, const void *p, size_t len, unsigned mode)
{
	char tmp[NAME_MAX + 1];
	bool made = false;
	int fd = -1, rc;

	rc = snprintf(tmp, sizeof(tmp), ".%s.new", name);
	if (rc < 0 || (size_t)rc >= sizeof(tmp))
		return -ENAMETOOLONG;

	/* What a crash left behind may have other permissions: start afresh. */
	rc = neg(unlinkat(dirfd, tmp, 0));
	if (rc < 0 && rc != -ENOENT)
		return rc;
	rc = fd =
		neg(openat(dirfd, tmp,
			   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
	if (rc < 0)
		goto out;
	made = true;

	if ((rc = write_all(fd, p, len)) < 0 || (rc = neg(fsync(fd))) < 0 ||
	    (rc = neg(renameat(dirfd, tmp, dirfd, name))) < 0)
		goto out;
	made = false; /* it has its real name now */

	rc = neg(fsync(dirfd));
out:
	if (made)
		(void)unlinkat(dirfd, tmp, 0);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int file_create(int dirfd, const char *name, const void *p, size_t len, unsigned mode)
{
	bool made = false;
	int fd, rc;

	rc = fd =
		neg(openat(dirfd, name,
			   O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
	if (rc < 0)
		goto out;
	made = true;
	if ((rc = write_all(fd, p, len)) < 0 || (rc = neg(fsync(fd))) < 0 ||
	    (rc = neg(fsync(dirfd))) < 0)
		goto out;
	made = false; /* whole: it may stay */
out:
	if (made)
		(void)unlinkat(dirfd, name, 0);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int file_is_private(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return (st.st_mode & 077) != 0 ? -EACCES : 0;
}
