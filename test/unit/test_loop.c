#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "sys/clock.h"
#include "sys/loop.h"

struct world {
	struct loop *loop;
	int fd[2];
	unsigned calls[2], turns;
	uint64_t deadline, woke_at;
	int signo;
};

static int set_up(void **state)
{
	static struct world w;

	w = (struct world){ .loop = loop_new(), .deadline = UINT64_MAX };
	for (int i = 0; i < 2; i++)
		w.fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	*state = &w;
	return w.loop == NULL || w.fd[0] < 0 || w.fd[1] < 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	loop_free(w->loop);
	for (int i = 0; i < 2; i++)
		(void)close(w->fd[i]);
	return 0;
}

static void ring(int fd)
{
	uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static uint64_t deadline(void *ctx)
{
	return ((struct world *)ctx)->deadline;
}

static void stop_at_deadline(void *ctx, uint64_t now)
{
	struct world *w = ctx;

	w->turns++;
	w->woke_at = now;
	if (now >= w->deadline)
		loop_stop(w->loop);
}

static void run_for(struct world *w, uint64_t ms)
{
	w->deadline = clock_ms() + ms;
	assert_int_equal(loop_run(w->loop, deadline, stop_at_deadline, w), 0);
}

static void test_deadline_wakes_when_it_has_passed_and_not_before(void **state)
{
	struct world *w = *state;
	uint64_t begin = clock_ms();

	run_for(w, 50);
	assert_true(w->woke_at >= begin + 50);
	assert_true(w->woke_at < begin + 5000);
	assert_true(w->turns <= 3); /* it slept, and did not poll */
}

static void test_deadline_in_the_past_does_not_wait(void **state)
{
	struct world *w = *state;

	uint64_t begin = clock_ms();

	w->deadline = 1;
	for (unsigned i = 1; i <= 20; i++) {
		assert_int_equal(loop_run(w->loop, deadline, stop_at_deadline, w), 0);
		assert_int_equal(w->turns, i);
	}
	assert_true(clock_ms() < begin + 1000); /* twenty times without a wait */
}

static void count(void *ctx, int fd, uint32_t events)
{
	struct world *w = ctx;
	uint64_t n;

	assert_true((events & EPOLLIN) != 0);
	assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
	w->calls[fd == w->fd[1]]++;
}

static void test_each_descriptor_has_its_own_callback(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_add(w->loop, w->fd[0], EPOLLIN, count, w), 0);
	assert_int_equal(loop_add(w->loop, w->fd[1], EPOLLIN, count, w), 0);
	ring(w->fd[1]);
	run_for(w, 20);
	assert_int_equal(w->calls[0], 0);
	assert_int_equal(w->calls[1], 1);
	assert_int_not_equal(loop_add(w->loop, w->fd[0], EPOLLIN, count, w), 0);
	assert_int_not_equal(loop_add(w->loop, -1, EPOLLIN, count, w), 0);
}

/* Both are ready; whoever comes first removes the other one, which must then not
 * be called any more, also when its number was given to a new descriptor. */
static void remove_other(void *ctx, int fd, uint32_t events)
{
	struct world *w = ctx;
	int other = w->fd[fd == w->fd[0]];

	count(ctx, fd, events);
	loop_remove(w->loop, other);
	assert_int_equal(loop_add(w->loop, other, EPOLLIN, count, w), 0);
	loop_remove(w->loop, other);
	loop_remove(w->loop, other); /* twice does no harm */
}

static void test_removed_in_the_same_turn_is_not_called(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_add(w->loop, w->fd[0], EPOLLIN, remove_other, w), 0);
	assert_int_equal(loop_add(w->loop, w->fd[1], EPOLLIN, remove_other, w), 0);
	ring(w->fd[0]);
	ring(w->fd[1]);
	run_for(w, 20);
	assert_int_equal(w->calls[0] + w->calls[1], 1);
}

static void stop_loop(void *ctx, int fd, uint32_t events)
{
	struct world *w = ctx;

	count(ctx, fd, events);
	loop_stop(w->loop);
}

static void test_nothing_is_called_after_the_stop(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_add(w->loop, w->fd[0], EPOLLIN, stop_loop, w), 0);
	assert_int_equal(loop_add(w->loop, w->fd[1], EPOLLIN, stop_loop, w), 0);
	ring(w->fd[0]);
	ring(w->fd[1]);
	run_for(w, 1000);
	assert_int_equal(w->calls[0] + w->calls[1], 1);
}

/* The same, but watched anew within the turn: the event that is still in the batch
 * was for the one before. */
static void replace_other(void *ctx, int fd, uint32_t events)
{
	struct world *w = ctx;
	int k = fd == w->fd[0], other = w->fd[k], fresh;

	count(ctx, fd, events);
	if (w->calls[0] + w->calls[1] > 1)
		return;
	loop_remove(w->loop, other);
	fresh = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); /* nothing to read in it */
	assert_int_equal(dup2(fresh, other), other);
	(void)close(fresh);
	assert_int_equal(loop_add(w->loop, other, EPOLLIN, replace_other, w), 0);
}

static void test_event_of_a_predecessor_under_the_same_number_is_dropped(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_add(w->loop, w->fd[0], EPOLLIN, replace_other, w), 0);
	assert_int_equal(loop_add(w->loop, w->fd[1], EPOLLIN, replace_other, w), 0);
	ring(w->fd[0]);
	ring(w->fd[1]);
	run_for(w, 20);
	assert_int_equal(w->calls[0] + w->calls[1], 1);
}

static void note_writable(void *ctx, int fd, uint32_t events)
{
	struct world *w = ctx;

	if ((events & EPOLLOUT) != 0) {
		w->calls[0]++;
		assert_int_equal(loop_change(w->loop, fd, EPOLLIN), 0);
	}
}

static void test_change_of_interest(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_add(w->loop, w->fd[0], EPOLLIN, note_writable, w), 0);
	run_for(w, 20);
	assert_int_equal(w->calls[0], 0);
	assert_int_equal(loop_change(w->loop, w->fd[0], EPOLLIN | EPOLLOUT), 0);
	run_for(w, 20);
	assert_int_equal(w->calls[0], 1);
	assert_int_not_equal(loop_change(w->loop, w->fd[1], EPOLLIN), 0);
}

static void on_signal(void *ctx, int signo)
{
	struct world *w = ctx;

	w->signo = signo;
	w->calls[0]++;
}

static void test_signals_are_events(void **state)
{
	struct world *w = *state;
	static const int signals[] = { SIGUSR1, SIGUSR2 };

	assert_int_equal(loop_signals(w->loop, signals, 2, on_signal, w), 0);
	assert_int_equal(raise(SIGUSR2), 0); /* blocked: it does not kill us */
	run_for(w, 20);
	assert_int_equal(w->calls[0], 1);
	assert_int_equal(w->signo, SIGUSR2);
	assert_int_not_equal(loop_signals(w->loop, signals, 1, on_signal, w), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_deadline_wakes_when_it_has_passed_and_not_before),
		T(test_deadline_in_the_past_does_not_wait),
		T(test_each_descriptor_has_its_own_callback),
		T(test_removed_in_the_same_turn_is_not_called),
		T(test_nothing_is_called_after_the_stop),
		T(test_event_of_a_predecessor_under_the_same_number_is_dropped),
		T(test_change_of_interest),
		T(test_signals_are_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
