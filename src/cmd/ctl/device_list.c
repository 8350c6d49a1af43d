#include <inttypes.h>
#include <string.h>

#include "cmd/ctl/command.h"
#include "cmd/ctl/moment.h"
#include "cmd/ctl/registry.h"
#include "sys/clock.h"

struct listing {
	struct ctl *c;
	struct json json;
	int64_t now;
	uint64_t n;
};

static void row_json(struct json *j, const struct store_device *d)
{
	char mac[MAC_TEXT_SIZE];

	json_object(j, NULL);
	json_text(j, "mac", mac_text(&d->mac, mac));
	json_text(j, "type", d->type);
	json_text(j, "class", d->class_name);
	json_text(j, "serial", d->serial);
	json_text(j, "state", device_state_name(d->state));
	json_bool(j, "denied", d->denied);
	json_uint(j, "epoch", d->epoch);
	json_uint(j, "error", d->error);
	json_time(j, "last_seen", d->last_seen);
	json_text(j, "waiting", *d->waiting ? d->waiting : NULL);
	json_end(j);
}

static int row(void *ctx, const struct store_device *d)
{
	struct listing *l = ctx;
	char mac[MAC_TEXT_SIZE], seen[MOMENT_SIZE];

	if (l->c->json)
		return row_json(&l->json, d), 0;
	if (l->n++ == 0)
		(void)printf("%-17s  %-4s  %-10s  %5s  %-16s  %-16s  %s\n", "MAC",
			     "TYPE", "STATE", "EPOCH", "LAST SEEN", "SERIAL", "CLASS");
	(void)printf("%-17s  %-4s  %-10s  %5" PRIu32 "  %-16s  ",
		     mac_text(&d->mac, mac), d->type,
		     d->denied ? "denied" : device_state_name(d->state), d->epoch,
		     moment_since(d->last_seen, l->now, seen));
	put_safe(stdout, d->serial);
	(void)printf("%*s  ",
		     (int)(strlen(d->serial) < 16 ? 16 - strlen(d->serial) : 0), "");
	put_safe(stdout, d->class_name);
	if (d->error != 0)
		(void)printf("  error %02" PRIu32, d->error);
	if (*d->waiting) {
		(void)fputs("  waits: ", stdout);
		put_safe(stdout, d->waiting);
	}
	(void)putchar('\n');
	return 0;
}

/* -1: no --state was given; -2 after a complaint. */
static int state_of(const struct ctl *c, const char *text)
{
	const char *names[DEVICE_STATE_COUNT], *meant;

	if (!text)
		return -1;
	for (int i = 0; i < DEVICE_STATE_COUNT; i++) {
		names[i] = device_state_name((enum device_state)i);
		if (strcmp(names[i], text) == 0)
			return i;
	}
	meant = nearest(text, names, DEVICE_STATE_COUNT);
	(void)ctl_usage(c, "\"%.40s\" is no state of a device%s%s%s", text,
			meant ? "; did you mean " : "", meant ? meant : "",
			meant ? "?" : "");
	return -2;
}

int cmd_device_list(struct ctl *c, int argc, char **argv)
{
	const char *state_text = NULL;
	uint64_t limit = 0;
	const struct option options[] = { { .name = "--state", .text = &state_text },
					  { .name = "--limit", .number = &limit },
					  { 0 } };
	struct listing l = { .c = c, .now = clock_unix_s() };
	struct store *s;
	int state, rc;

	if (ctl_args(c, argc, argv, options, 0, 0) < 0)
		return CTL_USAGE;
	state = state_of(c, state_text);
	if (state == -2)
		return CTL_USAGE;
	s = registry_read(c);
	if (!s)
		return CTL_FAILED;
	if (c->json) {
		json_init(&l.json, stdout);
		json_object(&l.json, NULL);
		json_array(&l.json, "devices");
	}
	rc = store_device_each(s, state, limit, row, &l);
	if (c->json) {
		json_end(&l.json);
		json_end(&l.json);
	}
	if (rc < 0)
		return registry_complain(c, "cannot list the devices", rc);
	if (!c->json && l.n == 0)
		(void)fputs(state < 0 ? "no devices are registered yet\n"
				      : "no device is in that state\n",
			    stderr);
	return CTL_DONE;
}
