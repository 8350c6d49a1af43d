#include "sys/jail.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "sys/neg.h"
#include "sys/sanitizer.h"

int jail_no_core(void)
{
	struct rlimit none = { 0, 0 };
	int rc = neg(setrlimit(RLIMIT_CORE, &none));

	if (rc < 0)
		return rc;
	/* The leak checker of a sanitizer build attaches to its own process. */
	if (!SANITIZER_BUILD &&
	    (rc = neg(prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL))) < 0)
		return rc;
	return neg(prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL));
}

int jail_become(uid_t uid, gid_t gid, const char *dir)
{
	int death_signal = 0, rc;

	if (geteuid() != 0)
		return -EPERM;
	if (uid == 0 || gid == 0)
		return -EINVAL;
	if ((rc = neg(prctl(PR_GET_PDEATHSIG, &death_signal, 0UL, 0UL, 0UL))) < 0)
		return rc;
	if (dir != NULL && ((rc = neg(chroot(dir))) < 0 || (rc = neg(chdir("/"))) < 0))
		return rc;
	if ((rc = neg(setgroups(0, NULL))) < 0 ||
	    (rc = neg(setresgid(gid, gid, gid))) < 0 ||
	    (rc = neg(setresuid(uid, uid, uid))) < 0)
		return rc;
	if (setuid(0) == 0 || setgid(0) == 0)
		return -EPERM; /* it must not be possible any more */
	/* The kernel forgets it, and makes the process dumpable by rule of
	 * fs.suid_dumpable, with a change of user. */
	if (death_signal != 0 &&
	    (rc = neg(prctl(PR_SET_PDEATHSIG, (unsigned long)death_signal))) < 0)
		return rc;
	return SANITIZER_BUILD ? 0 : neg(prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL));
}

/* A child becomes another user (SETUID, SETGID) in another root (SYS_CHROOT) and can
 * still be stopped (KILL); the registrar makes its control socket in a directory
 * that is not root's (DAC_OVERRIDE, CHOWN, FOWNER); secret files may be another
 * user's (DAC_OVERRIDE). */
#define KEPT_CAPABILITIES                                             \
	(UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_SETGID |      \
	 UINT64_C(1) << CAP_SYS_CHROOT | UINT64_C(1) << CAP_KILL |    \
	 UINT64_C(1) << CAP_DAC_OVERRIDE | UINT64_C(1) << CAP_CHOWN | \
	 UINT64_C(1) << CAP_FOWNER)

int jail_keep_capabilities(void)
{
	struct __user_cap_header_struct head = { .version =
							 _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	int rc;

	/* What is executed later gets the bounding set.  Without SETPCAP, in a
	 * container for instance, it stays as small as somebody made it. */
	for (unsigned long c = 0; c < 64; c++) {
		if ((KEPT_CAPABILITIES >> c & 1) != 0)
			continue;
		rc = neg(prctl(PR_CAPBSET_DROP, c, 0UL, 0UL, 0UL));
		if (rc == -EPERM ||
		    rc == -EINVAL) /* -EINVAL: the kernel knows no more */
			break;
		if (rc < 0)
			return rc;
	}
	if ((rc = neg((int)syscall(SYS_capget, &head, data))) < 0)
		return rc;
	data[0].permitted &= (uint32_t)KEPT_CAPABILITIES;
	data[0].effective = data[0].permitted;
	data[0].inheritable = 0;
	data[1] = (struct __user_cap_data_struct){ 0 };
	return neg((int)syscall(SYS_capset, &head, data));
}

/* Rights that are younger than the oldest kernel headers we build with; numbers
 * from the kernel's documentation, userspace-api/landlock. */
#define RIGHT_TRUNCATE (UINT64_C(1) << 14)  /* ABI 3 */
#define RIGHT_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define NET_BIND_TCP (UINT64_C(1) << 0)     /* ABI 4 */
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_UNIX (UINT64_C(1) << 0) /* ABI 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

#define RIGHTS_ABI_1 (LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1)
#define READ_RIGHTS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_RIGHTS                                                      \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | RIGHT_TRUNCATE)
#define FILE_RIGHTS \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | RIGHT_TRUNCATE)

struct ruleset {
	uint64_t fs, net, scoped;
};

/* What of it this kernel knows, and how long its struct is. */
static struct ruleset all_of_abi(int abi, size_t *ret_size)
{
	struct ruleset r = { .fs = RIGHTS_ABI_1 };

	*ret_size = sizeof(r.fs);
	if (abi >= 2)
		r.fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		r.fs |= RIGHT_TRUNCATE;
	if (abi >= 4) {
		r.net = NET_BIND_TCP | NET_CONNECT_TCP;
		*ret_size = sizeof(r.fs) + sizeof(r.net);
	}
	if (abi >= 5)
		r.fs |= RIGHT_IOCTL_DEV;
	if (abi >= 6) {
		r.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
		*ret_size = sizeof(r);
	}
	return r;
}

static int allow(int rules, const struct jail_path *p, uint64_t known)
{
	struct landlock_path_beneath_attr attr = { .allowed_access = READ_RIGHTS };
	struct stat st;
	int rc, fd;

	rc = fd = neg(open(p->path, O_PATH | O_CLOEXEC));
	if (fd < 0)
		return rc;
	if (p->write)
		attr.allowed_access |= WRITE_RIGHTS;
	if ((rc = neg(fstat(fd, &st))) < 0)
		goto out;
	if (!S_ISDIR(st.st_mode))
		attr.allowed_access &= FILE_RIGHTS;
	attr.allowed_access &= known;
	attr.parent_fd = fd;
	rc = neg((int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
			      &attr, 0));
out:
	(void)close(fd);
	return rc;
}

int jail_landlock(const struct jail_path *paths, size_t n)
{
	struct ruleset r;
	size_t size;
	int rules, rc;
	int abi = neg((int)syscall(SYS_landlock_create_ruleset, NULL, 0,
				   LANDLOCK_CREATE_RULESET_VERSION));

	if (abi < 0)
		return abi;
	if (SANITIZER_BUILD)
		return 0;
	r = all_of_abi(abi, &size);
	rules = neg((int)syscall(SYS_landlock_create_ruleset, &r, size, 0));
	if (rules < 0)
		return rules;
	rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = allow(rules, &paths[i], r.fs);
	if (rc == 0)
		rc = neg((int)syscall(SYS_landlock_restrict_self, rules, 0));
	(void)close(rules);
	return rc;
}
