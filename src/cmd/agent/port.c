#include "cmd/agent/port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sys/udp.h"

enum { DATAGRAMS_AT_ONCE = 32 };

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool is_ipv4(const struct fetch_addr *a)
{
	return memcmp(a->ip, mapped, sizeof(mapped)) == 0;
}

static socklen_t to_sockaddr(const struct fetch_addr *a, struct sockaddr_storage *ret)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(a->port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(a->port),
				    .sin6_scope_id = a->scope };

	memset(ret, 0, sizeof(*ret));
	if (is_ipv4(a)) {
		memcpy(&in.sin_addr, a->ip + sizeof(mapped), sizeof(in.sin_addr));
		memcpy(ret, &in, sizeof(in));
		return sizeof(in);
	}
	memcpy(&in6.sin6_addr, a->ip, sizeof(a->ip));
	memcpy(ret, &in6, sizeof(in6));
	return sizeof(in6);
}

static int from_sockaddr(const struct sockaddr_storage *ss, struct fetch_addr *ret)
{
	struct fetch_addr a = { .port = 0 };
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (ss->ss_family == AF_INET) {
		memcpy(&in, ss, sizeof(in));
		memcpy(a.ip, mapped, sizeof(mapped));
		memcpy(a.ip + sizeof(mapped), &in.sin_addr, sizeof(in.sin_addr));
		a.port = ntohs(in.sin_port);
	} else if (ss->ss_family == AF_INET6) {
		memcpy(&in6, ss, sizeof(in6));
		memcpy(a.ip, &in6.sin6_addr, sizeof(a.ip));
		a.port = ntohs(in6.sin6_port);
		a.scope = in6.sin6_scope_id;
	} else {
		return -EAFNOSUPPORT;
	}
	*ret = a;
	return 0;
}

int port_addr(const char *host, uint16_t port, struct fetch_addr *ret)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int rc = udp_resolve(host, port, &ss, &len);

	return rc < 0 ? rc : from_sockaddr(&ss, ret);
}

const char *port_text(const struct fetch_addr *a, char ret[64])
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (is_ipv4(a)) {
		(void)inet_ntop(AF_INET, a->ip + sizeof(mapped), host, sizeof(host));
		(void)snprintf(ret, 64, "%s:%u", host, a->port);
	} else {
		(void)inet_ntop(AF_INET6, a->ip, host, sizeof(host));
		(void)snprintf(ret, 64, "[%s]:%u", host, a->port);
	}
	return ret;
}

void ports_init(struct ports *p, struct loop *loop, const char *source,
		port_datagram_fn *on_datagram, port_unreachable_fn *on_unreachable,
		void *ctx)
{
	*p = (struct ports){ .loop = loop,
			     .source = source,
			     .on_datagram = on_datagram,
			     .on_unreachable = on_unreachable,
			     .ctx = ctx };
	for (unsigned i = 0; i < PORT_CHANNELS; i++)
		p->port[i] = (struct port){ .ports = p, .channel = i, .fd = -1 };
}

void port_close(struct ports *p, unsigned channel)
{
	struct port *port = &p->port[channel];

	if (port->fd < 0)
		return;
	loop_remove(p->loop, port->fd);
	(void)close(port->fd);
	port->fd = -1;
}

static void drain_errors(int fd)
{
	uint8_t data[64], control[512];

	for (int i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		struct iovec v = { data, sizeof(data) };
		struct msghdr m = { .msg_iov = &v,
				    .msg_iovlen = 1,
				    .msg_control = control,
				    .msg_controllen = sizeof(control) };

		if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
	}
}

static bool says_unreachable(int error)
{
	return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
	       error == EHOSTDOWN;
}

static void on_readable(void *ctx, int fd, uint32_t events)
{
	struct port *port = ctx;
	struct ports *p = port->ports;
	uint8_t buf[PORT_DATAGRAM_MAX];

	if (events & EPOLLERR)
		drain_errors(fd);
	/* the callback may close this port, or put another in its place */
	for (int i = 0; i < DATAGRAMS_AT_ONCE && port->fd == fd; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		struct fetch_addr from;
		ssize_t n;

		memset(&ss, 0, sizeof(ss));
		n = recvfrom(fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&ss,
			     &len);
		if (n < 0 && says_unreachable(errno)) {
			p->on_unreachable(p->ctx, port->channel);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		if (from_sockaddr(&ss, &from) == 0)
			p->on_datagram(p->ctx, port->channel, &from, buf, (size_t)n);
	}
}

static int bind_source(const struct ports *p, int fd, int family)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int rc;

	if (*p->source == 0)
		return 0;
	rc = udp_resolve(p->source, 0, &ss, &len);
	if (rc < 0 || ss.ss_family != family)
		return rc < 0 ? rc : -EAFNOSUPPORT;
	return bind(fd, (struct sockaddr *)&ss, len) < 0 ? -errno : 0;
}

static int open_port(struct ports *p, unsigned channel, int family)
{
	struct port *port = &p->port[channel];
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, rc;

	if (fd < 0)
		return -errno;
	/* so that ICMP errors are told although the socket is not connected */
	if (family == AF_INET)
		(void)setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	else
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	rc = bind_source(p, fd, family);
	if (rc == 0)
		rc = loop_add(p->loop, fd, EPOLLIN, on_readable, port);
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	port->fd = fd;
	return 0;
}

int port_send(struct ports *p, unsigned channel, const struct fetch_addr *to,
	      const void *data, size_t len)
{
	struct port *port = &p->port[channel];
	struct sockaddr_storage ss;
	socklen_t ss_len = to_sockaddr(to, &ss);
	int rc = port->fd < 0 ? open_port(p, channel, ss.ss_family) : 0;

	if (rc < 0)
		return rc;
	/* an error that is told here is about an earlier datagram, once */
	for (int i = 0; i < 2; i++) {
		if (sendto(port->fd, data, len, 0, (struct sockaddr *)&ss, ss_len) >= 0)
			return 0;
		rc = -errno;
		if (rc != -EINTR && !says_unreachable(-rc))
			break;
	}
	return rc;
}
