"""Connections whose answers have to begin within a time, not only never to pause for long.

A socket's timeout starts anew with every byte, so headers that trickle would hold a worker for hours. Here a
connection is hung up when its headers are not whole after three times its timeout; whoever reads the body
watches the time itself, between reads.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Timer
from typing import TYPE_CHECKING, Any, Final

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from urllib3 import PoolManager, ProxyManager

#: times the timeout that the headers, or a whole answer, may take
DEADLINE_FACTOR: Final = 3


class _PunctualHTTP(HTTPConnection):
    def getresponse(self) -> Any:
        hang_up = _hang_up_later(self.sock)
        try:
            return super().getresponse()
        finally:
            hang_up.cancel()


class _PunctualHTTPS(_PunctualHTTP, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _PunctualHTTP


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PunctualHTTPS


class PunctualAdapter(HTTPAdapter):
    """Sends like its base, over connections that have a deadline for the headers."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self._make_punctual(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        """Make the pools of connections through a proxy; SOCKS brings connections of its own."""
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        if not type(manager).__name__.startswith("SOCKS"):
            self._make_punctual(manager)
        return manager

    @staticmethod
    def _make_punctual(manager: PoolManager) -> None:
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}


def _hang_up_later(connection: socket.socket) -> Timer:
    seconds = connection.gettimeout()
    timer = Timer(DEADLINE_FACTOR * seconds if seconds else 0.0, _hang_up, (connection,))
    timer.daemon = True
    if seconds:
        timer.start()
    return timer


def _hang_up(connection: socket.socket) -> None:
    """End a connection under its reader, who then finds its end."""
    with suppress(OSError):
        # Not TLS's own shutdown, which would wait for the other side.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
