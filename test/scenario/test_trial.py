"""The commands that the README gives for trying it out without root, as they stand."""

import hashlib
import os
import subprocess

import pytest
from lib import AGENT, BIN, MAC, ROOT, SERIAL, free_port, passable, run, until

COMMANDS = """\
fieldcertctl init trial --listen 127.0.0.1:6969 --secrets one
fieldcertd -c trial/fieldcertd.conf &
fieldcertctl -c trial/fieldcertd.conf device add 00:10:4B:AB:CD:EF --serial J09H7CDEF
name=$(fieldcertctl -c trial/fieldcertd.conf name 00:10:4B:AB:CD:EF)
curl -s -o cert.509 tftp://127.0.0.1:6969/$name
curl -s -o cert.509 tftp://127.0.0.1:6969/$name
fieldcertctl file show cert.509
fieldcertctl file extract cert.509 --device d.pem --manufacturer m.pem
openssl verify -x509_strict -CAfile trial/pki/root.pem -untrusted m.pem d.pem
fieldcert-agent -c trial/agent.conf --mac 00:10:4B:AB:CD:EF --serial J09H7CDEF --once
sqlite3 -readonly trial/fieldcert.db 'select mac, state, epoch from devices'
""".splitlines()


def test_readme_shows_these_commands():
    text = (ROOT / "README.md").read_text()
    for command in COMMANDS:
        assert command.rstrip(" &") in text, command


@pytest.mark.fast
def test_trial_block(tmp_path):
    """The block itself, with another port, and a pause where it says 'a moment'."""
    commands = [c.replace("6969", str(port)) for port in [free_port()] for c in COMMANDS]
    script = f"""
set -u
{commands[0]} || exit 11
{commands[1]}
daemon=$!
trap 'kill $daemon; wait $daemon' EXIT
for i in $(seq 100); do grep -q ^ready server.log && break; sleep 0.1; done
grep -q ^ready server.log || exit 10
{commands[2]} || exit 12
{commands[3]} || exit 13
{commands[4]}
rc=$?; [ $rc = 68 ] || {{ echo "first time: curl $rc"; exit 14; }}
sleep 3
{commands[5]} || exit 15
{commands[6]} || exit 16
{commands[7]} || exit 17
{commands[8]} || exit 18
{commands[9]} || exit 19
{commands[10]} || exit 20
""".replace("fieldcertd.conf &", "fieldcertd.conf 2>server.log >&2 &")
    passable(tmp_path)
    env = dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}")
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, (
        done.stdout + done.stderr + (tmp_path / "server.log").read_text()[-3000:]
    )
    assert "d.pem: OK" in done.stdout
    assert f"{MAC}|confirmed|1" in done.stdout
    assert not (tmp_path / "cert.509").read_bytes().startswith(b"<")


def test_secrets_are_lines_of_text_that_only_the_owner_reads(make_server):
    server = make_server(start=False, add=False)
    seen = set()
    for which in ("request", "confirm", "keybox"):
        path = server.dir / "secrets" / which
        lines = path.read_text().splitlines()
        assert len(lines) == 1 and len(lines[0]) * 4 >= 256, "256 bits each (N6)"
        assert path.stat().st_mode & 0o077 == 0
        seen.add(lines[0])
    assert len(seen) == 3, "three different strings (N6)"


def test_init_refuses_to_write_over_an_existing_folder(make_server):
    server = make_server(start=False, add=False)
    before = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in server.dir.rglob("*") if p.is_file()}
    again = run(BIN / "fieldcertctl", "init", server.dir, "--listen", "127.0.0.1:6969", check=False)
    assert again.returncode != 0
    after = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in server.dir.rglob("*") if p.is_file()}
    assert after == before


def test_check_of_a_configuration(make_server):
    """fieldcertd -t: a wrong setting is named with its line and what would be right."""
    server = make_server(start=False, add=False)
    good = run(BIN / "fieldcertd", "-t", "-c", server.conf)
    assert good.returncode == 0
    lines = server.conf.read_text().splitlines()
    server.conf.write_text("\n".join(lines + ["retry-seconds-of-nobody = 7", ""]))
    bad = run(BIN / "fieldcertd", "-t", "-c", server.conf, check=False)
    assert bad.returncode != 0
    assert f"fieldcertd.conf:{len(lines) + 1}:" in bad.stderr, bad.stderr
    assert "retry-seconds-of-nobody" in bad.stderr


def test_server_says_ready_and_ends_on_sigterm(make_server):
    server = make_server()
    assert server.log().count("\nready") + server.log().startswith("ready") == 1
    assert server.stop() == 0
    with pytest.raises(AssertionError):
        until(lambda: server.peer().ask(b"\0\1x\0octet\0", 0.2), 1)


def test_agent_rests_after_success(server):
    """A1: the second start finds a good certificate and asks nobody."""
    argv = [AGENT, "-c", server.dir / "agent.conf", "--mac", MAC, "--serial", SERIAL, "--once"]
    run(*argv)
    before = server.query("select count(*) from events")
    run(*argv)
    assert server.query("select count(*) from events") == before
