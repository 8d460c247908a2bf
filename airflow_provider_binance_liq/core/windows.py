"""Windows of time: half-open, adjacent, in whole milliseconds.

The law kept here is *partition*: what a data interval is cut into covers it exactly, once. Airflow's
interval is half-open and has microseconds; Binance's bounds are inclusive and have milliseconds. Between
the two, `[start, end)` asks for the milliseconds `first_ms … last_ms`, where `last_ms` is `end - 1 ms`.
"""

from __future__ import annotations

from calendar import timegm
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Final, Self

from airflow_provider_binance_liq.core.units import DAY_MS, HOUR_MS, LAST_MS
from airflow_provider_binance_liq.exceptions import InvalidInterval

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open window `[start_ms, end_ms)` in epoch milliseconds; never empty, never reversed."""

    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_ms < self.end_ms:
            message = f"a window has a start before its end, since 1970, not [{self.start_ms}, {self.end_ms})"
            raise InvalidInterval(message)

    @classmethod
    def between(cls, start: datetime, end: datetime) -> Self:
        """Take the milliseconds `t` with `start <= t < end`, of two instants with a time zone.

        :raises InvalidInterval: when an instant has no time zone, or no millisecond lies between them.
        """
        return cls(epoch_ms(start), epoch_ms(end))

    @property
    def first_ms(self) -> int:
        """The first millisecond inside: Binance's `startTime`."""
        return self.start_ms

    @property
    def last_ms(self) -> int:
        """The last millisecond inside: Binance's `endTime`, which is inclusive."""
        return self.end_ms - 1

    def __contains__(self, instant_ms: int) -> bool:
        return self.start_ms <= instant_ms < self.end_ms

    def __str__(self) -> str:
        return f"[{iso(self.start_ms)}, {iso(self.end_ms)})"

    def earlier(self, shift_ms: int) -> Window:
        """Return the window of the same length that lies `shift_ms` before this one."""
        return Window(self.start_ms - shift_ms, self.end_ms - shift_ms)

    def split(self, longest_ms: int) -> tuple[Window, ...]:
        """Cut into the fewest windows no longer than `longest_ms`, of lengths that differ by at most 1 ms.

        Even lengths, because a rest of one millisecond would ask for `startTime == endTime`, which
        Binance has refused.
        """
        length = self.end_ms - self.start_ms
        pieces = -(-length // longest_ms)
        cuts = [self.start_ms + length * piece // pieces for piece in range(pieces + 1)]
        return tuple(Window(start, end) for start, end in pairwise(cuts))


def epoch_ms(instant: datetime) -> int:
    """Epoch milliseconds of `instant`, rounded up: the first whole millisecond that is not before it.

    Rounding up both ends of a half-open interval keeps the law of partition for neighbours that share an
    instant between two milliseconds.

    :raises InvalidInterval: when `instant` has no time zone, or is none in UTC.
    """
    if instant.tzinfo is None:
        message = f"{instant.isoformat()} has no time zone, so it names no instant; write it with one"
        raise InvalidInterval(message)
    try:
        # Not by subtraction: between pendulum's datetimes it gives no timedelta that could be divided by one.
        found_ms = timegm(instant.utctimetuple()) * 1000 - (-instant.microsecond // 1000)
    except OverflowError:
        found_ms = LAST_MS + 1
    if found_ms > LAST_MS:
        message = f"{instant.isoformat()} lies outside the calendar in UTC; there is no such instant"
        raise InvalidInterval(message)
    return found_ms


def read_iso(text: str) -> datetime:
    """Read an ISO 8601 day or instant, in UTC where it names no zone.

    :raises InvalidInterval: it is neither.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is not an ISO 8601 day or instant, such as 2026-10-10T00:00:00Z"
        raise InvalidInterval(message) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def days_earlier(start: datetime, end: datetime, days: int, zone: tzinfo | None) -> Window:
    """Return the window that was extracted `days` calendar days before `[start, end)`, in `zone`.

    A schedule counts days by its own clock: from midnight to midnight there are 23 or 25 hours where daylight
    saving begins or ends, and the window of 80 days ago began at midnight too. Periods of an hour or less
    follow one another alike on every day, so these move by days of 24 hours.

    :raises InvalidInterval: there is no such window.
    """
    window = Window.between(start, end)
    if not days or zone is None or window.end_ms - window.start_ms <= HOUR_MS:
        return window.earlier(days * DAY_MS)
    try:
        return Window.between(_earlier(start, days, zone), _earlier(end, days, zone))
    except OverflowError:
        message = f"{days} days before {window} there is no calendar"
        raise InvalidInterval(message) from None


def _earlier(instant: datetime, days: int, zone: tzinfo) -> datetime:
    local = instant.astimezone(zone)
    return datetime.combine(local.date() - timedelta(days=days), local.time(), zone)


def to_datetime(instant_ms: int) -> datetime:
    """Return the UTC instant of epoch milliseconds."""
    return _EPOCH + instant_ms * _MILLISECOND


def iso_seconds(instant_ms: int) -> str:
    """ISO 8601 in UTC, rounded up to a second: for an instant that is waited for."""
    return iso(-(-instant_ms // 1000) * 1000)


def iso(instant_ms: int) -> str:
    """ISO 8601 in UTC: `2026-10-10T00:00:00Z`, with milliseconds only where there are some."""
    precision = "milliseconds" if instant_ms % 1000 else "seconds"
    return to_datetime(instant_ms).isoformat(timespec=precision).replace("+00:00", "Z")


def compact(instant_ms: int) -> str:
    """Write an instant as it stands in an object's name: `20261010T000000Z`, `20261010T000000.250Z`."""
    return iso(instant_ms).replace("-", "").replace(":", "")
