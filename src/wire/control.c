#include "wire/control.h"
#include <assert.h>
#include "base/errors.h"
#include "wire/codec.h"

static const struct codec_field device[] = {
	FIELD(control_device, mac),
	FIELD_MAX(control_device, type, CONTROL_TYPE_LEN),
	FIELD_MAX(control_device, class_name, IPC_NAME_MAX),
	FIELD_MAX(control_device, serial, IPC_SERIAL_MAX),
	FIELD_MAX(control_device, spki, IPC_SPKI_MAX),
};

static const struct codec_field devices[] = {
	FIELD_MAX(control_devices, update, 1),
	FIELD_LIST(control_devices, rows, CONTROL_ROWS_MAX, device),
};

static const struct codec_field access[] = {
	FIELD(control_access, mac),
	FIELD_MAX(control_access, deny, 1),
};

static const struct codec_field reset[] = {
	FIELD(control_reset, mac),
};

static const struct codec_field preload[] = {
	FIELD(control_preload, mac),
	FIELD_MAX(control_preload, file, IPC_FILE_MAX),
};

static const struct codec_field done[] = {
	FIELD_RANGE(control_done, rc, FC_ERROR_LAST, 0),
	FIELD(control_done, row),
	FIELD_MAX(control_done, text, IPC_TEXT_MAX),
};

static const struct codec_field fact[] = {
	FIELD_MAX(control_fact, name, IPC_NAME_MAX),
	FIELD_MAX(control_fact, value, IPC_TEXT_MAX),
};

static const struct codec_field status_is[] = {
	FIELD_LIST(control_status_is, facts, CONTROL_FACTS_MAX, fact),
};

static const struct codec_message messages[] = {
	MESSAGE(CONTROL_DEVICES, devices),     MESSAGE(CONTROL_ACCESS, access),
	MESSAGE(CONTROL_RESET, reset),         MESSAGE(CONTROL_PRELOAD, preload),
	MESSAGE_EMPTY(CONTROL_STATUS),         MESSAGE(CONTROL_DONE, done),
	MESSAGE(CONTROL_STATUS_IS, status_is),
};

enum { N_MESSAGES = sizeof(messages) / sizeof(messages[0]) };

int control_parse(const void *p, size_t len, struct control_message *ret)
{
	struct cur c = cur_of(p, len);
	struct control_message m = { 0 };
	const struct codec_message *codec;
	uint16_t type = cur_u16(&c);
	int rc;

	if (c.dead)
		return FC_EBAD;
	if (len > CONTROL_MESSAGE_MAX)
		return FC_EFULL;
	codec = codec_find(messages, N_MESSAGES, type);
	if (!codec)
		return FC_EUNKNOWN;
	m.type = (enum control_type)type;
	rc = codec_parse(&c, codec, &m.u);
	if (rc == 0)
		*ret = m;
	return rc;
}

void control_build(struct out *o, const struct control_message *m)
{
	const struct codec_message *codec =
		codec_find(messages, N_MESSAGES, (uint16_t)m->type);

	assert(codec);
	codec_build(o, codec, &m->u);
}
