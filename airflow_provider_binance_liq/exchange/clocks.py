"""The exchange's clocks, each by how far it is ahead of this machine's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_binance_liq.core.families import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_binance_liq.exchange.rate_limiter import RateLimiter


class Clocks:
    """Tells the time by the exchange's clock; until that is read, by this machine's."""

    def __init__(self, clock: Callable[[], float], rate_limiter: RateLimiter) -> None:
        self._clock = clock
        self._rate_limiter = rate_limiter
        #: ms to add to the local clock, per family whose clock was read
        self._offsets: dict[str, int] = {}
        #: the same as processes of this machine found it earlier, too long ago to sign requests by it
        self._earlier: dict[str, int] = {}

    def local_ms(self) -> int:
        """Tell the time on this machine's clock."""
        return int(self._clock() * 1000)

    def now_ms(self, family: str) -> int:
        """Tell the time on the exchange's clock."""
        return self.local_ms() + self.offset_ms(family)

    def offset_ms(self, family: str) -> int:
        """Milliseconds by which the exchange's clock is ahead of the local one, as last read.

        Until it is read here, by whichever process read it last: bans are kept as instants of the exchange's
        clock, and one would seem to be over if this machine's clock is ahead of that.
        """
        name = FAMILIES[family].clock_family
        if name in self._offsets:
            return self._offsets[name]
        if name not in self._earlier:
            self._earlier[name] = self._rate_limiter.last_clock_offset_ms(name)
        return self._earlier[name]

    def set_offset(self, family: str, offset_ms: int) -> None:
        """Keep an offset, for the other processes of this machine too."""
        name = FAMILIES[family].clock_family
        self._offsets[name] = offset_ms
        self._rate_limiter.set_clock_offset(name, offset_ms, self.local_ms())

    def is_known(self, family: str) -> bool:
        """Whether the clock was read, here or lately by another process of this machine."""
        name = FAMILIES[family].clock_family
        if name not in self._offsets:
            found = self._rate_limiter.clock_offset_ms(name, self.local_ms())
            if found is not None:
                self._offsets[name] = found
        return name in self._offsets
