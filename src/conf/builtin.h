/* What every configuration begins with: text in the same language. */
#ifndef CONF_BUILTIN_H
#define CONF_BUILTIN_H

extern const char conf_builtin[];

#endif
