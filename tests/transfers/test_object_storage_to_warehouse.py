"""The operator whose warehouse the settings of a run name: DuckDB or PostgreSQL, and nothing in between."""

from __future__ import annotations

import pytest
from support.lakehouse import row


def operator(warehouse, **parameters):
    from airflow_provider_binance_liq.transfers.object_storage_to_warehouse import (
        ObjectStorageToWarehouseOperator,
    )

    return ObjectStorageToWarehouseOperator(task_id="load", warehouse=warehouse, **parameters)


@pytest.mark.parametrize("absent", [{}, {"postgres_conn_id": None, "schema": None}])
def test_it_loads_into_duckdb_where_a_database_is_named(lake, warehouse, absent):
    manifests = [lake.lay([row(1), row(2)]).to_dict()]
    task = operator({"database": str(warehouse.path)} | absent, manifests=manifests)
    assert task.execute({})["inserted"] == 2
    assert warehouse.values("order_id") == [("1",), ("2",)]


@pytest.mark.parametrize("schema", [None, "desk"])
def test_it_loads_into_postgresql_where_a_connection_is_named(schema, monkeypatch):
    from airflow_provider_binance_liq.warehouse import postgres

    monkeypatch.setattr(postgres, "Postgres", lambda *given: given)
    named = {"database": None, "postgres_conn_id": "desk_db", "schema": schema}
    assert operator(named, manifests=[], wait_s=7).engine() == ("desk_db", schema, 7)


@pytest.mark.parametrize(
    ("warehouse", "has"),
    [
        ({}, "no member"),
        ({"database": None}, "no member"),
        ({"schema": "desk"}, "schema"),
        ({"database": "/x.duckdb", "postgres_conn_id": "desk_db"}, "database, postgres_conn_id"),
        ({"database": "/x.duckdb", "schema": "desk"}, "database, schema"),
        ({"snowflake_conn_id": "desk"}, "snowflake_conn_id"),
    ],
)
def test_what_names_no_warehouse_or_two_fails_at_once(lake, warehouse, has):
    from airflow_provider_binance_liq.compat import AirflowFailException

    with pytest.raises(AirflowFailException, match=f"InvalidRequest: warehouse has {has}; it takes database"):
        operator(warehouse, manifests=lake.lay([]).to_dict()).execute({})


def test_a_database_that_is_none_fails_at_once(lake):
    from airflow_provider_binance_liq.compat import AirflowFailException

    with pytest.raises(AirflowFailException, match="InvalidRequest: database is ' '"):
        operator({"database": " "}, manifests=lake.lay([]).to_dict()).execute({})


def test_its_parameters_are_templated():
    task = operator({"database": "/data/{{ ds }}.duckdb"}, manifests="{{ params.manifests }}")
    assert set(task.template_fields) == {"manifests", "destination", "warehouse"}
    task.render_template_fields({"ds": "2026-10-10", "params": {"manifests": "[]"}})
    assert (task.manifests, task.warehouse) == ("[]", {"database": "/data/2026-10-10.duckdb"})
