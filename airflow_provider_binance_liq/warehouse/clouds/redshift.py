"""Redshift: COPY from S3 by a role, and MERGE by way of a temporary table, which is what its MERGE takes.

Its COPY of Parquet goes by the order of columns, and reads no type of instants with a time zone: so instants
are whole milliseconds in the files and in the load's own tables, and the merge makes instants of them.
https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-columnar.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from airflow_provider_binance_liq.warehouse.clouds.loads import quote, staged_columns
from airflow_provider_binance_liq.warehouse.clouds.merging import changes, merge_statement
from airflow_provider_binance_liq.warehouse.clouds.statements import Warehouse
from airflow_provider_binance_liq.warehouse.sql import lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.warehouse.clouds.loads import Load
    from airflow_provider_binance_liq.warehouse.schema import Column, Table

_RAW: Final = re.compile(r"('[^']*')|\braw\b")
_INSTANTS: Final = ("instant", "instant_or_none")
#: columns whose text may be longer than a name
_LONG: Final = frozenset({"raw", "symbols", "method", "caveats"})
#: Loads lock this table, which nobody reads. To lock those that they write to would let readers wait.
LOCKED: Final = "binance_liquidation_loads"


class Redshift(Warehouse):
    """`via` is the ARN of a role that the cluster may assume and that may read the lake."""

    name = "redshift"
    via = "the ARN of an IAM role that may read the lake"
    via_pattern = r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+"
    schemes = ("s3", "s3a")
    types: ClassVar[Mapping[str, str]] = {
        "text": "VARCHAR(1024)",
        "decimal": "DECIMAL(38, 18)",
        "int64": "BIGINT",
        "boolean": "BOOLEAN",
        "instant": "TIMESTAMPTZ",
    }
    exported_instant = "epoch_ms({})"
    # Others that load wait here, and what is read from here on stays true.
    begin = ("BEGIN", f"LOCK {LOCKED}")

    def spelled(self, statement: str) -> str:
        """Quote the name that is a reserved word here; what is quoted already stays."""
        return _RAW.sub(lambda found: found[1] or '"raw"', statement)

    def longest(self, column: Column) -> int | None:
        """Return how many bytes a column's text may have."""
        if column.kind != "text":
            return None
        return 65535 if column.name in _LONG else 1024

    def type_of(self, column: Column) -> str:
        """Return a column's type, by the length of its text."""
        return super().type_of(column).replace("(1024)", f"({self.longest(column)})")

    def staged_type(self, column: Column) -> str:
        """Return a column's type in the load's own table."""
        return self.types["int64"] if column.kind in _INSTANTS else super().staged_type(column)

    def create_tables(self, load: Load) -> list[str]:
        """Create tables, add columns and make the load's own, by a procedure named after the load.

        Redshift's ALTER TABLE has no IF NOT EXISTS, so it looks first:
        https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
        """
        made = [
            *(self.create_table(table) for table in load.all_tables),
            f"CREATE TABLE IF NOT EXISTS {LOCKED} (loaded_at TIMESTAMPTZ)",
            *(statement for table in load.all_tables for statement in self.add_columns(table)),
            *self.clean(load),
            *(f"CREATE TABLE {self.staging(load, table)}" for table in load.staged_tables),
        ]
        procedure = f"make_tables_of_{load.name}()"
        body = "".join(f"{statement};\n" for statement in made)
        return [
            f"CREATE OR REPLACE PROCEDURE {procedure} AS $$\nBEGIN\n{body}END;\n$$ LANGUAGE plpgsql",
            f"CALL {procedure}",
            f"DROP PROCEDURE {procedure}",
        ]

    def add_columns(self, table: Table) -> list[str]:
        """Add the columns that are not there, in a procedure."""
        return [
            "IF NOT EXISTS (SELECT 1 FROM information_schema.columns\n"
            f"    WHERE table_schema = current_schema() AND table_name = '{table.name}'\n"
            f"    AND column_name = '{column.name}') THEN\n"
            f"    ALTER TABLE {table.name} ADD COLUMN {column.name} {self.declared(column)};\n"
            "END IF"
            for column in table.added
        ]

    def copy(self, load: Load, table: Table) -> list[str]:
        """Copy a file; the procedure has made the load's own table."""
        url = quote(load.url(table, "s3"))
        return [f"COPY {load.staged(table)} FROM {url}\nIAM_ROLE {quote(load.via)} FORMAT AS PARQUET"]

    def read_staged(self, load: Load, table: Table) -> str:
        """Read the load's own table, and make instants of milliseconds."""
        columns = [f"    {_instant(column)}" for column in staged_columns(table)]
        return f"(\nSELECT\n{lines_of(columns)}\nFROM {load.staged(table)}\n)"

    def merge(self, load: Load) -> list[str]:
        """Merge, and drop the temporary tables in one."""
        newer = ", ".join(f"newer_{table.name}" for table in load.staged_tables)
        *merged, commit = super().merge(load)
        return [*merged, f"DROP TABLE {newer}", commit]

    def merge_into(self, load: Load, table: Table) -> list[str]:
        """Merge by way of a temporary table."""
        newer = f"newer_{table.name}"
        return [
            f"CREATE TEMP TABLE {newer} AS\n{changes(self, load, table)}",
            merge_statement(self, table, newer),
        ]

    def clean(self, load: Load) -> list[str]:
        """Drop the load's own tables, in one statement."""
        return [f"DROP TABLE IF EXISTS {', '.join(load.staged(table) for table in load.staged_tables)}"]


def _instant(column: Column) -> str:
    """Read a column; an instant by whole days and what is left, since intervals are multiplied as floats."""
    if column.kind not in _INSTANTS:
        return column.name
    days, left = f"{column.name} / 86400000", f"mod({column.name}, 86400000)"
    return (
        f"(TIMESTAMP 'epoch' + ({days}) * INTERVAL '1 day' + {left} * INTERVAL '0.001 second')"
        f" AT TIME ZONE 'UTC' AS {column.name}"
    )
