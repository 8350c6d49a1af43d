/* The parent: starts the other processes, hands each what it needs, starts the
 * fallen again, and passes signals on.  It binds sockets and opens files, but reads
 * nothing from a network and no secret.
 *
 * At a start that does not succeed it ends with the reason in the log.  Afterwards a
 * child that ends is started again, at first after a tenth of a second, then after
 * twice as long each time up to five seconds; its counterparts get new channels to
 * it.  SIGHUP: the configuration is read again, and is in force as a whole or not at
 * all.  SIGTERM, SIGINT: the end.  If the parent is killed, the children end. */
#ifndef CMD_FIELDCERTD_PARENT_H
#define CMD_FIELDCERTD_PARENT_H

#include <stdbool.h>

struct parent_options {
	const char *conf_path;
	bool debug;
	bool relay;   /* children's lines go to syslog by way of us (cmd/…/relay.h) */
	int ready_fd; /* daemon: a byte here says that all is ready; else -1 */
};

/* An exit status. */
int parent_run(const struct parent_options *options);

#endif
