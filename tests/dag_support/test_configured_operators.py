"""What a task was handed by XCom is in the Variable, or it is not used: also after a deferral."""

from __future__ import annotations

import json

import pytest

from airflow_provider_binance_liq.compat import AirflowFailException, AirflowSkipException
from airflow_provider_binance_liq.dag_support.operators import (
    ConfiguredExtractOperator,
    ConfiguredLoadOperator,
)
from airflow_provider_binance_liq.dag_support.run_parameters import check_narrowed
from airflow_provider_binance_liq.exceptions import InvalidRequest

VARIABLE = "binance_liquidations"
LISTED = {"connections": ["desk"], "destination": ["file:///lake", "file:///other"], "database": "/w.duckdb"}
EXTRACT = {"destination": "file:///lake", "binance_conn_id": "desk", "endpoint": "margin"}
LOAD = {"manifests": [], "destination": "file:///lake", "warehouse": {"database": "/w.duckdb"}}


@pytest.fixture(autouse=True)
def variable(monkeypatch):
    monkeypatch.setenv(f"AIRFLOW_VAR_{VARIABLE.upper()}", json.dumps(LISTED))


@pytest.mark.parametrize("other", [{"destination": "s3://elsewhere/lake"}, {"binance_conn_id": "another"}])
@pytest.mark.parametrize("begin", ["execute", "resume"])
def test_an_extraction_is_checked_at_its_start_and_after_each_deferral(begin, other):
    operator = ConfiguredExtractOperator(task_id="extract", variable=VARIABLE, **(EXTRACT | other))
    with pytest.raises(AirflowFailException, match="which the settings do not have"):
        getattr(operator, begin)({})


@pytest.mark.parametrize(
    ("handed", "parameters"),
    [
        ({"symbols": ["BTCUSDT"]}, {}),
        ({"symbols": ["BTCUSDT"]}, {"symbols": ["BTCUSDT", "ETHUSDT"]}),
        ({}, {"symbols": ["BTCUSDT"]}),
        ({"start": "2026-10-01T00:00:00Z", "end": "2026-10-01T01:00:00Z"}, {}),
        ({"retention_days": 3650}, {}),
        ({"endpoint": "usdm_futures", "auto_close_type": "ADL"}, {}),
    ],
)
def test_what_makes_an_extraction_less_is_refused_if_the_run_did_not_ask_for_it(
    handed, parameters, monkeypatch
):
    monkeypatch.setenv(
        f"AIRFLOW_VAR_{VARIABLE.upper()}", json.dumps(LISTED | {"endpoints": ["margin", "usdm_futures"]})
    )
    operator = ConfiguredExtractOperator(task_id="extract", variable=VARIABLE, **(EXTRACT | handed))
    with pytest.raises(AirflowFailException, match=r"neither the run's parameters nor the DAG's file have"):
        operator.execute({"params": parameters})


def test_what_the_run_asked_for_or_the_dag_says_of_all_is_not_refused():
    handed = {"symbols": ["BTCUSDT"], "start": "a", "end": "b", "retention_days": 30, "auto_close_type": None}
    parameters = {"symbols": ["BTCUSDT"], "start": "a", "end": "b"}
    check_narrowed(handed, parameters, {"retention_days": 30})
    with pytest.raises(InvalidRequest, match="retention_days is 30"):
        check_narrowed(handed, parameters, {})


@pytest.mark.parametrize(
    "other",
    [
        {"destination": None},
        {"destination": []},
        {"destination": ["file:///lake", None]},
        {"destination": ["file:///lake", ["file:///elsewhere"]]},
        {"destination": {"file:///lake": 1}},
        {"warehouse": {"database": "/elsewhere.duckdb"}},
        {"warehouse": {"unknown": "/w.duckdb"}},
        {"warehouse": None},
        {"warehouse": "/w.duckdb"},
    ],
)
def test_a_load_is_refused_where_anything_is_not_in_the_variable_or_missing(other):
    operator = ConfiguredLoadOperator(task_id="load", variable=VARIABLE, **(LOAD | other))
    with pytest.raises(AirflowFailException, match="which the settings do not have"):
        operator.execute({})


def test_what_is_in_the_variable_is_not_refused():
    with pytest.raises(AirflowSkipException, match="no manifest"):
        ConfiguredLoadOperator(task_id="load", variable=VARIABLE, **LOAD).execute({})


def test_what_the_dag_gives_all_mapped_tasks_is_known_in_each_of_them():
    from airflow.sdk import DAG

    with DAG("one", schedule=None):
        mapped = ConfiguredExtractOperator.partial(
            task_id="extract", variable=VARIABLE, retention_days=30
        ).expand_kwargs([EXTRACT])
    operator = mapped.unmap(EXTRACT)
    assert operator.retention_days == 30
    assert operator._authored()["retention_days"] == 30
