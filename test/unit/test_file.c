/* Linked with --wrap (tools/test-file.mk), so that any single system call of
 * sys/file can be made to fail, or the process to end there as in a power cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sys/file.h"

/* ---- the calls, counted ------------------------------------------------------ */

int __real_openat(int dirfd, const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *p, size_t n);
int __real_fsync(int fd);
int __real_renameat(int from, const char *a, int to, const char *b);
int __real_unlinkat(int dirfd, const char *path, int flags);
ssize_t __real_pread(int fd, void *p, size_t n, off_t at);
int __wrap_openat(int dirfd, const char *path, int flags, ...);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fsync(int fd);
int __wrap_renameat(int from, const char *a, int to, const char *b);
int __wrap_unlinkat(int dirfd, const char *path, int flags);
ssize_t __wrap_pread(int fd, void *p, size_t n, off_t at);

static int calls, fail_at, cut_at, fsyncs_before_rename, fsyncs;
static int fail_errno;
static size_t piece; /* write and pread take no more at once; 0: all */

static bool fails(void)
{
	calls++;
	if (calls == cut_at)
		_exit(42);
	if (calls != fail_at)
		return false;
	errno = fail_errno;
	return true;
}

int __wrap_openat(int dirfd, const char *path, int flags, ...)
{
	va_list ap;
	unsigned mode;

	va_start(ap, flags);
	mode = va_arg(ap, unsigned);
	va_end(ap);
	return fails() ? -1 : __real_openat(dirfd, path, flags, mode);
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	if (fails())
		return -1;
	return __real_write(fd, p, piece > 0 && n > piece ? piece : n);
}

int __wrap_fsync(int fd)
{
	fsyncs++;
	return fails() ? -1 : __real_fsync(fd);
}

int __wrap_renameat(int from, const char *a, int to, const char *b)
{
	fsyncs_before_rename = fsyncs;
	return fails() ? -1 : __real_renameat(from, a, to, b);
}

int __wrap_unlinkat(int dirfd, const char *path, int flags)
{
	return fails() ? -1 : __real_unlinkat(dirfd, path, flags);
}

ssize_t __wrap_pread(int fd, void *p, size_t n, off_t at)
{
	if (fails())
		return -1;
	return __real_pread(fd, p, piece > 0 && n > piece ? piece : n, at);
}

static void no_faults(void)
{
	calls = fail_at = cut_at = fsyncs = fsyncs_before_rename = 0;
	fail_errno = EIO;
	piece = 0;
}

/* ---- a directory ------------------------------------------------------------- */

struct world {
	char path[64];
	int dir;
};

static int set_up(void **state)
{
	static struct world w;

	no_faults();
	(void)snprintf(w.path, sizeof(w.path), "/tmp/test_file.XXXXXX");
	if (mkdtemp(w.path) == NULL)
		return -1;
	w.dir = open(w.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &w;
	return w.dir < 0;
}

/* Calls fn with each name; how many there are. */
static unsigned each_name(const struct world *w, void (*fn)(int dir, const char *name))
{
	DIR *d = opendir(w->path);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		n++;
		if (fn != NULL)
			fn(w->dir, e->d_name);
	}
	(void)closedir(d);
	return n;
}

static void remove_name(int dir, const char *name)
{
	assert_int_equal(__real_unlinkat(dir, name, 0), 0);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	no_faults();
	(void)each_name(w, remove_name);
	(void)close(w->dir);
	return rmdir(w->path);
}

static void assert_content(const struct world *w, const char *name, const char *text)
{
	char path[128];
	uint8_t *p;
	size_t len;

	(void)snprintf(path, sizeof(path), "%s/%s", w->path, name);
	assert_int_equal(file_read(path, 1000, &p, &len), 0);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(p, text, len + 1); /* with the NUL behind it */
	free(p);
}

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* ---- tests ------------------------------------------------------------------- */

static void test_replace_writes_and_sets_the_mode(void **state)
{
	struct world *w = *state;
	struct stat st;

	assert_int_equal(file_replace(w->dir, "key", "old", 3, 0600), 0);
	assert_content(w, "key", "old");
	assert_int_equal(fstatat(w->dir, "key", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(file_replace(w->dir, "key", "newer", 5, 0600), 0);
	assert_content(w, "key", "newer");
	assert_int_equal(file_replace(w->dir, "key", "", 0, 0600), 0);
	assert_content(w, "key", "");
	assert_int_equal(each_name(w, NULL), 1);
}

/* The bytes must be on the disk before the name is, and the name before we say so. */
static void test_replace_syncs_before_and_after_the_rename(void **state)
{
	struct world *w = *state;

	assert_int_equal(file_replace(w->dir, "key", "x", 1, 0600), 0);
	assert_int_equal(fsyncs_before_rename, 1);
	assert_int_equal(fsyncs, 2);
}

static void test_replace_in_short_writes(void **state)
{
	struct world *w = *state;

	piece = 1;
	assert_int_equal(file_replace(w->dir, "key", "piecemeal", 9, 0600), 0);
	assert_content(w, "key", "piecemeal");
}

/* Every call fails once: the old file or the new one, whole, nothing beside it, no
 * descriptor left, and an error unless it was only about a leftover. */
static void test_replace_when_any_call_fails(void **state)
{
	struct world *w = *state;
	int before, total;

	assert_int_equal(file_replace(w->dir, "key", "old", 3, 0600), 0);
	no_faults();
	assert_int_equal(file_replace(w->dir, "key", "old", 3, 0600), 0);
	total = calls;
	assert_true(total >= 6);
	before = open_descriptors();
	for (int n = 1; n <= total; n++) {
		int rc;

		no_faults();
		fail_at = n;
		rc = file_replace(w->dir, "key", "new", 3, 0600);
		assert_int_equal(rc, -EIO);
		no_faults();
		/* Only the last call, the directory's fsync, comes after the rename. */
		assert_content(w, "key", n == total ? "new" : "old");
		assert_int_equal(each_name(w, NULL), 1);
		assert_int_equal(open_descriptors(), before);
	}
}

static void test_replace_repeats_an_interrupted_write(void **state)
{
	struct world *w = *state;

	fail_errno = EINTR;
	fail_at = 3; /* unlinkat, openat, write */
	assert_int_equal(file_replace(w->dir, "key", "new", 3, 0600), 0);
	assert_content(w, "key", "new");
}

/* The process ends at each call, as at a power cut: the file is whole afterwards,
 * and the next replacement is not disturbed by what was left. */
static void test_replace_after_a_cut_at_any_call(void **state)
{
	struct world *w = *state;
	int n = 1, status;

	do {
		pid_t pid;

		no_faults();
		assert_int_equal(file_replace(w->dir, "key", "old", 3, 0600), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			no_faults();
			cut_at = n;
			_exit(file_replace(w->dir, "key", "new", 3, 0600) != 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 42) {
			uint8_t *p;
			size_t len;
			char path[128];

			(void)snprintf(path, sizeof(path), "%s/key", w->path);
			assert_int_equal(file_read(path, 100, &p, &len), 0);
			assert_int_equal(len, 3);
			assert_true(memcmp(p, "old", 3) == 0 ||
				    memcmp(p, "new", 3) == 0);
			free(p);
		}
		assert_int_equal(file_replace(w->dir, "key", "again", 5, 0600), 0);
		assert_content(w, "key", "again");
		assert_int_equal(each_name(w, NULL), 1);
		assert_true(n++ < 50);
	} while (WEXITSTATUS(status) == 42);
	assert_true(n > 6);
}

static void test_replace_follows_no_link_that_waits_for_it(void **state)
{
	struct world *w = *state;

	assert_int_equal(file_create(w->dir, "other", "precious", 8, 0600), 0);
	assert_int_equal(symlinkat("other", w->dir, ".key.new"), 0);
	assert_int_equal(file_replace(w->dir, "key", "mine", 4, 0600), 0);
	assert_content(w, "other", "precious");
	assert_content(w, "key", "mine");
}

static void test_replace_refuses_a_name_too_long(void **state)
{
	struct world *w = *state;
	char name[300];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(file_replace(w->dir, name, "x", 1, 0600), -ENAMETOOLONG);
}

static void test_create_never_overwrites(void **state)
{
	struct world *w = *state;

	assert_int_equal(file_create(w->dir, "f", "first", 5, 0644), 0);
	assert_int_equal(file_create(w->dir, "f", "second", 6, 0644), -EEXIST);
	assert_content(w, "f", "first");
	no_faults();
	fail_at = 2; /* openat, write: nothing half-written stays */
	assert_int_equal(file_create(w->dir, "g", "x", 1, 0644), -EIO);
	assert_int_equal(each_name(w, NULL), 1);
}

static void test_read_refuses_more_than_its_limit(void **state)
{
	struct world *w = *state;
	char path[128];
	uint8_t *p;
	size_t len;

	assert_int_equal(file_create(w->dir, "f", "12345", 5, 0644), 0);
	(void)snprintf(path, sizeof(path), "%s/f", w->path);
	assert_int_equal(file_read(path, 4, &p, &len), -EFBIG);
	assert_int_equal(file_read(path, 5, &p, &len), 0);
	free(p);
	assert_int_equal(file_read(w->path, 5, &p, &len), -EISDIR);
	/* nobody writes to it: it must not be waited for */
	(void)snprintf(path, sizeof(path), "%s/pipe", w->path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_read(path, 5, &p, &len), -ESPIPE);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/none", w->path);
	assert_int_equal(file_read(path, 5, &p, &len), -ENOENT);
	/* A file that does not tell its size. */
	assert_int_equal(file_read("/proc/self/status", 100000, &p, &len), 0);
	assert_true(len > 100);
	free(p);
	assert_int_equal(file_read("/proc/self/status", 100, &p, &len), -EFBIG);
}

static void test_read_in_pieces_and_from_the_start(void **state)
{
	struct world *w = *state;
	uint8_t *p;
	size_t len;
	int fd;

	assert_int_equal(file_create(w->dir, "f", "0123456789", 10, 0644), 0);
	fd = __real_openat(w->dir, "f", O_RDONLY | O_CLOEXEC, 0);
	assert_int_equal(lseek(fd, 7, SEEK_SET), 7);
	piece = 3;
	assert_int_equal(file_read_fd(fd, 10, &p, &len), 0);
	assert_int_equal(len, 10);
	assert_string_equal((char *)p, "0123456789");
	free(p);
	no_faults();
	fail_at = 1;
	assert_int_equal(file_read_fd(fd, 10, &p, &len), -EIO);
	(void)close(fd);
}

static void test_private_means_nobody_else(void **state)
{
	struct world *w = *state;
	static const struct {
		mode_t mode;
		int rc;
	} cases[] = { { 0600, 0 },       { 0400, 0 },       { 0640, -EACCES },
		      { 0604, -EACCES }, { 0610, -EACCES }, { 0602, -EACCES },
		      { 0644, -EACCES }, { 0700, 0 } };
	int fd;

	assert_int_equal(file_create(w->dir, "f", "x", 1, 0600), 0);
	fd = __real_openat(w->dir, "f", O_RDONLY | O_CLOEXEC, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(fchmod(fd, cases[i].mode), 0);
		assert_int_equal(file_is_private(fd), cases[i].rc);
	}
	(void)close(fd);
	assert_int_equal(file_is_private(-1), -EBADF);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_replace_writes_and_sets_the_mode),
		T(test_replace_syncs_before_and_after_the_rename),
		T(test_replace_in_short_writes),
		T(test_replace_when_any_call_fails),
		T(test_replace_repeats_an_interrupted_write),
		T(test_replace_after_a_cut_at_any_call),
		T(test_replace_follows_no_link_that_waits_for_it),
		T(test_replace_refuses_a_name_too_long),
		T(test_create_never_overwrites),
		T(test_read_refuses_more_than_its_limit),
		T(test_read_in_pieces_and_from_the_start),
		T(test_private_means_nobody_else),
	};

	(void)umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
