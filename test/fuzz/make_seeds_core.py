#!/usr/bin/env python3
"""Write the seeds of the fuzz targets for core: test/fuzz/make_seeds_core.py

Run from the root of the tree, as make_seeds.py.  A seed of `desk` is a script: a byte
that says what happens (0 datagram, 1 answer, 2 digest, 3 time), and its parameters.
"""

import pathlib
import struct

CORPUS = pathlib.Path("test/fuzz/corpus")
CM = b"CM_00_10_4b_ab_cd_ef_86_e5_46.509"
OK = b"OK_00_10_4b_ab_cd_ef_01_02_03.OK"
ERR = b"ERR09_00_10_4b_ab_cd_ef.ERR"
FILE, NOT_FOUND, DENIED, NOTED = range(4)
REQUEST_SOCKET = 16


def write(target, seeds):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        (folder / name).write_bytes(data)


def datagram(packet, who=REQUEST_SOCKET, judgement=0):
    return bytes([0, who, judgement]) + struct.pack(">H", len(packet)) + packet


def answer(which, verdict, length=0):
    tail = struct.pack(">H", length) if verdict == FILE else b""
    return bytes([1, which | verdict << 3]) + tail


def digest(which, found=1, right=1):
    return bytes([2, which | right << 6 | found << 7])


def time(ticks):
    return bytes([3, ticks])


def rrq(name, mode=b"octet", options=b"", opcode=1):
    return struct.pack(">H", opcode) + name + b"\0" + mode + b"\0" + options


def ack(block):
    return struct.pack(">HH", 4, block)


def single_port(script):
    """The target takes an even length for single-port."""
    return script + b"\x03" * (len(script) % 2)


def transfer_ports(script):
    return script + b"\x03" * ((len(script) + 1) % 2)


WINDOW = b"blksize\x00100\x00windowsize\x008\x00tsize\x000\x00timeout\x001\0"

DESK = {
    "transfer": datagram(rrq(CM)) + answer(0, FILE, 1300)
    + datagram(ack(1)) + datagram(ack(2)) + datagram(ack(3)),
    "window": datagram(rrq(CM, options=WINDOW)) + answer(0, FILE, 2900)
    + datagram(ack(0)) + datagram(ack(3)) + datagram(ack(8)) + time(100)
    + datagram(ack(29)),
    "netascii": datagram(rrq(CM, b"netascii")) + answer(0, FILE, 2000)
    + datagram(ack(1)),
    "confirm": datagram(rrq(CM)) + answer(0, FILE, 10) + datagram(rrq(OK), 17)
    + answer(1, NOTED) + datagram(ack(1), 17),
    "bound": datagram(rrq(OK), judgement=2) + digest(0) + answer(1, NOTED)
    + datagram(ack(1)),
    "bound-wrong": datagram(rrq(OK), judgement=2) + digest(0, 0, 0),
    "report": datagram(rrq(ERR), judgement=1) + datagram(ack(1))
    + datagram(rrq(ERR), 17) + answer(0, NOTED),
    "refusals": b"".join(datagram(rrq(CM), judgement=j) for j in range(3, 9))
    + datagram(rrq(CM, opcode=2)) + datagram(rrq(b"../x"))
    + datagram(rrq(CM, b"mail")) + datagram(b"\0\x05\0\0x\0") + datagram(b"\xff"),
    "silence": datagram(rrq(CM)) + time(120) + datagram(rrq(CM))
    + answer(1, NOT_FOUND) + datagram(rrq(CM)) + answer(2, DENIED),
    "repeat": datagram(rrq(CM)) * 2 + answer(0, FILE, 5) + time(60)
    + datagram(rrq(CM)) + time(255),
    "full": b"".join(datagram(rrq(CM), who) for who in range(16, 22)) + time(120),
    "error": datagram(rrq(CM)) + answer(0, FILE, 900)
    + datagram(b"\0\x05\0\x03full\0"),
    "replace": datagram(rrq(CM)) + answer(0, FILE, 900)
    + datagram(rrq(CM, options=b"blksize\x00600\0")) + answer(1, FILE, 900),
}
TIDS = datagram(rrq(CM)) + answer(0, FILE, 600) + b"".join(
    datagram(ack(block), who) for block in (1, 2) for who in (0, 32))

HEADER = 32 + 256 * 64


def over(at, data):
    return struct.pack(">H", at) + data


write("desk", {name: single_port(script) for name, script in DESK.items()})
write("desk", {"tids": transfer_ports(TIDS)})
write("devtable", {
    "header": over(0, struct.pack("<QII", 0x4643444556544231, 1 << 30, 0)),
    "cells-none": over(8, struct.pack("<I", 0)),
    "arena": over(HEADER + 64 * 16, b"\xff\x40\x06serial"),
    "about": over(HEADER + 8, struct.pack("<Q", 0xFFFFFFFF00000000)),
    "classes": over(32, b"x" * 300),
    "nothing": over(40, b""),
})
