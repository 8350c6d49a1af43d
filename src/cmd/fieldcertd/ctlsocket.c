/* fieldcertctl's requests. One at a time on a connection; CONTROL_CONNS_MAX
 * connections. Who may speak: root, and the user who started the daemon. */
#include <errno.h>
#include <libgen.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "cmd/fieldcertd/registrar.h"
#include "cmd/shared/control.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/neg.h"

enum { BACKLOG = 16 };

/* ---- the listening socket ----------------------------------------------- */

/* A path may be longer than a socket's address: reached through its directory. */
static int bind_in(int fd, int dirfd, const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct stat st;
	mode_t mask;
	int n, rc;

	n = snprintf(un.sun_path, sizeof(un.sun_path), "/proc/self/fd/%d/%s", dirfd,
		     name);
	if (n < 0 || (size_t)n >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	/* One of ours that ended; nothing else is removed. */
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode))
		(void)unlinkat(dirfd, name, 0);
	mask = umask(0177);
	rc = bind(fd, (const struct sockaddr *)&un, sizeof(un)) < 0 ? -errno : 0;
	(void)umask(mask);
	return rc;
}

int ctlsocket_bind(struct registrar *r, const char *path, char why[CHILD_WHY_SIZE])
{
	char dir[PATH_MAX], base[PATH_MAX];
	int dirfd, fd = -1, rc = 0;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	(void)snprintf(base, sizeof(base), "%s", path);
	dirfd = open(dirname(dir), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd >= 0)
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (dirfd < 0 || fd < 0)
		rc = -errno;
	else if ((rc = bind_in(fd, dirfd, basename(base))) == 0)
		rc = listen(fd, BACKLOG) < 0 ? -errno : 0;
	if (dirfd >= 0)
		(void)close(dirfd);
	if (rc < 0) {
		(void)snprintf(why, CHILD_WHY_SIZE, "control socket %s: %s", path,
			       strerror(-rc));
		if (fd >= 0)
			(void)close(fd);
		return rc;
	}
	r->control_fd = fd;
	return 0;
}

/* ---- connections -------------------------------------------------------------------
 */

static void drop(struct control_conn *c)
{
	loop_remove(c->r->loop, chan_fd(c->chan));
	chan_free(c->chan);
	c->chan = NULL;
	c->ready = false;
}

static void on_request(void *ctx, int fd, uint32_t events)
{
	struct control_conn *c = ctx;
	int64_t n;
	int passed = -1;

	(void)fd;
	(void)events;
	if (!c->chan || c->ready)
		return;
	n = chan_recv(c->chan, c->request, sizeof(c->request), &passed);
	if (passed >= 0)
		(void)close(passed);
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->len = (size_t)n;
	c->ready = true;
}

static bool may_speak(const struct registrar *r, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return false;
	if (cred.uid == 0 || cred.uid == r->owner)
		return true;
	log_warning("event=control-refused uid=%u process=%d", (unsigned)cred.uid,
		    (int)cred.pid);
	return false;
}

static void on_connect(void *ctx, int fd, uint32_t events)
{
	struct registrar *r = ctx;
	struct control_conn *c = NULL;
	int conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (conn < 0)
		return;
	for (size_t i = 0; i < CONTROL_CONNS_MAX && !c; i++)
		c = r->conns[i].chan ? NULL : &r->conns[i];
	if (!c || !may_speak(r, conn)) {
		if (!c)
			log_warning("event=control-full max=%d", CONTROL_CONNS_MAX);
		(void)close(conn);
		return;
	}
	c->r = r;
	c->ready = false;
	c->chan = chan_new(conn, CONTROL_MESSAGE_MAX);
	if (!c->chan) {
		(void)close(conn);
		return;
	}
	if (loop_add(r->loop, conn, EPOLLIN, on_request, c) < 0) {
		chan_free(c->chan);
		c->chan = NULL;
	}
}

int ctlsocket_listen(struct registrar *r)
{
	return loop_add(r->loop, r->control_fd, EPOLLIN, on_connect, r);
}

/* ---- requests ----------------------------------------------------------- */

static void changed(void *ctx, const struct mac *mac)
{
	struct registrar *r = ctx;
	struct store_device d;
	char text[MAC_TEXT_SIZE];
	int rc = store_device_get(r->store, mac, &d);

	if (rc < 0) {
		log_error("event=table-update mac=%s rc=%d why=\"%s\"",
			  mac_text(mac, text), rc, neg_text(rc));
		return;
	}
	table_update(r, &d);
	making_changed(r, &d);
}

static void run(struct registrar *r, struct control_conn *c)
{
	static uint8_t bytes[CONTROL_MESSAGE_MAX];
	static struct control_message m; /* its rows are large */
	struct out reply = out_of(bytes, sizeof(bytes));
	struct control_env env = { .store = r->store,
				   .conf = r->conf,
				   .now = clock_unix_s(),
				   .changed = changed,
				   .ctx = r };

	c->ready = false;
	if (control_parse(c->request, c->len, &m) < 0) {
		log_warning("event=control-malformed len=%zu", c->len);
		drop(c);
		return;
	}
	if (m.type == CONTROL_STATUS)
		status_build(r, &reply);
	else
		control_execute(&env, &m, &reply);
	/* It waits for each reply, so there is room in its socket; one that does
	 * not read is no client. */
	if (chan_send(c->chan, bytes, reply.len, -1) < 0 || chan_pending(c->chan))
		drop(c);
}

void ctlsocket_run(struct registrar *r)
{
	for (size_t i = 0; i < CONTROL_CONNS_MAX; i++) {
		if (r->conns[i].chan && r->conns[i].ready)
			run(r, &r->conns[i]);
	}
}

void ctlsocket_release(struct registrar *r)
{
	for (size_t i = 0; i < CONTROL_CONNS_MAX; i++) {
		if (r->conns[i].chan)
			drop(&r->conns[i]);
	}
	if (r->control_fd >= 0)
		(void)close(r->control_fd);
	r->control_fd = -1;
}
