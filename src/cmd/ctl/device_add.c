#include <stdlib.h>
#include <string.h>

#include "cmd/ctl/command.h"
#include "cmd/ctl/registry.h"
#include "crypto/x509check.h"

enum { KEY_FILE_MAX = 16 * 1024 };

static struct ipc_blob blob_of(const char *s)
{
	if (!s)
		return (struct ipc_blob){ 0 };
	return (struct ipc_blob){ .p = (const uint8_t *)s, .len = strlen(s) };
}

static int read_key(const char *path, uint8_t ret[IPC_SPKI_MAX],
		    struct ipc_blob *ret_key)
{
	const char *why = "";
	uint8_t *text = NULL;
	size_t len = 0;
	int rc;

	if (ctl_read(path, KEY_FILE_MAX, &text, &len) != CTL_DONE)
		return CTL_FAILED;
	rc = public_key_parse(text, len, ret, IPC_SPKI_MAX, &ret_key->len, &why);
	free(text);
	if (rc < 0)
		return ctl_fail("%s: %s; a public key in PEM or DER is wanted, RSA of "
				"1024 to 4096 bits or P-256",
				path, why);
	ret_key->p = ret;
	return CTL_DONE;
}

int cmd_device_add(struct ctl *c, int argc, char **argv)
{
	const char *serial = NULL, *class_name = NULL, *type = NULL, *key = NULL;
	const struct option options[] = { { .name = "--serial", .text = &serial },
					  { .name = "--class", .text = &class_name },
					  { .name = "--type", .text = &type },
					  { .name = "--public-key", .text = &key },
					  { 0 } };
	struct control_message m = { .type = CONTROL_DEVICES, .u.devices.n = 1 };
	struct control_device *d = &m.u.devices.rows[0];
	char text[MAC_TEXT_SIZE];
	uint8_t spki[IPC_SPKI_MAX];

	if (ctl_args(c, argc, argv, options, 1, 1) < 0 ||
	    ctl_mac(c, argv[0], &d->mac) != CTL_DONE)
		return CTL_USAGE;
	d->serial = blob_of(serial);
	d->class_name = blob_of(class_name);
	d->type = blob_of(type);
	if (d->serial.len > IPC_SERIAL_MAX || d->class_name.len > IPC_NAME_MAX)
		return ctl_usage(c,
				 "a serial number has at most %d bytes, a class's "
				 "name %d",
				 IPC_SERIAL_MAX, IPC_NAME_MAX);
	if (type && strlen(type) != 2)
		return ctl_usage(c, "a type has two letters, CM for instance");
	if (key && read_key(key, spki, &d->spki) != CTL_DONE)
		return CTL_FAILED;
	if (registry_change(c, &m) != CTL_DONE)
		return CTL_FAILED;
	(void)fprintf(stderr, "%s is registered\n", mac_text(&d->mac, text));
	return CTL_DONE;
}
