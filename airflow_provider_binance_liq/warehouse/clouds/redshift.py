"""Redshift: COPY from S3 by a role, and MERGE in a transaction that locks the tables.

Redshift's MERGE takes a table to merge from, and no query; so what is new or newer goes into a temporary
table first. A text has 65,535 bytes at most: a longer row fails its COPY.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.clouds.loads import quote
from airflow_provider_binance_liq.warehouse.clouds.merging import merge_statement
from airflow_provider_binance_liq.warehouse.clouds.statements import Warehouse
from airflow_provider_binance_liq.warehouse.tables import WINDOWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.warehouse.clouds.loads import Load, Source
    from airflow_provider_binance_liq.warehouse.schema import Column, Kind, Table

_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
_RAW: Final = re.compile(r"('[^']*')|\braw\b")
_LONGEST: Final = "VARCHAR(65535)"
#: columns whose text may be longer than a name
_LONG: Final = frozenset({"raw", "symbols", "method", "caveats"})


class Redshift(Warehouse):
    """`via` is the ARN of a role that the cluster may assume and that may read the lake."""

    name = "redshift"
    via = "the ARN of an IAM role that may read the lake"
    schemes = ("s3", "s3a")
    types: ClassVar[Mapping[Kind, str]] = {
        "text": "VARCHAR(1024)",
        "decimal": "DECIMAL(38, 18)",
        "int64": "BIGINT",
        "boolean": "BOOLEAN",
        "instant": "TIMESTAMPTZ",
        "instant_or_none": "TIMESTAMPTZ",
    }

    def begin(self, load: Load) -> list[str]:
        """Begin, and lock: others that write wait here, and what was read stays true."""
        return ["BEGIN", f"LOCK {', '.join(table.name for table in (*load.tables, WINDOWS))}"]

    def spelled(self, statement: str) -> str:
        """Quote the name that is a reserved word here; what is quoted already stays."""
        return _RAW.sub(lambda found: found[1] or '"raw"', statement)

    def declared(self, column: Column) -> str:
        """Return a column's type, by the length of its text."""
        declared = super().declared(column)
        return declared.replace(self.types["text"], _LONGEST) if column.name in _LONG else declared

    def add_columns(self, load: Load, table: Table) -> list[str]:
        """Add by a procedure that looks first, named after the load: two at once would drop each other's.

        Its ALTER TABLE has no IF NOT EXISTS:
        https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
        """
        if not table.added:
            return []
        added = "\n".join(
            "    IF NOT EXISTS (SELECT 1 FROM information_schema.columns\n"
            f"        WHERE table_schema = current_schema() AND table_name = '{table.name}'\n"
            f"        AND column_name = '{column.name}') THEN\n"
            f"        ALTER TABLE {table.name} ADD COLUMN {column.name} {self.declared(column)};\n"
            "    END IF;"
            for column in table.added
        )
        procedure = f"add_columns_{load.name}_to_{table.name}()"
        return [
            f"CREATE OR REPLACE PROCEDURE {procedure} AS $$\nBEGIN\n{added}\nEND;\n$$ LANGUAGE plpgsql",
            f"CALL {procedure}",
            f"DROP PROCEDURE {procedure}",
        ]

    def create_lines(self, load: Load) -> str:
        """Create the table of lines."""
        return f"CREATE TABLE {load.lines} (object {self.types['text']}, line {_LONGEST})"

    def quoted(self, _table: Table, line: str) -> str:
        """Leave the numbers: members are taken from the text, and `refusals` looks at their digits."""
        return line

    def member(self, name: str) -> str:
        """Return a member's text."""
        return f"json_extract_path_text(parsed, '{name}')"

    def matches(self, text: str, pattern: str) -> str:
        """Tell whether a text matches."""
        return f"{text} ~ '{pattern}'"

    def refusals(self, table: Table, line: str) -> list[str]:
        """Refuse numbers with a fraction: what Redshift's JSON reader makes of their digits is not stated."""
        fraction = f'"({"|".join(table.fields)})"[[:space:]]*:[[:space:]]*-?[0-9]+[.eE]'
        return [f"WHEN {line} ~ '{fraction}' THEN 'a number with a fraction stands outside of quotes'"]

    def instant(self, millis: str) -> str:
        """Make an instant."""
        return f"(TIMESTAMP 'epoch' + {millis} * INTERVAL '0.001 second') AT TIME ZONE 'UTC'"

    def copy_one(self, load: Load, source: Source) -> str:
        """Copy the lines of one object."""
        packed = " GZIP" if source.compression == "gzip" else ""
        return (
            f"COPY {load.lines} (line) FROM {quote(source.url.replace('s3a://', 's3://'))}\n"
            f"IAM_ROLE {quote(load.via)} DELIMITER '\\001'{packed} COMPUPDATE OFF STATUPDATE OFF"
        )

    def merge_into(self, _load: Load, table: Table, query: str) -> list[str]:
        """Merge by way of a temporary table."""
        newer = f"newer_{table.name}"
        return [
            f"CREATE TEMP TABLE {newer} AS\n{query}",
            merge_statement(table, newer),
            f"DROP TABLE {newer}",
        ]

    def check_via(self, via: str) -> None:
        """Refuse what is not the ARN of a role."""
        if not _ROLE.fullmatch(via):
            message = f"via is {via!r}; for Redshift it takes {self.via}"
            raise InvalidRequest(message)
