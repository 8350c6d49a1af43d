/* A7: power cuts, errors and short writes at each system call of an install, into flash
 * as a directory and into the five exported files.  error 11.
 *
 * Linked with --wrap (tools/agent.mk).  A power cut is more than the end of a process:
 * what was not synced may be lost.  So a child runs up to the n-th call, then does to
 * the directory what a disk may do, and ends; the parent looks at what is left.
 *   LOSE_DATA    a file's bytes that were not synced are gone (a length of zero)
 *   LOSE_RENAME  a change of names that was not synced has not happened */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cmd/agent/export.h"
#include "cmd/agent/flash.h"
#include "device.h"

enum { LOSE_DATA = 1, LOSE_RENAME = 2, VARIANTS = 4, CUT = 42, TRACKED_MAX = 16 };

int __real_openat(int dirfd, const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *p, size_t n);
int __real_renameat(int from, const char *a, int to, const char *b);
int __real_renameat2(int from, const char *a, int to, const char *b, unsigned flags);
int __real_unlinkat(int dirfd, const char *path, int flags);
int __real_mkdirat(int dirfd, const char *path, mode_t mode);
int __real_close(int fd);
int __wrap_openat(int dirfd, const char *path, int flags, ...);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fsync(int fd);
int __wrap_renameat(int from, const char *a, int to, const char *b);
int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags);
int __wrap_unlinkat(int dirfd, const char *path, int flags);
int __wrap_mkdirat(int dirfd, const char *path, mode_t mode);
int __wrap_close(int fd);

static bool counting, no_exchange;
static int calls, fail_at, fail_errno, cut_at, variant;
static size_t piece; /* write takes no more at once; 0: all */

/* A file written to by our own hand. */
static struct tracked {
	int fd, dir; /* dir: a descriptor of our own; -1: not in use */
	char name[64];
	bool synced;
} tracked[TRACKED_MAX];
static int n_tracked;

/* The last change of names, while it is not synced. */
static struct {
	bool pending, had_old;
	int dir, exchange;
	char from[64], to[64];
} renamed;

static void forget_tracks(void)
{
	for (int i = 0; i < n_tracked; i++)
		(void)__real_close(tracked[i].dir);
	n_tracked = 0;
	if (renamed.pending)
		(void)__real_close(renamed.dir);
	renamed.pending = false;
}

static void lose_data(void)
{
	for (int i = 0; i < n_tracked; i++) {
		int fd;

		if (tracked[i].synced)
			continue;
		fd = __real_openat(tracked[i].dir, tracked[i].name, O_WRONLY | O_TRUNC);
		if (fd >= 0)
			(void)__real_close(fd);
	}
}

static void lose_rename(void)
{
	if (!renamed.pending)
		return;
	if (renamed.exchange) {
		(void)__real_renameat2(renamed.dir, renamed.from, renamed.dir,
				       renamed.to, RENAME_EXCHANGE);
		return;
	}
	(void)__real_renameat(renamed.dir, renamed.to, renamed.dir, renamed.from);
	if (renamed.had_old)
		(void)__real_renameat(renamed.dir, ".old", renamed.dir, renamed.to);
}

static void lose(void)
{
	if (variant & LOSE_DATA)
		lose_data();
	if (variant & LOSE_RENAME)
		lose_rename();
}

static bool fails(void)
{
	if (!counting)
		return false;
	calls++;
	if (calls == cut_at) {
		lose();
		_exit(CUT);
	}
	if (calls != fail_at)
		return false;
	errno = fail_errno;
	return true;
}

int __wrap_openat(int dirfd, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;
	int fd;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	if (fails())
		return -1;
	fd = __real_openat(dirfd, path, flags, mode);
	if (counting && fd >= 0 && (flags & O_CREAT) && n_tracked < TRACKED_MAX) {
		struct tracked *t = &tracked[n_tracked++];

		*t = (struct tracked){ .fd = fd, .dir = dup(dirfd) };
		(void)snprintf(t->name, sizeof(t->name), "%s", path);
	}
	return fd;
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	for (int i = 0; i < n_tracked; i++)
		if (tracked[i].fd == fd)
			tracked[i].synced = false;
	if (fails())
		return -1;
	return __real_write(fd, p, counting && piece > 0 && n > piece ? piece : n);
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	       x.st_dev == y.st_dev;
}

int __wrap_fsync(int fd)
{
	if (fails())
		return -1;
	for (int i = 0; i < n_tracked; i++)
		if (tracked[i].fd == fd)
			tracked[i].synced = true;
	if (renamed.pending && same_file(fd, renamed.dir)) {
		renamed.pending = false;
		(void)__real_close(renamed.dir);
	}
	return 0; /* what it would do to the real disk is nobody's business here */
}

static void note_rename(int dir, const char *a, const char *b, bool exchange)
{
	if (!counting)
		return;
	if (renamed.pending)
		(void)__real_close(renamed.dir);
	(void)__real_unlinkat(dir, ".old", 0);
	renamed.pending = true;
	renamed.exchange = exchange;
	renamed.dir = dup(dir);
	renamed.had_old = !exchange && linkat(dir, b, dir, ".old", 0) == 0;
	(void)snprintf(renamed.from, sizeof(renamed.from), "%s", a);
	(void)snprintf(renamed.to, sizeof(renamed.to), "%s", b);
	for (int i = 0; i < n_tracked; i++)
		if (strcmp(tracked[i].name, a) == 0 && same_file(tracked[i].dir, dir))
			(void)snprintf(tracked[i].name, sizeof(tracked[i].name), "%s",
				       b);
}

int __wrap_renameat(int from, const char *a, int to, const char *b)
{
	if (fails())
		return -1;
	note_rename(from, a, b, false);
	return __real_renameat(from, a, to, b);
}

int __wrap_renameat2(int from, const char *a, int to, const char *b, unsigned flags)
{
	int rc;

	if (fails())
		return -1;
	if (no_exchange) {
		errno = EINVAL;
		return -1;
	}
	rc = __real_renameat2(from, a, to, b, flags);
	if (rc == 0)
		note_rename(from, a, b, flags == RENAME_EXCHANGE);
	return rc;
}

int __wrap_unlinkat(int dirfd, const char *path, int flags)
{
	return fails() ? -1 : __real_unlinkat(dirfd, path, flags);
}

int __wrap_mkdirat(int dirfd, const char *path, mode_t mode)
{
	return fails() ? -1 : __real_mkdirat(dirfd, path, mode);
}

/* Linux closes the descriptor even when it says it failed. */
int __wrap_close(int fd)
{
	bool failed = fails();
	int rc = __real_close(fd);

	for (int i = 0; i < n_tracked; i++)
		if (tracked[i].fd == fd)
			tracked[i].fd = -1;
	return failed ? -1 : rc;
}

/* ------------------------------------------------------------------------- the bench
 */

static char base[64], flash_path[128], export_path[128];

static int set_up(void **state)
{
	(void)state;
	/* thousands of files come and go: in memory where there is a place */
	(void)snprintf(base, sizeof(base), "%s/fieldcert-flash.XXXXXX",
		       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(base));
	(void)snprintf(flash_path, sizeof(flash_path), "%s/flash", base);
	(void)snprintf(export_path, sizeof(export_path), "%s/five", base);
	counting = no_exchange = false;
	calls = fail_at = cut_at = variant = 0;
	piece = 0;
	return 0;
}

static void remove_tree(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (d == NULL) {
		(void)unlink(path);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		char inner[512];

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		(void)snprintf(inner, sizeof(inner), "%s/%s", path, e->d_name);
		remove_tree(inner);
	}
	(void)closedir(d);
	(void)rmdir(path);
}

static int tear_down(void **state)
{
	(void)state;
	counting = false;
	forget_tracks();
	remove_tree(base);
	return 0;
}

static int open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

static void begin_counting(void)
{
	forget_tracks();
	calls = 0;
	counting = true;
}

static void end_counting(void)
{
	counting = false;
	forget_tracks();
	fail_at = cut_at = 0;
}

/* In a child, so that it may end in the middle; true: it was cut. */
static bool run_cut(void (*what)(void), int at, int how)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		cut_at = at;
		variant = how;
		begin_counting();
		what();
		lose(); /* the power fails just after */
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == CUT || WEXITSTATUS(status) == 0);
	return WEXITSTATUS(status) == CUT;
}

/* ------------------------------------------------------------------- flash, as record
 */

enum { OLD_LEN = 3000, NEW_LEN = 5000 };
static uint8_t old_record[OLD_LEN], new_record[NEW_LEN];

static void put_record(const uint8_t *p, size_t len)
{
	int fd = flash_open(flash_path, false);

	assert_true(fd >= 0);
	assert_int_equal(flash_write(fd, p, len), 0);
	(void)close(fd);
}

static void write_new(void)
{
	int fd = flash_open(flash_path, false);

	if (fd >= 0)
		(void)flash_write(fd, new_record, sizeof(new_record));
}

enum found { FOUND_NOTHING, FOUND_OLD, FOUND_NEW };

static enum found look(void)
{
	static uint8_t buf[AGENT_STATE_MAX];
	size_t len;
	int fd = flash_open(flash_path, false), rc;

	assert_true(fd >= 0);
	rc = flash_read(fd, buf, sizeof(buf), &len);
	(void)close(fd);
	if (rc == FC_EABSENT)
		return FOUND_NOTHING;
	assert_int_equal(rc, 0);
	if (len == OLD_LEN && memcmp(buf, old_record, len) == 0)
		return FOUND_OLD;
	if (len == NEW_LEN && memcmp(buf, new_record, len) == 0)
		return FOUND_NEW;
	fail_msg("a mixture of %zu bytes", len);
	return FOUND_NOTHING;
}

static void fill_records(void)
{
	memset(old_record, 'o', sizeof(old_record));
	memset(new_record, 'n', sizeof(new_record));
}

/* A7: old or new, whole, whatever call is the last and whatever the disk loses */
static void test_power_cut_at_each_call(void **state)
{
	unsigned seen[3] = { 0 };

	(void)state;
	fill_records();
	for (int had = 0; had < 2; had++)
		for (int how = 0; how < VARIANTS; how++)
			for (int at = 1;; at++) {
				bool cut;
				enum found found;

				remove_tree(flash_path);
				if (had)
					put_record(old_record, OLD_LEN);
				cut = run_cut(write_new, at, how);
				found = look();
				seen[found]++;
				if (!cut) {
					assert_int_equal(found, FOUND_NEW);
					break;
				}
				assert_true(found == FOUND_NEW ||
					    found == (had ? FOUND_OLD : FOUND_NOTHING));
				/* and it can be written after that */
				put_record(new_record, NEW_LEN);
				assert_int_equal(look(), FOUND_NEW);
			}
	assert_true(seen[FOUND_OLD] > 8 && seen[FOUND_NEW] > 8);
}

/* error 11: each call fails once, with the errors of a full or worn flash */
static void test_error_at_each_call(void **state)
{
	static const int errors[] = { EIO, ENOSPC, EROFS };
	unsigned failed = 0;

	(void)state;
	fill_records();
	for (size_t e = 0; e < 3; e++)
		for (int at = 1;; at++) {
			int before, fd, rc, n;

			remove_tree(flash_path);
			put_record(old_record, OLD_LEN);
			before = open_files();
			fail_errno = errors[e];
			begin_counting();
			fail_at = at;
			fd = flash_open(flash_path, false);
			rc = flash_write(fd, new_record, NEW_LEN);
			n = calls;
			end_counting();
			(void)close(fd);
			assert_int_equal(open_files(), before);
			if (rc == 0) {
				assert_int_equal(look(), FOUND_NEW);
			} else {
				assert_int_equal(rc, -errors[e]);
				failed++;
				(void)look(); /* whole */
			}
			if (n < at)
				break;
		}
	assert_true(failed >= 3 * 5);
}

static void test_short_writes(void **state)
{
	(void)state;
	fill_records();
	piece = 7;
	begin_counting();
	write_new();
	end_counting();
	assert_int_equal(look(), FOUND_NEW);
}

static void test_record_is_private_and_alone(void **state)
{
	struct stat st;
	char path[256];
	int held, again;

	(void)state;
	fill_records();
	held = flash_open(flash_path, true);
	assert_true(held >= 0);
	assert_int_equal(stat(flash_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(flash_write(held, new_record, NEW_LEN), 0);
	(void)snprintf(path, sizeof(path), "%s/state", flash_path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	again = flash_open(flash_path, true);
	assert_int_equal(again, -EBUSY);
	again = flash_open(flash_path, false);
	assert_true(again >= 0);
	(void)close(again);
	(void)close(held);
}

static void test_read_only_flash_can_be_read(void **state)
{
	uint8_t got[NEW_LEN];
	size_t len = 0;
	int fd;

	(void)state;
	fill_records();
	write_new();
	begin_counting();
	fail_at = 1; /* the lock's file */
	fail_errno = EROFS;
	fd = flash_open(flash_path, true);
	end_counting();
	assert_true(fd >= 0);
	assert_int_equal(flash_read(fd, got, sizeof(got), &len), 0);
	assert_int_equal(len, NEW_LEN);
	assert_memory_equal(got, new_record, NEW_LEN);
	(void)close(fd);

	begin_counting();
	fail_at = 1;
	fail_errno = EACCES;
	assert_int_equal(flash_open(flash_path, true), -EACCES);
	end_counting();
}

static void test_record_too_big_is_refused(void **state)
{
	uint8_t small[16];
	size_t len;
	int fd;

	(void)state;
	fill_records();
	put_record(new_record, NEW_LEN);
	fd = flash_open(flash_path, false);
	assert_int_equal(flash_read(fd, small, sizeof(small), &len), -EFBIG);
	(void)close(fd);
}

/* --------------------------------------------------------- a whole install, by a modem
 */

static struct pki pki;
static struct material first, second;
static int modem_flash;

static int modem_read(void *ctx, void *ret, size_t cap, size_t *ret_len)
{
	(void)ctx;
	return flash_read(modem_flash, ret, cap, ret_len);
}

static int modem_write(void *ctx, const void *p, size_t len)
{
	int rc;

	(void)ctx;
	begin_counting();
	rc = flash_write(modem_flash, p, len);
	counting = false;
	return rc;
}

static void modem_on(const struct material *m)
{
	world_init(&pki, 5);
	modem_flash = flash_open(flash_path, false);
	assert_true(modem_flash >= 0);
	world.platform.flash_read = modem_read;
	world.platform.flash_write = modem_write;
	world_serve_file(m->file, m->file_len);
	world_power_on();
}

static void modem_off(void)
{
	world_power_off();
	(void)close(modem_flash);
}

static bool holds(const struct pki_cert *c, const struct pki_key *key)
{
	const struct agent_state *s = &world.agent.state;

	return s->device.len == c->len && memcmp(s->device.p, c->der, c->len) == 0 &&
	       s->key.len == key->pkcs8_len &&
	       memcmp(s->key.p, key->pkcs8, key->pkcs8_len) == 0;
}

/* The n-th write of an install is the certificate's, the next the confirmation's. */
static int write_to_cut, writes;

static int modem_write_cut(void *ctx, const void *p, size_t len)
{
	int rc;

	(void)ctx;
	calls = 0;
	counting = ++writes == write_to_cut;
	rc = flash_write(modem_flash, p, len);
	counting = false;
	return rc;
}

static void renew(void)
{
	counting = false;
	writes = 0;
	world.platform.flash_write = modem_write_cut;
	world.agent.platform.flash_write = modem_write_cut;
	agent_ask_now(&world.agent);
	world_run(WORLD_MINUTE);
}

/* A7: certificate and key stay a pair, the old one or the new one, and the modem goes
 * on from either to the new one */
static void test_install_cut_at_each_call(void **state)
{
	unsigned old = 0, new = 0;

	(void)state;
	for (write_to_cut = 1; write_to_cut <= 2; write_to_cut++)
		for (int how = 0; how < VARIANTS; how++)
			for (int at = 1;; at++) {
				bool cut;

				remove_tree(flash_path);
				modem_on(&first);
				world_run(WORLD_MINUTE);
				assert_true(holds(&first.device, &first.device_key));
				world_serve_file(second.file, second.file_len);
				cut = run_cut(renew, at, how);
				modem_off();

				modem_on(&second);
				if (holds(&first.device, &first.device_key))
					old++;
				else if (holds(&second.device, &second.device_key))
					new ++;
				else
					fail_msg("a mixture, or nothing");
				assert_int_equal(world.events[AGENT_EXAMINED], 1);
				world_run(WORLD_MINUTE); /* confirms what it has */
				agent_ask_now(&world.agent);
				world_run(WORLD_MINUTE);
				assert_true(holds(&second.device, &second.device_key));
				assert_false(world.agent.state.unconfirmed);
				modem_off();
				if (!cut)
					break;
			}
	assert_true(old > 8 && new > 8);
}

/* ------------------------------------------------------------------- the five files */

static const char *const five[EXPORT_COUNT] = { "root_pub_key.bin", "mfg_key_pub.bin",
						"mfg_cert.cer", "cm_key_prv.bin",
						"cm_cert.cer" };
static uint8_t contents[2][EXPORT_COUNT][300];

static struct export_set set_of(int which)
{
	struct export_set s;

	for (int i = 0; i < EXPORT_COUNT; i++) {
		memset(contents[which][i], 'a' + i + which * 10,
		       sizeof(contents[0][0]));
		s.object[i].p = contents[which][i];
		s.object[i].len = 200 + (size_t)i + (size_t)which * 50;
	}
	return s;
}

static void export_new(void)
{
	struct export_set s = set_of(1);
	bool changed;

	(void)export_write(export_path, &s, &changed);
}

/* Which set a file is of: 0 or 1; -1: it is not there. */
static int file_of(int i)
{
	char path[256];
	uint8_t buf[600];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", export_path, five[i]);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	n = read(fd, buf, sizeof(buf));
	(void)close(fd);
	for (int which = 0; which < 2; which++) {
		struct export_set s = set_of(which);

		if ((size_t)n == s.object[i].len &&
		    memcmp(buf, s.object[i].p, (size_t)n) == 0)
			return which;
	}
	fail_msg("%s is neither old nor new, %zd bytes", five[i], n);
	return -1;
}

static void expect_set(int which)
{
	for (int i = 0; i < EXPORT_COUNT; i++)
		assert_int_equal(file_of(i), which);
}

static void put_old_set(void)
{
	struct export_set s = set_of(0);
	bool changed;

	remove_tree(base);
	assert_int_equal(mkdir(base, 0700), 0);
	assert_int_equal(export_write(export_path, &s, &changed), 0);
	assert_true(changed);
	expect_set(0);
	assert_int_equal(export_write(export_path, &s, &changed), 0);
	assert_false(changed);
}

static unsigned count_entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n - 2;
}

static void test_export_cut_at_each_call(void **state)
{
	unsigned sets[2] = { 0 };

	(void)state;
	for (int how = 0; how < VARIANTS; how++)
		for (int at = 1;; at++) {
			bool cut;
			int which;

			put_old_set();
			cut = run_cut(export_new, at, how);
			which = file_of(0);
			assert_true(which == 0 || which == 1);
			expect_set(which); /* never a mixture */
			sets[which]++;
			export_new();
			expect_set(1);
			assert_int_equal(count_entries(export_path), EXPORT_COUNT);
			if (!cut)
				break;
		}
	assert_true(sets[0] > 20 && sets[1] > 2);
}

/* Where directories cannot change places: each file whole, and mended at the next start
 */
static void test_export_without_exchange(void **state)
{
	(void)state;
	no_exchange = true;
	for (int how = 0; how < VARIANTS; how++)
		for (int at = 1;; at++) {
			bool cut;

			no_exchange = false;
			put_old_set();
			no_exchange = true;
			cut = run_cut(export_new, at, how);
			for (int i = 0; i < EXPORT_COUNT; i++)
				assert_true(file_of(i) >= 0);
			export_new();
			expect_set(1);
			if (!cut)
				break;
		}
}

static void test_export_leaves_others_files_alone(void **state)
{
	char path[256];
	struct stat before, after;
	int fd;

	(void)state;
	put_old_set();
	(void)snprintf(path, sizeof(path), "%s/notes.txt", export_path);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(stat(path, &before), 0);
	export_new();
	expect_set(1);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void test_export_keeps_access(void **state)
{
	struct stat st;

	(void)state;
	put_old_set();
	assert_int_equal(chmod(export_path, 0750), 0);
	export_new();
	expect_set(1);
	assert_int_equal(stat(export_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
}

static int make_pki(void **state)
{
	(void)state;
	pki_init(&pki);
	material_init(&pki, &first);
	material_init(&pki, &second);
	return 0;
}

static int drop_pki(void **state)
{
	(void)state;
	pki_release(&pki);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_power_cut_at_each_call),
		TEST(test_error_at_each_call),
		TEST(test_short_writes),
		TEST(test_record_is_private_and_alone),
		TEST(test_read_only_flash_can_be_read),
		TEST(test_record_too_big_is_refused),
		TEST(test_install_cut_at_each_call),
		TEST(test_export_cut_at_each_call),
		TEST(test_export_without_exchange),
		TEST(test_export_leaves_others_files_alone),
		TEST(test_export_keeps_access),
	};

	return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
