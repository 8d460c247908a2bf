"""One full millisecond, followed by ids: proven only where nothing is left out, whatever is answered."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.model_exchange import ModelExchange, Order, drive

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.paging import Answer, Observations, plan
from airflow_provider_binance_liq.core.paging.ids import IdPager
from airflow_provider_binance_liq.core.paging.page_query import PageQuery
from airflow_provider_binance_liq.core.rows import Page, Row
from airflow_provider_binance_liq.core.windows import Window
from airflow_provider_binance_liq.exceptions import RequestRejected, SaturatedInstant

AT, LIMIT = 1_790_812_800_000, 100
HERE = PageQuery(AT, AT)


def row(number):
    return Row((number,), AT, AT, b"%d" % number)


def cut(ids, how, letters):
    if len(ids) <= LIMIT:
        return ids
    if how == "any":
        return letters.sample(ids, LIMIT)
    if how == "other field":
        return sorted(ids, key=lambda one: one * 7919 % 1009)[:LIMIT]
    return ids[:LIMIT] if how == "lowest" else ids[-LIMIT:]


class Ledger:
    """Answers ids above a given one, in one of many ways."""

    def __init__(self, ids, how="lowest", *, limit=LIMIT, late=(), seed=1):
        self.ids, self.how, self.limit, self.late = sorted(ids), how, limit, list(late)
        self.letters, self.asked = random.Random(seed), []

    def plain(self):
        return cut(self.ids, "highest" if self.how in ("lowest", "highest") else self.how, self.letters)

    def rows(self, after_id):
        return [*map(row, self.answer(after_id))]

    def answer(self, after_id):
        self.asked.append(after_id)
        if self.how == "nothing":
            return []
        if self.how == "refused":
            raise RequestRejected("no such fromId", -1130)
        above = [one for one in self.ids if one > after_id or (self.how == "inclusive" and one == after_id)]
        found = cut(above, "lowest" if self.how == "inclusive" else self.how, self.letters)[: self.limit]
        if self.late:
            self.ids = sorted({*self.ids, self.late.pop(0)})
        return found


def follow(ledger):
    """Drive a walk; returns whether it claims a proof, and the ids that were seen."""
    known = ledger.plain()
    seen = set(known)

    def send(ask):
        answer = yield ask
        return answer

    walk = IdPager(send, lambda page: len(page.rows) >= LIMIT, HERE, map(row, known)).run()
    try:
        ask = next(walk)
        while True:
            try:
                found = ledger.rows(ask.after_id)
            except RequestRejected as refusal:
                ask = walk.throw(refusal)
            else:
                seen |= {one.key[-1] for one in found if one.created_ms == AT}
                ask = walk.send(Page(tuple(found)))
    except StopIteration as stop:
        return stop.value, seen


WAYS = ["lowest", "highest", "any", "other field", "nothing", "refused", "inclusive"]


@given(
    st.integers(LIMIT, 4 * LIMIT),
    st.integers(1, 5),
    st.sampled_from(WAYS),
    st.sampled_from([LIMIT, LIMIT // 2]),
    st.integers(0, 1000),
)
def test_what_is_claimed_proven_leaves_nothing_out(count, step, how, limit, seed):
    ledger = Ledger(range(1, count * step + 1, step), how, limit=limit, seed=seed)
    proven, seen = follow(ledger)
    assert not proven or seen == {*ledger.ids}


@given(st.integers(LIMIT, 4 * LIMIT), st.sampled_from(WAYS), st.lists(st.integers(-3, 5), max_size=3))
def test_rows_that_appear_meanwhile_never_stand_for_one_that_was_left_out(count, how, after_the_last):
    late = [2 * count + 2 + offset for offset in after_the_last]
    ledger = Ledger(range(2, 2 * count + 2, 2), how, late=late)
    before = {*ledger.ids}
    proven, seen = follow(ledger)
    assert not proven or before <= seen


@pytest.mark.parametrize("count", [LIMIT + 1, 2 * LIMIT, 2 * LIMIT + 1, 10 * LIMIT])
def test_ids_in_order_are_proven_at_a_page_a_page(count):
    ledger = Ledger(range(1, count + 1))
    assert follow(ledger) == (True, {*range(1, count + 1)})
    assert len(ledger.asked) <= count / (LIMIT - 26) + 2


def test_exactly_a_page_cannot_be_distinguished_from_a_page_that_was_cut():
    assert follow(Ledger(range(1, LIMIT + 1)))[0] is False


@pytest.mark.parametrize("ids", [range(LIMIT + 5), range(-50, LIMIT + 50)])
def test_known_ids_that_no_positive_one_lies_below_are_not_followed(ids):
    ledger = Ledger(ids, "any", seed=3)
    if min(ledger.plain()) <= 0:
        assert follow(ledger)[0] is False


class NewestOfTwoMilliseconds(Ledger):
    """Answers the newest rows by time, then id; a higher id lies one millisecond earlier."""

    def rows(self, after_id):
        above = [*map(row, super().answer(after_id))]
        neighbour = Row((9000,), AT - 1, AT - 1, b"9000")
        return above if len(above) >= LIMIT else [neighbour, *above]


def test_a_higher_id_of_the_millisecond_beside_it_does_not_show_that_a_page_was_cut_above():
    proven, seen = follow(NewestOfTwoMilliseconds(range(1, 2 * LIMIT), "highest"))
    assert not proven
    assert len(seen) < 2 * LIMIT - 1


# --- one answer at a time -----------------------------------------------------------------------------------


def answered(known, *pages, is_full=lambda page: len(page.rows) >= LIMIT):
    """Follow ids through these answers; returns whether it is a proof, and the ids asked after."""
    asked, left = [], list(pages)

    def send(ask):
        asked.append(ask.after_id)
        yield from ()
        return Page(tuple(map(row, left.pop(0))))

    try:
        next(IdPager(send, is_full, HERE, map(row, known)).run())
    except StopIteration as stop:
        assert not left
        return stop.value, asked
    raise AssertionError


def but(left_out, first=1, last=101):
    return [one for one in range(first, last + 1) if one != left_out]


def test_the_next_page_begins_twenty_five_ids_inside_of_the_one_before():
    assert answered([1, 150], range(1, 101), range(76, 151)) == (True, [0, 75])


def test_a_first_page_that_is_short_is_all_there_is():
    assert answered([5], range(1, 6)) == (True, [0])


@pytest.mark.parametrize("size", [3, 25])
def test_the_next_page_after_one_of_no_more_ids_than_overlap_begins_after_its_first(size):
    pages = [range(first, min(first + size, size + 3)) for first in range(1, 5)]
    found = answered([size + 2], *pages[:4], is_full=lambda page: len(page.rows) >= size)
    assert found == (True, [0, 1, 2, 3])


@pytest.mark.parametrize("known", [[], [0, 150], [-1]])
def test_without_known_ids_that_are_all_positive_nothing_is_asked(known):
    assert answered(known) == (False, [])


@pytest.mark.parametrize("left_out", [60, 100])
def test_a_page_that_lacks_a_known_id_as_far_as_it_reaches_proves_nothing(left_out):
    assert answered([left_out, 150], but(left_out)) == (False, [0])


def test_a_short_page_that_lacks_a_known_id_above_its_own_proves_nothing():
    assert answered([150], range(1, 51)) == (False, [0])


@pytest.mark.parametrize("left_out", [90, 100])
def test_a_page_that_adds_an_id_inside_of_the_one_before_proves_nothing(left_out):
    assert answered([150], but(left_out), range(76, 151)) == (False, [0, 75])


def test_a_page_with_the_id_that_was_asked_after_proves_nothing():
    assert answered([150], range(1, 101), range(75, 151)) == (False, [0, 75])


def test_a_full_page_that_reaches_no_further_than_the_one_before_proves_nothing():
    assert answered([9], range(1, 5), range(2, 5), is_full=lambda _: True) == (False, [0, 1])


@pytest.mark.parametrize(("again", "proven"), [(range(1, 101), True), (range(2, 102), False)])
def test_where_no_higher_id_was_known_the_first_page_has_to_leave_those_out_that_are_known_by_then(
    again, proven
):
    assert answered(range(1, 101), range(1, 101), range(76, 131), again) == (proven, [0, 75, 0])


# --- a window with such a millisecond -----------------------------------------------------------------------

FLOWS = get_endpoint("margin_capital_flow")
LEDGER_LIMIT = FLOWS.pager.page_size


class LedgerExchange(ModelExchange):
    """Has a ledger whose entries can be asked for by id."""

    after = "lowest"

    def answer(self, ask):
        if getattr(ask, "after_id", None) is None:
            return super().answer(ask)
        self.asked.append(ask)
        rows = [
            one.row for one in self.orders if self.is_in_time(one.row, ask) and one.row.key > (ask.after_id,)
        ]
        rows.sort(key=lambda one: one.key, reverse=self.after != "lowest")
        return Answer(Page(tuple(rows[: self.limit])))


def ledger(*counts, equal_bounds):
    """Entries with ascending ids, so many of each millisecond from `AT` on."""
    instants = [AT + offset for offset, count in enumerate(counts) for _ in range(count)]
    orders = [Order(Row((number,), at, at, b"")) for number, at in enumerate(instants, 1)]
    return LedgerExchange(orders, limit=LEDGER_LIMIT, equal_bounds=equal_bounds)


@pytest.mark.parametrize(("equal_bounds", "before"), [("works", 3), ("refused", 0), ("empty", 0)])
def test_a_full_millisecond_of_a_ledger_is_followed_by_id_and_the_claim_says_so(equal_bounds, before):
    exchange = ledger(before, LEDGER_LIMIT + 500, 4, equal_bounds=equal_bounds)
    observations = Observations()
    found, proof = drive(plan(FLOWS, Window(AT - 5, AT + 9), observations=observations), exchange)
    assert found.keys() == {one.row.key for one in exchange.orders}
    # Needed too: where a probe has refuted it, to accept it is not enough.
    assert "ids_ascend" in observations.evidence.suspected & observations.evidence.needed
    assert proof == "each page proves the one before it; full instants followed by id"
    assert {0, before + LEDGER_LIMIT - 25} <= {ask.after_id for ask in exchange.asked}


def test_where_ids_prove_nothing_the_millisecond_fails_and_the_claim_does_not_rest_on_them():
    exchange, observations = ledger(LEDGER_LIMIT + 500, equal_bounds="works"), Observations()
    exchange.after = "highest"
    with pytest.raises(SaturatedInstant):
        drive(plan(FLOWS, Window(AT - 5, AT + 9), observations=observations), exchange)
    assert "ids_ascend" not in observations.evidence.suspected
