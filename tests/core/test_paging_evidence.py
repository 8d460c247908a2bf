"""What a claim for a window that is paged by time rests on: premises that were needed, seen, or suspected."""

from __future__ import annotations

import pytest
from support.model_exchange import ModelExchange, Order, drive, make_order

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.paging import Observations, plan
from airflow_provider_binance_liq.core.rows import Row
from airflow_provider_binance_liq.core.windows import Window

USDM, FLOWS = get_endpoint("usdm_futures"), get_endpoint("margin_capital_flow")
DAY = Window(0, 86_400_000)
TYPES = ("LIQUIDATION", "ADL")
#: what every claim rests on, and what one along blocks, and one with a full millisecond
WHOLE = {"filter_before_limit", "limit_honoured", "span_refused"}
ALWAYS = WHOLE | {"bounds_of_one_instant"}
BLOCKS = {"cut_by_filtered_instant", "update_after_time"}
BOUNDS = {"start_inclusive", "end_inclusive"}


def steady(count, symbols=("BTCUSDT",)):
    return [
        make_order(symbols[index % len(symbols)], index, 1000 + index * 1000, None, TYPES[index % 2])
        for index in range(count)
    ]


def tie(count, symbols=1, types=2):
    return [make_order(f"S{n % symbols}USDT", n, 5000, None, TYPES[n % types]) for n in range(count)]


def read(exchange, endpoint=USDM, *, observations=None, **filters):
    observations = observations or Observations()
    drive(plan(endpoint, DAY, observations=observations, **filters), exchange)
    return observations.evidence


def test_a_short_page_rests_on_what_every_request_rests_on():
    evidence = read(ModelExchange(steady(10)))
    assert (evidence.needed, evidence.observed, evidence.suspected) == (ALWAYS, set(), set())


def test_a_walk_along_blocks_rests_on_how_rows_are_cut_and_has_seen_that_the_limit_is_honoured():
    evidence = read(ModelExchange(steady(250)))
    assert evidence.needed == ALWAYS | BLOCKS
    assert (evidence.observed, evidence.suspected) == ({"limit_honoured"}, set())


def test_rows_with_one_instant_are_never_updated_before_their_creation():
    entries = [Order(Row((number,), 1000 + number, 1000 + number, b"")) for number in range(2500)]
    needed = read(ModelExchange(entries, limit=1000), FLOWS).needed
    assert needed & BLOCKS == {"cut_by_filtered_instant"}


def test_an_isolated_account_is_asked_for_by_its_symbol_which_is_no_filter():
    entries = [Order(Row((number,), 1000 + number, 1000 + number, b"", "BTCUSDT")) for number in range(10)]
    exchange, observations = ModelExchange(entries, limit=1000), Observations()
    evidence = read(exchange, FLOWS, symbols=["BTCUSDT"], observations=observations)
    assert [ask.symbol for ask in exchange.asked] == ["BTCUSDT"]
    assert (evidence.needed, evidence.suspected) == (WHOLE, set())


@pytest.mark.parametrize("filter_by", ["created", "updated"])
@pytest.mark.parametrize(("lag", "seen"), [(500, True), (1, True), (0, False), (-500, False)])
def test_a_row_with_one_instant_outside_shows_that_both_bounds_apply_to_the_other(filter_by, lag, seen):
    edge = DAY.end_ms - 1 if filter_by == "created" else DAY.start_ms
    created, updated = (edge, edge + lag) if filter_by == "created" else (edge - lag + 1000, edge + 1000)
    window = DAY if filter_by == "created" else Window(1000, 2000)
    exchange, observations = (
        ModelExchange([make_order("BTCUSDT", 1, created, updated)], filter_by=filter_by),
        Observations(),
    )
    drive(plan(USDM, window, observations=observations), exchange)
    assert ("bounds_of_one_instant" in observations.evidence.observed) is seen


class Mixed(ModelExchange):
    """`startTime` is compared with the creation, and `endTime` with the update."""

    def is_in_time(self, row, ask):
        return ask.first_ms <= row.created_ms and row.updated_ms <= ask.last_ms


def test_bounds_of_two_instants_lose_a_row_under_a_premise_that_is_named_and_never_observed():
    orders = [*steady(10), make_order("BTCUSDT", 99, DAY.end_ms - 5, DAY.end_ms + 5)]
    found, _ = drive(plan(USDM, DAY, observations=(observations := Observations())), Mixed(orders))
    assert len(found) == 10
    assert "bounds_of_one_instant" in observations.evidence.needed - observations.evidence.observed


def test_short_pages_alone_do_not_rest_on_how_rows_are_cut():
    evidence = read(ModelExchange(steady(250)), observations=Observations(careful=True))
    assert evidence.needed == ALWAYS | BOUNDS
    assert evidence.observed == BOUNDS | {"limit_honoured"}


@pytest.mark.parametrize(
    ("exchange", "needed", "seen"),
    [
        (ModelExchange(tie(120)), {"two_types", "equal_bounds"}, {"equal_bounds"}),
        (ModelExchange(tie(120), equal_bounds="refused"), {"two_types"}, set()),
        (ModelExchange(tie(250, 5)), {"symbols_listed", "equal_bounds"}, {"equal_bounds"}),
        (ModelExchange(tie(240, 3, 1)), {"symbols_listed", "equal_bounds"}, {"equal_bounds"}),
    ],
    ids=["by type", "by type, with bounds apart", "by symbol", "by symbol, of one type"],
)
def test_a_full_millisecond_rests_on_what_it_is_split_by_and_no_filter_was_seen_to_come_first(
    exchange, needed, seen
):
    evidence = read(exchange)
    assert evidence.needed == ALWAYS | BLOCKS | BOUNDS | needed
    assert evidence.observed == BOUNDS | {"limit_honoured"} | seen
    assert evidence.suspected == {"filter_before_limit"}


def test_beside_a_full_millisecond_other_rows_show_that_the_filter_comes_first():
    exchange = ModelExchange(
        tie(120) + [make_order("S0USDT", 1000 + n, 10_000 + n * 100) for n in range(300)]
    )
    assert read(exchange).suspected == set()


def test_a_page_of_the_default_size_that_cannot_be_split_makes_the_limit_suspect():
    assert read(ModelExchange(tie(50, types=1))).suspected == {"filter_before_limit", "limit_honoured"}


SYMBOL = frozenset({"symbol"})


@pytest.mark.parametrize(
    ("observations", "needed", "probed"),
    [
        (Observations(), set(), set()),
        (Observations(filters_first={"symbol"}), {"symbols_listed"}, set()),
        (
            Observations(filters_first={"symbol"}, filters_probed=SYMBOL),
            {"symbols_listed"},
            {"filter_before_limit"},
        ),
    ],
    ids=["read without it", "seen to come first", "seen by a probe"],
)
def test_a_symbol_that_is_asked_for_alone_rests_on_its_name_and_on_who_saw_that_the_filter_comes_first(
    observations, needed, probed
):
    evidence = read(ModelExchange(steady(30)), symbols=["BTCUSDT"], observations=observations)
    assert evidence.needed == ALWAYS | needed
    assert (evidence.probed, evidence.suspected) == (probed, set())


def test_to_see_that_a_filter_comes_first_rests_on_the_end_at_which_rows_are_cut():
    symbols = [f"C{number:02}USDT" for number in range(20)]
    evidence = read(ModelExchange(steady(1200, symbols)), symbols=symbols[:1])
    assert evidence.needed == ALWAYS | {"symbols_listed", "cut_by_filtered_instant"}
