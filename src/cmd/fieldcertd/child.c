#include "cmd/fieldcertd/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "base/errors.h"
#include "base/secret.h"
#include "sys/chan.h"
#include "sys/file.h"
#include "sys/jail.h"
#include "sys/log.h"
#include "sys/neg.h"

enum {
	CONF_TEXT_MAX = 4 * 1024 * 1024,
	SECRET_FILE_MAX = 128 * 1024 * 1024, /* a line for each of a million devices */
	QUEUE_MAX = 64 * 1024                /* READY and FAILED, to a slow parent */
};

static int say(struct child *c, enum ipc_type type, const char *text)
{
	uint8_t buf[IPC_TEXT_MAX + 16];
	struct out o = out_of(buf, sizeof(buf));
	struct ipc_message m = { .type = type };

	if (type == IPC_FAILED) {
		size_t len = strlen(text);

		m.u.failed.text.p = (const uint8_t *)text;
		m.u.failed.text.len = len < IPC_TEXT_MAX ? len : IPC_TEXT_MAX;
	}
	ipc_build(&o, &m);
	return chan_send(c->chan, buf, o.len, -1);
}

/* The first mistake counts: what follows it may only be its consequence. */
static void remember(struct child *c, const char *what, int rc, const char *why)
{
	if (c->why[0] == '\0')
		(void)snprintf(c->why, sizeof(c->why), "%s: %s", what,
			       why[0] != '\0' ? why : neg_text(rc));
}

static void take_conf(struct child *c, const struct ipc_conf *m, int fd)
{
	uint8_t *text;
	size_t len;
	char path[4096], *errors;
	int rc;

	c->why[0] = '\0'; /* a new state begins */
	conf_free(c->conf);
	c->conf = NULL;
	(void)snprintf(path, sizeof(path), "%.*s", (int)m->path.len,
		       (const char *)m->path.p);
	if ((rc = file_read_fd(fd, CONF_TEXT_MAX, &text, &len)) < 0) {
		remember(c, "configuration", rc, "");
		return;
	}
	if (conf_parse(path, (const char *)text, len, &c->conf, &errors) < 0) {
		remember(c, "configuration", FC_ECONF, errors);
		free(errors);
	}
	free(text);
}

static void take_secret(struct child *c, const struct ipc_secret *m, int fd)
{
	char name[IPC_NAME_MAX + 1], why[CHILD_WHY_SIZE] = "";
	uint8_t *bytes;
	size_t len;
	int rc;

	if (c->conf == NULL || c->ops->secret == NULL)
		return;
	(void)snprintf(name, sizeof(name), "%.*s", (int)m->name.len,
		       m->name.len > 0 ? (const char *)m->name.p : "");
	if ((rc = file_read_fd(fd, SECRET_FILE_MAX, &bytes, &len)) < 0) {
		remember(c, name, rc, "");
		return;
	}
	rc = c->ops->secret(c->ctx, m, name, bytes, len, c->conf, why);
	secret_wipe(bytes, len);
	free(bytes);
	if (rc < 0)
		remember(c, name[0] != '\0' ? name : "storage key", rc, why);
}

static void start(struct child *c)
{
	bool first = !c->started;
	char why[CHILD_WHY_SIZE] = "";

	if (c->conf == NULL && c->why[0] == '\0')
		remember(c, "start", FC_EPROTO, "no configuration came before it");
	if (c->why[0] == '\0') {
		int rc = c->ops->start(c->ctx, c->conf, first, why);

		if (rc == 0)
			c->conf = NULL; /* it is the role's now */
		else
			remember(c, "start", rc, why);
	}
	if (c->why[0] == '\0') {
		c->started = true;
		(void)say(c, IPC_READY, "");
		return;
	}
	conf_free(c->conf);
	c->conf = NULL;
	(void)say(c, IPC_FAILED, c->why);
	c->why[0] = '\0';
	if (first)
		loop_stop(c->loop);
}

/* 0, or FC_EPROTO: the parent would never say this. Closes fd or hands it on. */
static int handle(struct child *c, const struct ipc_message *m, int fd)
{
	bool wants_fd = m->type == IPC_CONF || m->type == IPC_SECRET ||
			m->type == IPC_SOCKET || m->type == IPC_PEER;
	int rc = wants_fd == (fd >= 0) ? 0 : FC_EPROTO;

	if (rc == 0 && m->type == IPC_CONF) {
		take_conf(c, &m->u.conf, fd);
	} else if (rc == 0 && m->type == IPC_SECRET) {
		take_secret(c, &m->u.secret, fd);
	} else if (rc == 0 && m->type == IPC_SOCKET && c->ops->socket != NULL) {
		rc = c->ops->socket(c->ctx, &m->u.socket, fd);
		fd = -1;
	} else if (rc == 0 && m->type == IPC_PEER && c->ops->peer != NULL) {
		rc = c->ops->peer(c->ctx, &m->u.peer, fd);
		fd = -1;
	} else if (rc == 0 && m->type == IPC_START) {
		start(c);
	} else {
		rc = FC_EPROTO;
	}
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

static void on_parent(void *ctx, int at, uint32_t events)
{
	static uint8_t buf[IPC_MESSAGE_MAX];
	struct child *c = ctx;

	(void)at;
	if ((events & EPOLLOUT) != 0 && chan_flush(c->chan) < 0)
		loop_stop(c->loop);
	for (;;) {
		struct ipc_message m;
		int fd = -1, rc;
		int64_t n = chan_recv(c->chan, buf, sizeof(buf), &fd);

		if (n == -EAGAIN)
			break;
		if (n <= 0) { /* the parent has gone, or broke the contract */
			loop_stop(c->loop);
			return;
		}
		rc = ipc_parse(buf, (size_t)n, &m);
		if (rc < 0 && fd >= 0)
			(void)close(fd);
		else if (rc == 0)
			rc = handle(c, &m, fd);
		if (rc < 0) {
			log_error("event=parent-message rc=%d why=\"%s\"", rc,
				  neg_text(rc));
			loop_stop(c->loop);
			return;
		}
	}
	(void)loop_change(c->loop, chan_fd(c->chan),
			  chan_pending(c->chan) ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

int child_init(struct child *c, const struct child_ops *ops, void *ctx,
	       struct loop *loop)
{
	c->ops = ops;
	c->ctx = ctx;
	c->loop = loop;
	c->conf = NULL;
	c->started = false;
	c->why[0] = '\0';
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	/* In case the parent's end of the channel lives on in some descriptor. */
	if (prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL) < 0 ||
	    fcntl(CHILD_FD, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	if ((c->chan = chan_new(CHILD_FD, QUEUE_MAX)) == NULL)
		return -ENOMEM;
	return loop_add(loop, CHILD_FD, EPOLLIN, on_parent, c);
}

void child_release(struct child *c)
{
	chan_free(c->chan);
	conf_free(c->conf);
	c->chan = NULL;
	c->conf = NULL;
}

/* An empty directory that has no name any more. */
static int enter_nowhere(void)
{
	char path[] = "/run/fieldcertd.XXXXXX";

	if (!mkdtemp(path) || chdir(path) < 0 || rmdir(path) < 0)
		return -errno;
	return 0;
}

static int jail_failed(const char *step, int rc, char why[CHILD_WHY_SIZE])
{
	if (rc < 0)
		(void)snprintf(why, CHILD_WHY_SIZE, "jail, %s: %s", step, neg_text(rc));
	return rc;
}

int child_confine(const struct child *c, const char *dir, char why[CHILD_WHY_SIZE])
{
	/* By its new name, where it is the root directory by then. */
	struct jail_path path = { .path = c->root ? "/" : dir, .write = true };
	int rc = 0;

	if (c->root && !dir && (rc = enter_nowhere()) < 0)
		return jail_failed("new root", rc, why);
	if (c->root && (rc = jail_become(c->uid, c->gid, dir ? dir : ".")) < 0)
		return jail_failed("user", rc, why);
	rc = jail_landlock(&path, dir ? 1 : 0);
	if (rc == -ENOSYS || rc == -EOPNOTSUPP) {
		log_warning("event=no-landlock why=\"this kernel has none\"");
		rc = 0;
	}
	return jail_failed("landlock", rc, why);
}

int child_filter(const int *syscalls, size_t n, char why[CHILD_WHY_SIZE])
{
	return jail_failed("seccomp", jail_seccomp(syscalls, n), why);
}
