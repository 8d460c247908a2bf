"""A reading begins with what a probe has learnt, and uses a filter where it was seen to come first."""

from __future__ import annotations

import pytest
from support.model_exchange import ModelExchange, drive, make_order

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.paging import Answer, Observations, PageQuery, begin_with, plan
from airflow_provider_binance_liq.core.paging.page_reader import PageReader
from airflow_provider_binance_liq.core.probe_report import EndpointReport, Learnt, ProbeReport
from airflow_provider_binance_liq.core.rows import Page
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import RequestRejected

USDM = get_endpoint("usdm_futures")
DAY = Window(0, 86_400_000)
SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]


def probed(**learnt):
    endpoint = EndpointReport(access="answered", premises={}, learnt=Learnt(**learnt))
    return ProbeReport(
        account="desk",
        probed_at="2026-10-13T00:00:00Z",
        hosts={},
        endpoints={"usdm_futures": endpoint},
    )


@pytest.mark.parametrize(
    ("learnt", "begun"),
    [
        ({}, Observations()),
        ({"cut_side": "newest"}, Observations(side="backward")),
        ({"cut_side": "oldest"}, Observations(side="forward")),
        ({"equal_bounds": "refused"}, Observations(equal_bounds=False)),
        ({"equal_bounds": "empty"}, Observations(equal_bounds=False)),
        ({"equal_bounds": "works"}, Observations()),
        (
            {"symbol_filter": "before_limit", "type_filter": "after_limit"},
            Observations(filters_first={"symbol"}, filters_probed=frozenset({"symbol"})),
        ),
        (
            {"type_filter": "before_limit"},
            Observations(filters_first={"auto_close_type"}, filters_probed=frozenset({"auto_close_type"})),
        ),
        ({"span_answer": "refused", "longest_span_ms": 5}, Observations(longest_ms=5)),
        ({"span_answer": "clamped", "longest_span_ms": 5}, Observations(longest_ms=5)),
        ({"span_answer": "whole", "longest_span_ms": 5}, Observations()),
        ({"longest_span_ms": 5}, Observations()),
        ({"cut_by": "created", "filtered_by": "created"}, Observations()),
        ({"cut_by": "order_id", "filtered_by": "created"}, Observations(careful=True)),
        ({"cut_by": "created"}, Observations(careful=True)),
        ({"filtered_by": "created"}, Observations()),
    ],
)
def test_a_reading_begins_with_what_the_probe_saw_of_its_endpoint(learnt, begun):
    assert begin_with(probed(**learnt), USDM) == begun


@pytest.mark.parametrize("report", [None, probed(cut_side="newest")], ids=["no probe", "another endpoint"])
def test_where_nothing_was_probed_a_reading_begins_with_nothing(report):
    assert begin_with(report, get_endpoint("coinm_futures")) == Observations()


# --- filters --------------------------------------------------------------------------------------------


def cascade(count, symbols=SYMBOLS):
    return [
        make_order(
            symbols[index % len(symbols)], index, index * 1000, None, ("LIQUIDATION", "ADL")[index % 2]
        )
        for index in range(count)
    ]


def wanted(exchange, symbols, kind=None):
    return {
        order.row.key
        for order in exchange.orders
        if order.row.symbol in symbols and kind in (None, order.auto_close_type)
    }


def asked(exchange):
    return [(ask.symbol, ask.auto_close_type) for ask in exchange.asked]


def read(exchange, symbols, first, kind=None):
    observations = Observations(filters_first=set(first))
    steps = plan(USDM, DAY, symbols=symbols, auto_close_type=kind, observations=observations)
    found, proof = drive(steps, exchange, auto_close_type=kind)
    return {key for key in found if key[0] in symbols}, proof


def test_symbols_whose_filter_comes_first_are_asked_one_after_another_where_that_weighs_less():
    exchange = ModelExchange(cascade(60))
    found, proof = read(exchange, SYMBOLS[:2], ["symbol"])
    assert found == wanted(exchange, SYMBOLS[:2])
    assert asked(exchange) == [("BTCUSDT", None), ("ETHUSDT", None)]
    assert proof == "each page proves the one before it"


def test_three_symbols_weigh_more_than_one_request_for_all():
    exchange = ModelExchange(cascade(60))
    assert read(exchange, SYMBOLS, ["symbol"])[0] == wanted(exchange, SYMBOLS)
    assert asked(exchange) == [(None, None)]


def test_a_request_for_a_type_alone_weighs_no_more_than_one_for_all():
    exchange = ModelExchange(cascade(60))
    read(exchange, (), ["auto_close_type"], "ADL")
    assert asked(exchange) == [(None, "ADL")]


@pytest.mark.parametrize(
    ("first", "requests"),
    [
        (["symbol", "auto_close_type"], [("BTCUSDT", "ADL")]),
        (["symbol"], [(None, None), (None, "ADL")]),
        (["auto_close_type"], [(None, None), (None, "ADL")]),
    ],
)
def test_of_two_filters_both_have_to_come_first(first, requests):
    exchange = ModelExchange(cascade(60))
    found, _ = read(exchange, SYMBOLS[:1], first, "ADL")
    assert found == wanted(exchange, SYMBOLS[:1], "ADL")
    assert asked(exchange) == requests


class Delisted(ModelExchange):
    """Refuses one symbol by a code."""

    code = -1121

    def refuse(self, ask):
        if ask.symbol == "ETHUSDT":
            raise RequestRejected("no", self.code)


def test_where_a_symbol_is_not_listed_any_more_all_are_asked_for_since_it_may_have_rows():
    exchange = Delisted(cascade(60))
    found, proof = read(exchange, SYMBOLS[:2], ["symbol"])
    assert found == wanted(exchange, SYMBOLS[:2])
    assert asked(exchange) == [("BTCUSDT", None), ("ETHUSDT", None), (None, None)]
    assert proof == "each page proves the one before it"


def test_of_a_type_they_are_asked_for_all_at_once_too():
    exchange = Delisted(cascade(60))
    found, _ = read(exchange, SYMBOLS[:2], ["symbol", "auto_close_type"], "ADL")
    assert found == wanted(exchange, SYMBOLS[:2], "ADL")
    assert asked(exchange)[-2:] == [(None, None), (None, "ADL")]


def test_any_other_refusal_of_a_symbol_fails_the_window():
    exchange = Delisted(cascade(60))
    exchange.code = -1102
    with pytest.raises(RequestRejected):
        read(exchange, SYMBOLS[:2], ["symbol"])


@pytest.mark.parametrize(("keep", "pages"), [("oldest", 2), ("newest", 3)])
def test_once_rows_have_shown_that_the_filter_comes_first_the_symbol_is_asked_for_alone(keep, pages):
    symbols = [f"C{number:02}USDT" for number in range(20)]
    exchange = ModelExchange(cascade(1200, symbols), keep=keep)
    found, _ = read(exchange, symbols[:1], [])
    assert found == wanted(exchange, symbols[:1])
    # More rows than a page; then one request shows the filter, and one reads the symbol.
    alone = [symbol is not None for symbol, _ in asked(exchange)]
    assert alone == [*[False] * pages, True, True]


def test_three_symbols_are_asked_for_apart_once_more_was_spent_on_all():
    symbols = [f"C{number:02}USDT" for number in range(20)]
    exchange = ModelExchange(cascade(1200, symbols))
    found, _ = read(exchange, symbols[:3], [])
    assert found == wanted(exchange, symbols[:3])
    assert [symbol for symbol, _ in asked(exchange)][-3:] == symbols[:3]


def test_a_filter_that_comes_after_the_limit_is_not_relied_on():
    symbols = [f"C{number:02}USDT" for number in range(20)]
    exchange = ModelExchange(cascade(500, symbols), filters_late=True)
    found, _ = read(exchange, symbols[:1], [])
    assert found == wanted(exchange, symbols[:1])
    assert sum(symbol is not None for symbol, _ in asked(exchange)) == 1


def test_the_sample_is_of_400_rows_also_where_pages_begin_with_rows_of_the_one_before():
    rows = [make_order("BTCUSDT", number, 10_000 + number).row for number in range(400)]
    query = PageQuery(0, 86_400_000)
    walk = PageReader(USDM, query, Observations())
    for first in range(0, 301, 75):
        steps = walk.send(query)
        next(steps)
        with pytest.raises(StopIteration):
            steps.send(Answer(Page(tuple(rows[first : first + 100]))))
    assert walk.sample == rows
