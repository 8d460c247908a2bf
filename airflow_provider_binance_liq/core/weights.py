"""The rate limit state: how much weight of each limit is used, and until when no request may be sent.

Binance counts weight per IP address in fixed UTC minutes, for all programs on that address: the desk's live
trading too. So the server's count comes first; but a count below our own requests of that minute is wrong,
and then our own count is used. A request is sent only if, after it, no more than our share of the limit is
used; until then it waits for the next minute. During a ban or a Retry-After, nothing is sent.

`RateLimitState` is what is known about one address. Each client has its own, or the clients of one machine
share one: it holds plain values that can be stored. Instants are epoch milliseconds on the exchange's clock,
and are always arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from airflow_provider_binance_liq.core.units import HOUR_MS, MINUTE_MS
from airflow_provider_binance_liq.core.waits import credible

#: the share of a limit that may be used, where the connection does not say
DEFAULT_WEIGHT_SHARE: Final = 0.5
#: no limit of the exchange is larger; a larger one is a mistake
MAX_WEIGHT: Final = 1_000_000
#: a request of an earlier minute that has no answer for so long was lost, or its sender has died
_LOST_AFTER_MS: Final = MINUTE_MS
#: a limit that was read is trusted for so long
_LIMIT_MS: Final = HOUR_MS
#: clocks drift by a few ms in that time; one that was set is noticed by a refusal (-1021)
_CLOCK_MS: Final = 10 * MINUTE_MS
#: use below this part of our share is within any limit, so that quiet windows need not read it
_QUIET_SHARE: Final = 0.1


class Limit(msgspec.Struct, frozen=True):
    """Weight that the exchange allows an IP address in one of its minutes."""

    weight: Annotated[int, msgspec.Meta(ge=1)]
    #: length of that minute
    minute_ms: Annotated[int, msgspec.Meta(ge=1, le=HOUR_MS)] = MINUTE_MS


class ReportedLimit(msgspec.Struct, frozen=True):
    """A limit that the exchange reported, and when."""

    limit: Limit
    at_ms: int


class Usage(msgspec.Struct):
    """The weight that is used of one pool's limit."""

    #: number of the minute that `counted` and `ours` belong to
    minute: int = -1
    #: used weight as the server reports it, or else the cost of answered requests
    counted: int = 0
    #: documented weight of our own requests that were answered
    ours: int = 0
    #: when the last answer with a count came
    reported_ms: int = -1
    #: requests without an answer yet: when they were sent, and their weight
    in_flight: dict[str, tuple[int, int]] = {}
    #: no request before this instant (429, Retry-After); 0 where there is none
    blocked_until_ms: int = 0
    #: no request before this instant, because those of the endpoint are spaced; at most a minute ahead
    spaced_until_ms: int = 0


@dataclass(slots=True)
class PoolLimit:
    """One limit of the exchange, of a pool of families or of one endpoint, and our share of it."""

    #: weight per minute that the exchange allows the IP address
    limit: int
    #: share of the limit that may be used up, by us and everybody else on the address, before we wait
    share: float
    minute_ms: int = MINUTE_MS
    usage: Usage = field(default_factory=Usage)

    @property
    def allowed(self) -> int:
        """Weight that may be used in one minute."""
        return int(self.limit * self.share)

    def is_known(self, now_ms: int) -> bool:
        """Whether an answer has reported the used weight of the minute of `now_ms`."""
        return self.usage.minute == now_ms // self.minute_ms

    def used(self, now_ms: int) -> int:
        """Return the weight that is used in the minute of `now_ms`, requests in flight included."""
        minute = now_ms // self.minute_ms
        in_flight = sum(
            weight
            for sent_ms, weight in self.usage.in_flight.values()
            if sent_ms // self.minute_ms == minute or abs(now_ms - sent_ms) < _LOST_AFTER_MS
        )
        return in_flight + (max(self.usage.counted, self.usage.ours) if self.is_known(now_ms) else 0)

    def ready_at(self, now_ms: int, weight: int) -> int:
        """Return when a request of `weight` may be sent: `now_ms`, or the instant to wait for."""
        at_ms = max(now_ms, self.blocked_until(now_ms), self.spaced_until(now_ms))
        return at_ms if self.used(at_ms) + weight <= self.allowed else self.next_minute(at_ms)

    def blocked_until(self, now_ms: int) -> int:
        """Return until when nothing may be sent; 0 where nothing forbids it. An absurd instant is dropped."""
        self.usage.blocked_until_ms = credible(self.usage.blocked_until_ms, now_ms, banned=True)
        return self.usage.blocked_until_ms

    def spaced_until(self, now_ms: int) -> int:
        """Return until when the interval between two requests lasts; 0 where it is over."""
        until_ms = self.usage.spaced_until_ms
        return until_ms if now_ms < until_ms <= now_ms + MINUTE_MS else 0

    def next_minute(self, now_ms: int) -> int:
        """Return when the exchange's count starts from zero."""
        return (now_ms // self.minute_ms + 1) * self.minute_ms

    def send(self, ticket: str, now_ms: int, weight: int, interval_ms: int = 0) -> None:
        """Count a request that is being sent; `ticket` identifies it until it is answered.

        :param interval_ms: least time until the next request of this pool.
        """
        if interval_ms:
            self.usage.spaced_until_ms = now_ms + interval_ms
        kept = {
            name: (sent_ms, known)
            for name, (sent_ms, known) in self.usage.in_flight.items()
            if abs(now_ms - sent_ms) < max(_LOST_AFTER_MS, self.minute_ms)
        }
        self.usage.in_flight = {**kept, ticket: (now_ms, weight)}

    def answer(self, ticket: str, now_ms: int, used: int | None = None) -> None:
        """Record the used weight that an answer reports; None: it reports none, or there was no answer."""
        usage, minute = self.usage, now_ms // self.minute_ms
        sent_ms, weight = usage.in_flight.pop(ticket, (now_ms, 0))
        if usage.minute != minute:
            usage.minute, usage.counted, usage.ours = minute, 0, 0
        usage.ours += weight
        if used is None or sent_ms // self.minute_ms != minute:
            # The answer may report the minute before, while the exchange counted the request in this one.
            usage.counted += weight
            return
        # The exchange's count only grows, but answers may arrive out of order.
        usage.counted = used if sent_ms > usage.reported_ms else max(usage.counted, used)
        usage.reported_ms = now_ms

    def block(self, until_ms: int, now_ms: int) -> None:
        """Send nothing before `until_ms`; only an absurd earlier instant is ever shortened."""
        self.usage.blocked_until_ms = max(self.blocked_until(now_ms), until_ms)


class RateLimitState(msgspec.Struct):
    """What is known about the rate limits of one IP address."""

    pools: dict[str, Usage] = {}
    limits: dict[str, ReportedLimit] = {}
    #: ms by which each clock is ahead of this machine's, and when that was found
    clocks: dict[str, tuple[int, int]] = {}
    banned_until_ms: int = 0

    def pool(self, pool: str, documented: Limit, share: float, now_ms: int) -> PoolLimit:
        """Return a pool's limit as the exchange reported it lately, or else `documented`, with its usage."""
        limit = self._reported(pool, now_ms) or documented
        return PoolLimit(limit.weight, share, limit.minute_ms, self.pools.setdefault(pool, Usage()))

    def needs_limit(self, pool: str, known: PoolLimit, weight: int, now_ms: int) -> bool:
        """Whether the limit should be read before a request of `weight` is sent."""
        quiet = known.used(now_ms) + weight <= known.allowed * _QUIET_SHARE
        return not quiet and self._reported(pool, now_ms) is None

    def set_limit(self, pool: str, limit: Limit, now_ms: int) -> None:
        """Keep a limit that the exchange reported; what was counted in its minute stays counted."""
        known, usage = self.limits.get(pool), self.pools.setdefault(pool, Usage())
        before_ms = known.limit.minute_ms if known else MINUTE_MS
        if usage.minute == now_ms // before_ms:
            usage.minute = now_ms // limit.minute_ms
        self.limits[pool] = ReportedLimit(limit, now_ms)

    def _reported(self, pool: str, now_ms: int) -> Limit | None:
        found = self.limits.get(pool)
        return found.limit if found is not None and abs(now_ms - found.at_ms) <= _LIMIT_MS else None

    def clock_offset_ms(self, name: str, local_ms: int) -> int | None:
        """Return by how many ms a clock is ahead of this machine's, if it was read lately."""
        offset_ms, at_ms = self.clocks.get(name, (0, -_CLOCK_MS - 1))
        return offset_ms if 0 <= local_ms - at_ms <= _CLOCK_MS else None

    def ban(self, until_ms: int, now_ms: int) -> None:
        """Send nothing of any pool before `until_ms`; only an absurd earlier instant is ever shortened."""
        self.banned_until_ms = max(self.banned_until(now_ms), until_ms)

    def banned_until(self, now_ms: int) -> int:
        """Return until when the address is banned; 0 where it is not. An absurd instant is dropped."""
        self.banned_until_ms = credible(self.banned_until_ms, now_ms, banned=True)
        return self.banned_until_ms

    def merge(self, other: RateLimitState, now_ms: int) -> None:
        """Merge another state of the same address; of two values, the more cautious one is kept.

        Absurd instants are dropped first: otherwise one would replace a valid one, and then be dropped.
        """
        for pool, usage in other.pools.items():
            self.pools[pool] = _merged(self.pools.get(pool, Usage()), usage, now_ms)
        for pool, limit in other.limits.items():
            if pool not in self.limits or self.limits[pool].at_ms < limit.at_ms:
                self.limits[pool] = limit
        for name, clock in other.clocks.items():
            self.clocks[name] = max(self.clocks.get(name, clock), clock, key=lambda read: read[1])
        self.ban(other.banned_until(now_ms), now_ms)


def _merged(one: Usage, other: Usage, now_ms: int) -> Usage:
    """Merge two counts of one pool; of different minutes, the later one counts."""
    minute = max(one.minute, other.minute)
    now = [usage for usage in (one, other) if usage.minute == minute]
    return Usage(
        minute=minute,
        counted=max(usage.counted for usage in now),
        ours=max(usage.ours for usage in now),
        reported_ms=max(usage.reported_ms for usage in now),
        in_flight={**one.in_flight, **other.in_flight},
        spaced_until_ms=max(one.spaced_until_ms, other.spaced_until_ms),
        blocked_until_ms=max(credible(usage.blocked_until_ms, now_ms, banned=True) for usage in (one, other)),
    )
