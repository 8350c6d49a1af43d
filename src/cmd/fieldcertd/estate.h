/* What the parent holds and hands to its children, also to those that it has to
 * start again: the configuration's text, open secret files, bound sockets. */
#ifndef CMD_FIELDCERTD_ESTATE_H
#define CMD_FIELDCERTD_ESTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "conf/conf.h"
#include "wire/ipc.h"

struct estate_file {
	enum ipc_secret_kind kind;
	const char *name; /* of the set or issuer, in the configuration; "" */
	int fd;
};

/* A configuration that is in force or is to be. */
struct estate {
	struct conf *conf;
	int text_fd; /* sealed memfd */
	struct estate_file *files;
	size_t n_files;
};

/* Read and check all of it: each complaint is a line in the log. FC_ECONF or
 * -errno. */
int estate_load(const char *path, struct estate *ret);
void estate_release(struct estate *e);

/* Settings that are in force from start to end, since sockets, users and jails
 * depend on them: a line in the log for each that differs. */
bool estate_may_replace(const struct conf *old, const struct conf *new);

struct estate_socket {
	int fd;
	unsigned front;
	struct ipc_socket message;
};

struct estate_sockets {
	struct estate_socket *at;
	size_t n;
};

/* Bind for every front and listen address: one for requests and, but for
 * single-port, transfer-sockets for transfers. Complaints go to the log. */
int estate_bind(const struct conf *c, struct estate_sockets *ret);
void estate_unbind(struct estate_sockets *s);

/* "127.0.0.1:6969,[::]:69": where requests arrive, ports as they really are. */
void estate_addresses(const struct estate_sockets *s, char *ret, size_t size);

#endif
