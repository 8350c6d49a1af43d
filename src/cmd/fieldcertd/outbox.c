#include "cmd/fieldcertd/registrar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "sys/log.h"

/* More waits for this peer than its socket takes: watch for room. */
static void watch_room(struct peer *p)
{
	if (p->watched && chan_pending(p->chan))
		(void)loop_change(p->r->loop, chan_fd(p->chan), EPOLLIN | EPOLLOUT);
}

static void send_bytes(struct peer *p, const uint8_t *bytes, size_t len, int fd)
{
	/* A full queue or a dead process: fronts ask again, jobs of a signer come
	 * back when its channel ends. */
	int rc = chan_send(p->chan, bytes, len, fd);

	if (rc < 0 && rc != -EPIPE)
		log_warning("event=peer-slow role=%d number=%u rc=%d", (int)p->role,
			    p->number, rc);
	watch_room(p);
}

int peer_send(struct peer *p, const struct ipc_message *m, int fd)
{
	struct outbox *o = &p->r->outbox;
	struct out out = out_of(o->scratch, sizeof(o->scratch));

	ipc_build(&out, m);
	send_bytes(p, o->scratch, out.len, fd);
	return 0;
}

static bool grow(struct outbox *o, size_t len)
{
	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 256;
		void *p = reallocarray(o->entries, cap, sizeof(*o->entries));

		if (!p)
			return false;
		o->entries = p;
		o->cap = cap;
	}
	if (o->bytes_cap - o->len < len) {
		size_t cap = o->bytes_cap ? o->bytes_cap : IPC_MESSAGE_MAX;
		void *p;

		while (cap - o->len < len)
			cap *= 2;
		p = realloc(o->bytes, cap);
		if (!p)
			return false;
		o->bytes = p;
		o->bytes_cap = cap;
	}
	return true;
}

void outbox_put(struct registrar *r, const struct peer *p, const struct ipc_message *m)
{
	struct outbox *o = &r->outbox;
	struct out out = out_of(o->scratch, sizeof(o->scratch));
	struct outbox_entry e = { .peer = (uint16_t)(p - r->peers),
				  .generation = p->generation,
				  .at = o->len };

	ipc_build(&out, m);
	if (out.full || !grow(o, out.len)) {
		log_error("event=message-lost type=%d", (int)m->type);
		return;
	}
	e.answer = m->type == IPC_ANSWER;
	e.ref = e.answer ? m->u.answer.ref : 0;
	e.len = out.len;
	memcpy(o->bytes + o->len, o->scratch, out.len);
	o->len += out.len;
	o->entries[o->n++] = e;
}

static struct peer *addressee(struct registrar *r, const struct outbox_entry *e)
{
	struct peer *p = &r->peers[e->peer];

	return p->chan && p->generation == e->generation ? p : NULL;
}

static void clear(struct outbox *o)
{
	o->n = 0;
	o->len = 0;
}

void outbox_flush(struct registrar *r)
{
	struct outbox *o = &r->outbox;

	for (size_t i = 0; i < o->n; i++) {
		struct peer *p = addressee(r, &o->entries[i]);

		if (p)
			send_bytes(p, o->bytes + o->entries[i].at, o->entries[i].len,
				   -1);
	}
	clear(o);
}

void outbox_fail(struct registrar *r)
{
	struct outbox *o = &r->outbox;

	for (size_t i = 0; i < o->n; i++) {
		struct peer *p = addressee(r, &o->entries[i]);
		struct ipc_message m = { .type = IPC_ANSWER };

		if (!p || !o->entries[i].answer)
			continue;
		m.u.answer.ref = o->entries[i].ref;
		m.u.answer.verdict = IPC_VERDICT_NOT_FOUND;
		(void)peer_send(p, &m, -1);
	}
	clear(o);
}

void outbox_release(struct outbox *o)
{
	free(o->entries);
	free(o->bytes);
	memset(o, 0, sizeof(*o));
}
