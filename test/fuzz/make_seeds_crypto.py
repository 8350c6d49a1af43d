#!/usr/bin/env python3
"""Write the seeds of the fuzz targets for crypto: test/fuzz/make_seeds_crypto.py

Run from the root of the tree, like make_seeds.py; the certificates are those of
test/vector/chain.h.
"""

import base64
import pathlib
import re
import struct
import zlib

CORPUS = pathlib.Path("test/fuzz/corpus")
FILE, MANUFACTURER, DEVICE, KEY, PKCS8, LINK, LISTS, NO_CLOCK = (1 << i for i in range(8))


def arrays():
    text = pathlib.Path(__file__).parent.parent.joinpath("vector/chain.h").read_text()
    found = re.findall(r"chain_(\w+)\[\] = \{(.*?)\}", text, re.S)
    return {name: bytes(int(x, 16) for x in re.findall(r"0x(..)", body)) for name, body in found}


def write(target, seeds):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        (folder / name).write_bytes(data)


def part(data):
    return struct.pack(">H", len(data)) + data


def obj(kind, value):
    head = struct.pack(">HH", kind, len(value)) + value
    return head + struct.pack(">I", zlib.crc32(head))


def x509check(c):
    m, d, p = c["manufacturer"], c["device"], c["device_pkcs8"]
    both = MANUFACTURER | DEVICE
    broken = d[:-1] + bytes([d[-1] ^ 1])
    return {
        "good-installed-key": bytes([both]) + part(m) + part(d),
        "good-pkcs8": bytes([both | PKCS8 | LISTS]) + part(m) + part(d) + part(p),
        "good-file": bytes([FILE]) + obj(1, m) + obj(2, d),
        "device-alone": bytes([DEVICE | NO_CLOCK]) + part(d),
        "key-object": bytes([both | KEY]) + part(m) + part(d) + part(b"\1\1" + b"k" * 60),
        "link": bytes([both | LINK]) + part(m) + part(d) + part(m),
        "root-as-manufacturer": bytes([both]) + part(c["root"]) + part(d),
        "device-as-manufacturer": bytes([both]) + part(d) + part(d),
        "signature": bytes([both]) + part(m) + part(broken),
        "not-der": bytes([both]) + part(m) + part(b"\x30\x80"),
        "pkcs8-not-der": bytes([both | PKCS8]) + part(m) + part(d) + part(b"\x30\x00"),
        "crc": bytes([FILE]) + obj(1, m)[:-1] + b"\0" + obj(2, d),
        "empty-file": bytes([FILE]),
    }


def pem(label, der):
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n".encode()


def spki_of(der):
    """The P-256 SubjectPublicKeyInfo in a certificate."""
    at = der.index(bytes.fromhex("3059301306072a8648ce3d0201"))
    return der[at:at + 91]


def rsa_of(der):
    """The RSA-1024 SubjectPublicKeyInfo in a certificate."""
    at = der.index(bytes.fromhex("30819f300d06092a864886f70d010101"))
    return der[at:at + 162]


def main():
    c = arrays()
    rsa, ec = rsa_of(c["manufacturer"]), spki_of(c["device"])
    write("x509check", x509check(c))
    write("x509facts", {
        "root": c["root"],
        "device": c["device"],
        "pem": b"text before\n" + pem("CERTIFICATE", c["device"]),
        "trailing": c["device"] + b"\0",
    })
    write("publickey", {
        "rsa": rsa,
        "rsa-bare": rsa[22:],
        "rsa-base64": base64.b64encode(rsa[22:]),
        "rsa-pem": pem("PUBLIC KEY", rsa),
        "rsa-bare-pem": pem("RSA PUBLIC KEY", rsa[22:]),
        "ec": ec,
        "ec-base64": base64.encodebytes(ec),
        "ec-off-curve": ec[:-1] + bytes([ec[-1] ^ 1]),
        "rsa-even": rsa[:-1] + b"\0",
    })
    write("secretset", {
        "shared": b"\0the secret\n",
        "derived": b"\1master secret\r\n",
        "device": b"\x02# comment\n\n00:10:4B:AB:CD:EF first\n0010.4bab.cdee\tsecond\r\n",
        "twice": b"\x0200:10:4B:AB:CD:EF a\n00104babcdef b\n",
        "no-secret": b"\x0200:10:4B:AB:CD:EF \n",
        "no-mac": b"\x02secret\n",
        "empty": b"\0\n",
    })


if __name__ == "__main__":
    main()
