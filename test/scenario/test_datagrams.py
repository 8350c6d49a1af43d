"""Datagrams of every kind of badness: the right error or silence, and no crash."""

import os
import random
import struct
import time

import pytest
from lib import (
    ACCESS, BAD_OP, BAD_TID, DATA, ERROR, MAC, NOT_FOUND, OACK, RRQ, WRQ, Peer, Server, TftpError,
    ack, lower_mac, oack, rrq,
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("datagrams") / "trial")
    try:
        server.start()
        server.add()
        server.content, _ = server.fetch()
        yield server
    finally:
        status = server.process.poll()
        server.stop()
        assert status is None, "fieldcertd ended by itself"


@pytest.fixture(autouse=True)
def alive(served):
    """After each: the same processes as before, and the file is still served."""
    before = served.children()
    yield
    assert served.children() == before, "a process was restarted"
    with served.peer() as peer:
        assert peer.fetch(served.name()) == served.content


def answers(peer, seconds=0.6):
    """All that comes within a while."""
    got, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        answer = peer.receive(max(0.01, end - time.monotonic()))
        if answer:
            got.append(answer)
    return got


MALFORMED = {
    "nothing": b"",
    "one byte": b"\0",
    "opcode alone": b"\0\1",
    "no NUL after the name": b"\0\1abc",
    "no mode": b"\0\1abc\0",
    "no NUL after the mode": b"\0\1abc\0octet",
    "empty name": b"\0\1\0octet\0",
    "empty mode": b"\0\1abc\0\0",
    "option without value": b"\0\1abc\0octet\0blksize\0",
    "option without NUL": b"\0\1abc\0octet\0blksize\0" + b"512",
    "mode mail": rrq("abc", "mail"),
    "unknown mode": rrq("abc", "octets"),
    "write mode mail": rrq("abc", "mail", WRQ),
    "opcode 0": b"\0\0abc\0octet\0",
    "opcode 7": b"\0\7abc\0octet\0",
    "opcode 256": b"\1\0abc\0octet\0",
    "opcode 65535": b"\xff\xffabc\0octet\0",
    "name of 600 bytes": rrq("a" * 600),
    "name of 400 NUL-less bytes": b"\0\1" + b"a" * 400,
    "60,000 bytes": rrq("a" * 60000),
    "four hundred options": b"\0\1a\0octet\0" + b"x\0y\0" * 120,
    "control characters": rrq(b"\x1b[2J\r\n\x07\xff\xfe"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_request(served, what):
    with served.peer() as peer:
        peer.send(MALFORMED[what])
        got = answers(peer)
        assert len(got) <= 1, got
        for opcode, code, text in got:
            assert opcode == ERROR and code in (0, NOT_FOUND, ACCESS, BAD_OP), (opcode, code)
            assert text.endswith(b"\0")
            assert str(served.dir).encode() not in text, "a path of the server's"


@pytest.mark.parametrize("opcode", [0, 7, 9, 255])
def test_unknown_opcode_is_error_4_or_silence(served, opcode):
    with served.peer() as peer:
        peer.send(struct.pack(">H", opcode) + b"abc\0octet\0")
        assert [(o, c) for o, c, _ in answers(peer)] in ([], [(ERROR, BAD_OP)])


def test_an_error_is_never_answered(served):
    """Two servers that answer each other's errors would do so for ever."""
    with served.peer() as peer:
        for code in range(9):
            peer.send(struct.pack(">HH", ERROR, code) + b"no\0")
        assert answers(peer) == []


def test_stray_data_ack_and_oack_start_nothing(served):
    with served.peer() as peer:
        for data in (ack(0), ack(1), struct.pack(">HH", DATA, 1) + b"x", b"\0\6blksize\0" b"8\0"):
            peer.send(data)
        for opcode, code, _ in answers(peer):
            assert opcode == ERROR and code in (BAD_OP, BAD_TID)


def test_writes_are_refused(served):
    for name in (served.name(), "anything", "../../etc/passwd"):
        with served.peer() as peer:
            opcode, code, _ = peer.ask(rrq(name, opcode=WRQ))
            assert opcode == ERROR and code in (ACCESS, BAD_OP)


PATHS = [
    "../fieldcert.db", "/etc/passwd", "fieldcert.db", "secrets/request", "..\\..\\boot.ini", "./x.509",
    "CM_00_10_4b_ab_cd_ef_00_00_00.509/../../secrets/request", "%2e%2e/secrets/request", "~root", "*",
]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_reaches_the_disk(served, path):
    """N8: every name that is none of ours gets an error."""
    with served.peer() as peer:
        opcode, code, _ = peer.ask(rrq(path))
        assert opcode == ERROR and code in (0, NOT_FOUND, ACCESS, BAD_OP)


def test_unknown_names_are_counted(served):
    """N8: … and is counted."""
    import json

    def total():
        facts = json.loads(served.ctl("status", "--json").stdout)
        return str(facts)

    before = total()
    with served.peer() as peer:
        for _ in range(3):
            peer.ask(rrq("no-such-name"))
    time.sleep(1.5)
    assert total() != before


# ------------------------------------------------------------ options (RFC 2347 to 2349, 7440)


def start(served, peer, **options):
    opcode, number, payload = peer.ask(rrq(served.name(), **options))
    return opcode, number, payload


@pytest.mark.parametrize("options", [
    {"blksize": 7}, {"blksize": 0}, {"blksize": 65465}, {"blksize": "abc"}, {"blksize": -1},
    {"blksize": "99999999999999999999"}, {"blksize": ""}, {"windowsize": 0}, {"windowsize": 65536},
    {"timeout": 0}, {"timeout": 256}, {"timeout": "1.5"}, {"unknown": "1"}, {"tsize": "x"}, {"multicast": ""},
], ids=str)
def test_option_out_of_range_is_ignored(served, options):
    """Not acknowledged, hence not in force: blocks of 512, one at a time."""
    with served.peer() as peer:
        opcode, number, payload = start(served, peer, **options)
        assert opcode == DATA and number == 1 and len(payload) == 512
        assert peer.rest((opcode, number, payload)) == served.content


@pytest.mark.fast
def test_options_in_range_are_acknowledged(served):
    with served.peer() as peer:
        opcode, _, payload = start(served, peer, blksize=100, timeout=2, tsize=0, windowsize=3)
        assert opcode == OACK
        got = oack(payload)
        assert got == {
            "blksize": "100", "timeout": "2", "tsize": str(len(served.content)), "windowsize": "3",
        }


def test_option_names_in_any_case(served):
    with served.peer() as peer:
        opcode, _, payload = start(served, peer, BLKSIZE=64)
        assert opcode == OACK and oack(payload) == {"blksize": "64"}


def test_largest_blksize_is_clamped_not_refused(served):
    """RFC 2348: the server may answer with less."""
    with served.peer() as peer:
        opcode, _, payload = start(served, peer, blksize=65464)
        assert opcode == OACK and 8 <= int(oack(payload)["blksize"]) <= 65464
        assert peer.rest((opcode, 0, payload)) == served.content


def test_window(served):
    """RFC 7440: so many blocks without an ACK, then silence until one comes; after an
    ACK for a block within the window it goes on behind that block."""
    with served.peer() as peer:
        opcode, _, payload = start(served, peer, blksize=64, windowsize=4)
        assert opcode == OACK and oack(payload)["windowsize"] == "4"
        peer.send(ack(0))
        first = [peer.receive() for _ in range(4)]
        assert [n for _, n, _ in first] == [1, 2, 3, 4]
        assert peer.receive(0.2) is None, "a fifth block without an ACK"
        peer.send(ack(2))  # block 3 was lost, says the client
        again = [peer.receive() for _ in range(4)]
        assert [n for _, n, _ in again] == [3, 4, 5, 6]
        content = b"".join(p for _, _, p in first[:2])
        got = again
        while True:
            content += b"".join(p for _, _, p in got)
            peer.send(ack(got[-1][1]))
            if len(got[-1][2]) < 64:
                break
            got = []
            while len(got) < 4:
                got.append(peer.receive())
                if len(got[-1][2]) < 64:
                    break
        assert content == served.content


# ------------------------------------------------------------ transfers


def test_duplicate_request_is_one_transfer(served):
    """The same request again falls on its own slot: one port, one transfer."""
    with served.peer() as peer:
        request = rrq(served.name())
        for _ in range(5):
            peer.send(request, served.address)
        got, tids = [], set()
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            answer = peer.receive(0.1)
            if answer:
                got.append(answer)
                tids.add(peer.tid)
        assert len(tids) == 1
        assert 1 <= len(got) <= 2 and all(g[:2] == (DATA, 1) for g in got)
        assert peer.rest(got[0]) == served.content


@pytest.mark.fast
def test_duplicate_ack_sends_nothing_twice(served):
    """RFC 1123, 4.2.3.1: only the timer retransmits."""
    with served.peer() as peer:
        answer = start(served, peer)
        assert answer[:2] == (DATA, 1)
        for _ in range(4):
            peer.send(ack(1))
        # within half a second, after which the timer may well send block 2 again
        got = answers(peer, 0.2)
        assert [g[:2] for g in got] == [(DATA, 2)], got
        peer.send(ack(1))
        assert answers(peer, 0.1) == [], "an old ACK was answered"


def test_lost_ack_is_made_good_by_the_timer(served):
    with served.peer() as peer:
        first = start(served, peer)
        peer.send(ack(1))
        second = peer.receive()
        assert second[:2] == (DATA, 2)
        again = peer.receive(5)
        assert again == second, "the same block once more, after a while"
        assert first[2] + peer_rest(peer, again) == served.content


def peer_rest(peer, answer):
    content = b""
    while True:
        content += answer[2]
        peer.send(ack(answer[1]))
        if len(answer[2]) < 512:
            return content
        number = answer[1]
        while answer[1] != number + 1:
            answer = peer.receive(5)


@pytest.mark.fast
def test_wrong_tid_gets_error_5_and_the_transfer_goes_on(served):
    with served.peer() as peer, served.peer() as stranger:
        answer = start(served, peer)
        for data in (ack(1), struct.pack(">HH", ERROR, 0) + b"stop\0", struct.pack(">HH", DATA, 1)):
            stranger.send(data, peer.tid)
        got = answers(stranger, 0.4)
        assert any((o, c) == (ERROR, BAD_TID) for o, c, _ in got), got
        assert all((o, c) == (ERROR, BAD_TID) for o, c, _ in got), got
        assert peer.rest(answer) == served.content


def test_client_error_ends_the_transfer(served):
    with served.peer() as peer:
        start(served, peer)
        peer.send(struct.pack(">HH", ERROR, 3) + b"disk full\0")
        assert answers(peer, 1.5) == []


def test_before_the_first_ack_at_most_one_retransmission(served):
    """S12: no use as an amplifier."""
    with served.peer() as peer:
        peer.send(rrq(served.name()))
        got = answers(peer, 6)
        assert 1 <= len(got) <= 2, len(got)


def test_ack_out_of_range_is_ignored(served):
    with served.peer() as peer:
        answer = start(served, peer)
        for number in (2, 7, 65535, 0):
            peer.send(ack(number))
        assert answers(peer, 0.3) == []
        assert peer.rest(answer) == served.content


def test_answers_come_from_the_address_that_was_asked(make_server):
    server = make_server(host="0.0.0.0")
    server.fetch()
    for host in ("127.0.0.1", "127.0.0.2", "127.9.8.7"):
        with Peer((host, server.port)) as peer:
            peer.fetch(server.name())
            assert peer.tid[0] == host
        with Peer((host, server.port)) as peer:
            peer.ask(rrq("nothing of ours"))
            assert peer.tid == (host, server.port) or peer.tid[0] == host


def test_a_hundred_thousand_random_datagrams(served):
    """No crash, no restart; seeded, and the seed is printed."""
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print("SEED", seed)
    rng = random.Random(seed)
    name = served.name().encode()
    with served.peer() as peer:
        peer.sock.setblocking(False)
        for n in range(20000):
            kind = rng.randrange(4)
            if kind == 0:
                data = rng.randbytes(rng.randrange(0, 64))
            elif kind == 1:
                data = struct.pack(">H", rng.randrange(8)) + rng.randbytes(rng.randrange(0, 600))
            else:
                data = bytearray(rrq(name, blksize=rng.choice([8, 512, 1428]), windowsize=4))
                for _ in range(rng.randrange(1, 4)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
            try:
                peer.send(bytes(data), served.address)
            except BlockingIOError:
                time.sleep(0.01)
            if n % 200 == 0:
                time.sleep(0.01)


def test_log_escapes_what_strangers_send(served):
    marker = b"\x1b]0;owned\x07\nready forged=1"
    with served.peer() as peer:
        peer.ask(rrq(marker), 1)
        peer.ask(rrq(served.name() + "\n\x1b[31m"), 1)
    time.sleep(0.3)
    text = served.log_path.read_bytes()
    assert b"\x1b" not in text
    assert b"\nready forged" not in text
