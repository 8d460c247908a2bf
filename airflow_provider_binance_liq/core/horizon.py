"""Whether a window can be extracted now: its rows have all appeared, and are all still kept.

The exchange's clock decides, never this machine's: a window that ended two minutes ago by a clock that is ten
minutes ahead is not over. Retention is checked before the first request and after the last one, because a
window may grow too old while it is read. Instants are epoch ms on the exchange's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Self

from airflow_provider_binance_liq.core.endpoints import ASSUMED_RETENTION_DAYS
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import iso
from airflow_provider_binance_liq.core.wording import count
from airflow_provider_binance_liq.exceptions import BeyondRetention, NotSettled

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.windows import Window

#: what to do with a window that begins before what the exchange keeps
OnBeyondRetention = Literal["fail", "skip", "extract"]

#: where the retention comes from
Source = Literal["documented", "assumed", "configured"]

_SOURCES: Final[dict[Source, str]] = {
    "documented": "as documented",
    "assumed": "as assumed: nothing is documented",
    "configured": "as `retention_days` says",
}


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the exchange keeps an endpoint's rows, and where that figure comes from."""

    days: int
    source: Source

    @classmethod
    def of(cls, endpoint: Endpoint | None, configured: int | None = None) -> Self:
        """Return the configured retention, or the documented one, or else the assumed one."""
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

    def why_incomplete(self, window: Window, now_ms: int) -> str:
        """Return why an answer for `window` would be no proof; empty where all of it is still kept."""
        oldest_ms = self.oldest_ms(now_ms)
        if window.start_ms >= oldest_ms:
            return ""
        return (
            f"the window begins before the {count(self.days, 'day')} that the exchange keeps "
            f"({_SOURCES[self.source]}; from {iso(oldest_ms)} on), so an answer would not prove that nothing "
            "is missing"
        )


@dataclass(frozen=True, slots=True)
class Horizon:
    """Checks whether a window can be extracted now."""

    window: Window
    retention: Retention
    #: ms after the window's end until late rows have appeared
    settle_ms: int = 0
    beyond_retention: OnBeyondRetention = "fail"

    def is_settled(self, now_ms: int) -> bool:
        """Whether the window is over, and late rows have had their time."""
        return now_ms >= self.window.end_ms + self.settle_ms

    def check_settled(self, now_ms: int, offset_ms: int) -> None:
        """Check that the window is over, and that late rows have had their time.

        :param offset_ms: by which the exchange's clock is ahead of this machine's.

        :raises NotSettled: with the instant to come back at, on this machine's clock.
        """
        ready_ms = self.window.end_ms + self.settle_ms
        if not self.is_settled(now_ms):
            message = (
                f"by the exchange's clock it is {iso(now_ms)}, and rows of the window may appear until "
                f"{iso(ready_ms)}; a retry continues then"
            )
            raise NotSettled(message, ready_ms - offset_ms)

    def check_kept(self, now_ms: int) -> str:
        """Return why the window cannot be claimed complete, where that is accepted; else empty.

        :raises BeyondRetention: it cannot, and is not to be extracted then.
        """
        reason = self.retention.why_incomplete(self.window, now_ms)
        if reason and self.beyond_retention != "extract":
            # Who has chosen to skip knows of the choice.
            choice = ". Set beyond_retention='extract' to take what is left, or 'skip'"
            raise BeyondRetention(reason + (choice if self.beyond_retention == "fail" else ""))
        return reason
