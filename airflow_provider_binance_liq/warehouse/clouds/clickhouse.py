"""ClickHouse: the `s3` table function, and tables that replace by version, since there are no transactions.

Tables of rows and of windows are views here, over tables of versions: the newest version of a key counts,
whatever the order in which versions came in. Rows are ordered by event time and then by extraction, windows
by proof and then by extraction, as `precedence` says.

Rows are inserted before windows, so a window is never claimed whose rows are not there. But a load that ends
between the two leaves rows without their windows, and readers see them, until a retry goes on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.clouds.loads import quote
from airflow_provider_binance_liq.warehouse.clouds.statements import Warehouse
from airflow_provider_binance_liq.warehouse.precedence import outdated_claim, same_key
from airflow_provider_binance_liq.warehouse.sql import lines_of
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.warehouse.clouds.loads import Load, Source
    from airflow_provider_binance_liq.warehouse.schema import Column, Kind, Table

_COLLECTION: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class ClickHouse(Warehouse):
    """`via` is the name of a named collection whose URL is the destination."""

    name = "clickhouse"
    via = "the name of a named collection whose url is the destination"
    schemes = ("s3",)
    types: ClassVar[Mapping[Kind, str]] = {
        "text": "String",
        "decimal": "Decimal(38, 18)",
        "int64": "Int64",
        "boolean": "Bool",
        "instant": "DateTime64(3, 'UTC')",
        "instant_or_none": "DateTime64(3, 'UTC')",
    }
    commit = ()
    # Without them, what is not there would be an empty text, 0 or 1970.
    query_suffix = "\nSETTINGS join_use_nulls = 1, insert_null_as_default = 0"

    def begin(self, _load: Load) -> list[str]:
        """Begin nothing: there are no transactions."""
        return []

    def quoted(self, table: Table, line: str) -> str:
        """Quote the number tokens; `regexp_replace` would do so once only."""
        return super().quoted(table, line).replace("regexp_replace(", "replaceRegexpAll(", 1)

    def member(self, name: str) -> str:
        """Return a member's text."""
        return f"JSONExtract(parsed, '{name}', 'Nullable(String)')"

    def matches(self, text: str, pattern: str) -> str:
        """Tell whether a text matches."""
        return f"match({text}, '{pattern}')"

    def instant(self, millis: str) -> str:
        """Make an instant."""
        return f"fromUnixTimestamp64Milli({millis}, 'UTC')"

    def cast(self, text: str, kind: Kind) -> str:
        """Cast, and let NULL through."""
        return f"CAST({text} AS Nullable({self.types[kind]}))"

    def declared(self, column: Column) -> str:
        """Return a column's type; here it is NULL that has to be said."""
        kind = self.types[column.kind]
        return kind if column.required else f"Nullable({kind})"

    def create_tables(self, load: Load) -> list[str]:
        """Create the tables of versions, and the views that show the newest."""
        return [
            statement
            for table in (*load.tables, WINDOWS)
            for statement in (
                self.create_table(table),
                *self.add_columns(load, table),
                _create_view(table),
            )
        ]

    def create_table(self, table: Table) -> str:
        """`CREATE TABLE` of versions, ordered by what counts first and then by extraction."""
        first = "complete" if table is WINDOWS else f"toUnixTimestamp64Milli({table.event_time})"
        version = (
            f"    version UInt128 MATERIALIZED bitShiftLeft(toUInt128({first}), 64)\n"
            "        + toUInt128(toUnixTimestamp64Milli(extracted_at))"
        )
        columns = lines_of([*self.columns(table), version])
        key = ", ".join(table.key)
        return (
            f"CREATE TABLE IF NOT EXISTS {self.stored_in(table)} (\n{columns}\n)\n"
            f"ENGINE = ReplacingMergeTree(version) ORDER BY ({key})"
        )

    def create_lines(self, load: Load) -> str:
        """Create the table of lines."""
        return f"{super().create_lines(load)}\nENGINE = MergeTree ORDER BY object"

    def create_as(self, name: str, query: str) -> str:
        """Create a table from a query."""
        return f"CREATE TABLE {name} ENGINE = MergeTree ORDER BY tuple() AS\n{query}"

    def copy(self, load: Load) -> list[str]:
        """Read each object's lines as they are."""
        return [self._insert(load, source) for source in (load.manifests, *load.objects)]

    def _insert(self, load: Load, source: Source) -> str:
        key, packed = quote(source.key), source.compression or "none"
        return (
            f"INSERT INTO {load.lines} SELECT {key} AS object, line\n"
            f"FROM s3({load.via}, filename = {key}, format = 'LineAsString', structure = 'line String',\n"
            f"    compression_method = '{packed}')"
        )

    def merge_into(self, load: Load, table: Table, query: str) -> list[str]:
        """Insert what is new or newer; the version decides, should others have done so meanwhile."""
        inserted = f"INSERT INTO {self.stored_in(table)} ({', '.join(table.names)})\n{query}"
        return [inserted, _delete_outdated(load)] if table is WINDOWS else [inserted]

    def stored_in(self, table: Table) -> str:
        """Name the table of a table's versions."""
        return _versions(table)

    def check_via(self, via: str) -> None:
        """Refuse what is not the name of a named collection."""
        if not _COLLECTION.fullmatch(via):
            message = f"via is {via!r}; for ClickHouse it takes {self.via}"
            raise InvalidRequest(message)


def _versions(table: Table) -> str:
    return f"{table.name.removesuffix('s')}_versions"


def _delete_outdated(load: Load) -> str:
    """Delete what 0.1.0 claimed and the rules of today do not, where the load has a later extraction of it.

    Its version would stay the greatest, since it says that it is complete.
    """
    versions, names = _versions(WINDOWS), ", ".join((*WINDOWS.key, "extracted_at"))
    selected = ", ".join(f"target.{name}" for name in (*WINDOWS.key, "extracted_at"))
    return (
        f"DELETE FROM {versions} WHERE complete AND {outdated_claim()}\n"
        f"    AND ({names}) IN (\n"
        f"    SELECT {selected}\n    FROM {versions} AS target JOIN {load.windows} AS source\n"
        f"        ON {same_key(WINDOWS)}\n"
        "    WHERE source.extracted_at > target.extracted_at)"
    )


def _create_view(table: Table) -> str:
    """`CREATE VIEW` of the newest version of each key; the view of 0.1.0 has fewer columns."""
    names = ", ".join(table.names)
    return f"CREATE OR REPLACE VIEW {table.name} AS\nSELECT {names} FROM {_versions(table)} FINAL"
