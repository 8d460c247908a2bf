"""A client that signs by hand, as the documentation tells, and sends exactly what it is given."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_binance_liq.simulator import Simulator

#: 2026-03-04T05:06:07Z, where the clock of these tests stands
NOW_S = 1_772_600_767.0
NOW_MS = int(NOW_S * 1000)


@dataclass
class Clock:
    """A clock that is moved by hand."""

    now_s: float = NOW_S

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> int:
        return self.json["code"]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.json if isinstance(self.json, list) else self.json["rows"]


@dataclass
class Caller:
    """Asks a simulator; every part of a request can be set, or spoiled."""

    simulator: Simulator
    clock: Clock
    account: str = "demo"
    api_key: str | None = None
    sign: Callable[[bytes], str] | None = None
    source: str = "127.0.0.1"
    connections: list[http.client.HTTPConnection] = field(default_factory=list)

    @property
    def now_ms(self) -> int:
        return int(self.clock.now_s * 1000)

    def hmac(self, payload: bytes) -> str:
        secret = self.simulator.credentials(self.account).secret
        return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()

    def ask(self, endpoint: str, **parameters: object) -> Answer:
        """Ask an endpoint as the documentation tells, and no sooner after the last time than it allows."""
        self.clock.now_s += ENDPOINTS[endpoint].min_interval_ms / 1000 * bool(self.connections)
        query = urlencode({"timestamp": self.now_ms, **parameters}).encode()
        return self.signed(ENDPOINTS[endpoint].path, query)

    def signed(self, path: str, payload: bytes) -> Answer:
        signature = quote((self.sign or self.hmac)(payload), safe="")
        return self.send(path, payload + b"&signature=" + signature.encode())

    def send(self, path: str, query: bytes = b"", *, method: str = "GET", key: str | None = None) -> Answer:
        """Send exactly these bytes."""
        api_key = key if key is not None else self.api_key or self.simulator.credentials(self.account).api_key
        connection = http.client.HTTPConnection(
            self.simulator.url.removeprefix("http://"), timeout=10, source_address=(self.source, 0)
        )
        self.connections.append(connection)
        target = path.encode() + (b"?" + query if query else b"")
        # `request` would refuse what is not ASCII; a careless client would not.
        connection._encode_request = lambda request: request.encode("latin-1")
        connection._validate_path = lambda _: None
        connection.request(
            method, target.decode("latin-1"), headers={"X-MBX-APIKEY": api_key} if api_key else {}
        )
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())
