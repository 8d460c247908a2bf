"""What users give to say what is expected of a lake: what is taken, and what is refused with which words."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from airflow_provider_binance_liq.core.given import (
    is_given,
    read_accounts,
    read_endpoints,
    read_retention_days,
    read_start_ms,
    read_warn_days,
)
from airflow_provider_binance_liq.exceptions import InvalidRequest


def refused(said):
    return pytest.raises(InvalidRequest, match=f"^{re.escape(said)}$")


@pytest.mark.parametrize(
    ("value", "given"), [(None, False), ("", False), ("None", False), (0, True), ("x", True)]
)
def test_a_template_that_renders_to_nothing_counts_as_not_given(value, given):
    assert is_given(value) is given


@pytest.mark.parametrize(("given", "days"), [(0, 0.0), ("1.5", 1.5), (36_525, 36_525.0)])
def test_days_of_warning_are_a_number_up_to_a_century(given, days):
    assert read_warn_days(given) == days


@pytest.mark.parametrize("given", [-0.1, 36_526, "soon", None, float("nan")])
def test_other_days_of_warning_are_refused(given):
    with refused(f"warn_days is {given!r}; it takes a number of days from 0 to 36525"):
        read_warn_days(given)


@pytest.mark.parametrize(("given", "days"), [(1, 1), ("90", 90), (36_525, 36_525), (None, None), ("", None)])
def test_retention_is_a_whole_number_of_days_or_not_given(given, days):
    assert read_retention_days(given) == days


@pytest.mark.parametrize("given", [0, 36_526, "-1", 1.5, True, "٣", "²", "1" * 5000])
def test_other_retentions_are_refused(given):
    with refused(f"retention_days is {given!r}; it takes a whole number of days from 1 to 36525"):
        read_retention_days(given)


@pytest.mark.parametrize(
    ("given", "start_ms"),
    [
        (None, None),
        ("None", None),
        ("1970-01-01T00:00:00Z", 0),
        ("2026-10-10T02:00:00+02:00", 1_791_590_400_000),
        (datetime(2026, 10, 10, tzinfo=UTC), 1_791_590_400_000),
    ],
)
def test_a_start_is_an_instant_or_not_given(given, start_ms):
    assert read_start_ms(given) == start_ms


@pytest.mark.parametrize("given", ["yesterday", "2026-10-10", datetime(2026, 10, 10)])  # noqa: DTZ001 - an instant without a zone is what is refused
def test_a_start_that_is_no_instant_is_refused(given):
    with refused(f"start is {given!r}; it takes an ISO 8601 instant with a time zone"):
        read_start_ms(given)


def test_a_start_before_1970_is_refused():
    with refused("start is '1969-12-31T23:59:59Z'; it takes an instant since 1970"):
        read_start_ms("1969-12-31T23:59:59Z")


@pytest.mark.parametrize("given", [["desk", "fund"], ("desk", "fund")])
def test_accounts_are_a_list_of_names(given):
    assert read_accounts(given) == ("desk", "fund")
    assert read_accounts(None) == ()


@pytest.mark.parametrize("given", ["desk", ["desk", 7], 7])
def test_what_is_no_list_of_names_is_refused(given):
    with refused(f"accounts is {given!r}; it takes a list of names"):
        read_accounts(given)
    with refused(f"endpoints is {given!r}; it takes a list of names"):
        read_endpoints(given)


def test_endpoints_are_names_of_the_table():
    assert read_endpoints(["margin", "usdm_futures"]) == ("margin", "usdm_futures")
    assert read_endpoints(None) == ()
    with pytest.raises(InvalidRequest, match="unknown endpoint 'spot'"):
        read_endpoints(["spot"])
