"""Waits are obeyed, and the weight that is shared with others is never used up."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from asking import FUTURES, KEY, MARGIN, SECRET, ask_of, empty_of, listing, refusal
from support.covering import covering
from support.scripted import HANG_UP, reply
from support.seeded import seeded_exchange

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.families import FAMILIES
from airflow_provider_binance_liq.core.signing import HmacSigner
from airflow_provider_binance_liq.core.waits import Waits
from airflow_provider_binance_liq.exceptions import (
    FROM_START,
    IpBanned,
    RequestRejected,
    Throttled,
    WaitTooLong,
)
from airflow_provider_binance_liq.exchange.client import BinanceClient, ClientSettings
from airflow_provider_binance_liq.exchange.rate_limit_state import SharedRateLimitState
from airflow_provider_binance_liq.exchange.throttle import WaitContext
from airflow_provider_binance_liq.simulator import Fault
from airflow_provider_binance_liq.simulator import Settings as Knobs

# --- waits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [418, 429])
@pytest.mark.parametrize("seconds", [1, 35, 59])
def test_nothing_is_sent_before_retry_after_has_passed(server, client, world, status, seconds):
    told = []

    def tell(_request):
        told.append(world.now_s)
        return refusal(status, -1003, Retry_After=str(seconds))

    server.script = [tell, lambda _: told.append(world.now_s) or reply(200, [])]
    client.fetch(FUTURES, ask_of(FUTURES))
    assert seconds <= told[1] - told[0] <= seconds + 2
    assert len(server.asked) == 2


def test_nothing_is_sent_before_the_ban_in_the_text_has_ended(server, client, world):
    until_ms = int(world.now_s * 1000) + 51_000
    text = f"Way too many requests; IP(1.2.3.4) banned until {until_ms}."
    said_at = []
    server.script = [refusal(418, -1003, text), lambda _: said_at.append(world.now_s) or reply(200, [])]
    client.fetch(FUTURES, ask_of(FUTURES))
    assert said_at[0] * 1000 >= until_ms


def test_a_429_without_an_instant_waits_for_the_exchanges_next_minute(server, client, world):
    server.clock = lambda: world.now_s + 17
    said_at = []
    server.script = [reply(429), lambda _: said_at.append(server.clock()) or reply(200, [])]
    began = server.clock()
    client.fetch(FUTURES, ask_of(FUTURES))
    assert said_at[0] // 60 == began // 60 + 1
    assert said_at[0] % 60 < 2


@pytest.mark.parametrize("ahead_s", [-600, 0, 600])
def test_a_wait_beyond_patience_is_raised_with_the_instant_on_the_local_clock(server, client, world, ahead_s):
    server.clock = lambda: world.now_s + ahead_s
    server.script = [refusal(429, -1003, Retry_After="720")]
    with pytest.raises(Throttled) as caught:
        client.fetch(FUTURES, ask_of(FUTURES))
    assert caught.value.retry_at_ms == pytest.approx((world.now_s + 720) * 1000, abs=1000)
    assert not isinstance(caught.value, IpBanned)
    assert world.naps == []
    assert len(server.asked) == 1


def test_a_ban_beyond_patience_is_raised_as_a_ban_and_holds_every_family(server, client, endpoint, world):
    server.script = [refusal(418, -1003, Retry_After="360")]
    with pytest.raises(IpBanned, match="banned"):
        client.fetch(FUTURES, ask_of(FUTURES))
    heard = len(server.heard)
    with pytest.raises(IpBanned):
        client.fetch(endpoint, ask_of(endpoint))
    assert len(server.heard) == heard
    world.now_s += 361
    server.otherwise = empty_of(endpoint)
    client.fetch(endpoint, ask_of(endpoint))


def test_a_429_holds_its_own_pool_of_families_and_leaves_the_others_alone(server, client):
    server.script = [refusal(429, -1003, Retry_After="600")]
    with pytest.raises(Throttled):
        client.fetch(FUTURES, ask_of(FUTURES))
    with pytest.raises(Throttled):
        client.fetch(get_endpoint("coinm_futures"), ask_of(FUTURES))
    server.otherwise = empty_of(MARGIN)
    client.fetch(MARGIN, ask_of(MARGIN))


def test_being_told_to_wait_again_and_again_ends_with_an_error(server, client):
    server.otherwise = refusal(429, -1003, Retry_After="1")
    with pytest.raises(Throttled, match="had to wait 5 times in a row"):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert len(server.asked) == 5


def test_against_a_strict_exchange_no_request_is_ever_sent_during_a_ban_or_a_hold(connect, world):
    with seeded_exchange(clock=world.clock) as exchange:
        credentials = exchange.credentials()
        client = connect(
            exchange.url, api_key=credentials.api_key, signer=HmacSigner(credentials.secret), max_sleep_s=500
        )
        for status, known in [(429, {}), (429, {"retry_after": 35}), (418, {"seconds": 179}), (418, {})]:
            exchange.add_fault(Fault(f"http_{status}", **known))
            client.fetch(FUTURES, ask_of(FUTURES))
            client.fetch(MARGIN, ask_of(MARGIN))
            exchange.clear_faults()
        assert exchange.stats.during_ban == 0
        assert exchange.stats.during_hold == 0
        assert exchange.stats.statuses[200] > 8


ABSURD = ["999999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"]


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("status", [418, 429])
def test_an_absurd_wait_stops_nobody_for_longer_than_one_of_unstated_length(
    server, connect, world, status, value, tmp_path
):
    first, second = (connect(server.url, store=SharedRateLimitState(tmp_path / "book")) for _ in range(2))
    server.script = [refusal(status, -1003, Retry_After=value)]
    began = world.now_s
    with pytest.raises(IpBanned) if status == 418 else nullcontext():
        first.fetch(FUTURES, ask_of(FUTURES))
    world.now_s = max(world.now_s, began + 121)
    second.fetch(FUTURES, ask_of(FUTURES))
    assert world.now_s - began < 190


@pytest.mark.parametrize("until_s", [-5, 10**7, 10**12])
def test_an_absurd_ban_that_others_report_stops_nobody(server, connect, world, until_s):
    client = connect(server.url, known_ban=lambda: int((world.now_s + until_s) * 1000))
    client.fetch(FUTURES, ask_of(FUTURES))
    assert world.naps == []


def test_who_is_told_to_wait_again_and_again_is_told_to_come_back_later_each_time(server, connect, world):
    server.otherwise = refusal(429, -1003, Retry_After="1")
    waits, holds = [], 0
    for _ in range(8):
        settings = ClientSettings(KEY, HmacSigner(SECRET), dict.fromkeys(FAMILIES, server.url))
        client = BinanceClient(settings, wait_context=WaitContext(consecutive_waits=holds), **world.arguments)
        with pytest.raises(Throttled) as caught:
            client.fetch(FUTURES, ask_of(FUTURES))
        client.close()
        holds = caught.value.resume.consecutive_waits
        waits.append(round((caught.value.retry_at_ms / 1000 - world.now_s) / 60))
        world.now_s = caught.value.retry_at_ms / 1000
    assert waits == [2, 4, 8, 16, 32, 64, 64, 64]


def test_a_task_that_is_deferred_at_each_429_comes_back_later_each_time_too(server, world):
    server.otherwise = refusal(429, -1003, Retry_After="50")
    settings = ClientSettings(KEY, HmacSigner(SECRET), dict.fromkeys(FAMILIES, server.url))
    # It has waited in the worker for as long as it may, so that one 429 ends each client.
    waits, state, asked, gaps = Waits(max_ms=10**9, waited_ms=60_000), FROM_START, [], []
    while len(gaps) < 13:
        context = WaitContext(state.consecutive_waits, waits=waits, can_leave=True)
        client = BinanceClient(settings, wait_context=context, **world.arguments)
        with pytest.raises(Throttled) as caught:
            client.fetch(FUTURES, ask_of(FUTURES))
        client.close()
        asked.append(len(server.asked))
        state = caught.value.resume
        gaps.append(round((caught.value.retry_at_ms / 1000 - world.now_s) / 60))
        world.now_s = caught.value.retry_at_ms / 1000
    assert gaps == [1, 1, 1, 1, 2, 4, 8, 16, 32, 64, 64, 64, 64]
    assert asked == list(range(1, 14))


def test_short_sleeps_add_up_to_what_a_task_may_wait_and_no_further(server, world):
    waits = Waits(max_ms=100_000)
    settings = ClientSettings(KEY, HmacSigner(SECRET), dict.fromkeys(FAMILIES, server.url))
    client = BinanceClient(settings, wait_context=WaitContext(waits=waits), **world.arguments)
    server.otherwise = reply(200, [], X_MBX_USED_WEIGHT_1M="1190")
    client.fetch(FUTURES, ask_of(FUTURES))
    client.fetch(FUTURES, ask_of(FUTURES))
    with pytest.raises(WaitTooLong, match="because your share of the weight is used up"):
        client.fetch(FUTURES, ask_of(FUTURES))
    client.close()
    assert sum(world.naps) * 1000 <= 100_001
    assert waits.waited_ms == pytest.approx(sum(world.naps) * 1000, abs=5)


# --- our share of the weight ----------------------------------------------------------------------------


def test_a_share_of_the_weight_is_never_exceeded_and_the_rest_waits_for_the_minute(connect, world):
    with seeded_exchange(clock=world.clock) as exchange:
        credentials = exchange.credentials()
        client = connect(exchange.url, api_key=credentials.api_key, signer=HmacSigner(credentials.secret))
        for _ in range(50):
            client.fetch(FUTURES, ask_of(FUTURES))
        assert 0.45 < exchange.stats.highest_share <= 0.5
        assert exchange.stats.throttled == 0
        assert len(world.naps) == 2


def test_what_others_on_the_address_use_counts_too(server, client, world):
    server.otherwise = reply(200, [], X_MBX_USED_WEIGHT_1M="1180")
    client.fetch(FUTURES, ask_of(FUTURES))
    assert world.naps == []
    client.fetch(FUTURES, ask_of(FUTURES))
    assert len(world.naps) == 1
    assert world.now_s % 60 < 1


def test_the_used_weight_of_a_refusal_counts_too(server, client, world):
    server.script = [reply(503, b"", x_mbx_used_weight_1m="2000")]
    client.fetch(FUTURES, ask_of(FUTURES))
    assert world.now_s % 60 < 1


@pytest.mark.parametrize("value", ["", "many", "-5", "1.5", "\xb2", "9" * 5000])
def test_a_used_weight_that_is_no_number_is_passed_over(server, client, value):
    server.script = [reply(200, [], X_MBX_USED_WEIGHT_1M=value)]
    client.fetch(FUTURES, ask_of(FUTURES))


def test_usdm_and_coinm_futures_share_one_count(server, client, world):
    server.otherwise = reply(200, [], X_MBX_USED_WEIGHT_1M="1190")
    client.fetch(FUTURES, ask_of(FUTURES))
    client.fetch(get_endpoint("coinm_futures"), ask_of(FUTURES))
    assert len(world.naps) >= 1


def test_a_share_that_allows_no_single_request_is_an_error_that_says_so(server, connect):
    client = connect(server.url, weight_share=0.01)
    with pytest.raises(RequestRejected, match="raise weight_share"):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert not any("signature" in request.line for request in server.heard)


def spending(limit, clock, **knobs):
    """An exchange with another limit than the documented one."""
    return seeded_exchange(Knobs(seed=1, weight_limits=(("futures", limit),), **knobs), clock=clock)


@covering(
    "endpoint, limit",
    {one.name: one for one in (FUTURES, get_endpoint("coinm_futures"))},
    [300, 1000, 2400, 10_000],
)
def test_the_limit_that_the_exchange_reports_outranks_the_documented_one(connect, world, endpoint, limit):
    with spending(limit, world.clock) as exchange:
        credentials = exchange.credentials()
        client = connect(exchange.url, api_key=credentials.api_key, signer=HmacSigner(credentials.secret))
        for _ in range(4 * limit // 300):
            client.fetch(endpoint, ask_of(endpoint))
        assert 0.4 - 50 / limit < exchange.stats.highest_share <= 0.5
        assert exchange.stats.throttled == 0


def test_a_minute_of_another_length_is_kept_too(connect, world):
    with spending(300, world.clock, minute_seconds=5.0) as exchange:
        credentials = exchange.credentials()
        client = connect(exchange.url, api_key=credentials.api_key, signer=HmacSigner(credentials.secret))
        for _ in range(20):
            client.fetch(FUTURES, ask_of(FUTURES))
        assert 0.3 < exchange.stats.highest_share <= 0.5
        assert sum(world.naps) < 60


@pytest.mark.parametrize("said", ["0", "7", "50"])
def test_against_an_exchange_whose_header_counts_less_the_share_is_kept_by_our_own_count(
    server, client, world, said
):
    sent = {}

    def count(_request):
        sent[int(world.now_s // 60)] = sent.get(int(world.now_s // 60), 0) + 50
        return reply(200, [], X_MBX_USED_WEIGHT_1M=said)

    server.script = [count] * 60
    server.otherwise = reply(200, {"rateLimits": []})
    while server.script:
        client.fetch(FUTURES, ask_of(FUTURES))
    assert max(sent.values()) <= 1200


def test_a_quiet_window_does_not_ask_for_the_limit(server, client):
    client.fetch(FUTURES, ask_of(FUTURES))
    assert [request.path for request in server.asked] == [FUTURES.path]


def test_the_limit_is_asked_for_once(server, client):
    server.script = [reply(200, [], X_MBX_USED_WEIGHT_1M="100"), listing(2000)]
    for _ in range(5):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert [request.path for request in server.asked].count("/fapi/v1/exchangeInfo") == 1


@pytest.mark.parametrize(
    "said",
    [reply(404), reply(500), reply(200, []), reply(200, {"rateLimits": []}), listing(0), listing(9, "AGE")],
)
def test_where_the_limit_cannot_be_had_the_documented_one_holds(server, client, world, said):
    server.script = [reply(200, [], X_MBX_USED_WEIGHT_1M="1100"), said]
    server.otherwise = reply(200, [], X_MBX_USED_WEIGHT_1M="1160")
    client.fetch(FUTURES, ask_of(FUTURES))
    client.fetch(FUTURES, ask_of(FUTURES))
    assert world.naps == []
    client.fetch(FUTURES, ask_of(FUTURES))
    assert len(world.naps) == 1


def test_a_429_of_the_question_for_the_limit_is_waited_for_too(server, client, world):
    server.script = [
        reply(200, [], X_MBX_USED_WEIGHT_1M="200"),
        refusal(429, -1003, Retry_After="20"),
        listing(2400),
    ]
    client.fetch(FUTURES, ask_of(FUTURES))
    client.fetch(FUTURES, ask_of(FUTURES))
    assert sum(world.naps) > 20


def test_who_knows_the_limit_better_can_say_so_and_nothing_is_asked(server, connect, world):
    client = connect(server.url, weight_limits={"futures": 240})
    server.script = [reply(200, [], X_MBX_USED_WEIGHT_1M="71")]
    client.fetch(FUTURES, ask_of(FUTURES))
    client.fetch(FUTURES, ask_of(FUTURES))
    assert len(world.naps) == 1
    assert {request.path for request in server.asked} == {FUTURES.path}


# --- beside other tasks on the same address -------------------------------------------------------------


PAPI = get_endpoint("portfolio_um")


def test_beside_others_nothing_heavy_is_asked_before_something_light_has_reported_the_used_weight(
    server, connect, world, tmp_path
):
    client = connect(server.url, store=SharedRateLimitState(tmp_path / "book"), coordinate=True)
    server.script = [reply(200, {}, X_MBX_USED_WEIGHT_1M="2960"), reply(200, [], X_MBX_USED_WEIGHT_1M="50")]
    client.fetch(PAPI, ask_of(PAPI))
    assert [request.path for request in server.asked] == ["/papi/v1/ping", PAPI.path]
    assert len(world.naps) == 1
    client.fetch(PAPI, ask_of(PAPI))
    assert len(server.asked) == 3


@pytest.mark.parametrize("said", [reply(404), reply(500), reply(200, b"<html>"), HANG_UP])
def test_an_exchange_that_does_not_report_the_used_weight_is_asked_all_the_same(
    server, connect, said, tmp_path
):
    client = connect(server.url, store=SharedRateLimitState(tmp_path / "book"), coordinate=True)
    server.script = [said]
    client.fetch(PAPI, ask_of(PAPI))
    assert [request.path for request in server.asked] == ["/papi/v1/ping", PAPI.path]


def test_a_task_knows_what_another_one_of_its_machine_has_used_up(server, connect, world, tmp_path):
    first, second = (
        connect(server.url, store=SharedRateLimitState(tmp_path / "book"), coordinate=True) for _ in range(2)
    )
    server.otherwise = reply(200, [], X_MBX_USED_WEIGHT_1M="2990")
    first.fetch(PAPI, ask_of(PAPI))
    heard, naps = len(server.asked), len(world.naps)
    server.otherwise = reply(200, [])
    second.fetch(PAPI, ask_of(PAPI))
    assert len(world.naps) == naps + 1
    assert [request.path for request in server.asked[heard:]] == [PAPI.path]


def test_a_task_reads_no_clock_that_another_one_of_its_machine_has_just_read(
    server, connect, world, tmp_path
):
    server.clock = lambda: world.now_s + 17
    first, second = (connect(server.url, store=SharedRateLimitState(tmp_path / "book")) for _ in range(2))
    first.fetch(FUTURES, ask_of(FUTURES))
    second.fetch(PAPI, ask_of(PAPI))
    assert [request.path for request in server.heard].count("/fapi/v1/time") == 1
    assert second.clock_offset_ms("papi") == first.clock_offset_ms("fapi")
    world.now_s += 700
    third = connect(server.url, store=SharedRateLimitState(tmp_path / "book"))
    third.fetch(PAPI, ask_of(PAPI))
    assert [request.path for request in server.heard].count("/fapi/v1/time") == 2


def test_a_ban_that_others_have_met_is_obeyed_before_anything_is_asked_and_after_every_wait(
    server, connect, world
):
    told = []

    def known_ban():
        told.append(world.now_s)
        return until_ms[0]

    until_ms = [int((world.now_s + 600) * 1000)]
    client = connect(server.url, known_ban=known_ban)
    with pytest.raises(IpBanned) as caught:
        client.fetch(FUTURES, ask_of(FUTURES))
    assert server.heard == []
    assert caught.value.retry_at_ms == until_ms[0]
    world.now_s += 601
    server.otherwise = reply(200, [], X_MBX_USED_WEIGHT_1M="1180")
    client.fetch(FUTURES, ask_of(FUTURES))
    until_ms[0] = int((world.now_s + 300) * 1000)
    heard = len(server.asked)
    with pytest.raises(IpBanned):
        client.fetch(FUTURES, ask_of(FUTURES))
    assert [request.path for request in server.asked[heard:]] in ([], ["/fapi/v1/exchangeInfo"])
    assert len(told) <= 4


def test_others_are_not_asked_for_a_ban_at_every_request(server, connect):
    told = []
    client = connect(server.url, known_ban=lambda: told.append(1) or 0)
    server.otherwise = empty_of(MARGIN)
    for _ in range(15):
        client.fetch(MARGIN, ask_of(MARGIN))
    assert len(told) == 1


@pytest.mark.parametrize("status", [418, 429])
def test_what_one_task_was_told_to_wait_holds_the_others_of_its_machine(server, connect, status, tmp_path):
    first, second = (
        connect(server.url, store=SharedRateLimitState(tmp_path / "book"), coordinate=True) for _ in range(2)
    )
    second.fetch(FUTURES, ask_of(FUTURES))
    server.script = [refusal(status, -1003, Retry_After="600")]
    with pytest.raises(Throttled):
        first.fetch(FUTURES, ask_of(FUTURES))
    heard = len(server.heard)
    with pytest.raises(Throttled) as caught:
        second.fetch(FUTURES, ask_of(FUTURES))
    assert isinstance(caught.value, IpBanned) == (status == 418)
    assert len(server.heard) == heard


def test_requests_and_weight_are_counted_with_every_repetition(server, client):
    server.script = [reply(503), reply(503)]
    client.fetch(FUTURES, ask_of(FUTURES))
    client.fetch(FUTURES, ask_of(FUTURES, symbol="BTCUSDT"))
    assert (client.spent.requests, client.spent.weight) == (4, 3 * 50 + 20)


@pytest.mark.parametrize("endpoint", [FUTURES, PAPI], ids=["same family", "same clock"])
@pytest.mark.parametrize("ahead_s", [-900, 900], ids=["machine ahead", "machine behind"])
def test_a_ban_holds_a_later_task_of_a_machine_whose_clock_is_wrong_until_its_end_and_no_longer(
    server, connect, world, tmp_path, endpoint, ahead_s
):
    server.clock = lambda: world.now_s + ahead_s
    first, second = (
        connect(server.url, store=SharedRateLimitState(tmp_path / "book"), coordinate=True) for _ in range(2)
    )
    first.fetch(FUTURES, ask_of(FUTURES))
    server.script = [refusal(418, -1003, Retry_After="1500")]
    with pytest.raises(IpBanned) as banned:
        first.fetch(FUTURES, ask_of(FUTURES))
    heard = len(server.heard)
    world.now_s += 800  # the clock that was read is too old by now
    with pytest.raises(IpBanned) as caught:
        second.fetch(endpoint, ask_of(endpoint))
    assert len(server.heard) == heard
    assert abs(caught.value.retry_at_ms - banned.value.retry_at_ms) < 1000
