/* UDP sockets that answer from the address that was asked. */
#ifndef SYS_UDP_H
#define SYS_UDP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Peers and local addresses are 16 bytes wide; IPv4 as ::ffff:a.b.c.d. */
struct udp_addr {
	uint8_t ip[16];
	uint16_t port;
	uint32_t scope; /* interface of a link-local IPv6 address, else 0 */
};

struct udp_packet {
	struct udp_addr peer;
	struct udp_addr local; /* where it was sent to, or is to leave from */
	size_t len;
	uint8_t *p; /* the batch's own buffer */
};

/* An address in figures, IPv4 or IPv6 ("fe80::1%eth0" too). -EINVAL: it is none. */
int udp_resolve(const char *host, uint16_t port, struct sockaddr_storage *ret,
		socklen_t *ret_len);

/* Bound, non-blocking, close-on-exec, with packet info and (SO_RCVBUFFORCE, else
 * SO_RCVBUF) this receive buffer. *ret_rcvbuf: what the kernel granted. reuseport:
 * several sockets share the address (one front a core). Port 0: kernel's choice. */
int udp_bind(const char *host, uint16_t port, int rcvbuf, bool reuseport, int *ret_fd,
	     int *ret_rcvbuf);
int udp_local(int fd, struct udp_addr *ret); /* getsockname */

enum { UDP_BATCH = 64 };
struct udp_batch; /* buffers of UDP_BATCH datagrams of `size` bytes each */
struct udp_batch *udp_batch_new(size_t size);
void udp_batch_free(struct udp_batch *b);

/* Up to UDP_BATCH datagrams: how many, 0 when none is there, or -errno. Those
 * longer than the buffers come with truncated == true in *ret_truncated bit i. */
int udp_receive(int fd, struct udp_batch *b, uint64_t *ret_truncated);
struct udp_packet *udp_packet(struct udp_batch *b, int i);

/* Send n packets of the batch, passing over those that the kernel refuses and
 * stopping where its buffer is full.  How many were taken; -errno when none. */
int udp_send(int fd, struct udp_batch *b, int n);

/* "192.0.2.1:69", "[2001:db8::1]:69" into ret[64]; returns ret. */
const char *udp_addr_text(const struct udp_addr *a, char ret[64]);
#endif
