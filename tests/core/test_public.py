"""What the exchange tells everybody is believed within reason."""

from __future__ import annotations

import json

import pytest

from airflow_provider_binance_liq.core.public import read_limit, read_symbols, read_time
from airflow_provider_binance_liq.core.rows import UnreadableBody
from airflow_provider_binance_liq.core.weights import Limit


def limits(**known):
    told = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400} | known
    return json.dumps({"rateLimits": [told]}).encode()


@pytest.mark.parametrize("read", [0, -1, 1_791_633_600, 9_999_999_999_999, 10**18])
def test_a_clock_outside_of_2015_to_2100_is_unreadable(read):
    with pytest.raises(UnreadableBody, match="not between 2015 and 2100"):
        read_time(b'{"serverTime":%d}' % read)


def test_a_clock_is_read_to_the_millisecond():
    assert read_time(b'{"serverTime":1791633600123}') == 1_791_633_600_123


@pytest.mark.parametrize(
    "absurd",
    [{"limit": 0}, {"limit": 10**9}, {"interval": "DAY"}, {"intervalNum": 10**9}, {"interval": "AGE"}],
)
def test_a_limit_that_would_stop_or_unleash_everything_is_none(absurd):
    assert read_limit(limits(**absurd)) is None


def test_a_limit_has_the_length_of_its_minute():
    assert read_limit(limits(intervalNum=5)) == Limit(2400, 300_000)


def test_nesting_without_end_is_unreadable():
    with pytest.raises(UnreadableBody):
        read_symbols(b'{"symbols":' + b"[" * 100_000)
