#include <arpa/inet.h>
#include "conf/confread.h"

static bool parse_port(const char *text, uint16_t *ret)
{
	unsigned long v;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	v = strtoul(text, &end, 10);
	if (*end != '\0' || v > 65535)
		return false;
	*ret = (uint16_t)v;
	return true;
}

/* "192.0.2.1:69", "[2001:db8::1]:69"; without a port 69. */
static bool parse_listen(const char *text, struct conf_listen *ret)
{
	struct conf_listen l = { .port = 69 };
	bool v6 = text[0] == '[';
	size_t len = strcspn(text += v6, v6 ? "]" : ":");
	const char *rest = text + len;
	uint8_t raw[16];
	char bare[64];

	if (len >= sizeof(l.host) || (v6 && *rest++ != ']'))
		return false;
	memcpy(l.host, text, len);
	l.host[len] = '\0';
	memcpy(bare, l.host, sizeof(bare));
	bare[strcspn(bare, "%")] = '\0'; /* an interface, of a link-local address */
	if (inet_pton(v6 ? AF_INET6 : AF_INET, v6 ? bare : l.host, raw) != 1)
		return false;
	if (*rest != '\0' && (*rest != ':' || !parse_port(rest + 1, &l.port)))
		return false;
	*ret = l;
	return true;
}

static void read_listen(struct conf *c, const struct conf_section *s)
{
	unsigned n = confutil_count(s, "listen");

	if (n == 0) {
		(void)parse_listen("0.0.0.0:69", &c->listen[0]);
		(void)parse_listen("[::]:69", &c->listen[1]);
		c->n_listen = 2;
		return;
	}
	if (n > CONF_LISTEN_MAX)
		confutil_wrong(s, "listen",
			       "%u addresses to listen at; %d are the most", n,
			       CONF_LISTEN_MAX);
	for (unsigned i = 0; i < n && i < CONF_LISTEN_MAX; i++) {
		const struct conf_value *v = confutil_value(s, "listen", i);
		struct conf_listen *l = &c->listen[c->n_listen];

		if (!parse_listen(v->text, l)) {
			conf_complain(
				s->errors, v->line,
				"listen: '%s' is not a numeric address and port, like "
				"\"192.0.2.1:69\" or \"[2001:db8::1]:69\"",
				v->text);
			continue;
		}
		for (size_t k = 0; k < c->n_listen; k++)
			if (strcmp(c->listen[k].host, l->host) == 0 &&
			    c->listen[k].port == l->port && l->port != 0)
				conf_complain(s->errors, v->line,
					      "listen: '%s' stands here twice",
					      v->text);
		c->n_listen++;
	}
}

static void read_ports(struct conf *c, const struct conf_section *s)
{
	const char *text = confutil_text(s, "transfer-ports", NULL);
	unsigned ports, needed;
	char low[8], *dash;

	c->single_port = confutil_bool(s, "single-port", false);
	c->transfer_sockets =
		confutil_number(s, "transfer-sockets", 1, CONF_PORTS_MAX, 8);
	if (text == NULL)
		return;
	(void)snprintf(low, sizeof(low), "%s", text);
	dash = strchr(low, '-');
	if (dash != NULL)
		*dash = '\0';
	if (strchr(text, '-') == NULL || dash == NULL ||
	    !parse_port(low, &c->transfer_port_min) ||
	    !parse_port(strchr(text, '-') + 1, &c->transfer_port_max) ||
	    c->transfer_port_min < 1 || c->transfer_port_min > c->transfer_port_max) {
		confutil_wrong(s, "transfer-ports",
			       "transfer-ports = %s is not a range of ports like "
			       "\"40000-40015\"",
			       text);
		c->transfer_port_min = c->transfer_port_max = 0;
		return;
	}
	ports = (unsigned)c->transfer_port_max - c->transfer_port_min + 1;
	needed = c->transfer_sockets * c->fronts;
	if (confutil_count(s, "transfer-sockets") == 0 && ports < needed)
		c->transfer_sockets = ports / c->fronts;
	needed = c->transfer_sockets * c->fronts;
	if (!c->single_port && (ports < needed || needed == 0))
		confutil_wrong(
			s, "transfer-ports",
			"transfer-ports = %s are %u ports, but %u fronts with %u "
			"transfer-sockets each need %u",
			text, ports, c->fronts,
			c->transfer_sockets > 0 ? c->transfer_sockets : 1,
			needed > 0 ? needed : c->fronts);
}

void confread_server(struct conf *c, const struct conf_section *s)
{
	c->fronts = confutil_number(s, "fronts", 1, 16, 1);
	c->signers = confutil_number(s, "signers", 1, 16, 1);
	read_listen(c, s);
	read_ports(c, s);
	c->transfers_max = confutil_number(s, "transfers-max", 16, 65536, 4096);
	c->blksize_max = confutil_number(s, "blksize-max", 512, 65464, 1428);
	c->windowsize_max = confutil_number(s, "windowsize-max", 1, 64, 16);
	c->retry_ms = confutil_number(s, "retry-ms", 500, 10000, 1000);
	c->tries = confutil_number(s, "tries", 1, 10, 5);
	c->uid_base = confutil_number(s, "uid-base", 1, 2000000000, 60700);
	c->database = confread_keep_path(
		c, confutil_text(s, "database", "/var/lib/fieldcert/fieldcert.db"));
	c->control = confread_keep_path(
		c, confutil_text(s, "control", "/run/fieldcert/control"));
	/* sun_path holds 108 bytes with its NUL (unix(7)). */
	if (strlen(c->control) > 107)
		confutil_wrong(s, "control",
			       "control = %s: a socket's path has at most 107 "
			       "bytes, this one %zu",
			       c->control, strlen(c->control));
	c->storage_key = confread_keep_path(
		c, confutil_text(s, "storage-key", "secrets/storage"));
}
