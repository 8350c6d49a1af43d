#include "conf/agentconf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include "base/errors.h"
#include "conf/confutil.h"

enum { STRINGS_MAX = 128, SECONDS_MAX = 31 * 86400 };

struct region {
	char *strings[STRINGS_MAX];
	size_t n_strings;
	bool out_of_memory;
};

/* One parse: what is being read, and where it goes. */
struct parse {
	struct agentconf *c;
	struct conf_section top, secrets;
};

static const char *keep(struct agentconf *c, char *s)
{
	struct region *r = c->region;

	if (s == NULL || r->n_strings >= STRINGS_MAX) {
		r->out_of_memory = true;
		free(s);
		return NULL;
	}
	return r->strings[r->n_strings++] = s;
}

static const char *path_from(struct agentconf *c, const char *s)
{
	const char *slash = strrchr(c->path, '/');
	char *joined = NULL;

	if (*s == '/' || slash == NULL)
		return keep(c, strdup(s));
	if (asprintf(&joined, "%.*s/%s", (int)(slash - c->path), c->path, s) < 0)
		joined = NULL;
	return keep(c, joined);
}

/* ------------------------------------------------------------------- addresses */

static bool is_address(const char *s)
{
	uint8_t b[16];

	return inet_pton(AF_INET, s, b) == 1 || inet_pton(AF_INET6, s, b) == 1;
}

static bool port_of(const char *s, uint16_t *ret)
{
	unsigned long v;
	char *end;

	if (*s < '1' || *s > '9')
		return false;
	errno = 0;
	v = strtoul(s, &end, 10);
	if (errno != 0 || *end != 0 || v > UINT16_MAX)
		return false;
	*ret = (uint16_t)v;
	return true;
}

/* "192.0.2.1", "192.0.2.1:69", "2001:db8::1", "[2001:db8::1]:69" */
static bool server_of(const char *s, char *ret_host, size_t cap, uint16_t *ret_port)
{
	const char *host = s, *port = NULL, *end = s + strlen(s);

	if (*s == '[') {
		host = s + 1;
		end = strchr(host, ']');
		if (end == NULL || (end[1] != 0 && end[1] != ':'))
			return false;
		port = end[1] == ':' ? end + 2 : NULL;
	} else if (strchr(s, ':') != NULL && strchr(s, ':') == strrchr(s, ':')) {
		end = strchr(s, ':');
		port = end + 1;
	}
	if ((size_t)(end - host) >= cap)
		return false;
	memcpy(ret_host, host, (size_t)(end - host));
	ret_host[end - host] = 0;
	*ret_port = 69;
	return is_address(ret_host) && (port == NULL || port_of(port, ret_port));
}

bool agentconf_server(const char *s, char ret_host[64], uint16_t *ret_port)
{
	char host[64];
	uint16_t port;

	if (!server_of(s, host, sizeof(host), &port))
		return false;
	memcpy(ret_host, host, sizeof(host));
	*ret_port = port;
	return true;
}

static void take_addresses(struct parse *p)
{
	struct agentconf *c = p->c;
	const char *server = confutil_text(&p->top, "server", NULL);
	const char *source = confutil_text(&p->top, "source", "");

	if (server == NULL)
		confutil_wrong(&p->top, "server",
			       "server is missing: write server = \"192.0.2.1:69\"");
	else if (!agentconf_server(server, c->server_host, &c->server_port))
		confutil_wrong(
			&p->top, "server",
			"server '%s' is not a numeric address with a port: write "
			"\"192.0.2.1:69\" or \"[2001:db8::1]:69\"",
			server);
	if (*source != 0 &&
	    (!is_address(source) || strlen(source) >= sizeof(c->source)))
		confutil_wrong(&p->top, "source",
			       "source '%s' is not a numeric IPv4 or IPv6 address",
			       source);
	else
		memcpy(c->source, source, strlen(source) + 1);
}

/* -------------------------------------------------------------------- identity */

static bool is_letter(char ch)
{
	return (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z');
}

static void take_type(struct parse *p)
{
	const char *s = confutil_text(&p->top, "type", "CM");

	if (strlen(s) != 2 || !is_letter(s[0]) || !is_letter(s[1])) {
		confutil_wrong(&p->top, "type",
			       "type '%s' is not two letters, like \"CM\" or \"EM\"",
			       s);
		return;
	}
	for (size_t i = 0; i < 3; i++)
		p->c->type[i] = s[i] >= 'a' ? (char)(s[i] - 'a' + 'A') : s[i];
}

static void take_identity(struct parse *p)
{
	struct agentconf *c = p->c;
	const char *mac = confutil_text(&p->top, "mac", NULL);
	const char *serial = confutil_text(&p->top, "serial", NULL);

	take_type(p);
	if (mac != NULL) {
		c->has_mac = mac_parse(mac, strlen(mac), &c->mac) == 0 &&
			     mac_is_device(&c->mac);
		if (!c->has_mac)
			confutil_wrong(&p->top, "mac",
				       "mac '%s' is not a device's MAC address, like "
				       "\"00:10:4B:AB:CD:EF\"",
				       mac);
	}
	if (serial == NULL)
		return;
	if (*serial == 0 || strlen(serial) > AGENTCONF_SERIAL_MAX)
		confutil_wrong(&p->top, "serial",
			       "serial is to have 1 to %d characters",
			       AGENTCONF_SERIAL_MAX);
	else
		c->serial = keep(c, strdup(serial));
}

/* ----------------------------------------------------------------------- files */

static const char *take_path(struct parse *p, const struct conf_section *s,
			     const char *name, const char *needed)
{
	const char *text = confutil_text(s, name, NULL);

	if (text != NULL && *text != 0)
		return path_from(p->c, text);
	if (text != NULL)
		confutil_wrong(s, name, "%s is empty: write a path", name);
	else if (needed != NULL)
		confutil_wrong(s, name, "%s is missing: write %s", name, needed);
	return NULL;
}

static void take_list(struct parse *p, const char *name, bool paths,
		      struct agentconf_list *ret)
{
	unsigned n = confutil_count(&p->top, name);

	if (n > AGENTCONF_LIST_MAX) {
		confutil_wrong(&p->top, name, "%s has more than %d entries", name,
			       AGENTCONF_LIST_MAX);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		const char *text = confutil_value(&p->top, name, i)->text;

		if (*text == 0)
			confutil_wrong(&p->top, name, "%s has an empty entry", name);
		else
			ret->v[ret->n++] = paths ? path_from(p->c, text)
						 : keep(p->c, strdup(text));
	}
}

static void take_secrets(struct parse *p)
{
	static const char *const kinds[] = { "shared", "derived" };
	struct agentconf *c = p->c;

	if (p->secrets.cfg == NULL) {
		confutil_wrong(&p->top, "secrets",
			       "the secrets are missing: write secrets { request = "
			       "\"path\"  confirm = \"path\"  keybox = \"path\" }");
		return;
	}
	c->secrets_derived = confutil_choice(&p->secrets, "kind", kinds, 2, 0) == 1;
	c->request =
		take_path(p, &p->secrets, "request", "request = \"secrets/request\"");
	c->confirm =
		take_path(p, &p->secrets, "confirm", "confirm = \"secrets/confirm\"");
	c->keybox = take_path(p, &p->secrets, "keybox", NULL);
}

static void take_files(struct parse *p)
{
	struct agentconf *c = p->c;

	c->flash = take_path(p, &p->top, "flash", "flash = \"directory\"");
	c->export_dir = take_path(p, &p->top, "export", NULL);
	c->key = take_path(p, &p->top, "key", NULL);
	c->public_key = take_path(p, &p->top, "public-key", NULL);
	take_list(p, "roots", true, &c->roots);
	if (confutil_count(&p->top, "roots") == 0)
		confutil_wrong(&p->top, "roots",
			       "roots is missing: write roots = {\"root.pem\"}");
	take_list(p, "manufacturer-names", false, &c->manufacturer_names);
	take_list(p, "manufacturer-keys", true, &c->manufacturer_keys);
}

/* ----------------------------------------------------------------------- codes */

static void take_codes(struct parse *p)
{
	static const char *const requests[] = { "serial-mac", "mac" };
	static const char *const confirms[] = { "mac-code", "mac" };
	static const char *const kinds[] = { "plain", "bound" };
	struct agentconf *c = p->c;
	const struct conf_value *hash = confutil_value(&p->top, "hash", 0);
	const struct conf_value *bits = confutil_value(&p->top, "code-bits", 0);

	c->hash = keep(c, strdup(confutil_text(&p->top, "hash", "sha1")));
	c->hash_line = hash != NULL ? hash->line : 0;
	c->code_bits_line = bits != NULL ? bits->line : 0;
	c->code_bits = (uint16_t)confutil_number(&p->top, "code-bits", 12, 512, 24);
	if (c->code_bits % 4 != 0)
		confutil_wrong(&p->top, "code-bits",
			       "code-bits %u is not possible: write a multiple of 4",
			       c->code_bits);
	c->request_serial =
		confutil_choice(&p->top, "request-input", requests, 2, 0) == 0;
	c->confirm_code =
		confutil_choice(&p->top, "confirm-input", confirms, 2, 0) == 0;
	c->bound = confutil_choice(&p->top, "confirm", kinds, 2, 0) == 1;
}

/* ----------------------------------------------------------------------- waits */

static bool seconds_of(const char *text, double min, uint64_t *ret_ms)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end != 0 || !isfinite(v) || v < min || v > SECONDS_MAX)
		return false;
	*ret_ms = (uint64_t)(v * 1000 + 0.5);
	return true;
}

static void wrong_seconds(struct parse *p, const char *name, const char *text,
			  double min)
{
	confutil_wrong(&p->top, name,
		       "%s: '%s' is no wait: write seconds, from %g to %d", name, text,
		       min, SECONDS_MAX);
}

static uint64_t take_seconds(struct parse *p, const char *name, double min,
			     uint64_t otherwise_ms)
{
	const char *text = confutil_text(&p->top, name, NULL);
	uint64_t ms = otherwise_ms;

	if (text != NULL && !seconds_of(text, min, &ms))
		wrong_seconds(p, name, text, min);
	return ms;
}

static void take_waits(struct parse *p, const char *name, double min,
		       const struct agentconf_waits *otherwise,
		       struct agentconf_waits *ret)
{
	unsigned n = confutil_count(&p->top, name);

	*ret = *otherwise;
	if (n == 0)
		return;
	if (n > AGENTCONF_WAITS_MAX) {
		confutil_wrong(&p->top, name, "%s is to have 1 to %d waits", name,
			       AGENTCONF_WAITS_MAX);
		return;
	}
	ret->n = n;
	for (unsigned i = 0; i < n; i++) {
		const char *text = confutil_value(&p->top, name, i)->text;

		if (!seconds_of(text, min, &ret->ms[i]))
			wrong_seconds(p, name, text, min);
	}
}

static void take_schedule(struct parse *p)
{
	static const struct agentconf_waits retry = { { 600000, 1200000, 2400000 }, 3 };
	static const struct agentconf_waits confirm = { { 10000, 20000, 40000 }, 3 };
	const double shortest = 0.01; /* anything less would be a flood */
	struct agentconf *c = p->c;

	take_waits(p, "retry", shortest, &retry, &c->retry);
	take_waits(p, "confirm-timeouts", shortest, &confirm, &c->confirm_timeouts);
	c->long_wait_ms = take_seconds(p, "long-wait", shortest, 14400000);
	c->announced_min_ms = take_seconds(p, "announced-min", shortest, 60000);
	c->start_spread_ms = take_seconds(p, "start-spread", 0, 30000);
	c->examine_ms = take_seconds(p, "examine", shortest, 86400000);
	c->jitter_percent =
		(uint8_t)confutil_number(&p->top, "jitter-percent", 0, 100, 20);
	c->renew_before_days =
		confutil_number(&p->top, "renew-before-days", 0, 3650, 30);
}

/* -------------------------------------------------------------------- the rest */

static void take_transfer(struct parse *p)
{
	struct agentconf *c = p->c;

	c->blksize = (uint16_t)confutil_number(&p->top, "blksize", 0, 1428, 1428);
	if (c->blksize > 0 && c->blksize < 8)
		confutil_wrong(
			&p->top, "blksize",
			"blksize %u is out of range: write 8 to 1428, or 0 for no "
			"such option",
			c->blksize);
	c->windowsize = (uint16_t)confutil_number(&p->top, "windowsize", 0, 64, 4);
}

static void take_restart(struct parse *p)
{
	static const char *const choices[] = { "stay", "restart" };
	struct agentconf *c = p->c;
	unsigned n = confutil_count(&p->top, "restart-command");

	c->restart = confutil_choice(&p->top, "after-install", choices, 2, 0) == 1;
	if (c->restart && n == 0) {
		confutil_wrong(&p->top, "after-install",
			       "after-install = restart needs restart-command = "
			       "{\"/sbin/reboot\"}");
		return;
	}
	if (n > AGENTCONF_ARGS_MAX ||
	    (n > 0 && *confutil_value(&p->top, "restart-command", 0)->text != '/')) {
		confutil_wrong(&p->top, "restart-command",
			       "restart-command is a program's absolute path and its "
			       "arguments, %d words at most: write {\"/sbin/reboot\"}",
			       AGENTCONF_ARGS_MAX);
		return;
	}
	for (unsigned i = 0; i < n; i++)
		c->restart_command[i] = keep(
			c, strdup(confutil_value(&p->top, "restart-command", i)->text));
}

static int take_all(struct agentconf *c, const char *text, size_t len,
		    struct conf_errors *e)
{
	cfg_opt_t secrets[] = {
		CONF_ONE("kind"),   CONF_ONE("request"), CONF_ONE("confirm"),
		CONF_ONE("keybox"), CFG_END(),
	};
	cfg_opt_t all[] = {
		CONF_ONE("server"),
		CONF_ONE("source"),
		CONF_ONE("type"),
		CONF_ONE("mac"),
		CONF_ONE("serial"),
		CFG_SEC("secrets", secrets, CFGF_MULTI),
		CONF_ONE("flash"),
		CONF_ONE("export"),
		CONF_ONE("key"),
		CONF_ONE("public-key"),
		CONF_LIST("roots"),
		CONF_LIST("manufacturer-names"),
		CONF_LIST("manufacturer-keys"),
		CONF_ONE("hash"),
		CONF_ONE("code-bits"),
		CONF_ONE("request-input"),
		CONF_ONE("confirm-input"),
		CONF_ONE("confirm"),
		CONF_LIST("retry"),
		CONF_ONE("long-wait"),
		CONF_ONE("announced-min"),
		CONF_ONE("start-spread"),
		CONF_ONE("examine"),
		CONF_LIST("confirm-timeouts"),
		CONF_ONE("jitter-percent"),
		CONF_ONE("renew-before-days"),
		CONF_ONE("blksize"),
		CONF_ONE("windowsize"),
		CONF_ONE("after-install"),
		CONF_LIST("restart-command"),
		CFG_END(),
	};
	struct conf_file f;
	struct parse p = { .c = c };
	int rc = confutil_open(&f, all, text, len, e);

	if (rc < 0)
		return rc;
	p.top = confutil_top(&f);
	if (cfg_size(f.cfg, "secrets") > 0) {
		p.secrets = confutil_section(&f, "secrets", 0);
		memcpy(p.secrets.what, "secrets: ", sizeof("secrets: "));
	}
	take_addresses(&p);
	take_identity(&p);
	take_secrets(&p);
	take_files(&p);
	take_codes(&p);
	take_schedule(&p);
	take_transfer(&p);
	take_restart(&p);
	confutil_close(&f);
	return e->n > 0 ? FC_ECONF : 0;
}

int agentconf_parse(const char *path, const char *text, size_t len,
		    struct agentconf **ret, char **ret_errors)
{
	struct conf_errors e = { .path = path };
	struct agentconf *c = calloc(1, sizeof(*c));
	struct region *r = calloc(1, sizeof(*r));
	int rc = -ENOMEM;

	*ret_errors = NULL;
	if (c == NULL || r == NULL) {
		free(c);
		free(r);
		return rc;
	}
	c->region = r;
	memcpy(c->type, "CM", sizeof(c->type));
	c->path = keep(c, strdup(path));
	if (!r->out_of_memory)
		rc = take_all(c, text, len, &e);
	if (rc == 0 && r->out_of_memory)
		rc = -ENOMEM;
	if (rc < 0) {
		agentconf_free(c);
		*ret_errors = e.text;
		return rc;
	}
	free(e.text);
	*ret = c;
	return 0;
}

void agentconf_free(struct agentconf *c)
{
	struct region *r;

	if (c == NULL)
		return;
	r = c->region;
	for (size_t i = 0; i < r->n_strings; i++)
		free(r->strings[i]);
	free(r);
	free(c);
}
