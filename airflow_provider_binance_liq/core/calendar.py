"""One state per UTC day of a history: what a calendar shows of it.

The law kept here: each day has exactly one letter. A day of which every expected instant is proven is never
shown as anything worse, and a day with an expected instant that is not proven is never shown as proven. What
is expected, proven and lost is decided by `core.recoverable`; this only sums it up by day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final, Literal

from airflow_provider_binance_liq.core.pieces import Joined, P, Piece, apart, by_window, overlapping
from airflow_provider_binance_liq.core.recoverable import Stretch, stretches
from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from airflow_provider_binance_liq.core.horizon import Retention

#: p proven, with rows; e proven, empty; h partly proven, the rest can still be fetched; u extracted, not
#: proven; m missing, can still be fetched; l lost; f a manifest that cannot be used; n not expected (yet)
Letter = Literal["p", "e", "h", "u", "m", "l", "f", "n"]
#: bits of a day's flags: a caveat, or an assumed premise that the history's other days do not have
CAVEAT: Final = 1
#: in the lake, and in no warehouse whose loads leave receipts
NOT_LOADED: Final = 2
#: extracted again with another result
AGAIN: Final = 4
#: whether it is loaded is not known
LOAD_UNKNOWN: Final = 8
#: lost, and there is a manifest that cannot be used
UNUSABLE: Final = 16
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Expected:
    """What is expected of one history by now."""

    start_ms: int
    now_ms: int
    settle_ms: int
    retention: Retention
    #: where another history begins that includes this one from there on
    until_ms: int | None = None

    @property
    def settled_ms(self) -> int:
        """The end of what is expected by its age."""
        return self.now_ms - self.settle_ms

    @property
    def end_ms(self) -> int:
        """The end of what is expected."""
        return self.settled_ms if self.until_ms is None else min(self.settled_ms, self.until_ms)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of one history, from its first one to today."""

    first_day: date
    states: str
    #: rows of each day; those of a window of several days are counted on its first one
    rows: list[int]
    flags: list[int]
    #: the first stretch that is not proven and can still be fetched
    oldest_gap: Stretch | None


def calendar(
    pieces: Iterable[P], is_proven: Callable[[P], bool], expected: Expected, failed: Collection[int] = ()
) -> Calendar:
    """Return the state of each day.

    :param is_proven: whether a window counts as proven.
    :param failed: days, counted from 1970, for which there is a manifest that cannot be used.
    """
    days = _Days.between(expected.start_ms, expected.now_ms)
    if not days.many:
        return Calendar(day_of(days.first), "", [], [], None)
    proven, others = days.take(pieces, is_proven)
    found = stretches(
        proven,
        others,
        Window(expected.start_ms, days.end_ms),
        now_ms=expected.now_ms,
        retention=expected.retention,
    )
    for stretch in found:
        days.add(stretch, expected)
    places = {day - days.first for day in failed}
    states = days.letters(expected, places)
    for place in places:
        if 0 <= place < days.many and states[place] == "l":
            days.flags[place] |= UNUSABLE
    gap = next((one for one in found if one.recoverable and one.window.start_ms < expected.end_ms), None)
    return Calendar(day_of(days.first), states, days.rows, days.flags, gap)


def day_of(number: int) -> date:
    """Return the day with this number since 1970."""
    return _EPOCH + timedelta(days=number)


def day_number(day: date) -> int:
    """Return the number of a day since 1970."""
    return (day - _EPOCH).days


@dataclass(slots=True)
class _Days:
    """The days between two instants: how much of each is proven, unproven, missing or lost."""

    start_ms: int
    first: int
    many: int
    proven: list[int] = field(init=False)
    unproven: list[int] = field(init=False)
    missing: list[int] = field(init=False)
    lost: list[int] = field(init=False)
    rows: list[int] = field(init=False)
    flags: list[int] = field(init=False)
    has_rows: list[bool] = field(init=False)
    overlapping: bool = False

    def __post_init__(self) -> None:
        for name in ("proven", "unproven", "missing", "lost", "rows", "flags"):
            setattr(self, name, [0] * self.many)
        self.has_rows = [False] * self.many

    @classmethod
    def between(cls, start_ms: int, now_ms: int) -> _Days:
        first = start_ms // DAY_MS
        return cls(start_ms, first, max(0, now_ms // DAY_MS - first + 1))

    @property
    def end_ms(self) -> int:
        return (self.first + self.many) * DAY_MS

    def add(self, stretch: Stretch, expected: Expected) -> None:
        """Add a stretch to its days; where another history takes over, only what is proven counts."""
        kind = self._kind(stretch)
        end_ms = stretch.window.end_ms
        if stretch.state != "proven" and expected.until_ms is not None:
            end_ms = min(end_ms, expected.until_ms)
        if stretch.window.start_ms < end_ms:
            self._spread(kind, stretch.window.start_ms, end_ms)

    def _kind(self, stretch: Stretch) -> list[int]:
        if stretch.state == "proven":
            return self.proven
        if stretch.lost:
            return self.lost
        return self.unproven if stretch.state == "unproven" else self.missing

    def _spread(self, kind: list[int], start_ms: int, end_ms: int) -> None:
        places = self._places(start_ms, end_ms)
        if len(places) == 1:
            kind[places[0]] += end_ms - start_ms
            return
        kind[places[0]] += (self.first + places[0] + 1) * DAY_MS - start_ms
        # Whole days belong to one stretch alone.
        kind[places[1] : places[-1]] = [DAY_MS] * (len(places) - 2)
        kind[places[-1]] += end_ms - (self.first + places[-1]) * DAY_MS

    def _places(self, start_ms: int, end_ms: int) -> range:
        first = max(start_ms // DAY_MS - self.first, 0)
        return range(first, min((end_ms - 1) // DAY_MS - self.first + 1, self.many))

    def take(
        self, pieces: Iterable[P], is_proven: Callable[[P], bool]
    ) -> tuple[Iterable[Window], Iterable[Window]]:
        """Note rows and flags of windows; return what is proven and what is not, joined.

        There may be 100,000 windows, nearly all of one day and beside each other: these take one step each.
        """
        ordered = sorted(pieces, key=by_window)
        proven, others = Joined(), Joined()
        end_ms = 0
        for piece in ordered:
            start_ms = piece.start_ms
            (proven if is_proven(piece) else others).add(start_ms, piece.end_ms)
            if start_ms < end_ms:
                self.overlapping = True
            end_ms = max(end_ms, piece.end_ms)
            self._mark(piece)
        if self.overlapping:
            self._count_apart(ordered)
        return proven.windows(), others.windows()

    def _mark(self, piece: Piece) -> None:
        place = piece.start_ms // DAY_MS - self.first
        if 0 <= place < self.many:
            self.rows[place] += piece.rows
        if piece.end_ms <= (self.first + place + 1) * DAY_MS and 0 <= place < self.many:
            self.flags[place] |= piece.flags
            self.has_rows[place] |= piece.rows > 0
            return
        for place in self._places(piece.start_ms, piece.end_ms):
            self.flags[place] |= piece.flags
            self.has_rows[place] |= piece.rows > 0

    def _count_apart(self, ordered: Iterable[Piece]) -> None:
        """Count rows so that none counts twice, where windows overlap."""
        self.rows = [0] * self.many
        for group in overlapping(ordered):
            for piece in apart(group) if len(group) > 1 else group:
                place = piece.start_ms // DAY_MS - self.first
                if 0 <= place < self.many:
                    self.rows[place] += piece.rows

    def letters(self, expected: Expected, failed: Collection[int]) -> str:
        """Return the letter of each day."""
        return "".join(
            # Most days: whole, and proven.
            ("p" if has_rows else "e")
            if proven == DAY_MS
            else self.letter(place, expected, failed=place in failed)
            for place, (proven, has_rows) in enumerate(zip(self.proven, self.has_rows, strict=True))
        )

    def letter(self, place: int, expected: Expected, *, failed: bool) -> Letter:
        start_ms = max((self.first + place) * DAY_MS, self.start_ms)
        end_ms = (self.first + place + 1) * DAY_MS
        taken_over = expected.until_ms is not None and expected.until_ms <= start_ms
        open_ms = self.unproven[place] + self.missing[place] + self.lost[place]
        if not open_ms and (not taken_over or self.proven[place] == end_ms - start_ms):
            return "p" if self.has_rows[place] else "e"
        # Beyond what is kept, no extraction mends it.
        if failed and not self.lost[place]:
            return "f"
        if taken_over or end_ms > expected.settled_ms:
            return "n"
        return self._open_letter(place)

    def _open_letter(self, place: int) -> Letter:
        # A window of the whole day would begin before what is kept, so it could not be proven any more.
        if self.lost[place]:
            return "l"
        if self.proven[place]:
            return "h"
        return "m" if self.missing[place] else "u"
