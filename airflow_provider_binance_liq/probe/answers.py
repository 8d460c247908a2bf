"""Answers to the probe's questions: rows, each with what the questions are about, or a refusal."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Literal

import msgspec

from airflow_provider_binance_liq.core.endpoints import CLIENT_ORDER_ID_PREFIXES

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.endpoints import AutoCloseType
    from airflow_provider_binance_liq.core.rows import Key, Row

Instant = Literal["created", "updated"]
Refusal = Literal["key", "account", "span", "retention", "request"]


@dataclass(frozen=True, slots=True)
class SeenRow:
    """A row that was answered: what identifies it, and what the questions are about."""

    symbol: str
    order_id: int
    created_ms: int
    updated_ms: int
    #: by its `clientOrderId`; None: neither of the two types, or the row has no such field
    close_type: AutoCloseType | None = None
    isolated: bool = False

    @property
    def key(self) -> Key:
        """The natural key."""
        return self.symbol, self.order_id

    def instant(self, name: Instant) -> int:
        """Return one of its instants."""
        return self.created_ms if name == "created" else self.updated_ms

    @property
    def instants(self) -> tuple[int, int]:
        """Both, the earlier one first."""
        return min(self.created_ms, self.updated_ms), max(self.created_ms, self.updated_ms)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question: the rows of one page, or of all numbered pages, or a refusal."""

    rows: tuple[SeenRow, ...] = ()
    total: int | None = None
    refusal: Refusal | None = None
    #: the exchange's own code of a refusal, where it gave one
    code: int | None = None
    longest_ms: int | None = None
    #: why rows may be missing from it; empty where none are
    incomplete: str = ""
    #: rows of the longest page
    page_rows: int = 0

    def has(self, row: SeenRow) -> bool:
        """Whether the answer holds a row."""
        return any(one.key == row.key for one in self.rows)

    def shows(self, row: SeenRow) -> bool | None:
        """Whether the answer holds a row; None where a row that it lacks may exist all the same."""
        if self.has(row):
            return True
        return None if self.refusal is not None or self.incomplete else False


@dataclass(slots=True)
class SeenRows:
    """Every row that any answer held."""

    rows: dict[Key, SeenRow] = field(default_factory=dict)
    #: every instant of every row, in order
    _instants: list[tuple[int, Key]] = field(default_factory=list)

    def add(self, answer: Answer) -> None:
        """Take over the rows of an answer."""
        new = {row.key: row for row in answer.rows if row.key not in self.rows}
        if new:
            self.rows |= new
            self._instants += [(at, key) for key, row in new.items() for at in set(row.instants)]
            self._instants.sort()

    def touching(self, first_ms: int, last_ms: int) -> list[SeenRow]:
        """List the rows that have an instant, or both, in an interval."""
        begin, end = self._places(first_ms, last_ms)
        return [self.rows[key] for key in dict.fromkeys(key for _, key in self._instants[begin:end])]

    def count_instants(self, first_ms: int, last_ms: int) -> int:
        """Count the instants in an interval; no fewer than the rows that touch it."""
        begin, end = self._places(first_ms, last_ms)
        return end - begin

    def _places(self, first_ms: int, last_ms: int) -> tuple[int, int]:
        begin = bisect_left(self._instants, first_ms, key=itemgetter(0))
        return begin, bisect_right(self._instants, last_ms, key=itemgetter(0))


class _Marks(msgspec.Struct):
    client_order_id: str | None = msgspec.field(default=None, name="clientOrderId")
    isolated: bool | None = msgspec.field(default=None, name="isIsolated")


def read_row(row: Row) -> SeenRow:
    """Read of a row what the questions are about."""
    marks = msgspec.json.decode(row.body, type=_Marks, strict=False)
    marker = marks.client_order_id or ""
    return SeenRow(
        row.symbol,
        int(row.key[-1]),
        row.created_ms,
        row.updated_ms,
        next((name for name, prefix in CLIENT_ORDER_ID_PREFIXES.items() if marker.startswith(prefix)), None),
        bool(marks.isolated),
    )
