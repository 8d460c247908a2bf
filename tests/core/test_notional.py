"""What the rows of an object are worth: exact, by asset, and no row is left out silently."""

from __future__ import annotations

import json
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
from airflow_provider_binance_liq.core.notional import QUOTES, Tally, add


def tally(endpoint, *rows):
    found = Tally(ENDPOINTS[endpoint])
    bodies = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in rows]
    assert list(found.watch(bodies)) == bodies
    return found.result()


def order(symbol="BTCUSDT", amount="1.50", **more):
    return {"symbol": symbol, "cumQuote": amount, **more}


def test_different_assets_are_never_added_to_each_other():
    found = tally("usdm_futures", order(amount="0.1"), order(amount="0.2"), order("BTCUSDC", "7"))
    assert found.amounts == {"USDC": "7", "USDT": "0.3"}
    assert found.unpriced == 0


def test_contracts_are_worth_what_they_settle_in():
    rows = [
        {"symbol": symbol, "cumBase": "0.5", "cumQuote": "99"} for symbol in ("BTCUSD_PERP", "ETHUSD_260327")
    ]
    assert tally("coinm_futures", *rows).amounts == {"BTC": "0.5", "ETH": "0.5"}


def test_a_contract_with_a_date_is_quoted_in_what_stands_before_it():
    assert tally("usdm_futures", order("BTCUSDT_260327", "2")).amounts == {"USDT": "2"}


def test_a_contract_that_is_not_quoted_in_dollars_is_counted():
    found = tally("coinm_futures", {"symbol": "BTCEUR_PERP", "cumBase": "1"})
    assert (found.amounts, found.unpriced) == ({}, 1)


def test_a_record_of_margin_is_worth_its_quantity_times_its_price():
    row = {"symbol": "BNBBTC", "executedQty": "1.06", "avgPrice": "0.00388110"}
    assert tally("margin", row).amounts == {"BTC": "0.004113966"}


def test_a_loan_is_worth_its_debt():
    row = {"loanCoin": "USDT", "collateralCoin": "BTC", "liquidationDebt": "10000.01"}
    assert tally("flexible_loan", row).amounts == {"USDT": "10000.01"}


def test_entries_of_a_ledger_are_not_added_up():
    assert tally("margin_capital_flow", {"asset": "USDT", "amount": "1"}) is None


def test_an_object_without_rows_is_worth_nothing_and_that_is_known():
    assert (tally("usdm_futures").amounts, tally("usdm_futures").unpriced) == ({}, 0)


@pytest.mark.parametrize(
    "row",
    [
        order("币安人生XYZ"),
        order("USDT"),
        order("BNBBIDR"),
        order(amount=""),
        order(amount=None),
        order(amount=True),
        order(amount="1e9999"),
        order(amount="NaN"),
        order(amount=[1]),
        {"symbol": "BTCUSDT"},
        {"cumQuote": "1"},
        b'{"symbol":"BTCUSDT","cumQuote":1e99}',
    ],
)
def test_a_row_whose_amount_or_asset_cannot_be_read_is_counted(row):
    found = tally("usdm_futures", row, order())
    assert (found.amounts, found.unpriced) == ({"USDT": "1.5"}, 1)


def test_a_filled_record_without_a_price_is_counted_and_not_worth_nothing():
    row = {"symbol": "BNBBTC", "executedQty": "1", "avgPrice": "0"}
    assert (tally("margin", row).amounts, tally("margin", row).unpriced) == ({}, 1)


def test_a_record_of_nothing_at_no_price_is_worth_nothing():
    row = {"symbol": "BNBBTC", "executedQty": "0", "avgPrice": "0"}
    assert (tally("margin", row).amounts, tally("margin", row).unpriced) == ({"BTC": "0"}, 0)


@pytest.mark.parametrize("missing", ["executedQty", "avgPrice"])
def test_a_record_without_one_of_its_factors_is_counted(missing):
    row = {"symbol": "BNBBTC", "executedQty": "1", "avgPrice": "2"}
    del row[missing]
    assert (tally("margin", row).amounts, tally("margin", row).unpriced) == ({}, 1)


def test_each_row_that_cannot_be_read_is_counted():
    assert tally("usdm_futures", order(amount=""), order(), order("USDT"), order(amount="x")).unpriced == 3


@pytest.mark.parametrize(
    ("sent", "written"),
    [("100", "100"), ("100.50", "100.5"), ("7.00", "7"), ("10.0", "10"), ("0", "0"), ("0.000", "0")],
)
def test_a_sum_is_written_without_zeros_at_the_end_of_its_fraction_alone(sent, written):
    assert tally("usdm_futures", order(amount=sent)).amounts == {"USDT": written}


def test_a_number_that_is_no_text_is_exact_too():
    assert tally("usdm_futures", b'{"symbol":"BTCUSDT","cumQuote":0.10000000000000000001}').amounts == {
        "USDT": "0.10000000000000000001"
    }


@given(st.lists(st.decimals("0", "1e30", places=18), max_size=20), st.integers(0, 20))
def test_sums_are_exact_however_they_are_divided_into_objects(amounts, cut):
    rows = [order(amount=f"{one:f}") for one in amounts]
    parts = [tally("usdm_futures", *some).amounts for some in (rows[:cut], rows[cut:])]
    with localcontext(prec=200):
        expected = sum(amounts, Decimal())
    assert Decimal(add(one.items() for one in parts).get("USDT", "0")) == expected
    assert Decimal(tally("usdm_futures", *rows).amounts.get("USDT", "0")) == expected


def test_the_sums_begin_anew_where_the_rows_are_written_again():
    found = Tally(ENDPOINTS["usdm_futures"])
    for _ in range(2):
        list(found.watch([json.dumps(order()).encode()]))
    assert found.result().amounts == {"USDT": "1.5"}


def test_no_quote_asset_ends_with_another_so_at_most_one_fits():
    assert [(one, other) for one in QUOTES for other in QUOTES if one != other and one.endswith(other)] == []


def test_every_endpoint_states_what_its_rows_are_worth_by_fields_that_they_have():
    for endpoint in ENDPOINTS.values():
        if endpoint.amount is not None:
            named = {*endpoint.amount.factors, endpoint.amount.unit_field or endpoint.kind.symbol}
            assert named <= {*endpoint.fields}, endpoint.name


@pytest.mark.parametrize(
    "sent",
    [
        "1e99999999999999999999",
        "-1e-99999999999999999999",
        "0e99",
        "1" * 5000,
        '"1e5"',
        "[1]",
        '{"a": 1}',
        "true",
    ],
)
def test_whatever_an_amount_holds_the_row_passes_and_is_counted(sent):
    found = tally("usdm_futures", f'{{"symbol": "BTCUSDT", "cumQuote": {sent}}}'.encode())
    assert (found.amounts, found.unpriced) == ({}, 1)


@pytest.mark.parametrize("coin", [" ", "\u00a0", "", "x" * 41, 7, None])
def test_a_name_that_is_no_assets_is_in_no_sum_so_that_the_manifest_can_be_read(coin):
    found = tally("flexible_loan", {"loanCoin": coin, "liquidationDebt": "1"})
    assert (found.amounts, found.unpriced) == ({}, 1)


SPELT = ['"1.5"', '"1\\u0030"', "1.5", '""', "null", '"1e5"', "true", '"-3"', "[1]", '"\\ud800"']
NAMED = ['"BTCUSDT"', '"ETH\\u0042TC"', '"XYZ"', '""', "7", "null"]


@given(st.lists(st.tuples(st.sampled_from(NAMED), st.sampled_from(SPELT)), max_size=8))
def test_what_a_row_is_worth_does_not_depend_on_how_its_neighbours_are_spelt(spelt):
    rows = [f'{{"symbol":{symbol},"x":[{{}}],"cumQuote":{amount}}}'.encode() for symbol, amount in spelt]
    together, alone = tally("usdm_futures", *rows), [tally("usdm_futures", row) for row in rows]
    assert together.amounts == add(one.amounts.items() for one in alone)
    assert together.unpriced == sum(one.unpriced for one in alone)


def test_of_a_field_that_is_sent_twice_the_last_one_counts_however_its_neighbours_are_spelt():
    twice = b'{"symbol":"BTCUSDT","cumQuote":"1","cumQuote":"2"}'
    assert tally("usdm_futures", twice).amounts == {"USDT": "2"}
    assert tally("usdm_futures", twice, order(amount=None)).amounts == {"USDT": "2"}
