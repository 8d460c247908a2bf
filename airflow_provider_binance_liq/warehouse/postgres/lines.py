"""Texts on their way into PostgreSQL: lines for COPY as they are, and what no text there can hold."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any, Final

from airflow_provider_binance_liq.exceptions import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_binance_liq.warehouse.load import Fetched
    from airflow_provider_binance_liq.warehouse.schema import Table

CHUNK: Final = 1024 * 1024


def write_lines(file: IO[bytes], number: int, one: Fetched) -> None:
    """Write an object's rows for COPY: every byte that COPY would interpret is escaped."""
    prefix = b"%d\t" % number
    with one.path.open("rb") as source:
        while lines := source.readlines(CHUNK):
            text = b"".join(lines)
            _check_utf8(text, one)
            escaped = text.replace(b"\\", b"\\\\").replace(b"\t", b"\\t").replace(b"\r", b"\\r")
            body = escaped.removesuffix(b"\n").replace(b"\n", b"\n" + prefix)
            file.write(prefix + body + b"\n")


def _check_utf8(text: bytes, one: Fetched) -> None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        message = f"{one.loadable.manifest.object.uri} is no UTF-8 text: {error.reason}. Nothing was merged"
        raise WarehouseError(message) from error
    if b"\0" in text:
        message = (
            f"{one.loadable.manifest.object.uri} holds a zero byte, so it is no JSON. Nothing was merged"
        )
        raise WarehouseError(message)


def check_text(name: str, values: Iterable[str]) -> None:
    """Check that a manifest's texts are such that PostgreSQL can hold them."""
    for value in values:
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            message = f"a manifest has {value!r} as {name}, which no text in PostgreSQL can hold"
            raise WarehouseError(f"{message}. Nothing was merged")


def field_with_nul(table: Table, line: str) -> str | None:
    """Name the field that becomes a column whose value holds the character that PostgreSQL's text cannot."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    columns = ((name, row[name]) for name in table.fields if name in row)
    return next((name for name, value in columns if "\0" in _text_of(value)), None)


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value).replace("\\u0000", "\0")
