"""What was heard: rows, each with what the questions are about, and refusals, which are answers here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from airflow_provider_binance_liq.core.rows import Key

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.endpoints import AutoCloseType
    from airflow_provider_binance_liq.core.rows import Row

Instant = Literal["created", "updated"]
Refusal = Literal["key", "account", "span", "retention", "request"]
#: an answer with so many rows may have left others out
FULL: Final = 100


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
        return Key(self.symbol, self.order_id)

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
    longest_ms: int | None = None

    def has(self, row: Seen) -> bool:
        """Whether the answer holds a row."""
        return any(one.key == row.key for one in self.rows)

    def shows(self, row: Seen) -> bool | None:
        """Whether the answer holds a row; None where it says nothing of one that it does not hold."""
        if self.has(row):
            return True
        return None if self.refusal is not None or len(self.rows) >= FULL else False


@dataclass(slots=True)
class Known:
    """Every row that any answer held."""

    rows: dict[Key, Seen] = field(default_factory=dict)

    def add(self, heard: Heard) -> None:
        """Take over the rows of an answer."""
        self.rows.update({row.key: row for row in heard.rows})

    def touching(self, first_ms: int, last_ms: int) -> list[Seen]:
        """List the rows that have an instant, or both, in an interval."""
        return [row for row in self.rows.values() if any(first_ms <= at <= last_ms for at in row.instants)]


class _Marks(msgspec.Struct):
    client_order_id: str | None = msgspec.field(default=None, name="clientOrderId")
    isolated: bool | None = msgspec.field(default=None, name="isIsolated")


def see(row: Row) -> Seen:
    """Read of a row what the questions are about."""
    marks = msgspec.json.decode(row.body, type=_Marks, strict=False)
    return Seen(
        row.symbol,
        row.order_id,
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
