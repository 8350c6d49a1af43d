"""fieldcert-agent as a program: exit statuses, --status, signals, what it refuses."""

import json
import os
import signal
import subprocess
import time

import pytest
from lib import AGENT, MAC, SERIAL, until, x509
from rogue import CutOff, Rogue
from test_agent import Material, Modem

CONFIRMED, SYSTEM, USAGE, NOT_FOUND, NO_ANSWER, REJECTED, INVALID, UNCONFIRMED, SERVER = range(9)


@pytest.fixture(scope="session")
def material(pki):
    return Material(pki)


@pytest.fixture
def modem(tmp_path, material):
    made = []

    def make(rogue, **settings):
        settings = {"retry": "{0.05, 0.05, 0.05}", **settings}
        m = Modem(tmp_path / f"modem{len(made)}", f"{rogue.host}:{rogue.port}", [material.root_path()], **settings)
        made.append(m)
        return m

    yield make
    for m in made:
        print(m.stop())


def agent(m, *more):
    return subprocess.run(m.argv(*more), capture_output=True, text=True, timeout=40)


@pytest.mark.parametrize("answer, status", [
    (1, NOT_FOUND), (2, REJECTED), (0, SERVER), (b"", INVALID),
], ids=["not found", "rejected", "another error", "invalid file"])
def test_exit_status(modem, answer, status):
    with Rogue(answer) as rogue:
        done = modem(rogue).once()
        assert done.returncode == status, done.stderr
        assert len(rogue.asked()) == {NOT_FOUND: 4, SERVER: 8}.get(status, 1)  # SERVER: without options, too


def test_exit_status_no_answer(modem):
    """Nobody there at all: the port is closed, and says so."""
    with Rogue(b"") as rogue:
        m = modem(rogue, retry="{0.05}")
    assert m.once().returncode == NO_ANSWER


def test_exit_status_cut_off(modem, material):
    """The server begins, and falls silent."""
    with Rogue(lambda name: CutOff(material.file()) if name.endswith(".509") else b"") as rogue:
        m = modem(rogue, retry="{0.05}", blksize="512", windowsize="0")
        done = subprocess.run(m.argv("--once"), capture_output=True, text=True, timeout=120)
        assert done.returncode == SERVER, done.stderr
        assert set(rogue.reports()) == {1}


def test_exit_status_unconfirmed(modem, material):
    """A8: unanswered; the next start sends it again, and asks for nothing."""
    silent = [True]

    def answer(name):
        if name.startswith("OK_"):
            return None if silent[0] else b""
        return material.file()

    with Rogue(answer) as rogue:
        m = modem(rogue, confirm_timeouts="{0.1, 0.1, 0.1}")
        assert m.once().returncode == UNCONFIRMED
        assert len(rogue.confirmations()) == 4
        silent[0] = False
        assert m.once().returncode == CONFIRMED
        assert len(rogue.confirmations()) == 5 and len(rogue.asked()) == 1
        assert m.once().returncode == CONFIRMED
        assert len(rogue.confirmations()) == 5


def test_source_address(modem):
    with Rogue(2) as rogue:
        done = modem(rogue, source='"127.0.0.7"').once()
        assert done.returncode == REJECTED, done.stderr
        assert {host for host, _ in rogue.peers} == {"127.0.0.7"}


def test_status(modem, material):
    with Rogue(1) as rogue:
        m = modem(rogue)
        assert "never-started" in agent(m, "--status").stdout
        m.once()
        text = json.loads(agent(m, "--status", "--json").stdout)
        assert text["state"] == "wait" and text["last-answer"] == "not-found" and text["attempts"] == 4
        assert text["flash"] == "empty" and text["certificate-end"] is None and text["next"]
        rogue.content = material.file()
        m.once()
        text = json.loads(agent(m, "--status", "--json").stdout)
        assert text["state"] == "rest" and text["flash"] == "certificate" and text["confirmed"] == "yes"
        end = x509(material.der("device"), "-enddate", "-dateopt", "iso_8601").strip().split("=")[1]
        assert text["certificate-end"] == end.replace(" ", "T") and text["last-error"] is None
        rogue.content = b""
        agent(m, "--once", "--reset")
        text = json.loads(agent(m, "--status", "--json").stdout)
        assert text["last-error"] == "07" and text["flash"] == "empty"


def test_server_is_kept_in_flash(modem, material):
    """A3: its address is kept in flash, and can be changed."""
    with Rogue(1) as first, Rogue(material.file()) as second:
        m = modem(first)
        assert agent(m, "--once", "--server", f"{second.host}:{second.port}").returncode == CONFIRMED
        assert not first.names
        assert agent(m, "--once", "--reset").returncode == CONFIRMED, "still the other"
        assert not first.names and len(second.asked()) == 2
        assert agent(m, "--once", "--server", "default", "--reset").returncode == NOT_FOUND
        assert first.asked()
        assert agent(m, "--once", "--server", "nowhere").returncode == USAGE


def test_signals(modem, material):
    """A10: ask now; stop."""
    with Rogue(2) as rogue:
        m = modem(rogue).start()
        until(lambda: rogue.asked(), 10, "a request")
        time.sleep(0.3)
        for signo in (signal.SIGUSR1, signal.SIGHUP):
            before = len(rogue.asked())
            m.process.send_signal(signo)
            until(lambda: len(rogue.asked()) > before, 10, "one more")
            time.sleep(0.2)
        busy = agent(m, "--once")
        assert busy.returncode == SYSTEM and "another agent" in busy.stderr
        assert agent(m, "--status").returncode == 0
        m.process.send_signal(signal.SIGTERM)
        assert m.process.wait(10) == 0
        m.process = None


@pytest.mark.parametrize("which", ["request", "confirm", "keybox"])
def test_secrets_that_others_can_read(modem, which):
    with Rogue(b"") as rogue:
        m = modem(rogue)
        for mode in (0o640, 0o604):
            (m.dir / which).chmod(mode)
            done = m.once()
            assert done.returncode == USAGE and "chmod 600" in done.stderr and which in done.stderr
        assert not rogue.names


def test_configuration_is_checked(modem):
    with Rogue(b"") as rogue:
        m = modem(rogue)
        good = agent(m, "-t")
        assert good.returncode == 0, good.stderr
        for line, says in (
            ("hash = sha9", "hmac-sha256"), ("hash = md2", "OpenSSL"), ("hash = md5\ncode-bits = 132", "at most 128"),
            ("retri = {1}", "'retry'"), ('manufacturer-keys = {"request"}', "request"),
        ):
            text = m.conf.read_text()
            m.conf.write_text(text + line + "\n")
            done = agent(m, "-t")
            assert done.returncode == USAGE and says in done.stderr, done.stderr
            m.conf.write_text(text)
        for argv in ([AGENT], [AGENT, "-c", "/nowhere"], [AGENT, "-c", m.conf], [AGENT, "--frob"],
                     [AGENT, "-c", m.conf, "--mac", MAC], [AGENT, "-c", m.conf, "--mac", "x", "--serial", SERIAL]):
            assert subprocess.run(argv, capture_output=True, timeout=10).returncode == USAGE
        assert not rogue.names


def test_flash_is_private(modem, material):
    with Rogue(material.file()) as rogue:
        m = modem(rogue)
        m.flash.rmdir()
        os.umask(0)
        try:
            assert m.once().returncode == CONFIRMED
        finally:
            os.umask(0o022)
        assert m.flash.stat().st_mode & 0o777 == 0o700
        for path in m.flash.iterdir():
            assert path.stat().st_mode & 0o077 == 0, path


def test_restart_after_install(modem, material, tmp_path):
    """A9: the command runs once, after a fresh install alone."""
    mark = tmp_path / "restarted"
    script = tmp_path / "restart"
    script.write_text(f"#!/bin/sh\necho \"$1\" >>{mark}\n")
    script.chmod(0o755)
    with Rogue(material.file()) as rogue:
        m = modem(rogue, after_install="restart", restart_command='{"%s", "now"}' % script)
        assert m.once().returncode == CONFIRMED
        until(mark.exists, 5, "the restart")
        assert m.once().returncode == CONFIRMED
        time.sleep(0.3)
        assert mark.read_text() == "now\n"


def test_export_is_mended(modem, material, tmp_path):
    """The five files are a copy, compared at each start."""
    five = tmp_path / "five"
    with Rogue(material.file()) as rogue:
        m = modem(rogue, export=f'"{five}"')
        assert m.once().returncode == CONFIRMED
        before = {p.name: p.read_bytes() for p in five.iterdir()}
        assert sorted(before) == [
            "cm_cert.cer", "cm_key_prv.bin", "mfg_cert.cer", "mfg_key_pub.bin", "root_pub_key.bin"]
        assert before["root_pub_key.bin"] == material.pki.spki("root")
        assert before["mfg_key_pub.bin"] == material.pki.spki("mfr")
        (five / "cm_cert.cer").write_bytes(b"worn")
        (five / "cm_key_prv.bin").unlink()
        assert m.once().returncode == CONFIRMED
        assert {p.name: p.read_bytes() for p in five.iterdir()} == before
        assert len(rogue.asked()) == 1
