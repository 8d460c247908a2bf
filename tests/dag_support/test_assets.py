"""The assets of the sample DAGs: known when a DAG file is read, also where the Variable is wrong."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import Asset
from support.partitions import with_partitions

from airflow_provider_binance_liq.compat import HAS_PARTITIONS
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.dag_support.assets import outlets_of, proven_days

NAME = "binance_liquidations"


@pytest.fixture
def variable(monkeypatch):
    return lambda text: monkeypatch.setenv(f"AIRFLOW_VAR_{NAME.upper()}", text)


def names(outlets):
    return [one.name for one in outlets]


def split(outlets):
    """The assets of endpoints, and those of connections; none is an alias."""
    assert {type(one) for one in outlets} == {Asset}
    return outlets[: len(ENDPOINTS)], outlets[len(ENDPOINTS) :]


def test_each_connection_and_endpoint_of_the_variable_has_its_assets(variable):
    portfolio = {"binance_conn_id": "pm", "endpoints": ["portfolio_um"]}
    classic = ["usdm_futures", "coinm_futures", "margin"]
    variable(json.dumps({"connections": ["desk", portfolio], "endpoints": classic}))
    of_endpoints, assets = split(outlets_of(NAME))
    assert names(of_endpoints) == [f"{NAME}_{name}" for name in ENDPOINTS]
    of_extractions = [one.name for one in assets if not one.name.endswith("_proven_days")]
    assert of_extractions == [
        "binance_liquidations_desk_usdm_futures",
        "binance_liquidations_desk_coinm_futures",
        "binance_liquidations_desk_margin",
        "binance_liquidations_pm_portfolio_um",
    ]
    assert [one.group for one in assets if "_pm_" in one.name] == ["binance_liquidations_pm"] * (
        1 + HAS_PARTITIONS
    )


@pytest.mark.parametrize("text", ["{", "[]", '{"endpoints": ["spot"]}', '{"unknown": 1}'])
def test_a_variable_that_is_wrong_breaks_no_dag_file(variable, text):
    variable(text)
    assert split(outlets_of(NAME))[1] == []
    assert proven_days(NAME, ["margin"]) == []


def test_where_no_variable_can_be_read_there_are_the_assets_of_the_endpoints_alone(monkeypatch):
    from airflow.sdk import Variable

    def unreachable(*_, **__):
        raise ConnectionError("the secrets backend does not answer")

    monkeypatch.setattr(Variable, "get", unreachable)
    assert split(outlets_of(NAME))[1] == []


@with_partitions
def test_proven_days_are_those_of_the_endpoints_that_are_wanted(variable):
    variable(json.dumps({"connections": ["desk", "fund"]}))
    found = names(proven_days(NAME, ["margin", "usdm_futures"]))
    assert found == [
        f"binance_liquidations_{conn_id}_{endpoint}_proven_days"
        for conn_id in ("desk", "fund")
        for endpoint in ("usdm_futures", "margin")
    ]
