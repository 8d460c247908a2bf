"""The assets of the sample DAGs: known when a DAG file is read, also where the Variable is wrong."""

from __future__ import annotations

import json

import pytest
from airflow.sdk import AssetAlias

from airflow_provider_binance_liq.compat import HAS_PARTITIONS
from airflow_provider_binance_liq.dag_support.assets import outlets_of, proven_days

NAME = "binance_liquidations"


@pytest.fixture
def variable(monkeypatch):
    return lambda text: monkeypatch.setenv(f"AIRFLOW_VAR_{NAME.upper()}", text)


def names(outlets):
    return [one.name for one in outlets]


def test_each_connection_and_endpoint_of_the_variable_has_its_assets(variable):
    variable(json.dumps({"connections": ["desk", {"binance_conn_id": "pm", "endpoints": ["portfolio_um"]}]}))
    alias, *assets = outlets_of(NAME)
    assert isinstance(alias, AssetAlias)
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
    assert names(outlets_of(NAME)) == [NAME]
    assert proven_days(NAME, ["margin"]) == []


def test_where_no_variable_can_be_read_there_is_the_alias_alone(monkeypatch):
    from airflow.sdk import Variable

    def unreachable(*_, **__):
        raise ConnectionError("the secrets backend does not answer")

    monkeypatch.setattr(Variable, "get", unreachable)
    assert names(outlets_of(NAME)) == [NAME]


@pytest.mark.skipif(not HAS_PARTITIONS, reason="Airflow has partitions of assets since 3.3")
def test_proven_days_are_those_of_the_endpoints_that_are_wanted(variable):
    variable(json.dumps({"connections": ["desk", "fund"]}))
    found = names(proven_days(NAME, ["margin", "usdm_futures"]))
    assert found == [
        f"binance_liquidations_{conn_id}_{endpoint}_proven_days"
        for conn_id in ("desk", "fund")
        for endpoint in ("usdm_futures", "margin")
    ]
