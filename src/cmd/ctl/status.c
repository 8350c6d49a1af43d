#include <inttypes.h>
#include <string.h>

#include "cmd/ctl/command.h"
#include "cmd/ctl/registry.h"
#include "sys/clock.h"

enum { DAY_S = 86400 };

/* One fact after the other, as text or as members of one object. */
struct facts {
	bool as_json;
	struct json json;
};

static void facts_begin(struct facts *f, const struct ctl *c, bool running)
{
	*f = (struct facts){ .as_json = c->json };
	if (!f->as_json)
		return;
	json_init(&f->json, stdout);
	json_object(&f->json, NULL);
	json_bool(&f->json, "running", running);
	json_object(&f->json, "facts");
}

/* Counts travel as text; here they are numbers again. */
static void fact_json(struct json *j, const char *name, const char *value, size_t len)
{
	enum { DIGITS_MAX = 15 }; /* whole in a double, which is what readers have */
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < len && i < DIGITS_MAX && value[i] >= '0' && value[i] <= '9';
	     i++)
		n = n * 10 + (uint64_t)(value[i] - '0');
	if (len > 0 && i == len)
		json_uint(j, name, n);
	else
		json_bytes(j, name, value, len);
}

static void fact(struct facts *f, const char *name, const void *value, size_t len)
{
	if (f->as_json) {
		fact_json(&f->json, name, value, len);
		return;
	}
	(void)printf("%-28s ", name);
	put_safe_n(stdout, value, len);
	(void)putchar('\n');
}

static void fact_number(struct facts *f, const char *name, uint64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRIu64, v);

	fact(f, name, text, (size_t)n);
}

static void facts_end(struct facts *f)
{
	if (!f->as_json)
		return;
	json_end(&f->json);
	json_end(&f->json);
}

static int from_daemon(struct ctl *c)
{
	static const struct control_message request = { .type = CONTROL_STATUS };
	const struct control_status_is *is;
	struct control_message reply;
	struct facts f;

	if (registry_call(c, &request, &reply) != 0)
		return CTL_FAILED;
	if (reply.type != CONTROL_STATUS_IS)
		return ctl_fail("%s: an answer to another question", c->conf->control);
	is = &reply.u.status_is;
	facts_begin(&f, c, true);
	for (size_t i = 0; i < is->n; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "%.*s", (int)is->facts[i].name.len,
			       (const char *)is->facts[i].name.p);
		fact(&f, name, is->facts[i].value.p, is->facts[i].value.len);
	}
	facts_end(&f);
	return CTL_DONE;
}

static int from_database(struct ctl *c)
{
	uint64_t states[DEVICE_STATE_COUNT] = { 0 }, today = 0, all = 0;
	struct store *s;
	struct facts f;
	int rc;

	ctl_say("fieldcertd is not running (nothing answers at %s); this is what its "
		"database knows",
		c->conf->control);
	s = registry_read(c);
	if (!s)
		return CTL_FAILED;
	rc = store_device_count(s, states);
	if (rc == 0)
		rc = store_cert_count_since(s, clock_unix_s() - DAY_S, &today);
	if (rc < 0)
		return registry_complain(c, "cannot count", rc);
	facts_begin(&f, c, false);
	for (int i = 0; i < DEVICE_STATE_COUNT; i++)
		all += states[i];
	fact_number(&f, "devices", all);
	for (int i = 0; i < DEVICE_STATE_COUNT; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "devices %s",
			       device_state_name((enum device_state)i));
		fact_number(&f, name, states[i]);
	}
	fact_number(&f, "certificates of the last day", today);
	facts_end(&f);
	return CTL_DONE;
}

int cmd_status(struct ctl *c, int argc, char **argv)
{
	int rc;

	if (ctl_args(c, argc, argv, NULL, 0, 0) < 0)
		return CTL_USAGE;
	if (ctl_conf(c) != CTL_DONE)
		return CTL_FAILED;
	rc = registry_daemon(c);
	if (registry_forbidden(c, rc) != CTL_DONE)
		return CTL_FAILED;
	return rc == 0 ? from_daemon(c) : from_database(c);
}
