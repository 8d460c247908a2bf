"""What was heard: rows, each with what the questions are about, and refusals, which are answers here."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.endpoints import AutoCloseType
    from airflow_provider_binance_liq.core.rows import Key, Row

Instant = Literal["created", "updated"]
Refusal = Literal["key", "account", "span", "retention", "request"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A row that was answered: what identifies it, and what the questions are about."""

    symbol: str
    order_id: int
    created_ms: int
    updated_ms: int
    #: what its `clientOrderId` says; None: neither of the two types, or not said at all
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
class Heard:
    """One answer: rows, or a refusal."""

    rows: tuple[Seen, ...] = ()
    total: int | None = None
    refusal: Refusal | None = None
    #: the exchange's own code of a refusal, where it gave one
    code: int | None = None
    longest_ms: int | None = None
    #: there may be rows that were left out
    full: bool = False

    def has(self, row: Seen) -> bool:
        """Whether the answer holds a row."""
        return any(one.key == row.key for one in self.rows)

    def shows(self, row: Seen) -> bool | None:
        """Whether the answer holds a row; None where it says nothing of one that it does not hold."""
        if self.has(row):
            return True
        return None if self.refusal is not None or self.full else False


@dataclass(slots=True)
class Known:
    """Every row that any answer held."""

    rows: dict[Key, Seen] = field(default_factory=dict)
    #: every instant of every row, in order; made anew when rows were added
    _order: list[tuple[int, Key]] = field(default_factory=list)

    def add(self, heard: Heard) -> None:
        """Take over the rows of an answer."""
        new = [row for row in heard.rows if row.key not in self.rows]
        self.rows.update({row.key: row for row in new})
        if new:
            self._order.clear()

    def touching(self, first_ms: int, last_ms: int) -> list[Seen]:
        """List the rows that have an instant, or both, in an interval."""
        if not self._order:
            self._order = sorted((at, row.key) for row in self.rows.values() for at in set(row.instants))
        begin = bisect_left(self._order, first_ms, key=itemgetter(0))
        end = bisect_right(self._order, last_ms, key=itemgetter(0))
        return [self.rows[key] for key in dict.fromkeys(key for _, key in self._order[begin:end])]

    def count(self, first_ms: int, last_ms: int) -> int:
        """Count the instants in an interval; no fewer than the rows that touch it."""
        if not self._order:
            self.touching(first_ms, last_ms)
        begin = bisect_left(self._order, first_ms, key=itemgetter(0))
        return bisect_right(self._order, last_ms, key=itemgetter(0)) - begin


class _Marks(msgspec.Struct):
    client_order_id: str | None = msgspec.field(default=None, name="clientOrderId")
    isolated: bool | None = msgspec.field(default=None, name="isIsolated")


def see(row: Row) -> Seen:
    """Read of a row what the questions are about."""
    marks = msgspec.json.decode(row.body, type=_Marks, strict=False)
    return Seen(
        row.symbol,
        int(row.key[-1]),
        row.created_ms,
        row.updated_ms,
        _close_type(marks.client_order_id),
        bool(marks.isolated),
    )


def _close_type(client_order_id: str | None) -> AutoCloseType | None:
    """Tell the type by the marker; JKorf and NautilusTrader show that ADL's has no fixed end."""
    marker = client_order_id or ""
    if marker.startswith("autoclose-"):
        return "LIQUIDATION"
    return "ADL" if marker.startswith("adl_autoclose") else None
