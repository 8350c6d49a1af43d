/* A subcommand's options and arguments, in any order; "--" ends the options.
 * "--name value" and "--name=value" are the same. */
#ifndef CMD_CTL_ARGS_H
#define CMD_CTL_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARGS_LIST_MAX = 8, ARGS_WHY_SIZE = 256 };

struct arg_list {
	const char *v[ARGS_LIST_MAX];
	size_t n;
};

/* One of the targets is set: what the option is follows from it. */
struct option {
	const char *name; /* "--serial"; NULL ends the table */
	bool *on;
	const char **text;
	uint64_t *number;
	struct arg_list *list; /* may be given several times */
};

/* Fills the options' targets and moves the arguments to the front of argv, in
 * their order; *ret_n says how many.  FC_EBAD with a sentence in why. */
int args_parse(int argc, char **argv, const struct option *options, int *ret_n,
	       char why[ARGS_WHY_SIZE]);

/* The one of n names that word was probably meant to be, or NULL. */
const char *nearest(const char *word, const char *const *names, size_t n);

#endif
