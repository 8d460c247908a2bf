"""What the exchange tells everybody is believed within reason."""

from __future__ import annotations

import json

import pytest

from airflow_provider_binance_liq.core.public import read_limit, read_permissions, read_symbols, read_time
from airflow_provider_binance_liq.core.rows import UnreadableBody
from airflow_provider_binance_liq.core.weights import MAX_WEIGHT, Limit


def limits(**known):
    told = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400} | known
    return json.dumps({"rateLimits": [told]}).encode()


@pytest.mark.parametrize("read", [0, -1, 1_791_633_600, 9_999_999_999_999, 10**18])
def test_a_clock_outside_of_2015_to_2100_is_unreadable(read):
    with pytest.raises(UnreadableBody, match=r"^a clock whose time is not between 2015 and 2100$"):
        read_time(b'{"serverTime":%d}' % read)


def test_a_clock_is_read_to_the_millisecond():
    assert read_time(b'{"serverTime":1791633600123}') == 1_791_633_600_123


@pytest.mark.parametrize(
    "absurd",
    [{"limit": 0}, {"limit": 10**9}, {"interval": "DAY"}, {"intervalNum": 10**9}, {"interval": "AGE"}],
)
def test_a_limit_that_would_stop_or_unleash_everything_is_none(absurd):
    assert read_limit(limits(**absurd)) is None


@pytest.mark.parametrize(
    ("edge", "limit"),
    [
        ({"limit": 1}, Limit(1, 60_000)),
        ({"limit": MAX_WEIGHT}, Limit(MAX_WEIGHT, 60_000)),
        ({"intervalNum": 60}, Limit(2400, 3_600_000)),
        ({"interval": "HOUR"}, Limit(2400, 3_600_000)),
        ({"interval": "SECOND"}, Limit(2400, 1000)),
    ],
)
def test_the_smallest_and_the_largest_credible_limit_are_read(edge, limit):
    assert read_limit(limits(**edge)) == limit


@pytest.mark.parametrize("beyond", [{"limit": MAX_WEIGHT + 1}, {"intervalNum": 61}, {"intervalNum": 0}])
def test_a_limit_just_beyond_those_is_none(beyond):
    assert read_limit(limits(**beyond)) is None


def test_a_limit_of_something_else_is_passed_over():
    orders = {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 300}
    both = {"rateLimits": [orders, *json.loads(limits())["rateLimits"]]}
    assert read_limit(json.dumps(both).encode()) == Limit(2400, 60_000)
    assert read_limit(limits(rateLimitType="ORDERS")) is None


def test_a_limit_has_the_length_of_its_minute():
    assert read_limit(limits(intervalNum=5)) == Limit(2400, 300_000)


def test_symbols_are_read_whatever_else_is_said_of_them():
    assert read_symbols(b'{"symbols":[{"symbol":"BTCUSDT","pair":1},{"symbol":"ETHUSDT"}],"zone":"UTC"}') == {
        "BTCUSDT",
        "ETHUSDT",
    }


def test_of_what_a_key_may_do_only_what_is_given_or_not_is_read_under_a_name_that_can_be_one():
    body = b'{"enableReading":true,"enableFutures":false,"createTime":1,"ip":"yes","a b":true,"":true}'
    assert read_permissions(body) == {"enableReading": True, "enableFutures": False}


@pytest.mark.parametrize("read", [read_time, read_symbols, read_limit, read_permissions])
@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'{"\xff":1}'])
def test_what_is_no_answer_is_unreadable_and_the_error_says_why(read, body):
    with pytest.raises(UnreadableBody, match=r"[a-z]{4}"):
        read(body)


def test_nesting_without_end_is_unreadable():
    with pytest.raises(UnreadableBody):
        read_symbols(b'{"symbols":' + b"[" * 100_000)
