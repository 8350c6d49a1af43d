#include "cmd/ctl/command.h"

int cmd_help(struct ctl *c, int argc, char **argv)
{
	int words, n = ctl_args(c, argc, argv, NULL, 0, 2);
	const struct command *command;

	if (n < 0)
		return CTL_USAGE;
	if (n == 0) {
		help_all(stdout);
		return CTL_DONE;
	}
	command = command_find(n, argv, &words);
	if (command)
		help_command(stdout, command);
	else if (command_group(argv[0]))
		help_group(stdout, argv[0]);
	else
		return ctl_usage(c, "there is no command \"%.60s\"", argv[0]);
	return CTL_DONE;
}

int cmd_version(struct ctl *c, int argc, char **argv)
{
	struct json j;

	if (ctl_args(c, argc, argv, NULL, 0, 0) < 0)
		return CTL_USAGE;
	if (!c->json) {
		(void)puts("fieldcertctl " FIELDCERT_VERSION);
		return CTL_DONE;
	}
	json_init(&j, stdout);
	json_object(&j, NULL);
	json_text(&j, "version", FIELDCERT_VERSION);
	json_end(&j);
	return CTL_DONE;
}
