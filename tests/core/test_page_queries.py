"""Into which pieces an ask is cut, and what is asked for once its span was refused."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.core.paging.page_query import (
    Observations,
    PageQuery,
    check_rows,
    pieces,
    shorter,
    starts,
    widened,
)
from airflow_provider_binance_liq.core.rows import Page, Row
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import SpanRefused, UnexpectedRow


@pytest.mark.parametrize(
    ("longest_ms", "begun"),
    [(17, {100, 109}), (10, {100, 109}), (9, {100, 106, 112}), (2, {*range(100, 118)})],
)
def test_an_ask_begins_as_few_pieces_as_fit_with_a_millisecond_more_on_either_side(longest_ms, begun):
    assert starts(PageQuery(100, 117), longest_ms) == begun


def test_pieces_are_adjacent_and_ask_for_the_same():
    assert pieces(PageQuery(1, 9, "BTCUSDT"), {4, 7}) == [
        PageQuery(1, 3, "BTCUSDT"),
        PageQuery(4, 6, "BTCUSDT"),
        PageQuery(7, 9, "BTCUSDT"),
    ]


@pytest.mark.parametrize(
    ("span_ms", "stated_ms", "chosen_ms"),
    [
        (100, None, 50),
        (100, 70, 70),
        (100, 100, 99),
        (100, 10**9, 99),
        (3, None, 2),
        (3, 1, 2),
        (5, None, 2),
        (7, None, 3),
    ],
)
def test_after_a_refusal_the_stated_span_is_asked_for_or_half_of_it_and_always_less(
    span_ms, stated_ms, chosen_ms
):
    assert shorter(PageQuery(5, 5 + span_ms), SpanRefused("too long", -4165, stated_ms)) == chosen_ms


@pytest.mark.parametrize("span_ms", [1, 2])
def test_where_nothing_shorter_can_be_asked_for_the_refusal_stands(span_ms):
    with pytest.raises(SpanRefused):
        shorter(PageQuery(5, 5 + span_ms), SpanRefused("too long", -4165))


def test_answers_by_both_instants_show_that_neither_is_filtered_by():
    observations, sent = Observations(), PageQuery(10, 20)
    observations.sees([Row((1,), 15, 25, b"")], sent)
    assert observations.filtered_by == "created"
    observations.sees([Row((2,), 5, 15, b"")], sent)
    assert observations.filtered_by is None


# --- what an answer shows -------------------------------------------------------------------------------


def row(created_ms, updated_ms, symbol=""):
    return Row((symbol, 1), created_ms, updated_ms, b"", symbol)


def seen(*rows):
    observations = Observations()
    observations.sees(rows, PageQuery(10, 20))
    return observations


@pytest.mark.parametrize(
    ("created_ms", "updated_ms", "by"),
    [
        (10, 21, "created"),
        (20, 21, "created"),
        (9, 10, "updated"),
        (9, 20, "updated"),
        (9, 21, None),
        (10, 20, None),
    ],
)
def test_a_row_with_one_instant_inside_shows_what_is_filtered_by(created_ms, updated_ms, by):
    found = seen(row(created_ms, updated_ms))
    assert found.filtered_by == by
    assert ("bounds_of_one_instant" in found.evidence.observed) == (by is not None)


def test_a_row_whose_update_is_before_its_creation_does_not_show_that_bounds_are_of_one_instant():
    assert seen(row(21, 15)).evidence.observed == set()


def test_a_row_that_shows_nothing_does_not_hide_what_the_next_one_shows():
    assert seen(row(12, 15), row(15, 25)).filtered_by == "created"


@pytest.mark.parametrize(
    ("instants", "start", "end"),
    [((10, 10), True, False), ((20, 20), False, True), ((10, 20), False, False), ((11, 19), False, False)],
)
def test_a_row_at_a_bound_under_both_instants_shows_that_the_bound_is_inclusive(instants, start, end):
    found = seen(row(*instants), row(11, 12), row(10, 15))
    assert (found.start_inclusive, found.end_inclusive) == (start, end)


@pytest.mark.parametrize(
    ("shown_by", "at_bound", "start", "end"),
    [
        (row(15, 25), row(10, 15), True, False),
        (row(15, 25), row(20, 15), False, True),
        (row(5, 15), row(15, 20), False, True),
        (row(5, 15), row(15, 10), True, False),
    ],
)
def test_a_row_at_a_bound_under_the_instant_that_is_filtered_by_shows_that_it_is_inclusive(
    shown_by, at_bound, start, end
):
    found = seen(shown_by, at_bound)
    assert (found.start_inclusive, found.end_inclusive) == (start, end)


@pytest.mark.parametrize("instants", [(10, 30), (20, 30), (5, 10), (5, 20), (10, 10), (20, 20)])
def test_a_row_within_the_bounds_under_one_instant_is_taken(instants):
    check_rows(Page((row(*instants, "BTCUSDT"),)), PageQuery(10, 20, "BTCUSDT"))
    check_rows(Page((row(*instants),)), PageQuery(10, 20, "BTCUSDT"))


@pytest.mark.parametrize("unasked", [row(5, 9, "BTCUSDT"), row(21, 22, "BTCUSDT"), row(15, 15, "ETHUSDT")])
def test_a_row_outside_of_the_bounds_or_of_another_symbol_is_refused_and_named(unasked):
    with pytest.raises(UnexpectedRow) as caught:
        check_rows(Page((row(12, 12), unasked)), PageQuery(10, 20, "BTCUSDT"))
    created, updated = (f"1970-01-01T00:00:00.{ms:03}Z" for ms in (unasked.created_ms, unasked.updated_ms))
    assert str(caught.value) == (
        "asked for 1970-01-01T00:00:00.010Z to 1970-01-01T00:00:00.020Z, BTCUSDT, the exchange sent the row "
        f"{unasked.symbol} 1 of {created}, updated {updated}. Nothing was written"
    )


# --- what is asked for ----------------------------------------------------------------------------------


def test_a_query_is_named_with_everything_that_restricts_it():
    span = "1970-01-01T00:00:00.010Z to 1970-01-01T00:00:00.020Z"
    assert str(PageQuery(10, 20)) == span
    assert str(PageQuery(10, 20, "BTCUSDT", "ADL", 2, 0)) == f"{span}, BTCUSDT, ADL, page 2, ids after 0"


@pytest.mark.parametrize(
    ("early_ms", "late_ms", "bounds"), [(1, 1, (9, 11)), (0, 1, (10, 11)), (1, 0, (9, 10)), (0, 0, (10, 11))]
)
def test_more_is_asked_for_on_each_side_where_a_bound_may_be_exclusive(early_ms, late_ms, bounds):
    sent = widened(PageQuery(10, 10), early_ms=early_ms, late_ms=late_ms)
    assert (sent.first_ms, sent.last_ms, sent.wanted) == (*bounds, Window(10, 11))


def test_no_instant_before_1970_is_asked_for():
    assert widened(PageQuery(0, 5)).first_ms == 0
