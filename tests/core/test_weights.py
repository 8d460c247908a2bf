"""The law of budget: the server's count outranks ours, and our share of it is never exceeded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from airflow_provider_binance_liq.core.weights import MINUTE_MS, Budget

NOON = 1_791_633_600_000


def test_a_request_that_fits_our_share_may_go_at_once():
    budget = Budget(2400, 0.5)
    budget.spend(NOON, 1150)
    assert budget.ready_at(NOON, 50) == NOON


def test_a_request_that_would_exceed_our_share_waits_for_the_next_minute():
    budget = Budget(2400, 0.5)
    budget.spend(NOON + 7_000, 1151)
    assert budget.ready_at(NOON + 7_000, 50) == NOON + MINUTE_MS


def test_the_count_begins_anew_with_the_utc_minute():
    budget = Budget(2400, 0.5)
    budget.observe(NOON, 2400)
    assert budget.used(NOON + MINUTE_MS - 1) == 2400
    assert budget.used(NOON + MINUTE_MS) == 0
    assert budget.ready_at(NOON + MINUTE_MS, 50) == NOON + MINUTE_MS


@pytest.mark.parametrize("said", [0, 50, 1200, 2399])
def test_what_the_server_says_is_used_replaces_what_we_think(said):
    budget = Budget(2400, 0.5)
    budget.spend(NOON, 700)
    budget.observe(NOON + 5, said)
    assert budget.used(NOON + 5) == said


def test_what_others_on_the_address_use_counts_against_our_share():
    budget = Budget(2400, 0.5)
    budget.spend(NOON, 50)
    budget.observe(NOON, 1190)
    assert budget.ready_at(NOON, 20) == NOON + MINUTE_MS


def test_a_hold_lets_nothing_go_before_it_ends():
    budget = Budget(2400, 0.5)
    budget.hold(NOON + 35_000)
    assert budget.ready_at(NOON, 1) == NOON + 35_000
    assert budget.ready_at(NOON + 34_999, 1) == NOON + 35_000
    assert budget.ready_at(NOON + 35_000, 1) == NOON + 35_000


def test_a_hold_is_never_shortened():
    budget = Budget(2400, 0.5)
    budget.hold(NOON + 180_000)
    budget.hold(NOON + 1_000)
    assert budget.ready_at(NOON, 1) == NOON + 180_000


def test_a_hold_outlasts_the_minute():
    budget = Budget(2400, 0.5)
    budget.hold(NOON + 3 * MINUTE_MS + 1)
    assert budget.ready_at(NOON + 2 * MINUTE_MS, 1) == NOON + 3 * MINUTE_MS + 1


@pytest.mark.parametrize(
    ("limit", "share", "allowed"), [(2400, 0.5, 1200), (6000, 1, 6000), (12_000, 0.01, 120)]
)
def test_our_share_is_of_the_documented_limit(limit, share, allowed):
    assert Budget(limit, share).allowed == allowed


@given(st.integers(0, 10**14), st.integers(1, 100))
def test_the_next_minute_is_the_first_whole_one_after_now(now_ms, seconds):
    budget = Budget(2400, 0.5, minute_ms=seconds * 1000)
    following = budget.next_minute(now_ms)
    assert now_ms < following <= now_ms + seconds * 1000
    assert following % (seconds * 1000) == 0


class Spending(RuleBasedStateMachine):
    """An obedient client beside others on its address, on a clock that is moved by hand."""

    @initialize(share=st.sampled_from([0.05, 0.3, 0.5, 1.0]), start=st.integers(0, MINUTE_MS))
    def begin(self, share, start):
        self.budget = Budget(2400, share)
        self.now = NOON + start
        self.minute, self.used, self.ours = self.now // MINUTE_MS, 0, 0
        self.held_until = 0
        self.sent_during_hold = False

    def advance(self, until):
        self.now = until
        if until // MINUTE_MS != self.minute:
            self.minute, self.used, self.ours = until // MINUTE_MS, 0, 0

    @rule(weight=st.sampled_from([1, 20, 50]), reads_header=st.booleans())
    def ask(self, weight, reads_header):
        while (ready := self.budget.ready_at(self.now, weight)) > self.now:
            self.advance(ready)
        self.sent_during_hold |= self.now < self.held_until
        self.budget.spend(self.now, weight)
        self.used, self.ours = self.used + weight, self.ours + weight
        if reads_header:
            self.budget.observe(self.now, self.used)

    @rule(weight=st.integers(1, 600))
    def others_spend(self, weight):
        self.used += weight

    @rule(ms=st.integers(1, 70_000))
    def time_passes(self, ms):
        self.advance(self.now + ms)

    @rule(ms=st.integers(1, 200_000))
    def told_to_wait(self, ms):
        self.held_until = max(self.held_until, self.now + ms)
        self.budget.hold(self.now + ms)

    @invariant()
    def we_stay_within_our_share_even_if_no_header_is_ever_read(self):
        if hasattr(self, "budget"):
            assert self.ours <= self.budget.allowed

    @invariant()
    def nothing_is_sent_while_told_to_wait(self):
        if hasattr(self, "budget"):
            assert not self.sent_during_hold


TestSpending = Spending.TestCase
