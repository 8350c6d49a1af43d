/* The second flash layout: five plain DER files, as older firmware reads them.
 *
 *	cm_cert.cer        device certificate
 *	cm_key_prv.bin     its private key, PKCS#8
 *	mfg_cert.cer       manufacturer certificate
 *	mfg_key_pub.bin    its public key, SubjectPublicKeyInfo
 *	root_pub_key.bin   the public key of the root that signed it
 *
 * They are a copy: the flash record is what counts, and the copy is compared with it
 * and made anew at each start.  The five are written into a fresh directory, which then
 * changes places with the old one in one step, so a power cut leaves the old five or
 * the new five.  Where the file system cannot do that (or the parent directory is not
 * ours to write) each file is replaced whole, the private key last but one and the
 * device certificate last: then a cut can leave a mixture until the next start. */
#ifndef CMD_AGENT_EXPORT_H
#define CMD_AGENT_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum export_object {
	EXPORT_ROOT_KEY,
	EXPORT_MANUFACTURER_KEY,
	EXPORT_MANUFACTURER,
	EXPORT_KEY,
	EXPORT_DEVICE,
	EXPORT_COUNT
};

struct export_set {
	struct {
		const uint8_t *p;
		size_t len;
	} object[EXPORT_COUNT];
};

/* Bring the directory up to date; *ret_changed tells whether there was anything to do.
 * 0 or -errno. */
int export_write(const char *dir, const struct export_set *set, bool *ret_changed);

#endif
