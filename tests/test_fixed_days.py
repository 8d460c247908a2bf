"""No test depends on the day it runs on; `.ci/run` sees to it for those that read a clock."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.fixed_days import BEGIN, recent_day

TESTS = Path(__file__).parent
#: a pattern, which reads no clock itself
READS_A_CLOCK = re.compile(
    r"\b(datetime\.now|datetime\.today|date\.today|utcnow|time\.time|time_ns|pendulum\.\w*(now|today)"
    r"|fixed_clock|recent_day)\b"
)
#: modules that are no tests, and whose tests are marked
HELPERS = {
    "backfills.py",
    "conftest.py",
    "drive.py",
    "extractors.py",
    "fixed_days.py",
    "lasting_day.py",
    "local_exchange.py",
    "scripted.py",
    "sitecustomize.py",
    "test_transport.py",
}


def test_every_test_that_reads_a_clock_is_run_on_other_days_too():
    reading = [path for path in TESTS.rglob("*.py") if READS_A_CLOCK.search(path.read_text())]
    unmarked = [path for path in reading if "pytest.mark.clock" not in path.read_text()]
    assert {path.name for path in unmarked} <= HELPERS


@pytest.mark.clock
@pytest.mark.skipif("TESTS_BEGIN_AT" not in os.environ, reason="the command is not run at another instant")
def test_a_command_at_another_instant_is_there_with_all_its_children():
    begin = datetime.fromisoformat(os.environ["TESTS_BEGIN_AT"])
    # The clock is shifted to `begin` in both processes: the day on which this runs is not to be seen.
    command = [sys.executable, "-P", "-c", "import time; print(time.time())"]  # of the shifted clock
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout
    for now_s in (time.time(), float(told)):  # both of the shifted clock
        assert 0 <= now_s - begin.timestamp() < timedelta(hours=6).total_seconds()


@pytest.mark.clock
@pytest.mark.parametrize("_time", [1, 2])
def test_the_fixed_clock_begins_at_the_same_instant_and_goes_on_from_test_to_test(fixed_clock, _time):
    now = datetime.now(UTC)
    assert BEGIN <= now < BEGIN + timedelta(hours=6)
    assert abs(now.timestamp() - time.time()) < 60
    assert recent_day() < recent_day(2) < BEGIN


@pytest.mark.clock
def test_the_history_has_rows_on_the_fixed_days_that_tests_load(fixed_clock):
    from airflow_provider_binance_liq.core.endpoints import ENDPOINTS
    from airflow_provider_binance_liq.core.units import DAY_MS
    from airflow_provider_binance_liq.simulator import Settings, Simulator

    exchange = Simulator(Settings(seed=7))

    def rows(days_ago, endpoint):
        # A manual run at midnight covers the day before.
        end_ms = int(recent_day(days_ago).timestamp() * 1000)
        return exchange.truth(endpoint, start_ms=end_ms - DAY_MS, end_ms=end_ms)

    assert all(rows(3, endpoint) for endpoint in ENDPOINTS)
    assert rows(6, "margin")
    assert rows(8, "margin") or rows(8, "usdm_futures")
    for days_ago in (4, 5, 6):
        assert any(rows(days_ago, endpoint) for endpoint in ("usdm_futures", "coinm_futures", "margin"))
