"""The operator, from manifests to rows in PostgreSQL, by a connection of Airflow's."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.exceptions import WarehouseBusy


@pytest.fixture
def operator():
    from airflow_provider_binance_liq.transfers.object_storage_to_postgres import (
        ObjectStorageToPostgresOperator,
    )

    def make(*manifests, **parameters):
        given = [manifest.to_dict() for manifest in manifests]
        return ObjectStorageToPostgresOperator(task_id="load", manifests=given, **parameters)

    return make


def test_it_loads_through_the_connection_it_was_given(postgres, lake, row, operator, set_connection):
    set_connection("elsewhere", **postgres.connection())

    summary = operator(lake.lay([row(1), row(2)]), postgres_conn_id="elsewhere").execute({})

    assert summary == {
        "windows": 1,
        "windows_skipped": 0,
        "rows": 2,
        "inserted": 2,
        "updated": 0,
        "unchanged": 0,
        "missing": 0,
    }
    assert postgres.values("order_id") == [("1",), ("2",)]


def test_without_a_word_it_takes_airflows_default_connection(postgres, lake, row, operator, set_connection):
    set_connection("postgres_default", **postgres.connection())

    assert operator(lake.lay([row()])).execute({})["inserted"] == 1


def test_it_loads_into_the_schema_it_was_given(postgres, lake, row, operator):
    postgres.query("CREATE SCHEMA desk")
    try:
        operator(lake.lay([row()]), postgres_conn_id="ware_house", schema="desk").execute({})

        assert postgres.query("SELECT order_id FROM desk.binance_liquidations") == [(1,)]
    finally:
        postgres.query("DROP SCHEMA desk CASCADE")


def test_what_no_retry_can_mend_fails_at_once(postgres, lake, row, operator):
    from airflow_provider_binance_liq.compat import AirflowFailException

    with pytest.raises(AirflowFailException, match=r"WarehouseError: PostgreSQL .* price is a, which"):
        operator(lake.lay([row(price='"a"')]), postgres_conn_id="ware_house").execute({})


def test_what_a_retry_can_mend_is_left_to_airflow(postgres, lake, row, operator):
    postgres.load(lake.lay([]))
    with postgres.connect() as other, other.transaction():
        other.execute("LOCK TABLE binance_liquidations")

        with pytest.raises(WarehouseBusy):
            operator(lake.lay([row()]), postgres_conn_id="ware_house", wait_s=0.1).execute({})


def test_without_a_manifest_it_is_skipped(operator):
    from airflow_provider_binance_liq.compat import AirflowSkipException

    with pytest.raises(AirflowSkipException):
        operator().execute({})


@pytest.mark.parametrize("wrong", [{"postgres_conn_id": " "}, {"schema": ""}, {"schema": 5}])
def test_a_parameter_that_is_none_is_named(lake, operator, wrong):
    from airflow_provider_binance_liq.compat import AirflowFailException

    with pytest.raises(AirflowFailException, match=next(iter(wrong))):
        operator(lake.lay([]), **wrong).execute({})


def test_its_parameters_are_templated():
    from airflow_provider_binance_liq.transfers.object_storage_to_postgres import (
        ObjectStorageToPostgresOperator,
    )

    assert ObjectStorageToPostgresOperator.template_fields == (
        "manifests",
        "destination",
        "postgres_conn_id",
        "schema",
    )
