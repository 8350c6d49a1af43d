#include "cmd/agent/export.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/secret.h"
#include "sys/file.h"

enum { FILE_MAX = 64 * 1024 };

static const char *const names[EXPORT_COUNT] = {
	[EXPORT_ROOT_KEY] = "root_pub_key.bin",
	[EXPORT_MANUFACTURER_KEY] = "mfg_key_pub.bin",
	[EXPORT_MANUFACTURER] = "mfg_cert.cer",
	[EXPORT_KEY] = "cm_key_prv.bin",
	[EXPORT_DEVICE] = "cm_cert.cer",
};

static bool file_holds(int dirfd, const char *name, const uint8_t *p, size_t len)
{
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint8_t *old;
	size_t old_len;
	bool same;

	if (fd < 0)
		return false;
	if (file_read_fd(fd, FILE_MAX, &old, &old_len) < 0) {
		(void)close(fd);
		return false;
	}
	(void)close(fd);
	same = old_len == len && memcmp(old, p, len) == 0;
	secret_wipe(old, old_len);
	free(old);
	return same;
}

static bool is_up_to_date(const char *dir, const struct export_set *set)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool same = fd >= 0;

	for (int i = 0; same && i < EXPORT_COUNT; i++)
		same = file_holds(fd, names[i], set->object[i].p, set->object[i].len);
	if (fd >= 0)
		(void)close(fd);
	return same;
}

static int write_files(int dirfd, const struct export_set *set)
{
	int rc = 0;

	for (int i = 0; i < EXPORT_COUNT && rc == 0; i++)
		rc = file_replace(dirfd, names[i], set->object[i].p, set->object[i].len,
				  0600);
	return rc;
}

/* Only what we ourselves put there. */
static void remove_dir(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0) {
		for (int i = 0; i < EXPORT_COUNT; i++) {
			char tmp[NAME_MAX + 1];

			(void)unlinkat(fd, names[i], 0);
			(void)snprintf(tmp, sizeof(tmp), ".%s.new", names[i]);
			(void)unlinkat(fd, tmp, 0);
		}
		(void)close(fd);
	}
	(void)unlinkat(parent, name, AT_REMOVEDIR);
}

static bool is_ours(const char *name)
{
	for (int i = 0; i < EXPORT_COUNT; i++)
		if (strcmp(name, names[i]) == 0 ||
		    (name[0] == '.' && strstr(name, names[i]) == name + 1))
			return true;
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A file of somebody else's would vanish from under the directory's name. */
static bool holds_only_ours(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool ours = true;

	if (d == NULL)
		return errno == ENOENT;
	while (ours && (e = readdir(d)) != NULL)
		ours = is_ours(e->d_name);
	(void)closedir(d);
	return ours;
}

/* Who may look into it stays as it was. */
static int keep_access(int parent, const char *old, int fd)
{
	struct stat st;

	if (fstatat(parent, old, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return -EACCES; /* a symbolic link to it: not to be replaced */
	if (fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0)
		return -errno;
	return 0;
}

static int write_fresh(int parent, const char *name, const char *old,
		       const struct export_set *set)
{
	int fd, rc;

	remove_dir(parent, name);
	if (mkdirat(parent, name, 0700) < 0)
		return -errno;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = keep_access(parent, old, fd);
	if (rc == 0)
		rc = write_files(fd, set);
	(void)close(fd);
	return rc;
}

static int change_places(int parent, const char *fresh, const char *name)
{
	if (renameat2(parent, fresh, parent, name, RENAME_NOREPLACE) == 0)
		return fsync(parent) < 0 ? -errno : 0;
	if (errno != EEXIST)
		return -errno;
	if (renameat2(parent, fresh, parent, name, RENAME_EXCHANGE) < 0)
		return -errno;
	return fsync(parent) < 0 ? -errno : 0;
}

static int replace_dir(const char *dir, const struct export_set *set)
{
	char path[PATH_MAX], leaf[NAME_MAX + 1], fresh[NAME_MAX + 1];
	size_t len = strlen(dir);
	int parent, rc;

	if (len >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, dir, len + 1);
	rc = snprintf(leaf, sizeof(leaf), "%s", basename(path));
	if (rc < 0 || (size_t)rc >= sizeof(leaf))
		return -ENAMETOOLONG;
	rc = snprintf(fresh, sizeof(fresh), ".%s.new", leaf);
	if (rc < 0 || (size_t)rc >= sizeof(fresh))
		return -ENAMETOOLONG;
	memcpy(path, dir, len + 1);
	parent = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return -errno;
	rc = write_fresh(parent, fresh, leaf, set);
	if (rc == 0)
		rc = change_places(parent, fresh, leaf);
	remove_dir(parent, fresh); /* by now the old one, if there was one */
	(void)close(parent);
	return rc;
}

static int replace_each(const char *dir, const struct export_set *set)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = write_files(fd, set);
	(void)close(fd);
	return rc;
}

int export_write(const char *dir, const struct export_set *set, bool *ret_changed)
{
	int rc;

	*ret_changed = false;
	if (is_up_to_date(dir, set))
		return 0;
	rc = holds_only_ours(dir) ? replace_dir(dir, set) : -EBUSY;
	if (rc == -EINVAL || rc == -ENOSYS || rc == -EACCES || rc == -EPERM ||
	    rc == -EROFS || rc == -ENOTEMPTY || rc == -EBUSY)
		rc = replace_each(dir, set);
	*ret_changed = rc == 0;
	return rc;
}
