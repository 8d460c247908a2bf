"""What a plan and its driver say to each other, and how what is asked for is cut into pieces."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from airflow_provider_binance_liq.core.pages import Instant, Page
from airflow_provider_binance_liq.core.premises import Evidence
from airflow_provider_binance_liq.core.rows import describe
from airflow_provider_binance_liq.core.windows import Window, iso
from airflow_provider_binance_liq.exceptions import UnexpectedRow

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from airflow_provider_binance_liq.core.endpoints import AutoCloseType
    from airflow_provider_binance_liq.core.rows import Row
    from airflow_provider_binance_liq.exceptions import SpanRefused

Side = Literal["forward", "backward"]
#: what a request can be restricted to besides time
Filter = Literal["symbol", "auto_close_type"]

#: milliseconds that a request asks for more on each side, so that inclusive or exclusive bounds do not matter
MARGIN_MS = 1


class Refuted(Exception):
    """The answers contradict the picture of blocks."""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """One request in the words of the core: `startTime` and `endTime` as sent, at most one symbol."""

    first_ms: int
    last_ms: int
    symbol: str | None = None
    auto_close_type: AutoCloseType | None = None
    #: number of the page, from 1, where the endpoint pages by number
    number: int | None = None
    #: only rows with a higher id, where rows have ids that can be asked by
    after_id: int | None = None
    #: the part of it that is wanted, where more is asked for; rows outside of it are dropped
    wanted: Window | None = None

    def __str__(self) -> str:
        parts = [f"{iso(self.first_ms)} to {iso(self.last_ms)}"]
        parts += [part for part in (self.symbol, self.auto_close_type) if part]
        parts += [f"page {self.number}"] if self.number else []
        return ", ".join(parts + ([f"ids after {self.after_id}"] if self.after_id is not None else []))

    @property
    def filters(self) -> frozenset[Filter]:
        """What the request is restricted to besides time."""
        named: dict[Filter, str | None] = {"symbol": self.symbol, "auto_close_type": self.auto_close_type}
        return frozenset(name for name, value in named.items() if value is not None)


@dataclass(frozen=True, slots=True)
class SymbolsQuery:
    """A wish for the names of all symbols that the endpoint may have rows of."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a plan is sent: a page, or the symbols it wished for."""

    page: Page = field(default=Page(()))
    #: wanted rows of this page that no earlier page of the extraction held
    unseen: int = 0
    #: None where they cannot be listed
    symbols: frozenset[str] | None = None


@dataclass(slots=True)
class Observations:
    """What pages have taught so far; kept by the caller from piece to piece and from symbol to symbol."""

    #: the side of a block on which rows were left out the last time: only a guess at where to ask first
    side: Side | None = None
    #: instants by which a row was answered whose other instant lay outside
    answered_by: set[Instant] = field(default_factory=set)
    #: a page longer than the default has been seen, so `limit` is honoured
    limit_honoured: bool = False
    #: a row at a bound itself has been answered
    start_inclusive: bool = False
    end_inclusive: bool = False
    #: whether `startTime == endTime` answers one millisecond, once that was seen
    equal_bounds: bool | None = None
    #: filters that were seen to apply before rows are counted to the limit
    filters_first: set[Filter] = field(default_factory=set)
    #: those of them that only a probe has seen so far
    filters_probed: frozenset[Filter] = frozenset()
    #: longest span between bounds, once a longer one was refused
    longest_ms: int | None = None
    #: the answers contradict the picture of blocks: only short pages prove anything
    careful: bool = False
    #: what the proof rests on
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def filtered_by(self) -> Instant | None:
        """The instant that the exchange filters by, once answers have shown it; None also if either works."""
        return next(iter(self.answered_by)) if len(self.answered_by) == 1 else None

    @property
    def counting(self) -> set[Instant]:
        """The instants that a row has to be judged by."""
        return {self.filtered_by} if self.filtered_by else {"created", "updated"}

    def sees(self, rows: Iterable[Row], sent: PageQuery) -> None:
        """Learn from an answer which instant is filtered by, and whether bounds are inclusive."""
        first_ms, last_ms = sent.first_ms, sent.last_ms
        for row in rows:
            if first_ms < row.created_ms < last_ms and first_ms < row.updated_ms < last_ms:
                continue  # nothing to learn from it, as from nearly every row
            instants: dict[Instant, int] = {"created": row.created_ms, "updated": row.updated_ms}
            inside = {name for name, at_ms in instants.items() if first_ms <= at_ms <= last_ms}
            if len(inside) == 1:
                self.answered_by |= inside
                if row.created_ms < row.updated_ms:
                    # With `startTime` for its creation and `endTime` for its update, it would be left out.
                    self.evidence.observed.add("bounds_of_one_instant")
            counting = {instants[name] for name in self.counting}
            self.start_inclusive |= counting == {first_ms}
            self.end_inclusive |= counting == {last_ms}


Plan: TypeAlias = "Generator[PageQuery | SymbolsQuery, Answer, str]"
Step: TypeAlias = "Generator[PageQuery | SymbolsQuery, Answer, None]"


def check_rows(page: Page, query: PageQuery) -> None:
    """Refuse a row outside of what was asked, under both of its instants.

    :raises UnexpectedRow: naming the row; it is a sign that the request was not understood as sent.
    """
    first_ms, last_ms, symbol = query.first_ms, query.last_ms, query.symbol
    if symbol is None and page.lies_in(first_ms, last_ms):
        return
    for row in page.rows:
        inside = first_ms <= row.created_ms <= last_ms or first_ms <= row.updated_ms <= last_ms
        if not inside or (row.symbol and symbol not in (None, row.symbol)):
            message = (
                f"asked for {query}, the exchange sent the row {describe(row.key)} of "
                f"{iso(row.created_ms)}, updated {iso(row.updated_ms)}. Nothing was written"
            )
            raise UnexpectedRow(message)


def widened(query: PageQuery, *, early_ms: int = MARGIN_MS, late_ms: int = MARGIN_MS) -> PageQuery:
    """Ask for some milliseconds more on each side than is wanted, so that bounds may be exclusive.

    `startTime` stays before `endTime`: equal ones have been refused (-1102, pull request 38 of
    binance/binance-spot-api-docs).
    """
    first_ms, last_ms = max(query.first_ms - early_ms, 0), query.last_ms + late_ms
    if first_ms == last_ms:
        last_ms += 1
    return replace(
        query, first_ms=first_ms, last_ms=last_ms, wanted=Window(query.first_ms, query.last_ms + 1)
    )


def starts(query: PageQuery, longest_ms: int) -> set[int]:
    """Where the pieces of `query` begin that span at most `longest_ms` between the bounds that are sent."""
    longest_wanted = max(longest_ms + 1 - 2 * MARGIN_MS, 1)
    return {piece.start_ms for piece in Window(query.first_ms, query.last_ms + 1).split(longest_wanted)}


def pieces(query: PageQuery, cuts: Iterable[int]) -> list[PageQuery]:
    """Cut `query` into adjacent pieces, which begin at its start and at each of `cuts`."""
    starts = sorted({query.first_ms, *cuts})
    ends = [start - 1 for start in starts[1:]] + [query.last_ms]
    return [replace(query, first_ms=first, last_ms=last) for first, last in zip(starts, ends, strict=True)]


def shorter(sent: PageQuery, refusal: SpanRefused) -> int:
    """Choose the longest span to ask for, between bounds, after the span of `sent` was refused.

    :raises SpanRefused: there is nothing shorter to ask for.
    """
    span = sent.last_ms - sent.first_ms
    if span <= 2 * MARGIN_MS:
        raise refusal
    return max(min(refusal.longest_ms or span // 2, span - 1), 2 * MARGIN_MS)
