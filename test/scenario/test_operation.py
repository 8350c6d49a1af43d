"""Reload, a database that fails, secrets that others could read, a clock set back."""

import errno
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import pytest
from conftest import needs_root
from lib import (
    CTL, MAC, NOT_FOUND, SERIAL, SERVER, TftpError, confirm_name, mac_of, request_code, request_name, rrq, run,
    same_mac, state, tlvs, until,
)


def test_sighup_in_the_middle_of_a_slow_transfer(server):
    """SIGHUP reloads without dropping a transfer: the file arrives whole."""
    content, _ = server.fetch()
    got = []

    def slow():
        with server.peer() as peer:
            got.append(peer.fetch(server.name(), blksize=16, pause=0.02))

    thread = threading.Thread(target=slow)
    thread.start()
    for _ in range(3):
        time.sleep(0.5)
        assert thread.is_alive(), "the transfer was not slow enough for this test"
        server.process.send_signal(signal.SIGHUP)
    thread.join(60)
    assert got == [content]


def test_sighup_takes_up_a_new_configuration(server):
    """A class added at run time is there after SIGHUP; a wrong configuration changes
    nothing and is complained about."""
    server.fetch()
    good = server.conf.read_text()
    server.configure('class "other" {', "\tcode-bits = 40", "}")
    run(SERVER, "-t", "-c", server.conf)
    server.process.send_signal(signal.SIGHUP)
    mac = mac_of(3)

    def added():
        return server.ctl("device", "add", mac, "--serial", "S3", "--class", "other", check=False).returncode == 0

    until(added, 10, "the new class", 0.3)
    server.fetch(request_name(server.secret("request"), mac, "S3", bits=40))
    server.conf.write_text(good + "\nno-such-setting = 1\n")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "no-such-setting" in server.log(), 5, "a complaint")
    server.fetch(request_name(server.secret("request"), mac, "S3", bits=40))


@pytest.mark.fast
def test_secrets_readable_by_others_are_refused(make_server):
    """Refused at start, and said which file and what would be right."""
    server = make_server(start=False, add=False)
    path = server.dir / "secrets/keybox"
    for mode in (0o644, 0o640, 0o604):
        path.chmod(mode)
        done = subprocess.run([SERVER, "-c", server.conf], capture_output=True, text=True, timeout=15)
        assert done.returncode != 0
        assert "keybox" in done.stderr, done.stderr
        assert "\nready" not in "\n" + done.stderr
    path.chmod(0o600)
    server.start()


@pytest.mark.parametrize("which", ["secrets/keybox", "secrets/storage", "pki/manufacturer.pem"])
def test_pipe_in_a_files_place_is_not_waited_for(make_server, which):
    server = make_server(start=False, add=False)
    path = server.dir / which
    path.unlink()
    os.mkfifo(path, 0o600)
    for argv in (["-t"], []):
        done = subprocess.run([SERVER, "-c", server.conf, *argv], capture_output=True, text=True, timeout=15)
        assert done.returncode == 1
        assert path.name in done.stderr and "a pipe" in done.stderr, done.stderr


@pytest.mark.parametrize("missing", ["secrets/request", "pki/manufacturer.pem", "secrets/storage"])
def test_missing_file_is_named(make_server, missing):
    server = make_server(start=False, add=False)
    path = server.dir / missing
    text = server.conf.read_text()
    if path.name not in text:
        pytest.skip(f"{missing} is not part of the trial's configuration")
    path.unlink()
    done = subprocess.run([SERVER, "-c", server.conf], capture_output=True, text=True, timeout=15)
    assert done.returncode != 0 and path.name in done.stderr


def let_registrar(server, folder):
    """Give a folder to whom `init` gave the database's."""
    owner = (server.dir / "state").stat()
    os.chown(folder, owner.st_uid, owner.st_gid)


@pytest.fixture
def on_small_disk(make_server, tmp_path):
    """A server whose database lies on a tmpfs of its own, and what fills and frees it."""
    server = make_server(start=False, add=False)
    small = tmp_path / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1536k,mode=0755", "none", small)
    filler = small / "filler"

    def fill():
        fd = os.open(filler, os.O_WRONLY | os.O_CREAT)
        try:
            while True:
                os.write(fd, bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
        finally:
            os.close(fd)

    try:
        server.configure(database=f'"{small}/fieldcert.db"')
        let_registrar(server, small)
        server.start()
        server.add()
        yield server, small / "fieldcert.db", fill, filler.unlink
    finally:
        server.stop()
        run("umount", "-l", small)


def column(database, sql):
    return run("sqlite3", "-readonly", database, sql).stdout.strip()


@needs_root
def test_full_database(on_small_disk):
    """ERROR 1, a line in the log, no crash; with room again the modem gets its file and
    nothing was issued twice."""
    server, database, fill, free = on_small_disk
    fill()
    for _ in range(4):
        with server.peer() as peer:
            with pytest.raises(TftpError) as refused:
                peer.fetch(server.name())
        assert refused.value.code == NOT_FOUND
        time.sleep(0.3)
    until(lambda: "full" in server.log().lower() or "no space" in server.log().lower(), 5, "why, in the log")
    assert server.log().count("event=database-failed") == 1
    free()
    server.fetch(seconds=20)
    assert column(database, "select count(*) from certificates") == "1"


@needs_root
@pytest.mark.fast
def test_confirmation_is_answered_after_it_was_recorded(on_small_disk):
    """S10: while it can't be committed there is no answer, so the modem says it again."""
    server, database, fill, free = on_small_disk
    server.fetch()
    until(lambda: column(database, "select state from devices") == "delivered")
    fill()
    yy = request_code(server.secret("request"))
    ok = rrq(confirm_name(server.secret("confirm"), yy))
    with server.peer() as peer:
        answer = peer.ask(ok, 2)
        assert answer is None or answer[0] == 5, answer
    assert column(database, "select state from devices") != "confirmed"
    free()

    def taken():
        with server.peer() as peer:
            return peer.ask(ok, 1) == (3, 1, b"")

    until(taken, 10, "its answer")
    assert column(database, "select state from devices") == "confirmed"


@needs_root
def test_database_remounted_read_only(make_server, tmp_path):
    server = make_server(start=False, add=False)
    place = tmp_path / "place"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=8m,mode=0755", "none", place)
    try:
        server.configure(database=f'"{place}/fieldcert.db"')
        let_registrar(server, place)
        server.start()
        server.add()
        # files that are open for writing keep a mount writable: forbid it to the files
        for path in place.iterdir():
            run("mount", "--bind", path, path)
            run("mount", "-o", "remount,bind,ro", path)
        with server.peer() as peer:
            with pytest.raises(TftpError) as refused:
                peer.fetch(server.name())
        assert refused.value.code == NOT_FOUND
        for path in place.iterdir():
            run("umount", path, check=False)
        time.sleep(0.5)
        with server.peer() as peer:
            answer = peer.ask(rrq(server.name()))
            assert answer is not None
    finally:
        server.stop()
        for path in place.iterdir():
            run("umount", "-l", path, check=False)
        run("umount", "-l", place)


def test_database_locked_by_another_program(server):
    """A long write transaction of a stranger: the modem is told 'not found', later served."""
    import sqlite3

    db = sqlite3.connect(server.dir / "fieldcert.db", isolation_level=None)
    try:
        db.execute("begin immediate")
        with server.peer() as peer:
            answer = peer.ask(rrq(server.name()), 8)
            assert answer is None or answer[:2] == (5, NOT_FOUND)
    finally:
        db.rollback()
        db.close()
    server.fetch(seconds=20)
    assert server.certificates() == 1


def test_database_taken_away(server):
    """No certificate is made, and none lost, in a file that has no name any more."""
    path = (server.dir / "fieldcert.db").resolve()
    away = path.with_name("away.db")
    path.rename(away)
    for _ in range(3):
        with server.peer() as peer:
            assert peer.ask(rrq(server.name()))[:2] == (5, NOT_FOUND)
        time.sleep(0.3)
    refused = server.ctl("device", "deny", MAC, check=False)
    assert refused.returncode != 0 and "removed or replaced" in refused.stderr
    assert server.log().count("event=database-failed") == 1
    assert "removed or replaced" in server.log()
    away.rename(path)
    server.fetch(seconds=20)
    assert server.certificates() == 1


def test_clock_set_back(make_server):
    """What stands in the database seems to come from the future: nothing breaks, and the
    next certificate is made all the same."""
    import sqlite3

    server = make_server()
    content, _ = server.fetch()
    server.stop()
    later = int(time.time()) + 400 * 86400
    with sqlite3.connect(server.dir / "fieldcert.db") as db:
        db.execute("update devices set first_seen = ?, last_seen = ?", (later, later))
        db.execute("update certificates set created = ?", (later,))
        db.execute("update events set time = ?", (later,))
    db.close()
    server.start()
    assert server.fetch()[0] == content
    server.add(mac_of(1), "S1")
    server.fetch(request_name(server.secret("request"), mac_of(1), "S1"))
    yy = request_code(server.secret("request"))
    with server.peer() as peer:
        assert peer.ask(rrq(confirm_name(server.secret("confirm"), yy)))[:2] == (3, 1)
    until(lambda: state(server) == "confirmed", 3, "state confirmed")


def test_clock_behind_the_last_certificate(make_server):
    """Set back further than that: nothing is dated wrongly in silence. The modem is told
    'not found', the operator sees why, and SIGHUP says that the clock is right now."""
    import sqlite3

    server = make_server()
    server.fetch()
    server.add(mac_of(1), "S1")
    server.stop()
    with sqlite3.connect(server.dir / "fieldcert.db") as db:
        db.execute("update meta set value = ? where name = 'clock_floor'", (int(time.time()) + 30 * 86400,))
        assert db.execute("select changes()").fetchone() == (1,)
    db.close()
    server.start()
    name = request_name(server.secret("request"), mac_of(1), "S1")
    for _ in range(2):
        with server.peer() as peer:
            with pytest.raises(TftpError) as refused:
                peer.fetch(name)
        assert refused.value.code == NOT_FOUND
        time.sleep(0.3)
    assert "clock" in server.ctl("device", "show", mac_of(1)).stdout
    assert server.certificates(mac_of(1)) == 0
    server.process.send_signal(signal.SIGHUP)
    time.sleep(1)
    server.fetch(name)
    assert server.certificates(mac_of(1)) == 1


def test_reading_works_while_the_daemon_is_down(make_server):
    """… and changes take the database's lock."""
    server = make_server()
    server.fetch()
    server.stop()
    listed = json.loads(server.ctl("device", "list", "--json").stdout)
    assert MAC in json.dumps(listed)
    server.ctl("device", "add", mac_of(2), "--serial", "S2")
    assert state(server, mac_of(2)) == "registered"
    server.start()
    server.fetch(request_name(server.secret("request"), mac_of(2), "S2"))


def test_second_daemon_on_the_same_database_is_refused(make_server):
    """One process writes."""
    server = make_server()
    other = make_server(start=False, add=False)
    other.configure(database=f'"{server.dir}/state/fieldcert.db"')
    done = subprocess.run([SERVER, "-c", other.conf], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    assert "\nready" not in "\n" + done.stderr
    server.fetch()


def test_audit_chain_notices_an_edit(make_server):
    """S14"""
    import sqlite3

    server = make_server()
    server.fetch()
    server.ctl("device", "deny", MAC)
    server.stop()
    server.ctl("audit", "verify")
    with sqlite3.connect(server.dir / "fieldcert.db") as db:
        db.execute("update audit set what = replace(what, ?, ?) where seq = (select max(seq) from audit)", ("denied", "allowed"))
        n = db.execute("select changes()").fetchone()[0]
        db.execute("update audit set what = what || ' ' where seq = (select min(seq) from audit)")
    db.close()
    assert n == 1
    assert server.ctl("audit", "verify", check=False).returncode != 0


@needs_root
def test_privileges_of_each_process(make_server):
    """I4: started by root each process has its own user, an empty root, seccomp, and can
    never gain a privilege."""
    server = make_server()
    server.fetch()
    roles = server.children()
    assert set(roles) == {"front", "registrar", "signer"}
    users = {}
    for role, pids in roles.items():
        for pid in pids:
            status = dict(
                line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line
            )
            assert status["Seccomp"].strip() == "2", role
            assert status["NoNewPrivs"].strip() == "1", role
            assert int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0, role
            uids = set(status["Uid"].split())
            assert len(uids) == 1 and "0" not in uids
            assert "0" not in status["Gid"].split()
            users.setdefault(uids.pop(), set()).add(role)
            assert os.readlink(f"/proc/{pid}/root") != "/", role
    assert all(len(r) == 1 for r in users.values()), users
    parent = open(f"/proc/{server.process.pid}/status").read()
    assert "Seccomp:\t2" in parent, "the parent has a list too"


@needs_root
def test_open_files_of_each_process(make_server):
    """I4: sockets that strangers reach only in front, the database only in registrar."""
    server = make_server()
    server.fetch()
    for role, pids in server.children().items():
        for pid in pids:
            files = []
            for fd in os.listdir(f"/proc/{pid}/fd"):
                try:
                    files.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
                except FileNotFoundError:
                    pass
            text = " ".join(files)
            assert ("fieldcert.db" in text) == (role == "registrar"), (role, files)
            assert "secrets/" not in text and "pki/" not in text, (role, files)
            udp = udp_inodes()
            has = any(f.startswith("socket:[") and f[8:-1] in udp for f in files)
            assert has == (role == "front"), (role, files)


def udp_inodes():
    found = set()
    for name in ("udp", "udp6"):
        for line in open(f"/proc/net/{name}").read().splitlines()[1:]:
            found.add(line.split()[9])
    return found


@needs_root
def test_as_an_ordinary_user(make_server):
    """Started by an ordinary user all run under that user, and say so."""
    import pwd

    nobody = pwd.getpwnam("nobody")
    server = make_server(start=False, add=False)
    for path in [server.dir, *server.dir.rglob("*")]:
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    if subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", "test", "-x", SERVER]).returncode:
        pytest.skip("the build folder can't be reached by user nobody")
    server.user = nobody.pw_uid
    server.start()
    run("setpriv", "--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid), "--clear-groups",
        CTL, "-c", server.conf, "device", "add", MAC, "--serial", SERIAL)
    server.fetch()
    for pids in server.children().values():
        for pid in pids:
            assert os.stat(f"/proc/{pid}").st_uid in (nobody.pw_uid, 0)
            assert "NoNewPrivs:\t1" in open(f"/proc/{pid}/status").read()


def test_preload(make_server, tmp_path, pki):
    """S9: a file imported ahead is served; one that is another device's is refused."""
    donor = make_server()
    content, _ = donor.fetch()
    file = tmp_path / "c.509"
    file.write_bytes(content)
    server = make_server(start=False, add=False)
    # the second server lives under the same PKI and secrets
    for part in ("pki", "secrets"):
        shutil.rmtree(server.dir / part)
        shutil.copytree(donor.dir / part, server.dir / part)
    server.start()
    server.add()
    server.add(mac_of(1), "S1")
    other = tmp_path / "pem"
    other.mkdir()
    server.ctl("file", "extract", file, "--device", other / "d.pem", "--manufacturer", other / "m.pem")
    wrong = server.ctl("preload", "--device", other / "d.pem", "--manufacturer", other / "m.pem",
                       "--mac", mac_of(1), check=False)
    assert wrong.returncode != 0 and MAC in wrong.stderr, wrong.stderr
    broken = tmp_path / "broken.509"
    broken.write_bytes(content[:-1])
    assert server.ctl("preload", broken, check=False).returncode != 0
    assert server.query("select count(*) from files") == [(0,)]
    server.ctl("preload", file)
    with server.peer() as peer:
        assert peer.fetch(server.name()) == content
    assert server.query("select state from certificates") == [("preloaded",)]
    with server.peer() as peer:
        with pytest.raises(TftpError) as refused:
            peer.fetch(server.name(serial="X"))
    assert refused.value.code == 2, "preloaded files too are for authenticated requests alone"
