"""Real TFTP clients against the real server (S1)."""

import re
import subprocess

import pytest
from lib import MAC, SERIAL, Server, lower_mac, run, spelled, tlvs, x509


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """One running server for all clients, its device's file made already."""
    server = Server(tmp_path_factory.mktemp("clients") / "trial")
    try:
        server.start()
        server.add()
        server.content, _ = server.fetch()
        yield server
    finally:
        server.stop()


def client(name, server, out, host=None):
    host, port, file = host or server.host, server.port, server.name()
    return {
        "curl": ["curl", "-s", "-o", out, f"tftp://{host}:{port}/{file}"],
        "curl without options": ["curl", "-s", "--tftp-no-options", "-o", out, f"tftp://{host}:{port}/{file}"],
        "curl blksize": ["curl", "-s", "--tftp-blksize", "1428", "-o", out, f"tftp://{host}:{port}/{file}"],
        "tftp-hpa": ["tftp", "-m", "octet", host, str(port), "-c", "get", file, out],
        "atftp": ["atftp", "-g", "-r", file, "-l", out, host, str(port)],
        "atftp windowsize": ["atftp", "--option", "windowsize 4", "-g", "-r", file, "-l", out, host, str(port)],
        "atftp window and block": [
            "atftp", "--option", "windowsize 8", "--option", "blksize 256", "--option", "timeout 3",
            "--option", "tsize", "-g", "-r", file, "-l", out, host, str(port),
        ],
        "busybox": ["busybox", "tftp", "-g", "-r", file, "-l", out, host, str(port)],
        "busybox blksize": ["busybox", "tftp", "-b", "1024", "-g", "-r", file, "-l", out, host, str(port)],
    }[name]


CLIENTS = [
    "curl", "curl without options", "curl blksize", "tftp-hpa", "atftp", "atftp windowsize",
    "atftp window and block", "busybox", "busybox blksize",
]


@pytest.mark.parametrize("name", CLIENTS)
def test_client_fetches_the_file(served, tmp_path, name):
    out = tmp_path / "cert.509"
    run(*client(name, served, str(out)), timeout=30)
    assert out.read_bytes() == served.content


@pytest.mark.parametrize("name", ["curl", "tftp-hpa", "atftp windowsize"])
def test_client_over_ipv6(make_server, tmp_path, name):
    """S1: IPv6."""
    server = make_server(host="::1")
    content, _ = server.fetch()
    out = tmp_path / "cert.509"
    run(*client(name, server, str(out), "[::1]" if name == "curl" else "::1"), timeout=30)
    assert out.read_bytes() == content


@pytest.mark.parametrize("name", ["curl", "tftp-hpa", "atftp window and block", "busybox"])
def test_client_with_single_port(make_server, tmp_path, name):
    """S1: all transfers from the port that was asked (single-port)."""
    server = make_server(configure={"single_port": "true"})
    content, _ = server.fetch()
    out = tmp_path / "cert.509"
    run(*client(name, server, str(out)), timeout=30)
    assert out.read_bytes() == content
    with server.peer() as peer:
        peer.fetch(server.name())
        assert peer.tid == server.address


def test_transfers_leave_from_the_configured_ports(make_server):
    """S1: a configured range of ports."""
    server = make_server(configure={"transfer_ports": '"21000-21999"'})
    server.fetch()
    for _ in range(5):
        with server.peer() as peer:
            peer.fetch(server.name())
            assert 21000 <= peer.tid[1] <= 21999


def test_curl_says_not_found_and_denied(make_server, tmp_path):
    """S3, S2: curl's status 68 is ERROR 1, 69 is ERROR 2."""
    server = make_server()
    url = f"tftp://{server.host}:{server.port}/"
    first = subprocess.run(["curl", "-s", "-o", tmp_path / "a", url + server.name()], timeout=30)
    assert first.returncode == 68
    wrong = server.name(serial="X" + SERIAL)
    denied = subprocess.run(["curl", "-s", "-o", tmp_path / "b", url + wrong], timeout=30)
    assert denied.returncode == 69


def test_chain_by_openssl_and_gnutls(served, tmp_path):
    """S4: independent judges of the certificates."""
    objects = tlvs(served.content)
    assert set(objects) == {1, 2, 3}, "manufacturer, device, key made by the server"
    for name, kind in (("m", 1), ("d", 2)):
        text = run("openssl", "x509", "-inform", "DER", input=objects[kind], text=False).stdout
        (tmp_path / f"{name}.pem").write_bytes(text)
    root = served.dir / "pki/root.pem"
    verified = run("openssl", "verify", "-x509_strict", "-CAfile", root, "-untrusted", tmp_path / "m.pem", tmp_path / "d.pem")
    assert verified.stdout.strip().endswith("d.pem: OK")
    run("openssl", "verify", "-x509_strict", "-CAfile", root, tmp_path / "m.pem")
    chain = (tmp_path / "d.pem").read_text() + (tmp_path / "m.pem").read_text() + root.read_text()
    # SHA-1 stands in legacy profiles by DOCSIS's own rule; the chain itself must be sound
    gnutls = run("certtool", "--verify-chain", "--verify-profile=low", "--verify-allow-broken", input=chain, check=False)
    assert "Chain verification output: Verified" in gnutls.stdout, gnutls.stdout
    info = run("certtool", "-i", "--infile", tmp_path / "d.pem").stdout
    assert re.search(rf"Subject: .*CN={MAC}", info), info
    assert MAC in x509(objects[2], "-subject", "-nameopt", "compat")


def test_names_by_openssl_dgst(served):
    """N2, N3: what `fieldcertctl name` prints is what openssl dgst computes."""
    printed = served.ctl("name", MAC).stdout.strip()
    assert printed == served.name()
    secret = served.secret("request")
    by_hand = run("openssl", "dgst", "-sha1", input=secret + SERIAL + MAC).stdout.split()[-1]
    assert printed == f"CM_{lower_mac(MAC)}_{spelled(by_hand[:6])}.509"


def test_reader_of_the_database(served):
    """S8: the internal database; the very query of the README, with sqlite3's command."""
    out = run("sqlite3", "-readonly", served.dir / "fieldcert.db", "select mac, state, epoch from devices").stdout
    assert out.strip() == f"{MAC}|delivered|1"
