/* The certificate file: type-length-value objects, each with a CRC (SPEC
 * section 3, F1 to F3).
 *
 *	type 2, length 2 (of the value), value, crc 4   -- big-endian
 *	crc: CRC-32 over type, length and value
 *
 * The parser judges structure alone and reports by the rules of SPEC section 6:
 * it returns the device's error number.  Nothing is decoded inside a value. */
#ifndef WIRE_CERTFILE_H
#define WIRE_CERTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cursor.h"
#include "base/writer.h"

enum certfile_type {
	CERTFILE_MANUFACTURER = 0x0001, /* DER certificate */
	CERTFILE_DEVICE = 0x0002,       /* DER certificate */
	CERTFILE_KEY = 0x0003,          /* encrypted private key, see certkey below */
	CERTFILE_LINK = 0x8001          /* DER certificate */
};

enum {
	CERTFILE_MAX = 16 * 1024,    /* F3 */
	CERTFILE_SKIPPABLE = 0x8000, /* F2 */
	CERTFILE_OVERHEAD = 8        /* bytes an object needs beside its value */
};

/* The error numbers of SPEC section 6, as sent in ERRnn names. */
enum device_error {
	DEVICE_OK = 0,
	DEVICE_ETIMEOUT = 1,
	DEVICE_EMAC = 2,
	DEVICE_EPUBLIC_KEY = 3,
	DEVICE_EPAIR = 4,
	DEVICE_ECERT_CRC = 5,
	DEVICE_EKEY_CRC = 6,
	DEVICE_ENO_CERT = 7,
	DEVICE_EUNKNOWN_TYPE = 8,
	DEVICE_ESIGNATURE = 9,
	DEVICE_EISSUER = 10,
	DEVICE_EFLASH = 11,
	DEVICE_EKEY_INNER = 12,
	DEVICE_EMFR_NAME = 13,
	DEVICE_EMFR_KEY = 14
};

/* One object's place in the file; present == false: it was not there. */
struct certfile_part {
	bool present;
	const uint8_t *value;
	size_t len;
};

struct certfile {
	struct certfile_part manufacturer, device, key, link;
};

/* What is wrong with a file, beyond its number: for logs and `file show`. */
struct certfile_fault {
	size_t offset;    /* of the object at fault */
	uint16_t type;    /* as read; 0 where there was none to read */
	const char *what; /* static text */
};

/* DEVICE_OK or the number of the first failure in the order of section 6:
 *   structure of the whole file (08 over CERTFILE_MAX; 05 truncated object or
 *   length past the end, whatever its type), then all CRCs (05; 06 for the key
 *   object), then all types (08 unknown or duplicate), at last 07 (no 0x0002
 *   object); within each step the first object at fault (A5).
 * *ret points into p and is written on DEVICE_OK only; *ret_fault on failure
 * (may be NULL). */
enum device_error certfile_parse(const void *p, size_t len, struct certfile *ret,
				 struct certfile_fault *ret_fault);

/* Append one object. */
void certfile_put(struct out *o, enum certfile_type type, const void *value,
		  size_t len);

/* The value of the private key object (F1). */
enum {
	CERTKEY_VERSION = 1,
	CERTKEY_NONCE_LEN = 12,
	CERTKEY_TAG_LEN = 16,
	CERTKEY_OVERHEAD = 1 + 1 + CERTKEY_NONCE_LEN + CERTKEY_TAG_LEN,
	CERTKEY_INNER_CRC_LEN = 4
};

struct certkey {
	uint8_t version, set;
	const uint8_t *nonce;      /* CERTKEY_NONCE_LEN */
	const uint8_t *ciphertext; /* plaintext: inner crc 4, PKCS#8 DER */
	size_t ciphertext_len;
	const uint8_t *tag; /* CERTKEY_TAG_LEN */
};

/* FC_EBAD: too short; FC_EUNKNOWN: another version. */
int certkey_parse(const void *p, size_t len, struct certkey *ret);
void certkey_build(struct out *o, const struct certkey *k);

/* "02 MAC mismatch", …: SPEC section 6's table, one line for a number 1..14. */
const char *device_error_text(unsigned number);

#endif
