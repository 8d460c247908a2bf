"""The statements of a load, the same in every warehouse; what differs is in `dialect` and its subclasses.

A load has tables of its own, named after it, and four steps. `stage` makes them: the objects' lines as they
are, one text column; the manifests; and for each table the fields of its rows, as text. `check` is one query
that says whether everything fits, and if not, what does not. `merge` types the texts, and brings in the rows
first and then the windows. `clean` drops the load's own tables.

Three laws hold whatever the warehouse. A digit is never read by a JSON reader as a number: the number tokens
of the fields that become columns are quoted before it sees them. What is cast was checked, digit by digit
(`check`). And newer knowledge replaces older as everywhere (`precedence`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_binance_liq.warehouse.clouds.check import check
from airflow_provider_binance_liq.warehouse.clouds.dialect import CloudDialect
from airflow_provider_binance_liq.warehouse.clouds.loads import quote, sent
from airflow_provider_binance_liq.warehouse.clouds.merging import merge_statement, newer_rows, newer_windows
from airflow_provider_binance_liq.warehouse.sql import lines_of
from airflow_provider_binance_liq.warehouse.tables import WINDOWS, endpoints_of

if TYPE_CHECKING:
    from airflow_provider_binance_liq.warehouse.clouds.loads import Load
    from airflow_provider_binance_liq.warehouse.schema import Column, Table


class Warehouse(CloudDialect):
    """The generator of a load's statements."""

    def statements(self, load: Load) -> dict[str, Any]:
        """Return the steps of a load."""
        self.check_via(load.via)
        steps = {
            "stage": self.create_tables(load) + self.stage(load),
            "merge": self.merge(load),
            "clean": self.clean(load),
        }
        return {"check": self.spelled(self.check(load))} | {
            step: self.deliver([self.spelled(statement) for statement in statements])
            for step, statements in steps.items()
        }

    def create_tables(self, load: Load) -> list[str]:
        """Create the tables that the load needs and that are missing; add what a release has added."""
        return [
            statement
            for table in (*load.tables, WINDOWS)
            for statement in (self.create_table(table), *self.add_columns(load, table))
        ]

    def add_columns(self, _load: Load, table: Table) -> list[str]:
        """Add to a table of 0.1.0 what it lacks; one that has it is left as it is."""
        name = self.stored_in(table)
        return [
            f"ALTER TABLE {name} ADD COLUMN IF NOT EXISTS {column.name} {self.declared(column)}"
            for column in table.added
        ]

    def create_table(self, table: Table) -> str:
        """`CREATE TABLE`; the key is a statement of intent, which the merge keeps."""
        key = f"    PRIMARY KEY ({', '.join(table.key)}){self.key_suffix}"
        return f"CREATE TABLE IF NOT EXISTS {table.name} (\n{lines_of([*self.columns(table), key])}\n)"

    def stored_in(self, table: Table) -> str:
        """Name the table that a table's rows are stored in."""
        return table.name

    def stage(self, load: Load) -> list[str]:
        """Make the load's own tables; what an earlier attempt left of them is dropped."""
        return [
            *self.clean(load),
            self.create_lines(load),
            *self.copy(load),
            self.create_as(load.windows, self._select_windows(load)),
            *(self.create_as(load.fields(table), self._select_fields(load, table)) for table in load.tables),
        ]

    def create_lines(self, load: Load) -> str:
        """Create the table of lines."""
        text = self.types["text"]
        return f"CREATE {self.staging_table} {load.lines} (object {text}, line {text})"

    def create_as(self, name: str, query: str) -> str:
        """Create one of the load's own tables from a query."""
        return f"CREATE {self.staging_table} {name} AS\n{query}"

    def clean(self, load: Load) -> list[str]:
        """Drop the load's own tables."""
        names = (load.lines, load.windows, *(load.fields(table) for table in load.tables))
        return [f"DROP TABLE IF EXISTS {name}" for name in names]

    def _select_windows(self, load: Load) -> str:
        values = [f"    {self._given(column)} AS {column.name}" for column in WINDOWS]
        return (
            f"SELECT\n    {self.member('object')} AS object,\n{lines_of(values)}\n"
            f"FROM (SELECT {self.parsed('line')} AS parsed FROM {load.lines}\n"
            f"    WHERE object = {quote(load.manifests.key)}) AS manifests"
        )

    def _given(self, column: Column) -> str:
        """Type a value that the preparing task has written."""
        if column.kind == "text":
            return f"coalesce({self.member(column.name)}, '')"
        return self.typed(column.kind, self.member(column.name))

    def _select_fields(self, load: Load, table: Table) -> str:
        values = [f"    nullif({self.member(name)}, '') AS {sent(name)}" for name in table.fields]
        endpoints = ", ".join(quote(name) for name in endpoints_of(table))
        return (
            f"SELECT\n    object,\n    line,\n{lines_of(values)}\n"
            f"FROM (SELECT object, line, {self.parsed(self.quoted(table, 'line'))} AS parsed\n"
            f"    FROM {load.lines} WHERE object IN (\n"
            f"        SELECT object FROM {load.windows} WHERE endpoint IN ({endpoints})\n"
            "    )) AS quoted_lines"
        )

    def check(self, load: Load) -> str:
        """Ask for one row: whether everything fits (1 or 0), and what does not."""
        return check(self, load)

    def merge(self, load: Load) -> list[str]:
        """Bring in the rows, then the windows: who sees a window sees its rows."""
        return [
            *self.begin(load),
            *(
                statement
                for table in load.tables
                for statement in self.merge_into(load, table, newer_rows(self, load, table))
            ),
            *self.merge_into(load, WINDOWS, newer_windows(self, load)),
            *self.commit,
        ]

    def merge_into(self, _load: Load, table: Table, query: str) -> list[str]:
        """Merge what a query gives, all of which is new or newer."""
        return [merge_statement(table, f"(\n{query}\n)")]
