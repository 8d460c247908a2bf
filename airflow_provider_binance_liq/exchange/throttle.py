"""The throttle: delays requests during a ban or a Retry-After, and beyond our share of the weight.

A short wait is a sleep in the worker; a longer one is raised, with the instant to come back at, and so is a
short one where short ones have added up. Every sleep is counted by `Waits`, which ends the task where its
waits add up to more than `max_wait`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq import metrics
from airflow_provider_binance_liq.core.waits import MANY_WAITS, after_waits, credible
from airflow_provider_binance_liq.core.windows import iso_seconds
from airflow_provider_binance_liq.exceptions import (
    ExchangeUnavailable,
    IpBanned,
    RequestRejected,
    Throttled,
)
from airflow_provider_binance_liq.exchange.rate_limiter import Delay

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_binance_liq.core.answers import Retry, Wait
    from airflow_provider_binance_liq.core.waits import Waits
    from airflow_provider_binance_liq.exchange.clocks import Clocks
    from airflow_provider_binance_liq.exchange.rate_limiter import RateLimiter
    from airflow_provider_binance_liq.exchange.redaction import Redactor
    from airflow_provider_binance_liq.exchange.request import Request, Tries

log = logging.getLogger(__name__)

#: seconds between two reads of the ban that other tasks met
_READ_BAN_EVERY_S: Final = 10.0
_BACKOFF_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class WaitContext:
    """What a client knows about waits when it starts."""

    #: answers in a row, before this client, that asked to wait; a wait of unstated length grows with it
    consecutive_waits: int = 0
    #: returns until when other tasks know of a ban, in epoch ms on this machine's clock
    known_ban: Callable[[], int] | None = None
    #: what the task may wait in total; None: each wait is limited by itself alone
    waits: Waits | None = None
    #: whether the task can wait without its worker slot: then its short waits may not add up in it either
    can_leave: bool = False
    #: told of each wait in the worker: until when, in epoch ms on this machine's clock, and why
    on_wait: Callable[[int, str], None] | None = None


#: of the first client of a task
NO_WAITS: Final = WaitContext()


@dataclass
class Throttle:
    """Delays one client's requests for as long as they have to wait."""

    rate_limiter: RateLimiter
    clocks: Clocks
    redact: Redactor
    context: WaitContext
    max_sleep_s: float
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    uniform: Callable[[float, float], float]

    def __post_init__(self) -> None:
        #: answers in a row that asked to wait, also before this client
        self.consecutive_waits = self.context.consecutive_waits
        self._read_ban_at_s = float("-inf")

    def acquire(self, request: Request) -> str:
        """Sleep until the request may be sent; return its ticket.

        :raises Throttled: the wait is longer than `max_sleep_s`; with the instant to come back at.
        """
        while True:
            self._apply_known_ban(request)
            now_ms = self.clocks.now_ms(request.family)
            acquired = self.rate_limiter.acquire(request.cost, now_ms)
            if isinstance(acquired, str):
                return acquired
            if not isinstance(acquired, Delay):
                message = (
                    f"{request.name} costs a weight of {request.cost.weight}, but a weight_share of "
                    f"{acquired.share:g} of the limit of {acquired.limit} allows {acquired.allowed} a "
                    "minute; raise weight_share"
                )
                raise RequestRejected(message)
            self._wait(acquired, now_ms, request)

    def block(self, wait: Wait, request: Request, tries: Tries) -> None:
        """Record that an answer asked to wait; the next `acquire` waits.

        :raises Throttled: too many answers in a row did; the instant to come back at is later each time.
        """
        tries.waits += 1
        self.consecutive_waits += 1
        now_ms = self.clocks.now_ms(request.family)
        self.rate_limiter.block(request.cost, wait.until_ms, now_ms, banned=wait.banned)
        log.warning("%s: %s", request.name, self.redact(wait.detail))
        until_ms = max(wait.until_ms, after_waits(now_ms, self.consecutive_waits))
        if self.consecutive_waits >= MANY_WAITS:
            # Also where this client asked only once: a deferred task is another client after each wait.
            self.rate_limiter.block(request.cost, until_ms, now_ms, banned=False)
        if tries.waits >= MANY_WAITS:
            kind = IpBanned if wait.banned else Throttled
            message = f"{request.name}: had to wait {tries.waits} times in a row, at last for {wait.detail}"
            raise kind(self.redact(message), self._to_local_ms(until_ms, request), self.consecutive_waits)

    def back_off(self, retry: Retry, request: Request, tries: Tries) -> None:
        """Sleep before a request is retried.

        :raises ExchangeUnavailable: all attempts are used up.
        """
        tries.attempts += 1
        cause = self.redact(retry.detail)
        if tries.attempts >= tries.max_attempts:
            message = (
                f"{request.name}: no usable answer in {tries.attempts} attempts, at last {cause}; "
                "a retry asks again"
            )
            raise ExchangeUnavailable(self.redact(message), cause)
        log.info("%s: %s; retrying", request.name, cause)
        # Exponential backoff, as the exchange's page on 503 asks for, with jitter over half of it.
        longest_s = _BACKOFF_S * 2**tries.attempts
        self._sleep_for(self.uniform(longest_s / 2, longest_s), "the exchange does not answer")

    def _apply_known_ban(self, request: Request) -> None:
        """Read, every few seconds, the ban that other tasks met."""
        if self.context.known_ban is None or self.monotonic() < self._read_ban_at_s:
            return
        self._read_ban_at_s = self.monotonic() + _READ_BAN_EVERY_S
        until_ms = credible(self.context.known_ban(), self.clocks.local_ms(), banned=True)
        if until_ms:
            until_ms += self.clocks.offset_ms(request.family)
            self.rate_limiter.block(request.cost, until_ms, self.clocks.now_ms(request.family), banned=True)

    def _wait(self, delay: Delay, now_ms: int, request: Request) -> None:
        seconds = (delay.until_ms - now_ms) / 1000
        if seconds > self.max_sleep_s or not self._may_hold(seconds):
            kind = IpBanned if delay.banned else Throttled
            message = (
                f"{request.name} has to wait for {seconds:.0f} s, because {delay.reason}; "
                "a retry continues then"
            )
            until_ms = self._to_local_ms(delay.until_ms, request)
            raise kind(message, until_ms, self.consecutive_waits, delay.reason)
        until_ms = self._to_local_ms(delay.until_ms, request)
        log.info("Waiting %.1f s, until %s: %s", seconds, iso_seconds(until_ms), delay.reason)
        if self.context.on_wait is not None:
            self.context.on_wait(until_ms, delay.reason)
        metrics.waited(request.cost.pool, seconds, banned=delay.banned)
        # A little later, and with jitter: other clients wait for the same instant.
        self._sleep_for(seconds + self.uniform(0.05, 0.5), delay.reason)

    def _may_hold(self, seconds: float) -> bool:
        """Whether a short wait may be a sleep, which holds the worker slot."""
        waits = self.context.waits
        return not self.context.can_leave or waits is None or waits.may_hold(int(seconds * 1000))

    def _sleep_for(self, seconds: float, reason: str) -> None:
        if self.context.waits is not None:
            now_ms = self.clocks.local_ms()
            self.context.waits.add(now_ms + int(seconds * 1000), now_ms, reason)
        self.sleep(seconds)

    def _to_local_ms(self, instant_ms: int, request: Request) -> int:
        """Convert an instant of the exchange's clock to this machine's."""
        return instant_ms - self.clocks.offset_ms(request.family)
