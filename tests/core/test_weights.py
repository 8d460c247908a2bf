"""The law of pool: of the server's count and ours the greater counts, and our share is never exceeded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.examples import examples

from airflow_provider_binance_liq.core.units import MINUTE_MS
from airflow_provider_binance_liq.core.weights import Limit, PoolLimit, RateLimitState, Usage

NOON = 1_791_633_600_000


def spend(pool, now, weight, used=None):
    """Send a request that is answered at once."""
    pool.send("one", now, weight)
    pool.answer("one", now, used)


def test_a_request_that_fits_our_share_may_go_at_once():
    pool = PoolLimit(2400, 0.5)
    spend(pool, NOON, 1150)
    assert pool.ready_at(NOON, 50) == NOON


def test_a_request_that_would_exceed_our_share_waits_for_the_next_minute():
    pool = PoolLimit(2400, 0.5)
    spend(pool, NOON + 7_000, 1151)
    assert pool.ready_at(NOON + 7_000, 50) == NOON + MINUTE_MS


def test_the_count_begins_anew_with_the_utc_minute():
    pool = PoolLimit(2400, 0.5)
    spend(pool, NOON, 50, used=2400)
    assert pool.used(NOON + MINUTE_MS - 1) == 2400
    assert pool.used(NOON + MINUTE_MS) == 0
    assert pool.ready_at(NOON + MINUTE_MS, 50) == NOON + MINUTE_MS


@pytest.mark.parametrize("said", [701, 1200, 2399])
def test_what_the_server_says_is_used_replaces_what_we_think(said):
    pool = PoolLimit(2400, 0.5)
    spend(pool, NOON, 700)
    spend(pool, NOON + 5, 1, used=said)
    assert pool.used(NOON + 5) == said


@pytest.mark.parametrize("said", [0, 50, 700])
def test_a_server_that_counts_less_than_we_sent_ourselves_is_not_believed(said):
    pool = PoolLimit(2400, 0.5)
    spend(pool, NOON, 700)
    spend(pool, NOON + 5, 1, used=said)
    assert pool.used(NOON + 5) == 701
    assert pool.used(NOON + MINUTE_MS) == 0


@pytest.mark.parametrize("said", [0, 7, 50])
def test_whatever_a_server_says_no_minute_sees_more_of_us_than_our_share(said):
    pool, now, sent = PoolLimit(2400, 0.5), NOON, {}
    for _ in range(200):
        now = max(now + 100, pool.ready_at(now, 50))
        spend(pool, now, 50, used=said)
        sent[now // MINUTE_MS] = sent.get(now // MINUTE_MS, 0) + 50
    assert max(sent.values()) == 1200


def test_what_others_on_the_address_use_counts_against_our_share():
    pool = PoolLimit(2400, 0.5)
    spend(pool, NOON, 50, used=1190)
    assert pool.ready_at(NOON, 20) == NOON + MINUTE_MS


def test_a_request_on_its_way_counts_beside_what_the_server_says_of_another():
    pool = PoolLimit(2400, 0.5)
    pool.send("slow", NOON + 9_000, 50)
    spend(pool, NOON + 9_100, 50, used=1100)
    assert pool.used(NOON + 9_200) == 1150
    pool.answer("slow", NOON + 9_300, 1150)
    assert pool.used(NOON + 9_300) == 1150


def test_an_answer_that_was_overtaken_does_not_take_back_what_a_later_one_said():
    pool = PoolLimit(2400, 0.5)
    pool.send("slow", NOON + 9_000, 50)
    pool.send("fast", NOON + 9_000, 50)
    pool.answer("fast", NOON + 9_100, 900)
    pool.answer("slow", NOON + 9_200, 850)
    assert pool.used(NOON + 9_200) == 900


def test_a_count_of_the_minute_before_is_corrected_by_the_first_one_of_this_minute():
    pool = PoolLimit(2400, 0.5)
    spend(pool, NOON + 10, 50, used=1180)
    spend(pool, NOON + 400, 50, used=50)
    assert pool.used(NOON + 500) == 100, "which counts less than we sent in it"


def test_an_answer_to_a_request_of_the_minute_before_says_nothing_of_this_one():
    pool = PoolLimit(2400, 0.5)
    pool.send("late", NOON - 100, 50)
    pool.answer("late", NOON + 100, 1180)
    assert pool.used(NOON + 100) == 50


def test_a_request_without_an_answer_counts_until_it_must_be_lost():
    pool = PoolLimit(2400, 0.5)
    pool.send("of one who died", NOON + 59_000, 50)
    assert pool.used(NOON + 61_000) == 50
    assert pool.used(NOON + 59_000 + MINUTE_MS) == 0
    pool.send("another", NOON + 3 * MINUTE_MS, 20)
    assert list(pool.usage.in_flight) == ["another"]


def test_an_answer_nobody_waits_for_changes_nothing_but_what_it_says():
    pool = PoolLimit(2400, 0.5)
    pool.answer("unknown", NOON, None)
    assert pool.used(NOON) == 0
    pool.answer("unknown", NOON, 70)
    assert pool.used(NOON) == 70


# --- the state of an address -----------------------------------------------------------------------------


DOCUMENTED = Limit(2400)


def test_a_limit_that_the_exchange_reported_is_valid_for_an_hour():
    state = RateLimitState()
    state.set_limit("futures", Limit(1000), NOON)
    assert state.pool("futures", DOCUMENTED, 0.5, NOON + 60 * MINUTE_MS).limit == 1000
    assert state.pool("futures", DOCUMENTED, 0.5, NOON + 60 * MINUTE_MS + 1).limit == 2400
    assert state.pool("papi", Limit(6000), 0.5, NOON).limit == 6000


def test_a_limit_is_lacking_from_where_a_lower_one_could_matter():
    state = RateLimitState()
    pool = state.pool("futures", DOCUMENTED, 0.5, NOON)
    assert not state.needs_limit("futures", pool, 50, NOON)
    spend(pool, NOON, 50, used=71)
    assert state.needs_limit("futures", pool, 50, NOON)
    state.set_limit("futures", Limit(2400), NOON)
    assert not state.needs_limit("futures", pool, 50, NOON)
    assert state.needs_limit("futures", pool, 121, NOON + 61 * MINUTE_MS)


@pytest.mark.parametrize("minute_ms", [5_000, MINUTE_MS])
def test_what_was_counted_stays_counted_when_a_limit_is_learnt(minute_ms):
    state = RateLimitState()
    spend(state.pool("futures", DOCUMENTED, 0.5, NOON), NOON, 50, used=300)
    state.set_limit("futures", Limit(1000, minute_ms), NOON + 3)
    assert state.pool("futures", DOCUMENTED, 0.5, NOON + 3).used(NOON + 3) == 300


def test_a_ban_is_never_shortened():
    state = RateLimitState()
    state.ban(NOON + 600_000, NOON)
    state.ban(NOON + 1, NOON)
    assert state.banned_until_ms == NOON + 600_000


def test_two_states_have_nothing_in_common():
    spend(RateLimitState().pool("futures", DOCUMENTED, 0.5, NOON), NOON, 50)
    assert RateLimitState().pools == {}


@pytest.mark.parametrize("absurd", [NOON - 1, NOON + 7 * 86_400_000, 9_999_999_999_999, 10**30])
def test_a_ban_or_a_wait_that_can_be_none_is_forgotten_when_it_is_read(absurd):
    state = RateLimitState(banned_until_ms=absurd)
    assert state.banned_until(NOON) == 0
    pool = state.pool("futures", DOCUMENTED, 0.5, NOON)
    pool.block(absurd, NOON)
    assert pool.ready_at(NOON, 50) == NOON
    assert (state.banned_until_ms, pool.usage.blocked_until_ms) == (0, 0)


def test_a_request_that_was_sent_in_the_future_is_a_mistake_and_delays_nobody():
    pool = PoolLimit(2400, 0.5)
    pool.usage.in_flight["of a clock that was wrong"] = (9_999_999_999_999, 1200)
    assert pool.ready_at(NOON, 50) == NOON


def test_a_limit_that_was_reported_in_the_future_is_not_believed():
    state = RateLimitState()
    state.set_limit("futures", Limit(1), 9_999_999_999_999)
    assert state.pool("futures", DOCUMENTED, 0.5, NOON).limit == 2400


# --- two states of one address ---------------------------------------------------------------------------


def test_of_two_states_what_asks_for_more_caution_is_kept():
    one, other = RateLimitState(banned_until_ms=NOON + 7), RateLimitState(banned_until_ms=NOON + 5)
    spend(one.pool("futures", DOCUMENTED, 0.5, NOON), NOON, 50, used=300)
    spend(other.pool("futures", DOCUMENTED, 0.5, NOON), NOON, 500)
    other.pool("futures", DOCUMENTED, 0.5, NOON).send("on its way", NOON, 20)
    other.pool("futures", DOCUMENTED, 0.5, NOON).block(NOON + 9, NOON)
    other.set_limit("papi", Limit(5000), NOON)
    other.clocks["fapi"] = (17, NOON)
    one.merge(other, NOON)
    pool = one.pool("futures", DOCUMENTED, 0.5, NOON)
    assert pool.used(NOON) == 520
    assert pool.ready_at(NOON, 1) == NOON + 9
    assert one.banned_until_ms == NOON + 7
    assert one.limits["papi"].limit == Limit(5000)
    assert one.clock_offset_ms("fapi", NOON) == 17


@pytest.mark.parametrize("absurd_first", [True, False])
def test_what_is_absurd_in_one_state_does_not_take_the_ban_of_the_other_with_it(absurd_first):
    absurd, real = RateLimitState(banned_until_ms=9_999_999_999_999), RateLimitState(banned_until_ms=NOON + 7)
    for state, until_ms in ((absurd, 9_999_999_999_999), (real, NOON + 9)):
        state.pool("futures", DOCUMENTED, 0.5, NOON).usage.blocked_until_ms = until_ms
    one, other = (absurd, real) if absurd_first else (real, absurd)
    one.merge(other, NOON)
    assert one.banned_until(NOON) == NOON + 7
    assert one.pool("futures", DOCUMENTED, 0.5, NOON).blocked_until(NOON) == NOON + 9


def test_of_two_minutes_the_later_one_is_kept():
    one, other = RateLimitState(), RateLimitState()
    spend(one.pool("futures", DOCUMENTED, 0.5, NOON), NOON, 700)
    spend(other.pool("futures", DOCUMENTED, 0.5, NOON), NOON + MINUTE_MS, 50)
    one.merge(other, NOON)
    assert one.pool("futures", DOCUMENTED, 0.5, NOON).used(NOON + MINUTE_MS) == 50


def test_of_two_counts_of_one_minute_each_number_that_asks_for_more_caution_is_kept():
    minute = NOON // MINUTE_MS
    one = Usage(minute, 300, 50, NOON + 3, {"a": (NOON, 1)}, NOON + 9, NOON + 1)
    other = Usage(minute, 200, 70, NOON + 2, {"b": (NOON, 2)}, NOON + 8, NOON + 2)
    state = RateLimitState({"futures": one})
    state.merge(RateLimitState({"futures": other}), NOON)
    both = {"a": (NOON, 1), "b": (NOON, 2)}
    assert state.pools["futures"] == Usage(minute, 300, 70, NOON + 3, both, NOON + 9, NOON + 2)


# --- waits ----------------------------------------------------------------------------------------------


def test_a_wait_lets_nothing_go_before_it_ends():
    pool = PoolLimit(2400, 0.5)
    pool.block(NOON + 35_000, NOON)
    assert pool.ready_at(NOON, 1) == NOON + 35_000
    assert pool.ready_at(NOON + 34_999, 1) == NOON + 35_000
    assert pool.ready_at(NOON + 35_000, 1) == NOON + 35_000


def test_requests_of_an_endpoint_that_is_spaced_go_no_earlier_than_its_interval():
    pool = PoolLimit(12_000, 0.5)
    pool.send("one", NOON, 1, interval_ms=1000)
    assert pool.ready_at(NOON + 999, 1) == NOON + 1000
    assert pool.ready_at(NOON + 1000, 1) == NOON + 1000
    assert pool.spaced_until(NOON + 1000) == 0
    pool.send("two", NOON + 500, 1)
    assert pool.spaced_until(NOON + 500) == NOON + 1000


@pytest.mark.parametrize(("ahead_ms", "left_ms"), [(MINUTE_MS, MINUTE_MS), (MINUTE_MS + 1, None)])
def test_an_interval_of_more_than_a_minute_is_a_mistake(ahead_ms, left_ms):
    pool = PoolLimit(12_000, 0.5, usage=Usage(spaced_until_ms=NOON + ahead_ms))
    assert pool.spaced_until(NOON) == (NOON + left_ms if left_ms else 0)


def test_a_pool_may_be_blocked_for_as_long_as_a_ban_lasts():
    pool = PoolLimit(2400, 0.5)
    pool.block(NOON + 2 * 86_400_000, NOON)
    assert pool.ready_at(NOON, 1) == NOON + 2 * 86_400_000


def test_a_wait_is_never_shortened():
    pool = PoolLimit(2400, 0.5)
    pool.block(NOON + 180_000, NOON)
    pool.block(NOON + 1_000, NOON)
    assert pool.ready_at(NOON, 1) == NOON + 180_000


def test_a_wait_outlasts_the_minute():
    pool = PoolLimit(2400, 0.5)
    pool.block(NOON + 3 * MINUTE_MS + 1, NOON)
    assert pool.ready_at(NOON + 2 * MINUTE_MS, 1) == NOON + 3 * MINUTE_MS + 1


@pytest.mark.parametrize(
    ("limit", "share", "allowed"), [(2400, 0.5, 1200), (6000, 1, 6000), (12_000, 0.01, 120)]
)
def test_our_share_is_of_the_documented_limit(limit, share, allowed):
    assert PoolLimit(limit, share).allowed == allowed


@given(st.integers(0, 10**14), st.integers(1, 100))
def test_the_next_minute_is_the_first_whole_one_after_now(now_ms, seconds):
    pool = PoolLimit(2400, 0.5, minute_ms=seconds * 1000)
    following = pool.next_minute(now_ms)
    assert now_ms < following <= now_ms + seconds * 1000
    assert following % (seconds * 1000) == 0


WEIGHTS = st.sampled_from([20, 50])


class Several(RuleBasedStateMachine):
    """Clients with one request each under way, which may take its time both ways, and overtake others."""

    shared = False

    @initialize(share=st.sampled_from([0.05, 0.1]), count=st.integers(1, 6), lies=st.booleans())
    def begin(self, share, count, lies):
        #: a server that says less than it counts is not right for others; one state still keeps its own share
        self.lies = lies and (self.shared or count == 1)
        self.now = NOON + 59_800
        one = RateLimitState().pool("futures", DOCUMENTED, share, NOON)
        self.budgets = [one if self.shared else PoolLimit(2400, share) for _ in range(count)]
        self.coming, self.going = {}, {}
        self.used = {}

    @property
    def minute(self):
        return self.now // MINUTE_MS

    @rule(client=st.integers(0, 5), weight=WEIGHTS)
    def send(self, client, weight):
        client %= len(self.budgets)
        pool = self.budgets[client]
        if client in self.coming or client in self.going or pool.ready_at(self.now, weight) > self.now:
            return
        pool.send(str(client), self.now, weight)
        self.coming[client] = weight

    @rule(client=st.integers(0, 5))
    def arrive(self, client):
        if client in self.coming:
            self.used[self.minute] = self.used.get(self.minute, 0) + self.coming.pop(client)
            self.going[client] = self.used[self.minute]

    @rule(client=st.integers(0, 5))
    def answer(self, client):
        if client in self.going:
            told = self.going.pop(client)
            self.budgets[client].answer(str(client), self.now, 0 if self.lies else told)

    @rule(ms=st.integers(1, 30_000))
    def time_passes(self, ms):
        # Nothing is under way for longer than a client waits for an answer.
        for client in range(len(self.budgets)):
            self.arrive(client)
            self.answer(client)
        self.now += ms

    @rule(ms=st.integers(1, 100))
    def a_moment_passes(self, ms):
        self.now += ms

    @invariant()
    def no_minute_sees_more_than_the_bound(self):
        if hasattr(self, "budgets"):
            late = 0 if self.shared else len(self.budgets) * 50
            assert max(self.used.values(), default=0) <= self.budgets[0].allowed + late


class OneBook(Several):
    """The same on one machine, with one state: then the share itself is the bound."""

    shared = True


TestSeveral = Several.TestCase
TestOneBook = OneBook.TestCase
TestSeveral.settings = TestOneBook.settings = examples(150, stateful_step_count=60)


class Spending(RuleBasedStateMachine):
    """An obedient client beside others on its address, on a clock that is moved by hand."""

    @initialize(share=st.sampled_from([0.05, 0.3, 0.5, 1.0]), start=st.integers(0, MINUTE_MS))
    def begin(self, share, start):
        self.pool = PoolLimit(2400, share)
        self.now = NOON + start
        self.minute, self.used, self.ours = self.now // MINUTE_MS, 0, 0
        self.held_until = 0
        self.sent_during_wait = False

    def advance(self, until):
        self.now = until
        if until // MINUTE_MS != self.minute:
            self.minute, self.used, self.ours = until // MINUTE_MS, 0, 0

    @rule(weight=st.sampled_from([1, 20, 50]), reads_header=st.sampled_from([0, 0.1, 1, None]))
    def ask(self, weight, reads_header):
        while (ready := self.pool.ready_at(self.now, weight)) > self.now:
            self.advance(ready)
        self.sent_during_wait |= self.now < self.held_until
        self.used, self.ours = self.used + weight, self.ours + weight
        told = None if reads_header is None else int(self.used * reads_header)
        spend(self.pool, self.now, weight, told)

    @rule(weight=st.integers(1, 600))
    def others_spend(self, weight):
        self.used += weight

    @rule(ms=st.integers(1, 70_000))
    def time_passes(self, ms):
        self.advance(self.now + ms)

    @rule(ms=st.integers(1, 200_000))
    def told_to_wait(self, ms):
        self.held_until = max(self.held_until, self.now + ms)
        self.pool.block(self.now + ms, self.now)

    @invariant()
    def we_stay_within_our_share_whatever_the_headers_say(self):
        if hasattr(self, "pool"):
            assert self.ours <= self.pool.allowed

    @invariant()
    def nothing_is_sent_while_told_to_wait(self):
        if hasattr(self, "pool"):
            assert not self.sent_during_wait


TestSpending = Spending.TestCase
