"""A TFTP server that gives what a test tells it to, and remembers who asked what.

    rogue = Rogue(content)         content: bytes, or a function name -> answer
    rogue.names                    every name that was asked for, in order

An answer is bytes (a file), an int (a TFTP error number), None (silence) or an
object with serve(sock, peer, options), which then runs the transfer itself.

As a program, for the demonstration: rogue.py ADDRESS PORT FILE"""

import socket
import struct
import sys
import threading
import time


class Rogue:
    def __init__(self, content, host="127.0.0.1", port=0):
        self.content = content
        self.names, self.times, self.requests, self.peers = [], [], [], []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((host, port))
        self.host, self.port = self.sock.getsockname()
        self.ended = False
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.ended = True
        self.thread.join(5)
        self.sock.close()

    def reports(self):
        """Numbers of the errors that were reported."""
        return [int(n[3:5]) for n in self.names if n.startswith("ERR")]

    def confirmations(self):
        return [n for n in self.names if n.startswith("OK_")]

    def asked(self):
        return [n for n in self.names if n.lower().endswith(".509")]

    def _listen(self):
        self.sock.settimeout(0.1)
        while not self.ended:
            try:
                data, peer = self.sock.recvfrom(70000)
            except socket.timeout:
                continue
            words = data[2:].split(b"\0")
            if data[:2] != b"\0\1" or len(words) < 3:
                continue
            name = words[0].decode("latin-1")
            pairs = words[2:-1]
            options = {
                pairs[i].decode().lower(): pairs[i + 1].decode()
                for i in range(0, len(pairs) - 1, 2)
            }
            self.names.append(name)
            self.times.append(time.monotonic())
            self.requests.append(data)
            self.peers.append(peer)
            threading.Thread(
                target=self._answer, args=(name, peer, options), daemon=True
            ).start()

    def _answer(self, name, peer, options):
        answer = b""
        if not name.startswith(("ERR", "OK_")) or callable(self.content):
            answer = self.content(name) if callable(self.content) else self.content
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((self.host, 0))
            sock.settimeout(1)
            if answer is None:
                return
            if isinstance(answer, int):
                text = {1: b"File_Name_Not_Found", 2: b"Authentication_Failed"}.get(answer, b"no")
                sock.sendto(struct.pack(">HH", 5, answer) + text + b"\0", peer)
            elif isinstance(answer, bytes):
                send_file(sock, peer, answer, options)
            else:
                answer.serve(sock, peer, options)


def wait_ack(sock, peer, block, resend, tries=4):
    for _ in range(tries):
        try:
            data, sender = sock.recvfrom(2000)
        except socket.timeout:
            sock.sendto(resend, peer)
            continue
        if sender != peer:
            continue
        if data[:2] == b"\0\5":
            return False
        if data == struct.pack(">HH", 4, block & 0xFFFF):
            return True
    return False


def send_file(sock, peer, content, options):
    """Stop and wait; blksize is taken up, nothing else."""
    size = 512
    if "blksize" in options:
        size = int(options["blksize"])
        oack = struct.pack(">H", 6) + b"blksize\0%d\0" % size
        sock.sendto(oack, peer)
        if not wait_ack(sock, peer, 0, oack):
            return
    block = 1
    while True:
        part = content[(block - 1) * size : block * size]
        data = struct.pack(">HH", 3, block & 0xFFFF) + part
        sock.sendto(data, peer)
        if not wait_ack(sock, peer, block, data):
            return
        if len(part) < size:
            return
        block += 1


class Endless:
    """Full blocks for ever; counts the bytes that were taken."""

    def __init__(self):
        self.taken = 0

    def serve(self, sock, peer, _options):
        block = 1
        while block < 5000:
            data = struct.pack(">HH", 3, block & 0xFFFF) + bytes(512)
            sock.sendto(data, peer)
            if not wait_ack(sock, peer, block, data, tries=2):
                return
            self.taken += 512
            block += 1


class CutOff:
    """The first block of a longer file, and then nothing more."""

    def __init__(self, content):
        self.content = content

    def serve(self, sock, peer, _options):
        sock.sendto(struct.pack(">HH", 3, 1) + self.content[:512], peer)
        time.sleep(0.2)


class StrangeOack:
    """An OACK with what nobody asked for; remembers what came back."""

    def __init__(self, payload):
        self.payload, self.answer = payload, b""

    def serve(self, sock, peer, _options):
        sock.sendto(struct.pack(">H", 6) + self.payload, peer)
        try:
            self.answer = sock.recvfrom(2000)[0]
        except socket.timeout:
            pass


class Intruder:
    """The right file, while a stranger's port throws other blocks in between."""

    def __init__(self, content, other):
        self.content, self.other, self.errors = content, other, []

    def serve(self, sock, peer, options):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind((sock.getsockname()[0], 0))
            stranger.settimeout(0.5)

            class Between:
                """Each block comes with a forged next one from the wrong port."""

                def __getattr__(_, name):
                    return getattr(sock, name)

                def sendto(_, data, to):
                    sock.sendto(data, to)
                    block = struct.unpack(">H", data[2:4])[0] + 1
                    for forged in (block - 1, block):
                        stranger.sendto(
                            struct.pack(">HH", 3, forged) + self.other[:512], to
                        )

            send_file(Between(), peer, self.content, options)
            try:
                while True:
                    self.errors.append(stranger.recvfrom(2000)[0])
            except socket.timeout:
                pass


if __name__ == "__main__":
    with open(sys.argv[3], "rb") as f:
        rogue = Rogue(f.read(), sys.argv[1], int(sys.argv[2]))
    print("ready", flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        rogue.close()
