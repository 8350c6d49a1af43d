/* From the configuration and the command line to what the agent library takes: the
 * files that are named there are read, and checked. */
#ifndef CMD_AGENT_SETUP_H
#define CMD_AGENT_SETUP_H

#include "agent/agent.h"
#include "conf/agentconf.h"

struct setup {
	struct agentconf *conf;
	struct agent_config agent; /* points into the rest */
	struct auth_secret secrets[3];
	uint8_t *lists[2 * X509_LIST_MAX]; /* malloc'ed DER */
	size_t n_lists;
	uint8_t pkcs8[3072], public_key[AGENT_SPKI_MAX];
	size_t pkcs8_len, public_key_len;
};

/* What the command line adds; NULL: nothing. */
struct setup_words {
	const char *mac, *serial;
};

/* 0; on FC_ECONF everything that is wrong was written to stderr.  setup_release() is
 * due in either case. */
int setup_read(struct setup *s, const char *path, const struct setup_words *words);
void setup_release(struct setup *s);

#endif
