#!/usr/bin/env python3
"""Write the seeds of the fuzz targets for base and wire: test/fuzz/make_seeds.py

Run from the root of the tree; the files it writes are kept in the repository, since
`make check` replays them.  Same program, same files.  What a search finds beyond
them goes into the same folders under a name that says what it was.
"""

import pathlib
import struct
import zlib

CORPUS = pathlib.Path("test/fuzz/corpus")
MAC = bytes.fromhex("00104babcdef")


def write(target, seeds):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        (folder / name).write_bytes(data)


def obj(kind, value, crc_fault=0):
    head = struct.pack(">HH", kind, len(value)) + value
    return head + struct.pack(">I", zlib.crc32(head) ^ crc_fault)


def blob(data):
    return struct.pack(">I", len(data)) + data


def ranged(n):
    return bytes(i & 255 for i in range(n))


KEY = bytes([1, 1]) + ranged(12) + b"c" * 40 + b"t" * 16


def tftp():
    def rrq(name, *options, mode=b"octet", op=1):
        parts = [name, mode] + [o for pair in options for o in pair]
        return struct.pack(">H", op) + b"".join(p + b"\0" for p in parts)

    name = b"CM_00_10_4b_ab_cd_ef_91_df_d4.509"
    return {
        "rrq": rrq(name),
        "rrq-options": rrq(name, (b"tsize", b"0"), (b"blksize", b"1428"),
                           (b"timeout", b"3"), (b"windowsize", b"16")),
        "rrq-limits": rrq(name, (b"blksize", b"65464"), (b"timeout", b"255"),
                          (b"tsize", b"18446744073709551615"), (b"windowsize", b"65535")),
        "rrq-out-of-range": rrq(name, (b"blksize", b"7"), (b"timeout", b"256"),
                                (b"tsize", b"18446744073709551616"), (b"windowsize", b"0")),
        "rrq-twice": rrq(name, (b"blksize", b"512"), (b"BLKSIZE", b"1024")),
        "rrq-no-nul": rrq(name)[:-1],
        "rrq-mail": rrq(name, mode=b"mail"),
        "rrq-513": rrq(b"n" * 504),
        "wrq-netascii": rrq(name, mode=b"netascii", op=2),
        "data": struct.pack(">HH", 3, 1) + ranged(512),
        "data-empty": struct.pack(">HH", 3, 65535),
        "ack": struct.pack(">HH", 4, 1),
        "ack-long": struct.pack(">HHB", 4, 1, 0),
        "error": struct.pack(">HH", 5, 1) + b"File_Name_Not_Found\0",
        "error-no-nul": struct.pack(">HH", 5, 2) + b"Authentication_Failed",
        "oack": b"\0\6blksize\0" b"1428\0tsize\0" b"2345\0",
        "oack-unknown": b"\0\6rollover\0" b"0\0",
        "opcode-7": b"\0\7",
    }


def names():
    texts = {
        "request": "CM_00_10_4b_ab_cd_ef_91_df_d4.509",
        "request-upper": "EM_00_10_4B_AB_CD_EF_91_DF_D4.509",
        "request-underscore": "CM_00_10_4b_ab_cd_ef_91_df_d4_509",
        "request-odd": "MT_00_10_4b_ab_cd_ef_91_d.509",
        "request-512": "CM_00_10_4b_ab_cd_ef" + "_5a" * 64 + ".509",
        "request-516": "CM_00_10_4b_ab_cd_ef" + "_5a" * 64 + "_5.509",
        "spaces": " CM _00_10_4b_ab_cd_ef_91_df_d4 .509 ",
        "report": "ERR07_00_10_4b_ab_cd_ef.ERR",
        "report-15": "ERR15_00_10_4b_ab_cd_ef.ERR",
        "confirm": "OK_00_10_4b_ab_cd_ef_57_9f_26.OK",
        "path": "../../etc/passwd",
        "path-behind": "CM_00_10_4b_ab_cd_ef_91_df_d4.509/../x",
        "percent": "%s%n_00_10",
        "nul": "CM_00_10_4b_ab_cd_ef\0_91_df_d4.509",
        "long": "a" * 600,
    }
    return {k: v.encode() for k, v in texts.items()}


def certfile():
    device, mfr = obj(2, b"device certificate"), obj(1, b"manufacturer certificate")
    key = obj(3, KEY)
    return {
        "three": mfr + device + key,
        "four": mfr + device + key + obj(0x8001, b"link"),
        "device-only": device,
        "no-device": mfr + key,
        "unknown": obj(4, b"?") + device,
        "skippable": obj(0x8002, b"?") + device,
        "twice": device + device,
        "crc": obj(2, b"device certificate", 1),
        "key-crc": device + obj(3, KEY, 0x80000000),
        "truncated": (mfr + device)[:-1],
        "trailing": device + b"\0",
        "past-the-end": b"\0\2\xff\xff" + ranged(20),
        "zeros": bytes(8),
    }


def certkey():
    return {"one": KEY, "least": bytes([1]) + bytes(33), "short": bytes([1]) + bytes(32),
            "version": bytes([2]) + KEY[1:]}


def ipc():
    u8, u16, u32, u64 = (struct.Struct(f).pack for f in (">B", ">H", ">I", ">Q"))
    addr = bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 1]) + u16(49153)
    serial = blob(b"J09H7CDEF")
    rc = struct.Struct(">i").pack
    cert_serial = b"\x40" + ranged(15)
    seal = ranged(32)
    messages = {
        "conf": (1, blob(b"trial/fieldcertd.conf")),
        "secret": (2, u8(2) + blob(b"1")),
        "socket": (3, u8(1) + u16(2)),
        "peer": (4, u8(1) + u16(0)),
        "start": (5, b""),
        "ready": (6, b""),
        "failed": (7, blob(b"cannot bind")),
        "ask": (32, u64(7) + MAC + b"CM" + u8(1) + addr),
        "digest": (33, u64(7) + MAC),
        "confirm": (34, u64(7) + MAC + u8(1) + addr),
        "report": (35, u64(7) + MAC + u8(2) + addr),
        "delivered": (36, MAC + u32(3) + addr),
        "counters": (37, u16(3) + u64(1) + u64(2) + u64(3)),
        "answer": (64, u64(7) + u8(0) + u32(3) + blob(obj(2, b"device"))),
        "digest-is": (65, u64(7) + u8(1) + seal),
        "table": (66, b""),
        "plan": (96, u64(9) + MAC + b"CM" + blob(b"default") + serial + cert_serial +
                 u64(1700000000) + u64(2000000000) + blob(b"spki")),
        "sign": (97, u64(9) + MAC + blob(b"issuer") + serial + blob(b"tbs") + seal + u8(1) +
                 blob(b"wrapped")),
        "wrap": (98, u64(9) + MAC + serial + u8(2) + blob(b"wrapped")),
        "issuer-load": (99, blob(b"issuer") + blob(b"cert") + blob(b"wrapped")),
        "issuer-make": (100, blob(b"issuer") + cert_serial + u64(0) + u64(1)),
        "planned": (128, u64(9) + rc(0) + blob(b"") + blob(b"tbs") + seal + blob(b"spki") +
                    blob(b"wrapped") + blob(b"issuer")),
        "signed": (129, u64(9) + rc(-1006) + blob(b"not my seal") + blob(b"") + blob(b"")),
        "wrapped": (130, u64(9) + rc(0) + blob(b"") + blob(KEY)),
        "issuer-is": (131, blob(b"issuer") + blob(b"cert")),
        "issuer-made": (132, blob(b"issuer") + rc(0) + blob(b"") + blob(b"cert") +
                        blob(b"wrapped")),
    }
    seeds = {name: u16(kind) + body for name, (kind, body) in messages.items()}
    seeds["trailing"] = seeds["ask"] + b"\0"
    seeds["verdict-4"] = u16(64) + u64(7) + u8(4) + u32(3) + blob(b"")
    seeds["blob-4g"] = u16(7) + b"\xff\xff\xff\xff"
    return seeds


def control():
    row = MAC + blob(b"CM") + blob(b"default") + blob(b"J09H7CDEF") + blob(b"spki")
    fact = blob(b"devices") + blob(b"1")
    seeds = {
        "devices": (1, b"\0" + struct.pack(">H", 2) + row + row),
        "devices-none": (1, b"\1\0\0"),
        "devices-201": (1, b"\0" + struct.pack(">H", 201)),
        "access": (2, MAC + b"\1"),
        "reset": (3, MAC),
        "preload": (4, MAC + blob(obj(2, b"device"))),
        "status": (5, b""),
        "done": (64, struct.pack(">iI", -1005, 1) + blob(b"row 1: twice")),
        "status-is": (65, struct.pack(">H", 2) + fact + fact),
    }
    return {name: struct.pack(">H", kind) + body for name, (kind, body) in seeds.items()}


def models():
    heap = b"".join(bytes([i * 7 % 256, i * 31 % 256, i]) for i in range(80))
    table = b"\5" + b"".join(bytes([i * 5 % 256, i * 11 % 256]) for i in range(120))
    ops = b"".join(bytes([i, i * 3 % 16]) for i in range(24))
    write("timerheap", {"mixed": heap, "set-and-disarm": b"\1\0\5\2\0\4\xc1\0\0\xc2\0\0"})
    write("hashtable", {"mixed": table, "insert-and-remove": b"\0\1\1\2\2\1\0\2\0"})
    write("cursor", {"mixed": ops + ranged(48), "string": b"\5\0\5\0" + b"a\0b\0",
                     "huge": b"\7\xff\0\0" + b"abcd"})


def texts():
    return {
        "mac": b"00:10:4B:AB:CD:EF", "mac-cisco": b"0010.4bab.cdef", "mac-bare": b"00104babcdef",
        "mac-mixed": b"00:10-4B:AB:CD:EF",
        "utf8": "é € 😀".encode(), "utf8-broken": b"\xe2\x82 \xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80",
        "controls": bytes(range(32)) + b'"\\\x7f\xff',
    }


def main():
    write("text", texts())
    write("tftp", tftp())
    write("name", names())
    write("certfile", certfile())
    write("certkey", certkey())
    write("ipc", ipc())
    write("control", control())
    models()


main()
