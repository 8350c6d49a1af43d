/* The two configurations that `init` writes, as people will read them. */
#ifndef CMD_CTL_INITCONF_H
#define CMD_CTL_INITCONF_H

#include <stdbool.h>
#include "base/writer.h"
#include "cmd/ctl/args.h"
#include "conf/conf.h"

struct init_choice {
	struct arg_list listen;
	bool derived; /* secrets: masters; otherwise one for all */
};

/* Made of what addresses are made of, with a port?  The rest is the
 * configuration's to judge. */
bool init_listen_ok(const char *s);

/* Ask o->full afterwards. */
void init_server_conf(struct out *o, const struct init_choice *choice);

/* For a modem that asks the server at its first address. */
void init_agent_conf(struct out *o, const struct init_choice *choice,
		     const struct conf_listen *server);

#endif
