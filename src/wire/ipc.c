#include "wire/ipc.h"
#include <assert.h>
#include "base/errors.h"
#include "wire/codec.h"

#define FIELD_FLAG(s, f) FIELD_MAX(s, f, 1)
#define FIELD_RC(s, f) FIELD_RANGE(s, f, FC_ERROR_LAST, 0)
#define FIELD_ADDR(s, f) FIELD(s, f.ip), FIELD(s, f.port)

static const struct codec_field conf[] = {
	FIELD_MAX(ipc_conf, path, IPC_PATH_MAX),
};

static const struct codec_field secret[] = {
	FIELD_MAX(ipc_secret, kind, IPC_SECRET_KIND_LAST),
	FIELD_MAX(ipc_secret, name, IPC_NAME_MAX),
};

static const struct codec_field socket_[] = {
	FIELD_FLAG(ipc_socket, transfer),
	FIELD(ipc_socket, listener),
};

static const struct codec_field peer[] = {
	FIELD_MAX(ipc_peer, role, IPC_ROLE_SIGNER),
	FIELD(ipc_peer, number),
};

static const struct codec_field failed[] = {
	FIELD_MAX(ipc_failed, text, IPC_TEXT_MAX),
};

static const struct codec_field ask[] = {
	FIELD(ipc_ask, ref), FIELD(ipc_ask, mac),       FIELD(ipc_ask, type),
	FIELD(ipc_ask, set), FIELD_ADDR(ipc_ask, peer),
};

static const struct codec_field digest[] = {
	FIELD(ipc_digest, ref),
	FIELD(ipc_digest, mac),
};

static const struct codec_field confirm[] = {
	FIELD(ipc_confirm, ref),
	FIELD(ipc_confirm, mac),
	FIELD_FLAG(ipc_confirm, bound),
	FIELD_ADDR(ipc_confirm, peer),
};

static const struct codec_field report[] = {
	FIELD(ipc_report, ref),
	FIELD(ipc_report, mac),
	FIELD_RANGE(ipc_report, number, 1, 14),
	FIELD_ADDR(ipc_report, peer),
};

static const struct codec_field delivered[] = {
	FIELD(ipc_delivered, mac),
	FIELD(ipc_delivered, epoch),
	FIELD_ADDR(ipc_delivered, peer),
};

struct counter {
	uint64_t v;
};

static const struct codec_field counter[] = {
	FIELD(counter, v),
};

static const struct codec_field counters[] = {
	FIELD_LIST(ipc_counters, v, IPC_COUNTERS_MAX, counter),
};

static const struct codec_field answer[] = {
	FIELD(ipc_answer, ref),
	FIELD_MAX(ipc_answer, verdict, IPC_VERDICT_LAST),
	FIELD(ipc_answer, epoch),
	FIELD_MAX(ipc_answer, file, IPC_FILE_MAX),
};

static const struct codec_field digest_is[] = {
	FIELD(ipc_digest_is, ref),
	FIELD_FLAG(ipc_digest_is, found),
	FIELD(ipc_digest_is, digest),
};

static const struct codec_field plan[] = {
	FIELD(ipc_plan, job),
	FIELD(ipc_plan, mac),
	FIELD(ipc_plan, type),
	FIELD_MAX(ipc_plan, class_name, IPC_NAME_MAX),
	FIELD_MAX(ipc_plan, serial, IPC_SERIAL_MAX),
	FIELD_SERIAL(ipc_plan, cert_serial),
	FIELD(ipc_plan, not_before),
	FIELD(ipc_plan, not_after),
	FIELD_MAX(ipc_plan, spki, IPC_SPKI_MAX),
};

static const struct codec_field planned[] = {
	FIELD(ipc_planned, job),
	FIELD_RC(ipc_planned, rc),
	FIELD_MAX(ipc_planned, text, IPC_TEXT_MAX),
	FIELD_MAX(ipc_planned, tbs, IPC_CERT_MAX),
	FIELD(ipc_planned, seal),
	FIELD_MAX(ipc_planned, spki, IPC_SPKI_MAX),
	FIELD_MAX(ipc_planned, wrapped, IPC_KEY_MAX),
	FIELD_MAX(ipc_planned, issuer, IPC_NAME_MAX),
};

static const struct codec_field sign[] = {
	FIELD(ipc_sign, job),
	FIELD(ipc_sign, mac),
	FIELD_MAX(ipc_sign, issuer, IPC_NAME_MAX),
	FIELD_MAX(ipc_sign, serial, IPC_SERIAL_MAX),
	FIELD_MAX(ipc_sign, tbs, IPC_CERT_MAX),
	FIELD(ipc_sign, seal),
	FIELD(ipc_sign, set),
	FIELD_MAX(ipc_sign, wrapped, IPC_KEY_MAX),
};

static const struct codec_field signed_[] = {
	FIELD(ipc_signed, job),
	FIELD_RC(ipc_signed, rc),
	FIELD_MAX(ipc_signed, text, IPC_TEXT_MAX),
	FIELD_MAX(ipc_signed, cert, IPC_CERT_MAX),
	FIELD_MAX(ipc_signed, keybox, IPC_KEY_MAX),
};

static const struct codec_field wrap[] = {
	FIELD(ipc_wrap, job),
	FIELD(ipc_wrap, mac),
	FIELD_MAX(ipc_wrap, serial, IPC_SERIAL_MAX),
	FIELD(ipc_wrap, set),
	FIELD_MAX(ipc_wrap, wrapped, IPC_KEY_MAX),
};

static const struct codec_field wrapped[] = {
	FIELD(ipc_wrapped, job),
	FIELD_RC(ipc_wrapped, rc),
	FIELD_MAX(ipc_wrapped, text, IPC_TEXT_MAX),
	FIELD_MAX(ipc_wrapped, keybox, IPC_KEY_MAX),
};

static const struct codec_field issuer_load[] = {
	FIELD_MAX(ipc_issuer_load, name, IPC_NAME_MAX),
	FIELD_MAX(ipc_issuer_load, cert, IPC_CERT_MAX),
	FIELD_MAX(ipc_issuer_load, wrapped, IPC_KEY_MAX),
};

static const struct codec_field issuer_make[] = {
	FIELD_MAX(ipc_issuer_make, name, IPC_NAME_MAX),
	FIELD_SERIAL(ipc_issuer_make, cert_serial),
	FIELD(ipc_issuer_make, not_before),
	FIELD(ipc_issuer_make, not_after),
};

static const struct codec_field issuer_is[] = {
	FIELD_MAX(ipc_issuer_is, name, IPC_NAME_MAX),
	FIELD_MAX(ipc_issuer_is, cert, IPC_CERT_MAX),
};

static const struct codec_field issuer_made[] = {
	FIELD_MAX(ipc_issuer_made, name, IPC_NAME_MAX),
	FIELD_RC(ipc_issuer_made, rc),
	FIELD_MAX(ipc_issuer_made, text, IPC_TEXT_MAX),
	FIELD_MAX(ipc_issuer_made, cert, IPC_CERT_MAX),
	FIELD_MAX(ipc_issuer_made, wrapped, IPC_KEY_MAX),
};

static const struct codec_message messages[] = {
	MESSAGE(IPC_CONF, conf),
	MESSAGE(IPC_SECRET, secret),
	MESSAGE(IPC_SOCKET, socket_),
	MESSAGE(IPC_PEER, peer),
	MESSAGE_EMPTY(IPC_START),
	MESSAGE_EMPTY(IPC_READY),
	MESSAGE(IPC_FAILED, failed),
	MESSAGE(IPC_ASK, ask),
	MESSAGE(IPC_DIGEST, digest),
	MESSAGE(IPC_CONFIRM, confirm),
	MESSAGE(IPC_REPORT, report),
	MESSAGE(IPC_DELIVERED, delivered),
	MESSAGE(IPC_COUNTERS, counters),
	MESSAGE(IPC_ANSWER, answer),
	MESSAGE(IPC_DIGEST_IS, digest_is),
	MESSAGE_EMPTY(IPC_TABLE),
	MESSAGE(IPC_PLAN, plan),
	MESSAGE(IPC_SIGN, sign),
	MESSAGE(IPC_WRAP, wrap),
	MESSAGE(IPC_ISSUER_LOAD, issuer_load),
	MESSAGE(IPC_ISSUER_MAKE, issuer_make),
	MESSAGE(IPC_PLANNED, planned),
	MESSAGE(IPC_SIGNED, signed_),
	MESSAGE(IPC_WRAPPED, wrapped),
	MESSAGE(IPC_ISSUER_IS, issuer_is),
	MESSAGE(IPC_ISSUER_MADE, issuer_made),
};

enum { N_MESSAGES = sizeof(messages) / sizeof(messages[0]) };

int ipc_parse(const void *p, size_t len, struct ipc_message *ret)
{
	struct cur c = cur_of(p, len);
	struct ipc_message m = { 0 };
	const struct codec_message *codec;
	uint16_t type = cur_u16(&c);
	int rc;

	if (c.dead)
		return FC_EBAD;
	if (len > IPC_MESSAGE_MAX)
		return FC_EFULL;
	codec = codec_find(messages, N_MESSAGES, type);
	if (!codec)
		return FC_EUNKNOWN;
	m.type = (enum ipc_type)type;
	rc = codec_parse(&c, codec, &m.u);
	if (rc == 0)
		*ret = m;
	return rc;
}

void ipc_build(struct out *o, const struct ipc_message *m)
{
	const struct codec_message *codec =
		codec_find(messages, N_MESSAGES, (uint16_t)m->type);

	assert(codec);
	codec_build(o, codec, &m->u);
}
