"""Fetched objects become exact values once, for every warehouse; as one Parquet file, if it loads files."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from support.lakehouse import LOADED_AT, row

from airflow_provider_binance_liq.exceptions import InconsistentManifest, WarehouseError
from airflow_provider_binance_liq.warehouse.clouds.bigquery import BigQuery
from airflow_provider_binance_liq.warehouse.duckdb import TYPES
from airflow_provider_binance_liq.warehouse.duckdb.files import write_files
from airflow_provider_binance_liq.warehouse.duckdb.typed import in_memory, stage_rows
from airflow_provider_binance_liq.warehouse.manifests import Loadable
from airflow_provider_binance_liq.warehouse.objects import Fetched
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS

#: spelled in an unusual way → as the plain spelling of the same value
ODD = {
    "an exponent": ({"price": "1e-8"}, {"price": '"0.00000001"'}),
    "a sign": ({"price": '"-1.5"'}, {"price": "-1.5"}),
    "a plus": ({"price": '"+1.5"'}, {"price": '"1.5"'}),
    "nothing after the point": ({"avgPrice": '"5."'}, {"avgPrice": '"5"'}),
    "zeros in front": ({"price": '"0001.50"'}, {"price": '"1.5"'}),
    "an empty text": ({"price": '""'}, {"price": "null"}),
    "an id with a point": ({"orderId": '"2.0"'}, {"orderId": "2"}),
    "zeros for no instant": ({"goodTillDate": '"00"'}, {"goodTillDate": "0"}),
}
WRONG = {
    "two numbers": ({"price": '"1|2"'}, "price is 1|2, which"),
    "two points": ({"price": '"1.2.3"'}, "price is 1.2.3, which"),
    "a point": ({"price": '"."'}, "price is ., which"),
    "a sign alone": ({"price": '"-"'}, "price is -, which"),
    "a sign behind": ({"price": '"1-"'}, "price is 1-, which"),
    "a bar": ({"price": '"|"'}, "price is |, which"),
    "a blank": ({"price": '"1 "'}, "price is 1 , which"),
    "an underscore": ({"price": '"1_0"'}, "price is 1_0, which"),
    "19 decimals": ({"price": '".1234567890123456789"'}, "price is .1234567890123456789, which"),
    "two ids": ({"orderId": '"1|2"'}, "orderId is 1|2, which"),
    "an id past 64 bits": ({"orderId": '"9999999999999999999"'}, "orderId is 9999999999999999999, which"),
    "half an id": ({"orderId": '"1.5"'}, "orderId is 1.5, which"),
    "an id with a plus": ({"orderId": '"+5"'}, "orderId is +5, which"),
    "an instant past the year 9999": ({"updateTime": "999999999999999"}, "updateTime or"),
}


def fetch(*manifests):
    return [Fetched(Loadable.of(one), Path(one.object.uri.removeprefix("file://"))) for one in manifests]


def staged(*manifests, columns="*"):
    with in_memory() as connection:
        stage_rows(connection, LIQUIDATIONS, fetch(*manifests), LOADED_AT)
        return connection.execute(
            f"SELECT {columns} FROM staged_binance_liquidations ORDER BY order_id"
        ).fetchall()


@pytest.mark.parametrize(("odd", "plain"), ODD.values(), ids=ODD)
def test_a_value_is_the_same_however_it_is_spelled(lake, odd, plain):
    columns = "* EXCLUDE (raw, object, object_sha256)"
    one, other = (
        staged(lake.lay([row(1), row(**{"orderId": "2"} | fields), row(3)]), columns=columns)
        for fields in (odd, plain)
    )
    assert one == other


@pytest.mark.parametrize(("fields", "said"), WRONG.values(), ids=WRONG)
def test_one_wrong_row_among_plain_ones_is_named(lake, tmp_path, fields, said):
    manifest = lake.lay([row(1), row(**{"orderId": "2"} | fields)])
    with pytest.raises(WarehouseError) as caught:
        write_files(BigQuery(), fetch(manifest), LOADED_AT, tmp_path)
    assert said in str(caught.value)
    assert manifest.object.uri in str(caught.value)


def test_a_parquet_file_has_every_column_with_its_exact_type(lake, tmp_path, duckdb):
    directory = tmp_path / "o'clock"
    directory.mkdir()
    manifest = lake.lay([row(2**63 - 1, price='"12345678901234567890.123456789012345678"')])
    counts = write_files(BigQuery(), fetch(manifest), LOADED_AT, directory)
    assert counts == {LIQUIDATIONS.name: 1, WINDOWS.name: 1}
    duckdb.load(manifest)
    for table in (LIQUIDATIONS, WINDOWS):
        with in_memory() as connection:
            file = connection.read_parquet(str(directory / f"{table.name}.parquet"))
            types = dict(zip(file.columns, map(str, file.types), strict=True))
            (values,) = file.fetchall()
        expected = {one.name: TYPES[one.kind].replace(", ", ",") for one in table}
        assert types == {**expected, "object_uri": "VARCHAR"}
        named = dict(zip(types, values, strict=True))
        assert named["object_uri"] == manifest.object.uri
        assert values[: len(expected)] == duckdb.query(f"FROM {table.name}")[0]
        assert named.get("price") in (None, Decimal("12345678901234567890.123456789012345678"))


def test_a_parquet_file_has_a_row_of_each_object_that_has_it(lake, tmp_path):
    body = row(1)
    manifests = [lake.lay([body]), lake.lay([body, row(2)], day=11), lake.lay([], day=12)]
    counts = write_files(BigQuery(), fetch(*manifests), LOADED_AT, tmp_path)
    assert counts == {LIQUIDATIONS.name: 3, WINDOWS.name: 3}
    with in_memory() as connection:
        found = connection.execute(
            f"SELECT order_id, object_uri FROM '{tmp_path}/{LIQUIDATIONS.name}.parquet' "
            "ORDER BY object_uri, order_id"
        ).fetchall()
    first, second = (one.object.uri for one in manifests[:2])
    assert found == [(1, first), (1, second), (2, second)]


def test_where_there_are_no_rows_there_is_a_parquet_file_of_windows_alone(lake, tmp_path):
    assert write_files(BigQuery(), fetch(lake.lay([])), LOADED_AT, tmp_path) == {WINDOWS.name: 1}
    assert [path.name for path in tmp_path.glob("*.parquet")] == [f"{WINDOWS.name}.parquet"]


def test_rows_are_staged_one_per_key(lake):
    body = row(1)
    assert len(staged(lake.lay([body, body]), lake.lay([body, row(2)], day=11))) == 2


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_field_that_is_there_twice_is_found_in_whichever_row(lake, tmp_path, place):
    lines = [row(number, remark=f'"{number}"') if number else row(number) for number in range(3)]
    lines[place] = lines[place][:-1] + ',"price":"2"}'
    manifest = lake.lay(lines)
    with pytest.raises(WarehouseError, match=re.escape(f"{manifest.object.uri} has price more than once")):
        write_files(BigQuery(), fetch(manifest), LOADED_AT, tmp_path)


def test_rows_that_are_not_as_many_as_the_manifest_says_are_refused(lake, tmp_path):
    manifest, local = lake.lay([row(1), row(2)]), tmp_path / "local.ndjson"
    local.write_text(f"{row(1)}\n")
    with pytest.raises(InconsistentManifest, match="has 1 rows where its manifest says 2"):
        write_files(BigQuery(), [Fetched(Loadable.of(manifest), local)], LOADED_AT, tmp_path)


@pytest.mark.parametrize("bad", ['{"orderId":2,', row(2, price="01.5"), row(2) + row(3), "not json"])
def test_a_row_that_is_no_json_is_named_by_its_own_number_and_text(lake, warehouse, bad):
    manifest = lake.lay([row(1), bad, row(4)])
    with pytest.raises(WarehouseError, match=re.escape(f"row 2 of {manifest.object.uri} is no JSON")) as said:
        warehouse.load(manifest)
    assert bad[:300] in str(said.value)
