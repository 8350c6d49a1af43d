/* The server's configuration: fieldcertd.conf(5), typed and checked.
 *
 * Read whole or refused whole; every complaint names file, line, the setting and
 * what would be right.  The result is one region, dropped whole on reload.
 * Relative paths are taken from the directory of the configuration file and are
 * absolute here.  Not checked: that files exist or what is in them. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CONF_LISTEN_MAX = 8,
	CONF_TYPES_MAX = 16,
	CONF_SECRETS_MAX = 64,
	CONF_CLASS_SETS = 2, /* secret sets valid at once in a class (N6) */
	CONF_PROFILES_MAX = 32,
	CONF_ISSUERS_MAX = 32,
	CONF_CLASSES_MAX = 256,
	CONF_RDN_MAX = 8,
	CONF_PORTS_MAX = 64
};

struct conf_listen {
	char host[64]; /* numeric IPv4 or IPv6 address, without brackets */
	uint16_t port;
};

/* N1: a type of device and the profile of its certificates. */
struct conf_type {
	char name[3];
	const struct conf_profile *profile;
};

enum conf_secret_kind {
	CONF_SECRET_SHARED,  /* the same string for every device that uses the set */
	CONF_SECRET_DERIVED, /* the files hold masters (N6) */
	CONF_SECRET_DEVICE   /* the files hold a line "MAC secret" for each device */
};

/* secrets "2026" { set = 1  kind = derived  request = …  confirm = …  keybox = … } */
struct conf_secrets {
	const char *name;
	uint8_t set; /* 1..255, unique: the number in F1's key object */
	enum conf_secret_kind kind;
	const char *request, *confirm, *keybox; /* paths */
};

struct conf_rdn {
	char attribute[4];
	const char *text;
};

/* profile "docsis-3.1" { … }: four are built in, an operator can add more. */
struct conf_profile {
	const char *name;
	struct conf_rdn subject[CONF_RDN_MAX], manufacturer[CONF_RDN_MAX];
	size_t n_subject, n_manufacturer;
	const char *digest; /* "sha1" | "sha256" | "sha384" | "sha512" */
	bool key_usage, allow_ec;
	unsigned rsa_bits_min, validity_days;
	unsigned manufacturer_validity_days, manufacturer_bits;
	size_t size_max;
};

/* issuer "acme" { certificate = …  key = … }, or { root-certificate = …
 * root-key = … } and the manufacturer certificate is made once (S4). */
struct conf_issuer {
	const char *name;
	const char *certificate, *key, *root_certificate, *root_key; /* or NULL */
	const struct conf_profile
		*profile; /* for a manufacturer certificate made here */
	const char *country, *organization, *location;
};

enum conf_key_source {
	CONF_KEY_REGISTRY, /* the device's public key must be registered */
	CONF_KEY_SERVER,   /* always made by the server */
	CONF_KEY_EITHER    /* registered, else made (default) */
};

struct conf_class {
	const char *name;
	const char *types[CONF_TYPES_MAX]; /* tt's allowed; first is the default */
	size_t n_types;
	const char *hash; /* name for auth_hash_by_name */
	uint16_t code_bits;
	bool request_serial, confirm_code, bound;
	const struct conf_secrets *secrets[CONF_CLASS_SETS];
	size_t n_secrets;
	enum conf_key_source key_source;
	unsigned key_bits; /* of keys made here: 1024 .. 4096, or 256 for P-256 */
	const struct conf_profile *profile; /* NULL: the type's */
	const struct conf_issuer *issuer;
	unsigned validity_days; /* 0: the profile's */
	bool send_manufacturer; /* the file carries the manufacturer cert */
	const char *country, *organization, *location; /* for the subject; may be "" */
};

struct conf {
	const char *path, *dir; /* of the configuration file */
	struct conf_listen listen[CONF_LISTEN_MAX];
	size_t n_listen;
	bool single_port;
	uint16_t transfer_port_min, transfer_port_max; /* 0: the kernel's choice */
	unsigned transfer_sockets;                     /* per listen address */
	unsigned transfers_max;                        /* slots of the front's table */
	unsigned blksize_max, windowsize_max, retry_ms, tries;
	const char *database, *control, *storage_key; /* paths */
	uint32_t uid_base;        /* users when the accounts do not exist */
	unsigned fronts, signers; /* processes */
	struct conf_type types[CONF_TYPES_MAX];
	size_t n_types;
	struct conf_secrets secrets[CONF_SECRETS_MAX];
	size_t n_secrets;
	struct conf_profile profiles[CONF_PROFILES_MAX];
	size_t n_profiles;
	struct conf_issuer issuers[CONF_ISSUERS_MAX];
	size_t n_issuers;
	struct conf_class classes[CONF_CLASSES_MAX];
	size_t n_classes;
	const struct conf_class *default_class; /* class "default" */
	void *region; /* everything the pointers above point into */
};

/* Parse text (path is for messages and relative names). 0 and *ret, or FC_ECONF
 * and one or more lines "file:line: …" in *ret_errors (malloc'ed, never NULL
 * then). */
int conf_parse(const char *path, const char *text, size_t len, struct conf **ret,
	       char **ret_errors);
void conf_free(struct conf *c);

const struct conf_class *conf_class_by_name(const struct conf *c, const char *name);
const struct conf_type *conf_type_by_name(const struct conf *c, const char *name);
const struct conf_secrets *conf_secrets_by_set(const struct conf *c, uint8_t set);

#endif
