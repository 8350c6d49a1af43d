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
#include "base/escape.h"
#include "cmd/fieldcertd/child.h"
#include "cmd/fieldcertd/frontauth.h"
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
	SOCKETS_MAX = CONF_LISTEN_MAX * (1 + CONF_PORTS_MAX),
	RECEIVE_SIZE = 1024, /* twice the longest request: longer is refused */
	BATCHES_AT_ONCE = 4, /* of one socket, before others have their turn */
	REGISTRAR_QUEUE_MAX = 1 << 20,
	REGISTRAR_AT_ONCE = 256, /* messages read before datagrams have their turn */
	COUNTERS_MS = 1000,
	LOG_LINES_PER_S = 20, /* of what strangers can cause */
	SECRET_BITS_MIN = 128,
	NAME_SHOWN_MAX = 64, /* bytes of an untrusted name or text in a line */
	SHOWN_SIZE = 4 * NAME_SHOWN_MAX + 8
};

static_assert((int)CHILD_WHY_SIZE == (int)FRONTAUTH_WHY_SIZE, "handed through");

struct sock {
	struct front *front;
	int fd;
	uint16_t listener, tid;
	struct udp_batch *batch; /* to be sent at the end of the turn */
	int n;
	bool dirty; /* listed in front.dirty */
};

struct front {
	struct child *child;
	struct frontauth *auth;
	struct conf *conf; /* in force; NULL before the first start */
	struct desk desk;
	uint32_t n_slots;
	size_t packet_size; /* of the batches' buffers */
	struct udp_batch *in;

	struct sock socks[SOCKETS_MAX];
	size_t n_socks;
	uint16_t n_tids[CONF_LISTEN_MAX]; /* transfer sockets so far */
	struct sock *request[CONF_LISTEN_MAX];
	struct sock *transfer[CONF_LISTEN_MAX][CONF_PORTS_MAX];
	struct sock *dirty[SOCKETS_MAX];
	size_t n_dirty;
	bool listening; /* the sockets are in the loop */

	struct chan *registrar;
	bool registrar_waits; /* for EPOLLOUT */
	uint8_t *message;     /* IPC_MESSAGE_MAX */
	const void *table;    /* mapped; NULL: none yet */
	size_t table_size;

	uint64_t told[DESK_COUNTERS]; /* counters as the registrar knows them */
	uint64_t tell_at;             /* ms */
	uint64_t log_since;           /* ms */
	unsigned log_lines, log_left_out;
};

/* ---- the log ---------------------------------------------------------------- */

/* May this line be written, which a stranger can cause at will? */
static bool log_allowed(struct front *f, uint64_t now)
{
	if (now - f->log_since >= 1000) {
		if (f->log_left_out > 0)
			log_info("event=lines-left-out n=%u", f->log_left_out);
		f->log_since = now;
		f->log_lines = f->log_left_out = 0;
	}
	if (f->log_lines == LOG_LINES_PER_S) {
		f->log_left_out++;
		return false;
	}
	f->log_lines++;
	return true;
}

static const char *addr_text(const struct desk_addr *a, char ret[64])
{
	struct udp_addr u = { .port = a->port, .scope = a->scope };

	memcpy(u.ip, a->ip, sizeof(u.ip));
	return udp_addr_text(&u, ret);
}

static const char *shown(const void *p, size_t len, char ret[SHOWN_SIZE])
{
	struct out o = out_of(ret, SHOWN_SIZE);

	if (len > 0)
		escape_log(&o, p, len, NAME_SHOWN_MAX);
	return out_cstr(&o) ? ret : "";
}

static void log_remark(struct front *f, const struct desk_todo *t, uint64_t now)
{
	const char *event = t->act == DESK_REPLY ? "refused" : "noticed";
	const char *why = desk_counter_name(t->remark);
	char peer[64], name[SHOWN_SIZE], mac[MAC_TEXT_SIZE];

	if (!log_allowed(f, now))
		return;
	(void)addr_text(&t->way.peer, peer);
	if (t->raw_name)
		log_info("event=%s why=%s peer=%s name=\"%s\"", event, why, peer,
			 shown(t->raw_name, t->raw_name_len, name));
	else if (mac_is_device(&t->name.mac))
		log_info("event=%s why=%s peer=%s mac=%s", event, why, peer,
			 mac_text(&t->name.mac, mac));
	else
		log_info("event=%s why=%s peer=%s", event, why, peer);
}

static const char *const end_names[] = {
	[DESK_END_NONE] = "none",
	[DESK_END_DELIVERED] = "delivered",
	[DESK_END_CONFIRMED] = "confirmed",
	[DESK_END_GIVEN_UP] = "given-up",
	[DESK_END_UNPROVEN] = "never-acknowledged",
	[DESK_END_ABORTED] = "aborted",
	[DESK_END_REPLACED] = "replaced",
};

static void log_end(struct front *f, const struct desk_end *e, uint64_t now)
{
	char peer[64], text[SHOWN_SIZE], mac[MAC_TEXT_SIZE];

	if (e->why != DESK_END_DELIVERED && !log_allowed(f, now))
		return;
	log_info("event=transfer end=%s mac=%s peer=%s epoch=%" PRIu32 " bytes=%" PRIu32
		 " blksize=%" PRIu32 " windowsize=%" PRIu32 " resent=%" PRIu32
		 " ms=%" PRIu32 "%s%s%s",
		 end_names[e->why], mac_text(&e->mac, mac), addr_text(&e->peer, peer),
		 e->epoch, e->bytes, e->blksize, e->window, e->resent, e->took_ms,
		 e->why == DESK_END_ABORTED ? " text=\"" : "",
		 shown(e->text, e->text_len, text),
		 e->why == DESK_END_ABORTED ? "\"" : "");
}

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

/* ---- to the network --------------------------------------------------------- */

static void flush_sock(struct front *f, struct sock *s)
{
	int sent = s->n > 0 ? udp_send(s->fd, s->batch, s->n) : 0;

	for (int i = sent > 0 ? sent : 0; i < s->n; i++)
		desk_count(&f->desk, DESK_SEND_FAILED);
	s->n = 0;
}

static void flush_all(struct front *f)
{
	for (size_t i = 0; i < f->n_dirty; i++) {
		flush_sock(f, f->dirty[i]);
		f->dirty[i]->dirty = false;
	}
	f->n_dirty = 0;
}

static struct sock *sock_of(struct front *f, const struct desk_way *w)
{
	return w->tid == DESK_REQUEST_TID ? f->request[w->listener]
					  : f->transfer[w->listener][w->tid];
}

/* The next free datagram of a socket's batch, on its way to w's peer. */
static struct udp_packet *packet_to(struct front *f, struct sock *s,
				    const struct desk_way *w)
{
	struct udp_packet *p;

	if (s->n == UDP_BATCH)
		flush_sock(f, s);
	if (!s->dirty) {
		s->dirty = true;
		f->dirty[f->n_dirty++] = s;
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

static void send_reply(struct front *f, const struct desk_todo *t)
{
	struct sock *s = sock_of(f, &t->way);
	struct udp_packet *p = packet_to(f, s, &t->way);

	memcpy(p->p, t->reply, t->reply_len);
	p->len = t->reply_len;
	s->n++;
}

static void send_transfer(struct front *f, const struct desk_todo *t)
{
	struct sock *s = sock_of(f, &t->way);

	for (;;) {
		struct udp_packet *p = packet_to(f, s, &t->way);
		struct out o = out_of(p->p, f->packet_size);

		if (!desk_packet(&f->desk, t->slot, &o))
			return;
		p->len = o.len;
		s->n++;
	}
}

/* ---- what the desk says ------------------------------------------------------ */

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
		log_end(f, &t->end, now);
		if (t->end.why == DESK_END_DELIVERED ||
		    t->end.why == DESK_END_CONFIRMED)
			tell_end(f, &t->end);
	}
	if (t->remark != DESK_COUNTERS)
		log_remark(f, t, now);

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

static struct desk_way way_of(const struct udp_packet *p, const struct sock *s)
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
	const struct sock *s = ctx;
	struct front *f = s->front;
	uint64_t now = clock_ms(), truncated;
	struct desk_todo t;

	(void)events;
	for (int batch = 0; batch < BATCHES_AT_ONCE; batch++) {
		int n = udp_receive(fd, f->in, &truncated);

		for (int i = 0; i < n; i++) {
			const struct udp_packet *p = udp_packet(f->in, i);
			struct desk_way w = way_of(p, s);

			desk_datagram(&f->desk, &w, p->p, p->len, truncated >> i & 1,
				      now, &t);
			carry_out(f, &t, now);
		}
		if (n < UDP_BATCH)
			break;
	}
}

/* ---- what the registrar says --------------------------------------------------- */

static int listen_now(struct front *f)
{
	int rc = 0;

	if (f->listening || !f->conf || !f->table)
		return 0;
	for (size_t i = 0; i < f->n_socks && rc == 0; i++)
		rc = loop_add(f->child->loop, f->socks[i].fd, EPOLLIN, on_datagrams,
			      &f->socks[i]);
	f->listening = rc == 0;
	return rc;
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
		if (rc < 0 && log_allowed(f, now))
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
	struct sock *k = &f->socks[f->n_socks];

	if (f->conf || f->n_socks == SOCKETS_MAX || s->listener >= CONF_LISTEN_MAX ||
	    (s->transfer ? f->n_tids[s->listener] == CONF_PORTS_MAX
			 : f->request[s->listener] != NULL)) {
		(void)close(fd);
		return FC_EPROTO;
	}
	*k = (struct sock){
		.front = f, .fd = fd, .listener = s->listener, .tid = DESK_REQUEST_TID
	};
	if (s->transfer) {
		k->tid = f->n_tids[s->listener]++;
		f->transfer[s->listener][k->tid] = k;
	} else {
		f->request[s->listener] = k;
	}
	f->n_socks++;
	return 0;
}

static struct desk_limits limits_of(const struct conf *c)
{
	return (struct desk_limits){ .xfer = { .blksize_max = c->blksize_max,
					       .windowsize_max = c->windowsize_max,
					       .retry_ms = c->retry_ms,
					       .tries = c->tries } };
}

/* Buffers for the largest datagram of this configuration.  What waits in the old
 * ones has left before. */
static int make_batches(struct front *f, const struct conf *c)
{
	size_t size = c->blksize_max + TFTP_HEADER_LEN;

	if (size < DESK_REPLY_MAX)
		size = DESK_REPLY_MAX;
	if (size <= f->packet_size)
		return 0;
	flush_all(f);
	for (size_t i = 0; i < f->n_socks; i++) {
		struct udp_batch *b = udp_batch_new(size);

		if (!b)
			return -ENOMEM;
		udp_batch_free(f->socks[i].batch);
		f->socks[i].batch = b;
	}
	f->packet_size = size;
	return 0;
}

/* As many as every listener has; each must have its request socket. */
static int tids(const struct front *f, const struct conf *c, uint16_t *ret)
{
	uint16_t n = CONF_PORTS_MAX;

	for (size_t i = 0; i < CONF_LISTEN_MAX; i++) {
		if ((i < c->n_listen) != (f->request[i] != NULL))
			return FC_EPROTO;
		if (i < c->n_listen && f->n_tids[i] < n)
			n = f->n_tids[i];
	}
	*ret = c->single_port ? 0 : n;
	return 0;
}

static int open_desk(struct front *f, const struct conf *c)
{
	struct desk_setup setup = { .n_slots = c->transfers_max,
				    .limits = limits_of(c) };
	size_t size = desk_size(c->transfers_max);
	void *memory;
	int rc = tids(f, c, &setup.n_tids);

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
	int rc = make_batches(f, conf);

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
	flush_all(f);
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

int front_main(struct child *c)
{
	struct front *f = calloc(1, sizeof(*f));
	struct loop *loop = loop_new();
	int rc = -ENOMEM;

	if (!f || !loop || !(f->auth = frontauth_new()) ||
	    !(f->in = udp_batch_new(RECEIVE_SIZE)) ||
	    !(f->message = malloc(IPC_MESSAGE_MAX)))
		goto out;
	f->child = c;
	rc = child_init(c, &front_ops, f, loop);
	if (rc == 0)
		rc = loop_run(loop, on_deadline, on_turn, f);
out:
	if (rc < 0)
		log_error("event=ended error=\"%s\"", neg_text(rc));
	if (f)
		frontauth_free(f->auth); /* wipes the secrets; the rest ends with us */
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
