"""Packets out of tcpdump's files while it still writes them: DHCP and TFTP, decoded
enough to tell who said what to whom."""

import struct
import subprocess
from dataclasses import dataclass, field

DHCP_TYPES = {1: "DISCOVER", 2: "OFFER", 3: "REQUEST", 4: "DECLINE", 5: "ACK", 6: "NAK", 7: "RELEASE"}


@dataclass
class Packet:
    time: float
    where: str
    mac: str = ""  # source, Ethernet
    proto: str = ""  # "udp", "arp", …
    source: tuple = ("", 0)
    target: tuple = ("", 0)
    what: str = ""  # in words
    kind: str = ""  # RRQ, DATA, ACK, ERROR, OACK, DHCP …
    name: str = ""
    number: int = 0
    payload: bytes = field(default=b"", repr=False)


class Capture:
    """tcpdump in a namespace, its file read as it grows."""

    def __init__(self, where, prefix, interface, path):
        self.where, self.path = where, path
        self.process = subprocess.Popen(
            [*prefix, "tcpdump", "-i", interface, "-n", "-U", "--immediate-mode", "-s", "0", "-Z", "root", "-w", path],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        self.process.stderr.readline()  # "tcpdump: listening on …": from now on it sees all
        self.at, self.file, self.packets, self.ports = 0, None, [], set()

    def read(self):
        """What came since the last call; all of it stays in .packets, too."""
        fresh = []
        if self.file is None:
            try:
                self.file = open(self.path, "rb")
            except FileNotFoundError:
                return fresh
        if self.at == 0:
            head = self.file.read(24)
            if len(head) < 24:
                self.file.seek(0)
                return fresh
            assert struct.unpack("<I", head[:4])[0] == 0xA1B2C3D4, "a pcap file, in microseconds"
            self.at = 24
        while True:
            self.file.seek(self.at)
            head = self.file.read(16)
            if len(head) < 16:
                return fresh
            seconds, micro, length, _ = struct.unpack("<IIII", head)
            frame = self.file.read(length)
            if len(frame) < length:
                return fresh
            self.at += 16 + length
            packet = self.decode(seconds + micro / 1e6, frame)
            self.packets.append(packet)
            fresh.append(packet)

    def decode(self, when, frame):
        p = Packet(when, self.where, mac=frame[6:12].hex(":").upper())
        ethertype = struct.unpack(">H", frame[12:14])[0]
        if ethertype == 0x0806:
            p.proto = "arp"
        elif ethertype == 0x0800:
            ip = frame[14:]
            p.proto = {1: "icmp", 6: "tcp", 17: "udp"}.get(ip[9], "ip")
            p.source, p.target = (dotted(ip[12:16]), 0), (dotted(ip[16:20]), 0)
            fragment = struct.unpack(">H", ip[6:8])[0] & 0x1FFF
            if ip[9] == 17 and fragment == 0:
                total = struct.unpack(">H", ip[2:4])[0]
                udp = ip[(ip[0] & 15) * 4 : total]
                sport, dport = struct.unpack(">HH", udp[:4])
                p.source, p.target = (p.source[0], sport), (p.target[0], dport)
                if {sport, dport} == {67, 68}:
                    self.dhcp(p, udp[8:])
                elif dport == 69:
                    self.ports.add(p.source)
                    tftp(p, udp[8:])
                elif p.source in self.ports or p.target in self.ports:
                    tftp(p, udp[8:])
        else:
            p.proto = "%04x" % ethertype
        return p

    @staticmethod
    def dhcp(p, data):
        p.kind, at = "DHCP", 240
        while at < len(data) and data[at] != 255:
            if data[at] == 0:
                at += 1
                continue
            if data[at] == 53:
                p.name = DHCP_TYPES.get(data[at + 2], "?")
            at += 2 + data[at + 1]
        p.what = "DHCP " + p.name
        if p.name in ("OFFER", "ACK"):
            p.what += " " + dotted(data[16:20])

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        self.process.stderr.close()
        if self.file:
            self.file.close()


def dotted(b):
    return ".".join(str(x) for x in b)


def tftp(p, data):
    opcode = struct.unpack(">H", data[:2])[0]
    words = data[2:].split(b"\0")
    if opcode in (1, 2):
        p.kind, p.name = ("RRQ", "WRQ")[opcode - 1], words[0].decode("latin-1")
        options = [w.decode("latin-1") for w in words[2:-1]]
        p.what = f"{p.kind} {p.name}"
        if options:
            p.what += " (" + ", ".join(" ".join(options[i : i + 2]) for i in range(0, len(options), 2)) + ")"
    elif opcode in (3, 4):
        p.kind, p.number = ("DATA", "ACK")[opcode - 3], struct.unpack(">H", data[2:4])[0]
        p.payload = data[4:]
        p.what = f"{p.kind} {p.number}" + (f", {len(p.payload)} bytes" if opcode == 3 else "")
    elif opcode == 5:
        p.kind, p.number, p.name = "ERROR", struct.unpack(">H", data[2:4])[0], data[4:].split(b"\0")[0].decode("latin-1")
        p.what = f"ERROR {p.number} {p.name}"
    elif opcode == 6:
        options = [w.decode("latin-1") for w in words[:-1]]
        p.kind = "OACK"
        p.what = "OACK " + ", ".join(" ".join(options[i : i + 2]) for i in range(0, len(options), 2))
