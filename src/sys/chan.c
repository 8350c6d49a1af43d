#include "sys/chan.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/errors.h"
#include "sys/neg.h"

enum {
	/* A message of 64 KiB and the kernel's own overhead must fit at least
	 * once; more lets a burst pass without waking the sender again. */
	BUFFER_BYTES = 1024 * 1024,
	FDS_SEEN_MAX = 4 /* a sender's surplus descriptors, received to be closed */
};

struct waiting {
	struct waiting *next;
	size_t len;
	int fd; /* ours, or -1 */
	uint8_t bytes[];
};

struct chan {
	int fd;
	size_t queued, queue_max;
	struct waiting *first, **last;
};

int chan_pair(int ret_fd[2])
{
	int fd[2], size = BUFFER_BYTES;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) <
	    0)
		return -errno;
	/* FORCE needs privilege; without it the kernel cuts to wmem_max, whose
	 * default of 208 KiB is enough for a whole message. */
	for (int i = 0; i < 2; i++)
		if (setsockopt(fd[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) <
		    0)
			(void)setsockopt(fd[i], SOL_SOCKET, SO_SNDBUF, &size,
					 sizeof(size));
	ret_fd[0] = fd[0];
	ret_fd[1] = fd[1];
	return 0;
}

struct chan *chan_new(int fd, size_t queue_max)
{
	struct chan *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->fd = fd;
	c->queue_max = queue_max;
	c->last = &c->first;
	return c;
}

static void drop_first(struct chan *c)
{
	struct waiting *w = c->first;

	c->first = w->next;
	if (c->first == NULL)
		c->last = &c->first;
	c->queued -= w->len;
	if (w->fd >= 0)
		(void)close(w->fd);
	explicit_bzero(w->bytes, w->len);
	free(w);
}

void chan_free(struct chan *c)
{
	if (c == NULL)
		return;
	while (c->first != NULL)
		drop_first(c);
	(void)close(c->fd);
	free(c);
}

int chan_fd(const struct chan *c)
{
	return c->fd;
}

union rights {
	struct cmsghdr align;
	char room[CMSG_SPACE(FDS_SEEN_MAX * sizeof(int))];
};

static int send_one(int to, const void *p, size_t len, int fd)
{
	union rights rights = { 0 };
	union {
		const void *in;
		void *out;
	} bytes = { .in = p }; /* sendmsg does not write to them */
	struct iovec v = { .iov_base = bytes.out, .iov_len = len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = &rights;
		m.msg_controllen = CMSG_SPACE(sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do
		n = sendmsg(to, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS)
		return -EAGAIN;
	return errno == ECONNRESET ? -EPIPE : -errno;
}

static int keep(struct chan *c, const void *p, size_t len, int fd)
{
	struct waiting *w;

	if (len > c->queue_max || c->queued > c->queue_max - len)
		return -ENOBUFS;
	if ((w = malloc(sizeof(*w) + len)) == NULL)
		return -ENOBUFS;
	w->next = NULL;
	w->len = len;
	w->fd = -1;
	memcpy(w->bytes, p, len);
	if (fd >= 0 && (w->fd = neg(fcntl(fd, F_DUPFD_CLOEXEC, 0))) < 0) {
		int rc = w->fd;

		free(w);
		return rc;
	}
	*c->last = w;
	c->last = &w->next;
	c->queued += len;
	return 0;
}

int chan_send(struct chan *c, const void *p, size_t len, int fd)
{
	if (c->first == NULL) {
		int rc = send_one(c->fd, p, len, fd);

		if (rc != -EAGAIN)
			return rc;
	}
	return keep(c, p, len, fd);
}

bool chan_pending(const struct chan *c)
{
	return c->first != NULL;
}

int chan_flush(struct chan *c)
{
	while (c->first != NULL) {
		int rc = send_one(c->fd, c->first->bytes, c->first->len, c->first->fd);

		if (rc == -EAGAIN)
			return 0;
		if (rc < 0)
			return rc;
		drop_first(c);
	}
	return 0;
}

/* The descriptors that came with a message: how many, the first in *ret_fd; all
 * but that one are closed. */
static size_t take_rights(struct msghdr *m, int *ret_fd)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		size_t here;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < here; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (n++ == 0)
				*ret_fd = fd;
			else
				(void)close(fd);
		}
	}
	return n;
}

int64_t chan_recv(struct chan *c, void *buf, size_t cap, int *ret_fd)
{
	union rights rights = { 0 };
	struct iovec v = { .iov_base = buf, .iov_len = cap };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = &rights,
			    .msg_controllen = sizeof(rights) };
	size_t n_fds;
	ssize_t n;
	int fd = -1;

	/* ECONNRESET: the peer closed with our messages unread. It is reported
	 * once, ahead of what the peer itself had sent before. */
	do
		n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	n_fds = take_rights(&m, &fd);
	if (n_fds > 1 || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    (n == 0 && n_fds > 0)) {
		if (fd >= 0)
			(void)close(fd);
		return FC_EPROTO;
	}
	*ret_fd = fd;
	return n;
}
