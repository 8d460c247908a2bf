"""What a load is made of, and how its parts are called in a statement."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_binance_liq.core.manifest import Compression
    from airflow_provider_binance_liq.warehouse.schema import Column, Table

#: what may stand between quotes in every dialect as it is
_QUOTABLE: Final = re.compile(r"[\w.@+=:/ ()-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Source:
    """An object, as a warehouse reads it."""

    #: relative to the destination, which is where stages and named collections point to
    key: str
    #: whole, without an Airflow connection in it
    url: str
    compression: Compression = None


@dataclass(frozen=True, slots=True)
class Load:
    """What a load is made of."""

    #: hexadecimal digits, part of the names of the load's own tables
    name: str
    #: one JSON object a line, a manifest each; its values are texts
    manifests: Source
    #: objects that have rows
    objects: Sequence[Source]
    #: the tables that rows of its endpoints are loaded into
    tables: Sequence[Table]
    #: of manifests
    count: int
    #: how the warehouse reads the lake: a stage, a role, a named collection
    via: str = ""

    @property
    def lines(self) -> str:
        """The name of the table of lines."""
        return f"staged_lines_{self.name}"

    @property
    def windows(self) -> str:
        """The name of the table of manifests."""
        return f"staged_windows_{self.name}"

    def fields(self, table: Table) -> str:
        """Name the table of a table's rows, field by field as text."""
        return f"staged_{table.name.removeprefix('binance_')}_{self.name}"


def quote(text: str) -> str:
    """Write a text between quotes, one that needs no escape in any dialect.

    :raises InvalidRequest: it would need one.
    """
    if not _QUOTABLE.fullmatch(text):
        message = f"{text!r} cannot stand in a statement; use letters, digits and . _ - + @ = : / ( ) only"
        raise InvalidRequest(message)
    return f"'{text}'"


def sent(name: str) -> str:
    """Name the column that has a field's text: `sent_order_id`."""
    return "sent_" + re.sub("(?<=[a-z])([A-Z])", r"_\1", name).lower()


def first_sent(column: Column, prefix: str) -> str:
    """Take the first field that is there; empty ones are NULL by now."""
    names = [prefix + sent(name) for name in column.fields]
    return names[0] if len(names) == 1 else f"coalesce({', '.join(names)})"
