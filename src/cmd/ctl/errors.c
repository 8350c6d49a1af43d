#include <inttypes.h>

#include "cmd/ctl/command.h"
#include "cmd/ctl/registry.h"
#include "wire/certfile.h"
#include "wire/name.h"

enum { NUMBERS = NAME_ERROR_MAX + 1 };

/* How often each number was reported: in all, and by each class shown. */
struct counts {
	uint64_t all[NUMBERS];
	size_t n_classes;
	struct {
		const char *name;
		uint64_t n[NUMBERS];
	} class[CONF_CLASSES_MAX];
};

static int count_class(struct store *s, const struct conf_class *class,
		       struct counts *ret)
{
	size_t at = ret->n_classes;
	int rc = store_error_counts(s, class->name, ret->class[at].n);

	if (rc < 0)
		return rc;
	ret->class[at].name = class->name;
	ret->n_classes++;
	for (unsigned i = NAME_ERROR_MIN; i <= NAME_ERROR_MAX; i++)
		ret->all[i] += ret->class[at].n[i];
	return 0;
}

/* Devices may still be in classes that the configuration has no longer: so the
 * whole is counted by itself. */
static int count(struct store *s, const struct conf *conf,
		 const struct conf_class *only, struct counts *ret)
{
	int rc = 0;

	if (only)
		return count_class(s, only, ret);
	for (size_t i = 0; i < conf->n_classes && rc == 0; i++)
		rc = count_class(s, &conf->classes[i], ret);
	return rc < 0 ? rc : store_error_counts(s, NULL, ret->all);
}

static int print_json(const struct conf_class *only, const struct counts *counts)
{
	struct json j;

	json_init(&j, stdout);
	json_object(&j, NULL);
	json_text(&j, "class", only ? only->name : NULL);
	json_array(&j, "errors");
	for (unsigned i = NAME_ERROR_MIN; i <= NAME_ERROR_MAX; i++) {
		json_object(&j, NULL);
		json_uint(&j, "number", i);
		json_text(&j, "meaning", device_error_text(i) + 3);
		json_uint(&j, "count", counts->all[i]);
		json_object(&j, "classes");
		for (size_t k = 0; k < counts->n_classes; k++)
			json_uint(&j, counts->class[k].name, counts->class[k].n[i]);
		json_end(&j);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	return CTL_DONE;
}

/* "default 3, sb5100 1": the classes in which it was reported. */
static void print_classes(const struct counts *counts, unsigned number)
{
	uint64_t named = 0;
	const char *comma = "";

	for (size_t k = 0; k < counts->n_classes; k++) {
		uint64_t n = counts->class[k].n[number];

		if (n == 0)
			continue;
		(void)printf("%s%s %" PRIu64, comma, counts->class[k].name, n);
		comma = ", ";
		named += n;
	}
	if (counts->all[number] > named)
		(void)printf("%s(no class of the configuration) %" PRIu64, comma,
			     counts->all[number] - named);
}

/* The text begins with the number. */
static int print_table(const struct counts *counts)
{
	(void)printf("%8s  %-55s  %s\n", "REPORTED", "ERROR", "BY CLASS");
	for (unsigned i = NAME_ERROR_MIN; i <= NAME_ERROR_MAX; i++) {
		(void)printf("%8" PRIu64 "  %-*s", counts->all[i],
			     counts->all[i] > 0 ? 57 : 0, device_error_text(i));
		print_classes(counts, i);
		(void)putchar('\n');
	}
	return CTL_DONE;
}

int cmd_errors(struct ctl *c, int argc, char **argv)
{
	const char *class_name = NULL;
	const struct option options[] = { { .name = "--class", .text = &class_name },
					  { 0 } };
	static struct counts counts; /* 32 KiB: too much for the stack */
	const struct conf_class *only = NULL;
	struct store *s;
	int rc;

	if (ctl_args(c, argc, argv, options, 0, 0) < 0)
		return CTL_USAGE;
	if (ctl_conf(c) != CTL_DONE)
		return CTL_FAILED;
	if (class_name && !(only = conf_class_by_name(c->conf, class_name)))
		return ctl_fail("%s: there is no class \"%.60s\"", c->conf_path,
				class_name);
	s = registry_read(c);
	if (!s)
		return CTL_FAILED;
	rc = count(s, c->conf, only, &counts);
	if (rc < 0)
		return registry_complain(c, "cannot count the errors", rc);
	return c->json ? print_json(only, &counts) : print_table(&counts);
}
