"""Numbered pages, one by one: how many are asked for, what ends a reading, and what its claim rests on."""

from __future__ import annotations

import pytest
from support.model_exchange import ModelExchange, Order, drive, make_order

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.paging import READINGS, Answer, Observations, plan
from airflow_provider_binance_liq.core.paging.by_number import AGREED, ENDED_ALIKE
from airflow_provider_binance_liq.core.rows import Page, Row
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import RequestRejected, UnstablePaging

MARGIN, LOANS = get_endpoint("margin"), get_endpoint("flexible_loan")
FIRST, LAST = 10_000, 19_999
WINDOW = Window(FIRST, LAST + 1)


def orders(count, first_ms=FIRST, step_ms=10):
    return [make_order("BTCUSDT", index, first_ms + index * step_ms) for index in range(count)]


def loans(count):
    return [
        Order(Row(("USDT", "BTC", FIRST + index), FIRST + index, FIRST + index, b""))
        for index in range(count)
    ]


def read(exchange, endpoint=MARGIN, **known):
    observations = known.pop("observations", None) or Observations()
    found, proof = drive(plan(endpoint, WINDOW, observations=observations, **known), exchange)
    return found, proof, observations.evidence


class Scripted(ModelExchange):
    """Answers page after page of a script, again and again: its rows' numbers, and the stated total."""

    def __init__(self, *pages, last_of=orders):
        rows = [order.row for order in last_of(1000)]
        super().__init__([])
        self.pages = [
            Answer(Page(tuple(rows[number] for number in numbers), total)) for numbers, total in pages
        ]

    def answer(self, ask):
        self.asked.append(ask)
        return self.pages[(len(self.asked) - 1) % len(self.pages)]


@pytest.mark.parametrize(
    ("count", "known", "needed"),
    [
        (0, {}, {"span_refused"}),
        (250, {}, {"span_refused", "total_is_whole"}),
        (250, {"symbols": ["BTCUSDT"]}, {"span_refused", "total_is_whole", "filter_before_limit"}),
    ],
)
def test_a_claim_rests_on_the_total_where_there_are_rows_and_on_the_filter_where_there_is_one(
    count, known, needed
):
    found, proof, evidence = read(ModelExchange(orders(count)), **known)
    assert (len(found), proof) == (count, AGREED)
    assert (evidence.needed, evidence.suspected) == (needed, set())


def test_rows_of_the_milliseconds_beside_the_window_count_in_the_total_and_those_on_its_edges_are_inside():
    instants = (FIRST - 1, FIRST, LAST, LAST + 1)
    exchange = ModelExchange([make_order("BTCUSDT", at, at) for at in instants])
    found, proof, _ = read(exchange)
    assert (set(found), proof) == ({("BTCUSDT", FIRST), ("BTCUSDT", LAST)}, AGREED)


@pytest.mark.parametrize(("size", "count", "pages"), [(1, 3, 4), (7, 14, 3), (7, 15, 3)])
def test_a_page_as_long_as_the_longest_one_is_followed_by_another(size, count, pages):
    exchange = ModelExchange(orders(count), limit=size)
    assert read(exchange)[1] == AGREED
    assert len(exchange.asked) == pages


@pytest.mark.parametrize(
    ("total", "count", "pages"), [("page", 100, 2), ("page", 150, 3), ("capped", 150, 3)]
)
def test_where_the_total_is_too_low_two_readings_that_end_alike_have_to_do(total, count, pages):
    exchange = ModelExchange(orders(count), total=total)
    found, proof, _ = read(exchange)
    assert (len(found), proof) == (count, ENDED_ALIKE)
    assert len(exchange.asked) == 2 * pages


class Ending(ModelExchange):
    """Refuses every page from a certain one on."""

    last = 2
    refusal = RequestRejected("no such page", -1130)

    def answer(self, ask):
        if ask.number > self.last:
            self.asked.append(ask)
            raise self.refusal
        return super().answer(ask)


def test_two_readings_with_as_many_rows_that_are_not_the_same_do_not_end_alike():
    # The second one lacks row 149 and has row 99 twice; row 150 appears in the third.
    first = [(range(100), 0), (range(100, 150), 0), ((), 0)]
    shifted = [(range(100), 0), ((*range(99, 149),), 0), ((), 0)]
    whole = [(range(100), 0), (range(100, 151), 0), ((), 0)]
    exchange = Scripted(*first, *shifted, *whole, *whole)
    found, proof, _ = read(exchange)
    assert len(exchange.asked) == 12
    assert (len(found), proof) == (151, ENDED_ALIKE)


def test_a_refused_page_behind_full_ones_ends_them_where_the_total_is_reached():
    exchange = Ending(orders(200))
    found, proof, _ = read(exchange)
    assert (len(found), proof, len(exchange.asked)) == (200, AGREED, 3)


@pytest.mark.parametrize("count", [250, 199])
def test_a_refused_page_where_the_total_says_otherwise_fails_the_window(count):
    exchange = Ending(orders(count), limit=100 if count == 250 else 99)
    with pytest.raises(RequestRejected):
        read(exchange)


SHIFTED = (range(100), 150), (range(99, 150), 150), ((), 150)


def test_a_row_that_shifts_to_the_next_page_is_known_by_its_id_and_counts_once():
    exchange = Scripted(*SHIFTED)
    assert read(exchange)[1] == AGREED
    assert len(exchange.asked) == 3


def test_without_ids_it_may_be_another_row_that_is_alike():
    with pytest.raises(UnstablePaging):
        read(Scripted(*SHIFTED, last_of=loans), LOANS)
    assert read(ModelExchange(loans(30)), LOANS)[1] == AGREED


def test_pages_that_alternate_for_ever_end_two_pages_beyond_all_rows_that_were_seen():
    # Its first row lies in the millisecond beside the window.
    exchange = Scripted(
        (range(100), 900), (range(100, 200), 900), last_of=lambda count: orders(count, FIRST - 1)
    )
    observations = Observations()
    with pytest.raises(UnstablePaging):
        read(exchange, observations=observations)
    assert [ask.number for ask in exchange.asked] == [1, 2, 3, 4, 5] * READINGS
    assert observations.evidence.suspected == {"total_is_whole"}


def test_a_page_that_repeats_the_one_before_it_makes_the_total_suspect():
    observations = Observations()
    with pytest.raises(UnstablePaging):
        read(Scripted((range(100), 150)), observations=observations)
    assert observations.evidence.suspected == {"total_is_whole"}


@pytest.mark.parametrize(("longest_ms", "pieces"), [(LAST - FIRST + 2, 1), (LAST - FIRST + 1, 2), (2600, 4)])
def test_a_span_that_was_refused_before_is_not_asked_for_again(longest_ms, pieces):
    exchange = ModelExchange(orders(5), longest_ms=longest_ms)
    found, proof, _ = read(exchange, observations=Observations(longest_ms=longest_ms))
    assert (len(found), proof) == (5, AGREED)
    assert len(exchange.asked) == pieces


def test_one_piece_whose_total_is_too_low_is_enough_to_say_so():
    exchange = ModelExchange(orders(150), total="capped", longest_ms=5002)
    assert read(exchange)[1] == ENDED_ALIKE
