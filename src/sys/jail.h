/* What a process may still do: its own user, chroot, seccomp, Landlock, no core
 * files (ARCHITECTURE.md, "Processes").  The system calls a role needs are declared
 * beside the role, in its own file, and handed in here.
 *
 * In sanitizer and coverage builds (sys/sanitizer.h), whose runtimes need files
 * and /proc, jail_landlock and jail_seccomp succeed and do nothing. */
#ifndef SYS_JAIL_H
#define SYS_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* No core dumps, not dumpable by others, no new privileges. First thing of all. */
int jail_no_core(void);

/* Root only: chroot to dir (NULL: stay), then become uid/gid with no
 * supplementary groups, irrevocably. */
int jail_become(uid_t uid, gid_t gid, const char *dir);

/* Landlock: only beneath these directories (opened before), read/write or
 * read-only; n == 0: no file access at all. Network (TCP) denied where the kernel
 * can. Returns 0, or -ENOSYS/-EOPNOTSUPP where the kernel has no Landlock. */
struct jail_path {
	const char *path;
	bool write;
};
int jail_landlock(const struct jail_path *paths, size_t n);

/* seccomp: these calls (numbers), all others kill the process with SIGSYS and an
 * audit line. A base list that libc and OpenSSL's memory need is always added. */
int jail_seccomp(const int *syscalls, size_t n);

/* For a process that starts others, which inherit its filter: all is allowed but
 * what none of them ever needs (new network sockets, tracing, mounting, loading
 * code into the kernel, …); that fails with EPERM. */
int jail_seccomp_tree(void);

/* Root only: of the capabilities, for this process and all that it executes, keep
 * those that starting and stopping children under other users takes. */
int jail_keep_capabilities(void);
#endif
