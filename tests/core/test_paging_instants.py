"""One full millisecond, and what is asked beside a block: each request by itself."""

from __future__ import annotations

import pytest
from support.model_exchange import ModelExchange, drive, make_order

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.paging import Observations, PageQuery, plan
from airflow_provider_binance_liq.core.paging.blocks import halves_to_confirm
from airflow_provider_binance_liq.core.paging.filters_first import observe
from airflow_provider_binance_liq.core.rows import Page
from airflow_provider_binance_liq.core.windows import Window

USDM = get_endpoint("usdm_futures")
DAY = Window(0, 86_400_000)
AT = 5000
TYPES = ("LIQUIDATION", "ADL")


def tie(count, at_ms=AT, symbols=1, types=TYPES):
    return [
        make_order(f"S{n % symbols}USDT", at_ms * 1000 + n, at_ms, None, types[n % len(types)])
        for n in range(count)
    ]


def read(exchange, kind=None):
    observations = Observations()
    steps = plan(USDM, DAY, auto_close_type=kind, observations=observations)
    found, _ = drive(steps, exchange, auto_close_type=kind)
    return found.keys(), observations


def wanted(exchange, kind):
    return {order.row.key for order in exchange.orders if order.auto_close_type == kind}


def test_once_equal_bounds_are_seen_to_work_parts_of_a_millisecond_are_asked_for_by_them():
    exchange = ModelExchange(tie(120))
    assert read(exchange)[1].equal_bounds is True
    typed = [ask for ask in exchange.asked if ask.auto_close_type]
    assert {(ask.first_ms, ask.last_ms) for ask in typed[:2]} == {(AT, AT)}


def test_equal_bounds_that_were_refused_are_not_asked_for_again():
    exchange = ModelExchange(tie(120) + tie(120, 2 * AT), equal_bounds="refused")
    assert read(exchange)[1].equal_bounds is False
    assert sum(ask.first_ms == ask.last_ms for ask in exchange.asked) == 1


def test_rows_of_one_type_in_a_millisecond_that_is_split_by_symbol_are_found():
    exchange = ModelExchange(tie(240, symbols=4, types=("ADL", "ADL", "LIQUIDATION")))
    assert read(exchange, "ADL")[0] == wanted(exchange, "ADL")


@pytest.mark.parametrize("keep", ["oldest", "newest"])
def test_rows_of_one_type_in_a_millisecond_between_two_others_are_asked_for_alone(keep):
    beside = [order for at_ms in (AT - 1, AT, AT + 1) for order in tie(60, at_ms, types=("ADL",))]
    exchange = ModelExchange(beside, keep=keep)
    assert read(exchange, "ADL")[0] == wanted(exchange, "ADL")


def test_rows_of_one_type_on_bounds_that_may_be_exclusive_are_found():
    rows = [make_order("BTCUSDT", at, at, None, "ADL") for at in (AT, AT + 9)]
    exchange = ModelExchange(rows, start_inclusive=False, end_inclusive=False)
    found, _ = drive(plan(USDM, Window(AT, AT + 10), auto_close_type="ADL"), exchange, auto_close_type="ADL")
    assert found.keys() == wanted(exchange, "ADL")


class Turning(ModelExchange):
    """Leaves rows out at the other end from the second request on."""

    def answer(self, ask):
        if self.asked:
            self.keep = "newest"
        return super().answer(ask)


def test_an_exchange_that_changes_the_end_at_which_it_cuts_hides_no_row_beside_the_first_block():
    exchange = Turning([make_order("BTCUSDT", n, 1000 + n * 1000) for n in range(350)])
    assert read(exchange)[0] == {order.row.key for order in exchange.orders}


def test_where_rows_could_hide_before_a_block_the_filter_is_asked_for_first():
    rows = [make_order("BTCUSDT", n, 1000 + n * 1000) for n in range(150)]
    rows[120] = make_order("BTCUSDT", 120, 121_000, 161_000)
    exchange = ModelExchange(rows, keep="newest", filter_by="updated", cut_by="created")
    assert read(exchange)[0] == {order.row.key for order in exchange.orders}
    assert (exchange.asked[1].first_ms, exchange.asked[1].last_ms) == (120_999, 121_001)


# --- parts of a block -----------------------------------------------------------------------------------


def test_two_parts_hold_a_block_but_for_its_edge_and_do_not_overlap():
    page = Page(tuple(make_order("BTCUSDT", at, at, at + 5).row for at in range(100, 201, 10)))
    assert halves_to_confirm(PageQuery(50, 900, "BTCUSDT"), page) == {
        "forward": [PageQuery(50, 149, "BTCUSDT"), PageQuery(150, 198, "BTCUSDT")],
        "backward": [PageQuery(151, 900, "BTCUSDT"), PageQuery(107, 150, "BTCUSDT")],
    }


def test_parts_lie_within_what_was_asked_and_one_that_would_be_empty_is_left_out():
    page = Page(tuple(make_order("BTCUSDT", at, at).row for at in (100, 101, 102)))
    assert halves_to_confirm(PageQuery(100, 102), page) == {
        "forward": [PageQuery(100, 100)],
        "backward": [PageQuery(102, 102)],
    }


# --- whether a filter comes first -----------------------------------------------------------------------


class Known:
    """A walk that has found rows, and notes what is asked for."""

    endpoint = USDM

    def __init__(self, rows, **learnt):
        self.sample, self.observations, self.asked = rows, Observations(**learnt), []

    def send(self, ask, **_):
        self.asked.append(ask)
        yield from ()
        return Page(())


def test_it_is_the_symbol_that_reaches_furthest_that_is_asked_for():
    symbols = ["A", *["B", "C"] * 60, "A", *["Z"] * 9]
    walk = Known([make_order(symbol, at, at).row for at, symbol in enumerate(symbols)])
    assert list(observe(walk, {"symbol"})) == []
    assert walk.asked == [PageQuery(0, len(symbols) - 1, "A")]


def test_no_longer_span_is_asked_for_than_the_exchange_takes():
    walk = Known([make_order("BTCUSDT", at, at).row for at in range(400)], longest_ms=300)
    assert list(observe(walk, {"auto_close_type"})) == []
    # A millisecond more is asked for on each side.
    assert walk.asked == [
        PageQuery(51, 349, auto_close_type="ADL"),
        PageQuery(51, 349, auto_close_type="LIQUIDATION"),
    ]
