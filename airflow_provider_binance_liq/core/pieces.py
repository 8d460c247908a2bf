"""Extracted windows as a calendar takes them: joined where they touch, and chosen where they overlap."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from airflow_provider_binance_liq.core.windows import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Piece(Protocol):
    """An extracted window, as the calendar takes it."""

    @property
    def start_ms(self) -> int:
        """Where it starts."""

    @property
    def end_ms(self) -> int:
        """Where it ends; this instant is not part of it."""

    @property
    def rows(self) -> int:
        """How many rows it has."""

    @property
    def flags(self) -> int:
        """Bits that each of its days gets."""

    @property
    def extracted_at(self) -> str:
        """ISO 8601 in UTC, so that the later one is the greater text."""


P = TypeVar("P", bound=Piece)


@dataclass(slots=True)
class Joined:
    """Windows that come in the order of their starts, joined where they touch."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def add(self, start_ms: int, end_ms: int) -> None:
        """Add the next window."""
        if not self.ends or start_ms > self.ends[-1]:
            self.starts.append(start_ms)
            self.ends.append(end_ms)
        elif end_ms > self.ends[-1]:
            self.ends[-1] = end_ms

    def windows(self) -> list[Window]:
        """Return the fewest windows that cover the same time."""
        return [Window(*edges) for edges in zip(self.starts, self.ends, strict=True)]


def by_window(piece: Piece) -> tuple[int, int]:
    """Return what windows are sorted by."""
    return piece.start_ms, piece.end_ms


def overlapping(ordered: Iterable[P]) -> Iterator[list[P]]:
    """Group windows that overlap; most groups have one."""
    group: list[P] = []
    end_ms = 0
    for piece in ordered:
        if group and piece.start_ms >= end_ms:
            yield group
            group = []
        end_ms = max(end_ms, piece.end_ms) if group else piece.end_ms
        group.append(piece)
    if group:
        yield group


def apart(group: Iterable[P]) -> Iterator[P]:
    """Choose windows that do not overlap, so that no row counts twice: long and late ones first."""
    # Those that are chosen do not overlap, so their starts and their ends have the same order.
    starts: list[int] = []
    ends: list[int] = []
    for piece in sorted(group, key=_weight, reverse=True):
        place = bisect_left(starts, piece.end_ms)
        if not place or ends[place - 1] <= piece.start_ms:
            starts.insert(place, piece.start_ms)
            ends.insert(place, piece.end_ms)
            yield piece


def _weight(piece: Piece) -> tuple[int, str]:
    return piece.end_ms - piece.start_ms, piece.extracted_at
