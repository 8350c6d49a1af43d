#include "cmd/fieldcertd/parent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/errors.h"
#include "cmd/fieldcertd/child.h"
#include "cmd/fieldcertd/estate.h"
#include "cmd/fieldcertd/notify.h"
#include "cmd/fieldcertd/relay.h"
#include "cmd/fieldcertd/spawn.h"
#include "cmd/fieldcertd/users.h"
#include "sys/chan.h"
#include "sys/clock.h"
#include "sys/jail.h"
#include "sys/log.h"
#include "sys/neg.h"

enum {
	PROCESSES_MAX = 1 + 16 + 16, /* registrar, fronts, signers: conf's limits */
	QUEUE_MAX = 4 * 1024 * 1024, /* a whole hand-over, sockets and all */
	BACKOFF_MIN_MS = 100,
	BACKOFF_MAX_MS = 5000,
	LIVED_MS = 10000, /* who lived that long starts at the least backoff again */
	STOP_MS = 3000    /* for children to end by themselves */
};

struct process {
	struct parent *parent;
	enum ipc_role role;
	unsigned number;
	char who[24];
	pid_t pid;                       /* 0: not running */
	struct chan *chan;               /* NULL: closed */
	bool ready;                      /* since it was started last */
	bool asked;                      /* START is out, no answer yet */
	uint64_t started_at, restart_at; /* ms */
	unsigned backoff_ms;
};

struct parent {
	const struct parent_options *options;
	struct loop *loop;
	struct users users;
	struct estate estate;
	struct estate_sockets sockets;
	struct process processes[PROCESSES_MAX];
	unsigned n;
	bool announced; /* all were ready once */
	bool reloading, reload_failed;
	bool stopping;
	uint64_t stop_at; /* then by force */
	int status;
};

static const char *const role_names[] = {
	[IPC_ROLE_FRONT] = "front",
	[IPC_ROLE_REGISTRAR] = "registrar",
	[IPC_ROLE_SIGNER] = "signer",
};

/* ---- what goes to a child -------------------------------------------------- */

static void drop_channel(struct process *p)
{
	if (p->chan == NULL)
		return;
	loop_remove(p->parent->loop, chan_fd(p->chan));
	chan_free(p->chan);
	p->chan = NULL;
}

/* A child that cannot be talked to any more is of no use: it will be reaped and
 * started again. */
static void give_up(struct process *p, const char *why)
{
	log_error("event=channel process=%s pid=%d why=\"%s\"", p->who, (int)p->pid,
		  why);
	drop_channel(p);
	if (p->pid > 0)
		(void)kill(p->pid, SIGKILL);
}

static void await(struct process *p)
{
	(void)loop_change(p->parent->loop, chan_fd(p->chan),
			  chan_pending(p->chan) ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void tell(struct process *p, const struct ipc_message *m, int fd)
{
	uint8_t buf[8192];
	struct out o = out_of(buf, sizeof(buf));
	int rc;

	if (p->chan == NULL)
		return;
	ipc_build(&o, m);
	rc = o.full ? FC_EFULL : chan_send(p->chan, buf, o.len, fd);
	if (rc < 0 && rc != -EPIPE) /* -EPIPE: it has just died, SIGCHLD says so */
		give_up(p, neg_text(rc));
	else
		await(p);
}

static struct ipc_blob blob(const char *s)
{
	size_t len = strlen(s);

	return (struct ipc_blob){ .p = len > 0 ? (const uint8_t *)s : NULL,
				  .len = len };
}

static bool is_for(enum ipc_secret_kind kind, enum ipc_role role)
{
	bool codes = kind == IPC_SECRET_REQUEST || kind == IPC_SECRET_CONFIRM;

	return role == (codes ? IPC_ROLE_FRONT : IPC_ROLE_SIGNER);
}

static void hand_over_conf(struct process *p)
{
	const struct estate *e = &p->parent->estate;
	struct ipc_message m = { .type = IPC_CONF };

	m.u.conf.path = blob(e->conf->path);
	tell(p, &m, e->text_fd);
	for (size_t i = 0; i < e->n_files; i++) {
		if (!is_for(e->files[i].kind, p->role))
			continue;
		m = (struct ipc_message){ .type = IPC_SECRET };
		m.u.secret.kind = (uint8_t)e->files[i].kind;
		m.u.secret.name = blob(e->files[i].name);
		tell(p, &m, e->files[i].fd);
	}
}

static void hand_over_sockets(struct process *p)
{
	const struct estate_sockets *s = &p->parent->sockets;

	for (size_t i = 0; i < s->n && p->role == IPC_ROLE_FRONT; i++) {
		struct ipc_message m = { .type = IPC_SOCKET };

		if (s->at[i].front != p->number)
			continue;
		m.u.socket = s->at[i].message;
		tell(p, &m, s->at[i].fd);
	}
}

static void tell_of_peer(struct process *p, const struct process *peer, int fd)
{
	struct ipc_message m = { .type = IPC_PEER };

	m.u.peer.role = (uint8_t)peer->role;
	m.u.peer.number = (uint16_t)peer->number;
	tell(p, &m, fd);
}

/* A channel between a child and the registrar, each way round. */
static void connect_pair(struct process *a, struct process *b)
{
	int fd[2], rc;

	if (a->chan == NULL || b->chan == NULL ||
	    (a->role == IPC_ROLE_REGISTRAR) == (b->role == IPC_ROLE_REGISTRAR))
		return;
	if ((rc = chan_pair(fd)) < 0) {
		give_up(a, strerror(-rc));
		return;
	}
	tell_of_peer(a, b, fd[0]);
	tell_of_peer(b, a, fd[1]);
	(void)close(fd[0]);
	(void)close(fd[1]);
}

static void say_start(struct process *p)
{
	struct ipc_message m = { .type = IPC_START };

	p->asked = true;
	tell(p, &m, -1);
}

/* ---- the end ------------------------------------------------------------------- */

static bool alive(const struct parent *x, bool only_fronts)
{
	for (unsigned i = 0; i < x->n; i++)
		if (x->processes[i].pid > 0 &&
		    (!only_fronts || x->processes[i].role == IPC_ROLE_FRONT))
			return true;
	return false;
}

/* A child ends when its parent has gone: first the fronts, then whom they ask. */
static void stop_next(struct parent *x)
{
	bool only_fronts = alive(x, true);

	for (unsigned i = 0; i < x->n; i++)
		if (!only_fronts || x->processes[i].role == IPC_ROLE_FRONT)
			drop_channel(&x->processes[i]);
	if (!alive(x, false))
		loop_stop(x->loop);
}

static void stop(struct parent *x, int status)
{
	if (x->stopping)
		return;
	x->stopping = true;
	x->status = status;
	x->stop_at = clock_ms() + STOP_MS;
	notify("STOPPING=1");
	stop_next(x);
}

/* ---- what comes from a child --------------------------------------------------- */

static void announce(struct parent *x)
{
	char addresses[512];

	x->announced = true;
	estate_addresses(&x->sockets, addresses, sizeof(addresses));
	log_info("event=ready tftp=%s control=\"%s\" fronts=%u signers=%u", addresses,
		 x->estate.conf->control, x->estate.conf->fronts,
		 x->estate.conf->signers);
	(void)printf("ready tftp=%s control=%s pid=%d\n", addresses,
		     x->estate.conf->control, (int)getpid());
	(void)fflush(stdout);
	notify("READY=1");
	if (x->options->ready_fd >= 0 && write(x->options->ready_fd, "r", 1) != 1)
		log_warning("event=ready why=\"nobody waits for it\"");
}

static void reload_done(struct parent *x)
{
	x->reloading = false;
	notify("READY=1");
	if (x->reload_failed)
		log_error("event=reload result=failed why=\"a process kept the "
			  "configuration "
			  "it had: see above\"");
	else
		log_info("event=reload result=done");
}

static void check_all_ready(struct parent *x)
{
	for (unsigned i = 0; i < x->n; i++)
		if (!x->processes[i].ready || x->processes[i].asked)
			return;
	if (!x->announced)
		announce(x);
	else if (x->reloading)
		reload_done(x);
}

static void on_failed(struct process *p, const struct ipc_failed *m)
{
	struct parent *x = p->parent;

	log_error("event=failed process=%s why=\"%.*s\"", p->who, (int)m->text.len,
		  m->text.len > 0 ? (const char *)m->text.p : "");
	p->asked = false;
	if (!x->announced)
		stop(x, EXIT_FAILURE);
	else if (p->ready)
		x->reload_failed = true;
	check_all_ready(x);
}

static int handle(struct process *p, const uint8_t *bytes, size_t len)
{
	struct ipc_message m;
	int rc = ipc_parse(bytes, len, &m);

	if (rc < 0)
		return rc;
	if (m.type == IPC_READY) {
		if (!p->ready)
			log_info("event=started process=%s pid=%d", p->who,
				 (int)p->pid);
		p->ready = true;
		p->asked = false;
		check_all_ready(p->parent);
	} else if (m.type == IPC_FAILED) {
		on_failed(p, &m.u.failed);
	} else {
		return FC_EPROTO;
	}
	return 0;
}

static void on_child(void *ctx, int at, uint32_t events)
{
	struct process *p = ctx;
	uint8_t buf[4096]; /* READY and FAILED are all that a child says */

	(void)at;
	if ((events & EPOLLOUT) != 0)
		(void)chan_flush(p->chan);
	while (p->chan != NULL) {
		int fd = -1;
		int64_t n = chan_recv(p->chan, buf, sizeof(buf), &fd);

		if (fd >= 0) {
			(void)close(fd);
			n = FC_EPROTO;
		}
		if (n == -EAGAIN) {
			await(p);
			return;
		}
		if (n == 0) { /* it ends, or did: SIGCHLD will tell */
			drop_channel(p);
			return;
		}
		if (n > 0)
			n = handle(p, buf, (size_t)n);
		if (n < 0 && p->chan != NULL)
			give_up(p, neg_text((int)n));
	}
}

/* ---- starting, and starting again ------------------------------------------------ */

static int spawn_child(struct process *p)
{
	struct parent *x = p->parent;
	struct spawn_child s = { .role = role_names[p->role],
				 .number = p->number,
				 .uid = x->users.uid[p->role],
				 .gid = x->users.gid[p->role],
				 .root = x->users.root,
				 .debug = x->options->debug,
				 .relay = x->options->relay };
	int fd, rc = spawn(&s, &p->pid, &fd);

	if (rc < 0)
		return rc;
	p->started_at = clock_ms();
	p->ready = false;
	p->asked = false;
	if ((p->chan = chan_new(fd, QUEUE_MAX)) == NULL) {
		(void)close(fd);
		return -ENOMEM;
	}
	return loop_add(x->loop, fd, EPOLLIN, on_child, p);
}

static void backoff(struct process *p, uint64_t now)
{
	if (now - p->started_at >= LIVED_MS || p->backoff_ms == 0)
		p->backoff_ms = BACKOFF_MIN_MS;
	else if (p->backoff_ms < BACKOFF_MAX_MS / 2)
		p->backoff_ms *= 2;
	else
		p->backoff_ms = BACKOFF_MAX_MS;
	p->restart_at = now + p->backoff_ms;
}

static void start_again(struct process *p)
{
	struct parent *x = p->parent;
	int rc = spawn_child(p);

	if (rc < 0) {
		log_error("event=start process=%s why=\"%s\"", p->who, strerror(-rc));
		backoff(p, clock_ms());
		return;
	}
	hand_over_conf(p);
	hand_over_sockets(p);
	for (unsigned i = 0; i < x->n; i++)
		connect_pair(p, &x->processes[i]);
	say_start(p);
}

/* All at once, so that the registrar finds its signers when it starts. */
static int start_all(struct parent *x)
{
	for (unsigned i = 0; i < x->n; i++) {
		int rc = spawn_child(&x->processes[i]);

		if (rc < 0)
			return rc;
	}
	for (unsigned i = 0; i < x->n; i++) {
		hand_over_conf(&x->processes[i]);
		hand_over_sockets(&x->processes[i]);
	}
	for (unsigned i = 0; i < x->n; i++)
		for (unsigned k = 0; k < i; k++)
			connect_pair(&x->processes[i], &x->processes[k]);
	for (unsigned i = 0; i < x->n; i++)
		say_start(&x->processes[i]);
	return 0;
}

static void describe_end(int status, char *ret, size_t size)
{
	if (WIFSIGNALED(status))
		(void)snprintf(
			ret, size, "signal %d, %s%s", WTERMSIG(status),
			strsignal(WTERMSIG(status)),
			WTERMSIG(status) == SIGSYS
				? ": it made a system call that its role does not need"
				: "");
	else
		(void)snprintf(ret, size, "exit status %d", WEXITSTATUS(status));
}

static void on_end(struct process *p, int status)
{
	struct parent *x = p->parent;
	uint64_t now = clock_ms();
	char how[128];

	if (p->chan != NULL)
		on_child(p, chan_fd(p->chan), EPOLLIN); /* its last words */
	drop_channel(p);
	describe_end(status, how, sizeof(how));
	if (x->stopping) {
		log_debug("event=ended process=%s pid=%d how=\"%s\"", p->who,
			  (int)p->pid, how);
	} else if (!x->announced) {
		log_error(
			"event=ended process=%s pid=%d how=\"%s\" why=\"at its start\"",
			p->who, (int)p->pid, how);
		stop(x, EXIT_FAILURE);
	} else {
		backoff(p, now);
		log_error("event=ended process=%s pid=%d how=\"%s\" restart-ms=%u",
			  p->who, (int)p->pid, how, p->backoff_ms);
	}
	p->pid = 0;
	p->ready = false;
	p->asked = false;
	if (x->stopping)
		stop_next(x);
}

static void reap(struct parent *x)
{
	for (unsigned i = 0; i < x->n; i++) {
		struct process *p = &x->processes[i];
		int status;

		if (p->pid > 0 && waitpid(p->pid, &status, WNOHANG) == p->pid)
			on_end(p, status);
	}
}

/* ---- signals and time -------------------------------------------------------------
 */

static void reload(struct parent *x)
{
	struct estate e;
	int rc;

	if (!x->announced) {
		log_warning("event=reload result=refused why=\"still starting\"");
		return;
	}
	notify_reloading();
	rc = estate_load(x->options->conf_path, &e);
	if (rc == 0 && !estate_may_replace(x->estate.conf, e.conf)) {
		estate_release(&e);
		rc = FC_ECONF;
	}
	if (rc < 0) {
		log_error("event=reload result=refused why=\"see above; the "
			  "configuration "
			  "from before stays in force\"");
		notify("READY=1");
		return;
	}
	estate_release(&x->estate);
	x->estate = e;
	x->reloading = true;
	x->reload_failed = false;
	for (unsigned i = 0; i < x->n; i++) {
		hand_over_conf(&x->processes[i]);
		say_start(&x->processes[i]);
	}
}

static void on_signal(void *ctx, int signo)
{
	struct parent *x = ctx;

	if (signo == SIGCHLD) {
		reap(x);
	} else if (signo == SIGHUP) {
		if (!x->stopping)
			reload(x);
	} else {
		log_info("event=stop signal=%d", signo);
		stop(x, EXIT_SUCCESS);
	}
}

static uint64_t deadline(void *ctx)
{
	const struct parent *x = ctx;
	uint64_t d = x->stopping ? x->stop_at : UINT64_MAX;

	for (unsigned i = 0; i < x->n && !x->stopping; i++)
		if (x->processes[i].pid == 0 && x->processes[i].restart_at < d)
			d = x->processes[i].restart_at;
	return d;
}

static void turn(void *ctx, uint64_t now)
{
	struct parent *x = ctx;

	for (unsigned i = 0; i < x->n; i++) {
		struct process *p = &x->processes[i];

		if (!x->stopping && p->pid == 0 && p->restart_at <= now)
			start_again(p);
		if (x->stopping && p->pid > 0 && x->stop_at <= now)
			(void)kill(p->pid, SIGKILL);
	}
	if (x->stopping && x->stop_at <= now)
		x->stop_at = now + STOP_MS;
	relay_drain();
	if (x->announced)
		relay_leave_terminal();
}

static void on_relay(void *ctx, int fd, uint32_t events)
{
	(void)ctx, (void)fd, (void)events;
	relay_drain();
}

/* ---- the whole --------------------------------------------------------------------
 */

static void add_processes(struct parent *x, enum ipc_role role, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct process *p = &x->processes[x->n++];

		*p = (struct process){ .parent = x, .role = role, .number = i };
		(void)snprintf(p->who, sizeof(p->who), "%s[%u]", role_names[role], i);
	}
}

/* What the parent itself may still do once everything is open.  Children are
 * executed, so what they need for their own jails must stay. */
static int restrict_parent(const struct parent *x)
{
	int rc = x->users.root ? jail_keep_capabilities() : 0;

	return rc < 0 ? rc : jail_seccomp_tree();
}

static int set_up(struct parent *x)
{
	static const int signals[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT };
	int rc;

	(void)signal(SIGPIPE, SIG_IGN);
	if ((rc = estate_load(x->options->conf_path, &x->estate)) < 0)
		return rc;
	x->users = users_find(x->estate.conf);
	if (!x->users.root)
		log_info("event=users why=\"not started by root: all processes run as "
			 "user "
			 "%u, without chroot\"",
			 (unsigned)getuid());
	if ((rc = users_prepare(&x->users, x->estate.conf)) < 0 ||
	    (rc = estate_bind(x->estate.conf, &x->sockets)) < 0)
		return rc;
	if ((x->loop = loop_new()) == NULL)
		return -ENOMEM;
	if ((rc = loop_signals(x->loop, signals, 4, on_signal, x)) < 0 ||
	    (x->options->relay &&
	     (rc = loop_add(x->loop, relay_fd(), EPOLLIN, on_relay, x)) < 0) ||
	    (rc = restrict_parent(x)) < 0)
		return rc;
	add_processes(x, IPC_ROLE_REGISTRAR, 1);
	add_processes(x, IPC_ROLE_SIGNER, x->estate.conf->signers);
	add_processes(x, IPC_ROLE_FRONT, x->estate.conf->fronts);
	return start_all(x);
}

int parent_run(const struct parent_options *options)
{
	static struct parent x;
	int rc;

	x = (struct parent){ .options = options,
			     .estate = { .text_fd = -1 },
			     .status = EXIT_FAILURE };
	rc = set_up(&x);
	if (rc < 0) {
		log_error("event=start why=\"%s\"", neg_text(rc));
		if (x.loop != NULL)
			stop(&x, EXIT_FAILURE);
	}
	if (x.loop != NULL && (rc == 0 || alive(&x, false)) &&
	    (rc = loop_run(x.loop, deadline, turn, &x)) < 0)
		log_error("event=loop why=\"%s\"", strerror(-rc));
	estate_unbind(&x.sockets);
	estate_release(&x.estate);
	loop_free(x.loop);
	log_info("event=end status=%d", x.status);
	relay_drain();
	return x.status;
}
