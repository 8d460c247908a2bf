"""Many workers, for real: Celery, Redis, PostgreSQL and S3, with a worker killed and the address banned."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import count

import pytest
from fleet import find_redis
from run import run, timed
from size import Size

from airflow_provider_binance_liq.demo.days import latest
from airflow_provider_binance_liq.demo.directory import Directory
from airflow_provider_binance_liq.demo.failure import DemoFailed
from airflow_provider_binance_liq.demo.interrupts import Interrupts
from airflow_provider_binance_liq.simulator import Settings
from airflow_provider_binance_liq.simulator.history import SeededHistory

DAYS = 4
#: a wait up to this is slept through in the worker
SHORT_WAIT_S = 60
SECRET = re.compile(rb"signature(=|%3D)\w", re.IGNORECASE)


def seed_of_a_cascade(day):
    """Return a seed whose history has its one cascade on that day of the backfill."""
    days = latest(datetime.now(UTC), DAYS)
    wanted = [list(days)[day]]
    histories = ((seed, SeededHistory(Settings(seed=seed, cascade_every=DAYS))) for seed in count())
    return next(
        seed for seed, history in histories if history.cascade_days(days.start_ms, days.end_ms) == wanted
    )


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("fleet") / "run"


@pytest.fixture(scope="module")
def size():
    return Size(
        days=DAYS,
        cascade_every=DAYS,
        cascade_rows=300,
        # Longer than any wait that is slept through in a worker.
        ban_s=100,
        # Late, so that the ban finds the fleet at quick work, and the weight is used up once it is over.
        seed=seed_of_a_cascade(2),
    )


@pytest.fixture(scope="module")
def result(size, directory):
    with Interrupts() as interrupts, Directory.take(directory) as place:
        return run(size, place, timed(print), interrupts)


pytestmark = [pytest.mark.clock, pytest.mark.timeout(900)]


@pytest.mark.slow
def test_a_fleet_that_loses_a_worker_and_is_banned_loses_no_row(result):
    figures = result.figures
    assert (result.differing, figures.rows_missing, figures.rows_extra, figures.rows_altered) == ((), 0, 0, 0)
    assert figures.rows > 2 * 6 * 300
    assert figures.windows == figures.windows_proven == DAYS * 6 * 2
    assert figures.tasks_failed == 0
    assert {state for _, state in result.outcome.runs} == {"success"}


@pytest.mark.slow
def test_the_killed_workers_tasks_are_taken_over(result):
    ended = {task.name: task for task in result.outcome.tasks}
    assert result.outcome.lost
    for task in result.outcome.lost:
        assert ended[task.name].state == "success"
        assert ended[task.name].try_number > task.try_number
        assert ended[task.name].pid != task.pid
    assert result.figures.tasks_taken_over == result.figures.tasks_lost


@pytest.mark.slow
def test_no_minute_takes_more_of_the_weight_than_the_bound(result):
    assert {pool.name for pool in result.figures.pools} == {"api", "futures", "papi", "sapi:margin"}
    for pool in result.figures.pools:
        assert pool.highest <= pool.bound < pool.limit, pool
        assert pool.sent_late <= 1, pool
    # The cascade outgrows a minute: without waiting, the share would have been passed.
    (futures,) = [pool for pool in result.figures.pools if pool.name == "futures"]
    assert futures.highest > 0.9 * futures.allowed


@pytest.mark.slow
def test_nobody_on_the_address_is_refused_for_the_fleets_sake(result):
    assert result.figures.status_429 == 0
    assert result.figures.desk_requests > 100
    assert result.figures.desk_refused == 0


@pytest.mark.slow
def test_during_a_ban_no_extraction_holds_a_worker_slot(result, size):
    figures = result.figures
    assert figures.ban_seconds == size.ban_s, "requests during the ban made it longer"
    assert figures.deferred_in_ban > 0
    assert figures.held_in_ban_seconds < SHORT_WAIT_S
    # Each of those that were at work may have been on its way to the exchange.
    assert figures.requests_during_ban < figures.slots


@pytest.mark.slow
def test_no_log_of_any_part_has_a_signature_or_a_secret(result, size, directory):
    from airflow_provider_binance_liq.simulator import Simulator

    exchange = Simulator(size.simulated())
    secrets = [exchange.credentials(account).secret.encode() for account in size.accounts]
    searched = [path for path in (directory / "logs").rglob("*") if path.is_file()]
    assert len(searched) > 50
    for path in searched:
        content = path.read_bytes()
        assert not SECRET.search(content), path
        assert not any(secret in content for secret in secrets), path


def test_a_machine_without_redis_gets_the_command_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DemoFailed, match=r"apt-get install redis-server"):
        find_redis()
