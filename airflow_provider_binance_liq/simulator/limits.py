"""Weight per IP address and minute, and what happens beyond it: 429, then a ban that grows.

Minutes are fixed: they start at multiples of their length since the epoch, on the exchange's clock. Refused
requests cost like others. After a 429 a few more are tolerated within the minute, then the address is banned
from every family at once; each request during a ban doubles it, up to three days.
https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.units import DAY_MS

if TYPE_CHECKING:
    from airflow_provider_binance_liq.simulator.settings import Settings

LONGEST_BAN_MS: Final = 3 * DAY_MS
#: the public spot API's own pool, which the table of endpoints does not need
API_POOL: Final = "api"
API_LIMIT: Final = 6000
_SAPI_LIMIT: Final = 12_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the answer to one request reports about weight."""

    status: Literal[200, 418, 429]
    #: weight used in this pool and minute, this request and everybody else on the address included
    used: int
    limit: int
    #: instant before which nothing should be sent, in epoch ms; 0 where the request is served
    until_ms: int = 0
    #: the request came while the address was banned
    during_ban: bool = False
    #: the request came after a 429 and before the instant that the 429 named
    during_hold: bool = False

    def retry_after_s(self, now_ms: int) -> int:
        """Return the whole seconds until `until_ms`, at least one."""
        return max(1, math.ceil((self.until_ms - now_ms) / 1000))


@dataclass(slots=True)
class _Pool:
    minute: int = -1
    weight: int = 0
    refused: int = 0
    held_until_ms: int = 0


@dataclass(slots=True)
class _Address:
    pools: dict[str, _Pool] = field(default_factory=lambda: defaultdict(_Pool))
    banned_until_ms: int = 0
    bans: int = 0


class Limits:
    """The weight that every address has used."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._overrides = dict(settings.weight_limits)
        self._addresses: dict[str, _Address] = defaultdict(_Address)

    def limit(self, pool: str) -> int:
        """Return the weight per minute of a pool; `sapi` stands for each of its endpoints."""
        family = pool.partition(":")[0]
        return self._overrides.get(pool, self._overrides.get(family, documented_limit(pool)))

    def charge(self, address: str, pool: str, weight: int, now_ms: int) -> Verdict:
        """Count one request and decide whether it is served."""
        state = self._addresses[address]
        account = self._account(state, pool, now_ms)
        if now_ms < state.banned_until_ms:
            self.ban(address, now_ms)
            return self._verdict(418, account, pool, now_ms, state.banned_until_ms, during_ban=True)
        held = now_ms < account.held_until_ms
        account.weight += weight
        if self._used(account, now_ms) <= self.limit(pool):
            return self._verdict(200, account, pool, now_ms, during_hold=held)
        account.refused += 1
        if account.refused > self._settings.tolerated_429s:
            self.ban(address, now_ms)
            return self._verdict(418, account, pool, now_ms, state.banned_until_ms, during_hold=held)
        self.hold(address, pool, now_ms)
        return self._verdict(429, account, pool, now_ms, account.held_until_ms, during_hold=held)

    def ban(self, address: str, now_ms: int, seconds: float | None = None) -> int:
        """Ban an address, or ban it longer; return until when, in epoch ms."""
        state = self._addresses[address]
        first_ms = (self._settings.ban_seconds if seconds is None else seconds) * 1000
        length_ms = min(LONGEST_BAN_MS, round(first_ms * 2.0 ** min(state.bans, 32)))
        state.bans += 1
        state.banned_until_ms = max(state.banned_until_ms, now_ms + length_ms)
        return state.banned_until_ms

    def hold(self, address: str, pool: str, now_ms: int, seconds: float | None = None) -> int:
        """Remember that a 429 asked to wait; return until when, in epoch ms."""
        minute_ms = self._settings.minute_ms
        next_minute_ms = (now_ms // minute_ms + 1) * minute_ms
        until_ms = next_minute_ms if seconds is None else now_ms + round(seconds * 1000)
        self._account(self._addresses[address], pool, now_ms).held_until_ms = until_ms
        return until_ms

    def _account(self, state: _Address, pool: str, now_ms: int) -> _Pool:
        account, minute = state.pools[pool], now_ms // self._settings.minute_ms
        if account.minute != minute:
            account.minute, account.weight, account.refused = minute, 0, 0
        return account

    def _used(self, account: _Pool, now_ms: int) -> int:
        """Return the weight used so far; others spend theirs evenly over the minute."""
        minute_ms = self._settings.minute_ms
        return account.weight + self._settings.other_traffic * (now_ms % minute_ms) // minute_ms

    def _verdict(
        self,
        status: Literal[200, 418, 429],
        account: _Pool,
        pool: str,
        now_ms: int,
        until_ms: int = 0,
        *,
        during_ban: bool = False,
        during_hold: bool = False,
    ) -> Verdict:
        used = self._used(account, now_ms)
        return Verdict(status, used, self.limit(pool), until_ms, during_ban, during_hold)


def documented_limit(pool: str) -> int:
    """Return the documented weight per minute of a pool."""
    if pool == API_POOL:
        return API_LIMIT
    limits = {endpoint.weight_pool: endpoint.family.weight_limit for endpoint in ENDPOINTS.values()}
    return limits.get(pool, _SAPI_LIMIT)
