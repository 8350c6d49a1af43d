"""make demo: modems, a DHCP server, a router and a certificate server, each in a network
namespace of its own.

Nothing is believed that our programs say of themselves: whether a step happened is
judged from tcpdump's captures, the database (sqlite3) and openssl.  Exit status 0 only
if every step was seen."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scenario")]
os.environ["FIELDCERT_BIN"] = str(Path(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin").resolve())
from capture import Capture  # noqa: E402
from lib import (  # noqa: E402
    AGENT, CTL, SERVER, confirm_name, derived, key_object_open, request_code, request_name, run, tlvs,
)

SERVER_IP, ROUTER_IP, CABLE_IP = "198.51.100.10", "198.51.100.1", "10.10.0.1"
RETRY = "{2, 4, 8}"
BOLD, DIM, GREEN, RED, PLAIN = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[m") if sys.stdout.isatty() else ("",) * 5


class Failure(Exception):
    pass


class Lab:
    """Namespaces, captures and processes; all of them end with it."""

    def __init__(self):
        self.id = "fc%d" % os.getpid()
        self.dir = Path(tempfile.mkdtemp(prefix="fieldcert-demo."))
        self.dir.chmod(0o755)
        self.spaces, self.processes, self.captures = [], [], {}
        self.begin, self.pending, self.names, self.seen_rows = None, [], {}, set()
        self.steps, self.failed = [], False

    # ---- parts

    def space(self, name):
        run("ip", "netns", "add", f"{self.id}-{name}")
        self.spaces.append(name)
        self.sh(name, "ip link set lo up; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6;"
                      " echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")

    def at(self, name):
        return ["ip", "netns", "exec", f"{self.id}-{name}"]

    def sh(self, name, script):
        return run(*self.at(name), "sh", "-ec", script).stdout

    def wire(self, a, a_if, b, b_if, mac=None):
        run("ip", "link", "add", a_if, "netns", f"{self.id}-{a}", *(["address", mac] if mac else []),
            "type", "veth", "peer", "name", b_if, "netns", f"{self.id}-{b}")
        self.sh(a, f"ip link set {a_if} up")
        self.sh(b, f"ip link set {b_if} up")

    def spawn(self, name, argv, log):
        with open(self.dir / log, "ab") as f:
            p = subprocess.Popen([*self.at(name), *map(str, argv)], stdin=subprocess.DEVNULL, stdout=f, stderr=f)
        self.processes.append(p)
        return p

    def end(self, process):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self.processes:
            self.processes.remove(process)
        return process.returncode

    def capture(self, name, interface):
        self.captures[name] = Capture(name, self.at(name), interface, str(self.dir / f"{name}.pcap"))

    def close(self):
        for process in reversed(list(self.processes)):
            self.end(process)
        for capture in self.captures.values():
            capture.stop()
        for name in self.spaces:
            for pid in subprocess.run(["ip", "netns", "pids", f"{self.id}-{name}"], capture_output=True, text=True).stdout.split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            subprocess.run(["ip", "netns", "del", f"{self.id}-{name}"], stderr=subprocess.DEVNULL)
        if self.failed:
            print(f"captures, configuration and logs are kept in {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    # ---- the timeline

    def title(self, text):
        self.pump()
        print(f"\n{BOLD}{text}{PLAIN}", flush=True)

    def line(self, when, who, what):
        if self.begin is None:
            self.begin = when
        print(f"{when - self.begin:8.3f} s  {who:<34} {what}", flush=True)

    def pump(self, hold=0.0):
        """Print what was captured and what the database shows, in the order of time."""
        for name, capture in self.captures.items():
            for p in capture.read():
                if name.startswith("modem") and p.kind:
                    who = f"{self.label(p.source, name)} -> {self.label(p.target, name)}"
                    self.pending.append((p.time, who, p.what))
        for row in self.rows("select id, mac, kind, number from events order by id"):
            if row not in self.seen_rows:
                self.seen_rows.add(row)
                self.pending.append((time.time(), "database", f"{row[1]}: {row[2]}" + (f" {row[3]}" if row[2] == "error" else "")))
        self.pending.sort(key=lambda e: e[0])
        while self.pending and self.pending[0][0] <= time.time() - hold:
            self.line(*self.pending.pop(0))

    def label(self, address, name):
        if address[0] in ("0.0.0.0", "255.255.255.255"):
            return name if address[0] == "0.0.0.0" else "all"
        if address[0] == SERVER_IP:
            return "rogue" if "rogue" in self.spaces and name == "modem3" else "server"
        if address[0] == CABLE_IP:
            return "dhcp"
        return name

    def wait(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while True:
            self.pump(0.15)
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                self.pump()
                raise Failure(f"not seen within {seconds} s: {what}")
            time.sleep(0.04)

    # ---- witnesses

    def rows(self, sql, *values):
        path = self.dir / "server/fieldcert.db"
        if not path.exists():
            return []
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        try:
            return db.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            db.close()

    def packets(self, name, kind=None, since=0.0, start=""):
        self.captures[name].read()
        return [p for p in self.captures[name].packets
                if p.time >= since and (kind is None or p.kind == kind) and p.name.startswith(start)]

    def answers(self, name, request):
        """What came back to the port that a request left from."""
        return [p for p in self.captures[name].packets if p.target == request.source and p.time >= request.time]

    def seen(self, text, truth=True):
        self.pump()
        mark = f"{GREEN}seen{PLAIN}" if truth else f"{RED}NOT SEEN{PLAIN}"
        print(f"            {mark}: {text}", flush=True)
        self.steps.append((text, bool(truth)))
        if not truth:
            raise Failure(text)


class Modem:
    def __init__(self, lab, number, mac, serial, secrets):
        self.lab, self.name, self.mac, self.serial = lab, f"modem{number}", mac, serial
        self.dir = lab.dir / self.name
        self.flash = self.dir / "flash"
        self.flash.mkdir(parents=True)
        self.process, self.starts = None, 0
        lab.space(self.name)
        lab.wire(self.name, "mgmt0", "router", f"cable{number}", mac.lower())
        # as behind a CMTS, modems do not hear each other
        lab.sh("router", f"ip link set cable{number} master cmts0; bridge link set dev cable{number} isolated on")
        lab.capture(self.name, "mgmt0")
        for which, text in secrets.items():
            path = self.dir / which
            path.write_text(text + "\n")
            path.chmod(0o600)
        shutil.copy(lab.dir / "server/pki/root.pem", self.dir / "root.pem")
        (self.dir / "agent.conf").write_text(f"""\
server = "{SERVER_IP}:69"
flash = "flash"
roots = {{"root.pem"}}
retry = {RETRY}
long-wait = 60
start-spread = 0.5
confirm-timeouts = {{1, 2, 4}}
secrets {{
	request = "request"
	confirm = "confirm"
	keybox = "keybox"
}}
""")

    def dhcp(self):
        script = self.lab.dir / "udhcpc.sh"
        if not script.exists():
            script.write_text("""\
#!/bin/sh
case $1 in
bound | renew)
	ip addr replace "$ip/$mask" dev "$interface"
	ip route replace default via "$router" dev "$interface"
	;;
esac
""")
            script.chmod(0o755)
        p = self.lab.spawn(self.name, ["busybox", "udhcpc", "-f", "-q", "-n", "-t", "8", "-T", "1", "-i", "mgmt0", "-s", script],
                           f"{self.name}.udhcpc.log")
        self.lab.wait(lambda: p.poll() is not None, 15, f"{self.name}: the DHCP client's end")
        self.lab.end(p)
        found = re.search(r"inet (10\.10\.\S+)/", self.lab.sh(self.name, "ip -4 addr show dev mgmt0"))
        return found.group(1) if found else None

    def boot(self):
        """The agent starts; flash is what it is."""
        self.starts += 1
        self.process = self.lab.spawn(
            self.name, [AGENT, "-c", self.dir / "agent.conf", "--mac", self.mac, "--serial", self.serial],
            f"{self.name}.agent.log")
        return time.time()

    def halt(self):
        if self.process is None:
            return None
        alive = self.process.poll() is None
        self.lab.end(self.process)
        self.process = None
        return alive

    def flash_holds(self, data):
        return any(data in p.read_bytes() for p in self.flash.rglob("*") if p.is_file())

    def flash_size(self):
        return sum(p.stat().st_size for p in self.flash.rglob("*") if p.is_file())


def build_lab(lab):
    lab.space("router")
    lab.space("server")
    lab.wire("server", "eth0", "router", "servers0")
    lab.sh("router", f"""
ip link add cmts0 type bridge
ip link set cmts0 up
ip addr add {CABLE_IP}/16 dev cmts0
ip addr add {ROUTER_IP}/24 dev servers0
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 0 >/proc/sys/net/ipv4/conf/all/rp_filter
[ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables
""")
    lab.sh("server", f"ip addr add {SERVER_IP}/24 dev eth0; ip route add default via {ROUTER_IP}")
    lab.capture("server", "eth0")
    lab.spawn("router", ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=cmts0",
                         "--bind-interfaces", "--no-ping", "--dhcp-authoritative", "--user=root", "--group=root",
                         f"--dhcp-range=10.10.0.100,10.10.0.199,255.255.0.0,1h", f"--dhcp-option=option:router,{CABLE_IP}",
                         f"--dhcp-leasefile={lab.dir}/leases", f"--pid-file={lab.dir}/dnsmasq.pid"], "dnsmasq.log")


def start_server(lab):
    log = lab.dir / "fieldcertd.log"
    p = lab.spawn("server", [SERVER, "-c", lab.dir / "server/fieldcertd.conf"], log.name)

    def ready():
        if p.poll() is not None:
            raise Failure(f"fieldcertd ended with {p.returncode}:\n{log.read_text()[-1500:]}")
        return re.search("(?m)^ready", log.read_text())

    lab.wait(ready, 15, "fieldcertd's line 'ready'")
    return p


def ctl(lab, *argv):
    return run(CTL, "-c", lab.dir / "server/fieldcertd.conf", *argv).stdout


def reassembled(lab, name, request):
    """A file put together from the captured DATA blocks."""
    blocks = {}
    for p in lab.answers(name, request):
        if p.kind == "DATA":
            blocks.setdefault(p.number, p.payload)
    return b"".join(blocks[n] for n in sorted(blocks)) if sorted(blocks) == list(range(1, len(blocks) + 1)) else b""


def pem(lab, name, der):
    path = lab.dir / name
    path.write_bytes(run("openssl", "x509", "-inform", "DER", input=der, text=False).stdout)
    return path


def own_secrets(lab, mac):
    """What the factory put into this modem: derived from the operator's masters."""
    def master(which):
        return (lab.dir / "server/secrets" / which).read_text().split("\n")[0]

    return {which: derived(master(which), mac) for which in ("request", "confirm", "keybox")}


def act_one(lab, modem, secrets):
    """Boot with empty flash, until confirmed. Returns the certificate file."""
    lab.title("A modem boots; its flash is empty")
    address = modem.dhcp()
    kinds = [p.name for p in lab.packets(modem.name, "DHCP")]
    lab.seen(f"DHCP gave {modem.name} the address {address}", address and {"DISCOVER", "OFFER", "REQUEST", "ACK"} <= set(kinds))
    since = modem.boot()
    name = request_name(secrets["request"], modem.mac, modem.serial)

    def asked(n):
        found = lab.packets("server", "RRQ", since, name)
        return found[n] if len(found) > n else None

    first = lab.wait(lambda: asked(0), 15, f"the request {name} at the server")
    lab.seen(f"the name is the one that `openssl dgst -sha1` gives, and comes from {address}",
             first.name == name and first.source[0] == address and first.target == (SERVER_IP, 69))
    refused = lab.wait(lambda: lab.answers(modem.name, first), 5, "an answer")
    lab.seen("refused: ERROR 1 File_Name_Not_Found", (refused[0].kind, refused[0].number) == ("ERROR", 1)
             and refused[0].name.startswith("File_Name_Not_Found"))
    lab.wait(lambda: lab.rows("select 1 from certificates where mac = ? and state = 'issued'", modem.mac), 15, "an issued certificate")
    lab.seen("meanwhile the certificate was made: one row in the database",
             lab.rows("select count(*) from certificates") == [(1,)])
    second = lab.wait(lambda: asked(1), 15, "the second request")
    lab.seen(f"asked again after {second.time - first.time:.1f} s", True)

    def confirmed():
        return lab.packets("server", "RRQ", since, "OK_")

    ok = lab.wait(confirmed, 15, "the confirmation")[0]
    request = lab.packets(modem.name, "RRQ", since, name)[1]
    content = reassembled(lab, modem.name, request)
    objects = tlvs(content)
    device, mfr = pem(lab, "device.pem", objects[2]), pem(lab, "manufacturer.pem", objects[1])
    verified = run("openssl", "verify", "-x509_strict", "-CAfile", lab.dir / "server/pki/root.pem", "-untrusted", mfr, device, check=False)
    lab.seen(f"received {len(content)} bytes; openssl verify -x509_strict: {verified.stdout.strip().split(' ')[-1]}", verified.returncode == 0)
    subject = run("openssl", "x509", "-in", device, "-noout", "-subject").stdout.strip()
    lab.seen(f"it is this modem's: {subject}", f"CN = {modem.mac}" in subject)
    pkcs8 = key_object_open(objects[3], secrets["keybox"], modem.mac, modem.serial)
    pair = pkcs8 and run("openssl", "pkey", "-inform", "DER", "-pubout", input=pkcs8, text=False).stdout == run(
        "openssl", "x509", "-in", device, "-noout", "-pubkey", text=False).stdout
    lab.seen("its private key opens under this modem's secret alone, and fits", pair)
    lab.seen("installed: flash holds both certificates", modem.flash_holds(objects[2]) and modem.flash_holds(objects[1]))
    yy = request_code(secrets["request"], modem.mac, modem.serial)
    lab.seen("confirmed by the name that openssl computes", ok.name == confirm_name(secrets["confirm"], yy, modem.mac))
    lab.wait(lambda: [p for p in lab.answers("server", ok)], 5, "the confirmation's answer")
    answer = lab.answers("server", ok)[0]
    lab.seen("answered with an empty DATA 1", (answer.kind, answer.number, answer.payload) == ("DATA", 1, b""))
    lab.wait(lambda: lab.rows("select state from devices where mac = ?", modem.mac) == [("confirmed",)], 5, "state confirmed")
    lab.seen("database: devices.state = confirmed", True)
    return content


def act_two(lab, modem):
    lab.title("The same modem restarts")
    modem.halt()
    time.sleep(0.3)
    lab.pump()
    since = modem.boot()
    end = time.time() + 3
    while time.time() < end:
        lab.pump(0.15)
        time.sleep(0.05)
    sent = [p for p in lab.packets(modem.name, since=since) if p.mac == modem.mac and p.proto != "arp"]
    lab.seen("it runs and rests: not one IP packet from it in 3 s", not sent and modem.process.poll() is None)
    modem.halt()


def act_three(lab, modem):
    lab.title("A modem with a wrong secret")

    def costs():
        return [lab.rows(f"select count(*) from {t}") for t in ("certificates", "queue", "files", "audit")]

    modem.dhcp()
    before = costs()
    since = modem.boot()
    request = lab.wait(lambda: lab.packets("server", "RRQ", since, "CM_"), 15, "its request at the server")[0]
    answer = lab.wait(lambda: lab.answers(modem.name, lab.packets(modem.name, "RRQ", since, "CM_")[0]), 5, "an answer")[0]
    lab.seen("refused: ERROR 2 Authentication_Failed", (answer.kind, answer.number, answer.name) == ("ERROR", 2, "Authentication_Failed"))
    time.sleep(2)
    lab.pump()
    lab.seen("it does not ask again at once", len(lab.packets("server", "RRQ", since)) == 1 and request.source[1] > 0)
    lab.seen("it cost the CA nothing: no row more among certificates, queue, files, audit",
             costs() == before and lab.rows("select state, requests from devices where mac = ?", modem.mac) == [("registered", 0)])
    modem.halt()


def act_four(lab, modem, content):
    lab.title("A rogue server in place of the real one gives a modem another modem's file")
    lab.space("rogue")
    lab.wire("rogue", "eth0", "router", "rogue0")
    lab.sh("rogue", f"ip addr add {SERVER_IP}/32 dev eth0; ip route add default dev eth0;"
                    " echo 1 >/proc/sys/net/ipv4/conf/eth0/proxy_arp")
    lab.sh("router", f"ip route add {SERVER_IP}/32 dev rogue0; echo 1 >/proc/sys/net/ipv4/conf/rogue0/proxy_arp")
    lab.capture("rogue", "eth0")
    (lab.dir / "stolen.509").write_bytes(content)
    lab.spawn("rogue", ["/usr/bin/python3", HERE.parent / "scenario/rogue.py", SERVER_IP, "69", lab.dir / "stolen.509"], "rogue.log")
    lab.wait(lambda: "ready" in (lab.dir / "rogue.log").read_text(), 10, "the rogue server")
    real = len(lab.packets("server"))
    modem.dhcp()
    since = modem.boot()
    report = lab.wait(lambda: lab.packets("rogue", "RRQ", since, "ERR"), 20, "a report")[0]
    request = lab.packets(modem.name, "RRQ", since, "CM_")[0]
    lab.seen("it received the other modem's file, whole", reassembled(lab, modem.name, request) == content)
    lab.seen("it reports error 02, MAC mismatch", report.name == f"ERR02_{modem.mac.lower().replace(':', '_')}.ERR")
    time.sleep(0.5)
    lab.pump()
    objects = tlvs(content)
    lab.seen("nothing is installed, nothing confirmed",
             not modem.flash_holds(objects[2]) and not modem.flash_holds(objects[1]) and not lab.packets("rogue", "RRQ", since, "OK_"))
    udp = [p for p in lab.packets("server")[real:] if p.proto == "udp"]
    lab.seen("the real server saw none of it, the CA made nothing",
             not udp and lab.rows("select count(*) from certificates") == [(1,)])
    modem.halt()


def epilogue(lab, modem):
    lab.title("The certificate, as openssl shows it")
    print(run("openssl", "x509", "-in", lab.dir / "device.pem", "-noout", "-text").stdout)
    lab.title("openssl verify -x509_strict -show_chain")
    print(run("openssl", "verify", "-x509_strict", "-show_chain", "-CAfile", lab.dir / "server/pki/root.pem", "-untrusted",
              lab.dir / "manufacturer.pem", lab.dir / "device.pem").stdout.replace(str(lab.dir) + "/", ""))
    lab.title(f"fieldcertctl device show {modem.mac}")
    shown = ctl(lab, "device", "show", modem.mac)
    print(shown)
    lab.seen("fieldcertctl says what the database says", modem.mac in shown and "confirmed" in shown)


def play(lab):
    print(f"""\
{BOLD}fieldcert: one modem's way to its certificate{PLAIN}

  modem1..3 --- cmts0 [router: dnsmasq gives addresses] servers0 --- server (fieldcertd, UDP 69)
  10.10.0.0/16  {CABLE_IP}                         {ROUTER_IP}    {SERVER_IP}

Each box is a network namespace, without a way to the outside. Waits are shortened by
configuration: a modem asks again after {RETRY} seconds here, after 10, 20 and 40 minutes
in the field; its long wait is one minute here, four hours there.
The lines with times come from tcpdump on the modems' side and from the database.""")
    (lab.dir / "server").parent.mkdir(exist_ok=True)
    run(CTL, "init", lab.dir / "server", "--listen", f"{SERVER_IP}:69", "--secrets", "derived")
    build_lab(lab)
    start_server(lab)
    fleet = [("00:10:4B:AB:CD:EF", "J09H7CDEF"), ("00:10:4B:00:00:02", "J09H70002"), ("00:10:4B:00:00:03", "J09H70003")]
    for mac, serial in fleet:
        ctl(lab, "device", "add", mac, "--serial", serial)
    secrets = [own_secrets(lab, mac) for mac, _ in fleet]
    wrong = dict(secrets[1], request="f" * 64)
    modems = [Modem(lab, i + 1, *fleet[i], wrong if i == 1 else secrets[i]) for i in range(3)]
    content = act_one(lab, modems[0], secrets[0])
    act_two(lab, modems[0])
    act_three(lab, modems[1])
    act_four(lab, modems[2], content)
    epilogue(lab, modems[0])


def main():
    lab, started = Lab(), time.monotonic()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    lab.failed = True
    try:
        play(lab)
        lab.failed = False
    except (Failure, AssertionError, subprocess.TimeoutExpired) as error:
        print(f"\n{RED}{error}{PLAIN}")
        for log in sorted(lab.dir.glob("*.log")):
            print(f"---- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-15:]))
    except KeyboardInterrupt:
        print("\ninterrupted")
    finally:
        lab.close()
    good = sum(1 for _, truth in lab.steps if truth)
    print(f"\ndemo: {good} of {len(lab.steps)} steps seen to happen, {time.monotonic() - started:.0f} s"
          + ("" if not lab.failed else "; NOT complete"))
    return 1 if lab.failed else 0


if __name__ == "__main__":
    sys.exit(main())
