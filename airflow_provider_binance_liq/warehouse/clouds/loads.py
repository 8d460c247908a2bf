"""What a load is made of, and how its parts are called in a statement."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airflow_provider_binance_liq.core.manifest import LOADS
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.schema import Column
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_binance_liq.warehouse.schema import Table

#: what may stand between quotes in every dialect as it is
_QUOTABLE: Final = re.compile(r"[\w.@+=:/ ()-]+", re.ASCII)
_OBJECT_URI: Final = Column("object_uri", "text", "The object that a row comes from.", origin="manifest")


@dataclass(frozen=True, slots=True)
class Load:
    """A load, whose rows and windows are Parquet files in a folder of its own below the destination."""

    #: hexadecimal digits, part of the names of its folder and of its own tables
    name: str
    #: URL of the destination, without an Airflow connection in it
    root: str
    #: the tables that rows of its endpoints are loaded into
    tables: Sequence[Table]
    #: table's name → rows in its file; tables without rows have no file
    rows: Mapping[str, int]
    #: how the warehouse reads the lake: a stage, a role, a named collection
    via: str = ""

    @property
    def all_tables(self) -> tuple[Table, ...]:
        """Every table that it writes to, in the order in which it does: windows come last."""
        return (*self.tables, WINDOWS)

    @property
    def staged_tables(self) -> tuple[Table, ...]:
        """Those of them that it has rows for."""
        return tuple(table for table in self.all_tables if table.name in self.rows)

    def file(self, table: Table) -> str:
        """Name the file of a table's rows, relative to the destination, where stages point to."""
        return f"{LOADS}/{self.name}/{table.name}.parquet"

    def url(self, table: Table, scheme: str) -> str:
        """Return the URL of the file of a table's rows."""
        return f"{scheme}://{self.root.partition('://')[2]}/{self.file(table)}"

    def staged(self, table: Table) -> str:
        """Name the load's own table of a table's rows."""
        return f"staged_{table.name.removeprefix('binance_')}_{self.name}"


def staged_columns(table: Table) -> tuple[Column, ...]:
    """Return the columns of a table's file, in order: its own, and the object's where they lack it."""
    return table.columns if "object_uri" in table.names else (*table.columns, _OBJECT_URI)


def quote(text: str) -> str:
    """Write a text between quotes, one that needs no escape in any dialect.

    :raises InvalidRequest: it would need one.
    """
    if not _QUOTABLE.fullmatch(text):
        message = f"{text!r} cannot stand in a statement; use letters, digits and . _ - + @ = : / ( ) only"
        raise InvalidRequest(message)
    return f"'{text}'"
