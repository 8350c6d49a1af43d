"""What the scenarios share: a server of one's own, names by `openssl dgst`, a TFTP
client made of bare datagrams, certificate files taken apart and put together.

Nothing here is computed by fieldcert's own code: digests, certificates and keys
come from the openssl command, AES-GCM from libcrypto itself."""

import atexit
import ctypes
import hashlib
import hmac
import os
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import time
import zlib
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("FIELDCERT_BIN", ROOT / "build/release/bin"))
SERVER = BIN / "fieldcertd"
CTL = BIN / "fieldcertctl"
AGENT = BIN / "fieldcert-agent"

MAC = "00:10:4B:AB:CD:EF"
SERIAL = "J09H7CDEF"

NOT_FOUND, ACCESS, BAD_OP, BAD_TID = 1, 2, 4, 5
RRQ, WRQ, DATA, ACK, ERROR, OACK = 1, 2, 3, 4, 5, 6


# ---------------------------------------------------------------- small things


def run(*argv, check=True, timeout=60, **more):
    more.setdefault("text", True)
    if "stdout" not in more:
        more["capture_output"] = True
    result = subprocess.run([str(a) for a in argv], timeout=timeout, **more)
    if check and result.returncode != 0:
        raise AssertionError(
            f"{' '.join(map(str, argv))}: status {result.returncode}\n"
            f"{result.stdout}\n{result.stderr}"
        )
    return result


def until(condition, seconds=10.0, what="condition", pause=0.05):
    """The condition's first true value, or a failure after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


def free_port(host="127.0.0.1"):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.bind((host, 0))
        return s.getsockname()[1]


def passable(folder):
    """As root: let the daemon's own users pass to what lies below."""
    if os.geteuid() == 0:
        for path in (folder, *folder.parents):
            if not path.stat().st_mode & 0o001:
                path.chmod(path.stat().st_mode | 0o011)


def mac_of(number):
    return "02:00:5E:%02X:%02X:%02X" % (number >> 16 & 255, number >> 8 & 255, number & 255)


# ---------------------------------------------------------------- names (N1 to N5)


def digest(hash_name, data, key=None):
    """By `openssl dgst`, so that our own code is not its own witness."""
    argv = ["openssl", "dgst", "-" + hash_name, "-binary"]
    if key is not None:
        argv += ["-mac", "HMAC", "-macopt", "hexkey:" + key.hex()]
    return run(*argv, input=data, text=False).stdout


def spelled(hex_digits):
    """aabbc -> aa_bb_c"""
    return "_".join(hex_digits[i : i + 2] for i in range(0, len(hex_digits), 2))


def lower_mac(mac):
    return mac.lower().replace(":", "_")


def request_code(secret, mac=MAC, serial=SERIAL, hash_name="sha1", bits=24):
    """yy of N3 as hex digits: leftmost bits of H(secret1 | serial | MAC)."""
    if hash_name == "hmac-sha256":
        d = digest("sha256", (serial + mac).encode(), secret.encode())
    else:
        d = digest(hash_name, (secret + serial + mac).encode())
    return d.hex()[: bits // 4]


def request_name(secret, mac=MAC, serial=SERIAL, tt="CM", **how):
    yy = request_code(secret, mac, serial, **how)
    return f"{tt}_{lower_mac(mac)}_{spelled(yy)}.509"


def confirm_name(secret2, yy, mac=MAC, hash_name="sha1", bits=24, bound=b""):
    """zz of N4: leftmost bits of H(secret2 | MAC | YY), YY upper-case hex."""
    if hash_name == "hmac-sha256":
        d = digest("sha256", (mac + yy.upper()).encode() + bound, secret2.encode())
    else:
        d = digest(hash_name, (secret2 + mac + yy.upper()).encode() + bound)
    return f"OK_{lower_mac(mac)}_{spelled(d.hex()[: bits // 4])}.OK"


def report_name(number, mac=MAC):
    return f"ERR{number:02d}_{lower_mac(mac)}.ERR"


def hkdf(secret, info, length=32, salt=b""):
    """HKDF-SHA-256 of RFC 5869, one block."""
    prk = hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(prk, info + b"\x01", hashlib.sha256).digest()[:length]


def derived(master, mac):
    """A device's own secret under kind `derived` (N6)."""
    return hkdf(master.encode(), bytes.fromhex(mac.replace(":", ""))).hex()


# ---------------------------------------------------------------- certificate files


def tlv(kind, value, crc=None):
    head = struct.pack(">HH", kind, len(value)) + value
    if crc is None:
        crc = zlib.crc32(head)
    return head + struct.pack(">I", crc)


def tlvs(data):
    """Objects of a certificate file, strictly; a dict type -> value (section 3)."""
    found = {}
    while data:
        kind, length = struct.unpack(">HH", data[:4])
        value, (crc,) = data[4 : 4 + length], struct.unpack(">I", data[4 + length : 8 + length])
        assert len(value) == length
        assert crc == zlib.crc32(data[: 4 + length]), "CRC of an object"
        assert kind not in found, "an object twice"
        found[kind] = value
        data = data[8 + length :]
    return found


def _gcm(encrypt, key, nonce, aad, data, tag=None):
    lib = ctypes.CDLL("libcrypto.so.3")
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_gcm"):
        getattr(lib, name).restype = ctypes.c_void_p
    ctx = ctypes.c_void_p(lib.EVP_CIPHER_CTX_new())
    out, n = ctypes.create_string_buffer(len(data) + 16), ctypes.c_int()
    e = int(encrypt)
    try:
        cipher = ctypes.c_void_p(lib.EVP_aes_256_gcm())
        assert lib.EVP_CipherInit_ex(ctx, cipher, None, key, nonce, e) == 1
        assert lib.EVP_CipherUpdate(ctx, None, ctypes.byref(n), aad, len(aad)) == 1
        assert lib.EVP_CipherUpdate(ctx, out, ctypes.byref(n), data, len(data)) == 1
        if not encrypt:
            assert lib.EVP_CIPHER_CTX_ctrl(ctx, 0x11, 16, tag) == 1
        rest = ctypes.create_string_buffer(16)
        ok = lib.EVP_CipherFinal_ex(ctx, rest, ctypes.byref(n)) == 1
        if encrypt:
            tag = ctypes.create_string_buffer(16)
            assert lib.EVP_CIPHER_CTX_ctrl(ctx, 0x10, 16, tag) == 1
            return out.raw[: len(data)], tag.raw
        return out.raw[: len(data)] if ok else None
    finally:
        lib.EVP_CIPHER_CTX_free(ctx)


def _pkek(secret3, mac, serial):
    return hkdf(
        secret3.encode(),
        b"fieldcert pkek 1" + serial.encode(),
        salt=bytes.fromhex(mac.replace(":", "")),
    )


def _key_aad(length, version, key_set, mac):
    return struct.pack(">HHBB", 3, length, version, key_set) + bytes.fromhex(mac.replace(":", ""))


def key_object_seal(pkcs8, secret3, mac=MAC, serial=SERIAL, key_set=1, inner_crc=None):
    """The value of a private key object (F1)."""
    if inner_crc is None:
        inner_crc = zlib.crc32(pkcs8)
    plain = struct.pack(">I", inner_crc) + pkcs8
    nonce = os.urandom(12)
    aad = _key_aad(1 + 1 + 12 + len(plain) + 16, 1, key_set, mac)
    cipher, tag = _gcm(True, _pkek(secret3, mac, serial), nonce, aad, plain)
    return bytes([1, key_set]) + nonce + cipher + tag


def key_object_open(value, secret3, mac=MAC, serial=SERIAL):
    """PKCS#8 DER, or None: this key and this device do not fit."""
    version, key_set, nonce, body, tag = value[0], value[1], value[2:14], value[14:-16], value[-16:]
    aad = _key_aad(len(value), version, key_set, mac)
    plain = _gcm(False, _pkek(secret3, mac, serial), nonce, aad, body, tag)
    if plain is None:
        return None
    assert struct.unpack(">I", plain[:4])[0] == zlib.crc32(plain[4:]), "inner CRC"
    return plain[4:]


def x509(der, *what):
    return run("openssl", "x509", "-inform", "DER", "-noout", *what, input=der, text=False).stdout.decode()


def public_key(der):
    return run("openssl", "x509", "-inform", "DER", "-noout", "-pubkey", input=der, text=False).stdout


# ---------------------------------------------------------------- TFTP, byte by byte


def rrq(name, mode="octet", opcode=RRQ, **options):
    if isinstance(name, str):
        name = name.encode()
    data = struct.pack(">H", opcode) + name + b"\0" + mode.encode() + b"\0"
    for key, value in options.items():
        data += key.encode() + b"\0" + str(value).encode() + b"\0"
    return data


def ack(block):
    return struct.pack(">HH", ACK, block)


class TftpError(Exception):
    def __init__(self, code, text):
        super().__init__(f"ERROR {code} {text}")
        self.code, self.text = code, text


class Peer:
    """One socket that talks TFTP to the server at (host, port)."""

    def __init__(self, server, source=None):
        self.server = server
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.bind((source or ("::" if family == socket.AF_INET6 else "0.0.0.0"), 0))
        self.tid = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def send(self, data, to=None):
        self.sock.sendto(data, to or self.tid or self.server)

    def receive(self, seconds=2.0):
        """(opcode, number, payload) or None when nothing comes."""
        self.sock.settimeout(seconds)
        try:
            data, peer = self.sock.recvfrom(70000)
        except socket.timeout:
            return None
        except ConnectionRefusedError:
            return None
        self.tid = peer[:2]
        opcode = struct.unpack(">H", data[:2])[0]
        if opcode == OACK:
            return opcode, 0, data[2:]
        return opcode, struct.unpack(">H", data[2:4])[0], data[4:]

    def ask(self, data, seconds=2.0):
        self.tid = None
        self.send(data)
        return self.receive(seconds)

    def fetch(self, name, seconds=5.0, pause=0.0, **options):
        """A whole transfer as RFC 1350 has it; the file's bytes."""
        answer = self.ask(rrq(name, **options), seconds)
        return self.rest(answer, seconds, pause)

    def rest(self, answer, seconds=5.0, pause=0.0):
        size, expected, content = 512, 1, b""
        while True:
            if answer is None:
                raise TimeoutError("no answer")
            opcode, number, payload = answer
            if opcode == ERROR:
                raise TftpError(number, payload.split(b"\0")[0].decode())
            if opcode == OACK:
                size = int(oack(payload).get("blksize", 512))
                self.send(ack(0))
            elif opcode == DATA and number == expected:
                content += payload
                expected = (expected + 1) & 0xFFFF
                time.sleep(pause)
                self.send(ack(number))
                if len(payload) < size:
                    return content
            answer = self.receive(seconds)


def oack(payload):
    words = payload.split(b"\0")[:-1]
    assert len(words) % 2 == 0
    return {words[i].decode().lower(): words[i + 1].decode() for i in range(0, len(words), 2)}


# ---------------------------------------------------------------- the server


def initialised(host, secrets):
    """What `fieldcertctl init` makes, made once for each kind: its keys take a while."""
    folder = _templates.get((host, secrets))
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="fc-init.")) / "trial"
        atexit.register(shutil.rmtree, folder.parent, True)
        run(CTL, "init", folder, "--listen", _listen(host, 6969), "--secrets", secrets)
        _templates[(host, secrets)] = folder
    return folder


_templates = {}


def _listen(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Server:
    """`fieldcertctl init` in a folder, and fieldcertd on it."""

    def __init__(self, folder, host="127.0.0.1", secrets="one", port=None, user=None):
        self.dir = Path(folder)
        self.host = host
        self.port = port or free_port("127.0.0.1" if host == "0.0.0.0" else host)
        self.process = None
        self.log_path = self.dir.parent / (self.dir.name + ".log")
        self.user = user
        passable(self.dir.parent)
        run("cp", "-a", initialised(host, secrets), self.dir)
        for path in (self.conf, self.dir / "agent.conf"):
            text = path.read_text()
            assert ":6969" in text
            path.write_text(text.replace(":6969", f":{self.port}"))

    @property
    def conf(self):
        return self.dir / "fieldcertd.conf"

    @property
    def address(self):
        return (self.host if self.host != "0.0.0.0" else "127.0.0.1", self.port)

    def secret(self, which):
        return (self.dir / "secrets" / which).read_text().split("\n")[0]

    def configure(self, *lines, **settings):
        """Top-level settings replaced or added (underscores for dashes), lines added."""
        text = self.conf.read_text()
        for key, value in settings.items():
            key = key.replace("_", "-")
            line = f"{key} = {value}"
            text, n = re.subn(rf"(?m)^{re.escape(key)}\s*=.*$", lambda m: line, text)
            if n == 0:
                text = line + "\n" + text
        self.conf.write_text(text + "".join(line + "\n" for line in lines))

    def in_section(self, section, **settings):
        """Settings put at the start of the section that begins so."""
        text = self.conf.read_text()
        start = re.search(rf"(?m)^{re.escape(section)}\s*\{{", text)
        assert start, f"no section {section} in\n{text}"
        end = text.index("\n}", start.end())
        body = text[start.end() : end]
        for key, value in settings.items():
            key = key.replace("_", "-")
            body = re.sub(rf"(?m)^\s*{re.escape(key)}\s*=.*\n?", "", body)
            body = f"\n\t{key} = {value}" + body
        self.conf.write_text(text[: start.end()] + body + text[end:])

    def start(self, ready=15, **more):
        assert self.process is None
        with open(self.log_path, "ab") as log:
            at = log.tell()
            self.process = subprocess.Popen(
                [str(SERVER), "-c", str(self.conf)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self.user,
                group=self.user,
                extra_groups=[] if self.user else None,
                **more,
            )

        def up():
            if self.process.poll() is not None:
                raise AssertionError(f"fieldcertd ended: {self.log()[-2000:]}")
            return re.search(r"(?m)^ready", self.log_path.read_text(errors="replace")[at:])

        until(up, ready, "the line 'ready'")
        return self

    def stop(self):
        if self.process is None:
            return None
        process, self.process = self.process, None
        if process.poll() is None:
            process.terminate()
        try:
            return process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError("fieldcertd did not end within 10 s of SIGTERM")

    def log(self):
        return self.log_path.read_text(errors="replace")

    def children(self):
        """role -> pids, of the processes that the parent has started."""
        found = {}
        out = run("ps", "-o", "pid=,args=", "--ppid", self.process.pid, check=False).stdout
        for line in out.splitlines():
            pid, args = line.split(None, 1)
            for role in ("front", "registrar", "signer"):
                if re.search(rf"\b{role}\b", args):
                    found.setdefault(role, []).append(int(pid))
        return found

    def ctl(self, *argv, check=True, **more):
        return run(CTL, "-c", self.conf, *argv, check=check, **more)

    def add(self, mac=MAC, serial=SERIAL, *more):
        self.ctl("device", "add", mac, "--serial", serial, *more)

    def name(self, mac=MAC, serial=SERIAL, **how):
        return request_name(self.secret("request"), mac, serial, **how)

    def peer(self, source=None):
        return Peer(self.address, source)

    def query(self, sql, *values):
        """Rows of the database, read from outside, as an operator would."""
        path = f"file:{self.dir}/fieldcert.db?mode=ro"
        with sqlite3.connect(path, uri=True, timeout=10) as db:
            return db.execute(sql, values).fetchall()

    def certificates(self, mac=None):
        """How many certificates were issued, planned or voided, for a device or all."""
        rows = self.query("select mac from certificates")
        return len([r for r in rows if mac is None or same_mac(r[0], mac)])

    def fetch(self, name=None, seconds=10.0, **options):
        """Ask again until the file is there, as a modem would; (bytes, refusals)."""
        name, refusals, end = name or self.name(), 0, time.monotonic() + seconds
        while True:
            with self.peer() as peer:
                try:
                    return peer.fetch(name, **options), refusals
                except TftpError as error:
                    assert error.code == NOT_FOUND, error
                    refusals += 1
            assert time.monotonic() < end, "no file in time"
            time.sleep(0.1)


def same_mac(stored, mac):
    """The database may keep a MAC as text or as 6 bytes."""
    if isinstance(stored, bytes):
        return stored.hex() == mac.replace(":", "").lower()
    return str(stored).replace(":", "").lower() == mac.replace(":", "").lower()


def state(server, mac=MAC):
    for row in server.query("select mac, state, epoch from devices"):
        if same_mac(row[0], mac):
            return row[1]
    return None


# ---------------------------------------------------------------- a PKI of openssl's


class Pki:
    """Root, manufacturer and device certificates by the openssl command."""

    def __init__(self, folder):
        self.dir = Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.serial = 4096
        self.key_of = {}

    def path(self, name):
        return self.dir / name

    def key(self, name, bits=2048):
        path = self.path(name + ".key")
        if not path.exists():
            run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", path)
        return path

    def pkcs8(self, name):
        return run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", self.key(name), "-outform", "DER", text=False).stdout

    def spki(self, name, form="DER"):
        return run("openssl", "pkey", "-in", self.key(name), "-pubout", "-outform", form, text=False).stdout

    def make(self, name, subject, issuer=None, ca=False, start=None, end=None, key=None, signed_by=None):
        """DER of a certificate; dates as openssl's YYMMDDHHMMSSZ; signed_by: another
        issuer's key under this issuer's name."""
        self.key_of[name] = key or name
        key = self.key(key or name)
        self.serial += 1
        csr, crt, ext = self.path(name + ".csr"), self.path(name + ".pem"), self.path(name + ".ext")
        run("openssl", "req", "-new", "-key", key, "-subj", subject, "-out", csr)
        ext.write_text(
            "subjectKeyIdentifier=hash\n"
            + ("authorityKeyIdentifier=keyid\n" if issuer and not signed_by else "")
            + (
                "basicConstraints=critical,CA:TRUE" + (",pathlen:0" if issuer else "") + "\n"
                "keyUsage=critical,keyCertSign,cRLSign\n"
                if ca
                else "keyUsage=critical,digitalSignature,keyEncipherment\n"
            )
        )
        base = self.path("ca-" + name)
        shutil.rmtree(base, ignore_errors=True)
        base.mkdir()
        (base / "index.txt").touch()
        (base / "serial").write_text("%04X\n" % self.serial)
        (base / "ca.conf").write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={base}/index.txt\nserial={base}/serial\n"
            f"new_certs_dir={base}\ndefault_md=sha256\npolicy=p\nunique_subject=no\n"
            "[p]\ncommonName=supplied\ncountryName=optional\norganizationName=optional\n"
            "organizationalUnitName=optional\n"
        )
        argv = ["openssl", "ca", "-batch", "-config", base / "ca.conf", "-in", csr, "-out", crt]
        argv += ["-extfile", ext, "-notext", "-preserveDN"]
        argv += ["-startdate", start or "200101000000Z", "-enddate", end or "450101000000Z"]
        if issuer:
            argv += ["-cert", self.path(issuer + ".pem"), "-keyfile", self.key(signed_by or self.key_of[issuer])]
            if signed_by:
                # openssl ca insists on a fitting pair: give it a twin with that key
                twin = self.path(f"{issuer}-by-{signed_by}.pem")
                subject_of = run("openssl", "x509", "-in", self.path(issuer + ".pem"), "-noout",
                                 "-subject", "-nameopt", "compat").stdout.split("=", 1)[1].strip()
                run("openssl", "req", "-x509", "-new", "-key", self.key(signed_by), "-subj",
                    subject_of, "-days", "3650", "-out", twin)
                argv[argv.index("-cert") + 1] = twin
        else:
            argv += ["-selfsign", "-keyfile", key]
        run(*argv)
        return run("openssl", "x509", "-in", crt, "-outform", "DER", text=False).stdout


@contextmanager
def paused(pid):
    """A process held still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    if n < 128:
        length = bytes([n])
    else:
        raw = n.to_bytes((n.bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(raw)]) + raw
    return bytes([tag]) + length + body


def any_spki(bits=2048):
    """SubjectPublicKeyInfo DER of an RSA key whose private half nobody knows: a
    random odd modulus, for tests that need many keys and no signature."""
    n = int.from_bytes(os.urandom(bits // 8), "big") | 1 << bits - 1 | 1
    integer = der(2, b"\0" + n.to_bytes(bits // 8, "big"))
    key = der(0x30, integer, der(2, b"\1\0\1"))
    rsa = der(0x30, bytes.fromhex("06092a864886f70d010101"), der(5))
    return der(0x30, rsa, der(3, b"\0" + key))
