/* epoll and one timer: about a hundred lines.
 *
 * Machines return their deadline, so a loop has nothing else to do: each turn it
 * asks `deadline` when to wake, waits, calls ready callbacks, then `turn`. */
#ifndef SYS_LOOP_H
#define SYS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

typedef void loop_fn(void *ctx, int fd, uint32_t events); /* EPOLLIN, … */

struct loop *loop_new(void);
void loop_free(struct loop *l);

int loop_add(struct loop *l, int fd, uint32_t events, loop_fn *fn, void *ctx);
int loop_change(struct loop *l, int fd, uint32_t events);
void loop_remove(struct loop *l, int fd);

/* Run until loop_stop. deadline: absolute ms of clock_ms(), UINT64_MAX none.
 * turn: called after every wake-up with the time then. Either may be NULL. */
int loop_run(struct loop *l, uint64_t (*deadline)(void *ctx),
	     void (*turn)(void *ctx, uint64_t now), void *ctx);
void loop_stop(struct loop *l);

/* Signals as events: blocks them and calls fn from the loop. */
int loop_signals(struct loop *l, const int *signals, int n,
		 void (*fn)(void *ctx, int signo), void *ctx);
#endif
