/* The agent's dealings with flash and with the checks: within the library only. */
#ifndef AGENT_INSTALL_H
#define AGENT_INSTALL_H

#include "agent/agent.h"

/* Read the record; what cannot be used counts as empty, and is told. */
void agent_load(struct agent *a);

/* Write this state; a->state is it on success only. `s` may point into a->state's
 * own bytes. */
int agent_store(struct agent *a, const struct agent_state *s);

/* A1: ENROL_GOOD, ENROL_UNCONFIRMED or ENROL_ABSENT. */
struct enrol_input agent_examine(struct agent *a);

/* A5 and A7: the first len bytes of a->file.  ENROL_INVALID or ENROL_INSTALLED. */
struct enrol_input agent_judge(struct agent *a, size_t len);

void agent_tell(const struct agent *a, const struct agent_event *e);

#endif
