"""fieldcert-agent against the real server, and against one that lies (A1 to A9).

The files of the lying server are made by the openssl command, struct and zlib; each
error number is reached, reported, and leaves flash as it was."""

import os
import resource
import signal
import struct
import subprocess
import time

import pytest
from lib import (
    AGENT, MAC, SERIAL, confirm_name, derived, key_object_seal, lower_mac, mac_of, request_name, run,
    state, tlv, tlvs, until, x509,
)
from rogue import CutOff, Endless, Intruder, Rogue, StrangeOack

SECRETS = {
    "request": "A-first-secret-of-the-tests-0123456789",
    "confirm": "A-second-secret-of-the-tests-0123456789",
    "keybox": "A-third-secret-of-the-tests-0123456789",
}
MFR = "/C=US/O=Example Modems/OU=DOCSIS/CN=Example Modems Cable Modem Root Certificate Authority"
DEVICE = "/C=US/O=Example Modems/OU=Plant 1/CN="


# ------------------------------------------------------------ the agent under test


class Modem:
    def __init__(self, folder, server, roots, **settings):
        self.dir = folder
        folder.mkdir()
        self.flash = folder / "flash"
        self.flash.mkdir(mode=0o700)
        for which, text in SECRETS.items():
            path = folder / which
            path.write_text(text + "\n")
            path.chmod(0o600)
        lines = {
            "server": f'"{server}"',
            "flash": f'"{self.flash}"',
            "roots": "{" + ", ".join(f'"{r}"' for r in roots) + "}",
            "retry": "{0.2, 0.4, 0.8}",
            "long-wait": "30",
            "start-spread": "0",
            "jitter-percent": "0",
            "announced-min": "0.01",
            "confirm-timeouts": "{0.3, 0.6, 1.2}",
        }
        lines.update({k.replace("_", "-"): v for k, v in settings.items()})
        self.conf = folder / "agent.conf"
        self.conf.write_text(
            "".join(f"{k} = {v}\n" for k, v in lines.items())
            + 'secrets {\n\trequest = "request"\n\tconfirm = "confirm"\n\tkeybox = "keybox"\n}\n'
        )
        self.process = None
        self.output = ""

    def argv(self, *more):
        return [str(AGENT), "-c", str(self.conf), "--mac", MAC, "--serial", SERIAL, *more]

    def start(self, **how):
        self.log = open(self.dir / "agent.log", "w+b")
        self.process = subprocess.Popen(
            self.argv(), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, **how
        )
        return self

    def stop(self):
        """Its output; a crash fails the test."""
        if self.process is None:
            return self.output
        ended = self.process.poll()
        if ended is None:
            self.process.terminate()
        status = self.process.wait(10)
        self.process = None
        self.log.seek(0)
        self.output = self.log.read().decode(errors="replace")
        self.log.close()
        assert ended is None, f"the agent ended by itself, {status}:\n{self.output}"
        return self.output

    def once(self, timeout=40):
        return subprocess.run(self.argv("--once"), capture_output=True, text=True, timeout=timeout)

    def picture(self):
        """All that flash holds."""
        return {
            str(p.relative_to(self.flash)): p.read_bytes() if p.is_file() else None
            for p in sorted(self.flash.rglob("*"))
        }

    def holds(self, data):
        return any(data in b for b in self.picture().values() if b is not None)


@pytest.fixture
def modem(tmp_path):
    made = []

    def make(rogue, roots, **settings):
        m = Modem(tmp_path / f"modem{len(made)}", f"{rogue.host}:{rogue.port}", roots, **settings)
        made.append(m)
        return m

    yield make
    for m in made:
        print(m.stop())


# ------------------------------------------------------------ material, made once


class Material:
    """A good chain and all the bad ones, made on first use."""

    def __init__(self, pki):
        self.pki, self.ders = pki, {}

    def der(self, name):
        if name not in self.ders:
            self.ders[name] = getattr(self, "make_" + name)()
        return self.ders[name]

    def root_path(self, name="root"):
        self.der(name)
        return self.pki.path(name + ".pem")

    def make_root(self):
        return self.pki.make("root", "/C=US/O=Example/CN=Example Root", ca=True)

    def make_other_root(self):
        return self.pki.make("other_root", "/C=US/O=Example/CN=Another Root", ca=True)

    def make_mfr(self):
        self.der("root")
        return self.pki.make("mfr", MFR, "root", ca=True)

    def make_mfr_of_other_root(self):
        self.der("other_root")
        return self.pki.make("mfr_of_other_root", MFR, "other_root", ca=True, key="mfr")

    def make_mfr_forged(self):
        """The root's name over another key's signature."""
        self.der("root")
        return self.pki.make("mfr_forged", MFR, "root", ca=True, key="mfr", signed_by="stranger")

    def make_mfr_expired(self):
        self.der("root")
        return self.pki.make("mfr_expired", MFR, "root", ca=True, key="mfr", end="210101000000Z")

    def make_mfr_future(self):
        self.der("root")
        return self.pki.make("mfr_future", MFR, "root", ca=True, key="mfr", start="440101000000Z")

    def make_mfr_other_name(self):
        self.der("root")
        return self.pki.make("mfr_other_name", "/C=US/O=Other Modems/CN=Other", "root", ca=True, key="mfr")

    def device(self, name, **how):
        self.der("mfr")
        return self.pki.make(name, DEVICE + how.pop("mac", MAC), how.pop("issuer", "mfr"), **how)

    def make_device(self):
        # less than renew-before-days' maximum ahead, for the tests of renewal
        end = time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + 5 * 365 * 86400))
        return self.device("device", start="240101000000Z", end=end)

    def make_device_older(self):
        return self.device("device_older", key="device", start="230101000000Z")

    def make_device_newer(self):
        return self.device("device_newer", key="device", start="250101000000Z")

    def make_device_other_mac(self):
        return self.device("device_other_mac", mac=mac_of(9), key="device")

    def make_device_lower_mac_off_by_one(self):
        return self.device("device_lower_mac_off_by_one", mac="00:10:4B:AB:CD:EE", key="device")

    def make_device_other_key(self):
        return self.device("device_other_key", key="device2")

    def make_device_forged(self):
        return self.device("device_forged", key="device", signed_by="stranger")

    def make_device_expired(self):
        return self.device("device_expired", key="device", end="210101000000Z")

    def make_device_future(self):
        return self.device("device_future", key="device", start="440101000000Z")

    def make_device_other_issuer(self):
        self.der("mfr_other_name")
        return self.pki.make("device_other_issuer", DEVICE + MAC, "mfr_other_name", key="device")

    def key_value(self, name="device", **how):
        self.pki.key(name)
        return key_object_seal(self.pki.pkcs8(name), SECRETS["keybox"], **how)

    def file(self, mfr="mfr", device="device", key="device"):
        return (
            (tlv(1, self.der(mfr)) if mfr else b"")
            + (tlv(2, self.der(device)) if device else b"")
            + (tlv(3, self.key_value(key)) if key else b"")
        )


@pytest.fixture(scope="session")
def material(pki):
    return Material(pki)


def broken_crc(data, at):
    """The object's CRC with one bit turned over; at: offset of its header."""
    length = struct.unpack(">H", data[at + 2 : at + 4])[0]
    end = at + 4 + length
    return data[: end + 3] + bytes([data[end + 3] ^ 1]) + data[end + 4 :]


def offsets(data):
    found, at = [], 0
    while at < len(data):
        found.append(at)
        at += 8 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return found


CASES = {
    # name: (number, settings, file)
    "error 02 another modem's certificate": (2, {}, lambda m: m.file(device="device_other_mac")),
    "error 02 a MAC that differs in one digit": (2, {}, lambda m: m.file(device="device_lower_mac_off_by_one")),
    "error 03 key is not the stored one": (
        3, {"key": "device"}, lambda m: m.file(device="device_other_key", key=None)),
    "error 04 no pair": (4, {}, lambda m: m.file(key="device2")),
    "error 05 device certificate's CRC": (5, {}, lambda m: broken_crc(m.file(), offsets(m.file())[1])),
    "error 05 manufacturer certificate's CRC": (5, {}, lambda m: broken_crc(m.file(), 0)),
    "error 05 a byte of the certificate": (5, {}, lambda m: flip(m.file(), 900 + 300)),
    "error 05 truncated": (5, {}, lambda m: m.file()[:-7]),
    "error 05 truncated in a header": (5, {}, lambda m: m.file() + b"\0\3\0"),
    "error 05 a length past the end": (5, {}, lambda m: m.file() + struct.pack(">HH", 3, 9000) + bytes(10)),
    "error 05 trailing bytes": (5, {}, lambda m: m.file() + b"\0"),
    "error 06 private key's CRC": (6, {}, lambda m: broken_crc(*(lambda f: (f, offsets(f)[2]))(m.file()))),
    "error 07 no device certificate": (7, {}, lambda m: m.file(device=None)),
    "error 07 empty file": (7, {}, lambda m: b""),
    "error 07 device certificate is no DER": (7, {}, lambda m: tlv(1, m.der("mfr")) + tlv(2, b"\x30\x03abc")),
    "error 07 bytes behind the certificate": (
        7, {}, lambda m: tlv(1, m.der("mfr")) + tlv(2, m.der("device") + b"\0") + tlv(3, m.key_value())),
    "error 08 unknown type": (8, {}, lambda m: m.file() + tlv(7, b"x")),
    "error 08 before 07": (8, {}, lambda m: tlv(1, m.der("mfr")) + tlv(0x7FFF, b"x")),
    "error 08 twice the same": (8, {}, lambda m: m.file() + tlv(2, m.der("device"))),
    "error 08 over 16 KiB": (8, {}, lambda m: m.file() + tlv(0x9000, bytes(16 * 1024))),
    "error 09 device certificate's signature": (9, {}, lambda m: m.file(device="device_forged")),
    "error 09 manufacturer certificate's signature": (9, {}, lambda m: m.file(mfr="mfr_forged")),
    "error 09 device certificate has run out": (9, {}, lambda m: m.file(device="device_expired")),
    "error 09 device certificate is not valid yet": (9, {}, lambda m: m.file(device="device_future")),
    "error 10 issuer is not the manufacturer": (10, {}, lambda m: m.file(device="device_other_issuer")),
    "error 10 issuer is not a root held": (10, {}, lambda m: m.file(mfr="mfr_of_other_root")),
    "error 12 inner CRC": (
        12, {}, lambda m: m.file(key=None) + tlv(3, m.key_value(inner_crc=0x12345678))),
    "error 12 sealed for another MAC": (12, {}, lambda m: m.file(key=None) + tlv(3, m.key_value(mac=mac_of(9)))),
    "error 12 sealed for another serial number": (
        12, {}, lambda m: m.file(key=None) + tlv(3, m.key_value(serial="OTHER"))),
    "error 12 tag": (12, {}, lambda m: m.file(key=None) + tlv(3, flip(m.key_value(), -1))),
    "error 12 ciphertext": (12, {}, lambda m: m.file(key=None) + tlv(3, flip(m.key_value(), 400))),
    "error 12 nonce": (12, {}, lambda m: m.file(key=None) + tlv(3, flip(m.key_value(), 5))),
    "error 12 set is part of what the tag covers": (
        12, {}, lambda m: m.file(key=None) + tlv(3, flip(m.key_value(), 1))),
    "error 13 name is not a predetermined one": (
        13, {"manufacturer_names": '{"C=US, O=Nobody, CN=Nobody"}'}, lambda m: m.file()),
    "error 13 no manufacturer certificate": (13, {}, lambda m: m.file(mfr=None)),
    "error 13 manufacturer certificate is no DER": (
        13, {}, lambda m: tlv(1, b"\x30\x82\xff\xff") + tlv(2, m.der("device")) + tlv(3, m.key_value())),
    "error 13 manufacturer certificate has run out": (13, {}, lambda m: m.file(mfr="mfr_expired")),
    "error 13 manufacturer certificate is not valid yet": (13, {}, lambda m: m.file(mfr="mfr_future")),
    "error 14 manufacturer key is not a stored one": (14, {"manufacturer_keys": "stranger"}, lambda m: m.file()),
}


def flip(data, at):
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def settings_of(material, settings):
    out = dict(settings)
    if "key" in out:
        out["key"] = '"%s"' % material.pki.key(out["key"])
    if "manufacturer_keys" in out:
        path = material.pki.path("stored.pub")
        path.write_bytes(material.pki.spki(out["manufacturer_keys"], "PEM"))
        out["manufacturer_keys"] = '{"%s"}' % path
    return out


@pytest.mark.parametrize("case", CASES)
def test_error(material, modem, case):
    """error 02 to 10 and 12 to 14: ERRnn is sent, no OK, flash as it was."""
    number, settings, make = CASES[case]
    with Rogue(make(material)) as rogue:
        m = modem(rogue, [material.root_path()], **settings_of(material, settings))
        before = m.picture()
        m.start()
        until(lambda: rogue.reports(), 15, "a report")
        time.sleep(0.2)
        output = m.stop()
        assert rogue.reports() == [number], output
        assert f"ERR{number:02d}_{lower_mac(MAC)}.ERR" in rogue.names
        assert rogue.confirmations() == []
        after = m.picture()
        assert not m.holds(b"BEGIN") and not m.holds(material.der("mfr")), after.keys()
        assert {k: v for k, v in after.items() if v} == {k: v for k, v in before.items() if v}


@pytest.mark.fast
def test_good_file_is_installed_and_confirmed(material, modem):
    """A7, A8: the very harness of the errors, with nothing wrong."""
    with Rogue(material.file()) as rogue:
        m = modem(rogue, [material.root_path()])
        done = m.once()
        assert done.returncode == 0, done.stdout + done.stderr
        assert rogue.reports() == []
        name = request_name(SECRETS["request"])
        assert rogue.names[0] == name
        yy = name.split(lower_mac(MAC) + "_")[1][:-4].replace("_", "")
        assert rogue.names[-1] == confirm_name(SECRETS["confirm"], yy)
        assert m.holds(material.der("device")) and m.holds(material.der("mfr"))
        asked = len(rogue.names)
        assert m.once().returncode == 0
        assert len(rogue.names) == asked, "A1: a good certificate in flash: rest"


def test_names_and_keys_that_are_right(material, modem):
    """error 13 and 14 do not come where name and key are the ones that are known."""
    subject = "C=US, O=Example Modems, OU=DOCSIS, CN=Example Modems Cable Modem Root Certificate Authority"
    keys = settings_of(material, {"manufacturer_keys": "mfr"})
    with Rogue(material.file()) as rogue:
        m = modem(rogue, [material.root_path()], manufacturer_names='{"C=US, O=Nobody", "%s"}' % subject, **keys)
        done = m.once()
        assert done.returncode == 0, done.stdout + done.stderr


def test_registered_key_needs_no_key_object(material, modem):
    """A5: the public key equals the installed one and fits the installed private key."""
    with Rogue(material.file(key=None)) as rogue:
        m = modem(rogue, [material.root_path()], **settings_of(material, {"key": "device"}))
        done = m.once()
        assert done.returncode == 0, done.stdout + done.stderr


def test_unknown_object_with_top_bit_is_skipped(material, modem):
    """F2"""
    with Rogue(material.file() + tlv(0xABCD, b"of a later version")) as rogue:
        assert modem(rogue, [material.root_path()]).once().returncode == 0


def install(material, rogue, m):
    rogue.content = material.file()
    done = m.once()
    assert done.returncode == 0, done.stdout + done.stderr
    return m.picture()


def test_rollback_is_refused(material, modem):
    """error 09: older than the installed one; the old state stays, whole."""
    with Rogue(b"") as rogue:
        m = modem(rogue, [material.root_path()])
        before = install(material, rogue, m)
        # from now on it counts as near its end, so that the modem asks
        m.conf.write_text("renew-before-days = 3650\n" + m.conf.read_text())
        rogue.content = material.file(device="device_older")
        m.start()
        until(lambda: rogue.reports(), 15, "a report")
        m.stop()
        assert rogue.reports() == [9]
        assert m.picture() == before
        rogue.content = material.file(device="device_newer")
        m.start()
        until(lambda: m.holds(material.der("device_newer")), 15, "the newer one")


@pytest.mark.parametrize("case", ["error 02 another modem's certificate", "error 05 truncated", "error 04 no pair"])
def test_error_leaves_the_installed_certificate(material, modem, case):
    """A7: whatever fails, the old state stays, whole."""
    with Rogue(b"") as rogue:
        m = modem(rogue, [material.root_path()])
        before = install(material, rogue, m)
        m.conf.write_text("renew-before-days = 3650\n" + m.conf.read_text())
        rogue.content = CASES[case][2](material)
        m.start()
        until(lambda: rogue.reports(), 15, "a report")
        m.stop()
        assert rogue.reports() == [CASES[case][0]]
        assert m.picture() == before


def test_flash_that_cannot_be_written(material, modem):
    """error 11, by a limit on the size of files."""
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    with Rogue(material.file()) as rogue:
        m = modem(rogue, [material.root_path()])
        process = subprocess.Popen(
            m.argv(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=limited, restore_signals=False,
        )
        try:
            until(lambda: rogue.reports(), 15, "a report")
        finally:
            process.terminate()
            output = process.communicate(timeout=10)[0].decode()
        assert rogue.reports() == [11], output
        assert not m.holds(material.der("mfr"))


def test_transfer_cut_off(material, modem):
    """error 01"""
    with Rogue(lambda name: CutOff(material.file()) if name.endswith(".509") else b"") as rogue:
        m = modem(rogue, [material.root_path()], blksize="512", windowsize="0")
        m.start()
        until(lambda: rogue.reports(), 90, "a report")
        m.stop()
        assert rogue.reports()[0] == 1
        assert not m.holds(material.der("mfr"))


# ------------------------------------------------------------ a server that misbehaves


def test_endless_transfer(material, modem):
    """Not taken beyond the limit of F3; error 08."""
    endless = Endless()
    with Rogue(lambda name: endless if name.endswith(".509") else b"") as rogue:
        m = modem(rogue, [material.root_path()])
        m.start()
        until(lambda: rogue.reports(), 30, "a report")
        m.stop()
        assert rogue.reports() == [8]
        assert endless.taken <= 17 * 1024, endless.taken


@pytest.mark.parametrize("payload", [
    b"windowsize\x0064\0", b"blksize\x0065464\0", b"tsize\0" b"99999999\0", b"multicast\0,,1\0", b"blksize\0",
    b"blksize\0abc\0", b"blksize\0" b"0\0", b"\0\0", b"", b"blksize\x00512",
], ids=repr)
def test_oack_that_was_not_asked_for(material, modem, payload):
    """The agent refuses it and goes on with its schedule."""
    strange = StrangeOack(payload)
    with Rogue(lambda name: strange if name.endswith(".509") else b"") as rogue:
        m = modem(rogue, [material.root_path()], blksize="512", windowsize="0")
        m.start()
        until(lambda: len(rogue.asked()) >= 1 and (strange.answer or len(rogue.asked()) >= 2), 20, "a reaction")
        time.sleep(0.2)
        m.stop()
        opcode = strange.answer[:2]
        accepted_tsize = payload.startswith(b"tsize") and opcode in (b"\0\4", b"\0\5", b"")
        assert opcode in (b"\0\5", b"") or accepted_tsize, strange.answer
        assert not m.holds(material.der("mfr"))


def test_wrong_tid(material, modem):
    """Blocks from another port get ERROR 5 and change nothing."""
    intruder = Intruder(material.file(), bytes(512))
    with Rogue(lambda name: intruder if name.endswith(".509") else b"") as rogue:
        m = modem(rogue, [material.root_path()], blksize="512", windowsize="0")
        done = m.once()
        assert done.returncode == 0, done.stdout + done.stderr
        assert m.holds(material.der("device"))
        assert any(e[:4] == b"\0\5\0\5" for e in intruder.errors), intruder.errors


def test_schedule(material, modem):
    """A4: not found: after retry[0], [1], [2]; then the long wait."""
    with Rogue(1) as rogue:
        m = modem(rogue, [material.root_path()], retry="{0.3, 0.6, 1.2}", long_wait="4")
        m.start()
        until(lambda: len(rogue.asked()) >= 5, 20, "five requests")
        m.stop()
        gaps = [b - a for a, b in zip(rogue.times, rogue.times[1:])]
        for gap, wanted in zip(gaps, (0.3, 0.6, 1.2, 4)):
            assert wanted - 0.05 <= gap <= wanted + 0.6, gaps
        assert rogue.reports() == []


def test_rejection_is_the_long_wait(material, modem):
    """A4: ERROR 2: no second request for a long time."""
    with Rogue(2) as rogue:
        m = modem(rogue, [material.root_path()])
        m.start()
        until(lambda: rogue.asked(), 10, "a request")
        time.sleep(3)
        m.stop()
        assert len(rogue.asked()) == 1 and rogue.reports() == []


def test_confirmation_unanswered(material, modem):
    """A8: up to four times; and again after the next start."""
    with Rogue(lambda name: None if name.startswith("OK_") else material.file()) as rogue:
        m = modem(rogue, [material.root_path()])
        m.start()
        until(lambda: len(rogue.confirmations()) >= 4, 15, "four confirmations")
        time.sleep(2)
        assert len(rogue.confirmations()) == 4
        m.stop()
        assert m.holds(material.der("device"))
        m.start()
        until(lambda: len(rogue.confirmations()) >= 5, 10, "once more after the start")
        assert len(rogue.asked()) == 1, "the file is not fetched again"


# ------------------------------------------------------------ the real server


def agent_of(server, folder, mac=MAC, serial=SERIAL, *more):
    return [str(AGENT), "-c", str(folder / "agent.conf"), "--mac", mac, "--serial", serial, *more]


@pytest.mark.fast
def test_whole_life(server):
    """Boot, refused, asks again, receives, installs, confirms; restarts and rests."""
    done = run(*agent_of(server, server.dir, MAC, SERIAL, "--once"), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert state(server) == "confirmed"
    kinds = [k for (k,) in server.query("select kind from events order by id")]
    assert kinds.index("issued") < kinds.index("delivered") < kinds.index("confirmed"), kinds
    requests = server.query("select requests from devices")
    again = run(*agent_of(server, server.dir, MAC, SERIAL, "--once"), check=False)
    assert again.returncode == 0
    assert server.query("select requests from devices") == requests


def test_whole_life_with_derived_secrets(make_server):
    server = make_server(secrets="derived")
    done = run(*agent_of(server, server.dir, MAC, SERIAL, "--once"), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert state(server) == "confirmed"


def test_wrong_secret(server):
    """Rejected, and it costs the CA nothing."""
    conf = server.dir / "agent.conf"
    text = conf.read_text()
    wrong = server.dir / "secrets/wrong"
    wrong.write_text("not the secret at all, but long enough 0123456789\n")
    wrong.chmod(0o600)
    assert "secrets/request" in text
    conf.write_text(text.replace("secrets/request", "secrets/wrong"))
    process = subprocess.Popen(agent_of(server, server.dir), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        time.sleep(3)
    finally:
        process.terminate()
        output = process.communicate(timeout=10)[0].decode()
    assert server.certificates() == 0, output
    assert state(server) == "registered"
    assert server.query("select count(*) from queue") == [(0,)]


def test_export_of_five_objects(material, modem, tmp_path):
    """The second flash layout: five plain DER files."""
    target = tmp_path / "five"
    target.mkdir()
    with Rogue(material.file()) as rogue:
        m = modem(rogue, [material.root_path()], export=f'"{target}"')
        done = m.once()
        assert done.returncode == 0, done.stdout + done.stderr
    files = {p.name: p.read_bytes() for p in target.iterdir()}
    assert len(files) == 5, files.keys()
    contents = set(files.values())
    assert material.der("device") in contents and material.der("mfr") in contents
    assert material.pki.pkcs8("device") in contents
    for name, data in files.items():
        run("openssl", "asn1parse", "-inform", "DER", input=data, text=False)
