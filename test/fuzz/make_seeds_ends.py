#!/usr/bin/env python3
"""Write the seeds of the fuzz targets for the ends of the channels between the
processes: test/fuzz/make_seeds_ends.py

Run from the root of the tree, like make_seeds.py.  Each seed is a script in the
target's own language; what the bytes mean stands in the target.
"""

import pathlib
import struct

CORPUS = pathlib.Path("test/fuzz/corpus")
MAC = bytes.fromhex("00104babcdef")
AS_IS = bytes(3)


def write(target, seeds):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        (folder / name).write_bytes(data)


def blob(data):
    return struct.pack(">I", len(data)) + data


def bit(where):
    return struct.pack(">BH", 1, where)


def cut(where):
    return struct.pack(">BH", 2, where)


def raw(op, message):
    return bytes([op]) + struct.pack(">H", len(message)) + message


def signer():
    def plan(class_name=2, mac=0, when=8, spki=None):
        head = bytes([0, class_name << 2 | mac, when])
        return head + (b"\x80" + spki if spki else b"\3" + b"J09")

    def sign(which=0, who=0xf, set_=1, wrapped=AS_IS, tbs=AS_IS, seal=AS_IS):
        return bytes([2, which, who, set_]) + wrapped + tbs + seal

    def wrap(which=0, who=0xf, set_=7, wrapped=AS_IS):
        return bytes([4, which, who, set_]) + wrapped

    def make(which=1):
        return bytes([5, which])

    def load(which=1, cert=AS_IS, wrapped=AS_IS):
        return bytes([6, which]) + cert + wrapped

    made = make() + plan(1, 0, 8)
    return {
        "plan-sign-wrap": plan() + sign() + wrap(),
        "seal": plan() + sign(seal=bit(7)) + sign(seal=bit(0x601f)),
        "tbs": plan() + sign(tbs=bit(40)) + sign(tbs=cut(30)) + sign(),
        "another-device": plan() + plan(mac=1) + sign(who=1) + sign(0, 2) + sign(1),
        "another-issuer": made + sign(who=0x80) + sign(who=0x90) + plan() + sign(1, 0x9f),
        "key-of-another-device": plan() + wrap(who=1) + sign(wrapped=bit(20)) + wrap(set_=9),
        "key-of-the-issuer": make() + plan() + wrap(who=0x4f) + wrap(who=0x41),
        "registered-key": plan(spki=AS_IS) + sign() + plan(spki=bit(90)) + plan(spki=cut(60)),
        "dates": b"".join(plan(when=w) for w in range(0, 64, 5)) + sign(2),
        "issuer-made": made + sign(set_=7) + make() + make(0) + make(0xd),
        "issuer-loaded": make() + load() + load(cert=bit(300)) + load(wrapped=bit(40)) + plan(1),
        "issuer-cut": make() + load(cert=cut(200)) + load(wrapped=cut(9)) + load(0) + load(3),
        "issuer-signature": make() + load(cert=bit(0x1fff)) + load(cert=bit(580)),
        "issuer-of-its-own": make() + load(5) + plan(1) + sign(),
        "issuer-with-key-of-a-device": plan() + load(9) + load(8),
        "not-to-be-said": raw(7, struct.pack(">H", 5)) + raw(7, struct.pack(">H", 6)) +
                          raw(7, struct.pack(">HQ", 33, 7) + MAC),
        "raw": raw(7, struct.pack(">HQ", 98, 1) + MAC + blob(b"J09") + b"\1" + blob(b"w")) +
               raw(7, struct.pack(">H", 99) + blob(b"made") + blob(b"c") + blob(b"")) +
               raw(7, b"\0\x60") + raw(7, b""),
    }


def registrar():
    turn, late, signer_anew, front_anew = b"\7", b"\x87", b"\x96", b"\x86"
    full = b"\x47"

    def front(what, who=0, n=1):
        return bytes([0, what, who, n])

    def planned(how=0, which=0, spoilt=3 * AS_IS, signer=0):
        return bytes([2, signer, which, how]) + spoilt

    def signed(how=0, which=0, tbs=AS_IS, cert=AS_IS, signer=1):
        return bytes([2, signer, which, how]) + tbs + cert

    def wrapped(how=0, which=0, keybox=AS_IS):
        return bytes([2, 2, which, how]) + keybox

    def issuer(how=0, cert=AS_IS, signer=3):
        return bytes([2, signer, 0, how]) + cert

    def issuer_made(how=0, cert=AS_IS, key=AS_IS):
        return bytes([2, 4, 0, how]) + cert + key

    def ctl(what, who=0):
        return bytes([4, what, who])

    def said(who, message):
        return bytes([5, who]) + struct.pack(">H", len(message)) + message

    ask, digest, confirm, report, delivered = (bytes([0, i, 0, 1]) for i in range(5))
    ready = b"\0" + issuer() + issuer(signer=0x82 + 1)
    asked = ready + ask + turn
    issued = asked + planned() + turn + signed() + turn
    with_root = b"\1" + issuer(2)
    fourth = front(0, 3)
    return {
        "issued": issued + ask + turn + delivered + confirm + late + digest,
        "same-turn": asked + planned() + turn + signed() + ask + delivered + turn,
        "asked-twice": ready + ask + ask + front(0x80 + 4) + turn + planned() + ask + turn,
        "signed-twice": issued + signed() + turn + ask + turn,
        "planned-twice": asked + planned() + planned() + turn + planned(0x80) + turn + signed(),
        "another-certificate": asked + planned() + turn + signed(cert=bit(200)) + turn + ask +
                               turn + signed(tbs=bit(60)) + turn,
        "another-device": asked + front(0, 1) + turn + planned() + planned(8, 1) + turn +
                          signed(1) + signed(1, 1) + turn,
        "another-serial-number": asked + planned() + turn + signed(tbs=bit(20)) + turn + ask + turn,
        "signature": asked + planned() + turn + signed(cert=bit(520)) + turn + ask + turn +
                     signed(cert=bit(460)) + turn,
        "disk-full-at-request": ready + ask + full + turn + ask + turn + planned() + turn,
        "disk-full-at-plan": asked + planned() + full + turn + planned() + turn + signed() + turn,
        "disk-full-at-issue": asked + planned() + turn + signed() + ask + full + ask + turn +
                              signed() + ask + turn,
        "disk-full-at-issuer": with_root + full + turn + issuer_made() + full + turn +
                               issuer_made() + turn + ask + turn,
        "disk-full-at-confirmation": issued + ask + turn + delivered + confirm + b"\xc7" + late,
        "one-key-for-two": asked + front(0, 1) + turn + planned(1) + planned(1, 1) + turn +
                           signed() + signed(0, 1) + turn,
        "seal-refused": asked + 4 * (planned() + turn + signed(16) + turn),
        "refused": asked + planned(17) + turn + ask + turn + planned() + turn + signed(8) + turn,
        "key-lost": asked + planned() + turn + signed(32) + turn + ask + turn + planned(32),
        "plan-incomplete": asked + planned(0, 0, cut(0) + 2 * AS_IS) + turn + ask + turn +
                           planned(0, 0, AS_IS + cut(0) + AS_IS) + turn,
        "plan-of-another-issuer": asked + planned(64) + turn + signed() + turn,
        "another-set": issued + front(0, 0, 7) + turn + wrapped() + ask + turn + wrapped(16) +
                       front(0, 0, 7) + turn,
        "reset": issued + ctl(2) + ask + turn + planned() + turn + ctl(2) + signed() + turn +
                 ask + turn + planned() + turn + signed() + turn + ask + turn,
        "denied": asked + ctl(1, 0x80) + planned() + turn + ask + turn + ctl(1) + ask + turn,
        "signer-restarts": asked + 4 * (signer_anew + issuer() + turn) + ask + turn + planned() +
                           turn + signer_anew + issuer() + turn + signed() + turn,
        "front-restarts": ready + ask + confirm + front_anew + late + report + front_anew + turn,
        "issuer-made": with_root + turn + issuer_made() + turn + ask + turn + planned() + turn +
                       signed() + turn,
        "issuer-made-badly": with_root + turn + issuer_made(0, bit(9), cut(0)) + turn +
                             signer_anew + issuer(2) + turn + issuer_made(16) + issuer_made(64),
        "issuer-changes": asked + planned() + turn + issuer(1) + signed() + turn + issuer(0, bit(3)),
        "issuer-fails": with_root + turn + issuer_made() + turn + issuer(2) + turn + ask + turn,
        "reported": issued + ask + turn + report + late + front(3, 0, 0) + late + confirm + late,
        "confirmed-early": ready + confirm + late + ask + front(2, 2) + late + front(4, 0, 9),
        "registered": ready + ctl(0, 0x40) + ctl(0x23, 0xc0) + ctl(0x23, 0x43) + ctl(0x41, 0x43) +
                      fourth + turn + planned() + turn + signed() + turn + ctl(0, 0x83) + ctl(4),
        "preloaded": ready + ctl(3) + ask + turn + ctl(3) + ctl(0x23, 1) + ctl(3, 1) + ctl(2) +
                     ctl(0x43) + ask + turn,
        "preloaded-meanwhile": asked + ctl(0x23) + planned() + turn + ask + turn + front(0, 1) +
                               turn + planned() + turn + ctl(0x43, 1) + signed() + turn,
        "preloaded-wrong": ready + ctl(3, 0x20) + ctl(3, 0x40) + ctl(3, 3) + ask + turn,
        "counters": ready + front(5, 0, 64) + front(5, 0, 3) + front_anew + ctl(4),
        "unknown-device": ready + front(0, 3) + front(1, 3) + front(2, 3) + front(3, 3) +
                          front(4, 3) + late,
        "not-to-be-said": ready + said(0, struct.pack(">H", 5)) + said(2, struct.pack(">H", 66)) +
                          said(2, struct.pack(">HQ", 33, 7) + MAC) + said(1, b"\0") + ask + turn,
        "control-raw": ready + said(8, b"\0\5") + said(8, b"\0\x40") + said(8, b"\0\3" + MAC),
    }


def front():
    def request(kind=0, who=0, sender=16, wrong=0):
        # kind + 3 k has the device in bits 2 and 3
        what = next(i for i in range(64) if i % 3 == kind and i >> 2 == who)
        return bytes([0, what | wrong, sender])

    def ack(block, sender=0):
        return bytes([1, sender, block])

    def answer(verdict=0, epoch=1, length=200, which=0):
        head = bytes([3, which | verdict << 2, epoch])
        return head + (bytes([length]) if verdict == 0 else b"")

    def datagram(data, sender=16):
        return bytes([2, sender, len(data)]) + data

    def digest_is(found=0x80, which=0):
        return bytes([4, which | found])

    def table(how, rest=b""):
        return bytes([5, how]) + rest

    def change(at, byte):
        return bytes([6]) + struct.pack(">HB", at, byte)

    def message(data):
        return bytes([7, len(data)]) + data

    def wait(fifties):
        return bytes([0x80 | fifties])

    fetched = request() + answer() + ack(1) + ack(2)
    return {
        "fetched": fetched + request(1, 0, 17) + answer(3, which=1) + ack(1, 1) + wait(20),
        "windows": request(0, 0, 48) + answer(0, 2, 250) + ack(0) + ack(4) + ack(8) + wait(20),
        "wrong-code": request(0, 0, 16, 128) + request(1, 0, 16, 128) + request(0, 3) + wait(2),
        "another-type": request(0, 0, 16, 64) + request(0, 1) + answer(2) + wait(2),
        "bound": request(0, 1) + answer() + request(1, 1, 17) + digest_is(which=1) +
                 answer(3, which=2) + request(1, 1, 18) + digest_is(0, 3),
        "bound-wrong": request(1, 1) + bytes([4, 0x84]) + wait(50),
        "report": request(2) + answer(3) + request(2, 3) + request(2, 1, 17) + answer(0),
        "truncated": request(0, 0, 80) + datagram(b"\0\1x\0octet\0") + datagram(b"\0\2x\0octet\0"),
        "stray": datagram(b"\0\4\0\1", 0) + datagram(b"\0\5\0\1x\0", 1) + datagram(b"\0\7"),
        "refused": request() + answer(1) + request(0, 2, 17) + answer(2, which=1) + answer(1),
        "answers-too-late": request() + wait(127) + answer() + digest_is(),
        "answers-nobody-asked-for": answer() + answer(3) + digest_is() + answer(2, which=0x81),
        "answered-amiss": request() + answer(3) + request(1, 0, 17) + answer(0, which=1) +
                          request(2, 0, 18) + answer(2, which=2) + digest_is(),
        "full": b"".join(request(k % 3, k % 2, 16 + s) for k in range(3) for s in range(8)) +
                answer() + wait(60),
        "given-up": request() + answer() + 6 * wait(127),
        "table-again": table(0) + fetched + table(6) + request(1, 0, 17),
        "table-spoilt": b"".join(table(0xf1, struct.pack(">H", at) + b"\xff" * 15) + request() +
                                 request(0, 1, 17) for at in range(0, 400, 24)),
        "table-short": b"".join(table(2, struct.pack(">H", n)) for n in (0, 1, 7, 8, 63, 64, 200)),
        "table-not-sealed": table(3) + request() + answer(),
        "table-without-descriptor": table(4) + table(5) + request() + answer(),
        "table-changes": request() + b"".join(change(at, 255) + request(0, at % 3, 17)
                                              for at in range(0, 480, 7)),
        "not-to-be-said": message(struct.pack(">H", 5)) + message(struct.pack(">HQ", 33, 7) + MAC) +
                          message(b"\0\x40") + message(b"\0\x42") + request() + answer(),
    }


def child():
    def conf(which=0, rest=b"", how=7):
        return bytes([0, how, which]) + rest

    def secret(kind=0, name=3, which=1, rest=b"\6secret", refuse=0):
        # what % 6 is 1 in both
        return bytes([67 if refuse else 1, kind << 3 | name, which]) + rest

    def socket(how=0, which=3):
        return bytes([2, how, which])

    def peer(how=0, which=3):
        return bytes([3, how, which])

    def start(fails=False, which=4):
        # what % 6 is 4 in both
        return bytes([130 if fails else 4, 0, which])

    def other(message, which=4):
        return bytes([5, 0, 0, len(message), which]) + message

    whole = conf() + secret() + socket() + socket(1) + peer(1) + start()
    text = b"secrets \"one\" {"
    return {
        "start": b"\0" + whole,
        "reload": b"\0" + whole + conf() + secret(2) + peer(2) + start() + peer(1),
        "reload-fails": b"\0" + whole + conf() + start(True) + start() + conf() + start(),
        "first-start-fails": b"\0" + conf() + start(True),
        "nothing-but-start": b"\0" + start(),
        "bad-configuration": b"\0" + whole + conf(1, bytes([len(text)]) + text) + secret() +
                             start() + conf() + start(),
        "weak-secret": b"\0" + whole + conf() + secret(refuse=1) + start() + conf() + start(),
        "secret-refused-then-configured": b"\0" + conf() + secret(refuse=1) + conf() + start(),
        "storage-key": b"\0" + conf() + secret(3, 0) + secret(7, 7, 2, b"") + start(),
        "secret-alone": b"\0" + secret() + secret(1, 1, 3, b"") + start(),
        "a-folder": b"\0" + whole + conf(2) + start() + conf(3) + start(),
        "no-descriptor": b"\0" + conf(4),
        "secret-without-descriptor": b"\0" + conf() + secret(which=4, rest=b""),
        "start-with-descriptor": b"\0" + conf() + start(which=0),
        "socket-refused": b"\0" + conf() + bytes([128, 0, 3]),
        "few-start": b"\1" + conf() + secret() + start(),
        "few-socket": b"\1" + conf() + socket(),
        "few-peer": b"\1" + conf() + peer(),
        "not-to-be-said": b"\0" + whole + other(b"\0\6"),
        "not-to-be-said-with-descriptor": b"\0" + whole + other(b"\0\x42", 0),
        "trailing": b"\0" + whole + other(b"\0\5\0"),
        "kind-too-high": b"\0" + whole + other(b"\0\2\x09\0\0\0\0", 0),
    }


def main():
    write("child", child())
    write("front", front())
    write("signer", signer())
    write("registrar", registrar())


if __name__ == "__main__":
    main()
