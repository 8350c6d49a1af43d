#include "sys/loop.h"

#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "sys/clock.h"
#include "sys/neg.h"

enum { EVENTS_AT_ONCE = 64 };

/* By descriptor.  `generation` tells an event of a closed descriptor from one of
 * its successor under the same number, within one batch of epoll's. */
struct watch {
	loop_fn *fn; /* NULL: not watched */
	void *ctx;
	uint32_t generation;
};

struct loop {
	int epoll, signals;
	struct watch *watches;
	size_t n_watches;
	uint32_t generation;
	bool stop;
	void (*on_signal)(void *ctx, int signo);
	void *on_signal_ctx;
};

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->signals = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		free(l);
		return NULL;
	}
	return l;
}

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	if (l->signals >= 0)
		(void)close(l->signals);
	(void)close(l->epoll);
	free(l->watches);
	free(l);
}

static int make_room(struct loop *l, int fd)
{
	size_t n = l->n_watches > 0 ? l->n_watches : 16;
	struct watch *w;

	while (n <= (size_t)fd)
		n *= 2;
	if (n == l->n_watches)
		return 0;
	if ((w = reallocarray(l->watches, n, sizeof(*w))) == NULL)
		return -ENOMEM;
	memset(w + l->n_watches, 0, (n - l->n_watches) * sizeof(*w));
	l->watches = w;
	l->n_watches = n;
	return 0;
}

static uint64_t tag(const struct watch *w, int fd)
{
	return (uint64_t)w->generation << 32 | (uint32_t)fd;
}

int loop_add(struct loop *l, int fd, uint32_t events, loop_fn *fn, void *ctx)
{
	struct watch w = { .fn = fn, .ctx = ctx, .generation = ++l->generation };
	struct epoll_event e = { .events = events, .data.u64 = tag(&w, fd) };
	int rc = fd < 0 ? -EBADF : make_room(l, fd);

	if (rc < 0 || (rc = neg(epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e))) < 0)
		return rc;
	l->watches[fd] = w;
	return 0;
}

int loop_change(struct loop *l, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events };

	if (fd < 0 || (size_t)fd >= l->n_watches || l->watches[fd].fn == NULL)
		return -ENOENT;
	e.data.u64 = tag(&l->watches[fd], fd);
	return neg(epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &e));
}

void loop_remove(struct loop *l, int fd)
{
	if (fd < 0 || (size_t)fd >= l->n_watches || l->watches[fd].fn == NULL)
		return;
	(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
	l->watches[fd].fn = NULL;
}

static int timeout(uint64_t deadline)
{
	uint64_t now;

	if (deadline == UINT64_MAX)
		return -1;
	now = clock_ms();
	if (deadline <= now)
		return 0;
	return deadline - now > INT_MAX ? INT_MAX : (int)(deadline - now);
}

static void dispatch(struct loop *l, const struct epoll_event *e)
{
	int fd = (int)(uint32_t)e->data.u64;
	struct watch w = l->watches[fd];

	if (w.fn != NULL && tag(&w, fd) == e->data.u64)
		w.fn(w.ctx, fd, e->events);
}

int loop_run(struct loop *l, uint64_t (*deadline)(void *ctx),
	     void (*turn)(void *ctx, uint64_t now), void *ctx)
{
	struct epoll_event e[EVENTS_AT_ONCE];

	l->stop = false;
	while (!l->stop) {
		int wait_ms = deadline != NULL ? timeout(deadline(ctx)) : -1;
		int n = neg(epoll_wait(l->epoll, e, EVENTS_AT_ONCE, wait_ms));

		if (n < 0 && n != -EINTR)
			return n;
		for (int i = 0; i < n && !l->stop; i++)
			dispatch(l, &e[i]);
		if (turn != NULL)
			turn(ctx, clock_ms());
	}
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}

static void read_signal(void *ctx, int fd, uint32_t events)
{
	struct loop *l = ctx;
	struct signalfd_siginfo info;

	(void)events;
	while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		l->on_signal(l->on_signal_ctx, (int)info.ssi_signo);
}

int loop_signals(struct loop *l, const int *signals, int n,
		 void (*fn)(void *ctx, int signo), void *ctx)
{
	sigset_t set;
	int rc;

	if (l->signals >= 0)
		return -EALREADY;
	(void)sigemptyset(&set);
	for (int i = 0; i < n; i++)
		(void)sigaddset(&set, signals[i]);
	if ((rc = neg(sigprocmask(SIG_BLOCK, &set, NULL))) < 0)
		return rc;
	rc = l->signals = neg(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
	if (rc < 0)
		return rc;
	l->on_signal = fn;
	l->on_signal_ctx = ctx;
	return loop_add(l, l->signals, EPOLLIN, read_signal, l);
}
