#include <stdlib.h>
#include <string.h>

#include "base/errors.h"
#include "cmd/ctl/certread.h"
#include "cmd/ctl/command.h"
#include "cmd/ctl/registry.h"
#include "crypto/x509check.h"
#include "sys/neg.h"
#include "wire/certfile.h"

/* Whose file is it?  The device certificate's subject says so. */
static int owner_of(const char *path, const uint8_t *p, size_t len, struct mac *ret)
{
	struct certfile_fault fault = { 0 };
	struct x509_facts facts;
	struct certfile f;
	enum device_error e = certfile_parse(p, len, &f, &fault);

	if (e != DEVICE_OK)
		return ctl_fail("%s: not a whole certificate file: %s, at byte %zu; "
				"'fieldcertctl file show' says more",
				path, fault.what, fault.offset);
	if (x509_facts_of(f.device.value, f.device.len, &facts) < 0 || !facts.has_mac)
		return ctl_fail("%s: the device certificate's subject names no MAC "
				"address, or several",
				path);
	*ret = facts.mac;
	return CTL_DONE;
}

static int send_file(struct ctl *c, const char *path, const uint8_t *p, size_t len,
		     const struct mac *wanted)
{
	struct control_message m = { .type = CONTROL_PRELOAD,
				     .u.preload.file = { .p = p, .len = len } };
	char is[MAC_TEXT_SIZE], want[MAC_TEXT_SIZE];

	if (owner_of(path, p, len, &m.u.preload.mac) != CTL_DONE)
		return CTL_FAILED;
	if (wanted && !mac_equal(wanted, &m.u.preload.mac))
		return ctl_fail("%s is the certificate of %s, not of %s", path,
				mac_text(&m.u.preload.mac, is), mac_text(wanted, want));
	if (registry_change(c, &m) != CTL_DONE)
		return ctl_fail("%s was refused", path);
	(void)fprintf(stderr, "%s: taken for %s\n", path,
		      mac_text(&m.u.preload.mac, is));
	return CTL_DONE;
}

/* Every file is read before the first change: afterwards this process may no longer
 * be root's (registry.h). */
struct input {
	uint8_t *p;
	size_t len;
};

static int preload_files(struct ctl *c, int n, char **paths)
{
	struct input *in = calloc((size_t)n, sizeof(*in));
	int refused = 0, read;

	if (!in)
		return ctl_fail("%s", neg_text(FC_EFULL));
	for (read = 0; read < n; read++) {
		if (ctl_read(paths[read], CERTFILE_MAX, &in[read].p, &in[read].len) !=
		    CTL_DONE)
			break;
	}
	for (int i = 0; read == n && i < n; i++) {
		if (send_file(c, paths[i], in[i].p, in[i].len, NULL) != CTL_DONE)
			refused++;
	}
	for (int i = 0; i < n; i++)
		free(in[i].p);
	free(in);
	if (read < n)
		return ctl_fail("nothing was taken");
	if (refused > 0 && n > 1)
		return ctl_fail("%d of %d files were refused", refused, n);
	return refused > 0 ? CTL_FAILED : CTL_DONE;
}

static int preload_pair(struct ctl *c, const char *device, const char *manufacturer,
			const struct mac *wanted)
{
	uint8_t *d = NULL, *m = NULL, file[CERTFILE_MAX];
	struct out o = out_of(file, sizeof(file));
	size_t d_len = 0, m_len = 0;
	int rc = CTL_FAILED;

	if (certificate_read(device, &d, &d_len) != CTL_DONE ||
	    certificate_read(manufacturer, &m, &m_len) != CTL_DONE)
		goto out;
	certfile_put(&o, CERTFILE_MANUFACTURER, m, m_len);
	certfile_put(&o, CERTFILE_DEVICE, d, d_len);
	if (o.full)
		rc = ctl_fail("%s: together with %s more than the %d bytes that a file "
			      "may have",
			      device, manufacturer, CERTFILE_MAX);
	else
		rc = send_file(c, device, file, o.len, wanted);
out:
	free(d);
	free(m);
	return rc;
}

int cmd_preload(struct ctl *c, int argc, char **argv)
{
	const char *device = NULL, *manufacturer = NULL, *mac_given = NULL;
	const struct option options[] = { { .name = "--device", .text = &device },
					  { .name = "--manufacturer",
					    .text = &manufacturer },
					  { .name = "--mac", .text = &mac_given },
					  { 0 } };
	struct mac mac;
	int n = ctl_args(c, argc, argv, options, 0, -1);

	if (n < 0 || (mac_given && ctl_mac(c, mac_given, &mac) != CTL_DONE))
		return CTL_USAGE;
	if (!device && !manufacturer && !mac_given && n > 0)
		return preload_files(c, n, argv);
	if (device && manufacturer && n == 0)
		return preload_pair(c, device, manufacturer, mac_given ? &mac : NULL);
	return ctl_usage(c, "either certificate files, or --device and --manufacturer");
}
