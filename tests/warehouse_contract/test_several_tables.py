"""Rows of several kinds: each in its own table, all of a load or none, and no table before it is needed."""

from __future__ import annotations

import pytest
from support.lakehouse import row
from support.other_kinds import FLOWS as FLOW
from support.other_kinds import LOANS as LOAN
from support.other_kinds import flow, loan

from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.exceptions import WarehouseError
from airflow_provider_binance_liq.warehouse.tables import CAPITAL_FLOWS, LOAN_LIQUIDATIONS

FLOWS, LOANS = CAPITAL_FLOWS.name, LOAN_LIQUIDATIONS.name


def laid(lake, flows=(), loans=(), **more):
    return [
        lake.lay(list(flows), endpoint=FLOW, **more),
        lake.lay(list(loans), endpoint=LOAN, **more),
    ]


def read(warehouse, table, columns):
    cast = ", ".join(f"CAST({name} AS VARCHAR)" for name in columns.split(", "))
    return sorted(warehouse.query(f"SELECT {cast} FROM {table}"), key=str)


def test_a_load_of_several_kinds_brings_each_into_its_table(lake, warehouse):
    summary = warehouse.load(lake.lay([row(1)]), *laid(lake, [flow(1), flow(2)], [loan(0)]))
    assert (summary.windows, summary.rows, summary.inserted) == (3, 4, 4)
    assert warehouse.values("order_id") == [("1",)]
    assert read(warehouse, FLOWS, "flow_id, transaction_id, flow_type, asset, amount, note, occurred_at") == [
        (number, "9007199254740993", "BUY_LIQUIDATION", "USDT", "-101.000000000000000001", None, at)
        for number, at in (("1", "2026-10-10 00:00:00+00"), ("2", "2026-10-10 00:00:00+00"))
    ]
    assert read(
        warehouse, LOANS, "loan_coin, collateral_coin, liquidation_debt, liquidation_fee, status"
    ) == [("USDT", "BTC", "1000.500000000000000000", "1.200000000000000000", "Liquidating")]
    assert [(endpoint, rows) for endpoint, rows in warehouse.windows("endpoint, object_rows")] == [
        (LOAN, "1"),
        (FLOW, "2"),
        ("usdm_futures", "1"),
    ]


def test_loading_them_again_changes_nothing(lake, warehouse):
    manifests = [lake.lay([row(1)]), *laid(lake, [flow(1)], [loan(0)])]
    warehouse.load(manifests)
    once = warehouse.dump()
    assert warehouse.load(manifests).windows_skipped == 3
    assert warehouse.dump() == once


def test_no_table_is_made_before_rows_of_its_kind_are_loaded(lake, warehouse):
    warehouse.load(lake.lay([row(1)]))
    with pytest.raises(Exception, match=FLOWS):
        warehouse.query(f"SELECT * FROM {FLOWS}")
    warehouse.load(*laid(lake, [flow(1)])[:1])
    assert warehouse.query(f"SELECT count(*) FROM {FLOWS}") == [(1,)]
    with pytest.raises(Exception, match=LOANS):
        warehouse.query(f"SELECT * FROM {LOANS}")


def test_one_bad_row_of_one_kind_and_nothing_of_any_is_merged(lake, warehouse):
    warehouse.load(lake.lay([row(1)]), *laid(lake, [flow(1)], [loan(0)]))
    before = warehouse.dump()
    flows, loans = laid(lake, [flow(2)], [loan(1, loanCoin=None)], day=11)
    with pytest.raises(WarehouseError, match="has no loanCoin") as caught:
        warehouse.load(lake.lay([row(2)], day=11), flows, loans)
    assert loans.object.uri in str(caught.value)
    assert warehouse.dump() == before


def test_a_later_extraction_updates_a_loan_in_place_and_another_start_is_another_row(lake, warehouse):
    warehouse.load(laid(lake, [], [loan(1), loan(2)]))
    later = laid(lake, [], [loan(1, status="Liquidated"), loan(3)], extracted_at="2026-11-12T00:00:00Z")
    summary = warehouse.load(later)
    assert (summary.inserted, summary.updated, summary.missing) == (1, 1, 1)
    assert [(at[20:23], status) for at, status in read(warehouse, LOANS, "occurred_at, status")] == [
        ("001", "Liquidated"),
        ("002", "Liquidating"),
        ("003", "Liquidating"),
    ]


def test_an_older_extraction_replaces_no_newer_flow_and_what_it_alone_has_comes_in(lake, warehouse):
    newer = laid(lake, [flow(1, note="newer")], extracted_at="2026-11-12T00:00:00Z")
    warehouse.load(newer)
    summary = warehouse.load(laid(lake, [flow(1, note="older"), flow(2)]))
    assert (summary.inserted, summary.updated, summary.unchanged) == (1, 0, 1)
    assert read(warehouse, FLOWS, "flow_id, note") == [("1", "newer"), ("2", None)]


def test_missing_rows_are_counted_in_every_table(lake, warehouse):
    warehouse.load(lake.lay([row(1)]), *laid(lake, [flow(1), flow(2)], [loan(1)]))
    later = {"extracted_at": "2026-11-12T00:00:00Z"}
    summary = warehouse.load(lake.lay([row(2)], **later), *laid(lake, [flow(2)], [loan(2)], **later))
    assert (summary.inserted, summary.missing) == (2, 3)


def test_a_row_that_two_objects_have_is_one_row_in_every_table(lake, warehouse):
    summary = warehouse.load(
        laid(lake, [flow(1), flow(1)], [loan(0)]), laid(lake, [flow(1)], [loan(0), loan(7)], day=11)
    )
    assert (summary.rows, summary.inserted) == (3, 3)


@pytest.mark.parametrize("at_once", [True, False])
def test_rows_of_two_isolated_accounts_that_share_an_id_are_refused_before_one_is_lost(
    lake, warehouse, at_once
):
    first, second = (
        lake.lay([flow(7, symbol=symbol)], endpoint=FLOW, filters=ManifestFilters((symbol,)))
        for symbol in ("BTCUSDT", "ETHUSDT")
    )
    if not at_once:
        warehouse.load(first)
    with pytest.raises(WarehouseError, match="two rows have one account, endpoint, flow_id"):
        warehouse.load(*([first, second] if at_once else [second]))


def test_the_same_entry_read_again_is_no_other_row_whatever_its_type_is_now(lake, warehouse):
    warehouse.load(lake.lay([flow(7)], endpoint=FLOW))
    later = lake.lay([flow(7, type="LIQUIDATION_FEE")], endpoint=FLOW, extracted_at="2026-11-12T00:00:00Z")
    assert warehouse.load(later).updated == 1
