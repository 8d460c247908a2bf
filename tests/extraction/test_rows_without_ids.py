"""Liquidations of loans: rows without an id, from an endpoint that is asked once a second at most."""

from __future__ import annotations

from itertools import pairwise

import pytest
from support.running import START

from airflow_provider_binance_liq.core.units import DAY_MS
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import (
    InvalidRequest,
    RequestRejected,
    UnexpectedRow,
    UnstablePaging,
)
from airflow_provider_binance_liq.simulator import Fault, make_row

LOANS = "flexible_loan"
DAY = Window(START, START + DAY_MS)


def loan(number, at_ms=START + 5000, **fields):
    return make_row(LOANS, collateralCoin=f"C{number:04}", time=at_ms, **fields)


def test_a_cascade_is_found_whole_and_no_request_comes_within_a_second_of_the_one_before(start):
    run = start(cascade_rows=450)
    manifest = run.run(LOANS, run.cascade())
    assert run.rows(manifest) == run.truth(LOANS, run.cascade())
    assert manifest.proof.complete
    sent = [request.at_ms for request in run.exchange.requests if request.endpoint == LOANS]
    assert len(sent) == 5
    assert min(later - earlier for earlier, later in pairwise(sent)) >= 1000
    assert run.exchange.stats.throttled == 0


def test_an_exchange_that_refuses_a_page_behind_the_last_one_fails_no_window_of_full_pages(start):
    run = start({LOANS: [loan(number) for number in range(200)]})
    run.exchange.add_fault(Fault("http_400", endpoint=LOANS, nth=3))
    manifest = run.run(LOANS, DAY)
    assert (manifest.object.rows, manifest.proof.complete) == (200, True)
    assert "total_is_whole" in [premise.code for premise in manifest.proof.premises]


def test_a_page_that_is_refused_while_rows_are_missing_fails_it(start):
    run = start({LOANS: [loan(number) for number in range(250)]})
    run.exchange.add_fault(Fault("http_400", endpoint=LOANS, nth=3))
    with pytest.raises(RequestRejected):
        run.run(LOANS, DAY)


def test_the_proof_says_that_it_rests_on_the_key(start):
    manifest = start({LOANS: [loan(1)]}).run(LOANS, DAY)
    assert "key_identifies" in [premise.code for premise in manifest.proof.premises]


def test_two_rows_of_one_page_that_the_key_does_not_distinguish_fail_the_window(start):
    run = start({LOANS: [loan(1, liquidationDebt="1"), loan(1, liquidationDebt="2")]})
    with pytest.raises(UnexpectedRow, match="same loanCoin, collateralCoin, liquidationStartingTime"):
        run.run(LOANS, DAY)
    assert not list(run.directory.rglob("*.ndjson*"))


def test_two_such_rows_of_different_pages_fail_it_too(start):
    rows = [
        loan(1, liquidationDebt="1"),
        *(loan(number) for number in range(2, 120)),
        loan(1, liquidationDebt="2"),
    ]
    run = start({LOANS: rows}, order="shuffled")
    with pytest.raises((UnstablePaging, UnexpectedRow)):
        run.run(LOANS, DAY)


def test_a_total_that_overlooks_one_of_two_such_rows_proves_nothing(start):
    rows = [loan(number) for number in range(1, 151)]
    run = start({LOANS: [*rows, loan(1, liquidationDebt="2")]}, total_cap=150, order="ascending")
    with pytest.raises((UnstablePaging, UnexpectedRow)):
        run.run(LOANS, DAY)


def test_a_status_that_changes_is_a_changed_row_and_no_other_one(start):
    run = start({LOANS: [loan(1, status="Liquidating")]})
    run.run(LOANS, DAY)
    later = start({LOANS: [loan(1, status="Liquidated")]})
    manifest = later.run(LOANS, DAY)
    assert b'"status":"Liquidated"' in later.rows(manifest)[0]
    assert manifest.differences.changed == {
        "count": 1,
        "keys": [
            {"loan_coin": "USDT", "collateral_coin": "C0001", "liquidation_starting_time": str(START + 5000)}
        ],
    }


def test_symbols_are_refused_because_no_row_names_one(start):
    with pytest.raises(InvalidRequest, match="flexible_loan"):
        start({}).run(LOANS, DAY, symbols=["BTCUSDT"])
