/* The signer: CA keys, secret3 and the storage key live here, and nothing else does.
 *
 * It answers the registrar, one message at a time and in their order; a key pair
 * made in between takes a tenth of a second and more, and what is behind it waits.
 * Once jailed it opens no file and no socket, and needs no system call beyond those
 * of sys/jail's base list; new secrets come as open descriptors. */
#include "cmd/fieldcertd/child.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "base/errors.h"
#include "base/secret.h"
#include "cmd/fieldcertd/signjobs.h"
#include "cmd/fieldcertd/signstate.h"
#include "sys/chan.h"
#include "sys/log.h"
#include "sys/neg.h"

enum { QUEUE_MAX = 16 * 1024 * 1024 }; /* answers, to a slow registrar */

struct signer {
	struct child *child;
	struct signfiles files;  /* handed over since the last START */
	struct signstate *state; /* NULL before the first */
	struct chan *registrar;  /* NULL: none at present */
	uint8_t in[IPC_MESSAGE_MAX], out[IPC_MESSAGE_MAX];
};

static int on_secret(void *ctx, const struct ipc_secret *s, const char *name,
		     const uint8_t *bytes, size_t len, const struct conf *conf,
		     char why[CHILD_WHY_SIZE])
{
	struct signer *g = ctx;

	(void)conf;
	return signfiles_put(&g->files, s, name, bytes, len, why);
}

static void drop_registrar(struct signer *g)
{
	if (!g->registrar)
		return;
	loop_remove(g->child->loop, chan_fd(g->registrar));
	chan_free(g->registrar);
	g->registrar = NULL;
}

/* What is in g->out, if anything. The registrar that cannot take it is as good as
 * gone: a new one asks again. */
static void answer(struct signer *g, const struct out *o)
{
	int rc = o->full ? FC_EFULL : 0;

	if (!rc && o->len)
		rc = chan_send(g->registrar, o->buf, o->len, -1);
	if (!rc && chan_pending(g->registrar))
		rc = loop_change(g->child->loop, chan_fd(g->registrar),
				 EPOLLIN | EPOLLOUT);
	if (rc) {
		log_error("event=registrar-lost rc=%d", rc);
		drop_registrar(g);
	}
	secret_wipe(o->buf, o->len);
}

static void announce(struct signer *g)
{
	for (size_t i = 0; g->registrar && i < g->state->conf->n_issuers; i++) {
		struct out o = out_of(g->out, sizeof(g->out));

		signjobs_announce(&g->state->issuers[i], &o);
		answer(g, &o);
	}
}

/* One message a turn, so that the parent is heard between key pairs. */
static void on_registrar(void *ctx, int at, uint32_t events)
{
	struct signer *g = ctx;
	struct out o = out_of(g->out, sizeof(g->out));
	struct ipc_message m;
	int64_t n;
	int fd = -1, rc;

	if (events & EPOLLOUT) {
		if (chan_flush(g->registrar) < 0) {
			drop_registrar(g);
			return;
		}
		if (!chan_pending(g->registrar))
			(void)loop_change(g->child->loop, at, EPOLLIN);
	}
	n = chan_recv(g->registrar, g->in, sizeof(g->in), &fd);
	if (fd >= 0)
		(void)close(fd);
	if (n == -EAGAIN)
		return;
	rc = n <= 0 ? (int)n : ipc_parse(g->in, (size_t)n, &m);
	if (n > 0 && rc == 0)
		rc = g->state ? signjobs_handle(g->state, &m, &o) : FC_EPROTO;
	if (n <= 0 || rc) {
		if (rc)
			log_error("event=registrar-message rc=%d why=\"%s\"", rc,
				  neg_text(rc));
		drop_registrar(g);
		return;
	}
	answer(g, &o);
}

static int on_peer(void *ctx, const struct ipc_peer *p, int fd)
{
	struct signer *g = ctx;
	int rc;

	if (p->role != IPC_ROLE_REGISTRAR) {
		(void)close(fd);
		return FC_EPROTO;
	}
	drop_registrar(g);
	g->registrar = chan_new(fd, QUEUE_MAX);
	if (!g->registrar) {
		(void)close(fd);
		return -ENOMEM;
	}
	rc = loop_add(g->child->loop, fd, EPOLLIN, on_registrar, g);
	if (rc) {
		chan_free(g->registrar);
		g->registrar = NULL;
		return rc;
	}
	if (g->state) {
		signstate_forget_made(g->state);
		announce(g);
	}
	return 0;
}

static int on_start(void *ctx, struct conf *conf, bool first, char why[CHILD_WHY_SIZE])
{
	struct signer *g = ctx;
	struct signstate *fresh = NULL;
	int rc = signstate_new(conf, &g->files, &fresh, why);

	signfiles_clear(&g->files);
	if (!rc && first)
		rc = child_confine(g->child, NULL, why);
	if (!rc && first)
		rc = child_filter(NULL, 0, why);
	if (rc) {
		if (fresh)
			fresh->conf = NULL; /* still the caller's */
		signstate_free(fresh);
		return rc;
	}
	if (g->state)
		signstate_inherit(fresh, g->state);
	signstate_free(g->state);
	g->state = fresh;
	announce(g);
	return 0;
}

int signer_main(struct child *c)
{
	static const struct child_ops ops = {
		.secret = on_secret,
		.peer = on_peer,
		.start = on_start,
	};
	struct signer *g = calloc(1, sizeof(*g));
	struct loop *loop = g ? loop_new() : NULL;
	int rc = -ENOMEM;

	if (!loop)
		goto out;
	g->child = c;
	rc = child_init(c, &ops, g, loop);
	if (!rc)
		rc = loop_run(loop, NULL, NULL, NULL);
	drop_registrar(g);
	signstate_free(g->state);
	signfiles_clear(&g->files);
	secret_wipe(g, sizeof(*g));
out:
	if (rc)
		log_error("event=signer-end rc=%d", rc);
	loop_free(loop);
	free(g);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
