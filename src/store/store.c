/* Opening, the writer's lock, transactions, and the verbs of internal.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/errors.h"
#include "store/internal.h"

enum {
	BUSY_MS = 2000,       /* a reader's checkpoint may hold us that long */
	CACHE_KIB = 64 * 1024 /* pages in memory: inner nodes of a million devices */
};

static int errno_of(sqlite3 *db, int sqlite_code)
{
	switch (sqlite_code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_IOERR:
		return sqlite3_system_errno(db) == ENOSPC ? -ENOSPC : -EIO;
	case SQLITE_CANTOPEN:
		switch (sqlite3_system_errno(db)) {
		case EACCES:
		case EPERM:
			return -EACCES;
		case ENOENT:
			return -ENOENT;
		case EROFS:
			return -EROFS;
		default:
			return FC_ESTORE;
		}
	case SQLITE_CONSTRAINT:
		return sqlite_code == SQLITE_CONSTRAINT_FOREIGNKEY ? FC_EABSENT
		       : sqlite_code == SQLITE_CONSTRAINT_UNIQUE ||
				       sqlite_code == SQLITE_CONSTRAINT_PRIMARYKEY
			       ? FC_EDUP
			       : FC_ESTORE;
	default:
		return FC_ESTORE;
	}
}

int store_fail(struct store *s, int sqlite_code)
{
	int rc = errno_of(s->db, sqlite_code);

	if (rc < 0)
		(void)snprintf(s->error, sizeof(s->error), "%s", sqlite3_errmsg(s->db));
	return rc;
}

int store_corrupt(struct store *s, const char *what)
{
	(void)snprintf(s->error, sizeof(s->error), "unexpected value in %s", what);
	return FC_ESTORE;
}

const char *store_error(const struct store *s)
{
	return s->error;
}

/* ---- statements --------------------------------------------------------- */

static void release_row(struct store *s)
{
	if (s->active)
		(void)sqlite3_reset(s->active);
	s->active = NULL;
}

sqlite3_stmt *store_use(struct store *s, enum sql which)
{
	sqlite3_stmt **st = &s->stmt[which];

	release_row(s);
	if (*st) {
		(void)sqlite3_reset(*st);
		(void)sqlite3_clear_bindings(*st);
	} else if (sqlite3_prepare_v3(s->db, store_sql[which], -1,
				      SQLITE_PREPARE_PERSISTENT, st,
				      NULL) != SQLITE_OK) {
		*st = NULL;
	}
	return *st;
}

void bind_mac(sqlite3_stmt *st, int i, const struct mac *mac)
{
	char text[MAC_TEXT_SIZE];

	(void)sqlite3_bind_text(st, i, mac_text(mac, text), -1, SQLITE_TRANSIENT);
}

void bind_text(sqlite3_stmt *st, int i, const char *text)
{
	(void)sqlite3_bind_text(st, i, text, -1, SQLITE_TRANSIENT);
}

void bind_blob(sqlite3_stmt *st, int i, const uint8_t *p, size_t len)
{
	if (len > 0 && len <= INT_MAX)
		(void)sqlite3_bind_blob(st, i, p, (int)len, SQLITE_TRANSIENT);
}

int store_run(struct store *s, sqlite3_stmt *st)
{
	int code, rc;

	if (!st)
		return store_fail(s, sqlite3_extended_errcode(s->db));
	do {
		code = sqlite3_step(st);
	} while (code == SQLITE_ROW);
	rc = store_fail(s, code == SQLITE_DONE ? SQLITE_DONE
					       : sqlite3_extended_errcode(s->db));
	(void)sqlite3_reset(st);
	return rc;
}

int store_run_one(struct store *s, sqlite3_stmt *st)
{
	int rc = store_run(s, st);

	if (rc < 0)
		return rc;
	return sqlite3_changes(s->db) > 0 ? 0 : FC_EABSENT;
}

int store_next(struct store *s, sqlite3_stmt *st)
{
	int code;

	if (!st)
		return store_fail(s, sqlite3_extended_errcode(s->db));
	code = sqlite3_step(st);
	if (code == SQLITE_ROW)
		return 0;
	return code == SQLITE_DONE ? 1 : store_fail(s, sqlite3_extended_errcode(s->db));
}

int store_row(struct store *s, sqlite3_stmt *st)
{
	int rc = store_next(s, st);

	if (rc == 0) {
		s->active = st;
		return 0;
	}
	if (st)
		(void)sqlite3_reset(st);
	return rc > 0 ? FC_EABSENT : rc;
}

int column_mac(struct store *s, sqlite3_stmt *st, int i, struct mac *ret)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	if (!text || mac_parse(text, strlen(text), ret) < 0)
		return store_corrupt(s, "a column mac");
	return 0;
}

void column_text(sqlite3_stmt *st, int i, char *ret, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	(void)snprintf(ret, size, "%s", text ? text : "");
}

int column_name(struct store *s, sqlite3_stmt *st, int i, const char *const *names,
		int n, int *ret)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	for (int k = 0; text && k < n; k++) {
		if (strcmp(text, names[k]) == 0) {
			*ret = k;
			return 0;
		}
	}
	return store_corrupt(s, "a column state");
}

const uint8_t *column_blob(sqlite3_stmt *st, int i, size_t *ret_len)
{
	const uint8_t *p = sqlite3_column_blob(st, i);

	*ret_len = p ? (size_t)sqlite3_column_bytes(st, i) : 0;
	return p;
}

int column_fixed(struct store *s, sqlite3_stmt *st, int i, uint8_t *ret, size_t len)
{
	size_t have;
	const uint8_t *p = column_blob(st, i, &have);

	if (!p || have != len)
		return store_corrupt(s, "a column of fixed length");
	memcpy(ret, p, len);
	return 0;
}

/* ---- transactions ------------------------------------------------------- */

/* What is written to a file that has no name any more ends with this process, and
 * certificates cost a fee each. */
static int still_there(struct store *s)
{
	int moved = 0;

	if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) !=
		    SQLITE_OK ||
	    !moved)
		return 0;
	(void)snprintf(s->error, sizeof(s->error),
		       "its file was removed or replaced: put it back, or restart "
		       "fieldcertd to go on with what is there now");
	return FC_ESTORE;
}

int store_begin(struct store *s)
{
	int rc = still_there(s);

	return rc < 0 ? rc : store_run(s, store_use(s, SQL_BEGIN));
}

int store_commit(struct store *s)
{
	return store_run(s, store_use(s, SQL_COMMIT));
}

/* SQLite may have rolled back by itself already (disk full): then there is
 * nothing left to do. */
void store_rollback(struct store *s)
{
	release_row(s);
	if (!sqlite3_get_autocommit(s->db))
		(void)store_run(s, store_use(s, SQL_ROLLBACK));
}

/* ---- the writer's lock -------------------------------------------------- */

static int lock_path(const char *path, char ret[PATH_MAX])
{
	char real[PATH_MAX];
	int n;

	if (!realpath(path, real))
		return -errno;
	n = snprintf(ret, PATH_MAX, "%s.lock", real);
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* An open file description's lock: it ends with its process, however that ends,
 * and not when some library closes another descriptor of the file. */
static int lock_set(int fd, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &l) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

/* The file is there, and nobody like us can write to it: a database that can be
 * read, and says -EROFS to each change. */
static bool is_read_only(const char *path, int open_errno)
{
	struct stat st;

	return stat(path, &st) == 0 &&
	       (open_errno == EROFS ||
		(open_errno == EACCES && st.st_uid == geteuid()));
}

static int lock_take(const char *path, int *ret_fd)
{
	char lock[PATH_MAX], who[STORE_HOLDER_SIZE];
	int fd, n, rc = lock_path(path, lock);

	if (rc < 0)
		return rc;
	fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return is_read_only(path, errno) ? 0 : -errno;
	if ((rc = lock_set(fd, F_WRLCK)) < 0) {
		(void)close(fd);
		return rc;
	}
	n = snprintf(who, sizeof(who), "%.40s, process %ld\n",
		     program_invocation_short_name, (long)getpid());
	/* Who it is, is said for people only: a full disk must not stop us here. */
	if (ftruncate(fd, 0) < 0 || pwrite(fd, who, (size_t)n, 0) < 0)
		errno = 0;
	*ret_fd = fd;
	return 0;
}

int store_lock_holder(const char *path, char ret[STORE_HOLDER_SIZE])
{
	char lock[PATH_MAX], who[STORE_HOLDER_SIZE];
	int fd, rc = lock_path(path, lock);
	ssize_t n;

	if (rc < 0)
		return rc == -ENOENT ? FC_EABSENT : rc;
	fd = open(lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? FC_EABSENT : -errno;
	if ((rc = lock_set(fd, F_RDLCK)) != -EBUSY) {
		rc = rc == 0 ? FC_EABSENT : rc;
		goto out;
	}
	n = pread(fd, who, sizeof(who) - 1, 0);
	who[n > 0 ? n : 0] = '\0';
	who[strcspn(who, "\n")] = '\0';
	(void)snprintf(ret, STORE_HOLDER_SIZE, "%s", who[0] ? who : "another process");
	rc = 0;
out:
	(void)close(fd);
	return rc;
}

/* ---- opening ------------------------------------------------------------ */

static int exec(struct store *s, const char *sql)
{
	return store_fail(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK
				     ? SQLITE_OK
				     : sqlite3_extended_errcode(s->db));
}

/* *ret: 0 when there is none. */
static int schema_version(struct store *s, int64_t *ret)
{
	sqlite3_stmt *st = NULL;
	int rc;

	if (sqlite3_prepare_v2(s->db,
			       "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'",
			       -1, &st, NULL) != SQLITE_OK)
		return store_fail(s, sqlite3_extended_errcode(s->db));
	rc = store_next(s, st);
	if (rc == 0 && sqlite3_column_int(st, 0) == 0)
		*ret = 0;
	else if (rc == 0)
		rc = 1;
	(void)sqlite3_finalize(st);
	return rc == 1 ? store_number_get(s, "schema", ret) : rc;
}

static int schema_make(struct store *s)
{
	int64_t version = 0;
	int rc = store_begin(s);

	if (rc < 0)
		return rc;
	if ((rc = schema_version(s, &version)) < 0)
		goto out;
	if (version == 0)
		rc = exec(s, store_schema);
	if (rc == 0)
		rc = store_commit(s);
out:
	if (rc < 0)
		store_rollback(s);
	return rc;
}

/* journal_size_limit: a WAL that grew in a storm shrinks again at a checkpoint. */
static int prepare_write(struct store *s)
{
	char cache[64];
	int persist = 1, rc;

	(void)snprintf(cache, sizeof(cache), "PRAGMA cache_size = -%d", CACHE_KIB);
	if ((rc = exec(s, "PRAGMA journal_mode = WAL")) < 0 ||
	    (rc = exec(s, "PRAGMA synchronous = FULL")) < 0 ||
	    (rc = exec(s, "PRAGMA foreign_keys = ON")) < 0 ||
	    (rc = exec(s, "PRAGMA journal_size_limit = 67108864")) < 0 ||
	    (rc = exec(s, "PRAGMA temp_store = MEMORY")) < 0 ||
	    (rc = exec(s, cache)) < 0)
		return rc;
	/* Readers without write permission need WAL and its index to be there. */
	(void)sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
	/* Full or read-only: what is in it can still be read. store_open asks for
	 * the schema next. */
	rc = schema_make(s);
	return rc == -EROFS || rc == -ENOSPC || rc == -EIO ? 0 : rc;
}

/* An empty file is an empty database. Made by us, so that others cannot read it
 * and a dangling symbolic link gets its target. */
static int create(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

	if (fd < 0)
		return is_read_only(path, errno) ? 0 : -errno;
	(void)close(fd);
	return 0;
}

static bool is_no_database(sqlite3 *db)
{
	int code = db ? sqlite3_errcode(db) & 0xff : SQLITE_OK;

	return code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
}

int store_open(const char *path, enum store_mode mode, struct store **ret)
{
	int flags = mode == STORE_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	struct store *s = calloc(1, sizeof(*s));
	int64_t version = 0;
	int rc = 0;

	if (!s)
		return -ENOMEM;
	s->lock_fd = -1;
	if (mode == STORE_WRITE &&
	    ((rc = create(path)) < 0 || (rc = lock_take(path, &s->lock_fd)) < 0))
		goto out;
	rc = sqlite3_open_v2(path, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK) {
		rc = s->db ? store_fail(s, sqlite3_extended_errcode(s->db)) : -ENOMEM;
		goto out;
	}
	(void)sqlite3_extended_result_codes(s->db, 1);
	(void)sqlite3_busy_timeout(s->db, BUSY_MS);
	if (mode == STORE_WRITE && (rc = prepare_write(s)) < 0)
		goto out;
	if ((rc = schema_version(s, &version)) < 0)
		goto out;
	release_row(s);
	rc = version == 0 ? FC_EABSENT : version > STORE_SCHEMA ? FC_EUNKNOWN : 0;
out:
	if (rc == FC_ESTORE && is_no_database(s->db))
		rc = FC_EBAD;
	if (rc < 0) {
		store_close(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (int i = 0; i < SQL_COUNT; i++)
		(void)sqlite3_finalize(s->stmt[i]);
	(void)sqlite3_close(s->db);
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd);
	free(s);
}
