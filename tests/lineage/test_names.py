"""Names of datasets: those of OpenLineage's conventions, with no connection, user or password in them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from support.lakehouse import row

from airflow_provider_binance_liq.lineage.names import Name, _without_user, name_object, name_tables
from airflow_provider_binance_liq.warehouse.duckdb import DuckDB
from airflow_provider_binance_liq.warehouse.postgres import Postgres
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS

TABLES = (LIQUIDATIONS.name, WINDOWS.name)


@pytest.mark.parametrize(
    ("uri", "namespace", "name"),
    [
        ("s3://bucket/lake/x.ndjson", "s3://bucket", "lake/x.ndjson"),
        ("s3://aws_default@bucket/lake/x.ndjson", "s3://bucket", "lake/x.ndjson"),
        ("s3a://aws_default@bucket/x.ndjson", "s3://bucket", "x.ndjson"),
        ("gs://google_cloud_default@bucket/lake/x.ndjson", "gs://bucket", "lake/x.ndjson"),
        ("gcs://bucket/lake/x.ndjson", "gs://bucket", "lake/x.ndjson"),
        ("file:///lake/a=b/x y?.ndjson", "file", "/lake/a=b/x y?.ndjson"),
        ("local:///lake/x.ndjson", "file", "/lake/x.ndjson"),
        ("/lake/x.ndjson", "file", "/lake/x.ndjson"),
        ("file:/lake/x.ndjson", "file", "/lake/x.ndjson"),
    ],
)
def test_an_object_is_named_by_its_store_without_the_connection(uri, namespace, name):
    assert name_object(uri) == Name(namespace, name)


@pytest.mark.parametrize("scheme", ["abfs", "abfss"])
def test_an_object_in_azure_is_named_by_its_container_and_account(monkeypatch, scheme):
    from airflow.sdk import ObjectStoragePath

    monkeypatch.setattr(ObjectStoragePath, "fs", SimpleNamespace(account_name="desk"))
    named = name_object(f"{scheme}://azure@lake/day/x.ndjson")
    assert named == Name("abfss://lake@desk.dfs.core.windows.net", "day/x.ndjson")


def test_an_object_in_azure_is_named_by_its_container_alone_where_the_account_is_not_known():
    assert name_object("abfss://azure@lake/day/x.ndjson") == Name("abfss://lake", "day/x.ndjson")


@pytest.mark.parametrize("file", ["liquidations.duckdb", "ware.house.db", "plain"])
def test_a_table_in_a_file_of_duckdb_is_named_as_duckdb_itself_names_it(tmp_path, file):
    import duckdb

    path = tmp_path / file
    with duckdb.connect(str(path)) as connection:
        ((catalog, schema),) = connection.execute("SELECT current_database(), current_schema()").fetchall()
    (named, _) = name_tables(DuckDB(str(path)), TABLES)
    assert named == Name(f"duckdb://{path}", f"{catalog}.{schema}.binance_liquidations")


def test_a_table_in_motherduck_is_named_without_the_token():
    (named,) = name_tables(DuckDB("md:desk?motherduck_token=geheim"), [WINDOWS.name])
    assert named == Name("duckdb://md:desk", "desk.main.binance_liquidation_windows")


@pytest.mark.parametrize(("schema", "found"), [(None, "public"), ("desk", "desk")])
def test_a_table_in_postgresql_is_named_by_server_database_and_schema(postgres, schema, found):
    (_, named) = name_tables(Postgres("ware_house", schema), TABLES)
    assert named.namespace.startswith("postgres://")
    assert "@" not in named.namespace
    assert named.name == f"ware house.{found}.binance_liquidation_windows"


def test_a_table_of_postgresql_on_the_network_has_the_name_that_airflows_own_operators_give(set_connection):
    set_connection(
        "desk_db", conn_type="postgres", host="db.example", login="u", password="geheim", schema="liq"
    )
    (named,) = name_tables(Postgres("desk_db", "desk"), [WINDOWS.name])
    assert named == Name("postgres://db.example:5432", "liq.desk.binance_liquidation_windows")


def test_a_table_of_iceberg_is_named_by_its_files_and_has_its_name_in_the_catalog_as_well(iceberg, lake):
    iceberg.load(lake.lay([row(1)]))
    (named, _) = name_tables(iceberg.engine(), TABLES)
    assert (named.namespace, "file://" + named.name) == ("file", iceberg.table().location())
    assert named.symlink == Name(f"sqlite:///{iceberg.path}/catalog.db", "desk.binance.binance_liquidations")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "postgresql+psycopg2://user:geheim@db:5432/catalog?password=geheim",
            "postgresql+psycopg2://db:5432/catalog",
        ),
        ("https://user:ge@heim@catalog.example/v1?token=geheim#geheim", "https://catalog.example/v1"),
        ("", ""),
    ],
)
def test_the_url_of_a_catalog_is_shown_without_user_and_parameters(url, shown):
    assert _without_user(url) == shown
