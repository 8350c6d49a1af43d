/* The table of commands, and help made from it. */
#ifndef CMD_CTL_COMMAND_H
#define CMD_CTL_COMMAND_H

#include <stdbool.h>
#include <stdio.h>
#include "cmd/ctl/ctl.h"

extern const struct command commands[];
extern const size_t commands_n;

/* The command at the front of argv and how many words its name took, or NULL. */
const struct command *command_find(int argc, char **argv, int *ret_words);
const struct command *command_named(const char *name);

/* "device", "file", …: the first word of commands of two words. */
bool command_group(const char *word);

void help_all(FILE *f);
void help_group(FILE *f, const char *group);
void help_command(FILE *f, const struct command *command);

/* One file a command. */
int cmd_init(struct ctl *c, int argc, char **argv);
int cmd_device_add(struct ctl *c, int argc, char **argv);
int cmd_device_import(struct ctl *c, int argc, char **argv);
int cmd_device_list(struct ctl *c, int argc, char **argv);
int cmd_device_show(struct ctl *c, int argc, char **argv);
int cmd_device_allow(struct ctl *c, int argc, char **argv);
int cmd_device_deny(struct ctl *c, int argc, char **argv);
int cmd_device_reset(struct ctl *c, int argc, char **argv);
int cmd_preload(struct ctl *c, int argc, char **argv);
int cmd_certificate_list(struct ctl *c, int argc, char **argv);
int cmd_certificate_export(struct ctl *c, int argc, char **argv);
int cmd_file_show(struct ctl *c, int argc, char **argv);
int cmd_file_extract(struct ctl *c, int argc, char **argv);
int cmd_name(struct ctl *c, int argc, char **argv);
int cmd_status(struct ctl *c, int argc, char **argv);
int cmd_audit_verify(struct ctl *c, int argc, char **argv);
int cmd_errors(struct ctl *c, int argc, char **argv);
int cmd_help(struct ctl *c, int argc, char **argv);
int cmd_version(struct ctl *c, int argc, char **argv);

#endif
