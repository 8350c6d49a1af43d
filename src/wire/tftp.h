/* TFTP packets: RFC 1350, option extension RFC 2347, blksize RFC 2348, timeout
 * and tsize RFC 2349, windowsize RFC 7440 (SPEC S1).
 *
 * Both directions: what a server reads and a client builds, and the reverse.
 * Nothing here keeps state; nothing is allocated; results point into the
 * datagram they were read from. */
#ifndef WIRE_TFTP_H
#define WIRE_TFTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cursor.h"
#include "base/writer.h"

enum tftp_opcode {
	TFTP_RRQ = 1,
	TFTP_WRQ = 2,
	TFTP_DATA = 3,
	TFTP_ACK = 4,
	TFTP_ERROR = 5,
	TFTP_OACK = 6
};

enum tftp_error {
	TFTP_EUNDEF = 0,
	TFTP_ENOTFOUND = 1,
	TFTP_EACCESS = 2,
	TFTP_EFULL = 3,
	TFTP_EBADOP = 4,
	TFTP_EBADTID = 5,
	TFTP_EEXISTS = 6,
	TFTP_ENOUSER = 7,
	TFTP_EOPTION = 8
};

enum {
	TFTP_REQUEST_MAX = 512, /* RFC 2347: a request with options is at most this */
	TFTP_BLKSIZE_DEFAULT = 512,
	TFTP_BLKSIZE_MIN = 8,
	TFTP_BLKSIZE_MAX = 65464,
	TFTP_TIMEOUT_MIN_S = 1,
	TFTP_TIMEOUT_MAX_S = 255,
	TFTP_WINDOW_MIN = 1,
	TFTP_WINDOW_MAX = 65535,
	TFTP_HEADER_LEN = 4,   /* of DATA and ACK */
	TFTP_MESSAGE_MAX = 128 /* of the text in an ERROR that we build or keep */
};

/* Options of a request or an OACK. A value that is no plain decimal number, or
 * outside its RFC's range, counts as not given in a request (the server then
 * simply does not acknowledge it), and makes an OACK malformed.  blksize above
 * the maximum of RFC 2348 is out of range, too. Of an option given twice the
 * first counts in a request; in an OACK it makes the packet malformed. */
struct tftp_options {
	bool has_blksize, has_timeout, has_tsize, has_windowsize;
	uint32_t blksize, timeout_s, windowsize;
	uint64_t tsize;
};

struct tftp_request {
	enum tftp_opcode opcode;     /* TFTP_RRQ or TFTP_WRQ */
	const char *name;            /* in the datagram, not NUL-checked beyond: */
	size_t name_len;             /* no NUL within */
	bool octet;                  /* mode "octet"; otherwise "netascii" */
	struct tftp_options options; /* unknown ones are skipped */
};

/* The opcode of a datagram, or FC_EBAD: shorter than two bytes, or none of 1-6. */
int tftp_opcode(const void *p, size_t len);

/* RRQ or WRQ.  FC_EBAD: truncated, a string without its NUL, an empty name, an
 * option name without a value; FC_EUNKNOWN: a mode that is neither octet nor
 * netascii (mail is obsolete); FC_EFULL: longer than TFTP_REQUEST_MAX. */
int tftp_parse_request(const void *p, size_t len, struct tftp_request *ret);

/* DATA: block number and payload (in the datagram). */
int tftp_parse_data(const void *p, size_t len, uint16_t *ret_block,
		    struct cur *ret_payload);

/* ACK: exactly four bytes (RFC 1350); longer is FC_EBAD. */
int tftp_parse_ack(const void *p, size_t len, uint16_t *ret_block);

/* ERROR: the text may lack its NUL (some devices' do) and is in the datagram. */
int tftp_parse_error(const void *p, size_t len, uint16_t *ret_code,
		     struct cur *ret_text);

/* OACK. FC_EBAD as above; FC_EUNKNOWN: an option that is none of the four. */
int tftp_parse_oack(const void *p, size_t len, struct tftp_options *ret);

/* Builders; ask o->full afterwards. */
void tftp_build_request(struct out *o, enum tftp_opcode opcode, const char *name,
			const struct tftp_options *options);
void tftp_build_data(struct out *o, uint16_t block, const void *p, size_t len);
void tftp_build_ack(struct out *o, uint16_t block);
void tftp_build_error(struct out *o, enum tftp_error code, const char *text);
void tftp_build_oack(struct out *o, const struct tftp_options *options);

#endif
