"""Rows: the exchange's own bytes, and the few values that are read from them.

A row is stored exactly as it was sent: field order, number tokens and unknown fields stay. What is read is
only what identifies and places it, so that a field that appears tomorrow loses nothing. Numbers may stand
where strings are documented and the other way round; ids exceed 2^53. Which fields these are is said by the
kind of row (`kinds`).
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from airflow_provider_binance_liq.core.documented_rows import DocumentedRows, Shape, documented_reader
from airflow_provider_binance_liq.core.pages import Page
from airflow_provider_binance_liq.core.units import LAST_MS
from airflow_provider_binance_liq.exceptions import UnexpectedRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_binance_liq.core.endpoint import Endpoint
    from airflow_provider_binance_liq.core.kinds import KeyField, RowKind

_LINE_BREAK: Final = re.compile(rb"[ \t]*[\r\n][\s]*")
_WHOLE: Final = re.compile(r"-?[0-9]+")
_SHOWN: Final = 300
#: from here on, a float may stand for another whole number than the one that was meant
_INEXACT: Final = 2.0**53
#: stands for a field that rows of a kind do not have
_ABSENT: Final = "absent"
#: how a row may say that something is so
_TRUE: Final = (True, "true", "TRUE")
_rows_decoder: Final = msgspec.json.Decoder(list[msgspec.Raw])

#: the values of a kind's key fields, in their order: what identifies a row within one account and endpoint
Key = tuple[str | int, ...]


class Row(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One row, as sent, on one line; a struct, because a window may have a million of them."""

    key: Key
    #: epoch ms of its creation; of its last update where the endpoint has no other
    created_ms: int
    #: epoch ms of its last update
    updated_ms: int
    body: bytes
    #: empty where rows of its kind name none
    symbol: str = ""
    #: the row says that it is of an isolated margin account
    isolated: bool = False
    #: false for a row of an endpoint that has others too, and that says it is one of those
    is_liquidation: bool = True
    #: what never changes of a row with this key; empty where nothing is known not to
    fingerprint: str = ""

    def is_after(self, other: Row) -> bool:
        """Whether this row is later than another one, under both instants."""
        return self.created_ms > other.created_ms and self.updated_ms > other.updated_ms


class UnreadableBody(ValueError):
    """A body that is not what the endpoint answers: cut off, another format, another shape."""


class _NumberedPage(msgspec.Struct):
    rows: list[msgspec.Raw]
    total: int | str


_numbered_decoder: Final = msgspec.json.Decoder(_NumberedPage)


def read_page(body: bytes, endpoint: Endpoint) -> Page:
    """Read one response of `endpoint`.

    :raises UnreadableBody: when the body as a whole is not what the endpoint answers.
    :raises UnexpectedRow: when a row lacks what identifies or places it, or two rows that differ cannot be
        distinguished; the row is shown, not dropped.
    """
    total: int | None = None
    try:
        body.decode()
        if endpoint.is_by_time:
            raw_rows = _rows_decoder.decode(body)
        else:
            numbered = _numbered_decoder.decode(body)
            raw_rows, total = numbered.rows, int(numbered.total)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        message = f"not what {endpoint.path} answers: {error}"
        raise UnreadableBody(message) from None
    rows = _read_at_once(body, raw_rows, endpoint)
    if rows is None:
        rows = tuple(read_row(bytes(raw), endpoint) for raw in raw_rows)
    if not endpoint.kind.has_id:
        _check_distinct(rows, endpoint)
    return Page(rows, total)


def _read_at_once(body: bytes, raw_rows: list[msgspec.Raw], endpoint: Endpoint) -> tuple[Row, ...] | None:
    """Read all rows of a page in one pass, which is several times as fast as one by one.

    None where one of them is not spelled as documented: then each is read by itself, and the error is of it.
    """
    if b"\n" in body or b"\r" in body:
        return None
    kind, restriction = endpoint.kind, endpoint.restriction
    shape = Shape(kind, restriction.field if restriction else None, endpoint.is_by_time)
    try:
        found = documented_reader(shape)(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return tuple(_rows(found, map(bytes, raw_rows), endpoint))


def _rows(found: DocumentedRows, bodies: Iterable[bytes], endpoint: Endpoint) -> Iterable[Row]:
    """Make the rows of a page from its columns."""
    kind, restriction = endpoint.kind, endpoint.restriction
    symbols: Iterable[str] = found.symbols
    if kind.symbol not in kind.key_names:  # in the key, they are texts
        symbols = [one if isinstance(one, str) else "" for one in symbols]
    others, bodies, created = restriction.others if restriction else (), list(bodies), list(found.created)
    return map(
        Row,
        *(found.keys, created, found.updated, bodies, symbols),
        [one in _TRUE for one in found.isolated] if kind.isolated else repeat(False),
        [one not in others for one in found.types] if others else repeat(True),
        [_fingerprint(kind, raw, created_ms) for raw, created_ms in zip(bodies, created, strict=True)],
    )


def read_row(raw: bytes, endpoint: Endpoint) -> Row:
    """Read what identifies and places one row.

    :raises UnexpectedRow: when it lacks that; the row is shown, not dropped.
    """
    kind = endpoint.kind
    read = _fields_of(kind, endpoint.restriction.field if endpoint.restriction else None)
    try:
        *values, symbol, isolated, type_ = read(raw)
        placed = [_instant(value) for value in values[len(kind.key) :] if value is not None]
        key = tuple(map(_key_value, kind.key, values))
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        raise _unexpected(raw, endpoint, str(error)) from None
    if not placed:
        raise _unexpected(raw, endpoint, f"none of {', '.join(kind.instants)}")
    return Row(
        key,
        placed[0],
        placed[-1],
        one_line(raw),
        symbol if isinstance(symbol, str) else "",
        isolated in _TRUE,
        endpoint.restriction is None or type_ not in endpoint.restriction.others,
        _fingerprint(kind, raw, placed[0] if len(placed) == len(kind.instants) else None),
    )


@cache
def _fields_of(kind: RowKind, type_field: str | None) -> Callable[[bytes], tuple[Any, ...]]:
    """Make the reader of a row: the fields of its key and its instants, then symbol, isolated and type."""
    names: list[str | None] = [*(field.name for field in kind.key), *kind.instants]
    names += [kind.symbol, kind.isolated, type_field]
    members = [(f"_{name}", Any, None) for name in dict.fromkeys(filter(None, names))]
    struct = msgspec.defstruct("_Fields", members, rename=lambda name: name[1:], namespace={_ABSENT: None})
    decode = msgspec.json.Decoder(struct).decode
    values = attrgetter(*(f"_{name}" if name else _ABSENT for name in names))
    return lambda raw: values(decode(raw))


def _fingerprint(kind: RowKind, raw: bytes, created_ms: int | None) -> str:
    """Spell what never changes of a row, each number in one way; empty where nothing is known not to.

    :param created_ms: None where the row does not say when it was created.
    """
    if not kind.unchanging:
        # An order is updated, but created once: ids that repeat would pass for updates of one order.
        return str(created_ms) if len(kind.instants) > 1 and created_ms is not None else ""
    found = msgspec.json.decode(raw)
    return " ".join(_normal(found.get(name)) for name in kind.unchanging)


def _normal(value: object) -> str:
    try:
        return str(Decimal(str(value)).normalize())
    except InvalidOperation:
        return repr(value or "")


def _key_value(field: KeyField, value: object) -> str | int:
    if field.is_whole:
        return _whole(value)
    if not isinstance(value, str) or not value:
        message = f"no {field.name}"
        raise ValueError(message)
    return value


def _whole(value: object) -> int:
    """Read a whole number that is sent as a number or as a string."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | str | float)
        or (isinstance(value, str) and not _WHOLE.fullmatch(value))
        or (isinstance(value, float) and not (value.is_integer() and abs(value) < _INEXACT))
    ):
        message = f"{value!r} where a whole number belongs"
        raise ValueError(message)
    return int(value)


def _instant(value: object) -> int:
    """Read an instant in epoch ms."""
    instant_ms = _whole(value)
    if not 0 <= instant_ms <= LAST_MS:
        message = f"{value!r} where epoch milliseconds belong"
        raise ValueError(message)
    return instant_ms


def _check_distinct(rows: tuple[Row, ...], endpoint: Endpoint) -> None:
    """Refuse two rows of one page that agree in every field of the key: without an id, one would be lost."""
    keys: set[Key] = set()
    for row in rows:
        if row.key in keys:
            names = ", ".join(field.name for field in endpoint.kind.key)
            raise _unexpected(row.body, endpoint, f"another one has the same {names}, and rows have no id")
        keys.add(row.key)


def one_line(raw: bytes) -> bytes:
    """Take line breaks out of a row; inside JSON strings there are none, so no value changes."""
    return _LINE_BREAK.sub(b"", raw) if b"\n" in raw or b"\r" in raw else raw


def sort_key(key: Key) -> bytes:
    """Spell a key so that keys sort as bytes: texts by code point, whole numbers by length, then digits.

    Each text ends with a zero byte, of which one inside is marked, and each number begins with its length, so
    that no two keys are spelt alike.
    """
    return b"".join([_spelt_text(one) if isinstance(one, str) else _spelt_number(one) for one in key])


@lru_cache(maxsize=4096)
def _spelt_text(text: str) -> bytes:
    return text.encode().replace(b"\x00", b"\x00\xff") + b"\x00"


def _spelt_number(number: int) -> bytes:
    digits = b"%d" % number
    return len(digits).to_bytes(2, "big") + digits


def describe(key: Key) -> str:
    """Name a row in a message by its key, such as `BTCUSDT 6071832819`."""
    return " ".join(map(str, key))


def _unexpected(raw: bytes, endpoint: Endpoint, reason: str) -> UnexpectedRow:
    shown = raw[:_SHOWN].decode(errors="replace")
    return UnexpectedRow(f"{endpoint.path} answered a row that cannot be identified ({reason}): {shown}")
