"""Rows: the exchange's own bytes, and the four values that are read from them.

A row is stored exactly as it was sent: field order, number tokens and unknown fields stay. What is read is
only what identifies and places it, so that a field that appears tomorrow loses nothing. Numbers may stand
where strings are documented and the other way round; order ids exceed 2^53.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from airflow_provider_binance_liq.exceptions import UnexpectedRow

if TYPE_CHECKING:
    from airflow_provider_binance_liq.core.endpoints import Endpoint

_LINE_BREAK: Final = re.compile(rb"[ \t]*[\r\n][\s]*")
_SHOWN: Final = 300
#: the last millisecond of the year 9999: what lies behind it is no epoch ms, but microseconds perhaps
_LAST_MS: Final = 253_402_300_799_999
#: from here on, a float may stand for another whole number than the one that was meant
_INEXACT: Final = 2.0**53
_rows_decoder: Final = msgspec.json.Decoder(list[msgspec.Raw])


class Key(NamedTuple):
    """Identifies a row within one account and endpoint; order ids alone collide between symbols."""

    symbol: str
    order_id: int


@dataclass(frozen=True, slots=True)
class Row:
    """One liquidation order, as sent, on one line."""

    symbol: str
    order_id: int
    #: epoch ms of the order's creation; of its last update where the endpoint has no other
    created_ms: int
    #: epoch ms of the order's last update
    updated_ms: int
    body: bytes
    #: the row says that it is of an isolated margin account
    isolated: bool = False

    @property
    def key(self) -> Key:
        """The natural key."""
        return Key(self.symbol, self.order_id)

    def is_after(self, other: Row) -> bool:
        """Whether this row is later than another one, under both instants."""
        return self.created_ms > other.created_ms and self.updated_ms > other.updated_ms


@dataclass(frozen=True, slots=True)
class Page:
    """One response: its rows in the order they came, and `total` where the endpoint says one."""

    rows: tuple[Row, ...]
    total: int | None = None


class UnreadableBody(ValueError):
    """A body that is not what the endpoint answers: cut off, another format, another shape."""


class _NumberedPage(msgspec.Struct):
    rows: list[msgspec.Raw]
    total: int | str


class _Fields(msgspec.Struct):
    symbol: Any = None
    order_id: Any = msgspec.field(default=None, name="orderId")
    time: Any = None
    update_time: Any = msgspec.field(default=None, name="updateTime")
    updated_time: Any = msgspec.field(default=None, name="updatedTime")
    is_isolated: Any = msgspec.field(default=None, name="isIsolated")

    def instant(self, name: str) -> object:
        """Return the value of the instant that the exchange calls `name`."""
        return {"time": self.time, "updateTime": self.update_time, "updatedTime": self.updated_time}[name]


_numbered_decoder: Final = msgspec.json.Decoder(_NumberedPage)
_fields_decoder: Final = msgspec.json.Decoder(_Fields)


def read_page(body: bytes, endpoint: Endpoint) -> Page:
    """Read one response of `endpoint`.

    :raises UnreadableBody: when the body as a whole is not what the endpoint answers.
    :raises UnexpectedRow: when a row lacks what identifies or places it; the row is shown, not dropped.
    """
    total: int | None = None
    try:
        body.decode()
        if endpoint.paging == "number":
            numbered = _numbered_decoder.decode(body)
            raw_rows, total = numbered.rows, int(numbered.total)
        else:
            raw_rows = _rows_decoder.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        message = f"not what {endpoint.path} answers: {error}"
        raise UnreadableBody(message) from None
    return Page(tuple(read_row(bytes(raw), endpoint) for raw in raw_rows), total)


def read_row(raw: bytes, endpoint: Endpoint) -> Row:
    """Read what identifies and places one row.

    :raises UnexpectedRow: when it lacks that; the row is shown, not dropped.
    """
    try:
        fields = _fields_decoder.decode(raw)
        instants = [
            _instant(value) for name in endpoint.instant_fields if (value := fields.instant(name)) is not None
        ]
        order_id = _whole(fields.order_id)
        symbol = fields.symbol
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        raise _unexpected(raw, endpoint, str(error)) from None
    if not isinstance(symbol, str) or not symbol:
        raise _unexpected(raw, endpoint, "no symbol")
    if not instants:
        raise _unexpected(raw, endpoint, f"none of {', '.join(endpoint.instant_fields)}")
    isolated = fields.is_isolated in (True, "true", "TRUE")
    return Row(symbol, order_id, instants[0], instants[-1], one_line(raw), isolated)


def _whole(value: object) -> int:
    """Read a whole number that is sent as a number or as a string."""
    if isinstance(value, bool) or not isinstance(value, int | str | float):
        message = f"{value!r} where a whole number belongs"
        raise TypeError(message)
    if isinstance(value, float) and not (value.is_integer() and abs(value) < _INEXACT):
        message = f"{value!r} where a whole number belongs"
        raise ValueError(message)
    return int(value)


def _instant(value: object) -> int:
    """Read an instant in epoch ms."""
    instant_ms = _whole(value)
    if not 0 <= instant_ms <= _LAST_MS:
        message = f"{value!r} where epoch milliseconds belong"
        raise ValueError(message)
    return instant_ms


def one_line(raw: bytes) -> bytes:
    """Take line breaks out of a row; inside JSON strings there are none, so no value changes."""
    return _LINE_BREAK.sub(b"", raw) if b"\n" in raw or b"\r" in raw else raw


def _unexpected(raw: bytes, endpoint: Endpoint, reason: str) -> UnexpectedRow:
    shown = raw[:_SHOWN].decode(errors="replace")
    return UnexpectedRow(f"{endpoint.path} answered a row that cannot be identified ({reason}): {shown}")
