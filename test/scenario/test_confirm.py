"""Confirmations and error reports (N4, S10, S11)."""

import hashlib
import json

import pytest
from lib import (
    ACCESS, CTL, DATA, ERROR, MAC, SERIAL, confirm_name, mac_of, report_name, request_code, rrq, run,
    state, until,
)


def say(server, name, source=None):
    """What a single request is answered with; a file's first block is acknowledged."""
    with server.peer(source) as peer:
        answer = peer.ask(rrq(name))
        if answer and answer[0] == DATA:
            peer.send(b"\0\4\0\1")
        return answer


def ok_name(server, **how):
    yy = request_code(server.secret("request"))
    return confirm_name(server.secret("confirm"), yy, **how)


@pytest.mark.fast
def test_confirmation(server):
    """S10: verified, recorded, answered with an empty DATA 1; repeats are harmless."""
    server.fetch()
    for _ in range(3):
        assert say(server, ok_name(server)) == (DATA, 1, b"")
        until(lambda: state(server) == "confirmed", 3, "state confirmed")


@pytest.mark.fast
def test_wrong_confirmation(server):
    """S10: wrong zz: ERROR 2, at every digit."""
    server.fetch()
    good = ok_name(server)
    code = good[len("OK_00_10_4b_ab_cd_ef_") : -3]
    for i, c in enumerate(code):
        if c == "_":
            continue
        bad = code[:i] + "%x" % (int(c, 16) ^ 1) + code[i + 1 :]
        opcode, number, _ = say(server, good.replace(code, bad))
        assert (opcode, number) == (ERROR, ACCESS)
    assert state(server) == "delivered"


@pytest.mark.fast
def test_confirmation_counts_only_after_a_transfer(server):
    """N4: an unbound OK is the same string every time; without a completed transfer in
    this epoch it proves nothing."""
    say(server, ok_name(server))
    assert state(server) == "registered"
    server.fetch()
    assert say(server, ok_name(server)) == (DATA, 1, b"")
    until(lambda: state(server) == "confirmed", 3, "state confirmed")
    server.ctl("device", "reset", MAC)
    say(server, ok_name(server))
    assert state(server) != "confirmed"


def test_bound_confirmation(make_server):
    """N4: confirm = bound: the SHA-256 of the installed file is part of it."""
    server = make_server(start=False, add=False)
    server.in_section('class "default"', confirm='"bound"')
    server.start()
    server.add()
    content, _ = server.fetch()
    opcode, number, _ = say(server, ok_name(server))
    assert (opcode, number) == (ERROR, ACCESS)
    good = ok_name(server, bound=hashlib.sha256(content).digest())
    assert say(server, good) == (DATA, 1, b"")
    until(lambda: state(server) == "confirmed", 3, "state confirmed")


@pytest.mark.parametrize("number", range(1, 15))
def test_report_of_each_number(server, number):
    """S11: recorded, because a transfer to this device and source happened."""
    server.fetch()
    assert say(server, report_name(number)) == (DATA, 1, b"")
    until(lambda: state(server) == "failed", 3, "state failed")
    events = server.query("select kind, number from events where kind = 'error'")
    assert events == [("error", number)]
    for table in (errors(server), errors(server, "--class", "default")):
        assert [e["count"] for e in table] == [int(n == number) for n in range(1, 15)]
        assert [e["classes"]["default"] for e in table] == [e["count"] for e in table]
    line = server.ctl("errors").stdout.splitlines()[number]
    assert line.split()[:2] == ["1", f"{number:02d}"] and line.endswith("default 1")


def errors(server, *more):
    table = json.loads(server.ctl("errors", "--json", *more).stdout)["errors"]
    assert [e["number"] for e in table] == list(range(1, 15))
    return table


def test_errors_are_counted_by_class(make_server):
    """A class without reports has none; what a lost class had is still counted."""
    server = make_server(start=False, add=False)
    without = server.conf.read_text()
    server.conf.write_text(without + 'class "other" { issuer = "demonstration"  secrets = {"first"} }\n')
    server.start()
    server.add(MAC, SERIAL, "--class", "other")
    server.fetch()
    assert say(server, report_name(2)) == (DATA, 1, b"")
    until(lambda: state(server) == "failed", 3, "state failed")
    assert errors(server)[1]["classes"] == {"default": 0, "other": 1}
    assert errors(server, "--class", "default")[1]["count"] == 0
    assert server.ctl("errors", "--class", "third", check=False).returncode == 1
    server.conf.write_text(without)
    assert errors(server)[1]["count"] == 1
    assert server.ctl("errors").stdout.splitlines()[2].endswith("(no class of the configuration) 1")


@pytest.mark.fast
def test_report_from_a_stranger_is_only_counted(server):
    """S11: the message carries no code: without a transfer to that source nothing is
    recorded."""
    server.fetch()
    answer = say(server, report_name(9), "127.0.0.66")
    assert answer is None or answer[0] in (DATA, ERROR)
    assert say(server, report_name(9, mac_of(99))) is not None
    assert server.query("select count(*) from events where kind = 'error'") == [(0,)]
    assert state(server) == "delivered"


def test_report_before_any_transfer(server):
    say(server, report_name(3))
    assert server.query("select count(*) from events where kind = 'error'") == [(0,)]
    assert state(server) == "registered"
