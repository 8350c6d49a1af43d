"""Plants each fault of list.py in a copy of the tree and runs the fast tests on it.

A fault that the tests do not notice is a hole in them; one whose text is not found
any more, or that does not compile, is an error of the list.  Exit status 0 only if
every fault was noticed.  Arguments: words; only faults with one in their name."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
from list import FIRST, MUTANTS  # noqa: E402

LIMIT_S = 600
PARTS = ["Makefile", "packages.txt", "src", "test", "tools"]


def copy(to):
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, to / part, ignore=shutil.ignore_patterns("__pycache__", "build"))
        else:
            shutil.copy2(source, to / part)


def judge(tree, first=""):
    """(status, what the fast tests said). Its own process group: a test that hangs is
    ended with all that it started."""
    process = subprocess.Popen(
        ["bash", "tools/check.sh", "mutant"], cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True, env=dict(os.environ, FIRST=first),
    )
    try:
        text = process.communicate(timeout=LIMIT_S)[0]
        return process.returncode, text
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return 1, process.communicate()[0] + "\nFAILED  did not end in time"


def first_for(tree, file):
    words = FIRST.get(file, f"test_{Path(file).stem}").split()
    there = [w for w in words if w == "scenarios" or list(tree.glob(f"test/*/{w}.c"))]
    return " ".join(there)


def killer(text):
    """The first failure, in few words."""
    found = re.search(r"FAILED\s+(.*?)(: see|$)", text, re.M)
    name = found.group(1) if found else "?"
    test = re.search(r"not ok \d+ - (\S+)|FAILED test/scenario/(\S+)|SUMMARY: (\S+ \S+)", text)
    return name + (" " + next(g for g in test.groups() if g) if test else "")


def main():
    words = sys.argv[1:]
    if os.geteuid() != 0:
        print("not root: tests that need root are skipped, and their faults will survive")
    chosen = [m for m in MUTANTS if not words or any(w in m[0] for w in words)]
    place = Path(tempfile.mkdtemp(prefix="fieldcert-mutants."))
    tree = place / "tree"
    tree.mkdir()
    killed, alive, broken = 0, [], []
    try:
        copy(tree)
        for name, file, old, _ in chosen:
            n = (tree / file).read_text().count(old) if (tree / file).exists() else 0
            if n != 1:
                broken.append(f"{name}: its text is found {n} times in {file}")
        if broken:
            print("\n".join(broken))
            return 2
        print("the tree as it is: ", end="", flush=True)
        started = time.monotonic()
        status, text = judge(tree)
        if status != 0:
            print(f"its own tests fail, no use in planting faults\n{text[-3000:]}")
            return 2
        print(f"its tests pass, {time.monotonic() - started:.0f} s", flush=True)
        for number, (name, file, old, new) in enumerate(chosen, 1):
            path = tree / file
            good = path.read_text()
            started = time.monotonic()
            path.write_text(good.replace(old, new))
            status, text = judge(tree, first_for(tree, file))
            path.write_text(good)
            if "FAILED  build" in text:
                broken.append(f"{name}: does not compile\n{text[-1500:]}")
                verdict = "does not compile"
            elif status != 0:
                killed += 1
                verdict = "killed by " + killer(text)
            else:
                alive.append(name)
                verdict = "SURVIVES"
            print(f"{number:3d}/{len(chosen)}  {name:<58} {time.monotonic() - started:4.0f} s  {verdict}", flush=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    for text in broken:
        print(text)
    print(f"{killed} killed of {len(chosen)}")
    return 0 if killed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
