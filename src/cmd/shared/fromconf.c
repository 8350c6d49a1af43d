#include "cmd/shared/fromconf.h"

#include <assert.h>
#include "base/errors.h"

static_assert((int)CONF_RDN_MAX == (int)PROFILE_RDN_MAX, "a profile fits");

int fromconf_auth(const struct conf_class *c, struct auth_spec *ret,
		  const char **ret_why)
{
	int hash = auth_hash_by_name(c->hash);
	struct auth_spec spec;
	int rc;

	if (hash == FC_EUNKNOWN) {
		*ret_why = "md2 no longer exists in OpenSSL; choose another hash, "
			   "for instance sha1";
		return FC_ECONF;
	}
	if (hash < 0) {
		*ret_why = "unknown hash; known are md4 md5 sha1 sha256 sha384 sha512 "
			   "sha3-256 sha3-384 sha3-512 hmac-sha256";
		return FC_ECONF;
	}
	spec = (struct auth_spec){
		.hash = (enum auth_hash)hash,
		.bits = c->code_bits,
		.request_serial = c->request_serial,
		.confirm_code = c->confirm_code,
		.bound = c->bound,
	};
	rc = auth_spec_check(&spec, ret_why);
	if (rc)
		return FC_ECONF;
	*ret = spec;
	return 0;
}

void fromconf_profile(const struct conf_profile *p, struct x509_profile *ret)
{
	*ret = (struct x509_profile){
		.name = p->name,
		.n_subject = p->n_subject,
		.n_manufacturer = p->n_manufacturer,
		.digest = p->digest,
		.key_usage = p->key_usage,
		.allow_ec = p->allow_ec,
		.rsa_bits_min = p->rsa_bits_min,
		.validity_days = p->validity_days,
		.manufacturer_validity_days = p->manufacturer_validity_days,
		.manufacturer_bits = p->manufacturer_bits,
		.size_max = p->size_max,
	};
	for (size_t i = 0; i < p->n_subject; i++)
		ret->subject[i] = (struct x509_rdn){ p->subject[i].attribute,
						     p->subject[i].text };
	for (size_t i = 0; i < p->n_manufacturer; i++)
		ret->manufacturer[i] = (struct x509_rdn){ p->manufacturer[i].attribute,
							  p->manufacturer[i].text };
}
