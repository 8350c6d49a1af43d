#include <string.h>

#include "cmd/ctl/command.h"

const struct command commands[] = {
	{ "init", "DIR [--listen ADDR:PORT]... [--secrets one|derived]",
	  "make a directory to start from: configuration, secrets, PKI",
	  "DIR gets a configuration for the server and one for a modem, three "
	  "secrets,\n"
	  "and a demonstration PKI: a root and a manufacturer certificate under it.\n"
	  "DIR must not exist, or be empty; it appears as a whole or not at all.\n"
	  "\n"
	  "  --listen ADDR:PORT  where the server answers (127.0.0.1:6969); up to 8\n"
	  "  --secrets derived   each device's secrets are derived from a master "
	  "(default)\n"
	  "  --secrets one       the same three strings for all devices\n",
	  cmd_init },
	{ "device add",
	  "MAC --serial TEXT [--class NAME] [--type TT] [--public-key FILE]",
	  "tell the registry of a device",
	  "  --serial TEXT       its serial number, as the device itself hashes it\n"
	  "  --class NAME        a class of the configuration (default: \"default\")\n"
	  "  --type TT           CM, EM, ... (default: the class's first)\n"
	  "  --public-key FILE   its public key in PEM or DER; without one the server\n"
	  "                      makes a key pair, where the class allows that\n",
	  cmd_device_add },
	{ "device import", "FILE.csv|- [--update] [--keep-good] [--progress]",
	  "tell the registry of many devices",
	  "The first line names the columns, in any order: mac, serial, class, type,\n"
	  "public key; only mac is needed. All rows are looked at before the first is\n"
	  "taken; if one is bad, none is.\n"
	  "\n"
	  "  --update            change devices that are registered already\n"
	  "  --keep-good         take the good rows although others are bad\n"
	  "  --progress          show progress although stderr is no terminal\n",
	  cmd_device_import },
	{ "device list", "[--state STATE] [--limit N]",
	  "all devices, or those of one state",
	  "  --state STATE       registered, requested, issued, delivered, confirmed "
	  "or\n"
	  "                      failed\n"
	  "  --limit N           at most so many\n",
	  cmd_device_list },
	{ "device show", "MAC [--events N]", "all that is known of one device",
	  "  --events N          so many of its last events (10)\n", cmd_device_show },
	{ "device allow", "MAC", "let a denied device have its certificate again", "",
	  cmd_device_allow },
	{ "device deny", "MAC", "refuse a device from now on, whatever code it brings",
	  "", cmd_device_deny },
	{ "device reset", "MAC",
	  "have a new certificate made at the device's next request",
	  "The old file is served until the new one is there.\n", cmd_device_reset },
	{ "preload", "FILE.509... | --device CERT --manufacturer CERT [--mac MAC]",
	  "take certificates that were made elsewhere",
	  "Files as devices get them, or a device certificate and its manufacturer's "
	  "(PEM\n"
	  "or DER), of which a file is made. Whose it is, the certificate itself "
	  "says;\n"
	  "one that is not that device's is refused.\n"
	  "\n"
	  "  --device CERT       the device certificate\n"
	  "  --manufacturer CERT the certificate that signed it\n"
	  "  --mac MAC           whose it has to be\n",
	  cmd_preload },
	{ "certificate list", "[--state STATE] [--limit N]", "all certificates",
	  "  --state STATE       planned, issued, void, revoked or preloaded\n"
	  "  --limit N           at most so many\n",
	  cmd_certificate_list },
	{ "certificate export", "MAC [--out FILE] [--chain]",
	  "a device's newest certificate, as PEM",
	  "  --out FILE          into a file instead of standard output\n"
	  "  --chain             and the manufacturer certificate behind it\n",
	  cmd_certificate_export },
	{ "file show", "FILE [--mac MAC] [--root CERT]",
	  "take a certificate file apart and say what is wrong with it",
	  "Whole or broken: every object with its place and its checksum, what the\n"
	  "certificates say, and the error number that a device would report.\n"
	  "\n"
	  "  --mac MAC           judge it as this device would (default: the one "
	  "named\n"
	  "                      in the certificate)\n"
	  "  --root CERT         the root that the device holds; without it nothing "
	  "is\n"
	  "                      said about the manufacturer certificate's signature\n",
	  cmd_file_show },
	{ "file extract", "FILE [--device FILE] [--manufacturer FILE] [--key FILE]",
	  "write the parts of a certificate file",
	  "  --device FILE       the device certificate, as PEM\n"
	  "  --manufacturer FILE the manufacturer certificate, as PEM\n"
	  "  --key FILE          the encrypted private key, as it is\n",
	  cmd_file_extract },
	{ "name",
	  "MAC [--confirm [--file FILE]] [--type TT] [--set N] [--serial TEXT] "
	  "[--class NAME]",
	  "the name by which a device asks, or confirms",
	  "  --confirm           the confirmation's name (OK) instead of the "
	  "request's\n"
	  "  --file FILE         the installed file, where the class says confirm = "
	  "bound\n"
	  "  --type TT           in place of the registered type\n"
	  "  --set N             by another secret set than the class's first\n"
	  "  --serial TEXT       of a device that is not in the registry\n"
	  "  --class NAME        of a device that is not in the registry\n",
	  cmd_name },
	{ "status", "", "what the server is doing, or what the database knows", "",
	  cmd_status },
	{ "audit verify", "", "walk the audit record's hash chain", "",
	  cmd_audit_verify },
	{ "errors", "[--class NAME]",
	  "the errors that devices report, and how many did",
	  "  --class NAME        of one class only\n", cmd_errors },
	{ "help", "[COMMAND]", "this list, or more about one command", "", cmd_help },
	{ "version", "", "the program's version", "", cmd_version },
};
const size_t commands_n = sizeof(commands) / sizeof(commands[0]);

/* How many of argv's words make this name; 0: they do not. */
static int words_of(const char *name, int argc, char **argv)
{
	const char *second = strchr(name, ' ');
	size_t first_len = second ? (size_t)(second - name) : strlen(name);

	if (argc < 1 || strlen(argv[0]) != first_len ||
	    memcmp(argv[0], name, first_len) != 0)
		return 0;
	if (!second)
		return 1;
	return argc >= 2 && strcmp(argv[1], second + 1) == 0 ? 2 : 0;
}

const struct command *command_find(int argc, char **argv, int *ret_words)
{
	for (size_t i = 0; i < commands_n; i++) {
		int words = words_of(commands[i].name, argc, argv);
		if (words > 0) {
			*ret_words = words;
			return &commands[i];
		}
	}
	return NULL;
}

const struct command *command_named(const char *name)
{
	for (size_t i = 0; i < commands_n; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static bool in_group(const struct command *command, const char *group)
{
	size_t len = strlen(group);

	return strncmp(command->name, group, len) == 0 && command->name[len] == ' ';
}

bool command_group(const char *word)
{
	for (size_t i = 0; i < commands_n; i++) {
		if (in_group(&commands[i], word))
			return true;
	}
	return false;
}

static void line(FILE *f, const struct command *command)
{
	(void)fprintf(f, "  %-19s %s\n", command->name, command->summary);
}

void help_all(FILE *f)
{
	(void)fputs("usage: fieldcertctl [-c CONFIGURATION] [--json] COMMAND ...\n\n",
		    f);
	for (size_t i = 0; i < commands_n; i++)
		line(f, &commands[i]);
	(void)fputs("\n"
		    "'fieldcertctl COMMAND --help' says more about one; "
		    "fieldcertctl(1) all.\n"
		    "The configuration is /etc/fieldcert/fieldcertd.conf where -c "
		    "names no other.\n"
		    "Exit status: 0 done, 1 refused or failed, 2 wrong usage.\n",
		    f);
}

void help_group(FILE *f, const char *group)
{
	for (size_t i = 0; i < commands_n; i++) {
		if (in_group(&commands[i], group))
			line(f, &commands[i]);
	}
}

void help_command(FILE *f, const struct command *command)
{
	(void)fprintf(f, "usage: fieldcertctl %s%s%s\n\n%s.\n", command->name,
		      *command->synopsis ? " " : "", command->synopsis,
		      command->summary);
	if (*command->help)
		(void)fprintf(f, "\n%s", command->help);
}
