#include "cmd/fieldcertd/users.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sys/jail.h"
#include "sys/log.h"

static const char *const accounts[USERS_ROLES] = {
	[IPC_ROLE_FRONT] = "fieldcert-front",
	[IPC_ROLE_REGISTRAR] = "fieldcert-registrar",
	[IPC_ROLE_SIGNER] = "fieldcert-signer",
};

struct users users_find(const struct conf *c)
{
	struct users u = { .root = geteuid() == 0 };

	for (unsigned i = 0; i < USERS_ROLES; i++) {
		const struct passwd *pw = u.root ? getpwnam(accounts[i]) : NULL;

		if (!u.root) {
			u.uid[i] = geteuid();
			u.gid[i] = getegid();
		} else if (pw != NULL && pw->pw_uid != 0 && pw->pw_gid != 0) {
			u.uid[i] = pw->pw_uid;
			u.gid[i] = pw->pw_gid;
		} else {
			u.uid[i] = c->uid_base + i;
			u.gid[i] = c->uid_base + i;
		}
	}
	return u;
}

/* May the registrar create files there?  Asked as the registrar, since every
 * directory above counts, too. 0 or -errno. */
static int may_write(const struct users *u, const char *dir)
{
	pid_t pid;
	int status;

	if (!u->root)
		return access(dir, R_OK | W_OK | X_OK) < 0 ? -errno : 0;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		int rc = jail_become(u->uid[IPC_ROLE_REGISTRAR],
				     u->gid[IPC_ROLE_REGISTRAR], NULL);

		if (rc == 0 && access(dir, R_OK | W_OK | X_OK) < 0)
			rc = -errno;
		_exit(-rc & 0xff);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

/* The directory in which a file is, following a link to it. */
static void directory_of(const char *file, char ret[PATH_MAX])
{
	char real[PATH_MAX], copy[PATH_MAX];

	(void)snprintf(copy, sizeof(copy), "%s",
		       realpath(file, real) != NULL ? real : file);
	(void)snprintf(ret, PATH_MAX, "%s", dirname(copy));
}

/* written: by the registrar, after it gave up root; the control socket is made
 * before that. */
static int prepare(const struct users *u, const char *setting, const char *file,
		   mode_t mode, bool written)
{
	char dir[PATH_MAX];
	uid_t uid = u->uid[IPC_ROLE_REGISTRAR];
	gid_t gid = u->gid[IPC_ROLE_REGISTRAR];
	int rc;

	directory_of(file, dir);
	if (mkdir(dir, mode) == 0) {
		if (u->root && (chown(dir, uid, gid) < 0 || chmod(dir, mode) < 0))
			return -errno;
		log_info("event=directory path=\"%s\" uid=%u why=\"made for %s\"", dir,
			 (unsigned)uid, setting);
	} else if (errno != EEXIST) {
		rc = -errno;
		log_error(
			"event=directory path=\"%s\" why=\"cannot be made for %s: %s\"",
			dir, setting, strerror(-rc));
		return rc;
	}
	if (!written || (rc = may_write(u, dir)) == 0)
		return 0;
	if (u->root)
		log_error("event=directory path=\"%s\" why=\"the registrar, user %u, "
			  "cannot "
			  "write there for %s: %s; chown %u:%u %s, and let it pass all "
			  "directories above\"",
			  dir, (unsigned)uid, setting, strerror(-rc), (unsigned)uid,
			  (unsigned)gid, dir);
	else
		log_error("event=directory path=\"%s\" why=\"not writable, as %s "
			  "needs: %s\"",
			  dir, setting, strerror(-rc));
	return rc;
}

/* A database that root made, with sqlite3 for instance, is of no use. */
static int check_owner(const struct users *u, const char *database)
{
	struct stat st;
	uid_t uid = u->uid[IPC_ROLE_REGISTRAR];
	gid_t gid = u->gid[IPC_ROLE_REGISTRAR];

	if (!u->root || stat(database, &st) < 0 || st.st_uid == uid)
		return 0;
	log_error("event=database path=\"%s\" why=\"it belongs to user %u, not to the "
		  "registrar; chown %u:%u %s*\"",
		  database, (unsigned)st.st_uid, (unsigned)uid, (unsigned)gid,
		  database);
	return -EACCES;
}

int users_prepare(const struct users *u, const struct conf *c)
{
	int rc = prepare(u, "database", c->database, 0700, true);

	if (rc == 0)
		rc = check_owner(u, c->database);
	if (rc == 0)
		rc = prepare(u, "control", c->control, 0755, false);
	return rc;
}
