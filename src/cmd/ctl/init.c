#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/secret.h"
#include "cmd/ctl/command.h"
#include "cmd/ctl/initconf.h"
#include "cmd/ctl/initpki.h"
#include "conf/conf.h"
#include "sys/file.h"
#include "sys/neg.h"
#include "sys/rng.h"

enum {
	SECRET_BYTES = 32,
	SECRET_LINE = 2 * SECRET_BYTES + 1,
	CONF_TEXT_MAX = 16 * 1024
};

/* Everything that will be written, before the first file is. */
struct plan {
	struct ctl *c;
	const char *dir;
	char new_dir[PATH_MAX];
	struct init_choice choice;
	char server_text[CONF_TEXT_MAX], agent_text[CONF_TEXT_MAX];
	struct conf *conf;
	struct init_pki pki;
	char secrets[4][SECRET_LINE]; /* request, confirm, keybox, storage */
};

static const struct {
	const char *path;
	mode_t mode;
} dirs[] = { { "pki", 0755 },
	     { "pki/private", 0700 },
	     { "secrets", 0700 },
	     { "state", 0700 },
	     { "flash", 0700 } };

/* ---- preparing ------------------------------------------------------------------ */

/* Absent, or an empty directory, whose place rename() takes. */
static int is_free(const char *path)
{
	DIR *dir = opendir(path);
	int found = 0;

	if (!dir && errno == ENOENT)
		return CTL_DONE;
	if (!dir)
		return ctl_fail("%s: %s", path, strerror(errno));
	while (readdir(dir))
		found++;
	(void)closedir(dir);
	if (found <= 2) /* . and .. */
		return CTL_DONE;
	return ctl_fail(
		"%s is there already, and not empty; choose another name, or move "
		"it away",
		path);
}

static int configure(struct plan *p)
{
	char path[PATH_MAX], *errors = NULL;
	struct out server = out_of(p->server_text, sizeof(p->server_text));
	struct out agent = out_of(p->agent_text, sizeof(p->agent_text));
	int rc;

	init_server_conf(&server, &p->choice);
	if (!out_cstr(&server))
		return ctl_fail("too many addresses to listen at");
	(void)snprintf(path, sizeof(path), "%s/fieldcertd.conf", p->dir);
	rc = conf_parse(path, p->server_text, strlen(p->server_text), &p->conf,
			&errors);
	if (rc < 0) {
		ctl_say("that would make a wrong configuration:");
		(void)fputs(errors ? errors : "", stderr);
		free(errors);
		return CTL_FAILED;
	}
	init_agent_conf(&agent, &p->choice, &p->conf->listen[0]);
	return out_cstr(&agent) ? CTL_DONE : ctl_fail("the addresses are too long");
}

static void draw_secret(char ret[SECRET_LINE])
{
	uint8_t b[SECRET_BYTES];

	rng_bytes(b, sizeof(b));
	hex_encode(b, sizeof(b), ret);
	secret_wipe(b, sizeof(b));
}

/* ---- writing -------------------------------------------------------------------- */

static int put(int dirfd, const char *dir, const char *name, const char *text,
	       mode_t mode)
{
	int fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : file_create(fd, name, text, strlen(text), mode);

	if (fd >= 0)
		(void)close(fd);
	return rc < 0 ? ctl_fail("%s/%s: %s", dir, name, neg_text(rc)) : CTL_DONE;
}

static int put_secret(int dirfd, const char *name, const char *hex)
{
	char line[SECRET_LINE + 1];
	int rc;

	(void)snprintf(line, sizeof(line), "%s\n", hex);
	rc = put(dirfd, "secrets", name, line, 0600);
	secret_wipe(line, sizeof(line));
	return rc;
}

static int put_files(const struct plan *p, int dirfd)
{
	const struct {
		const char *dir, *name, *text;
		mode_t mode;
	} files[] = {
		{ "pki", "root.pem", p->pki.root_cert, 0644 },
		{ "pki", "manufacturer.pem", p->pki.manufacturer_cert, 0644 },
		{ "pki/private", "root.key", p->pki.root_key, 0600 },
		{ "pki/private", "manufacturer.key", p->pki.manufacturer_key, 0600 },
		{ ".", "fieldcertd.conf", p->server_text, 0644 },
		{ ".", "agent.conf", p->agent_text, 0644 },
	};
	static const char *const secrets[] = { "request", "confirm", "keybox",
					       "storage" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (put(dirfd, files[i].dir, files[i].name, files[i].text,
			files[i].mode) != CTL_DONE)
			return CTL_FAILED;
	}
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		if (put_secret(dirfd, secrets[i], p->secrets[i]) != CTL_DONE)
			return CTL_FAILED;
	}
	return CTL_DONE;
}

/* SQLite makes files beside the database: the directory is the registrar's. */
static int give_state(const struct plan *p, int dirfd)
{
	const struct passwd *user = getpwnam("fieldcert-registrar");
	uid_t uid = user ? user->pw_uid : p->conf->uid_base + 1;
	gid_t gid = user ? user->pw_gid : p->conf->uid_base + 1;

	if (geteuid() != 0)
		return CTL_DONE;
	if (fchownat(dirfd, "state", uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
		return ctl_fail("%s/state: %s", p->new_dir, strerror(errno));
	return CTL_DONE;
}

static int fill(const struct plan *p, int dirfd)
{
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (mkdirat(dirfd, dirs[i].path, 0700) < 0 ||
		    fchmodat(dirfd, dirs[i].path, dirs[i].mode, 0) < 0)
			return ctl_fail("%s/%s: %s", p->new_dir, dirs[i].path,
					strerror(errno));
	}
	if (put_files(p, dirfd) != CTL_DONE)
		return CTL_FAILED;
	if (symlinkat("state/fieldcert.db", dirfd, "fieldcert.db") < 0)
		return ctl_fail("%s/fieldcert.db: %s", p->new_dir, strerror(errno));
	return give_state(p, dirfd);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)at;
	return kind == FTW_DP ? rmdir(path) : unlink(path);
}

static int make(const struct plan *p)
{
	int dirfd, rc;

	if (mkdir(p->new_dir, 0755) < 0)
		return errno == EEXIST
			       ? ctl_fail("%s is left over from an init that was cut "
					  "short; remove it",
					  p->new_dir)
			       : ctl_fail("%s: %s", p->new_dir, strerror(errno));
	dirfd = open(p->new_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0 || fchmod(dirfd, 0755) < 0)
		rc = ctl_fail("%s: %s", p->new_dir, strerror(errno));
	else
		rc = fill(p, dirfd);
	if (rc == CTL_DONE && (fsync(dirfd) < 0 || rename(p->new_dir, p->dir) < 0))
		rc = ctl_fail("%s: %s", p->dir, strerror(errno));
	if (dirfd >= 0)
		(void)close(dirfd);
	if (rc != CTL_DONE)
		(void)nftw(p->new_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return rc;
}

/* ---- saying so ------------------------------------------------------------------- */

static void tell(const struct plan *p)
{
	const char *d = p->dir;

	(void)printf(
		"%s/\n"
		"  fieldcertd.conf        the server's configuration\n"
		"  agent.conf             a modem's\n"
		"  secrets/               request, confirm, keybox (%s); storage\n"
		"  pki/root.pem           a demonstration root, and its key under "
		"private/\n"
		"  pki/manufacturer.pem   the manufacturer certificate that signs "
		"devices'\n"
		"  fieldcert.db           will be the database; its files are in "
		"state/\n"
		"  flash/                 a trial modem's flash\n"
		"\n"
		"Next:\n"
		"  fieldcertd -c %s/fieldcertd.conf &\n"
		"  fieldcertctl -c %s/fieldcertd.conf device add 00:10:4B:AB:CD:EF "
		"--serial "
		"J09H7CDEF\n"
		"  fieldcert-agent -c %s/agent.conf --mac 00:10:4B:AB:CD:EF --serial "
		"J09H7CDEF --once\n"
		"  fieldcertctl -c %s/fieldcertd.conf device show 00:10:4B:AB:CD:EF\n",
		d,
		p->choice.derived ? "masters that each device's are derived from"
				  : "the same for all devices",
		d, d, d, d);
}

static void tell_json(const struct plan *p)
{
	struct json j;

	json_init(&j, stdout);
	json_object(&j, NULL);
	json_text(&j, "directory", p->dir);
	json_text(&j, "secrets", p->choice.derived ? "derived" : "one");
	json_array(&j, "listen");
	for (size_t i = 0; i < p->choice.listen.n; i++)
		json_text(&j, NULL, p->choice.listen.v[i]);
	json_end(&j);
	json_end(&j);
}

static int run(struct plan *p)
{
	int rc;

	if (is_free(p->dir) != CTL_DONE || configure(p) != CTL_DONE ||
	    init_pki_make(&p->pki, p->conf) != CTL_DONE)
		return CTL_FAILED;
	for (size_t i = 0; i < 4; i++)
		draw_secret(p->secrets[i]);
	rc = make(p);
	if (rc != CTL_DONE)
		return rc;
	if (p->c->json)
		tell_json(p);
	else
		tell(p);
	return CTL_DONE;
}

/* Without the slashes at its end.  "." and the like cannot be renamed onto. */
static int choose_dir(struct plan *p, char *dir)
{
	size_t len = strlen(dir);
	const char *last;
	int n;

	while (len > 1 && dir[len - 1] == '/')
		dir[--len] = '\0';
	last = strrchr(dir, '/');
	last = last ? last + 1 : dir;
	n = snprintf(p->new_dir, sizeof(p->new_dir), "%s.new", dir);
	if (*last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0 ||
	    n < 0 || (size_t)n >= sizeof(p->new_dir))
		return ctl_usage(p->c, "\"%.60s\" is no name for a new directory", dir);
	p->dir = dir;
	return CTL_DONE;
}

static int choose(struct plan *p, const char *secrets)
{
	p->choice.derived = !secrets || strcmp(secrets, "derived") == 0;
	if (!p->choice.derived && strcmp(secrets, "one") != 0)
		return ctl_usage(p->c, "--secrets is one or derived, not \"%.40s\"",
				 secrets);
	if (p->choice.listen.n == 0)
		p->choice.listen.v[p->choice.listen.n++] = "127.0.0.1:6969";
	for (size_t i = 0; i < p->choice.listen.n; i++) {
		if (!init_listen_ok(p->choice.listen.v[i]))
			return ctl_usage(p->c,
					 "--listen wants a numeric address and a "
					 "port, like 192.0.2.1:69 or "
					 "[2001:db8::1]:69, not \"%.60s\"",
					 p->choice.listen.v[i]);
	}
	return CTL_DONE;
}

int cmd_init(struct ctl *c, int argc, char **argv)
{
	struct plan p = { .c = c };
	const char *secrets = NULL;
	const struct option options[] = { { .name = "--listen",
					    .list = &p.choice.listen },
					  { .name = "--secrets", .text = &secrets },
					  { 0 } };
	int rc;

	if (ctl_args(c, argc, argv, options, 1, 1) < 0 ||
	    choose(&p, secrets) != CTL_DONE || choose_dir(&p, argv[0]) != CTL_DONE)
		return CTL_USAGE;
	rc = run(&p);
	init_pki_release(&p.pki);
	secret_wipe(p.secrets, sizeof(p.secrets));
	conf_free(p.conf);
	return rc;
}
