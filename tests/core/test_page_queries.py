"""Into which pieces an ask is cut, and what is asked for once its span was refused."""

from __future__ import annotations

import pytest

from airflow_provider_binance_liq.core.paging.page_query import (
    Observations,
    PageQuery,
    pieces,
    shorter,
    starts,
)
from airflow_provider_binance_liq.core.rows import Row
from airflow_provider_binance_liq.exceptions import SpanRefused


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
    [(100, None, 50), (100, 70, 70), (100, 100, 99), (100, 10**9, 99), (3, None, 2), (3, 1, 2)],
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
