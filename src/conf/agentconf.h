/* The agent's configuration: fieldcert-agent.conf(5), typed and checked.
 *
 * Read whole or refused whole; every complaint names file, line, the setting and what
 * would be right.  Relative paths are taken from the directory of the file and are
 * absolute or relative as that directory is.
 *
 * Not checked: that files exist or what is in them, and whether the hash is one that
 * the crypto library has (its line is kept for that complaint). */
#ifndef CONF_AGENTCONF_H
#define CONF_AGENTCONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mac.h"

enum {
	AGENTCONF_LIST_MAX = 15, /* roots, names, keys; flash may add one */
	AGENTCONF_WAITS_MAX = 8, /* retry, confirm-timeouts */
	AGENTCONF_ARGS_MAX = 16, /* words of restart-command */
	AGENTCONF_SERIAL_MAX = 64
};

struct agentconf_list {
	const char *v[AGENTCONF_LIST_MAX];
	size_t n;
};

struct agentconf_waits {
	uint64_t ms[AGENTCONF_WAITS_MAX];
	size_t n;
};

struct agentconf {
	const char *path;
	char server_host[64]; /* numeric IPv4 or IPv6, without brackets */
	uint16_t server_port;
	char source[64]; /* numeric address to send from; "": any */
	char type[3];
	bool has_mac;
	struct mac mac;
	const char *serial; /* NULL: by the command line */

	bool secrets_derived; /* the files hold masters: for trials only */
	const char *request, *confirm, *keybox; /* paths; keybox may be NULL */

	const char *flash, *export_dir, *key, *public_key; /* all but flash: or NULL */
	struct agentconf_list roots, manufacturer_names, manufacturer_keys;

	const char *hash;
	unsigned hash_line, code_bits_line; /* 0: the default stands */
	uint16_t code_bits;
	bool request_serial, confirm_code, bound;

	struct agentconf_waits retry, confirm_timeouts;
	uint64_t long_wait_ms, announced_min_ms, start_spread_ms, examine_ms;
	uint8_t jitter_percent;
	unsigned renew_before_days;
	uint16_t blksize, windowsize; /* 0: not asked for */

	bool restart; /* after-install = restart */
	const char *restart_command[AGENTCONF_ARGS_MAX + 1]; /* NULL-terminated */

	void *region; /* everything the pointers above point into */
};

/* 0 and *ret, or FC_ECONF and one or more lines "file:line: …" in *ret_errors
 * (malloc'ed, never NULL then unless memory is out). */
int agentconf_parse(const char *path, const char *text, size_t len,
		    struct agentconf **ret, char **ret_errors);
/* A server's address as it is written there, port 69 when none is given. */
bool agentconf_server(const char *s, char ret_host[64], uint16_t *ret_port);

void agentconf_free(struct agentconf *c);

#endif
