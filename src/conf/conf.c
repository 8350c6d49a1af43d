/* Order matters: what is referred to is read before what refers to it: profiles,
 * types, secrets, issuers, classes.  Each reader checks its section whole, so
 * that one run names every mistake; an element with a mistake still takes its
 * place, so that it is not complained about again where it is used. */
#include "conf/conf.h"

#include "base/errors.h"
#include "conf/builtin.h"
#include "conf/confread.h"

/* clang-format off */
static cfg_opt_t profile_opts[] = {
	CONF_LIST("subject"), CONF_LIST("manufacturer"), CONF_ONE("digest"),
	CONF_ONE("key-usage"), CONF_ONE("allow-ec"), CONF_ONE("rsa-bits-min"),
	CONF_ONE("validity-days"), CONF_ONE("manufacturer-validity-days"),
	CONF_ONE("manufacturer-bits"), CONF_ONE("size-max"), CFG_END()
};
static cfg_opt_t type_opts[] = { CONF_ONE("profile"), CFG_END() };
static cfg_opt_t secrets_opts[] = {
	CONF_ONE("set"), CONF_ONE("kind"), CONF_ONE("request"), CONF_ONE("confirm"),
	CONF_ONE("keybox"), CFG_END()
};
static cfg_opt_t issuer_opts[] = {
	CONF_ONE("certificate"), CONF_ONE("key"), CONF_ONE("root-certificate"),
	CONF_ONE("root-key"), CONF_ONE("profile"), CONF_ONE("country"),
	CONF_ONE("organization"), CONF_ONE("location"), CFG_END()
};
static cfg_opt_t class_opts[] = {
	CONF_LIST("types"), CONF_ONE("hash"), CONF_ONE("code-bits"),
	CONF_ONE("request-serial"), CONF_ONE("confirm-code"), CONF_ONE("confirm"),
	CONF_LIST("secrets"), CONF_ONE("key-source"), CONF_ONE("key-bits"),
	CONF_ONE("profile"), CONF_ONE("issuer"), CONF_ONE("validity-days"),
	CONF_ONE("send-manufacturer"), CONF_ONE("country"), CONF_ONE("organization"),
	CONF_ONE("location"), CFG_END()
};
static cfg_opt_t opts[] = {
	CONF_LIST("listen"), CONF_ONE("single-port"), CONF_ONE("transfer-ports"),
	CONF_ONE("transfer-sockets"), CONF_ONE("transfers-max"), CONF_ONE("blksize-max"),
	CONF_ONE("windowsize-max"), CONF_ONE("retry-ms"), CONF_ONE("tries"),
	CONF_ONE("database"), CONF_ONE("control"), CONF_ONE("storage-key"),
	CONF_ONE("uid-base"), CONF_ONE("fronts"), CONF_ONE("signers"),
	CFG_SEC("profile", profile_opts, CFGF_MULTI | CFGF_TITLE),
	CFG_SEC("type", type_opts, CFGF_MULTI | CFGF_TITLE),
	CFG_SEC("secrets", secrets_opts, CFGF_MULTI | CFGF_TITLE),
	CFG_SEC("issuer", issuer_opts, CFGF_MULTI | CFGF_TITLE),
	CFG_SEC("class", class_opts, CFGF_MULTI | CFGF_TITLE), CFG_END()
};
/* clang-format on */

static void read_kind(struct conf *c, const struct conf_file *f, const char *kind,
		      void (*read)(struct conf *, const struct conf_section *))
{
	for (unsigned i = 0; i < cfg_size(f->cfg, kind); i++) {
		struct conf_section s = confutil_section(f, kind, i);

		read(c, &s);
	}
}

static void read_titled_class(struct conf *c, const struct conf_section *s)
{
	confread_class(c, s, confread_name(c, s));
}

/* Class "default" is there even if nobody wrote it. */
static void add_default_class(struct conf *c, struct conf_errors *e)
{
	struct conf_section s = { .what = "class 'default' (not written, so made up): ",
				  .line = 1,
				  .errors = e };

	if (conf_class_by_name(c, "default") == NULL)
		confread_class(c, &s, "default");
	c->default_class = conf_class_by_name(c, "default");
}

static void read_all(struct conf *c, const struct conf_file *f)
{
	struct conf_section top = confutil_top(f);

	confread_server(c, &top);
	read_kind(c, f, "profile", confread_profile);
	read_kind(c, f, "type", confread_type);
	read_kind(c, f, "secrets", confread_secrets);
	read_kind(c, f, "issuer", confread_issuer);
	if (c->n_secrets == 0)
		confutil_wrong(
			&top, "secrets",
			"there are no secrets; write secrets \"1\" { set = 1 kind = "
			"derived request = … confirm = … keybox = … }");
	if (c->n_issuers == 0)
		confutil_wrong(&top, "issuer",
			       "there is no issuer; write issuer \"1\" { certificate = "
			       "… key = "
			       "… }");
	read_kind(c, f, "class", read_titled_class);
	add_default_class(c, f->errors);
}

static void read_builtin(struct conf *c, struct conf_errors *e)
{
	struct conf_errors own = { .path = "built-in profiles" };
	struct conf_file *f = calloc(1, sizeof(*f));

	if (f == NULL ||
	    confutil_open(f, opts, conf_builtin, strlen(conf_builtin), &own) < 0) {
		conf_complain(e, 0, "out of memory");
		free(f);
		free(own.text);
		return;
	}
	read_kind(c, f, "profile", confread_profile);
	read_kind(c, f, "type", confread_type);
	if (own.n > 0)
		conf_complain(e, 0, "%s", own.text != NULL ? own.text : own.path);
	confutil_close(f);
	free(f);
	free(own.text);
}

int conf_parse(const char *path, const char *text, size_t len, struct conf **ret,
	       char **ret_errors)
{
	struct conf_errors e = { .path = path };
	struct conf *c = confread_new();
	struct conf_file *f = calloc(1, sizeof(*f));

	if (c != NULL && f != NULL) {
		confread_directory(c, path);
		read_builtin(c, &e);
		if (e.n == 0 && confutil_open(f, opts, text, len, &e) == 0) {
			read_all(c, f);
			confutil_close(f);
		}
	}
	if (c == NULL || f == NULL || confread_failed(c))
		conf_complain(&e, 0, "out of memory");
	free(f);
	if (e.n == 0) {
		*ret = c;
		return 0;
	}
	conf_free(c);
	*ret_errors = e.text != NULL ? e.text : strdup(path);
	return FC_ECONF;
}

const struct conf_class *conf_class_by_name(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_classes; i++)
		if (strcmp(c->classes[i].name, name) == 0)
			return &c->classes[i];
	return NULL;
}

const struct conf_type *conf_type_by_name(const struct conf *c, const char *name)
{
	for (size_t i = 0; i < c->n_types; i++)
		if (strcmp(c->types[i].name, name) == 0)
			return &c->types[i];
	return NULL;
}

const struct conf_secrets *conf_secrets_by_set(const struct conf *c, uint8_t set)
{
	for (size_t i = 0; i < c->n_secrets; i++)
		if (c->secrets[i].set == set)
			return &c->secrets[i];
	return NULL;
}
