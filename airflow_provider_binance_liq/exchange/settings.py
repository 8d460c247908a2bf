"""How one account is reached: what a connection says, as checked values."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.core.signing import Signer

#: attempts at one request while the answers are transient
ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Settings:
    """How one account is reached; `origins` maps a family's name to the origin that serves it."""

    api_key: str = field(repr=False)
    signer: Signer = field(repr=False)
    origins: Mapping[str, str]
    #: how long after its timestamp a request stays valid, in ms; at most 60000
    recv_window_ms: int = 5000
    #: share of the IP address's weight that may be used up before waiting
    weight_share: float = 0.5
    #: weight per minute by pool (`futures`, `papi`, `sapi`), where the user knows better
    weight_limits: Mapping[str, int] = field(default_factory=dict)
    #: whether other tasks ask from the same IP address: what is learnt of it is then shared with those of
    #: this machine, and nothing heavy is asked before something light has told the used weight
    coordinate: bool = False
    #: seconds to connect, to wait for the first byte, and three times that from the first look for the host
    #: to the last byte of the answer
    timeout_s: float = 10.0
    #: longest wait that is slept through here; a longer one raises `Throttled`
    patience_s: float = 60.0
    #: attempts at one request while the answers are transient
    attempts: int = ATTEMPTS


def is_loopback(url: str) -> bool:
    """Whether `url` names this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
