"""What an extraction tells OpenLineage: it is executed, and then asked as Airflow asks it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from support.lineage import INTERVAL, members, names, told

from airflow_provider_binance_liq.compat import (
    AirflowFailException,
    AirflowSkipException,
)
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.manifest import Proof
from airflow_provider_binance_liq.core.premises import StatedPremise
from airflow_provider_binance_liq.simulator import Fault


def test_an_extraction_reports_the_endpoint_and_the_object_with_rows_bytes_checksum_and_verdict(
    extract, exchange, tmp_path
):
    task = extract()
    manifest = task.execute(INTERVAL)
    (source,), (written,), run = told(task)
    assert (source["namespace"], source["name"]) == (exchange.url, "/fapi/v1/forceOrders")
    assert (written["namespace"], f"file://{written['name']}") == ("file", manifest["object"]["uri"])
    stored, facets = manifest["object"], written["facets"]
    assert members(written["outputFacets"]["outputStatistics"]) == {"rowCount": 1, "size": stored["bytes"]}
    assert members(facets["version"]) == {"datasetVersion": stored["sha256"]}
    assert members(facets["lifecycleStateChange"]) == {"lifecycleStateChange": "OVERWRITE"}
    for dataset in (source, written):
        fields = [field["name"] for field in dataset["facets"]["schema"]["fields"]]
        assert fields == list(ENDPOINTS["usdm_futures"].fields)
    facet = facets["binanceLiq_extraction"]
    assert facet["verdict"] == "complete_with_premises"
    assert facet["window"] == manifest["window"]
    assert {name: facet["object"][name] for name in ("rows", "bytes", "sha256")} == {
        name: stored[name] for name in ("rows", "bytes", "sha256")
    }
    assert [one["code"] for one in facet["proof"]["premises"]] == [
        one["code"] for one in manifest["proof"]["premises"]
    ]
    assert run == {}


def test_an_object_that_was_proven_before_is_reported_as_it_is_but_not_as_written(extract, now):
    extract().execute(INTERVAL)
    now.shift(timedelta(hours=1))
    task = extract(keep_proven=True)
    task.execute(INTERVAL)
    _, (kept,), _ = told(task)
    assert "outputStatistics" not in kept["outputFacets"]
    assert "lifecycleStateChange" not in kept["facets"]
    assert kept["facets"]["binanceLiq_extraction"]["object"]["rows"] == 1


def test_an_extraction_that_failed_reports_what_it_was_reading(extract, exchange):
    exchange.add_fault(Fault("http_401_2015", times=None))
    task = extract()
    with pytest.raises(AirflowFailException):
        task.execute(INTERVAL)
    inputs, outputs, _ = told(task)
    assert (names(inputs), outputs) == ([(exchange.url, "/fapi/v1/forceOrders")], [])


def test_an_extraction_that_was_skipped_reports_what_it_would_have_read(extract, exchange):
    task = extract(start="2026-01-01T00:00:00Z", end="2026-01-02T00:00:00Z", beyond_retention="skip")
    with pytest.raises(AirflowSkipException):
        task.execute({})
    inputs, outputs, _ = told(task)
    assert (names(inputs), outputs) == ([(exchange.url, "/fapi/v1/forceOrders")], [])


def test_a_task_that_did_not_get_as_far_as_the_connection_reports_nothing(extract):
    task = extract(binance_conn_id="not_there")
    with pytest.raises(AirflowFailException, match="connection 'not_there' does not exist"):
        task.execute(INTERVAL)
    assert told(task) == ([], [], {})


def test_a_task_that_was_deferred_reports_all_of_it_once_it_is_resumed(extract, exchange, now):
    exchange.add_fault(Fault("http_418", seconds=600))
    first = extract()
    with pytest.raises(TaskDeferred) as deferred:
        first.execute(INTERVAL)
    assert told(first)[1] == []
    moment = deferred.value.trigger.serialize()[1]["moment"]
    now.move_to(moment)
    # Airflow reads the DAG file again, so it is another object that resumes.
    task = extract()
    task.resume(INTERVAL, moment, **deferred.value.kwargs)
    inputs, (written,), _ = told(task)
    assert names(inputs) == [(exchange.url, "/fapi/v1/forceOrders")]
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 1


def test_nothing_reported_has_the_key_the_secret_or_a_signature(extract, exchange):
    task = extract()
    task.execute(INTERVAL)
    text = json.dumps(told(task))
    credentials = exchange.credentials()
    assert not [one for one in (credentials.api_key, credentials.secret, "signature") if one in text]


PROVEN = Proof(complete=True, pages=1, requests=1, weight=50, method="a page shorter than 100")
OBSERVED, ASSUMED = (StatedPremise("rows_settled", status) for status in ("observed", "assumed"))


@pytest.mark.parametrize(
    ("proof", "verdict"),
    [
        (PROVEN, "complete"),
        (replace(PROVEN, premises=(OBSERVED,)), "complete"),
        (replace(PROVEN, premises=(OBSERVED, ASSUMED)), "complete_with_premises"),
        (
            replace(PROVEN, complete=False, premises=(ASSUMED,), incomplete_reasons=("rows_settled",)),
            "incomplete",
        ),
    ],
)
def test_a_verdict_is_one_word_for_what_the_proof_says(proof, verdict):
    from airflow_provider_binance_liq.lineage.facets import verdict_of

    assert verdict_of(proof) == verdict
