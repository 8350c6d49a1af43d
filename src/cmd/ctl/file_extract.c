#include <stdlib.h>
#include <string.h>

#include "cmd/ctl/command.h"
#include "crypto/pem.h"
#include "crypto/x509check.h"
#include "sys/neg.h"
#include "wire/certfile.h"

struct part_out {
	const char *path; /* NULL: not wanted */
	const char *name;
	const struct certfile_part *part;
	bool as_pem;
};

static int write_part(const char *file, const struct part_out *w)
{
	char *pem = NULL;
	int rc;

	if (!w->path)
		return CTL_DONE;
	if (!w->part->present)
		return ctl_fail("%s: has no %s", file, w->name);
	if (!w->as_pem)
		return ctl_write(w->path, w->part->value, w->part->len, 0600);
	rc = pem_of("CERTIFICATE", w->part->value, w->part->len, &pem);
	if (rc < 0)
		return ctl_fail("%s: its %s: %s", file, w->name, neg_text(rc));
	rc = ctl_write(w->path, pem, strlen(pem), 0644);
	free(pem);
	return rc;
}

static int extract(const char *file, const uint8_t *p, size_t len, const char *device,
		   const char *manufacturer, const char *key)
{
	struct certfile_fault fault = { 0 };
	struct certfile f;
	enum device_error e = certfile_parse(p, len, &f, &fault);
	const struct part_out outs[] = {
		{ device, "device certificate", &f.device, true },
		{ manufacturer, "manufacturer certificate", &f.manufacturer, true },
		{ key, "private key", &f.key, false },
	};

	if (e != DEVICE_OK)
		return ctl_fail("%s: not a whole certificate file: %s, at byte %zu "
				"(error %s); 'fieldcertctl file show' takes it apart",
				file, fault.what, fault.offset, device_error_text(e));
	for (size_t i = 0; i < sizeof(outs) / sizeof(outs[0]); i++) {
		if (write_part(file, &outs[i]) != CTL_DONE)
			return CTL_FAILED;
	}
	return CTL_DONE;
}

int cmd_file_extract(struct ctl *c, int argc, char **argv)
{
	const char *device = NULL, *manufacturer = NULL, *key = NULL;
	const struct option options[] = { { .name = "--device", .text = &device },
					  { .name = "--manufacturer",
					    .text = &manufacturer },
					  { .name = "--key", .text = &key },
					  { 0 } };
	uint8_t *p = NULL;
	size_t len = 0;
	int rc;

	if (ctl_args(c, argc, argv, options, 1, 1) < 0)
		return CTL_USAGE;
	if (!device && !manufacturer && !key)
		return ctl_usage(c,
				 "say which part: --device, --manufacturer or --key");
	if (ctl_read(argv[0], CERTFILE_MAX, &p, &len) != CTL_DONE)
		return CTL_FAILED;
	rc = extract(argv[0], p, len, device, manufacturer, key);
	free(p);
	return rc;
}
