/* A child of fieldcertd, with the test in the parent's place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/errors.h"
#include "cmd/fieldcertd/child.h"
#include "sys/chan.h"
#include "sys/clock.h"
#include "sys/log.h"

#define GOOD                                                                           \
	"secrets \"one\" { set = 1 kind = derived request = r confirm = c keybox = k " \
	"}\n"                                                                          \
	"issuer \"ca\" { certificate = c key = k }\n"

struct world {
	struct loop *loop;
	struct child child;
	struct chan *parent;
	int spare; /* what descriptor 3 was, or -1 */
	bool running;
	uint64_t deadline;
	/* what the role saw */
	unsigned secrets, sockets, peers, starts, firsts;
	char name[64], bytes[64];
	uint8_t kind, role;
	uint16_t listener, number;
	struct conf *conf;
	int secret_rc, start_rc, socket_rc;
};

static int on_secret(void *ctx, const struct ipc_secret *s, const char *name,
		     const uint8_t *bytes, size_t len, const struct conf *conf,
		     char why[CHILD_WHY_SIZE])
{
	struct world *w = ctx;

	assert_non_null(conf);
	w->secrets++;
	w->kind = s->kind;
	(void)snprintf(w->name, sizeof(w->name), "%s", name);
	(void)snprintf(w->bytes, sizeof(w->bytes), "%.*s", (int)len,
		       (const char *)bytes);
	if (w->secret_rc < 0)
		(void)snprintf(why, CHILD_WHY_SIZE, "a weak line");
	return w->secret_rc;
}

static int on_socket(void *ctx, const struct ipc_socket *s, int fd)
{
	struct world *w = ctx;

	w->sockets++;
	w->listener = s->listener;
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	(void)close(fd);
	return w->socket_rc;
}

static int on_peer(void *ctx, const struct ipc_peer *p, int fd)
{
	struct world *w = ctx;

	w->peers++;
	w->role = p->role;
	w->number = p->number;
	(void)close(fd);
	return 0;
}

static int on_start(void *ctx, struct conf *conf, bool first, char why[CHILD_WHY_SIZE])
{
	struct world *w = ctx;

	w->starts++;
	w->firsts += first;
	if (w->start_rc < 0) {
		(void)snprintf(why, CHILD_WHY_SIZE, "no luck");
		return w->start_rc;
	}
	conf_free(w->conf);
	w->conf = conf;
	return 0;
}

static const struct child_ops ops = {
	.secret = on_secret, .socket = on_socket, .peer = on_peer, .start = on_start
};
static const struct child_ops few_ops = { .secret = on_secret, .start = on_start };

static int set_up_with(void **state, const struct child_ops *o)
{
	static struct world w;
	int fd[2];

	w = (struct world){ .loop = loop_new(), .running = true };
	log_init("test", LOG_LEVEL_ERROR, 0);
	w.spare = fcntl(CHILD_FD, F_DUPFD_CLOEXEC, 100);
	if (w.loop == NULL || chan_pair(fd) < 0)
		return -1;
	if (dup2(fd[1], CHILD_FD) < 0 || close(fd[1]) < 0)
		return -1;
	w.parent = chan_new(fd[0], 1 << 20);
	*state = &w;
	return w.parent == NULL || child_init(&w.child, o, &w, w.loop) < 0;
}

static int reserve_3(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && fd < CHILD_FD)
		return reserve_3();
	return fd;
}

static int set_up(void **state)
{
	return set_up_with(state, &ops);
}

static int set_up_few(void **state)
{
	return set_up_with(state, &few_ops);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	chan_free(w->parent);
	conf_free(w->conf);
	loop_free(w->loop);
	child_release(&w->child);
	if (w->spare >= 0)
		(void)dup2(w->spare, CHILD_FD);
	return 0;
}

static uint64_t deadline(void *ctx)
{
	return ((struct world *)ctx)->deadline;
}

static void turn(void *ctx, uint64_t now)
{
	struct world *w = ctx;

	if (now >= w->deadline) {
		w->running = true; /* it was the clock that stopped it */
		loop_stop(w->loop);
	}
}

/* What the child does with all that was sent; true: it goes on. */
static bool goes_on(struct world *w)
{
	w->running = false;
	w->deadline = clock_ms() + 30;
	assert_int_equal(loop_run(w->loop, deadline, turn, w), 0);
	return w->running;
}

static void tell(struct world *w, const struct ipc_message *m, int fd)
{
	uint8_t buf[1024];
	struct out o = out_of(buf, sizeof(buf));

	ipc_build(&o, m);
	assert_false(o.full);
	assert_int_equal(chan_send(w->parent, buf, o.len, fd), 0);
}

static int memory_file(const char *text)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void tell_conf(struct world *w, const char *text)
{
	struct ipc_message m = { .type = IPC_CONF };
	int fd = memory_file(text);

	m.u.conf.path =
		(struct ipc_blob){ .p = (const uint8_t *)"/x/f.conf", .len = 9 };
	tell(w, &m, fd);
	(void)close(fd);
}

static void tell_secret(struct world *w, const char *bytes)
{
	struct ipc_message m = { .type = IPC_SECRET };
	int fd = memory_file(bytes);

	m.u.secret.kind = IPC_SECRET_CONFIRM;
	m.u.secret.name = (struct ipc_blob){ .p = (const uint8_t *)"one", .len = 3 };
	tell(w, &m, fd);
	(void)close(fd);
}

static void tell_start(struct world *w)
{
	struct ipc_message m = { .type = IPC_START };

	tell(w, &m, -1);
}

/* What the child said: READY, FAILED with its words in ret, or 0 for nothing. */
static int said(struct world *w, char ret[CHILD_WHY_SIZE])
{
	uint8_t buf[4096];
	struct ipc_message m;
	int fd = -1;
	int64_t n = chan_recv(w->parent, buf, sizeof(buf), &fd);

	if (n <= 0)
		return 0;
	assert_int_equal(fd, -1);
	assert_int_equal(ipc_parse(buf, (size_t)n, &m), 0);
	ret[0] = '\0';
	if (m.type == IPC_FAILED)
		(void)snprintf(ret, CHILD_WHY_SIZE, "%.*s", (int)m.u.failed.text.len,
			       (const char *)m.u.failed.text.p);
	return (int)m.type;
}

static void start_well(struct world *w)
{
	char why[CHILD_WHY_SIZE];

	tell_conf(w, GOOD);
	tell_secret(w, "s3cret");
	tell_start(w);
	assert_true(goes_on(w));
	assert_int_equal(said(w, why), IPC_READY);
}

static void test_start_with_all_that_came_before_it(void **state)
{
	struct world *w = *state;

	start_well(w);
	assert_int_equal(w->secrets, 1);
	assert_int_equal(w->kind, IPC_SECRET_CONFIRM);
	assert_string_equal(w->name, "one");
	assert_string_equal(w->bytes, "s3cret");
	assert_int_equal(w->starts, 1);
	assert_int_equal(w->firsts, 1);
	assert_string_equal(w->conf->path, "/x/f.conf");
	assert_int_equal(w->conf->n_secrets, 1);
}

static void test_nothing_counts_before_start(void **state)
{
	struct world *w = *state;
	char why[CHILD_WHY_SIZE];

	tell_conf(w, GOOD);
	tell_secret(w, "s3cret");
	assert_true(goes_on(w));
	assert_int_equal(w->starts, 0);
	assert_int_equal(said(w, why), 0);
}

static void test_a_reload_is_not_the_first_start(void **state)
{
	struct world *w = *state;
	char why[CHILD_WHY_SIZE];

	start_well(w);
	tell_conf(w, GOOD "class \"new\" { }\n");
	tell_start(w);
	assert_true(goes_on(w));
	assert_int_equal(said(w, why), IPC_READY);
	assert_int_equal(w->starts, 2);
	assert_int_equal(w->firsts, 1);
	assert_non_null(conf_class_by_name(w->conf, "new"));
}

/* The state from before stays whole, and a good one is taken afterwards. */
static void test_a_reload_that_fails_changes_nothing(void **state)
{
	struct world *w = *state;
	char why[CHILD_WHY_SIZE];

	start_well(w);
	tell_conf(w, "nonsense = 1\n");
	tell_secret(w, "other");
	tell_start(w);
	assert_true(goes_on(w));
	assert_int_equal(said(w, why), IPC_FAILED);
	assert_non_null(strstr(why, "nonsense"));
	assert_int_equal(w->starts, 1);
	assert_int_equal(w->secrets, 1); /* a secret of no known configuration */

	w->start_rc = -EINVAL;
	tell_conf(w, GOOD);
	tell_start(w);
	assert_true(goes_on(w));
	assert_int_equal(said(w, why), IPC_FAILED);
	assert_non_null(strstr(why, "no luck"));
	assert_int_equal(w->starts, 2);

	w->start_rc = 0;
	tell_conf(w, GOOD);
	tell_start(w);
	assert_true(goes_on(w));
	assert_int_equal(said(w, why), IPC_READY);
}

static void test_a_bad_secret_fails_the_start_with_its_reason(void **state)
{
	struct world *w = *state;
	char why[CHILD_WHY_SIZE];

	start_well(w);
	w->secret_rc = FC_EBAD;
	tell_conf(w, GOOD);
	tell_secret(w, "x");
	w->start_rc = 0;
	tell_start(w);
	assert_true(goes_on(w));
	assert_int_equal(said(w, why), IPC_FAILED);
	assert_string_equal(why, "one: a weak line");
	assert_int_equal(w->starts, 1);
	/* It is forgotten with the next state, also when no START came between. */
	tell_conf(w, GOOD);
	tell_secret(w, "x");
	assert_true(goes_on(w));
	w->secret_rc = 0;
	start_well(w);
}

static void test_the_first_start_failing_is_the_end(void **state)
{
	struct world *w = *state;
	char why[CHILD_WHY_SIZE];

	w->start_rc = -EACCES;
	tell_conf(w, GOOD);
	tell_start(w);
	assert_false(goes_on(w));
	assert_int_equal(said(w, why), IPC_FAILED);
}

static void test_start_without_a_configuration_fails(void **state)
{
	struct world *w = *state;
	char why[CHILD_WHY_SIZE];

	tell_start(w);
	assert_false(goes_on(w));
	assert_int_equal(said(w, why), IPC_FAILED);
	assert_int_equal(w->starts, 0);
}

static void test_sockets_and_peers_are_handed_on(void **state)
{
	struct world *w = *state;
	struct ipc_message m = { .type = IPC_SOCKET };

	m.u.socket.listener = 3;
	tell(w, &m, STDERR_FILENO);
	m = (struct ipc_message){ .type = IPC_PEER };
	m.u.peer.role = IPC_ROLE_SIGNER;
	m.u.peer.number = 7;
	tell(w, &m, STDERR_FILENO);
	assert_true(goes_on(w));
	assert_int_equal(w->sockets, 1);
	assert_int_equal(w->listener, 3);
	assert_int_equal(w->peers, 1);
	assert_int_equal(w->role, IPC_ROLE_SIGNER);
	assert_int_equal(w->number, 7);
	w->socket_rc = FC_EPROTO; /* the role finds it impossible */
	m = (struct ipc_message){ .type = IPC_SOCKET };
	tell(w, &m, STDERR_FILENO);
	assert_false(goes_on(w));
}

static void test_what_a_role_does_not_take_is_a_breach(void **state)
{
	struct world *w = *state;
	struct ipc_message m = { .type = IPC_SOCKET };

	tell(w, &m, STDERR_FILENO);
	assert_false(goes_on(w));
}

static void test_breaches_of_the_contract_end_it(void **state)
{
	struct world *w = *state;
	static const struct {
		enum ipc_type type;
		int fd;
	} cases[] = {
		{ IPC_CONF, -1 },
		{ IPC_SECRET, -1 },
		{ IPC_SOCKET, -1 },
		{ IPC_PEER, -1 },
		{ IPC_START, STDERR_FILENO },
		{ IPC_READY, -1 },
		{ IPC_FAILED, -1 },
		{ IPC_CONFIRM, -1 },
		{ IPC_TABLE, STDERR_FILENO },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ipc_message m = { .type = cases[i].type };

		if (m.type == IPC_CONF)
			m.u.conf.path = (struct ipc_blob){ .p = (const uint8_t *)"f",
							   .len = 1 };
		tell(w, &m, cases[i].fd);
		assert_false(goes_on(w));
	}
	assert_int_equal(chan_send(w->parent, "\xff\xff garbage", 10, -1), 0);
	assert_false(goes_on(w));
	assert_int_equal(chan_send(w->parent, "\x00\x01", 2, STDERR_FILENO), 0);
	assert_false(goes_on(w));
	assert_int_equal(w->starts + w->secrets + w->sockets + w->peers, 0);
}

static void test_the_parent_going_ends_it(void **state)
{
	struct world *w = *state;

	start_well(w);
	chan_free(w->parent);
	w->parent = NULL;
	assert_false(goes_on(w));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_start_with_all_that_came_before_it),
		T(test_nothing_counts_before_start),
		T(test_a_reload_is_not_the_first_start),
		T(test_a_reload_that_fails_changes_nothing),
		T(test_a_bad_secret_fails_the_start_with_its_reason),
		T(test_the_first_start_failing_is_the_end),
		T(test_start_without_a_configuration_fails),
		T(test_sockets_and_peers_are_handed_on),
		cmocka_unit_test_setup_teardown(
			test_what_a_role_does_not_take_is_a_breach, set_up_few,
			tear_down),
		T(test_breaches_of_the_contract_end_it),
		T(test_the_parent_going_ends_it),
	};

	/* Number 3 is the child's: nothing else of this program may have it. */
	if (reserve_3() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
