/* Executing this program again as one of its children. */
#ifndef CMD_FIELDCERTD_SPAWN_H
#define CMD_FIELDCERTD_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

struct spawn_child {
	const char *role; /* "front", "registrar", "signer" */
	unsigned number;
	uid_t uid;
	gid_t gid;
	bool root, debug, relay;
};

/* Start it with one end of a channel as its descriptor 3, and nothing else of ours
 * but standard error. *ret_fd: the other end. 0 or -errno. */
int spawn(const struct spawn_child *s, pid_t *ret_pid, int *ret_fd);

/* What main does when its first argument is "--child": parse what spawn passed,
 * run the role. An exit status. */
int spawn_main(int argc, char **argv);

#endif
