"""What a plan and its driver say to each other, and how what is asked for is cut into pieces."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict

from airflow_provider_binance_liq.core.rows import Page
from airflow_provider_binance_liq.core.windows import Window, iso
from airflow_provider_binance_liq.exceptions import UnexpectedRow

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

    from airflow_provider_binance_liq.core.endpoints import AutoCloseType
    from airflow_provider_binance_liq.core.rows import Row
    from airflow_provider_binance_liq.exceptions import SpanRefused

Side = Literal["forward", "backward"]
Instant = Literal["created", "updated"]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request in the words of the core: inclusive milliseconds, at most one symbol."""

    first_ms: int
    last_ms: int
    symbol: str | None = None
    auto_close_type: AutoCloseType | None = None
    #: number of the page, from 1, where the endpoint pages by number
    number: int | None = None

    def __str__(self) -> str:
        parts = [f"{iso(self.first_ms)} to {iso(self.last_ms)} inclusive"]
        parts += [part for part in (self.symbol, self.auto_close_type) if part]
        return ", ".join(parts + ([f"page {self.number}"] if self.number else []))


@dataclass(frozen=True, slots=True)
class AskSymbols:
    """A wish for the names of all symbols that the endpoint may have rows of."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a plan is sent: a page, or the symbols it wished for."""

    page: Page = field(default=Page(()))
    #: rows of this page that no earlier page of the extraction held
    unseen: int = 0
    #: None where they cannot be listed
    symbols: frozenset[str] | None = None


@dataclass(slots=True)
class Experience:
    """What pages have taught so far; kept by the caller from window to window to save requests."""

    #: the side of a block on which rows were left out the last time
    side: Side | None = None
    #: the instant that the exchange filters by, once an answer has told
    filtered_by: Instant | None = None
    #: a page longer than the default has been seen, so `limit` is honoured
    limit_honoured: bool = False


class Restricted(TypedDict):
    """What the plans of one extraction have in common."""

    auto_close_type: AutoCloseType | None
    experience: Experience


Plan: TypeAlias = "Generator[Ask | AskSymbols, Answer, str]"
Step: TypeAlias = "Generator[Ask | AskSymbols, Answer, None]"


def check_rows(rows: Sequence[Row], ask: Ask) -> None:
    """Refuse a row outside of what was asked, under both of its instants.

    :raises UnexpectedRow: naming the row; it is a sign that the request was not understood as sent.
    """
    for row in rows:
        inside = any(ask.first_ms <= instant <= ask.last_ms for instant in (row.created_ms, row.updated_ms))
        if not inside or ask.symbol not in (None, row.symbol):
            message = (
                f"asked for {ask}, the exchange sent {row.symbol} order {row.order_id} of "
                f"{iso(row.created_ms)}, updated {iso(row.updated_ms)}. Nothing was written"
            )
            raise UnexpectedRow(message)


def starts(ask: Ask, longest_ms: int) -> set[int]:
    """Where the pieces of `ask` begin that span at most `longest_ms` between their inclusive bounds."""
    return {piece.start_ms for piece in Window(ask.first_ms, ask.last_ms + 1).split(longest_ms + 1)}


def pieces(ask: Ask, cuts: Iterable[int]) -> list[Ask]:
    """Cut `ask` into adjacent pieces, which begin at its start and at each of `cuts`."""
    starts = sorted({ask.first_ms, *cuts})
    ends = [start - 1 for start in starts[1:]] + [ask.last_ms]
    return [replace(ask, first_ms=first, last_ms=last) for first, last in zip(starts, ends, strict=True)]


def shorter(ask: Ask, refusal: SpanRefused) -> int:
    """Choose the longest span to ask for, between inclusive bounds, after the span of `ask` was refused.

    :raises SpanRefused: there is nothing shorter to ask for.
    """
    span = ask.last_ms - ask.first_ms
    if span <= 1:
        raise refusal
    return min(refusal.longest_ms or span // 2, span - 1)
