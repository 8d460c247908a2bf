"""The operator, from manifests to rows in Iceberg, and the connection that it reads."""

from __future__ import annotations

import pickle

import pytest
from support.lakehouse import row

from airflow_provider_binance_liq.exceptions import InvalidConnection, WarehouseBusy


@pytest.fixture
def operator():
    from airflow_provider_binance_liq.transfers.object_storage_to_iceberg import (
        ObjectStorageToIcebergOperator,
    )

    def make(*manifests, **parameters):
        given = [manifest.to_dict() for manifest in manifests]
        return ObjectStorageToIcebergOperator(task_id="load", manifests=given, **parameters)

    return make


@pytest.fixture
def connected(iceberg, set_connection):
    """Define a connection to the catalog; what is given overrides its fields and extras."""

    def define(conn_id="ice", extra=(), **fields):
        known = {"conn_type": "iceberg", "host": iceberg.properties["uri"]}
        extras = {"warehouse": iceberg.properties["warehouse"], **dict(extra)}
        return set_connection(conn_id, **{**known, "extra": extras, **fields})

    return define


def test_it_loads_through_the_connection_it_was_given(lake, iceberg, operator, connected):
    conn_id = connected()
    given = {"catalog": "lake", "namespace": "desk.binance", "iceberg_conn_id": conn_id}
    assert operator(lake.lay([row(1), row(2)]), **given).execute({}) == {
        "windows": 1,
        "windows_skipped": 0,
        "rows": 2,
        "inserted": 2,
        "updated": 0,
        "unchanged": 0,
        "missing": 0,
    }
    assert iceberg.values("order_id") == [("1",), ("2",)]


def test_what_no_retry_can_mend_fails_at_once(lake, operator, connected):
    from airflow_provider_binance_liq.compat import AirflowFailException

    with pytest.raises(
        AirflowFailException, match=r"WarehouseError: the Iceberg tables .* price is a, which"
    ):
        operator(lake.lay([row(price='"a"')]), iceberg_conn_id=connected()).execute({})


def test_what_a_retry_can_mend_is_left_to_airflow(lake, operator, connected, monkeypatch):
    from pyiceberg.catalog.sql import SqlCatalog
    from pyiceberg.exceptions import CommitFailedException

    def overtaken(*given):
        message = "Requirement failed: branch main has changed"
        raise CommitFailedException(message)

    monkeypatch.setattr(SqlCatalog, "commit_table", overtaken)
    with pytest.raises(WarehouseBusy, match="branch main has changed"):
        operator(lake.lay([row()]), iceberg_conn_id=connected(), wait_s=0.1).execute({})


def test_without_a_manifest_it_is_skipped(operator, connected):
    from airflow_provider_binance_liq.compat import AirflowSkipException

    with pytest.raises(AirflowSkipException):
        operator(iceberg_conn_id=connected()).execute({})


@pytest.mark.parametrize(
    "wrong", [{"catalog": ""}, {"namespace": "a."}, {"iceberg_conn_id": " "}, {"iceberg_conn_id": 5}]
)
def test_a_parameter_that_is_none_is_named(lake, operator, wrong):
    from airflow_provider_binance_liq.compat import AirflowFailException

    with pytest.raises(AirflowFailException, match=next(iter(wrong))):
        operator(lake.lay([]), **wrong).execute({})


def test_its_parameters_are_templated():
    from airflow_provider_binance_liq.transfers.object_storage_to_iceberg import (
        ObjectStorageToIcebergOperator,
    )

    fields = ("manifests", "destination", "catalog", "namespace", "iceberg_conn_id")
    assert ObjectStorageToIcebergOperator.template_fields == fields


# --- the connection --------------------------------------------------------------------------------------


def properties(conn_id):
    from airflow_provider_binance_liq.warehouse.iceberg import read_connection

    return read_connection(conn_id)


def test_a_rest_catalogs_user_is_its_credential(connected):
    conn_id = connected(
        host="https://catalog.example/ws", login="a-client", password="a-secret", extra={"scope": "all"}
    )
    found = properties(conn_id)
    assert (found["uri"], found["credential"]) == ("https://catalog.example/ws", "a-client:a-secret")
    assert found["scope"] == "all"
    assert properties(connected(host="https://catalog.example", password="only"))["credential"] == "only"


def test_a_databases_user_goes_into_its_uri_whatever_its_password_holds(connected):
    uri = "postgresql+psycopg2://db.example:5432/catalog"
    found = properties(connected(host=uri, login="reader", password="p@ss/w:rd"))
    assert found["uri"] == "postgresql+psycopg2://reader:p%40ss%2Fw%3Ard@db.example:5432/catalog"
    assert "credential" not in found


def test_a_catalog_without_an_address_takes_its_type_and_properties_from_the_extra(connected):
    extra = {
        "type": "glue",
        "glue.region": "eu-west-1",
        "s3.path-style-access": True,
        "glue.id": "",
        "x": None,
    }
    assert (
        properties(connected(host="", extra=extra)).items()
        >= {
            "type": "glue",
            "glue.region": "eu-west-1",
            "s3.path-style-access": "true",
        }.items()
    )
    assert {"glue.id", "x", "uri"}.isdisjoint(properties(connected(host="", extra=extra)))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"host": "catalog.example"}, "whole URI"),
        ({"host": "postgresql+psycopg2://me:s3cr3t@db.example/catalog"}, "put it into the field password"),
        (
            {"host": "thrift://metastore.example:9083", "login": "me", "password": "s3cr3t"},
            "belong to a catalog",
        ),
        ({"extra": {"s3": {"endpoint": "s3cr3t"}}}, "s3 in the extra holds more than one value"),
    ],
)
def test_a_field_that_does_not_fit_is_named_and_no_secret_reported(connected, fields, said):
    with pytest.raises(InvalidConnection, match=said) as caught:
        properties(connected(**fields))
    assert "s3cr3t" not in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_connection_that_is_not_there_is_named():
    with pytest.raises(InvalidConnection, match="gone_for_good"):
        properties("gone_for_good")


def test_what_is_secret_in_a_connection_is_masked_in_logs(connected, monkeypatch):
    import airflow.sdk.log

    masked = []
    monkeypatch.setattr(airflow.sdk.log, "mask_secret", lambda secret, *_: masked.append(secret))
    extra = {"s3.secret-access-key": "an0ther-s3cr3t", "s3.region": "eu-west-1"}
    properties(connected(host="https://catalog.example", login="id", password="p@ss-word", extra=extra))
    assert {"an0ther-s3cr3t", "id:p@ss-word", "p%40ss-word"} <= {
        one for one in masked if isinstance(one, str)
    }
