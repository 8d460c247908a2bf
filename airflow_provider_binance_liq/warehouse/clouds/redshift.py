"""Redshift: COPY from S3 by a role, and MERGE in a transaction that holds both tables.

Redshift's MERGE takes a table to merge from, and no query; so what is new or newer goes into a temporary
table first. A text holds 65,535 bytes at most: a longer row fails its COPY.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.clouds.statements import (
    Load,
    Source,
    Warehouse,
    merge_statement,
    quote,
)
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS, Column, Table, row_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.warehouse.tables import Kind

_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+", re.ASCII)
_RAW: Final = re.compile(r"('[^']*')|\braw\b")
_LONGEST: Final = "VARCHAR(65535)"
#: columns whose text may be longer than a name
_LONG: Final = frozenset({"raw", "symbols", "method", "caveats"})
#: a number with a fraction or an exponent; what Redshift's JSON reader makes of its digits is not documented
_FRACTION: Final = f'"({"|".join(row_fields())})"[[:space:]]*:[[:space:]]*-?[0-9]+[.eE]'


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
    # Whoever else writes waits here, and what was looked up stays true.
    begin = ("BEGIN", f"LOCK {LIQUIDATIONS.name}, {WINDOWS.name}")

    def spelled(self, statement: str) -> str:
        """Quote the name that is a reserved word here; what stands between quotes stays."""
        return _RAW.sub(lambda found: found[1] or '"raw"', statement)

    def declared(self, column: Column) -> str:
        """Return a column's type, by the length of its text."""
        declared = super().declared(column)
        return declared.replace(self.types["text"], _LONGEST) if column.name in _LONG else declared

    def add_columns(self, table: Table, name: str) -> list[str]:
        """Add by a procedure that looks first.

        Its ALTER TABLE has no IF NOT EXISTS:
        https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
        """
        if not table.added:
            return []
        added = "\n".join(
            "    IF NOT EXISTS (SELECT 1 FROM information_schema.columns\n"
            f"        WHERE table_schema = current_schema() AND table_name = '{name}'\n"
            f"        AND column_name = '{column.name}') THEN\n"
            f"        ALTER TABLE {name} ADD COLUMN {column.name} {self.declared(column)};\n"
            "    END IF;"
            for column in table.added
        )
        procedure = f"add_columns_to_{name}()"
        return [
            f"CREATE OR REPLACE PROCEDURE {procedure} AS $$\nBEGIN\n{added}\nEND;\n$$ LANGUAGE plpgsql",
            f"CALL {procedure}",
            f"DROP PROCEDURE {procedure}",
        ]

    def create_lines(self, load: Load) -> str:
        """Create the table of lines."""
        return f"CREATE TABLE {self.lines(load)} (object {self.types['text']}, line {_LONGEST})"

    def quoted(self, line: str) -> str:
        """Leave the numbers: members are taken from the text, and `refusals` looks at their digits."""
        return line

    def member(self, name: str) -> str:
        """Return a member's text."""
        return f"json_extract_path_text(parsed, '{name}')"

    def matches(self, text: str, pattern: str) -> str:
        """Tell whether a text matches."""
        return f"{text} ~ '{pattern}'"

    def refusals(self, line: str) -> list[str]:
        """Refuse numbers whose digits might not be those that were sent."""
        return [f"WHEN {line} ~ '{_FRACTION}' THEN 'a number with a fraction stands outside of quotes'"]

    def instant(self, millis: str) -> str:
        """Make an instant."""
        return f"(TIMESTAMP 'epoch' + {millis} * INTERVAL '0.001 second') AT TIME ZONE 'UTC'"

    def copy_one(self, load: Load, source: Source) -> str:
        """Copy the lines of one object."""
        packed = " GZIP" if source.compression == "gzip" else ""
        return (
            f"COPY {self.lines(load)} (line) FROM {quote(source.url.replace('s3a://', 's3://'))}\n"
            f"IAM_ROLE {quote(load.via)} DELIMITER '\\001'{packed} COMPUPDATE OFF STATUPDATE OFF"
        )

    def merge_into(self, table: Table, query: str) -> list[str]:
        """Merge by way of a temporary table."""
        newer = f"newer_{table.name}"
        return [
            f"CREATE TEMP TABLE {newer} AS\n{query}",
            merge_statement(table, newer),
            f"DROP TABLE {newer}",
        ]

    def check_via(self, via: str) -> None:
        """Refuse what is no role's ARN."""
        if not _ROLE.fullmatch(via):
            message = f"via is {via!r}; for Redshift it takes {self.via}"
            raise InvalidRequest(message)
