"""The views of rows that are kept although a later extraction does not have them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest
from support.lakehouse import row
from support.other_kinds import FLOWS, LOANS, MS, flow, loan

from airflow_provider_binance_liq.core.manifest import ManifestFilters
from airflow_provider_binance_liq.warehouse.queries import QUERIES

FIRST, LATER, LAST = (f"2026-11-{day}T00:00:00Z" for day in (11, 12, 13))
DAY = 24 * 3600 * 1000
ADL = '"adl_autoclose"'


def missing(warehouse, columns="order_id", name="missing_rows"):
    return warehouse.query(f"SELECT {columns} FROM ({QUERIES[name].sql}) ORDER BY ALL")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wide(manifest):
    """Let a window end two days later."""
    end = manifest.window.end.replace("-11T", "-13T")
    return replace(manifest, window=replace(manifest.window, end=end))


@pytest.mark.parametrize("in_order", [True, False])
def test_a_row_that_a_later_extraction_does_not_have_is_listed(warehouse, lake, in_order):
    first, later = lake.lay([row(1), row(2)]), lake.lay([row(1)], extracted_at=LATER)
    for manifest in (first, later) if in_order else (later, first):
        warehouse.load(manifest)
    columns = "account, endpoint, symbol, order_id, updated_at, extracted_at, missing_at, missing_is_proven"
    assert missing(warehouse, columns) == [
        ("desk", "usdm_futures", "BTCUSDT", 2, at("2026-10-10"), at(FIRST), at(LATER), True)
    ]


def test_a_row_that_comes_back_is_not_listed_any_more(warehouse, lake):
    warehouse.load(lake.lay([row(1)]))
    warehouse.load(lake.lay([], extracted_at=LATER))
    assert missing(warehouse) == [(1,)]
    warehouse.load(lake.lay([row(1), row(2)], extracted_at=LAST))
    assert missing(warehouse) == []


def test_an_extraction_that_did_not_replace_the_proven_one_makes_nothing_missing(warehouse, lake):
    warehouse.load(lake.lay([row(1), row(2)]))
    # Row 2 names the later object from now on, which is no window's.
    warehouse.load(lake.lay([row(2)], extracted_at=LATER, complete=False))
    assert missing(warehouse) == []


def test_a_row_that_is_gone_from_an_extraction_without_a_proof_says_so(warehouse, lake):
    warehouse.load(lake.lay([row(1)], complete=False))
    warehouse.load(lake.lay([], extracted_at=LATER, complete=False))
    assert missing(warehouse, "order_id, missing_is_proven") == [(1, False)]


def test_a_row_that_another_window_still_has_is_not_listed(warehouse, lake):
    day = lake.lay([row(1)])
    warehouse.load(day, wide(lake.lay([], extracted_at=LATER)))
    assert missing(warehouse) == []


def test_the_first_of_the_windows_without_the_row_is_named(warehouse, lake):
    warehouse.load(lake.lay([row(1)]))
    warehouse.load(lake.lay([], extracted_at=LAST), wide(lake.lay([], extracted_at=LATER, complete=False)))
    assert missing(warehouse, "missing_at, missing_is_proven") == [(at(LATER), True)]


def test_windows_of_others_and_with_a_filter_that_leaves_the_row_out_say_nothing_of_it(warehouse, lake):
    of_symbol, of_type = ManifestFilters(("BTCUSDT", "ETHUSDT")), ManifestFilters((), "LIQUIDATION")
    rows = [row(1), row(2, symbol='"BTCUSD"'), row(3, clientOrderId=ADL)]
    # An extraction that is not proven and did not replace anything: its rows name no stored window's object.
    warehouse.load(lake.lay(rows), lake.lay(rows[:1], day=9))
    warehouse.query("UPDATE binance_liquidation_windows SET object_sha256 = 'another', window_start = "
                    "window_start - INTERVAL 9 days, window_end = window_end - INTERVAL 9 days")  # fmt: skip
    later = {"extracted_at": LATER}
    warehouse.load(
        lake.lay([], account="fund", **later),
        lake.lay([], endpoint="portfolio_um", **later),
        lake.lay([], day=11, **later),
        lake.lay([], filters=ManifestFilters(("SOLUSDT",)), **later),
    )
    assert missing(warehouse) == []
    warehouse.load(lake.lay([], filters=of_symbol, **later))
    assert missing(warehouse) == [(1,), (3,)]
    warehouse.query("DELETE FROM binance_liquidation_windows WHERE symbols <> ''")
    warehouse.load(lake.lay([], filters=of_type, **later))
    assert missing(warehouse) == [(1,), (2,)]


def test_flows_and_loans_have_views_of_their_own(warehouse, lake):
    rows = {FLOWS: [flow(1), flow(2)], LOANS: [loan(1), loan(2)]}
    for number, extracted_at in enumerate((FIRST, LATER)):
        for endpoint, texts in rows.items():
            warehouse.load(lake.lay(texts[number:], endpoint=endpoint, extracted_at=extracted_at))
    assert missing(warehouse, "flow_id", "missing_capital_flows") == [(1,)]
    found = missing(
        warehouse, "loan_coin, collateral_coin, epoch_ms(occurred_at)", "missing_loan_liquidations"
    )
    assert found == [("USDT", "BTC", MS + 1)]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_what_is_listed_is_what_the_newest_extraction_of_its_window_does_not_have(warehouse, lake, seed):
    random = Random(seed)
    kept, newest, manifests = {}, {}, []
    for number, window in enumerate(random.choices((10, 11, 12), k=8)):
        ids = {100 * window + one for one in random.sample(range(6), random.randint(0, 6))}
        rows = [row(one, MS + (window - 10) * DAY + one) for one in sorted(ids)]
        manifests.append(lake.lay(rows, day=window, extracted_at=f"2026-11-11T00:00:{number:02}Z"))
        kept.setdefault(window, set()).update(ids)
        newest[window] = ids
    random.shuffle(manifests)
    for manifest in manifests:
        warehouse.load(manifest)
    expected = {one for window, ids in kept.items() for one in ids - newest[window]}
    assert {one for (one,) in missing(warehouse)} == expected
