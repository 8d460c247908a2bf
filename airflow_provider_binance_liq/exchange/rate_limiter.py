"""Pacing: lets a request go, or says until when it has to wait, by what is known of the IP address.

The book may be shared with other processes; whether a request fits and its being counted is one step.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq import metrics
from airflow_provider_binance_liq.core.endpoints import FAMILIES
from airflow_provider_binance_liq.core.weights import Limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.core.weights import Book, Budget
    from airflow_provider_binance_liq.exchange.rate_limit_state import Ledger

#: a request that weighs less may go although nothing is known of the minute
_HEAVY: Final = 10


@dataclass(frozen=True, slots=True)
class Draw:
    """What a request draws on: a pool of a family, and with what weight."""

    family: str
    pool: str
    weight: int
    #: least time between two requests of the pool, in ms
    interval_ms: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """A request may not go before `until_ms`, on the exchange's clock."""

    until_ms: int
    banned: bool
    #: whether an answer asked for it, rather than our own count
    told: bool = False

    @property
    def reason(self) -> str:
        """Why it has to wait."""
        if self.banned:
            return "its IP address is banned"
        return "the exchange asked to wait (429)" if self.told else "its weight is used up"


class Pacer:
    """Counts one client's requests in a book.

    :param share: share of each limit that may be used up, by us and everybody else on the address.
    :param limits: weight per minute by pool (`futures`, `papi`, `sapi`), where the user knows better.
    """

    def __init__(self, ledger: Ledger, share: float, limits: Mapping[str, int]) -> None:
        self._ledger = ledger
        self._share = share
        self._limits = limits
        self._sent = 0

    def budget(self, draw: Draw, now_ms: int) -> Budget:
        """Return the budget as it stands."""
        with self._ledger.open() as book:
            return self._budget(book, draw, now_ms)

    def is_blind(self, draw: Draw, now_ms: int) -> bool:
        """Whether a heavy request would go although nothing is known of its minute."""
        return draw.weight >= _HEAVY and not self.budget(draw, now_ms).is_known(now_ms)

    def lacks_limit(self, draw: Draw, now_ms: int) -> bool:
        """Whether the exchange should be asked for its limit before the request goes."""
        if FAMILIES[draw.family].limits_path is None or FAMILIES[draw.family].weight_pool in self._limits:
            return False
        with self._ledger.open() as book:
            return book.lacks_limit(draw.pool, self._budget(book, draw, now_ms), draw.weight, now_ms)

    def learn_limit(self, draw: Draw, limit: Limit, now_ms: int) -> None:
        """Keep a limit that the exchange told."""
        with self._ledger.open() as book:
            book.learn(draw.pool, limit, now_ms)

    def clock(self, name: str, local_ms: int) -> int | None:
        """Tell by how many ms a clock is ahead of this machine's, if that was found lately."""
        with self._ledger.open() as book:
            return book.clock(name, local_ms)

    def learn_clock(self, name: str, offset_ms: int, local_ms: int) -> None:
        """Keep by how many ms a clock is ahead."""
        with self._ledger.open() as book:
            book.clocks[name] = (offset_ms, local_ms)

    def admit(self, draw: Draw, now_ms: int) -> Wait | str:
        """Count the request as sent and return its ticket; or say until when it has to wait."""
        with self._ledger.open() as book:
            budget = self._budget(book, draw, now_ms)
            banned_ms = book.banned_until(now_ms)
            ready_ms = max(banned_ms, budget.ready_at(now_ms, draw.weight))
            if ready_ms > now_ms:
                return Wait(ready_ms, banned_ms >= ready_ms, budget.held_until(now_ms) >= ready_ms)
            self._sent += 1
            ticket = f"{os.getpid()}:{id(self)}:{self._sent}"
            budget.send(ticket, now_ms, draw.weight)
            if draw.interval_ms:
                budget.hold(now_ms + draw.interval_ms, now_ms)
            return ticket

    def answer(self, draw: Draw, ticket: str, now_ms: int, used: int | None) -> None:
        """Take over what the answer to a request says is used; None: it says nothing, or there is none."""
        with self._ledger.open() as book:
            budget = self._budget(book, draw, now_ms)
            budget.answer(ticket, now_ms, used)
            weight = budget.used(now_ms)
        metrics.weighed(draw.pool, weight, budget.limit)

    def hold(self, draw: Draw, until_ms: int, now_ms: int, *, banned: bool) -> None:
        """Let nothing of the pool go before `until_ms`; nothing at all, where the address is banned."""
        with self._ledger.open() as book:
            if banned:
                book.ban(until_ms, now_ms)
            self._budget(book, draw, now_ms).hold(until_ms, now_ms)

    def _budget(self, book: Book, draw: Draw, now_ms: int) -> Budget:
        family = FAMILIES[draw.family]
        budget = book.budget(draw.pool, Limit(family.weight_limit), self._share, now_ms)
        budget.limit = self._limits.get(family.weight_pool, budget.limit)
        return budget
