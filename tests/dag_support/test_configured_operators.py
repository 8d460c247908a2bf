"""What a task was handed by XCom is in the Variable, or it is not used: also after a deferral."""

from __future__ import annotations

import json

import pytest

from airflow_provider_binance_liq.compat import AirflowFailException, AirflowSkipException
from airflow_provider_binance_liq.dag_support.operators import (
    ConfiguredExtractOperator,
    ConfiguredLoadOperator,
)

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
