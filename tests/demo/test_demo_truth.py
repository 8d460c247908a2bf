"""Rows are compared one by one: equal counts prove nothing."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.demo.truth import Difference, differences


def row(order_id, symbol="BTCUSDT", price="1.5"):
    return f'{{"orderId":{order_id},"symbol":"{symbol}","price":"{price}"}}'


def found(exchange, warehouse):
    return [
        (one.endpoint, one.kind, *one.key) for one in differences({"margin": exchange}, {"margin": warehouse})
    ]


@pytest.mark.parametrize(
    ("exchange", "warehouse"),
    [
        ([], []),
        ([row(1), row(2)], [row(1), row(2)]),
        ([row(1), row(2)], [row(2), row(1)]),
        ([row(1), row(1)], [row(1), row(1)]),
        ([row(1, "币安人生USDT")], [row(1, "币安人生USDT")]),
    ],
)
def test_the_same_rows_in_any_order_do_not_differ(exchange, warehouse):
    assert found(exchange, warehouse) == []


def test_a_lost_row_is_missing():
    assert found([row(1), row(2)], [row(1)]) == [("margin", "missing", "BTCUSDT", "2")]


def test_an_invented_row_is_extra():
    assert found([row(1)], [row(1), row(2)]) == [("margin", "extra", "BTCUSDT", "2")]


def test_a_lost_and_an_invented_row_do_not_cancel_out():
    assert found([row(1)], [row(2)]) == [
        ("margin", "missing", "BTCUSDT", "1"),
        ("margin", "extra", "BTCUSDT", "2"),
    ]


def test_a_row_of_the_same_order_with_another_text_is_altered():
    (difference,) = differences({"margin": [row(1, price="1.10")]}, {"margin": [row(1, price="1.1")]})
    assert difference == Difference(
        "margin", "altered", ("BTCUSDT", "1"), row(1, price="1.10"), row(1, price="1.1")
    )


def test_one_order_id_under_two_symbols_is_two_rows():
    assert found([row(1, "AUSDT"), row(1, "BUSDT")], [row(1, "AUSDT")]) == [
        ("margin", "missing", "BUSDT", "1")
    ]


def test_how_often_a_row_occurs_counts():
    assert found([row(1), row(1)], [row(1)]) == [("margin", "missing", "BTCUSDT", "1")]
    assert found([row(1)], [row(1), row(1), row(1)]) == [("margin", "extra", "BTCUSDT", "1")] * 2


def test_a_row_loaded_into_another_endpoint_is_missing_in_one_and_extra_in_the_other():
    assert [
        (one.endpoint, one.kind) for one in differences({"margin": [row(1)]}, {"usdm_futures": [row(1)]})
    ] == [("margin", "missing"), ("usdm_futures", "extra")]


def test_an_order_id_beyond_53_bits_is_told_to_its_last_digit():
    assert found([row(9_007_199_254_740_993)], []) == [("margin", "missing", "BTCUSDT", "9007199254740993")]


@pytest.mark.parametrize("text", ["no JSON", "[]", '"text"', '{"symbol":"BTCUSDT"}', "null"])
def test_a_text_that_is_no_row_is_a_difference_too(text):
    assert found([], [text]) == [("margin", "extra", "?", "?")]


def test_a_difference_shows_what_both_sides_have():
    altered = Difference("margin", "altered", ("BTCUSDT", "1"), "theirs", "ours")
    assert str(altered) == ("altered: margin BTCUSDT order 1\n    exchange:  theirs\n    warehouse: ours")
    assert "warehouse" not in str(Difference("margin", "missing", ("BTCUSDT", "1"), "theirs", None))
    assert "exchange" not in str(Difference("margin", "extra", ("BTCUSDT", "1"), None, "ours"))
