#include <string.h>

#include "cmd/ctl/initconf.h"

bool init_listen_ok(const char *s)
{
	const char *port = strrchr(s, ':');

	return strspn(s, "0123456789abcdefABCDEFghijklmnopqrstuvwxyz.:[]%-_") ==
		       strlen(s) &&
	       port && port > s && port[1] != '\0' &&
	       strspn(port + 1, "0123456789") == strlen(port + 1);
}

/* clang-format off */
static const char server_head[] =
"# The certificate server's configuration, made by 'fieldcertctl init' for trying\n"
"# it out. Lines that begin \"Production:\" say what to change for real use.\n"
"#\n"
"# fieldcertd.conf(5) explains every setting; 'fieldcertd -t -c FILE' checks this\n"
"# file; SIGHUP has the server read it again. Relative paths begin at the folder of\n"
"# this file.\n"
"\n"
"# Where devices ask, by TFTP.\n"
"# Production: listen = {\"0.0.0.0:69\", \"[::]:69\"}. Port 69 takes root, which the\n"
"# server gives up again once it is open.\n";

static const char server_body[] =
"\n"
"# Files leave from ports of the system's choice.\n"
"# Production: behind a firewall name a range, or have all leave from port 69:\n"
"#transfer-ports = \"40000-40007\"\n"
"#single-port = yes\n"
"\n"
"# Registry, certificates and files, in SQLite. The folder belongs to the registrar,\n"
"# which is the only process that opens it.\n"
"# Production: database = \"/var/lib/fieldcert/fieldcert.db\"\n"
"database = \"state/fieldcert.db\"\n"
"\n"
"# Where fieldcertctl reaches the running server.\n"
"# Production: control = \"/run/fieldcert/control\"\n"
"control = \"control\"\n"
"\n"
"# Private keys that are made here rest in the database encrypted under this key.\n"
"# Without it they are lost: back it up, apart from the database.\n"
"storage-key = \"secrets/storage\"\n"
"\n"
"# What devices and server both know: for asking (request), for confirming (confirm)\n"
"# and for private keys on their way (keybox). Three different lines of text, 256\n"
"# random bits each. To change them, add a section with another number and name both\n"
"# in the class while the devices change over.\n";

static const char secrets_derived[] =
"# kind = derived: the files hold masters. Each device has secrets of its own, made\n"
"# from them and its MAC address, so that one modem taken apart betrays no other.\n"
"# Devices are given theirs, never the masters.\n"
"secrets \"first\" {\n"
"	set     = 1\n"
"	kind    = derived\n";

static const char secrets_one[] =
"# kind = shared: all devices hold the same three lines.\n"
"# Production: one modem taken apart betrays all of them. kind = derived does not.\n"
"secrets \"first\" {\n"
"	set     = 1\n"
"	kind    = shared\n";

static const char server_tail[] =
"	request = \"secrets/request\"\n"
"	confirm = \"secrets/confirm\"\n"
"	keybox  = \"secrets/keybox\"\n"
"}\n"
"\n"
"# Who signs: a manufacturer certificate and its key, here under a root that was made\n"
"# for the demonstration. Devices hold the root.\n"
"# Production: your own. Keep the root's key (pki/private/root.key here) off this\n"
"# machine; the server needs it only where root-certificate and root-key stand in\n"
"# place of these two, and then makes the manufacturer certificate itself.\n"
"issuer \"demonstration\" {\n"
"	certificate  = \"pki/manufacturer.pem\"\n"
"	key          = \"pki/private/manufacturer.key\"\n"
"	country      = \"US\"\n"
"	organization = \"fieldcert demonstration\"\n"
"	location     = \"Not for production\"\n"
"}\n"
"\n"
"# How a kind of device is treated: one section for each manufacturer or model that\n"
"# differs, \"default\" for the rest. What is left out has the default shown.\n"
"class \"default\" {\n"
"	# Codes in names: the leftmost 24 bits of SHA-1 over secret, serial number and\n"
"	# MAC address.\n"
"	# Production: newer devices can do hash = hmac-sha256 and code-bits = 64.\n"
"	hash           = sha1\n"
"	code-bits      = 24\n"
"	request-serial = yes\n"
"\n"
"	# The device's public key: from the registry where it has one, otherwise a key\n"
"	# pair is made here and travels encrypted.\n"
"	key-source     = either\n"
"	key-bits       = 2048\n"
"\n"
"	secrets        = {\"first\"}\n"
"	issuer         = \"demonstration\"\n"
"\n"
"	# In the subject of its certificates.\n"
"	country        = \"US\"\n"
"	organization   = \"fieldcert demonstration\"\n"
"	location       = \"Not for production\"\n"
"}\n"
"\n"
"# A model that can only do MD5 over secret and MAC address, for instance, with\n"
"# certificates as DOCSIS 2.0 has them ('fieldcertctl device add --class sb5100'):\n"
"#\n"
"#class \"sb5100\" {\n"
"#	hash           = md5\n"
"#	request-serial = no\n"
"#	profile        = \"docsis-legacy\"\n"
"#	key-bits       = 1024\n"
"#}\n";

static const char agent_head[] =
"# A modem's configuration, made by 'fieldcertctl init' for trying it out.\n"
"# fieldcert-agent.conf(5) explains every setting. Relative paths begin at the folder\n"
"# of this file.\n"
"\n"
"# The certificate server.\n";

static const char agent_secrets[] =
"\n"
"# What this modem and the server both know.\n";

static const char agent_derived[] =
"# kind = derived: these files are the server's own masters, and the agent derives the\n"
"# modem's secrets from them. For trials only: a real modem is given its own three\n"
"# lines, and says kind = shared.\n"
"secrets {\n"
"	kind    = derived\n";

static const char agent_one[] =
"secrets {\n"
"	kind    = shared\n";

static const char agent_tail[] =
"	request = \"secrets/request\"\n"
"	confirm = \"secrets/confirm\"\n"
"	keybox  = \"secrets/keybox\"\n"
"}\n"
"\n"
"# Where certificates and key are kept, and which roots are trusted.\n"
"flash = \"flash\"\n"
"roots = {\"pki/root.pem\"}\n"
"\n"
"# Seconds. These are short, so that a trial is over soon. In the field leave them\n"
"# out: a modem asks again after 10, 20 and 40 minutes, then after 4 hours, confirms\n"
"# after 10, 20 and 40 seconds, and spreads its start over 30 seconds.\n"
"retry            = {1, 2, 4}\n"
"long-wait        = 15\n"
"confirm-timeouts = {1, 2, 4}\n"
"start-spread     = 0\n";
/* clang-format on */

void init_server_conf(struct out *o, const struct init_choice *choice)
{
	out_str(o, server_head);
	out_str(o, "listen = {");
	for (size_t i = 0; i < choice->listen.n; i++) {
		out_str(o, i > 0 ? ", \"" : "\"");
		out_str(o, choice->listen.v[i]);
		out_str(o, "\"");
	}
	out_str(o, "}\n");
	out_str(o, server_body);
	out_str(o, choice->derived ? secrets_derived : secrets_one);
	out_str(o, server_tail);
}

/* A server that listens at every address is asked at the loopback's. */
static const char *reachable(const char *host)
{
	if (strcmp(host, "0.0.0.0") == 0)
		return "127.0.0.1";
	return strcmp(host, "::") == 0 ? "::1" : host;
}

void init_agent_conf(struct out *o, const struct init_choice *choice,
		     const struct conf_listen *server)
{
	const char *host = reachable(server->host);
	bool v6 = strchr(host, ':') != NULL;

	out_str(o, agent_head);
	out_str(o, v6 ? "server = \"[" : "server = \"");
	out_str(o, host);
	out_str(o, v6 ? "]:" : ":");
	out_dec(o, server->port);
	out_str(o, "\"\n");
	out_str(o, agent_secrets);
	out_str(o, choice->derived ? agent_derived : agent_one);
	out_str(o, agent_tail);
}
