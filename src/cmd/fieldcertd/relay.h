/* With -d: lines that any of our processes writes to standard error go through one
 * pipe to the parent and from there to syslog(3); until all is ready to the terminal,
 * too.  A full pipe loses lines rather than stop a process. */
#ifndef CMD_FIELDCERTD_RELAY_H
#define CMD_FIELDCERTD_RELAY_H

int relay_open(void); /* 0 or -errno */
int relay_fd(void);   /* to read from; -1 without relay_open */
void relay_drain(void);
void relay_leave_terminal(void); /* and let go of standard input and output */

#endif
