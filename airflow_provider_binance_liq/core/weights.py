"""The weight budget: of what the server says is used, and what we sent ourselves, the greater counts.

Binance counts weight per IP address in fixed UTC minutes, everybody on that address included: the desk's
live trading too. So the server's count comes first; but one that is less than our own requests of that
minute is wrong, or of something else. A request is let go only if, after it, no more than our share of the
limit is used; until then it waits for the next minute. A ban, or a Retry-After, holds everything back until
it ends.

What is known of an address stands in a `Book`: requests on their way, what the server last said, holds, a
ban. One client keeps its own; several on one machine may keep one together, since all of it is plain values
that can be written down (`ledger`). Instants are epoch milliseconds on the exchange's clock, and are always
passed in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from airflow_provider_binance_liq.core.waits import credible

MINUTE_MS: Final = 60_000
#: a request of an earlier minute that has no answer for so long was lost, or whoever sent it has died
_LOST_AFTER_MS: Final = 60_000
#: a limit that was read is trusted for so long
_LIMIT_MS: Final = 60 * MINUTE_MS
#: clocks of machines drift by some ms in that time; one that was set anew is told by a refusal (-1021)
_CLOCK_MS: Final = 10 * MINUTE_MS
#: a use below this part of our share is taken to be within any limit, so that quiet windows need not read it
_SURELY_WITHIN: Final = 0.1


class Limit(msgspec.Struct, frozen=True):
    """Weight that the exchange allows an IP address in one of its minutes."""

    weight: Annotated[int, msgspec.Meta(ge=1)]
    #: length of that minute
    minute_ms: Annotated[int, msgspec.Meta(ge=1, le=60 * MINUTE_MS)] = MINUTE_MS


class ToldLimit(msgspec.Struct, frozen=True):
    """A limit that the exchange told, and when."""

    limit: Limit
    at_ms: int


class Usage(msgspec.Struct):
    """What is known of one pool's use."""

    #: number of the minute that `counted` and `ours` are of
    minute: int = -1
    #: weight that the server said is used, or else what answered requests cost
    counted: int = 0
    #: documented weight of our own requests that were answered, whatever the server said
    ours: int = 0
    #: when the last answer came that said so
    told_ms: int = -1
    #: requests without an answer yet: when they were sent, and their weight
    on_their_way: dict[str, tuple[int, int]] = {}
    held_until_ms: int = 0


@dataclass(slots=True)
class Budget:
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
        """Whether an answer has told anything of the minute of `now_ms`."""
        return self.usage.minute == now_ms // self.minute_ms

    def used(self, now_ms: int) -> int:
        """Return the weight that may be used in the minute of `now_ms`, as far as is known."""
        minute = now_ms // self.minute_ms
        coming = sum(
            weight
            for sent_ms, weight in self.usage.on_their_way.values()
            if sent_ms // self.minute_ms == minute or abs(now_ms - sent_ms) < _LOST_AFTER_MS
        )
        return coming + (max(self.usage.counted, self.usage.ours) if self.is_known(now_ms) else 0)

    def ready_at(self, now_ms: int, weight: int) -> int:
        """When a request of `weight` may be sent: `now_ms`, or the instant to wait for."""
        at_ms = max(now_ms, self.held_until(now_ms))
        return at_ms if self.used(at_ms) + weight <= self.allowed else self.next_minute(at_ms)

    def held_until(self, now_ms: int) -> int:
        """Until when nothing may go; 0 where there is no hold. What none can be is forgotten."""
        self.usage.held_until_ms = credible(self.usage.held_until_ms, now_ms, banned=True)
        return self.usage.held_until_ms

    def next_minute(self, now_ms: int) -> int:
        """When the exchange begins to count anew."""
        return (now_ms // self.minute_ms + 1) * self.minute_ms

    def send(self, ticket: str, now_ms: int, weight: int) -> None:
        """Count a request that is being sent; `ticket` is its name until it is answered."""
        kept = {
            name: (sent_ms, known)
            for name, (sent_ms, known) in self.usage.on_their_way.items()
            if abs(now_ms - sent_ms) < max(_LOST_AFTER_MS, self.minute_ms)
        }
        self.usage.on_their_way = {**kept, ticket: (now_ms, weight)}

    def answer(self, ticket: str, now_ms: int, used: int | None = None) -> None:
        """Take over what the answer says is used in this minute; without an answer, the request may count."""
        usage, minute = self.usage, now_ms // self.minute_ms
        sent_ms, weight = usage.on_their_way.pop(ticket, (now_ms, 0))
        if usage.minute != minute:
            usage.minute, usage.counted, usage.ours = minute, 0, 0
        usage.ours += weight
        if used is None or sent_ms // self.minute_ms != minute:
            # What the answer says may be of the minute before; its request may have come in this one.
            usage.counted += weight
            return
        # The exchange's count only grows, but answers overtake each other.
        usage.counted = used if sent_ms > usage.told_ms else max(usage.counted, used)
        usage.told_ms = now_ms

    def hold(self, until_ms: int, now_ms: int) -> None:
        """Let nothing go before `until_ms`; a hold is never shortened, unless it was none that can be."""
        self.usage.held_until_ms = max(self.held_until(now_ms), until_ms)


class Book(msgspec.Struct):
    """What is known of one IP address's weight."""

    pools: dict[str, Usage] = {}
    limits: dict[str, ToldLimit] = {}
    #: ms by which each clock is ahead of this machine's, and when that was found
    clocks: dict[str, tuple[int, int]] = {}
    banned_until_ms: int = 0

    def budget(self, pool: str, documented: Limit, share: float, now_ms: int) -> Budget:
        """Return the budget of a pool: by the limit that the exchange told lately, or else `documented`."""
        limit = self._told(pool, now_ms) or documented
        return Budget(limit.weight, share, limit.minute_ms, self.pools.setdefault(pool, Usage()))

    def lacks_limit(self, pool: str, budget: Budget, weight: int, now_ms: int) -> bool:
        """Whether the limit should be read before a request of `weight` is sent."""
        quiet = budget.used(now_ms) + weight <= budget.allowed * _SURELY_WITHIN
        return not quiet and self._told(pool, now_ms) is None

    def learn(self, pool: str, limit: Limit, now_ms: int) -> None:
        """Keep a limit that the exchange told; what was counted in its minute stays counted."""
        known, usage = self.limits.get(pool), self.pools.setdefault(pool, Usage())
        before_ms = known.limit.minute_ms if known else MINUTE_MS
        if usage.minute == now_ms // before_ms:
            usage.minute = now_ms // limit.minute_ms
        self.limits[pool] = ToldLimit(limit, now_ms)

    def _told(self, pool: str, now_ms: int) -> Limit | None:
        told = self.limits.get(pool)
        return told.limit if told is not None and abs(now_ms - told.at_ms) <= _LIMIT_MS else None

    def clock(self, name: str, local_ms: int) -> int | None:
        """Tell by how many ms a clock is ahead of this machine's, if that was found lately."""
        offset_ms, at_ms = self.clocks.get(name, (0, -_CLOCK_MS - 1))
        return offset_ms if 0 <= local_ms - at_ms <= _CLOCK_MS else None

    def ban(self, until_ms: int, now_ms: int) -> None:
        """Let nothing of any pool go before `until_ms`; a ban that can be one is never shortened."""
        self.banned_until_ms = max(self.banned_until(now_ms), until_ms)

    def banned_until(self, now_ms: int) -> int:
        """Until when the address is banned; 0 where it is not. What no ban can be is forgotten."""
        self.banned_until_ms = credible(self.banned_until_ms, now_ms, banned=True)
        return self.banned_until_ms

    def join(self, other: Book, now_ms: int) -> None:
        """Take over what another book of the same address knows: of each, what asks for more caution.

        What is absurd in one of them would outlast what the other knows, and then be forgotten with it.
        """
        for pool, told in other.pools.items():
            self.pools[pool] = _joined(self.pools.get(pool, Usage()), told, now_ms)
        for pool, limit in other.limits.items():
            if pool not in self.limits or self.limits[pool].at_ms < limit.at_ms:
                self.limits[pool] = limit
        for name, clock in other.clocks.items():
            self.clocks[name] = max(self.clocks.get(name, clock), clock, key=lambda told: told[1])
        self.ban(other.banned_until(now_ms), now_ms)


def _joined(one: Usage, other: Usage, now_ms: int) -> Usage:
    """Join two counts of one pool; of different minutes, the later one counts."""
    minute = max(one.minute, other.minute)
    now = [usage for usage in (one, other) if usage.minute == minute]
    return Usage(
        minute=minute,
        counted=max(usage.counted for usage in now),
        ours=max(usage.ours for usage in now),
        told_ms=max(usage.told_ms for usage in now),
        on_their_way={**one.on_their_way, **other.on_their_way},
        held_until_ms=max(credible(usage.held_until_ms, now_ms, banned=True) for usage in (one, other)),
    )
