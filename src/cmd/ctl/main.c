#include <stdlib.h>
#include <string.h>

#include "cmd/ctl/command.h"
#include "cmd/ctl/registry.h"

static const char default_conf[] = "/etc/fieldcert/fieldcertd.conf";

/* Options that stand before the command; returns how many words they took, or -1
 * after a complaint. */
static int global_options(struct ctl *c, int argc, char **argv, const char **ret_first)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			c->json = true;
		} else if (strcmp(argv[i], "-c") == 0 && i + 1 < argc) {
			c->conf_path = argv[++i];
		} else if (strncmp(argv[i], "-c", 2) == 0 && argv[i][2] != '\0') {
			c->conf_path = argv[i] + 2;
		} else if (strcmp(argv[i], "--help") == 0 ||
			   strcmp(argv[i], "-h") == 0) {
			*ret_first = "help";
		} else if (strcmp(argv[i], "--version") == 0 ||
			   strcmp(argv[i], "-V") == 0) {
			*ret_first = "version";
		} else if (strcmp(argv[i], "-c") == 0) {
			ctl_say("-c wants the path of a configuration");
			return -1;
		} else {
			ctl_say("unknown option %.100s; 'fieldcertctl help' lists them",
				argv[i]);
			return -1;
		}
	}
	return i;
}

/* What was meant may be a command of two words, of one, or the first word of several.
 */
static const char *meant(int argc, char **argv)
{
	enum { NAMES_MAX = 64 };
	char words[256];
	const char *names[NAMES_MAX], *ret = NULL;
	size_t n = 0;

	while (n < commands_n && n < NAMES_MAX) {
		names[n] = commands[n].name;
		n++;
	}
	if (argc > 1) {
		(void)snprintf(words, sizeof(words), "%s %s", argv[0], argv[1]);
		ret = nearest(words, names, n);
	}
	return ret ? ret : nearest(argv[0], names, n);
}

static int complain_unknown(int argc, char **argv)
{
	const char *name = meant(argc, argv);
	bool two = argc > 1 && command_group(argv[0]);

	if (command_group(argv[0]) && argc == 1) {
		ctl_say("%s: what about it?", argv[0]);
		help_group(stderr, argv[0]);
	} else if (name) {
		ctl_say("there is no command \"%.60s%s%.60s\"; did you mean \"%s\"?",
			argv[0], two ? " " : "", two ? argv[1] : "", name);
	} else {
		ctl_say("there is no command \"%.60s%s%.60s\"; 'fieldcertctl help' "
			"lists them",
			argv[0], two ? " " : "", two ? argv[1] : "");
	}
	return CTL_USAGE;
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	}
	return false;
}

/* Data that did not reach its reader is a failure, too: a full disk, say. */
static int flush(int status)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return status == CTL_DONE ? ctl_fail("could not write the output")
					  : status;
	return status;
}

int main(int argc, char **argv)
{
	struct ctl c = { .conf_path = default_conf };
	const char *first = NULL;
	int words, status, at = global_options(&c, argc, argv, &first);

	if (at < 0)
		return CTL_USAGE;
	if (!first && at == argc) {
		help_all(stderr);
		return CTL_USAGE;
	}
	argc -= at;
	argv += at;
	c.command = first ? command_named(first) : command_find(argc, argv, &words);
	if (!c.command && argc > 0 && command_group(argv[0]) &&
	    wants_help(argc, argv)) {
		help_group(stdout, argv[0]);
		return flush(CTL_DONE);
	}
	if (!c.command)
		return complain_unknown(argc, argv);
	if (first)
		words = 0;
	if (!first && wants_help(argc - words, argv + words)) {
		help_command(stdout, c.command);
		return flush(CTL_DONE);
	}
	status = c.command->run(&c, argc - words, argv + words);
	registry_close(&c);
	conf_free(c.conf);
	return flush(status);
}
