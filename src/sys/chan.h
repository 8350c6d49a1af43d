/* One end of a SOCK_SEQPACKET pair: whole messages, at most one descriptor with
 * each (SCM_RIGHTS).
 *
 * Sending never blocks: what the socket does not take is kept in order, up to a
 * stated limit, and sent when chan_flush is called on EPOLLOUT. */
#ifndef SYS_CHAN_H
#define SYS_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chan;

int chan_pair(int ret_fd[2]); /* non-blocking, close-on-exec, large buffers */

/* Takes ownership of fd. queue_max: bytes kept at most when the peer is slow. */
struct chan *chan_new(int fd, size_t queue_max);
void chan_free(struct chan *c);
int chan_fd(const struct chan *c);

/* fd < 0: none; a passed descriptor stays the caller's (it is duplicated when the
 * message has to wait). 0, -ENOBUFS (queue_max reached), -EPIPE. */
int chan_send(struct chan *c, const void *p, size_t len, int fd);

/* More to flush? Then the loop should wait for EPOLLOUT, too. */
bool chan_pending(const struct chan *c);
int chan_flush(struct chan *c);

/* One message into buf: its length, 0 when the peer has gone, -EAGAIN when there
 * is none now. *ret_fd is -1 or a descriptor that the caller now owns. A message
 * longer than cap is FC_EPROTO. */
int64_t chan_recv(struct chan *c, void *buf, size_t cap, int *ret_fd);
#endif
