"""A server of sockets that says exactly what a test wants said, for bodies that no framework would send."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import dataclass, field

#: sent instead of an answer: the connection ends
HANG_UP = object()


def reply(status=200, body=b"", *, length=None, **headers):
    """Spell an answer; `length` is what its Content-Length claims."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


@dataclass
class Heard:
    """One request, byte by byte."""

    line: str
    headers: dict
    address: tuple

    @property
    def path(self):
        return self.line.split(" ")[1].partition("?")[0]

    @property
    def query(self):
        return self.line.split(" ")[1].partition("?")[2]

    @property
    def parameters(self):
        return dict(part.split("=", 1) for part in self.query.split("&"))


@dataclass
class ScriptedServer:
    """Answers clocks by itself, and every other request by the next line of its script.

    A line is bytes, a list of bytes (sent one by one, with a pause), HANG_UP, or a function of the request.
    """

    clock: object = time.time
    script: list = field(default_factory=list)
    #: what to say when the script is at its end
    otherwise: bytes = reply(200, [])
    clock_script: list = field(default_factory=list)
    heard: list = field(default_factory=list)
    pause_s: float = 0.01

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.socket.close()
        for connection in self.connections:
            connection.close()

    @property
    def asked(self):
        """Everything that was asked but the clocks."""
        return [request for request in self.heard if not request.path.endswith("/time")]

    def accept(self):
        while True:
            try:
                connection, address = self.socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection, address), daemon=True).start()

    def serve(self, connection, address):
        try:
            with connection, connection.makefile("rb") as reader:
                while request := self.read(reader, address):
                    self.heard.append(request)
                    if not self.say(connection, self.choose(request)):
                        return
        except OSError:
            return

    def read(self, reader, address):
        line = reader.readline().decode("latin-1").strip()
        headers = {}
        while text := reader.readline().decode("latin-1").strip():
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        return Heard(line, headers, address) if line else None

    def choose(self, request):
        if request.path.endswith("/time"):
            if self.clock_script:
                return self.clock_script.pop(0)
            return reply(200, {"serverTime": int(self.clock() * 1000)})
        said = self.script.pop(0) if self.script else self.otherwise
        return said(request) if callable(said) else said

    def say(self, connection, said):
        if said is HANG_UP:
            return False
        if isinstance(said, bytes):
            connection.sendall(said)
            return not _is_cut(said)
        for piece in said:
            connection.sendall(piece)
            time.sleep(self.pause_s)
        return False


def _is_cut(said):
    head, _, body = said.partition(b"\r\n\r\n")
    return f"content-length: {len(body)}".encode() not in head.lower()


class Time:
    """A clock that only sleeping moves, and that may differ from the exchange's."""

    def __init__(self, start_s=1_791_633_607.25):
        self.now_s = start_s
        self.naps = []

    def clock(self):
        return self.now_s

    def sleep(self, seconds):
        assert seconds >= 0
        self.naps.append(seconds)
        self.now_s += seconds

    @property
    def arguments(self):
        """What a client takes to live in this time."""
        return {
            "clock": self.clock,
            "monotonic": self.clock,
            "sleep": self.sleep,
            "uniform": lambda low, high: (low + high) / 2,
        }
