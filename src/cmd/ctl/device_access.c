#include "cmd/ctl/command.h"
#include "cmd/ctl/registry.h"

static int change(struct ctl *c, int argc, char **argv, struct control_message *m,
		  struct mac *mac, const char *done)
{
	char text[MAC_TEXT_SIZE];

	if (ctl_args(c, argc, argv, NULL, 1, 1) < 0 ||
	    ctl_mac(c, argv[0], mac) != CTL_DONE)
		return CTL_USAGE;
	if (registry_change(c, m) != CTL_DONE)
		return CTL_FAILED;
	(void)fprintf(stderr, "%s %s\n", mac_text(mac, text), done);
	return CTL_DONE;
}

int cmd_device_allow(struct ctl *c, int argc, char **argv)
{
	struct control_message m = { .type = CONTROL_ACCESS, .u.access.deny = 0 };

	return change(c, argc, argv, &m, &m.u.access.mac, "is allowed");
}

int cmd_device_deny(struct ctl *c, int argc, char **argv)
{
	struct control_message m = { .type = CONTROL_ACCESS, .u.access.deny = 1 };

	return change(c, argc, argv, &m, &m.u.access.mac, "is denied");
}

int cmd_device_reset(struct ctl *c, int argc, char **argv)
{
	struct control_message m = { .type = CONTROL_RESET };

	return change(c, argc, argv, &m, &m.u.reset.mac,
		      "gets a new certificate at its next request");
}
