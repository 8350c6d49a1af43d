"""The parent: background, notification, restarts, reloads that it refuses."""

import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from lib import ROOT, SERVER, run, until


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def all_children(server):
    return [pid for pids in server.children().values() for pid in pids]


def test_background(make_server):
    """-d: the command ends when TFTP and control socket answer, and not before."""
    server = make_server(start=False, add=False)
    done = run(SERVER, "-c", server.conf, "-d", timeout=30)
    pid = int(re.search(r"^ready .*pid=(\d+)$", done.stdout, re.M)[1])
    try:
        assert alive(pid) and os.getsid(pid) == pid
        server.ctl("device", "add", "00:10:4B:AB:CD:EF", "--serial", "J09H7CDEF")
        server.fetch()
        for fd in (0, 1) if os.geteuid() == 0 else ():  # root alone may look there
            assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"
    finally:
        os.kill(pid, signal.SIGTERM)
        until(lambda: not alive(pid), 10, "the daemon's end")


@pytest.mark.parametrize("trouble", ["configuration", "port", "secret"])
def test_background_fails_in_the_foreground(make_server, trouble):
    """-d: status 1, and the reason on standard error, when it can't start."""
    server = make_server(start=False, add=False)
    words = {"configuration": "no setting 'nonsense'", "port": "Address already in use", "secret": "chmod 600"}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        if trouble == "port":
            taken.bind((server.host, server.port))
        elif trouble == "secret":
            (server.dir / "secrets/request").chmod(0o644)
        else:
            server.configure("nonsense = 1")
        done = run(SERVER, "-c", server.conf, "-d", check=False, timeout=30)
    assert done.returncode == 1
    assert words[trouble] in done.stderr
    assert "ready" not in done.stdout


def test_service_manager_is_told(make_server, tmp_path):
    """READY, RELOADING with its time, STOPPING: sd_notify(3)."""
    server = make_server(start=False, add=False)
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(10)
        server.start(env={**os.environ, "NOTIFY_SOCKET": path})
        assert manager.recv(1000) == b"READY=1"
        server.process.send_signal(signal.SIGHUP)
        assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", manager.recv(1000))
        assert manager.recv(1000) == b"READY=1"
        assert server.stop() == 0
        assert manager.recv(1000) == b"STOPPING=1"


@pytest.mark.parametrize("role", ["front", "registrar", "signer"])
def test_a_killed_process_is_replaced_within_a_second(make_server, role):
    server = make_server(configure={"fronts": 2, "signers": 2})
    before = server.fetch()[0]
    victim = server.children()[role][0]
    at, start = len(server.log()), time.monotonic()
    os.kill(victim, signal.SIGKILL)
    until(lambda: f"event=started process={role}" in server.log()[at:], 5, "a successor", 0.01)
    assert time.monotonic() - start < 1
    assert server.fetch(seconds=2)[0] == before
    server.ctl("status")
    assert victim not in all_children(server)
    assert "signal 9" in server.log()


def test_children_end_with_their_parent(make_server):
    server = make_server(add=False)
    children = all_children(server)
    assert len(children) == 3
    server.process.kill()
    server.process.wait()
    server.process = None
    until(lambda: not any(alive(p) for p in children), 5, "the children's end")


def test_a_refused_reload_changes_nothing(make_server):
    """Each mistake is in the log, with its line; what was in force stays in force."""
    server = make_server()
    before, good = server.fetch()[0], server.conf.read_text()
    for line, words in (
        ("nonsense = 1", f":{good.count(chr(10)) + 1}: there is no setting 'nonsense'"),
        ('database = "', "a string begins here"),
        ("fronts = 2", "setting=fronts"),
        ('single-port = yes', "setting=single-port"),
    ):
        at = len(server.log())
        server.conf.write_text(good + line + "\n")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: "result=refused" in server.log()[at:], 10, "the refusal")
        assert words in server.log()[at:]
        assert server.fetch()[0] == before
    server.conf.write_text(good)
    at = len(server.log())
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "event=reload result=done" in server.log()[at:], 10, "the reload")
    assert server.fetch()[0] == before


def test_arguments():
    assert run(SERVER, "-V").stdout.startswith("fieldcertd ")
    assert "usage:" in run(SERVER, "-h").stdout
    for wrong in (["-x"], ["-c"], ["-c", "/x", "more"]):
        done = run(SERVER, *wrong, check=False)
        assert done.returncode == 2 and "usage:" in done.stderr
    # what children are executed with is of no use to others
    for wrong in (["--child"], ["--child", "front", "0", "1", "1", "user", "info"],
                  ["--child", "king", "0", "1", "1", "user", "info", "plain"]):
        done = subprocess.run([SERVER, *wrong], stdin=subprocess.DEVNULL, capture_output=True, timeout=10)
        assert done.returncode == 1


@pytest.mark.parametrize("holder", ["fieldcertctl", "fieldcertd"])
def test_started_while_the_database_is_locked(make_server, holder):
    """fieldcertctl holds the lock for one change and is waited for; a server keeps it."""
    server = make_server(start=False)
    path = server.dir / "state/fieldcert.db.lock"
    lock = os.open(path, os.O_RDWR)
    fcntl.fcntl(lock, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    os.truncate(lock, 0)
    os.pwrite(lock, f"{holder}, process 1\n".encode(), 0)
    release = threading.Timer(1.0, os.close, [lock])
    started = time.monotonic()
    release.start()
    try:
        if holder == "fieldcertctl":
            server.start()
            assert time.monotonic() - started > 0.9
        else:
            done = run(SERVER, "-c", server.conf, check=False, timeout=30)
            assert done.returncode == 1 and "fieldcertd, process 1 is writing to it" in done.stderr
    finally:
        release.join()


def test_the_manuals_example_is_a_good_configuration(tmp_path):
    """Only the files that it names are missing here."""
    manual = (ROOT / "man/fieldcertd.conf.5").read_text()
    example = manual[manual.index(".Sh EXAMPLES") :].split(".Bd -literal\n")[1].split(".Ed")[0]
    conf = tmp_path / "fieldcertd.conf"
    conf.write_text(example)
    done = run(SERVER, "-t", "-c", conf, check=False)
    assert done.returncode == 1
    for line in done.stderr.splitlines():
        assert not line.startswith(str(conf)), line
        assert "No such file" in line, line


def test_every_setting_is_in_the_manual():
    manual = (ROOT / "man/fieldcertd.conf.5").read_text()
    settings = set(re.findall(r'CONF_(?:ONE|LIST)\("([a-z-]+)"\)', (ROOT / "src/conf/conf.c").read_text()))
    assert len(settings) > 40
    explained = set(re.findall(r"[a-z-]+", " ".join(re.findall(r"^\.It Ic (.*)$", manual, re.M))))
    assert settings - explained == set()


def test_every_column_is_in_the_manual():
    manual = (ROOT / "man/fieldcertd.8").read_text()
    manual = manual[manual.index(".Sh DATABASE") : manual.index(".Sh FILES")]
    schema = re.sub(r'"\s*"', "", (ROOT / "src/store/schema.c").read_text())
    tables = re.findall(r"CREATE TABLE (\w+) \((.*?)\)(?: WITHOUT ROWID)?;", schema)
    assert len(tables) == 8
    explained = set(re.findall(r"\w+", " ".join(re.findall(r"^\.(?:It )?Ic (.*)$", manual, re.M))))
    for table, columns in tables:
        names = set(re.findall(r"(?:^| )(\w+) (?:TEXT|INTEGER|BLOB)", columns))
        assert names and {table} | names <= explained
