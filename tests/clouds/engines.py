"""Engines on this machine that stand in for clouds' warehouses, each as faithful as its docstring says."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow.parquet

from airflow_provider_binance_liq.warehouse.clouds.bigquery import BigQuery
from airflow_provider_binance_liq.warehouse.clouds.prepare import prepare
from airflow_provider_binance_liq.warehouse.clouds.snowflake import Snowflake
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        # Airflow's operators fail a check of which any value is false, such as an empty text.
        assert misfit
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


def one_by_one(statement: str) -> list[str]:
    """Take a statement that adds columns apart, since DuckDB adds them one by one, and has no blocks."""
    if statement.startswith("EXECUTE IMMEDIATE"):
        return re.findall(r"ALTER TABLE [^;]+", statement)
    if not statement.startswith("ALTER TABLE"):
        return [statement]
    table, *added = re.split(r",?\n +(?=ADD COLUMN)", statement)
    return [f"{table} {one}" for one in added] or [statement]


class OnDisk:
    """Lets a warehouse read a local directory, as no cloud does."""

    schemes = ("file",)


class SnowflakeOnDisk(OnDisk, Snowflake):
    pass


class BigQueryOnDisk(OnDisk, BigQuery):
    pass


@dataclass
class FakeSnow(Engine):
    """Snowflake's SQL and its Python connector, translated to DuckDB by fakesnow.

    The block that adds columns is taken apart by the test, and options of file formats are ignored.
    """

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
    """PostgreSQL, of which Redshift's SQL here is a part, but for COPY.

    COPY of Parquet is done by the test, from moto's S3, as Redshift documents it: by the order of columns, of
    which the file has as many as the table.
    """

    connection: Any = None
    client: Any = None

    def define(self) -> None:
        self.connection.execute("SET TimeZone = 'Asia/Kolkata'")

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        found = re.fullmatch(
            r"COPY (?P<into>\w+) FROM 's3://(?P<bucket>[^/]+)/(?P<key>[^']+)'\n"
            rf"IAM_ROLE '{ROLE}' FORMAT AS PARQUET",
            statement,
        )
        if found:
            self.copy(**found.groupdict())
            return []
        cursor = self.connection.execute(statement)
        return cursor.fetchall() if cursor.description else []

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        # East of it, the last instants would be of a year that Python does not have.
        self.connection.execute("SET TimeZone = 'UTC'")
        found = super().rows(table)
        self.define()
        return found

    def copy(self, into: str, bucket: str, key: str) -> None:
        body = self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        rows = pyarrow.parquet.read_table(io.BytesIO(body))
        (columns,) = self.connection.execute(
            f"SELECT count(*) FROM information_schema.columns WHERE table_name = '{into}'"
        ).fetchone()
        assert columns == rows.num_columns
        with self.connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
            for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
                copy.write_row(row)


@cache
def translated_to_duckdb(statement: str) -> str:
    """Translate from BigQuery's dialect; DuckDB would enforce the key, and has a scale of its own."""
    import sqlglot

    for unknown in (" NOT ENFORCED", *re.findall(r"\nPARTITION BY .+\nCLUSTER BY .+", statement)):
        statement = statement.replace(unknown, "")
    (found,) = sqlglot.transpile(statement, read="bigquery", write="duckdb")
    return found.replace("DECIMAL(38, 5)", "DECIMAL(38, 18)")


@dataclass
class DuckDBAsBigQuery(Engine):
    """DuckDB, with BigQuery's SQL translated by sqlglot: its logic is checked, not BigQuery.

    LOAD DATA is done by the test, by the names of columns; a script's variables are put in as literals.
    """

    connection: Any = None
    variables: dict[str, str] = field(default_factory=dict)

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
        if statement.startswith("LOAD DATA"):
            return self.load_data(statement)
        if statement.startswith("DECLARE "):
            names = statement.removeprefix("DECLARE ").removesuffix(" TIMESTAMP").split(", ")
            self.variables = dict.fromkeys(names, "NULL::TIMESTAMPTZ")
            return []
        if statement.startswith("SET ("):
            return self.set_variables(statement)
        if one_by_one(statement) != [statement]:
            return [row for one in one_by_one(statement) for row in self.execute(one)]
        load = re.search("_([0-9a-f]{16})", statement)
        name = load[1] if load else "no_load"
        translated = translated_to_duckdb(statement.replace(name, "of_the_load")).replace("of_the_load", name)
        for variable, value in self.variables.items():
            translated = re.sub(rf"\b{variable}\b", value, translated)
        return self.connection.execute(translated).fetchall()

    def load_data(self, statement: str) -> list[tuple[Any, ...]]:
        name, columns, path = re.fullmatch(
            r"LOAD DATA OVERWRITE (\w+) (\(.+\))\nFROM FILES \(format = 'PARQUET', "
            r"uris = \['gs://([^']+)'\], decimal_target_types = \['BIGNUMERIC'\]\)",
            statement,
            re.DOTALL,
        ).groups()
        self.execute(f"CREATE OR REPLACE TABLE {name} {columns}")
        return self.connection.execute(f"INSERT INTO {name} BY NAME FROM read_parquet('/{path}')").fetchall()

    def set_variables(self, statement: str) -> list[tuple[Any, ...]]:
        names, query = re.fullmatch(r"SET \((.+?)\) = \(\n +(.+)\n\)", statement, re.DOTALL).groups()
        ((*found,),) = self.execute(query.replace("SELECT AS STRUCT", "SELECT"))
        for name, value in zip(names.split(", "), found, strict=True):
            assert name in self.variables
            self.variables[name] = f"'{value.isoformat()}'::TIMESTAMPTZ" if value else "NULL::TIMESTAMPTZ"
        return []
