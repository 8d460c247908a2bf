"""Snowflake: an external stage that points to the lake, and MERGE in a transaction.

Snowflake's DDL commits, so the load's own tables are made before the transaction begins. A stage is used, and
not a URL, because it is what holds the right to read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.clouds.loads import quote
from airflow_provider_binance_liq.warehouse.clouds.statements import Warehouse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_binance_liq.warehouse.clouds.loads import Load, Source
    from airflow_provider_binance_liq.warehouse.schema import Kind

_STAGE: Final = re.compile(r"[A-Za-z_]\w*([.][A-Za-z_]\w*){0,2}", re.ASCII)
#: a line is one field: no row has a raw control character, and nothing is an escape
_LINES: Final = "TYPE = CSV FIELD_DELIMITER = '\\x01' ESCAPE_UNENCLOSED_FIELD = NONE NULL_IF = ()"


class Snowflake(Warehouse):
    """`via` is the name of an external stage whose URL is the destination."""

    name = "snowflake"
    via = "the name of an external stage whose URL is the destination"
    schemes = ("s3", "gs", "abfs", "abfss", "az", "wasb", "wasbs")
    types: ClassVar[Mapping[Kind, str]] = {
        "text": "VARCHAR",
        "decimal": "NUMBER(38, 18)",
        "int64": "NUMBER(19, 0)",
        "boolean": "BOOLEAN",
        "instant": "TIMESTAMP_LTZ(3)",
        "instant_or_none": "TIMESTAMP_LTZ(3)",
    }
    staging_table = "TRANSIENT TABLE"

    def parsed(self, line: str) -> str:
        """Parse once; members are taken from the VARIANT."""
        return f"parse_json({line})"

    def member(self, name: str) -> str:
        """Return a member's text."""
        return f'parsed:"{name}"::VARCHAR'

    def matches(self, text: str, pattern: str) -> str:
        """Tell whether a text matches."""
        return f"regexp_like({text}, '{pattern}')"

    def instant(self, millis: str) -> str:
        """Make an instant."""
        return f"to_timestamp_ltz({millis}, 3)"

    def copy_one(self, load: Load, source: Source) -> str:
        """Copy the lines of one object."""
        packed = "GZIP" if source.compression == "gzip" else "NONE"
        folder, slash, name = source.key.rpartition("/")
        # A name is put behind the URL or the path as it is, with nothing in between; a path of a stage is
        # joined to its URL as a path. So the URL may end in a slash or not.
        # https://docs.snowflake.com/en/sql-reference/sql/copy-into-table
        place = quote(f"@{load.via}/{folder}/") if slash else f"@{load.via}"
        return (
            f"COPY INTO {load.lines} (line) FROM {place} FILES = ({quote(name)})\n"
            f"FILE_FORMAT = ({_LINES} COMPRESSION = {packed}) FORCE = TRUE"
        )

    def check_via(self, via: str) -> None:
        """Refuse what is not the name of a stage."""
        if not _STAGE.fullmatch(via):
            message = f"via is {via!r}; for Snowflake it takes {self.via}, without @"
            raise InvalidRequest(message)
