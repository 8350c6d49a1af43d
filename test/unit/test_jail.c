/* Each case in a process of its own, since no jail can be left again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <unistd.h>
#include "base/errors.h"
#include "conf/conf.h"
#include "sys/chan.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/jail.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/rng.h"
#include "sys/sanitizer.h"

/* make check shows lines that begin so beside the number of skipped tests. */
#define SKIP(why)                                       \
	do {                                            \
		(void)fputs("skip: " why "\n", stderr); \
		skip();                                 \
	} while (0)

#define SKIP_IN_SANITIZER_BUILDS()                                               \
	do {                                                                     \
		if (SANITIZER_BUILD)                                             \
			SKIP("a sanitizer makes calls that the filter forbids"); \
	} while (0)

/* fn's status, or minus the signal that killed it. */
static int in_a_process(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* In the forked process: a step that did not hold is the exit status. */
#define STEP(condition)                            \
	do {                                       \
		if (!(condition))                  \
			return __LINE__ % 255 + 1; \
	} while (0)

/* ---- no core ------------------------------------------------------------------ */

static int no_core(void)
{
	struct rlimit r;

	STEP(jail_no_core() == 0);
	STEP(getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_cur == 0 && r.rlim_max == 0);
	STEP(prctl(PR_GET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) == 0);
	STEP(prctl(PR_GET_NO_NEW_PRIVS, 0UL, 0UL, 0UL, 0UL) == 1);
	return 0;
}

static void test_no_core_file_and_no_new_privileges(void **state)
{
	(void)state;
	SKIP_IN_SANITIZER_BUILDS();
	assert_int_equal(in_a_process(no_core), 0);
}

/* ---- seccomp ------------------------------------------------------------------ */

static const char conf_text[] =
	"# a comment\nsecrets \"a\" { set = 1 kind = derived request = r confirm = c "
	"keybox = k }\nissuer \"i\" { certificate = c.pem key = k.pem }\n";

/* What every role does, with nothing in its own list. */
static int ordinary_work(void)
{
	int fd[2], memfd = memfd_create("x", MFD_CLOEXEC), passed = -1;
	struct loop *l = loop_new();
	struct chan *a, *b;
	struct conf *c;
	char *errors;
	uint8_t bytes[64], *text;
	size_t len;
	void *p;

	STEP(l != NULL && memfd >= 0 && chan_pair(fd) == 0);
	STEP(write(memfd, conf_text, sizeof(conf_text) - 1) > 0);
	log_init("test", LOG_LEVEL_ERROR, 0);
	STEP(jail_no_core() == 0 && jail_seccomp(NULL, 0) == 0);

	rng_bytes(bytes, sizeof(bytes));
	STEP(clock_ms() > 0 && clock_unix_s() > 0);
	STEP((p = malloc(50 * 1024 * 1024)) != NULL);
	memset(p, 1, 50 * 1024 * 1024);
	free(p);
	a = chan_new(fd[0], 1000);
	b = chan_new(fd[1], 1000);
	STEP(chan_send(a, "x", 1, memfd) == 0);
	STEP(chan_recv(b, bytes, sizeof(bytes), &passed) == 1 && passed >= 0);
	STEP(file_read_fd(passed, 10000, &text, &len) == 0);
	/* A reload happens inside the jail. */
	STEP(conf_parse("/x/f.conf", (char *)text, len, &c, &errors) == 0);
	conf_free(c);
	STEP(conf_parse("/x/f.conf", "foo = \"", 7, &c, &errors) == FC_ECONF);
	free(errors);
	log_error("event=test why=\"expected in this test's output\"");
	chan_free(a);
	chan_free(b);
	loop_free(l);
	return 0;
}

static void test_ordinary_work_passes_the_filter(void **state)
{
	(void)state;
	assert_int_equal(in_a_process(ordinary_work), 0);
}

static int jailed(void)
{
	static const int extra[] = { SYS_getppid };

	return jail_no_core() < 0 || jail_seccomp(extra, 1) < 0;
}

static int makes_a_socket(void)
{
	STEP(jailed() == 0);
	return socket(AF_INET, SOCK_DGRAM, 0) < 0;
}

static int opens_a_file(void)
{
	STEP(jailed() == 0);
	return open("/dev/null", O_RDONLY | O_CLOEXEC) < 0;
}

static int executes(void)
{
	char name[] = "true", *argv[] = { name, NULL }, *env[] = { NULL };

	STEP(jailed() == 0);
	return execve("/bin/true", argv, env);
}

static int forks(void)
{
	STEP(jailed() == 0);
	return (int)syscall(SYS_fork);
}

static int makes_memory_executable(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);

	STEP(p != MAP_FAILED && jailed() == 0);
	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static int maps_executable_memory(void)
{
	STEP(jailed() == 0);
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED;
}

static int kills(void)
{
	STEP(jailed() == 0);
	return kill(getpid(), 0);
}

static int traces(void)
{
	STEP(jailed() == 0);
	return (int)syscall(SYS_ptrace, 0, 0, 0, 0);
}

static int uses_its_extra_call(void)
{
	STEP(jailed() == 0);
	return syscall(SYS_getppid) <= 0;
}

static void test_anything_else_kills(void **state)
{
	static int (*const cases[])(void) = {
		makes_a_socket,          opens_a_file,           executes, forks,
		makes_memory_executable, maps_executable_memory, kills,    traces
	};

	(void)state;
	SKIP_IN_SANITIZER_BUILDS();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(in_a_process(cases[i]), -SIGSYS);
	assert_int_equal(in_a_process(uses_its_extra_call), 0);
}

/* ---- the tree's filter ---------------------------------------------------------- */

static int below_the_tree_filter(void)
{
	char name[] = "true", *argv[] = { name, NULL }, *env[] = { NULL };
	int fd;

	STEP(jail_no_core() == 0 && jail_seccomp_tree() == 0);
	STEP(socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EPERM);
	STEP(socket(AF_INET6, SOCK_STREAM, 0) < 0 && errno == EPERM);
	STEP(socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == EPERM);
	STEP(syscall(SYS_bpf, 0, NULL, 0) < 0 && errno == EPERM);
	STEP(syscall(SYS_ptrace, 0, 0, 0, 0) < 0 && errno == EPERM);
	STEP(syscall(SYS_unshare, 0) < 0 && errno == EPERM);
	STEP(syscall(SYS_mount, "a", "b", "c", 0UL, NULL) < 0 && errno == EPERM);
	STEP((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) >= 0);
	STEP((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
	STEP(in_a_process(ordinary_work) == 0); /* filters add up */
	return execve("/bin/true", argv, env);
}

static void test_the_parents_filter_lets_children_start_and_nothing_odd(void **state)
{
	(void)state;
	SKIP_IN_SANITIZER_BUILDS();
	assert_int_equal(in_a_process(below_the_tree_filter), 0);
}

/* ---- Landlock ---------------------------------------------------------------------
 */

static char dir_read[64], dir_write[64];

static int can_open(const char *dir, const char *name, int flags)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)close(fd);
	return fd >= 0 ? 0 : -errno;
}

enum { NO_LANDLOCK = 254 };

static int within_landlock(void)
{
	const struct jail_path paths[] = { { dir_read, false }, { dir_write, true } };
	int rc;

	STEP(jail_no_core() == 0);
	rc = jail_landlock(paths, 2);
	if (rc == -ENOSYS || rc == -EOPNOTSUPP)
		return NO_LANDLOCK;
	STEP(rc == 0);
	STEP(can_open(dir_read, "f", O_RDONLY) == 0);
	STEP(can_open(dir_read, "f", O_WRONLY) == -EACCES);
	STEP(can_open(dir_read, "new", O_WRONLY | O_CREAT) == -EACCES);
	STEP(can_open(dir_write, "f", O_RDWR) == 0);
	STEP(can_open(dir_write, "new", O_WRONLY | O_CREAT) == 0);
	STEP(can_open("/etc", "passwd", O_RDONLY) == -EACCES);
	STEP(can_open("/tmp", ".", O_RDONLY | O_DIRECTORY) == -EACCES);
	return 0;
}

static int with_no_path(void)
{
	STEP(jail_no_core() == 0);
	STEP(jail_landlock(NULL, 0) == 0);
	STEP(can_open(dir_read, "f", O_RDONLY) == -EACCES);
	STEP(can_open("/", "", O_RDONLY | O_DIRECTORY) == -EACCES);
	return 0;
}

/* Denied where the kernel can (ABI 4); older kernels refuse the connection. */
static int tcp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd, abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, 1U);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	STEP(jail_no_core() == 0);
	STEP(jail_landlock(NULL, 0) == 0);
	STEP((fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
	STEP(connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0);
	STEP(errno == (abi >= 4 ? EACCES : ECONNREFUSED));
	a.sin_port = 0;
	STEP((bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0) == (abi >= 4));
	return 0;
}

static int missing_directory(void)
{
	const struct jail_path p = { "/nonexistent/directory", true };

	STEP(jail_no_core() == 0);
	return jail_landlock(&p, 1) == -ENOENT ? 0 : 1;
}

static void make_file(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(file_create(fd, "f", "x", 1, 0600), 0);
	(void)close(fd);
}

static void remove_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)unlinkat(fd, "f", 0);
	(void)unlinkat(fd, "new", 0);
	(void)close(fd);
	assert_int_equal(rmdir(dir), 0);
}

static void test_landlock_leaves_only_the_named_directories(void **state)
{
	int rc;

	(void)state;
	SKIP_IN_SANITIZER_BUILDS();
	(void)snprintf(dir_read, sizeof(dir_read), "/tmp/test_jail_r.XXXXXX");
	(void)snprintf(dir_write, sizeof(dir_write), "/tmp/test_jail_w.XXXXXX");
	assert_non_null(mkdtemp(dir_read));
	assert_non_null(mkdtemp(dir_write));
	make_file(dir_read);
	make_file(dir_write);
	rc = in_a_process(within_landlock);
	if (rc != NO_LANDLOCK) {
		assert_int_equal(rc, 0);
		assert_int_equal(in_a_process(with_no_path), 0);
		assert_int_equal(in_a_process(tcp), 0);
		assert_int_equal(in_a_process(missing_directory), 0);
	}
	remove_directory(dir_read);
	remove_directory(dir_write);
	if (rc == NO_LANDLOCK)
		SKIP("this kernel has no Landlock");
}

/* ---- users -------------------------------------------------------------------------
 */

enum { SOMEBODY = 60799 };

static int becomes(void)
{
	const gid_t groups[] = { 4, 5 };
	int death = 0;

	STEP(setgroups(2, groups) == 0);
	STEP(jail_no_core() == 0 &&
	     prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL) == 0);
	STEP(jail_become(SOMEBODY, SOMEBODY + 1, dir_read) == 0);
	STEP(getuid() == SOMEBODY && geteuid() == SOMEBODY);
	STEP(getgid() == SOMEBODY + 1 && getegid() == SOMEBODY + 1);
	STEP(getgroups(0, NULL) == 0);
	STEP(setuid(0) < 0 && setgid(0) < 0);
	STEP(access("/etc/passwd", F_OK) < 0); /* another root, and we stand in it */
	STEP(access("f", F_OK) == 0 && access("/f", F_OK) == 0);
	/* The kernel drops both with a change of user. */
	STEP(prctl(PR_GET_PDEATHSIG, &death, 0UL, 0UL, 0UL) == 0 && death == SIGKILL);
	STEP(SANITIZER_BUILD || prctl(PR_GET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) == 0);
	return 0;
}

static int keeps_few_capabilities(void)
{
	STEP(jail_keep_capabilities() == 0);
	STEP(prctl(PR_CAPBSET_READ, 21UL /* SYS_ADMIN */, 0UL, 0UL, 0UL) == 0);
	STEP(prctl(PR_CAPBSET_READ, 12UL /* NET_ADMIN */, 0UL, 0UL, 0UL) == 0);
	STEP(prctl(PR_CAPBSET_READ, 7UL /* SETUID */, 0UL, 0UL, 0UL) == 1);
	STEP(sethostname("x", 1) < 0 && errno == EPERM);
	/* Enough for what children do. */
	return jail_become(SOMEBODY, SOMEBODY, "/tmp") < 0;
}

static int refuses_root(void)
{
	STEP(jail_become(0, 1, NULL) == -EINVAL && jail_become(1, 0, NULL) == -EINVAL);
	return 0;
}

static int not_as_root(void)
{
	return jail_become(SOMEBODY, SOMEBODY, NULL) == -EPERM ? 0 : 1;
}

static void test_become_is_another_user_in_another_root_for_good(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		assert_int_equal(in_a_process(not_as_root), 0);
		SKIP("only root can become another user");
	}
	(void)snprintf(dir_read, sizeof(dir_read), "/tmp/test_jail_b.XXXXXX");
	assert_non_null(mkdtemp(dir_read));
	assert_int_equal(chmod(dir_read, 0755), 0);
	make_file(dir_read);
	assert_int_equal(in_a_process(becomes), 0);
	assert_int_equal(in_a_process(refuses_root), 0);
	assert_int_equal(in_a_process(keeps_few_capabilities), 0);
	remove_directory(dir_read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_core_file_and_no_new_privileges),
		cmocka_unit_test(test_ordinary_work_passes_the_filter),
		cmocka_unit_test(test_anything_else_kills),
		cmocka_unit_test(
			test_the_parents_filter_lets_children_start_and_nothing_odd),
		cmocka_unit_test(test_landlock_leaves_only_the_named_directories),
		cmocka_unit_test(test_become_is_another_user_in_another_root_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
