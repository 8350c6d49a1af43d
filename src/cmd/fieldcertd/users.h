/* Whom the processes become when root starts fieldcertd, and the directories that
 * must be theirs. */
#ifndef CMD_FIELDCERTD_USERS_H
#define CMD_FIELDCERTD_USERS_H

#include <stdbool.h>
#include <sys/types.h>
#include "conf/conf.h"
#include "wire/ipc.h"

enum { USERS_ROLES = IPC_ROLE_SIGNER + 1 };

struct users {
	bool root;
	uid_t uid[USERS_ROLES]; /* by enum ipc_role */
	gid_t gid[USERS_ROLES];
};

/* The accounts fieldcert-front, -registrar, -signer, or uid-base + 0, 1, 2; the
 * user that started us, unless that is root. */
struct users users_find(const struct conf *c);

/* The directories of database and control socket: made for the registrar when they
 * are not there; the database's must be writable for it. A complaint in the log says
 * what would be right. */
int users_prepare(const struct users *u, const struct conf *c);

#endif
