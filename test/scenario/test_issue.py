"""From a name to a certificate: who gets one, how many, and what survives (N, S2 to S5)."""

import base64
import os
import random
import signal
import threading
import time

import pytest
from lib import (
    ACCESS, CTL, ERROR, MAC, NOT_FOUND, SERIAL, TftpError, any_spki, derived, digest,
    key_object_open, lower_mac, mac_of, paused, public_key, request_code, request_name, rrq, run,
    same_mac, spelled, state, tlvs, until, x509,
)


def refusal(server, name):
    with server.peer() as peer:
        try:
            peer.fetch(name)
        except TftpError as error:
            return error.code, error.text
    return None


# ------------------------------------------------------------ who is it (N1 to N7, S2)


@pytest.mark.fast
def test_first_refused_then_served(server):
    """S3: not there: File_Name_Not_Found, and it is made; the next time it is there."""
    assert refusal(server, server.name()) == (NOT_FOUND, "File_Name_Not_Found")
    content, _ = server.fetch()
    assert len(content) <= 16 * 1024
    objects = tlvs(content)
    assert MAC in x509(objects[2], "-subject")
    assert state(server) == "delivered"


@pytest.mark.fast
def test_wrong_code_costs_nothing(server):
    """S2: every single hex digit of the code counts, and a wrong one never makes work."""
    yy = request_code(server.secret("request"))
    wrong = []
    for i, digit in enumerate(yy):
        changed = "%x" % (int(digit, 16) ^ 1)
        wrong.append(yy[:i] + changed + yy[i + 1 :])
    wrong += [yy[:-1], yy[:-2], yy + "0", yy + yy, yy[:4], "000000"]
    for code in wrong:
        name = f"CM_{lower_mac(MAC)}_{spelled(code)}.509"
        assert refusal(server, name) == (ACCESS, "Authentication_Failed"), name
    time.sleep(0.5)
    assert server.certificates() == 0
    assert server.query("select count(*) from queue") == [(0,)]
    assert state(server) == "registered"


def test_unknown_device_is_answered_as_a_wrong_code(server):
    """S2: unknown MAC: the same answer."""
    other = mac_of(7)
    name = request_name(server.secret("request"), other)
    assert refusal(server, name) == (ACCESS, "Authentication_Failed")
    assert server.certificates() == 0


@pytest.mark.fast
def test_serial_number_is_part_of_the_code(server):
    """N3"""
    for serial in ("", "J09H7CDEE", "j09h7cdef", SERIAL + " "):
        assert refusal(server, server.name(serial=serial)) == (ACCESS, "Authentication_Failed")


def test_spellings_of_a_name(server):
    """N7 spaces, any case, and the `_509` of the source's table 1 (section 9)."""
    content, _ = server.fetch()
    name = server.name()
    for spelling in (
        name.upper(), name.replace("_", " _ "), " " + name + "  ", name.replace(".509", "_509"),
        name.replace("CM", "Cm"), name[:5] + "          " + name[5:],
    ):
        with server.peer() as peer:
            assert peer.fetch(spelling) == content, spelling


def test_names_that_are_none_of_ours(server):
    """N8"""
    name = server.name()
    for bad in (name + "x", "x" + name, name[:-4], name.replace("_", "-"), name.replace("10", "1g"),
                name.replace(".509", ".508"), "", "OK", "ERR00_" + lower_mac(MAC) + ".ERR",
                "ERR15_" + lower_mac(MAC) + ".ERR", "ERR1_" + lower_mac(MAC) + ".ERR"):
        got = refusal(server, bad)
        assert got is not None and got[0] in (0, NOT_FOUND, ACCESS, 4), (bad, got)
    assert server.certificates() == 0


def test_type_is_the_devices(server):
    """N1: MT or an unknown type in place of CM gets nothing, whatever the code."""
    for tt in ("XX", "ZM"):
        assert refusal(server, server.name(tt=tt)) is not None
    assert server.certificates() == 0


HASHES = [
    ("md5", "md5"), ("sha256", "sha256"), ("sha384", "sha384"), ("sha512", "sha512"),
    ("sha3-256", "sha3-256"), ("hmac-sha256", "hmac-sha256"),
]


@pytest.mark.parametrize("setting,openssl_name", HASHES)
def test_hash_of_a_class(make_server, setting, openssl_name):
    """N5, S6: an algorithm per class, against openssl dgst."""
    server = make_server(start=False, add=False)
    server.in_section('class "default"', hash=f'"{setting}"', code_bits=64)
    server.start()
    server.add()
    server.fetch(server.name(hash_name=openssl_name, bits=64))
    assert refusal(server, server.name()) == (ACCESS, "Authentication_Failed")


@pytest.mark.parametrize("bits", [12, 20, 28, 160])
def test_length_of_the_code(make_server, bits):
    """N3: X bits, an odd nibble ends the name."""
    server = make_server(start=False, add=False)
    server.in_section('class "default"', code_bits=bits)
    server.start()
    server.add()
    content, _ = server.fetch(server.name(bits=bits))
    assert MAC in x509(tlvs(content)[2], "-subject")


def test_code_without_serial_number(make_server):
    """N3: by class, H(secret1 | MAC)."""
    server = make_server(start=False, add=False)
    server.in_section('class "default"', request_serial="false")
    server.start()
    server.add()
    server.fetch(server.name(serial=""))


@pytest.mark.fast
def test_derived_secrets(make_server):
    """N6: per device by HKDF from a master, which is what `init` sets up."""
    server = make_server(secrets="derived")
    own = derived(server.secret("request"), MAC)
    content, _ = server.fetch(request_name(own))
    assert refusal(server, request_name(server.secret("request"))) == (ACCESS, "Authentication_Failed")
    pkcs8 = key_object_open(tlvs(content)[3], derived(server.secret("keybox"), MAC))
    assert pkcs8 is not None


# ------------------------------------------------------------ what it gets (S4, S5, F1)


@pytest.mark.fast
def test_private_key_fits_and_opens_for_this_device_alone(server):
    """F1, S5: the key object by libcrypto's own AES-GCM; the pair by openssl."""
    objects = tlvs(server.fetch()[0])
    secret3 = server.secret("keybox")
    pkcs8 = key_object_open(objects[3], secret3)
    assert pkcs8 is not None
    pub = run("openssl", "pkey", "-inform", "DER", "-pubout", input=pkcs8, text=False).stdout
    assert pub == public_key(objects[2])
    for other in ({"mac": mac_of(1)}, {"serial": "X"}):
        assert key_object_open(objects[3], secret3, **other) is None, other
    assert key_object_open(objects[3], secret3 + "x") is None
    assert objects[3][:2] == b"\1\1", "version and secret set"


def test_private_key_is_nowhere_on_disk_in_clear(server):
    """F1: at rest keys are wrapped."""
    objects = tlvs(server.fetch()[0])
    pkcs8 = key_object_open(objects[3], server.secret("keybox"))
    secret_part = pkcs8[360:424]  # of the private exponent
    for path in server.dir.rglob("*"):
        if path.is_file():
            assert secret_part not in path.read_bytes(), path


@pytest.mark.fast
def test_registered_public_key_is_certified(make_server, tmp_path, pki):
    """S5: from the registry; then no private key travels."""
    server = make_server(add=False)
    csv = tmp_path / "one.csv"
    spki = base64.b64encode(pki.spki("device-a")).decode()
    csv.write_text(f"mac,serial,public key\n{MAC},{SERIAL},{spki}\n")
    server.ctl("device", "import", csv)
    objects = tlvs(server.fetch()[0])
    assert 3 not in objects
    assert public_key(objects[2]) == pki.spki("device-a", "PEM")


def test_one_certificate_however_often_asked(server):
    """S4: every certificate costs a fee."""
    name = server.name()
    threads = [threading.Thread(target=refusal, args=(server, name)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, _ = server.fetch()
    for _ in range(5):
        assert server.fetch()[0] == first
    assert server.certificates() == 1


def test_two_modems_at_once(make_server):
    server = make_server(add=False)
    for i in range(2):
        server.add(mac_of(i), f"S{i}")
    secret, got = server.secret("request"), {}

    def modem(i):
        got[i] = server.fetch(request_name(secret, mac_of(i), f"S{i}"), seconds=20)[0]

    threads = [threading.Thread(target=modem, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(2):
        assert mac_of(i) in x509(tlvs(got[i])[2], "-subject")
    assert server.certificates() == 2


def test_two_hundred_modems_in_parallel(make_server, tmp_path):
    """Every one gets its own file, and one certificate each."""
    server, count = make_server(add=False), 200
    csv = tmp_path / "fleet.csv"
    csv.write_text("mac,serial,public key\n" + "".join(
        f"{mac_of(i)},S{i},{base64.b64encode(any_spki()).decode()}\n" for i in range(count)))
    server.ctl("device", "import", csv)
    secret = server.secret("request")
    # openssl computes some of the names, hashlib the many
    import hashlib

    def name(i):
        d = hashlib.sha1((secret + f"S{i}" + mac_of(i)).encode()).hexdigest()
        return f"CM_{lower_mac(mac_of(i))}_{spelled(d[:6])}.509"

    assert name(5) == request_name(secret, mac_of(5), "S5")
    got, failures = {}, []

    def modem(i):
        try:
            got[i] = server.fetch(name(i), seconds=60)[0]
        except Exception as error:  # shown below
            failures.append((i, repr(error)))

    threads = [threading.Thread(target=modem, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:5]
    serials = set()
    for i in range(count):
        device = tlvs(got[i])[2]
        assert mac_of(i).encode() in device
        serials.add(device[:40])
    assert server.certificates() == count
    assert len(set(got.values())) == count


@pytest.mark.fast
def test_denied_device(server):
    """S3: denied: ERROR 2; allowed again: served."""
    server.ctl("device", "deny", MAC)
    assert refusal(server, server.name())[0] == ACCESS
    time.sleep(0.3)
    assert server.certificates() == 0
    server.ctl("device", "allow", MAC)
    server.fetch()


@pytest.mark.fast
def test_reset_raises_the_epoch_and_makes_one_more(server):
    """S4: the epoch is raised at reset; until the new one is committed the old file is
    served."""
    old, _ = server.fetch()
    server.ctl("device", "reset", MAC)
    [signer] = server.children()["signer"][:1] or [None]
    with paused(signer):
        with server.peer() as peer:
            assert peer.fetch(server.name()) == old
        time.sleep(0.3)
        with server.peer() as peer:
            assert peer.fetch(server.name()) == old
    new = until(lambda: (lambda c: c if c != old else None)(server.fetch()[0]), 15, "a new file")
    assert x509(tlvs(new)[2], "-serial") != x509(tlvs(old)[2], "-serial")
    assert server.certificates() == 2
    assert [e for m, e in server.query("select mac, epoch from devices")] == [2]


PROFILES = [("docsis-legacy", "CM"), ("eurodocsis", "EM"), ("docsis-3.1", "CM"), ("packetcable", "MT")]


@pytest.mark.parametrize("profile,tt", PROFILES)
def test_profiles_pass_strict_verification(make_server, tmp_path, profile, tt):
    """S4: every built-in profile, judged by openssl -x509_strict."""
    server = make_server(start=False, add=False)
    server.in_section('class "default"', profile=f'"{profile}"')
    server.start()
    server.add(MAC, SERIAL, "--type", tt)
    objects = tlvs(server.fetch(server.name(tt=tt))[0])
    for name, kind in (("m", 1), ("d", 2)):
        pem = run("openssl", "x509", "-inform", "DER", input=objects[kind], text=False).stdout
        (tmp_path / f"{name}.pem").write_bytes(pem)
    run("openssl", "verify", "-x509_strict", "-CAfile", server.dir / "pki/root.pem",
        "-untrusted", tmp_path / "m.pem", tmp_path / "d.pem")
    text = x509(objects[2], "-text")
    assert "X509v3 Authority Key Identifier" in text and "X509v3 Subject Key Identifier" in text
    assert f"CN = {MAC}" in x509(objects[2], "-subject")


# ------------------------------------------------------------ crashes (S4)


def kill_child(server, role):
    for pid in server.children().get(role, []):
        os.kill(pid, signal.SIGKILL)
        return pid
    return None


def after_the_crash(server, names, seconds=30):
    """Everybody gets the file, and nobody got two certificates."""
    for mac, name in names.items():
        content, _ = server.fetch(name, seconds=seconds)
        assert mac in x509(tlvs(content)[2], "-subject")
        device = tlvs(content)[2]
        rows = server.query("select mac, der from certificates where state = 'issued'")
        mine = [bytes(d) for m, d in rows if same_mac(m, mac)]
        assert mine == [device], "one certificate, the very one that is served"
    assert server.query("select count(*) from (select 1 from certificates group by mac, epoch having count(*) > 1)") == [(0,)]
    assert server.query("pragma integrity_check") == [("ok",)]


@pytest.mark.parametrize("round_", range(4))
@pytest.mark.parametrize("role", ["front", "registrar", "signer"])
def test_kill_9_in_the_middle_of_an_issue(make_server, role, round_):
    """kill -9 of each process: nothing lost, nothing issued twice, the modem is served.
    Twenty times at random moments (in four rounds, since the parent waits longer each
    time that a process dies young); the seed is printed."""
    server = make_server(add=False)
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print("SEED", seed)
    rng, secret, names = random.Random(seed), server.secret("request"), {}
    for i in range(5):
        mac = mac_of(i)
        server.add(mac, f"S{i}")
        names[mac] = request_name(secret, mac, f"S{i}")
        with server.peer() as peer:
            peer.ask(rrq(names[mac]), 1)
        time.sleep(rng.uniform(0, 0.25))
        old = kill_child(server, role)
        assert old is not None
        until(lambda: (server.children().get(role) or [old])[0] != old, 10, f"a new {role}")
        until(lambda: server.ctl("status", check=False).returncode == 0, 10, "an answer to status")
    after_the_crash(server, names)
    run(CTL, "-c", server.conf, "audit", "verify")


def test_kill_9_of_everything(make_server):
    """The whole daemon dies; started again it goes on where it was."""
    server, names = make_server(add=False), {}
    rng = random.Random(4)
    for i in range(6):
        mac = mac_of(i)
        server.add(mac, f"S{i}")
        names[mac] = request_name(server.secret("request"), mac, f"S{i}")
        with server.peer() as peer:
            peer.ask(rrq(names[mac]), 1)
        time.sleep(rng.uniform(0, 0.2))
        children = [p for pids in server.children().values() for p in pids]
        server.process.kill()
        server.process.wait()
        server.process = None
        until(lambda: not any(os.path.exists(f"/proc/{p}") for p in children), 5, "the children's end")
        server.start()
    # what was asked for before is made without being asked for again
    until(lambda: server.certificates() >= len(names), 30, "the queue to be worked off")
    after_the_crash(server, names)


def test_signer_away_for_a_while(make_server):
    """CA away: ERROR 1, and the modem gets it later."""
    server = make_server()
    [signer] = server.children()["signer"][:1]
    with paused(signer):
        for _ in range(3):
            assert refusal(server, server.name()) == (NOT_FOUND, "File_Name_Not_Found")
            time.sleep(0.2)
    server.fetch()
    assert server.certificates() == 1


def test_registrar_away_is_not_found(make_server):
    """S3: database away: ERROR 1 or silence, never anything else; afterwards all is well."""
    server = make_server()
    [registrar] = server.children()["registrar"]
    with paused(registrar):
        with server.peer() as peer:
            answer = peer.ask(rrq(server.name()), 2)
            assert answer is None or answer[:2] == (ERROR, NOT_FOUND)
    server.fetch()
