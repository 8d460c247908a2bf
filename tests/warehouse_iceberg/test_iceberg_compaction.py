"""Compaction makes files fewer and changes no row, whatever they hold and whoever else writes."""

from __future__ import annotations

import pytest
from support.lakehouse import row

from airflow_provider_binance_liq.warehouse.iceberg import compaction
from airflow_provider_binance_liq.warehouse.tables import LIQUIDATIONS, WINDOWS

MS = 1791590400000
DAY_MS = 86_400_000


def files(iceberg, name=LIQUIDATIONS.name):
    return iceberg.table(name).inspect.files().num_rows


@pytest.fixture
def days(lake, iceberg):
    """Load days of two accounts, over the end of a month; one row was moved by months."""
    for day in (20, 21, 22):
        at = MS + (day - 10) * DAY_MS
        rows = [row(day, at), row(day + 100, at + 1)]
        iceberg.load(*(lake.lay(rows, day=day, account=account) for account in ("desk", "Konto für 币")))
    moved = row(20, MS + 40 * DAY_MS, price='"2.5"')
    iceberg.load(lake.lay([moved], day=20, account="desk", extracted_at="2026-11-25T00:00:00Z"))
    return iceberg


def test_files_become_fewer_once_and_every_row_stays_as_it_was(days):
    before, had = days.dump(), files(days)
    done = days.engine().compact()
    assert days.dump() == before
    # Of each account the month, and of one the month that a row was moved to.
    assert files(days) == 3 < had
    assert done[LIQUIDATIONS.name] == compaction.Compacted(2, had, 3)
    assert files(days, WINDOWS.name) == 1
    # What is compacted is not written again.
    snapshot = days.table().metadata.current_snapshot_id
    assert days.engine().compact()[LIQUIDATIONS.name].months == 0
    assert days.table().metadata.current_snapshot_id == snapshot


def test_loads_go_on_after_it_as_before(days, lake, duckdb):
    days.engine().compact()
    again = lake.lay([row(21, MS + 11 * DAY_MS, price='"3"')], day=21, extracted_at="2026-11-26T00:00:00Z")
    summary = days.load(again)
    assert (summary.updated, summary.inserted, summary.missing) == (1, 0, 1)


def test_a_load_that_commits_meanwhile_is_not_lost(days, lake, monkeypatch):
    late = [lake.lay([row(7, MS + 14 * DAY_MS)], day=24, account="desk")]
    made = compaction._rewrite

    def overtaken(found, table, month):
        if table is LIQUIDATIONS and late:
            days.load(late.pop())
        made(found, table, month)

    monkeypatch.setattr(compaction, "_rewrite", overtaken)
    days.engine().compact()
    assert not late
    assert days.query("SELECT count(*), count(DISTINCT (account, order_id)) FROM binance_liquidations") == [
        (13, 13)
    ]


def test_where_no_table_is_there_is_nothing_to_do(iceberg):
    assert iceberg.engine().compact() == {}
