"""What a load tells OpenLineage: it is executed, and then asked as Airflow asks it."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from support import other_kinds
from support.lakehouse import row, tampered
from support.lineage import INTERVAL, members, names, told

from airflow_provider_binance_liq.compat import AirflowFailException, AirflowSkipException
from airflow_provider_binance_liq.transfers.object_storage_to_cloud_warehouse import PrepareLoadOperator
from airflow_provider_binance_liq.transfers.object_storage_to_duckdb import ObjectStorageToDuckDBOperator
from airflow_provider_binance_liq.transfers.object_storage_to_warehouse import (
    ObjectStorageToWarehouseOperator,
)
from airflow_provider_binance_liq.warehouse.schema import Kind


def load(lake, *manifests, **given):
    known = {"task_id": "load", "database": str(lake.directory.parent / "liquidations.duckdb")} | given
    return ObjectStorageToDuckDBOperator(manifests=[one.to_dict() for one in manifests], **known)


def test_a_load_reports_the_objects_and_the_tables_with_their_columns(lake):
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


def test_a_load_that_failed_reports_the_objects_and_no_table(lake):
    bad = tampered(lake.lay([row(1)]))
    task = load(lake, bad)
    with pytest.raises(AirflowFailException):
        task.execute({})
    inputs, outputs, run = told(task)
    assert (len(inputs), outputs, run) == (1, [], {})


def test_a_load_without_manifests_or_of_what_is_none_reports_nothing(lake):
    for manifests, error in (([], AirflowSkipException), (["no manifest"], AirflowFailException)):
        task = ObjectStorageToDuckDBOperator(task_id="load", manifests=manifests, database="/x.duckdb")
        with pytest.raises(error):
            task.execute({})
        assert told(task) == ([], [], {})


def test_an_object_whose_url_has_a_secret_is_not_reported(lake):
    from airflow_provider_binance_liq.lineage.reports import report_extraction, report_load

    laid = lake.lay([row(1)])
    for uri in ("s3://key:sec/ret@b/x.ndjson", "https://b.example/x.ndjson?X-Amz-Signature=geheim"):
        manifest = replace(laid, object=replace(laid.object, uri=uri))
        assert report_load([manifest]).inputs == []
        assert report_extraction("usdm_futures", None, manifest, since_ms=0).outputs == []


def test_the_operator_of_several_warehouses_reports_the_one_that_was_chosen(lake):
    database = str(lake.directory.parent / "x.duckdb")
    task = ObjectStorageToWarehouseOperator(
        task_id="load", manifests=lake.lay([row(1)]).to_dict(), warehouse={"database": database}
    )
    task.execute({})
    assert names(told(task)[1])[0] == (f"duckdb://{database}", "x.main.binance_liquidations")


def test_what_prepares_a_load_into_a_cloud_reports_the_objects(lake):
    laid = lake.lay([row(1)])
    task = PrepareLoadOperator(
        task_id="prepare", manifests=[laid.to_dict()], warehouse="bigquery", destination="file:///lake"
    )
    with pytest.raises(AirflowFailException):  # BigQuery reads no files
        task.execute({})
    inputs, outputs, _ = told(task)
    assert (names(inputs), outputs) == ([("file", laid.object.uri.removeprefix("file://"))], [])


def test_every_kind_of_column_has_a_type():
    from airflow_provider_binance_liq.lineage.reports import _TYPES

    assert set(_TYPES) == set(get_args(Kind))
