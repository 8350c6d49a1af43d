#include "cmd/fieldcertd/frontnet.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/errors.h"
#include "sys/clock.h"

enum {
	RECEIVE_SIZE = 1024, /* twice the longest request: longer is refused */
	BATCHES_AT_ONCE = 4  /* of one socket, before others have their turn */
};

int frontnet_init(struct frontnet *n, frontnet_datagram *datagram, void *ctx)
{
	n->datagram = datagram;
	n->ctx = ctx;
	n->in = udp_batch_new(RECEIVE_SIZE);
	return n->in ? 0 : -ENOMEM;
}

void frontnet_release(struct frontnet *n)
{
	udp_batch_free(n->in);
	for (size_t i = 0; i < n->n_socks; i++) {
		udp_batch_free(n->socks[i].batch);
		(void)close(n->socks[i].fd);
	}
}

int frontnet_add(struct frontnet *n, const struct ipc_socket *s, int fd)
{
	struct frontnet_sock *k = &n->socks[n->n_socks];

	if (n->n_socks == FRONTNET_SOCKETS_MAX || s->listener >= CONF_LISTEN_MAX ||
	    (s->transfer ? n->n_tids[s->listener] == CONF_PORTS_MAX
			 : n->request[s->listener] != NULL)) {
		(void)close(fd);
		return FC_EPROTO;
	}
	*k = (struct frontnet_sock){
		.net = n, .fd = fd, .listener = s->listener, .tid = DESK_REQUEST_TID
	};
	if (s->transfer) {
		k->tid = n->n_tids[s->listener]++;
		n->transfer[s->listener][k->tid] = k;
	} else {
		n->request[s->listener] = k;
	}
	n->n_socks++;
	return 0;
}

int frontnet_transfer_sockets(const struct frontnet *n, const struct conf *c,
			      uint16_t *ret)
{
	uint16_t least = CONF_PORTS_MAX;

	for (size_t i = 0; i < CONF_LISTEN_MAX; i++) {
		if ((i < c->n_listen) != (n->request[i] != NULL))
			return FC_EPROTO;
		if (i < c->n_listen && n->n_tids[i] < least)
			least = n->n_tids[i];
	}
	*ret = c->single_port ? 0 : least;
	return 0;
}

/* ---- sending ------------------------------------------------------------- */

static void flush_sock(struct frontnet *n, struct frontnet_sock *s)
{
	int sent = s->n > 0 ? udp_send(s->fd, s->batch, s->n) : 0;

	n->n_failed += (unsigned)(s->n - (sent > 0 ? sent : 0));
	s->n = 0;
}

unsigned frontnet_flush(struct frontnet *n)
{
	unsigned failed;

	for (size_t i = 0; i < n->n_dirty; i++) {
		flush_sock(n, n->dirty[i]);
		n->dirty[i]->dirty = false;
	}
	n->n_dirty = 0;
	failed = n->n_failed;
	n->n_failed = 0;
	return failed;
}

int frontnet_reserve(struct frontnet *n, size_t size)
{
	if (size <= n->packet_size)
		return 0;
	n->n_failed = frontnet_flush(n);
	for (size_t i = 0; i < n->n_socks; i++) {
		struct udp_batch *b = udp_batch_new(size);

		if (!b)
			return -ENOMEM;
		udp_batch_free(n->socks[i].batch);
		n->socks[i].batch = b;
	}
	n->packet_size = size;
	return 0;
}

static struct frontnet_sock *sock_of(struct frontnet *n, const struct desk_way *w)
{
	return w->tid == DESK_REQUEST_TID ? n->request[w->listener]
					  : n->transfer[w->listener][w->tid];
}

struct udp_packet *frontnet_packet(struct frontnet *n, const struct desk_way *w)
{
	struct frontnet_sock *s = sock_of(n, w);
	struct udp_packet *p;

	if (s->n == UDP_BATCH)
		flush_sock(n, s);
	if (!s->dirty) {
		s->dirty = true;
		n->dirty[n->n_dirty++] = s;
	}
	p = udp_packet(s->batch, s->n);
	memcpy(p->peer.ip, w->peer.ip, sizeof(p->peer.ip));
	p->peer.port = w->peer.port;
	p->peer.scope = w->peer.scope;
	memcpy(p->local.ip, w->local.ip, sizeof(p->local.ip));
	p->local.port = 0;
	p->local.scope = w->local.scope;
	return p;
}

void frontnet_put(struct frontnet *n, const struct desk_way *w)
{
	sock_of(n, w)->n++;
}

/* ---- receiving ----------------------------------------------------------- */

static struct desk_way way_of(const struct udp_packet *p, const struct frontnet_sock *s)
{
	struct desk_way w = { .listener = s->listener, .tid = s->tid };

	memcpy(w.peer.ip, p->peer.ip, sizeof(w.peer.ip));
	w.peer.port = p->peer.port;
	w.peer.scope = p->peer.scope;
	memcpy(w.local.ip, p->local.ip, sizeof(w.local.ip));
	w.local.scope = p->local.scope;
	return w;
}

static void on_datagrams(void *ctx, int fd, uint32_t events)
{
	const struct frontnet_sock *s = ctx;
	struct frontnet *n = s->net;
	uint64_t now = clock_ms(), truncated;

	(void)events;
	for (int batch = 0; batch < BATCHES_AT_ONCE; batch++) {
		int got = udp_receive(fd, n->in, &truncated);

		for (int i = 0; i < got; i++) {
			const struct udp_packet *p = udp_packet(n->in, i);
			struct desk_way w = way_of(p, s);

			n->datagram(n->ctx, &w, p->p, p->len, truncated >> i & 1, now);
		}
		if (got < UDP_BATCH)
			break;
	}
}

int frontnet_listen(struct frontnet *n, struct loop *loop)
{
	int rc = 0;

	if (n->listening)
		return 0;
	for (size_t i = 0; i < n->n_socks && rc == 0; i++)
		rc = loop_add(loop, n->socks[i].fd, EPOLLIN, on_datagrams,
			      &n->socks[i]);
	n->listening = rc == 0;
	return rc;
}
