/* UDP sockets on the loopback: batches, truncation, and answers that leave from
 * the address that was asked (S1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sys/udp.h"

enum { SIZE = 600, WAIT_MS = 2000 };

static int bind_any(const char *host, uint16_t *ret_port)
{
	struct udp_addr a;
	int fd, granted;

	assert_int_equal(udp_bind(host, 0, 1 << 16, false, &fd, &granted), 0);
	assert_true(granted >= 1 << 16);
	assert_int_equal(udp_local(fd, &a), 0);
	assert_int_not_equal(a.port, 0);
	*ret_port = a.port;
	return fd;
}

/* A client's own socket, not made by what is tested. */
static int client(int family, const char *host, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (family == AF_INET) {
		assert_int_equal(inet_pton(AF_INET, host, &in.sin_addr), 1);
		/* connected: an answer from elsewhere would not arrive */
		assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	} else {
		assert_int_equal(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
		assert_int_equal(connect(fd, (struct sockaddr *)&in6, sizeof(in6)), 0);
	}
	return fd;
}

static void await(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
}

static void expect_text(const struct udp_addr *a, const char *prefix)
{
	char text[64];

	(void)udp_addr_text(a, text);
	assert_memory_equal(text, prefix, strlen(prefix));
}

static void echo(int family, const char *listen, const char *asked, const char *text)
{
	struct udp_batch *b = udp_batch_new(SIZE);
	struct udp_packet *p;
	uint64_t truncated;
	uint16_t port;
	char got[8];
	int fd = bind_any(listen, &port), c = client(family, asked, port);

	assert_non_null(b);
	assert_int_equal(udp_receive(fd, b, &truncated), 0);
	assert_int_equal(send(c, "hello", 5, 0), 5);
	await(fd);
	assert_int_equal(udp_receive(fd, b, &truncated), 1);
	assert_int_equal(truncated, 0);
	p = udp_packet(b, 0);
	assert_int_equal(p->len, 5);
	assert_memory_equal(p->p, "hello", 5);
	expect_text(&p->local, text);
	p->len = 4;
	assert_int_equal(udp_send(fd, b, 1), 1);
	await(c);
	assert_int_equal(recv(c, got, sizeof(got), 0), 4);
	assert_memory_equal(got, "hell", 4);
	(void)close(c);
	(void)close(fd);
	udp_batch_free(b);
}

/* 127.0.0.3 is asked at a wildcard: without care the answer would leave from
 * 127.0.0.1. */
static void S1_answers_from_the_address_asked(void **state)
{
	(void)state;
	echo(AF_INET, "0.0.0.0", "127.0.0.3", "127.0.0.3:");
	echo(AF_INET, "127.0.0.2", "127.0.0.2", "127.0.0.2:");
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&in6, sizeof(in6)) == 0;

	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static void S1_ipv6(void **state)
{
	(void)state;
	if (!has_ipv6()) {
		(void)fputs("skip: no IPv6 loopback address here\n", stderr);
		skip();
	}
	echo(AF_INET6, "::", "::1", "[::1]:");
	echo(AF_INET6, "::1", "::1", "[::1]:");
}

/* An address is tentative for a moment, on a loopback too. */
static bool is_usable(const struct in6_addr *a)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_addr = *a,
				    .sin6_scope_id = 1 };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = -1;

	for (int i = 0; i < WAIT_MS && rc < 0; i++) {
		rc = bind(fd, (struct sockaddr *)&in6, sizeof(in6));
		if (rc < 0)
			(void)poll(NULL, 0, 1);
	}
	(void)close(fd);
	return rc == 0;
}

/* In a child's own network namespace: its loopback has these addresses, too. */
static void with_addresses(void (*fn)(void))
{
	static const char *const addresses[] = { "fd00::1", "fd00::2", "fe80::2" };
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	pid_t pid = fork();
	int status, fd;

	assert_true(pid >= 0);
	if (pid > 0) {
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		return;
	}
	if (unshare(CLONE_NEWNET) < 0 ||
	    (fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0 ||
	    ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		_exit(2);
	for (size_t i = 0; i < 3; i++) {
		struct in6_ifreq r = { .ifr6_prefixlen = 64, .ifr6_ifindex = 1 };

		if (inet_pton(AF_INET6, addresses[i], &r.ifr6_addr) != 1 ||
		    ioctl(fd, SIOCSIFADDR, &r) < 0 || !is_usable(&r.ifr6_addr))
			_exit(3);
	}
	fn();
	_exit(0);
}

static struct sockaddr_in6 in6_of(const char *text, uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(port),
				    .sin6_scope_id = 1 };

	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	return in6;
}

/* A client at one address hears the answer of the other only. */
static void answer_to(const char *client_at, const char *asked, uint32_t scope)
{
	struct udp_batch *b = udp_batch_new(SIZE);
	uint16_t port;
	int fd = bind_any("::", &port), c = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 from = in6_of(client_at, 0), to = in6_of(asked, port);
	struct udp_packet *p = udp_packet(b, 0);
	uint64_t truncated;
	char got[8];

	assert_int_equal(bind(c, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(c, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(c, "hello", 5, 0), 5);
	await(fd);
	assert_int_equal(udp_receive(fd, b, &truncated), 1);
	assert_int_equal(p->peer.scope, scope);
	assert_int_equal(p->local.scope, scope);
	assert_int_equal(udp_send(fd, b, 1), 1);
	await(c);
	assert_int_equal(recv(c, got, sizeof(got), 0), 5);
	(void)close(c);
	(void)close(fd);
	udp_batch_free(b);
}

/* Link-local addresses are known with their interface, others without. */
static void ask_and_answer(void)
{
	answer_to("fd00::1", "fd00::2", 0);
	answer_to("fd00::2", "fd00::1", 0);
	answer_to("fe80::2", "fe80::2", 1);
}

static void S1_ipv6_of_several_addresses(void **state)
{
	(void)state;
	if (geteuid() != 0 || !has_ipv6()) {
		(void)fputs("skip: needs root and IPv6\n", stderr);
		skip();
	}
	with_addresses(ask_and_answer);
}

/* "::" and "0.0.0.0" can be listened on side by side. */
static void S1_both_wildcards(void **state)
{
	struct udp_addr a;
	int four, six, granted;

	(void)state;
	if (!has_ipv6()) {
		(void)fputs("skip: no IPv6 loopback address here\n", stderr);
		skip();
	}
	assert_int_equal(udp_bind("::", 0, 0, false, &six, &granted), 0);
	assert_int_equal(udp_local(six, &a), 0);
	assert_int_equal(udp_bind("0.0.0.0", a.port, 0, false, &four, &granted), 0);
	(void)close(four);
	(void)close(six);
}

static void batches_keep_order_and_tell_truncation(void **state)
{
	struct udp_batch *b = udp_batch_new(SIZE);
	uint8_t big[SIZE + 1] = { 9 };
	uint64_t truncated;
	uint16_t port;
	int fd = bind_any("127.0.0.1", &port), c = client(AF_INET, "127.0.0.1", port);
	int n;

	(void)state;
	assert_non_null(b);
	for (uint8_t i = 0; i < UDP_BATCH + 6; i++) {
		big[0] = i;
		assert_true(send(c, big,
				 i == 3   ? SIZE + 1
				 : i == 5 ? SIZE
					  : i,
				 0) >= 0);
	}
	await(fd);
	n = udp_receive(fd, b, &truncated);
	assert_int_equal(n, UDP_BATCH);
	assert_true(truncated == UINT64_C(1) << 3);
	for (int i = 0; i < n; i++) {
		assert_int_equal(udp_packet(b, i)->len, i == 3 || i == 5 ? SIZE : i);
		if (i > 0)
			assert_int_equal(udp_packet(b, i)->p[0], i);
	}
	assert_int_equal(udp_receive(fd, b, &truncated), 6);
	assert_true(truncated == 0);
	(void)close(c);
	(void)close(fd);
	udp_batch_free(b);
}

/* One that the kernel refuses does not hold up the others. */
static void a_refused_datagram_is_passed_over(void **state)
{
	struct udp_batch *b = udp_batch_new(SIZE);
	struct udp_addr to;
	uint16_t port, from_port;
	int to_fd = bind_any("127.0.0.1", &port),
	    fd = bind_any("127.0.0.1", &from_port);
	uint64_t truncated;

	(void)state;
	assert_non_null(b);
	assert_int_equal(udp_local(to_fd, &to), 0);
	for (int i = 0; i < 3; i++) {
		struct udp_packet *p = udp_packet(b, i);

		p->peer = to;
		p->local = to; /* 127.0.0.1; the port does not count */
		if (i == 1)
			p->peer.port = 0;
		p->p[0] = (uint8_t)i;
		p->len = 1;
	}
	assert_int_equal(udp_send(fd, b, 3), 2);
	await(to_fd);
	assert_int_equal(udp_receive(to_fd, b, &truncated), 2);
	assert_int_equal(udp_packet(b, 0)->p[0], 0);
	assert_int_equal(udp_packet(b, 1)->p[0], 2);
	assert_int_equal(udp_packet(b, 0)->peer.port, from_port);
	(void)close(fd);
	(void)close(to_fd);
	udp_batch_free(b);
}

static void binding(void **state)
{
	uint16_t port;
	int fd = bind_any("127.0.0.1", &port), other = -1, granted = -1;

	(void)state;
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(udp_bind("127.0.0.1", port, 0, false, &other, &granted),
			 -EADDRINUSE);
	assert_int_equal(udp_bind("localhost", port, 0, false, &other, &granted),
			 -EINVAL);
	assert_int_equal(udp_bind("192.0.2.1", 0, 0, false, &other, &granted),
			 -EADDRNOTAVAIL);
	assert_int_equal(other, -1);
	assert_int_equal(granted, -1);
	(void)close(fd);

	assert_int_equal(udp_bind("127.0.0.1", 0, 0, true, &fd, &granted), 0);
	struct udp_addr a;

	assert_int_equal(udp_local(fd, &a), 0);
	assert_int_equal(udp_bind("127.0.0.1", a.port, 0, true, &other, &granted), 0);
	(void)close(fd);
	(void)close(other);
}

static void text(void **state)
{
	struct udp_addr a = { .ip = { [10] = 0xff, 0xff, 192, 0, 2, 1 }, .port = 69 };
	char got[64];

	(void)state;
	assert_string_equal(udp_addr_text(&a, got), "192.0.2.1:69");
	a = (struct udp_addr){ .ip = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 },
			       .port = 65535 };
	assert_string_equal(udp_addr_text(&a, got), "[2001:db8::1]:65535");
	memset(a.ip, 0xfe, sizeof(a.ip));
	a.scope = UINT32_MAX;
	assert_string_equal(
		udp_addr_text(&a, got),
		"[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe%4294967295]:65535");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S1_answers_from_the_address_asked),
		cmocka_unit_test(S1_ipv6),
		cmocka_unit_test(S1_ipv6_of_several_addresses),
		cmocka_unit_test(S1_both_wildcards),
		cmocka_unit_test(batches_keep_order_and_tell_truncation),
		cmocka_unit_test(a_refused_datagram_is_passed_over),
		cmocka_unit_test(binding),
		cmocka_unit_test(text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
