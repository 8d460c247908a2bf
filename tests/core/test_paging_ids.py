"""One full millisecond, followed by ids: proven only where nothing is left out, whatever is answered."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_binance_liq.core.paging.asks import Ask
from airflow_provider_binance_liq.core.paging.ids import IdWalk
from airflow_provider_binance_liq.core.rows import Page, Row
from airflow_provider_binance_liq.exceptions import RequestRejected

AT, LIMIT = 1_790_812_800_000, 100
HERE = Ask(AT, AT)


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

    walk = IdWalk(send, lambda page: len(page.rows) >= LIMIT, HERE, map(row, known)).run()
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


def test_exactly_a_page_cannot_be_told_from_a_page_that_was_cut():
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
