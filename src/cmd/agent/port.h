/* The agent's UDP ports on Linux: one socket a channel, made at the first send. */
#ifndef CMD_AGENT_PORT_H
#define CMD_AGENT_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/fetch.h"
#include "sys/loop.h"

enum { PORT_CHANNELS = 2, PORT_DATAGRAM_MAX = 2048 };

typedef void port_datagram_fn(void *ctx, unsigned channel,
			      const struct fetch_addr *from, const void *p, size_t len);
typedef void port_unreachable_fn(void *ctx, unsigned channel);

struct ports {
	struct loop *loop;
	const char *source; /* numeric address to send from, or "" */
	port_datagram_fn *on_datagram;
	port_unreachable_fn *on_unreachable; /* an ICMP error about what was sent */
	void *ctx;
	struct port {
		struct ports *ports;
		unsigned channel;
		int fd; /* -1: none */
	} port[PORT_CHANNELS];
};

void ports_init(struct ports *p, struct loop *loop, const char *source,
		port_datagram_fn *on_datagram, port_unreachable_fn *on_unreachable,
		void *ctx);

/* Drop the channel's port: the next send has a fresh one. */
void port_close(struct ports *p, unsigned channel);

/* 0 or -errno. */
int port_send(struct ports *p, unsigned channel, const struct fetch_addr *to,
	      const void *data, size_t len);

/* From a numeric host; -EINVAL. */
int port_addr(const char *host, uint16_t port, struct fetch_addr *ret);

/* "192.0.2.1:69" into ret[64]; returns ret. */
const char *port_text(const struct fetch_addr *a, char ret[64]);

#endif
