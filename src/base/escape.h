/* Untrusted text made fit for one log line, a terminal or JSON. */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>
#include "base/writer.h"

/* Printable ASCII except '"', '\\' and space stays; all else becomes \xNN.
 * At most max source bytes are taken, then "..." follows. */
void escape_log(struct out *o, const void *p, size_t len, size_t max);

/* The inside of a JSON string (RFC 8259, section 7); bytes above 0x7f that are
 * not valid UTF-8 become U+FFFD. */
void escape_json(struct out *o, const void *p, size_t len);

#endif
