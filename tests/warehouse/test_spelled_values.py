"""Rows in every spelling become what arithmetic of Python's own makes of them, or are refused."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import duckdb as library
import pytest
from support.icehouse import Icehouse
from support.lakehouse import LOADED_AT, row
from support.spelled_values import COLUMNS, expected, spelled

from airflow_provider_binance_liq.exceptions import WarehouseError
from airflow_provider_binance_liq.warehouse.clouds.bigquery import BigQuery
from airflow_provider_binance_liq.warehouse.duckdb import typed
from airflow_provider_binance_liq.warehouse.duckdb.files import write_files
from airflow_provider_binance_liq.warehouse.manifests import Loadable
from airflow_provider_binance_liq.warehouse.objects import Fetched
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS

ROWS = 400


def fetch(manifest):
    return [Fetched(Loadable.of(manifest), Path(manifest.object.uri.removeprefix("file://")))]


def read(manifest):
    """Type the rows; return their values and how often each is there."""
    with typed.in_memory() as connection:
        typed.stage_all_rows(connection, LIQUIDATIONS, fetch(manifest), LOADED_AT)
        found = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM staged_{LIQUIDATIONS.name}").fetchall()
    return Counter(found)


@pytest.fixture(params=["at once", "one by one"])
def way(request, monkeypatch):
    """Take the numbers of a row at once, as a load does, or judge each by itself in every row."""
    if request.param == "one by one":
        monkeypatch.setattr(typed, "fits", lambda _table: "false")
    return request.param


@pytest.mark.usefixtures("way")
def test_every_spelling_of_a_value_is_that_value(lake):
    draw = random.Random(20261010)
    cases = [spelled(draw) for _ in range(ROWS)]
    wanted = [expected(fields) for fields in cases]
    assert None not in wanted
    assert read(lake.lay([row(**fields) for fields in cases])) == Counter(wanted)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("seed", range(40))
def test_a_row_with_a_value_that_does_not_fit_is_refused_whatever_is_around_it(lake, tmp_path, seed):
    draw = random.Random(seed)
    cases = [spelled(draw) for _ in range(3)]
    cases.insert(draw.randrange(4), bad := spelled(draw, wrong=True))
    assert expected(bad) is None
    with pytest.raises(WarehouseError):
        write_files(BigQuery(), fetch(lake.lay([row(**fields) for fields in cases])), LOADED_AT, tmp_path)


@pytest.mark.slow
def test_every_spelling_is_the_same_in_every_engine_here(lake, duckdb, tmp_path):
    draw = random.Random(7)
    cases = [spelled(draw) | {"orderId": str(number)} for number in range(ROWS)]
    manifest = lake.lay([row(**fields) for fields in cases])
    wanted = Counter(map(expected, cases))
    query = f"SELECT {', '.join(COLUMNS)} FROM {LIQUIDATIONS.name}"
    for one in (duckdb, Icehouse(tmp_path / "iceberg")):
        one.load(manifest)
        assert Counter(one.query(query)) == wanted
    write_files(BigQuery(), fetch(manifest), LOADED_AT, tmp_path)
    with library.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            f"SELECT {', '.join(COLUMNS)} FROM '{tmp_path}/{LIQUIDATIONS.name}.parquet'"
        ).fetchall()
    assert Counter(found) == wanted
