"""How to reach one account: the fields of a connection, as checked values."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from airflow_provider_binance_liq.core.weights import DEFAULT_WEIGHT_SHARE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.core.signing import Signer

#: attempts at one request while the errors are retryable
ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How to reach one account; `origins` maps the name of a family to the origin that serves it."""

    api_key: str = field(repr=False)
    signer: Signer = field(repr=False)
    origins: Mapping[str, str]
    #: how long after its timestamp a request stays valid, in ms; at most 60000
    recv_window_ms: int = 5000
    #: share of the IP address's weight that may be used up before waiting
    weight_share: float = DEFAULT_WEIGHT_SHARE
    #: weight per minute by pool (`futures`, `papi`, `sapi`), where it is configured
    weight_limits: Mapping[str, int] = field(default_factory=dict)
    #: whether other tasks send requests from the same IP address: the rate limit state is then shared with
    #: those of this machine, and a cheap request reads the used weight before the first expensive one
    coordinate: bool = False
    #: seconds to connect and to wait for more bytes; three times that for a whole attempt, from the DNS
    #: look-up to the last byte of the answer
    timeout_s: float = 10.0
    #: longest wait in the worker, in seconds; a longer one raises `Throttled`
    max_sleep_s: float = 60.0
    #: attempts at one request while the errors are retryable
    attempts: int = ATTEMPTS


def is_loopback(url: str) -> bool:
    """Whether `url` names this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
