/* How a process of fieldcertd starts and reloads: what front, registrar and
 * signer have in common.
 *
 * The parent executes fieldcertd again for each child, with one end of a channel
 * as descriptor 3.  Over it come CONF (a sealed memfd with the configuration's
 * text, parsed again here), SECRETs (open files), SOCKETs and PEERs, then START.
 * On the first START the child builds its state, jails itself and says READY.
 * On SIGHUP the parent sends a new CONF, the SECRETs again, and START: the child
 * changes over as a whole, or says FAILED and keeps what it had.  A PEER may also
 * come by itself, when the process at its other end was restarted. */
#ifndef CMD_FIELDCERTD_CHILD_H
#define CMD_FIELDCERTD_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "conf/conf.h"
#include "sys/loop.h"
#include "wire/ipc.h"

enum { CHILD_FD = 3, CHILD_WHY_SIZE = 512 };

struct child_ops {
	/* A secret file's bytes (wiped and freed by the caller). 0, or a negative
	 * code with a sentence in why: the pending START will fail. */
	int (*secret)(void *ctx, const struct ipc_secret *s, const char *name,
		      const uint8_t *bytes, size_t len, const struct conf *conf,
		      char why[CHILD_WHY_SIZE]);
	/* These take the descriptor. NULL: the role gets none. */
	int (*socket)(void *ctx, const struct ipc_socket *s, int fd);
	int (*peer)(void *ctx, const struct ipc_peer *p, int fd);
	/* Everything since the last START is there: change over to it. Takes conf
	 * on success. first: the process has just started; jail it here, at the
	 * end. */
	int (*start)(void *ctx, struct conf *conf, bool first,
		     char why[CHILD_WHY_SIZE]);
};

struct child {
	const char *who; /* "front", … for the log */
	unsigned number;
	bool root; /* started by root: become uid/gid, chroot */
	uid_t uid;
	gid_t gid;
	struct loop *loop;
	/* private below */
	const struct child_ops *ops;
	void *ctx;
	struct chan *chan;
	struct conf *conf; /* received, not started yet */
	bool started;
	char why[CHILD_WHY_SIZE];
};

/* Attach to CHILD_FD and the loop. The caller then runs the loop; it ends when
 * the parent has gone, and when the first START failed. Signals that the terminal
 * sends to all of us are ignored: the parent decides. */
int child_init(struct child *c, const struct child_ops *ops, void *ctx,
	       struct loop *loop);
void child_release(struct child *c); /* by who made it, after the role has ended */

/* At the end of a first start. Under root: own user, with dir as its root directory
 * (NULL: an empty one, which has no name any more, so that nobody can put anything
 * into it). With Landlock, where the kernel has it (the log says so where not): no
 * file but those beneath dir. Nothing that needs these rights can be done later. */
int child_confine(const struct child *c, const char *dir, char why[CHILD_WHY_SIZE]);
/* Then, as the last thing: no system call but these and sys/jail's base list. */
int child_filter(const int *syscalls, size_t n, char why[CHILD_WHY_SIZE]);

/* The roles' entry points: return an exit status. */
int front_main(struct child *c);
int registrar_main(struct child *c);
int signer_main(struct child *c);

#endif
