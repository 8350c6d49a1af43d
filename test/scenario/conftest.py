import itertools
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import lib  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "fast: also in make check-fast")
    for program in (lib.SERVER, lib.CTL, lib.AGENT):
        if not program.exists():
            pytest.exit(f"{program} is not built; FIELDCERT_BIN names the folder", 3)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, "report_" + call.when, outcome.get_result())


@pytest.fixture
def make_server(tmp_path, request):
    """Servers of this test; ended with it, their logs shown when it failed."""
    made, count = [], itertools.count()

    def make(start=True, add=True, configure=None, **how):
        number = next(count)
        server = lib.Server(tmp_path / ("trial%s" % (number or "")), **how)
        made.append(server)
        if configure:
            server.configure(**configure)
        if start:
            server.start()
        if add:
            server.add()
        return server

    yield make
    problems = []
    for server in made:
        died = server.process is not None and server.process.poll() is not None
        try:
            status = server.stop()
        except AssertionError as error:
            problems.append(str(error))
            status = None
        if died:
            problems.append(f"fieldcertd had ended by itself, status {status}")
    failed = getattr(request.node, "report_call", None)
    if problems or (failed is not None and failed.failed):
        for server in made:
            if server.log_path.exists():
                print(f"---- {server.log_path.name}\n{server.log()[-6000:]}")
    assert not problems, problems


@pytest.fixture
def server(make_server):
    """A running server that knows one device."""
    return make_server()


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    """Certificates of openssl's, some of them wrong, made once."""
    return lib.Pki(tmp_path_factory.mktemp("pki"))


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: namespaces, users")
