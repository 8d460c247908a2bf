"""A load says in the lake what it brought where, without a secret, and never fails for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.lakehouse import row, tampered

from airflow_provider_binance_liq.lake import index, open_destination
from airflow_provider_binance_liq.transfers.receipts import leave_receipts


def operator(**parameters):
    from airflow_provider_binance_liq.transfers.object_storage_to_duckdb import ObjectStorageToDuckDBOperator

    return ObjectStorageToDuckDBOperator(task_id="load", **parameters)


def laid(lake, rows, day=10):
    """Lay an object where an extraction writes it."""
    manifest = lake.lay(rows, day=day)
    path = Path(manifest.object.uri.removeprefix("file://"))
    place = lake.directory / f"usdm_futures/account=desk/date=2026-10-{day}" / path.name
    place.parent.mkdir(parents=True, exist_ok=True)
    path.rename(place)
    return replace(manifest, object=replace(manifest.object, uri=f"file://{place}"))


def path_of(lake, manifest):
    return manifest.object.uri.split(f"{lake.directory}/")[1]


def loads(lake):
    return index.read_loads(open_destination(f"file://{lake.directory}"))


@pytest.mark.parametrize("known", [True, False], ids=["with a destination", "without"])
def test_a_load_leaves_a_receipt_of_every_object_that_is_in_the_warehouse_then(lake, warehouse, known):
    destination = f"file://{lake.directory}" if known else None
    first, empty = laid(lake, [row(1)]), laid(lake, [], 11)
    operator(manifests=[first.to_dict()], destination=destination, database=str(warehouse.path)).execute({})
    both = [first.to_dict(), empty.to_dict()]
    operator(manifests=both, destination=destination, database=str(warehouse.path)).execute({})
    found = loads(lake)
    for one in (first, empty):
        ((name, _),) = found.of(path_of(lake, one), one.object.sha256)
        assert name == "liquidations.duckdb"


def test_a_load_that_fails_leaves_none(lake, warehouse):
    from airflow_provider_binance_liq.compat import AirflowFailException

    bad = tampered(laid(lake, [row(1)]))
    with pytest.raises(AirflowFailException):
        operator(manifests=[bad.to_dict()], database=str(warehouse.path)).execute({})
    assert loads(lake).since == ""


def test_a_load_succeeds_where_no_receipt_can_be_left(lake, warehouse):
    manifest = laid(lake, [row(1)])
    (lake.directory / "_index").write_bytes(b"a file where the directory should be")
    summary = operator(manifests=manifest.to_dict(), database=str(warehouse.path)).execute({})
    assert summary["inserted"] == 1


def test_an_object_that_no_extraction_wrote_there_is_in_none(lake, warehouse):
    manifest = lake.lay([row(1)])
    assert operator(manifests=manifest.to_dict(), database=str(warehouse.path)).execute({})["inserted"] == 1
    assert loads(lake).since == ""


def test_of_a_local_database_the_name_is_kept_and_not_its_path(lake):
    manifest = laid(lake, [row(1)])
    for name in ("/secret/place/liquidations.duckdb", "md:house"):
        leave_receipts(name, [manifest], None, now_ms=1_791_936_000_000)
    found = loads(lake).of(path_of(lake, manifest), manifest.object.sha256)
    assert [name for name, _ in found] == ["liquidations.duckdb", "md:house"]


def test_the_token_of_motherduck_is_in_no_receipt(lake):
    from airflow_provider_binance_liq.warehouse.duckdb import DuckDB

    manifest = laid(lake, [row(1)])
    engine = DuckDB("md:house?motherduck_token=secret-token")
    leave_receipts(str(engine), [manifest], None, now_ms=1_791_936_000_000)
    assert [*loads(lake).by_warehouse] == ["md:house"]
