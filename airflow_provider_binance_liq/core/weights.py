"""The weight budget: what the server says is used outranks what we think we used.

Binance counts weight per IP address in fixed UTC minutes, everybody on that address included: the desk's
live trading too. A request is let go only if, after it, no more than our share of the limit is used; until
then it waits for the next minute. A ban, or a Retry-After, holds everything back until it ends.

Instants are epoch milliseconds on the exchange's clock, and are always passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MINUTE_MS: Final = 60_000


@dataclass(slots=True)
class Budget:
    """One limit of the exchange: a pool of families, or one endpoint."""

    #: weight per minute that the exchange allows the IP address
    limit: int
    #: share of the limit that may be used up, by us and everybody else on the address, before we wait
    share: float
    minute_ms: int = MINUTE_MS
    _minute: int = -1
    _used: int = 0
    _held_until_ms: int = 0

    @property
    def allowed(self) -> int:
        """Weight that may be used in one minute."""
        return int(self.limit * self.share)

    def used(self, now_ms: int) -> int:
        """Return the weight known to be used in the minute of `now_ms`."""
        return self._used if self._minute == now_ms // self.minute_ms else 0

    def ready_at(self, now_ms: int, weight: int) -> int:
        """When a request of `weight` may be sent: `now_ms`, or the instant to wait for."""
        at_ms = max(now_ms, self._held_until_ms)
        return at_ms if self.used(at_ms) + weight <= self.allowed else self.next_minute(at_ms)

    def next_minute(self, now_ms: int) -> int:
        """When the exchange begins to count anew."""
        return (now_ms // self.minute_ms + 1) * self.minute_ms

    def spend(self, now_ms: int, weight: int) -> None:
        """Count a request that is being sent, until the server's answer says more."""
        self._set(now_ms, self.used(now_ms) + weight)

    def observe(self, now_ms: int, used: int) -> None:
        """Take over what the server says is used in this minute."""
        self._set(now_ms, used)

    def hold(self, until_ms: int) -> None:
        """Let nothing go before `until_ms`; a hold is never shortened."""
        self._held_until_ms = max(self._held_until_ms, until_ms)

    def _set(self, now_ms: int, used: int) -> None:
        self._minute, self._used = now_ms // self.minute_ms, used
