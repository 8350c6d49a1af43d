/* What the subcommands of fieldcertctl share: where they stand, how they talk.
 *
 * Data goes to stdout, talk to stderr.  A command returns its exit status; what
 * went wrong it has said already: what, where, and what would be right. */
#ifndef CMD_CTL_CTL_H
#define CMD_CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/mac.h"
#include "cmd/ctl/args.h"
#include "cmd/ctl/json.h"
#include "conf/conf.h"

enum ctl_exit { CTL_DONE = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

struct command;

struct ctl {
	const char *conf_path;
	bool json;
	const struct command *command;
	struct conf *conf;         /* after ctl_conf() */
	struct registry *registry; /* after registry_read() or registry_change() */
};

struct command {
	const char *name;     /* "device add" */
	const char *synopsis; /* "MAC --serial TEXT [--class NAME] …" */
	const char *summary;  /* one line */
	const char *help;     /* what there is to know beyond it */
	int (*run)(struct ctl *c, int argc, char **argv);
};

/* "fieldcertctl: …" on stderr. ctl_fail returns CTL_FAILED; ctl_usage adds the
 * command's synopsis and returns CTL_USAGE. */
void ctl_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int ctl_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int ctl_usage(const struct ctl *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* args_parse with --json added, and between min and max arguments (max < 0: any
 * number).  Returns how many, or -1 after a complaint: return CTL_USAGE then. */
int ctl_args(struct ctl *c, int argc, char **argv, const struct option *options,
	     int min, int max);

/* The argument as a device's address, or CTL_USAGE after a complaint. */
int ctl_mac(const struct ctl *c, const char *text, struct mac *ret);

/* Read the configuration once: CTL_DONE or CTL_FAILED. */
int ctl_conf(struct ctl *c);

/* Untrusted text for a terminal: printable ASCII as it is, all else as \xNN. */
void put_safe(FILE *f, const char *s);
void put_safe_n(FILE *f, const void *p, size_t len);

/* A whole input file ("-": standard input), malloc'ed. CTL_DONE or CTL_FAILED. */
int ctl_read(const char *path, size_t max, uint8_t **ret, size_t *ret_len);

/* A new or replaced output file, whole or not at all. */
int ctl_write(const char *path, const void *p, size_t len, unsigned mode);

#endif
