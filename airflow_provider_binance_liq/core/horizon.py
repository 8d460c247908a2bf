"""The two edges of what can be extracted: rows that are not all there yet, and rows that are kept no more.

Both are judged by the exchange's clock, never by this machine's: a window that ended two minutes ago by a
clock that is ten minutes ahead is not over. Retention is judged before the first request and after the last
one, because a window may grow too old while it is read. Instants are epoch ms on the exchange's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Self

from airflow_provider_binance_liq.core.endpoints import ASSUMED_RETENTION_DAYS, DAY_MS
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.exceptions import BeyondRetention, NotSettled

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.endpoints import Endpoint
    from airflow_provider_binance_liq.core.windows import Window

#: what to do with a window that begins before what the exchange keeps
OnBeyondRetention = Literal["fail", "skip", "extract"]

#: who says how long the exchange keeps rows
Source = Literal["documented", "assumed", "configured"]

_SOURCES: Final[dict[Source, str]] = {
    "documented": "as documented",
    "assumed": "as assumed: nothing is documented",
    "configured": "as `retention_days` says",
}


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the exchange keeps an endpoint's rows, and who says so."""

    days: int
    source: Source

    @classmethod
    def of(cls, endpoint: Endpoint | None, configured: int | None = None) -> Self:
        """Take what the user configured, or what is documented, or else what is assumed."""
        if configured is not None:
            return cls(configured, "configured")
        if endpoint is not None and endpoint.retention_days is not None:
            return cls(endpoint.retention_days, "documented")
        return cls(ASSUMED_RETENTION_DAYS, "assumed")

    @property
    def ms(self) -> int:
        """The same in milliseconds."""
        return self.days * DAY_MS

    def oldest_ms(self, now_ms: int) -> int:
        """Return the oldest instant that is still kept."""
        return now_ms - self.ms

    def doubt(self, window: Window, now_ms: int) -> str:
        """Say why an answer for `window` would not be proof; empty where it is kept whole."""
        oldest_ms = self.oldest_ms(now_ms)
        if window.start_ms >= oldest_ms:
            return ""
        return (
            f"the window begins before {iso(oldest_ms)}, and the exchange keeps {self.days} days "
            f"({_SOURCES[self.source]}), so an answer would not prove that nothing is missing"
        )


@dataclass(frozen=True, slots=True)
class Horizon:
    """Judges whether a window can be extracted now."""

    window: Window
    retention: Retention
    #: ms after the window's end until late rows are taken to be there
    settle_ms: int = 0
    beyond_retention: OnBeyondRetention = "fail"

    def check_settled(self, now_ms: int, offset_ms: int) -> None:
        """See that the window is over, and late rows have had their time.

        :param offset_ms: by which the exchange's clock is ahead of this machine's.

        :raises NotSettled: with the instant to come back at, on this machine's clock.
        """
        ready_ms = self.window.end_ms + self.settle_ms
        if now_ms < ready_ms:
            message = (
                f"by the exchange's clock it is {iso(now_ms)}, and rows of the window may appear until "
                f"{iso(ready_ms)}; a retry goes on then"
            )
            raise NotSettled(message, ready_ms - offset_ms)

    def check_kept(self, now_ms: int) -> str:
        """Say why the window cannot be claimed complete, where that is to be accepted; else empty.

        :raises BeyondRetention: it cannot, and is not to be extracted then.
        """
        doubt = self.retention.doubt(self.window, now_ms)
        if doubt and self.beyond_retention != "extract":
            message = f"{doubt}. Set beyond_retention='extract' to take what is left, or 'skip'"
            raise BeyondRetention(message)
        return doubt
