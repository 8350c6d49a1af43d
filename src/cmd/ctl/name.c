#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/errors.h"
#include "cmd/ctl/command.h"
#include "cmd/ctl/registry.h"
#include "cmd/shared/fromconf.h"
#include "cmd/shared/secretset.h"
#include "sys/file.h"
#include "sys/neg.h"
#include "wire/certfile.h"

enum { SECRETS_FILE_MAX = 256 << 20 };

struct naming {
	struct ctl *c;
	struct mac mac;
	bool confirm;
	const char *file, *type, *serial, *class_text;
	uint64_t set;
	const struct conf_class *class_;
	const struct conf_secrets *secrets;
	struct store_device device;
	struct auth_spec spec;
	uint8_t digest[32];
	int fds[CONF_SECRETS_MAX][2]; /* request, confirm; or -errno */
};

enum { REQUEST, CONFIRM };

static int open_one(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

/* Which set it will be is known when the registry was asked, and then this process
 * may no longer be root's: open them all before. */
static void open_secrets(struct naming *n)
{
	const struct conf *conf = n->c->conf;

	for (size_t i = 0; i < conf->n_secrets; i++) {
		n->fds[i][REQUEST] = open_one(conf->secrets[i].request);
		n->fds[i][CONFIRM] = open_one(conf->secrets[i].confirm);
	}
}

/* The device's own secret out of one of the set's files. */
static int secret_of(const struct naming *n, int which, struct auth_secret *ret)
{
	const char *path = which == REQUEST ? n->secrets->request : n->secrets->confirm;
	int fd = n->fds[n->secrets - n->c->conf->secrets][which];
	struct secretset *set = NULL;
	const char *why = "";
	uint8_t *text = NULL;
	size_t len = 0;
	unsigned line = 0;
	int rc;

	rc = fd < 0 ? fd : file_read_fd(fd, SECRETS_FILE_MAX, &text, &len);
	if (rc < 0)
		return ctl_fail("%s: %s", path, neg_text(rc));
	rc = secretset_new(n->secrets->kind, text, len, &set, &why, &line);
	explicit_bzero(text, len);
	free(text);
	if (rc < 0)
		return ctl_fail("%s:%u: %s", path, line, why);
	rc = secretset_get(set, &n->mac, ret);
	secretset_free(set);
	if (rc == FC_EABSENT)
		return ctl_fail("%s: has no line for this device", path);
	return rc < 0 ? ctl_fail("%s: %s", path, neg_text(rc)) : CTL_DONE;
}

/* Type, class and serial number: by the command line, else by the registry. */
static int device_of(struct naming *n)
{
	char mac[MAC_TEXT_SIZE];
	struct store *s;
	int rc;

	if (n->serial || n->class_text) {
		(void)snprintf(n->device.serial, sizeof(n->device.serial), "%s",
			       n->serial ? n->serial : "");
		(void)snprintf(n->device.class_name, sizeof(n->device.class_name), "%s",
			       n->class_text ? n->class_text : "default");
		return CTL_DONE;
	}
	s = registry_read(n->c);
	if (!s)
		return CTL_FAILED;
	rc = store_device_get(s, &n->mac, &n->device);
	if (rc == FC_EABSENT)
		return ctl_fail("%s is not in the registry; add it with 'fieldcertctl "
				"device add', or give --serial and --class here",
				mac_text(&n->mac, mac));
	return rc < 0 ? registry_complain(n->c, "cannot read the device", rc)
		      : CTL_DONE;
}

static int choose_secrets(struct naming *n)
{
	const struct conf_class *k = n->class_;

	for (size_t i = 0; i < k->n_secrets; i++) {
		if (n->set == 0 || k->secrets[i]->set == n->set) {
			n->secrets = k->secrets[i];
			return CTL_DONE;
		}
	}
	if (n->set == 0)
		return ctl_fail("%s: class \"%s\" has no secrets", n->c->conf_path,
				k->name);
	return ctl_fail("%s: class \"%s\" does not use secret set %u", n->c->conf_path,
			k->name, (unsigned)n->set);
}

static int choose(struct naming *n)
{
	const char *why = "";
	int rc;

	n->class_ = conf_class_by_name(n->c->conf, n->device.class_name);
	if (!n->class_)
		return ctl_fail("%s: there is no class \"%s\"", n->c->conf_path,
				n->device.class_name);
	if (choose_secrets(n) != CTL_DONE)
		return CTL_FAILED;
	rc = fromconf_auth(n->class_, &n->spec, &why);
	if (rc < 0)
		return ctl_fail("%s: class \"%s\": %s", n->c->conf_path,
				n->class_->name, why);
	if (n->confirm && n->spec.bound && !n->file)
		return ctl_fail("class \"%s\" binds its confirmations to the installed "
				"file: give it with --file",
				n->class_->name);
	for (size_t i = 0; n->type && i < 2; i++)
		n->device.type[i] = (char)toupper((unsigned char)n->type[i]);
	if (!*n->device.type)
		(void)snprintf(n->device.type, sizeof(n->device.type), "%s",
			       n->class_->types[0]);
	return CTL_DONE;
}

static int read_installed(struct naming *n)
{
	uint8_t *p = NULL;
	size_t len = 0;
	int rc;

	if (!n->file)
		return CTL_DONE;
	if (ctl_read(n->file, CERTFILE_MAX, &p, &len) != CTL_DONE)
		return CTL_FAILED;
	rc = sha256_of(p, len, n->digest);
	free(p);
	return rc < 0 ? ctl_fail("%s: %s", n->file, neg_text(rc)) : CTL_DONE;
}

static int codes(const struct naming *n, struct authcode *a,
		 const struct auth_secret *secret1, const struct auth_secret *secret2,
		 struct name *ret)
{
	struct name_code yy;
	int rc = authcode_request(a, &n->spec, secret1, n->device.serial,
				  strlen(n->device.serial), &n->mac, &yy);

	*ret = (struct name){ .kind = n->confirm ? NAME_CONFIRM : NAME_REQUEST,
			      .mac = n->mac };
	if (!n->confirm)
		(void)snprintf(ret->type, sizeof(ret->type), "%s", n->device.type);
	if (rc == 0 && n->confirm)
		rc = authcode_confirm(a, &n->spec, secret2, &n->mac, &yy, n->digest,
				      &ret->code);
	else
		ret->code = yy;
	return rc;
}

static int compute(const struct naming *n, struct name *ret)
{
	struct auth_secret secret1 = { 0 }, secret2 = { 0 };
	struct authcode *a = NULL;
	int rc = secret_of(n, REQUEST, &secret1);

	if (rc == CTL_DONE && n->confirm)
		rc = secret_of(n, CONFIRM, &secret2);
	if (rc == CTL_DONE) {
		a = authcode_new();
		if (!a || codes(n, a, &secret1, &secret2, ret) < 0)
			rc = ctl_fail("cannot compute the code: %s is not available "
				      "from this OpenSSL",
				      n->class_->hash);
	}
	authcode_free(a);
	secret_wipe(&secret1, sizeof(secret1));
	secret_wipe(&secret2, sizeof(secret2));
	return rc;
}

static void show(struct naming *n, const struct name *name)
{
	char text[NAME_TEXT_SIZE], mac[MAC_TEXT_SIZE];
	struct out o = out_of(text, sizeof(text));
	struct json j;

	name_build(&o, name);
	if (!n->c->json) {
		(void)puts(out_cstr(&o));
		return;
	}
	json_init(&j, stdout);
	json_object(&j, NULL);
	json_text(&j, "name", out_cstr(&o));
	json_text(&j, "mac", mac_text(&n->mac, mac));
	json_text(&j, "class", n->class_->name);
	json_text(&j, "hash", n->class_->hash);
	json_uint(&j, "bits", n->spec.bits);
	json_uint(&j, "set", n->secrets->set);
	json_end(&j);
}

int cmd_name(struct ctl *c, int argc, char **argv)
{
	struct naming n = { .c = c };
	const struct option options[] = { { .name = "--confirm", .on = &n.confirm },
					  { .name = "--file", .text = &n.file },
					  { .name = "--type", .text = &n.type },
					  { .name = "--set", .number = &n.set },
					  { .name = "--serial", .text = &n.serial },
					  { .name = "--class", .text = &n.class_text },
					  { 0 } };
	struct name name;

	if (ctl_args(c, argc, argv, options, 1, 1) < 0 ||
	    ctl_mac(c, argv[0], &n.mac) != CTL_DONE)
		return CTL_USAGE;
	if (n.type && strlen(n.type) != 2)
		return ctl_usage(c, "a type has two letters, CM for instance");
	if (n.serial && strlen(n.serial) >= sizeof(n.device.serial))
		return ctl_usage(c, "a serial number has at most 64 bytes");
	if (n.set > 255)
		return ctl_usage(c, "--set is the number of a secret set, 1 to 255");
	if (ctl_conf(c) != CTL_DONE)
		return CTL_FAILED;
	open_secrets(&n);
	if (read_installed(&n) != CTL_DONE || device_of(&n) != CTL_DONE ||
	    choose(&n) != CTL_DONE || compute(&n, &name) != CTL_DONE)
		return CTL_FAILED;
	show(&n, &name);
	return CTL_DONE;
}
