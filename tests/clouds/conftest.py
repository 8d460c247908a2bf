"""The engines, each with a lake that it can read, and DuckDB's own loads to hold them against."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from engines import (
    ROLE,
    BigQueryOnDisk,
    DuckDBAsBigQuery,
    EmbeddedClickHouse,
    FakeSnow,
    SnowflakeOnDisk,
    one_by_one,
)
from engines import PostgresAsRedshift as AsRedshift
from lakes import BucketLake, DiskLake

from airflow_provider_binance_liq.warehouse.clouds.clickhouse import ClickHouse
from airflow_provider_binance_liq.warehouse.clouds.redshift import Redshift

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bucket_lake(bucket: str, s3: str, tmp_path: Path) -> BucketLake:
    import boto3

    return BucketLake(tmp_path / "lake", bucket=bucket, client=boto3.client("s3", endpoint_url=s3))


@pytest.fixture
def stage_ends_in() -> str:
    """Say what the stage's URL ends in; with nothing, a name is put right behind the URL."""
    return ""


@pytest.fixture
def snowflake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage_ends_in: str
) -> Iterator[tuple[FakeSnow, DiskLake]]:
    import fakesnow
    from fakesnow import info_schema
    from fakesnow.cursor import FakeSnowflakeCursor

    execute = FakeSnowflakeCursor.execute
    monkeypatch.setattr(
        FakeSnowflakeCursor,
        "execute",
        lambda cursor, command, *given, **more: [
            execute(cursor, one, *given, **more) for one in one_by_one(command)
        ][-1],
    )

    # A MERGE records a comment in a second database, which DuckDB takes in no transaction.
    monkeypatch.setattr(info_schema, "insert_table_comment_sql", lambda *_: "SELECT 1")
    lake = DiskLake(tmp_path / "lake")
    with fakesnow.patch():
        from snowflake import connector

        with connector.connect(database="desk", schema="binance") as connection:
            cursor = connection.cursor()
            cursor.execute(f"CREATE STAGE lake URL = '{lake.destination}{stage_ends_in}'")
            yield FakeSnow(SnowflakeOnDisk(), lake.destination, "lake", cursor=cursor), lake


@pytest.fixture
def clickhouse(bucket_lake: BucketLake, s3: str) -> Iterator[tuple[EmbeddedClickHouse, BucketLake]]:
    import clickhouse_connect

    client = clickhouse_connect.get_client(interface="chdb")
    name = f"lake_{uuid.uuid4().hex}"
    client.command(f"CREATE DATABASE {name}")
    client.command(f"USE {name}")
    client.command(
        f"CREATE NAMED COLLECTION {name} AS url = '{s3}/{bucket_lake.bucket}/lake/',\n"
        "access_key_id = 'testing', secret_access_key = 'testing'"
    )
    yield EmbeddedClickHouse(ClickHouse(), bucket_lake.destination, name, client=client), bucket_lake
    client.close()


@pytest.fixture
def redshift(server: Any, bucket_lake: BucketLake) -> Iterator[tuple[AsRedshift, BucketLake]]:
    name = f"redshift_{uuid.uuid4().hex[:12]}"
    with server.connect() as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with server.connect(name) as connection:
        engine = AsRedshift(
            Redshift(), bucket_lake.destination, ROLE, connection=connection, client=bucket_lake.client
        )
        engine.define()
        yield engine, bucket_lake


@pytest.fixture
def bigquery(tmp_path: Path) -> Iterator[tuple[DuckDBAsBigQuery, DiskLake]]:
    import duckdb

    lake = DiskLake(tmp_path / "lake")
    with duckdb.connect() as connection:
        yield DuckDBAsBigQuery(BigQueryOnDisk(), lake.destination, connection=connection), lake


@pytest.fixture(
    params=[
        pytest.param("bigquery"),
        pytest.param("redshift", marks=pytest.mark.slow),
        pytest.param("clickhouse", marks=pytest.mark.slow),
        pytest.param("snowflake", marks=pytest.mark.slow),
    ]
)
def engine_and_lake(request: pytest.FixtureRequest) -> Any:
    """Give each warehouse's engine in turn; those that need a server or large packages are slow."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def engine(engine_and_lake: Any) -> Any:
    return engine_and_lake[0]


@pytest.fixture
def lake(engine_and_lake: Any) -> Any:
    return engine_and_lake[1]
