/* What the agent did: one line in the log for each event, and a small file that
 * `fieldcert-agent --status` reads. */
#ifndef CMD_AGENT_REPORT_H
#define CMD_AGENT_REPORT_H

#include <stdbool.h>
#include "agent/agent.h"

void report_log(const struct agent_event *e);

/* The status file's place: beside the flash directory, since flash is not written for
 * news.  "FLASH.status" into ret. 0, or -ENAMETOOLONG. */
int report_status_path(const char *flash, char *ret, size_t cap);

/* Replace it. What cannot be written is not worth stopping for. */
void report_save(const char *path, const struct agent_status *s, const struct mac *mac);

/* Print it, and what the flash directory holds. The exit status. */
int report_print(const char *path, const char *flash, bool json);

#endif
