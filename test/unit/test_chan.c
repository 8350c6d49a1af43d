#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/errors.h"
#include "sys/chan.h"
#include "wire/ipc.h"

enum { QUEUE = 4 * IPC_MESSAGE_MAX };

struct world {
	struct chan *a, *b;
	int before; /* descriptors that were open */
};

static uint8_t big[IPC_MESSAGE_MAX], got[IPC_MESSAGE_MAX];

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int set_up(void **state)
{
	static struct world w;
	int fd[2];

	w.before = open_descriptors();
	if (chan_pair(fd) < 0)
		return -1;
	w.a = chan_new(fd[0], QUEUE);
	w.b = chan_new(fd[1], QUEUE);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 31 + i / 256);
	*state = &w;
	return w.a == NULL || w.b == NULL;
}

/* Whatever a test did: no descriptor is left over. */
static int tear_down(void **state)
{
	struct world *w = *state;

	chan_free(w->a);
	chan_free(w->b);
	return open_descriptors() != w->before;
}

static int64_t receive(struct chan *c, int *ret_fd)
{
	*ret_fd = -1;
	memset(got, 0, sizeof(got));
	return chan_recv(c, got, sizeof(got), ret_fd);
}

static void test_whole_messages_in_order_and_then_none(void **state)
{
	struct world *w = *state;
	int fd;

	assert_int_equal(receive(w->b, &fd), -EAGAIN);
	assert_int_equal(chan_send(w->a, "one", 3, -1), 0);
	assert_int_equal(chan_send(w->a, "second", 6, -1), 0);
	assert_int_equal(receive(w->b, &fd), 3);
	assert_memory_equal(got, "one", 3);
	assert_int_equal(fd, -1);
	assert_int_equal(receive(w->b, &fd), 6);
	assert_memory_equal(got, "second", 6);
	assert_int_equal(receive(w->b, &fd), -EAGAIN);
}

/* A message of the greatest size fits whatever wmem_max says. */
static void test_64_kib_fit(void **state)
{
	struct world *w = *state;
	int fd;

	assert_int_equal(chan_send(w->a, big, sizeof(big), -1), 0);
	assert_int_equal(receive(w->b, &fd), sizeof(big));
	assert_memory_equal(got, big, sizeof(big));
}

static void test_longer_than_the_buffer_is_refused(void **state)
{
	struct world *w = *state;
	int fd = -1;

	assert_int_equal(chan_send(w->a, big, 100, -1), 0);
	assert_int_equal(chan_recv(w->b, got, 99, &fd), FC_EPROTO);
	assert_int_equal(fd, -1);
	assert_int_equal(chan_send(w->a, big, 100, -1), 0);
	assert_int_equal(chan_recv(w->b, got, 100, &fd), 100);
}

static void test_a_descriptor_travels(void **state)
{
	struct world *w = *state;
	struct stat sent, came;
	int pipe_fd[2], fd;
	char c;

	assert_int_equal(pipe(pipe_fd), 0);
	assert_int_equal(chan_send(w->a, "x", 1, pipe_fd[0]), 0);
	assert_int_equal(fcntl(pipe_fd[0], F_GETFD), 0); /* it stays the sender's */
	assert_int_equal(receive(w->b, &fd), 1);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fstat(pipe_fd[0], &sent), 0);
	assert_int_equal(fstat(fd, &came), 0);
	assert_int_equal(sent.st_ino, came.st_ino);
	assert_int_equal(write(pipe_fd[1], "!", 1), 1);
	assert_int_equal(read(fd, &c, 1), 1);
	(void)close(fd);
	(void)close(pipe_fd[0]);
	(void)close(pipe_fd[1]);
}

static void send_descriptors(int to, int n)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(16 * sizeof(int))];
	} c = { 0 };
	char byte = 'x';
	struct iovec v = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &c };
	struct cmsghdr *h = &c.align;

	m.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
	for (int i = 0; i < n; i++) {
		int fd = STDERR_FILENO;

		memcpy(CMSG_DATA(h) + (size_t)i * sizeof(int), &fd, sizeof(fd));
	}
	assert_int_equal(sendmsg(to, &m, 0), 1);
}

/* tear_down sees that all of them were closed. */
static void test_more_than_one_descriptor_is_refused_and_closed(void **state)
{
	struct world *w = *state;
	static const int counts[] = { 2, 4, 5, 16 };

	for (size_t i = 0; i < 4; i++) {
		int fd;

		send_descriptors(chan_fd(w->a), counts[i]);
		assert_int_equal(receive(w->b, &fd), FC_EPROTO);
		assert_int_equal(fd, -1);
	}
}

static void test_truncated_message_does_not_leak_its_descriptor(void **state)
{
	struct world *w = *state;
	int fd = -1;

	assert_int_equal(chan_send(w->a, big, 100, STDERR_FILENO), 0);
	assert_int_equal(chan_recv(w->b, got, 10, &fd), FC_EPROTO);
	assert_int_equal(fd, -1);
}

/* Until the socket takes no more, then until the queue is full; then all of it
 * comes out at the other end, in order. */
static void test_a_slow_peer_loses_nothing(void **state)
{
	struct world *w = *state;
	unsigned sent = 0, came = 0;
	int rc, fd;

	for (;; sent++) {
		memcpy(big, &sent, sizeof(sent));
		rc = chan_send(w->a, big, sizeof(big), -1);
		if (rc < 0)
			break;
		assert_true(sent < 10000);
	}
	assert_int_equal(rc, -ENOBUFS);
	assert_true(chan_pending(w->a));
	assert_true(sent > QUEUE / IPC_MESSAGE_MAX); /* socket and queue held them */
	while (came < sent) {
		unsigned n;

		if (receive(w->b, &fd) == -EAGAIN) {
			assert_true(chan_pending(w->a));
			assert_int_equal(chan_flush(w->a), 0);
			continue;
		}
		memcpy(&n, got, sizeof(n));
		assert_int_equal(n, came);
		assert_memory_equal(got + sizeof(n), big + sizeof(n),
				    sizeof(got) - sizeof(n));
		came++;
	}
	assert_int_equal(chan_flush(w->a), 0);
	assert_false(chan_pending(w->a));
	assert_int_equal(chan_send(w->a, "after", 5, -1), 0);
	assert_int_equal(receive(w->b, &fd), 5);
}

/* A short message must not overtake the long ones that wait. */
static void test_no_overtaking(void **state)
{
	struct world *w = *state;
	unsigned before = 0;
	int fd;

	while (!chan_pending(w->a)) {
		assert_int_equal(chan_send(w->a, big, sizeof(big), -1), 0);
		before++;
	}
	assert_int_equal(receive(w->b, &fd),
			 sizeof(big)); /* room in the socket again */
	assert_int_equal(chan_send(w->a, "small", 5, -1), 0);
	for (unsigned i = 1; i < before; i++) {
		int64_t n = receive(w->b, &fd);

		if (n == -EAGAIN) {
			assert_int_equal(chan_flush(w->a), 0);
			n = receive(w->b, &fd);
		}
		assert_int_equal(n, sizeof(big));
	}
	assert_int_equal(chan_flush(w->a), 0);
	assert_int_equal(receive(w->b, &fd), 5);
}

static void test_a_waiting_descriptor_survives_the_sender_closing_it(void **state)
{
	struct world *w = *state;
	int pipe_fd[2], fd = -1;

	while (!chan_pending(w->a))
		assert_int_equal(chan_send(w->a, big, sizeof(big), -1), 0);
	assert_int_equal(pipe(pipe_fd), 0);
	assert_int_equal(chan_send(w->a, "fd", 2, pipe_fd[0]), 0);
	(void)close(pipe_fd[0]);
	for (unsigned i = 0; i < 100 && fd < 0; i++) {
		(void)receive(w->b, &fd);
		assert_int_equal(chan_flush(w->a), 0);
	}
	assert_true(fd >= 0);
	assert_memory_equal(got, "fd", 2);
	(void)close(fd);
	(void)close(pipe_fd[1]);
}

static void test_the_peer_going_is_seen_by_both_directions(void **state)
{
	struct world *w = *state;
	int fd;

	assert_int_equal(chan_send(w->b, "unread", 6, -1), 0);
	assert_int_equal(chan_send(w->a, "last words", 10, -1), 0);
	chan_free(w->a);
	w->a = NULL;
	/* It had something unread, which makes a reset; its words come all the same. */
	assert_int_equal(receive(w->b, &fd), 10);
	assert_memory_equal(got, "last words", 10);
	assert_int_equal(receive(w->b, &fd), 0);
	assert_int_equal(chan_send(w->b, "x", 1, -1), -EPIPE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_whole_messages_in_order_and_then_none),
		T(test_64_kib_fit),
		T(test_longer_than_the_buffer_is_refused),
		T(test_a_descriptor_travels),
		T(test_more_than_one_descriptor_is_refused_and_closed),
		T(test_truncated_message_does_not_leak_its_descriptor),
		T(test_a_slow_peer_loses_nothing),
		T(test_no_overtaking),
		T(test_a_waiting_descriptor_survives_the_sender_closing_it),
		T(test_the_peer_going_is_seen_by_both_directions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
