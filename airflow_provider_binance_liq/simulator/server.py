"""HTTP on loopback, down to the socket: faults need resets and trickles, which no framework offers."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.simulator.exchange import Request
from airflow_provider_binance_liq.simulator.responses import error

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_binance_liq.simulator.exchange import Exchange
    from airflow_provider_binance_liq.simulator.responses import Response

#: the only address that is ever bound
LOOPBACK: Final = "127.0.0.1"
#: names that a request may be addressed to; a page in a browser can give 127.0.0.1 a name of its own, which
#: its requests then carry (DNS rebinding)
_NAMES: Final = frozenset({LOOPBACK, "localhost"})
_MISDIRECTED: Final = 421
_DRIPS: Final = 20
_BACKLOG: Final = 256
#: with this, closing a socket resets the connection instead of ending it
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Server(ThreadingHTTPServer):
    """Serves one exchange, one thread per connection, one request at a time."""

    daemon_threads = True
    block_on_close = False
    # Two simulators on one port would answer in turn; a port in use has to be an error.
    allow_reuse_port = False
    request_queue_size = _BACKLOG

    def __init__(self, exchange: Exchange, port: int, clock: Callable[[], float]) -> None:
        self.exchange = exchange
        self.clock = clock
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._refuse_until_s = 0.0
        super().__init__((LOOPBACK, port), Handler)
        exchange.other_origin = f"http://localhost:{self.server_port}"

    def answer(self, request: Request) -> Response:
        """Let the exchange answer, and take the time that the answer takes."""
        with self.lock:
            response = self.exchange.handle(request, int(self.clock() * 1000))
        delay_s = self.exchange.settings.latency_ms / 1000 + response.wire.first_byte_s
        if delay_s:
            self.stopping.wait(delay_s)
        return response

    def refuse_connections(self, seconds: float) -> None:
        """Reset new connections for so long."""
        self._refuse_until_s = time.monotonic() + seconds

    def verify_request(self, request: Any, *_: Any) -> bool:
        """Turn connections away while they are refused, or while the server stops."""
        if time.monotonic() >= self._refuse_until_s and not self.stopping.is_set():
            return True
        request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        return False

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that stopping ends it."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet when a client goes away in the middle; anything else is a fault of ours."""
        if not _client_went_away():
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Stop listening and end every connection, kept-alive ones too."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _client_went_away() -> bool:
    return isinstance(sys.exception(), ConnectionError | TimeoutError)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """Answer one request of any method."""
        length = int(self.headers.get("Content-Length") or 0)
        if length:
            self.rfile.read(length)
        host = self.headers.get("Host", LOOPBACK)
        if host.partition(":")[0].lower() not in _NAMES:
            self._send(error(_MISDIRECTED, -1, "This is a simulator on 127.0.0.1, and no other host."))
            return
        path, _, query = self.path.partition("?")
        request = Request(
            method=self.command,
            path=path,
            query=query.encode("latin-1"),
            headers={name.lower(): value for name, value in self.headers.items()},
            address=self.client_address[0],
        )
        self._send(self.server.answer(request))

    def log_message(self, *_: object) -> None:
        """Write nothing: a request line holds a signature."""

    def _send(self, response: Response) -> None:
        if response.wire.unanswered:
            self.server.refuse_connections(response.wire.refuse_connections_s)
            self._reset()
            return
        self.send_response_only(response.status)
        self.send_header("Date", formatdate(self.server.clock(), usegmt=True))
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self._send_body(response)

    def _send_body(self, response: Response) -> None:
        wire, body = response.wire, response.body
        if wire.reset_after is not None:
            self.wfile.write(body[: wire.reset_after])
            # Without a pause the reset overtakes what was just written.
            self.server.stopping.wait(0.02)
            self._reset()
        elif wire.drip_s:
            self._drip(body, wire.drip_s)
        else:
            self.wfile.write(body)

    def _drip(self, body: bytes, seconds: float) -> None:
        step = max(1, -(-len(body) // _DRIPS))
        pieces = [body[start : start + step] for start in range(0, len(body), step)]
        for piece in pieces:
            self.server.stopping.wait(seconds / len(pieces))
            self.wfile.write(piece)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.connection.close()


for _method in ("DELETE", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"):
    setattr(Handler, f"do_{_method}", Handler.do_GET)
