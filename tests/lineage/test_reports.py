"""What the operators tell OpenLineage: each is executed, and then asked as Airflow asks it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from airflow.providers.common.compat.sdk import TaskDeferred
from openlineage.client.event_v2 import InputDataset, OutputDataset
from support import other_kinds
from support.lakehouse import row, tampered
from support.lineage import SCHEMA, check_datasets, check_facet, plain
from support.rows import numbered_row

from airflow_provider_binance_liq.compat import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSkipException,
)
from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.manifest import Manifest, Proof
from airflow_provider_binance_liq.core.premises import StatedPremise
from airflow_provider_binance_liq.core.windows import epoch_ms
from airflow_provider_binance_liq.operators.liquidations import LiquidationsToObjectStorageOperator
from airflow_provider_binance_liq.simulator import ExplicitHistory, Fault, Settings, Simulator
from airflow_provider_binance_liq.transfers.object_storage_to_duckdb import ObjectStorageToDuckDBOperator
from airflow_provider_binance_liq.transfers.object_storage_to_warehouse import (
    ObjectStorageToWarehouseOperator,
)
from airflow_provider_binance_liq.warehouse.schema import Kind

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 10, 12, 9, 30, tzinfo=UTC)
DAY = datetime(2026, 10, 10, tzinfo=UTC)
INTERVAL = {"data_interval_start": DAY, "data_interval_end": DAY + timedelta(days=1)}


@pytest.fixture
def now():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def exchange(now):
    rows = {"usdm_futures": [numbered_row("usdm_futures", 1, epoch_ms(DAY))]}
    with Simulator(Settings(seed=5), history=ExplicitHistory(rows)) as running:
        yield running


@pytest.fixture
def extract(exchange, connect_to, tmp_path):
    def make(**given):
        connect_to(exchange, extra={"account": "desk", "timeout_s": 2})
        known = {"endpoint": "usdm_futures", "destination": f"file://{tmp_path}/lake"}
        return LiquidationsToObjectStorageOperator(task_id="extract", **(known | given))

    return make


def told(task):
    """Ask a task as Airflow does once it has ended; whatever it tells is valid."""
    lineage = plain(task.get_openlineage_facets_on_complete(object()))
    check_datasets(lineage["inputs"], InputDataset)
    check_datasets(lineage["outputs"], OutputDataset)
    for facet in lineage["run_facets"].values():
        check_facet(facet)
    return lineage["inputs"], lineage["outputs"], lineage["run_facets"]


def names(datasets):
    return [(one["namespace"], one["name"]) for one in datasets]


def members(facet):
    """What a facet says, without who says it."""
    return {name: value for name, value in facet.items() if not name.startswith("_")}


# --- extracting -----------------------------------------------------------------------------------------


def test_an_extraction_tells_the_endpoint_and_the_object_with_rows_bytes_checksum_and_verdict(
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


def test_an_object_that_was_proven_before_is_told_as_it_is_but_not_as_written(extract, now):
    extract().execute(INTERVAL)
    now.shift(timedelta(hours=1))
    task = extract(keep_proven=True)
    task.execute(INTERVAL)
    _, (kept,), _ = told(task)
    assert "outputStatistics" not in kept["outputFacets"]
    assert "lifecycleStateChange" not in kept["facets"]
    assert kept["facets"]["binanceLiq_extraction"]["object"]["rows"] == 1


def test_an_extraction_that_failed_tells_what_it_was_reading(extract, exchange):
    exchange.add_fault(Fault("http_401_2015", times=None))
    task = extract()
    with pytest.raises(AirflowFailException):
        task.execute(INTERVAL)
    inputs, outputs, _ = told(task)
    assert (names(inputs), outputs) == ([(exchange.url, "/fapi/v1/forceOrders")], [])


def test_an_extraction_that_was_skipped_tells_what_it_would_have_read(extract, exchange):
    task = extract(start="2026-01-01T00:00:00Z", end="2026-01-02T00:00:00Z", beyond_retention="skip")
    with pytest.raises(AirflowSkipException):
        task.execute({})
    inputs, outputs, _ = told(task)
    assert (names(inputs), outputs) == ([(exchange.url, "/fapi/v1/forceOrders")], [])


def test_a_task_that_did_not_get_as_far_as_the_connection_tells_nothing(extract):
    task = extract(binance_conn_id="not_there")
    with pytest.raises(AirflowNotFoundException):
        task.execute(INTERVAL)
    assert told(task) == ([], [], {})


def test_a_task_that_was_deferred_tells_all_of_it_once_it_is_resumed(extract, exchange, now):
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


def test_nothing_told_has_the_key_the_secret_or_a_signature(extract, exchange):
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


# --- loading --------------------------------------------------------------------------------------------


def load(lake, *manifests, **given):
    known = {"task_id": "load", "database": str(lake.directory.parent / "liquidations.duckdb")} | given
    return ObjectStorageToDuckDBOperator(manifests=[one.to_dict() for one in manifests], **known)


def test_a_load_tells_the_objects_and_the_tables_with_their_columns(lake):
    first, second = lake.lay([row(1), row(2)]), lake.lay([], day=11, complete=False)
    task = load(lake, first, second)
    summary = task.execute({})
    inputs, outputs, run = told(task)
    assert names(inputs) == [("file", one.object.uri.removeprefix("file://")) for one in (first, second)]
    read = [members(one["inputFacets"]["inputStatistics"]) for one in inputs]
    assert read == [{"rowCount": one.object.rows, "size": one.object.bytes} for one in (first, second)]
    assert [one["facets"]["binanceLiq_extraction"]["verdict"] for one in inputs] == ["complete", "incomplete"]
    namespace = f"duckdb://{lake.directory.parent}/liquidations.duckdb"
    assert names(outputs) == [
        (namespace, "liquidations.main.binance_liquidations"),
        (namespace, "liquidations.main.binance_liquidation_windows"),
    ]
    assert members(outputs[0]["outputFacets"]["outputStatistics"]) == {"rowCount": 2}
    types = {field["name"]: field["type"] for field in outputs[0]["facets"]["schema"]["fields"]}
    assert (types["order_id"], types["price"]) == ("BIGINT", "DECIMAL(38,18)")
    assert members(run["binanceLiq_load"]) == {
        "summary": summary,
        "verdicts": {"complete": 1, "incomplete": 1},
    }


def test_an_object_has_the_same_name_where_it_is_written_and_where_it_is_read(extract, tmp_path):
    task = extract()
    manifest = task.execute(INTERVAL)
    reader = ObjectStorageToDuckDBOperator(
        task_id="load", manifests=manifest, database=str(tmp_path / "x.duckdb")
    )
    reader.execute({})
    assert names(told(reader)[0]) == names(told(task)[1])


def test_a_load_into_several_tables_says_no_number_of_rows_of_any_of_them(lake):
    flow = lake.lay([other_kinds.flow(1)], endpoint=other_kinds.FLOWS)
    task = load(lake, lake.lay([row(1)]), flow)
    task.execute({})
    _, outputs, run = told(task)
    assert len(outputs) == 3
    assert not any(one["outputFacets"] for one in outputs)
    assert run["binanceLiq_load"]["summary"]["inserted"] == 2


def test_a_load_that_failed_tells_the_objects_and_no_table(lake):
    bad = tampered(lake.lay([row(1)]))
    task = load(lake, bad)
    with pytest.raises(AirflowFailException):
        task.execute({})
    inputs, outputs, run = told(task)
    assert (len(inputs), outputs, run) == (1, [], {})


def test_a_load_without_manifests_or_of_what_is_none_tells_nothing(lake):
    for manifests, error in (([], AirflowSkipException), (["no manifest"], AirflowFailException)):
        task = ObjectStorageToDuckDBOperator(task_id="load", manifests=manifests, database="/x.duckdb")
        with pytest.raises(error):
            task.execute({})
        assert told(task) == ([], [], {})


def test_an_object_whose_url_has_a_secret_is_not_told(lake):
    from airflow_provider_binance_liq.lineage.reports import report_extraction, report_load

    laid = lake.lay([row(1)])
    for uri in ("s3://key:sec/ret@b/x.ndjson", "https://b.example/x.ndjson?X-Amz-Signature=geheim"):
        manifest = replace(laid, object=replace(laid.object, uri=uri))
        assert report_load([manifest]).inputs == []
        assert report_extraction("usdm_futures", None, manifest, since_ms=0).outputs == []


def test_the_operator_of_several_warehouses_tells_of_the_one_that_was_chosen(lake):
    database = str(lake.directory.parent / "x.duckdb")
    task = ObjectStorageToWarehouseOperator(
        task_id="load", manifests=lake.lay([row(1)]).to_dict(), warehouse={"database": database}
    )
    task.execute({})
    assert names(told(task)[1])[0] == (f"duckdb://{database}", "x.main.binance_liquidations")


def test_what_prepares_a_load_into_a_cloud_tells_the_objects(lake):
    from airflow_provider_binance_liq.transfers.object_storage_to_cloud_warehouse import PrepareLoadOperator

    laid = lake.lay([row(1)])
    task = PrepareLoadOperator(
        task_id="prepare", manifests=[laid.to_dict()], warehouse="bigquery", destination="file:///lake"
    )
    with pytest.raises(AirflowFailException):  # BigQuery reads no files
        task.execute({})
    inputs, outputs, _ = told(task)
    assert (names(inputs), outputs) == ([("file", laid.object.uri.removeprefix("file://"))], [])


def test_every_kind_of_column_has_a_type():
    from typing import get_args

    from airflow_provider_binance_liq.lineage.reports import _TYPES

    assert set(_TYPES) == set(get_args(Kind))


# --- the schema, and the page ---------------------------------------------------------------------------


def test_the_schema_has_the_members_of_the_manifest_and_the_verdict():
    found = SCHEMA["$defs"]["BinanceLiqExtractionDatasetFacet"]["properties"]
    left_out = {"schema_version", "differences"}
    assert set(found) == {"verdict", *Manifest.__slots__} - left_out
    assert set(found["proof"]["properties"]) == set(Proof.__slots__)


def without_origin(item):
    """Leave out what is empty, and what differs between versions of the client."""
    if isinstance(item, dict):
        kept = {name: value for name, value in item.items() if not name.startswith("_")}
        return {name: without_origin(value) for name, value in kept.items() if value not in ([], {})}
    return [without_origin(one) for one in item] if isinstance(item, list) else item


def test_the_page_shows_an_event_as_it_is(extract):
    from airflow_provider_binance_liq.core.manifest import from_dict
    from airflow_provider_binance_liq.lineage.reports import report_extraction

    page = (ROOT / "docs/openlineage.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    task = extract()
    manifest = task.execute(INTERVAL)
    manifest["provider_version"] = "0.1.0"
    manifest["object"]["uri"] = re.sub(r"^.*/lake/", "s3://aws_default@lake/", manifest["object"]["uri"])
    lineage = report_extraction("usdm_futures", "https://fapi.binance.com", from_dict(manifest), since_ms=0)
    event = without_origin({name: plain(lineage)[name] for name in ("inputs", "outputs")})
    for dataset in (*event["inputs"], *event["outputs"]):
        dataset["facets"]["schema"]["fields"] = dataset["facets"]["schema"]["fields"][:2]
    assert json.loads(shown) == event


# --- without OpenLineage --------------------------------------------------------------------------------


WITHOUT = """
import sys
sys.modules["openlineage"] = None
import airflow_provider_binance_liq.operators.liquidations
import airflow_provider_binance_liq.transfers.object_storage_to_cloud_warehouse
from airflow_provider_binance_liq.transfers.object_storage_to_duckdb import ObjectStorageToDuckDBOperator

manifest, database = sys.argv[1:]
task = ObjectStorageToDuckDBOperator(task_id="load", manifests=manifest, database=database)
print(task.execute({})["inserted"], [name for name in sys.modules if name.endswith("liq.lineage")])
"""


def test_without_openlineage_a_task_runs_and_imports_nothing_for_it(lake, tmp_path):
    given = [lake.lay([row(1)]).to_json(), str(tmp_path / "x.duckdb")]
    command = [sys.executable, "-c", WITHOUT, *given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "1 []"
