"""Snowflake: an external stage that points to the lake, and MERGE in a transaction.

Snowflake's DDL commits, so the load's own tables are made before the transaction begins. A stage is used, and
not a URL, because it is what holds the right to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from airflow_provider_binance_liq.warehouse.clouds.loads import quote
from airflow_provider_binance_liq.warehouse.clouds.statements import Warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.warehouse.clouds.loads import Load
    from airflow_provider_binance_liq.warehouse.schema import Table

#: by default, instants would be numbers, and a text of `\N` NULL
_PARQUET: Final = "TYPE = PARQUET USE_LOGICAL_TYPE = TRUE NULL_IF = ()"


class Snowflake(Warehouse):
    """`via` is the name of an external stage whose URL is the destination."""

    name = "snowflake"
    via = "the name of an external stage whose URL is the destination"
    via_pattern = r"[A-Za-z_]\w*([.][A-Za-z_]\w*){0,2}"
    schemes = ("s3", "gs", "abfs", "abfss", "az", "wasb", "wasbs")
    types: ClassVar[Mapping[str, str]] = {
        "text": "VARCHAR",
        "decimal": "NUMBER(38, 18)",
        "int64": "NUMBER(19, 0)",
        "boolean": "BOOLEAN",
        "instant": "TIMESTAMP_LTZ(3)",
    }

    def add_columns(self, table: Table) -> list[str]:
        """Add columns by a block, since IF NOT EXISTS is documented for one column a statement."""
        added = "".join(
            f"ALTER TABLE {table.name} ADD COLUMN IF NOT EXISTS {column.name} {self.declared(column)};\n"
            for column in table.added
        )
        return [f"EXECUTE IMMEDIATE $$\nBEGIN\n{added}END;\n$$"] if added else []

    def copy(self, load: Load, table: Table) -> list[str]:
        """Make the load's own table, and copy a file from the stage.

        A name is put behind the URL or the path as it is, with nothing in between; a path of a stage is
        joined to its URL as a path. So the URL may end in a slash or not.
        https://docs.snowflake.com/en/sql-reference/sql/copy-into-table
        """
        folder, _, name = load.file(table).rpartition("/")
        files = f"{quote(f'@{load.via}/{folder}/')} FILES = ({quote(name)})"
        copied = f"COPY INTO {load.staged(table)} FROM {files}\nFILE_FORMAT = ({_PARQUET})"
        return [
            f"CREATE OR REPLACE TRANSIENT TABLE {self.staging(load, table)}",
            f"{copied} MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE FORCE = TRUE",
        ]
