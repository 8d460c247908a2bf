"""Sends one request and receives one complete answer, within a fixed time.

The law kept here: every wait ends. A socket's timeout starts again with every byte, so a slow stream (a
proxy's answer, headers, chunk extensions, trailers, empty blocks of gzip) could keep a worker busy for hours.
So one deadline covers an attempt from the DNS look-up to the last byte: `deadlines` closes the connection.
"""

from __future__ import annotations

import http.client
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
import urllib3
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from requests.utils import check_header_validity
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from airflow_provider_binance_liq.core.answers import Response
from airflow_provider_binance_liq.exchange.causes import TOO_LONG, TOO_SLOW, describe
from airflow_provider_binance_liq.exchange.deadlines import Deadline, connect, current_deadline
from airflow_provider_binance_liq.exchange.settings import is_loopback

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from urllib3 import ProxyManager

#: one attempt, from the DNS look-up to the last byte, may take this many times the timeout
DEADLINE_FACTOR: Final = 3
#: a longer answer is neither a page of rows nor a list of symbols
_LONGEST_BODY: Final = 64 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_NO_RETRIES: Final = urllib3.Retry(0, read=False)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """There was no complete answer; `cause` says why, without any part of the request."""

    cause: str


class Transport:
    """The connections of one client.

    :param ends_at: the instant of the monotonic clock at which the last attempt is over.
    """

    def __init__(self, timeout_s: float, ends_at: float = math.inf) -> None:
        self._timeout_s = timeout_s
        self._ends_at = ends_at
        self._session = requests.Session()
        self._adapter = _DeadlineAdapter()
        self._routes: dict[str, _Route] = {}

    def close(self) -> None:
        """Close the connections."""
        for route in self._routes.values():
            route.pool.close()
        self._adapter.close()
        self._session.close()

    def get(self, target: str, headers: Mapping[str, str]) -> Response | NoAnswer:
        """Send one GET, with its target unchanged, and receive the answer."""
        deadline = Deadline(min(DEADLINE_FACTOR * self._timeout_s, self._ends_at - time.monotonic()))
        answer: Response | NoAnswer
        try:
            with deadline:
                answer = self._receive(target, headers)
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            http.client.HTTPException,
            OSError,
            UnicodeEncodeError,  # of the proxy's user and password
        ) as error:
            answer = NoAnswer(describe(error))
        # After the deadline, the closed connection looks like an error, or like the end of the body.
        return NoAnswer(TOO_SLOW) if deadline.is_over else answer

    def _receive(self, target: str, headers: Mapping[str, str]) -> Response | NoAnswer:
        for header in headers.items():
            check_header_validity(header)
        route = self._route(target)
        # Not by the session, which would follow redirects, nor by its adapter, which would prepare and parse
        # each request and answer once more; and as it was signed: preparing the target would quote it again.
        response = route.pool.urlopen(
            "GET",
            target if route.absolute else target[len(route.origin) :],
            headers=headers,
            retries=_NO_RETRIES,
            redirect=False,
            assert_same_host=False,
            timeout=urllib3.Timeout(connect=self._timeout_s, read=self._timeout_s),
            preload_content=False,
            decode_content=False,
        )
        try:
            body = bytearray()
            # With a size given, an answer that is shorter than announced is an error.
            while chunk := response.read(_CHUNK, decode_content=True):
                body += chunk
                if len(body) > _LONGEST_BODY:
                    return NoAnswer(TOO_LONG)
            return Response(response.status, response.headers, bytes(body))
        finally:
            response.close()  # where it was read whole, the connection is in its pool again

    def _route(self, target: str) -> _Route:
        """Choose the connections to a host, once: by the proxies and certificates of the environment."""
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(target))
        if origin not in self._routes:
            adapter, settings = self._adapter, self._environment(origin)
            prepared = requests.Request("GET", f"{origin}/").prepare()
            pool = adapter.get_connection_with_tls_context(prepared, **settings)
            verify: Any = adapter.cert_verify
            verify(pool, origin, settings["verify"], None)
            absolute = adapter.request_url(prepared, settings["proxies"]) != "/"
            self._routes[origin] = _Route(origin, pool, absolute)
        return self._routes[origin]

    def _environment(self, origin: str) -> dict[str, Any]:
        """Proxies and certificates from the environment; none of that for loopback."""
        if is_loopback(origin):
            return {"proxies": {}, "verify": True}
        found = self._session.merge_environment_settings(origin, {}, None, None, None)
        return {"proxies": found["proxies"], "verify": found["verify"] or True}


@dataclass(frozen=True, slots=True)
class _Route:
    """How a host is reached."""

    origin: str
    pool: Any
    #: whether the whole URL is sent, as to a proxy, and not its path alone
    absolute: bool


class _Watched(HTTPConnection):
    """A connection whose socket is closed at the deadline of the attempt that uses it."""

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        if deadline := current_deadline():
            deadline.watch(made)
        return made

    def request(self, *args: Any, **kwargs: Any) -> None:
        deadline = current_deadline()
        if getattr(self.sock, "pending", int)():
            # What came behind the end of an answer would be taken for the next one.
            self.close()
        if deadline and self.sock is not None:  # kept from an earlier attempt, which had its own deadline
            deadline.watch(self.sock)
        super().request(*args, **kwargs)


class _Direct(_Watched):
    """Looks the host's address up and connects within the deadline too."""

    def _new_conn(self) -> socket.socket:
        deadline = current_deadline()
        if deadline is None:
            return super()._new_conn()
        try:
            return connect(deadline, self._dns_host, self.port, self.timeout, self.socket_options or ())
        except TimeoutError as error:
            raise urllib3.exceptions.ConnectTimeoutError(self, "in time") from error
        except OSError as error:
            raise urllib3.exceptions.NewConnectionError(self, "not connected") from error


class _DirectHTTPS(_Direct, HTTPSConnection):
    pass


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _Direct


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _DirectHTTPS


class _DeadlineAdapter(HTTPAdapter):
    """Sends over connections that keep to the deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> ProxyManager:
        """Make the pools of connections through a proxy; those through SOCKS connect in their own way."""
        manager: ProxyManager = super().proxy_manager_for(*args, **kwargs)
        if type(manager).__name__.startswith("SOCKS"):
            pools = manager.pool_classes_by_scheme
            manager.pool_classes_by_scheme = {scheme: _watched(pool) for scheme, pool in pools.items()}
        else:
            manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
        return manager


def _watched(pool: Any) -> Any:
    """Return a kind of pool whose connections are watched."""
    if issubclass(pool.ConnectionCls, _Watched):
        return pool
    watched = type("_WatchedConnection", (_Watched, pool.ConnectionCls), {})
    return type("_WatchedPool", (pool,), {"ConnectionCls": watched})
