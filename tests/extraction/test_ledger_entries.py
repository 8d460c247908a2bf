"""Entries of a margin account's ledger: liquidations among others, ids to follow, isolated accounts."""

from __future__ import annotations

import json

import pytest
from support.running import START

from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import RowsMissing, SaturatedInstant, UnexpectedRow
from airflow_provider_binance_liq.simulator import make_row

FLOWS = "margin_capital_flow"
DAY = Window(START, START + DAY_MS)
NOON = START + DAY_MS // 2


def entries(count, at_ms=NOON, first_id=1, **fields):
    return [make_row(FLOWS, id=first_id + number, time=at_ms, **fields) for number in range(count)]


def ids(run, manifest):
    return [json.loads(row)["id"] for row in run.rows(manifest)]


def test_a_cascade_is_found_whole_among_entries_of_other_types(start):
    run = start()
    day = run.cascade()
    truth = run.truth(FLOWS, day)
    manifest = run.run(FLOWS, day, accepted=("isolated_rows",))
    assert len(truth) > 1000
    assert run.rows(manifest) == truth
    assert manifest.proof.complete


def test_only_liquidations_are_kept_and_what_nobody_has_documented_yet(start):
    rows = [
        make_row(FLOWS, id=number, time=NOON, type=kind)
        for number, kind in enumerate(
            ("BORROW", "SELL_LIQUIDATION", "LIQUIDATION_FEE", "AUTO_TOPUP", "TRANSFER"), 1
        )
    ]
    run = start({FLOWS: rows})
    assert ids(run, run.run(FLOWS, DAY)) == [2, 3, 4]


@pytest.mark.parametrize("keep", ["oldest", "newest"])
def test_a_millisecond_with_more_entries_than_a_page_is_followed_by_id(start, keep):
    run = start({FLOWS: [*entries(2345), *entries(5, NOON + 7, first_id=9000)]}, keep=keep)
    manifest = run.run(FLOWS, DAY, accepted=("isolated_rows",))
    assert sorted(ids(run, manifest)) == [*range(1, 2346), *range(9000, 9005)]
    stated = {premise.code: premise.status for premise in manifest.proof.premises}
    assert stated["ids_ascend"] == "assumed"
    assert manifest.proof.incomplete_reasons == ("ids_ascend",)
    accepted = run.run(FLOWS, DAY, accepted=("isolated_rows", "ids_ascend"))
    assert accepted.proof.complete


def test_where_ids_cannot_be_followed_a_full_millisecond_fails(start):
    run = start({FLOWS: entries(2345)}, ids_after="highest")
    with pytest.raises(SaturatedInstant):
        run.run(FLOWS, DAY)


def test_two_entries_with_one_id_that_differ_in_what_never_changes_fail_the_window(start):
    rows = [*entries(1, symbol="BTCUSDT"), *entries(1, symbol="ETHUSDT")]
    with pytest.raises(UnexpectedRow, match="two rows have the key 1"):
        start({FLOWS: rows}).run(FLOWS, DAY, symbols=["BTCUSDT", "ETHUSDT"])


def test_a_liquidation_that_is_answered_as_something_else_later_is_kept_where_rows_are_to_be_kept(start):
    run = start({FLOWS: entries(1)})
    first = run.rows(run.run(FLOWS, DAY))
    later = start({FLOWS: entries(1, type="SMALL_BALANCE_CONVERT")})
    with pytest.raises(RowsMissing):
        later.run(FLOWS, DAY)
    assert later.rows(later.run(FLOWS, DAY, missing_rows="keep")) == first


def test_without_symbols_isolated_accounts_keep_the_window_from_being_complete(start):
    run = start({FLOWS: entries(1)})
    assert run.run(FLOWS, DAY).proof.incomplete_reasons == ("isolated_rows",)


def test_each_isolated_account_is_asked_by_its_symbol_and_the_window_is_complete(start):
    rows = [*entries(3, symbol="BTCUSDT"), *entries(2, first_id=50, symbol="ETHUSDT")]
    run = start({FLOWS: rows})
    manifest = run.run(FLOWS, DAY, symbols=["BTCUSDT", "ETHUSDT"])
    assert ids(run, manifest) == [1, 2, 3, 50, 51]
    asked = [request.params.get("symbol") for request in run.exchange.requests if request.endpoint == FLOWS]
    assert asked == ["BTCUSDT", "ETHUSDT"]
    assert manifest.proof.complete
