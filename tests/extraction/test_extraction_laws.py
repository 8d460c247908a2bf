"""The laws of an extraction, over every choice that the exchange's documentation leaves open.

Windows that follow each other are read as jobs read them, with the spool that jobs use; the exchange is a
model without I/O. What is lost under `complete` is lost because of a premise that the claim names, or not at
all.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import examples
from support.model_exchange import ModelExchange, make_order

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.paging import Answer
from airflow_provider_binance_liq.core.premises import Claim
from airflow_provider_binance_liq.core.rows import Page
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import SaturatedInstant, UnstablePaging
from airflow_provider_binance_liq.extraction.reader import Filters, extract
from airflow_provider_binance_liq.lake.spool import Spool

BY_TIME, BY_NUMBER = get_endpoint("usdm_futures"), get_endpoint("portfolio_margin")
FIRST_MS = 1_000_000
CUTS_MS = [FIRST_MS, FIRST_MS + 1_000, FIRST_MS + 1_700, FIRST_MS + 4_000]
WINDOWS = [Window(start, end) for start, end in pairwise(CUTS_MS)]
SYMBOLS = ["BTCUSDT", "ETHUSDT"]


class Answers:
    """The model, as an extraction asks it."""

    def __init__(self, exchange):
        self.exchange = exchange

    def fetch(self, _, ask):
        return self.exchange.answer(ask).page

    def symbols(self, _):
        return frozenset(order.row.symbol for order in self.exchange.orders)


def read(exchange, window, endpoint=BY_TIME):
    """Read one window; returns the order ids of what the object would hold, and what may be claimed."""
    with Spool() as spool:
        reading = extract(endpoint, window, Filters(), exchange=Answers(exchange), spool=spool)
        bodies = list(spool.bodies())
    return sorted(bodies), Claim.of(endpoint, reading.evidence)


@st.composite
def orders(draw, *, before=False):
    """Rows around the windows' edges and anywhere else, updated up to some ms after they were created."""
    found = []
    count = draw(st.sampled_from([0, 1, 5, 40, 130, 320]))
    seed = draw(st.integers(0, 2**16))
    delays = draw(st.sampled_from([(0,), (0, 1, 2), (0, 3, 900)]))
    for number in range(count):
        step = (number * 7919 + seed) % 4001
        near = number % 5 == 0
        created = CUTS_MS[number % len(CUTS_MS)] + number % 3 - 1 if near else FIRST_MS + step
        updated = created + delays[step % len(delays)]
        if before and number % 7 == 0:
            updated = created - 1 - step % 30
        found.append(make_order(SYMBOLS[step % 2], number, created, updated, "LIQUIDATION"))
    return found


@st.composite
def exchanges(draw, rows):
    return ModelExchange(
        draw(rows),
        keep=draw(st.sampled_from(["oldest", "newest"])),
        order=draw(st.sampled_from(["ascending", "descending", "shuffled"])),
        filter_by=draw(st.sampled_from(["created", "updated"])),
        start_inclusive=draw(st.booleans()),
        end_inclusive=draw(st.booleans()),
        equal_bounds=draw(st.sampled_from(["works", "refused", "empty"])),
        longest_ms=draw(st.sampled_from([None, None, 600])),
        limit=draw(st.sampled_from([100, 100, 50])),
        seed=draw(st.integers(0, 2**16)),
    )


def belonging(exchange, window):
    """The rows of a window, by the instant that this exchange filters by."""
    return sorted(o.row.body for o in exchange.orders if getattr(o.row, f"{exchange.filter_by}_ms") in window)


@examples(150)
@given(exchanges(orders()))
def test_windows_that_follow_each_other_hold_each_row_once_whether_bounds_are_inclusive_or_not(exchange):
    for window in WINDOWS:
        try:
            found, claim = read(exchange, window)
        except SaturatedInstant:
            continue
        wanted = belonging(exchange, window)
        lost = [body for body in wanted if body not in found]
        assert not lost or not claim.complete
        # A row that was updated the millisecond after its creation, on an edge, may stand on both sides where
        # bounds are exclusive: no request holds one of its instants alone.
        twice = [body for body in found if body not in wanted]
        assert not twice or not (exchange.start_inclusive and exchange.end_inclusive)
        rows = {order.row.body: order.row for order in exchange.orders}
        assert all(abs(rows[body].updated_ms - rows[body].created_ms) == 1 for body in twice)


@pytest.mark.parametrize("filter_by", ["created", "updated"])
@pytest.mark.parametrize("lag", [1, 2, -1])
def test_a_row_on_an_edge_stands_on_one_side_alone_where_bounds_are_inclusive(filter_by, lag):
    created = CUTS_MS[1] - (lag > 0)
    exchange = ModelExchange([make_order("BTCUSDT", 1, created, created + lag)], filter_by=filter_by)
    found = [read(exchange, window)[0] for window in WINDOWS[:2]]
    assert found == [belonging(exchange, window) for window in WINDOWS[:2]]


@pytest.mark.parametrize(("filter_by", "inclusive"), [("created", "end"), ("updated", "start")])
def test_one_inclusive_bound_is_enough_where_it_is_the_one_beside_the_edge(filter_by, inclusive):
    bounds = {"start_inclusive": inclusive == "start", "end_inclusive": inclusive == "end"}
    rows = [make_order("BTCUSDT", 1, CUTS_MS[1] - 1, CUTS_MS[1])]
    exchange = ModelExchange(rows, filter_by=filter_by, **bounds)
    found = [read(exchange, window)[0] for window in WINDOWS[:2]]
    assert found == [belonging(exchange, window) for window in WINDOWS[:2]]


@examples(150)
@given(exchanges(orders(before=True)))
def test_rows_that_were_updated_before_they_were_created_hide_none(exchange):
    for window in WINDOWS:
        try:
            found, claim = read(exchange, window)
        except SaturatedInstant:
            continue
        named = {premise.code for premise in claim.premises}
        lost = set(belonging(exchange, window)) - set(found)
        assert not lost or not claim.complete or "update_after_time" in named


@examples(150)
@given(
    orders(),
    st.sampled_from(["whole", "capped", "page"]),
    st.sampled_from([10, 30, 99, 100]),
    st.booleans(),
    st.booleans(),
)
def test_whatever_total_counts_no_row_of_numbered_pages_is_lost_or_the_premise_is_named(
    rows, total, size, start_inclusive, end_inclusive
):
    rows = [make_order(o.row.symbol, o.row.key[-1], o.row.updated_ms) for o in rows]
    exchange = ModelExchange(
        rows,
        total=total,
        limit=size,
        filter_by="updated",
        start_inclusive=start_inclusive,
        end_inclusive=end_inclusive,
    )
    for window in WINDOWS:
        try:
            found, claim = read(exchange, window, BY_NUMBER)
        except UnstablePaging:
            continue
        named = {premise.code for premise in claim.premises}
        assert found == belonging(exchange, window) or "total_is_whole" in named
        if total != "page" or size in (10, 100):
            assert found == belonging(exchange, window)


@pytest.mark.parametrize("total", ["capped", "page"])
def test_a_total_that_is_capped_or_counts_the_page_does_not_end_the_reading(total):
    rows = [make_order("BTCUSDT", number, FIRST_MS + number) for number in range(250)]
    exchange = ModelExchange(rows, total=total, filter_by="updated")
    found, claim = read(exchange, WINDOWS[0], BY_NUMBER)
    assert len(found) == 250
    assert claim.complete


def test_a_span_that_was_refused_once_is_not_asked_for_again():
    day = 24 * 3_600_000
    exchange = ModelExchange([], longest_ms=6 * 3_600_000, says_longest=False)
    read(exchange, Window(day, 31 * day))
    refused = [ask for ask in exchange.asked if ask.last_ms - ask.first_ms > 6 * 3_600_000]
    assert len(refused) <= 5


def test_an_exchange_that_hands_out_less_than_the_limit_is_a_premise_that_is_named():
    rows = [make_order("BTCUSDT", number, FIRST_MS + number * 3) for number in range(250)]
    _, claim = read(ModelExchange(rows, limit=70), WINDOWS[0])
    assert "limit_honoured" in {premise.code for premise in claim.premises}


class Overlooking(ModelExchange):
    """Answers the first page, whatever number is asked for."""

    def numbered(self, rows, _):
        return super().numbered(rows, 1)


def test_a_page_that_comes_again_and_again_is_no_proof():
    rows = [make_order("BTCUSDT", number, FIRST_MS + number) for number in range(250)]
    found, claim = read(Overlooking(rows, total="page", filter_by="updated"), WINDOWS[0], BY_NUMBER)
    assert len(found) < 250
    assert claim.incomplete_reasons == ("total_is_whole",)


def test_pages_that_never_end_are_given_up():
    rows = [make_order("BTCUSDT", number, FIRST_MS + 5) for number in range(250)]

    class Restless(ModelExchange):
        def numbered(self, rows, _):
            page = tuple(self.random.sample(rows, 100))
            return Answer(Page(page, 100))

    with pytest.raises(UnstablePaging):
        read(Restless(rows, filter_by="updated"), WINDOWS[0], BY_NUMBER)


def test_that_a_filter_comes_first_is_seen_only_on_the_premise_that_pages_are_cut_at_an_end_of_time():
    ids = list(range(700))
    rows = [make_order(SYMBOLS[n % 2], ids[n * 389 % 700], FIRST_MS + n, None) for n in range(700)]
    exchange = ModelExchange(rows, cut_by="order_id", filters_late=True)
    with Spool() as spool:
        asked = Filters(("BTCUSDT",))
        reading = extract(BY_TIME, WINDOWS[0], asked, exchange=Answers(exchange), spool=spool)
        found = list(spool.bodies(asked.symbols))
    claim = Claim.of(BY_TIME, reading.evidence)
    wanted = [order.row.body for order in rows if order.row.symbol == "BTCUSDT"]
    named = {premise.code for premise in claim.premises}
    assert sorted(found) == sorted(wanted) or "cut_by_filtered_instant" in named
