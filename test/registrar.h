/* A whole registrar in a process of its own, and the test in the places of its parent,
 * a front, a signer and fieldcertctl.
 *
 * Nothing waits longer than WAIT_MS; a test that fails leaves no process behind, since
 * the registrar ends with its channel. */
#ifndef TEST_REGISTRAR_H
#define TEST_REGISTRAR_H

#include "pki.h"
#include "scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "cmd/fieldcertd/child.h"
#include "core/devtable.h"
#include "core/issue.h"
#include "crypto/authcode.h"
#include "store/store.h"
#include "sys/chan.h"
#include "sys/jail.h"
#include "sys/log.h"
#include "wire/certfile.h"
#include "wire/control.h"
#include "wire/ipc.h"

enum { WAIT_MS = 10000, QUIET_MS = 150, QUEUE_MAX = 1 << 20 };

struct world {
	struct scratch scratch;
	const char *conf_text;
	char db[128], control[128];
	pid_t pid;
	struct chan *parent, *front, *signer;
	struct pki pki;
	struct devtable table; /* the front's mapping */
	uint64_t ref;
	uint8_t in[IPC_MESSAGE_MAX];
	struct ipc_message got;
};

static struct world w;

/* ---- messages ----------------------------------------------------------- */

static void send_to(struct chan *c, const struct ipc_message *m, int fd)
{
	static uint8_t bytes[IPC_MESSAGE_MAX];
	struct out o = out_of(bytes, sizeof(bytes));

	ipc_build(&o, m);
	assert_false(o.full);
	assert_int_equal(chan_send(c, bytes, o.len, fd), 0);
}

/* false: nothing came in that time. */
static bool next_from(struct chan *c, int wait_ms, int *ret_fd)
{
	struct pollfd p = { .fd = chan_fd(c), .events = POLLIN };
	int64_t n;
	int fd = -1;

	if (poll(&p, 1, wait_ms) == 0)
		return false;
	n = chan_recv(c, w.in, sizeof(w.in), &fd);
	if (n <= 0)
		fail_msg("the registrar has gone");
	assert_int_equal(ipc_parse(w.in, (size_t)n, &w.got), 0);
	if (ret_fd)
		*ret_fd = fd;
	else if (fd >= 0)
		(void)close(fd);
	return true;
}

static void expect(struct chan *c, enum ipc_type type)
{
	if (!next_from(c, WAIT_MS, NULL))
		fail_msg("no message of type %d came", (int)type);
	if (w.got.type != type)
		fail_msg("message %d, not %d", (int)w.got.type, (int)type);
}

static void expect_quiet(struct chan *c)
{
	if (next_from(c, QUIET_MS, NULL))
		fail_msg("message %d where none should come", (int)w.got.type);
}

/* ---- the process --------------------------------------------------------------------
 */

static struct chan *send_peer(enum ipc_role role, uint16_t number)
{
	struct ipc_message m = { .type = IPC_PEER };
	struct chan *mine;
	int fd[2];

	m.u.peer.role = (uint8_t)role;
	m.u.peer.number = number;
	assert_int_equal(chan_pair(fd), 0);
	mine = chan_new(fd[0], QUEUE_MAX);
	assert_non_null(mine);
	send_to(w.parent, &m, fd[1]);
	(void)close(fd[1]);
	return mine;
}

static void send_conf(void)
{
	char text[4096], path[] = "/nowhere/fieldcertd.conf";
	struct ipc_message m = { .type = IPC_CONF };
	int fd = memfd_create("conf", MFD_CLOEXEC);
	int n = snprintf(text, sizeof(text), "database = %s\ncontrol = %s\n%s", w.db,
			 w.control, w.conf_text);

	assert_true(fd >= 0 && n > 0 && (size_t)n < sizeof(text));
	assert_int_equal(write(fd, text, (size_t)n), n);
	m.u.conf.path = (struct ipc_blob){ (const uint8_t *)path, strlen(path) };
	send_to(w.parent, &m, fd);
	(void)close(fd);
	m = (struct ipc_message){ .type = IPC_START };
	send_to(w.parent, &m, -1);
}

static void take_table(void)
{
	off_t size;
	void *map;
	int fd = -1;

	assert_true(next_from(w.front, WAIT_MS, &fd));
	assert_int_equal(w.got.type, IPC_TABLE);
	size = lseek(fd, 0, SEEK_END);
	map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	/* nobody else can write to it (ARCHITECTURE.md: a sealed memfd) */
	assert_ptr_equal(
		mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
		MAP_FAILED);
	(void)close(fd);
	if (w.table.base)
		(void)munmap(w.table.base, w.table.size);
	assert_int_equal(devtable_attach(map, (size_t)size, &w.table), 0);
}

static void announce(bool ready)
{
	struct ipc_message m = { .type = IPC_ISSUER_IS };

	m.u.issuer_is.name = (struct ipc_blob){ (const uint8_t *)"ca", 2 };
	if (ready)
		m.u.issuer_is.cert = (struct ipc_blob){ w.pki.manufacturer_cert.der,
							w.pki.manufacturer_cert.len };
	send_to(w.signer, &m, -1);
}

static void run_registrar(int fd)
{
	struct child c = { .who = "registrar" };

	(void)signal(SIGXFSZ, SIG_IGN); /* the tests' full disk */
	log_init("registrar", LOG_LEVEL_ERROR, 0);
	/* as spawn_main does: without it Landlock is for root alone */
	if (dup2(fd, CHILD_FD) < 0 || jail_no_core() < 0)
		_exit(1);
	_exit(registrar_main(&c));
}

/* Up to READY; the signer has said nothing yet. */
static void start_silent(void)
{
	int fd[2];

	assert_int_equal(chan_pair(fd), 0);
	w.pid = fork();
	assert_true(w.pid >= 0);
	if (w.pid == 0) {
		(void)close(fd[0]);
		run_registrar(fd[1]);
	}
	(void)close(fd[1]);
	w.parent = chan_new(fd[0], QUEUE_MAX);
	w.front = send_peer(IPC_ROLE_FRONT, 0);
	w.signer = send_peer(IPC_ROLE_SIGNER, 0);
	send_conf();
	expect(w.parent, IPC_READY);
	take_table();
}

static void start(void)
{
	start_silent();
	announce(true);
}

static void forget_channels(void)
{
	chan_free(w.parent);
	chan_free(w.front);
	chan_free(w.signer);
	w.parent = w.front = w.signer = NULL;
}

static void kill_it(void)
{
	int status;

	assert_int_equal(kill(w.pid, SIGKILL), 0);
	assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
	forget_channels();
	w.pid = 0;
}

static void end_it(void)
{
	int status;

	forget_channels();
	assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	w.pid = 0;
}

/* ---- the front ---------------------------------------------------------------------
 */

static const struct ipc_addr here = {
	.ip = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 }, .port = 1069
};
static const struct ipc_addr elsewhere = {
	.ip = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 9 }, .port = 1069
};

static void send_ask(const struct mac *mac, uint8_t set)
{
	struct ipc_message m = { .type = IPC_ASK };

	m.u.ask.ref = ++w.ref;
	m.u.ask.mac = *mac;
	memcpy(m.u.ask.type, "CM", 2);
	m.u.ask.set = set;
	m.u.ask.peer = here;
	send_to(w.front, &m, -1);
}

static enum ipc_verdict verdict(void)
{
	expect(w.front, IPC_ANSWER);
	assert_int_equal(w.got.u.answer.ref, w.ref);
	return (enum ipc_verdict)w.got.u.answer.verdict;
}

static enum ipc_verdict ask(void)
{
	send_ask(&pki_mac, 1);
	return verdict();
}

static enum ipc_verdict confirm(bool bound)
{
	struct ipc_message m = { .type = IPC_CONFIRM };

	m.u.confirm.ref = ++w.ref;
	m.u.confirm.mac = pki_mac;
	m.u.confirm.bound = bound;
	m.u.confirm.peer = here;
	send_to(w.front, &m, -1);
	return verdict();
}

static enum ipc_verdict report(uint8_t number, const struct ipc_addr *peer)
{
	struct ipc_message m = { .type = IPC_REPORT };

	m.u.report.ref = ++w.ref;
	m.u.report.mac = pki_mac;
	m.u.report.number = number;
	m.u.report.peer = *peer;
	send_to(w.front, &m, -1);
	return verdict();
}

static void delivered(uint32_t epoch)
{
	struct ipc_message m = { .type = IPC_DELIVERED };

	m.u.delivered.mac = pki_mac;
	m.u.delivered.epoch = epoch;
	m.u.delivered.peer = here;
	send_to(w.front, &m, -1);
}

/* ---- the signer: what it was sent, and honest answers to it ------------- */

struct planned {
	struct ipc_plan plan;
	uint8_t spki[IPC_SPKI_MAX], tbs[IPC_CERT_MAX];
	size_t spki_len, tbs_len;
	bool made_key;
};

struct to_sign {
	struct ipc_sign sign;
	uint8_t tbs[IPC_CERT_MAX];
	size_t tbs_len;
};

static struct pki_key made_key; /* what "the signer makes" */

static void expect_plan(struct planned *ret)
{
	expect(w.signer, IPC_PLAN);
	ret->plan = w.got.u.plan;
	ret->made_key = w.got.u.plan.spki.len == 0;
	ret->spki_len = ret->made_key ? made_key.spki_len : w.got.u.plan.spki.len;
	memcpy(ret->spki, ret->made_key ? made_key.spki : w.got.u.plan.spki.p,
	       ret->spki_len);
}

static void send_planned(struct planned *p)
{
	static const uint8_t wrapped[] = "the key, wrapped";
	struct ipc_message m = { .type = IPC_PLANNED };
	struct pki_key key = { .spki_len = p->spki_len };
	const char *why = NULL;
	struct x509_values v;

	memcpy(key.spki, p->spki, p->spki_len);
	v = pki_values(&w.pki, &key);
	v.mac = p->plan.mac;
	v.not_before = p->plan.not_before;
	v.not_after = p->plan.not_after;
	memcpy(v.cert_serial, p->plan.cert_serial, sizeof(v.cert_serial));
	if (x509_build_device(&pki_profile, &v, w.pki.manufacturer, p->tbs,
			      sizeof(p->tbs), &p->tbs_len, &why))
		fail_msg("plan refused: %s", why);
	m.u.planned.job = p->plan.job;
	m.u.planned.tbs = (struct ipc_blob){ p->tbs, p->tbs_len };
	memset(m.u.planned.seal, 7, sizeof(m.u.planned.seal));
	m.u.planned.spki = (struct ipc_blob){ p->spki, p->spki_len };
	if (p->made_key)
		m.u.planned.wrapped = (struct ipc_blob){ wrapped, sizeof(wrapped) };
	m.u.planned.issuer = (struct ipc_blob){ (const uint8_t *)"ca", 2 };
	send_to(w.signer, &m, -1);
}

static void expect_sign(struct to_sign *ret)
{
	expect(w.signer, IPC_SIGN);
	ret->sign = w.got.u.sign;
	ret->tbs_len = w.got.u.sign.tbs.len;
	memcpy(ret->tbs, w.got.u.sign.tbs.p, ret->tbs_len);
}

static void send_signed(const struct to_sign *t, const uint8_t *tbs, size_t tbs_len)
{
	static const uint8_t keybox[100] = { CERTKEY_VERSION, 1 };
	struct ipc_message m = { .type = IPC_SIGNED };
	struct pki_cert cert;

	pki_sign(w.pki.manufacturer, tbs, tbs_len, &cert);
	m.u.signed_.job = t->sign.job;
	m.u.signed_.cert = (struct ipc_blob){ cert.der, cert.len };
	if (t->sign.wrapped.len > 0)
		m.u.signed_.keybox = (struct ipc_blob){ keybox, sizeof(keybox) };
	send_to(w.signer, &m, -1);
}

static void refuse_plan(uint64_t job, int32_t rc, const char *text)
{
	struct ipc_message m = { .type = IPC_PLANNED };

	m.u.planned.job = job;
	m.u.planned.rc = rc;
	m.u.planned.text = (struct ipc_blob){ (const uint8_t *)text, strlen(text) };
	send_to(w.signer, &m, -1);
}

static void refuse_sign(uint64_t job, int32_t rc, const char *text)
{
	struct ipc_message m = { .type = IPC_SIGNED };

	m.u.signed_.job = job;
	m.u.signed_.rc = rc;
	m.u.signed_.text = (struct ipc_blob){ (const uint8_t *)text, strlen(text) };
	send_to(w.signer, &m, -1);
}

/* ---- fieldcertctl ------------------------------------------------------- */

static struct control_message control_reply;

static void control(const struct control_message *m)
{
	static uint8_t bytes[CONTROL_MESSAGE_MAX];
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct out o = out_of(bytes, sizeof(bytes));
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ssize_t n;

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%.100s", w.control);
	assert_int_equal(connect(fd, (const struct sockaddr *)&un, sizeof(un)), 0);
	control_build(&o, m);
	assert_int_equal(send(fd, bytes, o.len, 0), o.len);
	n = recv(fd, bytes, sizeof(bytes), 0);
	assert_true(n > 0);
	(void)close(fd);
	assert_int_equal(control_parse(bytes, (size_t)n, &control_reply), 0);
}

static void control_change(const struct control_message *m)
{
	control(m);
	assert_int_equal(control_reply.type, CONTROL_DONE);
	assert_int_equal(control_reply.u.done.rc, 0);
}

static void add_device(const struct mac *mac)
{
	static struct control_message m;

	memset(&m, 0, sizeof(m));
	m.type = CONTROL_DEVICES;
	m.u.devices.n = 1;
	m.u.devices.rows[0].mac = *mac;
	m.u.devices.rows[0].serial = (struct ipc_blob){ (const uint8_t *)"J09", 3 };
	control_change(&m);
}

static void reset_device(void)
{
	struct control_message m = { .type = CONTROL_RESET };

	m.u.reset.mac = pki_mac;
	control_change(&m);
}

static void deny_device(bool deny)
{
	struct control_message m = { .type = CONTROL_ACCESS };

	m.u.access.mac = pki_mac;
	m.u.access.deny = deny;
	control_change(&m);
}

/* ---- the database, as another program reads it -------------------------- */

static struct store_device device(void)
{
	struct store_device d;
	struct store *s;

	assert_int_equal(store_open(w.db, STORE_READ, &s), 0);
	assert_int_equal(store_device_get(s, &pki_mac, &d), 0);
	store_close(s);
	return d;
}

static int count_cert(void *ctx, const struct store_cert *c)
{
	(void)c;
	++*(unsigned *)ctx;
	return 0;
}

static unsigned certs(enum cert_state state)
{
	struct store *s;
	unsigned n = 0;

	assert_int_equal(store_open(w.db, STORE_READ, &s), 0);
	assert_int_equal(store_cert_each(s, (int)state, count_cert, &n), 0);
	store_close(s);
	return n;
}

static unsigned queued(void)
{
	struct store *s;
	uint64_t n = 0;

	assert_int_equal(store_open(w.db, STORE_READ, &s), 0);
	assert_int_equal(store_queue_count(s, &n), 0);
	store_close(s);
	return (unsigned)n;
}

static uint64_t errors_of(unsigned number)
{
	struct store *s;
	uint64_t n[15];

	assert_int_equal(store_open(w.db, STORE_READ, &s), 0);
	assert_int_equal(store_error_counts(s, NULL, n), 0);
	store_close(s);
	return n[number];
}

static int add_kind(void *ctx, const struct store_event *e)
{
	char *text = ctx;
	size_t n = strlen(text);

	(void)snprintf(text + n, 256 - n, "%s ", e->kind);
	return 0;
}

/* What happened to the device, the latest first. */
static const char *events(void)
{
	static char text[256];
	struct store *s;

	text[0] = '\0';
	assert_int_equal(store_open(w.db, STORE_READ, &s), 0);
	assert_int_equal(store_event_each(s, &pki_mac, 0, add_kind, text), 0);
	store_close(s);
	return text;
}

/* The registrar has nothing more to answer: wait until it has committed. */
static void wait_for_state(enum device_state want)
{
	for (int i = 0; i < WAIT_MS / 5; i++) {
		if (device().state == want)
			return;
		(void)poll(NULL, 0, 5);
	}
	fail_msg("still %s, not %s", device_state_name(device().state),
		 device_state_name(want));
}

static void wait_for_reason(const char *want)
{
	for (int i = 0; i < WAIT_MS / 5; i++) {
		if (strstr(device().waiting, want))
			return;
		(void)poll(NULL, 0, 5);
	}
	fail_msg("\"%s\" is not in \"%s\"", want, device().waiting);
}

/* ---- whole ways --------------------------------------------------------- */

/* Asked once, made, and there. */
static void issue_one(void)
{
	struct planned p;
	struct to_sign t;

	(void)ask();
	expect_plan(&p);
	send_planned(&p);
	expect_sign(&t);
	send_signed(&t, t.tbs, t.tbs_len);
	wait_for_state(DEVICE_ISSUED);
}

#endif
