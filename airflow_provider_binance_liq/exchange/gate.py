"""The gate before the network: nothing is sent while a ban or a Retry-After lasts, nor beyond our share.

Short waits are slept through here; a longer one is raised with the instant to come back at. Either is told
to `Waits`, which ends the task where they add up to more than it was given.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq import metrics
from airflow_provider_binance_liq.core.waits import after_holds, credible
from airflow_provider_binance_liq.exceptions import (
    ExchangeUnavailable,
    IpBanned,
    RequestRejected,
    Throttled,
)
from airflow_provider_binance_liq.exchange.rate_limiter import Wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_binance_liq.core.answers import Again, Hold
    from airflow_provider_binance_liq.core.waits import Waits
    from airflow_provider_binance_liq.exchange.clocks import Clocks
    from airflow_provider_binance_liq.exchange.rate_limiter import Pacer
    from airflow_provider_binance_liq.exchange.redaction import Redactor
    from airflow_provider_binance_liq.exchange.request import Request, Tries

log = logging.getLogger(__name__)

#: times in a row that one request may be told to wait
_HOLDS: Final = 5
#: seconds between questions for a ban that others have met
_HEED_EVERY_S: Final = 10.0
_BACKOFF_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class WaitState:
    """What a client is told of waits before it begins."""

    #: answers in a row that asked to wait, before this client; a guessed wait grows with it
    holds: int = 0
    #: tells until when others know of a ban, in epoch ms on this machine's clock
    known_ban: Callable[[], int] | None = None
    #: what may be waited altogether, and was before; None: each wait is bounded by itself alone
    waits: Waits | None = None


#: the first client of a task knows of none
NO_WAITS: Final = WaitState()


class Gate:
    """Holds one client's requests back for as long as they have to wait."""

    def __init__(
        self,
        pacer: Pacer,
        clocks: Clocks,
        redact: Redactor,
        *,
        patience_s: float,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
        uniform: Callable[[float, float], float],
        before: WaitState,
    ) -> None:
        #: answers in a row that asked to wait, also before this client
        self.holds = before.holds
        self._pacer = pacer
        self._clocks = clocks
        self._redact = redact
        self._patience_s = patience_s
        self._monotonic = monotonic
        self._sleep = sleep
        self._uniform = uniform
        self._known_ban = before.known_ban
        self._waits = before.waits
        self._heed_again = float("-inf")

    def admit(self, request: Request) -> str:
        """Sleep until the request may be sent; return its ticket.

        :raises Throttled: when that takes longer than our patience, with the instant to come back at.
        """
        budget = self._pacer.budget(request.draw, self._clocks.now_ms(request.family))
        weight = request.draw.weight
        if weight > budget.allowed:
            message = (
                f"{request.said} costs a weight of {weight}, but a weight_share of {budget.share:g} "
                f"of the limit of {budget.limit} allows {budget.allowed} a minute; raise weight_share"
            )
            raise RequestRejected(message)
        while True:
            self._heed_ban(request)
            now_ms = self._clocks.now_ms(request.family)
            admitted = self._pacer.admit(request.draw, now_ms)
            if not isinstance(admitted, Wait):
                return admitted
            self._wait_until(admitted, now_ms, request)

    def hold(self, verdict: Hold, request: Request, tries: Tries) -> None:
        """Take over that an answer asked to wait; the next `admit` waits.

        :raises Throttled: it did so too often in a row; who comes back comes later each time.
        """
        tries.holds += 1
        self.holds += 1
        now_ms = self._clocks.now_ms(request.family)
        self._pacer.hold(request.draw, verdict.until_ms, now_ms, banned=verdict.banned)
        log.warning("%s: %s", request.said, self._redact(verdict.said))
        if tries.holds >= _HOLDS:
            kind = IpBanned if verdict.banned else Throttled
            message = f"{request.said}: told to wait {tries.holds} times in a row, at last by {verdict.said}"
            until_ms = max(verdict.until_ms, after_holds(now_ms, self.holds))
            raise kind(self._redact(message), self._locally(until_ms, request), self.holds)

    def back_off(self, verdict: Again, request: Request, tries: Tries) -> None:
        """Let some time pass before a transient answer is asked for again.

        :raises ExchangeUnavailable: it was asked often enough.
        """
        tries.attempts += 1
        if tries.attempts >= tries.most:
            cause = self._redact(verdict.said)
            message = (
                f"{request.said}: no usable answer in {tries.attempts} attempts, at last {cause}; "
                "a retry asks again"
            )
            raise ExchangeUnavailable(self._redact(message), cause)
        log.info("%s: %s; asking again", request.said, self._redact(verdict.said))
        # Doubling, as the exchange's own page on 503 asks for, and spread over half of it.
        longest = _BACKOFF_S * 2**tries.attempts
        self._sleep_for(self._uniform(longest / 2, longest), "the exchange does not answer")

    def _heed_ban(self, request: Request) -> None:
        """Take over, now and then, a ban that others have met."""
        if self._known_ban is None or self._monotonic() < self._heed_again:
            return
        self._heed_again = self._monotonic() + _HEED_EVERY_S
        until_ms = credible(self._known_ban(), self._clocks.local_ms(), banned=True)
        if until_ms:
            until_ms += self._clocks.offset_ms(request.family)
            self._pacer.hold(request.draw, until_ms, self._clocks.now_ms(request.family), banned=True)

    def _wait_until(self, wait: Wait, now_ms: int, request: Request) -> None:
        seconds = (wait.until_ms - now_ms) / 1000
        if seconds > self._patience_s:
            kind = IpBanned if wait.banned else Throttled
            message = (
                f"{request.said} has to wait for {seconds:.0f} s, because {wait.reason}; a retry goes on then"
            )
            raise kind(message, self._locally(wait.until_ms, request), self.holds)
        log.info("%s waits for %.1f s, because %s", request.said, seconds, wait.reason)
        metrics.waited(request.draw.pool, seconds, banned=wait.banned)
        # A little later for everybody, and not at the same moment for all.
        self._sleep_for(seconds + self._uniform(0.05, 0.5), wait.reason)

    def _sleep_for(self, seconds: float, reason: str) -> None:
        if self._waits is not None:
            now_ms = self._clocks.local_ms()
            self._waits.take(now_ms + int(seconds * 1000), now_ms, reason)
        self._sleep(seconds)

    def _locally(self, instant_ms: int, request: Request) -> int:
        """Turn an instant of the exchange's clock into one of this machine's."""
        return instant_ms - self._clocks.offset_ms(request.family)
