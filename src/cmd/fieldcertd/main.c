/* fieldcertd: the certificate server. Its arguments, and its way into the
 * background. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <unistd.h>
#include "cmd/fieldcertd/check.h"
#include "cmd/fieldcertd/parent.h"
#include "cmd/fieldcertd/relay.h"
#include "cmd/fieldcertd/spawn.h"
#include "conf/conf.h"
#include "sys/file.h"
#include "sys/jail.h"
#include "sys/log.h"

enum { CONF_TEXT_MAX = 4 * 1024 * 1024, EXIT_USAGE = 2 };

static const char usage_text[] =
	"usage: fieldcertd [-c FILE] [-d] [-v]  serve\n"
	"       fieldcertd [-c FILE] -t         check the configuration and what it "
	"names\n"
	"       fieldcertd -h | -V              this text | the version\n"
	"\n"
	"  -c FILE  the configuration, see fieldcertd.conf(5), instead of\n"
	"           /etc/fieldcert/fieldcertd.conf\n"
	"  -d       in the background, with the log in syslog; ends when all is ready\n"
	"  -t       exit 0: good; 1: each mistake is named with its line\n"
	"  -v       log more\n"
	"\n"
	"SIGHUP: read the configuration again. SIGTERM, SIGINT: end. See "
	"fieldcertd(8).\n";

static void to_stderr(bool wrong, const char *text)
{
	(void)fprintf(stderr, "%s%s\n", wrong ? "" : "warning: ", text);
}

static int check(const char *path)
{
	uint8_t *text;
	size_t len;
	struct conf *c;
	char *errors;
	unsigned wrong;
	int rc = file_read(path, CONF_TEXT_MAX, &text, &len);

	if (rc < 0) {
		(void)fprintf(stderr, "%s: %s\n", path, strerror(-rc));
		return EXIT_FAILURE;
	}
	rc = conf_parse(path, (const char *)text, len, &c, &errors);
	free(text);
	if (rc < 0) {
		(void)fputs(errors, stderr);
		free(errors);
		return EXIT_FAILURE;
	}
	wrong = check_files(c, to_stderr);
	conf_free(c);
	if (wrong > 0)
		return EXIT_FAILURE;
	(void)printf("%s: good\n", path);
	return EXIT_SUCCESS;
}

/* The one who typed the command: ends when the daemon is ready, or is not. */
static int wait_until_ready(int fd)
{
	ssize_t n;
	char c;

	do
		n = read(fd, &c, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* In the daemon: 0. In its starter: 1, with its exit status. */
static int go_to_background(struct parent_options *o, int *ret_status)
{
	static char path[PATH_MAX]; /* what o points to from now on */
	int fd[2];
	pid_t pid;

	if (realpath(o->conf_path, path) == NULL || pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	o->conf_path = path;
	if ((pid = fork()) < 0)
		return -errno;
	if (pid > 0) {
		(void)close(fd[1]);
		*ret_status = wait_until_ready(fd[0]);
		return 1;
	}
	(void)close(fd[0]);
	o->ready_fd = fd[1];
	o->relay = true;
	if (setsid() < 0 || chdir("/") < 0)
		return -errno;
	return relay_open();
}

/* Each front has many sockets, and descriptors on their way count as well. */
static void raise_descriptor_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int serve(struct parent_options *o, bool background)
{
	int status = EXIT_FAILURE, rc;

	if ((rc = jail_no_core()) == 0 && background)
		rc = go_to_background(o, &status);
	if (rc == 1)
		return status;
	log_init("fieldcertd", o->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, o->relay);
	if (rc < 0) {
		log_error("event=start why=\"%s\"", strerror(-rc));
		return EXIT_FAILURE;
	}
	raise_descriptor_limit();
	return parent_run(o);
}

int main(int argc, char **argv)
{
	struct parent_options o = { .conf_path = "/etc/fieldcert/fieldcertd.conf",
				    .ready_fd = -1 };
	bool background = false, only_check = false;
	int c;

	if (argc > 1 && strcmp(argv[1], "--child") == 0)
		return spawn_main(argc, argv);
	(void)setenv("LC_ALL", "C", 1); /* libconfuse would translate what we match */
	while ((c = getopt(argc, argv, "c:dtvhV")) != -1) {
		if (c == 'c')
			o.conf_path = optarg;
		else if (c == 'd')
			background = true;
		else if (c == 't')
			only_check = true;
		else if (c == 'v')
			o.debug = true;
		else if (c == 'V')
			return printf("fieldcertd %s\n", FIELDCERT_VERSION) < 0;
		else if (c == 'h')
			return fputs(usage_text, stdout) < 0;
		else
			return fputs(usage_text, stderr), EXIT_USAGE;
	}
	if (optind < argc)
		return fputs(usage_text, stderr), EXIT_USAGE;
	return only_check ? check(o.conf_path) : serve(&o, background);
}
