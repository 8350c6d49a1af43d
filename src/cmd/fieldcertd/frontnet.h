/* The front's sockets, and the batches that leave by them.
 *
 * Datagrams come in batches (recvmmsg) and leave in batches: what is to be sent
 * gathers by socket until frontnet_flush, at the end of a turn, or until a batch is
 * full.  Answers leave from the address that was asked, by the request socket or the
 * transfer socket that the desk_way names. */
#ifndef CMD_FIELDCERTD_FRONTNET_H
#define CMD_FIELDCERTD_FRONTNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "conf/conf.h"
#include "core/desk.h"
#include "sys/loop.h"
#include "sys/udp.h"
#include "wire/ipc.h"

enum { FRONTNET_SOCKETS_MAX = CONF_LISTEN_MAX * (1 + CONF_PORTS_MAX) };

/* One datagram came, at now (ms). truncated: it was longer than len. */
typedef void frontnet_datagram(void *ctx, const struct desk_way *way, const void *p,
			       size_t len, bool truncated, uint64_t now);

struct frontnet_sock {
	struct frontnet *net;
	int fd;
	uint16_t listener, tid;
	struct udp_batch *batch; /* to be sent at the end of the turn */
	int n;
	bool dirty; /* listed in frontnet.dirty */
};

struct frontnet {
	frontnet_datagram *datagram;
	void *ctx;
	struct udp_batch *in;
	size_t packet_size; /* of the batches' buffers; 0: none yet */
	struct frontnet_sock socks[FRONTNET_SOCKETS_MAX];
	size_t n_socks;
	uint16_t n_tids[CONF_LISTEN_MAX]; /* transfer sockets so far */
	struct frontnet_sock *request[CONF_LISTEN_MAX];
	struct frontnet_sock *transfer[CONF_LISTEN_MAX][CONF_PORTS_MAX];
	struct frontnet_sock *dirty[FRONTNET_SOCKETS_MAX];
	size_t n_dirty;
	unsigned n_failed; /* since the last flush */
	bool listening;    /* the sockets are in the loop */
};

/* n is zero, and stays where it is. -ENOMEM. */
int frontnet_init(struct frontnet *n, frontnet_datagram *datagram, void *ctx);
void frontnet_release(struct frontnet *n); /* closes the sockets */

/* Takes the descriptor, also where it is refused: FC_EPROTO, one too many. */
int frontnet_add(struct frontnet *n, const struct ipc_socket *s, int fd);

/* How many transfer sockets every listener has (0: single port).
 * FC_EPROTO: a listener has no request socket, or a socket no listener. */
int frontnet_transfer_sockets(const struct frontnet *n, const struct conf *c,
			      uint16_t *ret);

/* Buffers for datagrams of this size at least; what waits in smaller ones leaves
 * first. -ENOMEM: some have grown, call again or end. */
int frontnet_reserve(struct frontnet *n, size_t size);

/* Datagrams are taken from now on; doing so again is harmless. */
int frontnet_listen(struct frontnet *n, struct loop *loop);

/* The next free datagram on the way to w's peer: packet_size bytes at its p. It is
 * sent if frontnet_put follows, once its len is set. */
struct udp_packet *frontnet_packet(struct frontnet *n, const struct desk_way *w);
void frontnet_put(struct frontnet *n, const struct desk_way *w);

/* All that waits leaves. How many datagrams the kernel did not take. */
unsigned frontnet_flush(struct frontnet *n);

#endif
