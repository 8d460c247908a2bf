"""Preparing a load: what is checked before a warehouse is asked, and what is written for it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pyarrow.parquet
import pytest
from engines import ROLE, BigQueryOnDisk
from lakes import DiskLake, lakehouse

from airflow_provider_binance_liq.core.manifest import ManifestDifferences
from airflow_provider_binance_liq.exceptions import InconsistentManifest, InvalidRequest, WarehouseError
from airflow_provider_binance_liq.warehouse.clouds.loads import staged_columns
from airflow_provider_binance_liq.warehouse.clouds.prepare import WAREHOUSES, get_warehouse, prepare
from airflow_provider_binance_liq.warehouse.clouds.redshift import Redshift
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS

row, LOADED_AT = lakehouse.row, lakehouse.LOADED_AT


@pytest.fixture
def lake(tmp_path):
    return DiskLake(tmp_path / "lake")


def prepared(lake, *given, run="a run", at=LOADED_AT):
    return prepare(list(given), BigQueryOnDisk(), lake.destination, run=run, now=lambda: at)


def written(lake):
    return sorted(lake.directory.glob("_loads/*/*"))


def windows_of(lake, *names):
    (path,) = lake.directory.glob("_loads/*/binance_liquidation_windows.parquet")
    return read(path, *names)


def read(path, *names):
    rows = pyarrow.parquet.read_table(path, columns=list(names)).to_pydict()
    return list(zip(*rows.values(), strict=True))


#: kind → type in Parquet
PARQUET = {
    "text": "String",
    "decimal": "Decimal(precision=38, scale=18)",
    "int64": "Int(bitWidth=64, isSigned=true)",
    "boolean": "None",
    "instant": "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds, is_from_converted_type=false, "
    "force_set_converted_type=false)",
}


def test_rows_and_windows_are_written_as_typed_parquet_below_the_destination(lake):
    load = prepared(lake, lake.lay([row(1), row(2, price='"0.000000000000000001"')]), lake.lay([], day=11))
    paths = [path.relative_to(lake.directory).as_posix() for path in written(lake)]
    folder = f"_loads/{load['load']}"
    assert paths == [f"{folder}/{table.name}.parquet" for table in (WINDOWS, LIQUIDATIONS)]
    assert (load["windows"], load["rows"]) == (2, 2)
    for path, table in zip(written(lake), (WINDOWS, LIQUIDATIONS), strict=True):
        schema = pyarrow.parquet.ParquetFile(path).schema
        assert tuple(schema.names) == tuple(column.name for column in staged_columns(table))
        for place, column in enumerate(table):
            kind = PARQUET[column.kind.removesuffix("_or_none")]
            found = schema.column(place)
            assert str(found.logical_type) == kind or (column.kind, found.physical_type) == (
                "boolean",
                "BOOLEAN",
            )
    prices = [price for (price,) in read(written(lake)[1], "price")]
    assert prices == [Decimal("1.5"), Decimal("0.000000000000000001")]


def test_redshift_which_has_no_instants_in_parquet_gets_milliseconds(lake, monkeypatch):
    monkeypatch.setattr(Redshift, "schemes", ("file",))
    prepare(
        [lake.lay([row(1, 1791590400123)])], Redshift(), lake.destination, via=ROLE, now=lambda: LOADED_AT
    )
    assert read(written(lake)[1], "updated_at") == [(1791590400123,)]
    assert windows_of(lake, "window_start") == [(1791590400000,)]


def test_a_text_that_redshift_does_not_hold_is_refused_with_a_specific_error(lake, monkeypatch):
    monkeypatch.setattr(Redshift, "schemes", ("file",))
    manifest = lake.lay([row(1), row(2, symbol=f'"{"币" * 342}"')])
    with pytest.raises(
        WarehouseError, match="symbol has more than the 1024 bytes that redshift holds"
    ) as refused:
        prepare([manifest], Redshift(), lake.destination, via=ROLE)
    assert f"a row of {manifest.object.uri}" in str(refused.value)
    assert written(lake) == []


def test_an_object_that_is_not_what_its_manifest_says_is_refused_and_nothing_is_written(lake):
    with pytest.raises(InconsistentManifest):
        prepared(lake, lake.lay([row(1)]), lakehouse.tampered(lake.lay([row(2)], day=11)))
    assert written(lake) == []


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_what_was_extracted_again_since_is_loaded_instead(lake, compression):
    spot = lakehouse.Spot(lakehouse.Lake(lake.directory))
    given = spot.extract([row(1)], "2026-11-11T00:00:00Z")
    now = spot.extract([row(1), row(2)], "2026-11-11T01:00:00Z", compression)
    load = prepared(lake, given)
    assert (load["windows"], load["rows"]) == (1, 2)
    assert windows_of(lake, "object_sha256") == [(now.object.sha256,)]
    assert prepared(lake, given, now)["windows"] == 1


def test_an_object_that_changed_and_no_newer_manifest_vouches_for_is_refused(lake):
    spot = lakehouse.Spot(lakehouse.Lake(lake.directory))
    given = spot.extract([row(1)], "2026-11-11T00:00:00Z")
    spot.extract([row(2)], "2026-11-11T01:00:00Z", day=11)
    with pytest.raises(InconsistentManifest):
        prepared(lake, given)
    assert written(lake) == []


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_row_that_has_a_field_twice_is_refused_with_a_specific_error(lake, compression):
    twice = row(1)[:-1] + ',"order\\u0049d":2}'
    within = row(2, legs='[{"qty":1,"qty":2}]')
    manifest = lake.lay([within, twice], compression=compression)
    with pytest.raises(WarehouseError, match="has orderId more than once") as refused:
        prepared(lake, manifest)
    assert manifest.object.uri in str(refused.value)
    assert twice in str(refused.value)
    assert prepared(lake, lake.lay([within], day=11))["rows"] == 1


def test_an_object_somewhere_else_is_refused(lake, tmp_path):
    elsewhere = DiskLake(tmp_path / "lake of others").lay([row(1)])
    with pytest.raises(InvalidRequest, match="is not below the destination"):
        prepared(lake, elsewhere)


@pytest.mark.parametrize("name", WAREHOUSES)
def test_a_store_that_the_warehouse_cannot_read_is_refused(lake, name):
    via = {"snowflake": "lake", "clickhouse": "lake", "redshift": "arn:aws:iam::123456789012:role/r"}
    with pytest.raises(InvalidRequest, match=f"{name} cannot read file:"):
        prepare([lake.lay([row(1)])], WAREHOUSES[name], lake.destination, via=via.get(name, ""))


def test_a_retry_prepares_the_same_load_and_another_run_one_of_its_own(lake):
    manifest = lake.lay([row(1)])
    first = prepared(lake, manifest)
    assert prepared(lake, manifest, at=LOADED_AT + timedelta(hours=1))["load"] == first["load"]
    assert prepared(lake, manifest, run="another")["load"] != first["load"]


def test_of_two_manifests_of_the_same_bytes_the_proof_outranks_the_newer(lake):
    proven = lake.lay([row(1)])
    doubted = replace(
        proven, extracted_at="2026-11-12T00:00:00Z", proof=replace(proven.proof, complete=False)
    )
    assert prepared(lake, doubted, proven)["windows"] == 1
    assert windows_of(lake, "complete") == [(True,)]


def test_a_manifest_that_states_differences_is_loaded_as_others_are(lake):
    since = ManifestDifferences("2026-11-10T00:00:00Z", {"count": 1}, {"count": 0}, {"count": 0})
    manifest = replace(lake.lay([row(1)]), differences=since)
    assert prepared(lake, manifest)["rows"] == 1


def test_no_connection_and_no_value_of_a_manifest_stands_in_a_statement(lake, monkeypatch):
    said = "'; DROP TABLE x; --"
    manifest = lake.lay([row(1)])
    told = replace(manifest, proof=replace(manifest.proof, caveats=(said,), method=said), account="it's")
    load = prepare(
        [replace(told, object=replace(told.object, uri="s3://aws_default@bucket/lake/a.ndjson"))],
        get_warehouse("snowflake"),
        "s3://aws_default@bucket/lake",
        via="lake",
        fetch=lambda *_: next(lake.directory.rglob("*.ndjson")),
        write=lambda *_: None,
    )
    text = json.dumps(load)
    assert "aws_default" not in text
    assert "DROP TABLE x" not in text
    assert "it's" not in text


def test_without_manifests_there_is_no_load(lake):
    assert prepared(lake, None, []) is None
    assert written(lake) == []


def test_the_operator_skips_where_there_is_nothing_to_load():
    from airflow_provider_binance_liq.compat import AirflowSkipException
    from airflow_provider_binance_liq.transfers.object_storage_to_cloud_warehouse import PrepareLoadOperator

    operator = PrepareLoadOperator(
        task_id="prepare", manifests=[None], warehouse="snowflake", destination="s3://b/lake", via="lake"
    )
    with pytest.raises(AirflowSkipException, match="no manifest"):
        operator.execute({})


def test_the_operator_fails_at_once_where_no_retry_can_mend_it(lake):
    from airflow_provider_binance_liq.compat import AirflowFailException
    from airflow_provider_binance_liq.transfers.object_storage_to_cloud_warehouse import PrepareLoadOperator

    operator = PrepareLoadOperator(
        task_id="prepare",
        manifests=[lake.lay([row(1)]).to_dict()],
        warehouse="snowflake",
        destination=lake.destination,
        via="lake",
    )
    with pytest.raises(AirflowFailException, match="InvalidRequest: snowflake cannot read file:"):
        operator.execute({})


def test_a_warehouse_that_there_is_not_is_refused_when_the_dag_is_read():
    from airflow_provider_binance_liq.transfers.object_storage_to_cloud_warehouse import PrepareLoadOperator

    with pytest.raises(
        InvalidRequest, match="unknown warehouse 'oracle'; choose one of bigquery, clickhouse"
    ):
        PrepareLoadOperator(task_id="prepare", manifests=[], warehouse="oracle", destination="s3://b/lake")
