/* The front: the one process that strangers can reach.
 *
 * Datagrams go in batches to core/desk, names to frontauth, and what is right to
 * the registrar, by number.  All it holds is secret1 and secret2, the device table
 * (read-only) and the desk's memory; it has no file and no way to open one.
 *
 * Nothing here must survive: the parent starts a new one, clients repeat. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/errors.h"
#include "cmd/fieldcertd/child.h"
#include "cmd/fieldcertd/frontauth.h"
#include "cmd/fieldcertd/frontlog.h"
#include "cmd/fieldcertd/frontnet.h"
#include "core/desk.h"
#include "core/devtable.h"
#include "sys/chan.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/neg.h"
#include "sys/rng.h"
#include "sys/udp.h"

/* Beside the base list of sys/jail. */
static const int front_syscalls[] = { SYS_recvmmsg, SYS_sendmmsg };

enum {
	REGISTRAR_QUEUE_MAX = 1 << 20,
	REGISTRAR_AT_ONCE = 256, /* messages read before datagrams have their turn */
	COUNTERS_MS = 1000,
	SECRET_BITS_MIN = 128
};

static_assert((int)CHILD_WHY_SIZE == (int)FRONTAUTH_WHY_SIZE, "handed through");

struct front {
	struct child *child;
	struct frontauth *auth;
	struct conf *conf; /* in force; NULL before the first start */
	struct desk desk;
	uint32_t n_slots;
	struct frontnet net;
	struct frontlog log;

	struct chan *registrar;
	bool registrar_waits; /* for EPOLLOUT */
	uint8_t *message;     /* IPC_MESSAGE_MAX */
	const void *table;    /* mapped; NULL: none yet */
	size_t table_size;

	uint64_t told[DESK_COUNTERS]; /* counters as the registrar knows them */
	uint64_t tell_at;             /* ms */
};

/* ---- to the registrar --------------------------------------------------------- */

static void registrar_lost(struct front *f, const char *why)
{
	log_warning("event=registrar-lost why=\"%s\"", why);
	loop_remove(f->child->loop, chan_fd(f->registrar));
	chan_free(f->registrar);
	f->registrar = NULL;
}

/* What can't be sent is as good as unanswered: the slot's deadline sees to it. */
static void tell(struct front *f, const struct ipc_message *m)
{
	uint8_t bytes[16 + 8 * IPC_COUNTERS_MAX];
	struct out o = out_of(bytes, sizeof(bytes));
	int rc;

	if (!f->registrar)
		return;
	ipc_build(&o, m);
	if (o.full)
		return;
	rc = chan_send(f->registrar, bytes, o.len, -1);
	if (rc == -EPIPE)
		registrar_lost(f, "closed");
}

static struct ipc_addr ipc_addr_of(const struct desk_addr *a)
{
	struct ipc_addr r = { .port = a->port };

	memcpy(r.ip, a->ip, sizeof(r.ip));
	return r;
}

static void tell_end(struct front *f, const struct desk_end *e)
{
	struct ipc_message m = { .type = IPC_DELIVERED };

	m.u.delivered.mac = e->mac;
	m.u.delivered.epoch = e->epoch;
	m.u.delivered.peer = ipc_addr_of(&e->peer);
	tell(f, &m);
}

static void tell_ask(struct front *f, const struct desk_todo *t)
{
	struct ipc_message m = { .type = IPC_ASK };

	m.u.ask.ref = t->ref;
	m.u.ask.mac = t->name.mac;
	memcpy(m.u.ask.type, t->name.type, sizeof(m.u.ask.type));
	m.u.ask.set = t->set;
	m.u.ask.peer = ipc_addr_of(&t->way.peer);
	tell(f, &m);
}

static void tell_digest(struct front *f, const struct desk_todo *t)
{
	struct ipc_message m = { .type = IPC_DIGEST };

	m.u.digest.ref = t->ref;
	m.u.digest.mac = t->name.mac;
	tell(f, &m);
}

static void tell_confirm(struct front *f, const struct desk_todo *t)
{
	struct ipc_message m = { .type = IPC_CONFIRM };

	m.u.confirm.ref = t->ref;
	m.u.confirm.mac = t->name.mac;
	m.u.confirm.bound = t->bound;
	m.u.confirm.peer = ipc_addr_of(&t->way.peer);
	tell(f, &m);
}

static void tell_report(struct front *f, const struct desk_todo *t)
{
	struct ipc_message m = { .type = IPC_REPORT };

	m.u.report.ref = t->ref;
	m.u.report.mac = t->name.mac;
	m.u.report.number = t->name.error;
	m.u.report.peer = ipc_addr_of(&t->way.peer);
	tell(f, &m);
}

static void tell_counters(struct front *f, uint64_t now)
{
	struct ipc_message m = { .type = IPC_COUNTERS };

	if (now < f->tell_at || !f->registrar ||
	    memcmp(f->told, f->desk.counters, sizeof(f->told)) == 0)
		return;
	m.u.counters.n = DESK_COUNTERS;
	memcpy(m.u.counters.v, f->desk.counters, sizeof(f->desk.counters));
	memcpy(f->told, f->desk.counters, sizeof(f->told));
	f->tell_at = now + COUNTERS_MS;
	tell(f, &m);
}

/* ---- what the desk says ------------------------------------------------------ */

static void send_reply(struct front *f, const struct desk_todo *t)
{
	struct udp_packet *p = frontnet_packet(&f->net, &t->way);

	memcpy(p->p, t->reply, t->reply_len);
	p->len = t->reply_len;
	frontnet_put(&f->net, &t->way);
}

static void send_transfer(struct front *f, const struct desk_todo *t)
{
	for (;;) {
		struct udp_packet *p = frontnet_packet(&f->net, &t->way);
		struct out o = out_of(p->p, f->net.packet_size);

		if (!desk_packet(&f->desk, t->slot, &o))
			return;
		p->len = o.len;
		frontnet_put(&f->net, &t->way);
	}
}

static void authenticate(struct front *f, struct desk_todo *t, uint64_t now)
{
	uint8_t set = 0;
	enum desk_judgement j =
		frontauth_judge(f->auth, &t->name, t->digest, t->digest_missing, &set);

	desk_judge(&f->desk, t, j, set, now);
}

static void carry_out(struct front *f, struct desk_todo *t, uint64_t now)
{
	if (t->act == DESK_AUTHENTICATE)
		authenticate(f, t, now);
	if (t->end.why != DESK_END_NONE) {
		frontlog_end(&f->log, &t->end, now);
		if (t->end.why == DESK_END_DELIVERED ||
		    t->end.why == DESK_END_CONFIRMED)
			tell_end(f, &t->end);
	}
	if (t->remark != DESK_COUNTERS)
		frontlog_remark(&f->log, t, now);

	switch (t->act) {
	case DESK_REPLY:
		send_reply(f, t);
		break;
	case DESK_SEND:
		send_transfer(f, t);
		break;
	case DESK_ASK:
		tell_ask(f, t);
		break;
	case DESK_DIGEST:
		tell_digest(f, t);
		break;
	case DESK_CONFIRM:
		tell_confirm(f, t);
		break;
	case DESK_REPORT:
		tell_report(f, t);
		break;
	case DESK_AUTHENTICATE:
	case DESK_NOTHING:
		break;
	}
}

static void on_datagram(void *ctx, const struct desk_way *way, const void *p,
			size_t len, bool truncated, uint64_t now)
{
	struct front *f = ctx;
	struct desk_todo t;

	desk_datagram(&f->desk, way, p, len, truncated, now, &t);
	carry_out(f, &t, now);
}

/* ---- what the registrar says --------------------------------------------------- */

static int listen_now(struct front *f)
{
	return f->conf && f->table ? frontnet_listen(&f->net, f->child->loop) : 0;
}

/* Map the new table, then let go of the old.  It can't shrink under us. */
static int change_table(struct front *f, int fd)
{
	struct devtable t;
	struct stat st;
	const void *p;
	int seals = fcntl(fd, F_GET_SEALS), rc;
	size_t size;

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 ||
	    st.st_size <= 0)
		return FC_EPROTO;
	size = (size_t)st.st_size;
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	if ((rc = devtable_attach(p, size, &t)) < 0) {
		(void)munmap((void *)(uintptr_t)p, size);
		return rc;
	}
	frontauth_table(f->auth, &t);
	if (f->table)
		(void)munmap((void *)(uintptr_t)f->table, f->table_size);
	f->table = p;
	f->table_size = size;
	log_info("event=table devices=%" PRIu32 " bytes=%zu", devtable_count(&t), size);
	return listen_now(f);
}

static int on_registrar_message(struct front *f, size_t len, int fd, uint64_t now)
{
	struct ipc_message m;
	struct desk_todo t;
	int rc = ipc_parse(f->message, len, &m);

	if (rc < 0)
		return rc;
	if (m.type == IPC_TABLE)
		return fd < 0 ? FC_EPROTO : change_table(f, fd);
	if (fd >= 0 || !f->conf)
		return FC_EPROTO;
	if (m.type == IPC_ANSWER)
		desk_answer(&f->desk, &m.u.answer, now, &t);
	else if (m.type == IPC_DIGEST_IS)
		desk_digest(&f->desk, &m.u.digest_is, &t);
	else
		return FC_EPROTO;
	carry_out(f, &t, now);
	return 0;
}

static void on_registrar(void *ctx, int chan, uint32_t events)
{
	struct front *f = ctx;
	uint64_t now = clock_ms();

	(void)chan;
	if (events & EPOLLOUT && chan_flush(f->registrar) == -EPIPE) {
		registrar_lost(f, "closed");
		return;
	}
	for (int i = 0; i < REGISTRAR_AT_ONCE && f->registrar; i++) {
		int fd = -1, rc;
		int64_t n = chan_recv(f->registrar, f->message, IPC_MESSAGE_MAX, &fd);

		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			registrar_lost(f, n == 0 ? "closed" : neg_text((int)n));
			return;
		}
		rc = on_registrar_message(f, (size_t)n, fd, now);
		if (rc < 0 && frontlog_allowed(&f->log, now))
			log_error("event=registrar-message error=\"%s\"", neg_text(rc));
		if (fd >= 0)
			(void)close(fd);
	}
}

static int on_peer(void *ctx, const struct ipc_peer *p, int fd)
{
	struct front *f = ctx;
	struct chan *c;
	int rc;

	if (p->role != IPC_ROLE_REGISTRAR) {
		(void)close(fd);
		return FC_EPROTO;
	}
	if (f->registrar)
		registrar_lost(f, "replaced");
	if (!(c = chan_new(fd, REGISTRAR_QUEUE_MAX)))
		return -ENOMEM;
	if ((rc = loop_add(f->child->loop, fd, EPOLLIN, on_registrar, f)) < 0) {
		chan_free(c);
		return rc;
	}
	f->registrar = c;
	f->registrar_waits = false;
	memset(f->told, 0xff, sizeof(f->told)); /* it knows nothing */
	return 0;
}

/* ---- what the parent says ------------------------------------------------------ */

static int on_secret(void *ctx, const struct ipc_secret *s, const char *name,
		     const uint8_t *bytes, size_t len, const struct conf *conf,
		     char why[CHILD_WHY_SIZE])
{
	struct front *f = ctx;
	unsigned bits;
	int rc = frontauth_secret(f->auth, conf, s, name, bytes, len, why, &bits);

	if (rc == 0 && bits < SECRET_BITS_MIN)
		log_warning("event=weak-secret file=\"%s\" bits=%u advised=%u", name,
			    bits, (unsigned)SECRET_BITS_MIN);
	return rc;
}

static int on_socket(void *ctx, const struct ipc_socket *s, int fd)
{
	struct front *f = ctx;

	if (f->conf) { /* only before the first start */
		(void)close(fd);
		return FC_EPROTO;
	}
	return frontnet_add(&f->net, s, fd);
}

static struct desk_limits limits_of(const struct conf *c)
{
	return (struct desk_limits){ .xfer = { .blksize_max = c->blksize_max,
					       .windowsize_max = c->windowsize_max,
					       .retry_ms = c->retry_ms,
					       .tries = c->tries } };
}

/* The largest datagram of this configuration. */
static size_t packet_size(const struct conf *c)
{
	size_t size = c->blksize_max + TFTP_HEADER_LEN;

	return size < DESK_REPLY_MAX ? DESK_REPLY_MAX : size;
}

static int open_desk(struct front *f, const struct conf *c)
{
	struct desk_setup setup = { .n_slots = c->transfers_max,
				    .limits = limits_of(c) };
	size_t size = desk_size(c->transfers_max);
	void *memory;
	int rc = frontnet_transfer_sockets(&f->net, c, &setup.n_tids);

	if (rc < 0)
		return rc;
	rng_bytes(&setup.secret, sizeof(setup.secret));
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	desk_init(&f->desk, memory, &setup);
	f->n_slots = setup.n_slots;
	log_info("event=desk slots=%" PRIu32 " bytes-max=%zu transfer-sockets=%u",
		 setup.n_slots, size, setup.n_tids);
	return 0;
}

static int on_start(void *ctx, struct conf *conf, bool first, char why[CHILD_WHY_SIZE])
{
	struct front *f = ctx;
	struct desk_limits limits = limits_of(conf);
	int rc = frontnet_reserve(&f->net, packet_size(conf));

	(void)snprintf(why, CHILD_WHY_SIZE, "no memory");
	if (rc == 0 && first) {
		(void)snprintf(why, CHILD_WHY_SIZE,
			       "no memory for transfers-max, or sockets are missing");
		rc = open_desk(f, conf);
	}
	if (rc == 0)
		rc = frontauth_start(f->auth, conf, why);
	if (rc == 0 && first)
		rc = child_confine(f->child, NULL, why);
	if (rc == 0 && first)
		rc = child_filter(front_syscalls,
				  sizeof(front_syscalls) / sizeof(front_syscalls[0]),
				  why);
	if (rc < 0)
		return rc;

	desk_limit(&f->desk, &limits);
	if (conf->transfers_max != f->n_slots)
		log_warning("event=transfers-max-unchanged until=\"next start\" "
			    "slots=%" PRIu32,
			    f->n_slots);
	conf_free(f->conf);
	f->conf = conf;
	why[0] = '\0';
	return listen_now(f);
}

/* ---- the loop ------------------------------------------------------------------ */

static uint64_t on_deadline(void *ctx)
{
	const struct front *f = ctx;
	uint64_t deadline;

	if (!f->conf)
		return TIMER_NONE;
	deadline = desk_deadline(&f->desk);
	if (f->registrar && f->tell_at < deadline &&
	    memcmp(f->told, f->desk.counters, sizeof(f->told)) != 0)
		deadline = f->tell_at;
	return deadline;
}

static void on_turn(void *ctx, uint64_t now)
{
	struct front *f = ctx;
	struct desk_todo t;

	if (!f->conf)
		return;
	while (desk_expire(&f->desk, now, &t))
		carry_out(f, &t, now);
	for (unsigned n = frontnet_flush(&f->net); n > 0; n--)
		desk_count(&f->desk, DESK_SEND_FAILED);
	tell_counters(f, now);
	if (f->registrar && chan_pending(f->registrar) != f->registrar_waits) {
		f->registrar_waits = !f->registrar_waits;
		(void)loop_change(f->child->loop, chan_fd(f->registrar),
				  f->registrar_waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
	}
}

static const struct child_ops front_ops = {
	.secret = on_secret,
	.socket = on_socket,
	.peer = on_peer,
	.start = on_start,
};

static void front_free(struct front *f)
{
	chan_free(f->registrar);
	frontnet_release(&f->net);
	frontauth_free(f->auth);
	conf_free(f->conf);
	free(f->message);
	free(f);
}

int front_main(struct child *c)
{
	struct front *f = calloc(1, sizeof(*f));
	struct loop *loop = f ? loop_new() : NULL;
	int rc = -ENOMEM;

	if (!loop || !(f->auth = frontauth_new()) ||
	    !(f->message = malloc(IPC_MESSAGE_MAX)))
		goto out;
	f->child = c;
	rc = frontnet_init(&f->net, on_datagram, f);
	if (rc == 0)
		rc = child_init(c, &front_ops, f, loop);
	if (rc == 0)
		rc = loop_run(loop, on_deadline, on_turn, f);
out:
	if (rc < 0)
		log_error("event=ended error=\"%s\"", neg_text(rc));
	if (f)
		front_free(f);
	loop_free(loop);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
