/* The server's configuration: good and then whole, or refused with lines that name
 * the file; and whatever a bad one did, a good one is understood afterwards. */
#include "base/errors.h"
#include "conf/conf.h"
#include "fuzz/fuzz.h"

static const char good[] =
	"secrets \"a\" { set = 1 kind = derived request = r confirm = c "
	"keybox = k }\nissuer \"i\" { certificate = c key = k }\n";

static bool among(const void *p, const void *first, size_t n, size_t size)
{
	uintptr_t at = (uintptr_t)p, from = (uintptr_t)first;

	return at >= from && at < from + n * size && (at - from) % size == 0;
}

static void check_class(const struct conf *c, const struct conf_class *k)
{
	assert(strlen(k->name) >= 1 && strlen(k->name) <= 63);
	assert(conf_class_by_name(c, k->name) == k);
	assert(k->n_types >= 1 && k->n_types <= CONF_TYPES_MAX);
	for (size_t i = 0; i < k->n_types; i++)
		assert(conf_type_by_name(c, k->types[i]) != NULL);
	assert(k->code_bits >= 12 && k->code_bits <= 512 && k->code_bits % 4 == 0);
	assert(k->n_secrets >= 1 && k->n_secrets <= CONF_CLASS_SETS);
	for (size_t i = 0; i < k->n_secrets; i++)
		assert(among(k->secrets[i], c->secrets, c->n_secrets,
			     sizeof(c->secrets[0])));
	assert(among(k->issuer, c->issuers, c->n_issuers, sizeof(c->issuers[0])));
	assert(k->profile == NULL ||
	       among(k->profile, c->profiles, c->n_profiles, sizeof(c->profiles[0])));
}

static void check_whole(const struct conf *c)
{
	assert(c->n_listen >= 1 && c->n_listen <= CONF_LISTEN_MAX);
	assert(c->database[0] == '/' && c->control[0] == '/' &&
	       c->storage_key[0] == '/');
	assert(c->transfer_port_min <= c->transfer_port_max);
	assert(c->fronts >= 1 && c->signers >= 1 && c->retry_ms >= 500 &&
	       c->tries >= 1);
	assert(c->default_class != NULL);
	assert(strcmp(c->default_class->name, "default") == 0);
	for (size_t i = 0; i < c->n_classes; i++)
		check_class(c, &c->classes[i]);
	for (size_t i = 0; i < c->n_secrets; i++) {
		assert(conf_secrets_by_set(c, c->secrets[i].set) == &c->secrets[i]);
		assert(c->secrets[i].request[0] == '/' &&
		       c->secrets[i].confirm[0] == '/');
	}
	for (size_t i = 0; i < c->n_issuers; i++)
		assert((c->issuers[i].key != NULL) != (c->issuers[i].root_key != NULL));
	for (size_t i = 0; i < c->n_types; i++)
		assert(among(c->types[i].profile, c->profiles, c->n_profiles,
			     sizeof(c->profiles[0])));
}

static void check_errors(const char *errors)
{
	assert(errors != NULL && *errors != '\0');
	while (*errors != '\0') {
		const char *end = strchr(errors, '\n');

		assert(strncmp(errors, "f.conf:", 7) == 0);
		assert(errors[7] >= '0' && errors[7] <= '9');
		assert(end != NULL);
		errors = end + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf *c;
	char *errors;
	int rc = conf_parse("f.conf", (const char *)data, size, &c, &errors);

	assert(rc == 0 || rc == FC_ECONF);
	if (rc == 0) {
		check_whole(c);
		conf_free(c);
		return 0;
	}
	check_errors(errors);
	free(errors);
	assert(conf_parse("f.conf", good, sizeof(good) - 1, &c, &errors) == 0);
	conf_free(c);
	return 0;
}
