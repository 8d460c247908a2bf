"""The settings of the sample DAGs for clouds: every member, and what is refused."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.dag_support.cloud_settings import read_cloud_settings
from airflow_provider_binance_liq.dag_support.extraction_settings import per_endpoint
from airflow_provider_binance_liq.exceptions import InvalidRequest
from airflow_provider_binance_liq.warehouse.clouds.prepare import get_warehouse

LAKE = {"destination": "s3://b/lake", "via": "lake"}
BIGQUERY = {"destination": "gs://b/lake", "project": "desk", "dataset": "binance"}


def read(name="snowflake", **members):
    return read_cloud_settings(get_warehouse(name), LAKE | members)


def test_there_is_an_extraction_per_connection_and_endpoint():
    fund = {"binance_conn_id": "fund", "endpoints": ["portfolio_um"], "accept_premises": ["isolated_rows"]}
    found = read(connections=["desk", fund], endpoints=["margin", "usdm_futures"], compression="gzip")
    common = {"destination": "s3://b/lake", "compression": "gzip"}
    assert per_endpoint(found.per_connection(destination=found.destination)) == [
        {"binance_conn_id": "desk", "endpoint": "usdm_futures"} | common,
        {"binance_conn_id": "desk", "endpoint": "margin"} | common,
        {"binance_conn_id": "fund", "endpoint": "portfolio_um", "accept_premises": ["isolated_rows"]}
        | common,
    ]


@pytest.mark.parametrize(
    ("name", "members", "conn_id"),
    [
        ("snowflake", {}, "snowflake_default"),
        ("clickhouse", {}, "clickhouse_default"),
        ("redshift", {"via": "arn:aws:iam::123456789012:role/r"}, "redshift_default"),
        ("bigquery", BIGQUERY | {"via": ""}, "google_cloud_default"),
        ("snowflake", {"conn_id": "desk"}, "desk"),
    ],
)
def test_the_connection_is_the_usual_one_of_its_provider_unless_another_is_named(name, members, conn_id):
    assert read(name, **members).conn_id == conn_id


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"destination": "file:///lake"}, "destination is 'file:///lake'; snowflake reads s3, gs"),
        ({"destination": None}, "destination is missing; it takes a URL"),
        ({"destination": ["s3://b/lake"]}, "destination is ['s3://b/lake']; it takes a URL"),
        ({"via": "@lake"}, "via is '@lake'"),
        ({"via": 5}, "via is 5; it takes a text"),
        ({"conn_id": " "}, "conn_id is ' '; it takes the id of a connection"),
        ({"endpoint": "margin"}, "unknown member 'endpoint'; choose one of connections"),
        ({"endpoints": "margin"}, "endpoints is 'margin'; it takes a list"),
        ({"endpoints": ["spot"]}, "unknown endpoint 'spot'"),
        ({"connections": []}, "connections is []; it takes a list, not empty"),
        ({"compression": "zip"}, "compression is 'zip'; it takes gzip or null"),
        ({"dataset": "binance"}, "unknown member 'dataset'"),
    ],
)
def test_a_member_that_is_unknown_or_wrong_is_refused_and_named(members, message):
    with pytest.raises(InvalidRequest) as refused:
        read(**members)
    assert message in str(refused.value)


def test_bigquery_needs_to_know_where_its_tables_are():
    assert read("bigquery", **BIGQUERY, via="").dataset == "binance"
    with pytest.raises(InvalidRequest, match="dataset is missing; it takes the name of a dataset"):
        read("bigquery", **(BIGQUERY | {"via": "", "dataset": None}))


@pytest.mark.parametrize("variable", [None, {}])
def test_a_variable_that_is_not_there_is_refused(variable):
    with pytest.raises(InvalidRequest, match="destination is missing"):
        read_cloud_settings(get_warehouse("snowflake"), variable)
