/* The registrar's process: its channels, its turn, its jail. */
#include "cmd/fieldcertd/registrar.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/errors.h"
#include "cmd/shared/control.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/neg.h"

enum {
	FRONT_QUEUE_MAX = 32 * 1024 * 1024, /* some ten thousand answers */
	SIGNER_QUEUE_MAX = 4 * 1024 * 1024, /* ISSUE_AT_SIGNER_MAX jobs are 0.3 MiB */
	MESSAGES_AT_ONCE = 256,             /* of one channel in one turn */
	LOCK_WAIT_MS = 5000, /* for fieldcertctl to have done with the database */
	LOCK_PAUSE_MS = 20,
	TROUBLE_SAY_MS = 10 * 1000,
	TROUBLE_OVER_MS = 10 * 1000
};

/* SQLite's files, the device table, the control socket; the rest is in the list
 * that every process has. */
static const int syscalls[] = {
	SYS_openat,     SYS_pwrite64,   SYS_fsync,    SYS_fdatasync,
	SYS_ftruncate,  SYS_fallocate,  SYS_unlinkat, SYS_faccessat,
	SYS_faccessat2, SYS_readlinkat, SYS_getcwd,   SYS_geteuid,
	SYS_fchown,     SYS_fchmod,     SYS_statx,    SYS_memfd_create,
	SYS_accept4,    SYS_getsockopt, SYS_pread64,  SYS_clock_nanosleep,
	SYS_fstatfs,
#ifdef SYS_open
	SYS_open,       SYS_stat,       SYS_lstat,    SYS_access,
	SYS_readlink,   SYS_unlink,
#endif
};

const char *peer_text(const struct ipc_addr *a, char ret[PEER_TEXT_SIZE])
{
	static const uint8_t v4[12] = { [10] = 0xff, [11] = 0xff };
	bool is_v4 = memcmp(a->ip, v4, sizeof(v4)) == 0;

	if (!inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? a->ip + sizeof(v4) : a->ip,
		       ret, PEER_TEXT_SIZE))
		ret[0] = '\0';
	return ret;
}

/* ---- the turn ----------------------------------------------------------- */

/* A disk that is nearly full takes one change and not the next: one line at first, and
 * one when all has been well for a while. */
static void trouble(struct registrar *r, int rc)
{
	uint64_t now = clock_ms();
	bool same = strcmp(r->trouble, store_error(r->store)) == 0;

	r->trouble_at = now;
	(void)snprintf(r->trouble, sizeof(r->trouble), "%s", store_error(r->store));
	if (r->trouble_said && (same || now - r->trouble_said_at < TROUBLE_SAY_MS))
		return;
	r->trouble_said = true;
	r->trouble_said_at = now;
	log_error("event=database-failed rc=%d why=\"%s\" database=%s", rc, r->trouble,
		  r->database);
}

int turn_check(struct registrar *r, int rc)
{
	if (rc < 0 && rc != FC_EABSENT && rc != FC_EDUP && r->turn_rc == 0) {
		r->turn_rc = rc;
		trouble(r, rc);
	}
	return rc;
}

bool turn_begin(struct registrar *r)
{
	if (r->turn_rc < 0)
		return false;
	if (!r->turn_open && turn_check(r, store_begin(r->store)) == 0)
		r->turn_open = true;
	return r->turn_rc == 0;
}

void turn_event(struct registrar *r, const struct mac *mac, const char *kind,
		uint32_t number, const char *peer)
{
	struct store_event e = { .time = clock_unix_s(),
				 .mac = *mac,
				 .number = number };

	(void)snprintf(e.kind, sizeof(e.kind), "%s", kind);
	(void)snprintf(e.peer, sizeof(e.peer), "%s", peer);
	if (turn_begin(r))
		(void)turn_check(r, store_event_put(r->store, &e));
}

static int take_event(void *ctx, const struct store_event *e)
{
	*(struct store_event *)ctx = *e;
	return 1;
}

bool turn_event_once(struct registrar *r, const struct mac *mac, const char *kind,
		     uint32_t number, const char *peer, int64_t since)
{
	struct store_event last = { .id = 0 };

	if (!turn_begin(r) ||
	    turn_check(r, store_event_each(r->store, mac, 1, take_event, &last)) < 0)
		return false;
	if (last.id != 0 && strcmp(last.kind, kind) == 0 && last.number == number &&
	    strcmp(last.peer, peer) == 0 && last.time >= since)
		return false;
	turn_event(r, mac, kind, number, peer);
	return true;
}

void turn_audit(struct registrar *r, const char *what)
{
	if (turn_begin(r))
		(void)turn_check(r, audit_append(r->store, clock_unix_s(), what));
}

void turn_say(struct registrar *r, const char *fmt, ...)
{
	char line[1024];
	size_t n;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	n = strlen(line) + 1;
	if (n > sizeof(r->said) - r->said_len) {
		log_info("%s", line);
		return;
	}
	memcpy(r->said + r->said_len, line, n);
	r->said_len += n;
}

static void committed(struct registrar *r)
{
	outbox_flush(r);
	for (size_t at = 0; at < r->said_len; at += strlen(r->said + at) + 1)
		log_info("%s", r->said + at);
	r->n_issued += r->turn_issued;
	if (!r->turn_open)
		return;
	r->trouble[0] = '\0';
	if (r->trouble_said && clock_ms() - r->trouble_at >= TROUBLE_OVER_MS) {
		log_info("event=database-good database=%s", r->database);
		r->trouble_said = false;
	}
}

static void undone(struct registrar *r)
{
	store_rollback(r->store);
	outbox_fail(r);
	issuers_forget(r);
	making_forget(r);
}

static void end_turn(struct registrar *r)
{
	if (r->turn_open && r->turn_rc == 0)
		(void)turn_check(r, store_commit(r->store));
	if (r->turn_rc < 0)
		undone(r);
	else
		committed(r);
	r->said_len = 0;
	r->turn_issued = 0;
	r->turn_open = false;
	r->turn_rc = 0;
}

static void turn(void *ctx, uint64_t now)
{
	struct registrar *r = ctx;

	(void)now;
	if (!r->store)
		return;
	request_late(r);
	making_pump(r);
	end_turn(r);
	ctlsocket_run(r);
}

static uint64_t deadline(void *ctx)
{
	struct registrar *r = ctx;

	uint64_t late = r->store ? request_deadline(r) : UINT64_MAX;

	if (!r->store || !r->backlog || r->refill_at == 0 || r->refill_at > late)
		return late;
	return r->refill_at;
}

/* ---- channels ----------------------------------------------------------- */

static void front_counters(struct peer *p, const struct ipc_counters *m)
{
	p->n_counters = m->n;
	memcpy(p->counters, m->v, m->n * sizeof(m->v[0]));
}

/* FC_EPROTO: not for this role to say. */
static int from_front(struct registrar *r, struct peer *p, const struct ipc_message *m)
{
	if (m->type == IPC_ASK)
		request_ask(r, p, &m->u.ask);
	else if (m->type == IPC_DIGEST)
		request_digest(r, p, &m->u.digest);
	else if (m->type == IPC_CONFIRM)
		request_confirm(r, p, &m->u.confirm);
	else if (m->type == IPC_REPORT)
		request_report(r, p, &m->u.report);
	else if (m->type == IPC_DELIVERED)
		request_delivered(r, &m->u.delivered);
	else if (m->type == IPC_COUNTERS)
		front_counters(p, &m->u.counters);
	else
		return FC_EPROTO;
	return 0;
}

static int from_signer(struct registrar *r, struct peer *p, const struct ipc_message *m)
{
	if (m->type == IPC_PLANNED)
		making_planned(r, p, &m->u.planned);
	else if (m->type == IPC_SIGNED)
		making_signed(r, p, &m->u.signed_);
	else if (m->type == IPC_WRAPPED)
		making_wrapped(r, p, &m->u.wrapped);
	else if (m->type == IPC_ISSUER_IS)
		issuers_is(r, p, &m->u.issuer_is);
	else if (m->type == IPC_ISSUER_MADE)
		issuers_made(r, p, &m->u.issuer_made);
	else
		return FC_EPROTO;
	return 0;
}

static void peer_gone(struct peer *p)
{
	struct registrar *r = p->r;

	if (p->watched)
		loop_remove(r->loop, chan_fd(p->chan));
	chan_free(p->chan);
	p->chan = NULL;
	p->watched = false;
	p->generation++;
	for (size_t i = 0; i < p->n_counters; i++)
		r->gone_counters[i] += p->counters[i];
	if (p->role == IPC_ROLE_SIGNER) {
		issue_signer_down(&r->issue, p->number);
		issuers_signer_gone(r, p->number);
		issue_unpark(&r->issue);
	}
}

static int one_message(struct peer *p)
{
	static uint8_t buf[IPC_MESSAGE_MAX];
	struct ipc_message m;
	int fd = -1, rc;
	int64_t n = chan_recv(p->chan, buf, sizeof(buf), &fd);

	if (fd >= 0)
		(void)close(fd); /* nobody sends us one */
	if (n == -EAGAIN)
		return -EAGAIN;
	if (n <= 0)
		return n == 0 ? -EPIPE : (int)n;
	rc = ipc_parse(buf, (size_t)n, &m);
	if (rc == 0)
		rc = p->role == IPC_ROLE_FRONT ? from_front(p->r, p, &m)
					       : from_signer(p->r, p, &m);
	if (rc < 0)
		log_error("event=peer-message role=%d number=%u why=\"%s\"",
			  (int)p->role, p->number, neg_text(rc));
	return rc;
}

static void on_peer(void *ctx, int fd, uint32_t events)
{
	struct peer *p = ctx;
	int rc = 0;

	(void)fd;
	if (!p->chan)
		return;
	if ((events & EPOLLOUT) != 0) {
		rc = chan_flush(p->chan);
		if (rc == 0 && !chan_pending(p->chan))
			(void)loop_change(p->r->loop, chan_fd(p->chan), EPOLLIN);
	}
	for (int i = 0; i < MESSAGES_AT_ONCE && rc == 0; i++)
		rc = one_message(p);
	/* Gone, or it broke the contract: the parent starts another. */
	if (rc < 0 && rc != -EAGAIN)
		peer_gone(p);
}

static int watch(struct peer *p)
{
	int rc = loop_add(p->r->loop, chan_fd(p->chan), EPOLLIN, on_peer, p);

	p->watched = rc == 0;
	if (rc == 0 && p->role == IPC_ROLE_FRONT)
		rc = table_send(p->r, p);
	return rc;
}

/* One of the same role and number takes its predecessor's place. */
static struct peer *place_for(struct registrar *r, const struct ipc_peer *m)
{
	struct peer *place = NULL;

	for (size_t i = 0; i < PEERS_MAX; i++) {
		struct peer *p = &r->peers[i];

		if (p->chan && p->role == (enum ipc_role)m->role &&
		    p->number == m->number)
			peer_gone(p);
		if (!p->chan && !place)
			place = p;
	}
	return place;
}

static int take_peer(void *ctx, const struct ipc_peer *m, int fd)
{
	struct registrar *r = ctx;
	struct peer *p = NULL;

	if (m->role != IPC_ROLE_REGISTRAR && m->number < ISSUE_SIGNERS_MAX)
		p = place_for(r, m);
	if (p)
		p->chan = chan_new(fd, m->role == IPC_ROLE_FRONT ? FRONT_QUEUE_MAX
								 : SIGNER_QUEUE_MAX);
	if (!p || !p->chan) {
		(void)close(fd);
		return p ? -ENOMEM : FC_EPROTO;
	}
	p->r = r;
	p->role = (enum ipc_role)m->role;
	p->number = m->number;
	p->n_counters = 0;
	memset(p->counters, 0, sizeof(p->counters));
	return r->store ? watch(p) : 0;
}

/* ---- the start ---------------------------------------------------------- */

/* Where the database really is (it may be a symbolic link, also one to a file that
 * is still to be made), as directory and name. Nothing is made here: this may be
 * root, and the directory is the registrar's. */
static int locate(const char *path, char dir[PATH_MAX], char name[PATH_MAX])
{
	char real[PATH_MAX], copy[PATH_MAX], target[PATH_MAX];
	ssize_t n;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	if (realpath(path, real)) {
		(void)snprintf(copy, sizeof(copy), "%s", real);
	} else if (errno != ENOENT) {
		return -errno;
	} else if ((n = readlink(path, target, sizeof(target) - 1)) > 0) {
		target[n] = '\0';
		(void)snprintf(real, sizeof(real), "%s", path);
		(void)snprintf(copy, sizeof(copy), "%.2000s%s%.2000s",
			       target[0] == '/' ? "" : dirname(real),
			       target[0] == '/' ? "" : "/", target);
	}
	(void)snprintf(real, sizeof(real), "%s", copy);
	(void)snprintf(name, PATH_MAX, "%s", basename(copy));
	return realpath(dirname(real), dir) ? 0 : -errno;
}

static bool is_server(const char *holder)
{
	static const char server[] = "fieldcertd,";

	return strncmp(holder, server, sizeof(server) - 1) == 0;
}

/* fieldcertctl holds the lock for one change and is waited for; a server keeps it. */
static int open_patiently(const char *path, struct store **ret)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };
	uint64_t until = clock_ms() + LOCK_WAIT_MS;
	char holder[STORE_HOLDER_SIZE];
	int rc;

	while ((rc = store_open(path, STORE_WRITE, ret)) == -EBUSY &&
	       clock_ms() < until &&
	       !(store_lock_holder(path, holder) == 0 && is_server(holder)))
		(void)nanosleep(&pause, NULL);
	return rc;
}

static int open_store(struct registrar *r, const char *dir, const char *name,
		      char why[CHILD_WHY_SIZE])
{
	char path[PATH_MAX], holder[STORE_HOLDER_SIZE];
	int rc;

	(void)snprintf(path, sizeof(path), "%.2000s/%.2000s",
		       strcmp(dir, "/") == 0 ? "" : dir, name);
	rc = open_patiently(path, &r->store);
	if (rc == -EBUSY && store_lock_holder(path, holder) == 0)
		(void)snprintf(why, CHILD_WHY_SIZE,
			       "database %.300s: %s is writing to it", r->database,
			       holder);
	else if (rc == FC_EUNKNOWN)
		(void)snprintf(why, CHILD_WHY_SIZE,
			       "database %.300s: made by a newer fieldcert",
			       r->database);
	else if (rc == FC_EBAD)
		(void)snprintf(why, CHILD_WHY_SIZE,
			       "database %.300s: is no database, or is damaged: put a "
			       "copy in its place",
			       r->database);
	else if (rc < 0)
		(void)snprintf(why, CHILD_WHY_SIZE, "database %.300s: %s", r->database,
			       neg_text(rc));
	return rc;
}

static int first_start(struct registrar *r, const struct conf *conf,
		       char why[CHILD_WHY_SIZE])
{
	char dir[PATH_MAX], name[PATH_MAX];
	int rc;

	(void)snprintf(r->database, sizeof(r->database), "%s", conf->database);
	rc = locate(conf->database, dir, name);
	if (rc < 0) {
		(void)snprintf(why, CHILD_WHY_SIZE, "database %s: %s", conf->database,
			       strerror(-rc));
		return rc;
	}
	if ((rc = ctlsocket_bind(r, conf->control, why)) < 0 ||
	    (rc = child_confine(r->child, dir, why)) < 0 ||
	    (rc = open_store(r, r->child->root ? "/" : dir, name, why)) < 0)
		return rc;
	if ((rc = table_build(r)) < 0) {
		(void)snprintf(why, CHILD_WHY_SIZE, "device table: %s", neg_text(rc));
		return rc;
	}
	rc = child_filter(syscalls, sizeof(syscalls) / sizeof(*syscalls), why);
	if (rc == 0)
		rc = ctlsocket_listen(r);
	for (size_t i = 0; i < PEERS_MAX && rc == 0; i++) {
		if (r->peers[i].chan)
			rc = watch(&r->peers[i]);
	}
	r->backlog = true;
	return rc;
}

/* The operator says that the clock is right (policy_validity). */
static void accept_clock(struct registrar *r)
{
	int64_t now = clock_unix_s(), floor = 0;

	if (store_number_get(r->store, "clock_floor", &floor) == 0 && floor > now) {
		log_info("event=clock-accepted");
		(void)store_number_put(r->store, "clock_floor", now);
	}
}

static int take_start(void *ctx, struct conf *conf, bool first,
		      char why[CHILD_WHY_SIZE])
{
	struct registrar *r = ctx;
	int rc = first ? first_start(r, conf, why) : 0;

	if (rc < 0)
		return rc;
	if (!first && strcmp(conf->database, r->conf->database) != 0)
		log_warning("event=restart-needed setting=database");
	if (!first && strcmp(conf->control, r->conf->control) != 0)
		log_warning("event=restart-needed setting=control");
	if (!first)
		accept_clock(r);
	conf_free(r->conf);
	r->conf = conf;
	issuers_configure(r);
	issue_unpark(&r->issue);
	return 0;
}

/* Nobody has a secret for us. */
static const struct child_ops ops = { .peer = take_peer, .start = take_start };

int registrar_main(struct child *c)
{
	/* Too large for the stack; zero but for what is set here. */
	static struct registrar r = { .control_fd = -1, .table = { .fd = -1 } };

	r.child = c;
	r.owner = geteuid();
	r.started_ms = clock_ms();
	r.loop = loop_new();
	if (!r.loop)
		return 1;
	making_reset_jobs(&r);
	if (child_init(c, &ops, &r, r.loop) < 0)
		return 1;
	(void)loop_run(r.loop, deadline, turn, &r);
	for (size_t i = 0; i < PEERS_MAX; i++) {
		if (r.peers[i].chan)
			peer_gone(&r.peers[i]);
	}
	ctlsocket_release(&r);
	table_release(&r.table);
	outbox_release(&r.outbox);
	store_close(r.store);
	conf_free(r.conf);
	loop_free(r.loop);
	return 0;
}
