#!/usr/bin/env python3
"""Write the seeds of the agent's fuzz targets: test/fuzz/make_seeds_agent.py

Run from the root of the tree, as make_seeds.py.  A seed of `fetch` is a script: a byte
that chooses the options, then steps (0 datagram, 1 time, 2 the deadline, 3 unreachable).
"""

import pathlib
import struct
import zlib

CORPUS = pathlib.Path("test/fuzz/corpus")
PLAIN, ALL, RESTARTS = 0, 15, 64


def write(target, seeds):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        (folder / name).write_bytes(data)


def datagram(packet, who=0):
    return bytes([0, who]) + struct.pack(">H", len(packet)) + packet


def data(block, payload, who=0):
    return datagram(struct.pack(">HH", 3, block) + payload, who)


def error(code, text=b"no", who=0):
    return datagram(struct.pack(">HH", 5, code) + text + b"\0", who)


def oack(options):
    return datagram(b"\0\6" + options)


def time(ticks):
    return bytes([1, ticks])


DEADLINE, UNREACHABLE = b"\2", b"\3"
FULL, LAST = bytes(512), b"the end"
GOOD = b"blksize\x0064\x00windowsize\x002\x00tsize\x00130\x00timeout\x001\0"

write("fetch", {
    "plain": bytes([PLAIN]) + data(1, FULL) + data(2, LAST) + data(2, LAST),
    "options": bytes([ALL]) + oack(GOOD) + data(1, bytes(64)) + data(2, bytes(64)) + data(3, b"xy"),
    "options_ignored": bytes([ALL]) + data(1, FULL) + data(2, LAST),
    "options_refused": bytes([ALL]) + error(8) + data(1, b""),
    "oack_too_much": bytes([ALL]) + oack(b"blksize\x0065464\0"),
    "oack_unknown": bytes([ALL]) + oack(b"multicast\0,,1\0"),
    "oack_unasked": bytes([PLAIN]) + oack(GOOD),
    "gap": bytes([ALL]) + oack(GOOD) + data(2, bytes(64)) + data(1, bytes(64)) + data(3, b"") + data(2, b""),
    "oversize": bytes([PLAIN]) + b"".join(data(i, FULL) for i in range(1, 8)),
    "tsize_too_big": bytes([ALL]) + oack(b"tsize\x0099999999\0"),
    "strangers": bytes([PLAIN]) + data(1, FULL) + data(2, FULL, 1) + error(2, who=2) + data(2, FULL, 16) + data(2, b""),
    "not_found": bytes([ALL]) + error(1, b"File_Name_Not_Found; retry after 90 s"),
    "rejected": bytes([PLAIN]) + error(2, b"Authentication_Failed"),
    "silence": bytes([PLAIN]) + DEADLINE * 4,
    "cut_off": bytes([PLAIN]) + data(1, FULL) + DEADLINE * 5,
    "anew": bytes([RESTARTS]) + data(1, FULL) + UNREACHABLE + data(1, FULL, 1) + error(5, who=1) + time(200) * 9,
    "longer_block": bytes([PLAIN]) + data(1, bytes(513)),
})


def record(fields):
    body = b"FCST\1" + b"".join(struct.pack(">BH", t, len(v)) + v for t, v in fields)
    return body + struct.pack(">I", zlib.crc32(body))


CODE = bytes([6]) + b"\x86\xe5\x46" + bytes(61)
SERVER = bytes(10) + b"\xff\xff\xc0\0\2\1" + bytes(4) + struct.pack(">H", 69)

write("state", {
    "empty": record([]),
    "whole": record([(1, b"device"), (2, b"manufacturer"), (3, b"link"), (4, b"key"), (5, b""), (6, CODE),
                     (7, bytes(32)), (8, SERVER)]),
    "server_alone": record([(8, SERVER)]),
    "unknown_field": record([(99, b"x")]),
    "bad_crc": record([(1, b"device")])[:-1] + b"\0",
    "cut": record([(1, b"device")])[:-6],
    "field_too_long": b"FCST\1" + struct.pack(">BH", 1, 400) + b"x" + bytes(4),
})
