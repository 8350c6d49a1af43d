#include "sys/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/errors.h"

/* Room for the larger of the two kinds of packet info. */
struct control {
	alignas(struct cmsghdr) uint8_t b[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct udp_batch {
	struct udp_packet packets[UDP_BATCH];
	struct mmsghdr messages[UDP_BATCH];
	struct iovec vectors[UDP_BATCH];
	struct sockaddr_storage names[UDP_BATCH];
	struct control controls[UDP_BATCH];
	size_t size;
	uint8_t bytes[];
};

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool is_mapped(const uint8_t ip[16])
{
	return memcmp(ip, mapped, sizeof(mapped)) == 0;
}

static void set_mapped(uint8_t ip[16], const struct in_addr *a)
{
	memcpy(ip, mapped, sizeof(mapped));
	memcpy(ip + sizeof(mapped), a, sizeof(*a));
}

/* Only link-local addresses mean something by their interface. */
static uint32_t scope_of(const struct in6_addr *a, uint32_t scope)
{
	return IN6_IS_ADDR_LINKLOCAL(a) ? scope : 0;
}

static int addr_from(const struct sockaddr_storage *ss, struct udp_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (ss->ss_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, ss, sizeof(in));
		set_mapped(ret->ip, &in.sin_addr);
		ret->port = ntohs(in.sin_port);
		return 0;
	}
	if (ss->ss_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, ss, sizeof(in6));
		memcpy(ret->ip, &in6.sin6_addr, sizeof(ret->ip));
		ret->port = ntohs(in6.sin6_port);
		ret->scope = scope_of(&in6.sin6_addr, in6.sin6_scope_id);
		return 0;
	}
	return -EAFNOSUPPORT;
}

static socklen_t addr_to(const struct udp_addr *a, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (is_mapped(a->ip)) {
		struct sockaddr_in in = { .sin_family = AF_INET,
					  .sin_port = htons(a->port) };

		memcpy(&in.sin_addr, a->ip + sizeof(mapped), sizeof(in.sin_addr));
		memcpy(ret, &in, sizeof(in));
		return sizeof(in);
	}

	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons(a->port),
				    .sin6_scope_id = a->scope };

	memcpy(&in6.sin6_addr, a->ip, sizeof(in6.sin6_addr));
	memcpy(ret, &in6, sizeof(in6));
	return sizeof(in6);
}

/* ---- sockets ------------------------------------------------------------- */

static int set_on(int fd, int level, int option)
{
	return setsockopt(fd, level, option, &(int){ 1 }, sizeof(int)) < 0 ? -errno : 0;
}

static int set_receive_buffer(int fd, int want, int *ret_granted)
{
	socklen_t len = sizeof(*ret_granted);

	if (want > 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &want, sizeof(want)) < 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &want, sizeof(want)) < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, ret_granted, &len) < 0)
		return -errno;
	*ret_granted /= 2; /* the kernel tells twice what it counts: socket(7) */
	return 0;
}

static int set_up(int fd, int family, int rcvbuf, bool reuseport, int *ret_rcvbuf)
{
	int rc;

	if (family == AF_INET6) {
		if ((rc = set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY)) < 0 ||
		    (rc = set_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO)) < 0)
			return rc;
	} else if ((rc = set_on(fd, IPPROTO_IP, IP_PKTINFO)) < 0) {
		return rc;
	}
	if (reuseport && (rc = set_on(fd, SOL_SOCKET, SO_REUSEPORT)) < 0)
		return rc;
	return set_receive_buffer(fd, rcvbuf, ret_rcvbuf);
}

int udp_resolve(const char *host, uint16_t port, struct sockaddr_storage *ret,
		socklen_t *ret_len)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_DGRAM };
	struct addrinfo *info;
	char service[6];

	(void)snprintf(service, sizeof(service), "%u", (unsigned)port);
	if (getaddrinfo(host, service, &hints, &info) != 0)
		return -EINVAL;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, info->ai_addr, info->ai_addrlen);
	*ret_len = info->ai_addrlen;
	freeaddrinfo(info);
	return 0;
}

int udp_bind(const char *host, uint16_t port, int rcvbuf, bool reuseport, int *ret_fd,
	     int *ret_rcvbuf)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd, granted = 0, rc;

	if ((rc = udp_resolve(host, port, &ss, &len)) < 0)
		return rc;
	fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = set_up(fd, ss.ss_family, rcvbuf, reuseport, &granted);
	if (rc == 0 && bind(fd, (struct sockaddr *)&ss, len) < 0)
		rc = -errno;
	if (rc < 0) {
		(void)close(fd);
		return rc;
	}
	*ret_fd = fd;
	*ret_rcvbuf = granted;
	return 0;
}

int udp_local(int fd, struct udp_addr *ret)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	memset(&ss, 0, sizeof(ss));
	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	return addr_from(&ss, ret);
}

/* ---- batches ------------------------------------------------------------- */

struct udp_batch *udp_batch_new(size_t size)
{
	struct udp_batch *b = calloc(1, sizeof(*b) + size * UDP_BATCH);

	if (!b)
		return NULL;
	b->size = size;
	for (size_t i = 0; i < UDP_BATCH; i++) {
		b->packets[i].p = b->bytes + i * size;
		b->vectors[i].iov_base = b->packets[i].p;
	}
	return b;
}

void udp_batch_free(struct udp_batch *b)
{
	free(b);
}

struct udp_packet *udp_packet(struct udp_batch *b, int i)
{
	return &b->packets[i];
}

/* The address that the datagram was sent to, from the kernel's packet info. */
static void read_info(struct msghdr *m, struct udp_addr *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			/* not ipi_addr, which may be a broadcast */
			set_mapped(ret->ip, &info.ipi_spec_dst);
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
			   c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(c), sizeof(info));
			memcpy(ret->ip, &info.ipi6_addr, sizeof(ret->ip));
			ret->scope = scope_of(&info.ipi6_addr, info.ipi6_ifindex);
		}
	}
}

int udp_receive(int fd, struct udp_batch *b, uint64_t *ret_truncated)
{
	uint64_t truncated = 0;
	int n;

	for (int i = 0; i < UDP_BATCH; i++) {
		b->vectors[i].iov_len = b->size;
		b->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &b->names[i],
			.msg_namelen = sizeof(b->names[i]),
			.msg_iov = &b->vectors[i],
			.msg_iovlen = 1,
			.msg_control = &b->controls[i],
			.msg_controllen = sizeof(b->controls[i]),
		};
	}
	n = recvmmsg(fd, b->messages, UDP_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct udp_packet *p = &b->packets[i];

		if (addr_from(&b->names[i], &p->peer) < 0)
			memset(&p->peer, 0, sizeof(p->peer));
		read_info(&b->messages[i].msg_hdr, &p->local);
		p->len = b->messages[i].msg_len;
		if (b->messages[i].msg_hdr.msg_flags & MSG_TRUNC)
			truncated |= UINT64_C(1) << i;
	}
	*ret_truncated = truncated;
	return n;
}

/* Leave from this address, by whatever interface the routes say; a link-local
 * one needs its own. */
static size_t write_info(const struct udp_addr *local, struct control *control)
{
	struct cmsghdr *c = (void *)control->b;

	memset(control, 0, sizeof(*control));
	if (is_mapped(local->ip)) {
		struct in_pktinfo info = { 0 };

		memcpy(&info.ipi_spec_dst, local->ip + sizeof(mapped),
		       sizeof(info.ipi_spec_dst));
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		return CMSG_SPACE(sizeof(info));
	}

	struct in6_pktinfo info = { .ipi6_ifindex = local->scope };

	memcpy(&info.ipi6_addr, local->ip, sizeof(info.ipi6_addr));
	c->cmsg_level = IPPROTO_IPV6;
	c->cmsg_type = IPV6_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return CMSG_SPACE(sizeof(info));
}

int udp_send(int fd, struct udp_batch *b, int n)
{
	int at = 0, taken = 0, rc = 0;

	for (int i = 0; i < n; i++) {
		const struct udp_packet *p = &b->packets[i];

		b->vectors[i].iov_len = p->len;
		b->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &b->names[i],
			.msg_namelen = addr_to(&p->peer, &b->names[i]),
			.msg_iov = &b->vectors[i],
			.msg_iovlen = 1,
			.msg_control = &b->controls[i],
			.msg_controllen = write_info(&p->local, &b->controls[i]),
		};
	}
	while (at < n && rc != -EAGAIN) {
		int sent = sendmmsg(fd, b->messages + at, (unsigned)(n - at),
				    MSG_DONTWAIT);

		if (sent > 0) {
			at += sent;
			taken += sent;
		} else {
			rc = -errno;
			at += rc != -EINTR;
		}
	}
	return taken > 0 ? taken : rc;
}

const char *udp_addr_text(const struct udp_addr *a, char ret[64])
{
	char ip[INET6_ADDRSTRLEN];
	char scope[12] = "";

	if (is_mapped(a->ip)) {
		(void)inet_ntop(AF_INET, a->ip + sizeof(mapped), ip, sizeof(ip));
		(void)snprintf(ret, 64, "%s:%u", ip, (unsigned)a->port);
		return ret;
	}
	(void)inet_ntop(AF_INET6, a->ip, ip, sizeof(ip));
	if (a->scope != 0)
		(void)snprintf(scope, sizeof(scope), "%%%u", (unsigned)a->scope);
	(void)snprintf(ret, 64, "[%.39s%s]:%u", ip, scope, (unsigned)a->port);
	return ret;
}
