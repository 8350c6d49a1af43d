#include "cmd/fieldcertd/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "cmd/fieldcertd/child.h"
#include "sys/chan.h"
#include "sys/jail.h"
#include "sys/log.h"

enum { ARGUMENTS = 9, TEXT = 24 };

/* Nothing of the starter's environment reaches a child but what libraries need;
 * least of all its language, for which libc would open files inside the jail. */
static char **environment(void)
{
	static const char *const passed[] = {
		"TZ",           "OPENSSL_CONF",     "OPENSSL_MODULES",
		"ASAN_OPTIONS", "UBSAN_OPTIONS",    "LSAN_OPTIONS",
		"GCOV_PREFIX",  "GCOV_PREFIX_STRIP"
	};
	static char *env[sizeof(passed) / sizeof(passed[0]) + 2];
	static char locale[] = "LC_ALL=C";
	extern char **environ;
	size_t n = 0;

	env[n++] = locale;
	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		size_t len = strlen(passed[i]);

		for (char **e = environ; e != NULL && *e != NULL; e++)
			if (strncmp(*e, passed[i], len) == 0 && (*e)[len] == '=') {
				env[n++] = *e;
				break;
			}
	}
	env[n] = NULL;
	return env;
}

/* In the new process; returns only when something failed. */
static void execute(char **argv, char **env, int channel)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) < 0 || null < 0 ||
	    dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return;
	/* dup2 onto itself would leave it to be closed by exec. */
	if (channel == CHILD_FD ? fcntl(channel, F_SETFD, 0) < 0
				: dup2(channel, CHILD_FD) < 0)
		return;
	if (close_range(CHILD_FD + 1, ~0U, 0) < 0)
		return;
	(void)execve("/proc/self/exe", argv, env);
}

int spawn(const struct spawn_child *s, pid_t *ret_pid, int *ret_fd)
{
	char text[4][TEXT], name[] = "fieldcertd", flag[] = "--child", role[TEXT];
	char as[] = "user", root[] = "root", quiet[] = "info", loud[] = "debug";
	char plain[] = "plain", relay[] = "relay";
	char *argv[ARGUMENTS + 1] = { name,
				      flag,
				      role,
				      text[0],
				      text[1],
				      text[2],
				      s->root ? root : as,
				      s->debug ? loud : quiet,
				      s->relay ? relay : plain,
				      NULL };
	char **env = environment();
	int fd[2], rc;
	pid_t pid;

	(void)snprintf(role, sizeof(role), "%s", s->role);
	(void)snprintf(text[0], TEXT, "%u", s->number);
	(void)snprintf(text[1], TEXT, "%u", (unsigned)s->uid);
	(void)snprintf(text[2], TEXT, "%u", (unsigned)s->gid);
	if ((rc = chan_pair(fd)) < 0)
		return rc;
	pid = fork();
	if (pid == 0) {
		execute(argv, env, fd[1]);
		_exit(127);
	}
	rc = pid < 0 ? -errno : 0;
	(void)close(fd[1]);
	if (rc < 0) {
		(void)close(fd[0]);
		return rc;
	}
	*ret_pid = pid;
	*ret_fd = fd[0];
	return 0;
}

static bool number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 &&
	       *ret <= max;
}

int spawn_main(int argc, char **argv)
{
	static const struct {
		const char *role;
		int (*main)(struct child *c);
	} roles[] = {
		{ "front", front_main },
		{ "registrar", registrar_main },
		{ "signer", signer_main },
	};
	static char who[TEXT];
	struct child c = { 0 };
	unsigned long n, uid, gid;
	size_t i = 0;
	int status;

	if (argc != ARGUMENTS || !number(argv[3], 999, &n) ||
	    !number(argv[4], UINT32_MAX, &uid) || !number(argv[5], UINT32_MAX, &gid))
		return EXIT_FAILURE;
	while (i < 3 && strcmp(roles[i].role, argv[2]) != 0)
		i++;
	if (i == 3 || jail_no_core() < 0)
		return EXIT_FAILURE;
	if (n == 0)
		(void)snprintf(who, sizeof(who), "%s", argv[2]);
	else
		(void)snprintf(who, sizeof(who), "%s%lu", argv[2], n);
	(void)prctl(PR_SET_NAME, who);
	log_init(who, strcmp(argv[7], "debug") == 0 ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		 strcmp(argv[8], "relay") == 0);
	c.who = who;
	c.number = (unsigned)n;
	c.root = strcmp(argv[6], "root") == 0;
	c.uid = (uid_t)uid;
	c.gid = (gid_t)gid;
	status = roles[i].main(&c);
	child_release(&c);
	return status;
}
