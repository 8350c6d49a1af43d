#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/errors.h"
#include "cmd/ctl/registry.h"
#include "cmd/shared/control.h"
#include "sys/clock.h"
#include "sys/neg.h"

enum { REPLY_WAIT_S = 60, LOCK_WAIT_MS = 3000, LOCK_PAUSE_MS = 50 };

struct registry {
	int fd;               /* control socket, or -1 */
	bool asked;           /* whether the daemon answers */
	bool moved;           /* into the database's directory */
	bool exists;          /* the database's file */
	enum store_mode mode; /* of store */
	struct store *store;
	char shown[PATH_MAX]; /* the database, as the operator knows it */
	char path[PATH_MAX];  /* the database, as this process sees it */
	uint8_t request[CONTROL_MESSAGE_MAX], reply[CONTROL_MESSAGE_MAX];
};

static struct registry *registry_of(struct ctl *c)
{
	struct registry *r = c->registry;

	if (r)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->fd = -1;
	c->registry = r;
	return r;
}

/* ---- the daemon ----------------------------------------------------------- */

static int connect_to(const char *path)
{
	const struct timeval wait = { .tv_sec = REPLY_WAIT_S };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	    connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	rc = -errno;
	(void)close(fd);
	return rc;
}

int registry_daemon(struct ctl *c)
{
	struct registry *r = registry_of(c);

	if (!r)
		return -ENOMEM;
	if (!r->asked)
		r->fd = connect_to(c->conf->control);
	r->asked = true;
	return r->fd < 0 ? r->fd : 0;
}

int registry_forbidden(const struct ctl *c, int rc)
{
	if (rc != -EACCES && rc != -EPERM)
		return CTL_DONE;
	return ctl_fail("%s: %s; run fieldcertctl as root or as the user who runs "
			"fieldcertd",
			c->conf->control, neg_text(rc));
}

/* ---- the database --------------------------------------------------------- */

/* As root: the directory's owner, within the directory.  Where a container forbids
 * chroot the real path does, as long as that user may walk it. */
static int become_owner(struct registry *r, const char *dir, const char *name)
{
	char inside[NAME_MAX + 2];
	struct stat st;

	if (geteuid() != 0 || stat(dir, &st) < 0 || st.st_uid == 0)
		return CTL_DONE;
	if (strlen(name) > NAME_MAX)
		return ctl_fail("%s: %s", r->shown, neg_text(-ENAMETOOLONG));
	(void)snprintf(inside, sizeof(inside), "/%s", name);
	if (chdir(dir) < 0)
		return ctl_fail("%s: %s", dir, strerror(errno));
	if (chroot(".") == 0)
		memcpy(r->path, inside, strlen(inside) + 1);
	if (setgroups(0, NULL) < 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
	    setresuid(st.st_uid, st.st_uid, st.st_uid) < 0)
		return ctl_fail("cannot become user %u, who owns %s: %s",
				(unsigned)st.st_uid, dir, strerror(errno));
	return CTL_DONE;
}

static int explain_open(const struct registry *r, enum store_mode mode, int rc)
{
	char who[STORE_HOLDER_SIZE] = "another program";

	if (rc == -EBUSY) {
		(void)store_lock_holder(r->path, who);
		return ctl_fail("%s: %s holds the database's lock, and no fieldcertd "
				"answers at the control socket; try again when it is "
				"done, or see why it hangs",
				r->shown, who);
	}
	if (rc == -EACCES || rc == -EPERM)
		return ctl_fail("%s: %s; run fieldcertctl as root or as the user who "
				"runs fieldcertd",
				r->shown, neg_text(rc));
	if (rc == FC_EUNKNOWN)
		return ctl_fail("%s: made by a newer version of fieldcert", r->shown);
	if (rc == FC_EBAD)
		return ctl_fail("%s: is no database, or is damaged: put a copy in its "
				"place",
				r->shown);
	if (rc == FC_EABSENT)
		return ctl_fail(
			"%s: there is nothing in it yet; start fieldcertd, or add "
			"a device",
			r->shown);
	if (rc == -EROFS)
		return ctl_fail("%s: the database cannot be written", r->shown);
	return ctl_fail("%s: cannot open the database for %s: %s", r->shown,
			mode == STORE_WRITE ? "writing" : "reading", neg_text(rc));
}

/* Where the database really is: init puts a link to it beside the configuration. */
static int move_in(struct ctl *c, struct registry *r)
{
	char real[PATH_MAX], dir[PATH_MAX], base[PATH_MAX];

	if (r->moved)
		return CTL_DONE;
	if (ctl_conf(c) != CTL_DONE)
		return CTL_FAILED;
	if (strlen(c->conf->database) >= sizeof(dir))
		return ctl_fail("%s: %s", c->conf->database, neg_text(-ENAMETOOLONG));
	(void)snprintf(r->shown, sizeof(r->shown), "%s", c->conf->database);
	(void)snprintf(real, sizeof(real), "%s", c->conf->database);
	if (!realpath(c->conf->database, real) && errno != ENOENT)
		return explain_open(r, STORE_READ, -errno);
	r->exists = access(real, F_OK) == 0;
	(void)snprintf(r->path, sizeof(r->path), "%s", real);
	(void)snprintf(dir, sizeof(dir), "%s", real);
	(void)snprintf(base, sizeof(base), "%s", real);
	if (become_owner(r, dirname(dir), basename(base)) != CTL_DONE)
		return CTL_FAILED;
	r->moved = true;
	return CTL_DONE;
}

bool registry_exists(struct ctl *c)
{
	struct registry *r = registry_of(c);

	return r && move_in(c, r) == CTL_DONE && r->exists;
}

int registry_complain(const struct ctl *c, const char *what, int rc)
{
	const struct registry *r = c->registry;
	const char *more = r && r->store ? store_error(r->store) : "";

	return ctl_fail("%s: %s: %s%s%s", r ? r->shown : "", what, neg_text(rc),
			more && *more ? ": " : "", more ? more : "");
}

/* Another fieldcertctl is done in a moment, as a rule. */
static int open_patiently(struct registry *r, enum store_mode mode)
{
	static const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };
	uint64_t until = clock_ms() + LOCK_WAIT_MS;
	int rc;

	while ((rc = store_open(r->path, mode, &r->store)) == -EBUSY &&
	       clock_ms() < until)
		(void)nanosleep(&pause, NULL);
	return rc;
}

static int open_store(struct ctl *c, struct registry *r, enum store_mode mode)
{
	int rc;

	if (r->store && (mode == STORE_READ || r->mode == STORE_WRITE))
		return CTL_DONE;
	if (move_in(c, r) != CTL_DONE)
		return CTL_FAILED;
	if (mode == STORE_READ && !r->exists)
		return ctl_fail(
			"%s: there is no database yet; it is made when "
			"fieldcertd starts for the first time, or with the first "
			"'fieldcertctl device add'",
			r->shown);
	store_close(r->store);
	r->store = NULL;
	rc = open_patiently(r, mode);
	if (rc < 0)
		return explain_open(r, mode, rc);
	r->mode = mode;
	return CTL_DONE;
}

struct store *registry_read(struct ctl *c)
{
	struct registry *r = registry_of(c);

	if (!r)
		return ctl_say("%s", neg_text(-ENOMEM)), NULL;
	return open_store(c, r, STORE_READ) == CTL_DONE ? r->store : NULL;
}

/* ---- requests -------------------------------------------------------------- */

int registry_connect(struct ctl *c)
{
	struct registry *r = registry_of(c);
	int rc;

	if (!r)
		return ctl_fail("%s", neg_text(-ENOMEM));
	if (ctl_conf(c) != CTL_DONE)
		return CTL_FAILED;
	rc = registry_daemon(c);
	if (rc == 0)
		return CTL_DONE;
	if (registry_forbidden(c, rc) != CTL_DONE)
		return CTL_FAILED;
	return open_store(c, r, STORE_WRITE);
}

static int64_t exchange(struct ctl *c, struct registry *r, size_t len)
{
	ssize_t n = send(r->fd, r->request, len, MSG_NOSIGNAL);

	if (n >= 0)
		n = recv(r->fd, r->reply, sizeof(r->reply), 0);
	if (n > 0)
		return n;
	if (n == 0 || errno == EPIPE || errno == ECONNRESET)
		(void)ctl_fail("%s: fieldcertd closed the control socket: it ended, or "
			       "too many others are connected, or you are neither root "
			       "nor the user who runs it; its log says which",
			       c->conf->control);
	else if (errno == EAGAIN)
		(void)ctl_fail("%s: no answer from fieldcertd within %d seconds",
			       c->conf->control, REPLY_WAIT_S);
	else
		(void)ctl_fail("%s: %s", c->conf->control, strerror(errno));
	return -1;
}

int registry_call(struct ctl *c, const struct control_message *request,
		  struct control_message *ret)
{
	struct out o;
	struct registry *r;
	int64_t n;

	if (registry_connect(c) != CTL_DONE)
		return CTL_FAILED;
	r = c->registry;
	if (r->fd >= 0) {
		o = out_of(r->request, sizeof(r->request));
		control_build(&o, request);
		if (o.full)
			return ctl_fail("the request is larger than %d bytes",
					CONTROL_MESSAGE_MAX);
		n = exchange(c, r, o.len);
		if (n < 0)
			return CTL_FAILED;
	} else {
		struct control_env env = { .store = r->store,
					   .conf = c->conf,
					   .now = clock_unix_s() };
		o = out_of(r->reply, sizeof(r->reply));
		control_execute(&env, request, &o);
		n = (int64_t)o.len;
	}
	if (control_parse(r->reply, (size_t)n, ret) < 0)
		return ctl_fail("%s: an answer that makes no sense; are fieldcertd and "
				"fieldcertctl of the same version?",
				c->conf->control);
	return 0;
}

int registry_change(struct ctl *c, const struct control_message *request)
{
	struct control_message reply = { 0 };

	if (registry_call(c, request, &reply) != 0)
		return CTL_FAILED;
	if (reply.type != CONTROL_DONE)
		return ctl_fail("%s: an answer to another question", c->conf->control);
	if (reply.u.done.rc == 0)
		return CTL_DONE;
	if (reply.u.done.text.len > 0)
		return ctl_fail("%.*s", (int)reply.u.done.text.len,
				(const char *)reply.u.done.text.p);
	return ctl_fail("%s", neg_text(reply.u.done.rc));
}

void registry_close(struct ctl *c)
{
	struct registry *r = c->registry;

	if (!r)
		return;
	store_close(r->store);
	if (r->fd >= 0)
		(void)close(r->fd);
	free(r);
	c->registry = NULL;
}
