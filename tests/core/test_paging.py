"""The laws of paging, against a model exchange that is as strange as its documentation allows."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.covering import covering
from support.examples import examples
from support.model_exchange import ModelExchange, drive, make_order

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.paging import (
    READINGS,
    Answer,
    Observations,
    PageQuery,
    SymbolsQuery,
    plan,
)
from airflow_provider_binance_liq.core.paging.by_number import AGREED, ENDED_ALIKE
from airflow_provider_binance_liq.core.premises import Claim
from airflow_provider_binance_liq.core.rows import Page
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import (
    RequestRejected,
    SaturatedInstant,
    SpanRefused,
    UnexpectedRow,
    UnstablePaging,
)

BY_TIME = get_endpoint("usdm_futures")
BY_NUMBER = get_endpoint("margin")
DAY = Window(0, 86_400_000)
SYMBOLS = ["BTCUSDT", "ETHUSDT", "币安人生USDT"]
TYPES = ["LIQUIDATION", "ADL"]
SETTINGS = {
    "keep": ["oldest", "newest"],
    "order": ["ascending", "descending", "shuffled", "order_id", "other_instant"],
    "filter_by": ["created", "updated"],
}


def keys(orders):
    return {order.row.key for order in orders}


def cascade(count, *, span_ms=300_000, delay_ms=40, start_ms=40_000_000):
    """Rows at an even pace, with updates that overtake each other, ids that collide and exceed 2^53."""
    return [
        make_order(
            SYMBOLS[index % 3],
            2**60 + index // 3 * 7919 % count,
            start_ms + index * span_ms // count,
            start_ms + index * span_ms // count + index * 37 % (delay_ms + 1),
            TYPES[index % 10 == 0],
        )
        for index in range(count)
    ]


# --- the laws -------------------------------------------------------------------------------------------

WINDOW_MS = 4_000
#: not at the epoch, before which nothing can be asked for
FIRST_MS = 10_000
LAST_MS = FIRST_MS + WINDOW_MS - 1
WINDOW = Window(FIRST_MS, LAST_MS + 1)


@st.composite
def histories(draw):
    """Up to 450 orders, in clusters, ties and delays of every size a window of four seconds can hold."""
    orders = []
    for cluster in range(draw(st.integers(0, 5))):
        at = FIRST_MS + draw(st.integers(0, WINDOW_MS - 1))
        width = draw(st.sampled_from([0, 1, 3, 50, 400, WINDOW_MS]))
        delay = draw(st.sampled_from([0, 1, 12, 60, 900]))
        count = draw(st.sampled_from([1, 2, 49, 50, 51, 60, 90]))
        seed = draw(st.integers(0, 2**16))
        for index in range(count):
            step = (index * 7919 + seed) % 1009
            created = min(at + step * width // 1009, LAST_MS)
            updated = min(created + step * delay // 1009, LAST_MS)
            symbol, kind = SYMBOLS[step % 3], TYPES[step % 2]
            orders.append(make_order(symbol, cluster * 1000 + index, created, updated, kind))
    return orders


@st.composite
def exchanges(draw):
    knobs = {name: draw(st.sampled_from(values)) for name, values in SETTINGS.items()}
    return ModelExchange(
        draw(histories()),
        **knobs,
        equal_bounds=draw(st.sampled_from(["works", "refused", "empty"])),
        start_inclusive=draw(st.booleans()),
        end_inclusive=draw(st.booleans()),
        filters_late=draw(st.sampled_from([False, False, True])),
        longest_ms=draw(st.sampled_from([None, None, 1500, 7])),
        says_longest=draw(st.booleans()),
        limit=draw(st.sampled_from([100, 100, 100, 50])),
        seed=draw(st.integers(0, 2**16)),
    )


def read(exchange, endpoint=BY_TIME, **filters):
    """Read the window; returns the keys of what was found, and what may be claimed of it."""
    observations = Observations()
    steps = plan(endpoint, WINDOW, observations=observations, **filters)
    found, _ = drive(steps, exchange, auto_close_type=filters.get("auto_close_type"))
    return found.keys(), Claim.of(endpoint, observations.evidence)


@examples(300)
@given(exchanges())
def test_every_row_is_found_once_or_the_window_is_not_claimed_complete(exchange):
    try:
        found, claim = read(exchange)
    except SaturatedInstant:
        return
    assert found <= keys(exchange.orders)
    assert found == keys(exchange.orders) or not claim.complete


@examples(100)
@given(exchanges(), st.sampled_from(SYMBOLS), st.sampled_from([None, *TYPES]))
def test_a_filter_loses_nothing_of_what_it_lets_through(exchange, symbol, kind):
    try:
        found, claim = read(exchange, symbols=[symbol], auto_close_type=kind)
    except SaturatedInstant:
        return
    wanted = [o for o in exchange.orders if o.row.symbol == symbol and kind in (None, o.auto_close_type)]
    found = {key for key in found if key[0] == symbol}
    assert found == keys(wanted) or not claim.complete


@examples(100)
@given(exchanges())
def test_nothing_outside_of_the_window_is_asked_for(exchange):
    with suppress(SaturatedInstant):
        drive(plan(BY_TIME, WINDOW), exchange)
    assert all(FIRST_MS - 1 <= ask.first_ms <= ask.last_ms <= LAST_MS + 1 for ask in exchange.asked)


@examples(100)
@given(st.integers(0, 450), st.integers(1, 100))
def test_numbered_pages_are_read_completely_whatever_size_the_exchange_cuts_them_to(count, size):
    exchange = ModelExchange(cascade(count), limit=size) if count else ModelExchange([], limit=size)
    found, _ = drive(plan(BY_NUMBER, DAY), exchange)
    assert found.keys() == keys(exchange.orders)


class Growing(ModelExchange):
    """Rows that appear late: each after so many requests, inside of the window."""

    late: list = ()

    def answer(self, ask):
        here = len(self.asked)
        self.orders += [order for after, order in self.late if after == here]
        self.late = [(after, order) for after, order in self.late if after != here]
        return super().answer(ask)


def test_a_late_row_beyond_a_tie_is_no_proof_of_what_lies_before_it():
    orders = [
        make_order("BTCUSDT", 0, FIRST_MS),
        *(make_order("BTCUSDT", n, FIRST_MS + 1, None, TYPES[n % 2]) for n in range(1, 91)),
    ]
    exchange = Growing(orders, keep="newest", limit=50, equal_bounds="refused")
    exchange.late = [(1, make_order("LATEUSDT", 1, FIRST_MS + 2))]
    there = keys(orders)
    found, _ = drive(plan(BY_TIME, WINDOW), exchange)
    assert there <= found.keys()


@examples(100)
@given(exchanges(), histories(), st.lists(st.integers(1, 12), max_size=150))
def test_rows_that_appear_late_never_hide_those_that_were_there(exchange, others, after):
    growing = Growing(**{name: getattr(exchange, name) for name in ModelExchange.__dataclass_fields__})
    late = [make_order("LATEUSDT", n, o.row.created_ms, o.row.updated_ms) for n, o in enumerate(others[:150])]
    growing.orders, growing.late = list(exchange.orders), list(zip(after, late, strict=False))
    try:
        found, claim = read(growing)
    except SaturatedInstant:
        return
    assert found <= keys(exchange.orders) | keys(late)
    assert keys(exchange.orders) <= found or not claim.complete


@examples(100)
@given(
    st.integers(0, 450),
    st.integers(1, 100),
    st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["insert", "shift", "empty"])), max_size=6),
    st.sampled_from([None, 3_600_000 * 5]),
)
def test_numbered_pages_that_move_are_complete_or_fail_with_a_specific_error(
    count, size, happenings, longest_ms
):
    exchange = ModelExchange(cascade(count) if count else [], limit=size, longest_ms=longest_ms)
    steady, moving = exchange.numbered, dict(happenings)

    def numbered(rows, number):
        happen = moving.pop(len(exchange.asked), None)
        return HAPPENINGS[happen](exchange, rows, number) if happen and number > 1 else steady(rows, number)

    exchange.numbered = numbered
    try:
        found, _ = drive(plan(BY_NUMBER, DAY), exchange)
    except UnstablePaging:
        return
    assert found.keys() == keys(exchange.orders)


# --- the cost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 49, 89])
def test_a_calm_window_costs_one_request(count):
    exchange = ModelExchange(cascade(count) if count else [])
    found, _ = drive(plan(BY_TIME, DAY), exchange)
    assert (len(found), len(exchange.asked)) == (count, 1)


@covering(
    "keep, order, filter_by", SETTINGS["keep"], ["ascending", "descending"], SETTINGS["filter_by"], together=2
)
def test_a_cascade_costs_hardly_more_than_its_rows_do(keep, order, filter_by):
    exchange = ModelExchange(cascade(5000), keep=keep, order=order, filter_by=filter_by)
    found, proof = drive(plan(BY_TIME, DAY), exchange)
    assert len(found) == 5000
    assert proof == "each page proves the one before it"
    assert len(exchange.asked) <= 50 * 1.1


@pytest.mark.parametrize("keep", SETTINGS["keep"])
def test_a_window_of_several_pages_is_asked_on_both_sides_of_its_first_block_and_no_other(keep):
    day = Window(DAY.end_ms, 2 * DAY.end_ms)  # before the first one nothing can be asked for
    exchange = ModelExchange(cascade(500, start_ms=day.start_ms + 40_000_000), keep=keep)
    drive(plan(BY_TIME, day), exchange)
    reached = [(ask.first_ms < day.first_ms, ask.last_ms > day.last_ms) for ask in exchange.asked]
    before, behind = (True, False), (False, True)
    sides = [behind] + 5 * [before] if keep == "newest" else 5 * [behind] + [before]
    assert reached == [(True, True), *sides]


# --- ties -----------------------------------------------------------------------------------------------


def tie(count, *, symbols=1, kinds=1, at=50_000_000):
    """Rows that share one millisecond, spread over symbols and types."""
    return [
        make_order(SYMBOLS[index % symbols], index, at, None, TYPES[index // symbols % kinds])
        for index in range(count)
    ]


@pytest.mark.parametrize("count", [90, 99])
def test_a_nearly_full_page_is_proven_by_shorter_ones(count):
    exchange = ModelExchange(cascade(count))
    found, _ = drive(plan(BY_TIME, DAY), exchange)
    assert (len(found), len(exchange.asked)) == (count, 3)


def test_ninety_nine_rows_of_one_millisecond_need_not_be_split():
    exchange = ModelExchange(tie(99))
    found, proof = drive(plan(BY_TIME, DAY), exchange)
    assert len(found) == 99
    assert len(exchange.asked) <= 8
    assert "split" not in str(proof)


@pytest.mark.parametrize("equal_bounds", ["works", "refused", "empty"])
@pytest.mark.parametrize("keep", SETTINGS["keep"])
@pytest.mark.parametrize("count", [100, 101, 160])
def test_a_full_millisecond_is_split_by_type(count, keep, equal_bounds):
    exchange = ModelExchange(tie(count, kinds=2), keep=keep, equal_bounds=equal_bounds)
    found, proof = drive(plan(BY_TIME, DAY), exchange)
    assert len(found) == count
    assert "split by autoCloseType" in proof


@pytest.mark.parametrize("keep", SETTINGS["keep"])
def test_a_full_millisecond_of_one_type_is_split_by_symbol(keep):
    exchange = ModelExchange(tie(250, symbols=3), keep=keep)
    found, _ = drive(plan(BY_TIME, DAY), exchange)
    assert len(found) == 250


def test_symbols_that_have_not_been_seen_are_asked_too():
    seen = [make_order("BTCUSDT", index, 50_000_000) for index in range(99)]
    seen += [make_order("ETHUSDT", index, 50_000_000) for index in range(50)]
    hidden = [make_order(f"X{index}USDT", index, 50_000_000) for index in range(60)]
    exchange = ModelExchange(seen + hidden)
    found, _ = drive(plan(BY_TIME, DAY), exchange)
    assert found.keys() == keys(seen + hidden)


def test_rows_of_a_type_that_cannot_be_asked_for_are_found_by_symbol():
    orders = tie(90, symbols=3) + [
        make_order(SYMBOLS[index % 3], 1000 + index, 50_000_000, None, "SETTLEMENT") for index in range(40)
    ]
    exchange = ModelExchange(orders)
    found, _ = drive(plan(BY_TIME, DAY), exchange)
    assert found.keys() == keys(orders)


@pytest.mark.parametrize("count", [100, 101])
def test_a_millisecond_that_cannot_be_split_fails_with_a_specific_error(count):
    exchange = ModelExchange(tie(count))
    with pytest.raises(SaturatedInstant, match=r"BTCUSDT, LIQUIDATION holds 100 rows"):
        drive(plan(BY_TIME, DAY), exchange)


def test_a_full_millisecond_fails_with_a_specific_error_where_symbols_cannot_be_listed():
    exchange = ModelExchange(tie(250, symbols=3), lists_symbols=False)
    with pytest.raises(SaturatedInstant, match="list the symbols"):
        drive(plan(BY_TIME, DAY), exchange)


def test_two_neighbouring_milliseconds_are_asked_apart():
    following = [make_order("BTCUSDT", 500 + index, 50_000_001) for index in range(60)]
    exchange = ModelExchange(tie(60) + following)
    found, _ = drive(plan(BY_TIME, DAY), exchange)
    assert len(found) == 120


@pytest.mark.parametrize("keep", SETTINGS["keep"])
def test_a_page_boundary_inside_a_millisecond_loses_nothing(keep):
    before = [make_order("BTCUSDT", 8000 + index, 1_000_000 + index) for index in range(70)]
    after = [make_order("BTCUSDT", 9000 + index, 60_000_000 + index) for index in range(70)]
    exchange = ModelExchange(before + tie(60, symbols=3) + after, keep=keep)
    found, _ = drive(plan(BY_TIME, DAY), exchange)
    assert len(found) == 200


# --- what refutes the picture of blocks -----------------------------------------------------------------


@pytest.mark.parametrize("order", ["ascending", "descending", "order_id", "shuffled", "other_instant"])
@pytest.mark.parametrize("keep", SETTINGS["keep"])
def test_rows_cut_by_their_order_id_are_still_all_found(keep, order):
    exchange = ModelExchange(cascade(1200), keep=keep, order=order, cut_by="order_id")
    found, proof = drive(plan(BY_TIME, DAY), exchange)
    assert len(found) == 1200
    assert proof == "short pages alone"


@pytest.mark.parametrize(("filter_by", "cut_by"), [("created", "updated"), ("updated", "created")])
@pytest.mark.parametrize("order", ["ascending", "descending"])
@pytest.mark.parametrize("keep", SETTINGS["keep"])
def test_rows_cut_by_another_instant_than_they_are_filtered_by_are_still_all_found(
    keep, order, filter_by, cut_by
):
    orders = cascade(1200, span_ms=20_000, delay_ms=200)
    exchange = ModelExchange(orders, keep=keep, order=order, filter_by=filter_by, cut_by=cut_by)
    found, _ = drive(plan(BY_TIME, DAY), exchange)
    assert len(found) == 1200


def test_a_row_that_appears_late_inside_a_block_is_not_overlooked():
    orders = cascade(400)
    late = orders.pop(90)
    exchange = ModelExchange(orders)
    steps = plan(BY_TIME, DAY)
    answer = exchange.answer(next(steps))
    exchange.orders.append(late)
    found, proof = drive(_resumed(steps, answer), exchange)
    assert late.row.key in found
    assert proof == "short pages alone"


def _resumed(steps, answer):
    """Go on with a plan whose first ask is answered already."""
    try:
        ask = steps.send(answer)
        while True:
            try:
                reply = yield ask
            except RequestRejected as refusal:
                ask = steps.throw(refusal)
            else:
                ask = steps.send(reply)
    except StopIteration as stop:
        return stop.value


def test_a_page_of_the_default_size_is_not_trusted_while_the_limit_may_be_overlooked():
    exchange = ModelExchange(cascade(180), limit=50)
    found, _ = drive(plan(BY_TIME, DAY), exchange)
    assert len(found) == 180


# --- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("says_longest", [True, False])
def test_a_span_that_is_refused_is_asked_in_shorter_ones(says_longest):
    hours = 6 * 3_600_000
    exchange = ModelExchange(cascade(300), longest_ms=hours, says_longest=says_longest)
    found, _ = drive(plan(BY_TIME, DAY), exchange)
    assert len(found) == 300
    assert sum(ask.last_ms - ask.first_ms > hours for ask in exchange.asked) <= 3


def test_a_span_that_cannot_be_shortened_is_a_refusal():
    exchange = ModelExchange([], longest_ms=0)
    with pytest.raises(SpanRefused):
        drive(plan(BY_TIME, Window(0, 2)), exchange)


@pytest.mark.parametrize("delay_ms", [1, 2, 12, 900])
@pytest.mark.parametrize("filter_by", ["created", "updated"])
@pytest.mark.parametrize("order", ["other_instant", "shuffled"])
def test_to_determine_the_filter_no_longer_span_is_asked_than_the_exchange_takes(delay_ms, filter_by, order):
    orders = cascade(300, span_ms=30, delay_ms=delay_ms)
    exchange = ModelExchange(orders, longest_ms=7, filter_by=filter_by, order=order)
    window = Window(39_999_900, 40_001_500)
    found, _ = drive(plan(BY_TIME, window), exchange)
    assert found.keys() == keys(orders)
    assert max(ask.last_ms - ask.first_ms for ask in exchange.asked[1:]) <= 7


def test_to_test_a_block_nothing_outside_of_its_own_piece_is_asked():
    orders = [make_order("BTCUSDT", number, 3_000 + 7 * number, 3_977 + number % 5) for number in range(130)]
    exchange = ModelExchange(orders, longest_ms=7, filter_by="updated", order="shuffled")
    with suppress(SaturatedInstant):
        drive(plan(BY_TIME, Window(0, 4_000)), exchange)
    assert max(ask.last_ms - ask.first_ms for ask in exchange.asked[1:]) <= 7


def test_a_window_of_one_millisecond_is_asked_as_it_is():
    exchange = ModelExchange([make_order("BTCUSDT", 1, 5)])
    found, _ = drive(plan(BY_TIME, Window(5, 6)), exchange)
    assert len(found) == 1


@pytest.mark.parametrize("instants", [(3, 3), (11, 11), (3, 12)])
def test_a_row_outside_of_the_window_under_both_instants_fails_with_a_specific_error(instants):
    row = make_order("BTCUSDT", 1, *instants).row
    steps = plan(BY_TIME, Window(5, 10))
    next(steps)
    with pytest.raises(UnexpectedRow, match="row BTCUSDT 1"):
        steps.send(Answer(Page((row,)), 1))


@pytest.mark.parametrize("instants", [(3, 7), (7, 12)])
def test_a_row_inside_under_one_instant_belongs_to_the_window(instants):
    row = make_order("BTCUSDT", 1, *instants).row
    steps = plan(BY_TIME, Window(5, 10))
    next(steps)
    with pytest.raises(StopIteration):
        steps.send(Answer(Page((row,)), 1))


def test_a_row_of_another_symbol_than_the_filter_names_fails_with_a_specific_error():
    row = make_order("ETHUSDT", 1, 7).row
    steps = plan(BY_NUMBER, Window(5, 10), symbols=["BTCUSDT"])
    next(steps)
    with pytest.raises(UnexpectedRow, match="row ETHUSDT 1"):
        steps.send(Answer(Page((row,), 1), 1))


# --- numbered pages that move ---------------------------------------------------------------------------


class Drifting(ModelExchange):
    """Numbered pages between which things happen, a number of times."""

    def __init__(self, orders, happen, times):
        super().__init__(orders)
        self.happen, self.times = happen, times

    def numbered(self, rows, number):
        if number > 1 and self.times > 0:
            self.times -= 1
            return self.happen(self, rows, number)
        return super().numbered(rows, number)


def insert(exchange, rows, number):
    late = make_order("LATEUSDT", len(exchange.orders), rows[0].created_ms if rows else 1)
    exchange.orders.append(late)
    return ModelExchange.numbered(exchange, [*rows, late.row], number)


def shift(exchange, rows, number):
    """Hand out the page as if one row had moved in front of it: it repeats a row, and another is skipped."""
    answer = ModelExchange.numbered(exchange, rows, number)
    previous = ModelExchange.numbered(exchange, rows, number - 1)
    return Answer(Page((previous.page.rows[-1], *answer.page.rows[:-1]), answer.page.total))


def empty(exchange, rows, number):
    return Answer(Page((), len(rows)))


HAPPENINGS = {"insert": insert, "shift": shift, "empty": empty}


@pytest.mark.parametrize("happen", [insert, shift, empty])
def test_pages_that_shift_are_read_again_until_they_agree(happen):
    exchange = Drifting(cascade(250), happen, times=1)
    found, _ = drive(plan(BY_NUMBER, DAY), exchange)
    assert found.keys() == keys(exchange.orders)


@pytest.mark.parametrize("happen", [shift, empty])
def test_pages_that_never_hold_still_fail_with_a_specific_error(happen):
    exchange = Drifting(cascade(250), happen, times=10_000)
    said = (
        rf"kept shifting: after {READINGS} readings there are \d+ different rows, while the last one stated "
        r"a total of \d+(, \d+)*\. Nothing was written; a retry reads again$"
    )
    with pytest.raises(UnstablePaging, match=said):
        drive(plan(BY_NUMBER, DAY), exchange, most=100)


def test_a_page_number_that_is_overlooked_fails_with_a_specific_error():
    exchange = ModelExchange(cascade(250))
    exchange.numbered = lambda rows, _: ModelExchange.numbered(exchange, rows, 1)
    with pytest.raises(UnstablePaging):
        drive(plan(BY_NUMBER, DAY), exchange, most=100)


def test_a_total_that_disagrees_with_the_rows_fails_with_a_specific_error():
    exchange = ModelExchange(cascade(5))
    exchange.numbered = lambda rows, _: Answer(Page(tuple(rows), 4))
    with pytest.raises(UnstablePaging, match="5 different rows, while the last one stated a total of 4"):
        drive(plan(BY_NUMBER, DAY), exchange, most=100)


def test_a_reading_ends_at_an_empty_page_and_at_one_that_repeats_the_page_before_it():
    emptied = Drifting(cascade(250), empty, times=10_000)
    overlooking = ModelExchange(cascade(250))
    overlooking.numbered = lambda rows, _: ModelExchange.numbered(overlooking, rows, 1)
    for exchange in (emptied, overlooking):
        with pytest.raises(UnstablePaging):
            drive(plan(BY_NUMBER, DAY), exchange)
        assert len(exchange.asked) == 2 * READINGS


def test_pages_that_keep_shifting_are_reported_with_every_total_that_was_stated():
    exchange = ModelExchange(cascade(5))
    exchange.numbered = lambda rows, number: Answer(
        Page(tuple(rows[number - 1 : number]), {1: 9}.get(number))
    )
    told = (
        "the numbered pages of 1970-01-01T00:00:00Z to 1970-01-01T23:59:59.999Z kept shifting: "
        f"after {READINGS} readings there are 5 different rows, while the last one stated a total of 9, "
        "None. Nothing was written; a retry reads again"
    )
    with pytest.raises(UnstablePaging) as caught:
        drive(plan(BY_NUMBER, DAY), exchange, most=100)
    assert str(caught.value) == told


# --- spans that are refused, in detail ------------------------------------------------------------------

HOURS = 6 * 3_600_000


@pytest.mark.parametrize("says_longest", [True, False])
def test_numbered_pages_of_a_span_that_is_refused_are_read_in_shorter_ones(says_longest):
    exchange = ModelExchange(cascade(250), longest_ms=HOURS, says_longest=says_longest)
    found, proof = drive(plan(BY_NUMBER, DAY), exchange)
    assert found.keys() == keys(exchange.orders)
    assert proof == "all numbered pages were read, and hold as many rows as the stated total"


@pytest.mark.parametrize("total", ["whole", "capped", "page"])
def test_the_proof_of_numbered_pages_says_whether_their_total_agrees(total):
    exchange = ModelExchange(cascade(250), total=total)
    found, proof = drive(plan(BY_NUMBER, DAY), exchange)
    assert found.keys() == keys(exchange.orders)
    assert proof == (AGREED if total == "whole" else ENDED_ALIKE)


@pytest.mark.parametrize("endpoint", [BY_TIME, BY_NUMBER], ids=["by time", "by number"])
@pytest.mark.parametrize("start_ms", [1, DAY.end_ms])
def test_a_refused_span_is_asked_in_the_fewest_pieces_that_fit_or_in_halves(endpoint, start_ms):
    window = Window(start_ms, start_ms + DAY.end_ms)
    stated = ModelExchange([], longest_ms=HOURS)
    unstated = ModelExchange([], longest_ms=2 * HOURS, says_longest=False)
    for exchange, longest_ms in ((stated, HOURS), (unstated, 2 * HOURS)):
        drive(plan(endpoint, window), exchange)
        # Of what is sent, the first and the last millisecond are beside what is wanted.
        pieces = window.split(longest_ms - 1)
        spans = [(ask.first_ms + 1, ask.last_ms - 1) for ask in exchange.asked]
        assert spans == [(window.first_ms, window.last_ms)] + [(p.first_ms, p.last_ms) for p in pieces]


@pytest.mark.parametrize("endpoint", [BY_TIME, BY_NUMBER], ids=["by time", "by number"])
def test_a_stated_longest_span_that_contradicts_its_refusal_is_not_believed(endpoint):
    exchange = ModelExchange(cascade(20))

    def refuse(ask):
        if ask.last_ms - ask.first_ms > 2 * HOURS:
            raise SpanRefused("at most a year", -4165, 365 * DAY.end_ms)

    exchange.refuse = refuse
    found, _ = drive(plan(endpoint, DAY), exchange, most=100)
    assert len(found) == 20


@pytest.mark.parametrize("says_longest", [True, False])
def test_three_milliseconds_are_still_asked_in_shorter_spans(says_longest):
    exchange = ModelExchange([make_order("BTCUSDT", at, at) for at in range(3)], longest_ms=1)
    exchange.says_longest = says_longest
    found, _ = drive(plan(BY_TIME, Window(0, 3)), exchange)
    assert len(found) == 3


# --- what is asked, in detail ---------------------------------------------------------------------------


def test_an_ask_reads_as_what_is_asked_for():
    span = "1970-01-01T00:00:00Z to 1970-01-01T00:00:00.999Z"
    assert str(PageQuery(0, 999)) == span
    assert str(PageQuery(0, 999, "BTCUSDT", "ADL", 3)) == f"{span}, BTCUSDT, ADL, page 3"
    assert str(PageQuery(0, 999, after_id=0)) == f"{span}, ids after 0"


def steady(count):
    """Rows a second apart, each of one instant."""
    return [make_order("BTCUSDT", index, index * 1000) for index in range(count)]


def test_where_rows_could_hide_the_filter_is_asked_for_at_the_creation_of_the_slowest_row():
    orders = steady(150)
    orders += [make_order("BTCUSDT", 500, 20_500, 60_500), make_order("BTCUSDT", 501, 70_500, 71_500)]
    exchange = ModelExchange(orders, filter_by="created", cut_by="updated")
    found, proof = drive(plan(BY_TIME, DAY), exchange)
    assert (exchange.asked[1].first_ms, exchange.asked[1].last_ms) == (20_499, 20_501)
    assert proof == "short pages alone"
    assert found.keys() == keys(orders)


def test_a_row_inside_a_block_by_the_instant_that_is_not_filtered_by_refutes_nothing():
    orders = [*steady(150), make_order("BTCUSDT", 500, 50_500, 550_000)]
    exchange = ModelExchange(orders)
    found, proof = drive(plan(BY_TIME, DAY), exchange)
    assert proof == "each page proves the one before it"
    assert found.keys() == keys(orders)


def test_rows_of_one_instant_each_do_not_determine_the_filter_and_are_not_asked_between():
    orders = [*steady(150), make_order("BTCUSDT", 500, 95_500, 120_500)]
    exchange = ModelExchange(orders, filter_by="updated")
    found, proof = drive(plan(BY_TIME, DAY), exchange)
    assert proof == "short pages alone"
    assert found.keys() == keys(orders)


def neighbours(milliseconds, count):
    """So many rows in each of so many neighbouring milliseconds, told apart by nothing but their instant."""
    return [
        make_order("BTCUSDT", at * 1000 + index, 50_000_000 + at)
        for at in range(milliseconds)
        for index in range(count)
    ]


@pytest.mark.parametrize("order", ["ascending", "shuffled"])
@pytest.mark.parametrize("count", [60, 99])
@pytest.mark.parametrize("milliseconds", [2, 3, 4, 5])
def test_a_window_of_a_few_crowded_milliseconds_is_asked_millisecond_by_millisecond(
    milliseconds, count, order
):
    exchange = ModelExchange(neighbours(milliseconds, count), order=order)
    found, _ = drive(plan(BY_TIME, Window(50_000_000, 50_000_000 + milliseconds)), exchange)
    assert found.keys() == keys(exchange.orders)


SATURATED = {
    "a symbol": (
        ModelExchange(tie(100)),
        "BTCUSDT",
        (
            "1970-01-01T13:53:20Z to 1970-01-01T13:53:20Z, BTCUSDT, LIQUIDATION holds 100 rows, as many as "
            "one request returns, and cannot be split: there may be more, which no request can show. "
            "Nothing was written; a retry would find the same"
        ),
    ),
    "symbols that cannot be listed": (
        ModelExchange(tie(250, symbols=3), lists_symbols=False),
        None,
        (
            "1970-01-01T13:53:20Z to 1970-01-01T13:53:20Z holds as many rows as one request returns, or "
            "more, and the exchange has no list of symbols by which they could be split. Nothing was "
            "written; list the symbols in `symbols`"
        ),
    ),
}


@pytest.mark.parametrize(("exchange", "symbol", "told"), SATURATED.values(), ids=SATURATED)
def test_a_saturated_millisecond_is_reported_with_what_would_help(exchange, symbol, told):
    with pytest.raises(SaturatedInstant) as caught:
        drive(plan(BY_TIME, DAY, symbols=[symbol] if symbol else []), exchange)
    assert str(caught.value) == told


class Refusing(ModelExchange):
    """An exchange that lists a symbol more than it knows, and refuses requests for some by a code."""

    def __init__(self, orders, symbol, code):
        super().__init__(orders)
        self.symbol, self.code = symbol, code

    def answer(self, ask):
        if isinstance(ask, SymbolsQuery):
            return Answer(symbols=super().answer(ask).symbols | {self.symbol})
        return super().answer(ask)

    def refuse(self, ask):
        if ask.symbol == self.symbol:
            raise RequestRejected("no", self.code)


def test_a_symbol_that_is_listed_but_unknown_to_the_endpoint_is_passed_over():
    exchange = Refusing(tie(250, symbols=3), "AAAUSDT", -1121)
    found, _ = drive(plan(BY_TIME, DAY), exchange)
    assert found.keys() == keys(exchange.orders)


@pytest.mark.parametrize(("symbol", "code"), [("BTCUSDT", -1121), ("BTCUSDT", -1102), ("AAAUSDT", -1102)])
def test_any_other_refusal_of_a_symbol_fails_the_window(symbol, code):
    with pytest.raises(RequestRejected):
        drive(plan(BY_TIME, DAY), Refusing(tie(250, symbols=3), symbol, code))


# --- blocks, in detail ----------------------------------------------------------------------------------


def test_a_row_left_out_amid_rows_that_are_in_no_order_of_time_is_found():
    orders = [make_order("BTCUSDT", index * 37 % 101, index * 1000) for index in range(101) if index != 50]
    orders.append(make_order("BTCUSDT", 1000, 50_000))
    exchange = ModelExchange(orders, order="order_id", cut_by="order_id")
    found, proof = drive(plan(BY_TIME, DAY), exchange)
    assert found.keys() == keys(orders)
    assert proof == "short pages alone"


def test_a_row_left_out_beside_the_edge_of_a_later_block_is_found():
    exchange = ModelExchange(steady(250))
    left_out = make_order("BTCUSDT", 1000, 172_500)

    def answer(ask):
        found = ModelExchange.answer(exchange, ask)
        if len(exchange.asked) == 2:
            exchange.orders.append(left_out)
        return found

    exchange.answer = answer
    found, proof = drive(plan(BY_TIME, DAY), exchange)
    assert left_out.row.key in found
    assert proof == "short pages alone"


def test_beyond_the_first_block_twenty_five_rows_are_asked_again_at_whatever_pace_they_came():
    exchange = ModelExchange([make_order("BTCUSDT", index, index**2) for index in range(150)], keep="newest")
    drive(plan(BY_TIME, DAY), exchange)
    assert exchange.asked[1].first_ms == 124**2 - 1
    assert exchange.asked[2].last_ms == 75**2 + 1


@pytest.mark.parametrize(("keep", "edge_ms"), [("oldest", 99_000), ("newest", 50_000)])
def test_a_new_row_on_the_very_edge_of_a_block_refutes_nothing(keep, edge_ms):
    orders = steady(150) + [make_order("BTCUSDT", 1000 + index, edge_ms) for index in range(3)]
    found, proof = drive(plan(BY_TIME, DAY), ModelExchange(orders, keep=keep))
    assert found.keys() == keys(orders)
    assert proof == "each page proves the one before it"


def test_rows_of_the_same_instant_leave_the_order_of_a_page_in_order():
    exchange = ModelExchange([*steady(150), make_order("BTCUSDT", 1000, 50_000)])
    drive(plan(BY_TIME, DAY), exchange)
    assert len(exchange.asked) == 3


def test_a_row_on_the_last_millisecond_of_what_was_asked_reports_nothing_of_the_filter():
    orders = cascade(500, span_ms=20_000, delay_ms=200)
    last_ms = max(order.row.updated_ms for order in orders)
    exchange = ModelExchange(orders, keep="newest", filter_by="updated")
    found, proof = drive(plan(BY_TIME, Window(0, last_ms + 1)), exchange)
    assert len(found) == 500
    assert proof == "each page proves the one before it"
