#include <inttypes.h>

#include "cmd/ctl/command.h"
#include "cmd/ctl/registry.h"
#include "wire/certfile.h"
#include "wire/name.h"

static int print_json(const char *class_name, const uint64_t counts[15])
{
	struct json j;

	json_init(&j, stdout);
	json_object(&j, NULL);
	json_text(&j, "class", class_name);
	json_array(&j, "errors");
	for (unsigned i = NAME_ERROR_MIN; i <= NAME_ERROR_MAX; i++) {
		json_object(&j, NULL);
		json_uint(&j, "number", i);
		json_text(&j, "meaning", device_error_text(i) + 3);
		json_uint(&j, "count", counts[i]);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
	return CTL_DONE;
}

/* The text begins with the number. */
static int print_table(const uint64_t counts[15])
{
	(void)printf("%8s  %s\n", "REPORTED", "ERROR");
	for (unsigned i = NAME_ERROR_MIN; i <= NAME_ERROR_MAX; i++)
		(void)printf("%8" PRIu64 "  %s\n", counts[i], device_error_text(i));
	return CTL_DONE;
}

int cmd_errors(struct ctl *c, int argc, char **argv)
{
	const char *class_name = NULL;
	const struct option options[] = { { .name = "--class", .text = &class_name },
					  { 0 } };
	uint64_t counts[NAME_ERROR_MAX + 1] = { 0 };
	struct store *s;
	int rc;

	if (ctl_args(c, argc, argv, options, 0, 0) < 0)
		return CTL_USAGE;
	if (ctl_conf(c) != CTL_DONE)
		return CTL_FAILED;
	if (class_name && !conf_class_by_name(c->conf, class_name))
		return ctl_fail("%s: there is no class \"%.60s\"", c->conf_path,
				class_name);
	s = registry_read(c);
	if (!s)
		return CTL_FAILED;
	rc = store_error_counts(s, class_name, counts);
	if (rc < 0)
		return registry_complain(c, "cannot count the errors", rc);
	return c->json ? print_json(class_name, counts) : print_table(counts);
}
