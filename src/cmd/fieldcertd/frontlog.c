#include "cmd/fieldcertd/frontlog.h"

#include <inttypes.h>
#include <string.h>
#include "base/escape.h"
#include "sys/log.h"
#include "sys/udp.h"

enum {
	NAME_SHOWN_MAX = 64, /* bytes of an untrusted name or text in a line */
	SHOWN_SIZE = 4 * NAME_SHOWN_MAX + 8
};

bool frontlog_allowed(struct frontlog *l, uint64_t now)
{
	if (now - l->since >= 1000) {
		if (l->left_out > 0)
			log_info("event=lines-left-out n=%u", l->left_out);
		l->since = now;
		l->lines = l->left_out = 0;
	}
	if (l->lines == FRONTLOG_LINES_PER_S) {
		l->left_out++;
		return false;
	}
	l->lines++;
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

void frontlog_remark(struct frontlog *l, const struct desk_todo *t, uint64_t now)
{
	const char *event = t->act == DESK_REPLY ? "refused" : "noticed";
	const char *why = desk_counter_name(t->remark);
	char peer[64], name[SHOWN_SIZE], mac[MAC_TEXT_SIZE];

	if (!frontlog_allowed(l, now))
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

void frontlog_end(struct frontlog *l, const struct desk_end *e, uint64_t now)
{
	char peer[64], text[SHOWN_SIZE], mac[MAC_TEXT_SIZE];

	if (e->why != DESK_END_DELIVERED && !frontlog_allowed(l, now))
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
