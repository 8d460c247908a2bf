"""Loads at once, loads that are killed, and others who hold the tables."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from airflow_provider_binance_liq.exceptions import (
    InvalidConnection,
    RetryableError,
    StorageError,
    WarehouseBusy,
    WarehouseError,
)

pytestmark = pytest.mark.slow

CHILD = """
import sys
from airflow_provider_binance_liq.warehouse.load import load
from airflow_provider_binance_liq.warehouse.postgres import Postgres
from airflow_provider_binance_liq.warehouse.postgres.session import PostgresSession
stop, manifests = sys.argv[1], sys.argv[2:]
own = PostgresSession._execute
def execute(self, statement, parameters=None):
    own(self, statement, parameters)
    if stop and statement.startswith(stop):
        print("here", flush=True)
        sys.stdin.readline()
PostgresSession._execute = execute
print("ready", flush=True)
if not stop:
    sys.stdin.readline()
print(load(Postgres("ware_house", wait_s=30), manifests).inserted, flush=True)
"""


def start(postgres, stop, *manifests):
    """Start a process that loads, and that waits after the statement that begins so."""
    # What a killed process leaves in its temporary directory goes with the test's own.
    directory = Path(manifests[0].object.uri.removeprefix("file://")).parent
    connection = json.dumps(postgres.connection())
    environment = os.environ | {"AIRFLOW_CONN_WARE_HOUSE": connection, "TMPDIR": str(directory)}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, stop, *(manifest.to_json() for manifest in manifests)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    until(child, "ready")
    return child


def until(child, word):
    """Read what the process prints, its log included, up to the line that is this word."""
    for line in child.stdout:
        if line == f"{word}\n":
            return
    pytest.fail(f"the process ended before it was {word}")


def test_two_processes_that_load_at_once_lose_nothing(postgres, lake, row):
    first = lake.lay([row(number, symbol='"A"') for number in range(500)], day=9)
    second = lake.lay([row(number, symbol='"B"') for number in range(500)])
    both = lake.lay([row(number, symbol='"C"') for number in range(500)], day=11)
    children = [start(postgres, "", first, both), start(postgres, "", second, both)]

    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    inserted = [int(child.communicate(timeout=100)[0].splitlines()[-1]) for child in children]

    assert sum(inserted) == 1500
    assert postgres.query("SELECT symbol, count(*) FROM binance_liquidations GROUP BY 1 ORDER BY 1") == [
        ("A", 500),
        ("B", 500),
        ("C", 500),
    ]
    assert postgres.query("SELECT count(*) FROM binance_liquidation_windows") == [(3,)]


def test_tables_that_many_threads_create_at_once_are_created_once(postgres, lake, row):
    manifests = [lake.lay([row(number)], day=number) for number in range(1, 9)]
    with ThreadPoolExecutor(len(manifests)) as pool:
        loads = [pool.submit(postgres.load, manifest) for manifest in manifests]

    assert [load.exception() for load in loads] == [None] * len(loads)
    assert postgres.query("SELECT count(*) FROM binance_liquidations") == [(8,)]


@pytest.mark.parametrize(
    "stop",
    ["CREATE TABLE", "CREATE TEMP TABLE staged_binance_liquidations ", "INSERT INTO binance_liquidations "],
)
def test_a_load_killed_on_its_way_leaves_nothing_and_is_repaired_by_the_next(postgres, lake, row, stop):
    before = None
    if stop != "CREATE TABLE":
        postgres.load(lake.lay([row(0)], day=9))
        before = postgres.dump()
    manifest = lake.lay([row(number) for number in range(1, 1001)])
    child = start(postgres, stop, manifest)
    until(child, "here")
    seen_meanwhile = postgres.dump() if before else None

    child.send_signal(signal.SIGKILL)
    child.wait(10)

    if before:
        assert seen_meanwhile == postgres.dump() == before
    assert postgres.load(manifest).inserted == 1000


@pytest.mark.parametrize("mode", ["ROW EXCLUSIVE", "SHARE", "ACCESS EXCLUSIVE"])
@pytest.mark.parametrize("table", ["binance_liquidations", "binance_liquidation_windows"])
def test_a_table_that_others_hold_is_busy_after_the_time_to_wait(postgres, lake, row, table, mode):
    postgres.load(lake.lay([]))
    with postgres.connect() as other, other.transaction():
        other.execute(f"LOCK TABLE {table} IN {mode} MODE")
        started = time.monotonic()

        with pytest.raises(WarehouseBusy, match=r"held the tables for 0\.3 s") as busy:
            postgres.load(lake.lay([row()]), wait_s=0.3)

        assert 0.3 <= time.monotonic() - started < 10
    assert "Nothing was merged" in str(busy.value)
    assert isinstance(busy.value, RetryableError)
    assert postgres.load(lake.lay([row()])).inserted == 1


def test_a_load_that_has_nothing_to_do_waits_for_nobody_who_writes(postgres, lake, row):
    manifest = lake.lay([row()])
    postgres.load(manifest)
    with postgres.connect() as other, other.transaction():
        other.execute("LOCK TABLE binance_liquidations IN ROW EXCLUSIVE MODE")
        assert postgres.load(manifest, wait_s=0.3).windows_skipped == 1


def test_a_load_goes_on_once_others_let_go(postgres, lake, row):
    postgres.load(lake.lay([]))
    with postgres.connect() as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE binance_liquidations IN ROW EXCLUSIVE MODE")
        timer = threading.Timer(0.5, lambda: other.execute("COMMIT"))
        timer.start()

        assert postgres.load(lake.lay([row()])).inserted == 1
        timer.join()


def test_readers_are_not_held_up_and_writers_see_what_was_committed_meanwhile(postgres, lake, row):
    same, newer = lake.lay([row(1)]), lake.lay([row(1), row(2)], day=11)
    postgres.load(lake.lay([row(0)], day=9))
    child = start(postgres, "INSERT INTO binance_liquidations ", same)
    until(child, "here")

    assert postgres.query("SELECT order_id FROM binance_liquidations") == [(0,)]
    timer = threading.Timer(0.5, lambda: child.communicate("\n", timeout=20))
    timer.start()
    summary = postgres.load(same, newer)
    timer.join()

    assert (summary.windows_skipped, summary.inserted, summary.unchanged) == (1, 1, 1)
    assert postgres.query("SELECT order_id FROM binance_liquidations ORDER BY 1") == [(0,), (1,), (2,)]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("40001", StorageError),
        ("40P01", StorageError),
        ("53100", StorageError),
        ("57014", StorageError),
        ("58030", StorageError),
        ("25006", StorageError),
        ("55P03", WarehouseBusy),
        ("23502", WarehouseError),
        ("42501", WarehouseError),
        ("22003", WarehouseError),
    ],
)
def test_an_error_of_the_servers_says_what_a_retry_should_do(postgres, code, kind):
    raising = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}', MESSAGE = 'so it is'; END $$"

    with pytest.raises(kind, match=r"PostgreSQL \(ware_house\).*so it is.*Nothing was merged"):
        postgres.engine().run(lambda session: session._execute(raising))


@pytest.mark.parametrize("newer_driver", [True, False])
def test_a_server_that_is_lost_meanwhile_is_a_matter_for_a_retry(postgres, monkeypatch, newer_driver):
    from airflow.providers.postgres.hooks import postgres as hooks

    monkeypatch.setattr(hooks, "USE_PSYCOPG3", newer_driver)

    def work(session):
        ((pid,),) = session._rows("SELECT pg_backend_pid()")
        postgres.query("SELECT pg_terminate_backend(%s, 5000)", pid)
        return session._rows("SELECT 1")

    with pytest.raises(StorageError, match="Nothing was merged"):
        postgres.engine().run(work)


@pytest.mark.parametrize("newer_driver", [True, False])
def test_a_server_that_is_lost_while_it_commits_is_not_said_to_have_merged_nothing(
    postgres, monkeypatch, newer_driver
):
    from airflow.providers.postgres.hooks import postgres as hooks

    monkeypatch.setattr(hooks, "USE_PSYCOPG3", newer_driver)

    def work(session):
        ((pid,),) = session._rows("SELECT pg_backend_pid()")
        postgres.query("SELECT pg_terminate_backend(%s, 5000)", pid)

    with pytest.raises(StorageError, match="all was merged, or nothing was") as lost:
        postgres.engine().run(work)
    assert "Nothing was merged" not in str(lost.value)


def test_a_server_that_cannot_be_reached_is_a_matter_for_a_retry(postgres, lake, monkeypatch, tmp_path):
    postgres.set_connection(monkeypatch, host=str(tmp_path), password="topsecret", port=1)

    with pytest.raises(StorageError, match="Nothing was merged") as unreachable:
        postgres.load(lake.lay([]))
    assert "topsecret" not in str(unreachable.value)


@pytest.mark.parametrize("newer_driver", [True, False])
@pytest.mark.parametrize(
    "extra", [{"no_such_option": "topsecret"}, {"cursor": "topsecret"}, {"connect_timeout": "topsecret"}]
)
def test_a_connection_that_is_filled_in_wrongly_is_refused_without_its_password(
    postgres, lake, monkeypatch, extra, newer_driver
):
    from airflow.providers.postgres.hooks import postgres as hooks

    monkeypatch.setattr(hooks, "USE_PSYCOPG3", newer_driver)
    postgres.set_connection(monkeypatch, password="topsecret", extra=extra)

    with pytest.raises((InvalidConnection, StorageError), match="ware_house") as refused:
        postgres.load(lake.lay([]))
    assert "topsecret" not in str(refused.value)


def test_a_connection_that_is_not_there_is_named(postgres, lake, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_WARE_HOUSE")

    with pytest.raises(InvalidConnection, match="ware_house"):
        postgres.load(lake.lay([]))


@pytest.mark.parametrize("schema", ["nowhere", "Public"])
def test_a_schema_that_is_not_there_is_named(postgres, lake, monkeypatch, schema):
    monkeypatch.setattr(postgres, "schema", schema)

    with pytest.raises(WarehouseError, match=f"there is no schema '{schema}'"):
        postgres.load(lake.lay([]))
