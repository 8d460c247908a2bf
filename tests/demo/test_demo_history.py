"""What the demo's lake has from before: proven days, one that can be extracted, and one that is lost."""

from __future__ import annotations

import json
import shlex
from datetime import date, timedelta
from itertools import pairwise

import pytest

from airflow_provider_binance_liq.core.endpoints import get_endpoint
from airflow_provider_binance_liq.core.horizon import Retention
from airflow_provider_binance_liq.demo.days import MOST_DAYS, Days
from airflow_provider_binance_liq.demo.history import ENDPOINT, EarlierDays, command, extract
from airflow_provider_binance_liq.simulator import Settings, Simulator

TODAY = date(2026, 11, 27)
KEPT = timedelta(milliseconds=Retention.of(get_endpoint(ENDPOINT), None).ms)


def before(count):
    return EarlierDays.before(Days(TODAY - timedelta(days=count), TODAY - timedelta(days=1)))


@pytest.mark.parametrize("count", [1, 5, MOST_DAYS])
def test_the_lake_has_every_day_before_the_backfill_but_two(count):
    days = before(count)
    missing = {days.gap, days.lost}
    whole = sorted({*days.extracted, *missing})
    assert len(whole) == len(days.extracted) + 2
    assert whole[-1] == TODAY - timedelta(days=count + 1)
    assert {later - day for day, later in pairwise(whole)} == {timedelta(days=1)}
    assert whole[0] not in missing


@pytest.mark.parametrize("count", [1, 5, MOST_DAYS])
def test_one_of_the_two_can_still_be_extracted_all_day_and_the_other_cannot(count):
    days = before(count)
    assert TODAY + timedelta(days=1) - days.gap < KEPT
    assert TODAY - (days.lost + timedelta(days=1)) >= KEPT


def test_the_report_says_what_was_left_out():
    assert str(before(5)) == (
        "Left out on purpose, of portfolio_margin before the backfill: 2026-09-03, which can still be "
        "extracted, and 2026-08-27, which is lost (the exchange is taken to keep 90 days)"
    )


def test_no_secret_is_in_the_command():
    settings = Settings(seed=7, accounts=("desk",))
    credentials = Simulator(settings).credentials("desk")
    days = Days(TODAY, TODAY)
    assert credentials.secret not in shlex.join(command(settings, days, "file:///lake", ("isolated_rows",)))


def test_what_is_extracted_is_proven_complete_as_of_the_next_day(tmp_path):
    days = before(5).extracted[::40]
    extract(Settings(seed=7, accounts=("desk",)), days, f"file://{tmp_path}", ())
    found = [json.loads(path.read_text()) for path in sorted(tmp_path.rglob("*.manifest.json"))]
    assert len(found) == 3
    assert [one["window"]["start"][:10] for one in found] == [str(day) for day in days]
    assert all(one["proof"]["complete"] for one in found)
    assert [one["extracted_at"] for one in found] == [
        one["window"]["end"].replace("T00", "T01") for one in found
    ]
