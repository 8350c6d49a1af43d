"""fieldcertctl: registry, listings, imports."""

import base64
import json
import os
import re
import signal
import subprocess
import time

import pytest
from lib import CTL, MAC, SERIAL, any_spki, mac_of, run, state, tlvs, until, x509


def listed(server):
    return json.loads(server.ctl("device", "list", "--json").stdout)


def devices(server):
    return server.query("select count(*) from devices")[0][0]


def bring(server, tmp_path, text, *more):
    path = tmp_path / "rows.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return server.ctl("device", "import", path, *more, check=False)


@pytest.fixture
def empty(make_server):
    return make_server(add=False)


@pytest.mark.parametrize("argv", [
    ["device", "list"], ["device", "show", MAC], ["certificate", "list"], ["status"], ["errors"], ["name", MAC],
    ["audit", "verify"],
], ids=" ".join)
def test_json_of_every_listing(server, argv):
    """Valid JSON, with the daemon and without it; text says the same device."""
    server.fetch()
    for _ in range(2):
        text = server.ctl(*argv, "--json").stdout
        json.loads(text)
        plain = server.ctl(*argv).stdout
        assert plain.strip() and plain != text
        if MAC in argv:
            assert MAC in text
        server.stop()


def test_json_of_a_file(server, tmp_path):
    content, _ = server.fetch()
    path = tmp_path / "c.509"
    path.write_bytes(content)
    shown = json.loads(run(CTL, "file", "show", path, "--json").stdout)
    assert MAC in json.dumps(shown)
    path.write_bytes(content[:-1])
    broken = run(CTL, "file", "show", path, check=False)
    assert "05" in broken.stdout + broken.stderr


def test_add_list_show(server):
    assert MAC in server.ctl("device", "list").stdout
    again = server.ctl("device", "add", MAC, "--serial", "other", check=False)
    assert again.returncode == 1 and MAC in again.stderr
    assert server.query("select serial from devices") == [(SERIAL,)]
    assert server.ctl("device", "show", mac_of(5), check=False).returncode == 1
    for bad in ("00:10:4B:AB:CD", "hello", "01:00:5E:00:00:01", ""):
        assert server.ctl("device", "add", bad, "--serial", "S", check=False).returncode != 0


def test_hostile_text_is_shown_escaped(empty):
    serial = "\x1b[31mred\x1b[0m"
    done = empty.ctl("device", "add", MAC, "--serial", serial, check=False)
    out = empty.ctl("device", "list").stdout + empty.ctl("device", "list", "--json").stdout + done.stderr
    assert "\x1b" not in out
    for argv in (["device", "add", "\x1b[31m"], ["file", "show", "/\x1b[31m"], ["\x1b[31m"]):
        done = empty.ctl(*argv, check=False)
        assert done.returncode != 0 and "\x1b" not in done.stderr and "\\x1b" in done.stderr


def test_directory_in_a_files_place(empty, tmp_path):
    for argv in (["file", "show"], ["device", "import"], ["preload"]):
        done = empty.ctl(*argv, tmp_path, check=False)
        assert done.returncode == 1 and "Is a directory" in done.stderr


def test_import(empty, tmp_path):
    """mac, serial, class, type, public key; in any order of columns."""
    keys = [base64.b64encode(any_spki()).decode() for _ in range(2)]
    text = (
        "serial,public key,mac,type,class\r\n"
        f"A1,{keys[0]},{mac_of(1)},CM,default\r\n"
        f'"A,2",{keys[1]},{mac_of(2).lower()},,\r\n'
        f"A3,,{mac_of(3)},EM,\r\n"
    )
    done = bring(empty, tmp_path, text)
    assert done.returncode == 0, done.stderr
    rows = dict((m, (s, t, k is not None)) for m, s, t, k in empty.query("select mac, serial, type, public_key from devices"))
    assert rows == {mac_of(1): ("A1", "CM", True), mac_of(2): ("A,2", "CM", True), mac_of(3): ("A3", "EM", False)}


BAD_ROWS = {
    "no MAC": "not-a-mac,S9",
    "multicast MAC": "01:00:5E:00:00:01,S9",
    "too few fields": "S9",
    "the same MAC twice": f"{mac_of(1)},S9",
    "an open quote": f'{mac_of(9)},"S9',
    "a serial number of 100 bytes": f"{mac_of(9)},{'S' * 100}",
}


@pytest.mark.parametrize("what", BAD_ROWS)
def test_import_refuses_a_bad_row(empty, tmp_path, what):
    """With its line number; the good ones are kept only when told to."""
    text = f"mac,serial\n{mac_of(1)},S1\n{BAD_ROWS[what]}\n{mac_of(2)},S2\n"
    done = bring(empty, tmp_path, text)
    assert done.returncode == 1
    assert ":3:" in done.stderr or "line 3" in done.stderr, done.stderr
    assert devices(empty) == 0
    kept = bring(empty, tmp_path, text, "--keep-good")
    assert devices(empty) >= (1 if what == "an open quote" else 2), kept.stderr


@pytest.mark.parametrize("header", ["", "serial\n", "mac,mac\n", "mac,colour\n", "\x00\x01\x02\n"])
def test_import_refuses_a_bad_header(empty, tmp_path, header):
    done = bring(empty, tmp_path, header + f"{mac_of(1)},S1\n")
    assert done.returncode != 0 and devices(empty) == 0


@pytest.mark.parametrize("key", ["AAAA", "!!!!", base64.b64encode(any_spki(2048)[:-9]).decode()])
def test_import_refuses_a_bad_public_key(empty, tmp_path, key):
    done = bring(empty, tmp_path, f"mac,serial,public key\n{mac_of(1)},S1,{key}\n")
    assert done.returncode != 0 and devices(empty) == 0


def test_import_updates_only_when_told_to(empty, tmp_path):
    text = f"mac,serial\n{mac_of(1)},S1\n"
    assert bring(empty, tmp_path, text).returncode == 0
    changed = text.replace("S1", "S2")
    assert bring(empty, tmp_path, changed).returncode != 0
    assert empty.query("select serial from devices") == [("S1",)]
    assert bring(empty, tmp_path, changed, "--update").returncode == 0
    assert empty.query("select serial from devices") == [("S2",)]


@pytest.mark.parametrize("running", [True, False], ids=["daemon up", "daemon down"])
def test_import_of_a_hundred_thousand_rows(make_server, tmp_path, running):
    """A million in a minute or two: a tenth of it in a tenth of that, with progress."""
    server, count = make_server(start=running, add=False), 100_000
    path = tmp_path / "many.csv"
    with open(path, "w") as f:
        f.write("mac,serial\n")
        f.writelines(f"{mac_of(i)},SN{i:07d}\n" for i in range(count))
    started = time.monotonic()
    done = server.ctl("device", "import", path, "--progress", timeout=120)
    took = time.monotonic() - started
    assert devices(server) == count
    assert len(done.stderr.replace("\r", "\n").splitlines()) > 3, "progress"
    assert took < 30, f"{took:.1f} s"
    if running:
        from lib import request_name

        server.fetch(request_name(server.secret("request"), mac_of(count - 1), f"SN{count - 1:07d}"))


def test_import_when_the_server_dies_in_the_middle(make_server, tmp_path):
    """It says how far it came; what was registered is whole, and --update takes the rest."""
    server, count = make_server(add=False), 60_000
    path = tmp_path / "many.csv"
    with open(path, "w") as f:
        f.write("mac,serial\n")
        f.writelines(f"{mac_of(i)},SN{i:07d}\n" for i in range(count))
    importing = subprocess.Popen(
        [str(CTL), "-c", str(server.conf), "device", "import", str(path)], stderr=subprocess.PIPE, text=True
    )
    until(lambda: devices(server) > 0, 20, "its first rows")
    os.kill(server.children()["registrar"][0], signal.SIGKILL)
    said = importing.communicate(timeout=60)[1]
    assert importing.returncode == 1
    told = re.search(r"(\d+) devices or more are registered", said)
    assert told and int(told.group(1)) <= devices(server) < count, said
    until(lambda: server.ctl("device", "import", path, "--update", check=False, timeout=60).returncode == 0, 60)
    assert devices(server) == count
    server.ctl("audit", "verify")


@pytest.mark.skipif(not os.environ.get("FIELDCERT_LONG"), reason="a minute or two; FIELDCERT_LONG=1 runs it")
def test_import_of_a_million_rows(make_server, tmp_path):
    server, count = make_server(add=False), 1_000_000
    path = tmp_path / "many.csv"
    with open(path, "w") as f:
        f.write("mac,serial\n")
        f.writelines(f"{mac_of(i)},SN{i:07d}\n" for i in range(count))
    started = time.monotonic()
    server.ctl("device", "import", path, timeout=300)
    took = time.monotonic() - started
    print(f"{took:.1f} s")
    assert devices(server) == count and took < 150


def test_export_of_a_certificate(server, tmp_path):
    content, _ = server.fetch()
    pem = server.ctl("certificate", "export", MAC).stdout
    device = run("openssl", "x509", "-outform", "DER", input=pem.encode(), text=False).stdout
    assert device == tlvs(content)[2]
    chain = server.ctl("certificate", "export", MAC, "--chain").stdout
    assert chain.count("BEGIN CERTIFICATE") == 2
    assert server.ctl("certificate", "export", mac_of(9), check=False).returncode == 1


def test_extract(server, tmp_path):
    content, _ = server.fetch()
    file = tmp_path / "c.509"
    file.write_bytes(content)
    run(CTL, "file", "extract", file, "--device", tmp_path / "d.pem", "--key", tmp_path / "k")
    assert (tmp_path / "k").read_bytes() == tlvs(content)[3]
    assert MAC in run("openssl", "x509", "-in", tmp_path / "d.pem", "-noout", "-subject").stdout


def test_certificate_list_agrees_with_openssl(server):
    content, _ = server.fetch()
    rows = json.loads(server.ctl("certificate", "list", "--json").stdout)
    serial = x509(tlvs(content)[2], "-serial").split("=")[1].strip()
    assert serial.lower().lstrip("0") in json.dumps(rows).lower()


def test_confirmation_name(server):
    from lib import confirm_name, request_code

    printed = server.ctl("name", MAC, "--confirm").stdout.strip()
    assert printed == confirm_name(server.secret("confirm"), request_code(server.secret("request")))


def test_status_knows_why_nothing_is_issued(make_server):
    """S3: the operator sees why."""
    server = make_server(start=False, add=False)
    server.in_section('class "default"', key_source='"registry"')
    server.start()
    server.add()
    for _ in range(2):
        with server.peer() as peer:
            from lib import TftpError

            with pytest.raises(TftpError) as refused:
                peer.fetch(server.name())
            assert refused.value.code == 1
        time.sleep(0.5)
    shown = server.ctl("device", "show", MAC).stdout
    assert "key" in shown.lower()
    waiting = server.query("select waiting from devices")[0][0]
    assert waiting and waiting in shown
    assert server.certificates() == 0
    assert state(server) in ("requested", "registered")


@pytest.mark.fast
def test_unprivileged_stranger_may_not_use_the_control_socket(make_server):
    """The peer's uid is checked."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    server = make_server(add=False)
    conf = server.dir / "fieldcertd.conf"
    conf.chmod(0o644)
    control = [p for p in server.dir.iterdir() if p.is_socket()]
    assert control
    control[0].chmod(0o777)
    done = run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", CTL, "-c", conf,
               "device", "add", MAC, "--serial", SERIAL, check=False)
    assert done.returncode != 0
    assert devices(server) == 0
