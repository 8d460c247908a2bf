"""Engines on this machine that stand in for clouds' warehouses, each as faithful as its docstring says."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_binance_liq.warehouse.clouds.bigquery import BigQuery
from airflow_provider_binance_liq.warehouse.clouds.prepare import prepare
from airflow_provider_binance_liq.warehouse.clouds.snowflake import Snowflake
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS, Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROLE = "arn:aws:iam::123456789012:role/reads-the-lake"


class Refused(Exception):
    """The check said no."""


@dataclass
class Engine:
    """Loads as the sample DAGs do, step by step."""

    warehouse: Any
    destination: str
    via: str = ""
    runs: Iterator[int] = field(default_factory=lambda: iter(range(1_000_000)))

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def prepare(self, *given: Any, at: datetime, **more: Any) -> dict[str, Any]:
        run = f"run {next(self.runs)}"
        return prepare(
            list(given), self.warehouse, self.destination, via=self.via, run=run, now=lambda: at, **more
        )

    def load(self, *given: Any, at: datetime) -> None:
        load = self.prepare(*given, at=at)
        if load is None:
            return
        self.run(load["stage"])
        self.check(load["check"])
        self.run(load["merge"])
        self.run(load["clean"])

    def run(self, statements: list[str]) -> None:
        for statement in statements:
            self.execute(statement)

    def split(self, statements: list[str]) -> list[str]:
        return statements

    def join(self, statements: list[str]) -> list[str]:
        return statements

    def check(self, query: str) -> None:
        ((fits, misfit),) = self.execute(query)
        if not fits:
            raise Refused(misfit)

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        """Read a table whole, sorted, with instants in UTC."""
        found = self.execute(f"SELECT {', '.join(table.names)} FROM {table.name}")
        return sorted(tuple(map(plain, row)) for row in found)

    def dump(self) -> list[list[tuple[Any, ...]]]:
        return [self.rows(table) for table in (LIQUIDATIONS, WINDOWS)]


def plain(value: Any) -> tuple[bool, Any]:
    """Make values comparable, NULL too, and an instant without a zone one of UTC."""
    if isinstance(value, datetime):
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value is not None, value


class OnDisk:
    """Lets a warehouse read a local directory, as no cloud does."""

    schemes = ("file",)


class SnowflakeOnDisk(OnDisk, Snowflake):
    pass


class BigQueryOnDisk(OnDisk, BigQuery):
    pass


@dataclass
class FakeSnow(Engine):
    """Snowflake's SQL and its Python connector, translated to DuckDB by fakesnow."""

    cursor: Any = None

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        return self.cursor.execute(statement).fetchall()


@dataclass
class EmbeddedClickHouse(Engine):
    """ClickHouse itself, in this process; its `s3` function reads from moto's S3."""

    client: Any = None

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        if statement.lstrip().startswith("SELECT"):
            return self.client.query(statement).result_rows
        self.client.command(statement)
        return []


@dataclass
class PostgresAsRedshift(Engine):
    """PostgreSQL, of which Redshift's SQL here is a part, but for COPY and one function.

    COPY is done by the test, from moto's S3, and `json_extract_path_text` takes a text.
    """

    connection: Any = None
    client: Any = None

    def define(self) -> None:
        self.connection.execute(
            "CREATE OR REPLACE FUNCTION json_extract_path_text(line varchar, name varchar) RETURNS varchar\n"
            "LANGUAGE sql IMMUTABLE AS $$ SELECT line::json ->> name $$"
        )
        self.connection.execute("SET TimeZone = 'Asia/Kolkata'")

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        found = re.fullmatch(
            r"COPY (?P<into>\w+ \(line\)) FROM 's3://(?P<bucket>[^/]+)/(?P<key>[^']+)'\n"
            rf"IAM_ROLE '{ROLE}' DELIMITER '\\001'(?P<packed> GZIP)? COMPUPDATE OFF STATUPDATE OFF",
            statement,
        )
        if found:
            self.copy(**found.groupdict())
            return []
        cursor = self.connection.execute(statement)
        return cursor.fetchall() if cursor.description else []

    def copy(self, into: str, bucket: str, key: str, packed: str | None) -> None:
        body = self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        text = (gzip.decompress(body) if packed else body).replace(b"\\", b"\\\\").replace(b"\t", b"\\t")
        with self.connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
            copy.write(text)


@cache
def translated_to_duckdb(statement: str) -> str:
    """Translate from BigQuery's dialect; DuckDB would enforce the key, and has a scale of its own."""
    import sqlglot

    (found,) = sqlglot.transpile(statement.replace(" NOT ENFORCED", ""), read="bigquery", write="duckdb")
    return found.replace("DECIMAL(38, 5)", "DECIMAL(38, 18)")


@dataclass
class DuckDBAsBigQuery(Engine):
    """DuckDB, with BigQuery's SQL translated by sqlglot: its logic is checked, not BigQuery.

    The external table is read by the test, and its `_FILE_NAME` is a column.
    """

    connection: Any = None
    directory: Path | None = None

    def run(self, statements: str) -> None:
        for statement in self.split(statements):
            self.execute(statement)

    def split(self, statements: str) -> list[str]:
        return [statement for statement in statements.split(";\n") if statement.strip()]

    def join(self, statements: list[str]) -> str:
        return "".join(f"{statement};\n" for statement in statements)

    def check(self, query: str) -> None:
        self.execute(query)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        if statement.startswith("CREATE OR REPLACE EXTERNAL TABLE"):
            return self.external_table(statement)
        if statement.startswith("DROP EXTERNAL TABLE"):
            statement = statement.replace("EXTERNAL TABLE", "VIEW")
        load = re.search("_([0-9a-f]{16})", statement)
        name = load[1] if load else "no_load"
        translated = translated_to_duckdb(statement.replace(name, "of_the_load"))
        return self.connection.execute(translated.replace("of_the_load", name)).fetchall()

    def external_table(self, statement: str) -> list[tuple[Any, ...]]:
        name = re.search(r"TABLE (\w+) \(line STRING\)", statement)[1]
        uris = re.findall(r"'gs://([^']+)'", statement)
        assert ("compression = 'GZIP'" in statement) == all(uri.endswith(".gz") for uri in uris)
        files = ", ".join(f"'/{uri.lstrip('/')}'" for uri in uris)
        self.connection.execute(
            f"CREATE OR REPLACE VIEW {name} AS SELECT column0 AS line, 'gs://' || filename AS _FILE_NAME\n"
            f"FROM read_csv([{files}], columns = {{'column0': 'VARCHAR'}}, header = false, quote = '',\n"
            "escape = '', delim = '\x01', filename = true, nullstr = '\x02')"
        )
        return []
