"""The rate limiter: sends a request now, or says until when it has to wait.

The rate limit state may be shared with other processes, so a request is checked and counted in one step.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq import metrics
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.weights import Limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.core.weights import PoolLimit, RateLimitState
    from airflow_provider_binance_liq.exchange.rate_limit_state import RateLimitStore

#: a request that weighs less may be sent although nothing is known about the current minute
_HEAVY: Final = 10


@dataclass(frozen=True, slots=True)
class RequestCost:
    """What a request costs: its weight, and the pool of a family that counts it."""

    family: str
    pool: str
    weight: int
    #: least time between two requests of the pool, in ms
    interval_ms: int = 0


@dataclass(frozen=True, slots=True)
class Delay:
    """A request may not be sent before `until_ms`, on the exchange's clock."""

    until_ms: int
    banned: bool
    #: whether an answer asked for it, rather than our own count
    by_exchange: bool = False
    #: whether only the interval between two requests of the endpoint is to pass
    spaced: bool = False
    #: how much weight is used, in words
    usage: str = field(default="", compare=False)

    @property
    def reason(self) -> str:
        """Why it has to wait."""
        if self.banned:
            return "its IP address is banned"
        if self.by_exchange:
            return "the exchange asked to wait (429)"
        if self.spaced:
            return "requests to its endpoint are spaced"
        return f"your share of the weight is used up ({self.usage})"


class RateLimiter:
    """Counts one client's requests in a rate limit state.

    :param share: share of each limit that may be used, by us and everybody else on the address.
    :param limits: weight per minute by pool (`futures`, `papi`, `sapi`), where it is configured.
    """

    def __init__(self, store: RateLimitStore, share: float, limits: Mapping[str, int]) -> None:
        self._store = store
        self._share = share
        self._limits = limits
        self._sent = 0

    def pool(self, cost: RequestCost, now_ms: int) -> PoolLimit:
        """Return the limit that counts the request, with its current usage."""
        with self._store.open() as state:
            return self._pool(state, cost, now_ms)

    def needs_usage(self, cost: RequestCost, now_ms: int) -> bool:
        """Whether the used weight should be read first: the request is expensive, and nothing is known."""
        return cost.weight >= _HEAVY and not self.pool(cost, now_ms).is_known(now_ms)

    def needs_limit(self, cost: RequestCost, now_ms: int) -> bool:
        """Whether the limit, which is not configured, should be read before the request is sent."""
        if FAMILIES[cost.family].weight_pool in self._limits:
            return False
        with self._store.open() as state:
            return state.needs_limit(cost.pool, self._pool(state, cost, now_ms), cost.weight, now_ms)

    def set_limit(self, cost: RequestCost, limit: Limit, now_ms: int) -> None:
        """Keep a limit that the exchange reported."""
        with self._store.open() as state:
            state.set_limit(cost.pool, limit, now_ms)

    def clock_offset_ms(self, name: str, local_ms: int) -> int | None:
        """Return by how many ms a clock is ahead of this machine's, if it was read lately."""
        with self._store.open() as state:
            return state.clock_offset_ms(name, local_ms)

    def last_clock_offset_ms(self, name: str) -> int:
        """Return by how many ms a clock was ahead of this machine's at the last reading; 0 without any."""
        with self._store.open() as state:
            return state.clocks.get(name, (0, 0))[0]

    def set_clock_offset(self, name: str, offset_ms: int, local_ms: int) -> None:
        """Keep by how many ms a clock is ahead."""
        with self._store.open() as state:
            state.clocks[name] = (offset_ms, local_ms)

    def acquire(self, cost: RequestCost, now_ms: int) -> Delay | str:
        """Count the request as sent and return its ticket; or return until when it has to wait."""
        with self._store.open() as state:
            pool = self._pool(state, cost, now_ms)
            banned_ms = state.banned_until(now_ms)
            ready_ms = max(banned_ms, pool.ready_at(now_ms, cost.weight))
            if ready_ms > now_ms:
                return Delay(
                    ready_ms,
                    banned=banned_ms >= ready_ms,
                    by_exchange=pool.blocked_until(now_ms) >= ready_ms,
                    spaced=pool.spaced_until(now_ms) >= ready_ms,
                    usage=(
                        f"{pool.used(now_ms):,} of {pool.allowed:,} a minute in pool {cost.pool}; "
                        f"weight_share {pool.share:g} of {pool.limit:,}"
                    ),
                )
            self._sent += 1
            ticket = f"{os.getpid()}:{id(self)}:{self._sent}"
            pool.send(ticket, now_ms, cost.weight, cost.interval_ms)
            return ticket

    def answer(self, cost: RequestCost, ticket: str, now_ms: int, used: int | None) -> None:
        """Record the used weight that an answer reports; None: it reports none, or there was no answer."""
        with self._store.open() as state:
            pool = self._pool(state, cost, now_ms)
            pool.answer(ticket, now_ms, used)
            weight = pool.used(now_ms)
        metrics.weighed(cost.pool, weight, pool.limit)

    def block(self, cost: RequestCost, until_ms: int, now_ms: int, *, banned: bool) -> None:
        """Send nothing of the pool before `until_ms`; nothing at all, where the address is banned."""
        with self._store.open() as state:
            if banned:
                state.ban(until_ms, now_ms)
            self._pool(state, cost, now_ms).block(until_ms, now_ms)

    def _pool(self, state: RateLimitState, cost: RequestCost, now_ms: int) -> PoolLimit:
        family = FAMILIES[cost.family]
        pool = state.pool(cost.pool, Limit(family.weight_limit), self._share, now_ms)
        pool.limit = self._limits.get(family.weight_pool, pool.limit)
        return pool
