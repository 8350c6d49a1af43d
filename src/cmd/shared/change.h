/* What control.c and preload.c share: one change, and the sentence it ends in. */
#ifndef CMD_SHARED_CHANGE_H
#define CMD_SHARED_CHANGE_H

#include "cmd/shared/control.h"

struct change {
	struct control_env *env;
	uint32_t row;
	char text[IPC_TEXT_MAX]; /* "" where the code says it all */
};

/* A refusal with its sentence; its value is rc. */
#define change_refuse(c, rc, ...) (change_say(c, __VA_ARGS__), rc)
void change_say(struct change *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The store failed: rc, and its own words. */
int change_store_failed(struct change *c, int rc);

/* One event of the device and one entry of the audit chain: "kind mac=… more". */
int change_record(struct change *c, const char *kind, const struct mac *mac,
		  uint32_t number, const char *more);

/* May this public key be certified for a device of that class and type? */
int change_key_allowed(struct change *c, const struct conf_class *class,
		       const char *type, const uint8_t *spki, size_t len);

/* S9. */
int change_preload(struct change *c, const struct control_preload *p);

#endif
