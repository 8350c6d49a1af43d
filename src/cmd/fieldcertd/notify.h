/* sd_notify(3) without its library: one datagram to $NOTIFY_SOCKET. */
#ifndef CMD_FIELDCERTD_NOTIFY_H
#define CMD_FIELDCERTD_NOTIFY_H

/* "READY=1", "STOPPING=1", …; nothing happens when nobody listens. */
void notify(const char *state);
void notify_reloading(void);

#endif
