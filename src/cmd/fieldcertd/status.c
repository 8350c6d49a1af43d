/* What CONTROL_STATUS answers: facts by name, in the order they are shown. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/errors.h"
#include "cmd/fieldcertd/registrar.h"
#include "core/desk.h"
#include "sys/clock.h"

enum { TEXT_MAX = 16 * 1024, DAY_S = 86400, REASONS_MAX = 8 };

struct facts {
	struct control_message m;
	char text[TEXT_MAX];
	size_t len;
	unsigned reasons;
};

static struct ipc_blob keep(struct facts *f, const char *s, size_t max)
{
	size_t n = strnlen(s, max);
	char *at = f->text + f->len;

	if (n == 0 || n > sizeof(f->text) - f->len)
		return (struct ipc_blob){ NULL, 0 };
	memcpy(at, s, n);
	f->len += n;
	return (struct ipc_blob){ (const uint8_t *)at, n };
}

static void fact(struct facts *f, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void fact(struct facts *f, const char *name, const char *fmt, ...)
{
	struct control_status_is *is = &f->m.u.status_is;
	char value[IPC_TEXT_MAX];
	va_list ap;

	if (is->n == CONTROL_FACTS_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	is->facts[is->n].name = keep(f, name, IPC_NAME_MAX);
	is->facts[is->n].value = keep(f, value, IPC_TEXT_MAX - 1);
	is->n++;
}

static void processes(struct registrar *r, struct facts *f)
{
	unsigned fronts = 0, signers = 0;

	for (size_t i = 0; i < PEERS_MAX; i++) {
		fronts += r->peers[i].chan && r->peers[i].role == IPC_ROLE_FRONT;
		signers += r->peers[i].chan && r->peers[i].role == IPC_ROLE_SIGNER;
	}
	fact(f, "version", "%s", FIELDCERT_VERSION);
	fact(f, "uptime", "%" PRIu64 " s", (clock_ms() - r->started_ms) / 1000);
	fact(f, "processes", "registrar, %u front%s, %u signer%s", fronts,
	     fronts == 1 ? "" : "s", signers, signers == 1 ? "" : "s");
	fact(f, "database", "%s", r->database);
	fact(f, "database state", "%s", r->trouble[0] ? r->trouble : "good");
}

static void devices(struct registrar *r, struct facts *f)
{
	uint64_t by_state[DEVICE_STATE_COUNT], all = 0;
	char name[IPC_NAME_MAX + 1];

	if (store_device_count(r->store, by_state) < 0)
		return;
	for (int i = 0; i < DEVICE_STATE_COUNT; i++)
		all += by_state[i];
	fact(f, "devices", "%" PRIu64, all);
	for (int i = 0; i < DEVICE_STATE_COUNT; i++) {
		(void)snprintf(name, sizeof(name), "devices %s",
			       device_state_name((enum device_state)i));
		fact(f, name, "%" PRIu64, by_state[i]);
	}
}

static int reason(void *ctx, const char *waiting, uint64_t n)
{
	struct facts *f = ctx;
	char name[IPC_NAME_MAX + 1];

	(void)snprintf(name, sizeof(name), "waiting %u", ++f->reasons);
	fact(f, name, "%" PRIu64 " device%s: %s", n, n == 1 ? "" : "s", waiting);
	return 0;
}

static void certificates(struct registrar *r, struct facts *f)
{
	uint64_t all, today, queue;
	int64_t now = clock_unix_s();

	if (store_cert_count_since(r->store, 0, &all) == 0)
		fact(f, "certificates", "%" PRIu64, all);
	if (store_cert_count_since(r->store, now - DAY_S, &today) == 0)
		fact(f, "certificates of the last day", "%" PRIu64, today);
	fact(f, "certificates since start", "%" PRIu64, r->n_issued);
	if (store_queue_count(r->store, &queue) == 0)
		fact(f, "queue", "%" PRIu64, queue);
	fact(f, "being made", "%" PRIu32, issue_count(&r->issue));
	(void)store_waiting_each(r->store, REASONS_MAX, reason, f);
	if (r->last_failure[0])
		fact(f, "last failure", "%s", r->last_failure);
}

static void issuers(struct registrar *r, struct facts *f)
{
	char name[2 * IPC_NAME_MAX], until[32];
	struct tm tm;

	for (size_t i = 0; i < r->n_issuers; i++) {
		const struct issuer *is = &r->issuers[i];
		time_t end = (time_t)is->not_after;

		(void)snprintf(name, sizeof(name), "issuer %s", is->name);
		if (is->failed[0])
			fact(f, name, "unusable: %s", is->failed);
		else if (is->cert_len == 0 || !gmtime_r(&end, &tm))
			fact(f, name, "not ready yet");
		else if (strftime(until, sizeof(until), "%Y-%m-%d %H:%M:%SZ", &tm) > 0)
			fact(f, name, "%s, until %s", is->subject, until);
	}
}

static void counters(struct registrar *r, struct facts *f)
{
	char name[IPC_NAME_MAX + 1];

	for (unsigned i = 0; i < IPC_COUNTERS_MAX && desk_counter_name(i); i++) {
		uint64_t sum = r->gone_counters[i];

		for (size_t k = 0; k < PEERS_MAX; k++)
			sum += r->peers[k].chan ? r->peers[k].counters[i] : 0;
		(void)snprintf(name, sizeof(name), "front %s", desk_counter_name(i));
		fact(f, name, "%" PRIu64, sum);
	}
}

void status_build(struct registrar *r, struct out *reply)
{
	static struct facts f;

	memset(&f, 0, sizeof(f));
	f.m.type = CONTROL_STATUS_IS;
	processes(r, &f);
	devices(r, &f);
	certificates(r, &f);
	issuers(r, &f);
	counters(r, &f);
	control_build(reply, &f.m);
}
