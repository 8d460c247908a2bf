"""Which days the demo extracts: the latest complete ones, in UTC as the exchange counts them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: well within the 90 days that the exchange is documented to keep
MOST_DAYS: Final = 30
_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days in UTC, `first` and `last` included."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        for offset in range(len(self)):
            yield self.first + offset * _ONE_DAY

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def through(self, days: Iterable[date | None]) -> Days:
        """Return these days and all up to the last of the others; None is no day."""
        return Days(self.first, max(self.last, *filter(None, days), self.last))

    @property
    def start_ms(self) -> int:
        """The instant that the first day begins at."""
        return epoch_ms(self.first)

    @property
    def end_ms(self) -> int:
        """The instant that the last day ends at, itself not included."""
        return epoch_ms(self.last + _ONE_DAY)


def latest(now: datetime, count: int) -> Days:
    """Return the last `count` days that are over.

    They end with yesterday, whose run the scheduler would otherwise add as soon as the DAG is unpaused.
    """
    yesterday = now.astimezone(UTC).date() - _ONE_DAY
    return Days(yesterday - (count - 1) * _ONE_DAY, yesterday)


def instant(day: date) -> datetime:
    """Return the instant that `day` begins at, in UTC."""
    return datetime.combine(day, time(), UTC)


def epoch_ms(day: date) -> int:
    """Return the instant that `day` begins at, in epoch milliseconds."""
    return int(instant(day).timestamp()) * 1000
