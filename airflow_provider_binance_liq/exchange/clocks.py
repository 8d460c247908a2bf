"""The exchange's clocks, each by how far it is ahead of this machine's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_binance_liq.core.endpoints import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_binance_liq.exchange.rate_limiter import Pacer


class Clocks:
    """Tells the time as the exchange has it; a clock that was not read is taken to be this machine's."""

    def __init__(self, clock: Callable[[], float], pacer: Pacer) -> None:
        self._clock = clock
        self._pacer = pacer
        #: ms to add to the local clock, per family whose clock was read
        self._offsets: dict[str, int] = {}

    def local_ms(self) -> int:
        """Tell the time on this machine's clock."""
        return int(self._clock() * 1000)

    def now_ms(self, family: str) -> int:
        """Tell the time on the exchange's clock."""
        return self.local_ms() + self.offset_ms(family)

    def offset_ms(self, family: str) -> int:
        """Milliseconds by which the exchange's clock is ahead of the local one, as last read."""
        return self._offsets.get(FAMILIES[family].clock_family, 0)

    def learn(self, family: str, offset_ms: int) -> None:
        """Keep what was read, for the other processes of this machine too."""
        name = FAMILIES[family].clock_family
        self._offsets[name] = offset_ms
        self._pacer.learn_clock(name, offset_ms, self.local_ms())

    def knows(self, family: str) -> bool:
        """Whether the clock was read, here or lately by another process of this machine."""
        name = FAMILIES[family].clock_family
        if name not in self._offsets:
            found = self._pacer.clock(name, self.local_ms())
            if found is not None:
                self._offsets[name] = found
        return name in self._offsets
