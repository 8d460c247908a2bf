"""The statements of a load, from one generator; a warehouse is a few values, and methods where it differs.

A load has tables of its own, named after it, and four steps. `stage` makes them and copies into each the
Parquet file that `prepare` has written: values that are typed and checked already, so nothing is parsed or
cast here. `check` is one query that says whether they have all rows. `merge` brings in the rows first and
then the windows, newer knowledge replacing older as everywhere (`precedence`). `clean` drops the load's own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.clouds.loads import staged_columns
from airflow_provider_binance_liq.warehouse.clouds.merging import changes, merge_statement
from airflow_provider_binance_liq.warehouse.sql import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from airflow_provider_binance_liq.warehouse.clouds.loads import Load
    from airflow_provider_binance_liq.warehouse.schema import Column, Table


class Warehouse:
    """A cloud's warehouse."""

    name: ClassVar[str]
    #: what `via` has to be, and what it looks like; empty where there is none
    via: ClassVar[str] = ""
    via_pattern: ClassVar[str] = ""
    #: of the URLs that it can read
    schemes: ClassVar[tuple[str, ...]]
    #: kind of a column → type; an instant that may be none has that of an instant
    types: ClassVar[Mapping[str, str]]
    #: the first and the last instant that it can hold, where those of the years 1 to 9999 are too many
    instants: ClassVar[tuple[datetime, datetime] | None] = None
    #: an instant as the files have it, to milliseconds: an expression of DuckDB's
    exported_instant: ClassVar[str] = "make_timestamptz(epoch_ms({}) * 1000)"
    begin: ClassVar[tuple[str, ...]] = ("BEGIN",)
    commit: ClassVar[tuple[str, ...]] = ("COMMIT",)
    not_null: ClassVar[str] = " NOT NULL"
    #: what follows the primary key
    key_suffix: ClassVar[str] = ""
    #: what follows a query
    query_suffix: ClassVar[str] = ""

    def statements(self, load: Load) -> dict[str, Any]:
        """Return the steps of a load."""
        self.check_via(load.via)
        steps = {"stage": self.stage(load), "merge": self.merge(load), "clean": self.clean(load)}
        return {"check": self.spelled(self.check(load))} | {
            step: self.deliver([self.spelled(statement) for statement in statements])
            for step, statements in steps.items()
        }

    def check_via(self, via: str) -> None:
        """Refuse a `via` that cannot be one.

        :raises InvalidRequest: the message says what it has to be.
        """
        if not re.fullmatch(self.via_pattern, via, re.ASCII):
            message = f"via is {via!r}; for {self.name} it has to be {self.via or 'empty'}"
            raise InvalidRequest(message)

    def spelled(self, statement: str) -> str:
        """Quote a reserved word of the warehouse."""
        return statement

    def deliver(self, statements: list[str]) -> Any:
        """Return statements as the warehouse's own operator takes them."""
        return statements

    def declared(self, column: Column) -> str:
        """Return a column's type, as its table declares it."""
        return f"{self.type_of(column)}{self.not_null if column.required else ''}"

    def type_of(self, column: Column) -> str:
        """Return a column's type."""
        return self.types[column.kind.removesuffix("_or_none")]

    def staged_type(self, column: Column) -> str:
        """Return a column's type in the load's own table."""
        return self.type_of(column)

    def longest(self, _column: Column) -> int | None:
        """Return how many bytes a column's text may have, none of them NUL; None for any text."""
        return None

    def stage(self, load: Load) -> list[str]:
        """Create the tables that are missing, and make the load's own, from its files."""
        return [
            *self.create_tables(load),
            *(statement for table in load.staged_tables for statement in self.copy(load, table)),
        ]

    def create_tables(self, load: Load) -> list[str]:
        """Create the tables that the load needs and that are missing; add what a release has added."""
        return [
            statement
            for table in load.all_tables
            for statement in (self.create_table(table), *self.add_columns(table), *self.create_view(table))
        ]

    def create_table(self, table: Table) -> str:
        """`CREATE TABLE`; the key is a statement of intent, which the merge keeps."""
        columns = [f"    {column.name} {self.declared(column)}" for column in table]
        key = f"    PRIMARY KEY ({', '.join(table.key)}){self.key_suffix}"
        return f"CREATE TABLE IF NOT EXISTS {table.name} (\n{lines_of([*columns, key])}\n)"

    def add_columns(self, table: Table) -> list[str]:
        """Add to a table of 0.1.0 what it lacks; one that has it is left as it is."""
        columns = [f"{column.name} {self.declared(column)}" for column in table.added]
        added = lines_of(f"    ADD COLUMN IF NOT EXISTS {column}" for column in columns)
        return [f"ALTER TABLE {self.stored_in(table)}\n{added}"] if added else []

    def create_view(self, _table: Table) -> list[str]:
        """Create what shows a table, where it is no table."""
        return []

    def stored_in(self, table: Table) -> str:
        """Name the table that a table's rows are stored in."""
        return table.name

    def copy(self, load: Load, table: Table) -> list[str]:
        """Make the load's own table of a table's rows, instead of what an earlier attempt has left of it."""
        raise NotImplementedError

    def staging(self, load: Load, table: Table) -> str:
        """Declare the load's own table: the columns of the file, in order."""
        columns = (f"    {column.name} {self.staged_type(column)}" for column in staged_columns(table))
        return f"{load.staged(table)} (\n{lines_of(columns)}\n)"

    def check(self, load: Load) -> str:
        """Ask for one row: whether the load's own tables have all rows (1 or 0), and what does not fit."""
        parts = [self._count(load.staged(table), load.rows[table.name]) for table in load.staged_tables]
        return (
            "SELECT CASE WHEN count(*) = 0 THEN 1 ELSE 0 END AS fits,\n"
            "    CASE WHEN count(*) = 0 THEN 'everything fits' ELSE min(misfit) END AS misfit\nFROM (\n"
            + "\nUNION ALL\n".join(parts)
            + f"\n) AS misfits{self.query_suffix}"
        )

    def _count(self, staged: str, rows: int) -> str:
        counted = f"CAST(rows_staged AS {self.types['text']})"
        return (
            f"SELECT '{staged} has ' || {counted} || ' rows where {rows} were written' AS misfit\n"
            f"FROM (SELECT count(*) AS rows_staged FROM {staged}) AS counted WHERE rows_staged <> {rows}"
        )

    def merge(self, load: Load) -> list[str]:
        """Bring in the rows, then the windows: who sees a window sees its rows."""
        return [
            *self.begin,
            *(statement for table in load.staged_tables for statement in self.merge_into(load, table)),
            *self.commit,
        ]

    def merge_into(self, load: Load, table: Table) -> Iterable[str]:
        """Merge what is new or newer."""
        return [merge_statement(self, table, f"(\n{changes(self, load, table)}\n)")]

    def read_staged(self, load: Load, table: Table) -> str:
        """Read the load's own table of a table's rows."""
        return load.staged(table)

    def read_stored(self, _load: Load, table: Table) -> str:
        """Read a table where the load's rows may be in it."""
        return table.name

    def bounds(self, _table: Table, _prefix: str) -> str:
        """Restrict a join with a table to the instants where the load's rows may be in it."""
        return ""

    def clean(self, load: Load) -> list[str]:
        """Drop the load's own tables."""
        return [f"DROP TABLE IF EXISTS {load.staged(table)}" for table in load.staged_tables]
