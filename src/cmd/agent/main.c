/* fieldcert-agent: the agent library on Linux.  See fieldcert-agent(8). */
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "agent/agent.h"
#include "base/errors.h"
#include "base/secret.h"
#include "cmd/agent/export.h"
#include "cmd/agent/flash.h"
#include "cmd/agent/port.h"
#include "cmd/agent/report.h"
#include "cmd/agent/setup.h"
#include "crypto/issuedby.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/neg.h"
#include "sys/rng.h"

extern char **environ;

enum exit_status {
	EXIT_CONFIRMED = 0,
	EXIT_SYSTEM = 1,
	EXIT_USAGE_OR_CONFIG = 2,
	EXIT_NOT_FOUND = 3,
	EXIT_NO_ANSWER = 4,
	EXIT_REJECTED = 5,
	EXIT_INVALID = 6,
	EXIT_UNCONFIRMED = 7,
	EXIT_SERVER = 8
};

/* A clock that says less has never been set: this program did not exist then. */
static const int64_t clock_is_set_s = 1704067200; /* 2024-01-01 */

struct options {
	const char *conf, *server;
	struct setup_words words;
	bool once, status, json, reset, test, verbose;
};

struct program {
	struct options options;
	struct setup setup;
	struct agent agent;
	struct loop *loop;
	struct ports ports;
	int flash;
	char status_path[PATH_MAX];
	struct agent_status saved;
	bool export_due, ended;
	enum exit_status exit_status;
};

static struct program program; /* some 100 KB */

/* ----------------------------------------------------------------------- platform */

static uint64_t platform_clock(void *ctx)
{
	(void)ctx;
	return clock_ms();
}

static int64_t platform_time(void *ctx)
{
	int64_t now = clock_unix_s();

	(void)ctx;
	return now < clock_is_set_s ? -1 : now;
}

static void platform_random(void *ctx, void *ret, size_t n)
{
	(void)ctx;
	rng_bytes(ret, n);
}

static int platform_open(void *ctx, unsigned channel)
{
	struct program *p = ctx;

	port_close(&p->ports, channel); /* the next send takes a fresh one */
	return 0;
}

static int platform_send(void *ctx, unsigned channel, const struct fetch_addr *to,
			 const void *data, size_t len)
{
	struct program *p = ctx;

	return port_send(&p->ports, channel, to, data, len);
}

static void platform_close(void *ctx, unsigned channel)
{
	struct program *p = ctx;

	port_close(&p->ports, channel);
}

static int platform_flash_read(void *ctx, void *ret, size_t cap, size_t *ret_len)
{
	struct program *p = ctx;

	return flash_read(p->flash, ret, cap, ret_len);
}

static int platform_flash_write(void *ctx, const void *data, size_t len)
{
	struct program *p = ctx;

	return flash_write(p->flash, data, len);
}

static void platform_restart(void *ctx)
{
	struct program *p = ctx;
	const char *const *words = p->setup.conf->restart_command;
	char *argv[AGENTCONF_ARGS_MAX + 1] = { NULL };
	pid_t pid;
	int rc;

	assert(words[0] != NULL);
	for (size_t i = 0; words[i] != NULL; i++)
		argv[i] = (char *)(uintptr_t)words[i];
	rc = posix_spawn(&pid, words[0], NULL, NULL, argv, environ);
	if (rc != 0)
		log_error("event=restart-failed command=%s why=\"%s\"", words[0],
			  strerror(rc));
	else
		log_info("event=restart command=%s", words[0]);
}

/* ------------------------------------------------------------------------- events */

static enum exit_status failure(const struct agent_event *e)
{
	if (e->error > DEVICE_ETIMEOUT)
		return EXIT_INVALID;
	switch (e->result) {
	case FETCH_NOT_FOUND:
		return EXIT_NOT_FOUND;
	case FETCH_NO_ANSWER:
		return EXIT_NO_ANSWER;
	case FETCH_REJECTED:
		return EXIT_REJECTED;
	case FETCH_RUNNING:
	case FETCH_DONE:
	case FETCH_REFUSED:
	case FETCH_CUT_OFF:
	case FETCH_OVERSIZE:
	case FETCH_PROTOCOL:
	case FETCH_RESULT_COUNT:
		break;
	}
	return EXIT_SERVER;
}

static void end(struct program *p, enum exit_status status)
{
	p->ended = true;
	p->exit_status = status;
	loop_stop(p->loop);
}

static void platform_event(void *ctx, const struct agent_event *e)
{
	struct program *p = ctx;

	report_log(e);
	if (e->kind == AGENT_INSTALLED || e->kind == AGENT_EXAMINED)
		p->export_due = true;
	if (!p->options.once)
		return;
	if (e->kind == AGENT_RESTING)
		end(p, p->agent.state.unconfirmed ? EXIT_UNCONFIRMED : EXIT_CONFIRMED);
	else if (e->kind == AGENT_WAITING && e->long_wait)
		end(p, failure(e));
}

/* ------------------------------------------------------------------------- export */

static const struct x509_bytes *root_of(const struct agent *a)
{
	const struct x509_trust *t = &a->trust;
	const char *why;

	for (size_t i = 0; i < t->n_roots; i++)
		if (x509_issued_by(a->state.manufacturer.p, a->state.manufacturer.len,
				   t->roots[i].p, t->roots[i].len, &why) == 0)
			return &t->roots[i];
	return &t->roots[0];
}

static void set_object(struct export_set *s, enum export_object o, const uint8_t *p,
		       size_t len)
{
	s->object[o].p = p;
	s->object[o].len = len;
}

static int export_now(struct program *p)
{
	const struct agent *a = &p->agent;
	const struct x509_bytes *root = root_of(a);
	const struct x509_bytes *key =
		a->state.key.len > 0 ? &a->state.key : &a->cfg.key;
	struct x509_facts manufacturer_facts, root_facts;
	struct export_set set;
	bool changed;
	int rc;

	rc = x509_facts_of(a->state.manufacturer.p, a->state.manufacturer.len,
			   &manufacturer_facts);
	if (rc == 0)
		rc = x509_facts_of(root->p, root->len, &root_facts);
	if (rc != 0)
		return rc;
	set_object(&set, EXPORT_ROOT_KEY, root_facts.spki, root_facts.spki_len);
	set_object(&set, EXPORT_MANUFACTURER_KEY, manufacturer_facts.spki,
		   manufacturer_facts.spki_len);
	set_object(&set, EXPORT_MANUFACTURER, a->state.manufacturer.p,
		   a->state.manufacturer.len);
	set_object(&set, EXPORT_KEY, key->p, key->len);
	set_object(&set, EXPORT_DEVICE, a->state.device.p, a->state.device.len);
	rc = export_write(p->setup.conf->export_dir, &set, &changed);
	if (rc == 0 && changed)
		log_info("event=exported directory=%s", p->setup.conf->export_dir);
	return rc;
}

static void export_if_due(struct program *p)
{
	int rc;

	if (!p->export_due || p->agent.state.device.len == 0 ||
	    p->setup.conf->export_dir == NULL)
		return;
	p->export_due = false;
	rc = export_now(p);
	if (rc < 0)
		log_error("event=export-failed directory=%s why=\"%s\"",
			  p->setup.conf->export_dir, neg_text(rc));
}

/* --------------------------------------------------------------------------- loop */

static void on_datagram(void *ctx, unsigned channel, const struct fetch_addr *from,
			const void *data, size_t len)
{
	struct program *p = ctx;

	agent_datagram(&p->agent, channel, from, data, len);
}

static void on_unreachable(void *ctx, unsigned channel)
{
	struct program *p = ctx;

	agent_unreachable(&p->agent, channel);
}

static void on_signal(void *ctx, int signo)
{
	struct program *p = ctx;

	if (signo == SIGUSR1 || signo == SIGHUP) {
		log_info("event=asked-now");
		agent_ask_now(&p->agent);
		return;
	}
	if (signo == SIGCHLD)
		return;
	log_info("event=stop signal=%d", signo);
	if (!p->ended)
		end(p, p->options.once ? EXIT_SYSTEM : EXIT_CONFIRMED);
}

static uint64_t deadline(void *ctx)
{
	struct program *p = ctx;

	return agent_deadline(&p->agent);
}

/* Once for each wait or rest: the file is on flash too. */
static void save_status(struct program *p)
{
	struct agent_status s, *old = &p->saved;
	enum enrol_state state = p->agent.enrol.state;

	agent_get_status(&p->agent, &s);
	if (state != ENROL_START && state != ENROL_WAIT && state != ENROL_REST)
		return;
	if (old->state == s.state && old->attempts == s.attempts &&
	    old->confirmed == s.confirmed && old->not_after == s.not_after)
		return;
	*old = s;
	report_save(p->status_path, &s, &p->setup.agent.mac);
}

static void turn(void *ctx, uint64_t now)
{
	struct program *p = ctx;

	(void)now;
	if (!p->ended)
		agent_turn(&p->agent);
	export_if_due(p);
	save_status(p);
}

static int prepare_loop(struct program *p)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGCHLD };

	p->loop = loop_new();
	if (p->loop == NULL)
		return -ENOMEM;
	ports_init(&p->ports, p->loop, p->setup.conf->source, on_datagram,
		   on_unreachable, p);
	return loop_signals(p->loop, signals, sizeof(signals) / sizeof(signals[0]),
			    on_signal, p);
}

static int apply_options(struct program *p)
{
	struct fetch_addr server;
	char host[64];
	uint16_t port;
	int rc = 0;

	if (p->options.server != NULL && strcmp(p->options.server, "default") == 0) {
		rc = agent_set_server(&p->agent, NULL);
	} else if (p->options.server != NULL) {
		if (!agentconf_server(p->options.server, host, &port) ||
		    port_addr(host, port, &server) < 0)
			return FC_ECONF;
		rc = agent_set_server(&p->agent, &server);
	}
	if (rc == 0 && p->options.reset) {
		p->ended = false; /* what was found good is forgotten */
		rc = agent_forget(&p->agent);
	}
	return rc;
}

static int run(struct program *p)
{
	const struct agent_platform platform = {
		.ctx = p,
		.clock_ms = platform_clock,
		.time_s = platform_time,
		.random = platform_random,
		.open = platform_open,
		.send = platform_send,
		.close = platform_close,
		.flash_read = platform_flash_read,
		.flash_write = platform_flash_write,
		.event = platform_event,
		.restart = p->setup.conf->restart ? platform_restart : NULL,
	};
	int rc = agent_start(&p->agent, &p->setup.agent, &platform);

	if (rc < 0) {
		log_error("event=start-failed why=\"hash %s is not to be had\"",
			  p->setup.conf->hash);
		return EXIT_USAGE_OR_CONFIG;
	}
	rc = apply_options(p);
	if (rc < 0) {
		log_error("event=start-failed why=\"%s\"", neg_text(rc));
		return rc == FC_ECONF ? EXIT_USAGE_OR_CONFIG : EXIT_SYSTEM;
	}
	turn(p, 0);
	rc = p->ended ? 0 : loop_run(p->loop, deadline, turn, p);
	if (rc < 0) {
		log_error("event=loop-failed why=\"%s\"", strerror(-rc));
		return EXIT_SYSTEM;
	}
	return (int)p->exit_status;
}

/* --------------------------------------------------------------------------- main */

static void usage(FILE *f)
{
	(void)fputs(
		"usage: fieldcert-agent -c agent.conf [--mac MAC] [--serial SERIAL]\n"
		"                       [--once | --status [--json] | -t]\n"
		"                       [--server ADDRESS:PORT | --server default] "
		"[--reset] [-v]\n",
		f);
}

enum long_option {
	OPT_MAC = 256,
	OPT_SERIAL,
	OPT_ONCE,
	OPT_STATUS,
	OPT_JSON,
	OPT_RESET,
	OPT_SERVER
};

static const struct option longs[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "mac", required_argument, NULL, OPT_MAC },
	{ "serial", required_argument, NULL, OPT_SERIAL },
	{ "once", no_argument, NULL, OPT_ONCE },
	{ "status", no_argument, NULL, OPT_STATUS },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "reset", no_argument, NULL, OPT_RESET },
	{ "server", required_argument, NULL, OPT_SERVER },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* 0: go on; else 1 + the exit status. */
static int parse_options(int argc, char **argv, struct options *ret)
{
	int c;

	while ((c = getopt_long(argc, argv, "c:tvVh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			ret->conf = optarg;
			break;
		case OPT_MAC:
			ret->words.mac = optarg;
			break;
		case OPT_SERIAL:
			ret->words.serial = optarg;
			break;
		case OPT_ONCE:
			ret->once = true;
			break;
		case OPT_STATUS:
			ret->status = true;
			break;
		case OPT_JSON:
			ret->json = true;
			break;
		case OPT_RESET:
			ret->reset = true;
			break;
		case OPT_SERVER:
			ret->server = optarg;
			break;
		case 't':
			ret->test = true;
			break;
		case 'v':
			ret->verbose = true;
			break;
		case 'V':
			(void)puts("fieldcert-agent " FIELDCERT_VERSION);
			return 1 + EXIT_CONFIRMED;
		case 'h':
			usage(stdout);
			return 1 + EXIT_CONFIRMED;
		default:
			usage(stderr);
			return 1 + EXIT_USAGE_OR_CONFIG;
		}
	}
	if (ret->conf != NULL && optind == argc)
		return 0;
	usage(stderr);
	return 1 + EXIT_USAGE_OR_CONFIG;
}

/* Secrets are in memory: no core file, no debugger of the same user. */
static void no_cores(void)
{
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	(void)prctl(PR_SET_DUMPABLE, 0);
}

static int run_with_flash(struct program *p)
{
	int rc;

	p->flash = flash_open(p->setup.conf->flash, true);
	if (p->flash < 0) {
		log_error("event=start-failed flash=%s why=\"%s\"",
			  p->setup.conf->flash,
			  p->flash == -EBUSY ? "another agent uses it"
					     : strerror(-p->flash));
		return EXIT_SYSTEM;
	}
	rc = prepare_loop(p);
	if (rc < 0) {
		log_error("event=start-failed why=\"%s\"", strerror(-rc));
		rc = EXIT_SYSTEM;
	} else {
		rc = run(p);
		agent_release(&p->agent);
	}
	loop_free(p->loop);
	(void)close(p->flash);
	return rc;
}

int main(int argc, char **argv)
{
	struct program *p = &program;
	int rc = parse_options(argc, argv, &p->options);

	if (rc != 0)
		return rc - 1;
	no_cores();
	log_init("fieldcert-agent",
		 p->options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		 getenv("JOURNAL_STREAM") != NULL);
	rc = setup_read(&p->setup, p->options.conf, &p->options.words);
	if (rc == 0)
		rc = report_status_path(p->setup.conf->flash, p->status_path,
					sizeof(p->status_path));
	if (rc < 0) {
		rc = EXIT_USAGE_OR_CONFIG;
	} else if (p->options.test) {
		(void)puts("the configuration is good");
	} else if (p->options.status) {
		rc = report_print(p->status_path, p->setup.conf->flash,
				  p->options.json);
	} else {
		if (p->options.once)
			p->setup.agent.schedule.start_spread_ms = 0;
		rc = run_with_flash(p);
	}
	setup_release(&p->setup);
	return rc;
}
