#include "cmd/agent/flash.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/errors.h"
#include "base/secret.h"
#include "sys/file.h"

static const char record[] = "state", lock_name[] = "lock";

/* Held until the process ends: its descriptor is never closed. */
static int take_lock(int dirfd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = openat(dirfd, lock_name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			0600);

	if (fd < 0) /* what nobody can write to needs no lock, and can still be read */
		return errno == EROFS ? 0 : -errno;
	if (fcntl(fd, F_OFD_SETLK, &whole) == 0)
		return 0;
	int rc = errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;

	(void)close(fd);
	return rc;
}

int flash_open(const char *path, bool lock)
{
	int fd, rc;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = lock ? take_lock(fd) : 0;
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	return fd;
}

int flash_read(int dirfd, void *ret, size_t cap, size_t *ret_len)
{
	int fd = openat(dirfd, record, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint8_t *p;
	size_t len;
	int rc;

	if (fd < 0)
		return errno == ENOENT ? FC_EABSENT : -errno;
	rc = file_read_fd(fd, cap, &p, &len);
	(void)close(fd);
	if (rc < 0)
		return rc;
	memcpy(ret, p, len);
	*ret_len = len;
	secret_wipe(p, len);
	free(p);
	return 0;
}

int flash_write(int dirfd, const void *p, size_t len)
{
	return file_replace(dirfd, record, p, len, 0600);
}
