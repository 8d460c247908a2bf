"""Killed at any step, no window is there without its rows, and loading again leaves what one load leaves."""

from __future__ import annotations

import duckdb
import iceberg_dying
import pytest
from pyiceberg.exceptions import NoSuchTableError
from support.icehouse import NAMESPACE, TABLES, Icehouse
from support.lakehouse import row
from support.loading import copy

pytestmark = pytest.mark.slow

BOUND_S = 60


@pytest.fixture(scope="module", autouse=True)
def _server():
    iceberg_dying.preload()


@pytest.fixture
def before(lake):
    """What is there before: a window whose rows the load will change, confirm and miss."""
    return [lake.lay([row(1), row(2), row(3)]), lake.lay([row(4)], day=12)]


@pytest.fixture
def manifests(lake):
    """What is loaded: a newer object of a known window, and two new windows, one of them empty."""
    newer = [row(1), row(2, 1791590400001, price='"2"'), row(5)]
    return [
        lake.lay(newer, extracted_at="2026-11-12T00:00:00Z"),
        lake.lay([row(n, symbol='"币安人生USDT"') for n in range(10, 40)], day=11),
        lake.lay([], day=13),
    ]


def read(warehouse):
    """Read both tables; nothing where they are not there yet."""
    try:
        return [warehouse.values(), warehouse.windows()]
    except (NoSuchTableError, duckdb.CatalogException):
        return [[], []]


def survives(tmp_path, before, manifests, *, only_commits, when):
    """Kill one load at its first step, the next at its second, until one gets through; return the kills."""
    states = Icehouse(tmp_path / "whole", fetch=copy)
    if before:
        states.load(before)
    then = read(states)
    states.load(manifests)
    after = read(states)
    kills, code = 0, -9
    while code:
        warehouse = Icehouse(tmp_path / f"killed {kills} {when}", fetch=copy)
        if before:
            warehouse.load(before)
        said = tmp_path / "said"
        process, begin = iceberg_dying.start(
            warehouse.path, manifests, said, dying=(only_commits, kills + 1, when)
        )
        begin.set()
        process.join(BOUND_S)
        code = process.exitcode
        assert code in (0, -9)
        rows, windows = read(warehouse)
        # Each table is as before or as after, and no window is ahead of its rows.
        assert (rows, windows) in [(then[0], then[1]), (after[0], then[1]), (after[0], after[1])]
        warehouse.load(manifests)
        assert read(warehouse) == after
        once = warehouse.snapshots()
        assert warehouse.load(manifests).windows_skipped == len(manifests)
        assert warehouse.snapshots() == once
        kills += code == -9
    return kills


@pytest.mark.parametrize("when", [pytest.param("before", marks=pytest.mark.slow), "after"])
def test_killed_around_each_commit_no_window_lacks_its_rows_and_a_rerun_repairs(
    tmp_path, before, manifests, when
):
    assert survives(tmp_path, before, manifests, only_commits=True, when=when) == len(TABLES)


@pytest.mark.slow
@pytest.mark.parametrize("known", [True, False], ids=["into tables with rows", "into nothing"])
def test_killed_before_anything_it_writes_nothing_lies_and_a_rerun_repairs(
    tmp_path, before, manifests, known, record_property
):
    kills = survives(tmp_path, before if known else [], manifests, only_commits=False, when="before")
    assert kills > 10
    record_property("kills survived", kills)


def test_rows_whose_window_was_not_noted_are_counted_as_there(lake, iceberg):
    iceberg.load(lake.lay([row(1)]))
    second = lake.lay([row(2)], day=11)
    iceberg.load(second)
    windows = iceberg.table("binance_liquidation_windows")
    with windows.transaction() as transaction:
        transaction.delete("window_start >= '2026-10-11T00:00:00+00:00'")
    summary = iceberg.load(second)
    assert (summary.rows, summary.inserted, summary.unchanged) == (1, 0, 1)
    assert len(iceberg.windows()) == 2
    assert iceberg.table().name() == (*NAMESPACE.split("."), TABLES[0])
